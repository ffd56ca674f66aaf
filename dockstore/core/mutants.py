"""Mutants: a change of a scenario that must come out refuted. The change is made in what was written, and that is read again.

Rule 1: all that a mutant does not say stays, with its places; so what is wrong is told where it was written.
Rule 2: a mutant that changes nothing proves nothing, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core import texts
from dockstore.core.problems import Problems, Unread, did_you_mean, listed, said
from dockstore.core.shape import Key, ListOf, Raw, Scalar, Shape, TextOr
from dockstore.core.source import Items, Node, Table, Text
from dockstore.core.verbs import name_of, steps_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_MUTANTS = 50
_NAMED_STEP = Scalar(wanted="a step", parse=str, pattern=".+", script=True, hint="remove db")
_ONE_STEP: Scalar[tuple[str, ...]] = Scalar(wanted="a step", parse=lambda text: (text,), pattern=".+", script=True, hint="remove db")
_PARTS = ("containers", "volumes", "images")

INSTEAD_OF = Key(
    "instead_of",
    TextOr(text=_ONE_STEP, items=ListOf(item=_NAMED_STEP, hint="[remove db, run db]", least=1)),
    "consecutive steps, each named by its verb, or verb and subject; they must be found exactly once",
    "[remove db, run db]",
)
DO: Key[Node] = Key(
    "do",
    Raw(described=lambda defs: {"type": "array", "items": steps_schema(defs)}),
    "the steps that stand in their place; left out: none",
    "[{stop: db}, {start: db}]",
)
MUTANT = Shape(
    name="mutant",
    doc="A change of this scenario that must come out refuted; all else stays.",
    keys=(
        *(
            Key(name, Raw(described=lambda _: {"type": "object"}), f"per name of {name}, the keys written replace those there; ~ takes one away")
            for name in _PARTS
        ),
        Key("host", Raw(described=lambda _: {"type": "object"}), "path: content; these replace those there"),
        Key("vars", Raw(described=lambda _: {"type": "object"}), "name: text; these replace those there"),
        Key("matrix", Raw(described=lambda _: {"type": "object"}), "another table"),
        Key("needs", ListOf(item=texts.CAPABILITY, hint="[upperdir]"), "capabilities that it needs besides", "[upperdir]"),
        Key(
            "expect",
            Raw(described=lambda defs: {"$ref": "#/$defs/expect"} if "expect" in defs else {"type": "object"}),
            "look: what it should show",
            "{row: lost}",
        ),
        INSTEAD_OF,
        DO,
    ),
    strays={"steps": "write 'instead_of' (which steps) and 'do' (what stands in their place)"},
)


def read_shapes(node: Node, to: Problems) -> tuple[tuple[Text, Table], ...]:
    """The titles and the changes, each known to have only known keys."""
    if not isinstance(node, Table):
        raise to.wrong(node, "a mapping is wanted for 'mutants'", "{the opposite: {expect: {row: lost}}}")
    if len(node.entries) > MOST_MUTANTS:
        raise to.wrong(node.entries[MOST_MUTANTS][0], f"more than {MOST_MUTANTS} mutants", "one good one is enough")
    found: list[tuple[Text, Table]] = []
    failed = False
    for title, change in node.entries:
        try:
            if not title.value.strip():
                raise to.wrong(title, "a mutant has a title", "the opposite: {expect: {row: lost}}")
            if not isinstance(change, Table) or not change.entries:
                raise to.wrong(title, "the mutant changes nothing", "{expect: {row: lost}}")
            _shape(change, to)
        except Unread:
            failed = True
            continue
        found.append((title, change))
    if failed:
        raise Unread("mutants")
    return tuple(found)


def _shape(change: Table, to: Problems) -> None:
    row = MUTANT.row(change, to)
    if DO in row and INSTEAD_OF not in row:
        raise to.wrong(change.key("do") or change, "'instead_of' is missing here", "instead_of: remove db")
    for part in (*_PARTS, "host", "vars", "matrix", "expect"):
        node = change.get(part)
        if node is not None and not isinstance(node, Table):
            raise to.wrong(node, f"a mapping is wanted for {said(part)}")


def only_expects(change: Table) -> bool:
    """Whether it is judged on the scenario's own history."""
    return all(key.value == "expect" for key, _ in change.entries)


def changed(root: Table, change: Table, to: Problems) -> Table:
    """The scenario as *change* makes it."""
    parts = dict(root.entries_by_name())
    parts.pop("mutants", None)
    for key, node in change.entries:
        name = key.value
        if isinstance(node, Table) and name in _PARTS:
            parts[name] = (key, _merged(parts.get(name), node, deep=True))
        elif isinstance(node, Table) and name in {"host", "vars"}:
            parts[name] = (key, _merged(parts.get(name), node, deep=False))
        elif isinstance(node, Table) and name == "expect":
            parts[name] = (key, _expect(parts.get(name), node))
        elif name == "matrix":
            parts[name] = (key, node)
        elif isinstance(node, Items) and name == "needs":
            old = parts.get(name)
            before = old[1].items if old is not None and isinstance(old[1], Items) else ()
            parts[name] = (key, Items(items=(*before, *node.items), line=node.line, column=node.column, end=node.end))
    instead = change.get("instead_of")
    if instead is not None:
        parts["steps"] = _replaced(parts.get("steps"), instead, change.get("do"), to)
    return Table(entries=tuple(parts.values()), line=root.line, column=root.column, end=root.end)


