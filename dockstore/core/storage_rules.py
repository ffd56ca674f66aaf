"""What each event of a stack does to each store: the static rules of `storage`, played for a stack's own words.

Rule 1: an event is a list of happenings; which of them ends a store is `storage.ends` and nothing else.
Rule 2: a store that is left but not found again is orphaned: bytes kept are not bytes found (P23).
Rule 3: what depends on an engine nobody asked is unknown, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import StoreKind
from dockstore.core.stack_events import EVENTS
from dockstore.core.stack_report import RowFate
from dockstore.core.storage import Circumstances, Happening, StoreClass, class_by_options, ends
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.stack_model import StackMount, StackVolume

_STOP = (Happening.MAIN_PROCESS_ENDS,)
_REMOVE = (Happening.MAIN_PROCESS_ENDS, Happening.REMOVE)
_REMOVE_V = (Happening.MAIN_PROCESS_ENDS, Happening.REMOVE_WITH_VOLUMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What an event does. *running*: the containers run while something is pruned."""

    happenings: tuple[Happening, ...]
    new_container: bool = False  # afterwards another container has the service's name
    carries_anonymous: bool = False  # it gets the old anonymous volumes, as `up` does it
    removes_named: bool = False  # `down --volumes`
    renames: bool = False
    running: bool = False
    needs_all: bool = False  # a prune with `all`, which API 1.42 brought
    unsynced: bool = False


COURSES: Mapping[str, Course] = {
    "restart": Course(happenings=_STOP),
    "stop+start": Course(happenings=_STOP),
    "kill+start": Course(happenings=_STOP),
    "recreate": Course(happenings=_REMOVE, new_container=True, carries_anonymous=True),
    "remove+run": Course(happenings=_REMOVE, new_container=True),
    "remove-v+run": Course(happenings=_REMOVE_V, new_container=True),
    "renew": Course(happenings=_REMOVE, new_container=True),
    "down+up": Course(happenings=_REMOVE, new_container=True),
    "down-v+up": Course(happenings=_REMOVE_V, new_container=True, removes_named=True),
    "rename-project": Course(happenings=_REMOVE, new_container=True, renames=True),
    "upgrade": Course(happenings=_REMOVE, new_container=True, carries_anonymous=True),
    "down+upgrade": Course(happenings=_REMOVE, new_container=True),
    "system-prune-volumes": Course(happenings=(Happening.CONTAINER_PRUNE, Happening.VOLUME_PRUNE), running=True),
    "stop+system-prune": Course(happenings=(*_STOP, Happening.CONTAINER_PRUNE), new_container=True),
    "stop+system-prune-volumes": Course(happenings=(*_STOP, Happening.CONTAINER_PRUNE, Happening.VOLUME_PRUNE), new_container=True),
    "down+volume-prune": Course(happenings=(*_REMOVE, Happening.VOLUME_PRUNE), new_container=True),
    "down+volume-prune-all": Course(happenings=(*_REMOVE, Happening.VOLUME_PRUNE_ALL), new_container=True, needs_all=True),
    "engine-restart": Course(happenings=(*_STOP, Happening.ENGINE_RESTART)),
    "engine-kill": Course(happenings=(*_STOP, Happening.ENGINE_RESTART)),
    "reboot": Course(happenings=(*_STOP, Happening.ENGINE_RESTART)),
    "power-loss": Course(happenings=(*_STOP, Happening.ENGINE_RESTART), unsynced=True),
}
ABRUPT = frozenset({event.name for event in EVENTS if event.abrupt} | {"power-loss"})
"""Events that leave a program no moment to write what it has in memory."""

