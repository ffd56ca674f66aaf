"""Whoever looks on while a run goes: a terminal's progress, a test's notes, nobody.

Rule 1: an onlooker changes nothing; whatever it is told also stands in the report or the history.
Rule 2: it is called by one thread at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict


class Watch(Protocol):
    """What an onlooker is told, as it happens."""

    def note(self, text: str) -> None:
        """Something that a person would want to know now: an engine is brought up, leftovers were found."""

    def engine(self, info: EngineInfo, key: str) -> None:
        """An engine was opened; *key* (e1, e2, ...) is its name in the report."""

    def started(self, scenario: Scenario, number: int, of: int) -> None:
        """A scenario began; *number* counts from 1 in the order of the files."""

    def step(self, scenario: Scenario, text: str) -> None:
        """A step of it ended: `write row`, `remove db`."""

    def ended(self, verdict: Verdict) -> None:
        """A scenario was played and judged."""


class Nobody:
    """Nobody looks on."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def engine(self, info: EngineInfo, key: str) -> None:
        """Say nothing."""

    def started(self, scenario: Scenario, number: int, of: int) -> None:
        """Say nothing."""

    def step(self, scenario: Scenario, text: str) -> None:
        """Say nothing."""

    def ended(self, verdict: Verdict) -> None:
        """Say nothing."""
