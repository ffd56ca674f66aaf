# ruff: noqa: PTH101, PTH102, PTH112, PTH115, PTH120, PTH211  # a hundred thousand names: as the kernel gives them
"""Bind sources and volumes copied for a drill: owner, mode, links, times and holes kept, within limits that are said.

Rule 1: the user's files are only read; a link is copied as a link, never followed out of what is copied.
Rule 2: what is too large, or for which there is no room, is measured first and left empty, and the report says so.
Rule 3: sockets, pipes and devices are not copied; a file that changed meanwhile is said, for its copy may be torn.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dockstore.core.neutral import Copy

MOST_BYTES = 512 << 20
MOST_FILES = 50_000
MOST_ASKED_BYTES = 8 << 30  # with --with-data
MOST_ASKED_FILES = 300_000
MOST_LIMITS = 20
ROOM_BYTES = 256 << 20  # of the disk stay free
_FILE_BYTES = 4096  # of metadata for each name, about
_SMALL_BYTES = 64 << 10
_PIECE_BYTES = 64 << 20
_SAME_DISK = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


@dataclass(slots=True, kw_only=True)
class Budget:
    """What may still be copied. *asked*: somebody asked for the data."""

    bytes: int
    files: int
    asked: bool = False
    stop: Callable[[], bool] = lambda: False
    limits: list[str] = field(default_factory=list)
    linked: dict[tuple[int, int], str] = field(default_factory=dict)  # files with several names: where the first one went

    def limit(self, text: str) -> None:
        """Take down what is not as the original; a name that is no text is told in escapes."""
        text = text.encode("utf-8", "backslashreplace").decode()
        if text in self.limits:
            return
        if len(self.limits) < MOST_LIMITS:
            self.limits.append(text)
        elif len(self.limits) == MOST_LIMITS:
            self.limits.append("more files than these could not be copied as they are")


def budget(*, asked: bool = False, stop: Callable[[], bool] = lambda: False) -> Budget:
    """A fresh budget."""
    return Budget(bytes=MOST_ASKED_BYTES if asked else MOST_BYTES, files=MOST_ASKED_FILES if asked else MOST_FILES, asked=asked, stop=stop)


def copy_all(copies: Iterable[Copy], *, stop: Callable[[], bool], asked: bool = False) -> tuple[str, ...]:
    """Make every copy; return the limits that came up. Raises OSError where the target cannot be written."""
    left = budget(asked=asked, stop=stop)
    done: list[str] = []
    for item in copies:  # sorted: what holds others comes first
        if stop():
            break
        target = Path(item.target)
        if any(item.source.startswith(f"{parent}/") for parent in done) and os.path.lexists(target):
            continue
        _copied(item, Path(item.source), target, left)
        done.append(item.source)
    return tuple(left.limits)


def copy_folder(name: str, source: Path, target: Path, left: Budget) -> bool:
    """Copy what the folder *source* holds into *target*, which exists; return whether it was not too much. Raises OSError."""
    why = _too_much(source, target, left)
    if why is not None:
        if not left.stop():
            left.limit(f"{name} {why}: the copy begins empty")
        return False
    _tree(source, target, left)
    _like(str(target), str(source), source.stat())
    return True


def _copied(item: Copy, source: Path, target: Path, left: Budget) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        real = source.resolve(strict=True)
        found = real.stat()
    except (OSError, RuntimeError):  # a link that leads to itself is a RuntimeError
        if source.is_symlink():
            left.limit(f"{item.source} is a link to nowhere ({os.readlink(source)}): it is not in the copy")
        elif not (item.create or item.empty):
            left.limit(f"{item.source} is not there, so it is not in the copy either")
        return
    if source.is_symlink():
        left.limit(f"{item.source} is a link to {real}: the copy holds what it leads to")
    if not stat.S_ISDIR(found.st_mode):
        if not stat.S_ISREG(found.st_mode):
            left.limit(f"{item.source} is no file and no folder: it is left out of the copy")
            return
        if found.st_blocks * 512 > left.bytes and not item.empty:
            left.limit(f"{item.source} {_more(left, 'bytes')}: the copy begins empty")
        elif not item.empty:
            left.bytes -= found.st_blocks * 512
            _file(str(real), str(target), found, left)
            return
        target.touch()
        _like(str(target), str(real), found)
        return
    target.mkdir(exist_ok=True)
    if item.empty or not copy_folder(item.source, real, target, left):
        _like(str(target), str(real), found)


# --- how much -------------------------------------------------------------------------------------------------------------


def _too_much(source: Path, target: Path, left: Budget) -> str | None:
    """Why the folder is not copied; None: it may be, and is taken off what is left."""
    files = size = 0
    for found in _below(source):
        files += 1
        size += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0
        if files > left.files:
            return _more(left, "files")
        if size > left.bytes:
            return _more(left, "bytes")
        if files % 1000 == 0 and left.stop():
            return "was not measured to the end"
    free = shutil.disk_usage(target).free
    if size + files * _FILE_BYTES + ROOM_BYTES > free:
        return f"needs {_megabytes(size)}, and {target.parent} has room for {_megabytes(max(free - ROOM_BYTES, 0))}"
    left.files -= files
    left.bytes -= size
    return None


def _more(left: Budget, what: str) -> str:
    most = budget(asked=left.asked)
    beside = "" if (left.files, left.bytes) == (most.files, most.bytes) else ", with what was copied before,"
    amount = f"{most.files:,} files" if what == "files" else f"{most.bytes >> 20:,} MiB"
    way_out = "" if left.asked else f" (--with-data copies up to {MOST_ASKED_FILES:,} files and {MOST_ASKED_BYTES >> 30} GiB)"
    return f"holds{beside} more than {amount}{way_out}"


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"


def _below(folder: Path) -> Iterator[os.stat_result]:
    """Every name below *folder*, streamed; what may not be read or is gone meanwhile is not counted."""
    open_folders = [os.fspath(folder)]
    while open_folders:
        with suppress(PermissionError, FileNotFoundError), os.scandir(open_folders.pop()) as entries:
            for entry in entries:
                with suppress(PermissionError, FileNotFoundError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(entry.path)


# --- copying --------------------------------------------------------------------------------------------------------------


def _tree(source: Path, target: Path, left: Budget) -> None:
    """Copy all below *source*; folders get their times last, when nothing is written in them any more."""
    todo = [(os.fspath(source), os.fspath(target))]
    folders: list[tuple[str, str, os.stat_result]] = []
    while todo:
        here, there = todo.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if left.stop():
                        return
                    to = f"{there}/{entry.name}"
                    found = _entry(entry, to, left)
                    if found is not None:
                        todo.append((entry.path, to))
                        folders.append((entry.path, to, found))
        except PermissionError as error:
            left.limit(f"{error.filename or here} may not be read: it is not in the copy")
        except FileNotFoundError:
            if not os.path.isdir(there):
                raise  # the copy's own folder, not the user's
    for here, there, found in reversed(folders):
        _like(there, here, found)


def _entry(entry: os.DirEntry[str], to: str, left: Budget) -> os.stat_result | None:
    """Copy one name; return the stat of a folder, which is still to be filled."""
    try:
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            with suppress(FileExistsError):
                os.mkdir(to)
            return found
        if stat.S_ISLNK(found.st_mode):
            _link(to, entry.path, found)
        elif stat.S_ISREG(found.st_mode):
            first = left.linked.setdefault((found.st_dev, found.st_ino), to) if found.st_nlink > 1 else to
            if first != to:
                os.link(first, to)
                return None
            _file(entry.path, to, found, left)
        else:
            left.limit(f"{entry.path} is a socket, a pipe or a device: it is not in the copy")
    except PermissionError as error:
        left.limit(f"{error.filename or entry.path} may not be read: it is not in the copy")
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(to)):
            raise  # the copy's own folder, not the user's
    return None


def _file(source: str, target: str, found: os.stat_result, left: Budget) -> None:
    """A regular file with all that belongs to it, its holes left out. Raises OSError."""
    read = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if found.st_size <= _SMALL_BYTES:
                os.write(write, os.read(read, _SMALL_BYTES))
            else:
                _large(read, write, left)
            now = os.fstat(read)
            if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
                left.limit(f"{source} changed while it was copied: its copy may be torn")
            _like(write, read, found)
        finally:
            os.close(write)
    finally:
        os.close(read)


def _large(read: int, write: int, left: Budget) -> None:
    size = os.fstat(read).st_size
    for start, end in _pieces(read, size):
        at = start
        while at < end and not left.stop():
            done = _piece(read, write, at, min(end - at, _PIECE_BYTES))
            if not done:
                break  # it became shorter meanwhile
            at += done
    os.ftruncate(write, size)


def _pieces(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that hold data."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole up to the end
            start = at
        try:
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError:
            end = size
        yield start, end
        at = max(end, start + 1)


def _piece(read: int, write: int, at: int, count: int) -> int:
    """Copy up to *count* bytes at *at*; return how many."""
    try:
        return os.copy_file_range(read, write, count, at, at)
    except OSError as error:
        if error.errno not in _SAME_DISK:
            raise
    data = os.pread(read, min(count, 1 << 20), at)
    return os.pwrite(write, data, at) if data else 0


def _like(target: int | str, source: int | str, found: os.stat_result) -> None:
    """Owner, mode, extended attributes and times of the original, as far as we may give them. Descriptors, or paths of what is no link."""
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid)
    os.chmod(target, stat.S_IMODE(found.st_mode))
    with suppress(OSError):  # a file system without them, or one that may not be set
        for name in os.listxattr(source):
            if name.startswith(("user.", "security.capability", "system.posix_acl")):
                os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _link(target: str, source: str, found: os.stat_result) -> None:
    """A link as a link."""
    os.symlink(os.readlink(source), target)
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
