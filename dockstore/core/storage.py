"""Which store backs a path, and which event ends which store.

Rule 1: the kernel's mount table decides where bytes go, never a prefix of somebody's configuration (P1).
Rule 2: an identity is made of ids: equal for two stores exactly if they are the same store, None where that cannot be told.
Rule 3: the static rules are one table; what an engine does differently is said by a capability's name.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dockstore.core.model import Home, StoreKind
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.model import Store

ENGINE_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")  # the engine mounts its own over the image's
MEMORY_FILESYSTEMS = ("tmpfs", "ramfs", "devtmpfs")
NONCED = "volume:nonce:"  # a label is given at the making and never after
_OCTAL = re.compile(r"\\([0-7]{3})")
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


# --- the kernel's mount table -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MountEntry:
    """One line of /proc/PID/mountinfo."""

    mount_id: int
    parent_id: int
    device: int  # as st_dev
    root: str  # which folder of its file system is mounted
    target: str
    options: str
    filesystem: str
    source: str
    super_options: str

    @property
    def read_only(self) -> bool:
        """Whether this mount refuses writes (its file system may, too)."""
        return "ro" in self.options.split(",") or "ro" in self.super_options.split(",")

    @property
    def in_memory(self) -> bool:
        """Whether its bytes lie in memory."""
        return self.filesystem in MEMORY_FILESYSTEMS

    @property
    def layers(self) -> tuple[str, ...]:
        """The lower directories of an overlay, topmost first."""
        found = self._overlay_option("lowerdir")
        return tuple(re.split(r"(?<!\\):", found)) if found else ()

    @property
    def upperdir(self) -> str | None:
        """The upper directory of an overlay."""
        return self._overlay_option("upperdir")

    def _overlay_option(self, name: str) -> str | None:
        if self.filesystem not in {"overlay", "fuse.fuse-overlayfs"}:
            return None
        for option in re.split(r"(?<!\\),", self.super_options):
            key, _, value = option.partition("=")
            if key == name:
                return value or None
        return None


def parse_mountinfo(text: str) -> tuple[MountEntry, ...]:
    """Read a mount table; lines that are none are left out (a table is never cut in the middle of what it tells)."""
    return tuple(entry for line in text.splitlines() if (entry := _entry(line)) is not None)


def _entry(line: str) -> MountEntry | None:
    head, found, tail = line.partition(" - ")
    fields, rest = head.split(" "), tail.split(" ")
    if not found or len(fields) < 6 or len(rest) < 3:
        return None
    try:
        major, minor = (int(part) for part in fields[2].split(":"))
        mount_id, parent_id = int(fields[0]), int(fields[1])
    except ValueError:
        return None
    return MountEntry(
        mount_id=mount_id,
        parent_id=parent_id,
        device=device_number(major, minor),
        root=unescape(fields[3]),
        target=unescape(fields[4]),
        options=fields[5],
        filesystem=rest[0],
        source=unescape(rest[1]),
        super_options=unescape(rest[2]),
    )


def unescape(text: str) -> str:
    r"""Undo the kernel's octal escapes: `\040` is a space."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def device_number(major: int, minor: int) -> int:
    """Return the st_dev of Linux for *major* and *minor*."""
    return (minor & 0xFF) | ((major & 0xFFF) << 8) | ((minor & ~0xFF) << 12) | ((major & ~0xFFF) << 32)


def mount_at(path: str, mounts: Iterable[MountEntry]) -> MountEntry | None:
    """Return the mount that holds *path* (resolved, absolute), or None if the table holds none.

    The deepest target wins, and of two on one target the later one, as in the kernel.
    """
    return max(
        ((len(_parts(entry.target)), number, entry) for number, entry in enumerate(mounts) if beneath(path, entry.target)),
        default=(0, 0, None),
        key=lambda found: found[:2],
    )[2]


