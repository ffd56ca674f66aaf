"""What the files that name a claim say of it, all together.

Rule 1: one refuted file makes a claim refuted; skipped and undecided files are named and count for nothing.
Rule 2: over the files that hold, `instead` beats `nuance` beats neither. None held: undecided. None names it: untested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import Outcome
from dockstore.core.verdict import ClaimVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.lesson import Claim, Lesson
    from dockstore.core.verdict import Verdict


def judge_claims(lesson: Lesson, verdicts: Sequence[Verdict]) -> tuple[ClaimVerdict, ...]:
    """Rule on every claim of *lesson*, in its order."""
    naming: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        for claim in dict.fromkeys(verdict.scenario.lesson):
            naming.setdefault(claim, []).append(verdict)
    return tuple(_judge(claim, naming.get(claim.id, ())) for claim in lesson.claims)


def _judge(claim: Claim, verdicts: Sequence[Verdict]) -> ClaimVerdict:
    refuted = [verdict for verdict in verdicts if verdict.outcome is Outcome.REFUTED]
    holding = [verdict for verdict in verdicts if verdict.outcome is Outcome.HOLDS]
    instead = _texts(verdict.scenario.instead for verdict in holding)
    nuance = _texts(verdict.scenario.nuance for verdict in holding)
    aside = [verdict for verdict in verdicts if verdict.outcome in {Outcome.SKIPPED, Outcome.UNDECIDED}]
    if refuted:
        word, said = "refuted", None
    elif instead:
        word, said = "does-not-hold", instead
    elif nuance:
        word, said = "holds-with-nuance", nuance
    elif holding:
        word, said = "holds", None
    elif verdicts:
        word, said = "undecided", None
    else:
        word, said = "untested", None
    return ClaimVerdict(
        id=claim.id,
        claim=claim.sentence,
        verdict=word,
        nuance=said,
        scenarios=tuple(dict.fromkeys(verdict.scenario.title for verdict in refuted or holding)),
        set_aside=tuple(dict.fromkeys(_aside(verdict) for verdict in aside)),
        section=claim.section,
    )


def _texts(texts: Iterable[str | None]) -> str | None:
    """Join what the files say, each thing once."""
    return " ".join(dict.fromkeys(" ".join(text.split()) for text in texts if text)) or None


def _aside(verdict: Verdict) -> str:
    """Name a file that decided nothing, and why."""
    reason = f": {verdict.reason}" if verdict.reason else ""
    return f"{verdict.scenario.title} ({verdict.outcome}{reason})"
