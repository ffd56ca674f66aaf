"""The service's own word: probes written and read by its own client, and the search for what it does not find again.

Rule 1: an answer counts only with its own end marks (P33); a read that prints the nonce has it, one that succeeds without it has not.
Rule 2: a read that fails is absent only where the service is ready and the same read had worked before the event.
Rule 3: what the service misses is searched for in every store that the stack ever had.
"""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING

from dockstore.core.probes import CLIENTS, NONCE_VARIABLE
from dockstore.core.refusals import refused
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.host import Unseen
from dockstore.engines.polling import Deadline, pause
from dockstore.runner.redact import redacted
from dockstore.runner.scene import volume_facts
from dockstore.runner.stores import layer_spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dockstore.core.stack_model import Probe
    from dockstore.engines.engine import ExecResult
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Seat

PROBE_SECONDS = 45.0
SEARCH_SECONDS = 30.0
_TRIES = 6
READ_SECONDS = 8.0
_TRY_AGAIN_SECONDS = 0.4
SOMETHING_ELSE = "its read succeeds and prints something else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command of a probe came to. *code* None: it was not told."""

    code: int | None
    output: str
    detail: str = ""

    @property
    def refused(self) -> bool:
        """Whether it failed in the words of a refused write."""
        return self.code not in {0, None} and refused(self.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class WroteAndRead:
    """A probe's write and its read before the event."""

    write: Said
    read: Said
    nonce: str

    @property
    def says(self) -> bool:
        """Whether the probe has a say."""
        return self.write.code == 0 and self.read.code == 0 and self.nonce in self.read.output

    @property
    def why_not(self) -> str:
        """Why it has none."""
        if self.write.code != 0:
            return f"its write failed: {_short(self.write)}"
        if self.read.code != 0:
            return f"its read failed: {_short(self.read)}"
        return "its read did not print what its write had stored"


def _short(said: Said) -> str:
    return redacted(" ".join(said.output.split())[-200:]) or said.detail or f"exit code {said.code}"


def look_around(seat: Seat, scene: Scene) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the container's processes, and which well-known clients it has; nothing where no shell can be asked."""
    commands = "; ".join(f"command -v {client} >/dev/null 2>&1 && echo client {client}" for client in CLIENTS)
    script = f"{commands}; for p in /proc/[0-9]*/comm; do read -r n < $p && echo process $n; done 2>/dev/null"
    try:
        result = seat.engine.exec(scene.id, ["sh", "-c", script], user="0", timeout_seconds=PROBE_SECONDS)
    except EngineError:
        return frozenset(), frozenset()
    lines = [line.split(" ", 1) for line in result.stdout.decode(errors="replace").splitlines() if " " in line]
    return frozenset(name for kind, name in lines if kind == "process"), frozenset(name for kind, name in lines if kind == "client")


def write_and_read(seat: Seat, scene: Scene, probe: Probe, reader: Scene, nonce: str) -> WroteAndRead:
    """Write and read back, in one exec where the same container does both."""
    if reader.id == scene.id:
        write, read = _both(seat, scene, probe, nonce)
        return WroteAndRead(write=write, read=read, nonce=nonce)
    write = _one(seat, scene, probe.write, probe.user, nonce)
    read = _one(seat, reader, probe.read, probe.user, nonce)
    for _ in range(_TRIES):
        if read.code == 0 and nonce in read.output:
            break
        pause(_TRY_AGAIN_SECONDS)
        read = _one(seat, reader, probe.read, probe.user, nonce)
    return WroteAndRead(write=write, read=read, nonce=nonce)


def read_again(seat: Seat, reader: Scene, probe: Probe, nonce: str, *, ready: Callable[[], bool | None]) -> tuple[str, str]:
    """Return same, absent or unseen with the reason, of a read that had worked before.

    *ready* tells whether the service takes commands now: one that fails while it does not has told nothing. Where nobody can tell, a read
    that goes on failing for a while is absent.
    """
    deadline = Deadline.after(READ_SECONDS)
    said = Said(code=None, output="", detail="it was not asked")
    failed = missed = 0
    while True:
        said = _one(seat, reader, probe.read, probe.user, nonce)
        if said.code == 0 and nonce in said.output:
            return "same", ""
        if said.code == 0:
            missed += 1
            if missed >= 2:
                return "absent", SOMETHING_ELSE if said.output.strip() else "its read succeeds and does not print it"
        elif said.code is not None:
            told = ready()
            failed = failed + 1 if told else 0
            if failed >= 2:
                return "absent", f"its read fails now: {_short(said)}"
            if told is None and deadline.over:
                return "absent", f"its read goes on failing: {_short(said)}"
        if deadline.over:
            return "unseen", f"the service does not take commands: {_short(said)}" if said.code is not None else said.detail
        pause(_TRY_AGAIN_SECONDS)


def reading(probe: Probe, nonce: str) -> str:
    """The read of a probe, as a piece of a script that runs as the same user."""
    return f"{NONCE_VARIABLE}={nonce} sh -c {shlex.quote(probe.read)} 2>/dev/null"


def _one(seat: Seat, scene: Scene, command: str, user: str | None, nonce: str) -> Said:
    mark = f"end-{secrets.token_hex(8)}"
    script = f"sh -c {shlex.quote(command)} 2>&1; printf '\\n%s %s\\n' {mark} $?"
    result = _exec(seat, scene, script, user, nonce)
    if isinstance(result, str):
        return Said(code=None, output="", detail=result)
    return _said(result.stdout.decode(errors="replace"), mark, result)


def _both(seat: Seat, scene: Scene, probe: Probe, nonce: str) -> tuple[Said, Said]:
    first, second = f"end-{secrets.token_hex(8)}", f"end-{secrets.token_hex(8)}"
    script = (
        f"sh -c {shlex.quote(probe.write)} 2>&1; c=$?; printf '\\n%s %s\\n' {first} $c; [ $c = 0 ] || exit 0; "
        f"sh -c {shlex.quote(probe.read)} 2>&1; printf '\\n%s %s\\n' {second} $?"
    )
    result = _exec(seat, scene, script, probe.user, nonce)
    if isinstance(result, str):
        return Said(code=None, output="", detail=result), Said(code=None, output="", detail=result)
    output = result.stdout.decode(errors="replace")
    write = _said(output, first, result)
    rest = output.partition(f"\n{first} ")[2].partition("\n")[2]
    return write, _said(rest, second, result) if write.code == 0 else Said(code=None, output="", detail="it was not asked: the write had failed")


def _exec(seat: Seat, scene: Scene, script: str, user: str | None, nonce: str) -> ExecResult | str:
    try:
        return seat.engine.exec(scene.id, ["sh", "-c", script], user=user, environment={NONCE_VARIABLE: nonce}, timeout_seconds=PROBE_SECONDS)
    except EngineError as error:
        return str(error)


def _said(output: str, mark: str, result: ExecResult) -> Said:
    text, found, tail = output.partition(f"\n{mark} ")
    code = tail.partition("\n")[0].strip()
    if not found or not code.isdigit():
        return Said(
            code=None, output=text, detail="it did not end in time" if result.timed_out else result.detail or "the answer came without its end mark"
        )
    return Said(code=int(code), output=text)


def exercise(seat: Seat, scene: Scene, command: str) -> Said:
    """Run a command that somebody gave, as the container's own user."""
    return _one(seat, scene, command, None, "n" + secrets.token_hex(12))


# --- searching ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Where a nonce's bytes lie: in words, and the names of the volumes among them. *whole*: every store could be searched."""

    found: tuple[str, ...]
    volumes: tuple[str, ...]
    whole: bool
    why: str = ""


def search(seat: Seat, scenes: Mapping[str, Sequence[Scene]], volumes: Iterable[str], folders: Iterable[str], nonce: str) -> Searched:
    """Look for a nonce's bytes in every store that the stack ever had: layers, volumes, bind sources."""
    found: list[str] = []
    named: list[str] = []
    failures: list[str] = []
    deadline = Deadline.after(SEARCH_SECONDS)

    def below(root: str, what: str) -> bool:
        try:
            paths = seat.host.find_bytes(root, nonce.encode(), timeout_seconds=max(deadline.left, 0.1))
        except Unseen as error:
            failures.append(str(error))
            return False
        found.extend(f"{what}: {path}" for path in paths[:3])
        return bool(paths)

    if seat.host.reason is not None:
        return Searched(found=(), volumes=(), whole=False, why=seat.host.reason)
    for service, several in scenes.items():
        for scene in several:
            upper = layer_spot(seat, scene).root
            if upper is not None:
                below(upper, f"the writable layer of {service}")
            else:
                failures.append(f"where the writable layer of {service} lies cannot be told")
    for volume in volumes:
        try:
            facts = volume_facts(seat, volume)
        except (EngineError, NotFound) as error:
            failures.append(str(error))
            continue
        if facts is not None and not facts.elsewhere and below(facts.mountpoint, f"volume {volume}"):
            named.append(volume)
    for folder in folders:
        below(folder, "a bind source")
    return Searched(found=tuple(found), volumes=tuple(named), whole=not failures, why="; ".join(failures[:2]))
