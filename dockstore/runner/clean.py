"""Remove what dead runs left: their containers, volumes, images, scratch folders, and private engines that nobody uses.

Rule 1: a thing goes only if its label or a ledger says that a run made it, and that run's process is dead (or its id was named).
Rule 2: what lives, and what is another host's, is left alone; harmless twice.
Rule 3: what could not be removed is said, and its ledger stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import Conflict, EngineError, Unreachable
from dockstore.engines.host import Unseen
from dockstore.engines.opening import Wanted, open_engine
from dockstore.engines.polling import pause, until
from dockstore.engines.providers import address, homes, leases
from dockstore.runner import leavings
from dockstore.runner.leavings import Item, Labelled
from dockstore.runner.ledger import books
from dockstore.runner.owner import Alive, Owner, alive, this_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dockstore.engines.opening import Opened
    from dockstore.engines.providers.private import PrivateEngine
    from dockstore.runner.ledger import Book

LEAST_AGE_SECONDS = 90 * 60.0
NESTED = "dockstore-dind-"
_LOOKS = 5
_PAUSE_SECONDS = 0.3  # a call that was under way when its run was killed may still come true
_BUSY_SECONDS = 5.0  # a removal that is under way already, a container that has just ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that was not removed, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was removed (with *dry_run*: what would be), what could not be, and which runs were left alone."""

    removed: tuple[Item, ...] = ()
    left: tuple[Left, ...] = ()
    at_work: tuple[str, ...] = ()  # runs that still go on
    others: tuple[str, ...] = ()  # runs of another host, boot or pid name space
    notes: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(slots=True)
class _Choice:
    """Whose things go."""

    run: str | None
    oldest: datetime | None
    here: str
    at_work: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def takes(self, owner: Owner) -> bool:
        if self.run is not None and not owner.run.startswith(self.run):
            return False
        match alive(owner, here=self.here):
            case Alive.YES:
                self.at_work.add(owner.run)
                return False
            case Alive.NO:
                return True
            case Alive.UNKNOWN:
                if self.run is not None or self._old(owner):
                    return True
                self.others.add(owner.run)
                return False

    def _old(self, owner: Owner) -> bool:
        if self.oldest is None:
            return False
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(owner.created) < self.oldest
        return False


