"""Asking a container: through its own resident shell, by exec, through its process's root, or by archive, whichever is the same thing there.

Rule 1: an answer without its end mark is no answer; the look is repeated, once (P33).
Rule 2: looks are made as uid 0 (P14); a write is made as the container's own user.
Rule 3: the archive endpoint is asked only where it sees what a process would (P4), beside a control (P5), and never where it would make a
        folder (P6).
"""

from __future__ import annotations

import io
import secrets
import stat as modes
import tarfile
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.model import StoreKind
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, NotFound, Refused, Unsure
from dockstore.engines.host import Unseen
from dockstore.runner.endings import died_meanwhile, had_ended
from dockstore.runner.placing import resolve_by_archive
from dockstore.runner.probe import Answer, Answers, Peek, Probe, Put, Stat, Target, Wish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.model import Store
    from dockstore.engines.engine import ExecResult, Shell
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Box, Seat, Stage

TRIES = 2
NO_SHELL = (126, 127)
CONFLICT = 409
GO_ON_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A round trip that did not come about. *refused*: the engine's own no, with its status."""

    why: str
    status: int | None = None
    refused: bool = False
    no_shell: bool = False


def probe_for(scene: Scene, wishes: Sequence[Wish]) -> Probe:
    """A script for *wishes* in the container of *scene*."""
    destinations = tuple(dict.fromkeys(mount.destination for mount in scene.mounts))
    return Probe(mark=f"look-{secrets.token_hex(8)}", wishes=tuple(wishes), targets=destinations)


def ask(stage: Stage, box: Box, probe: Probe, *, root: bool = True) -> Answers | Refusal:
    """Run *probe* in a running container. *root*: as uid 0, whoever the container's user is."""
    last: Answers | Refusal = Refusal(why="it was not asked")
    for _ in range(TRIES):
        result = _round_trip(stage, box, probe.script, root=root)
        if isinstance(result, Refusal):
            return result
        answers = probe.read(result.stdout)
        if answers.whole:
            return answers
        ended = died_meanwhile(box, result)
        if ended is not None and result.exit_code in NO_SHELL:  # it was never begun
            return Refusal(why=ended, status=CONFLICT, refused=True)
        if result.exit_code in NO_SHELL:
            return Refusal(why=_words(result) or f"no shell in the container (exit code {result.exit_code})", no_shell=True)
        last = Answers(whole=False, mounts=(), targets={}, answers=answers.answers, detail=ended or _why(result))
        if result.timed_out or result.exit_code not in {0, None}:
            break
    return last


def _round_trip(stage: Stage, box: Box, script: str, *, root: bool) -> ExecResult | Refusal:
    """One round trip: the resident shell if there is one, else an exec."""
    shell = resident_shell(stage, box) if box.as_root or not root else None
    if shell is not None:
        try:
            return shell.run(script, timeout_seconds=stage.limit)
        except Unsure as exc:
            drop_shell(box)
            stage.remark(box.name, f"the resident shell did not answer, an exec is tried instead: {exc}")
    try:
        return box.seat.engine.exec(box.id, ["sh", "-c", script], user="0" if root else None, timeout_seconds=stage.limit)
    except Refused as exc:
        ended = had_ended(box) if exc.status == CONFLICT else None
        return Refusal(why=ended or str(exc), status=exc.status, refused=True, no_shell=exc.status != CONFLICT)
    except EngineError as exc:
        return Refusal(why=str(exc))


def resident_shell(stage: Stage, box: Box) -> Shell | None:
    """The container's own shell, attached to if need be; None where its main process is not ours."""
    if not box.attachable or box.shell is not None:
        return box.shell
    try:
        box.shell = box.seat.engine.attach_shell(box.id, open_input=True)
    except EngineError as exc:
        stage.remark(box.name, f"no resident shell, execs are used instead: {exc}")
    if box.shell is None:
        box.attachable = False
    return box.shell


def drop_shell(box: Box) -> None:
    """Let go of the shell, for good: what did not answer once may answer later with the rest of an older command."""
    if box.shell is not None:
        box.shell.close()
        box.shell = None
    box.attachable = False


def close_shell(box: Box) -> None:
    """Let go of the shell of a main process that ends; the next one has its own."""
    if box.shell is not None:
        box.shell.close()
        box.shell = None


def _words(result: ExecResult) -> str:
    text = (result.stderr or result.stdout).decode(errors="replace").strip().splitlines()
    return text[-1] if text else result.detail


def _why(result: ExecResult) -> str:
    if result.timed_out:
        return "the look did not end in time"
    if result.exit_code not in {0, None}:
        return f"the look itself was killed or failed (exit code {result.exit_code})"
    return result.detail or "the answer came without its end mark, twice"


# --- without a process of its own -----------------------------------------------------------------------------------------


