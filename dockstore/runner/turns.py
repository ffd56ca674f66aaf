"""Whose turn it is: many small pieces of work side by side, some of which must be alone.

Rule 1: what strikes a whole engine is alone on it; what measures time is alone on the machine.
Rule 2: whoever asks gets the first piece that may start now; nobody holds a place while waiting.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Alone(StrEnum):
    """How much room a piece of work needs."""

    NO = "no"
    ENGINE = "engine"  # nothing else on its engine meanwhile
    MACHINE = "machine"  # nothing else at all meanwhile


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turn(Generic[T]):
    """One piece of work, on the engine called *place*."""

    work: T
    place: str
    alone: Alone = Alone.NO


class Turns(Generic[T]):
    """Hands out turns to any number of threads."""

    def __init__(self, turns: Iterable[Turn[T]]) -> None:
        self._waiting = list(turns)
        self._running: list[Turn[T]] = []
        self._changed = threading.Condition()

    def take(self) -> Turn[T] | None:
        """Return the first piece that may start now, waiting for one if need be; None: nothing is left."""
        with self._changed:
            while self._waiting:
                turn = next((turn for turn in self._waiting if self._may_start(turn)), None)
                if turn is not None:
                    self._waiting.remove(turn)
                    self._running.append(turn)
                    return turn
                self._changed.wait()
            return None

    def done(self, turn: Turn[T]) -> None:
        """Give the turn back."""
        with self._changed:
            self._running.remove(turn)
            self._changed.notify_all()

    def close(self) -> tuple[T, ...]:
        """Hand out nothing more; return what was not begun."""
        with self._changed:
            left = tuple(turn.work for turn in self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return left

    def _may_start(self, turn: Turn[T]) -> bool:
        if turn.alone is Alone.MACHINE:
            return not self._running
        if any(other.alone is Alone.MACHINE for other in self._running):
            return False
        there = [other for other in self._running if other.place == turn.place]
        return not there if turn.alone is Alone.ENGINE else all(other.alone is Alone.NO for other in there)
