"""What host and engine see of one write, each in the store that took it, and who uses that store.

Rule 1: the host looks in the store that took the write, never at the place now; where its path is another's now, it has not seen (P31).
Rule 2: "absent" on the host only beside something that is there; a look through a process's root is the container's, never the host's.
Rule 3: the engine knows names; a name is the store only while its identity is the same (P11, P22).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.history import Testimony
from dockstore.core.model import Sight, StoreKind, Users
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.placing import numbers_of
from dockstore.runner.scene import MountFact, read_scene, scene_of, volume_facts

if TYPE_CHECKING:
    from dockstore.core.model import Store
    from dockstore.core.storage import MountEntry
    from dockstore.engines.engine import Json
    from dockstore.runner.scene import Moment, Scene
    from dockstore.runner.stage import Box, Seat, Written

LOOK_LIMIT_BYTES = 1 << 16
RUN_LABEL = "io.dockstore.run"


def unseen(why: str) -> Testimony:
    """Nothing was seen, and why."""
    return Testimony(sight=Sight.UNSEEN, detail=why)


# --- the host ---------------------------------------------------------------------------------------------------------------


def host_sight(written: Written, inner: str, *, mounted_numbers: tuple[int, int] | None = None, elsewhere_mounted: bool | None = None) -> Testimony:
    """Return what the host sees of *written* at *inner*, a path inside the store that took it.

    Of a volume whose bytes are not the engine's: *mounted_numbers* is what a container of it sees behind it now, and *elsewhere_mounted*
    whether a running container may hold the memory that took the write (None: that cannot be told).
    """
    store, seat = written.store, written.seat
    if store is None or seat is None:
        return unseen("which store took the write is not known")
    match store.kind:
        case StoreKind.TMPFS:
            return Testimony(sight=Sight.NOT_APPLICABLE, detail="a tmpfs has no bytes on the host's disk")
        case StoreKind.IMAGE_LAYER | StoreKind.IMAGE_MOUNT:
            return unseen("an image takes no writes")
    if seat.host.reason is not None:
        return unseen(seat.host.reason)
    try:
        match store.kind:
            case StoreKind.VOLUME:
                return _in_volume(seat, written, store, inner, mounted_numbers, elsewhere_mounted=elsewhere_mounted)
            case StoreKind.BIND:
                return _in_bind(seat, written, store, inner)
            case StoreKind.WRITABLE_LAYER:
                return _in_folder(seat, store.host_path, inner, written.nonce, what="the upper directory")
            case StoreKind.ENGINE_FILE:
                return _in_file(seat, store.host_path, written.nonce)
    except Unseen as exc:
        return unseen(str(exc))


def _in_volume(
    seat: Seat, written: Written, store: Store, inner: str, mounted_numbers: tuple[int, int] | None, *, elsewhere_mounted: bool | None
) -> Testimony:
    if store.has_options:
        return _behind_volume(seat, written, store, inner, mounted_numbers, elsewhere_mounted=elsewhere_mounted)
    root = store.host_path
    if root is None:
        return unseen("the engine did not tell where the volume lies")
    found = seat.host.stat(root)
    if found is None:
        return _gone(seat, root, "the volume's directory")
    then = written.directory
    if then is None:
        return unseen(f"whether {root} is still the directory that took the write cannot be told")
    if (found.device, found.inode) != then[:2] or (found.birth_ns is not None and then[2] is not None and found.birth_ns != then[2]):
        return Testimony(sight=Sight.ABSENT, detail=f"the directory that took the write is gone; {root} is another one")
    if found.birth_ns is None and store.identity is None:
        return unseen(f"whether {root} is still the directory that took the write cannot be told")
    return _read(seat, root, inner, written.nonce)


def _behind_volume(
    seat: Seat, written: Written, store: Store, inner: str, mounted_numbers: tuple[int, int] | None, *, elsewhere_mounted: bool | None
) -> Testimony:
    """A volume with options (P9): a device folder, or whatever is mounted at its mountpoint while a container runs."""
    options = dict(written.options)
    numbers = storage.bind_numbers(store.identity)
    if storage.is_bind_volume(options):
        return _in_bind(seat, written, store, inner)
    if numbers is None:
        return unseen("what lay behind the volume was not told")
    mountpoint = store.host_path
    mounted = mountpoint is not None and any(entry.target == mountpoint for entry in storage.parse_mountinfo(seat.host.own_mountinfo()))
    if mounted and mountpoint is not None and numbers_of(seat, mountpoint) == numbers:
        return _read(seat, mountpoint, inner, written.nonce)
    if not storage.is_memory_volume(options):
        return unseen(f"{mountpoint} is empty unless a container mounts the volume; its bytes lie elsewhere")
    if mounted_numbers == numbers:
        return unseen("a container has the volume's memory, but it is not mounted where the host looks")
    if elsewhere_mounted is False:
        return Testimony(sight=Sight.NOT_APPLICABLE, detail="nothing mounts the memory that took the write")
    return unseen("whether a running container still has the memory that took the write cannot be told")


def _in_bind(seat: Seat, written: Written, store: Store, inner: str) -> Testimony:
    source = store.host_path
    if source is None:
        return unseen("where the bind mount's source lies is not known")
    then = storage.bind_numbers(store.identity)
    if then is None:
        return unseen("device and inode of the bind mount's source were not told")
    found = seat.host.stat(source)
    if found is None:
        return unseen(f"{source} is not there any more; where its device and inode are now is not known")
    if (found.device, found.inode) != then:
        return unseen(f"{source} is another one now (device:inode {found.device}:{found.inode}, at the write {then[0]}:{then[1]})")
    if found.type != "directory":
        return _in_file(seat, source, written.nonce) if not inner else Testimony(sight=Sight.ABSENT, detail=f"{source} is no folder")
    return _read(seat, source, inner, written.nonce)


def _in_folder(seat: Seat, root: str | None, inner: str, nonce: bytes, *, what: str) -> Testimony:
    if root is None:
        return unseen(f"where {what} lies is not known")
    found = seat.host.stat(root)
    if found is None:
        return _gone(seat, root, what)
    return _read(seat, root, inner, nonce)


def _in_file(seat: Seat, path: str | None, nonce: bytes) -> Testimony:
    if path is None:
        return unseen("where the file lies on the host is not known")
    folder, name = posixpath.split(path)
    if seat.host.stat(folder) is None:
        return _gone(seat, folder, "its folder")
    return _read(seat, folder, name, nonce)


def _gone(seat: Seat, path: str, what: str) -> Testimony:
    """A store's root that is not there: absent, if the folder above it (or the one above that) is."""
    above = posixpath.dirname(posixpath.dirname(path.rstrip("/")))
    if seat.host.stat(above) is None:
        return unseen(f"neither {path} nor {above} is there: is this the engine's host?")
    return Testimony(sight=Sight.ABSENT, detail=f"{what} {path} is gone")


