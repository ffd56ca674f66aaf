"""The report for a pull request or a step summary, in GitHub's Markdown (which GitLab and Gitea read too).

Rule 1: the answer stands in the first line; evidence folds away.
Rule 2: no text of a file or a container becomes markup, a link or a mention.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome, Vantage
from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.verdict import ClaimVerdict, Report, Ruling, Verdict

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~$]|^[-+=]|^\d+(?=[.)]\s))")
_LINKS: Final = re.compile(r"(?<=[:@#])(?=\w|//)|(?<=\bwww)(?=\.)")
_SIGNS: Final = {Outcome.HOLDS: "✅", Outcome.REFUTED: "❌", Outcome.UNDECIDED: "❔", Outcome.SKIPPED: "⏭️"}
_CLAIM_SIGNS: Final = {"holds": "✅", "holds-with-nuance": "✅", "does-not-hold": "⚠️", "refuted": "❌", "undecided": "❔", "untested": "❔"}


def render(report: Report, *, most_bytes: int | None = None) -> str:
    """Render a report as Markdown; evidence is left out from the end on where it would be longer than *most_bytes*."""
    head = [_title(report), _answer(report)]
    evidence = [_evidence(verdict, several=len(report.engines) > 1) for verdict in tally.by_urgency(report) if tally.is_alarming(verdict)]
    matrices = [_matrix(verdict) for verdict in report.verdicts if verdict.scenario.matrix is not None and verdict.rulings]
    tail = [_claims(report)] if report.claims else [_scenarios(report)]
    tail.append(_foot(report))
    left_out = 0
    while True:
        note = [f"The evidence of {left_out} more is left out here; the whole report has it."] if left_out else []
        text = "\n\n".join([*head, *evidence, *note, *matrices, *tail]) + "\n"
        if most_bytes is None or len(text.encode()) <= most_bytes or not (evidence or matrices):
            return text
        left_out += 1
        (evidence or matrices).pop()


def escaped(text: str) -> str:
    """Return *text* on one line with nothing in it that Markdown, or GitHub, would make something of."""
    return _LINKS.sub("\u200b", _MARKUP.sub(_escape, phrases.line(text)))


def _escape(found: re.Match[str]) -> str:
    return f"{found[0]}\\" if found[0].isdecimal() else f"\\{found[0]}"


def code(text: str) -> str:
    """Return *text* as inline code that may stand in a table."""
    words = phrases.line(text).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    space = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{ticks}{space}{words}{space}{ticks}" if words else ""


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _title(report: Report) -> str:
    return f"## {escaped(report.lesson_title or 'dockstore')}"


def _answer(report: Report) -> str:
    if report.claims:
        return f"**{tally.claims_count(report.claims)}: {escaped(tally.claims_line(report.claims))}.**\n\n{escaped(tally.summary(report))}"
    return f"**{escaped(tally.summary(report))}**"


def _evidence(verdict: Verdict, *, several: bool) -> str:
    survivors = tally.survivors(verdict)
    sign = "❌" if survivors else _SIGNS[verdict.outcome]
    where = f" on {verdict.engine}" if several else ""
    parts = [f"### {sign} {escaped(verdict.scenario.title)}{where}", code(phrases.place(verdict))]
    rulings = [ruling for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    if rulings:
        parts.append(_rulings(rulings))
    if verdict.reason:
        parts.append(escaped(phrases.shortened(verdict.reason)))
    told = [ruling for ruling in rulings if not phrases.repeats(verdict, ruling)]
    for ruling in told:
        hint = f"  \n_hint:_ {code(ruling.hint)}" if ruling.hint else ""
        named = f"**{escaped(phrases.subject(ruling))}**: " if len(told) > 1 else ""
        parts.append(f"{named}{escaped(phrases.shortened(ruling.why))}{hint}")
    parts += [f"The mutant “{escaped(mutant.title)}” should have been refuted and came out {mutant.outcome}." for mutant in survivors]
    return "\n\n".join(parts)


def _rulings(rulings: Sequence[Ruling]) -> str:
    witnesses = [witness for witness in Vantage if any(witness in ruling.sights for ruling in rulings)]
    rows = [
        [
            escaped(phrases.subject(ruling)),
            code(phrases.shortened(phrases.shown(ruling.expected))),
            code(phrases.shortened(phrases.shown(ruling.actual))),
            *(ruling.sights[witness].value if witness in ruling.sights else "" for witness in witnesses),
            f"{_SIGNS[ruling.outcome]} {ruling.outcome}",
        ]
        for ruling in rulings
    ]
    return table(["what", "expected", "actual", *(witness.value for witness in witnesses), "outcome"], rows)


def _matrix(verdict: Verdict) -> str:
    matrix = verdict.scenario.matrix
    if matrix is None:
        return ""
    cells = {(ruling.event, ruling.column): ruling for ruling in verdict.rulings}
    rows = [[code(event), *(_cell(cells.get((event, store))) for store in matrix.stores)] for event in matrix.events]
    return f"### {escaped(verdict.scenario.title)}\n\n{table(['event', *(escaped(store) for store in matrix.stores)], rows)}"


def _cell(ruling: Ruling | None) -> str:
    if ruling is None:
        return "not played"
    fate = escaped(phrases.shown(ruling.actual))
    return fate if ruling.outcome is Outcome.HOLDS else f"{_SIGNS[ruling.outcome]} {fate}, not {escaped(phrases.shown(ruling.expected))}"


def _claims(report: Report) -> str:
    blocks: list[str] = []
    sections = dict.fromkeys(claim.section for claim in report.claims)
    for section in sections:
        rows = [_claim(claim) for claim in report.claims if claim.section == section]
        blocks += [f"### {escaped(section)}"] if section else []
        blocks.append(table(["claim", "verdict", "nuance"], rows))
    return "\n\n".join(blocks)


def _claim(claim: ClaimVerdict) -> list[str]:
    nuance = escaped(claim.nuance or "")
    if claim.set_aside and claim.verdict in {"refuted", "undecided", "untested"}:
        nuance = f"{nuance} set aside: {escaped(phrases.listed(claim.set_aside))}".strip()
    return [f"**{escaped(claim.id)}** {escaped(claim.claim)}", f"{_CLAIM_SIGNS[claim.verdict]} {phrases.VERDICT_WORDS[claim.verdict]}", nuance]


def _scenarios(report: Report) -> str:
    rows = []
    for verdict in tally.by_urgency(report):
        note = f" ({escaped(phrases.needs(verdict))})" if verdict.outcome is Outcome.SKIPPED else ""
        engine = [verdict.engine] if len(report.engines) > 1 else []
        rows.append(
            [escaped(verdict.scenario.title), *engine, f"{_SIGNS[verdict.outcome]} {verdict.outcome}{note}", phrases.seconds(verdict.seconds)]
        )
    headers = ["scenario", *(["engine"] if len(report.engines) > 1 else []), "outcome", "time"]
    count = len(report.verdicts)
    return f"<details><summary>{f'all {count} scenarios' if count != 1 else 'the scenario'}</summary>\n\n{table(headers, rows)}\n\n</details>"


def _foot(report: Report) -> str:
    engines = [f"{key}: {escaped(phrases.engine_words(info))}" for key, info in report.engines.items()]
    lines = [
        *engines,
        *(escaped(note) for note in report.notes),
        f"dockstore {escaped(report.dockstore)}, run {code(report.run[:12])}, {code(report.started)}",
    ]
    return "  \n".join(lines)
