"""Every bundled scenario holds on a real engine (or lacks a need that this engine does not meet), and every mutant of it is refuted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from homes_and_engines import environment, remove_private_engines

from dockstore import api
from dockstore.core.capabilities import unmet
from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict

pytestmark = pytest.mark.engine

SCENARIOS = {os.path.relpath(scenario.file, api.bundled_scenarios()): scenario for scenario in api.load(api.bundled_scenarios()).scenarios}
AGAIN = 3  # an undecided one (a measure on a busy machine, lost updates that did not show) is played again, alone; a refuted one never


class Played:
    """The verdicts of one shared session, by file."""

    def __init__(self, verdicts: Mapping[str, Verdict], engines: Mapping[str, EngineInfo]) -> None:
        self.verdicts = verdicts
        self.engines = engines


@pytest.fixture(scope="module", name="played")
def _played(request: pytest.FixtureRequest, engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Play every scenario that is asked for in this session, side by side, and the undecided ones again, alone."""
    wanted = [SCENARIOS[name] for name in dict.fromkeys(map(_file_of, request.session.items)) if name is not None]
    folder = tmp_path_factory.mktemp("scenarios")
    environ = environment(engine_address, folder)
    options = api.Options(mutants=True, home=str(folder / "home"))
    try:
        with api.open_session(options, env=environ, cwd=folder) as session:
            verdicts = {verdict.scenario.file: verdict for verdict in session.play(wanted)}
            for _ in range(AGAIN):
                for scenario in [verdict.scenario for verdict in verdicts.values() if is_undecided(verdict)]:
                    (verdicts[scenario.file],) = session.play([scenario])
        yield Played(verdicts, session.report("run").engines)
    finally:
        remove_private_engines(folder / "home", environ)


def _file_of(item: pytest.Item) -> str | None:
    """The scenario's file that an item of this module is about."""
    if not isinstance(item, pytest.Function) or getattr(item.module, "__name__", "") != __name__ or not hasattr(item, "callspec"):
        return None
    file = item.callspec.params.get("file")
    return str(file) if file is not None else None


def is_undecided(verdict: Verdict) -> bool:
    return Outcome.UNDECIDED in {verdict.outcome, *(mutant.outcome for mutant in verdict.mutants)}


def words(verdict: Verdict) -> str:
    """What a person needs to know of a verdict that is not as it should be."""
    rulings = [f"{ruling.line}: {ruling.look} {ruling.fact}: {ruling.why}" for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    mutants = [f"mutant '{item.title}' is {item.outcome}: {item.reason}" for item in verdict.mutants if item.outcome is not Outcome.REFUTED]
    return "\n".join([f"{verdict.outcome}: {verdict.reason}", *rulings, *mutants])


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
