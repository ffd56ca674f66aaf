"""A History on disk: JSON Lines, one event a line, the header first; there and back.

Rule 1: within a version keys and kinds are only ever added, so unknown ones are passed over; an unknown version is refused by name.
Rule 2: a run may be killed while it writes, so a torn last line is no error; a torn line before it is.
Rule 3: every complaint has its file and line. Constructors are called directly: a history of 100,000 events is read in a blink.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dockstore.core import values
from dockstore.core.history import Facts, Footer, Header, History, Made, Note, Observation, Operation, Placement, Testimony
from dockstore.core.model import Completion, EngineInfo, Home, Place, PlaceKind, Sight, Store, StoreKind, Users, Vantage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dockstore.core.history import Event

VERSION = 1
SCHEMA = f"dockstore.history/{VERSION}"

_KINDS: dict[type, str] = {
    Header: "header",
    Operation: "operation",
    Placement: "placement",
    Observation: "observation",
    Facts: "facts",
    Made: "made",
    Note: "note",
    Footer: "footer",
}
_NAMES: dict[type, tuple[str, ...]] = {kind: values.names(kind) for kind in (*_KINDS, EngineInfo, Place, Store, Testimony)}
_REQUIRED_OF_ENGINE = values.required(EngineInfo)


class HistoryError(Exception):
    """A history that cannot be read; the text is FILE:LINE: fact."""

    def __init__(self, path: str | None, line: int, fact: str, hint: str | None = None) -> None:
        super().__init__(f"{path or 'history'}:{line}: {fact}")
        self.path = path
        self.line = line
        self.fact = fact
        self.hint = hint


# --- to disk --------------------------------------------------------------------------------------------------------------


def dump(item: Header | Event) -> str:
    """Return *item* as one line, without its end of line."""
    kind = _KINDS[type(item)]
    opening = {"schema": SCHEMA, "event": kind} if kind == "header" else {"event": kind}
    return json.dumps(opening | {name: getattr(item, name) for name in _NAMES[type(item)]}, default=_plain, separators=(",", ":"))


def _plain(value: object) -> object:
    """Return a value inside an event as json knows it."""
    if isinstance(value, Mapping):
        return dict(value)
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


# --- from disk ------------------------------------------------------------------------------------------------------------

_Json = dict[str, Any]
_COMPLETIONS: dict[str, Completion] = {str(item): item for item in Completion}
_SIGHTS: dict[str, Sight] = {str(item): item for item in Sight}
_VANTAGES: dict[str, Vantage] = {str(item): item for item in Vantage}
_HOMES: dict[str, Home] = {str(item): item for item in Home}
_USERS: dict[str, Users] = {str(item): item for item in Users}
_STORE_KINDS: dict[str, StoreKind] = {str(item): item for item in StoreKind}
_PLACE_KINDS: dict[str, PlaceKind] = {str(item): item for item in PlaceKind}


def load(lines: Iterable[str], *, path: str | None = None) -> History:
    """Return the history that *lines* hold.

    Raises HistoryError with the place for anything but a torn last line.
    """
    header: Header | None = None
    events: list[Event] = []
    torn: HistoryError | None = None
    number = 0
    loads, readers = json.loads, _Reader().kinds
    for number, line in enumerate(lines, 1):
        if torn is not None:
            raise torn
        try:
            read = loads(line)
        except ValueError as error:
            if line.strip():
                torn = HistoryError(path, number, f"not JSON: {error}")
            continue
        if not isinstance(read, dict):
            raise HistoryError(path, number, "not an event of a history: a mapping is wanted")
        try:
            kind = read["event"]
            if header is None:
                header = _header(read, path, number)
            elif (reader := readers.get(kind)) is not None:
                events.append(reader(read))
        except KeyError as error:
            raise HistoryError(path, number, f"not an event of a history: {error} is missing or not known") from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise HistoryError(path, number, f"not an event of a history: {error}") from error
    if header is None:
        raise HistoryError(path, max(number, 1), "no header: this is not a history, or its run was killed before it began")
    return History(header=header, events=tuple(events), path=path)


def _header(read: _Json, path: str | None, number: int) -> Header:
    """Return the header, or refuse what is none and what is of another version."""
    schema = str(read.get("schema", ""))
    if schema != SCHEMA:
        if schema.startswith("dockstore.history/"):
            written, hint = schema.removeprefix("dockstore.history/"), "read it with the dockstore that wrote it, or a newer one"
            raise HistoryError(path, number, f"a history of version {written}; this dockstore reads version {VERSION}", hint)
        raise HistoryError(path, number, f'not a history: its first line has no \'"schema": "{SCHEMA}"\'')
    return Header(
        version=int(read["version"]),
        dockstore=read["dockstore"],
        run=read["run"],
        started=read["started"],
        file=read["file"],
        text=read["text"],
        vars=dict(read["vars"]),
        isolate=bool(read["isolate"]),
        mutant=read.get("mutant"),
        engine=engine_of(read["engine"]),
        unmet=tuple(read.get("unmet", ())),
    )


def engine_of(read: _Json) -> EngineInfo:
    """Return the engine's facts; what a newer dockstore added is passed over."""
    for name in sorted(_REQUIRED_OF_ENGINE - read.keys()):
        raise KeyError(name)
    return EngineInfo(**{name: read[name] for name in _NAMES[EngineInfo] if name in read})


