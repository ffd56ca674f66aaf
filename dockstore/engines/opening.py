"""Open an engine: find it, connect, find out whose files we see, and take it alone where it may be struck.

Rule 1: a named address that does not answer is an error, never passed over; nothing is installed here.
Rule 2: only an engine that dockstore started, and that nobody else uses, may be stopped, killed or rebooted.
Rule 3: the host's files are trusted only after a proof (P10); without one there is a reason instead.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from dockstore.core.values import dataclass
from dockstore.engines import lab, views
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.providers import address, homes, leases, netfolder, private
from dockstore.engines.providers.address import DIND, PRIVATE, Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.core.model import EngineInfo
    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host

    Say = Callable[[str], None]

WAYS_OUT = (
    "start Docker, or name an engine with --engine or DOCKER_HOST; as root on Debian `dockstore engine setup` installs what a private one needs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What sort of engine is asked for. *read_only*: nothing may be made on it, not even the lab image."""

    address: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    home: Path = Path(".dockstore")
    needs_disposable: bool = False
    needs_restart: bool = False
    marked_disposable: bool = False
    needs_power_loss: bool = False
    read_only: bool = False


class Daemon(Protocol):
    """The engine's own process; given only to who has the engine alone."""

    def stop(self) -> None:
        """End it in order. Raises EngineError."""

    def kill(self) -> None:
        """SIGKILL to the daemon and to nothing else. Raises EngineError."""

    def start(self) -> None:
        """Start it; return when it answers. Raises EngineError."""

    def reboot(self) -> None:
        """End every process of the engine at once, forget what memory held, start it. Raises EngineError."""


