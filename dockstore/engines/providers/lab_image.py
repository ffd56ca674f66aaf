"""The lab image: a static busybox, a real `flock`, and nothing else, made here and the same everywhere.

Rule 1: no registry. busybox and flock are this machine's own, or come out of Debian's packages by the machine's own apt.
Rule 2: what could not be had (flock) is left out and said, never faked.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.lab import FLOCK_LABEL, LAB_IMAGE, LABEL, VERSION
from dockstore.engines.providers import debian, homes
from dockstore.engines.providers.image_archive import ARCHITECTURES, Image, Layer, TarWriter, archive, read_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_FOLDERS = {
    **dict.fromkeys(("bin", "dev", "etc", "home", "lib", "proc"), 0o755),
    "root": 0o700,
    **dict.fromkeys(("run", "sbin", "srv", "sys"), 0o755),
    "tmp": 0o1777,
    **dict.fromkeys(("usr", "usr/bin", "usr/sbin", "var", "var/lib", "var/log"), 0o755),
    "var/tmp": 0o1777,
}
_FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nlab:x:1000:1000:lab:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nlab:x:1000:\nnogroup:x:65534:\n",
}
_APPLETS = """
awk basename cat chgrp chmod chown cmp cp cut date dd df dirname du echo env expr false find grep gzip head hostname id ip kill ln ls
md5sum mkdir mkfifo mknod mktemp mount mv nc printf ps pwd readlink realpath rm rmdir sed seq sh sha256sum sleep sort stat sync tail tar
tee test timeout top touch tr true truncate tty umount uname uniq usleep vi wc wget which whoami xargs yes
"""  # where busybox cannot be asked: what every one of the last ten years has
_PLACES = ("bin/busybox", "usr/bin/busybox", "bin/busybox.static", "usr/lib/busybox/busybox-static", "usr/lib/initcpio/busybox")


class NoLabImage(EngineError):  # noqa: N818
    """The lab image cannot be made here. *hint* is the way out."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program with the files that it needs, by their paths in the image."""

    files: Mapping[str, bytes]


def lab_archive(cache: Path, *, say: Callable[[str], None] = lambda _: None) -> bytes:
    """Return the lab image's `docker load` archive, made once and kept in *cache*; raise NoLabImage."""
    kept = cache / f"lab-{VERSION}-{os.uname().machine}.tar"
    if kept.exists():
        return kept.read_bytes()
    say("making the lab image")
    data = archive(lab_image(busybox(cache, say=say), flock()), LAB_IMAGE)
    homes.write_whole(kept, data)
    return data


def lab_base(cache: Path) -> Image:
    """Return the lab image's layers and configuration."""
    return read_archive(lab_archive(cache))


def lab_image(box: bytes, lock: Tool | None, *, applets: tuple[str, ...] = ()) -> Image:
    """Return the image of a static busybox *box* and of *lock*, if there is one."""
    base = TarWriter()
    for path, mode in _FOLDERS.items():
        base.add(path, tarfile.DIRTYPE, mode=mode, owner=(0, 0))
    base.add("bin/busybox", tarfile.REGTYPE, mode=0o755, owner=(0, 0), data=box)
    for applet in applets or applets_of(box):
        if applet != "busybox" and not (applet == "flock" and lock is not None):
            base.add(f"bin/{applet}", tarfile.SYMTYPE, mode=0o777, owner=(0, 0), link="busybox")
    for path, data in _FILES.items():
        base.add(path, tarfile.REGTYPE, mode=0o644, owner=(0, 0), data=data)
    layers = [Layer(base.finish(), "dockstore: a static busybox")]
    if lock is not None:
        layers.append(Layer(_tool_layer(lock), "dockstore: flock of util-linux with its libraries"))
    has_flock = lock is not None or "flock" in (applets or applets_of(box))
    return Image(
        layers=tuple(layers),
        config={
            "Env": [f"PATH={PATH}"],
            "Cmd": ["sleep", "infinity"],
            "WorkingDir": "/",
            "Labels": {LABEL: VERSION, FLOCK_LABEL: "1" if has_flock else "0"},
        },
        architecture=ARCHITECTURES.get(os.uname().machine, os.uname().machine),
    )