class _Reader:
    """Makes values of what was read. Equal places, stores and testimonies are one value: a history repeats them from line to line."""

    __slots__ = ("_places", "_stores", "_testimonies", "kinds")

    def __init__(self) -> None:
        self._places: dict[tuple[str, str, str], Place] = {}
        self._stores: dict[tuple[object, ...], Store] = {}
        self._testimonies: dict[tuple[str, str], Testimony] = {}
        self.kinds: dict[str, Callable[[_Json], Event]] = {
            "operation": _operation,
            "placement": self._placement,
            "observation": self._observation,
            "facts": _facts,
            "made": _made,
            "note": _note,
            "footer": _footer,
        }

    def _place(self, read: _Json) -> Place:
        told = (read["kind"], read["name"], read["path"])
        found = self._places.get(told)
        if found is None:
            found = self._places[told] = Place(_PLACE_KINDS[told[0]], told[1], told[2])
        return found

    def _store(self, read: _Json | None) -> Store | None:
        if read is None:
            return None
        told = (*read, *read.values())
        try:
            found = self._stores.get(told)
        except TypeError:  # a newer dockstore's key holds a list
            return _store(read)
        if found is None:
            found = self._stores[told] = _store(read)
        return found

    def _testimony(self, read: _Json) -> Testimony:
        told = (read["sight"], read.get("detail", ""))
        found = self._testimonies.get(told)
        if found is None:
            found = self._testimonies[told] = Testimony(sight=_SIGHTS[told[0]], detail=told[1])
        return found

    def _placement(self, read: _Json) -> Placement:
        return Placement(
            step=read["step"],
            write=read["write"],
            place=self._place(read["place"]),
            digest=read["digest"],
            size_bytes=read["size_bytes"],
            store=self._store(read["store"]),
            read_back=read["read_back"] is True,
            detail=read.get("detail", ""),
        )

    def _observation(self, read: _Json) -> Observation:
        get = read.get
        return Observation(
            step=read["step"],
            look=read["look"],
            write=read["write"],
            place=self._place(read["place"]),
            sights={_VANTAGES[vantage]: self._testimony(told) for vantage, told in read["sights"].items() if vantage in _VANTAGES},
            home=_HOMES[read["home"]],
            home_detail=get("home_detail", ""),
            store_now=self._store(get("store_now")),
            users=_USERS[read["users"]],
            used_by=tuple(get("used_by", ())),
            began=get("began", 0.0),
            ended=get("ended", 0.0),
        )


def _store(read: _Json) -> Store:
    get = read.get
    return Store(
        kind=_STORE_KINDS[read["kind"]],
        identity=read["identity"],
        name=get("name"),
        anonymous=get("anonymous", False),
        driver=get("driver"),
        has_options=get("has_options", False),
        host_path=get("host_path"),
        inner_path=get("inner_path", ""),
        target=get("target"),
        container=get("container"),
    )


def _operation(read: _Json) -> Operation:
    get = read.get
    return Operation(
        step=read["step"],
        verb=read["verb"],
        subject=read["subject"],
        label=get("label"),
        completion=_COMPLETIONS[read["completion"]],
        began=read["began"] + 0.0,
        ended=read["ended"] + 0.0,
        status=get("status"),
        message=get("message", ""),
        detail=get("detail") or {},
    )


def _facts(read: _Json) -> Facts:
    get = read.get
    return Facts(
        step=read["step"],
        look=read["look"],
        kind=read["kind"],
        subject=read["subject"],
        values=dict(read["values"]),
        missing=dict(get("missing") or {}),
        raw=get("raw", ""),
    )


def _made(read: _Json) -> Made:
    return Made(kind=read["kind"], id=read["id"], name=read["name"])


def _note(read: _Json) -> Note:
    return Note(about=read["about"], text=read["text"])


def _footer(read: _Json) -> Footer:
    get = read.get
    return Footer(
        ended=read["ended"] + 0.0,
        stopped_at=get("stopped_at"),
        reason=get("reason"),
        interrupted=get("interrupted", False),
        leftovers=tuple(get("leftovers", ())),
    )
