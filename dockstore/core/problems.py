"""What is wrong in a file: a place, a fact and a way out.

Rule 1: all problems of a file are collected; the reading goes on as far as it makes sense.
Rule 2: what a file says is quoted with care: nothing in it reaches a terminal as a control character.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from dockstore.core.script import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_PROBLEMS = 100  # a file with more is not a scenario file
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as YAML counts lines
_LONGEST_QUOTE = 60
_LONGEST_WORD = 60  # did-you-mean is quadratic in the word


class Spot(Protocol):
    """Anything that knows where it was written; both count from 1."""

    @property
    def line(self) -> int:
        """The line."""

    @property
    def column(self) -> int:
        """The column."""


class Unread(Exception):  # noqa: N818
    """A part could not be read; its problem is already among the others."""


class Misread(ValueError):  # noqa: N818
    """A text does not say what it should; whoever knows its place makes a problem of it."""

    def __init__(self, fact: str, hint: str | None = None) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


class Enough(Exception):  # noqa: N818
    """So many problems that one more helps nobody."""


class Problems:
    """The problems of one file, as they are found."""

    def __init__(self, file: str, lines: tuple[str, ...], *, variables: Iterable[str] = ()) -> None:
        self.file = file
        self.lines = lines
        self.variables = tuple(variables)  # declared names, for the hint of an unknown one
        self.found: list[Problem] = []

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, spot: Spot, fact: str, hint: str | None = None, *, warning: bool = False) -> None:
        """Note *fact* at *spot*; an equal one at the same place is the same one."""
        source = self.lines[spot.line - 1] if 0 < spot.line <= len(self.lines) else ""
        problem = Problem(
            file=self.file,
            line=spot.line,
            column=spot.column,
            fact=fact,
            hint=hint,
            source=source,
            width=max(1, min(getattr(spot, "width", 1), len(source) - spot.column + 1)),
            warning=warning,
        )
        if problem in self.found:
            return
        self.found.append(problem)
        if len(self.found) >= MOST_PROBLEMS:
            raise Enough

    def wrong(self, spot: Spot, fact: str, hint: str | None = None) -> Unread:
        """Note *fact* and return what the caller raises."""
        self.add(spot, fact, hint)
        return Unread(fact)

    def in_order(self) -> tuple[Problem, ...]:
        """All of them, as a reader of the file meets them."""
        return tuple(sorted(self.found, key=lambda problem: (problem.line, problem.column)))


def said(text: str) -> str:
    """Quote *text* for a message: short, on one line, without control characters."""
    shown = "".join(char if char.isprintable() else " " if char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text[: _LONGEST_QUOTE + 1])
    return f"'{shown}'" if len(text) <= _LONGEST_QUOTE else f"'{shown[: _LONGEST_QUOTE - 1]}…'"


def listed(words: Iterable[str], *, most: int = 12) -> str:
    """Join *words* for a message, not more than *most* of them."""
    shown = [word if len(word) <= _LONGEST_QUOTE else f"{word[: _LONGEST_QUOTE - 1]}…" for word in words]
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint for a misspelt *word*: the nearest of *known*, else all of them, None if there are none."""
    words = list(known)
    near = nearest(word, words)
    if near is not None:
        return f"did you mean {said(near)}?"
    return f"known here: {listed(words, most=40)}" if words else None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that was probably meant by *word*."""
    if len(word) > _LONGEST_WORD:
        return None
    import difflib

    candidates = [candidate for candidate in known if len(candidate) <= _LONGEST_WORD][:200]
    near = difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    if not near:
        near = [candidate for candidate in candidates if candidate.lower() == word.lower()][:1]
    return near[0] if near else None


def render(problem: Problem, *, width: int = 100) -> str:
    """Show *problem* as `FILE:LINE:COL: fact`, the line, a caret under the place, and the way out; line 0: it is the file as a whole."""
    kind = "warning: " if problem.warning else ""
    place = f":{problem.line}:{problem.column}" if problem.line else ""
    parts = [f"{_plain(problem.file)}{place}: {kind}{_plain(problem.fact)}"]
    if problem.source.strip():
        parts.extend(_excerpt(problem, max(20, width - 2)))
    if problem.hint:
        parts.append(f"  hint: {_plain(problem.hint)}")
    return "\n".join(parts)


def _excerpt(problem: Problem, room: int) -> list[str]:
    """The line, cut around the place to *room* cells, and the caret under it."""
    start = problem.column - 1
    first = 0 if len(problem.source) <= room and start < room else max(0, start - room // 3)
    cut = _plain(problem.source[first : first + room])
    before, here = cut[: start - first], cut[start - first :]
    lead = "…" if first else ""
    tail = "…" if first + room < len(problem.source) else ""
    caret = " " * (len(lead) + _cells(before)) + "^" * max(1, min(_cells(here[: problem.width]), room))
    return [f"  {lead}{cut}{tail}".rstrip(), f"  {caret}"]


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " if char in "\t\n\r" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _cells(text: str) -> int:
    """How many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
