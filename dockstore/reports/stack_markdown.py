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
from dockstore.core.values import dataclass
from dockstore.reports import phrases, stack_groups
from dockstore.reports.markdown import code, escaped, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.stack_report import Row, StackReport
    from dockstore.reports.stack_groups import Same

_SIGNS: Final = {
    StackOutcome.LOSES_DATA: "❌",
    StackOutcome.CANNOT_WRITE: "❌",
    StackOutcome.CANNOT_START: "❌",
    StackOutcome.UNDECIDED: "❔",
    StackOutcome.KEEPS_DATA: "✅",
}
_SEVERITY_SIGNS: Final = {"error": "❌", "warning": "⚠️", "advice": "💡"}
_MOST_LOG: Final = 20
_NOTE_BYTES: Final = 200
_MOST_COLUMNS: Final = 4  # places beside one another


def render(reports: Sequence[StackReport], *, most_bytes: int | None = None) -> str:
    """Render reports as Markdown; where it would be longer than *most_bytes*, whole parts are left out: matrices first, answers last."""
    parts = [part for report in reports for part in _parts(report)]
    left_out = 0
    size = sum(len(part.text.encode()) + 2 for part in parts) + _NOTE_BYTES
    while most_bytes is not None and size > most_bytes and len(parts) > 1:
        worst = max(range(len(parts)), key=lambda index: (parts[index].rank, index))
        size -= len(parts.pop(worst).text.encode()) + 2
        left_out += 1
    note = [f"{left_out} parts of this report are left out here for their length; as `json` or `html` it has them all."] if left_out else []
    return "\n\n".join([*(part.text for part in parts), *note]) + "\n"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the report. *rank*: 0 is left out last."""

    rank: int
    text: str


def _parts(report: StackReport) -> list[_Part]:
    active = stack_words.active(report.findings)
    main = [finding for finding in active if finding.severity != "advice"]
    advice = [finding for finding in active if finding.severity == "advice"]
    ignored = [finding for finding in report.findings if finding.ignored is not None]
    said = {(finding.service, finding.path) for finding in main}
    untold = _reasons([row for row in report.rows if (row.service, row.path) not in said])
    told = _reasons([row for row in report.rows if (row.service, row.path) in said])
    step = stack_words.next_step(report)
    differences = _differences(report)
    parts = [
        _Part(0, f"## {_SIGNS[report.outcome]} {escaped(report.name)} {escaped(stack_words.answer(report))}"),
        _Part(0, f"{_subject(report)}: {stack_words.counts(report)}."),
        *([_Part(0, f"{escaped(step[:1].upper() + step[1:])}.")] if step else []),
        *([_Part(1, differences)] if differences else []),
        *(_Part(2, _finding(same)) for same in stack_groups.findings(main, report.rows)),
        *(_Part(2, reason) for reason in untold),
        *(_Part(3, state) for state in _states(report)),
    ]
    if told:
        parts.append(_Part(4, _folded("why, and where the bytes are", "\n\n".join(told))))
    if report.rows:
        parts.append(_Part(6, _matrix(report)))
    if advice:
        parts.append(_Part(5, _folded(f"{len(advice)} advice", "\n\n".join(_finding(same) for same in stack_groups.findings(advice)))))
    if ignored:
        rows = [[code(one.rule), code(stack_words.spot_word(one)), escaped(one.ignored or "")] for one in ignored]
        parts.append(_Part(5, _folded(f"{len(ignored)} ignored", table(["rule", "where", "reason"], rows))))
    parts.append(_Part(4, _reach(report)))
    return parts


def _subject(report: StackReport) -> str:
    files = ", ".join(code(file) for file in report.files)
    change = f", {code(report.base)} → {code(report.head or '')}" if report.base is not None else ""
    return f"{report.kind} of {files or escaped(report.name)}{change}"


def _differences(report: StackReport) -> str:
    """Of a change: what is not as the base has it, events with one answer together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in report.rows:
        if report.base is None or row.role != "data" or row.found == "declared" or not stack_words.is_new(row):
            continue
        if row.base_fate is None and row.fate in GOOD:
            continue  # new, or carried over as it should
        before = "-" if row.base_fate is None else stack_words.fate_word(row.base_fate)
        found.setdefault((code(stack_words.place(row)), before, _cell(row)), []).append(row.event)
    if not found:
        return ""
    rows = [[place, ", ".join(code(event) for event in events), before, after] for (place, before, after), events in found.items()]
    return table(["where", "by", escaped(report.base or ""), "with this change"], rows)


