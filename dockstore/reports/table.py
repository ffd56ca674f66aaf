"""The report for a terminal: failures with their evidence, the lesson's claims, the summary line, where the histories are.

Rule 1: nothing is wider than *width*, except a word that cannot be broken (a path).
Rule 2: colour repeats what a word beside it says.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome, Vantage
from dockstore.reports import layout, phrases, tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.core.verdict import ClaimVerdict, Report, Ruling, Verdict

_STYLES: Final = {Outcome.HOLDS: "good", Outcome.REFUTED: "bad", Outcome.UNDECIDED: "unsure", Outcome.SKIPPED: "soft"}
_CLAIM_STYLES: Final = {
    "holds": "good",
    "holds-with-nuance": "good",
    "does-not-hold": "unsure",
    "refuted": "bad",
    "undecided": "unsure",
    "untested": "unsure",
}
_WITNESSES: Final = (Vantage.ENGINE, Vantage.HOST, Vantage.CONTAINER, Vantage.SERVICE)
_PROSE: Final = 110


def render(report: Report, *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """Render a report as text of at most *width* columns (60 to 200)."""
    width = min(max(width, 60), 200)
    several = len(report.engines) > 1
    ordered = tally.by_urgency(report)
    told = [verdict for verdict in ordered if tally.is_alarming(verdict) or verbose or len(ordered) == 1]
    matrices = [verdict for verdict in ordered if verdict not in told and verdict.scenario.matrix is not None and verdict.rulings]
    skipped = [verdict for verdict in ordered if verdict not in told and verdict.outcome is Outcome.SKIPPED]
    blocks = [evidence(verdict, width=width, color=color, several=several) for verdict in told]

    def headline(verdict: Verdict) -> str:
        return _headline(verdict, width=width, color=color, several=several)

    blocks += [f"{headline(verdict)}\n\n{matrix(verdict, width=width, color=color)}" for verdict in matrices]
    blocks += ["\n".join(headline(verdict) for verdict in skipped)] if skipped else []
    if report.claims:
        blocks.append(claims(report, width=width, color=color))
    blocks.append(_end(report, width=width, color=color))
    return "\n\n".join(blocks) + "\n"


def evidence(verdict: Verdict, *, width: int = 100, color: bool = False, several: bool = False) -> str:
    """Render one verdict with all of its evidence: what a person wants to see of a failure."""
    prose = min(width, _PROSE)
    parts = [_headline(verdict, width=width, color=color, several=several)]
    if verdict.scenario.matrix is not None and any(ruling.column is not None for ruling in verdict.rulings):
        parts.append(matrix(verdict, width=width, color=color))
        plain = tuple(ruling for ruling in verdict.rulings if ruling.column is None)
    else:
        plain = verdict.rulings
    if plain:
        parts.append(_rulings(plain, width=width, color=color))
    if verdict.reason and verdict.outcome is not Outcome.SKIPPED:
        parts.append(layout.wrap(phrases.shortened(verdict.reason), prose))
    told = [ruling for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    told = told or [ruling for ruling in verdict.rulings if ruling.kind == "fate" and ruling.column is None]
    told = [ruling for ruling in told if ruling.why and not phrases.repeats(verdict, ruling)]
    parts += list(dict.fromkeys(_why(ruling, named=len(told) > 1, width=prose) for ruling in told))
    for mutant in tally.survivors(verdict):
        kind = "flipped fate" if mutant.automatic else "mutant"
        reason = f": {phrases.line(mutant.reason)}" if mutant.reason else ""
        text = f"the {kind} “{phrases.line(mutant.title)}” should have been refuted and came out {mutant.outcome}{reason}"
        hint = "\n  hint: change what the mutant does until this scenario's expectations can no longer be met"
        parts.append(layout.wrap(text, prose) + hint)
    return "\n\n".join(parts)


def matrix(verdict: Verdict, *, width: int = 100, color: bool = False) -> str:
    """Render the survival matrix: a line for each event, a column for each store, a fate in each cell."""
    table = verdict.scenario.matrix
    if table is None:
        return ""
    cells = {(ruling.event, ruling.column): ruling for ruling in verdict.rulings if ruling.column is not None}
    rows = [[event, *(_cell(cells.get((event, store)), color=color) for store in table.stores)] for event in table.events]
    return layout.folded(["event", *table.stores], rows, width)


def claims(report: Report, *, width: int = 100, color: bool = False) -> str:
    """Render a lesson's claims as a table: id, claim, verdict, nuance."""
    title = layout.paint(phrases.line(report.lesson_title or "the lesson"), "strong", color=color)

    def verdict(claim: ClaimVerdict) -> str:
        return layout.paint(phrases.VERDICT_WORDS[claim.verdict], _CLAIM_STYLES[claim.verdict], color=color)

    if width < 90:
        lines = []
        for claim in report.claims:
            lines.append(layout.wrap(f"{claim.id:<4} {phrases.line(claim.claim)}", width, "     "))
            nuance = _nuance(claim)
            lines.append(f"     {verdict(claim)}")
            lines += [layout.wrap(f"     {nuance}", width, "     ")] if nuance else []
        return f"{title}\n\n" + "\n".join(lines)
    rows = [[claim.id, phrases.line(claim.claim), verdict(claim), _nuance(claim)] for claim in report.claims]
    return f"{title}\n\n" + layout.grid(["id", "claim", "verdict", "nuance"], rows, width)


