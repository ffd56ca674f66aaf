"""Histories recorded on a real engine (Docker Engine 20.10.24, overlay2), judged again without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dockstore.core.flips import flips
from dockstore.core.history import Footer, History
from dockstore.core.history_codec import dump, load
from dockstore.core.judge import judge, judge_mutant
from dockstore.core.model import Outcome
from dockstore.core.scenario import load_text

if TYPE_CHECKING:
    from dockstore.core.script import Scenario

FOLDER = Path(__file__).parent / "histories"
PLAYED = sorted(path.stem for path in FOLDER.glob("*.jsonl") if not path.stem.endswith(".mutant"))
MUTANTS = sorted(path.stem for path in FOLDER.glob("*.mutant.jsonl"))


def recorded(name: str) -> tuple[History, Scenario]:
    """A history and the scenario that stands in its header."""
    path = FOLDER / f"{name}.jsonl"
    history = load(path.read_text("utf-8").splitlines(), path=str(path))
    scenario = load_text(history.header.text, history.header.file).scenario
    assert scenario is not None
    return history, scenario


@pytest.mark.parametrize("name", PLAYED)
def test_what_held_on_the_engine_holds_again(name: str) -> None:
    history, scenario = recorded(name)

    verdict = judge(history, scenario)

    assert [(ruling.look, ruling.fact, ruling.why) for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS] == []
    assert (verdict.outcome, verdict.reason) == (Outcome.HOLDS, None)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_that_was_played_is_refuted_again(name: str) -> None:
    history, scenario = recorded(name)
    mutant = next(mutant for mutant in scenario.mutants if mutant.title == history.header.mutant)

    assert judge_mutant(mutant, history).outcome is Outcome.REFUTED


@pytest.mark.parametrize("name", PLAYED)
def test_every_flipped_fate_is_refuted(name: str) -> None:
    history, scenario = recorded(name)

    assert [verdict.title for verdict in flips(history, scenario) if verdict.outcome is not Outcome.REFUTED] == []


@pytest.mark.parametrize("name", PLAYED)
def test_a_run_killed_at_any_line_is_undecided_and_never_refuted(name: str) -> None:
    history, scenario = recorded(name)
    step = max(1, len(history.events) // 40)

    outcomes = {judge(replace(history, events=history.events[:length]), scenario).outcome for length in range(0, len(history.events), step)}

    assert isinstance(history.events[-1], Footer)
    assert outcomes == {Outcome.UNDECIDED}


@pytest.mark.parametrize("name", [*PLAYED, *MUTANTS])
def test_a_recorded_history_goes_to_disk_and_back(name: str) -> None:
    history, _ = recorded(name)

    again = load([dump(history.header), *(dump(event) for event in history.events)], path=history.path)

    assert again == history


def test_the_verdict_of_the_four_kinds_is_the_table_that_people_should_know() -> None:
    history, scenario = recorded("four-kinds")

    verdict = judge(history, scenario)

    told = {(ruling.event, ruling.column): ruling.actual for ruling in verdict.rulings}
    assert told["restart", "tmpfs"] == told["restart", "tmpfs-volume"] == "lost"
    assert told["remove+run", "writable-layer"] == "lost"
    assert told["remove+run", "bind"] == told["remove+run", "volume"] == "persisted"
    assert told["remove+run", "anonymous-volume"] == "orphaned"
    assert told["remove-v+run", "anonymous-volume"] == "lost"
    assert told["remove-v+run", "volume"] == "persisted"