def _read(seat: Seat, root: str, inner: str, nonce: bytes) -> Testimony:
    """Look for *nonce* at *inner* below *root*, which is there (the control)."""
    where = posixpath.join(root, inner)
    found = seat.host.stat(inner, root=root)
    if found is None or found.type == "whiteout":
        return Testimony(sight=Sight.ABSENT, detail=f"{where}: " + ("deleted (a whiteout)" if found is not None else "not there"))
    if found.type != "file":
        return Testimony(sight=Sight.OTHER, detail=f"{where}: there is a {found.type} in its place")
    content = seat.host.read(inner, root=root, limit_bytes=LOOK_LIMIT_BYTES)
    if content is None:
        return unseen(f"{where} went away while it was read")
    return Testimony(sight=Sight.SAME if content == nonce else Sight.OTHER, detail=where)


# --- the engine -------------------------------------------------------------------------------------------------------------


def engine_sight(written: Written, moment: Moment) -> Testimony:
    """Return what the engine says of the store that took *written*."""
    store, seat = written.store, written.seat
    if store is None or seat is None:
        return unseen("which store took the write is not known")
    match store.kind:
        case StoreKind.BIND | StoreKind.TMPFS | StoreKind.ENGINE_FILE | StoreKind.IMAGE_LAYER | StoreKind.IMAGE_MOUNT:
            return Testimony(sight=Sight.NOT_APPLICABLE, detail=f"a {store.kind} is none of the engine's objects")
        case StoreKind.WRITABLE_LAYER:
            return _container_there(seat, store, moment)
        case StoreKind.VOLUME:
            return _volume_there(seat, store, moment)


