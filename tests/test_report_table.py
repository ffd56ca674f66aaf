"""The report for a terminal: whole outputs, so that a change in them is seen."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import reporting

from dockstore.core.model import Outcome
from dockstore.reports import layout, table

WIDE = """\
FAIL  an anonymous volume does not follow its container
      scenarios/volume/anonymous.scenario.yaml:15

write    expected    actual    engine    host    container    outcome
-------  ----------  --------  --------  ------  -----------  ---------
row      persisted   orphaned  same      same    absent       refuted

row went to the anonymous volume 9c1f4e0ab3d2 (line 9), which the engine still has and no container
mounts.
  hint: name it: {type: volume, source: rows, target: /data}

UNDECIDED  two containers lose updates without a lock
           scenarios/volume/lost-updates.scenario.yaml

stopped at step 4: the engine did not answer within 60 s

OK  what survives what     scenarios/overall/matrix.scenario.yaml

event         writable-layer    bind       volume     anonymous-volume
------------  ----------------  ---------  ---------  ------------------
restart       persisted         persisted  persisted  persisted
remove+run    lost              persisted  persisted  orphaned
remove-v+run  lost              persisted  persisted  lost

SKIP  a directory deleted and made again is empty (needs upperdir)
      scenarios/image/opaque.scenario.yaml

engine: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable at unix:///run/docker.sock
1 refuted, 1 undecided, 2 hold, 1 skipped (needs upperdir), 2 of 2 mutants refuted in 4.2 s
histories: .dockstore/runs/4f1c/ (4 files)
"""

LESSON = """\
Where does a container keep its data?

id    claim                                           verdict                  nuance
----  ----------------------------------------------  -----------------------  ---------------------------------------------
L5    A union file system combines files of           undecided                set aside: a directory deleted and made again
      different file systems into one.                                         is empty
L27   Volumes exist outside the container's life      holds, with a nuance     It remains, but a new container gets a new
      cycle, and remain after it is removed.                                   one; the old bytes are orphaned.
L30   There is no file locking.                       does not hold as taught  Docker adds no locking and takes none away.
L31   Choosing the right storage prevents data loss.  holds

engine: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable at unix:///run/docker.sock
4 claims: 1 undecided, 1 holds, 1 holds with a nuance, 1 does not hold as taught
2 hold, 1 skipped (needs upperdir), 2 of 2 mutants refuted in 4.2 s
histories: .dockstore/runs/4f1c/ (3 files)
"""

LESSON_NARROW = """\
Where does a container keep its data?

L5   A union file system combines files of different file
     systems into one.
     undecided
     set aside: a directory deleted and made again is empty
L27  Volumes exist outside the container's life cycle, and
     remain after it is removed.
     holds, with a nuance
     It remains, but a new container gets a new one; the old
     bytes are orphaned.
