"""Mounts of our own in the scratch folder, by the kernel's own calls, in the mount name space of the engine's host.

Rule 1: only a tmpfs of ours, only below a root that is ours.
Rule 2: the tmpfs of a path lives on beside the root (`ROOT.mounts/NAME`) while it is not mounted at the path, so its files come back.
Rule 3: nothing is mounted for good: `unmount_all` finds everything by where it lies, also after a run that was killed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MS_BIND = 4096
MS_NOSUID = 2
MS_NODEV = 4
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
CLONE_FS = 0x200
CLONE_NEWNS = 0x20000
KEEPER = ".mounts"
ESCAPE = re.compile(r"\\([0-7]{3})")


def keeper_of(root: str, inner: str) -> str:
    """Where the tmpfs of ROOT/*inner* lives."""
    return f"{root.rstrip('/')}{KEEPER}/{quote(inner, safe='')}"


def mount_points(mountinfo: str) -> Iterator[tuple[str, str, str]]:
    """(mount point, device, file system type) of each line of a mountinfo."""
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) > 4 and tail:
            yield unescaped(fields[4]), fields[2], tail.split(" ")[0]


def unescaped(field: str) -> str:
    """A field of mountinfo with its octal escapes resolved."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 8)), field)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount_tmpfs(target: str) -> None:
    """Mount a new tmpfs at *target*."""
    _call("mount", b"dockstore", os.fsencode(target), b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), b"mode=755")


def bind(source: str, target: str) -> None:
    """Show the mount at *source* at *target* too."""
    _call("mount", os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(MS_BIND), None)


def unmount(target: str) -> None:
    """Unmount what lies at *target*; where somebody still uses it, take it away from here and let them end in peace."""
    try:
        _call("umount2", os.fsencode(target), UMOUNT_NOFOLLOW)
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        _call("umount2", os.fsencode(target), UMOUNT_NOFOLLOW | MNT_DETACH)


def in_namespace_of(prefix: str, act: Callable[[], None]) -> None:
    """Run *act* where the files below *prefix* (`/proc/PID/root`) are at home: in that process's mount name space.

    By a thread of its own, which leaves this process's file system view first and ends afterwards.
    """
    if not prefix:
        act()
        return
    space = Path(prefix).parent / "ns" / "mnt"
    failures: list[BaseException] = []

    def there() -> None:
        try:
            fd = os.open(space, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _call("unshare", CLONE_FS)
                _call("setns", fd, CLONE_NEWNS)
            finally:
                os.close(fd)
            act()
        except BaseException as exc:  # noqa: BLE001  # handed to the thread that asked
            failures.append(exc)

    thread = threading.Thread(target=there, name="dockstore-mount")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