@dataclass(slots=True)
class _Sweep:
    """One engine being cleaned."""

    opened: Opened
    choice: _Choice
    books: Sequence[Book]
    dry_run: bool
    removed: dict[tuple[str, str], Item] = field(default_factory=dict)
    left: dict[tuple[str, str], Left] = field(default_factory=dict)

    def all(self) -> None:
        """Remove everything that may go, until a look finds nothing more; of a run that was just killed, a second look."""
        if self.dry_run:
            self._round()
            return
        quiet = 1 if self.books else 0
        for _ in range(_LOOKS):
            if not self._round():
                if not quiet:
                    return
                quiet -= 1
            pause(_PAUSE_SECONDS)

    def _round(self) -> bool:
        engine = self.opened.engine
        found = [item for item in leavings.labelled(engine) if self.choice.takes(item.owner)]
        named = self._of_containers(found)
        acted = False
        for kind in ("container", "network", "volume", "image"):
            for one in found:
                if one.item.kind == kind:
                    acted |= self._remove(one.item)
            if kind == "container":
                for item in self._noted(kind):
                    acted |= self._remove(item)
            elif kind == "volume":
                for item in {item.id: item for item in (*named, *self._noted(kind))}.values():
                    acted |= self._remove_volume(item)
            else:
                for item in self._noted(kind):
                    acted |= self._remove(item)
        for folder in self._folders():
            acted |= self._remove_folder(folder)
        return acted and not self.dry_run

    def _of_containers(self, found: Iterable[Labelled]) -> list[Item]:
        """Volumes of dead containers that bear the run's own name: `-v rows:/data` made them, without a label."""
        return [
            Item(kind="volume", id=name, name=name, run=one.item.run, engine=one.item.engine)
            for one in found
            for name in one.mounts
            if name.startswith(f"dockstore-{one.item.run[:8]}-")
        ]

    def _noted(self, kind: str) -> list[Item]:
        """What the ledgers of this engine name and the engine still knows."""
        items = []
        for book in self.books:
            for entry in book.entries:
                if entry.made.kind != kind:
                    continue
                item = Item(kind=kind, id=entry.made.id, name=entry.made.name, run=book.owner.run, engine=self.opened.engine.info.address)
                if (kind, item.id) not in self.removed and leavings.exists(self.opened.engine, kind, item.id):
                    items.append(item)
        return items

    def _folders(self) -> list[Item]:
        address = self.opened.engine.info.address
        found: dict[str, Item] = {}
        for book in self.books:
            noted = [entry.made.id for entry in book.entries if entry.made.kind == "folder"]
            roots = {path.rpartition("/")[0] or "/" for path in noted}
            beside = leavings.scratch_folders(self.opened.host, book.owner.run, tuple(sorted(roots | set(leavings.SCRATCH_ROOTS))))
            for path in (*noted, *beside):
                if path.rpartition("/")[2].startswith(f"dockstore-{book.owner.run[:8]}-") and ("folder", path) not in self.removed:
                    found[path] = Item(kind="folder", id=path, name=path, run=book.owner.run, engine=address)
        return sorted(found.values(), key=lambda item: item.id)

    def _remove(self, item: Item) -> bool:
        if (item.kind, item.id) in self.removed:
            return False
        if self.dry_run:
            return self._gone(item)
        if item.kind == "container" and item.name.startswith(NESTED):  # its socket lies in a folder of this machine that bears its name
            shutil.rmtree(homes.runtime() / item.name, ignore_errors=True)
        failures: list[EngineError] = []

        def gone() -> bool:
            try:
                leavings.remove(self.opened.engine, item)
            except Conflict as error:
                failures.append(error)
                return False
            return True

        try:
            done = until(gone, timeout_seconds=_BUSY_SECONDS, every_seconds=0.1)
        except EngineError as error:
            return self._stays(item, str(error))
        return self._gone(item) if done else self._stays(item, str(failures[-1]))

    def _remove_volume(self, item: Item) -> bool:
        """A volume without our label goes only by a ledger's (or its own container's) word, and only if nobody has it."""
        try:
            if (item.kind, item.id) in self.removed or not leavings.exists(self.opened.engine, "volume", item.id):
                return False
            if not self.dry_run and leavings.is_used(self.opened.engine, item.id):
                return self._stays(item, "a container that is not ours has it")
        except EngineError as error:
            return self._stays(item, str(error))
        return self._remove(item)

    def _remove_folder(self, item: Item) -> bool:
        root, _, name = item.id.rpartition("/")
        try:
            if self.opened.host.stat(item.id, follow=False) is None and self.opened.host.stat(f"{item.id}.mounts", follow=False) is None:
                return False
            if not self.dry_run:
                self.opened.host.remove(name, root=root or "/")
        except (OSError, Unseen, EngineError) as error:
            return self._stays(item, str(error))
        return self._gone(item)

    def _gone(self, item: Item) -> bool:
        self.removed[item.kind, item.id] = item
        self.left.pop((item.kind, item.id), None)
        return True

    def _stays(self, item: Item, reason: str) -> bool:
        self.left[item.kind, item.id] = Left(item=item, reason=reason)
        return False


def clean_all(
    *,
    home: Path,
    addresses: Sequence[str],
    environ: Mapping[str, str],
    run: str | None = None,
    older_than_seconds: float | None = None,
    dry_run: bool = False,
    say: Callable[[str], None],
    opener: Callable[..., Opened] = open_engine,
    private: Callable[[Path, Mapping[str, str]], Sequence[PrivateEngine]] = leases.engines_of,
    here: str | None = None,
    now: datetime | None = None,
) -> Cleaned:
    """Clean every engine that was named, that is usual here, or that a dead run's ledger names; then the private ones of *home*.

    Raises EngineError for an engine that was named and does not answer.
    """
    oldest = None if older_than_seconds is None else (now or datetime.now(UTC)) - timedelta(seconds=older_than_seconds)
    choice = _Choice(run=run, oldest=oldest, here=this_host() if here is None else here)
    dead = [book for book in books(home) if choice.takes(book.owner)]
    broom = _Broom(home=home, environ=environ, choice=choice, dead=dead, dry_run=dry_run, say=say, opener=opener)
    ours = {engine.address: engine for engine in private(home, environ)}
    for place in addresses or _usual(environ):
        broom.sweep(place, must=bool(addresses))
    for place in dict.fromkeys(line.address for book in dead for line in book.engines.values()):
        if place not in ours:
            broom.sweep(place)
    for engine in ours.values():
        broom.sweep_private(engine)
    broom.end_books()
    return Cleaned(
        removed=tuple(broom.removed.values()),
        left=tuple(broom.left.values()),
        at_work=tuple(sorted(choice.at_work)),
        others=tuple(sorted(choice.others)),
        notes=tuple(broom.notes),
        dry_run=dry_run,
    )


