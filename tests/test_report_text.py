"""TAP, Markdown, GitHub's workflow commands and GitLab's sections."""

from __future__ import annotations

from dataclasses import replace

import pytest
import reporting

from dockstore.core.model import Outcome
from dockstore.reports import github, gitlab, markdown, phrases, tally, tap

TAP = """\
TAP version 14
# e1: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable
1..6
not ok 1 - an anonymous volume does not follow its container
  ---
  outcome: "refuted"
  at: "scenarios/volume/anonymous.scenario.yaml:15"
  history: ".dockstore/runs/4f1c/anonymous.jsonl"
  "row":
    expected: "persisted"
    actual: "orphaned"
    engine: "same"
    host: "same"
    container: "absent"
    why: "row went to the anonymous volume 9c1f4e0ab3d2 (line 9), which the engine still has and no container mounts."
  ...
ok 2 - what survives what
not ok 3 - two containers lose updates without a lock
  ---
  outcome: "undecided"
  at: "scenarios/volume/lost-updates.scenario.yaml"
  reason: "stopped at step 4: the engine did not answer within 60 s"
  history: ".dockstore/runs/4f1c/lost.jsonl"
  ...
ok 4 - a directory deleted and made again is empty # SKIP needs upperdir
ok 5 - it holds
ok 6 - it holds: mutant 'give it a name' is refuted
# 1 refuted, 1 undecided, 2 hold, 1 skipped (needs upperdir), 2 of 2 mutants refuted in 4.2 s
"""

MARKDOWN = """\
## dockstore

**1 refuted in 4.2 s**

### ❌ an anonymous volume does not follow its container

`scenarios/volume/anonymous.scenario.yaml:15`

| what | expected | actual | engine | host | container | outcome |
| --- | --- | --- | --- | --- | --- | --- |
| row | `persisted` | `orphaned` | same | same | absent | ❌ refuted |

row went to the anonymous volume 9c1f4e0ab3d2 (line 9), which the engine still has and no container mounts.  
_hint:_ `name it: {type: volume, source: rows, target: /data}`

<details><summary>the scenario</summary>

| scenario | outcome | time |
| --- | --- | --- |
| an anonymous volume does not follow its container | ❌ refuted | 1.3 s |

</details>

e1: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable  
dockstore 0.1.0, run `4f1c4f1c4f1c`, `2026-11-24T06:30:00Z`
"""  # noqa: W291  # two spaces at a line's end are a line break


def test_tap_has_one_point_for_each_scenario_and_written_mutant() -> None:
    assert tap.render(reporting.mixed()) == TAP


def test_tap_has_a_point_for_each_claim() -> None:
    lines = tap.render(reporting.whole_lesson()).splitlines()

    assert "not ok 5 - L5: A union file system combines files of different file systems into one." in lines
    assert "ok 7 - L30: There is no file locking." in lines


def test_tap_escapes_what_it_would_take_for_a_directive() -> None:
    report = reporting.report(reporting.verdict(what=reporting.scenario("keeps \\ and # SKIP all")))

    assert "ok 1 - keeps \\\\ and \\# SKIP all" in tap.render(report).splitlines()


def test_tap_bails_out_of_an_interrupted_run() -> None:
    report = reporting.report(reporting.undecided(), interrupted=True, notes=("leftovers:\nok 1 - not a point",))

    lines = tap.render(report).splitlines()

    assert lines[-1] == "Bail out! interrupted"
    assert "# ok 1 - not a point" in lines


def test_markdown_gives_the_answer_first_and_the_evidence() -> None:
    assert markdown.render(reporting.report(reporting.verdict(Outcome.REFUTED))) == MARKDOWN


def test_one_claim_is_no_claims() -> None:
    one = reporting.claims()[:1]

    assert tally.claims_count(one) == "1 claim"
    assert "**1 claim: 1 undecided.**" in markdown.render(replace(reporting.whole_lesson(), claims=one))


