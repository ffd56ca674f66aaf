"""Waiting for a state, with a deadline. Nothing in dockstore sleeps.

Rule 1: whoever waits says until when; the clock is the monotonic one.
Rule 2: the first look is at once, and there is a last one at the deadline.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment *seconds* from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds that are left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0


def pause(seconds: float, stop: threading.Event | None = None) -> bool:
    """Let *seconds* go by, or less if *stop* is set meanwhile; return whether it was."""
    return (stop or threading.Event()).wait(seconds)


def until(check: Callable[[], bool], *, timeout_seconds: float, every_seconds: float = 0.05, stop: threading.Event | None = None) -> bool:
    """Look again and again until *check* says yes (True), or the time is over or *stop* is set (False)."""
    deadline = Deadline.after(timeout_seconds)
    while True:
        if check():
            return True
        if deadline.over or pause(min(every_seconds, max(deadline.left, 0.001)), stop):
            return False


def beside(ask: Callable[[], Answer]) -> Callable[[], Answer | None]:
    """Ask in a thread of its own; return what waits for the answer. None: there is none, and whoever needs it asks again."""
    answers: list[Answer] = []

    def asking() -> None:
        with contextlib.suppress(Exception):
            answers.append(ask())

    thread = threading.Thread(target=asking, name="dockstore-beside", daemon=True)
    thread.start()

    def told() -> Answer | None:
        thread.join()
        return answers[0] if answers else None

    return told