def _table(entries: Iterable[tuple[Text, Node]], like: Node) -> Table:
    return Table(entries=tuple(entries), line=like.line, column=like.column, end=like.end)


def _merged(old: tuple[Text, Node] | None, new: Table, *, deep: bool) -> Table:
    """The old entries with the new ones in their place; *deep*: key by key within each."""
    entries = old[1].entries_by_name() if old is not None and isinstance(old[1], Table) else {}
    merged = dict(entries)
    for key, node in new.entries:
        before = merged.get(key.value)
        if isinstance(node, Text) and node.nothing:
            if before is not None:
                del merged[key.value]
            else:
                merged[key.value] = (key, node)
        elif deep and isinstance(node, Table) and before is not None:
            inner = before if isinstance(before[1], Table) else None
            merged[key.value] = (before[0], _merged(inner, node, deep=False))
        else:
            merged[key.value] = (key, node)
    return _table(merged.values(), new)


def _expect(old: tuple[Text, Node] | None, new: Table) -> Table:
    """Each look that *new* names is replaced, in the old `where` too; a new `where` stands after the old one."""
    entries = old[1].entries_by_name() if old is not None and isinstance(old[1], Table) else {}
    named = {key.value for key, _ in new.entries if key.value != "where"}
    merged = {name: entry for name, entry in entries.items() if name not in named}
    where = merged.pop("where", None)
    added = new.get("where")
    kept: dict[str, tuple[Text, Node]] = {}
    if where is not None and isinstance(where[1], Table):
        for capability, looks in where[1].entries:
            if isinstance(looks, Table):
                left = [(look, value) for look, value in looks.entries if look.value not in named]
                if left:
                    kept[capability.value] = (capability, _table(left, looks))
    if isinstance(added, Table):
        for capability, looks in added.entries:
            before = kept.pop(capability.value, None)
            kept[capability.value] = (capability, _merged(before, looks, deep=False) if isinstance(looks, Table) else looks)
    merged |= {key.value: (key, value) for key, value in new.entries if key.value != "where"}
    if kept:
        key = new.key("where") or (where[0] if where is not None else None)
        assert key is not None  # noqa: S101  # one of the two had it
        merged["where"] = (key, _table(kept.values(), added or key))
    elif added is not None and not isinstance(added, Table):
        merged["where"] = (new.key("where") or new.entries[0][0], added)
    return _table(merged.values(), new)


def _replaced(old: tuple[Text, Node] | None, instead: Node, do: Node | None, to: Problems) -> tuple[Text, Node]:
    """The steps with those that *instead* names replaced by *do*."""
    if old is None or not isinstance(old[1], Items):
        raise to.wrong(instead, "there are no steps to replace", "a table is changed by 'matrix'")
    steps = old[1].items
    wanted = [(node, node.value) for node in (instead.items if isinstance(instead, Items) else (instead,)) if isinstance(node, Text)]
    names = [_names(step) for step in steps]
    for node, text in wanted:
        if not any(text in name for name in names):
            known = [name[-1] for name in names if name]
            raise to.wrong(node, f"no step is {said(text)}", did_you_mean(text, [*known, *(name[0] for name in names if name)]))
    count = len(wanted)
    starts = [start for start in range(len(steps) - count + 1) if all(text in names[start + offset] for offset, (_, text) in enumerate(wanted))]
    shown = listed([said(text) for _, text in wanted])
    if not starts:
        raise to.wrong(instead, f"no steps in a row are {shown}", f"steps here: {listed([name[-1] for name in names if name], most=40)}")
    if len(starts) > 1:
        fact = f"{len(starts)} steps are {shown}" if count == 1 else f"{len(starts)} times in a row stand {shown}"
        raise to.wrong(instead, fact, "name the step before it too: [FIRST, SECOND]")
    if do is not None and not isinstance(do, Items):
        raise to.wrong(do, "a list is wanted for 'do'", "[{stop: db}, {start: db}]")
    start = starts[0]
    new = (*steps[:start], *(do.items if do is not None else ()), *steps[start + count :])
    return old[0], Items(items=new, line=old[1].line, column=old[1].column, end=old[1].end)


def _names(step: Node) -> tuple[str, ...]:
    """What *step* may be called: its verb; its verb and subject."""
    found = name_of(step)
    return () if found is None else (found[0], f"{found[0]} {found[1]}")
