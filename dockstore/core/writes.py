# ruff: noqa: S108  # paths of containers, not ours
"""Listings of a store in, groups of what the service wrote out: the top folders that a person would name, and what is scratch in them.

Rule 1: written is what is new or has another size, time or inode than before; what the engine made for a mount was written by nobody.
Rule 2: scratch by place counts only in the writable layer, and for a tmpfs exactly there: a volume or bind says "keep", whatever its name.
Rule 3: a rule that calls something scratch is a sentence, and stands in the report.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dockstore.core.drill_facts import Group, StoreNote
from dockstore.core.storage import INIT_MOUNTPOINTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dockstore.core.drill_facts import FileEntry

DATA, SCRATCH = "data", "scratch"
MARKER = "dockstore-n"
MOST_GROUPS = 12

SCRATCH_PLACES: tuple[tuple[str, str], ...] = (
    ("/tmp", "/tmp in the writable layer: temporary files"),
    ("/run", "/run in the writable layer: pid files and sockets"),
    ("/var/run", "/var/run in the writable layer: pid files and sockets"),
    ("/var/lock", "/var/lock in the writable layer: locks"),
    ("/var/log", "/var/log in the writable layer: logs"),
    ("/var/cache", "/var/cache in the writable layer: caches"),
    ("/dev", "/dev: the kernel's"),
    ("/proc", "/proc: the kernel's"),
    ("/sys", "/sys: the kernel's"),
)
_SCRATCH_PARTS = {".cache": "a .cache folder", "__pycache__": "Python's compiled files", "nsswrapper": "a start script's account files"}
_SCRATCH_NAMES = (".ash_history", ".bash_history", ".lesshst", ".wget-hsts", ".dockerenv", "ld.so.cache")
_TRANSIENT = (".pid", ".lock", ".lck", ".sock", ".socket", ".swp")
_GENERAL = frozenset(
    [
        "/",
        "/app",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",
        "/usr",
        "/var",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/local/bin",
        "/usr/local/etc",
        "/usr/local/lib",
        "/usr/local/share",
        "/usr/local/var",
        "/usr/sbin",
        "/usr/share",
        "/usr/src",
        "/var/cache",
        "/var/lib",
        "/var/local",
        "/var/log",
        "/var/mail",
        "/var/opt",
        "/var/run",
        "/var/spool",
        "/var/tmp",
        "/var/www",
        "/etc/conf.d",
        "/etc/default",
        "/home/node",
    ]
)
# what the engine itself makes in a container: files that it mounts over, and the mountpoint of its init
_ENGINES_OWN = (
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/.dockerenv",
    "/etc/mtab",
    "/dev/console",
    *INIT_MOUNTPOINTS,
)


@dataclass(slots=True, kw_only=True)
class Written:
    """What one container's listings showed of one store. Paths are real paths in the container."""

    store: StoreNote
    files: dict[str, FileEntry] = field(default_factory=dict)  # written until ready
    at_stop: dict[str, FileEntry] = field(default_factory=dict)  # written in a graceful stop
    by_probe: dict[str, dict[str, FileEntry]] = field(default_factory=dict)  # probe name -> written in answer to it
    made: frozenset[str] = frozenset()  # folders of the layer that the image does not have


def changed(before: Mapping[str, FileEntry], after: Mapping[str, FileEntry], *, lower: Mapping[str, tuple[int, int]] | None = None) -> dict[str, FileEntry]:  # noqa: E501  # fmt: skip
    """Return the files of *after* that were written since *before*. *lower*: (size, mtime) of what the image has at that path."""
    found: dict[str, FileEntry] = {}
    for path, entry in after.items():
        if entry.type in {"directory", "whiteout", "device"} or is_marker(path):
            continue
        old = before.get(path)
        if old is not None and (old.size, old.mtime_ns, old.inode) == (entry.size, entry.mtime_ns, entry.inode):
            continue
        below = (lower or {}).get(path)
        if old is None and below is not None and below == (entry.size, entry.mtime_ns):
            continue  # a chown or a copy-up: nobody wrote
        found[path] = entry
    return found


def is_marker(path: str) -> bool:
    """Whether *path* is one of our own nonce files."""
    return posixpath.basename(path).startswith(MARKER)


