"""A stack's report for a terminal: the findings with the way out, the survival matrix, the limits, the answer.

Rule 1: the answer stands last, where a terminal leaves the eye; what loses data comes before what does not.
Rule 2: nothing is wider than *width*, except a word that cannot be broken; colour repeats what a word says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.reports import layout, phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.stack_report import Finding, Row, ServiceState, StackReport

_STYLES: Final = {"error": "bad", "warning": "unsure", "advice": "soft"}
_OUTCOMES: Final = {
    StackOutcome.LOSES_DATA: "bad",
    StackOutcome.CANNOT_WRITE: "bad",
    StackOutcome.CANNOT_START: "bad",
    StackOutcome.UNDECIDED: "unsure",
    StackOutcome.KEEPS_DATA: "good",
}
_PROSE: Final = 110
_MOST_COLUMNS: Final = 6
_BAD: Final = frozenset(RowFate) - GOOD - OPEN


def render(reports: Sequence[StackReport], *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """Render reports as text of at most *width* columns (60 to 200)."""
    width = min(max(width, 60), 200)
    return "\n".join(_one(report, width=width, color=color, verbose=verbose) for report in reports)


def _one(report: StackReport, *, width: int, color: bool, verbose: bool) -> str:
    prose = min(width, _PROSE)
    blocks = [layout.paint(phrases.line(stack_words.title(report)), "strong", color=color)]
    blocks += [
        _state(state, width=prose, color=color) for state in report.services if state.state in {"slow", "cannot-start"} or state.writes_nothing
    ]
    shown = [finding for finding in report.findings if verbose or finding.ignored is None]
    blocks += [_finding(finding, width=prose, color=color) for finding in shown]
    matrix = _matrix(report, width=width, color=color, verbose=verbose)
    blocks += [matrix] if matrix else []
    blocks += _reasons(report, width=prose, color=color, verbose=verbose)
    blocks += ["\n".join(layout.wrap(f"limit: {phrases.line(one)}", prose, "  ") for one in report.limits)] if report.limits else []
    blocks.append(_end(report, width=prose, color=color))
    return "\n\n".join(blocks) + "\n"


def _finding(finding: Finding, *, width: int, color: bool) -> str:
    head = layout.paint(f"{finding.severity} {finding.rule}", _STYLES.get(finding.severity, "soft"), color=color)
    where = stack_words.spot_word(finding) or finding.service or ""
    lines = [f"{head}  {phrases.line(where)}".rstrip(), layout.wrap(f"  {phrases.line(finding.message)}", width, "  ")]
    if finding.ignored is not None:
        lines.append(layout.wrap(f"  ignored: {phrases.line(finding.ignored)}", width, "  "))
    elif finding.fix:
        written = phrases.clean(finding.fix).split("\n")
        if len(written) == 1:
            lines.append(layout.wrap(f"  fix: {written[0]}", width, "       "))
        else:
            lines += ["  fix:", *(f"    {line}" for line in written)]
    return "\n".join(lines)


def _matrix(report: StackReport, *, width: int, color: bool, verbose: bool) -> str:
    """A line for each event, a column for each place; where there are many, what is kept throughout has a line of its own."""
    places = [rows for rows in stack_words.by_place(report.rows).values() if verbose or any(row.role == "data" for row in rows)]
    if not places:
        return ""
    shown = (
        places if verbose or len(places) <= _MOST_COLUMNS else [rows for rows in places if any(row.must_survive and row.fate in _BAD for row in rows)]
    )
    blocks = []
    if shown:
        events = list(dict.fromkeys(row.event for row in report.rows))
        table = [["in", *(_store(rows[0]) for rows in shown)]]
        for event in events:
            cells = [next((row for row in rows if row.event == event), None) for rows in shown]
            routine = any(row is not None and row.must_survive for row in cells)
            table.append([f"{event}{'' if routine else ' °'}", *(_cell(row, color=color) for row in cells)])
        blocks.append(layout.folded(["event", *(_heading(rows[0]) for rows in shown)], table, width))
        word = "predicted" if report.kind == "audit" else "seen"
        blocks.append(layout.wrap(f"{word}; ° no routine event, or nothing that counts: reported, not judged", width, "  "))
    kept = [rows for rows in places if rows not in shown and stack_words.is_plain(rows)]
    if kept:
        lines = [layout.wrap(f"  {_heading(rows[0])} in {_store(rows[0])}", width, "    ") for rows in kept]
        blocks.append("kept through every routine event (-v shows each):\n" + "\n".join(lines))
    return "\n\n".join(blocks)


def _heading(row: Row) -> str:
    return phrases.line(stack_words.place(row)) + ("" if row.role == "data" else " (scratch)")


def _store(row: Row) -> str:
    return phrases.line(stack_words.store_word(row.store)) + (
        " (declared)" if row.found == "declared" and row.store is not None and row.store.anonymous else ""
    )


def _cell(row: Row | None, *, color: bool) -> str:
    if row is None:
        return ""
    word = stack_words.cell(row)
    if row.fate in GOOD or word == "kept?":
        return word
    if not row.must_survive:
        return layout.paint(word, "soft", color=color)
    return layout.paint(f"{'?' if row.fate in OPEN else '✗'} {word}".replace("? ?", "?"), "unsure" if row.fate in OPEN else "bad", color=color)


def _reasons(report: StackReport, *, width: int, color: bool, verbose: bool) -> list[str]:
    """Why each place is lost or not known, once for each reason; with what it rests on and the way back."""
    told: dict[tuple[str, str, RowFate], list[str]] = {}
    rows: dict[tuple[str, str, RowFate], Row] = {}
    for row in report.rows:
        if row.fate in GOOD or not (row.must_survive or verbose):
            continue
        key = (stack_words.place(row), row.why, row.fate)
        told.setdefault(key, []).append(row.event)
        rows.setdefault(key, row)
    blocks = []
    for key, events in told.items():
        row = rows[key]
        style = "unsure" if row.fate in OPEN else "bad"
        head = f"{phrases.line(key[0])} {layout.paint(row.fate.value, style, color=color)} by {phrases.listed(events)}"
        lines = [layout.wrap(head, width, "  "), layout.wrap(f"  {phrases.line(row.why)}", width, "  ")]
        lines += [layout.wrap(f"  rests on {phrases.line(row.rests_on)}", width, "  ")] if row.rests_on and row.rests_on not in row.why else []
        lines += ["  to get it back:", *(f"    {line}" for line in phrases.clean(row.recover).split("\n"))] if row.recover else []
        blocks.append("\n".join(lines))
    return blocks


def _state(state: ServiceState, *, width: int, color: bool) -> str:
    word = "writes nothing" if state.writes_nothing and state.state == "up" else state.state.replace("-", " ")
    style = "bad" if state.state == "cannot-start" else "unsure"
    lines = [
        layout.wrap(f"{phrases.line(state.service)} {layout.paint(word, style, color=color)}: {phrases.line(state.detail)}".rstrip(": "), width, "  ")
    ]
    lines += [f"    | {phrases.line(line)}" for line in state.log]
    return "\n".join(lines)


def _end(report: StackReport, *, width: int, color: bool) -> str:
    lines = []
    for key, info in report.engines.items():
        prefix = f"{key}: " if len(report.engines) > 1 else "engine: "
        lines.append(layout.wrap(f"{prefix}{phrases.engine_words(info)} at {phrases.address(info.address)}", width, "  "))
    lines += [layout.wrap(phrases.clean(note), width, "  ") for note in report.notes]
    sentence = layout.wrap(f"{phrases.line(report.name)} {phrases.line(stack_words.answer(report))}", width, "  ")
    lines.append("\n".join(layout.paint(line, _OUTCOMES[report.outcome], color=color) for line in sentence.split("\n")))
    step = stack_words.next_step(report)
    lines += [layout.wrap(step, width, "  ")] if step else []
    lines.append(f"{stack_words.counts(report)} in {phrases.seconds(report.seconds)}" + ("; interrupted" if report.interrupted else ""))
    lines += [f"history: {report.history}"] if report.history else []
    return "\n".join(lines)
