"""The engines of a run: those that were asked for, and spare ones for what may strike a whole engine.

Rule 1: an engine that is not disposable is never struck; a spare one is brought up instead, once, when first needed.
Rule 2: whoever opened an engine closes it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.capabilities import capabilities
from dockstore.core.script import Kill, Measure, PowerLoss, Prune, Reboot, Restart, Start, Stop, Together
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.opening import Wanted, open_engine
from dockstore.runner.turns import Alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dockstore.core.model import EngineInfo
    from dockstore.core.script import AnyStep, Scenario
    from dockstore.engines.opening import Opened
    from dockstore.runner.halt import Halt

STRIKING = frozenset({"disposable-engine", "restart-engine", "power-loss"})
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Member:
    """One engine: opened when first asked for, and known as *key* (e1, e2, ...) from then on."""

    name: str
    wanted: Wanted
    lesser: Wanted | None = None  # what to be content with where *wanted* cannot be had
    must: frozenset[str] = frozenset()  # the capabilities without which it is of no use
    key: str = ""
    spare: bool = False
    opened: Opened | None = None
    failure: EngineError | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def info(self) -> EngineInfo:
        """Facts of the engine, which must be open."""
        if self.opened is None:
            raise RuntimeError("the engine is not open")
        return self.opened.engine.info


class Company:
    """All engines of one run."""

    def __init__(
        self,
        *,
        addresses: tuple[str, ...],
        environ: Mapping[str, str],
        home: Path,
        marked_disposable: bool,
        say: Callable[[str], None],
        on_open: Callable[[str, Opened], None],
        opener: Callable[..., Opened] = open_engine,
    ) -> None:
        self._environ = environ
        self._home = home
        self._marked = marked_disposable
        self._say = say
        self._on_open = on_open
        self._opener = opener
        self._lock = threading.Lock()
        self._count = 0
        self.principals = tuple(Member(f"asked for {number}", self._wanted(address)) for number, address in enumerate(addresses or (None,), 1))
        self.spare = Member(
            "spare",
            self._wanted(None, disposable=True, restart=True),
            lesser=self._wanted(None, disposable=True),
            must=frozenset({"disposable-engine"}),
            spare=True,
        )
        self.powered = Member(
            "spare with a disk of its own", self._wanted(None, disposable=True, restart=True, power=True), must=STRIKING, spare=True
        )
        self._second = Member("second", self._wanted("private", disposable=True), spare=True)

    def _wanted(self, address: str | None, *, disposable: bool = False, restart: bool = False, power: bool = False) -> Wanted:
        return Wanted(
            address=address,
            environ=self._environ,
            home=self._home,
            needs_disposable=disposable,
            needs_restart=restart,
            needs_power_loss=power,
            marked_disposable=self._marked,
        )

    def open_principals(self) -> None:
        """Open every engine that was asked for. Raises EngineError: a named one that does not answer is never passed over."""
        for member in self.principals:
            if not self.open(member) and member.failure is not None:
                raise member.failure

    def open(self, member: Member) -> bool:
        """Open *member* if it is not; return whether it is."""
        with member.lock:
            if member.opened is None and member.failure is None:
                try:
                    opened = self._opened(member)
                    self._check(member, opened)
                except EngineError as error:
                    member.failure = error
                    return False
                member.opened = opened
                with self._lock:
                    self._count += 1
                    member.key = f"e{self._count}"
                self._on_open(member.key, member.opened)
            return member.opened is not None

    def _opened(self, member: Member) -> Opened:
        try:
            return self._opener(member.wanted, say=self._say)
        except EngineError:
            if member.lesser is None:
                raise
            return self._opener(member.lesser, say=self._say)

    def _check(self, member: Member, opened: Opened) -> None:
        """A spare one that turns out to be one that was asked for, or that cannot do what it is for, is none."""
        info = opened.engine.info
        doubled = member.spare and any(other.opened is not None and other.info.engine_id == info.engine_id for other in self.principals)
        if doubled or not member.must <= capabilities(info):
            opened.close()
            raise Unreachable("no spare engine that may be struck")

    def stage(self, scenario: Scenario, principal: Member) -> Member:
        """Return the engine that plays *scenario*: the one asked for, or a spare one where that may not be struck (not opened yet)."""
        needs = frozenset(scenario.needs) | frozenset(scenario.implied_needs)
        missing = (needs & STRIKING) - capabilities(principal.info)
        if not missing:
            return principal
        return self.powered if "power-loss" in missing else self.spare

    def second(self) -> Opened | None:
        """Return the engine that scenarios call `second`; None where none can be had."""
        return self._second.opened if self.open(self._second) else None

    def members(self) -> Iterable[Member]:
        """Every member that is open, in the order of the keys."""
        everybody = (*self.principals, self.spare, self.powered, self._second)
        return sorted((member for member in everybody if member.opened is not None), key=lambda member: int(member.key[1:]))

    def infos(self) -> dict[str, EngineInfo]:
        """Key -> facts, of every engine that was opened."""
        return {member.key: member.info for member in self.members()}

    def close(self) -> tuple[str, ...]:
        """Close them all; return what went wrong."""
        failures = []
        for member in reversed(list(self.members())):
            opened, member.opened = member.opened, None
            try:
                if opened is not None:
                    opened.close()
            except (EngineError, OSError) as error:
                failures.append(f"{member.key}: {error}")
        return tuple(failures)


def room(scenario: Scenario) -> Alone:
    """How much room *scenario* needs: engine-wide steps are every other scenario's event, and a measure wants a quiet machine."""
    steps = list(_flat(scenario.steps))
    if any(isinstance(step, Measure) for step in steps):
        return Alone.MACHINE
    return Alone.ENGINE if any(_strikes(step) for step in steps) or STRIKING & frozenset(scenario.needs) else Alone.NO


def _flat(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    for step in steps:
        if isinstance(step, Together):
            yield from _flat(step.steps)
        else:
            yield step


def _strikes(step: AnyStep) -> bool:
    match step:
        case Prune() | Reboot() | PowerLoss():
            return True
        case Start(container=None) | Stop(container=None) | Restart(container=None) | Kill(container=None):
            return True
        case _:
            return False


@contextmanager
def guard(info: EngineInfo, *, alone: bool, halt: Halt) -> Iterator[None]:
    """Keep this process's engine-wide events and another process's scenarios apart, on one disposable engine.

    A lock on the folder of its socket: nothing is left behind, and an engine that is not ours to strike needs none.
    """
    folder = Path(info.address.removeprefix("unix://")).parent
    if not info.disposable or not info.address.startswith("unix://") or not folder.is_dir():
        yield
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _take(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, halt)
        yield
    finally:
        os.close(handle)


def _take(handle: int, kind: int, halt: Halt) -> None:
    """Wait for the lock; a stop that is asked for ends the wait (the run then ends at its first step)."""
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if halt.wait(_POLL_SECONDS):
                return
        else:
            return