def files_of(files: Mapping[str, FileEntry], group: Group) -> dict[str, FileEntry]:
    """Return those of a store's files that are *group*'s own."""
    return {path: entry for path, entry in files.items() if entry.type == "file" and _beneath(path, group.path) and not is_marker(path)}


def engines_own(path: str, targets: Collection[str]) -> bool:
    """Whether the engine made *path* (its own files, and files as mountpoints)."""
    return path in _ENGINES_OWN or path in targets


def role_of(store: StoreNote, path: str, entry: FileEntry, *, later: bool) -> tuple[str, str]:
    """Return role and rule of one written file. *later*: written after the service was ready (a probe, a stop)."""
    name = posixpath.basename(path)
    if entry.type in {"socket", "fifo"}:
        return SCRATCH, "a socket or pipe"
    if name.endswith(_TRANSIENT) or name in {"LOCK", "lock", "postmaster.pid", "postmaster.opts"}:
        return SCRATCH, "a pid or lock file"
    if store.kind == "tmpfs":
        rule = next((rule for place, rule in SCRATCH_PLACES if store.target in {place, "/dev/shm", "/var/tmp"} and _beneath(store.target, place)), None)  # noqa: E501  # fmt: skip
        return (
            (SCRATCH, f"a tmpfs at {store.target}: memory by design")
            if rule is not None
            else (DATA, "written to a tmpfs outside the usual scratch places")
        )
    if store.kind != "writable-layer":
        return DATA, f"written to a {store.kind}: what is mounted is meant to be kept"
    for place, rule in SCRATCH_PLACES:
        if _beneath(path, place):
            return SCRATCH, rule
    for part in PurePosixPath(path).parts:
        if part in _SCRATCH_PARTS:
            return SCRATCH, _SCRATCH_PARTS[part]
    if name in _SCRATCH_NAMES or name.endswith(".pyc"):
        return SCRATCH, "a tool's own leavings"
    if _beneath(path, "/etc") and not later:
        return SCRATCH, "/etc in the writable layer, written at the start only: settings that the start script makes anew"
    return DATA, "written to the writable layer outside the usual scratch places"


def groups(service: str, written: Iterable[Written], *, owner: tuple[int, int]) -> tuple[Group, ...]:
    """Group what *service* wrote, store by store. *owner*: uid and gid of its process, where nothing tells better."""
    found: list[Group] = []
    for store in written:
        found += _groups_of(service, store, owner)
    return tuple(sorted(found, key=lambda group: (group.role != DATA, group.found == "declared", group.path))[:MOST_GROUPS])


def _groups_of(service: str, seen: Written, owner: tuple[int, int]) -> list[Group]:
    start = {path: (entry, role_of(seen.store, path, entry, later=path in seen.at_stop)) for path, entry in seen.files.items()}
    stop = {path: (entry, role_of(seen.store, path, entry, later=True)) for path, entry in seen.at_stop.items() if path not in start}
    everything = {**start, **stop}
    data = {path: entry for path, (entry, (role, _)) in everything.items() if role == DATA}
    scratch = {path: (entry, rule) for path, (entry, (role, rule)) in everything.items() if role == SCRATCH}
    made: list[Group] = []
    for folder, paths in _folders(seen, data):
        rule = everything[paths[0]][1][1]
        made.append(_group(service, seen, folder, paths, {path: data[path] for path in paths}, DATA, rule, "written", owner))
    for name, touched in seen.by_probe.items():
        fresh = {path: entry for path, entry in touched.items() if not any(_beneath(path, group.path) for group in made) and path not in scratch}
        fresh = {path: entry for path, entry in fresh.items() if role_of(seen.store, path, entry, later=True)[0] == DATA}
        for folder, paths in _folders(seen, fresh):
            made.append(_group(service, seen, folder, paths, fresh, DATA, f"written in answer to the probe {name}", "probe", owner))
    if seen.store.kind in {"writable-layer", "tmpfs"}:
        made += _scratch_groups(service, seen, scratch, owner)
    if not made and seen.store.kind != "writable-layer" and not seen.store.read_only and not scratch:
        made.append(_declared(service, seen, owner))
    return [_with_probes(group, seen) for group in made]


