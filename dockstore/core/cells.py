"""The table of a `matrix`: one column for each store, one line for each event, a fate in each cell.

Rule 1: what the words mean is `matrix_words`'s; here they are only found to be right, with the place of each cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core import texts
from dockstore.core.facts import FATES
from dockstore.core.matrix import MatrixWhere
from dockstore.core.matrix_words import EVENT_WORDS, STORES, event_problem, words
from dockstore.core.problems import Problems, Unread, did_you_mean, said
from dockstore.core.script import At, Matrix
from dockstore.core.shape import Choice, Defs, Json, Key, ListOf, Raw, Shape
from dockstore.core.source import Items, Node, Table, Text
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORE = Choice(words=tuple(STORES))
_FATE = Choice(words=FATES)
_EXAMPLE = "{stop+start: [persisted, lost]}"


def _events_schema(defs: Defs) -> Json:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^(?:{_EVENT_PATTERN})$|\\$\\{{"},
        "additionalProperties": {"type": "array", "items": _FATE.schema(defs)},
    }


def _where_schema(defs: Defs) -> Json:
    cells = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _FATE.schema(defs)}}
    return {"type": "object", "propertyNames": {"pattern": f"^(?:{texts.CAPABILITY_PATTERN})$|\\$\\{{"}, "additionalProperties": cells}


_WORD_PATTERN = "|".join(EVENT_WORDS)
_EVENT_PATTERN = rf"(?:{_WORD_PATTERN})(?:\+(?:{_WORD_PATTERN}))*"
STORES_KEY: Key[tuple[str, ...]] = Key(
    "stores", ListOf(item=_STORE, hint="[volume, tmpfs]", least=1), "the columns", "[volume, tmpfs]", required=True
)
EVENTS: Key[Node] = Key(
    "events",
    Raw(described=_events_schema),
    "event: a fate for each store; an event is words joined by +, each one `docker` command",
    _EXAMPLE,
    required=True,
)
WHERE: Key[Node] = Key(
    "where",
    Raw(described=_where_schema),
    "CAPABILITY: {event: {store: fate}}; where the engine has it (or `not` has it) these cells replace those of the table",
    "{not prune-spares-named: {remove+volume-prune+run: {volume: lost}}}",
)
MATRIX = Shape(
    name="matrix",
    doc="A table instead of containers, steps and expect: stores by events, a fate in each cell.",
    keys=(STORES_KEY, EVENTS, WHERE),
    strays={"expect": "the fates stand in the cells", "steps": "the events are the steps"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table as read, with its places."""

    matrix: Matrix
    at_events: Mapping[str, At]
    at_cells: Mapping[tuple[str, str], At]
    where: tuple[MatrixWhere, ...]
    event_nodes: Mapping[str, Text]


def read_matrix(node: Node, to: Problems) -> Grid:
    """Read the table, cell by cell."""
    row = MATRIX.read(node, to, "matrix")
    stores = row.need(STORES_KEY)
    stores_node = row.spot(STORES_KEY)
    for number, store in enumerate(stores):
        if store in stores[:number] and isinstance(stores_node, Items):
            raise to.wrong(stores_node.items[number], f"{said(store)} is written twice", "leave one of them out")
    events = row.need(EVENTS)
    if not isinstance(events, Table) or not events.entries:
        raise to.wrong(events, "a mapping is wanted for 'events'", _EXAMPLE)
    cells: dict[tuple[str, str], str] = {}
    at_cells: dict[tuple[str, str], At] = {}
    failed = False
    for event, line in events.entries:
        try:
            _event(event, stores, to)
            for store, (fate, spot) in zip(stores, _line(line, stores, to), strict=True):
                cells[event.value, store] = fate
                at_cells[event.value, store] = At(line=spot.line, column=spot.column)
        except Unread:
            failed = True
    if failed:
        raise Unread("matrix")
    where_node = row.get(WHERE)
    return Grid(
        matrix=Matrix(stores=stores, events=tuple(event.value for event, _ in events.entries), cells=cells),
        at_events={event.value: At(line=event.line, column=event.column) for event, _ in events.entries},
        at_cells=at_cells,
        where=() if where_node is None else _where(where_node, cells, stores, to),
        event_nodes={event.value: event for event, _ in events.entries},
    )


def needs_of(event: str) -> tuple[str, ...]:
    """The capabilities that the words of *event* strike with."""
    return tuple(dict.fromkeys(need for word in words(event) if (need := EVENT_WORDS[word].needs) is not None))


def _event(event: Text, stores: tuple[str, ...], to: Problems) -> None:
    texts.TEXT.read(event, to, "an event")
    for word in words(event.value):
        if word not in EVENT_WORDS:
            raise to.wrong(event, f"no such event: {said(word)}", did_you_mean(word, EVENT_WORDS))
    problem = event_problem(event.value, stores)
    if problem is not None:
        raise to.wrong(event, *problem)


def _line(node: Node, stores: tuple[str, ...], to: Problems) -> list[tuple[str, Node]]:
    if not isinstance(node, Items):
        raise to.wrong(node, "a list of fates is wanted here", f"one for each of: {', '.join(stores)}")
    if len(node.items) != len(stores):
        raise to.wrong(node, f"{len(node.items)} fates for {len(stores)} stores", f"one for each of: {', '.join(stores)}")
    return [(_FATE.read(item, to, "a cell"), item) for item in node.items]


def _where(node: Node, cells: Mapping[tuple[str, str], str], stores: tuple[str, ...], to: Problems) -> tuple[MatrixWhere, ...]:
    if not isinstance(node, Table):
        raise to.wrong(node, "a mapping is wanted for 'where'", "{CAPABILITY: {EVENT: {STORE: FATE}}}")
    found: list[MatrixWhere] = []
    failed = False
    for name, lines in node.entries:
        try:
            found.append(_changed(name, lines, cells, stores, to))
        except Unread:
            failed = True
    if failed:
        raise Unread("where")
    return tuple(found)


def _changed(name: Text, lines: Node, cells: Mapping[tuple[str, str], str], stores: tuple[str, ...], to: Problems) -> MatrixWhere:
    """The cells that one capability changes."""
    capability = texts.CAPABILITY.read(name, to, "where")
    changed: dict[tuple[str, str], str] = {}
    places: dict[tuple[str, str], At] = {}
    if not isinstance(lines, Table):
        raise to.wrong(lines, f"a mapping is wanted for {said(name.value)}", "{EVENT: {STORE: FATE}}")
    known = dict.fromkeys(event for event, _ in cells)
    for event, line in lines.entries:
        if event.value not in known:
            raise to.wrong(event, f"no line of the table is {said(event.value)}", did_you_mean(event.value, known))
        if not isinstance(line, Table):
            raise to.wrong(line, f"a mapping is wanted for {said(event.value)}", "{STORE: FATE}")
        for store, fate in line.entries:
            if store.value not in stores:
                raise to.wrong(store, f"no column of the table is {said(store.value)}", did_you_mean(store.value, stores))
            changed[event.value, store.value] = _FATE.read(fate, to, store.value)
            places[event.value, store.value] = At(line=fate.line, column=fate.column)
    return MatrixWhere(
        capability=capability.removeprefix("not "),
        negated=capability.startswith("not "),
        cells=changed,
        at=At(line=name.line, column=name.column),
        at_cells=places,
    )
