"""YAML to texts with their places."""

from __future__ import annotations

import pytest

from dockstore.core.problems import Problems
from dockstore.core.source import Table, Text, plain, read, substitute


def root(text: str | bytes) -> Table:
    """The root of a good file."""
    found, _, problems = read(text, "f.yaml")
    assert problems.found == []
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["no", "yes", "0755", "1.10", "1e3", "2026-01-01", "12:30:45", "on", "0x1f", "=", "<<"])
@pytest.mark.parametrize("quoting", ["{}", "'{}'", '"{}"'])
def test_a_scalar_stays_the_text_that_was_written_quoted_or_not(text: str, quoting: str) -> None:
    found = plain(root(f"a: {quoting.format(text)}\n"))

    assert found == {"a": text}


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_written_as_a_tilde_as_null_or_not_at_all(written: str) -> None:
    assert plain(root(f"a: {written}\n")) == {"a": None}


def test_a_quoted_tilde_is_a_text() -> None:
    assert plain(root("a: '~'\n")) == {"a": "~"}


def test_every_value_knows_its_place() -> None:
    found = root('a: 1\nb: {c: "é", d: x}\nlist:\n  - run: db\n    to: place\n')

    steps = found.get("list")
    inner = found.get("b")
    assert isinstance(inner, Table)
    value = inner.get("d")
    assert isinstance(value, Text)
    assert (value.line, value.column, value.width) == (2, 16, 1)
    assert steps is not None
    assert (steps.line, steps.column) == (4, 3)
    key = found.key("list")
    assert key is not None
    assert (key.line, key.column, key.width) == (3, 1, 4)


def test_a_byte_order_mark_moves_nothing() -> None:
    found = root("\ufeffa: b\n".encode())

    key = found.key("a")
    assert key is not None
    assert (key.line, key.column) == (1, 1)


def test_all_line_breaks_of_yaml_count() -> None:
    found = root("a: 1\r\nb: 2\rc: 3\n")

    assert [key.line for key, _ in found.entries] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        pytest.param("[b,\n" * 500_000, "nested too deeply", id="brackets that are never closed"),
        pytest.param("[" * 5_000_000, "nested too deeply", id="a tower of lists"),
        pytest.param("{a: " * 1_000_000, "nested too deeply", id="a tower of mappings"),
        pytest.param("- " * 2_000_000, "nested too deeply", id="a tower of dashes"),
        pytest.param("steps:\n" + "- run: a\n" * 500_000, "more than 10000 values", id="half a million steps"),
        pytest.param("a: [" + "b," * 2_000_000 + "]", "more than 10000 values", id="a long list"),
        pytest.param("\n".join(f"k{number}: 1" for number in range(300_000)), "more than 10000 values", id="many keys"),
        pytest.param("\n" * 3_000_000, "the file is empty", id="empty lines"),
        pytest.param("a: '" + "x" * 5_000_000, "not YAML", id="a quote that is never closed"),
        pytest.param(b"x" * 10_000_001, "larger than 10 MB", id="too large"),
        pytest.param("x" * 10_000_001, "larger than 10 MB", id="too large a text"),
    ],
)
def test_a_huge_file_is_refused_before_anything_is_built_of_it(text: str | bytes, fact: str) -> None:
    found, _, problems = read(text, "f.yaml")

    assert found is None
    assert [problem.fact.split(":")[0] for problem in problems.found] == [fact]


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20))

    found, _, problems = read(bomb, "f.yaml")

    assert found is None
    assert {problem.fact for problem in problems.found} == {"anchors and aliases are not allowed"}
    assert (problems.found[0].line, problems.found[0].column) == (1, 4)


@pytest.mark.parametrize(
    "text", ["a: !!python/object:os.system 1\n", "a: !x 1\n", "a: ! 1\n", "!!map {a: 1}\n", "a: !!str &b c\n", "? !!str a\n: b\n"]
)
def test_a_tag_is_refused(text: str) -> None:
    found, _, problems = read(text, "f.yaml")

    assert found is None
    assert "are not allowed" in problems.found[0].fact


def test_variables_are_replaced_in_values_and_keys_but_not_where_they_are_declared() -> None:
    before = root("vars: {a: '${a}'}\nb: ['x${a}y', '${other}', $a]\n${a}: 1\nc: {'${a}': 1}\n")

    after = substitute(before, {"a": "1"}, Problems("f.yaml", ()), except_for=("vars",))

    assert plain(after) == {"vars": {"a": "${a}"}, "b": ["x1y", "${other}", "$a"], "${a}": "1", "c": {"1": "1"}}


def test_two_keys_that_a_variable_makes_one_are_told() -> None:
    before = root("vars: {a: b}\nhost: {b: 1, '${a}': 2}\n")
    problems = Problems("f.yaml", ())

    substitute(before, {"a": "b"}, problems, except_for=("vars",))

    assert [problem.fact for problem in problems.found] == ["'b' is written twice, first in line 2"]