def by_process_root(seat: Seat, scene: Scene, wishes: Sequence[Wish]) -> Answers | Refusal:
    """What a process in the container would see, read through the root of its main process: for a paused one, or one without a shell."""
    host = seat.host
    if host.reason is not None or not scene.running or not scene.pid:
        return Refusal(why=host.reason or "its main process does not run")
    try:
        root = host.proc_root(scene.pid)
        mounts = storage.parse_mountinfo(host.mountinfo(scene.pid))
        if host.stat("/", root=root) is None:
            return Refusal(why=f"{root} cannot be read")
        targets = {mount.destination: _target(seat, scene, root, mount.destination) for mount in scene.mounts}
        answers = tuple(_through(seat, scene, root, wish) for wish in wishes)
    except (Unseen, EngineError) as exc:
        return Refusal(why=str(exc))
    return Answers(whole=True, mounts=mounts, targets=targets, answers=answers, detail="through the root of its main process")


def _target(seat: Seat, scene: Scene, root: str, destination: str) -> Target:
    found = seat.host.stat(destination, root=root)
    resolved = resolve_by_archive(seat, scene.id, destination)
    return Target(resolved=resolved) if found is None else Target(resolved=resolved, device=found.device, inode=found.inode)


def _through(seat: Seat, scene: Scene, root: str, wish: Wish) -> Answer:
    if isinstance(wish, Put):
        return Answer(told=False, detail="nothing is written through the root of a process")
    resolved = resolve_by_archive(seat, scene.id, wish.path)
    try:
        found = seat.host.stat(wish.path, root=root, entries=isinstance(wish, Peek))
        if found is None:
            return Answer(told=True, resolved=resolved)
        content = seat.host.read(wish.path, root=root, limit_bytes=GO_ON_BYTES) if found.type == "file" else None
    except Unseen as exc:
        return Answer(told=False, resolved=resolved, detail=str(exc))
    stat = Stat(type=found.type, size_bytes=found.size_bytes, mode=found.mode, uid=found.uid, gid=found.gid, inode=found.inode, device=found.device)
    detail = "" if found.type == "file" else f"there is a {found.type} in its place"
    return Answer(told=True, resolved=resolved, exists=True, content=content, stat=stat, entries=found.entries, detail=detail)


def archive_disturbs(seat: Seat, scene: Scene) -> str | None:
    """Return why no archive call at all may be made to a container that does not run, None if it may (P6)."""
    if scene.running:
        return None
    for source in scene.flagged_binds:
        try:
            missing = seat.host.reason is not None or seat.host.stat(source) is None
        except Unseen:
            missing = True
        if missing:
            return f"a look by archive would make the missing folder {source}"
    return None


def archive_allowed(scene: Scene, path: str, store: Store | None) -> str | None:
    """Return why the archive endpoint does not see what a process would at *path* (resolved), None if it does (P4)."""
    if storage.beneath(path, "/dev") or any(storage.beneath(path, target) for target in scene.memory):
        return "the archive endpoint does not see memory"
    if store is None:
        return "which store is behind the path is not known, so the archive endpoint may see another"
    return "the archive endpoint does not see memory" if store.kind is StoreKind.TMPFS else None


def by_archive(seat: Seat, scene: Scene, path: str, *, size_bytes: int | None = None) -> Answer:
    """What the archive endpoint sees at *path*; with *size_bytes*, content only of a file of that size."""
    try:
        seat.engine.stat_archive(scene.id, "/")
    except EngineError as exc:
        return Answer(told=False, detail=f"the control read of / failed: {exc}")
    try:
        resolved = resolve_by_archive(seat, scene.id, path)
        found = seat.engine.stat_archive(scene.id, resolved)
    except NotFound:
        return Answer(told=True, resolved=path, detail="by archive")
    except EngineError as exc:
        return Answer(told=False, detail=str(exc))
    stat = Stat(type=_type(found.mode), size_bytes=found.size_bytes, mode=found.mode & 0o7777, uid=-1, gid=-1, inode=-1, device=-1)
    if stat.type != "file" or (size_bytes is not None and found.size_bytes != size_bytes):
        return Answer(told=True, resolved=resolved, exists=True, stat=stat, detail=f"by archive: a {stat.type} of {found.size_bytes} bytes")
    try:
        name, member = single_file(seat.engine.get_archive(scene.id, resolved))
    except (EngineError, tarfile.TarError, ValueError) as exc:
        return Answer(told=False, resolved=resolved, detail=str(exc))
    owned = Stat(type="file", size_bytes=len(member), mode=name.mode & 0o7777, uid=name.uid, gid=name.gid, inode=-1, device=-1)
    return Answer(told=True, resolved=resolved, exists=True, content=member, stat=owned, detail="by archive")


def single_file(data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """The one file of an archive. Raises ValueError."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                return member, content.read()
    raise ValueError("the archive holds no file")


def _type(mode: int) -> str:
    for check, name in (
        (modes.S_ISDIR, "directory"),
        (modes.S_ISLNK, "link"),
        (modes.S_ISFIFO, "fifo"),
        (modes.S_ISSOCK, "socket"),
        (modes.S_ISBLK, "device"),
        (modes.S_ISCHR, "device"),
    ):
        if check(mode):
            return name
    return "file"
