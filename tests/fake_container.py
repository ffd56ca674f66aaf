"""A container of the fake engine: its mounts, its merged root, its mount table."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fake_files import DISK, FakeFile, FakeTree, folder

if TYPE_CHECKING:
    from dockstore.engines.engine import Json

_devices = itertools.count(100)
_pids = itertools.count(4000)


@dataclass(kw_only=True)
class FakeImage:
    """An image: its layers from the lowest, and its configuration."""

    id: str
    tags: list[str]
    layers: list[FakeTree]
    config: Json


@dataclass(kw_only=True)
class FakeVolume:
    """A volume of the local driver; with options its bytes are not modelled."""

    name: str
    tree: FakeTree
    labels: dict[str, str] | None
    options: dict[str, str]
    created: str
    anonymous: bool = False


@dataclass(kw_only=True)
class FakeMount:
    """One mount of a container. *tree* None: a tmpfs that is not mounted, or a bind that is looked up by its source."""

    type: str
    target: str
    source: str = ""
    volume: FakeVolume | None = None
    read_only: bool = False
    listed: bool = True  # `--tmpfs` is not among inspect's Mounts
    flag: bool = False  # given as `-v`: a missing source is made at start
    by_name: bool = False
    flag_nocopy: bool = False
    tree: FakeTree | None = None


@dataclass(kw_only=True)
class FakeContainer:
    """One container."""

    id: str
    name: str
    config: Json
    image: FakeImage
    mounts: list[FakeMount]
    upper: FakeTree
    host: FakeTree
    status: str = "created"
    exit_code: int = 0
    pid: int = 0
    restarts: int = 0
    output: list[str] = field(default_factory=list)
    overlay: int = field(default_factory=lambda: os.makedev(0, next(_devices)))

    @property
    def running(self) -> bool:
        return self.status in {"running", "paused"}

    def host_config(self, key: str) -> object:
        found = self.config.get("HostConfig")
        return found.get(key) if isinstance(found, dict) else None

    def begin(self) -> None:
        self.status, self.pid = "running", next(_pids)
        for mount in sorted(self.mounts, key=lambda item: len(item.target)):
            if self.mount_at(mount.target.rpartition("/")[0] or "/") is None and self._in_root(mount.target.strip("/")) is None:
                self.upper.put(mount.target, folder())  # a mountpoint is made where it lies
            if mount.type == "tmpfs":
                mount.tree = FakeTree(None, os.makedev(0, next(_devices)))

    def end(self, code: int) -> None:
        self.status, self.exit_code, self.pid = "exited", code, 0
        for mount in self.mounts:
            if mount.type == "tmpfs":
                mount.tree = None

    # --- files

    def mount_at(self, path: str, *, memory: bool = True) -> FakeMount | None:
        """The deepest mount that holds *path*; the archive endpoint (*memory* False) does not see tmpfs."""
        holding = [m for m in self.mounts if (path == m.target or path.startswith(f"{m.target.rstrip('/')}/")) and (memory or m.type != "tmpfs")]
        return max(holding, key=lambda mount: len(mount.target), default=None)

    def store(self, path: str, *, memory: bool = True) -> tuple[FakeTree | None, str]:
        """(tree, path inside it) of a mounted path; (None, path) for the merged root."""
        mount = self.mount_at(path, memory=memory)
        if mount is None:
            return None, path.strip("/")
        inner = path[len(mount.target) :].strip("/")
        if mount.type == "bind":
            return self.host, f"{mount.source.strip('/')}/{inner}".strip("/")
        tree = mount.volume.tree if mount.volume is not None else mount.tree
        return tree or FakeTree(None), inner

    def get(self, path: str, *, memory: bool = True) -> FakeFile | None:
        tree, inner = self.store(path, memory=memory)
        return tree.get(inner) if tree is not None else self._in_root(inner)

    def _in_root(self, inner: str) -> FakeFile | None:
        """An entry of the merged root, whatever is mounted over it."""
        for layer in (self.upper, *reversed(self.image.layers)):
            found = layer.get(inner)
            if found is not None and inner:
                return None if found.kind == "whiteout" else found
            if self._whited_out(layer, inner):
                return None
        return self.upper.files[""] if not inner else None

    def _whited_out(self, layer: FakeTree, inner: str) -> bool:
        parts = inner.split("/")
        parents = (layer.get("/".join(parts[:count])) for count in range(1, len(parts)))
        return any(parent is not None and parent.kind == "whiteout" for parent in parents)

    def put(self, path: str, entry: FakeFile | bytes, *, memory: bool = True) -> None:
        mount = self.mount_at(path, memory=memory)
        if mount is not None and mount.read_only:
            raise OSError(30, "Read-only file system", path)
        tree, inner = self.store(path, memory=memory)
        parts = path.strip("/").split("/")
        for count in range(1, len(parts)):
            parent = self.get("/" + "/".join(parts[:count]), memory=memory)
            if parent is not None and parent.kind != "directory":
                raise NotADirectoryError(20, "Not a directory", path)
        (tree or self.upper).put(inner, entry)

    def remove(self, path: str) -> bool:
        tree, inner = self.store(path)
        if tree is not None:
            return tree.remove(inner)
        if self.get(path) is None:
            return False
        self.upper.remove(inner)
        if any(layer.get(inner) is not None for layer in self.image.layers):
            self.upper.put(inner, FakeFile(kind="whiteout"))
        return True

    def names(self, path: str) -> tuple[str, ...]:
        tree, inner = self.store(path)
        layers = [self.upper, *self.image.layers] if tree is None else [tree]
        found = {name for layer in layers for name in layer.names(inner)}
        return tuple(sorted(name for name in found if self.get(f"{path.rstrip('/')}/{name}") is not None))

    def device(self, path: str) -> int:
        tree, _ = self.store(path)
        return self.overlay if tree is None else tree.device

    def merged(self) -> FakeTree:
        """The root without any mount's content, as one layer: what an export holds."""
        flat = FakeTree(None)
        for layer in (*self.image.layers, self.upper):
            for name, entry in sorted(layer.files.items()):
                if entry.kind == "whiteout":
                    flat.remove(name)
                else:
                    flat.files[name] = entry
        return flat

    def diff(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, entry in self.upper.files.items():
            below = any(layer.get(name) is not None for layer in self.image.layers)
            if name:
                found[f"/{name}"] = "D" if entry.kind == "whiteout" else "C" if below else "A"
        return found

    def mountinfo(self) -> str:
        """/proc/PID/mountinfo of the main process."""
        lower = ":".join(str(layer.host_path) for layer in reversed(self.image.layers))
        major, minor = os.major(self.overlay), os.minor(self.overlay)
        lines = [f"500 400 {major}:{minor} / / rw,relatime - overlay overlay rw,lowerdir={lower},upperdir={self.upper.host_path},workdir=/w"]
        lines.append("501 500 0:30 / /proc rw - proc proc rw")
        for number, mount in enumerate(sorted(self.mounts, key=lambda item: len(item.target)), 510):
            flags = "ro" if mount.read_only else "rw"
            if mount.type == "tmpfs":
                device = mount.tree.device if mount.tree is not None else 0
                lines.append(f"{number} 500 0:{os.minor(device)} / {mount.target} {flags} - tmpfs tmpfs rw")
            else:
                root = mount.volume.tree.host_path if mount.volume is not None else mount.source
                lines.append(f"{number} 500 {os.major(DISK)}:{os.minor(DISK)} {root} {mount.target} {flags} - ext4 /dev/fake rw")
        return "\n".join(lines) + "\n"