def _container_there(seat: Seat, store: Store, moment: Moment) -> Testimony:
    container = store.container
    if container is None:
        return unseen("whose writable layer it is, is not known")
    try:
        found = moment.scene(seat, container)
    except EngineError as exc:
        return unseen(str(exc))
    if found is None:
        return Testimony(sight=Sight.ABSENT, detail=f"no container {container[:12]}")
    return Testimony(sight=Sight.SAME, detail=f"container {found.real} ({container[:12]}) is {found.status}")


def _volume_there(seat: Seat, store: Store, moment: Moment) -> Testimony:
    name = store.name
    if name is None:
        return unseen("the volume's name is not known")
    if store.has_options:
        return Testimony(sight=Sight.NOT_APPLICABLE, detail=f"the bytes of volume {name} are not the engine's: it has options or another driver")
    try:
        facts = moment.volume(seat, name)
    except EngineError as exc:
        return unseen(str(exc))
    if facts is None:
        return Testimony(sight=Sight.ABSENT, detail=f"no volume {name}")
    if facts.nonce is None and (store.identity or "").startswith(storage.NONCED):
        return Testimony(sight=Sight.ABSENT, detail=f"the volume {name} is another one: it lacks the label that the first was made with")
    if store.identity is None or facts.identity is None:
        return unseen(f"there is a volume {name}, and nothing tells whether it is the one that took the write")
    if store.identity != facts.identity:
        return Testimony(sight=Sight.ABSENT, detail=f"the volume {name} is another one of that name")
    return Testimony(sight=Sight.SAME, detail=f"volume {name}")


# --- who has it -------------------------------------------------------------------------------------------------------------


def users_of(written: Written, boxes: dict[str, Box], run: str) -> tuple[Users, tuple[str, ...]]:
    """Return whether any container, running or not, has the store that took *written*, and which ("NAME:/target")."""
    store, seat = written.store, written.seat
    if store is None or seat is None:
        return Users.UNKNOWN, ()
    names = {box.id: box.name for box in boxes.values()}
    try:
        match store.kind:
            case StoreKind.WRITABLE_LAYER | StoreKind.ENGINE_FILE:
                found = scene_of(seat, store.container) if store.container is not None else None
                return _verdict((f"{names.get(found.id, found.real)}:{store.target}",) if found is not None else ())
            case StoreKind.TMPFS:
                return _verdict(_memory_users(seat, store, names)) if store.identity is not None else (Users.UNKNOWN, ())
            case StoreKind.VOLUME:
                if store.has_options and storage.is_memory_volume(dict(written.options)):
                    return _memory_holders(seat, store)
                return _volume_users(seat, store, names)
            case StoreKind.BIND:
                return _bind_users(seat, store, names, run)
            case StoreKind.IMAGE_LAYER | StoreKind.IMAGE_MOUNT:
                return Users.UNKNOWN, ()
    except EngineError:
        return Users.UNKNOWN, ()


def _verdict(found: tuple[str, ...]) -> tuple[Users, tuple[str, ...]]:
    return (Users.SOMEBODY if found else Users.NOBODY), found


def _memory_users(seat: Seat, store: Store, names: dict[str, str]) -> tuple[str, ...]:
    """The container whose life it is, while that very life lasts."""
    if store.container is None or store.identity is None:
        return ()
    found = scene_of(seat, store.container)
    if found is None or not found.running or not store.identity.endswith(f":{found.id}:{found.started}"):
        return ()
    return (f"{names.get(found.id, found.real)}:{store.target}",)


def _memory_holders(seat: Seat, store: Store) -> tuple[Users, tuple[str, ...]]:
    """A volume that is a tmpfs: who mounts its name now has another memory, unless one container held it all the while."""
    held = running_holders(seat, store, None)
    if held is None:
        return Users.UNKNOWN, ()
    return _verdict((f"a container with the volume {store.name}",) if held else ())