@dataclass(slots=True, kw_only=True)
class Opened:
    """An engine in use. *scratch_root*: a folder of the engine's host where scratch folders can be made."""

    engine: Engine
    host: Host
    daemon: Daemon | None = None
    network_folders: netfolder.NetworkFolders | None = None
    scratch_root: str = views.SCRATCH
    cache: Path = Path(".dockstore/cache")
    closing: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Let go of everything; an engine that we started, and that nobody else uses, is stopped. Raises EngineError."""
        self.closing.close()


class Informed:
    """An engine whose *info* has the facts, too, that only its opening can know."""

    def __init__(self, engine: DockerEngine, facts: Callable[[EngineInfo], EngineInfo]) -> None:
        self._engine = engine
        self._facts = facts

    @property
    def info(self) -> EngineInfo:
        """Facts as found at opening, or at the last `refresh`."""
        return self._facts(self._engine.info)

    def refresh(self) -> EngineInfo:
        """Ask again."""
        return self._facts(self._engine.refresh())

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def open_engine(wanted: Wanted, *, say: Say) -> Opened:
    """Open the engine that *wanted* asks for. Raises Unreachable with a hint.

    Where an engine must be struck and the one that is meant may not be, a private one is brought up instead, else a nested one;
    where neither can be had, the one that is meant is opened, and what needs more is unmet.
    """
    found = address.candidates(wanted.address, wanted.environ, read=_read, exists=os.path.exists)
    if not found:
        return _open_private(wanted, say=say)
    failures: list[Unreachable] = []
    for candidate in found:
        try:
            return _strikeable(_open_candidate(candidate, wanted, say=say), wanted, say=say)
        except Unreachable as error:
            if candidate.named_by is not None:
                raise Unreachable(f"{error} (named by {candidate.named_by})", error.hint) from error
            failures.append(error)
    refusal = private.impossible()
    if refusal is None:
        return _open_private(wanted, say=say)
    raise Unreachable("; ".join(str(error) for error in (*failures, refusal)), WAYS_OUT)


def _open_candidate(candidate: Candidate, wanted: Wanted, *, say: Say) -> Opened:
    match candidate.address:
        case address.PRIVATE:
            return _open_private(wanted, say=say)
        case address.DIND:
            return _open_dind(wanted, say=say)
    ours = private.recognise(candidate.address)
    if ours is not None:
        taken = leases.take(ours, alone=True, say=say, start=False) or leases.take(ours, alone=False, say=say, start=False)
        return _open_leased(taken, wanted, say=say) if taken is not None else _open_address(candidate, wanted, say=say)
    return _open_address(candidate, wanted, say=say)


def _strikeable(opened: Opened, wanted: Wanted, *, say: Say) -> Opened:
    """Return *opened*, or an engine that may be struck where that is asked for and can be had."""
    info = opened.engine.info
    enough = (
        not wanted.needs_restart or info.restartable,
        not wanted.needs_disposable or info.disposable or info.restartable,
        not wanted.needs_power_loss or info.extra.get("power-loss") == "yes",
    )
    if all(enough):
        return opened
    for bring_up in (_open_private, _open_dind):
        try:
            other = bring_up(wanted, say=say, outer=opened)
        except EngineError as error:
            say(f"no spare engine that may be struck: {error}")
            continue
        closing = ExitStack()
        closing.callback(opened.close)  # last: a nested engine is removed through it
        closing.push(other.closing.pop_all())
        other.closing = closing
        return other
    return opened


def _open_private(wanted: Wanted, *, say: Say, outer: Opened | None = None) -> Opened:
    try:
        taken = leases.lease(wanted.home, wanted.environ, alone=True, powered=wanted.needs_power_loss, say=say)
    except Unreachable as error:
        if wanted.address is None and outer is None:
            raise Unreachable(f"no engine answers in the usual places, and {error}", error.hint or WAYS_OUT) from error
        raise
    return _open_leased(taken, wanted, say=say)


def _open_leased(taken: leases.Lease, wanted: Wanted, *, say: Say) -> Opened:
    daemon = taken.engine if taken.alone else None
    with ExitStack() as undo:
        undo.callback(taken.release)
        opened = _open_address(Candidate(address=taken.engine.address), wanted, say=say, daemon=daemon, leased=True)
        closing = undo.pop_all()
        closing.push(opened.closing.pop_all())
        opened.closing = closing
        return opened


def _open_dind(wanted: Wanted, *, say: Say, outer: Opened | None = None) -> Opened:
    with ExitStack() as undo:
        if outer is None:
            outer = open_engine(replace(wanted, address=_outer_address(wanted), needs_disposable=False, needs_restart=False), say=say)
            undo.callback(outer.close)
        from dockstore.engines.providers import dind

        nested = dind.bring_up(outer.engine, say=say)
        undo.callback(nested.remove)
        opened = _open_address(Candidate(address=nested.address), wanted, say=say, daemon=nested, leased=True)
        closing = undo.pop_all()
        closing.push(opened.closing.pop_all())
        opened.closing = closing
        return opened


def _outer_address(wanted: Wanted) -> str | None:
    """Return the engine in which a nested one runs: the one that is meant without `dind`."""
    named = wanted.environ.get("DOCKER_HOST")
    return None if named != DIND else PRIVATE


def _open_address(candidate: Candidate, wanted: Wanted, *, say: Say, daemon: Daemon | None = None, leased: bool = False) -> Opened:
    from dockstore.engines.docker_engine import connect

    with ExitStack() as undo:
        engine = connect(candidate.address, environ=candidate.environ(wanted.environ))
        undo.callback(engine.close)
        cache = homes.cache_of(wanted.home)
        labels = None if wanted.read_only else _lab_labels(engine, cache, say=say)
        sight = views.look(engine, candidate.address, lab=None if labels is None else lab.LAB_IMAGE, read_only=wanted.read_only)
        undo.callback(sight.close)
        unseen = sight.host.reason
        folders = netfolder.folders(cache) if sight.own_mounts else None
        more = {
            "opaque-folders": "yes" if sight.opaque_folders else "no",
            "two-engines": "yes" if private.impossible() is None else "no",
            "power-loss": "yes" if isinstance(daemon, private.PrivateEngine) and daemon.disk is not None else "no",
            "flock": "yes" if labels is not None and labels.get(lab.FLOCK_LABEL) == "1" else "no",
        }

        def facts(info: EngineInfo) -> EngineInfo:
            ours = daemon is not None
            return replace(
                info,
                # a private engine says of itself that it is disposable; that holds for who has it alone
                disposable=ours or wanted.marked_disposable or (info.disposable and not leased),
                restartable=ours,
                host_files=unseen is None,
                host_files_reason=unseen or "",
                host_mount=sight.mounts,
                network_folder=folders is not None and folders.refusal is None,
                swap=sight.swap,
                extra={**info.extra, **more},
            )

        informed = cast("Engine", Informed(engine, facts))
        if folders is not None:
            undo.callback(folders.close)
        return Opened(
            engine=informed,
            host=sight.host,
            daemon=daemon,
            network_folders=folders,
            scratch_root=_scratch_root(daemon),
            cache=cache,
            closing=undo.pop_all(),
        )


def _scratch_root(daemon: Daemon | None) -> str:
    """Where scenarios' folders lie: on the disk that can lose power, if there is one."""
    powered = daemon.scratch_root if isinstance(daemon, private.PrivateEngine) else None
    return views.SCRATCH if powered is None else str(powered)


def _lab_labels(engine: DockerEngine, cache: Path, *, say: Say) -> Mapping[str, str] | None:
    """Load the lab image if need be; return its labels, None where it cannot be had."""
    try:
        return lab.ensured_labels(engine, cache=cache, say=say)
    except EngineError as error:
        hint = getattr(error, "hint", None)
        say(f"no lab image: {error}" + (f" ({hint})" if hint else ""))
        return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
