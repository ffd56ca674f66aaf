"""One scenario as the HTML page shows it: drawing, witnesses, checks, mutants, the same by hand, the way back.

Rule 1: everything is taken from the verdict and its history; what is not there is not made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core.history import Footer, Note, Observation, Operation, Placement
from dockstore.core.model import Outcome, StoreKind, Vantage
from dockstore.core.values import dataclass
from dockstore.reports import drawing, phrases, tally
from dockstore.reports.story import story

if TYPE_CHECKING:
    from dockstore.core.history import History
    from dockstore.core.model import Store
    from dockstore.core.verdict import Ruling, Verdict

_OUTCOME_CLASSES: Final = {Outcome.HOLDS: "good", Outcome.REFUTED: "bad", Outcome.UNDECIDED: "open", Outcome.SKIPPED: "open"}
_MOST_CHECKS: Final = 60


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness of one look: what it was asked, what it saw."""

    look: str
    witness: str
    asked: str
    saw: str
    style: str


@dataclass(frozen=True, slots=True)
class Check:
    """One ruling in a row."""

    what: str
    line: int
    expected: str
    actual: str
    outcome: str
    style: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it was performed."""

    number: str
    what: str
    came_to: str
    took: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario on one engine, ready to be shown."""

    anchor: str
    title: str
    outcome: str
    style: str
    engine: str
    file: str
    alone: bool
    is_matrix: bool
    reason: str | None
    nuance: str | None
    drawing: str | None
    witnesses: tuple[Witness, ...]
    checks: tuple[Check, ...]
    whys: tuple[tuple[str, str, str | None], ...]  # what, why, hint
    mutants: str | None
    survivors: tuple[str, ...]
    by_hand: str | None
    way_back: tuple[str, ...]
    steps: tuple[StepRow, ...]
    notes: tuple[tuple[str, str], ...]
    history: str | None


def trial(verdict: Verdict, anchor: str, *, several: bool, nuance_said: str | None, alone: bool = False) -> Trial:
    """Return a verdict as the page shows it. *nuance_said*: what the card above says already."""
    what, history = verdict.scenario, verdict.history
    own = what.nuance or what.instead
    is_matrix = what.matrix is not None
    told = story(history) if history is not None and not is_matrix else None
    return Trial(
        anchor=anchor,
        title=what.title,
        outcome=verdict.outcome.value,
        style=_OUTCOME_CLASSES[verdict.outcome],
        engine=verdict.engine if several else "",
        file=phrases.place(verdict),
        alone=alone,
        is_matrix=is_matrix,
        reason=phrases.needs(verdict) if verdict.outcome is Outcome.SKIPPED else verdict.reason,
        nuance=own if own and own != nuance_said and own not in (nuance_said or "") else None,
        drawing=None if told is None else drawing.draw(told),
        witnesses=() if is_matrix or history is None else tuple(_witnesses(history)),
        checks=tuple(_check(ruling) for ruling in verdict.rulings if ruling.column is None)[:_MOST_CHECKS],
        whys=_whys(verdict),
        mutants=_mutants(verdict),
        survivors=tuple(mutant.title for mutant in tally.survivors(verdict)),
        by_hand=_by_hand(verdict),
        way_back=_way_back(verdict),
        steps=() if history is None else tuple(_steps(history)),
        notes=() if history is None else tuple((event.about, phrases.clean(event.text)) for event in history.events if isinstance(event, Note)),
        history=None if history is None else history.path,
    )


def _witnesses(history: History) -> list[Witness]:
    stores = {event.write: event.store for event in history.events if isinstance(event, Placement)}
    rows = []
    for event in history.events:
        if not isinstance(event, Observation):
            continue
        for vantage, testimony in event.sights.items():
            saw = f"{testimony.sight}" + (f": {phrases.shortened(testimony.detail)}" if testimony.detail else "")
            asked = _asked(vantage, stores.get(event.write), event)
            rows.append(
                Witness(event.look, vantage.value, asked, saw, {"same": "good", "absent": "bad", "other": "bad"}.get(testimony.sight.value, "open"))
            )
    return rows


