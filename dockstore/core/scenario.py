"""A scenario file in, a Scenario or all its Problems out.

Rule 1: structure first, then names, order and places; so hardly a slip is told twice.
Rule 2: nothing that a file can say makes this raise, and nothing in it is ever run, fetched or opened.
Rule 3: only YAML and the standard library are imported here: start-up time is a promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.capabilities import implied
from dockstore.core.cells import Grid, needs_of, read_matrix
from dockstore.core.drafts import Things, Written
from dockstore.core.expecting import Expected, read_expect
from dockstore.core.matrix import expand
from dockstore.core.mutants import changed, only_expects, read_shapes
from dockstore.core.names import check_names, check_needs, looks
from dockstore.core.order import check_order
from dockstore.core.problems import Enough, Problems, Unread, did_you_mean, said
from dockstore.core.script import At, Mutant, Parsed, Scenario
from dockstore.core.source import VARIABLE, Table, Text, read, substitute
from dockstore.core.things import CONTAINERS, HOST, IMAGES, VOLUMES, named
from dockstore.core.top import INSTEAD, LESSON, NEEDS, NUANCE, SCENARIO, TAGS, TOP, VARS
from dockstore.core.verbs import read_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.model import ImageSpec
    from dockstore.core.shape import Row


def load_text(text: str | bytes, file: str, *, variables: Mapping[str, str] | None = None, isolate: bool = False) -> Parsed:
    """Read *text*, the content of *file*; *variables* replace those of `vars`, *isolate* gives each event of a matrix a chain of its own."""
    problems = Problems(file, ())
    scenario = None
    try:
        root, whole, problems = read(text, file)
        if root is not None:
            scenario = _Loader(root, whole, problems, variables or {}, isolate=isolate).load()
    except Enough:
        scenario = None
    return Parsed(scenario=scenario if not any(not problem.warning for problem in problems.found) else None, problems=problems.in_order())


class _Loader:
    """One file, and its mutants."""

    def __init__(self, root: Table, whole: str, problems: Problems, variables: Mapping[str, str], *, isolate: bool) -> None:
        self._root = root
        self._whole = whole
        self._to = problems
        self._overrides = dict(variables)
        self._isolate = isolate

    def load(self) -> Scenario | None:
        self._check_overrides()
        shapes: tuple[tuple[Text, Table], ...] = ()
        mutants = self._root.get("mutants")
        if mutants is not None:
            try:
                shapes = read_shapes(mutants, self._to)
            except Unread:
                shapes = ()
        scenario = self._scenario(self._root, self._overrides, self._to)
        if scenario is None or self._to:
            return None
        found = [mutant for title, change in shapes if (mutant := self._mutant(title, change, scenario)) is not None]
        return _with_mutants(scenario, tuple(found))

    def _check_overrides(self) -> None:
        declared = _declared(self._root)
        for name in self._overrides:
            if name not in declared:
                spot = self._root.key("vars") or self._root
                self._to.add(spot, f"no variable {said(name)} in this file", did_you_mean(name, declared) or f"vars: {{{name}: …}}")

    def _mutant(self, title: Text, change: Table, scenario: Scenario) -> Mutant | None:
        """The scenario as *change* makes it, read again; what is wrong with it is told at the mutant."""
        inner = Problems(self._to.file, self._to.lines)
        mutated: Scenario | None = None
        try:
            root = changed(self._root, change, inner)
            kept = {name: value for name, value in self._overrides.items() if not _names(change, "vars", name)}
            mutated = self._scenario(root, kept, inner)
            if mutated is not None and not inner and _same(mutated, scenario):
                self._to.add(title, "the mutant changes nothing", "a mutant is another experiment, or another expectation")
                return None
        except (Unread, Enough):
            mutated = None
        start, end = (title.line, title.column), change.end
        for problem in inner.found:
            is_its_own = start <= (problem.line, problem.column) < end
            where = "" if is_its_own or problem.line == title.line else f" (in line {problem.line})"
            spot = Text(value="", line=problem.line, column=problem.column, width=problem.width) if is_its_own else title
            self._to.add(spot, f"mutant {said(title.value)}: {problem.fact}{where}", problem.hint)
        if mutated is None or inner:
            return None
        return Mutant(title=title.value, at=At(line=title.line, column=title.column), scenario=mutated, replay=not only_expects(change))

    def _scenario(self, written: Table, overrides: Mapping[str, str], to: Problems) -> Scenario | None:
        """Read one document, which may be a mutant's."""
        try:
            values, pinned = _variables(written, overrides, to)
            if to is self._to:
                self._overrides = pinned
            to.variables = tuple(values)
            root = substitute(written, values, to, except_for=("vars", "mutants"))
        except Unread:
            return None
        row: Row | None = None
        try:
            row = TOP.row(root, to)
        except Unread:
            row = None
        body = _Matrix(root, to) if root.get("matrix") is not None else _Steps(root, row, to)
        if row is None or not body.read or to:
            return None
        body.check(row)
        if to:
            return None
        return self._made(row, body, values)

    def _made(self, row: Row, body: _Matrix | _Steps, values: Mapping[str, str]) -> Scenario:
        common = {
            "title": row.need(SCENARIO),
            "file": self._to.file,
            "text": self._whole,
            "lesson": row.get(LESSON) or (),
            "nuance": row.get(NUANCE),
            "instead": row.get(INSTEAD),
            "tags": row.get(TAGS) or (),
            "needs": row.get(NEEDS) or (),
            "vars": tuple(values.items()),
        }
        if isinstance(body, _Matrix):
            grid = body.grid
            assert grid is not None  # noqa: S101  # it was read
            expanded = expand(grid.matrix, at_events=grid.at_events, at_cells=grid.at_cells, where=grid.where, isolate=self._isolate)
            return Scenario(
                **common,  # type: ignore[arg-type]
                implied_needs=implied(expanded.steps),
                images=expanded.images,
                volumes=expanded.volumes,
                host=expanded.host,
                containers=expanded.containers,
                steps=expanded.steps,
                expect=expanded.expect,
                where=expanded.where,
                matrix=grid.matrix,
                isolated=self._isolate,
            )
        steps = tuple(written.step for written in body.steps)
        return Scenario(
            **common,  # type: ignore[arg-type]
            implied_needs=implied(steps),
            images=_bases_first(named(row.get(IMAGES) or {})),
            volumes=tuple(named(row.get(VOLUMES) or {}).values()),
            host=row.get(HOST) or (),
            containers=tuple(named(row.get(CONTAINERS) or {}).values()),
            steps=steps,
            expect=tuple(body.expected.expect),
            where=tuple(body.expected.where),
        )


