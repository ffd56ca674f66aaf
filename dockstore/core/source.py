"""YAML in, texts with their places out. Nothing is interpreted here: every scalar stays the text that was written.

Rule 1: no input makes this raise, and none makes it work for long: size, depth and number of values are bounded before anything is built.
Rule 2: only this file knows PyYAML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dockstore.core.problems import LINE_BREAK, Problems, did_you_mean, said
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST_BYTES = 10_000_000
DEEPEST = 50
_DEEPEST_HINT = f"at most {DEEPEST} levels; six are enough for any scenario"
MOST_VALUES = 10_000
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A scalar. *nothing*: written as `~`, `null` or not at all."""

    value: str
    line: int
    column: int
    width: int = 1
    nothing: bool = False
    end: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int
    column: int
    end: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping, in the order written; each key once."""

    entries: tuple[tuple[Text, Node], ...]
    line: int
    column: int
    end: tuple[int, int] = (1, 1)

    def get(self, name: str) -> Node | None:
        """The value of the key *name*."""
        return next((value for key, value in self.entries if key.value == name), None)

    def key(self, name: str) -> Text | None:
        """The key *name* itself, for its place."""
        return next((key for key, _ in self.entries if key.value == name), None)

    def entries_by_name(self) -> dict[str, tuple[Text, Node]]:
        """The entries by their keys' texts."""
        return {key.value: (key, value) for key, value in self.entries}


Node = Text | Items | Table
Plain = str | list["Plain"] | dict[str, "Plain"] | None


@dataclass(frozen=True, slots=True)
class _Place:
    line: int
    column: int
    width: int = 1


def plain(node: Node) -> Plain:
    """What *node* says, without its places."""
    match node:
        case Text():
            return None if node.nothing else node.value
        case Items():
            return [plain(item) for item in node.items]
        case Table():
            return {key.value: plain(value) for key, value in node.entries}


# --- bytes to text ------------------------------------------------------------------------------------------------------


def read(data: str | bytes, file: str) -> tuple[Table | None, str, Problems]:
    """Read *data*; return its root (None: unusable), its text and the problems found so far."""
    text, fact, hint, offset = _decode(data)
    lines = tuple(LINE_BREAK.split(text))
    problems = Problems(file, lines)
    if fact is not None:
        problems.add(_place(text, offset), fact, hint)
        return None, text, problems
    if not text.strip():
        problems.add(_Place(1, 1), "the file is empty", "it begins with version: 1")
        return None, text, problems
    return _Composer(text, problems).root(), text, problems


def _decode(data: str | bytes) -> tuple[str, str | None, str | None, int]:
    """Return the text; and what is wrong with it, the way out, and at which character."""
    if len(data) > LARGEST_BYTES:
        return "", "larger than 10 MB", "a scenario is one fact; one page is enough for it", 0
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as exc:
            text = data.decode("utf-8", "replace")
            if b"\0" in data:
                return text, "not a text file", "save it as UTF-8", text.find("\0")
            return text, "not UTF-8", "save it as UTF-8", len(data[: exc.start].decode("utf-8", "replace"))
    else:
        text = data
    text = text.removeprefix("\ufeff")
    found = _SURROGATE.search(text)
    if found:
        return text.encode("utf-8", "replace").decode("utf-8"), "not UTF-8", "save it as UTF-8", found.start()
    found = _UNPRINTABLE.search(text)
    if found:
        return text, "not a text file", f"the character {found.group()!a} cannot stand in YAML", found.start()
    return text, None, None, 0


def _place(text: str, offset: int) -> _Place:
    before = LINE_BREAK.split(text[:offset])
    return _Place(len(before), len(before[-1]) + 1)


# --- text to nodes ------------------------------------------------------------------------------------------------------


