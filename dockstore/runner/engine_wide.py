"""Events that strike the whole engine: stop, start, restart, kill, reboot, prune.

Rule 1: only on an engine that is ours to strike; a scenario that did not ask for one is refused here, too.
Rule 2: after an event the engine is asked anew who it is, once it answers.
Rule 3: a prune says which API version it was asked with, and what was there before and after (P24, P28).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.capabilities import capabilities
from dockstore.core.model import Completion
from dockstore.engines.errors import EngineError
from dockstore.runner.asking import close_shell
from dockstore.runner.containers import forget, wait_until
from dockstore.runner.scene import scene_of, text
from dockstore.runner.stage import Done, Undoable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.script import Prune
    from dockstore.engines.engine import Engine
    from dockstore.runner.settings import Daemon
    from dockstore.runner.stage import Stage

ANSWER_SECONDS = 60.0
LISTED_AT_MOST = 20


def _daemon(stage: Stage) -> Daemon:
    daemon = stage.opened.daemon
    if daemon is None:
        raise Undoable("the engine was not started by dockstore, so it is not struck")
    return daemon


def stop(stage: Stage) -> Done:
    """End the engine in order."""
    daemon = _daemon(stage)
    _let_go(stage)
    daemon.stop()
    return Done()


def kill(stage: Stage) -> Done:
    """SIGKILL to the engine; its containers go on, with nobody in charge."""
    daemon = _daemon(stage)
    _let_go(stage)
    daemon.kill()
    return Done()


def start(stage: Stage) -> Done:
    """Start the engine and wait until it answers."""
    daemon = _daemon(stage)
    daemon.start()
    return _again(stage)


def restart(stage: Stage) -> Done:
    """Stop and start."""
    daemon = _daemon(stage)
    _let_go(stage)
    daemon.stop()
    daemon.start()
    return _again(stage)


def reboot(stage: Stage) -> Done:
    """Every process of the engine killed at once, and the engine started."""
    daemon = _daemon(stage)
    _let_go(stage)
    daemon.reboot()
    return _again(stage)


def power_loss(stage: Stage) -> Done:
    """As reboot, and what was not synced is gone: only where the engine's provider can do it."""
    cut = getattr(_daemon(stage), "power_loss", None)
    if cut is None:
        raise Undoable("a power loss cannot be had on this engine")
    _let_go(stage)
    cut()
    return _again(stage)


def _let_go(stage: Stage) -> None:
    """Close the resident shells: their connections end with the engine."""
    for box in stage.boxes.values():
        close_shell(box)


def _again(stage: Stage) -> Done:
    """Ask the engine anew, once it answers."""
    engine = stage.seat.engine
    if not wait_until(stage, lambda: engine.ping(timeout_seconds=2.0), ANSWER_SECONDS):
        return Done(completion=Completion.UNSURE, message=f"the engine does not answer after {ANSWER_SECONDS:g} s")
    engine.refresh()
    for box in list(stage.boxes.values()):
        close_shell(box)
        box.attachable = False  # a main process that lived on has lost its input with the daemon; the next start brings a new one
        if box.spec.rm and scene_of(box.seat, box.id) is None:
            forget(stage, box)
    return Done()


# --- prune ------------------------------------------------------------------------------------------------------------------


def prune(stage: Stage, step: Prune) -> Done:
    """`docker {container,image,volume,system} prune`, in the order in which `docker system prune` does it."""
    if "disposable-engine" not in capabilities(stage.seat.engine.info):
        raise Undoable("the engine is not ours to prune")
    engine = stage.seat.engine
    api = step.api or engine.info.api_version
    whats = ("containers", *(("volumes",) if step.volumes else ()), "images") if step.what == "system" else (step.what,)
    detail = {"api": api}
    try:
        for what in whats:
            before = _listed(engine, what)
            engine.prune(what, filters=_filters(what, step), api=api)
            taken = sorted(before.keys() - _listed(engine, what).keys())
            detail[f"{what} before"] = str(len(before))
            detail[f"{what} taken"] = " ".join(before[key] for key in taken[:LISTED_AT_MOST]) + (" ..." if len(taken) > LISTED_AT_MOST else "")
    finally:
        _forget_gone(stage)
    return Done(detail=detail)


def _filters(what: str, step: Prune) -> Mapping[str, list[str]] | None:
    """What the `docker` command sends: all images by `dangling`, all volumes by `all`."""
    if what == "images":
        return {"dangling": ["false" if step.all else "true"]}
    return {"all": ["true"]} if what == "volumes" and step.all and step.what == "volumes" else None


def _listed(engine: Engine, what: str) -> dict[str, str]:
    """Id -> name of what is there."""
    match what:
        case "containers":
            return {text(item.get("Id")): _first(item.get("Names")) for item in engine.list_containers()}
        case "volumes":
            return {text(item.get("Name")): text(item.get("Name")) for item in engine.list_volumes()}
        case _:
            return {text(item.get("Id")): _first(item.get("RepoTags")) or text(item.get("Id")) for item in engine.list_images()}


def _first(names: object) -> str:
    return str(names[0]).removeprefix("/") if isinstance(names, list) and names else ""


def _forget_gone(stage: Stage) -> None:
    """Containers that a prune took are containers no more."""
    for box in list(stage.boxes.values()):
        try:
            if scene_of(box.seat, box.id) is None:
                forget(stage, box)
        except EngineError:
            return
