"""One value against what was written in `expect`.

Rule 1: a text is the text that was written; it is compared as a number or as true/false only with a fact that is one.
Rule 2: what cannot be compared is undecided, never refuted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from dockstore.core.model import Outcome
from dockstore.core.script import AtLeast, AtMost, Contains, DiffersFrom, Equals, Matches, OneOf, SameAs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.history import FactValue
    from dockstore.core.script import Check, Expectation, Value
    from dockstore.core.verdict import Shown

UNORDERED = frozenset({"entries", "volumes", "users"})  # lists in which the order says nothing
_LAST_NEWLINE_OFF = frozenset({"content", "stdout", "stderr"})
_SIZES = frozenset({"size", "size_rw", "memory", "shared_memory"})
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)", re.IGNORECASE)
_OURS = "io.dockstore."

_URGENCY = (Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED, Outcome.HOLDS)


def most_urgent(outcomes: Iterable[Outcome]) -> Outcome:
    """Refuted beats undecided beats holds."""
    return min(outcomes, key=_URGENCY.index, default=Outcome.HOLDS)


def number(value: object, *, fact: str = "") -> float | None:
    """Return *value* as a number, None if it is none. Sizes may be written as Docker writes them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if fact == "mode" and re.fullmatch(r"0?o?[0-7]+", text):
        return float(int(text.lower().replace("o", ""), 8))
    if fact in _SIZES and (size := _SIZE.fullmatch(text)):
        return float(size[1]) * _UNITS[size[2].lower()]
    try:
        return float(text)
    except ValueError:
        return None


def same(actual: FactValue, wanted: Value, *, fact: str = "") -> bool:
    """Whether the fact is the value."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and _texts(actual, fact) == {str(key): _text(value) for key, value in wanted.items()}
    if isinstance(wanted, tuple | list):
        return isinstance(actual, list) and _listed(actual, fact) == _listed(wanted, fact)
    if isinstance(actual, dict | list):
        return False
    if isinstance(actual, bool) or isinstance(wanted, bool):
        return _text(actual) == _text(wanted).lower()
    if isinstance(actual, str) and isinstance(wanted, str) and fact != "mode":
        return actual == wanted or (fact in _LAST_NEWLINE_OFF and actual.removesuffix("\n") == wanted.removesuffix("\n"))
    left, right = number(actual, fact=fact), number(wanted, fact=fact)
    return left == right if left is not None and right is not None else _text(actual) == _text(wanted)


def contains(actual: FactValue, wanted: Value, *, fact: str = "") -> bool:
    """Whether the text, list or mapping holds the value (each of them, where several are wanted)."""
    if isinstance(wanted, dict):
        held = _texts(actual, fact) if isinstance(actual, dict) else {}
        return all(held.get(str(key)) == _text(value) for key, value in wanted.items())
    if isinstance(wanted, tuple | list):
        return all(contains(actual, one, fact=fact) for one in wanted)
    if isinstance(actual, dict):
        return _text(wanted) in _texts(actual, fact)
    if isinstance(actual, list):
        return any(same(one, wanted, fact=fact) for one in actual)
    return _text(wanted) in _text(actual)


def check(actual: FactValue, wanted: Check, *, fact: str = "") -> tuple[Outcome, str]:
    """Return whether one check is met, and why it could not be told."""
    match wanted:
        case Equals():
            return _met(same(actual, wanted.value, fact=fact))
        case OneOf():
            return _met(any(same(actual, value, fact=fact) for value in wanted.values))
        case Contains():
            return _met(contains(actual, wanted.value, fact=fact))
        case Matches():
            try:
                return _met(re.search(wanted.pattern, _text(actual)) is not None)
            except re.error as error:
                return Outcome.UNDECIDED, f"'{wanted.pattern}' is no regular expression: {error}"
        case AtLeast() | AtMost():
            found = number(actual, fact=fact)
            if found is None or found != found:  # noqa: PLR0124  # not a number
                return Outcome.UNDECIDED, f"{show(actual)} is not a number"
            return _met(found >= wanted.value if isinstance(wanted, AtLeast) else found <= wanted.value)
        case SameAs() | DiffersFrom():
            return Outcome.UNDECIDED, "a comparison needs the other look"
        case _:  # pragma: no cover
            assert_never(wanted)


def spread(ratios: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the tenth, the fiftieth and the ninetieth percentile, None of fewer than three rounds."""
    known = sorted(ratio for ratio in ratios if ratio == ratio)  # noqa: PLR0124  # not a number is no ratio
    if len(known) < 3:
        return None

    def at(part: float) -> float:
        place = part * (len(known) - 1)
        below = int(place)
        above = min(below + 1, len(known) - 1)
        return known[below] + (known[above] - known[below]) * (place - below)

    return at(0.1), at(0.5), at(0.9)