class _Frame:
    """A list or mapping that is not closed yet."""

    __slots__ = ("is_table", "items", "key", "keys", "mark", "waiting")

    def __init__(self, *, is_table: bool, mark: Any) -> None:
        self.is_table = is_table
        self.mark = mark
        self.items: list[Any] = []
        self.keys: dict[str, int] = {}
        self.key: Text | None = None
        self.waiting = is_table  # for a key

    def closed(self, end: tuple[int, int]) -> Items | Table:
        line, column = self.mark.line + 1, self.mark.column + 1
        end = self.items[-1][1].end if self.items and self.is_table else self.items[-1].end if self.items else end
        if self.is_table:
            return Table(entries=tuple(self.items), line=line, column=column, end=end)
        return Items(items=tuple(self.items), line=line, column=column, end=end)


class _Stop(Exception):  # noqa: N818
    """Nothing more can be made of this file."""


class _Composer:
    """Events to nodes, with a stack of our own: PyYAML's composer recurses, follows aliases and knows no bound."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._text = text
        self._problems = problems
        self._barred = False

    def root(self) -> Table | None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            root = self._compose(yaml.parse(self._text, Loader=loader), yaml)
        except yaml.MarkedYAMLError as exc:
            mark = exc.problem_mark or exc.context_mark
            if mark and exc.context_mark and not "".join(self._problems.lines[mark.line :]).strip():
                mark = exc.context_mark  # it goes wrong at the end of the file: show where it began
            what = exc.problem or exc.context or "unreadable"
            line = min(mark.line + 1, len(self._problems.lines)) if mark else 1
            column = min(mark.column, len(self._problems.lines[line - 1])) + 1 if mark else 1
            if "nesting depth" in what:  # libyaml 0.2.6 has a bound of its own, far above ours, and meets it first while it scans
                self._problems.add(_Place(line, column), "nested too deeply", _DEEPEST_HINT)
                return None
            self._problems.add(_Place(line, column), f"not YAML: {what}", _yaml_hint(what, self._problems.lines[line - 1][column - 1 : column]))
            return None
        except yaml.YAMLError as exc:  # a ReaderError: a character that YAML does not take
            self._problems.add(_Place(1, 1), "not a text file", str(getattr(exc, "reason", "")) or None)
            return None
        except _Stop:
            return None
        if root is None:
            self._problems.add(_Place(1, 1), "the file is empty", "it begins with version: 1")
            return None
        if self._barred:
            return None
        if not isinstance(root, Table):
            self._problems.add(root, "a scenario is a mapping", "version: 1, scenario: …, steps: …, expect: …")
            return None
        return root

    def _compose(self, events: Iterator[Any], yaml: Any) -> Node | None:
        root: Node | None = None
        stack: list[_Frame] = []
        documents = values = 0
        for event in events:
            node: Node
            match event:
                case yaml.ScalarEvent():
                    self._check(event)
                    node = _text(event)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._check(event)
                    if len(stack) >= DEEPEST:
                        self._problems.add(_at(event.start_mark), "nested too deeply", _DEEPEST_HINT)
                        raise _Stop
                    is_table = isinstance(event, yaml.MappingStartEvent)
                    if stack and stack[-1].waiting:
                        self._problems.add(
                            _at(event.start_mark), "a key is a text, not a list or mapping", "a text that begins with [ or { needs quotes"
                        )
                        raise _Stop
                    stack.append(_Frame(is_table=is_table, mark=event.start_mark))
                    continue
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    node = stack.pop().closed((event.end_mark.line + 1, event.end_mark.column + 1))
                case yaml.AliasEvent():
                    self._bar(event, "anchors and aliases are not allowed", "write it out: what one reads is what is done")
                    node = Text(value="", nothing=True, line=event.start_mark.line + 1, column=event.start_mark.column + 1)
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._problems.add(_at(event.start_mark), "a second document begins here", "one file, one scenario")
                        raise _Stop
                    continue
                case _:
                    continue
            values += 1
            if values > MOST_VALUES:
                self._problems.add(node, f"more than {MOST_VALUES} values", "a scenario is one fact; one page is enough for it")
                raise _Stop
            if stack:
                self._place_in(stack[-1], node)
            else:
                root = node
        if isinstance(root, Text) and root.nothing:
            return None
        return root

    def _place_in(self, frame: _Frame, node: Node) -> None:
        """Put *node* where it belongs in the list or mapping around it."""
        if not frame.is_table:
            frame.items.append(node)
            return
        if frame.waiting:
            assert isinstance(node, Text)  # noqa: S101  # lists and mappings were refused as keys when they began
            frame.key = node
            frame.waiting = False
            return
        frame.waiting = True
        key = frame.key
        if key is None:
            return
        if key.value in frame.keys:
            self._problems.add(key, f"{said(key.value)} is written twice, first in line {frame.keys[key.value]}", "leave one of them out")
            return
        frame.keys[key.value] = key.line
        frame.items.append((key, node))

    def _check(self, event: Any) -> None:
        if event.anchor is not None:
            self._bar(event, "anchors and aliases are not allowed", "write it out: what one reads is what is done")
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._bar(event, f"tags such as {said(shown)[1:-1]} are not allowed", "leave it out: a value is the text that was written")

    def _bar(self, event: Any, fact: str, hint: str) -> None:
        self._barred = True
        self._problems.add(_at(event.start_mark), fact, hint)


def _at(mark: Any) -> _Place:
    return _Place(mark.line + 1, mark.column + 1)


def _text(event: Any) -> Text:
    start, end = event.start_mark, event.end_mark
    return Text(
        value=event.value,
        line=start.line + 1,
        column=start.column + 1,
        width=max(1, end.column - start.column) if end.line == start.line else 1_000,
        nothing=event.implicit[0] and event.value in _NOTHING,
        end=(end.line + 1, end.column + 1),
    )


def _yaml_hint(what: str, char: str) -> str | None:
    if "mapping values are not allowed" in what or "could not find expected ':'" in what:
        return "a text with ': ' in it needs quotes; a key needs ': ' after it"
    if char == "\t" or "tab" in what:
        return "indent with spaces, not with tabs"
    if "cannot start any token" in what:
        return "a text that begins with this character needs quotes"
    if "expected <block end>" in what or "did not find expected key" in what or "'-' indicator" in what or "block" in what:
        return "look at the indentation, and for a text that needs quotes"
    if "flow" in what or "',' or" in what:
        return "a bracket is not closed, or a text in brackets needs quotes"
    return None


# --- somebody else's YAML -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Loose:
    """A user's file as far as it can be read: its documents, and where its texts lie (what is not in them may be a comment)."""

    documents: tuple[Node, ...]
    texts: tuple[tuple[tuple[int, int], tuple[int, int]], ...]  # from (line, column) to (line, column), both from 1