def test_markdown_of_a_lesson_groups_the_claims_by_section() -> None:
    text = markdown.render(reporting.whole_lesson())

    assert "**4 claims: 1 undecided, 1 holds, 1 holds with a nuance, 1 does not hold as taught.**" in text
    assert text.index("### The image and the writable layer") < text.index("### Volumes") < text.index("### Overall")
    assert "| **L30** There is no file locking. | ⚠️ does not hold as taught | Docker adds no locking and takes none away. |" in text
    assert "| `remove+run` | lost | persisted | persisted | orphaned |" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", r"\<img src=x\>"),
        ("[x](http://y)", "\\[x\\](http:\u200b//y)"),
        ("@somebody", "@\u200bsomebody"),
        ("fixes #12", "fixes \\#\u200b12"),
        ("`code`", r"\`code\`"),
        ("- not a list", r"\- not a list"),
        ("1. not a list", r"1\. not a list"),
        ("two\nlines", "two lines"),
        ("plain, (really).", "plain, (really)."),
    ],
)
def test_markdown_makes_nothing_of_a_text(text: str, expected: str) -> None:
    assert markdown.escaped(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("a|b", r"`a\|b`"), ("", "")])
def test_markdown_code_holds_any_text(text: str, expected: str) -> None:
    assert markdown.code(text) == expected


def test_markdown_leaves_evidence_out_where_it_would_be_too_long() -> None:
    many = [reporting.verdict(Outcome.REFUTED, what=reporting.scenario(f"scenario {number}")) for number in range(50)]
    report = reporting.report(*many)

    text = markdown.render(report, most_bytes=12_000)

    assert len(text.encode()) <= 12_000
    assert "### ❌ scenario 0" in text
    assert "more is left out here; the whole report has it." in text
    assert "**50 refuted in 4.2 s**" in text


def test_github_annotates_each_refuted_ruling_at_its_line() -> None:
    report = reporting.report(reporting.verdict(Outcome.REFUTED))

    (line,) = github.annotated(report)

    assert line == (
        "::error file=scenarios/volume/anonymous.scenario.yaml,line=15,title=an anonymous volume does not follow its container"
        "::row: persisted was expected, orphaned was seen%0A"
        "row went to the anonymous volume 9c1f4e0ab3d2 (line 9), which the engine still has and no container mounts.%0A"
        "hint: name it: {type: volume, source: rows, target: /data}"
    )


def test_github_warns_of_what_is_undecided_and_keeps_quiet_about_the_rest() -> None:
    report = reporting.report(reporting.undecided(), reporting.skipped(), reporting.verdict())

    (line,) = github.annotated(report)

    assert line.startswith("::warning file=scenarios/volume/lost-updates.scenario.yaml,line=1,")


def test_github_annotates_a_mutant_that_survived() -> None:
    report = reporting.report(reporting.verdict(mutants=(reporting.survivor(),)))

    (line,) = github.annotated(report)

    assert "the mutant 'stop and start is not remove and run' should have been refuted and came out holds" in line


def test_github_commands_cannot_be_smuggled_in() -> None:
    line = github.command("error", "50%\n::error::x", file="a,b:c.yaml", line=1, title="t\n::x")

    assert line == "::error file=a%2Cb%3Ac.yaml,line=1,title=t %3A%3Ax::50%25%0A::error::x"


def test_gitlab_sections_are_named_and_timed() -> None:
    assert gitlab.section_start("play", "playing", at=12.9) == "\x1b[0Ksection_start:12:play[collapsed=true]\r\x1b[0Kplaying"
    assert gitlab.section_end("play", at=13.1) == "\x1b[0Ksection_end:13:play\r\x1b[0K"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "not known"),
        (True, "true"),
        ("", '""'),
        ([], "nothing"),
        (["a", "b"], "a, b"),
        ({"at_least": 3.0}, "at least 3"),
        (1.5, "1.5"),
        (64, "64"),
        ("a\nb", "a b"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(value: object, expected: str) -> None:
    assert phrases.shown(value) == expected  # type: ignore[arg-type]  # the cases are of all its types


@pytest.mark.parametrize(("value", "expected"), [(0.004, "0.00 s"), (0.5, "0.50 s"), (4.23, "4.2 s"), (59.96, "60.0 s"), (125.2, "2 min 05 s")])
def test_durations(value: float, expected: str) -> None:
    assert phrases.seconds(value) == expected


def test_a_mutant_counts_only_where_the_scenario_itself_holds() -> None:
    report = reporting.report(reporting.verdict(Outcome.REFUTED, mutants=(reporting.survivor(),)))

    assert tally.tally(report).mutants_not_refuted == 0
    assert tally.survivors(report.verdicts[0]) == ()


def test_a_skipped_mutant_counts_as_neither() -> None:
    mutant = replace(reporting.survivor(), outcome=Outcome.SKIPPED)
    report = reporting.report(reporting.verdict(mutants=(mutant,)))

    assert (tally.tally(report).mutants_refuted, tally.tally(report).mutants_not_refuted) == (0, 0)
