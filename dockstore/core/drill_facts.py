"""What a drill notes beside the engine's and host's sights: stores, groups of written files, states, words of a service; as Facts and back.

Rule 1: one Facts line for each; its *raw* is the value as JSON, so that a history stays a history.
Rule 2: values only; `writes` and `drill_rows` draw the conclusions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dockstore.core import stack_codec
from dockstore.core.history import Facts
from dockstore.core.history_codec import engine_of
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_model import Stack


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a store at one moment."""

    type: str
    size: int
    mtime_ns: int
    inode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNote:
    """A store of one container. *target*: where it really lies in the container ("/" for the writable layer)."""

    key: str  # destination as configured; "/" for the writable layer
    target: str
    kind: str  # a StoreKind
    name: str | None = None
    anonymous: bool = False
    declared_by: str | None = None
    host_path: str | None = None
    read_only: bool = False
    single_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What a service wrote in one place. *folder*: where a marker goes (of a single file: the folder that holds it)."""

    service: str
    path: str
    folder: str
    store: StoreNote
    role: str  # data, scratch
    role_rule: str
    found: str  # written, probe, declared
    files: int = 0
    examples: tuple[str, ...] = ()
    uid: int = 0
    gid: int = 0
    aliases: tuple[str, ...] = ()
    seen_in: tuple[tuple[str, str], ...] = ()
    written_at_stop: bool = False  # some of it only in a graceful stop
    markable: bool = True
    probes: tuple[str, ...] = ()  # names of probes that touched it


@dataclass(frozen=True, slots=True, kw_only=True)
class StateNote:
    """How a service stands. *state*: up, slow, cannot-start, done (ended with 0, as it was meant to)."""

    service: str
    state: str
    detail: str = ""
    log: tuple[str, ...] = ()
    waited_for: str = ""
    containers: tuple[str, ...] = ()
    writes_nothing: bool = False
    unseen: tuple[str, ...] = ()  # stores of it that could not be listed: what is written there is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeNote:
    """What is known of a probe before any event. *says*: its write and its read worked, so it has a say."""

    service: str
    name: str
    says: bool
    built_in: bool = False
    detail: str = ""
    refused: bool = False  # the write itself was refused
    refused_at: str | None = None  # the path that the refusal names
    touched: tuple[str, ...] = ()  # paths of groups
    touched_files: bool = False
    memory_only: bool = False  # it touched no file, and none was written in a graceful stop either
    searchable: bool = False  # while the service ran, the nonce's bytes could be found in some store
    saved: bool = False  # after a graceful stop they could
    untested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WordNote:
    """A probe's word after an event. *sight*: same, absent, unseen. *found*: where the nonce's bytes lie ("volume NAME: path")."""

    service: str
    probe: str
    sight: str
    detail: str = ""
    read_before: bool = True
    other: bool = False  # it prints something, and not what was stored
    searched: bool = False
    found: tuple[str, ...] = ()
    found_stores: tuple[str, ...] = ()  # names of the volumes among them


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterNote:
    """What became of a group's own files.

    *renewed*: all of them are other files now, in the same store; *held*, *holds*: the most bytes that they had since that store was mounted, and
    those of now.
    """

    service: str
    path: str
    renewed: bool = False
    host_name_moved: str | None = None  # the service now writes under another host name
    moved_to: str | None = None  # it writes elsewhere now, and the old place is untouched
    kept_files: bool = False  # the very files of before are still there
    held: int = 0
    holds: int = 0

    @property
    def shrunk(self) -> bool:
        """Whether less than half of what lay here does now."""
        return 2 * self.holds < self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNote:
    """The drill as a whole, noted first."""

    name: str
    files: tuple[str, ...]
    project: str
    services: tuple[str, ...]
    events: tuple[str, ...]
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    must_survive: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    side: str | None = None  # of a change in Git: base (with the upgrade to the head), head
    refs: tuple[str, ...] = ()  # of base and head, as they were named
    upgrade_mounts: tuple[tuple[str, str, str], ...] = ()  # service, path and key of the named volumes of what it is upgraded to


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesNote:
    """The stack as its files have it, with the places in them: what findings point at."""

    stack: Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNote:
    """A further engine of the drill: the header knows the first."""

    key: str
    info: EngineInfo


AnyNote = StoreNote | Group | StateNote | ProbeNote | WordNote | AfterNote | StackNote | FilesNote | EngineNote
KINDS: dict[str, type[AnyNote]] = {
    "drill-store": StoreNote,
    "drill-group": Group,
    "drill-state": StateNote,
    "drill-probe": ProbeNote,
    "drill-word": WordNote,
    "drill-after": AfterNote,
    "drill-stack": StackNote,
    "drill-files": FilesNote,
    "drill-engine": EngineNote,
}
_KIND_OF = {kind: name for name, kind in KINDS.items()}
N = TypeVar("N", bound=AnyNote)


def facts(note: AnyNote, *, step: str, look: str) -> Facts:
    """Return *note* as a line of a history."""
    subject = getattr(note, "service", None) or getattr(note, "name", None) or ""
    value = {"stack": stack_codec.plain(note.stack)} if isinstance(note, FilesNote) else asdict(note)
    return Facts(step=step, look=look, kind=_KIND_OF[type(note)], subject=str(subject), values={}, raw=json.dumps(value, separators=(",", ":")))


def note_of(line: Facts, kind: type[N]) -> N | None:
    """Return the note of *kind* that a line holds; None: it holds none."""
    if KINDS.get(line.kind) is not kind:
        return None
    read: dict[str, Any] = json.loads(line.raw)
    known = {field.name for field in fields(kind)}
    if kind is FilesNote:
        return cast("N", FilesNote(stack=stack_codec.stack_of(read["stack"])))
    if kind is EngineNote:
        return cast("N", EngineNote(key=read["key"], info=engine_of(read["info"])))
    if kind is Group:
        read["store"] = StoreNote(**{name: value for name, value in read["store"].items() if name in {field.name for field in fields(StoreNote)}})
    values: dict[str, Any] = {name: _frozen(value) for name, value in read.items() if name in known}
    make: Any = kind
    return cast("N", make(**values))


def _frozen(value: object) -> object:
    """Lists, and lists in lists, as the tuples that they were."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def notes(events: Iterable[object], kind: type[N]) -> tuple[tuple[Facts, N], ...]:
    """Every note of *kind* in a history's events, in order."""
    return tuple((event, note) for event in events if isinstance(event, Facts) and (note := note_of(event, kind)) is not None)