OF_A_CONTAINER = frozenset(COURSES) - {"renew", "down+up", "down-v+up", "rename-project", "down+upgrade"}
"""Events that a container knows that no Compose file made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A store of a service, as far as events tell stores apart."""

    kind: StoreClass | None  # None: a volume whose bytes are somewhere that only its driver knows
    mount: StackMount | None = None
    volume: StackVolume | None = None
    shared: bool = False  # another service has it, too

    @property
    def anonymous(self) -> bool:
        """Whether it is an anonymous volume."""
        return self.kind is StoreClass.ANONYMOUS_VOLUME

    @property
    def store_kind(self) -> StoreKind:
        """Its kind as a report names it."""
        match self.mount.kind if self.mount is not None else None:
            case None:
                return StoreKind.WRITABLE_LAYER
            case "tmpfs":
                return StoreKind.TMPFS
            case "volume":
                return StoreKind.VOLUME
            case "image":
                return StoreKind.IMAGE_MOUNT
            case _:
                return StoreKind.BIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known of the engine and the project. None: not known."""

    name_fixed: bool = False
    prune_takes_named: bool | None = None  # Engine before 23, or asked through an API before 1.42
    live_restore: bool | None = None
    knows_all: bool | None = None  # a prune with `all`
    auto_remove: bool = False  # the container was run with --rm
    labels_bare_mounts: bool | None = None  # whether an anonymous volume of a Compose file counts as anonymous (claims: e26 does not)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What is predicted, and why."""

    fate: RowFate
    why: str
    store: RowFate | None = None  # what becomes of the store, where that says more


def held(mount: StackMount | None, volumes: Mapping[str, StackVolume], *, shared: bool = False) -> Held:
    """Put the store behind *mount* (None: the writable layer) into its class."""
    if mount is None:
        return Held(kind=StoreClass.WRITABLE_LAYER)
    match mount.kind:
        case "tmpfs":
            return Held(kind=StoreClass.TMPFS, mount=mount)
        case "volume" if mount.source is None:
            return Held(kind=StoreClass.ANONYMOUS_VOLUME, mount=mount, shared=shared)
        case "volume":
            volume = volumes.get(mount.source or "") or volumes.get(mount.volume or "")
            return Held(kind=_class_of(volume), mount=mount, volume=volume, shared=shared)
        case "image":
            return Held(kind=None, mount=mount)
        case _:
            return Held(kind=StoreClass.BIND, mount=mount)


def _class_of(volume: StackVolume | None) -> StoreClass | None:
    if volume is None or (volume.driver in {None, "local"} and not volume.driver_opts):
        return StoreClass.NAMED_VOLUME
    return class_by_options(dict(volume.driver_opts)) if volume.driver in {None, "local"} else None


def predict(store: Held, event: str, ground: Ground) -> Fate:
    """Return what becomes of bytes in *store* under *event*."""
    course = COURSES[event]
    if ground.auto_remove and Happening.MAIN_PROCESS_ENDS in course.happenings and event not in {"remove+run", "remove-v+run"}:
        course = _ended_by_rm(course)
    if course.unsynced and store.kind not in {StoreClass.TMPFS, StoreClass.TMPFS_VOLUME}:
        return Fate(fate=RowFate.UNKNOWN, why="bytes that the program had not synced are gone after a power cut; which, no file can tell")
    if store.kind is None:
        return _elsewhere(store, course)
    ended = _ended(store, course, ground)
    if ended is not None:
        return ended
    return _found_again(store, course, ground)


def _ended_by_rm(course: Course) -> Course:
    happenings = tuple(Happening.RM_ENDS if one in {Happening.MAIN_PROCESS_ENDS, Happening.REMOVE} else one for one in course.happenings)
    return Course(happenings=happenings, new_container=True, removes_named=course.removes_named, renames=course.renames, running=course.running)


def _ended(store: Held, course: Course, ground: Ground) -> Fate | None:
    """Return the loss, if the event ends the store; or what cannot be told; None: it stays."""
    kind = store.kind
    if kind is None:
        return None
    doubt: str | None = None
    happenings = (*course.happenings, Happening.VOLUME_REMOVE) if course.removes_named and _removed_by_down(store) else course.happenings
    pruned_all = Happening.VOLUME_PRUNE_ALL in happenings
    if pruned_all and ground.knows_all is False:
        happenings = tuple(one for one in happenings if one is not Happening.VOLUME_PRUNE_ALL)  # refused: 400
    for happening in happenings:
        by_id = course.carries_anonymous or (store.mount is not None and store.mount.by_id)
        if happening in {Happening.REMOVE_WITH_VOLUMES, Happening.RM_ENDS} and kind is StoreClass.ANONYMOUS_VOLUME and by_id:
            continue
        used = course.running  # what is pruned or removed by name is unused once its container is gone
        known = Circumstances(
            used=used,
            used_by_others=False if not store.shared else None,
            running=course.running,
            running_users=False,
            live_restore=bool(ground.live_restore) if ground.live_restore is not None else False,
            prune_takes_named=ground.prune_takes_named,
        )
        told = ends(kind, happening, known)
        if told is None:
            doubt = _doubt(happening)
        elif (
            told
            and happening is Happening.VOLUME_PRUNE
            and _unlabelled(store)
            and ground.labels_bare_mounts is not True
            and not ground.prune_takes_named
        ):
            doubt = "whether a prune takes this anonymous volume depends on the engine's version: 26 does not label it as anonymous, 28 does"
        elif told:
            return Fate(fate=RowFate.LOST, why=f"{_named(store)} ends when {happening.value}")
    return Fate(fate=RowFate.UNKNOWN, why=doubt) if doubt is not None else None


