"""A stack's report for a terminal: the findings with the way out, the survival matrix, the limits, the answer.

Rule 1: the answer stands last, where a terminal leaves the eye; what loses data comes before what does not.
Rule 2: nothing is wider than *width*, except a word that cannot be broken; colour repeats what a word says.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.core.values import dataclass
from dockstore.reports import layout, phrases, stack_groups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.core.stack_report import Row, ServiceState, StackReport
    from dockstore.reports.stack_groups import Same

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
_wrap: Final = partial(layout.wrap, whole=True)
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
    blocks += [_finding(same, width=prose, color=color) for same in stack_groups.findings(shown, report.rows)]
    matrix = _matrix(report, width=width, color=color, verbose=verbose)
    blocks += [matrix] if matrix else []
    blocks += _reasons(report, width=prose, color=color, verbose=verbose)
    blocks += ["\n".join(_wrap(f"limit: {phrases.line(one)}", prose, "  ") for one in stack_groups.limits(report))] if report.limits else []
    blocks.append(_end(report, width=prose, color=color))
    return "\n\n".join(blocks) + "\n"


def _finding(same: Same, *, width: int, color: bool) -> str:
    finding = same.finding
    head = f"{finding.severity} {finding.rule}"
    first, *more = _wrap(f"{head}  {phrases.line(', '.join(same.spots))}".rstrip(), width, "  ").split("\n")
    lines = [layout.paint(head, _STYLES.get(finding.severity, "soft"), color=color) + first.removeprefix(head), *more]
    lines += [_wrap(f"  {phrases.line(same.message)}", width, "  ")]
    if finding.ignored is not None:
        lines.append(_wrap(f"  ignored: {phrases.line(finding.ignored)}", width, "  "))
    elif finding.fix:
        written = phrases.clean(finding.fix).split("\n")
        if len(written) == 1:
            lines.append(_wrap(f"  fix: {written[0]}", width, "       "))
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
        columns = _columns(shown, alike=len(places) > _MOST_COLUMNS and not verbose)
        table = [["in", *(column.store for column in columns)]]
        for event in events:
            cells = [column.by_event.get(event) for column in columns]
            routine = any(row.must_survive for row in report.rows if row.event == event)
            table.append([f"{event}{'' if routine else ' °'}", *(_cell(row, color=color) for row in cells)])
        blocks.append(layout.folded(["event", *(column.heading for column in columns)], table, width))
        alike = [_wrap(f"like {column.places[0]}: {', '.join(column.places[1:])}", width, "  ") for column in columns if len(column.places) > 1]
        word = "predicted" if report.kind == "audit" else "seen"
        marked = any(line[0].endswith("°") for line in table)
        legend = _wrap(f"{word}; ° no routine event, or nothing that counts: reported, not judged" if marked else word, width, "  ")
        blocks.append("\n".join([*alike, legend]))
    kept = [rows for rows in places if rows not in shown and stack_words.is_plain(rows)]
    if kept:
        lines = [_wrap(f"  {_heading(rows[0])} in {_store(rows[0])}", width, "    ") for rows in kept]
        blocks.append("kept through every routine event (-v shows each):\n" + "\n".join(lines))
    return "\n\n".join(blocks)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the matrix: a place, or several whose every cell is the same."""

    places: tuple[str, ...]
    store: str
    by_event: Mapping[str, Row]

    @property
    def heading(self) -> str:
        """The first place, and how many are like it."""
        more = len(self.places) - 1
        return self.places[0] + (f" (+{more})" if more else "")


