"""A disk that can lose power: a file system of its own in a sparse file, for an engine's data.

Rule 1: the cut is the file system's own shutdown (FS_IOC_SHUTDOWN, flushing nothing): from that instant neither data nor journal reach the
file. It is only ever asked of a file system that we made and mounted ourselves: on the machine's own it would stop the machine.
Rule 2: power comes back only when nobody holds the dead file system any more; mounting it again replays the journal, as after a boot.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.polling import until
from dockstore.engines.providers import homes, processes

SIZE_BYTES = 2 << 30  # sparse: it costs what is written
KIND = "ext4"
_SHUTDOWN, _FLUSH_NOTHING = 0x8004587D, 2  # _IOR('X', 125, __u32); EXT4_GOING_FLAGS_NOLOGFLUSH
_GET_FREE, _SET_DESCRIPTOR, _SET_STATUS = 0x4C82, 0x4C00, 0x4C04  # loop devices' LOOP_CTL_GET_FREE, LOOP_SET_FD, LOOP_SET_STATUS64
_AUTOCLEAR = 4
_LOOP = 7  # the major number of loop devices
_SEARCH = "/usr/sbin:/sbin:/usr/bin:/bin"
_GONE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Disk:
    """The file *image*, mounted at *point* while power is on."""

    image: Path
    point: Path

    def mount(self) -> None:
        """Make the disk if there is none, and mount it if it is not. Raises EngineError."""
        if self.mounted():
            return
        self.point.mkdir(parents=True, exist_ok=True)
        if not self.image.exists():
            self._make()
        self._let_go()  # mounted twice by two devices, a file system is lost
        device = _loop(self.image)
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            if libc.mount(os.fsencode(device.name), os.fsencode(self.point), KIND.encode(), 0, None):
                raise EngineError(f"mount {self.image}: {os.strerror(ctypes.get_errno()).lower()}")
        finally:
            device.close()  # the mount holds it; it clears itself with the last mount

    def mounted(self) -> bool:
        """Whether it is mounted."""
        return str(self.point.resolve()) in processes.mounts_below(self.point.resolve())

    def cut(self) -> None:
        """Power off: whoever still writes gets an error. Raises EngineError if the file system cannot."""
        handle = os.open(self.point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            device = os.fstat(handle).st_dev
            if os.major(device) != _LOOP or f"loop{os.minor(device)}" not in _backed_by(self.image):
                raise EngineError(f"cut the power of {self.point}: no disk of ours is mounted there")
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _FLUSH_NOTHING))
        except OSError as error:
            raise EngineError(f"cut the power of {self.point}: {(error.strerror or 'refused').lower()}") from error
        finally:
            os.close(handle)

    def unmount(self) -> None:
        """Unmount it with all that lies on it, and wait until nobody holds it. Raises EngineError."""
        processes.unmount_below(self.point)
        self._let_go()

    def _let_go(self) -> None:
        if not until(lambda: not _backed_by(self.image), timeout_seconds=_GONE_SECONDS, every_seconds=0.02):
            raise EngineError(f"the disk {self.image} is still held by a process or its mount name space")

    def _make(self) -> None:
        unfinished = self.image.with_name(f".{self.image.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.truncate(SIZE_BYTES)
            options = ["-q", "-E", "lazy_itable_init=1"]
            answer = subprocess.run(
                [f"mkfs.{KIND}", *options, unfinished], capture_output=True, text=True, check=False, env={"PATH": _SEARCH, "LC_ALL": "C"}
            )
            if answer.returncode:
                raise EngineError(f"make a disk at {self.image}: {answer.stderr.strip()}")
            unfinished.replace(self.image)
        finally:
            unfinished.unlink(missing_ok=True)


def impossible() -> Unreachable | None:
    """Return why no disk that can lose power can be had here, or None."""
    if os.geteuid() != 0:
        return Unreachable("no disk that can lose power: only root may mount one")
    if shutil.which(f"mkfs.{KIND}", path=_SEARCH) is None:
        return Unreachable(f"no disk that can lose power: mkfs.{KIND} is not installed", "on Debian: apt-get install e2fsprogs")
    if not Path("/dev/loop-control").exists():
        return Unreachable("no disk that can lose power: this kernel offers no loop devices (/dev/loop-control)")
    return None


class _Loop:
    """A loop device that is held open until somebody has mounted it."""

    def __init__(self, name: str, handle: int) -> None:
        self.name = name
        self._handle = handle

    def close(self) -> None:
        os.close(self._handle)


def _loop(image: Path) -> _Loop:
    """Return a free loop device with *image* behind it. Raises EngineError."""
    backing = os.open(image, os.O_RDWR)
    try:
        for _ in range(20):  # another process may be quicker
            control = os.open("/dev/loop-control", os.O_RDWR)
            try:
                number = fcntl.ioctl(control, _GET_FREE)
            finally:
                os.close(control)
            name = f"/dev/loop{number}"
            handle = os.open(name, os.O_RDWR)
            try:
                fcntl.ioctl(handle, _SET_DESCRIPTOR, backing)
                status = struct.pack("=QQQQQIIII64s64s32sQQ", 0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR, os.fsencode(image)[-63:], b"", b"", 0, 0)
                fcntl.ioctl(handle, _SET_STATUS, status)
            except OSError:
                os.close(handle)
                continue
            return _Loop(name, handle)
    except OSError as error:
        raise EngineError(f"attach {image} to a loop device: {(error.strerror or 'refused').lower()}") from error
    finally:
        os.close(backing)
    raise EngineError(f"attach {image} to a loop device: none was free")


def _backed_by(image: Path) -> list[str]:
    """Return the loop devices that have *image* behind them."""
    found = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            backing = homes.unescaped(path.read_text(encoding="utf-8", errors="surrogateescape").strip())
        except OSError:
            continue  # cleared meanwhile
        if backing == str(image.resolve()):
            found.append(path.parts[3])
    return found
