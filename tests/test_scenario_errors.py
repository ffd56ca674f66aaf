"""Every kind of wrong file, and the whole of what its writer is told.

The cases are in grammar/wrong: a name, the file, and below `>>>` what is told.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dockstore.core.problems import render
from dockstore.core.scenario import load_text
from dockstore.core.script import Problem

WRONG = Path(__file__).parent / "grammar" / "wrong"


def told(text: str | bytes) -> str:
    """What a reader of *text*, called f.yaml, is told."""
    parsed = load_text(text, "f.yaml")
    assert parsed.scenario is None
    return "".join(f"{render(problem)}\n" for problem in parsed.problems)


def cases() -> list[object]:
    """Name, file and what is told, of every case."""
    found: list[object] = []
    for path in sorted(WRONG.glob("*.txt")):
        for case in path.read_text(encoding="utf-8").removeprefix("### ").split("\n### "):
            name, _, rest = case.partition("\n")
            text, _, expected = rest.partition(">>>\n")
            found.append(pytest.param(text, expected.rstrip("\n") + "\n", id=f"{path.stem}: {name}"))
    return found


@pytest.mark.parametrize(("text", "expected"), cases())
def test_what_is_wrong_is_told_with_its_place_and_a_way_out(text: str, expected: str) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "f.yaml:1:1: the file is empty\n  hint: it begins with version: 1\n", id="an empty file"),
        pytest.param(b"a\0b", "f.yaml:1:2: not a text file\n  a\ufffdb\n   ^\n  hint: the character '\\x00' cannot stand in YAML\n", id="a NUL"),
        pytest.param(
            b"version: 1\nscenario: \xe9t\xe9\n",
            "f.yaml:2:11: not UTF-8\n  scenario: \ufffdt\ufffd\n            ^\n  hint: save it as UTF-8\n",
            id="another encoding",
        ),
        pytest.param(
            "a:\n\t- b\n",
            "f.yaml:2:1: not YAML: found character that cannot start any token\n   - b\n  ^\n  hint: indent with spaces, not with tabs\n",
            id="a tab",
        ),
        pytest.param(
            b"\xff\xfev\x001\x00", "f.yaml:1:4: not a text file\n  \ufffd\ufffdv\ufffd1\ufffd\n     ^\n  hint: save it as UTF-8\n", id="UTF-16"
        ),
        pytest.param("scenario: \ud800\n", "f.yaml:1:11: not UTF-8\n  scenario: ?\n            ^\n  hint: save it as UTF-8\n", id="a lone surrogate"),
    ],
)
def test_what_is_no_text_is_told_without_harm_to_the_terminal(text: str | bytes, expected: str) -> None:
    assert told(text) == expected


def test_the_line_is_cut_around_the_place_if_it_is_long() -> None:
    problem = Problem(file="f.yaml", line=1, column=301, fact="here", source="a" * 300 + "wrong" + "b" * 300, width=5)

    shown = render(problem, width=60)

    assert shown == ("f.yaml:1:301: here\n  …aaaaaaaaaaaaaaaaaaawrongbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…\n                      ^^^^^")


def test_the_caret_stands_under_wide_characters() -> None:
    problem = Problem(file="f.yaml", line=1, column=5, fact="here", source="日本: 語x", width=2)

    shown = render(problem)

    assert shown == "f.yaml:1:5: here\n  日本: 語x\n        ^^^"


def test_control_characters_of_a_file_never_reach_the_terminal() -> None:
    problem = Problem(file="\x1b[31mf.yaml", line=1, column=1, fact="a \x1b[2J", source="\x1b[2Jx", hint="\x07")

    shown = render(problem)

    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_warning_says_that_it_is_one() -> None:
    problem = Problem(file="f.yaml", line=3, column=1, fact="no mutant", warning=True)

    shown = render(problem)

    assert shown == "f.yaml:3:1: warning: no mutant"


def test_a_file_with_hundreds_of_slips_is_told_the_first_hundred() -> None:
    text = "version: 1\nscenario: s\n" + "".join(f"k{number}: x\n" for number in range(500))

    problems = load_text(text, "f.yaml").problems

    assert len(problems) == 100
