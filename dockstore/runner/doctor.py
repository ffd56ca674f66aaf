"""What each vantage point can see from here, and what would make it see more.

Rule 1: a thing is said to work only if it was tried; what could not be tried is "unknown", with the reason.
Rule 2: nothing is changed that is not undone: no engine is started, and a lab image that was not there is taken away again.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.capabilities import CAPABILITIES, capabilities
from dockstore.core.values import dataclass
from dockstore.engines import compose_cli
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.lab import LAB_IMAGE, lab_labels
from dockstore.engines.opening import Wanted, open_engine
from dockstore.engines.providers import address, homes, leases, ownership
from dockstore.engines.providers import private as private_engines
from dockstore.runner.ledger import books
from dockstore.runner.options import find_home, state_folder
from dockstore.runner.owner import Alive, alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dockstore.core.model import EngineInfo
    from dockstore.engines.opening import Opened
    from dockstore.runner.options import Options

_COMMAND_SECONDS = 10


class State(StrEnum):
    """How a thing is."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: what was found, and the way out if it is wanting. *vital*: without it nothing can be played."""

    name: str
    state: State
    fact: str
    way_out: str | None = None
    vital: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """Everything that was looked at, and the capabilities of the engine with whether it has them."""

    checks: tuple[Check, ...]
    engine: EngineInfo | None = None
    capabilities: Mapping[str, bool] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether scenarios can be played at all."""
        return not any(check.vital and check.state is State.NO for check in self.checks)


def examine(
    options: Options,
    *,
    env: Mapping[str, str],
    cwd: Path,
    say: Callable[[str], None],
    opener: Callable[..., Opened] = open_engine,
) -> Checkup:
    """Look at everything that a run would need."""
    home = find_home(options.home, env, cwd) or cwd / ".dockstore"
    checks: list[Check] = [_state(home, env, cwd)]
    info: EngineInfo | None = None
    for wanted in options.engines or (None,):
        try:
            found = _found(wanted, env)
            opened = opener(Wanted(address=found or wanted, environ=env, home=home, marked_disposable=options.disposable, read_only=True), say=say)
        except EngineError as error:
            hint = error.hint if isinstance(error, Unreachable) else None
            checks.append(Check(name="engine", state=State.NO, fact=str(error), way_out=hint, vital=True))
            continue
        try:
            info = info or opened.engine.info
            checks += _engine(opened, named_by=_named_by(wanted, env))
        finally:
            opened.close()
        checks += _vantages(wanted, env, home, options, say, opener)
    checks += [_private(), _compose(env, home), *_leftovers(home, env)]
    has = capabilities(info) if info is not None else frozenset()
    return Checkup(checks=tuple(checks), engine=info, capabilities={name: name in has for name in CAPABILITIES} if info is not None else {})


# --- the engine -----------------------------------------------------------------------------------------------------------


def _found(wanted: str | None, env: Mapping[str, str]) -> str | None:
    """The address that a run would ask; Unreachable where it would start an engine of its own, which a doctor does not."""
    found = address.candidates(wanted, env, read=_read, exists=os.path.exists)
    if not found or found[0].address in {address.PRIVATE, address.DIND}:
        refusal = private_engines.impossible()
        if refusal is not None:
            raise refusal
        raise Unreachable("no engine runs here; a run starts a private one", "dockstore run; or `dockstore engine start` for one that stays")
    return None


def _named_by(wanted: str | None, env: Mapping[str, str]) -> str:
    found = address.candidates(wanted, env, read=_read, exists=os.path.exists)
    return found[0].named_by or "found in a usual place"


def _engine(opened: Opened, *, named_by: str) -> Iterator[Check]:
    info = opened.engine.info
    yield Check(name="engine", state=State.YES, fact=f"{info.product} {info.version} at {info.address} ({named_by})", vital=True)
    facts = (
        f"API {info.api_version}, {info.storage_driver} ({info.image_store}), Linux {info.kernel or '?'}, cgroup {info.cgroup_version or '?'}, "
        f"runc {info.runc_version or '?'}, {info.cpus} CPUs{', rootless' if info.rootless else ''}{', live-restore' if info.live_restore else ''}"
    )
    bad = info.storage_driver == "vfs"
    yield Check(
        name="versions",
        state=State.NO if bad else State.YES,
        fact=facts,
        way_out="vfs copies every layer: give the engine's data a folder on ext4, xfs or btrfs" if bad else None,
    )


def _vantages(
    wanted: str | None,
    env: Mapping[str, str],
    home: Path,
    options: Options,
    say: Callable[[str], None],
    opener: Callable[..., Opened],
) -> list[Check]:
    """Try the three vantage points for real, with a lab container that is gone afterwards."""
    try:
        before = opener(Wanted(address=wanted, environ=env, home=home, read_only=True), say=say)
    except EngineError as error:
        return [Check(name="vantage points", state=State.UNKNOWN, fact=str(error))]
    try:
        had_lab = bool(lab_labels(before.engine))
    finally:
        before.close()
    try:
        opened = opener(Wanted(address=wanted, environ=env, home=home, marked_disposable=options.disposable), say=say)
    except EngineError as error:
        return [Check(name="vantage points", state=State.UNKNOWN, fact=str(error))]
    try:
        return [_seen_by_engine(opened), _seen_by_host(opened), *_seen_by_container(opened, had_lab=had_lab), _disposable(opened.engine.info)]
    finally:
        try:
            if not had_lab and lab_labels(opened.engine):
                opened.engine.remove_image(LAB_IMAGE)
        except EngineError as error:
            say(f"the lab image stays: {error}")
        finally:
            opened.close()


def _seen_by_engine(opened: Opened) -> Check:
    try:
        opened.engine.list_containers(filters={"label": ["io.dockstore.run"]})
    except EngineError as error:
        return Check(name="engine's view", state=State.NO, fact=str(error), way_out="let this user list containers", vital=True)
    return Check(name="engine's view", state=State.YES, fact="inspect and list answer")


def _seen_by_host(opened: Opened) -> Check:
    info = opened.engine.info
    how = {"DirectHost": "directly", "NestedHost": "through the engine's own process", "HelperHost": "through a helper container"}
    if info.host_files:
        fact = f"the engine's files are read {how.get(type(opened.host).__name__, 'from here')}, proven by a fresh nonce ({info.data_root})"
        return Check(name="host's view", state=State.YES, fact=fact)
    return Check(
        name="host's view",
        state=State.NO,
        fact=info.host_files_reason or "the engine's files cannot be seen",
        way_out="run as root beside the engine, or let a helper container mount its data root; without it the host's sight is 'unseen'",
    )


def _seen_by_container(opened: Opened, *, had_lab: bool) -> Iterator[Check]:
    engine = opened.engine
    labels = lab_labels(engine)
    if not labels:
        yield Check(
            name="lab image", state=State.NO, fact="it cannot be made here", way_out="apt-get install busybox-static, or --image IMAGE", vital=True
        )
        yield Check(name="container's view", state=State.UNKNOWN, fact="no lab image to try it with")
        return
    there = "the engine has it" if had_lab else "it can be made here"
    flock = labels.get("io.dockstore.lab.flock") == "1"
    yield Check(
        name="lab image",
        state=State.YES,
        fact=f"{there} ({LAB_IMAGE}{'' if flock else ', without flock'})",
        way_out=None if flock else "install util-linux, for scenarios about locks",
    )
    yield _try_container(opened)


def _try_container(opened: Opened) -> Check:
    engine, word = opened.engine, secrets.token_hex(8)
    made: str | None = None
    try:
        made = engine.create_container(
            f"dockstore-doctor-{word}",
            {
                "Image": LAB_IMAGE,
                "Cmd": ["sleep", "60"],
                "Labels": ownership.labels("doctor"),
                "NetworkDisabled": True,
                "HostConfig": {"Init": True},
            },
        )
        engine.start_container(made)
        answer = engine.exec(made, ["sh", "-c", f"echo {word}"], timeout_seconds=_COMMAND_SECONDS)
        if answer.exit_code == 0 and answer.stdout.decode(errors="replace").strip() == word:
            return Check(name="container's view", state=State.YES, fact="a lab container runs, and a process in it answers")
        fact = f"a process in a lab container answered with exit code {answer.exit_code}: {answer.stderr.decode(errors='replace').strip()}"
        return Check(name="container's view", state=State.NO, fact=fact, vital=True)
    except EngineError as error:
        return Check(name="container's view", state=State.NO, fact=str(error), way_out="`docker run` of any image shows the same failure", vital=True)
    finally:
        if made is not None:
            engine.remove_container(made, force=True, volumes=True)


def _disposable(info: EngineInfo) -> Check:
    if info.restartable:
        return Check(name="disposable", state=State.YES, fact="dockstore started this engine, and may prune, stop and kill it")
    if info.disposable:
        return Check(name="disposable", state=State.YES, fact="its owner marked this engine as disposable: prunes may be played on it")
    return Check(
        name="disposable",
        state=State.NO,
        fact="this engine is yours: no prune, restart or kill is ever played on it",
        way_out="a private engine is brought up where it can be; --disposable marks this one",
    )


# --- around it ------------------------------------------------------------------------------------------------------------


def _private() -> Check:
    refusal = private_engines.impossible()
    if refusal is None:
        return Check(name="private engine", state=State.YES, fact=f"can be started here ({private_engines.dockerd()}), with data of its own")
    return Check(name="private engine", state=State.NO, fact=str(refusal), way_out=refusal.hint)


def _compose(env: Mapping[str, str], home: Path) -> Check:
    try:
        found = compose_cli.find(env, homes.cache_of(home))
    except compose_cli.NoCompose as error:
        return Check(name="compose", state=State.NO, fact=str(error), way_out=f"{error.hint}; scenarios do not need it")
    return Check(name="compose", state=State.YES, fact=f"{' '.join(found.command)} {found.version}")


def _state(home: Path, env: Mapping[str, str], cwd: Path) -> Check:
    place = home if home.exists() else home.parent
    if os.access(place, os.W_OK):
        return Check(name="state", state=State.YES, fact=f"histories and ledgers lie in {home}")
    if not (env.get("DOCKSTORE_HOME") or os.access(cwd, os.W_OK)):
        return Check(name="state", state=State.YES, fact=f"{cwd} cannot be written, so histories and ledgers lie in {state_folder(env)}")
    return Check(name="state", state=State.NO, fact=f"{home} cannot be written", way_out="set DOCKSTORE_HOME to a folder that can", vital=True)


def _leftovers(home: Path, env: Mapping[str, str]) -> Iterator[Check]:
    dead = [book for book in books(home) if alive(book.owner) is not Alive.YES]
    if dead:
        fact = f"{len(dead)} run{'s' if len(dead) != 1 else ''} left things behind"
        yield Check(name="leftovers", state=State.YES, fact=fact, way_out="dockstore clean")
    running = [engine for engine in leases.engines_of(home, env) if engine.daemon() is not None]
    for engine in running:
        yield Check(name="private engine", state=State.YES, fact=f"runs at {engine.address}")


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