def beneath(path: str, folder: str) -> bool:
    """Whether *path* is *folder* or lies in it."""
    above = _parts(folder)
    return _parts(path)[: len(above)] == above


@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, ...]:
    """Return the parts of *path*; the same few are asked for at every look."""
    return PurePosixPath(path).parts


def inside(path: str, folder: str) -> str:
    """Return *path* as seen from *folder*, "" for the folder itself."""
    found = str(PurePosixPath(path).relative_to(folder))
    return "" if found == "." else found


def joined(*parts: str) -> str:
    """Join parts of a path below some root; empty ones fall away."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def volume_part(root: str, name: str) -> str | None:
    """Read off a mount's root (`.../volumes/NAME/_data/in/side`) which part of the volume *name* was mounted ("" for all); None: not that one.

    What was mounted, not what was asked for (P7). The last one counts: a nested engine's volumes lie in a volume.
    """
    _, found, part = f"{root.removesuffix('//deleted')}/".rpartition(f"/volumes/{name}/_data/")
    return part.strip("/") if found else None


def is_anonymous_name(name: str) -> bool:
    """Whether an engine made *name* up: 64 hexadecimal digits."""
    return _ANONYMOUS.fullmatch(name) is not None


# --- identities -------------------------------------------------------------------------------------------------------


def layer_identity(container: str) -> str:
    """A writable layer is its container's id."""
    return f"layer:{container}"


def volume_identity(
    *, name: str, nonce: str | None, birth_ns: int | None = None, inode: int | None = None, device: int | None = None, has_options: bool = False
) -> str | None:
    """Tell a volume by what cannot come twice (P8): a nonce label, a name of 64 digits, the birth of its directory.

    A volume with options keeps its bytes elsewhere: then device and inode of what lies behind it.
    """
    if has_options:
        return None if device is None or inode is None else bind_identity(device, inode)
    if nonce is not None:
        return f"{NONCED}{nonce}:{name}"  # one create call may make several volumes
    if is_anonymous_name(name):
        return f"volume:name:{name}"
    if birth_ns is not None and inode is not None:
        return f"volume:birth:{birth_ns}:{inode}"
    return None


def bind_identity(device: int, inode: int) -> str:
    """A bind mount is the file or folder itself, not the path where it was found (P31)."""
    return f"bind:{device}:{inode}"


def bind_numbers(identity: str | None) -> tuple[int, int] | None:
    """Device and inode of an identity that is made of them."""
    found = re.fullmatch(r"bind:(\d+):(\d+)", identity or "")
    return (int(found[1]), int(found[2])) if found else None


def memory_identity(*, device: int, container: str, started: str) -> str:
    """A tmpfs is its device number in one life of the main process that it belongs to; numbers come back, lives do not."""
    return f"tmpfs:{device}:{container}:{started}"


INIT_MOUNTPOINTS = ("/sbin/docker-init", "/usr/sbin/docker-init")
"""Where the engine mounts its own init: it makes the mountpoint in the writable layer, and nobody wrote that."""


def engine_file_identity(container: str, path: str) -> str:
    """A file that the engine writes for one container."""
    return f"engine-file:{container}:{path}"


def same_store(then: Store, now: Store) -> Home:
    """Tell whether *now* is the store that *then* was."""
    if then.identity is not None and now.identity is not None:
        return Home.YES if then.identity == now.identity else Home.NO
    if then.kind is not now.kind:
        return Home.NO
    if then.kind is StoreKind.VOLUME and then.name is not None and now.name is not None and then.name != now.name:
        return Home.NO  # a volume cannot be renamed
    return Home.UNKNOWN


def still_attached(store: Store, attached: Iterable[Store]) -> Store | None:
    """Return the mount by which *store* is still there, if it is (another mount may cover it)."""
    if store.identity is None:
        return None
    return next((other for other in attached if other.identity == store.identity), None)


# --- which event ends which store -------------------------------------------------------------------------------------


