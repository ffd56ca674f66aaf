"""What a command comes to: an exit code that says whose turn it is.

Rule 1: an interruption comes first, then a refutation, then nothing at all, then what is undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.verdict import Report

HOLD = 0
REFUTED = 1
USAGE = 2
UNDECIDED = 3
NOTHING = 4
INTERRUPTED = 130
TERMINATED = 143


def exit_code(report: Report) -> int:
    """Return the exit code of `run`, `lesson` or `judge`."""
    outcomes = [verdict.outcome for verdict in report.verdicts]
    # a mutant says something only where the scenario itself was decided
    mutants = [mutant.outcome for verdict in report.verdicts if verdict.outcome is Outcome.HOLDS for mutant in verdict.mutants]
    claims = {claim.verdict for claim in report.claims}
    if report.interrupted:
        return INTERRUPTED
    if Outcome.REFUTED in outcomes or "refuted" in claims:
        return REFUTED
    if any(outcome in {Outcome.HOLDS, Outcome.UNDECIDED} for outcome in mutants):
        return REFUTED  # a mutant that is not refuted: the file could not have failed
    if all(outcome is Outcome.SKIPPED for outcome in outcomes):
        return NOTHING
    if Outcome.UNDECIDED in outcomes or claims & {"undecided", "untested"}:
        return UNDECIDED
    return HOLD


def worst(codes: Iterable[int]) -> int:
    """Return the exit code of several answers together: the one that asks for most."""
    order = (INTERRUPTED, REFUTED, UNDECIDED, HOLD, NOTHING)
    return min(codes, key=order.index)
