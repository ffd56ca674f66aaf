"""What a run made, written down as soon as it is seen, so that a killed run can be tidied up by others.

Rule 1: a line is flushed before the next call to an engine; SIGKILL loses nothing that was noted.
Rule 2: a ledger goes when its run has ended and left nothing; whoever finds one asks whether its owner still lives.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast

from dockstore.core.history import Made
from dockstore.core.values import dataclass
from dockstore.runner.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that was made, and on which engine (a key of the ledger's engines)."""

    engine: str
    made: Made


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLine:
    """An engine that the run used: how it was reached, and which one it was."""

    address: str
    engine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A ledger as read. *kept*: the run was asked to leave its objects standing."""

    path: Path
    owner: Owner
    engines: Mapping[str, EngineLine]
    entries: tuple[Entry, ...]
    kept: bool = False


class Ledger:
    """The ledger of a run at work; usable from any thread."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        self.path = folder / f"{owner.run}.jsonl"
        self._lock = threading.Lock()
        self._seen: set[tuple[str, str, str]] = set()
        self._file: IO[str] = self.path.open("x", encoding="utf-8")
        try:
            self._write(self._first_line(owner))
        except OSError:
            self.close(nothing_left=True)
            raise

    @staticmethod
    def _first_line(owner: Owner) -> dict[str, object]:
        return {
            "ledger": FORMAT,
            "run": owner.run,
            "pid": owner.pid,
            "pid_start": owner.pid_start,
            "host": owner.host,
            "created": owner.created,
        }

    def engine(self, key: str, address: str, engine_id: str) -> None:
        """Note that engine *key* is used."""
        self._write({"engine": key, "address": address, "id": engine_id})

    def made(self, engine: str, item: Made) -> None:
        """Note a thing, once."""
        with self._lock:
            if (engine, item.kind, item.id) in self._seen:
                return
            self._seen.add((engine, item.kind, item.id))
        self._write({"made": item.kind, "id": item.id, "name": item.name, "engine": engine})

    def kept(self) -> None:
        """Note that what stands here was left on purpose."""
        self._write({"kept": True})

    def close(self, *, nothing_left: bool) -> None:
        """End the ledger; with *nothing_left* it goes."""
        with self._lock, suppress(OSError):  # a last line that finds no room was said when it was written
            self._file.close()
        if nothing_left:
            self.path.unlink(missing_ok=True)

    def _write(self, line: Mapping[str, object]) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()


def read_book(path: Path) -> Book | None:
    """Read one ledger; None: it is no ledger, or its first line is not whole (then nothing had been made yet)."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = [item for item in map(_parse, lines) if item is not None]
    if not found or found[0].get("ledger") != FORMAT:
        return None
    owner = _owner(found[0])
    if owner is None:
        return None
    engines: dict[str, EngineLine] = {}
    entries: list[Entry] = []
    kept = False
    for item in found[1:]:
        match item:
            case {"made": str(kind), "id": str(key), "name": str(name), "engine": str(engine)}:
                entries.append(Entry(engine=engine, made=Made(kind=kind, id=key, name=name)))
            case {"engine": str(engine), "address": str(address), "id": str(engine_id)}:
                engines[engine] = EngineLine(address=address, engine_id=engine_id)
            case {"kept": True}:
                kept = True
            case _:
                continue  # a line of a later version
    return Book(path=path, owner=owner, engines=engines, entries=tuple(entries), kept=kept)


def books(home: Path) -> tuple[Book, ...]:
    """Every ledger under *home*, by name."""
    return tuple(book for path in sorted((home / "runs").glob("*.jsonl")) if (book := read_book(path)) is not None)


def _parse(line: str) -> dict[str, object] | None:
    """One line; None for a torn one."""
    try:
        value: object = json.loads(line)
    except ValueError:
        return None
    return cast(dict[str, object], value) if isinstance(value, dict) else None


def _owner(first: Mapping[str, object]) -> Owner | None:
    match first:
        case {"run": str(run), "pid": int(pid), "pid_start": int(pid_start), "host": str(host), "created": str(created)}:
            return Owner(run=run, pid=pid, pid_start=pid_start, host=host, created=created)
        case _:
            return None
