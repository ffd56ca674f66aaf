"""The one door to the files of the engine's host, directly or through a helper container.

Rule 1: a path here is a path of the *engine's* host (P10); whether we may trust our own view of it was proven at opening.
Rule 2: links are resolved inside the root that is given, never outside it (P15).
Rule 3: "could not look" is an answer with its reason (`Unseen`), never an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Unseen(Exception):  # noqa: N818
    """The host's files could not be looked at; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """A path of the engine's host, not following a final link. *device* is st_dev, *birth_ns* None where not to be had."""

    type: str  # file, directory, link, whiteout, fifo, socket, device
    size_bytes: int
    mode: int  # permission bits, as 0o755
    uid: int
    gid: int
    inode: int
    device: int
    mtime_ns: int
    birth_ns: int | None = None
    link_target: str | None = None
    opaque: bool = False  # trusted.overlay.opaque=y
    opaque_told: bool = True  # False: a folder of which that could not be told
    entries: tuple[str, ...] | None = None  # of a directory, sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file of a walk: path relative to its root."""

    path: str
    stat: FileStat


class Host(Protocol):
    """The engine's host, as far as its files can be seen."""

    @property
    def reason(self) -> str | None:
        """None if it can look; else why not."""

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        """Stat *path* below *root* (links of the directory part resolved inside *root*); None: definitely not there.

        *follow*: resolve a final link inside *root* too. Raises Unseen when it cannot be told (permission, no such root, no view).
        """

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        """The content of a regular file, at most *limit_bytes*; None: definitely not there. Raises Unseen (a fifo, too: it would hang)."""

    def mountinfo(self, pid: int) -> str:
        """/proc/PID/mountinfo of a process of the engine's host (its own PID numbers). Raises Unseen."""

    def own_mountinfo(self) -> str:
        """/proc/self/mountinfo where the host looks (P9). Raises Unseen."""

    def proc_root(self, pid: int) -> str:
        """A path prefix for the file system of that process, for reading what only memory holds. Raises Unseen."""

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        """Every entry below *root*, streamed, one file system, links not followed. Raises Unseen."""

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        """Paths below *root* of files that contain *needle*. Raises Unseen if a part could not be searched or the time ran out."""

    # the scratch folder, which lies on the engine's host
    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None: ...
    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        """Write in place below *root* (an existing file keeps its inode). A link that leads out of *root* is refused with PermissionError."""

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        """A new file renamed over the old one, as editors save."""

    def rename(self, path: str, to: str, *, root: str) -> None: ...
    def remove(self, path: str, *, root: str) -> None:
        """Remove a file or a folder with all in it, below *root* only, never through a mount."""

    def mount_tmpfs(self, path: str, *, root: str) -> None:
        """Mount the tmpfs that belongs to *path*: the same one again after an unmount (so its files come back)."""

    def unmount(self, path: str, *, root: str) -> None: ...