"""


def test_failures_come_first_then_matrices_skips_and_the_summary() -> None:
    report = reporting.mixed()

    assert table.render(report, width=100) == WIDE


def test_a_lesson_ends_with_its_claims_and_their_nuances() -> None:
    report = reporting.whole_lesson()

    text = table.render(report, width=125)

    assert text[text.index("Where") :] == LESSON


def test_on_a_narrow_terminal_a_claim_takes_lines_instead_of_columns() -> None:
    report = reporting.whole_lesson()

    assert LESSON_NARROW in table.render(report, width=60)


def test_on_a_narrow_terminal_a_wide_matrix_goes_on_below() -> None:
    verdict = reporting.matrix_verdict()

    assert table.matrix(verdict, width=60).split("\n\n")[1].splitlines() == [
        "event         anonymous-volume",
        "------------  ------------------",
        "restart       persisted",
        "remove+run    orphaned",
        "remove-v+run  lost",
    ]


@pytest.mark.parametrize("width", [1, 60, 61, 72, 80, 99, 100, 133, 200, 400])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    reports = (reporting.mixed(), reporting.whole_lesson(), reporting.report(reporting.matrix_verdict(wrong=True)))

    for report in reports:
        lines = table.render(report, width=width, verbose=True).splitlines()

        assert [line for line in lines if len(line) > min(max(width, 60), 200)] == []


def test_a_wrong_cell_of_a_matrix_says_what_was_seen_and_expected() -> None:
    report = reporting.report(reporting.matrix_verdict(wrong=True))

    text = table.render(report, width=100)

    assert "✗ orphaned, not lost" in text
    assert "anonymous-volume, remove-v+run: the bytes in the anonymous-volume were lost." not in text
    assert "the bytes in the anonymous-volume were lost." in text


def test_a_mutant_that_nothing_refutes_fails_its_scenario() -> None:
    report = reporting.report(reporting.verdict(mutants=(reporting.survivor(),)))

    text = table.render(report, width=120)

    assert text.startswith("FAIL  an anonymous volume")
    assert "the mutant “stop and start is not remove and run” should have been refuted and came out holds" in text
    assert "1 holds, 0 of 1 mutants refuted in 4.2 s" in text


def test_a_single_scenario_that_holds_shows_its_evidence() -> None:
    report = reporting.report(reporting.verdict())

    text = table.render(report, width=120)

    assert text.startswith("OK  an anonymous volume")
    assert "row      orphaned    orphaned  same      same    absent       holds" in text
    assert "history: .dockstore/runs/4f1c/anonymous.jsonl" in text


def test_facts_and_fates_stand_in_one_table_with_the_fact_named() -> None:
    report = reporting.report(reporting.verdict(Outcome.REFUTED, rulings=(reporting.fate_ruling(), reporting.fact_ruling(Outcome.REFUTED))))

    lines = table.render(report, width=120).splitlines()

    assert lines[2:6] == [
        "look    fact     expected           actual    engine    host    container    outcome",
        "------  -------  -----------------  --------  --------  ------  -----------  ---------",
        "row     fate     orphaned           orphaned  same      same    absent       holds",
        "after   size_rw  at least 66060288  12                                       refuted",
    ]


def test_two_engines_are_told_apart() -> None:
    engines = {"e1": reporting.engine(), "e2": reporting.engine("tcp://other:2375", "29.0.1")}
    report = reporting.report(reporting.verdict(Outcome.REFUTED), reporting.verdict(Outcome.REFUTED, engine_key="e2"), engines=engines)

    text = table.render(report, width=120)

    assert "follow its container [e1]" in text
    assert "follow its container [e2]" in text
    assert "e2: Docker Engine 29.0.1, overlay2, Linux 6.1.0, disposable at tcp://other:2375" in text


def test_an_interrupted_run_says_so() -> None:
    report = reporting.report(reporting.verdict(), reporting.matrix_verdict(), interrupted=True)

    assert "interrupted: 2 hold in 4.2 s" in table.render(report)


def test_nothing_that_ran_is_nothing_that_holds() -> None:
    report = reporting.report(engines={})

    assert table.render(report) == "0 hold in 4.2 s\n"


def test_colour_adds_nothing_but_colour() -> None:
    report = reporting.report(
        reporting.verdict(Outcome.REFUTED), reporting.undecided(), reporting.matrix_verdict(wrong=True), lesson=reporting.claims()
    )

    painted = table.render(report, width=100, color=True)

    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == table.render(report, width=100)
    assert "\x1b[1;31mFAIL\x1b[0m" in painted


def test_what_a_container_printed_cannot_steer_the_terminal() -> None:
    evil = "a\x1b[2J\x1b]0;owned\x07\u202eb\r\nc"
    ruling = reporting.fact_ruling(Outcome.REFUTED)
    report = reporting.report(reporting.verdict(Outcome.REFUTED, what=reporting.scenario(evil), rulings=(ruling,)))

    text = table.render(report, width=120)

    assert r"a\x1b[2J\x1b]0;owned\x07\u202eb c" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_too_many_columns_for_the_width_become_records() -> None:
    headers = ["one", "two", "three", "four", "five", "six", "seven"]
    rows = [["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee", "", "gggggggggggg"]]

    assert layout.grid(headers, rows, 60).splitlines() == [
        "one    aaaaaaaaaaaa",
        "two    bbbbbbbbbbbb",
        "three  cccccccccccc",
        "four   dddddddddddd",
        "five   eeeeeeeeeeee",
        "seven  gggggggggggg",
    ]


def test_a_reason_that_repeats_itself_is_said_once() -> None:
    reason = "the run ended at line 8: the engine refused"
    rulings = tuple(reporting.fate_ruling("orphaned", "unknown", Outcome.UNDECIDED) for _ in range(3))
    plain = tuple(replace(ruling, why=f"{reason}.") for ruling in rulings)
    report = reporting.report(reporting.verdict(Outcome.UNDECIDED, rulings=plain, reason=reason))

    assert table.render(report, width=100).count(reason) == 1
