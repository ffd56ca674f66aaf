"""The bundled scenarios, played on a real engine in one session, and what came of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homes_and_engines import environment, remove_private_engines

from dockstore import api
from dockstore.core.claims import judge_claims
from dockstore.core.lesson import Lesson, load_lesson
from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import ClaimVerdict, Verdict

SCENARIOS = {os.path.relpath(scenario.file, api.bundled_scenarios()): scenario for scenario in api.load(api.bundled_scenarios()).scenarios}
LESSON = tuple(name for name, scenario in SCENARIOS.items() if scenario.lesson)
AGAIN = 3  # an undecided one (a measure on a busy machine, lost updates that did not show) is played again, alone; a refuted one never


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The verdicts of one session, by file, and the engines by the names that the verdicts give them."""

    verdicts: Mapping[str, Verdict]
    engines: Mapping[str, EngineInfo]

    def claims(self) -> dict[str, ClaimVerdict]:
        """What the verdicts say of each claim of the bundled lesson."""
        return {claim.id: claim for claim in judge_claims(lesson(), list(self.verdicts.values()))}


def lesson() -> Lesson:
    """The bundled lesson."""
    file = api.bundled_lesson()
    found = load_lesson(file.read_text(encoding="utf-8"), str(file))
    assert isinstance(found, Lesson)
    return found


def play(wanted: Sequence[Scenario], address: str, folder: Path, *, mutants: bool) -> Played:
    """Play *wanted* on the engine at *address*, side by side, and the undecided ones again, alone; then only the cache is left in *folder*."""
    environ = environment(address, folder)
    home = folder / "home"
    _lend_the_cache(home)
    try:
        with api.open_session(api.Options(mutants=mutants, home=str(home)), env=environ, cwd=folder) as session:
            verdicts = {verdict.scenario.file: verdict for verdict in session.play(wanted)}
            for _ in range(AGAIN):
                for scenario in [verdict.scenario for verdict in verdicts.values() if is_undecided(verdict)]:
                    (verdicts[scenario.file],) = session.play([scenario])
        return Played(verdicts=verdicts, engines=session.report("run").engines)
    finally:
        remove_private_engines(home, environ)


def is_undecided(verdict: Verdict) -> bool:
    """Whether something of it might come out another time."""
    return Outcome.UNDECIDED in {verdict.outcome, *(mutant.outcome for mutant in verdict.mutants)}


def words(verdict: Verdict) -> str:
    """What a person needs to know of a verdict that is not as it should be."""
    rulings = [f"{ruling.line}: {ruling.look} {ruling.fact}: {ruling.why}" for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    mutants = [f"mutant '{item.title}' is {item.outcome}: {item.reason}" for item in verdict.mutants if item.outcome is not Outcome.REFUTED]
    return "\n".join([f"{verdict.outcome}: {verdict.reason}", *rulings, *mutants])


def _lend_the_cache(home: Path) -> None:
    """Let *home* use the lab image and the programs of a network folder that `make test` has set up."""
    home.mkdir(parents=True, exist_ok=True)
    kept = os.environ.get("DOCKSTORE_TEST_CACHE")
    if kept is not None:
        (home / "cache").symlink_to(kept)
