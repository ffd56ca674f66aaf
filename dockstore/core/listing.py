"""What a walk through a store came to: how much, how many, when last changed, and the names as far as they help to tell what it is.

Rule 1: fed entry by entry, so that a store of any size takes bounded memory; what did not fit is said (`cut`).
Rule 2: sizes are apparent ones, as `ls -l` has them; folders count for nothing, and neither do sockets and pipes.
Rule 3: in a writable layer only what nobody can do without counts: logs, pid files and caches are left out, and counted apart.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

SHALLOW: Final = 4  # folders deep: always kept
DEEP: Final = 10
MOST_NAMES: Final = 50_000
MOST_SHALLOW_NAMES: Final = 200_000
_CONTENT: Final = frozenset({"file", "link"})

_SCRATCH: Final = (
    (r"(?:tmp|var/tmp|run|var/run|proc|sys|dev)(?:/|\Z)", "temporary files and what processes keep while they run"),
    (r"(?:var/log|log|logs)(?:/|\Z)", "logs"),
    (r"(?:var/cache|root/\.cache|home/[^/]+/\.cache|root/\.npm|var/lib/apt/lists|var/lib/dpkg|var/cache/apk|lib/apk/db)(?:/|\Z)", "caches"),
    (
        r"(?:etc/(?:hosts|hostname|resolv\.conf|mtab|ld\.so\.cache)|\.dockerenv|(?:usr/)?sbin/docker-init)\Z",
        "files that the engine and the system keep",
    ),
    (r"(?:.*/)?(?:\.bash_history|\.ash_history|\.sh_history|\.lesshst|\.viminfo|\.wget-hsts|\.python_history)\Z", "a shell's history"),
    (r"(?:.*/)?__pycache__(?:/|\Z)|.*\.py[co]\Z", "compiled Python"),
    (r".*\.(?:pid|lock|sock|log|tmp|swp)\Z|(?:.*/)?(?:lock|LOCK|\.lock)\Z", "pid files, locks and logs"),
)
_SCRATCH_RULES: Final = tuple((re.compile(pattern), why) for pattern, why in _SCRATCH)


def scratch(path: str) -> str | None:
    """Why what lies at *path* (relative to a container's root) is no data; None: it may be data."""
    return next((why for rule, why in _SCRATCH_RULES if rule.match(path)), None)


@dataclass(slots=True)
class Tree:
    """Names below a root: for each folder, name -> type."""

    folders: dict[str, dict[str, str]] = field(default_factory=lambda: {"": {}})
    names: int = 0
    cut: bool = False

    def add(self, path: str, kind: str) -> None:
        """Note one path, its folders with it."""
        depth = path.count("/")
        if depth >= DEEP or (depth >= SHALLOW and self.names >= MOST_NAMES) or self.names >= MOST_SHALLOW_NAMES:
            self.cut = True
            return
        self.names += 1
        folder, _, name = path.rpartition("/")
        here = self.folders.get(folder)
        if here is None:
            self.add(folder, "directory")
            here = self.folders.setdefault(folder, {})
        here[name] = kind
        if kind == "directory":
            self.folders.setdefault(path, {})

    def kind(self, path: str) -> str | None:
        """The type of what lies at *path*."""
        if not path:
            return "directory"
        folder, _, name = path.rpartition("/")
        return self.folders.get(folder, {}).get(name)

    def common_folder(self) -> str:
        """The deepest folder that holds everything that is no folder; "" for the root."""
        holding = [folder.split("/") for folder, names in self.folders.items() if folder and any(kind != "directory" for kind in names.values())]
        if not holding or any(kind != "directory" for kind in self.folders[""].values()):
            return ""
        shared = holding[0]
        for parts in holding[1:]:
            equal = 0
            while equal < min(len(shared), len(parts)) and shared[equal] == parts[equal]:
                equal += 1
            shared = shared[:equal]
        return "/".join(shared)


@dataclass(slots=True)
class Listing:
    """The sum of a walk. *cut*: there is more than was walked; *unseen*: why the walk ended early or never began."""

    layer: bool = False
    tree: Tree = field(default_factory=Tree)
    files: int = 0
    size_bytes: int = 0
    last_change_ns: int | None = None
    left_out: int = 0  # files of a layer that are no data
    suffixes: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    unseen: str | None = None

    def add(self, path: str, kind: str, size_bytes: int, mtime_ns: int) -> None:
        """Note one entry of the walk."""
        if self.layer:
            if kind not in _CONTENT:
                return  # a folder in a layer may be no more than a mountpoint; whiteouts are what is not there
            if scratch(path) is not None:
                self.left_out += 1
                return
        elif kind == "directory":
            self.tree.add(path, kind)
            return
        if kind not in _CONTENT:
            return
        self.tree.add(path, kind)
        self.files += 1
        self.size_bytes += size_bytes
        if self.last_change_ns is None or mtime_ns > self.last_change_ns:
            self.last_change_ns = mtime_ns
        name = path.rpartition("/")[2]
        stem, dot, suffix = name.rpartition(".")
        if dot and stem and len(suffix) <= 8:
            self.suffixes[suffix.lower()] += 1

    def drop(self, path: str, size_bytes: int) -> None:
        """Take a file out again that turned out to be the image's own."""
        folder, _, name = path.rpartition("/")
        if self.tree.folders.get(folder, {}).pop(name, None) is not None:
            self.files -= 1
            self.size_bytes -= size_bytes
            self.left_out += 1

    @property
    def seen(self) -> bool:
        """Whether anything was looked at."""
        return self.unseen is None or self.files > 0 or len(self.tree.folders) > 1