def busybox(cache: Path, *, say: Callable[[str], None] = lambda _: None) -> bytes:
    """Return a static busybox: the installed one, else the one in Debian's package, unpacked without installing it."""
    unpacked = cache / "busybox"
    for root in (Path("/"), unpacked):
        found = _static_below(root)
        if found is not None:
            return found
    hint = "install a static busybox (Debian: apt-get install busybox-static)"
    if not debian.has_apt():
        raise NoLabImage("make the lab image: no static busybox on this machine", hint)
    say("fetching busybox-static from Debian")
    try:
        debian.download_here(["busybox-static"], into=unpacked)
    except debian.AptFailed as error:
        raise NoLabImage(f"make the lab image: no static busybox on this machine, and {error}", hint) from error
    found = _static_below(unpacked)
    if found is None:
        raise NoLabImage("make the lab image: Debian's busybox-static holds no static busybox", hint)
    return found


def flock() -> Tool | None:
    """Return util-linux's `flock` with its libc and loader, or None where it is not to be had."""
    path = next((path for path in (Path("/usr/bin/flock"), Path("/bin/flock")) if path.is_file() and not _is_busybox(path)), None)
    if path is None:
        return None
    if is_static(path.read_bytes()):
        return Tool(files={"usr/bin/flock": path.read_bytes()})
    try:
        answer = subprocess.run(["ldd", path], capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": PATH}, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    libraries = libraries_of(answer.stdout)
    if answer.returncode or not libraries:
        return None
    return Tool(files={"usr/bin/flock": path.read_bytes(), **{library.lstrip("/"): Path(library).read_bytes() for library in libraries}})


def libraries_of(ldd: str) -> tuple[str, ...]:
    """Return the files that *ldd* names; empty if one is missing."""
    found: list[str] = []
    for line in ldd.splitlines():
        name, arrow, rest = line.strip().partition(" => ")
        where = (rest if arrow else name).split(" (")[0].strip()
        if where.startswith("/"):
            found.append(where)
        elif arrow:  # "libx.so => not found"
            return ()
    return tuple(found)


def is_static(data: bytes) -> bool:
    """Whether *data* is a program without an interpreter: a dynamic one gives "no such file or directory" in an empty image."""
    if data[:4] != b"\x7fELF":
        return False
    wide, order = data[4] == 2, "little" if data[5] == 1 else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    start = number(32, 8) if wide else number(28, 4)
    size, count = (number(54, 2), number(56, 2)) if wide else (number(42, 2), number(44, 2))
    interpreter = 3  # PT_INTERP
    return all(number(start + index * size, 4) != interpreter for index in range(count))


def applets_of(box: bytes) -> tuple[str, ...]:
    """Return the applets that *box* has, in its own words; never from memory where it can be asked."""
    with homes.temporary_folder() as folder:
        program = folder / "busybox"
        program.write_bytes(box)
        program.chmod(0o755)
        try:
            answer = subprocess.run([program, "--list"], capture_output=True, text=True, check=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return tuple(_APPLETS.split())
    return tuple(sorted(set(answer.stdout.split())))


def _tool_layer(tool: Tool) -> bytes:
    tar = TarWriter()
    written: set[str] = set()
    for path, data in tool.files.items():
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            folder = "/".join(parts[:count])
            if folder not in written:
                tar.add(folder, tarfile.DIRTYPE, mode=0o755, owner=(0, 0))
                written.add(folder)
        tar.add(path, tarfile.REGTYPE, mode=0o755, owner=(0, 0), data=data)
    return tar.finish()


def _static_below(root: Path) -> bytes | None:
    for place in _PLACES:
        path = root / place
        if path.is_file():
            data = path.read_bytes()
            if is_static(data):
                return data
    return None


def _is_busybox(path: Path) -> bool:
    return path.resolve().name.startswith("busybox")
