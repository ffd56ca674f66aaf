"""What one history tells, laid out for a drawing: columns in time, a lane for each container and store, what was seen where.

Rule 1: a store is drawn as being there only as far as somebody saw it; in between lies a stretch that says so.
Rule 2: values only; `drawing` makes lines and boxes of them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from dockstore.core.history import Made, Observation, Operation, Placement
from dockstore.core.model import Completion, PlaceKind, Sight, StoreKind, Vantage
from dockstore.core.values import dataclass
from dockstore.reports import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.history import Event, History
    from dockstore.core.model import Store

MOST_COLUMNS: Final = 18  # more than this is read as a list, not as a drawing
_BIRTHS: Final = frozenset({"run", "create"})
_DEATHS: Final = frozenset({"stop", "kill"})
_UPHEAVALS: Final = frozenset({"reboot", "power-loss"})
_ENDING: Final = frozenset(
    {"remove", "prune", "stop", "kill", "restart", "reboot", "power-loss", "exec", "write", "copy", "unmount", "mount", "rename", "update"}
)


@dataclass(frozen=True, slots=True)
class Column:
    """One step: what was done, and whether the engine did it."""

    verb: str
    subject: str
    completion: Completion
    step: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a lane, from the left edge of column *start* to the left edge of *end*. *look*: solid, stopped or unknown."""

    start: float
    end: float
    look: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A write or a sight in a column of a lane. *kind*: write, or a sight's own word."""

    column: int
    kind: str
    title: str
    label: str = ""


@dataclass(slots=True)
class Lane:
    """A container or a store over the whole run. *kind*: container, or the store's kind."""

    name: str
    kind: str
    stretches: list[Stretch] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)  # where a cross says: removed


