"""Who uses a private engine: a lock that the kernel gives back when its holder dies.

Rule 1: an engine may be struck, pruned or stopped only by who has it alone; who shares one leaves it alone.
Rule 2: starting and stopping are one at a time; whoever comes meanwhile waits for the outcome.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.providers import disk, homes
from dockstore.engines.providers.private import PrivateEngine, impossible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

NAMES = ("engine", "engine-spare", *(f"engine-spare-{number}" for number in range(2, 9)))
POWERED_NAMES = ("engine-power", "engine-power-2")  # with a disk of their own, which can lose power
KEEP = "keep-running"  # a file in the engine's folder: `dockstore engine start` made it, and `stop` removes it


@dataclass(slots=True)
class Lease:
    """A private engine in use. *alone*: nobody else has it, so it is ours to strike."""

    engine: PrivateEngine
    alone: bool
    _handle: int
    _released: bool = field(default=False)

    def release(self) -> None:
        """Let go; the last user stops the engine, unless somebody asked for it to stay. Raises EngineError."""
        if self._released:
            return
        self._released = True
        try:
            with transition(self.engine):
                if _lock(self._handle, fcntl.LOCK_EX) and not (self.engine.folder / KEEP).exists():
                    _stop_for_good(self.engine)
        finally:
            os.close(self._handle)

    def forget(self) -> None:
        """Let go of an engine that is no more."""
        if not self._released:
            self._released = True
            os.close(self._handle)


def lease(home: Path, environ: Mapping[str, str], *, alone: bool, powered: bool = False, say: Callable[[str], None]) -> Lease:
    """Return a private engine that runs: the first free one, made and started if need be. Raises EngineError.

    *alone*: one that nobody else uses, to be struck. Else one in company, which nobody may strike meanwhile.
    *powered*: one with a disk that can lose power.
    """
    refusal = impossible() or (disk.impossible() if powered else None)
    if refusal is not None:
        raise refusal
    names = POWERED_NAMES if powered else NAMES
    for name in names:
        taken = take(PrivateEngine(homes.engine_folder(home, environ, name=name)), alone=alone, powered=powered, say=say)
        if taken is not None:
            return taken
    raise Unreachable(f"no private engine: all {len(names)} of {home} are in use", "wait for the other runs, or set DOCKSTORE_HOME to another folder")


def take(engine: PrivateEngine, *, alone: bool, say: Callable[[str], None], start: bool = True, powered: bool = False) -> Lease | None:
    """Return a lease on *engine*, or None if somebody else's stands in the way."""
    engine.folder.mkdir(parents=True, exist_ok=True)
    with transition(engine):
        handle = os.open(engine.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
                os.close(handle)
                return None
            if powered:
                engine.make_disk()
            if start:
                engine.start(say=say)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(handle)
            raise
    return Lease(engine, alone, handle)


@contextlib.contextmanager
def transition(engine: PrivateEngine) -> Iterator[None]:
    """Be the only one who starts or stops *engine*."""
    engine.folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(engine.folder / "state.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def engines_of(home: Path, environ: Mapping[str, str]) -> list[PrivateEngine]:
    """Return the private engines that there are, running or not; none is made."""
    found = [PrivateEngine(base / name) for base in homes.engine_bases(home, environ) for name in (*NAMES, *POWERED_NAMES)]
    return [engine for engine in found if (engine.folder / "data").is_dir()]


def _stop_for_good(engine: PrivateEngine) -> None:
    try:
        engine.stop()
    except EngineError:
        engine.kill_all()
        raise
    finally:
        engine.kill_all()  # shims and containers that a killed daemon had left behind
        engine.tidy()


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
