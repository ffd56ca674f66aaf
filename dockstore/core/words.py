"""What happened between a write and a look, in the grammar's words joined by +.

Rule 1: only what was done counts (an Operation that went well), and only what concerns the containers of the write and of the look, or the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.evidence import key
from dockstore.core.model import Completion, Place, PlaceKind
from dockstore.core.script import (
    Commit,
    Copy,
    Create,
    Export,
    Import,
    Kill,
    MountHost,
    Pause,
    PowerLoss,
    Prune,
    Reboot,
    Remove,
    RemoveHost,
    RemoveImage,
    RemoveVolume,
    Rename,
    RenameHost,
    Restart,
    Run,
    Start,
    Stop,
    UnmountHost,
    Unpause,
    Update,
)

if TYPE_CHECKING:
    from dockstore.core.evidence import Evidence
    from dockstore.core.history import Observation, Placement
    from dockstore.core.script import AnyStep

_PRUNED = {"containers": "container", "images": "image", "volumes": "volume", "system": "system"}


def event(evidence: Evidence, placement: Placement, observation: Observation) -> str | None:
    """Return the words from the write to the look, None if nothing happened."""
    since, until = key(placement.step), key(observation.step)
    names = {place.name for place in (placement.place, observation.place) if place.kind is PlaceKind.CONTAINER}
    words: list[str] = []
    for at, operation in evidence.operations:
        step = evidence.steps.get(at)
        if step is None or not since < at < until or operation.completion is not Completion.OK:
            continue
        said = word(step, names)
        if said == "engine-start" and words[-1:] == ["engine-kill"]:
            continue  # the grammar's engine-kill: killed and started
        if said == "engine-start" and words[-1:] == ["engine-stop"]:
            words[-1] = "engine-restart"
        elif said is not None:
            words.append(said)
        if isinstance(step, Rename) and step.container in names:
            names.add(step.to)
    return "+".join(words) or None


def word(step: AnyStep, names: set[str]) -> str | None:
    """Return the word for *step*, None if it is no event for the containers *names*."""
    match step:
        case Run():
            return "run" if step.spec.name in names else None
        case Create():
            return "create" if step.spec.name in names else None
        case Start(container=None) | Stop(container=None) | Restart(container=None) | Kill(container=None):
            return f"engine-{type(step).__name__.lower()}"
        case Start() | Stop() | Restart() | Kill() | Pause() | Unpause() | Rename() | Update() | Commit() | Export():
            return type(step).__name__.lower() if step.container in names else None
        case Remove():
            return ("remove-v" if step.volumes else "remove") if step.container in names else None
        case Prune():
            return f"{_PRUNED.get(step.what, step.what)}-prune" + ("-all" if step.all else "") + ("-volumes" if step.volumes else "")
        case Reboot():
            return "reboot"
        case PowerLoss():
            return "power-loss"
        case Import():
            return "import"
        case Copy():
            return "copy" if any(_is_in(place, names) for place in (step.source, step.to)) else None
        case RemoveVolume():
            return "volume-remove"
        case RemoveImage():
            return "image-remove"
        case RemoveHost():
            return "host-remove"
        case RenameHost():
            return "host-rename"
        case MountHost():
            return "mount"
        case UnmountHost():
            return "unmount"
        case _:
            return None


def _is_in(place: Place | str, names: set[str]) -> bool:
    """Whether *place* is a path of one of the containers."""
    return isinstance(place, Place) and place.kind is PlaceKind.CONTAINER and place.name in names