class StoreClass(StrEnum):
    """The stores, as far as events tell them apart."""

    IMAGE_LAYER = "image-layer"
    WRITABLE_LAYER = "writable-layer"
    TMPFS = "tmpfs"
    ENGINE_FILE = "engine-file"
    BIND = "bind"
    ANONYMOUS_VOLUME = "anonymous-volume"
    NAMED_VOLUME = "named-volume"
    TMPFS_VOLUME = "tmpfs-volume"
    BIND_VOLUME = "bind-volume"


class Happening(StrEnum):
    """What an event does, in the terms that end stores."""

    MAIN_PROCESS_ENDS = "the container's main process ends"
    START = "the container starts"
    REMOVE = "the container is removed"
    REMOVE_WITH_VOLUMES = "the container is removed with its volumes"
    RM_ENDS = "a container with --rm ends"
    CONTAINER_PRUNE = "stopped containers are pruned"
    VOLUME_REMOVE = "the volume is removed"
    VOLUME_PRUNE = "volumes are pruned"
    VOLUME_PRUNE_ALL = "volumes are pruned with all"
    IMAGE_REMOVE = "the image is removed"
    IMAGE_PRUNE_ALL = "unused images are pruned"
    ENGINE_RESTART = "the engine stops and starts"
    PAUSE = "the container is paused"
    RENAME = "the container is renamed"
    UPDATE = "the container is updated"
    COMMIT = "the container is committed"


class Ends(StrEnum):
    """What becomes of a store."""

    YES = "ends"
    NO = "stays"
    UNLESS_USED = "ends unless a container, running or not, uses it"
    UNLESS_OTHERS_USE = "ends unless another container uses it"
    UNLESS_RUNNING = "ends unless its container runs"
    IF_LAST_RUNNING_USER = "ends with its last running user"
    UNLESS_LIVE_RESTORE = "ends unless the engine keeps containers alive"
    IF_PRUNE_TAKES_NAMED = "ends where a prune takes named volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a rule may ask for; None: not known."""

    used: bool | None = None  # by any container, running or not
    used_by_others: bool | None = None  # than the one that the event strikes
    running: bool | None = None  # the container that the event strikes
    running_users: bool | None = None  # does a user still run after the event
    live_restore: bool | None = None
    prune_takes_named: bool | None = None  # Engine before 23, or asked through an API before 1.42


_STOPS = (Happening.MAIN_PROCESS_ENDS, Happening.REMOVE, Happening.REMOVE_WITH_VOLUMES, Happening.RM_ENDS)

# Whatever is not named here stays.
ENDS: dict[StoreClass, dict[Happening, Ends]] = {
    StoreClass.IMAGE_LAYER: {
        Happening.IMAGE_REMOVE: Ends.UNLESS_USED,
        Happening.IMAGE_PRUNE_ALL: Ends.UNLESS_USED,
    },
    StoreClass.WRITABLE_LAYER: {
        Happening.REMOVE: Ends.YES,
        Happening.REMOVE_WITH_VOLUMES: Ends.YES,
        Happening.RM_ENDS: Ends.YES,
        Happening.CONTAINER_PRUNE: Ends.UNLESS_RUNNING,
    },
    StoreClass.TMPFS: {
        **dict.fromkeys(_STOPS, Ends.YES),
        Happening.ENGINE_RESTART: Ends.UNLESS_LIVE_RESTORE,
        Happening.CONTAINER_PRUNE: Ends.UNLESS_RUNNING,
    },
    StoreClass.ENGINE_FILE: {
        Happening.START: Ends.YES,  # rewritten
        Happening.REMOVE: Ends.YES,
        Happening.REMOVE_WITH_VOLUMES: Ends.YES,
        Happening.RM_ENDS: Ends.YES,
        Happening.CONTAINER_PRUNE: Ends.UNLESS_RUNNING,
        Happening.ENGINE_RESTART: Ends.UNLESS_LIVE_RESTORE,
    },
    StoreClass.BIND: {},
    StoreClass.ANONYMOUS_VOLUME: {
        Happening.REMOVE_WITH_VOLUMES: Ends.UNLESS_OTHERS_USE,
        Happening.RM_ENDS: Ends.UNLESS_OTHERS_USE,
        Happening.VOLUME_REMOVE: Ends.UNLESS_USED,
        Happening.VOLUME_PRUNE: Ends.UNLESS_USED,
        Happening.VOLUME_PRUNE_ALL: Ends.UNLESS_USED,
    },
    StoreClass.NAMED_VOLUME: {
        Happening.VOLUME_REMOVE: Ends.UNLESS_USED,
        Happening.VOLUME_PRUNE: Ends.IF_PRUNE_TAKES_NAMED,
        Happening.VOLUME_PRUNE_ALL: Ends.UNLESS_USED,
    },
    StoreClass.TMPFS_VOLUME: {
        **dict.fromkeys(_STOPS, Ends.IF_LAST_RUNNING_USER),
        Happening.CONTAINER_PRUNE: Ends.NO,
        Happening.VOLUME_REMOVE: Ends.UNLESS_USED,
        Happening.ENGINE_RESTART: Ends.UNLESS_LIVE_RESTORE,
    },
    StoreClass.BIND_VOLUME: {},
}


