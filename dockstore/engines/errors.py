"""What can go wrong at an engine's door, in our own words; foreign errors are translated there and go no further.

EngineError
├── Refused              the engine answered with a status: it did not do it
│   ├── NotFound         404
│   └── Conflict         409
├── Unsure               time-out or connection lost in the middle: it may or may not have happened
└── Unreachable          nobody answers, or we may not ask
"""

from __future__ import annotations


class EngineError(Exception):
    """Any failure at an engine's door. The text says what was being done: `remove volume rows: volume is in use`."""


class Refused(EngineError):  # noqa: N818  # named as what the engine did
    """The engine said no. *status* is its HTTP status, *words* its own text."""

    def __init__(self, doing: str, status: int, words: str) -> None:
        super().__init__(f"{doing}: {words}" if words else doing)
        self.doing = doing
        self.status = status
        self.words = words


class NotFound(Refused):
    """404: no such object."""


class Conflict(Refused):
    """409: the object is in the way or in use."""


class Unsure(EngineError):  # noqa: N818
    """The answer did not come: the operation may or may not have happened."""


class Unreachable(EngineError):  # noqa: N818
    """No engine there, or not for us. *hint* is the way out."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint
