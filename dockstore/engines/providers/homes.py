"""Where dockstore keeps things: its home, its cache, and a place for an engine's data.

Rule 1: nothing outside the home but sockets, which need a short path (a socket's path has at most 107 bytes).
Rule 2: an engine's data lie only where a real overlay mount succeeds: elsewhere dockerd falls back to vfs without a word.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RUNTIME = Path("/run")
_DETACH = 2  # MNT_DETACH
_TRIAL_SECONDS = 30


def home_of(environ: Mapping[str, str], cwd: Path) -> Path:
    """Return dockstore's home: DOCKSTORE_HOME, else `.dockstore` in the current folder."""
    named = environ.get("DOCKSTORE_HOME")
    return Path(named).absolute() if named else cwd / ".dockstore"


def cache_of(home: Path) -> Path:
    """Return the folder for what can be made again: the lab image, unpacked packages, Compose."""
    return home / "cache"


def runtime() -> Path:
    """Return a folder for sockets whose path is short: /run, or the user's own."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    return RUNTIME if os.geteuid() == 0 or not own else Path(own)


def engine_folder(home: Path, environ: Mapping[str, str], *, name: str = "engine") -> Path:
    """Return a folder for an engine's data, made if need be; raise Unreachable naming what each candidate lies on.

    The home comes first, then the XDG state folder, then /var/lib: the first where overlay2 works.
    """
    refused: list[str] = []
    for base in engine_bases(home, environ):
        folder = base / name
        if (folder / "data").is_dir():
            return folder
        reason = overlay_refusal(base)
        if reason is None:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        refused.append(f"{base}: {reason}")
    raise Unreachable(
        "find a place for an engine's data: overlay2 works in none of " + "; ".join(refused),
        "set DOCKSTORE_HOME to a folder on ext4, xfs or btrfs (in a container: a volume)",
    )


def engine_bases(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders that may hold an engine, in order."""
    mark = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:12]
    state = Path(environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "/root") / ".local/state")
    return (home, state / "dockstore" / mark, Path("/var/lib/dockstore") / mark)


def overlay_refusal(base: Path) -> str | None:
    """Return why an overlay mount fails below *base*, or None if it succeeds (tried, not concluded from the file system's name)."""
    if any(mark in str(base) for mark in ",:\\"):
        return "a path with a comma, a colon or a backslash cannot be an overlay's"
    made: list[Path] = []
    try:
        for folder in (*reversed(base.parents), base):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        return _try_overlay(base)
    except OSError as error:
        return os.strerror(error.errno or errno.EIO).lower()
    finally:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # somebody else has put something there meanwhile
                folder.rmdir()


def file_system(path: Path) -> str:
    """Return the type of the file system that *path* lies on, as /proc/self/mountinfo calls it."""
    best, kind = "", "unknown"
    real = str(path.resolve())
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        left, _, right = line.partition(" - ")
        point = unescaped(left.split(" ")[4])
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def unescaped(text: str) -> str:
    """Return a mountinfo path without its octal escapes."""
    for code, mark in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, mark)
    return text


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write *path* so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)
    Path(name).replace(path)


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards; below *parent*, or where programs may be run."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="dockstore-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try_overlay(base: Path) -> str | None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    with temporary_folder(base) as folder:
        lower, upper, work, merged = (folder / name for name in ("lower", "upper", "work", "merged"))
        for each in (lower, upper, work, merged):
            each.mkdir()
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        if libc.mount(b"overlay", os.fsencode(merged), b"overlay", 0, os.fsencode(options)):
            number = ctypes.get_errno()
            if number == errno.EPERM:
                return "we may not mount (root is needed)"
            return f"on {file_system(base)}, where an overlay mount fails ({os.strerror(number).lower()})"
        try:
            (merged / "probe").write_bytes(b"")
            os.setxattr(upper, "trusted.dockstore", b"y")  # overlay2 marks opaque directories so
        except OSError as error:
            return f"on {file_system(base)}, which has no trusted extended attributes ({error.strerror})"
        finally:
            libc.umount2(os.fsencode(merged), _DETACH)
    return None


def trial_mount(base: Path) -> Callable[[], bool]:
    """Start mounting a file system on *base*; return what waits for the outcome and tells it.

    In a mount name space that ends with the try, so that a kill leaves nothing.
    """
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "dockstore", str(base)]
    try:
        trying = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return lambda: False

    def succeeded() -> bool:
        try:
            return trying.wait(timeout=_TRIAL_SECONDS) == 0
        except subprocess.TimeoutExpired:
            trying.kill()
            trying.wait()
            return False

    return succeeded
