"""Bind sources copied into the drill's own folder: owner, mode, links and times kept, within limits that are said.

Rule 1: the user's files are only read; a link is copied as a link, never followed out of what is copied.
Rule 2: what is too large is left empty, and the report says so.
Rule 3: sockets, pipes and devices are not copied.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dockstore.core.neutral import Copy

MOST_BYTES = 512 << 20
MOST_FILES = 50_000
_SMALL_BYTES = 1 << 16


@dataclass(slots=True)
class _Budget:
    bytes: int
    files: int


class _TooMuch(Exception):  # noqa: N818
    """More than may be copied."""


def copy_all(copies: Iterable[Copy], *, stop: Callable[[], bool]) -> tuple[str, ...]:
    """Make every copy; return the limits that came up. Raises OSError where the target cannot be written."""
    limits: list[str] = []
    budget = _Budget(bytes=MOST_BYTES, files=MOST_FILES)
    done: list[str] = []
    for item in copies:  # sorted: what holds others comes first
        if stop():
            break
        source, target = Path(item.source), Path(item.target)
        if any(item.source.startswith(f"{parent}/") for parent in done) and os.path.lexists(target):
            continue
        limits += _copied(item, source, target, budget, stop)
        done.append(item.source)
    return tuple(limits)


def _copied(item: Copy, source: Path, target: Path, budget: _Budget, stop: Callable[[], bool]) -> list[str]:
    _parents(source, target)
    try:
        real = source.resolve()
        found = real.stat()
    except OSError:
        return [] if item.create or item.empty else [f"{item.source} is not there, so it is not in the copy either"]
    limits = [f"{item.source} is a link to {real}: the copy holds what it leads to"] if source.is_symlink() else []
    if not stat.S_ISDIR(found.st_mode):
        if not stat.S_ISREG(found.st_mode):
            return [*limits, f"{item.source} is no file and no folder: it is left out of the copy"]
        if item.empty:
            target.touch()
        else:
            _file(real, target, found, budget)
        _like(target, found)
        return limits
    target.mkdir(exist_ok=True)
    if not item.empty:
        try:
            _tree(real, target, budget, limits, stop)
        except _TooMuch:
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(exist_ok=True)
            limits.append(f"{item.source} holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB: the copy begins empty")
    _like(target, found)
    return limits


def _parents(source: Path, target: Path) -> None:
    """Make the folders above the target, each with the owner and mode of the user's (a service may go through them)."""
    missing: list[tuple[Path, Path]] = []
    here, there = source.parent, target.parent
    while not there.exists():
        missing.append((here, there))
        here, there = here.parent, there.parent
    for _, folder in reversed(missing):
        folder.mkdir(exist_ok=True)


def _tree(source: Path, target: Path, budget: _Budget, limits: list[str], stop: Callable[[], bool]) -> None:
    for entry in sorted(os.scandir(source), key=lambda item: item.name):
        if stop():
            return
        budget.files -= 1
        if budget.files < 0:
            raise _TooMuch
        to = target / entry.name
        try:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                to.symlink_to(Path(entry.path).readlink())
                _like(to, found)
            elif stat.S_ISDIR(found.st_mode):
                to.mkdir(exist_ok=True)
                _tree(Path(entry.path), to, budget, limits, stop)
                _like(to, found)
            elif stat.S_ISREG(found.st_mode):
                _file(Path(entry.path), to, found, budget)
                _like(to, found)
        except PermissionError as error:
            limits.append(f"{error.filename or entry.path} may not be read: it is not in the copy")
        except FileNotFoundError:
            continue  # gone meanwhile


def _file(source: Path, target: Path, found: os.stat_result, budget: _Budget) -> None:
    budget.bytes -= min(found.st_size, found.st_blocks * 512 + _SMALL_BYTES)
    if budget.bytes < 0:
        raise _TooMuch
    shutil.copyfile(source, target, follow_symlinks=True)


def _like(target: Path, found: os.stat_result) -> None:
    """Owner, mode and times of the original, as far as we may give them."""
    link = stat.S_ISLNK(found.st_mode)
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if not link:
        target.chmod(stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
