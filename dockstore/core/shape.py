"""Small tables that say what may stand where. A table reads a mapping and describes it as JSON Schema, so the two cannot part.

Rule 1: a reader returns a value or raises Unread, having noted why; a mapping notes everything that is wrong with it, not only the first.
Rule 2: every key has a sentence that says what it is for; `schema` and the documentation are made from it.
"""

# ruff: noqa: D102  # `read` and `schema` are what Reader says they are

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from dockstore.core.problems import Misread, Problems, Unread, did_you_mean, said
from dockstore.core.source import Items, Node, Table, Text, unknown_variable
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Json = dict[str, Any]
Defs = dict[str, Json]

VARIABLE_PATTERN = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"
SCALAR: Json = {"type": ["string", "number", "boolean"]}  # what an editor's YAML parser makes of a text


class Reader(Protocol[T_co]):
    """Reads one value, and describes it."""

    def read(self, node: Node, to: Problems, key: str) -> T_co:
        """Return what *node* says as the value of *key*; or note what is wrong and raise Unread."""

    def schema(self, defs: Defs) -> Json:
        """Describe it as JSON Schema; named parts go into *defs*."""


def text_schema(pattern: str | None) -> Json:
    """A text that matches *pattern*, or still has a variable in it: substitution comes before reading."""
    if pattern is None:
        return dict(SCALAR)
    return {**SCALAR, "pattern": f"^(?:{pattern})$|{VARIABLE_PATTERN}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Generic[T]):
    """A text, read by *parse*. *script*: what it says in `${…}` beyond the declared variables is the shell's own."""

    wanted: str  # "a size"
    parse: Callable[[str], T]
    pattern: str | None = None
    script: bool = False
    hint: str | None = None

    def read(self, node: Node, to: Problems, key: str) -> T:
        if not isinstance(node, Text) or node.nothing:
            raise to.wrong(node, f"{self.wanted} is wanted for {said(key)}", self.hint)
        if not self.script:
            stray = unknown_variable(node.value, to.variables)
            if stray:
                raise to.wrong(node, *stray)
        try:
            return self.parse(node.value)
        except Misread as exc:
            raise to.wrong(node, exc.fact, exc.hint) from None

    def schema(self, defs: Defs) -> Json:  # noqa: ARG002
        return text_schema(self.pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node, to: Problems, key: str) -> str:
        if not isinstance(node, Text) or node.nothing:
            raise to.wrong(node, f"a word is wanted for {said(key)}", f"known here: {', '.join(self.words)}")
        if node.value in self.words:
            return node.value
        stray = unknown_variable(node.value, to.variables)
        if stray:
            raise to.wrong(node, *stray)
        raise to.wrong(node, f"{said(node.value)} is not known here", did_you_mean(node.value, self.words))

    def schema(self, defs: Defs) -> Json:  # noqa: ARG002
        return {"anyOf": [{"enum": list(self.words)}, {"type": "string", "pattern": VARIABLE_PATTERN}]}


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`, the only booleans."""

    def read(self, node: Node, to: Problems, key: str) -> bool:
        if not isinstance(node, Text) or node.nothing:
            raise to.wrong(node, f"true or false is wanted for {said(key)}")
        match node.value:
            case "true":
                return True
            case "false":
                return False
        stray = unknown_variable(node.value, to.variables)
        if stray:
            raise to.wrong(node, *stray)
        shown = node.value if re.fullmatch(r"[\w.-]{1,20}", node.value) else said(node.value)
        raise to.wrong(node, f"true or false is wanted here, not {shown}")

    def schema(self, defs: Defs) -> Json:  # noqa: ARG002
        return {"anyOf": [{"enum": [True, False, "true", "false"]}, {"type": "string", "pattern": VARIABLE_PATTERN}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Generic[T]):
    """A list. *hint*: how one looks."""

    item: Reader[T]
    hint: str | None = None
    least: int = 0

    def read(self, node: Node, to: Problems, key: str) -> tuple[T, ...]:
        if not isinstance(node, Items):
            raise to.wrong(node, f"a list is wanted for {said(key)}", self.hint)
        if len(node.items) < self.least:
            raise to.wrong(node, f"the list of {said(key)} is empty", self.hint)
        return read_all(node, self.item, to, key)

    def schema(self, defs: Defs) -> Json:
        described: Json = {"type": "array", "items": self.item.schema(defs)}
        if self.least:
            described["minItems"] = self.least
        return described


def read_all(node: Items, item: Reader[T], to: Problems, key: str) -> tuple[T, ...]:
    """Read every item, so that all that is wrong is said at once."""
    values: list[T] = []
    failed = False
    for child in node.items:
        try:
            values.append(item.read(child, to, key))
        except Unread:
            failed = True
    if failed:
        raise Unread(key)
    return tuple(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Generic[T]):
    """A mapping from names of one's own. *name* reads a key; *bare*: `NAME: ~` is allowed and read as an empty mapping."""

    name: Scalar[str]
    value: Reader[T]
    hint: str | None = None
    bare: bool = False

    def read(self, node: Node, to: Problems, key: str) -> dict[str, T]:
        if not isinstance(node, Table):
            raise to.wrong(node, f"a mapping is wanted for {said(key)}", self.hint)
        values: dict[str, T] = {}
        failed = False
        for name, child in node.entries:
            try:
                read_name = self.name.read(name, to, key)
                if self.bare and isinstance(child, Text) and child.nothing:
                    child = Table(entries=(), line=name.line, column=name.column, end=child.end)  # noqa: PLW2901
                values[read_name] = self.value.read(child, to, name.value)
            except Unread:
                failed = True
        if failed:
            raise Unread(key)
        return values

    def schema(self, defs: Defs) -> Json:
        value = self.value.schema(defs)
        described: Json = {"type": "object", "additionalProperties": {"anyOf": [value, {"type": "null"}]} if self.bare else value}
        if self.name.pattern is not None:
            described["propertyNames"] = {"pattern": f"^(?:{self.name.pattern})$|{VARIABLE_PATTERN}"}
        return described


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOr(Generic[T]):
    """A text (read as *text*), or a list (read as *items*)."""

    text: Reader[T]
    items: Reader[T]

    def read(self, node: Node, to: Problems, key: str) -> T:
        return self.items.read(node, to, key) if isinstance(node, Items) else self.text.read(node, to, key)

    def schema(self, defs: Defs) -> Json:
        return {"anyOf": [self.text.schema(defs), self.items.schema(defs)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A part that is read later, when what it belongs to is known."""

    described: Callable[[Defs], Json] = field(default=lambda _: {})

    def read(self, node: Node, to: Problems, key: str) -> Node:  # noqa: ARG002
        return node

    def schema(self, defs: Defs) -> Json:
        return self.described(defs)


# --- mappings with known keys ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key(Generic[T_co]):
    """One key of a mapping: what it is called, how it is read, and a sentence and an example for its reader."""

    name: str
    reader: Reader[T_co]
    doc: str
    example: str | None = None
    required: bool = False


class Row:
    """A mapping as read: the values of its keys, and their places."""

    __slots__ = ("node", "values")

    def __init__(self, node: Table, values: dict[str, object]) -> None:
        self.node = node
        self.values = values

    def get(self, key: Key[T]) -> T | None:
        """The value of *key*; None: not written."""
        return cast("T | None", self.values.get(key.name))

    def need(self, key: Key[T]) -> T:
        """The value of a required *key*."""
        return cast("T", self.values[key.name])

    def spot(self, key: Key[Any]) -> Node:
        """Where the value of *key* stands; the mapping itself if it is not written."""
        return self.node.get(key.name) or self.node

    def __contains__(self, key: Key[Any]) -> bool:
        return key.name in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A mapping with known keys. *strays*: what people write instead, and the sentence for it. *check*: what its keys must not say together."""

    name: str  # of its part in the schema: "container"
    doc: str
    keys: tuple[Key[Any], ...]
    strays: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Row, Problems], None] | None = None

    def read(self, node: Node, to: Problems, key: str) -> Row:
        if not isinstance(node, Table):
            raise to.wrong(node, f"a mapping is wanted for {said(key)}", self.example())
        return self.row(node, to)

    def row(self, node: Table, to: Problems) -> Row:
        """Read the keys of *node*."""
        known = {key.name: key for key in self.keys}
        values: dict[str, object] = {}
        failed = False
        for name, child in node.entries:
            key = known.get(name.value)
            if key is None:
                failed = True
                to.add(name, f"unknown key {said(name.value)}", self.strays.get(name.value) or did_you_mean(name.value, known))
                continue
            try:
                values[key.name] = key.reader.read(child, to, key.name)
            except Unread:
                failed = True
        for key in self.keys:
            if key.required and node.get(key.name) is None:
                failed = True
                to.add(node, f"{said(key.name)} is missing here", f"{key.name}: {key.example}" if key.example else None)
        if failed:
            raise Unread(self.name)
        row = Row(node, values)
        if self.check is not None:
            self.check(row, to)
        return row

    def example(self) -> str | None:
        """A line that shows how one looks."""
        shown = [f"{key.name}: {key.example}" for key in self.keys if key.example and key.required] or [
            f"{key.name}: {key.example}" for key in self.keys if key.example
        ][:1]
        return "{" + ", ".join(shown) + "}" if shown else None

    def schema(self, defs: Defs) -> Json:
        if self.name not in defs:
            defs[self.name] = {}  # a part may hold itself
            defs[self.name] = self.described(defs)
        return {"$ref": f"#/$defs/{self.name}"}

    def described(self, defs: Defs) -> Json:
        """The mapping itself, not a reference to it."""
        described: Json = {
            "description": self.doc,
            "type": "object",
            "properties": {key.name: described_key(key, defs) for key in self.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys if key.required]
        if required:
            described["required"] = required
        return described


def described_key(key: Key[Any], defs: Defs) -> Json:
    """The schema of *key*'s value with its sentence and example."""
    described: Json = {"description": key.doc, **key.reader.schema(defs)}
    if key.example is not None:
        described["examples"] = [key.example]
    return described


@dataclass(frozen=True, slots=True, kw_only=True)
class Built(Generic[T]):
    """A mapping with known keys, made into a value by *build*."""

    shape: Shape
    build: Callable[[Row, Problems], T]

    def read(self, node: Node, to: Problems, key: str) -> T:
        return self.build(self.shape.read(node, to, key), to)

    def schema(self, defs: Defs) -> Json:
        return self.shape.schema(defs)