def _removed_by_down(store: Held) -> bool:
    """Whether `down --volumes` removes it by name: declared in the files, and not external."""
    return store.volume is not None and not store.volume.external


def _unlabelled(store: Held) -> bool:
    return store.mount is not None and store.anonymous and store.mount.declared_by != "image VOLUME"


def _doubt(happening: Happening) -> str:
    match happening:
        case Happening.VOLUME_PRUNE:
            return "whether a prune takes named volumes depends on the engine: before 23, or asked through an API before 1.42, it does"
        case Happening.REMOVE_WITH_VOLUMES | Happening.RM_ENDS:
            return "another service has the volume too; which container goes last decides"
        case _:
            return f"whether it stays when {happening.value} depends on what is not known here"


def _found_again(store: Held, course: Course, ground: Ground) -> Fate:
    """Tell whether the service gets the store, which is still there, again."""
    kind = store.kind
    if kind is StoreClass.ANONYMOUS_VOLUME and course.new_container and not course.carries_anonymous:
        return Fate(fate=RowFate.ORPHANED, why="the new container gets a new anonymous volume; the old one stays, and nothing mounts it")
    if course.renames and kind is StoreClass.NAMED_VOLUME and not ground.name_fixed and not _fixed(store):
        return Fate(fate=RowFate.ORPHANED, why="the volume's name begins with the project's: under another name Compose makes a new, empty one")
    if kind is StoreClass.ANONYMOUS_VOLUME and course.new_container:
        return Fate(fate=RowFate.PERSISTED, why="Compose mounts the old anonymous volume in the new container")
    return Fate(fate=RowFate.PERSISTED, why=f"{_named(store)} stays, and the service has it again")


def _fixed(store: Held) -> bool:
    return store.volume is None or store.volume.external or store.volume.name_fixed


def _elsewhere(store: Held, course: Course) -> Fate:
    if store.mount is not None and store.mount.kind == "image":
        return Fate(fate=RowFate.UNWRITABLE, why="an image mount is read only")
    volume = store.volume
    options = dict(volume.driver_opts) if volume is not None else {}
    if (
        volume is not None
        and volume.driver in {None, "local"}
        and (options.get("type", "").startswith("nfs") or options.get("type") in {"cifs", "smb3"})
    ):
        return Fate(fate=RowFate.PERSISTED, why="the volume's bytes lie on the file server, which no event of the engine reaches")
    if not course.removes_named and not any(one in {Happening.VOLUME_PRUNE, Happening.VOLUME_PRUNE_ALL} for one in course.happenings):
        return Fate(fate=RowFate.PERSISTED, why="the volume stays, and the service has it again")
    return Fate(fate=RowFate.UNKNOWN, why="the volume's driver decides what becomes of its bytes")


def _named(store: Held) -> str:
    match store.kind:
        case StoreClass.WRITABLE_LAYER:
            return "the container's writable layer"
        case StoreClass.TMPFS:
            return "a tmpfs"
        case StoreClass.BIND:
            return "the host's folder"
        case StoreClass.ANONYMOUS_VOLUME:
            return "the anonymous volume"
        case StoreClass.TMPFS_VOLUME:
            return "a volume in memory"
        case StoreClass.BIND_VOLUME:
            return "the folder behind the volume"
        case _:
            return "the named volume"
