"""What a stack's report says once of several: findings with one message, places with one fate, limits with one reason.

Rule 1: nothing is left out; what is the same is said once, with every place that it goes for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core import stack_words
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.stack_report import Finding, Row, StackReport


@dataclass(frozen=True, slots=True)
class Same:
    """A finding, and everywhere that it is found. *message*: without the reason, where the report tells that of its own."""

    finding: Finding
    spots: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One fate with one reason: the places and events that it goes for, and the first row of them."""

    places: tuple[str, ...]
    events: tuple[str, ...]
    row: Row

    @property
    def by(self) -> str:
        """The word before the events: what is not known is no event's doing."""
        return "after" if self.row.fate in OPEN else "by"


def findings(several: Iterable[Finding], rows: Iterable[Row] = ()) -> list[Same]:
    """Findings with one rule, message and fix together; a file that several share is named once. *rows*: whose reasons are told beside them."""
    whys = {row.why for row in rows if row.why}
    found: dict[tuple[str, str, str | None, str | None], list[Finding]] = {}
    for one in several:
        found.setdefault((one.rule, one.message, one.fix, one.ignored), []).append(one)
    return [Same(mine[0], _spots(mine), _without(mine[0].message, whys)) for mine in found.values()]


def _without(message: str, whys: Iterable[str]) -> str:
    return next((message.removesuffix(f"; {why}") for why in whys if message.endswith(f"; {why}")), message)


def _spots(several: Sequence[Finding]) -> tuple[str, ...]:
    said: list[str] = []
    last = None
    for one in several:
        word = stack_words.spot_word(one) or one.service or ""
        file = one.spot.file if one.spot is not None and one.spot.line else None
        said.append(word.removeprefix(f"{file}:") if file is not None and file == last else word)
        last = file
    return tuple(dict.fromkeys(word for word in said if word))


def reasons(rows: Iterable[Row], *, every: bool = False) -> list[Reason]:
    """Why places are lost or not known, by what counts (*every*: by anything): what is the same of several places is one reason."""
    by_place: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.fate not in GOOD and (row.must_survive or every):
            by_place.setdefault((stack_words.place(row), row.fate.value, row.why), []).append(row)
    together: dict[tuple[object, ...], Reason] = {}
    for (place, fate, why), mine in by_place.items():
        events = tuple(dict.fromkeys(row.event for row in mine))
        row = mine[0]
        key = (fate, why, events, row.rests_on, row.recover)
        known = together.get(key)
        together[key] = Reason((*known.places, place), events, known.row) if known is not None else Reason((place,), events, row)
    return list(together.values())


def limits(report: StackReport) -> list[str]:
    """The limits, those of several services with one reason together."""
    services = {state.service for state in report.services}
    found: dict[str, list[str]] = {}
    for limit in report.limits:
        service, colon, text = limit.partition(": ")
        if colon and service in services:
            found.setdefault(text, []).append(service)
        else:
            found.setdefault(limit, [])
    return [f"{', '.join(mine)}: {text}" if mine else text for text, mine in found.items()]
