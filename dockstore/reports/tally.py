"""How many of each: the counts that every report's first or last line gives.

Rule 1: counting only; the exit code is chosen elsewhere, from the same verdicts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome
from dockstore.core.values import dataclass
from dockstore.reports import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Verdict

_URGENCY: Final = (Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED, Outcome.HOLDS)
_CLAIM_ORDER: Final = ("refuted", "undecided", "untested", "does-not-hold", "holds-with-nuance", "holds")


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of scenarios by outcome, and of mutants: a skipped mutant counts as neither."""

    holds: int
    refuted: int
    undecided: int
    skipped: int
    mutants_refuted: int
    mutants_not_refuted: int


def tally(report: Report) -> Tally:
    """Count a report's scenarios, and the mutants of those that hold: elsewhere a mutant says nothing."""
    outcomes = Counter(verdict.outcome for verdict in report.verdicts)
    mutants = Counter(mutant.outcome for verdict in report.verdicts if verdict.outcome is Outcome.HOLDS for mutant in verdict.mutants)
    return Tally(
        holds=outcomes[Outcome.HOLDS],
        refuted=outcomes[Outcome.REFUTED],
        undecided=outcomes[Outcome.UNDECIDED],
        skipped=outcomes[Outcome.SKIPPED],
        mutants_refuted=mutants[Outcome.REFUTED],
        mutants_not_refuted=mutants[Outcome.HOLDS] + mutants[Outcome.UNDECIDED],
    )


def survivors(verdict: Verdict) -> tuple[MutantVerdict, ...]:
    """Return the mutants that should have been refuted and were not."""
    if verdict.outcome is not Outcome.HOLDS:
        return ()
    return tuple(mutant for mutant in verdict.mutants if mutant.outcome in {Outcome.HOLDS, Outcome.UNDECIDED})


def told_mutants(verdict: Verdict) -> tuple[MutantVerdict, ...]:
    """Return the mutants that deserve a line of their own: those somebody wrote, and any that survived."""
    survived = survivors(verdict)
    return tuple(mutant for mutant in verdict.mutants if not mutant.automatic or mutant in survived)


def is_alarming(verdict: Verdict) -> bool:
    """Tell whether a person must look at this verdict."""
    return verdict.outcome in {Outcome.REFUTED, Outcome.UNDECIDED} or bool(survivors(verdict))


def by_urgency(report: Report) -> tuple[Verdict, ...]:
    """Return the verdicts, refuted first, in their own order within each outcome."""
    return tuple(sorted(report.verdicts, key=lambda verdict: _URGENCY.index(verdict.outcome)))


def summary(report: Report) -> str:
    """Return the summary line: `1 refuted, 6 hold, 1 skipped (needs upperdir) in 4.2 s`."""
    count = tally(report)
    parts = [f"{count.refuted} refuted"] if count.refuted else []
    parts += [f"{count.undecided} undecided"] if count.undecided else []
    parts += [_hold(count.holds)] if count.holds or not (count.refuted or count.undecided or count.skipped) else []
    if count.skipped:
        wanted = sorted({need for verdict in report.verdicts if verdict.outcome is Outcome.SKIPPED for need in verdict.unmet})
        parts.append(f"{count.skipped} skipped" + (f" (needs {', '.join(wanted)})" if wanted else ""))
    played = count.mutants_refuted + count.mutants_not_refuted
    if played:
        parts.append(f"{count.mutants_refuted} of {played} mutants refuted")
    text = f"{', '.join(parts)} in {phrases.seconds(report.seconds)}"
    return f"interrupted: {text}" if report.interrupted else text


def claims_count(claims: Sequence[ClaimVerdict]) -> str:
    """Return how many claims there are, in words."""
    return f"{len(claims)} claim{'s' if len(claims) != 1 else ''}"


def claims_line(claims: Iterable[ClaimVerdict]) -> str:
    """Return a lesson's answer: `20 hold with a nuance, 10 hold, 1 does not hold as taught`, alarms first."""
    counts = Counter(claim.verdict for claim in claims)
    words = {
        "refuted": ("refuted", "refuted"),
        "undecided": ("undecided", "undecided"),
        "untested": ("untested", "untested"),
        "does-not-hold": ("does not hold as taught", "do not hold as taught"),
        "holds-with-nuance": ("holds with a nuance", "hold with a nuance"),
        "holds": ("holds", "hold"),
    }
    order = (*_CLAIM_ORDER[:3], "holds", "holds-with-nuance", "does-not-hold")
    return ", ".join(f"{counts[verdict]} {words[verdict][counts[verdict] != 1]}" for verdict in order if counts[verdict])


def histories(report: Report) -> tuple[str, ...]:
    """Return the paths of the histories that the verdicts rest on, each once."""
    return tuple(dict.fromkeys(verdict.history.path for verdict in report.verdicts if verdict.history is not None and verdict.history.path))


def _hold(count: int) -> str:
    return f"{count} holds" if count == 1 else f"{count} hold"
