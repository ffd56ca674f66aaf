"""Every bundled scenario holds on a real engine (or lacks a need that this engine does not meet), and every mutant of it is refuted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bundled import SCENARIOS, words

from dockstore.core.capabilities import unmet
from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from bundled import Played

    from dockstore.core.script import Scenario

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("file", SCENARIOS)
def test_a_bundled_scenario_holds_and_its_mutants_are_refuted(played: Played, file: str) -> None:
    scenario: Scenario = SCENARIOS[file]
    verdict = played.verdicts[scenario.file]

    if verdict.outcome is Outcome.SKIPPED:
        assert verdict.unmet == unmet(scenario, played.engines[verdict.engine]), words(verdict)
        assert verdict.unmet != ()
        return
    assert verdict.outcome is Outcome.HOLDS, words(verdict)
    assert [item.title for item in verdict.mutants if item.outcome not in {Outcome.REFUTED, Outcome.SKIPPED}] == [], words(verdict)
    assert {item.title for item in verdict.mutants} >= {mutant.title for mutant in scenario.mutants}


def test_most_bundled_scenarios_can_be_played_anywhere() -> None:
    needy = [scenario for scenario in SCENARIOS.values() if scenario.needs]

    assert len(SCENARIOS) > 90
    assert len(needy) < len(SCENARIOS) / 3
