# ruff: noqa: ARG002, D102  # every method of the protocol, and one answer
"""A host that cannot be looked at: every question is answered with the reason.

Rule 1: "could not look" is an answer; nothing here ever says that something is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from dockstore.engines.host import Unseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dockstore.engines.host import FileStat, Listed


class NoHost:
    """The Host of `host`, blind for *reason*."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def reason(self) -> str | None:
        return self._reason

    def _blind(self) -> NoReturn:
        raise Unseen(self._reason)

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        self._blind()

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        self._blind()

    def mountinfo(self, pid: int) -> str:
        self._blind()

    def own_mountinfo(self) -> str:
        self._blind()

    def proc_root(self, pid: int) -> str:
        self._blind()

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        self._blind()

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        self._blind()

    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        self._blind()

    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        self._blind()

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        self._blind()

    def rename(self, path: str, to: str, *, root: str) -> None:
        self._blind()

    def remove(self, path: str, *, root: str) -> None:
        self._blind()

    def mount_tmpfs(self, path: str, *, root: str) -> None:
        self._blind()

    def unmount(self, path: str, *, root: str) -> None:
        self._blind()

    def close(self) -> None:
        """Nothing is open."""