def _asked(vantage: Vantage, store: Store | None, seen: Observation) -> str:
    match vantage:
        case Vantage.ENGINE:
            return phrases.store_words(store)
        case Vantage.HOST:
            if store is None or store.host_path is None:
                return f"where {phrases.store_words(store)} keeps its bytes"
            return phrases.shortened(f"{store.host_path.rstrip('/')}/{store.inner_path}".rstrip("/"))
        case Vantage.CONTAINER | Vantage.SERVICE:
            return str(seen.place)


def _check(ruling: Ruling) -> Check:
    expected, actual = (phrases.shortened(phrases.shown(value)) for value in (ruling.expected, ruling.actual))
    return Check(phrases.subject(ruling), ruling.line, expected, actual, ruling.outcome.value, _OUTCOME_CLASSES.get(ruling.outcome, "open"))


def _whys(verdict: Verdict) -> tuple[tuple[str, str, str | None], ...]:
    told = [ruling for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS]
    told = told or [ruling for ruling in verdict.rulings if ruling.kind == "fate" and ruling.column is None]
    rows = [
        (phrases.subject(ruling), phrases.shortened(ruling.why), ruling.hint if ruling.outcome is Outcome.REFUTED else None)
        for ruling in told
        if ruling.why and not phrases.repeats(verdict, ruling)
    ]
    return tuple(dict.fromkeys(rows))


def _mutants(verdict: Verdict) -> str | None:
    refuted = [mutant for mutant in verdict.mutants if mutant.outcome is Outcome.REFUTED]
    if not refuted:
        return None
    written = [f"“{mutant.title}”" + (f" (by {mutant.look})" if mutant.look else "") for mutant in refuted if not mutant.automatic]
    flipped = sum(mutant.automatic for mutant in refuted)
    parts = (
        [f"{phrases.listed(written)} {'was' if len(written) == 1 else 'were'} refuted, as {'it' if len(written) == 1 else 'they'} should be"]
        if written
        else []
    )
    parts += [f"{flipped} flipped expectation{'s' if flipped != 1 else ''} {'were' if flipped != 1 else 'was'} refuted too"] if flipped else []
    return "; ".join(parts) + "."


def _by_hand(verdict: Verdict) -> str | None:
    from dockstore.core.commands import commands

    return phrases.clean(commands(verdict.scenario)).strip() or None


def _way_back(verdict: Verdict) -> tuple[str, ...]:
    """Return commands that bring orphaned bytes back, each with the real id of this run."""
    lines = []
    for ruling in verdict.rulings:
        if ruling.kind != "fate" or ruling.actual != "orphaned" or ruling.store is None or ruling.column is not None:
            continue
        match ruling.store:
            case store if store.kind is StoreKind.VOLUME and store.name:
                target = store.target or "/data"
                lines.append(f"docker run --rm -v {store.name}:/from -v NAME:/to IMAGE cp -a /from/. /to/    # then mount NAME at {target}")
            case store if store.kind is StoreKind.BIND and store.host_path:
                lines.append(f"docker run -v {store.host_path}:{store.target or '/data'} IMAGE")
            case _:
                lines += [ruling.hint] if ruling.hint else []
    return tuple(dict.fromkeys(phrases.clean(one) for one in lines))


def _steps(history: History) -> list[StepRow]:
    rows = []
    for event in history.events:
        match event:
            case Operation():
                detail = ", ".join(f"{name} {phrases.shortened(value)}" for name, value in event.detail.items())
                status = f" ({event.status})" if event.status is not None else ""
                told = "; ".join(part for part in (phrases.shortened(event.message), detail) if part)
                label = f" as {event.label}" if event.label else ""
                came_to = f"{event.completion}{status}" + (f": {told}" if told else "")
                rows.append(
                    StepRow(
                        event.step, f"{event.verb} {phrases.shortened(event.subject)}{label}", came_to, phrases.seconds(event.ended - event.began)
                    )
                )
            case Footer() if event.stopped_at is not None or event.reason:
                rows.append(
                    StepRow("end", f"stopped at step {event.stopped_at}" if event.stopped_at else "stopped", phrases.line(event.reason or ""), "")
                )
            case _:
                pass
    return rows
