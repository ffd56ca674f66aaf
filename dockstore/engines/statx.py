"""What the kernel tells of a file beyond stat(2): its birth, and whether overlayfs hides what lies beneath it.

Rule 1: what cannot be had is None, never a guess.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import stat
import sys
from typing import TYPE_CHECKING

from dockstore.engines.host import FileStat

if TYPE_CHECKING:
    from collections.abc import Callable

AT_EMPTY_PATH = 0x1000
AT_SYMLINK_NOFOLLOW = 0x100
STATX_BTIME = 0x800
BTIME_AT = 80  # struct statx: stx_btime, a signed 64-bit second and 32-bit nanoseconds
SIZE = 256
OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")


@functools.cache
def _libc_statx() -> Callable[..., int] | None:
    try:
        found = ctypes.CDLL(None, use_errno=True).statx
    except (OSError, AttributeError):
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    found.restype = ctypes.c_int
    return found


def birth_ns(fd: int) -> int | None:
    """When the file was made, in nanoseconds; None where the file system or the C library does not tell."""
    statx = _libc_statx()
    if statx is None:
        return None
    buffer = ctypes.create_string_buffer(SIZE)
    if statx(fd, b"", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BTIME, buffer) != 0:
        return None
    raw = buffer.raw
    if not int.from_bytes(raw[0:4], sys.byteorder) & STATX_BTIME:
        return None
    order = sys.byteorder
    seconds = int.from_bytes(raw[BTIME_AT : BTIME_AT + 8], order, signed=True)
    born = seconds * 1_000_000_000 + int.from_bytes(raw[BTIME_AT + 8 : BTIME_AT + 12], order)
    return born or None  # zero: made by a tool that notes no births


def is_opaque(fd: int) -> bool:
    """Whether overlayfs shows nothing of the lower layers in this folder."""
    for name in OPAQUE:
        try:
            if os.getxattr(f"/proc/self/fd/{fd}", name) == b"y":
                return True
        except OSError as exc:
            if exc.errno not in {errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES}:
                raise
    return False


def type_of(found: os.stat_result) -> str:
    """The word for a file's type; a character device 0:0 is overlayfs's whiteout."""
    match stat.S_IFMT(found.st_mode):
        case stat.S_IFREG:
            return "file"
        case stat.S_IFDIR:
            return "directory"
        case stat.S_IFLNK:
            return "link"
        case stat.S_IFIFO:
            return "fifo"
        case stat.S_IFSOCK:
            return "socket"
        case stat.S_IFCHR if found.st_rdev == 0:
            return "whiteout"
        case _:
            return "device"


def file_stat(
    found: os.stat_result,
    *,
    birth: int | None = None,
    link_target: str | None = None,
    opaque: bool = False,
    entries: tuple[str, ...] | None = None,
) -> FileStat:
    """A FileStat of what the kernel told."""
    return FileStat(
        type=type_of(found),
        size_bytes=found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        inode=found.st_ino,
        device=found.st_dev,
        mtime_ns=found.st_mtime_ns,
        birth_ns=birth,
        link_target=link_target,
        opaque=opaque,
        entries=entries,
    )