@dataclass(frozen=True, slots=True)
class Link:
    """From a container's lane to a store's, through a target path: a write on its way, or (*sort* mount) what lies there at a look."""

    column: int
    container: int
    store: int
    label: str
    sort: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a drawing of one run needs, and the same in one sentence."""

    columns: tuple[Column, ...]
    containers: tuple[Lane, ...]
    stores: tuple[Lane, ...]
    links: tuple[Link, ...]
    words: str


@dataclass(slots=True)
class _Life:
    """A container between its creation and its removal."""

    start: float
    identity: str
    stretches: list[Stretch] = field(default_factory=list)
    since: float = 0.0
    running: bool = True


def story(history: History) -> Story | None:
    """Lay out *history*; None where there is nothing to draw or too much."""
    columns, at = _columns(history.events)
    if not columns or len(columns) > MOST_COLUMNS:
        return None
    containers = _containers(history.events, at, len(columns))
    stores, links = _stores(history.events, at, containers, columns)
    if not containers and not stores:
        return None
    return Story(tuple(columns), tuple(containers.values()), tuple(stores), tuple(links), _words(history.events))


def _top(step: str) -> str:
    return step.partition(".")[0]


def _columns(events: Iterable[Event]) -> tuple[list[Column], dict[str, int]]:
    """Return the columns, and which column each step lies in."""
    columns: list[Column] = []
    at: dict[str, int] = {}
    for event in events:
        if not isinstance(event, Operation):
            continue
        top = _top(event.step)
        if top in at and event.step != top:
            continue  # a part of `together`
        if event.step == top and top in at and columns[at[top]].step != top:
            columns[at[top]] = Column(event.verb, phrases.shortened(event.subject), event.completion, top)
            continue
        if event.step == top and top in at:
            continue
        at[top] = len(columns)
        columns.append(Column(event.verb, phrases.shortened(event.subject), event.completion, event.step))
    return columns, at


def _containers(events: Iterable[Event], at: dict[str, int], count: int) -> dict[str, Lane]:
    lanes: dict[str, Lane] = {}
    alive: dict[str, _Life] = {}
    fresh: list[str] = []

    def end(name: str, where: float) -> None:
        life = alive.pop(name)
        _cut(life, where)
        lanes[name].stretches += life.stretches

    for event in events:
        match event:
            case Made(kind="container"):
                fresh.append(event.id)
            case Operation():
                column = at[_top(event.step)]
                done = event.completion is Completion.OK
                name = event.subject
                match event.verb:
                    case verb if verb in _BIRTHS and ":" not in name and (done or fresh):
                        if name in alive:
                            end(name, column)
                        lanes.setdefault(name, Lane(name, "container"))
                        alive[name] = _Life(column + 0.12, fresh[-1] if fresh else "", since=column + 0.12, running=verb == "run" and done)
                    case "remove" if name in alive and done:
                        end(name, column + 0.5)
                        lanes[name].ends.append(column + 0.5)
                    case "rename" if name in alive and done:
                        alive[name].stretches.append(Stretch(alive[name].since, column + 0.5, _look(alive[name]), _label(alive[name])))
                        alive[name].since = column + 0.5
                    case verb if verb in _DEATHS and name in alive and done:
                        _cut(alive[name], column + 0.5)
                        alive[name].running = False
                    case "restart" if name in alive and done:
                        _cut(alive[name], column + 0.4)
                        alive[name].since, alive[name].running = column + 0.6, True
                    case "start" if name in alive and done:
                        _cut(alive[name], column + 0.5)
                        alive[name].running = True
                    case verb if verb in _UPHEAVALS and done:
                        for life in alive.values():
                            _cut(life, column + 0.5)
                            life.running = False
                fresh = []
    for name in list(alive):
        end(name, count)
    return lanes


def _look(life: _Life) -> str:
    return "solid" if life.running else "stopped"


def _label(life: _Life) -> str:
    return "" if life.stretches else (life.identity[:12] if life.running else f"{life.identity[:12]} not running".strip())


def _cut(life: _Life, where: float) -> None:
    """End the stretch that goes on."""
    if where > life.since:
        life.stretches.append(Stretch(life.since, where, _look(life), _label(life)))
    life.since = where


def _stores(events: Iterable[Event], at: dict[str, int], containers: dict[str, Lane], columns: list[Column]) -> tuple[list[Lane], list[Link]]:
    lanes: dict[str, Lane] = {}
    sightings: dict[str, list[tuple[float, bool | None]]] = {}
    links: list[tuple[int, str, str, str, str]] = []
    homes: dict[str, str] = {}
    writers: dict[str, str] = {}
    volumes: dict[str, str] = {}  # lane -> the engine's name of the volume
    born: dict[str, float] = {}  # name of a volume -> where it was first noted
    names = list(containers)
    column = 0

    def lane(store: Store) -> str:
        key = store.identity or f"{store.kind}/{store.name}/{store.host_path}/{store.container}"
        if key not in lanes:
            lanes[key] = Lane(phrases.store_words(store), store.kind.value)
            if store.kind is StoreKind.VOLUME and store.name:
                volumes[key] = store.name
            sightings[key] = []
        return key

    for event in events:
        match event:
            case Made(kind="volume"):
                born.setdefault(event.id, column + 0.12)
                born.setdefault(event.name, column + 0.12)
            case Operation() if event.step == _top(event.step):
                column = at[event.step] + 1
            case Placement() if event.store is not None and _top(event.step) in at:
                where = at[_top(event.step)]
                key = lane(event.store)
                homes[event.write] = key
                writers[event.write] = event.place.name
                title = f"{event.write} written: {event.size_bytes} bytes" + ("" if event.read_back else ", which did not come back")
                lanes[key].marks.append(Mark(where, "write", title, event.write))
                sightings[key].append((where + 0.5, True))
                if event.place.kind is PlaceKind.CONTAINER and event.place.name in containers:
                    links.append((where, event.place.name, key, event.store.target or event.place.path, "write"))
            case Observation() if _top(event.step) in at:
                where = at[_top(event.step)]
                if event.write in homes:
                    key = homes[event.write]
                    sight, told = _store_sight(event)
                    lanes[key].marks.append(Mark(where, sight.value, told, ""))
                    there = {Sight.SAME: True, Sight.OTHER: True, Sight.ABSENT: _still_there(event)}.get(sight)
                    sightings[key].append((where + 0.5, there))
                in_sight = event.place.kind is PlaceKind.CONTAINER and event.place.name in containers
                if event.store_now is not None:
                    now = lane(event.store_now)
                    sightings[now].append((where + 0.5, True))
                    if in_sight and (now != homes.get(event.write) or event.place.name != writers.get(event.write)):
                        links.append((where, event.place.name, now, event.store_now.target or event.place.path, "mount"))
                if in_sight and Vantage.CONTAINER in event.sights:
                    seen = event.sights[Vantage.CONTAINER]
                    title = f"{event.place}: {seen.sight}" + (f", {phrases.shortened(seen.detail)}" if seen.detail else "")
                    containers[event.place.name].marks.append(Mark(where, seen.sight.value, title, event.write))
            case _:
                pass
    order = list(lanes)
    for key, one in lanes.items():
        one.stretches = _seen_stretches(sightings[key], columns, born.get(volumes.get(key, "")))
    return list(lanes.values()), [
        Link(where, names.index(name), order.index(key), label, sort) for where, name, key, label, sort in dict.fromkeys(links)
    ]


def _store_sight(observation: Observation) -> tuple[Sight, str]:
    """Return what the host, else the engine, saw of the store that took the write, in words for a tip."""
    told = []
    for vantage in (Vantage.HOST, Vantage.ENGINE):
        testimony = observation.sights.get(vantage)
        if testimony is not None:
            told.append(f"{vantage}: {testimony.sight}" + (f", {phrases.shortened(testimony.detail)}" if testimony.detail else ""))
    sights = [observation.sights[vantage].sight for vantage in (Vantage.HOST, Vantage.ENGINE) if vantage in observation.sights]
    telling = [sight for sight in sights if sight not in {Sight.UNSEEN, Sight.NOT_APPLICABLE}]
    return (telling or sights or [Sight.UNSEEN])[0], "; ".join(told)


def _still_there(observation: Observation) -> bool:
    """Tell whether the store itself was seen, though the write in it was not."""
    engine = observation.sights.get(Vantage.ENGINE)
    return engine is not None and engine.sight is Sight.SAME


def _seen_stretches(sightings: list[tuple[float, bool | None]], columns: list[Column], born: float | None) -> list[Stretch]:
    """Return where the store was: solid between its first and last sighting (an identity does not come back), unknown up to a look that missed it.

    Where exactly one step lies between that could have ended the store, it was there until that step.
    """
    places = [place for place, there in sightings if there]
    if not places:
        return []
    first, last = min(places), max(places)
    start = first - 0.38 if born is None else min(born, first - 0.38)
    later = [(place, there) for place, there in sightings if place > last]
    if not later:
        return [Stretch(start, min(last + 0.38, len(columns)), "solid")]
    missed, there = next(((place, there) for place, there in later if there is False), later[-1])
    suspects = [index for index in range(int(last) + 1, int(missed)) if columns[index].verb in _ENDING]
    solid = suspects[0] + 0.5 if suspects else last
    stretches = [Stretch(start, solid, "solid")]
    if there is None or len(suspects) != 1:
        stretches.append(Stretch(solid, missed, "unknown"))
    return stretches


def _words(events: Iterable[Event]) -> str:
    """Return the drawing in sentences, for those who do not see it."""
    told = []
    for event in events:
        match event:
            case Placement():
                told.append(f"{event.write} is written to {event.place} and lands in {phrases.store_words(event.store)}.")
            case Operation() if event.verb not in {"write", "observe", "read", "inspect"}:
                refused = "" if event.completion is Completion.OK else f" ({event.completion})"
                told.append(f"{event.verb} {phrases.shortened(event.subject)}{refused}.")
            case Observation():
                sights = ", ".join(f"{vantage} {testimony.sight}" for vantage, testimony in event.sights.items())
                told.append(f"Looking for {event.write} at {event.place}: {sights}.")
            case _:
                pass
    return " ".join(told)


STORE_CLASSES: Final = {
    StoreKind.WRITABLE_LAYER.value: "upper",
    StoreKind.IMAGE_LAYER.value: "layer",
    StoreKind.IMAGE_MOUNT.value: "layer",
    StoreKind.TMPFS.value: "mem",
    StoreKind.ENGINE_FILE.value: "layer",
    StoreKind.VOLUME.value: "disk",
    StoreKind.BIND.value: "bind",
}
"""The colour class of each kind of store; the lane's name says the kind too."""
