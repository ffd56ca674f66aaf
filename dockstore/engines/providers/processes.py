"""Processes, mounts and cgroups of an engine that we started: found, struck, cleared away.

Rule 1: a process is ours by its command line or its cgroup, never by its number or its name alone; a number may have been
reused, and a zombie that nobody reaps keeps its folder in /proc (its command line is empty).
Rule 2: whatever is removed lies below a folder that is given, deepest first, and never through a mount.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.polling import until
from dockstore.engines.providers.homes import unescaped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

PROC = Path("/proc")
_DETACH = 2  # MNT_DETACH


def command_line(pid: int) -> str:
    """Return the words of process *pid*, or an empty text for one that is gone, a zombie or a kernel thread."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape").strip()
    except OSError:
        return ""


def command(pid: int) -> str:
    """Return the kernel's short name of process *pid*, or an empty text."""
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def started_at(pid: int) -> str | None:
    """Return when the living process *pid* started, in the kernel's own count; None for one that is gone or a zombie.

    With the number it tells a process from a later one. (A command line does not: it is empty for a moment during exec.)
    """
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]


def pids() -> Iterator[int]:
    """Every process that can be seen from here."""
    return (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208  # names only: fast


def with_words(text: str, names: Collection[str]) -> list[int]:
    """Processes whose command line holds *text* and whose short name is one of *names* (15 characters, as the kernel cuts them)."""
    return [pid for pid in pids() if text in command_line(pid) and command(pid) in names]


def in_cgroup(name: str) -> list[int]:
    """Living processes in the cgroup *name* (at any depth of any hierarchy) or below it."""
    found = []
    for pid in pids():
        try:
            groups = (PROC / str(pid) / "cgroup").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if any(name in line.split(":", 2)[-1].split("/") for line in groups.splitlines()) and started_at(pid) is not None:
            found.append(pid)
    return found


def read_pid(path: Path) -> int | None:
    """Return the number in a pid file, or None."""
    try:
        return int(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None


def kill(numbers: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal; a process that is gone already is no failure."""
    for pid in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def gone(numbers: Iterable[int], *, timeout_seconds: float) -> bool:
    """Wait until none of *numbers* runs any more (a zombie does not); return whether that came about."""
    waiting = {pid: began for pid in numbers if (began := started_at(pid)) is not None}

    def nobody() -> bool:
        return not any(started_at(pid) == began for pid, began in waiting.items())

    return until(nobody, timeout_seconds=timeout_seconds, every_seconds=0.01)


def mounts_below(folder: Path) -> list[str]:
    """Return mount points at or below *folder*, deepest and latest first."""
    points = [unescaped(line.split(" ")[4]) for line in (PROC / "self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    prefix = str(folder)
    return [point for point in reversed(points) if point == prefix or point.startswith(prefix + "/")]


def unmount_below(folder: Path) -> None:
    """Unmount everything at or below *folder*; what is busy is detached."""
    libc = ctypes.CDLL(None, use_errno=True)
    for point in sorted(mounts_below(folder), key=lambda point: point.count("/"), reverse=True):
        if libc.umount2(os.fsencode(point), 0):
            libc.umount2(os.fsencode(point), _DETACH)


def remove_cgroups(name: str) -> None:
    """Remove the empty cgroups at *name* in every hierarchy, deepest first."""
    for point in _cgroup_mounts():
        for folder, _, _ in os.walk(Path(point) / name, topdown=False):
            with contextlib.suppress(OSError):  # one that still has a process stays, and is said by who looks for it
                os.rmdir(folder)  # noqa: PTH106  # a cgroup's files are not files


def remove_tree(folder: Path) -> None:
    """Remove *folder* and all in it on its own file system; a mount in it stops the removal. Raises OSError."""
    unmount_below(folder)
    answer = subprocess.run(["rm", "-rf", "--one-file-system", "--", folder], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise OSError(f"remove {folder}: {answer.stderr.strip()}")


def _cgroup_mounts() -> list[str]:
    lines = (PROC / "self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return [unescaped(line.split(" ")[4]) for line in lines if line.partition(" - ")[2].startswith(("cgroup ", "cgroup2 "))]
