"""File trees as dicts: what the fakes keep for every store."""

from __future__ import annotations

import itertools
import stat
from dataclasses import dataclass, field, replace

from dockstore.engines.host import FileStat

DISK = 0x801  # st_dev of the engine's disk
_inodes = itertools.count(1000)
_births = itertools.count(1_700_000_000_000_000_000, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class FakeFile:
    """One entry; *kind* is FileStat's word."""

    kind: str = "file"
    data: bytes = b""
    target: str = ""
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    inode: int = field(default_factory=lambda: next(_inodes))
    birth_ns: int = field(default_factory=lambda: next(_births))


def folder(mode: int = 0o755) -> FakeFile:
    return FakeFile(kind="directory", mode=mode)


class FakeTree:
    """A store: path relative to its root -> entry. The root itself is the entry `""`."""

    def __init__(self, host_path: str | None, device: int = DISK) -> None:
        self.host_path = host_path
        self.device = device
        self.files: dict[str, FakeFile] = {"": folder()}

    def get(self, path: str) -> FakeFile | None:
        return self.files.get(path.strip("/"))

    def put(self, path: str, entry: FakeFile | bytes) -> None:
        """Put an entry, parents made; bytes over a file keep its inode."""
        key = path.strip("/")
        parts = key.split("/")
        for count in range(1, len(parts)):
            parent = self.files.setdefault("/".join(parts[:count]), folder())
            if parent.kind != "directory":
                raise NotADirectoryError(20, "Not a directory", path)
        old = self.files.get(key)
        if isinstance(entry, bytes):
            if old is not None and old.kind == "directory":
                raise IsADirectoryError(21, "Is a directory", path)
            entry = replace(old, data=entry) if old is not None and old.kind == "file" else FakeFile(data=entry)
        self.files[key] = entry

    def remove(self, path: str) -> bool:
        key = path.strip("/")
        gone = [name for name in self.files if name == key or name.startswith(f"{key}/")]
        for name in gone:
            del self.files[name]
        return bool(gone)

    def names(self, path: str) -> tuple[str, ...]:
        head = f"{path.strip('/')}/".lstrip("/")
        return tuple(sorted({name[len(head) :] for name in self.files if name and name.startswith(head) and "/" not in name[len(head) :]}))

    def below(self, path: str) -> dict[str, FakeFile]:
        """Everything at and below *path*, relative to it."""
        key = path.strip("/")
        return {
            name[len(key) :].strip("/"): entry for name, entry in sorted(self.files.items()) if name == key or not key or name.startswith(f"{key}/")
        }


def file_stat(entry: FakeFile, device: int, entries: tuple[str, ...] | None = None) -> FileStat:
    return FileStat(
        type=entry.kind,
        size_bytes=len(entry.data),
        mode=entry.mode,
        uid=entry.owner[0],
        gid=entry.owner[1],
        inode=entry.inode,
        device=device,
        mtime_ns=entry.birth_ns,
        birth_ns=entry.birth_ns,
        link_target=entry.target or None,
        entries=entries,
    )


def st_mode(entry: FakeFile) -> int:
    kinds = {"directory": stat.S_IFDIR, "link": stat.S_IFLNK, "fifo": stat.S_IFIFO, "whiteout": stat.S_IFCHR}
    return kinds.get(entry.kind, stat.S_IFREG) | entry.mode