class _Steps:
    """The long form: `steps` and `expect`."""

    def __init__(self, root: Table, row: Row | None, to: Problems) -> None:
        self._root = root
        self._to = to
        self.steps: tuple[Written, ...] = ()
        self.expected = Expected()
        self.read = False
        containers = named(row.get(CONTAINERS) or {}) if row is not None else {}
        volumes = named(row.get(VOLUMES) or {}) if row is not None else {}
        try:
            self._read(Things(containers=containers, volumes=volumes))
            self.read = True
        except Unread:
            self.read = False

    def _read(self, things: Things) -> None:
        steps, expect = self._root.get("steps"), self._root.get("expect")
        missing = False
        if steps is None or (isinstance(steps, Text) and steps.nothing):
            self._to.add(steps or self._root, "'steps' is missing here", "steps: [{run: db}, …]")
            missing = True
        if expect is None or (isinstance(expect, Text) and expect.nothing) or (isinstance(expect, Table) and _is_empty(expect)):
            self._to.add(expect or self._root, "'expect' is missing: a scenario that expects nothing cannot fail", "expect: {row: persisted}")
            missing = True
        if steps is not None and not (isinstance(steps, Text) and steps.nothing):
            self.steps = read_steps(steps, things, self._to)
        if missing or expect is None:
            raise Unread("steps")
        self.expected = read_expect(expect, looks(self.steps), self._to)

    def check(self, row: Row) -> None:
        """Names, order, and what strikes more than its own things."""
        containers, volumes = named(row.get(CONTAINERS) or {}), named(row.get(VOLUMES) or {})
        images = row.get(IMAGES) or {}
        check_names(self._root, images=images, volumes=volumes, containers=containers, steps=self.steps, expected=self.expected, to=self._to)
        check_needs(self._root, row.get(NEEDS) or (), containers, volumes, self.steps, self._to)
        if not self._to:
            check_order(self.steps, images, self._to)