@dataclass(slots=True, kw_only=True)
class _Broom:
    """Goes from engine to engine and gathers what came of it."""

    home: Path
    environ: Mapping[str, str]
    choice: _Choice
    dead: Sequence[Book]
    dry_run: bool
    say: Callable[[str], None]
    opener: Callable[..., Opened]
    removed: dict[tuple[str, str], Item] = field(default_factory=dict)
    left: dict[tuple[str, str], Left] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unreached: set[str] = field(default_factory=set)  # addresses
    swept: set[str] = field(default_factory=set)  # engine ids and addresses

    def sweep(self, place: str, *, must: bool = False) -> None:
        """Clean the engine at *place*, once."""
        if place in self.swept:
            return
        self.swept.add(place)
        used = any(line.address == place for book in self.dead for line in book.engines.values())
        wanted = Wanted(address=place, environ=self.environ, home=self.home, read_only=self.dry_run or not used)
        try:
            opened = self.opener(wanted, say=self.say)
        except EngineError as error:
            if must:
                raise
            if not _is_no_more(place):
                self.notes.append(str(error))
                self.unreached.add(place)
            return
        try:
            engine_id = opened.engine.info.engine_id
            if engine_id not in self.swept:
                self.swept.add(engine_id)
                sweep = _Sweep(opened, self.choice, [book for book in self.dead if _used(book, engine_id)], self.dry_run)
                sweep.all()
                self.removed |= sweep.removed
                self.left |= sweep.left
        except EngineError as error:
            self.notes.append(str(error))
            self.unreached.add(place)
        finally:
            opened.close()

    def sweep_private(self, engine: PrivateEngine) -> None:
        """Clean a private engine that nobody uses, and stop it unless it was started to stay."""
        item = Item(kind="engine", id=str(engine.folder), name=engine.name, run="", engine=engine.address)
        running = engine.daemon() is not None
        if not running and not engine.run.exists() and not any(_at(book, engine.address) for book in self.dead):
            return
        if self.dry_run:
            if running:
                self.sweep(engine.address)
            return
        try:
            lease = leases.take(engine, alone=True, say=self.say)
            if lease is None:
                self.unreached.add(engine.address)  # somebody uses it: its leftovers wait
                return
            try:
                self.sweep(engine.address)
            finally:
                lease.release()
        except (EngineError, OSError) as error:
            self.left["engine", item.id] = Left(item=item, reason=str(error))
            return
        if running and engine.daemon() is None:
            self.removed["engine", item.id] = item

    def end_books(self) -> None:
        """Take away the ledgers of runs of which nothing is left."""
        if self.dry_run:
            return
        untidy = {stays.item.run for stays in self.left.values()}
        for book in self.dead:
            if book.owner.run not in untidy and not any(_at(book, place) for place in self.unreached):
                book.path.unlink(missing_ok=True)


def _is_no_more(place: str) -> bool:
    """Whether the address was that of an engine of ours, which went with everything on it."""
    socket = Path(place.removeprefix("unix://"))
    return place.startswith("unix://") and socket.parent.name.startswith("dockstore-") and not socket.exists()


def _usual(environ: Mapping[str, str]) -> list[str]:
    """The engines that a run would find here; a private one is never started for looking."""
    try:
        found = address.candidates(None, environ, read=_read, exists=os.path.exists)
    except Unreachable:
        return []
    return [candidate.address for candidate in found if candidate.address not in {address.PRIVATE, address.DIND}]


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _used(book: Book, engine_id: str) -> bool:
    """Whether the run of *book* used that engine."""
    return any(line.engine_id == engine_id for line in book.engines.values())


def _at(book: Book, where: str) -> bool:
    """Whether the run of *book* used the engine at that address."""
    return any(line.address == where for line in book.engines.values())