def _with_probes(group: Group, seen: Written) -> Group:
    from dataclasses import replace

    touched = tuple(name for name, files in seen.by_probe.items() if any(_beneath(path, group.path) for path in files))
    return replace(group, probes=touched) if touched and group.role == DATA else group


def _declared(service: str, seen: Written, owner: tuple[int, int]) -> Group:
    target = seen.store.target
    return Group(
        service=service,
        path=target,
        folder=target if not seen.store.single_file else posixpath.dirname(target),
        store=seen.store,
        role=DATA,
        role_rule="mounted, and nothing was seen to be written there",
        found="declared",
        uid=owner[0],
        gid=owner[1],
        aliases=_aliases(seen.store),
        markable=not seen.store.single_file,
    )


def _group(
    service: str,
    seen: Written,
    folder: str,
    paths: list[str],
    entries: Mapping[str, FileEntry],
    role: str,
    rule: str,
    found: str,
    owner: tuple[int, int],
) -> Group:
    owners = [(entries[path].uid, entries[path].gid) for path in paths]
    common = max(set(owners), key=owners.count) if owners else owner
    single = seen.store.single_file
    lone = len(paths) == 1 and folder == paths[0]
    return Group(
        service=service,
        path=folder,
        folder=posixpath.dirname(folder) or "/" if lone else folder,
        store=seen.store,
        role=role,
        role_rule=rule,
        found=found,
        files=len(paths),
        examples=tuple(sorted(paths, key=lambda path: (-entries[path].size, path))[:4]),
        uid=common[0],
        gid=common[1],
        aliases=_aliases(seen.store),
        written_at_stop=any(path in seen.at_stop for path in paths),
        markable=not single,
    )


def _aliases(store: StoreNote) -> tuple[str, ...]:
    return (store.key,) if store.key not in {store.target, "/"} else ()


def _folders(seen: Written, files: Mapping[str, FileEntry]) -> list[tuple[str, list[str]]]:
    """The folders to name, each with its files."""
    if not files:
        return []
    paths = sorted(files)
    if seen.store.single_file:
        return [(seen.store.target, paths)]
    if seen.store.kind != "writable-layer":
        return [(_common([posixpath.dirname(path) for path in paths], seen.store.target), paths)]
    tops = {path: _climb(path, seen.made) for path in paths}
    merged: list[str] = []
    for top in sorted(set(tops.values()), key=lambda item: len(PurePosixPath(item).parts)):
        joined = top
        for other in list(merged):
            common = posixpath.commonpath([other, joined])
            if common not in _GENERAL and len(PurePosixPath(common).parts) > 1:
                merged.remove(other)
                joined = common
        merged.append(joined)
    return [(top, [path for path in paths if _beneath(path, top)]) for top in sorted(merged)]


def _climb(path: str, made: frozenset[str]) -> str:
    """From a file to the highest folder that the service made; a file right in a general folder is named itself."""
    top = posixpath.dirname(path)
    if top in _GENERAL:
        return path
    while posixpath.dirname(top) in made and posixpath.dirname(top) not in _GENERAL:
        top = posixpath.dirname(top)
    return top


def _common(folders: list[str], top: str) -> str:
    found = posixpath.commonpath(folders)
    return found if _beneath(found, top) else top


def _scratch_groups(service: str, seen: Written, scratch: Mapping[str, tuple[FileEntry, str]], owner: tuple[int, int]) -> list[Group]:
    by_rule: dict[tuple[str, str], list[str]] = {}
    for path, (entry, rule) in scratch.items():
        if entry.type == "file" and not rule.startswith(("a pid", "a socket")):
            place = next((place for place, _ in SCRATCH_PLACES if _beneath(path, place)), None)
            top = seen.store.target if seen.store.kind == "tmpfs" else place or posixpath.dirname(path)
            by_rule.setdefault((top, rule), []).append(path)
    entries = {path: entry for path, (entry, _) in scratch.items()}
    return [
        _group(service, seen, top, sorted(paths), entries, SCRATCH, rule, "written", owner)
        for (top, rule), paths in sorted(by_rule.items())
        if top != "/" and not top.startswith("/etc")
    ][:4]


def _beneath(path: str, folder: str) -> bool:
    return folder in {path, "/"} or path.startswith(f"{folder}/")
