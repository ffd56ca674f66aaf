"""TAP 14: one test point for each scenario, each mutant that was played, and each claim of a lesson.

Rule 1: *undecided* is `not ok`: a harness that knows only two words must not take it for good news.
Rule 2: a skipped scenario is `ok … # SKIP` with the need named.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome
from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.verdict import Report, Verdict

_SPECIAL: Final = re.compile(r"([\\#])")
_GOOD_CLAIMS: Final = frozenset({"holds", "holds-with-nuance", "does-not-hold"})


def render(report: Report) -> str:
    """Render a report as TAP."""
    several = len(report.engines) > 1
    points = [point for verdict in report.verdicts for point in _scenario(verdict, several=several)]
    points += [
        _point(f"{claim.id}: {claim.claim}", good=claim.verdict in _GOOD_CLAIMS, facts={"verdict": claim.verdict, "nuance": claim.nuance})
        for claim in report.claims
    ]
    lines = ["TAP version 14", *(f"# {key}: {phrases.engine_words(info)}" for key, info in report.engines.items()), f"1..{len(points)}"]
    for number, (good, description, directive, facts) in enumerate(points, 1):
        lines.append(f"{'ok' if good else 'not ok'} {number} - {description}{directive}")
        lines += _block(facts) if not good else []
    lines += [f"# {line}" for note in report.notes for line in phrases.clean(note).split("\n")]
    lines.append(f"# {tally.summary(report)}")
    lines += ["Bail out! interrupted"] if report.interrupted else []
    return "\n".join(lines) + "\n"


Point = tuple[bool, str, str, "Mapping[str, object]"]


def _point(description: str, *, good: bool, facts: Mapping[str, object], directive: str = "") -> Point:
    return good, _SPECIAL.sub(r"\\\1", phrases.line(description)), directive, facts


def _scenario(verdict: Verdict, *, several: bool) -> list[Point]:
    title = verdict.scenario.title + (f" [{verdict.engine}]" if several else "")
    if verdict.outcome is Outcome.SKIPPED:
        return [_point(title, good=True, facts={}, directive=f" # SKIP {phrases.needs(verdict)}")]
    bad = [ruling for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    facts: dict[str, object] = {"outcome": verdict.outcome.value, "at": phrases.place(verdict)}
    facts |= {"reason": phrases.line(verdict.reason)} if verdict.reason else {}
    facts |= {"history": verdict.history.path} if verdict.history is not None and verdict.history.path else {}
    for ruling in bad:
        facts[phrases.subject(ruling)] = {
            "expected": phrases.shortened(phrases.shown(ruling.expected)),
            "actual": phrases.shortened(phrases.shown(ruling.actual)),
            **{vantage.value: sight.value for vantage, sight in ruling.sights.items()},
            "why": phrases.shortened(ruling.why),
        }
    points = [_point(title, good=verdict.outcome is Outcome.HOLDS, facts=facts)]
    survivors = tally.survivors(verdict)
    for mutant in tally.told_mutants(verdict):
        skipped = mutant.outcome is Outcome.SKIPPED
        directive = f" # SKIP {phrases.line(mutant.reason or 'not played')}" if skipped else ""
        good = mutant not in survivors
        points.append(_point(f"{title}: mutant '{mutant.title}' is refuted", good=good, facts={"outcome": mutant.outcome.value}, directive=directive))
    return points


def _block(facts: Mapping[str, object]) -> list[str]:
    """Return a YAML block; JSON texts are YAML texts too."""
    lines = ["  ---"]
    for name, value in facts.items():
        match value:
            case dict():
                lines.append(f"  {json.dumps(name, ensure_ascii=False)}:")
                lines += [f"    {key}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items()]
            case None:
                pass
            case _:
                lines.append(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
    return [*lines, "  ..."]
