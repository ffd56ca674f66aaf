"""Order: what a container is when a step comes to it, as far as a file can tell.

Rule 1: a state is a set of possible states; only what is impossible in all of them is a problem.
Rule 2: where an engine may have refused, or a command may have ended the main process, both is possible from there on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockstore.core.model import Place, PlaceKind
from dockstore.core.problems import Problems, said
from dockstore.core.script import (
    Commit,
    Copy,
    Create,
    Diff,
    Exec,
    Export,
    Kill,
    Measure,
    Pause,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Remove,
    Rename,
    Restart,
    Run,
    Start,
    Stop,
    Together,
    Unpause,
    Update,
    Wait,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.drafts import Written
    from dockstore.core.model import ContainerSpec, ImageSpec
    from dockstore.core.source import Node

States = frozenset[str]
ABSENT, CREATED, RUNNING, PAUSED, STOPPED = "absent", "created", "running", "paused", "stopped"
_EXISTING: States = frozenset({CREATED, RUNNING, PAUSED, STOPPED})
_RUNS: States = frozenset({RUNNING})
_ALIVE: States = frozenset({RUNNING, PAUSED})
_FROZEN: States = frozenset({PAUSED})
_STARTABLE: States = frozenset({CREATED, STOPPED, RUNNING})
_IDLE: States = frozenset({CREATED, STOPPED})
_WANTED: Mapping[States, str] = {
    _EXISTING: "a container",
    _RUNS: "a running container",
    _ALIVE: "a running container",
    _FROZEN: "a paused container",
    _STARTABLE: "a container that is not paused",
    _IDLE: "a stopped container",
}
_UNLABELLED_HINT = "write 'as: NAME' and expect NAME: {refused: STATUS} if that is the point"


@dataclass(slots=True)
class _Now:
    """What is known of all containers at one moment."""

    states: dict[str, States] = field(default_factory=dict)
    specs: dict[str, ContainerSpec] = field(default_factory=dict)
    engine_up: bool = True

    def of(self, name: str) -> States:
        return self.states.get(name, frozenset({ABSENT}))


def check_order(steps: tuple[Written, ...], images: Mapping[str, ImageSpec], to: Problems) -> None:
    """Note every step that cannot be done to its container as it is by then."""
    now = _Now()
    for written in steps:
        if isinstance(written.step, Together):
            _together(written, now, images, to)
        else:
            _step(written, now, images, to)


def _together(written: Written, now: _Now, images: Mapping[str, ImageSpec], to: Problems) -> None:
    """Each of the steps may come first or last: what is possible before any is possible for each, and after it, too."""
    before = dict(now.states)
    after: dict[str, set[str]] = {name: set(states) for name, states in before.items()}
    touched = [_touched(inner) for inner in written.inner]
    for inner, name in zip(written.inner, touched, strict=True):
        now.states = dict(before)
        alone = name is None or touched.count(name) == 1
        _step(inner, now, images, to if alone else Problems(to.file, to.lines))
        for each, states in now.states.items():
            after.setdefault(each, {ABSENT}).update(states)
    now.states = {name: frozenset(states) for name, states in after.items()}


def _touched(written: Written) -> str | None:
    match written.step:
        case Run(spec=spec) | Create(spec=spec):
            return spec.name
        case step:
            name = getattr(step, "container", None)
            return name if isinstance(name, str) else None


def _step(written: Written, now: _Now, images: Mapping[str, ImageSpec], to: Problems) -> None:
    step, subject = written.step, written.subject
    _check_engine(written, now, to)
    match step:
        case Run(spec=spec) | Create(spec=spec):
            name, new = spec.name, frozenset({CREATED})
            _need_others(written, spec, now, to)
            now.specs[name] = spec
            if isinstance(step, Run):
                new = _started(spec, images)
            if ABSENT not in now.of(name) and step.label is None:
                hint = _UNLABELLED_HINT if now.of(name) == {RUNNING} else f"remove: {name} comes first; {_UNLABELLED_HINT}"
                to.add(subject, f"{written.verb}: {said(name)} is {_said(now.of(name), exists=True)} here", hint)
            _go(now, name, {ABSENT: new}, written)
        case Start(container=None) | Restart(container=None) | Reboot() | PowerLoss():
            now.engine_up = True
            _strike(now)
        case Stop(container=None) | Kill(container=None):
            now.engine_up = False
            _strike(now)
        case Start(container=str(name)):
            started = _started_again(now, name, images)
            _need(written, now, name, _STARTABLE, to, subject)
            _go(now, name, {CREATED: started, STOPPED: started}, written)
        case Restart(container=str(name)):
            _need(written, now, name, _EXISTING, to, subject)
            _go(now, name, dict.fromkeys(_EXISTING, _started_again(now, name, images)), written)
        case Stop(container=str(name)):
            _need(written, now, name, _EXISTING, to, subject)
            _go(now, name, dict.fromkeys((RUNNING, PAUSED), _ended(now, name)), written)
        case Kill(container=str(name)):
            _need(written, now, name, _ALIVE, to, subject)
            ended = _ended(now, name)
            _go(now, name, {state: ended if step.signal == "KILL" else ended | {state} for state in (RUNNING, PAUSED)}, written)
        case Pause(container=name):
            _need(written, now, name, _RUNS, to, subject)
            _go(now, name, {RUNNING: frozenset({PAUSED})}, written)
        case Unpause(container=name):
            _need(written, now, name, _FROZEN, to, subject)
            _go(now, name, {PAUSED: frozenset({RUNNING})}, written)
        case Remove(container=name):
            _remove(written, step, now, to)
        case Rename(container=name):
            _need(written, now, name, _EXISTING, to, subject)
            if ABSENT not in now.of(step.to) and step.label is None:
                to.add(written.spot("to"), f"there is a container {said(step.to)} here already", _UNLABELLED_HINT)
            states = now.of(name)
            if name in now.specs:
                now.specs[step.to] = now.specs[name]
            unsure = step.label is not None
            now.states[step.to] = states | now.of(step.to) if unsure else states - {ABSENT} or _EXISTING
            now.states[name] = states | {ABSENT} if unsure else frozenset({ABSENT})
        case Wait(container=name):
            _wait(written, step, now, to)
        case Update(container=name) | Commit(container=name) | Export(container=name) | Diff(container=name):
            _need(written, now, name, _EXISTING, to, subject)
        case Exec(container=name):
            _need(written, now, name, _RUNS, to, written.spot("in"))
            now.states[name] = now.of(name) | (_ended(now, name) if RUNNING in now.of(name) else frozenset())
        case Measure(container=name):
            _need(written, now, name, _RUNS, to, written.spot("in"))
        case Write():
            _need_place(written, now, step.to, _RUNS, to, written.spot("to"))
        case Read():
            _need_place(written, now, step.place, _RUNS, to, subject)
        case Copy():
            _need_place(written, now, step.to, _EXISTING, to, written.spot("to"))
            if isinstance(step.source, Place):
                _need_place(written, now, step.source, _EXISTING, to, subject)
        case Prune(what="containers" | "system"):
            for name, states in now.states.items():
                if states & {CREATED, STOPPED}:
                    now.states[name] = states | {ABSENT}
        case _:
            pass


def _remove(written: Written, step: Remove, now: _Now, to: Problems) -> None:
    name, states = step.container, now.of(step.container)
    if step.force:
        _need(written, now, name, _EXISTING, to, written.subject)
        _go(now, name, dict.fromkeys(_EXISTING, frozenset({ABSENT})), written)
        return
    if states <= {RUNNING, PAUSED} and step.label is None:
        to.add(written.subject, "a running container is removed only by force", f"force: true, or stop it first; {_UNLABELLED_HINT}")
        now.states[name] = states | {ABSENT}
        return
    _need(written, now, name, _IDLE, to, written.subject)
    _go(now, name, dict.fromkeys((CREATED, STOPPED), frozenset({ABSENT})), written)


def _wait(written: Written, step: Wait, now: _Now, to: Problems) -> None:
    name = step.container
    if step.condition == "removed":
        if step.label is None:
            now.states[name] = frozenset({ABSENT})
        return
    allowed = _RUNS if step.until is not None else _EXISTING
    _need(written, now, name, allowed, to, written.subject)
    reached = {"running": RUNNING, "restarted": RUNNING, "healthy": RUNNING, "exited": STOPPED}.get(step.condition or "")
    if reached is not None:
        ended = _ended(now, name) if reached == STOPPED else frozenset({RUNNING})
        now.states[name] = ended if step.label is None else ended | now.of(name)


def _need_others(written: Written, spec: ContainerSpec, now: _Now, to: Problems) -> None:
    """Note it if a container that *spec* mounts from, or joins, is not there yet."""
    for source in spec.volumes_from:
        _need(written, now, source.partition(":")[0], _EXISTING, to, written.subject)
    joined = [value.partition(":")[2] for value in (spec.pid, spec.ipc, spec.network_mode) if value is not None and value.startswith("container:")]
    for name in joined:
        _need(written, now, name, _RUNS if isinstance(written.step, Run) else _EXISTING, to, written.subject)


def _need_place(written: Written, now: _Now, place: Place, allowed: States, to: Problems, spot: Node) -> None:
    if place.kind is PlaceKind.CONTAINER:
        _need(written, now, place.name, allowed, to, spot)


def _need(written: Written, now: _Now, name: str, allowed: States, to: Problems, spot: Node) -> None:
    """Note it if container *name* is in none of the states *allowed*."""
    states = now.of(name)
    may_be_refused = written.step.label is not None and not isinstance(written.step, Read | Measure | Diff)
    if states & allowed or may_be_refused:
        return
    if states == {ABSENT}:
        stands, way = "is gone here" if name in now.specs else "is not there yet", f"run: {name}"
    else:
        stands = f"is {_said(states)} here"
        way = f"unpause: {name}" if states == {PAUSED} else f"pause: {name}" if allowed == {PAUSED} else f"start: {name}"
    to.add(spot, f"{written.verb} needs {_WANTED[allowed]}, {said(name)} {stands}", f"{way} comes first")
    now.states[name] = allowed | states  # one slip is told once


def _said(states: States, *, exists: bool = False) -> str:
    shown = sorted(states - {ABSENT})
    if exists and len(shown) != 1:
        return "there"
    return " or ".join(shown)


def _go(now: _Now, name: str, moves: Mapping[str, States], written: Written) -> None:
    """Let container *name* pass on; where the engine may refuse, it may also stay as it is."""
    states = now.of(name)
    stays = {state for state in states - moves.keys() if _stays(written.step, state)}
    able = states & moves.keys()
    passed = able if able or stays else moves.keys()  # neither: that was told, and one slip is told once
    after = {state for before in passed for state in moves[before]} | stays
    now.states[name] = frozenset(after) | (states if written.step.label is not None else frozenset())


def _stays(step: object, state: str) -> bool:
    """Whether a step leaves *state* as it is without being refused (stop of a stopped container)."""
    match step:
        case Stop():
            return state in {CREATED, STOPPED}
        case Start():
            return state == RUNNING
        case _:
            return False


def _started(spec: ContainerSpec, images: Mapping[str, ImageSpec]) -> States:
    """What a container may be after its start: one with a command of its own may have ended already."""
    if _is_lab(spec, images):
        return frozenset({RUNNING})
    return frozenset({RUNNING, STOPPED, ABSENT} if spec.rm else {RUNNING, STOPPED})


def _started_again(now: _Now, name: str, images: Mapping[str, ImageSpec]) -> States:
    return _started(now.specs[name], images) if name in now.specs else frozenset({RUNNING, STOPPED})


def _is_lab(spec: ContainerSpec, images: Mapping[str, ImageSpec]) -> bool:
    """Whether its main process is dockstore's own, which stays."""
    if spec.command is not None or spec.entrypoint is not None:
        return False
    image, seen = spec.image or "lab", set[str]()
    while image in images and image not in seen:
        seen.add(image)
        if images[image].cmd is not None:
            return False
        image = images[image].base
    return image == "lab"


