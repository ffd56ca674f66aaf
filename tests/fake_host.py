"""The host of a fake engine: its volumes, layers and binds at the paths that inspect tells, and a scratch folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_files import FakeFile, FakeTree, file_stat, folder

from dockstore.engines.host import FileStat, Listed, Unseen
from dockstore.engines.inside import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fake_engine import FakeEngine


class FakeHost:
    """The Host protocol over a FakeEngine's stores. *blind*: why nothing can be seen."""

    def __init__(self, engine: FakeEngine, *, blind: str | None = None) -> None:
        self.engine = engine
        self.blind = blind
        self.mounted: dict[str, dict[str, FakeFile]] = {}  # path -> what lies beneath
        self.shares: dict[str, dict[str, FakeFile]] = {}  # path -> a share's files, while it is not mounted

    @property
    def reason(self) -> str | None:
        return self.blind

    def close(self) -> None:
        """Nothing is open."""

    def _find(self, path: str, root: str | None) -> tuple[FakeTree, str]:
        """(tree, path inside it) of a path of the host."""
        if self.blind is not None:
            raise Unseen(self.blind)
        base = root or "/"
        if base.startswith("/proc/"):
            return self._of_process(int(base.split("/")[2]), f"/{below(path, base)}")
        full = f"{base.rstrip('/')}/{below(path, base)}".rstrip("/") or "/"
        trees = [volume.tree for volume in self.engine.volumes.values()]
        trees += [container.upper for container in self.engine.containers.values()]
        trees += [layer for image in self.engine.images.values() for layer in image.layers]
        for tree in trees:
            if tree.host_path is not None and (full == tree.host_path or full.startswith(f"{tree.host_path}/")):
                return tree, full[len(tree.host_path) :].strip("/")
        return self.engine.host_files, full.strip("/")

    def _of_process(self, pid: int, path: str) -> tuple[FakeTree, str]:
        for container in self.engine.containers.values():
            if container.pid == pid and pid:
                tree, inner = container.store(path)
                return (container.merged() if tree is None else tree), inner
        raise Unseen(f"/proc/{pid}: No such file or directory")

    def _checked(self, path: str, root: str | None) -> tuple[FakeTree, str]:
        tree, inner = self._find(path, root)
        if root is not None and not root.startswith("/proc/"):
            base, at = self._find("", root)
            if base.get(at) is None:
                raise Unseen(f"{root}: No such file or directory")
        return tree, inner

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        tree, inner = self._checked(path, root)
        entry = tree.get(inner)
        if entry is None:
            return None
        return file_stat(entry, tree.device, tree.names(inner) if entries and entry.kind == "directory" else None)

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        tree, inner = self._checked(path, root)
        entry = tree.get(inner)
        if entry is not None and entry.kind != "file":
            raise Unseen(f"{path} is no file but a {entry.kind}")
        return entry.data[:limit_bytes] if entry is not None else None

    def mountinfo(self, pid: int) -> str:
        if self.blind is not None:
            raise Unseen(self.blind)
        for container in self.engine.containers.values():
            if container.pid == pid and pid:
                return container.mountinfo()
        raise Unseen(f"/proc/{pid}/mountinfo: No such file or directory")

    def own_mountinfo(self) -> str:
        if self.blind is not None:
            raise Unseen(self.blind)
        shares = "".join(f"{number} 20 0:{number} / {path} rw - tmpfs dockstore rw\n" for number, path in enumerate(self.mounted, 60))
        return f"20 1 8:1 / / rw - ext4 /dev/fake rw\n{shares}"

    def proc_root(self, pid: int) -> str:
        self.mountinfo(pid)
        return f"/proc/{pid}/root"

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        tree, inner = self._checked("", root)
        for count, (path, entry) in enumerate(tree.below(inner).items()):
            if count > limit_files:
                raise Unseen(f"there are more than {limit_files} files below {root}")
            if path:
                yield Listed(path=path, stat=file_stat(entry, tree.device))

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        self._find("", root)
        base = root.rstrip("/")
        found: list[str] = []
        trees = [volume.tree for volume in self.engine.volumes.values()]
        trees += [container.upper for container in self.engine.containers.values()]
        trees += [layer for image in self.engine.images.values() for layer in image.layers]
        for tree in (*trees, self.engine.host_files):
            for path, entry in tree.files.items():
                full = f"{(tree.host_path or '').rstrip('/')}/{path}"
                if needle in entry.data and full.startswith(f"{base}/"):
                    found.append(full[len(base) + 1 :])
        left_out = tuple(f"{below(item, root)}/" for item in skip)
        return tuple(sorted(path for path in found if not f"{path}/".startswith(left_out or ("\0",))))

    # --- the scratch folder

    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        tree, inner = self._find(path, None)
        if tree.get(inner) is None:
            tree.put(inner, FakeFile(kind="directory", mode=mode, owner=owner or (0, 0)))

    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        tree, inner = self._find(path, root)
        old = tree.get(inner)
        tree.put(inner, data)
        if mode is not None or owner is not None or old is None:
            new = tree.files[inner]
            tree.files[inner] = FakeFile(data=data, mode=mode or new.mode, owner=owner or new.owner, inode=new.inode, birth_ns=new.birth_ns)

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        tree, inner = self._find(path, root)
        tree.put(inner, FakeFile(data=data))

    def rename(self, path: str, to: str, *, root: str) -> None:
        tree, inner = self._find(path, root)
        _, new = self._find(to, root)
        moved = tree.below(inner)
        if tree.get(inner) is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        tree.remove(inner)
        for name, entry in moved.items():
            tree.put(f"{new}/{name}".rstrip("/"), entry)

    def remove(self, path: str, *, root: str) -> None:
        if not below(path, root):
            raise PermissionError(1, "a root itself is not removed", root)
        tree, inner = self._find(path, root)
        tree.remove(inner)

    def mount_tmpfs(self, path: str, *, root: str) -> None:
        tree, inner = self._find(path, root)
        full = f"/{inner}"
        self.mounted[full] = tree.below(inner)
        tree.remove(inner)
        for name, entry in (self.shares.pop(full, None) or {"": folder()}).items():
            tree.put(f"{inner}/{name}".rstrip("/"), entry)

    def unmount(self, path: str, *, root: str) -> None:
        tree, inner = self._find(path, root)
        full = f"/{inner}"
        if full not in self.mounted:
            raise OSError(22, "umount2: Invalid argument")
        self.shares[full] = tree.below(inner)
        tree.remove(inner)
        for name, entry in self.mounted.pop(full).items():
            tree.put(f"{inner}/{name}".rstrip("/"), entry)

    def unmount_all(self, root: str) -> None:
        for path in [path for path in self.mounted if path.startswith(root)]:
            self.unmount(path, root="/")
