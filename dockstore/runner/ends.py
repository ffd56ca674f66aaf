"""The end of a run: what is kept of a failure, and tidying up.

Rule 1: logs and inspect of what is concerned are kept before anything is removed, without secrets.
Rule 2: only what the ledger holds is removed, by its recorded id; what is gone already is no failure.
Rule 3: what could not be removed is said, and left to `dockstore clean`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.engines.errors import Conflict, EngineError, NotFound
from dockstore.engines.host import Unseen
from dockstore.runner.asking import close_shell
from dockstore.runner.containers import wait_until
from dockstore.runner.redact import raw, redacted

if TYPE_CHECKING:
    from dockstore.core.history import Made
    from dockstore.runner.stage import Box, Seat, Stage

LOG_LINES = 50
AGAIN_SECONDS = 5.0
ORDER = ("container", "volume", "image", "mount", "folder")


def keep_evidence(stage: Stage, names: tuple[str, ...]) -> None:
    """Note logs and inspect of the containers *names* (of all, if there are none)."""
    boxes = [box for box in stage.boxes.values() if box.name in names] or list(stage.boxes.values())
    for box in boxes:
        _keep(stage, box)


def _keep(stage: Stage, box: Box) -> None:
    try:
        stage.remark(box.name, f"inspect: {raw(box.seat.engine.inspect_container(box.id))}")
    except EngineError as exc:
        stage.remark(box.name, f"inspect: {exc}")
    try:
        logs = box.seat.engine.logs(box.id, tail=LOG_LINES)
    except EngineError as exc:
        logs = str(exc)
    if logs.strip():
        stage.remark(box.name, f"logs: {redacted(logs.strip())}")


def tidy_up(stage: Stage) -> tuple[str, ...]:
    """Remove everything that the run made; return what could not be removed."""
    for box in list(stage.boxes.values()):
        close_shell(box)
    if stage.options.keep:
        return ()
    left: list[str] = []
    for kind in ORDER:
        for seat, made in reversed([item for item in stage.made if item[1].kind == kind]):
            why = _removed(stage, seat, made)
            if why is None:
                stage.unmark(made.kind, made.id)
            else:
                left.append(f"{made.kind} {made.name or made.id}: {redacted(why)}")
    return tuple(left)


def _removed(stage: Stage, seat: Seat, made: Made) -> str | None:
    """Remove one thing; None: it is gone, else why not."""
    try:
        match made.kind:
            case "container":
                return _remove_container(stage, seat, made)
            case "volume":
                return _remove_volume(stage, seat, made)
            case "image":
                return _remove_image(stage, seat, made)
            case "mount":
                return _unmount(stage, seat, made)
            case "folder":
                parent, _, name = made.id.rstrip("/").rpartition("/")
                seat.host.remove(name, root=parent)
    except NotFound:
        return None
    except (EngineError, Unseen, OSError) as exc:
        return str(exc)
    return None


def _remove_container(stage: Stage, seat: Seat, made: Made) -> str | None:
    last: list[str] = []

    def gone() -> bool:
        try:
            seat.engine.remove_container(made.id, force=True, volumes=True)
        except NotFound:
            return True
        except Conflict as exc:  # its removal is on the way already, or a snapshot is still in use
            last.append(str(exc))
            return False
        return True

    return None if wait_until(stage, gone, AGAIN_SECONDS) or gone() else last[-1]


def _remove_volume(stage: Stage, seat: Seat, made: Made) -> str | None:
    """A volume of ours; in use: a container of the run that ends a moment later."""
    last: list[str] = []

    def gone() -> bool:
        try:
            seat.engine.remove_volume(made.id)
        except NotFound:
            return True
        except Conflict as exc:
            last.append(str(exc))
            return False
        return True

    return None if wait_until(stage, gone, AGAIN_SECONDS) or gone() else last[-1]


def _remove_image(stage: Stage, seat: Seat, made: Made) -> str | None:
    """By its reference, then by its id: a reference that was moved to another image is not taken from that one."""
    del stage
    tagged = made.name
    try:
        if seat.engine.inspect_image(tagged).get("Id") == made.id:
            seat.engine.remove_image(tagged, force=True)
    except NotFound:
        pass
    try:
        tags = seat.engine.inspect_image(made.id).get("RepoTags")
    except NotFound:
        return None
    if isinstance(tags, list) and tags:
        return None  # somebody else gave it a name of their own (or it is another run's image with the same content)
    seat.engine.remove_image(made.id, force=True)
    return None


def _unmount(stage: Stage, seat: Seat, made: Made) -> str | None:
    if made.name == "network-folder":
        folders = getattr(stage.opened, "network_folders", None)
        if folders is None:
            return "the network folders are gone"
        folders.unmount(made.id)
        return None
    seat.host.unmount(made.id, root=stage.scratch)
    return None
