"""What stands on the HTML page, as values: the strip, the matrices, and the cards with their trials.

Rule 1: words and numbers are chosen here, how they look is the template's.
Rule 2: a trial is shown in full once; where else it counts, there is a link.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome
from dockstore.core.values import dataclass
from dockstore.reports import phrases, tally
from dockstore.reports.trials import Trial, trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.model import EngineInfo
    from dockstore.core.verdict import ClaimVerdict, Report, Ruling, Verdict

_SIGNS: Final = {"holds": "✓", "holds-with-nuance": "≈", "does-not-hold": "≠", "refuted": "✗", "undecided": "?", "untested": "∅", "skipped": "∅"}
_CLASSES: Final = {
    "holds": "good",
    "holds-with-nuance": "fair",
    "does-not-hold": "not",
    "refuted": "bad",
    "undecided": "open",
    "untested": "open",
    "skipped": "open",
}
_FATE_CLASSES: Final = {
    "persisted": "good",
    "carried": "good",
    "lost": "bad",
    "altered": "bad",
    "orphaned": "fair",
    "elsewhere": "fair",
    "shadowed": "fair",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the strip: a link, its sign and what it says in words."""

    anchor: str
    sign: str
    label: str
    words: str
    style: str


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One fate of a survival matrix. *note*: the number of its footnote."""

    word: str
    style: str
    tip: str
    note: int | None = None


@dataclass(frozen=True, slots=True)
class MatrixView:
    """A survival matrix with its footnotes."""

    title: str
    anchor: str
    outcome: str
    style: str
    engine: str
    stores: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]
    notes: tuple[str, ...]
    nuance: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One claim, or one scenario that belongs to none."""

    anchor: str
    style: str
    verdict: str
    heading: str
    nuance: str | None
    trials: tuple[Trial, ...]
    links: tuple[tuple[str, str], ...]  # anchor and title of trials that are shown in full elsewhere
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Cards under one heading."""

    title: str
    cards: tuple[Card, ...] = field(default=())


def score(report: Report) -> list[Cell]:
    """Return the strip: a cell for each claim, or for each scenario where there is no lesson."""
    if report.claims:
        return [
            Cell(
                claim.id,
                _SIGNS[claim.verdict],
                claim.id,
                f"{claim.id} {phrases.VERDICT_WORDS[claim.verdict]}: {claim.claim}",
                _CLASSES[claim.verdict],
            )
            for claim in report.claims
        ]
    return [
        Cell(
            _anchor(number),
            _SIGNS[verdict.outcome.value],
            str(number),
            f"{verdict.outcome}: {verdict.scenario.title}",
            _CLASSES[verdict.outcome.value],
        )
        for number, verdict in enumerate(report.verdicts, 1)
    ]


def alarms(report: Report) -> list[tuple[str, str, str]]:
    """Return anchor, word and title of everything that a person must look at."""
    numbered = {id(verdict): number for number, verdict in enumerate(report.verdicts, 1)}
    found = []
    for verdict in tally.by_urgency(report):
        if tally.is_alarming(verdict):
            word = "mutant not refuted" if tally.survivors(verdict) else verdict.outcome.value
            found.append((_anchor(numbered[id(verdict)]), word, verdict.scenario.title))
    found += [(claim.id, claim.verdict, f"{claim.id} {claim.claim}") for claim in report.claims if claim.verdict in {"undecided", "untested"}]
    return found


def matrices(report: Report) -> list[MatrixView]:
    """Return every survival matrix, the largest first."""
    found = [
        matrix(verdict, _anchor(number), several=len(report.engines) > 1)
        for number, verdict in enumerate(report.verdicts, 1)
        if verdict.scenario.matrix is not None and any(ruling.column is not None for ruling in verdict.rulings)
    ]
    return sorted(found, key=lambda view: -len(view.stores) * len(view.rows))


def matrix(verdict: Verdict, anchor: str, *, several: bool) -> MatrixView:
    """Return one survival matrix; where this engine is expected to differ from the table's general word, a footnote says so."""
    table = verdict.scenario.matrix
    if table is None:
        raise ValueError(f"not a matrix: {verdict.scenario.title}")
    rulings = {(ruling.event, ruling.column): ruling for ruling in verdict.rulings if ruling.column is not None}
    notes: dict[str, int] = {}
    rows = []
    for event in table.events:
        cells = []
        for store in table.stores:
            ruling = rulings.get((event, store))
            usual = table.cells.get((event, store))
            note = None
            if ruling is not None and ruling.outcome is Outcome.HOLDS and usual is not None and usual != ruling.actual:
                text = f"on this engine; on others: {usual}"
                note = notes.setdefault(text, len(notes) + 1)
            cells.append(_matrix_cell(ruling, note))
        rows.append((event, tuple(cells)))
    engine = verdict.engine if several else ""
    style = _CLASSES[verdict.outcome.value]
    nuance = verdict.scenario.nuance or verdict.scenario.instead
    return MatrixView(verdict.scenario.title, anchor, verdict.outcome.value, style, engine, table.stores, tuple(rows), tuple(notes), nuance)


