"""Stopping early: a person's Ctrl-C, a supervisor's SIGTERM, a time limit.

Rule 1: asked once, a run stops at its next step, tidies up and keeps its history; asked twice, it leaves at once.
Rule 2: every wait of a run goes through `Halt.wait`, so that nobody sleeps through being asked.
Rule 3: handlers are installed in the main thread only, and what stood there before is put back.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SLICE_SECONDS = 0.05


class Halt:
    """Whether to stop, and why. Usable from any thread; a *limited* one also stops when its time is up."""

    def __init__(self, parent: Halt | None = None, deadline: float | None = None, limit_text: str = "") -> None:
        self._asked = False  # a plain flag: a signal handler that takes a lock can meet itself there
        self._parent = parent
        self._deadline = deadline
        self._limit_text = limit_text
        self._reason: str | None = None
        self._signal: int | None = None
        self._at_once = False

    def ask(self, reason: str, *, signal_number: int | None = None) -> None:
        """Ask for a stop at the next step; the first reason stays."""
        if self._reason is None:
            self._reason = reason
            self._signal = signal_number
        self._asked = True

    def ask_at_once(self, reason: str, *, signal_number: int | None = None) -> None:
        """Ask for the run to be left as it stands; `dockstore clean` does the rest."""
        self._at_once = True
        self.ask(reason, signal_number=signal_number)

    def run_out(self, text: str) -> None:
        """End the time of this one now, for what *text* says; nobody has asked."""
        self._limit_text = text
        self._deadline = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether to stop at the next step."""
        return self._asked or self.timed_out or (self._parent is not None and self._parent.asked)

    @property
    def at_once(self) -> bool:
        """Whether even tidying up is to be left."""
        return self._at_once or (self._parent is not None and self._parent.at_once)

    @property
    def timed_out(self) -> bool:
        """Whether a time limit is what asks."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    @property
    def interrupted(self) -> bool:
        """Whether somebody (not a time limit) asks."""
        return self._asked or (self._parent is not None and self._parent.interrupted)

    @property
    def reason(self) -> str | None:
        """Why: `interrupted (SIGINT)`, `time limit of 30 s`; None while nobody asks."""
        if self._reason is not None:
            return self._reason
        if self._parent is not None and self._parent.asked:
            return self._parent.reason
        return self._limit_text if self.timed_out else None

    @property
    def signal_number(self) -> int | None:
        """The signal that asked, if it was one."""
        if self._signal is None and self._parent is not None:
            return self._parent.signal_number
        return self._signal

    def wait(self, seconds: float) -> bool:
        """Wait, but not longer than until a stop is asked for; return whether it was."""
        pause = threading.Event()
        end = time.monotonic() + seconds
        while not self.asked:
            left = end - time.monotonic()
            if left <= 0:
                return False
            pause.wait(min(left, _SLICE_SECONDS))
        return True

    def limited(self, seconds: float | None) -> Halt:
        """A halt of its own for one scenario: asked when this one is, or when *seconds* are over."""
        if seconds is None:
            return Halt(self)
        return Halt(self, time.monotonic() + seconds, f"time limit of {seconds:g} s")


@contextmanager
def signals(halt: Halt) -> Iterator[Halt]:
    """While inside, SIGINT and SIGTERM ask *halt*; a second one raises KeyboardInterrupt in the main thread.

    Outside the main thread nothing is installed: signals belong to whoever owns that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield halt
        return

    def handler(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if halt.interrupted:
            halt.ask_at_once(f"interrupted twice ({name})", signal_number=number)
            raise KeyboardInterrupt
        halt.ask(f"interrupted ({name})", signal_number=number)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield halt
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
