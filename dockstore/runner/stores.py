"""Every store of a container, listed from the host: upper directory, mountpoints, bind sources, and memory through the process's root.

Rule 1: keyed by destination, for inspect gives mounts in no fixed order; told by real path, for links give one place two names (P1).
Rule 2: a listing changes nothing in the container and asks no process of it.
Rule 3: a store that cannot be listed is said, never taken for an empty one.
"""

from __future__ import annotations

import posixpath
from dataclasses import field, replace
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.drill_facts import FileEntry, StoreNote
from dockstore.core.values import dataclass
from dockstore.core.writes import engines_own
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.scene import section, text, volume_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.engines.host import Host
    from dockstore.runner.scene import MountFact, Scene
    from dockstore.runner.stage import Seat

LAYER = "/"
LINKS_AT_MOST = 40
MOST_FILES = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A store of one container, and where the host finds it. *root* None: nowhere, and *why*."""

    note: StoreNote
    root: str | None
    inner: str = ""  # below root: of a tmpfs, where it is mounted in the process's root
    lower: tuple[str, ...] = ()
    why: str = ""


@dataclass(slots=True, kw_only=True)
class Listing:
    """The files of every store of one container at one moment: store key -> real path in the container -> entry."""

    spots: dict[str, Spot] = field(default_factory=dict)
    files: dict[str, dict[str, FileEntry]] = field(default_factory=dict)
    folders: dict[str, set[str]] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)


def spots_of(seat: Seat, scene: Scene, declared: frozenset[str]) -> tuple[Spot, ...]:
    """Every store of the container. *declared*: the mounts that its Compose file names (others come from the image)."""
    root = _process_root(seat.host, scene)
    found = [layer_spot(seat, scene)]
    for mount in scene.mounts:
        target = resolved(seat.host, root, mount.destination) if root is not None else mount.destination
        spot = _mount(seat, mount, target, declared)
        if spot is not None:
            found.append(spot)
    for memory in scene.memory:
        target = resolved(seat.host, root, memory) if root is not None else memory
        note = StoreNote(key=memory, target=target, kind="tmpfs", declared_by="compose")
        found.append(Spot(note=note, root=root, inner=target.lstrip("/"), why="" if root is not None else "its memory is there only while it runs"))
    return tuple(found)


def _process_root(host: Host, scene: Scene) -> str | None:
    if not scene.running or not scene.pid or host.reason is not None:
        return None
    try:
        return host.proc_root(scene.pid)
    except Unseen:
        return None


def layer_spot(seat: Seat, scene: Scene) -> Spot:
    """The writable layer, as inspect tells it; where it does not (the containerd image store), as the kernel does while it runs."""
    upper, lower = scene.upperdir, _lower(scene)
    if upper is None and scene.running and seat.host.reason is None:
        try:
            entry = next((entry for entry in storage.parse_mountinfo(seat.host.mountinfo(scene.pid)) if entry.target == "/"), None)
        except Unseen:
            entry = None
        if entry is not None:
            upper, lower = entry.upperdir, entry.layers
    note = StoreNote(key=LAYER, target="/", kind="writable-layer", name=scene.real, host_path=upper)
    return Spot(note=note, root=upper, lower=lower, why="" if upper is not None else "where its writable layer lies cannot be told")


def _lower(scene: Scene) -> tuple[str, ...]:
    found = text(section(section(scene.answer, "GraphDriver"), "Data").get("LowerDir"))
    return tuple(part for part in found.split(":") if part)


def _mount(seat: Seat, mount: MountFact, target: str, declared: frozenset[str]) -> Spot | None:
    said = "compose" if mount.destination in declared else "image VOLUME"
    note = StoreNote(
        key=mount.destination,
        target=target,
        kind=mount.type,
        name=mount.name,
        declared_by=said,
        host_path=mount.source or None,
        read_only=mount.read_only,
    )
    match mount.type:
        case "volume":
            return _volume(seat, mount, note)
        case "bind":
            single = _is_file(seat.host, mount.source)
            return Spot(note=replace(note, single_file=single), root=mount.source)
        case _:
            return None  # tmpfs stand in scene.memory, images are read only


def _volume(seat: Seat, mount: MountFact, note: StoreNote) -> Spot:
    try:
        facts = volume_facts(seat, mount.name) if mount.name else None
    except EngineError as error:
        return Spot(note=note, root=None, why=str(error))
    if facts is None:
        return Spot(note=note, root=None, why=f"the engine does not know the volume {mount.name}")
    note = replace(note, anonymous=facts.anonymous, host_path=facts.mountpoint)
    if not facts.elsewhere:
        return Spot(note=note, root=facts.mountpoint)
    if storage.is_bind_volume(dict(facts.options)):
        return Spot(note=replace(note, host_path=facts.options.get("device")), root=facts.options.get("device"))
    return Spot(note=note, root=facts.mountpoint, why="")


def _is_file(host: Host, path: str) -> bool:
    try:
        found = host.stat(path)
    except Unseen:
        return False
    return found is not None and found.type != "directory"


def list_stores(seat: Seat, scene: Scene, declared: frozenset[str], *, layer: bool = True, most: int = MOST_FILES) -> Listing:
    """List every store of the container that the host can see; one with more than *most* files is not listed, and said."""
    listing = Listing()
    targets = {mount.destination for mount in scene.mounts} | set(scene.memory)
    spots = spots_of(seat, scene, declared)
    targets |= {spot.note.target for spot in spots}
    for spot in spots:
        key = spot.note.key
        listing.spots[key] = spot
        if spot.note.kind == "writable-layer" and not layer:
            continue
        if spot.root is None or seat.host.reason is not None:
            listing.unseen[key] = spot.why or seat.host.reason or "it cannot be seen"
            continue
        try:
            listing.files[key], listing.folders[key] = _list(seat.host, spot, targets, most)
        except Unseen as error:
            listing.unseen[key] = str(error)
    return listing


def _list(host: Host, spot: Spot, targets: Iterable[str], most: int) -> tuple[dict[str, FileEntry], set[str]]:
    files: dict[str, FileEntry] = {}
    folders: set[str] = set()
    root = spot.root or "/"
    if spot.note.single_file:
        found = host.stat(root)
        if found is not None:
            files[spot.note.target] = FileEntry(found.type, found.size_bytes, found.mtime_ns, found.inode, found.uid, found.gid)
        return files, folders
    start = posixpath.join(root, spot.inner) if spot.inner else root
    if host.stat(spot.inner, root=root) is None if spot.inner else host.stat(root) is None:
        raise Unseen(f"{start} is not there")
    base = spot.note.target.rstrip("/")
    taken = frozenset(targets)
    for item in host.walk(start, limit_files=most):
        path = f"{base}/{item.path}"
        stat = item.stat
        if stat.type == "directory":
            folders.add(path)
        elif not (spot.note.kind == "writable-layer" and engines_own(path, taken)):
            files[path] = FileEntry(stat.type, stat.size_bytes, stat.mtime_ns, stat.inode, stat.uid, stat.gid)
    return files, folders


def image_files(host: Host, spot: Spot, paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """(size, mtime) of what the image has at *paths*, for those that it has."""
    found: dict[str, tuple[int, int]] = {}
    for path in paths:
        for layer in spot.lower:
            try:
                stat = host.stat(path.lstrip("/"), root=layer, follow=False)
            except Unseen:
                continue
            if stat is not None:
                if stat.type != "whiteout":
                    found[path] = (stat.size_bytes, stat.mtime_ns)
                break
    return found


def made_folders(host: Host, spot: Spot, folders: Iterable[str]) -> frozenset[str]:
    """Those of *folders* of the writable layer that no layer of the image has."""
    return frozenset(folder for folder in folders if not image_files(host, spot, (folder,)))


def resolved(host: Host, root: str, path: str) -> str:
    """*path* with its links resolved inside *root*, as far as it exists."""
    rest = [part for part in path.split("/") if part]
    done: list[str] = []
    links = 0
    while rest:
        part = rest.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        here = "/".join([*done, part])
        try:
            stat = host.stat(here, root=root, follow=False)
        except Unseen:
            stat = None
        if stat is not None and stat.type == "link" and stat.link_target and links < LINKS_AT_MOST:
            links += 1
            target = stat.link_target
            done = [] if target.startswith("/") else done
            rest = [piece for piece in target.split("/") if piece not in {"", "."}] + rest
        else:
            done.append(part)
    return "/" + "/".join(done)
