"""A stack's report as one wants it under a pull request: the answer, what to change, the matrix; the rest folds away.

Rule 1: the answer stands in the first line, the fixes right below it.
Rule 2: no text of a file or a container becomes markup, a link or a mention.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_report import StackOutcome
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.reports import phrases
from dockstore.reports.markdown import code, escaped, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.stack_report import Finding, Row, StackReport

_SIGNS: Final = {
    StackOutcome.LOSES_DATA: "❌",
    StackOutcome.CANNOT_WRITE: "❌",
    StackOutcome.CANNOT_START: "❌",
    StackOutcome.UNDECIDED: "❔",
    StackOutcome.KEEPS_DATA: "✅",
}
_SEVERITY_SIGNS: Final = {"error": "❌", "warning": "⚠️", "advice": "💡"}
_MOST_LOG: Final = 20


def render(reports: Sequence[StackReport], *, most_bytes: int | None = None) -> str:
    """Render reports as Markdown; the matrices are left out where it would be longer than *most_bytes*."""
    text = "\n".join(_one(report, matrix=True) for report in reports)
    if most_bytes is None or len(text.encode()) <= most_bytes:
        return text
    text = "\n".join(_one(report, matrix=False) for report in reports)
    return text.encode()[:most_bytes].decode("utf-8", "ignore")


def _one(report: StackReport, *, matrix: bool) -> str:
    active = stack_words.active(report.findings)
    main = [finding for finding in active if finding.severity != "advice"]
    advice = [finding for finding in active if finding.severity == "advice"]
    ignored = [finding for finding in report.findings if finding.ignored is not None]
    sign = _SIGNS[report.outcome]
    blocks = [
        f"## {sign} {escaped(report.name)} {escaped(stack_words.answer(report))}",
        f"{escaped(stack_words.title(report))}: {stack_words.counts(report)}.",
        *(_state(report)),
        *(_finding(finding) for finding in main),
    ]
    blocks += [_reasons(report)] if _reasons(report) else []
    if matrix and report.rows:
        blocks.append(_matrix(report))
    if advice:
        blocks.append(_folded(f"{len(advice)} advice", "\n\n".join(_finding(finding) for finding in advice)))
    if ignored:
        rows = [[code(one.rule), code(stack_words.spot_word(one)), escaped(one.ignored or "")] for one in ignored]
        blocks.append(_folded(f"{len(ignored)} ignored", table(["rule", "where", "reason"], rows)))
    if report.limits:
        blocks.append(_folded("what this answer does not reach", "\n".join(f"- {escaped(limit)}" for limit in report.limits)))
    blocks.append(_foot(report))
    return "\n\n".join(blocks) + "\n"


def _finding(finding: Finding) -> str:
    where = stack_words.spot_word(finding)
    place = f" {code(where)}" if where else ""
    parts = [f"{_SEVERITY_SIGNS.get(finding.severity, '')} **{finding.rule}**{place}  \n{escaped(finding.message)}"]
    if finding.fix:
        text = phrases.clean(finding.fix)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        parts.append(f"{fence}yaml\n{text}\n{fence}" if "\n" in text or text.startswith("- ") else f"_Fix:_ {code(text)}")
    return "\n\n".join(parts)


def _reasons(report: StackReport) -> str:
    told: dict[tuple[str, str], list[Row]] = {}
    for row in report.rows:
        if row.must_survive and row.fate not in GOOD:
            told.setdefault((stack_words.place(row), row.why), []).append(row)
    lines = []
    for (place, why), rows in told.items():
        first = rows[0]
        sign = "❔" if first.fate in OPEN else "❌"
        lines.append(f"- {sign} {code(place)} {first.fate.value} by {escaped(phrases.listed(row.event for row in rows))}: {escaped(why)}")
        lines += [f"  - rests on {escaped(first.rests_on)}"] if first.rests_on and first.rests_on not in first.why else []
        lines += [f"  - to get it back: {code(line)}" for line in (first.recover or "").split("\n") if line.strip()]
    return "\n".join(lines)


def _matrix(report: StackReport) -> str:
    places = stack_words.by_place(report.rows)
    shown = {key: rows for key, rows in places.items() if any(row.role == "data" for row in rows)}
    if not shown:
        return "Nothing of it is known to hold data."
    events = list(dict.fromkeys(row.event for row in report.rows))
    header = ["event", *(f"{code(stack_words.place(rows[0]))}<br>{escaped(stack_words.store_word(rows[0].store))}" for rows in shown.values())]
    body = []
    for event in events:
        cells = [next((row for row in rows if row.event == event), None) for rows in shown.values()]
        mark = "" if any(row is not None and row.must_survive for row in cells) else " °"
        body.append([f"{code(event)}{mark}", *(_cell(row) for row in cells)])
    note = "predicted" if report.kind == "audit" else "seen"
    return _folded(f"what survives what ({note})", f"{table(header, body)}\n\n° no routine event: reported, not judged")


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    word = stack_words.cell(row)
    if row.fate in GOOD:
        return f"✅ {word}"
    if word == "kept?":
        return "❔ kept, found?"
    if not row.must_survive:
        return word if word != "?" else "❔"
    return "❔" if row.fate in OPEN else f"❌ {word}"


def _state(report: StackReport) -> list[str]:
    blocks = []
    for state in report.services:
        if state.state not in {"slow", "cannot-start"}:
            continue
        log = "\n".join(phrases.clean(line) for line in state.log[-_MOST_LOG:])
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", log)), default=0))
        text = f"❔ **{escaped(state.service)}** {escaped(state.state.replace('-', ' '))}: {escaped(state.detail)}"
        blocks.append(text + (f"\n\n{fence}text\n{log}\n{fence}" if log else ""))
    return blocks


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{escaped(summary)}</summary>\n\n{text}\n\n</details>"


def _foot(report: StackReport) -> str:
    lines = [f"{key}: {escaped(phrases.engine_words(info))}" for key, info in report.engines.items()]
    lines += [escaped(note) for note in report.notes]
    lines.append(
        f"dockstore {escaped(report.dockstore)} {report.kind}, run {code(report.run[:12])}, {code(report.started)}, {phrases.seconds(report.seconds)}"
    )
    return "  \n".join(lines)