def _volume_users(seat: Seat, store: Store, names: dict[str, str]) -> tuple[Users, tuple[str, ...]]:
    """Containers that mount it. The list's filter finds binds by source, too, and matches targets: the name is compared."""
    if store.name is None:
        return Users.UNKNOWN, ()
    if not store.has_options:
        facts = volume_facts(seat, store.name)
        if facts is None:
            return Users.NOBODY, ()
        if store.identity is None or facts.identity is None:
            return Users.UNKNOWN, ()
        if store.identity != facts.identity:
            return Users.NOBODY, ()  # whoever mounts that name has another one
    found = tuple(
        f"{names.get(scene_id(answer), display(answer))}:{mount.destination}"
        for answer in seat.engine.list_containers(filters={"volume": [store.name]})
        for mount in mounts_of(answer)
        if mount.type == "volume" and mount.name == store.name
    )
    return _verdict(found)


def _bind_users(seat: Seat, store: Store, names: dict[str, str], run: str) -> tuple[Users, tuple[str, ...]]:
    """Containers of this run whose mount is that very device and inode; the scratch folder is nobody else's."""
    then = storage.bind_numbers(store.identity)
    if then is None or seat.host.reason is not None:
        return Users.UNKNOWN, ()
    found: list[str] = []
    doubt = False
    for answer in seat.engine.list_containers(filters={"label": [f"{RUN_LABEL}={run}"]}):
        for mount in mounts_of(answer):
            if mount.type not in {"bind", "volume"}:
                continue
            numbers = _mounted(seat, answer, mount)
            if numbers == then:
                found.append(f"{names.get(scene_id(answer), display(answer))}:{mount.destination}")
            doubt = doubt or (numbers is None and mount.source == store.host_path)
    if not found and doubt:
        return Users.UNKNOWN, ()
    return _verdict(tuple(found))


def _mounted(seat: Seat, answer: Json, mount: MountFact) -> tuple[int, int] | None:
    """Device and inode that a container holds at a mount: a running one by its own root (its source may have been replaced, P17)."""
    if answer.get("State") == "running":
        scene = scene_of(seat, scene_id(answer))
        if scene is not None and scene.pid:
            try:
                found = seat.host.stat(mount.destination, root=seat.host.proc_root(scene.pid))
            except Unseen:
                return None
            return (found.device, found.inode) if found is not None else None
    return numbers_of(seat, mount.source)


def running_holders(seat: Seat, store: Store, but: str | None) -> bool | None:
    """Whether a running container other than *but* may still have the memory behind a volume; None: that cannot be told."""
    numbers = storage.bind_numbers(store.identity)
    if store.name is None or numbers is None:
        return None
    try:
        listed = seat.engine.list_containers(filters={"volume": [store.name]})
        for answer in listed:
            if answer.get("State") not in {"running", "paused", "restarting"} or scene_id(answer) == but:
                continue
            scene = scene_of(seat, scene_id(answer))
            if scene is None or not scene.running:
                continue
            entries = storage.parse_mountinfo(seat.host.mountinfo(scene.pid))
            if any(entry.device == numbers[0] and _may_be_of(store, entry, scene) for entry in entries):
                return True
    except (EngineError, Unseen):
        return None
    return False


def _may_be_of(store: Store, entry: MountEntry, scene: Scene) -> bool:
    """Whether a mount of a container may be memory of a volume: device numbers come back, and a container has many mounts of its own."""
    if not entry.in_memory:
        return False
    if any(mount.destination == entry.target for mount in scene.mounts if mount.type == "volume" and mount.name == store.name):
        return True
    own = (*scene.memory, *(mount.destination for mount in scene.mounts))
    return entry.target not in own and not any(storage.beneath(entry.target, place) for place in ("/dev", "/proc", "/sys"))


def mounts_of(answer: Json) -> tuple[MountFact, ...]:
    """The mounts of a listed container."""
    return read_scene(answer).mounts


def scene_id(answer: Json) -> str:
    """The id of a listed container."""
    return str(answer.get("Id", ""))


def display(answer: Json) -> str:
    """The engine's name of a listed container."""
    names = answer.get("Names")
    return str(names[0]).removeprefix("/") if isinstance(names, list) and names else scene_id(answer)[:12]
