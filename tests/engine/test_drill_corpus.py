"""`dockstore drill` held to the truth of the corpus: no wrong fate, every losing stack flagged where it loses, every safe one quiet."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from corpus_drills import Drilling, alarms, audited_by, hurt, side_by_side, told_of, without_a_row
from stack_corpus import ENGINE_WIDE, ROUTINE, UPGRADES, StackTruth, stacks

from dockstore.core.stack_report import RowFate, StackOutcome, StackReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

CORPUS = {truth.name: truth for truth in stacks()}
QUICK = (
    "anonymous-from-the-image",
    "bind-source-missing",
    "kept-in-memory-until-stop",
    "mount-beside",
    "never-starts",
    "read-only-mount",
    "shared-by-two",
)
QUICK_EVENTS = ("kill+start", "recreate", "down+up", "upgrade")
TOGETHER = tuple(name for name, truth in CORPUS.items() if truth.images <= {"lab", "keeper"} and truth.data and not truth.probe)


@pytest.fixture(scope="module", name="counted")
def _counted(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What the rows came to; said at the end."""
    counted: Counter[str] = Counter()
    yield counted
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\ndrill of the corpus: fates {dict(sorted(counted.items()))}\n")


@pytest.fixture(name="drilling")
def _drilling(engine: DockerEngine, tmp_path: Path) -> Drilling:
    """Drills of stacks of the corpus."""
    return Drilling(engine, tmp_path)


def wrong(truth: StackTruth, report: StackReport, counted: Counter[str]) -> list[str]:
    """The rows that say something that is not so."""
    told = told_of(truth, report)
    counted.update(one.verdict for one in told)
    return [str(one) for one in told if one.verdict == "wrong"]


def check(truth: StackTruth, report: StackReport, events: Sequence[str], counted: Counter[str]) -> None:
    """Hold one report to the truth; *events*: those that were played."""
    assert wrong(truth, report, counted) == []
    assert [(datum.path, event) for datum, event in without_a_row(truth, report, events)] == []
    if truth.quiet or (truth.outcome == "loses-data" and not hurt(truth, events)):
        assert report.outcome in {StackOutcome.KEEPS_DATA, StackOutcome.UNDECIDED}
        assert [(one.rule, one.path, one.message) for one in report.findings if one.severity != "advice" and truth.quiet] == []
        return
    assert report.outcome == truth.outcome
    if truth.data:
        assert truth.flag is not None
        assert any(truth.flag.is_met_by(one.rule, one.path) for one in alarms(report)), report.findings


def check_fix(truth: StackTruth, first: StackReport, events: Sequence[str], drilling: Drilling) -> None:
    """The fix that a drill writes keeps what it saw lost, as a second drill shows; where it writes none, truth.yaml says why."""
    if first.override is None:
        assert truth.by_hand is not None
        return
    mended = [event for event in events if truth.by_hand is None or event not in UPGRADES]

    [second] = drilling.drill([truth], mended, override=first.override)

    kept = {RowFate.PERSISTED, RowFate.CARRIED}
    assert [str(one) for one in told_of(truth, second) if one.row.fate not in kept] == []
    assert [datum.path for datum, _ in without_a_row(truth, second, mended) if datum.path is not None] == []
    assert second.rows
    assert second.outcome == StackOutcome.KEEPS_DATA
    assert [(one.rule, one.path) for one in alarms(second)] == []


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_drill_of_a_stack_says_what_is_true(name: str, drilling: Drilling, counted: Counter[str]) -> None:
    truth = CORPUS[name]
    events = [event for event in QUICK_EVENTS if event not in UPGRADES or truth.upgrade]

    [report] = drilling.drill([truth], events)

    check(truth, report, events, counted)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPUS)
def test_a_drill_of_every_stack_says_what_is_true_and_no_other_thing_than_its_audit_and_its_fix_keeps_the_data(
    name: str, drilling: Drilling, counted: Counter[str]
) -> None:
    truth = CORPUS[name]
    events = [*ROUTINE, *(UPGRADES if truth.upgrade else ())]

    [report] = drilling.drill([truth], events)
    audit = audited_by(truth, drilling.engine.info, drilling.environ, drilling.folder)

    check(truth, report, events, counted)
    assert [line for word, line in side_by_side(audit, [report]) if word == "contradict"] == []
    if losing := hurt(truth, events):
        check_fix(truth, report, losing, drilling)


@pytest.mark.slow
def test_a_drill_of_engine_wide_events_says_what_is_true(drilling: Drilling, counted: Counter[str]) -> None:
    truths = [CORPUS[name] for name in TOGETHER if not CORPUS[name].upgrade]

    reports = drilling.drill(truths, ENGINE_WIDE)

    found = {truth.name: wrong(truth, report, counted) for truth, report in zip(truths, reports, strict=True)}
    assert {name: lines for name, lines in found.items() if lines} == {}
