"""What stands on a stack's HTML page, as values: the answer, the matrix, the findings, the ways back.

Rule 1: words are chosen here, how they look is the template's.
Rule 2: what counts comes first; scratch, advice and what was ignored fold away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_report import StackOutcome
from dockstore.core.stack_words import FATE_WORDS, GOOD, OPEN
from dockstore.core.values import dataclass
from dockstore.reports import cards, phrases, stack_groups

if TYPE_CHECKING:
    from dockstore.core.stack_report import Row, ServiceState, StackReport
    from dockstore.reports.stack_groups import Reason, Same

_MOST_COLUMNS: Final = 3  # places beside one another; where there are more, they stand below one another
_STYLES: Final = {
    StackOutcome.LOSES_DATA: "bad",
    StackOutcome.CANNOT_WRITE: "bad",
    StackOutcome.CANNOT_START: "bad",
    StackOutcome.UNDECIDED: "open",
    StackOutcome.KEEPS_DATA: "good",
}
_SEVERITIES: Final = {"error": "bad", "warning": "fair", "advice": "open"}
_SIGHTS: Final = {"same": "good", "absent": "bad", "other": "fair"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix."""

    word: str
    style: str
    tip: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """Places by events, or events by places: *corner*, *heads* and *rows* as they stand. A head is a name and a remark."""

    title: str
    corner: str
    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[tuple[str, str], tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A finding."""

    style: str
    severity: str
    rule: str
    spot: str
    message: str
    fix: str | None
    ignored: str | None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What became of one place, why, and the way back."""

    place: str
    style: str
    fate: str
    events: str
    store: str
    why: str
    rests_on: str | None
    recover: str | None
    witnesses: tuple[tuple[str, str, str], ...]  # who, what was seen, its style


@dataclass(frozen=True, slots=True)
class Down:
    """A service that did not come up, or not in time."""

    service: str
    style: str
    state: str
    detail: str
    log: str


@dataclass(frozen=True, slots=True)
class StackCard:
    """One stack."""

    anchor: str
    title: str
    style: str
    outcome: str
    answer: str
    facts: tuple[str, ...]
    matrix: Matrix | None
    scratch: Matrix | None
    wrong: tuple[Wrong, ...]
    advice: tuple[Wrong, ...]
    ignored: tuple[Wrong, ...]
    bytes: tuple[Whereabouts, ...]
    down: tuple[Down, ...]
    limits: tuple[str, ...]
    notes: tuple[str, ...]
    fates: tuple[tuple[str, str], ...]
    engines: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    predicted: bool
    run: str
    histories: tuple[str, ...]


def card(report: StackReport, number: int) -> StackCard:
    """Return what the page says of one stack."""
    findings = [_wrong(same) for same in stack_groups.findings(report.findings, report.rows)]
    data = [rows for rows in stack_words.by_place(report.rows).values() if any(row.role == "data" for row in rows)]
    scratch = [rows for rows in stack_words.by_place(report.rows).values() if rows not in data]
    shown = {row.fate for row in report.rows}
    return StackCard(
        anchor=f"s{number}",
        title=phrases.line(stack_words.title(report)),
        style=_STYLES[report.outcome],
        outcome=report.outcome.value.replace("-", " "),
        answer=phrases.line(f"{report.name} {stack_words.answer(report)}"),
        facts=_facts(report),
        matrix=_matrix(report, data),
        scratch=_matrix(report, scratch),
        wrong=tuple(one for one in findings if one.ignored is None and one.severity != "advice"),
        advice=tuple(one for one in findings if one.ignored is None and one.severity == "advice"),
        ignored=tuple(one for one in findings if one.ignored is not None),
        bytes=_whereabouts(report),
        down=tuple(_down(state) for state in report.services if state.state in {"slow", "cannot-start"}),
        limits=tuple(phrases.line(limit) for limit in stack_groups.limits(report)),
        notes=tuple(phrases.clean(note) for note in report.notes),
        fates=tuple((stack_words.fate_word(fate), words) for fate, words in FATE_WORDS.items() if fate in shown),
        engines=tuple((key, tuple(cards.engine_rows(info))) for key, info in report.engines.items()),
        predicted=report.kind == "audit",
        run=report.run,
        histories=tuple(history for history in (report.base_history, report.history) if history),
    )


def _facts(report: StackReport) -> tuple[str, ...]:
    engines = [f"{info.product} {info.version}, {info.storage_driver}" for info in report.engines.values()]
    when = report.started.replace("T", " ").replace("Z", " UTC")
    every = [*engines, stack_words.counts(report), phrases.seconds(report.seconds), when, f"dockstore {report.dockstore}"]
    return tuple(phrases.line(fact) for fact in every if fact)


def _matrix(report: StackReport, places: list[list[Row]]) -> Matrix | None:
    if not places:
        return None
    events = list(dict.fromkeys(row.event for rows in places for row in rows))
    routine = {row.event for row in report.rows if row.must_survive}
    by_event = [{row.event: row for row in rows} for rows in places]
    named = [(phrases.line(stack_words.place(rows[0])), phrases.line(stack_words.store_word(rows[0].store))) for rows in places]
    words = [(f"{event}{'' if event in routine else ' °'}", "") for event in events]
    title = "predicted" if report.kind == "audit" else "as it was seen"
    if len(places) <= _MOST_COLUMNS:
        rows = tuple((word, tuple(_cell(one.get(event)) for one in by_event)) for word, event in zip(words, events, strict=True))
        return Matrix(title=title, corner="event", heads=tuple(named), rows=rows)
    rows = tuple((name, tuple(_cell(one.get(event)) for event in events)) for name, one in zip(named, by_event, strict=True))
    return Matrix(title=title, corner="where", heads=tuple(words), rows=rows)


def _cell(row: Row | None) -> Cell:
    if row is None:
        return Cell("", "none", "not played")
    word = stack_words.cell(row)
    tip = phrases.shortened(phrases.line(row.why))
    if row.base_fate is not None and row.base_fate is not row.fate:
        word += f" (was {stack_words.fate_word(row.base_fate)})"
    if row.fate in GOOD or word == "kept?":
        return Cell(word, "good" if row.fate in GOOD else "open", tip)
    if row.fate in OPEN:
        return Cell(word, "open", tip)
    return Cell(f"✗ {word}", "wrong", tip) if row.must_survive else Cell(word, "fair", tip)


def _wrong(same: Same) -> Wrong:
    finding = same.finding
    return Wrong(
        style=_SEVERITIES.get(finding.severity, "open"),
        severity=finding.severity,
        rule=finding.rule,
        spot=phrases.line(", ".join(same.spots)),
        message=phrases.line(same.message),
        fix=phrases.clean(finding.fix) if finding.fix else None,
        ignored=phrases.line(finding.ignored) if finding.ignored is not None else None,
    )


def _whereabouts(report: StackReport) -> tuple[Whereabouts, ...]:
    """What is lost or not known by events that count, once for each reason; then what other events only leave somewhere else."""
    data = [row for row in report.rows if row.role == "data" and row.found != "declared"]
    counts = stack_groups.reasons([row for row in data if row.must_survive])
    beside = stack_groups.reasons([row for row in data if not row.must_survive and row.recover], every=True)
    return tuple(_where(reason, must=must) for must, several in ((True, counts), (False, beside)) for reason in several)


def _where(reason: Reason, *, must: bool) -> Whereabouts:
    row = reason.row
    return Whereabouts(
        place=phrases.line(", ".join(reason.places)),
        style="open" if row.fate in OPEN else "bad" if must else "fair",
        fate=row.fate.value.replace("-", " "),
        events=f"{reason.by} {phrases.listed(reason.events)}",
        store=phrases.line(stack_words.store_word(row.store)),
        why=phrases.line(row.why),
        rests_on=phrases.line(row.rests_on) if row.rests_on and row.rests_on not in row.why else None,
        recover=phrases.clean(row.recover) if row.recover else None,
        witnesses=tuple((vantage.value, sight.value, _SIGHTS.get(sight.value, "open")) for vantage, sight in row.sights.items()),
    )


def _down(state: ServiceState) -> Down:
    return Down(
        service=phrases.line(state.service),
        style="bad" if state.state == "cannot-start" else "open",
        state=state.state.replace("-", " "),
        detail=phrases.line(state.detail),
        log="\n".join(phrases.line(line) for line in state.log),
    )
