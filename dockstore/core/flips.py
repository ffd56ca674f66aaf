"""Every fate of a file turned into another one: each must come out refuted, or the file could not have failed.

Rule 1: a flip changes what is expected, never what was done, so it is judged on the scenario's own history and needs no engine.
Rule 2: only a fate that holds is flipped: one that is refuted has failed already, and one that is undecided proves nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.evidence import gather
from dockstore.core.judge import applicable, rule
from dockstore.core.model import Fate, Outcome
from dockstore.core.script import Equals, OneOf
from dockstore.core.verdict import MutantVerdict

if TYPE_CHECKING:
    from dockstore.core.history import History
    from dockstore.core.script import Expectation, Scenario

_LIKELY = (Fate.LOST, Fate.PERSISTED, Fate.ORPHANED, Fate.ALTERED)


def flips(history: History, scenario: Scenario) -> tuple[MutantVerdict, ...]:
    """Return the verdict on each flipped fate that held."""
    if history.header.unmet:
        return ()
    evidence = gather(history, scenario)
    verdicts: list[MutantVerdict] = []
    for expectation in applicable(scenario, history.header.engine):
        if expectation.fact != "fate":
            continue
        ruling = rule(evidence, expectation)
        if ruling.outcome is not Outcome.HOLDS or ruling.actual == str(Fate.UNKNOWN):
            continue
        flipped = other(expectation)
        if flipped is None:
            continue
        outcome = rule(evidence, replace(expectation, checks=(Equals(str(flipped)),), otherwise_undecided=False)).outcome
        title = f"{expectation.look}: {flipped} instead of {ruling.actual}"
        look = expectation.look if outcome is Outcome.REFUTED else None
        verdicts.append(MutantVerdict(title=title, outcome=outcome, look=look, seconds=0.0, automatic=True))
    return tuple(verdicts)


def other(expectation: Expectation) -> Fate | None:
    """Return a fate that is not expected, one that people would rather believe first; None if all of those are."""
    wanted: set[str] = set()
    for one in expectation.checks:
        match one:
            case Equals():
                wanted.add(str(one.value))
            case OneOf():
                wanted |= {str(value) for value in one.values}
            case _:
                pass
    return next((fate for fate in _LIKELY if fate not in wanted), None)
