"""Walking to a path inside a root, step by step, so that no link leads out of it.

Rule 1: every step is opened by its parent's descriptor and never follows a link; links are read and walked like any path.
Rule 2: for a look, the root is the root: an absolute link starts there again and `..` ends there, as a process in the container has it (P15).
Rule 3: for a write, a link that leads out of the root is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINKS = 40  # as many as the kernel follows
STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Found:
    """Where a walk ended. The descriptors are open as long as the walk's context is."""

    parent: int  # the folder that holds (or would hold) the last name
    name: str  # the last name; "." for the root itself
    fd: int | None  # the thing itself (O_PATH); None: nothing there
    gone: bool = False  # a part before the last is not there, or is no folder


def parts_of(path: str) -> list[str]:
    """The names of *path*, without empty ones and dots."""
    return [part for part in path.split("/") if part not in {"", "."}]


def below(path: str, root: str) -> str:
    """*path* relative to *root*: an absolute path that begins with the root is the host's, any other is taken inside."""
    base = root.rstrip("/")
    if path == base or path.startswith(f"{base}/"):
        return path[len(base) :].strip("/")
    return path.strip("/")


class Walk:
    """One walk from *root* (an open folder) along *path*."""

    def __init__(self, root: int, *, strict: str | None = None) -> None:
        self._strict = strict  # the root's own path: then a link out of it is refused
        self._stack = [os.dup(root)]
        self._links = 0

    def close(self) -> None:
        """Close what was opened on the way."""
        while self._stack:
            os.close(self._stack.pop())

    def go(self, path: str, *, follow: bool, make: int | None = None) -> Found:
        """Walk; *make*: missing folders on the way are made with that mode. Raises OSError, PermissionError for a link that leads out."""
        waiting = parts_of(path)[::-1]
        while waiting:
            part = waiting.pop()
            last = not waiting
            if part == "..":
                self._up()
                if last:
                    return self._here()
                continue
            parent = self._stack[-1]
            try:
                fd = os.open(part, STEP, dir_fd=parent)
            except FileNotFoundError:
                if last:
                    return Found(parent, part, None)
                if make is None:
                    return Found(parent, part, None, gone=True)
                os.mkdir(part, make, dir_fd=parent)
                fd = os.open(part, STEP, dir_fd=parent)
            except NotADirectoryError:
                return Found(parent, part, None, gone=True)
            self._stack.append(fd)
            if stat.S_ISLNK(os.fstat(fd).st_mode) and (follow or not last):
                target = os.readlink("", dir_fd=fd)
                os.close(self._stack.pop())
                self._link(target, waiting)
                if not waiting:
                    return self._here()
            elif last:
                return Found(parent, part, fd)
        return self._here()

    def _here(self) -> Found:
        """The folder where the walk stands."""
        return Found(self._stack[-2] if len(self._stack) > 1 else self._stack[-1], ".", self._stack[-1])

    def _up(self) -> None:
        if len(self._stack) > 1:
            os.close(self._stack.pop())
        elif self._strict is not None:
            raise PermissionError(errno.EPERM, f"a path leads out of {self._strict}")

    def _link(self, target: str, waiting: list[str]) -> None:
        """Go on along a link's target."""
        self._links += 1
        if self._links > LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), target)
        if target.startswith("/"):
            if self._strict is not None:
                inside = os.path.normpath(target)
                if inside != self._strict and not inside.startswith(f"{self._strict}/"):
                    raise PermissionError(errno.EPERM, f"a link leads out of {self._strict}", target)
                target = inside[len(self._strict) :]
            while len(self._stack) > 1:
                os.close(self._stack.pop())
        waiting += parts_of(target)[::-1]


@contextmanager
def walk_to(root: int, path: str, *, follow: bool, strict: str | None = None, make: int | None = None) -> Iterator[Found]:
    """Walk from the open folder *root* to *path* and keep the way open for the block."""
    walk = Walk(root, strict=strict)
    try:
        yield walk.go(path, follow=follow, make=make)
    finally:
        walk.close()


def reopen(fd: int, flags: int) -> int:
    """Open for reading or writing what *fd* (O_PATH) stands for."""
    return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC)


def mount_id(fd: int) -> int:
    """The kernel's number of the mount that *fd* lies in: also a bind of the same file system has another."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as lines:  # noqa: PTH123  # no path: a descriptor's facts
        for line in lines:
            name, _, value = line.partition(":")
            if name == "mnt_id":
                return int(value)
    raise OSError(errno.ENOSYS, "the kernel does not tell mount numbers")