def _ended(now: _Now, name: str) -> States:
    """What a container is once its main process has ended."""
    spec = now.specs.get(name)
    if spec is not None and spec.rm:
        return frozenset({ABSENT, STOPPED})
    return frozenset({STOPPED})


def _strike(now: _Now) -> None:
    """After a blow to the daemon a running container runs or has ended."""
    for name, states in now.states.items():
        if states & {RUNNING, PAUSED}:
            now.states[name] = states | {RUNNING} | _ended(now, name)
        elif STOPPED in states:
            now.states[name] = states | {RUNNING}  # a restart policy may bring it back


def _check_engine(written: Written, now: _Now, to: Problems) -> None:
    """While the daemon is down nothing can be asked of it."""
    if now.engine_up or written.step.label is not None:
        return
    step = written.step
    brings_up = isinstance(step, Reboot | PowerLoss) or (isinstance(step, Start | Restart) and step.container is None)
    if brings_up or _needs_no_engine(step):
        return
    to.add(
        written.row.node.key(written.verb) or written.row.node, f"{written.verb} needs the engine, which is down here", "start: engine comes first"
    )
    now.engine_up = True


def _needs_no_engine(step: object) -> bool:
    match step:
        case Write(to=place) | Read(place=place):
            return place.kind is not PlaceKind.CONTAINER
        case _:
            return type(step).__name__ in {"Observe", "Find", "CreateFolder", "RemoveHost", "RenameHost", "MountHost", "UnmountHost"}
