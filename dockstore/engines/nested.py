"""Whose files do we see? The engine's process, found by its socket, and the host's files as it sees them.

Rule 1: the same path on another host is another file (P10). A view counts only if the kernel names the engine's process, or a fresh
nonce that the engine made is found through it.
Rule 2: a view through a process ends with that process: from then on it is "could not look", never "not there".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.host import Unseen
from dockstore.engines.providers import ping, processes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dockstore.engines.host import FileStat, Listed

_DAEMONS = ("dockerd", "podman")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the engine's files look from here. *prefix*: what stands before a path of the engine; *same*: it sees the very mounts that we see."""

    pid: int
    prefix: str
    same: bool


def view_of(socket: str) -> View | str:
    """Return the view of the engine that listens on the Unix socket at *socket*, or why there is none."""
    pid = ping.peer(socket)
    if pid is None:
        return "the engine's process cannot be seen from here (another pid name space, or a proxy)"
    if processes.command(pid) not in _DAEMONS:
        return f"who listens on {socket} is {processes.command(pid) or 'a process that is gone'}, not the engine itself"
    return view_through(pid)


def view_through(pid: int) -> View | str:
    """Return the view of the engine whose process is *pid*, or why there is none."""
    try:
        same = Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink()
        root, ours = Path(f"/proc/{pid}/root").stat(), Path("/").stat()
    except OSError as error:
        return f"the engine's process {pid} may not be looked into ({(error.strerror or 'refused').lower()})"
    if same and (root.st_dev, root.st_ino) == (ours.st_dev, ours.st_ino):
        return View(pid=pid, prefix="", same=True)
    return View(pid=pid, prefix=f"/proc/{pid}/root", same=False)


# ruff: noqa: D102  # the methods are those of `host.Host`, and documented there


class NestedHost:
    """The files of an engine's host through the engine's own process, found anew after each restart of it."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._host: DirectHost | None = None
        self._pid = 0
        self._began: str | None = None

    @property
    def reason(self) -> str | None:
        try:
            self._direct()
        except Unseen as unseen:
            return str(unseen)
        return None

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        answer = self._direct().stat(path, root=root, entries=entries, follow=follow)
        self._still_there()
        return answer

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        answer = self._direct().read(path, root=root, limit_bytes=limit_bytes, follow=follow)
        self._still_there()
        return answer

    def mountinfo(self, pid: int) -> str:
        answer = self._direct().mountinfo(pid)
        self._still_there()
        return answer

    def own_mountinfo(self) -> str:
        answer = self._direct().own_mountinfo()
        self._still_there()
        return answer

    def proc_root(self, pid: int) -> str:
        return self._direct().proc_root(pid)

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        yield from self._direct().walk(root, limit_files=limit_files)
        self._still_there()

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        answer = self._direct().find_bytes(root, needle, skip=skip, timeout_seconds=timeout_seconds)
        self._still_there()
        return answer

    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        self._direct().make_folder(path, mode=mode, owner=owner)

    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        self._direct().write_file(path, data, root=root, mode=mode, owner=owner, sync=sync)

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        self._direct().replace_file(path, data, root=root, sync=sync)

    def rename(self, path: str, to: str, *, root: str) -> None:
        self._direct().rename(path, to, root=root)

    def remove(self, path: str, *, root: str) -> None:
        self._direct().remove(path, root=root)

    def mount_tmpfs(self, path: str, *, root: str) -> None:
        self._direct().mount_tmpfs(path, root=root)

    def unmount(self, path: str, *, root: str) -> None:
        self._direct().unmount(path, root=root)

    def _direct(self) -> DirectHost:
        if self._host is not None and processes.started_at(self._pid) == self._began:
            return self._host
        view = view_of(self._socket)
        if isinstance(view, str):
            self._host = None
            raise Unseen(f"the engine is not running, and its files are seen only through it: {view}")
        self._pid, self._began, self._host = view.pid, processes.started_at(view.pid), DirectHost(prefix=view.prefix)
        return self._host

    def _still_there(self) -> None:
        """An answer counts only if the process that it was seen through lives still."""
        if processes.started_at(self._pid) != self._began:
            self._host = None
            raise Unseen("the engine ended while its files were looked at")
