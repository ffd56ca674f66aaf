"""No input makes the reader raise: it gives a scenario or problems, each with a place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core.capabilities import CAPABILITIES
from dockstore.core.facts import KINDS
from dockstore.core.problems import LINE_BREAK, render
from dockstore.core.scenario import load_text
from dockstore.core.things import CONTAINER_KEYS
from dockstore.core.verbs import SHAPES, VERBS

if TYPE_CHECKING:
    from dockstore.core.script import Parsed

GOOD = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "grammar").glob("*.scenario.yaml"))]
WORDS = sorted(
    {
        *VERBS,
        *(key.name for shape in SHAPES.values() for key in shape.keys),
        *(key.name for key in CONTAINER_KEYS),
        *(fact for kind in KINDS.values() for fact in kind.facts),
        *list(CAPABILITIES)[:5],
        *(
            "version",
            "scenario",
            "containers",
            "steps",
            "expect",
            "matrix",
            "mutants",
            "vars",
            "images",
            "host",
            "volumes",
            "where",
            "stores",
            "events",
        ),
        *(
            "db",
            "row",
            "db:/row",
            "host:x",
            "volume:rows/x",
            "layer:db/x",
            "image:lab/x",
            "${x}",
            "1",
            "0750",
            "10s",
            "64m",
            "true",
            "~",
            "persisted",
        ),
        *(
            "stop+start",
            "rows:/data",
            "./x:/y",
            "[409]",
            "not upperdir",
            "engine",
            "equals",
            "at_least",
            "since",
            "otherwise",
            "undecided",
            "lab",
            "",
        ),
    }
)
FUZZ = settings(deadline=None, max_examples=80)

scalars = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.text(max_size=12), st.integers(-5, 2000), st.booleans(), st.none())
structures: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)


def sound(parsed: Parsed, text: str | bytes) -> None:
    """A scenario or problems; every problem has a place that exists and can be shown."""
    assert (parsed.scenario is None) is bool(parsed.problems)
    lines = LINE_BREAK.split(text) if isinstance(text, str) else None
    for problem in parsed.problems:
        assert problem.fact
        assert problem.line >= 1
        assert problem.column >= 1
        if lines is not None and not text.startswith("\ufeff"):  # type: ignore[arg-type]  # a text, as lines says
            assert problem.line <= len(lines)
            assert problem.column <= len(lines[problem.line - 1]) + 1
        shown = render(problem)
        assert all(char.isprintable() or char == "\n" for char in shown)


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    sound(load_text(data, "f.yaml"), data)


@FUZZ
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(st.text(alphabet="abrun:-[]{},'\"&*!|>%@`#~ \n\t${}x0", max_size=200))
def test_any_text_of_yamls_own_characters(text: str) -> None:
    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(structures)
def test_any_structure(structure: Any) -> None:
    text = yaml.safe_dump(structure, allow_unicode=True)

    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(
    st.fixed_dictionaries(
        {
            "version": st.just(1),
            "scenario": st.just("s"),
            "steps": st.lists(
                st.dictionaries(st.sampled_from(sorted(VERBS)), structures, min_size=1, max_size=1).flatmap(
                    lambda verb: st.dictionaries(st.sampled_from(WORDS), structures, max_size=3).map(lambda rest: {**rest, **verb})
                ),
                max_size=5,
            ),
            "expect": structures,
        },
        optional={
            "containers": structures,
            "images": structures,
            "volumes": structures,
            "host": structures,
            "vars": structures,
            "mutants": structures,
            "matrix": structures,
            "needs": structures,
        },
    )
)
def test_any_structure_in_the_shape_of_a_file(structure: dict[str, Any]) -> None:
    text = yaml.safe_dump(structure, allow_unicode=True, sort_keys=False)

    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(st.data())
def test_a_good_file_with_a_line_changed(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(GOOD)).splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "twice", "swap", "indent", "outdent", "cut"])):
        case "drop":
            del lines[number]
        case "twice":
            lines.insert(number, lines[number])
        case "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[number], lines[other] = lines[other], lines[number]
        case "indent":
            lines[number] = "  " + lines[number]
        case "outdent":
            lines[number] = lines[number].removeprefix("  ")
        case _:
            lines[number] = lines[number][: data.draw(st.integers(0, len(lines[number])))]
    text = "".join(lines)

    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(st.data())
def test_a_good_file_with_a_word_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(GOOD))
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 12))
    word = data.draw(st.sampled_from(WORDS) | st.text(max_size=6))
    changed = text[:start] + word + text[start + length :]

    sound(load_text(changed, "f.yaml"), changed)


@FUZZ
@given(st.data())
def test_a_good_file_with_a_value_changed(data: st.DataObject) -> None:
    structure = yaml.safe_load(data.draw(st.sampled_from(GOOD)))
    node: Any = structure
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(structures)
            break
        node = node[key]
    text = yaml.safe_dump(structure, allow_unicode=True, sort_keys=False)

    sound(load_text(text, "f.yaml"), text)


@FUZZ
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), st.booleans())
def test_any_variables_from_outside(variables: dict[str, str], isolate: bool) -> None:
    text = "version: 1\nscenario: s\nvars: {a: lab, b: x}\ncontainers: {db: {image: '${a}'}}\nsteps: [{run: db}, {diff: db, as: d}]\nexpect: {d: {'/${b}': A}}\n"

    sound(load_text(text, "f.yaml", variables=variables, isolate=isolate), text)