class _Matrix:
    """The short form: a table."""

    def __init__(self, root: Table, to: Problems) -> None:
        self._to = to
        self.grid: Grid | None = None
        node = root.get("matrix")
        for name in ("containers", "steps", "expect", "images", "volumes", "host"):
            key = root.key(name)
            if key is not None:
                to.add(key, f"{said(name)} does not go with 'matrix'", "the table stands for things, steps and expect; leave it out")
        try:
            self.grid = read_matrix(node, to) if node is not None else None
        except Unread:
            self.grid = None
        self.read = self.grid is not None

    def check(self, row: Row) -> None:
        """Refuse an event that strikes the engine without `needs` saying so."""
        assert self.grid is not None  # noqa: S101  # else it was not read
        needs = row.get(NEEDS) or ()
        for event, node in self.grid.event_nodes.items():
            missing = [need for need in needs_of(event) if need not in needs]
            if missing:
                strikes = "the machine" if "power-loss" in missing else "the daemon" if "restart-engine" in missing else "the whole engine"
                self._to.add(node, f"{event} strikes {strikes}", f"needs: [{', '.join((*needs, *missing))}]")


def _is_empty(expect: Table) -> bool:
    return not [key for key, _ in expect.entries if key.value != "where"]


def _names(change: Table, part: str, name: str) -> bool:
    node = change.get(part)
    return isinstance(node, Table) and node.get(name) is not None


def _declared(root: Table) -> tuple[str, ...]:
    node = root.get("vars")
    return tuple(key.value for key, _ in node.entries) if isinstance(node, Table) else ()


def _variables(root: Table, overrides: Mapping[str, str], to: Problems) -> tuple[dict[str, str], dict[str, str]]:
    """The values of `vars`, and the overrides that change one; each may use those above it.

    A history holds the values of all variables. Given again, those that the file has anyhow are no overrides: a mutant may change
    what they are made of.
    """
    node = root.get("vars")
    if node is None:
        return {}, {}
    values: dict[str, str] = {}
    pinned: dict[str, str] = {}
    room = 1_000_000
    for name, text in VARS.reader.read(node, to, "vars").items():
        room -= len(text) + len(overrides.get(name, "")) + sum(len(values.get(found.group(1), "")) for found in VARIABLE.finditer(text))
        if room < 0:
            raise to.wrong(node, "too much text once the variables are replaced", "at most a million characters")
        values[name] = VARIABLE.sub(lambda found: values.get(found.group(1), found.group()), text)
        if overrides.get(name, values[name]) != values[name]:
            values[name] = pinned[name] = overrides[name]
    return values, pinned


def _bases_first(images: Mapping[str, ImageSpec]) -> tuple[ImageSpec, ...]:
    """The images in an order in which each one's base stands before it."""
    found: dict[str, ImageSpec] = {}
    for image in images.values():
        chain = [image]
        while chain[-1].base in images and chain[-1].base not in found and len(chain) <= len(images):
            chain.append(images[chain[-1].base])
        for each in reversed(chain):
            found.setdefault(each.name, each)
    return tuple(found.values())


def _with_mutants(scenario: Scenario, mutants: tuple[Mutant, ...]) -> Scenario:
    from dataclasses import replace

    return replace(scenario, mutants=mutants)


def _same(one: Scenario, other: Scenario) -> bool:
    """Whether two scenarios say the same, wherever it is written."""
    return _bare(one) == _bare(other)


def _bare(value: object) -> object:
    """*value* without the places that it was written at."""
    from dataclasses import fields, is_dataclass

    match value:
        case At():
            return None
        case tuple() | list():
            return [_bare(item) for item in value]
        case dict():
            return {key: _bare(item) for key, item in value.items()}
        case _ if is_dataclass(value):
            return (type(value).__name__, [_bare(getattr(value, item.name)) for item in fields(value)])
        case _:
            return value
