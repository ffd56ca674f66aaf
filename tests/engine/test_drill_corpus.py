"""`dockstore drill` held to the truth of the corpus: no wrong fate, every losing stack flagged where it loses, every safe one quiet."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plain_compose import compose_command, ensure_images
from stack_corpus import ENGINE_WIDE, ROUTINE, UPGRADES, Datum, StackTruth, stacks

from dockstore import api
from dockstore.core.stack_report import Row, RowFate, StackOutcome, StackReport
from dockstore.runner.drill_options import DrillOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

CORPUS = {truth.name: truth for truth in stacks()}
QUICK = ("anonymous-from-the-image", "bind-source-missing", "mount-beside", "never-starts")
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


@pytest.fixture(name="drill")
def _drill(engine: DockerEngine, tmp_path: Path) -> Callable[..., tuple[StackReport, ...]]:
    """Drill stacks of the corpus with events."""
    home = tmp_path / "home"
    (home / "cache").mkdir(parents=True)
    if len(compose_command()) == 1:
        (home / "cache" / "docker-compose").symlink_to(Path(compose_command()[0]).absolute())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "DOCKSTORE_"))}
    environ = kept | {"DOCKER_HOST": engine.info.address, "DOCKSTORE_HOME": str(home)}

    def play(truths: Sequence[StackTruth], *events: str) -> tuple[StackReport, ...]:
        ensure_images(engine, truths)
        probes = tmp_path / "probes.yaml"
        [first, *others] = truths
        if first.probe:
            probes.write_text(first.probes(), encoding="utf-8")
        options = DrillOptions(
            targets=tuple(str(truth.folder) for truth in truths),
            events=events,
            upgrade=(str(first.upgrade),) if first.upgrade and not others else (),
            probes=str(probes) if first.probe else None,
        )
        return api.drill_with(options, env=environ, cwd=tmp_path)

    return play


def rows_of(datum: Datum, report: StackReport) -> list[Row]:
    """The rows about a datum: its path, or what the service's word is about."""
    return [row for row in report.rows if row.event in datum.fates and datum.is_at(row.service, row.path)]


def wrong(truth: StackTruth, report: StackReport, counted: Counter[str]) -> list[str]:
    """The rows that say something that is not so."""
    found = []
    for datum in truth.data:
        for row in rows_of(datum, report):
            told = "unknown" if row.fate in {RowFate.UNKNOWN, RowFate.DISPUTED} else "right" if row.fate == datum.fates[row.event] else "wrong"
            counted[told] += 1
            if told == "wrong":
                found.append(
                    f"{row.service}:{row.path} ({row.found}, {row.probe}) after {row.event}: {row.fate}, is {datum.fates[row.event]}: {row.why}"
                )
    return found


def check(truth: StackTruth, report: StackReport, events: Sequence[str], counted: Counter[str]) -> None:
    """Hold one report to the truth; *events*: those that were played."""
    assert wrong(truth, report, counted) == []
    hurt = any(
        fate not in {"persisted", "unwritable", "cannot-start"} for datum in truth.data for event, fate in datum.fates.items() if event in events
    )
    if truth.quiet or (truth.outcome == "loses-data" and not hurt):
        assert report.outcome in {StackOutcome.KEEPS_DATA, StackOutcome.UNDECIDED}
        assert [(one.rule, one.path, one.message) for one in report.findings if one.severity != "advice" and truth.quiet] == []
        return
    assert report.outcome == truth.outcome
    if truth.outcome == "loses-data":
        assert truth.flag is not None
        assert any(truth.flag.is_met_by(one.rule, one.path) for one in report.findings if one.severity != "advice"), report.findings


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_drill_of_a_stack_says_what_is_true(name: str, drill: Callable[..., tuple[StackReport, ...]], counted: Counter[str]) -> None:
    truth = CORPUS[name]
    events = [event for event in QUICK_EVENTS if event not in UPGRADES or truth.upgrade]

    [report] = drill([truth], *events)

    check(truth, report, events, counted)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPUS)
def test_a_drill_of_every_stack_says_what_is_true(name: str, drill: Callable[..., tuple[StackReport, ...]], counted: Counter[str]) -> None:
    truth = CORPUS[name]
    events = [*ROUTINE, *(UPGRADES if truth.upgrade else ())]

    [report] = drill([truth], *events)

    check(truth, report, events, counted)


@pytest.mark.slow
def test_a_drill_of_engine_wide_events_says_what_is_true(drill: Callable[..., tuple[StackReport, ...]], counted: Counter[str]) -> None:
    truths = [CORPUS[name] for name in TOGETHER if not CORPUS[name].upgrade]

    reports = drill(truths, *ENGINE_WIDE)

    found = {truth.name: wrong(truth, report, counted) for truth, report in zip(truths, reports, strict=True)}
    assert {name: lines for name, lines in found.items() if lines} == {}