def _columns(places: Sequence[Sequence[Row]], *, alike: bool) -> list[_Column]:
    """A column for each place; *alike*: places in the same kind of store with the same fates share one."""
    found: dict[object, _Column] = {}
    for number, rows in enumerate(places):
        first = rows[0]
        kind = (first.role, first.store and (first.store.kind, first.store.anonymous, first.store.declared_by))
        key = (kind, tuple((row.event, row.fate, row.store_fate, row.must_survive) for row in rows)) if alike else number
        known = found.get(key)
        if known is None:
            found[key] = _Column((_heading(first),), _store(first), {row.event: row for row in rows})
        else:
            found[key] = _Column((*known.places, _heading(first)), _kind(first), known.by_event)
    return list(found.values())


def _kind(row: Row) -> str:
    """The kind of store, without the name, which several places do not share."""
    return phrases.line(stack_words.store_word(row.store and replace(row.store, name=None, host_path=None)))


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
    if row.base_fate is not None and row.base_fate is not row.fate:
        word += f" (was {stack_words.fate_word(row.base_fate)})"
    if row.fate in GOOD or word == "kept?":
        return word
    if not row.must_survive:
        return layout.paint(word, "soft", color=color)
    return layout.paint(f"{'?' if row.fate in OPEN else '✗'} {word}".replace("? ?", "?"), "unsure" if row.fate in OPEN else "bad", color=color)


def _reasons(report: StackReport, *, width: int, color: bool, verbose: bool) -> list[str]:
    """Why places are lost or not known, once for each reason; with what it rests on and the way back."""
    blocks = []
    for reason in stack_groups.reasons(report.rows, every=verbose):
        row = reason.row
        style = "unsure" if row.fate in OPEN else "bad"
        head = (
            f"{phrases.line(', '.join(reason.places))} {layout.paint(row.fate.value, style, color=color)} {reason.by} {phrases.listed(reason.events)}"
        )
        lines = [_wrap(head, width, "  "), _wrap(f"  {phrases.line(row.why)}", width, "  ")]
        lines += [_wrap(f"  rests on {phrases.line(row.rests_on)}", width, "  ")] if row.rests_on and row.rests_on not in row.why else []
        lines += _way_back(row, width=width)
        blocks.append("\n".join(lines))
    return blocks


def _way_back(row: Row, *, width: int) -> list[str]:
    """A command on lines of its own, to be copied whole; a sentence like any other."""
    if not row.recover:
        return []
    back = phrases.clean(row.recover)
    if not back.startswith("docker "):
        return [_wrap(f"  to get it back: {back}", width, "  ")]
    return ["  to get it back:", *(f"    {line}" for line in back.split("\n"))]


def _state(state: ServiceState, *, width: int, color: bool) -> str:
    word = "writes nothing" if state.writes_nothing and state.state == "up" else state.state.replace("-", " ")
    style = "bad" if state.state == "cannot-start" else "unsure"
    lines = [_wrap(f"{phrases.line(state.service)} {layout.paint(word, style, color=color)}: {phrases.line(state.detail)}".rstrip(": "), width, "  ")]
    lines += [f"    | {phrases.line(line)}" for line in state.log]
    return "\n".join(lines)


def _end(report: StackReport, *, width: int, color: bool) -> str:
    lines = []
    for key, info in report.engines.items():
        prefix = f"{key}: " if len(report.engines) > 1 else "engine: "
        lines.append(_wrap(f"{prefix}{phrases.engine_words(info)} at {phrases.address(info.address)}", width, "  "))
    lines += [_wrap(phrases.clean(note), width, "  ") for note in report.notes]
    sentence = _wrap(f"{phrases.line(report.name)} {phrases.line(stack_words.answer(report))}", width, "  ")
    lines.append("\n".join(layout.paint(line, _OUTCOMES[report.outcome], color=color) for line in sentence.split("\n")))
    step = stack_words.next_step(report)
    lines += [_wrap(step, width, "  ")] if step else []
    lines.append(f"{stack_words.counts(report)} in {phrases.seconds(report.seconds)}" + ("; interrupted" if report.interrupted else ""))
    lines += [f"history: {history}" for history in (report.base_history, report.history) if history]
    return "\n".join(lines)
