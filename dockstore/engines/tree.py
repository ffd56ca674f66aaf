# ruff: noqa: PTH208  # a descriptor is listed, not a path
"""Reading, walking and clearing a tree by descriptors: links never followed, nothing opened that could block.

Rule 1: a look changes nothing, not even an access time where the kernel lets us.
Rule 2: a walk stays in one file system; a removal stays in one *mount*, for a bind of the same file system is not ours to empty.
Rule 3: what vanishes meanwhile was not there; any other failure goes to the caller.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from dockstore.engines.inside import STEP, mount_id, reopen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.polling import Deadline

CHUNK = 1 << 20
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def open_quietly(name: str | int, flags: int = FILE, *, folder: int | None = None) -> int:
    """Open for reading without leaving an access time; *name* may be a descriptor of O_PATH."""
    try:
        return _open(name, flags | os.O_NOATIME, folder)
    except PermissionError as exc:
        if exc.errno != errno.EPERM:
            raise
        return _open(name, flags, folder)  # not the owner's


def _open(name: str | int, flags: int, folder: int | None) -> int:
    return reopen(name, flags & ~os.O_NOFOLLOW) if isinstance(name, int) else os.open(name, flags, dir_fd=folder)


def read_up_to(fd: int, limit_bytes: int) -> bytes:
    """The first *limit_bytes* of an open file, or all of it."""
    parts: list[bytes] = []
    left = limit_bytes
    while left > 0:
        part = os.read(fd, min(CHUNK, left))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data*."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(fd: int) -> None:
    """Make a new name last; *fd* may be of O_PATH."""
    folder = reopen(fd, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def names_in(fd: int) -> tuple[str, ...]:
    """The names in a folder, sorted; *fd* may be of O_PATH."""
    folder = open_quietly(fd)
    try:
        return tuple(sorted(os.listdir(folder)))
    finally:
        os.close(folder)


def file_contains(folder: int, name: str, needle: bytes, deadline: Deadline) -> bool:
    """Whether the bytes are in the file, also across the seams of what is read at once. Raises TimeoutError."""
    fd = open_quietly(name, folder=folder)
    try:
        overlap = b""
        while True:
            if deadline.over:
                raise TimeoutError
            part = os.read(fd, CHUNK)
            if not part:
                return False
            seen = overlap + part
            if needle in seen:
                return True
            overlap = seen[-(len(needle) - 1) :] if len(needle) > 1 else b""
    finally:
        os.close(fd)


def entries_below(start: int, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, int, os.stat_result]]:
    """Yield (path, descriptor, stat) of everything below the open folder *start*.

    The descriptor is the folder's own for a folder, else that of the folder which holds it. A folder of another file system is yielded
    and not entered, one in *skip* not even yielded.
    """
    device = os.fstat(start).st_dev
    opened: list[int] = []
    try:
        opened.append(open_quietly(".", FOLDER, folder=start))
        yield from _entries(opened, "", device, frozenset(skip))
    finally:
        while opened:
            os.close(opened.pop())


def _entries(opened: list[int], at: str, device: int, skip: frozenset[str]) -> Iterator[tuple[str, int, os.stat_result]]:
    folder = opened[-1]
    for name in sorted(os.listdir(folder)):
        path = f"{at}/{name}" if at else name
        if path in skip:
            continue
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                yield path, folder, found
                continue
            opened.append(open_quietly(name, FOLDER, folder=folder))
        except FileNotFoundError:
            continue  # gone meanwhile
        yield path, opened[-1], found
        if found.st_dev == device:
            yield from _entries(opened, path, device, skip)
        os.close(opened.pop())


def remove_tree(parent: int, name: str, mount: int) -> list[str]:
    """Remove *name* and all in it, as long as it lies in *mount*; return what had to stay."""
    try:
        fd = os.open(name, STEP, dir_fd=parent)
    except FileNotFoundError:
        return []
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            return _kept_if_busy(name, parent, folder=False)
        if mount_id(fd) != mount:
            return [name]
        folder = reopen(fd, os.O_RDONLY | os.O_DIRECTORY)
        try:
            kept = [f"{name}/{inner}" for entry in os.listdir(folder) for inner in remove_tree(folder, entry, mount)]
        finally:
            os.close(folder)
    finally:
        os.close(fd)
    return kept or _kept_if_busy(name, parent, folder=True)


def _kept_if_busy(name: str, parent: int, *, folder: bool) -> list[str]:
    try:
        if folder:
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return []
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        return [name]
    return []
