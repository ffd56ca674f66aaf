"""What each look should show: `expect` read against the kinds of the looks that `steps` has.

Rule 1: facts are closed names; a value means the fact itself, a mapping of `equals`, `at_least` … what is asked of it.
Rule 2: nothing here knows whether an expectation is sensible; only whether it can be judged.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core import texts
from dockstore.core.facts import DIFF_FACT, KINDS, Fact, LookKind
from dockstore.core.problems import Misread, Problems, Unread, did_you_mean, said
from dockstore.core.script import At, AtLeast, AtMost, Check, Contains, DiffersFrom, Equals, Expectation, Matches, OneOf, SameAs, Value, Where
from dockstore.core.shape import Choice, ListOf, MapOf, Scalar
from dockstore.core.source import Items, Node, Table, Text
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATIONS: Mapping[str, str] = {
    "equals": "the value itself",
    "contains": "a part of the text, or an element of the list",
    "matches": "a regular expression, searched for",
    "at_least": "a number at least this",
    "at_most": "a number at most this",
    "same_as": "the same fact of another look of the same kind",
    "differs_from": "not the same as that fact of another look",
    "since": "the number is its growth since that look",
    "otherwise": "`undecided`: not met is undecided, not refuted",
}
_OF_KIND = {
    "contains": ("text", "texts", "pairs"),
    "matches": ("text",),
    "at_least": ("number", "size", "seconds", "text"),
    "at_most": ("number", "size", "seconds", "text"),
    "since": ("number", "size", "seconds", "text"),
}
_LONGEST_PATTERN = 1000


def _status(text: str) -> int:
    if not re.fullmatch(r"[45][0-9]{2}", text):
        raise Misread(f"not a status: {said(text)}", "write 409, [400, 500], true or false")
    return int(text)


def _refused(text: str) -> int | bool:
    return text == "true" if text in {"true", "false"} else _status(text)


def _mode(text: str) -> str:
    return f"{texts.mode(text):04o}"


def _owner(text: str) -> str:
    user, group = texts.owner(text)
    return f"{user}:{group}"


def _size(text: str) -> int | float:
    return texts.number(text) if text.startswith("-") else texts.size(text)


def _seconds(text: str) -> int | float:
    return texts.number(text) if re.fullmatch(r"[0-9.]+", text) else texts.duration(text)


def _pattern(text: str) -> str:
    """A regular expression that can be used without a word from Python."""
    if len(text) > _LONGEST_PATTERN:
        raise Misread("a regular expression of more than 1000 characters", "contains: TEXT needs no pattern")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as exc:
        raise Misread(f"not a regular expression: {exc}", "contains: TEXT needs no pattern") from None
    return text


Number = int | float
_STATUS: Scalar[int] = Scalar(wanted="a status", parse=_status)
_REFUSED: Scalar[int | bool] = Scalar(wanted="a status, true or false", parse=_refused)
_OTHERWISE = Choice(words=("undecided",))
_MODE = Scalar(wanted="a mode", parse=_mode, hint="write 0755, 750 or 1777")
_OWNER = Scalar(wanted="an owner", parse=_owner, hint='write "1000:1000"')
_NUMBER: Scalar[Number] = Scalar(wanted="a number", parse=texts.number)
_SIZE: Scalar[Number] = Scalar(wanted="a size", parse=_size, hint="write 512k, 64m or 2g")
_SECONDS: Scalar[Number] = Scalar(wanted="a number of seconds", parse=_seconds)
_PATTERN = Scalar(wanted="a regular expression", parse=_pattern)
_LIST: ListOf[str] = ListOf(item=texts.TEXT, hint="[a, b]")
_PAIRS: MapOf[str] = MapOf(name=texts.TEXT, value=texts.TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One look named in the expectation of another."""

    look: str
    other: Text
    fact: str


