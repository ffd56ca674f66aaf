"""One scenario on one engine, on its way from its first turn to its verdict.

Rule 1: a verdict stands when the scenario and every mutant that is to be played have ended, in whatever order.
Rule 2: a judge that fails is "undecided", with its reason; it is never silence.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from dockstore.core.model import Outcome
from dockstore.core.verdict import MutantVerdict, Verdict
from dockstore.runner.last import failed

if TYPE_CHECKING:
    from dockstore.core.history import History
    from dockstore.core.script import Mutant, Scenario
    from dockstore.runner.company import Member
    from dockstore.runner.turns import Alone


class Judge(Protocol):
    """The decisions that a session asks for; `core.judge` has them."""

    def judge(self, history: History, scenario: Scenario, *, engine: str = "e1") -> Verdict:
        """Rule on a history."""

    def judge_mutant(self, mutant: Mutant, history: History) -> MutantVerdict:
        """Rule on a mutant."""

    def flips(self, history: History, scenario: Scenario) -> tuple[MutantVerdict, ...]:
        """Flip every fate of a scenario."""


class CoreJudge:
    """The judge of `core`, imported while the engine works."""

    @staticmethod
    def fetch() -> None:
        """Import what will be needed when the first play has ended."""
        import dockstore.core.flips
        import dockstore.core.judge  # noqa: F401

    def judge(self, history: History, scenario: Scenario, *, engine: str = "e1") -> Verdict:
        """Rule on a history."""
        from dockstore.core.judge import judge

        return judge(history, scenario, engine=engine)

    def judge_mutant(self, mutant: Mutant, history: History) -> MutantVerdict:
        """Rule on a mutant."""
        from dockstore.core.judge import judge_mutant

        return judge_mutant(mutant, history)

    def flips(self, history: History, scenario: Scenario) -> tuple[MutantVerdict, ...]:
        """Flip every fate of a scenario."""
        from dockstore.core.flips import flips

        return flips(history, scenario)


@dataclass(slots=True, eq=False, kw_only=True)
class Piece:
    """One scenario on one engine; *awaited* productions are still to end."""

    scenario: Scenario
    number: int
    principal: Member
    stage: Member
    alone: Alone
    awaited: int = 0
    _verdict: Verdict | None = None
    _mutants: dict[str, MutantVerdict] = field(default_factory=dict)
    _flips: tuple[MutantVerdict, ...] = ()
    _begun: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> bool:
        """Return True once: when the first production begins."""
        with self._lock:
            first, self._begun = not self._begun, True
            return first

    def judged(self, history: History, mutant: Mutant | None, *, judge: Judge, engine: str, with_mutants: bool) -> None:
        """Rule on what was just played."""
        if mutant is not None:
            ruling = _mutant(judge, mutant, history)
            with self._lock:
                self._mutants[mutant.title] = ruling
            return
        verdict = _verdict(judge, history, self.scenario, engine)
        told = [_mutant(judge, item, history) for item in self.scenario.mutants if not item.replay] if with_mutants else []
        flipped = _flips(judge, history, self.scenario) if with_mutants and verdict.outcome is not Outcome.SKIPPED else ()
        with self._lock:
            self._verdict = verdict
            self._flips = flipped
            if verdict.outcome is not Outcome.SKIPPED:
                self._mutants |= {item.title: item for item in told}

    def mutant_skipped(self, mutant: Mutant) -> None:
        """Note a mutant of a scenario that is itself skipped."""
        with self._lock:
            self._mutants[mutant.title] = MutantVerdict(
                title=mutant.title, outcome=Outcome.SKIPPED, look=None, seconds=0.0, reason="its scenario is skipped"
            )

    def ended(self) -> Verdict | None:
        """Note that one production ended; return the verdict if it was the last."""
        with self._lock:
            self.awaited -= 1
            return self._whole() if self.awaited == 0 else None

    @property
    def failed(self) -> bool:
        """Whether the whole verdict is one to stop at."""
        verdict = self._whole()
        return verdict is not None and verdict.outcome is not Outcome.UNDECIDED and failed(verdict)

    def verdict_or(self, why_not: str) -> Verdict:
        """Return the verdict, or, of what was not played (to its end), one that says so."""
        verdict = self._whole()
        if verdict is None:
            return Verdict(
                scenario=self.scenario,
                engine=self.stage.key or self.principal.key,
                outcome=Outcome.SKIPPED,
                reason=f"not played: {why_not}",
                unmet=(),
                rulings=(),
                seconds=0.0,
                history=None,
            )
        missing = [] if self.awaited == 0 else [item for item in self.scenario.mutants if item.replay and item.title not in self._mutants]
        unplayed = tuple(
            MutantVerdict(title=item.title, outcome=Outcome.SKIPPED, look=None, seconds=0.0, reason=f"not played: {why_not}") for item in missing
        )
        return replace(verdict, mutants=verdict.mutants + unplayed)

    def _whole(self) -> Verdict | None:
        if self._verdict is None:
            return None
        written = tuple(self._mutants[item.title] for item in self.scenario.mutants if item.title in self._mutants)
        return replace(self._verdict, mutants=written + self._flips)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """One production of a piece: the scenario itself, or a mutant of it."""

    piece: Piece
    mutant: Mutant | None


def _verdict(judge: Judge, history: History, scenario: Scenario, engine: str) -> Verdict:
    try:
        return judge.judge(history, scenario, engine=engine)
    except Exception as error:  # noqa: BLE001  # rule 2
        return Verdict(
            scenario=scenario,
            engine=engine,
            outcome=Outcome.UNDECIDED,
            reason=f"the judge failed: {type(error).__name__}: {error}",
            unmet=(),
            rulings=(),
            seconds=0.0,
            history=history,
        )


def _mutant(judge: Judge, mutant: Mutant, history: History) -> MutantVerdict:
    try:
        return judge.judge_mutant(mutant, history)
    except Exception as error:  # noqa: BLE001  # rule 2
        reason = f"the judge failed: {type(error).__name__}: {error}"
        return MutantVerdict(title=mutant.title, outcome=Outcome.UNDECIDED, look=None, seconds=0.0, reason=reason)


def _flips(judge: Judge, history: History, scenario: Scenario) -> tuple[MutantVerdict, ...]:
    try:
        return judge.flips(history, scenario)
    except Exception as error:  # noqa: BLE001  # rule 2
        reason = f"the judge failed: {type(error).__name__}: {error}"
        return (MutantVerdict(title="flipped fates", outcome=Outcome.UNDECIDED, look=None, seconds=0.0, automatic=True, reason=reason),)
