"""One value against what was written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from building import expect

from dockstore.core.checks import check, contains, expected, measured, most_urgent, number, same, show, spread
from dockstore.core.model import Outcome
from dockstore.core.script import AtLeast, AtMost, Contains, DiffersFrom, Equals, Matches, OneOf, SameAs

if TYPE_CHECKING:
    from dockstore.core.history import FactValue
    from dockstore.core.script import Check, Value
    from dockstore.core.verdict import Shown

HOLDS, REFUTED, UNDECIDED, SKIPPED = Outcome.HOLDS, Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED


@pytest.mark.parametrize(
    ("actual", "wanted", "fact"),
    [
        ("old", "old", "content"),
        ("0\n", "0", "content"),
        ("", "", "stdout"),
        (137, "137", "exit_code"),
        (137, 137.0, "exit_code"),
        ("44513", 44513, "content"),
        (True, "true", "exists"),
        (False, False, "exists"),
        ("true", True, "exists"),
        ("0755", 0o755, "mode"),
        ("0755", "755", "mode"),
        (0o755, "0o755", "mode"),
        (64 << 20, "64m", "size"),
        ("512k", 512 << 10, "size"),
        (["b", "a"], ("a", "b"), "entries"),
        (["sleep", "1"], ("sleep", "1"), "cmd"),
        ([1, 2], ("1", "2"), "cmd"),
        ({"/data": "volume"}, {"/data": "volume"}, "mounts"),
        ({"io.dockstore.run": "4f", "k": "v"}, {"k": "v"}, "labels"),
    ],
)
def test_the_same_value_is_the_same_however_it_was_written(actual: FactValue, wanted: Value, fact: str) -> None:
    assert same(actual, wanted, fact=fact)


@pytest.mark.parametrize(
    ("actual", "wanted", "fact"),
    [
        ("20.1", "20.10", "version"),
        ("007", "7", "content"),
        ("old\n", "old", "message"),
        (1, True, "exists"),
        (True, 1, "exists"),
        (["sleep", "1"], ("1", "sleep"), "cmd"),
        (["a"], ("a", "b"), "entries"),
        (["a"], "a", "entries"),
        ("a", ("a",), "entries"),
        ({"/data": "volume"}, {"/data": "bind"}, "mounts"),
        ({"/data": "volume", "/mem": "tmpfs"}, {"/data": "volume"}, "mounts"),
        ({"io.dockstore.run": "4f"}, {}, "mounts"),
        ("a", {"a": "b"}, "labels"),
        (5, "five", "size"),
        ("0755", "0700", "mode"),
        ("rwx", "0700", "mode"),
    ],
)
def test_another_value_is_another(actual: FactValue, wanted: Value, fact: str) -> None:
    assert not same(actual, wanted, fact=fact)


@pytest.mark.parametrize(
    ("actual", "wanted", "outcome"),
    [
        ("one\ntwo", "two", HOLDS),
        ("one", "two", REFUTED),
        (["a", "b"], "b", HOLDS),
        (["a"], "b", REFUTED),
        (["a", "b"], ("a", "b"), HOLDS),
        (["a", "b"], ("a", "c"), REFUTED),
        ({"a": "1"}, "a", HOLDS),
        ({"a": "1"}, "b", REFUTED),
        ({"a": "1", "b": "2"}, {"a": "1"}, HOLDS),
        ({"a": "1"}, {"a": "2"}, REFUTED),
        ("a", {"a": "1"}, REFUTED),
        (1370, 37, HOLDS),
    ],
)
def test_a_text_a_list_and_a_mapping_contain(actual: FactValue, wanted: Value, outcome: Outcome) -> None:
    assert contains(actual, wanted) is (outcome is HOLDS)
    assert check(actual, Contains(wanted)) == (outcome, "")


@pytest.mark.parametrize(
    ("actual", "wanted", "outcome"),
    [
        (5, AtLeast(5), HOLDS),
        (5, AtLeast(5.1), REFUTED),
        ("5\n", AtMost(5), HOLDS),
        ("5", AtMost(4), REFUTED),
        ("much", AtMost(4), UNDECIDED),
        (math.nan, AtLeast(1), UNDECIDED),
        (True, AtLeast(1), UNDECIDED),
        (["1"], AtLeast(1), UNDECIDED),
        ("abc", Matches("^a.c$"), HOLDS),
        ("abc", Matches("^b"), REFUTED),
        ("abc", Matches("("), UNDECIDED),
        ("b", OneOf(("a", "b")), HOLDS),
        ("c", OneOf(("a", "b")), REFUTED),
        ("c", Equals("c"), HOLDS),
        ("c", SameAs("before"), UNDECIDED),
        ("c", DiffersFrom("before"), UNDECIDED),
    ],
)
def test_each_check_is_met_or_not_or_cannot_be_told(actual: FactValue, wanted: Check, outcome: Outcome) -> None:
    assert check(actual, wanted)[0] is outcome


@pytest.mark.parametrize(
    ("value", "fact", "came_to"),
    [
        (5, "", 5.0),
        (" 5 ", "", 5.0),
        ("1e3", "", 1000.0),
        ("5m", "", None),
        ("5m", "size", 5.0 * (1 << 20)),
        ("1.5G", "memory", 1.5 * (1 << 30)),
        ("5x", "size", None),
        ("755", "mode", 493.0),
        ("899", "mode", 899.0),
        (True, "", None),
        (None, "", None),
        ([1], "", None),
    ],
)
def test_a_number_is_read_where_there_is_one(value: object, fact: str, came_to: float | None) -> None:
    assert number(value, fact=fact) == came_to


def test_refuted_beats_undecided_beats_holds() -> None:
    assert most_urgent([HOLDS, UNDECIDED, REFUTED]) is REFUTED
    assert most_urgent([HOLDS, UNDECIDED]) is UNDECIDED
    assert most_urgent([HOLDS, HOLDS]) is HOLDS
    assert most_urgent([]) is HOLDS
    assert most_urgent([SKIPPED, HOLDS]) is SKIPPED


def test_a_spread_is_told_by_percentiles() -> None:
    assert spread([float(ratio) for ratio in range(11)]) == (1.0, 5.0, 9.0)
    assert spread([3.0, 1.0, 2.0]) == (1.2, 2.0, 2.8)
    assert spread([1.0, 2.0]) is None
    assert spread([1.0, 2.0, math.nan]) is None


@pytest.mark.parametrize(
    ("ratios", "wanted", "outcome"),
    [
        ([2.0, 2.0, 2.0], AtLeast(2), HOLDS),
        ([2.0, 2.1, 2.2], AtLeast(1.3), HOLDS),
        ([0.5, 0.6, 0.7], AtLeast(1.3), REFUTED),
        ([1.0, 1.4, 2.0], AtLeast(1.3), UNDECIDED),
        ([1.0, 1.2, 2.0], AtLeast(1.3), UNDECIDED),
        ([0.5, 0.6, 0.7], AtMost(0.9), HOLDS),
        ([2.0, 2.1, 2.2], AtMost(0.9), REFUTED),
        ([0.5, 0.8, 2.0], AtMost(0.9), UNDECIDED),
        ([2.0, 2.0, 2.0], Equals("2"), UNDECIDED),
    ],
)
def test_a_measure_is_decided_only_where_its_spread_lies_on_one_side(ratios: list[float], wanted: Check, outcome: Outcome) -> None:
    assert measured(ratios, wanted)[0] is outcome


@pytest.mark.parametrize(
    ("checks", "since", "shown"),
    [
        ((Equals("orphaned"),), None, "orphaned"),
        ((Equals(137),), None, 137),
        ((Equals(("a", "b")),), None, ["a", "b"]),
        ((Equals({"/data": "volume"}),), None, {"/data": "volume"}),
        ((OneOf((400, 500)),), None, ["400", "500"]),
        ((AtLeast(63.0),), "before", {"since": "before", "at_least": 63.0}),
        ((AtLeast(1.0), AtMost(2.0)), None, {"at_least": 1.0, "at_most": 2.0}),
        ((Contains("a"), Matches("b")), None, {"contains": "a", "matches": "b"}),
        ((SameAs("x"), DiffersFrom("y")), None, {"same_as": "x", "differs_from": "y"}),
        ((Equals("a"), OneOf(("a", True))), None, {"equals": "a", "one_of": "a, true"}),
        ((Equals("3"),), "before", {"since": "before", "equals": "3"}),
    ],
)
def test_what_was_expected_is_shown_as_it_was_written(checks: tuple[Check, ...], since: str | None, shown: Shown) -> None:
    assert expected(expect("row", "fact", *checks, since=since)) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (1.25, "1.25"),
        (67108864.0, "67108864"),
        (("a", 1), "[a, 1]"),
        ({"a": [True]}, "{a: [true]}"),
        ("", "empty"),
        ("x" * 300, "x" * 197 + "..."),
        (5, "5"),
    ],
)
def test_a_value_is_shown_as_one_writes_it_in_a_sentence(value: object, text: str) -> None:
    assert show(value) == text
