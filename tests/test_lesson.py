"""Lessons: what is claimed, in order."""

from __future__ import annotations

from importlib.resources import files

import pytest

from dockstore.core.lesson import Claim, Lesson, load_lesson

ONE = """\
version: 1
lesson: Where does a container keep its data?
scenarios: [scenarios/volume, more]
sections:
  tmpfs:
    L13: A tmpfs mount uses
      the host's memory.
  Volumes:
    L27:
      claim: Volumes remain.
      source: page 4
"""


def test_a_lesson_is_its_claims_in_order() -> None:
    lesson = load_lesson(ONE, "one.lesson.yaml")

    assert lesson == Lesson(
        title="Where does a container keep its data?",
        claims=(
            Claim(id="L13", sentence="A tmpfs mount uses the host's memory.", section="tmpfs", line=6),
            Claim(id="L27", sentence="Volumes remain.", section="Volumes", source="page 4", line=9),
        ),
        scenarios=("scenarios/volume", "more"),
    )


def test_the_bundled_lesson_claims_31_things_in_five_sections() -> None:
    text = (files("dockstore") / "lessons" / "storage.lesson.yaml").read_text("utf-8")

    lesson = load_lesson(text, "storage.lesson.yaml")

    assert isinstance(lesson, Lesson)
    assert [claim.id for claim in lesson.claims] == [f"L{number}" for number in range(1, 32)]
    assert list(dict.fromkeys(claim.section for claim in lesson.claims)) == [
        "The image and the writable layer",
        "tmpfs",
        "Bind mounts",
        "Volumes",
        "Overall",
    ]
    assert all(claim.sentence.endswith(".") for claim in lesson.claims)
    assert len({claim.sentence for claim in lesson.claims}) == 31


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", ["1:1: the file is empty"]),
        ("[1]", ["1:1: a scenario is a mapping"]),
        ("lesson: a\nsections: {t: {L1: b}}", ["1:1: 'version' is missing here"]),
        ("version: 2\nlesson: a\nsections: {t: {L1: b}}", ["1:10: this dockstore reads lessons of version 1"]),
        ("version: [1]\nlesson: a\nsections: {t: {L1: b}}", ["1:10: this dockstore reads lessons of version 1"]),
        ("version: 1\nsections: {t: {L1: b}}", ["1:1: 'lesson' is missing here"]),
        ("version: 1\nlesson:\nsections: {t: {L1: b}}", ["2:8: 'lesson' is missing here"]),
        ("version: 1\nlesson: {}\nsections: {t: {L1: b}}", ["2:9: a text is wanted for 'lesson'"]),
        ("version: 1\nlesson: a", ["1:1: 'sections' is missing here"]),
        ("version: 1\nlesson: a\nsections: [x]", ["3:11: a mapping is wanted for 'sections'"]),
        ("version: 1\nlesson: a\nsections: {t: x}", ["3:15: a mapping is wanted for 't'"]),
        ("version: 1\nlesson: a\nsections: {t: {}}", ["1:1: a lesson claims something"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: b}}\nclaims: x", ["4:1: unknown key 'claims'"]),
        ("version: 1\nlesson: a\nsections: {t: {1: b}}", ["3:16: not an id: '1'"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: }}", ["3:20: 'claim' is missing here"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: [b]}}", ["3:20: a text is wanted for 'claim'"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: {source: b}}}", ["3:16: 'claim' is missing here"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: {claim: b, page: 4}}}", ["3:31: unknown key 'page'"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: {claim: b, source: []}}}", ["3:39: a text is wanted for 'source'"]),
        ("version: 1\nlesson: a\nsections: {t: {L1: b}, u: {L1: c}}", ["3:28: 'L1' is claimed twice, first in line 3"]),
        ("version: 1\nlesson: a\nscenarios: x\nsections: {t: {L1: b}}", ["3:12: a list of files and folders is wanted for 'scenarios'"]),
        ("version: 1\nlesson: a\nscenarios: [[x]]\nsections: {t: {L1: b}}", ["3:12: a list of files and folders is wanted for 'scenarios'"]),
        ("version: 2\nlesson: []\nsections: {t: {L1: b}}\nx: y", [
            "1:10: this dockstore reads lessons of version 1", "2:9: a text is wanted for 'lesson'", "4:1: unknown key 'x'",
        ]),
    ],
)  # fmt: skip
def test_everything_that_is_wrong_is_told_with_its_place(text: str, facts: list[str]) -> None:
    problems = load_lesson(text, "one.lesson.yaml")

    assert isinstance(problems, tuple)
    assert [f"{problem.line}:{problem.column}: {problem.fact}" for problem in problems] == facts
    assert all(problem.hint for problem in problems)


def test_a_file_with_a_problem_on_every_line_is_left_after_a_hundred() -> None:
    problems = load_lesson("version: 1\nlesson: a\n" + "".join(f"k{number}: x\n" for number in range(300)), "one.lesson.yaml")

    assert isinstance(problems, tuple)
    assert len(problems) == 100