def _finding(same: Same) -> str:
    finding = same.finding
    place = f" {', '.join(code(spot) for spot in same.spots)}" if same.spots else ""
    parts = [f"{_SEVERITY_SIGNS.get(finding.severity, '')} **{finding.rule}**{place}  \n{escaped(same.message)}"]
    if finding.fix:
        text = phrases.clean(finding.fix)
        if "\n" in text or text.startswith(("- ", "docker ", "services")):
            parts.append(_block("sh" if text.startswith("docker ") else "yaml", text))
        else:
            parts.append(f"_Fix:_ {code(text)}")
    return "\n\n".join(parts)


def _block(language: str, text: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Why places are lost or not known, once for each reason, and the way back."""
    blocks = []
    for reason in stack_groups.reasons(rows):
        row = reason.row
        sign = "❔" if row.fate in OPEN else "❌"
        rests = f" (rests on {escaped(row.rests_on)})" if row.rests_on and row.rests_on not in row.why else ""
        places = ", ".join(code(place) for place in reason.places)
        text = f"{sign} {places} {row.fate.value} {reason.by} {escaped(phrases.listed(reason.events))}: {escaped(row.why)}{rests}"
        if row.recover:
            back = phrases.clean(row.recover)
            text += f"\n\nTo get it back:\n\n{_block('sh', back)}" if back.startswith("docker ") else f"  \nTo get it back: {escaped(back)}"
        blocks.append(text)
    return blocks


def _matrix(report: StackReport) -> str:
    """What survives what: a line for each event, or for each place where these are many."""
    places = stack_words.by_place(report.rows)
    shown = [rows for rows in places.values() if any(row.role == "data" for row in rows)]
    if not shown:
        return "Nothing of it is known to hold data."
    events = list(dict.fromkeys(row.event for row in report.rows))
    marks = {event: "" if any(row.must_survive for row in report.rows if row.event == event) else " °" for event in events}
    names = [f"{code(stack_words.place(rows[0]))}<br>{escaped(stack_words.store_word(rows[0].store))}" for rows in shown]
    by_event = [{row.event: row for row in rows} for rows in shown]
    heads = [f"{code(event)}{marks[event]}" for event in events]
    if len(shown) <= _MOST_COLUMNS:
        header = ["event", *names]
        body = [[head, *(_cell(one.get(event)) for one in by_event)] for head, event in zip(heads, events, strict=True)]
    else:
        header = ["where", *heads]
        body = [[name, *(_cell(one.get(event)) for event in events)] for name, one in zip(names, by_event, strict=True)]
    note = "predicted" if report.kind == "audit" else "seen"
    foot = "\n\n° no routine event: reported, not judged" if any(marks.values()) else ""
    return _folded(f"what survives what ({note})", f"{table(header, body)}{foot}")


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


def _states(report: StackReport) -> list[str]:
    blocks = []
    for state in report.services:
        if state.state not in {"slow", "cannot-start"}:
            continue
        log = "\n".join(phrases.clean(line) for line in state.log[-_MOST_LOG:])
        head = f"❔ {phrases.line(state.service)} {state.state.replace('-', ' ')}: {phrases.line(state.detail)}"
        blocks.append(_folded(head, _block("text", log)) if log else escaped(head))
    return blocks


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{escaped(summary)}</summary>\n\n{text}\n\n</details>"


def _reach(report: StackReport) -> str:
    """What the answer does not reach, and what it was found with."""
    lines = [f"- {escaped(limit)}" for limit in (*stack_groups.limits(report), *report.notes)]
    engines = [escaped(phrases.engine_words(info)) for info in report.engines.values()]
    told = [*engines, f"dockstore {escaped(report.dockstore)}", f"run {code(report.run[:12])}", report.started, phrases.seconds(report.seconds)]
    lines.append(f"- {', '.join(told)}")
    head = "how this was found, and what it does not reach" if report.limits or report.notes else "how this was found"
    return _folded(head, "\n".join(lines))