def measured(ratios: Sequence[float], wanted: Check) -> tuple[Outcome, str]:
    """Judge a ratio by its median; a spread that reaches over the limit decides nothing."""
    if not isinstance(wanted, AtLeast | AtMost):
        return Outcome.UNDECIDED, "a ratio is judged by at_least and at_most"
    found = spread(ratios)
    if found is None:
        return Outcome.UNDECIDED, f"{len(ratios)} rounds are too few"
    low, median, high = found
    text = f"the median of {len(ratios)} rounds is {median:.3g} (from {low:.3g} to {high:.3g})"
    above, below = low >= wanted.value, high <= wanted.value
    if isinstance(wanted, AtLeast):
        met, missed = above, high < wanted.value
    else:
        met, missed = below, low > wanted.value
    if not met and not missed:
        return Outcome.UNDECIDED, f"{text}: the spread reaches over {wanted.value:g}"
    return _met(met)[0], text


def expected(expectation: Expectation) -> Shown:
    """Return what was expected, as written."""
    shown: dict[str, float | str] = {}
    if expectation.since is not None:
        shown["since"] = expectation.since
    for one in expectation.checks:
        match one:
            case Equals():
                if len(expectation.checks) == 1 and not shown:
                    return _shown(one.value)
                shown["equals"] = show(one.value)
            case OneOf():
                if len(expectation.checks) == 1 and not shown:
                    return [show(value) for value in one.values]
                shown["one_of"] = ", ".join(show(value) for value in one.values)
            case Contains():
                shown["contains"] = show(one.value)
            case Matches():
                shown["matches"] = one.pattern
            case AtLeast():
                shown["at_least"] = one.value
            case AtMost():
                shown["at_most"] = one.value
            case SameAs():
                shown["same_as"] = one.look
            case DiffersFrom():
                shown["differs_from"] = one.look
            case _:  # pragma: no cover
                assert_never(one)
    return shown


def show(value: object) -> str:
    """Return a value as one writes it in a sentence."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
        case list() | tuple():
            return "[" + ", ".join(show(one) for one in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {show(one)}" for key, one in value.items()) + "}"
        case "":
            return "empty"
        case _:
            text = str(value)
            return text if len(text) <= 200 else f"{text[:197]}..."


def _met(met: bool) -> tuple[Outcome, str]:  # noqa: FBT001
    return (Outcome.HOLDS if met else Outcome.REFUTED), ""


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _texts(actual: dict[str, str], fact: str) -> dict[str, str]:
    """Return a mapping as texts; labels without our own."""
    return {str(key): _text(value) for key, value in actual.items() if fact != "labels" or not str(key).startswith(_OURS)}


def _listed(values: Iterable[object], fact: str) -> list[str]:
    texts = [_text(value) for value in values]
    return sorted(texts) if fact in UNORDERED else texts


def _shown(value: Value) -> Shown:
    match value:
        case tuple():
            return [_text(one) for one in value]
        case dict():
            return {str(key): str(one) for key, one in value.items()}
        case _:
            return value
