"""What a judge says: rulings, the verdict over them, a lesson's claims, and the report that carries all.

Rule 1: values only; `judge` and `claims` make them, `reports` render them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.history import History
    from dockstore.core.model import EngineInfo, Outcome, Sight, Store, Vantage
    from dockstore.core.script import Scenario

Shown = str | int | float | bool | list[str] | dict[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Expected against actual for one fact of one look, with the evidence."""

    look: str
    kind: str  # fate, sight, fact, result, comparison, measure, refusal
    fact: str
    line: int
    expected: Shown
    actual: Shown | None  # None: could not be got
    outcome: Outcome
    why: str  # one or more plain sentences
    hint: str | None = None
    write: str | None = None
    place: str | None = None
    store: Store | None = None  # which took the write
    event: str | None = None  # the grammar's words from the write to the look, joined by +
    column: str | None = None  # of a matrix: the store's column
    sights: Mapping[Vantage, Sight] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantVerdict:
    """How one mutant came out; *refuted* is what is wanted. *automatic*: a flipped fate, not a written mutant."""

    title: str
    outcome: Outcome
    look: str | None  # the look that refuted it
    seconds: float
    automatic: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One scenario on one engine."""

    scenario: Scenario
    engine: str  # e1, e2, ...: a key of Report.engines
    outcome: Outcome
    reason: str | None
    unmet: tuple[str, ...]
    rulings: tuple[Ruling, ...]
    seconds: float
    history: History | None
    mutants: tuple[MutantVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVerdict:
    """One claim of a lesson. *verdict*: holds, holds-with-nuance, does-not-hold, refuted, undecided, untested."""

    id: str
    claim: str
    verdict: str
    nuance: str | None  # or what is true instead
    scenarios: tuple[str, ...]  # titles that decided it
    set_aside: tuple[str, ...] = ()  # skipped and undecided files: they count for nothing
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one command found; each renderer reads only this."""

    dockstore: str
    run: str
    started: str
    command: str  # run, lesson, judge
    engines: Mapping[str, EngineInfo]  # e1 -> facts
    verdicts: tuple[Verdict, ...]
    claims: tuple[ClaimVerdict, ...] = ()
    lesson_title: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()  # leftovers, hints for the reader
    interrupted: bool = False