def ends(store: StoreClass, happening: Happening, known: Circumstances) -> bool | None:
    """Tell whether *happening* ends *store*; None: it depends on what is not *known*."""
    match ENDS[store].get(happening, Ends.NO):
        case Ends.YES:
            return True
        case Ends.NO:
            return False
        case Ends.UNLESS_USED:
            return None if known.used is None else not known.used
        case Ends.UNLESS_OTHERS_USE:
            return None if known.used_by_others is None else not known.used_by_others
        case Ends.UNLESS_RUNNING:
            return None if known.running is None else not known.running
        case Ends.IF_LAST_RUNNING_USER:
            return None if known.running_users is None else not known.running_users
        case Ends.UNLESS_LIVE_RESTORE:
            return None if known.live_restore is None else not known.live_restore
        case Ends.IF_PRUNE_TAKES_NAMED:
            if known.prune_takes_named is False or known.used is True:
                return False
            return True if known.prune_takes_named and known.used is False else None


def store_class(store: Store, *, options: dict[str, str] | None = None) -> StoreClass | None:
    """Put *store* into its class; None for an image mount, and for a volume whose options say neither tmpfs nor bind."""
    match store.kind:
        case StoreKind.IMAGE_LAYER:
            return StoreClass.IMAGE_LAYER
        case StoreKind.WRITABLE_LAYER:
            return StoreClass.WRITABLE_LAYER
        case StoreKind.TMPFS:
            return StoreClass.TMPFS
        case StoreKind.ENGINE_FILE:
            return StoreClass.ENGINE_FILE
        case StoreKind.BIND:
            return StoreClass.BIND
        case StoreKind.IMAGE_MOUNT:
            return None
        case StoreKind.VOLUME:
            if not store.has_options:
                return StoreClass.ANONYMOUS_VOLUME if store.anonymous else StoreClass.NAMED_VOLUME
            return class_by_options(options or {})


def class_by_options(options: dict[str, str]) -> StoreClass | None:
    """Put a local volume with options into its class; None: they say neither tmpfs nor bind."""
    if is_memory_volume(options):
        return StoreClass.TMPFS_VOLUME
    return StoreClass.BIND_VOLUME if is_bind_volume(options) else None


def is_memory_volume(options: dict[str, str]) -> bool:
    """Whether a local volume's options make it a tmpfs."""
    return options.get("type") in MEMORY_FILESYSTEMS


def is_bind_volume(options: dict[str, str]) -> bool:
    """Whether a local volume's options make it a bind of its device."""
    return any(word in {"bind", "rbind"} for word in options.get("o", "").split(","))