def _matrix_cell(ruling: Ruling | None, note: int | None) -> MatrixCell:
    if ruling is None:
        return MatrixCell("not played", "open", "this cell was not reached")
    word = phrases.shown(ruling.actual)
    tip = phrases.shortened(ruling.why)
    if ruling.outcome is Outcome.HOLDS:
        return MatrixCell(word, _FATE_CLASSES.get(word, "open"), tip, note)
    sign = "✗" if ruling.outcome is Outcome.REFUTED else "?"
    return MatrixCell(f"{sign} {word}, not {phrases.shown(ruling.expected)}", "wrong", tip)


def sections(report: Report) -> list[Section]:
    """Return the cards: the claims by section, then what belongs to no claim."""
    several = len(report.engines) > 1
    numbered = list(enumerate(report.verdicts, 1))
    shown: dict[int, str] = {}  # number of a verdict -> id of the claim that shows it
    found: dict[str, list[Card]] = {}
    for claim in report.claims:
        found.setdefault(claim.section or "The claims", []).append(_claim_card(claim, numbered, shown, several=several))
    rest = [(number, verdict) for number, verdict in numbered if number not in shown]
    rest.sort(key=lambda pair: _urgency(pair[1]))
    title = "Beyond the lesson" if report.claims else "The scenarios"
    if rest:
        found[title] = [_scenario_card(number, verdict, several=several) for number, verdict in rest]
    return [Section(title, tuple(cards)) for title, cards in found.items()]


def _urgency(verdict: Verdict) -> int:
    return [Outcome.REFUTED, Outcome.UNDECIDED, Outcome.HOLDS, Outcome.SKIPPED].index(verdict.outcome)


def _claim_card(claim: ClaimVerdict, numbered: list[tuple[int, Verdict]], shown: dict[int, str], *, several: bool) -> Card:
    trials, links = [], []
    for number, verdict in sorted(numbered, key=lambda pair: _urgency(pair[1])):
        if claim.id not in verdict.scenario.lesson:
            continue
        if number in shown:
            links.append((_anchor(number), f"{verdict.scenario.title} ({shown[number]})"))
        else:
            shown[number] = claim.id
            trials.append(trial(verdict, _anchor(number), several=several, nuance_said=claim.nuance))
    aside = claim.set_aside if claim.verdict in {"refuted", "undecided", "untested"} else ()
    heading = f"{claim.id} · {claim.claim}"
    return Card(
        claim.id, _CLASSES[claim.verdict], phrases.VERDICT_WORDS[claim.verdict], heading, claim.nuance, tuple(trials), tuple(links), tuple(aside)
    )


def _scenario_card(number: int, verdict: Verdict, *, several: bool) -> Card:
    nuance = verdict.scenario.nuance or verdict.scenario.instead
    one = trial(verdict, _anchor(number), several=several, nuance_said=nuance, alone=True)
    word = "mutant not refuted" if tally.survivors(verdict) else verdict.outcome.value
    style = "bad" if tally.survivors(verdict) else _CLASSES[verdict.outcome.value]
    return Card(f"c{number}", style, word, verdict.scenario.title, nuance, (one,), ())


def _anchor(number: int) -> str:
    return f"s{number}"


def engine_rows(info: EngineInfo) -> list[tuple[str, str]]:
    """Return an engine's facts for the foot of the page."""
    facts: Mapping[str, str] = {
        "engine": f"{info.product} {info.version}, API {info.api_version}",
        "address": phrases.address(info.address),
        "storage": f"{info.storage_driver}, image store {info.image_store}, data root {info.data_root}",
        "host": ", ".join(
            part
            for part in (
                info.operating_system,
                f"Linux {info.kernel}" if info.kernel else "",
                f"cgroup {info.cgroup_version}" if info.cgroup_version else "",
            )
            if part
        ),
        "host's sight": "the engine's files can be read from here"
        if info.host_files
        else info.host_files_reason or "the engine's files cannot be read from here",
        "rights": ", ".join(["rootless" if info.rootless else "root", *(["disposable"] if info.disposable else [])]),
    }
    return [(name, phrases.line(text)) for name, text in facts.items() if text]