@dataclass(slots=True, kw_only=True)
class Expected:
    """`expect` as read, with the places that later checks need."""

    expect: list[Expectation] = field(default_factory=list)
    where: list[Where] = field(default_factory=list)
    named: list[Text] = field(default_factory=list)  # keys that name a look
    spots: list[tuple[Expectation, Node]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


def read_expect(node: Node, kinds: Mapping[str, str], to: Problems) -> Expected:
    """Read `expect`; a name that no look has is passed over here, and told by whoever checks names."""
    if not isinstance(node, Table):
        raise to.wrong(node, "a mapping is wanted for 'expect'", "{row: persisted}")
    expected = Expected()
    failed = False
    for name, value in node.entries:
        try:
            if name.value == "where":
                expected.where.extend(_where(value, kinds, expected, to))
                continue
            expected.expect.extend(_look(name, value, kinds, expected, to))
        except Unread:
            failed = True
    if failed:
        raise Unread("expect")
    return expected


def _where(node: Node, kinds: Mapping[str, str], expected: Expected, to: Problems) -> list[Where]:
    if not isinstance(node, Table):
        raise to.wrong(node, "a mapping is wanted for 'where'", "{upperdir: {row: persisted}}")
    found: list[Where] = []
    failed = False
    for name, looks in node.entries:
        try:
            capability = texts.CAPABILITY.read(name, to, "where")
        except Unread:
            failed = True
            continue
        if not isinstance(looks, Table):
            to.add(looks, f"a mapping is wanted for {said(name.value)}", "{row: persisted}")
            failed = True
            continue
        replaced: list[Expectation] = []
        for look, value in looks.entries:
            try:
                replaced.extend(_look(look, value, kinds, expected, to))
            except Unread:
                failed = True
        at = At(line=name.line, column=name.column)
        found.append(Where(capability=capability.removeprefix("not "), negated=capability.startswith("not "), expect=tuple(replaced), at=at))
    if failed:
        raise Unread("where")
    return found


def _look(name: Text, node: Node, kinds: Mapping[str, str], expected: Expected, to: Problems) -> list[Expectation]:
    """What one look should show."""
    expected.named.append(name)
    if name.value not in kinds:
        return []
    kind = KINDS[kinds[name.value]]
    found: list[Expectation] = []
    failed = False
    parts, undecided = _parts(name, node, kind, to)
    for key, fact, value in parts:
        try:
            one = _expectation(name, key, fact, value, undecided=undecided, expected=expected, to=to)
        except Unread:
            failed = True
            continue
        found.append(one)
        expected.spots.append((one, key))
    if failed:
        raise Unread(name.value)
    return found


def _parts(name: Text, node: Node, kind: LookKind, to: Problems) -> tuple[list[tuple[Text, Fact, Node]], bool]:
    """Split what is expected of a look into its facts; and whether not met is undecided."""
    shown = f"{name.value}: {kind.example}"
    if not isinstance(node, Table):
        if isinstance(node, Text) and node.nothing:
            raise to.wrong(node, f"nothing is expected of {said(name.value)}", shown)
        if kind.default is None:
            raise to.wrong(node, f"which fact of {said(name.value)}?", shown)
        return [(name, kind.facts[kind.default], node)], False
    if not node.entries:
        raise to.wrong(node, f"nothing is expected of {said(name.value)}", shown)
    parts: list[tuple[Text, Fact, Node]] = []
    asked: list[tuple[Text, Node]] = []
    undecided = failed = False
    for key, value in node.entries:
        if key.value == "otherwise":
            _OTHERWISE.read(value, to, "otherwise")
            undecided = True
        elif key.value in OPERATIONS:
            asked.append((key, value))
        elif kind.name == "diff" and key.value.startswith("/"):
            parts.append((key, DIFF_FACT, value))
        elif key.value in kind.facts:
            parts.append((key, kind.facts[key.value], value))
        else:
            failed = True
            known = list(kind.facts) or None
            hint = did_you_mean(key.value, known) if known else "{/path: A}, with A, C, D or none"
            to.add(
                key, f"a look by {kind.verb} knows no {said(key.value)}" if kind.name != "action" else f"an action tells no {said(key.value)}", hint
            )
    if asked:
        if kind.default is None:
            raise to.wrong(asked[0][0], f"which fact of {said(name.value)}?", shown)
        if any(fact.name == kind.default for _, fact, _ in parts):
            raise to.wrong(asked[0][0], f"{said(kind.default)} is asked twice", f"put it all below {kind.default}")
        table = Table(entries=tuple(asked), line=node.line, column=node.column, end=node.end)
        parts.insert(0, (name, kind.facts[kind.default], table))
    if failed:
        raise Unread(name.value)
    if not parts:
        raise to.wrong(node, f"nothing is expected of {said(name.value)}", shown)
    return parts, undecided


def _expectation(name: Text, key: Text, fact: Fact, node: Node, *, undecided: bool, expected: Expected, to: Problems) -> Expectation:
    checks: list[Check] = []
    since: str | None = None
    if isinstance(node, Table) and (fact.kind != "pairs" or any(entry.value in OPERATIONS for entry, _ in node.entries)):
        for operation, value in node.entries:
            match operation.value:
                case "otherwise":
                    _OTHERWISE.read(value, to, "otherwise")
                    undecided = True
                case "since":
                    _may(operation, fact, to)
                    since = _other(name, value, fact, expected, to)
                case "same_as":
                    checks.append(SameAs(_other(name, value, fact, expected, to)))
                case "differs_from":
                    checks.append(DiffersFrom(_other(name, value, fact, expected, to)))
                case known if known in OPERATIONS:
                    _may(operation, fact, to)
                    checks.append(_check(known, value, fact, to))
                case unknown:
                    raise to.wrong(operation, f"unknown key {said(unknown)}", did_you_mean(unknown, OPERATIONS))
        if not checks:
            raise to.wrong(node, f"nothing is expected of {said(fact.name)}", "{at_least: 1}" if since else None)
        if since and any(isinstance(check, Contains | Matches | SameAs | DiffersFrom) for check in checks):
            raise to.wrong(node, "'since' goes with a number", "{since: LOOK, at_least: NUMBER}")
    elif fact.kind == "refusal" and isinstance(node, Items):
        checks.append(OneOf(ListOf(item=_STATUS, hint="[400, 500]", least=1).read(node, to, fact.name)))
    else:
        checks.append(Equals(_value(node, fact, to)))
    return Expectation(
        look=name.value,
        fact=key.value if fact is DIFF_FACT else fact.name,
        checks=tuple(checks),
        at=At(line=key.line, column=key.column),
        since=since,
        otherwise_undecided=undecided,
    )


def _may(operation: Text, fact: Fact, to: Problems) -> None:
    if fact.kind not in _OF_KIND.get(operation.value, (fact.kind,)):
        raise to.wrong(operation, f"{said(operation.value)} means nothing for {said(fact.name)}", "equals, same_as, differs_from" + _others(fact))


def _others(fact: Fact) -> str:
    return "".join(f", {name}" for name, kinds in _OF_KIND.items() if fact.kind in kinds)


def _other(name: Text, node: Node, fact: Fact, expected: Expected, to: Problems) -> str:
    look = texts.LABEL.read(node, to, "a look")
    assert isinstance(node, Text)  # noqa: S101  # as LABEL reads it
    expected.references.append(Reference(look=name.value, other=node, fact=fact.name))
    return look


def _check(operation: str, node: Node, fact: Fact, to: Problems) -> Check:
    match operation:
        case "equals":
            return Equals(_value(node, fact, to))
        case "contains":
            if isinstance(node, Table):
                return Contains(_PAIRS.read(node, to, operation))
            return Contains(_LIST.read(node, to, operation) if isinstance(node, Items) else texts.TEXT.read(node, to, operation))
        case "matches":
            return Matches(_PATTERN.read(node, to, operation))
        case "at_least":
            return AtLeast(_limit(node, fact, to, operation))
        case _:
            return AtMost(_limit(node, fact, to, operation))


def _limit(node: Node, fact: Fact, to: Problems, operation: str) -> float:
    reader = {"size": _SIZE, "seconds": _SECONDS}.get(fact.kind, _NUMBER)
    return reader.read(node, to, operation)


def _value(node: Node, fact: Fact, to: Problems) -> Value:
    """The value of *fact*, read as its kind is."""
    key = fact.name
    match fact.kind:
        case "flag":
            return texts.FLAG.read(node, to, key)
        case "number":
            return _NUMBER.read(node, to, key)
        case "size":
            return _SIZE.read(node, to, key)
        case "seconds":
            return _SECONDS.read(node, to, key)
        case "mode":
            return _MODE.read(node, to, key)
        case "owner":
            return _OWNER.read(node, to, key)
        case "texts":
            return _LIST.read(node, to, key)
        case "pairs":
            return _PAIRS.read(node, to, key)
        case "word":
            return Choice(words=fact.words).read(node, to, key)
        case "refusal":
            return _REFUSED.read(node, to, key)
        case _:
            return texts.TEXT.read(node, to, key)
