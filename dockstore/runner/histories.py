"""Histories on disk: one JSON Lines file for each run of a scenario or mutant.

Rule 1: an event is flushed as soon as it happened; a killed run leaves a history that can be read.
Rule 2: a file is never written over; two runs in one second get two files.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from dockstore.core.history_codec import dump, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from dockstore.core.history import Event, Header, History

_SLUG_LONGEST = 60


class HistoryFile:
    """A history as it is being written."""

    def __init__(self, folder: Path, *, started: datetime, ordinal: int, name: str, run: str) -> None:
        self.path, self._file = _open_new(folder, f"{started:%Y-%m-%dT%H-%M-%S}-{ordinal:03d}-{slug(name)}", run)
        self._lock = threading.Lock()

    def record(self, item: Header | Event) -> None:
        """Write one line, at once."""
        line = dump(item)
        with self._lock:
            self._file.write(line if line.endswith("\n") else line + "\n")
            self._file.flush()

    def close(self) -> None:
        """End the file; a last line that finds no room was said when it was written."""
        with self._lock, suppress(OSError):
            self._file.close()


def slug(text: str) -> str:
    """A name for a file: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_SLUG_LONGEST].rstrip("-") or "scenario"


def read_history(path: Path) -> History:
    """Read a stored history. Raises HistoryError (with the line) or OSError."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        return load(lines, path=str(path))


def history_files(folder: Path) -> Iterator[Path]:
    """Every history of a home, oldest first."""
    yield from sorted((folder / "histories").glob("*.jsonl"))


def _open_new(folder: Path, stem: str, run: str) -> tuple[Path, IO[str]]:
    for ending in ("", f"-{run[:8]}"):
        path = folder / f"{stem}{ending}.jsonl"
        try:
            return path, path.open("x", encoding="utf-8")
        except FileExistsError:
            continue
    raise FileExistsError(17, "a history of this name is there already", str(path))