def _nuance(claim: ClaimVerdict) -> str:
    parts = [phrases.line(claim.nuance)] if claim.nuance else []
    if claim.verdict in {"undecided", "untested", "refuted"} and claim.set_aside:
        parts.append(f"set aside: {phrases.listed(claim.set_aside)}")
    if claim.verdict == "untested" and not claim.set_aside:
        parts.append("no scenario names this claim")
    return " ".join(parts)


def _headline(verdict: Verdict, *, width: int, color: bool, several: bool) -> str:
    survived = verdict.outcome is Outcome.HOLDS and bool(tally.survivors(verdict))
    label = "FAIL" if survived else phrases.OUTCOME_LABELS[verdict.outcome]
    style = "bad" if survived else _STYLES[verdict.outcome]
    title = phrases.line(verdict.scenario.title) + (f" [{verdict.engine}]" if several else "")
    if verdict.outcome is Outcome.SKIPPED:
        title += f" ({phrases.needs(verdict)})"
    where = phrases.line(phrases.place(verdict))
    head = f"{label}  {title}"
    if len(head) + 5 + len(where) <= width:
        text = f"{head}     {where}"
    else:
        text = layout.wrap(head, width, " " * (len(label) + 2)) + "\n" + " " * (len(label) + 2) + where
    return layout.paint(label, style, color=color) + text[len(label) :]


def _rulings(rulings: tuple[Ruling, ...], *, width: int, color: bool) -> str:
    only_fates = all(ruling.kind == "fate" and ruling.look == ruling.write for ruling in rulings)
    columns: list[tuple[str, Callable[[Ruling], str]]] = [("write" if only_fates else "look", lambda ruling: phrases.line(ruling.look))]
    if not only_fates:
        columns.append(("fact", lambda ruling: phrases.line(ruling.fact)))
    columns += [
        ("expected", lambda ruling: phrases.shortened(phrases.shown(ruling.expected))),
        ("actual", lambda ruling: phrases.shortened(phrases.shown(ruling.actual))),
    ]
    for witness in _WITNESSES:
        if any(witness in ruling.sights for ruling in rulings):
            columns.append((witness.value, _sight(witness)))
    columns.append(("outcome", lambda ruling: layout.paint(ruling.outcome.value, _STYLES[ruling.outcome], color=color)))
    rows = [[cell(ruling) for _, cell in columns] for ruling in rulings]
    return layout.grid([header for header, _ in columns], rows, width)


def _sight(witness: Vantage) -> Callable[[Ruling], str]:
    return lambda ruling: ruling.sights[witness].value if witness in ruling.sights else ""


def _cell(ruling: Ruling | None, *, color: bool) -> str:
    if ruling is None:
        return "not played"
    if ruling.outcome is Outcome.HOLDS:
        return phrases.shown(ruling.actual)
    sign = "✗" if ruling.outcome is Outcome.REFUTED else "?"
    return layout.paint(f"{sign} {phrases.shown(ruling.actual)}, not {phrases.shown(ruling.expected)}", _STYLES[ruling.outcome], color=color)


def _why(ruling: Ruling, *, named: bool, width: int) -> str:
    text = phrases.shortened(ruling.why)
    told = layout.wrap(f"{phrases.subject(ruling)}: {text}" if named else text, width)
    return told if ruling.hint is None else f"{told}\n" + layout.wrap(f"  hint: {phrases.line(ruling.hint)}", width, "        ")


def _end(report: Report, *, width: int, color: bool) -> str:
    lines = []
    for key, info in report.engines.items():
        prefix = f"{key}: " if len(report.engines) > 1 else "engine: "
        lines.append(layout.wrap(f"{prefix}{phrases.engine_words(info)} at {phrases.address(info.address)}", width, "  "))
    if report.claims:
        lines.append(layout.wrap(f"{tally.claims_count(report.claims)}: {tally.claims_line(report.claims)}", width, "  "))
    count = tally.tally(report)
    style = "bad" if count.refuted or count.mutants_not_refuted else "unsure" if count.undecided or not count.holds or report.interrupted else "good"
    lines.append("\n".join(layout.paint(one, style, color=color) for one in layout.wrap(tally.summary(report), width, "  ").split("\n")))
    lines += [layout.wrap(phrases.clean(note), width, "  ") for note in report.notes]
    paths = tally.histories(report)
    if len(paths) == 1:
        lines.append(f"history: {paths[0]}")
    elif paths:
        lines.append(f"histories: {posixpath.commonpath(paths)}/ ({len(paths)} files)")
    return "\n".join(lines)