def loose(text: str) -> Loose:
    """Read YAML as its owner wrote it: anchors, aliases, merge keys and tags allowed; at the first error, what came before it.

    An alias is the very node of its anchor, so nothing is copied, however often it is named; one that names what is around it is nothing.
    """
    import yaml

    text = _SURROGATE.sub("?", text[:LARGEST_BYTES]).removeprefix("\ufeff")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reading = _Loosely(yaml)
    try:
        for event in yaml.parse(text, Loader=loader):
            reading.take(event)
    except (yaml.YAMLError, _Stop):
        pass  # Compose says what is wrong; here only places are wanted
    return Loose(documents=tuple(reading.documents), texts=tuple(reading.texts))


class _Loosely:
    """Events to nodes, aliases followed."""

    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._stack: list[_Frame] = []
        self._names: list[str | None] = []
        self._anchors: dict[str, Node] = {}
        self._values = 0
        self.documents: list[Node] = []
        self.texts: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def take(self, event: Any) -> None:
        """Go on with one event."""
        yaml = self._yaml
        match event:
            case yaml.ScalarEvent():
                node = _text(event)
                self.texts.append(((node.line, node.column), node.end))
                self._done(node, event.anchor)
            case yaml.AliasEvent():
                at = event.start_mark
                nothing = Text(value="", nothing=True, line=at.line + 1, column=at.column + 1)
                self._done(self._anchors.get(event.anchor, nothing), None)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._stack) >= DEEPEST:
                    raise _Stop
                self._stack.append(_Frame(is_table=isinstance(event, yaml.MappingStartEvent), mark=event.start_mark))
                self._names.append(event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._done(self._stack.pop().closed((event.end_mark.line + 1, event.end_mark.column + 1)), self._names.pop())
            case _:
                pass

    def _done(self, node: Node, anchor: str | None) -> None:
        self._values += 1
        if self._values > 20 * MOST_VALUES:
            raise _Stop
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self.documents.append(node)
            return
        frame = self._stack[-1]
        if not frame.is_table:
            frame.items.append(node)
        elif frame.waiting:
            frame.key = node if isinstance(node, Text) else Text(value="", nothing=True, line=node.line, column=node.column)
            frame.waiting = False
        else:
            frame.waiting = True
            frame.items.append((frame.key, node))


# --- variables ------------------------------------------------------------------------------------------------------------


class _Budget:
    """How much text may come of it: a line of variables must not become a gigabyte."""

    def __init__(self) -> None:
        self.left = LARGEST_BYTES


def substitute(root: Table, values: Mapping[str, str], problems: Problems, *, except_for: tuple[str, ...]) -> Table:
    """Replace `${name}` by its value in all texts of *root*, but for the top-level keys *except_for*; what is not declared stays."""
    if not values:
        return root
    budget = _Budget()
    entries = tuple((key, value if key.value in except_for else _substituted(value, values, budget, problems)) for key, value in root.entries)
    return Table(entries=entries, line=root.line, column=root.column, end=root.end)


def _substituted(node: Node, values: Mapping[str, str], budget: _Budget, problems: Problems) -> Node:
    match node:
        case Text():
            if "${" not in node.value:
                return node
            text = VARIABLE.sub(lambda found: values.get(found.group(1), found.group()), _affordable(node, values, budget, problems))
            return Text(value=text, line=node.line, column=node.column, width=node.width, end=node.end)
        case Items():
            items = tuple(_substituted(item, values, budget, problems) for item in node.items)
            return Items(items=items, line=node.line, column=node.column, end=node.end)
        case Table():
            entries: list[tuple[Text, Node]] = []
            lines: dict[str, int] = {}
            for old, value in node.entries:
                key = _substituted(old, values, budget, problems)
                assert isinstance(key, Text)  # noqa: S101  # a text stays one
                if key.value in lines:
                    problems.add(key, f"{said(key.value)} is written twice, first in line {lines[key.value]}", "leave one of them out")
                    continue
                lines[key.value] = key.line
                entries.append((key, _substituted(value, values, budget, problems)))
            return Table(entries=tuple(entries), line=node.line, column=node.column, end=node.end)


def _affordable(node: Text, values: Mapping[str, str], budget: _Budget, problems: Problems) -> str:
    """The text of *node*, if there is room for what comes of it."""
    budget.left -= sum(len(values.get(found.group(1), "")) for found in VARIABLE.finditer(node.value))
    if budget.left < 0:
        raise problems.wrong(node, "too much text once the variables are replaced", "at most 10 MB")
    return node.value


def unknown_variable(text: str, declared: tuple[str, ...]) -> tuple[str, str] | None:
    """Return fact and hint if *text* still names a variable."""
    found = VARIABLE.search(text)
    if found is None:
        return None
    hint = did_you_mean(found.group(1), declared) or f"declare it: vars: {{{found.group(1)}: …}}"
    return f"unknown variable {found.group()}", hint
