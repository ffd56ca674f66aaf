"""Which store is behind a path of a container now: the kernel's word, joined with the engine's.

Rule 1: where a process can be asked, the kernel's mount table decides (P1, P7); the engine's list gives it a name.
Rule 2: where none can, the engine's list alone is "assumed", with links resolved by the archive endpoint.
Rule 3: an identity that cannot be told is None, with the reason beside it.
"""

from __future__ import annotations

import stat as modes
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.model import Store, StoreKind
from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.host import Unseen
from dockstore.runner.scene import Moment, items, section, text

if TYPE_CHECKING:
    from dockstore.core.storage import MountEntry
    from dockstore.runner.probe import Answers, Target
    from dockstore.runner.scene import MountFact, Scene, VolumeFacts
    from dockstore.runner.stage import Seat

LINKS_AT_MOST = 40
_NOT_OURS = ("proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts")


@dataclass(slots=True)
class Ground:
    """A container's stores at one moment. *answers* None: no process can be asked."""

    seat: Seat
    scene: Scene
    answers: Answers | None
    moment: Moment = field(default_factory=Moment)

    @property
    def told_by_kernel(self) -> bool:
        """Whether the mount table was read."""
        return self.answers is not None and bool(self.answers.mounts)

    def volume(self, name: str) -> VolumeFacts | None:
        """What engine and host say of a volume, asked once in this moment."""
        return self.moment.volume(self.seat, name)

    def store_at(self, path: str) -> tuple[Store | None, str]:
        """Return the store behind *path* (resolved), and what is to be said of how it was told."""
        if self.answers is None:
            return self._assumed(path)
        if not self.answers.mounts:
            return None, "the container's mount table could not be read"
        entry = storage.mount_at(path, self.answers.mounts)
        if entry is None:
            return None, f"no mount holds {path}"
        return self._store(entry, path)

    def attached(self, path: str) -> list[Store]:
        """Every store that is mounted above *path*, the topmost first, each with the path inside it."""
        if self.answers is None or not self.answers.mounts:
            return []
        above = [entry for entry in self.answers.mounts if storage.beneath(path, entry.target)]
        stores = [self._store(entry, path)[0] for entry in reversed(above)]
        return [store for store in stores if store is not None]

    def every_bind_and_volume(self) -> list[tuple[MountFact, str]]:
        """Each entry of Mounts with where it really lies."""
        return [(mount, self._target(mount.destination)) for mount in self.scene.mounts]

    # --- as the kernel has it -----------------------------------------------------------------------------------------

    def _store(self, entry: MountEntry, path: str) -> tuple[Store | None, str]:
        inner = storage.inside(path, entry.target)
        mount = self._configured(entry)
        if mount is not None:
            match mount.type:
                case "volume":
                    return self._volume_store(entry, mount, inner)
                case "bind":
                    return self._bind_store(entry, mount, inner)
                case "image":
                    return Store(kind=StoreKind.IMAGE_MOUNT, identity=None, name=mount.name, inner_path=inner, target=entry.target), ""
                case _:
                    return self._memory_store(entry, inner), ""
        if entry.target == "/":
            return self._layer(inner, entry), ""
        if entry.target in storage.ENGINE_FILES:
            return self._engine_file(entry.target, inner), ""
        if entry.filesystem in _NOT_OURS:
            return None, f"{path} is in the kernel's own {entry.filesystem}"
        below = self._bind_above(entry)
        if below is not None:
            source = storage.joined(below.source, storage.inside(entry.target, self._target(below.destination)))
            identity = f"mount:{entry.device}:{entry.root}"
            return Store(kind=StoreKind.BIND, identity=identity, host_path=f"/{source}", inner_path=inner, target=entry.target), (
                "a further file system that is mounted below the bind mount's source"
            )
        if entry.in_memory:
            return self._memory_store(entry, inner), ""
        return None, f"the engine does not know the {entry.filesystem} that is mounted at {entry.target}"

    def _configured(self, entry: MountEntry) -> MountFact | None:
        """The entry of Mounts that lies where the kernel's does (P1)."""
        found = [mount for mount in self.scene.mounts if self._target(mount.destination) == entry.target]
        return found[-1] if found else None

    def _target(self, destination: str) -> str:
        if self.answers is not None and destination in self.answers.targets:
            return self.answers.targets[destination].resolved
        return destination

    def _numbers(self, destination: str) -> Target | None:
        return self.answers.targets.get(destination) if self.answers is not None else None

    def _bind_above(self, entry: MountEntry) -> MountFact | None:
        """The bind mount below which *entry* appeared by propagation, or came along with its source."""
        if entry.in_memory and entry.target in self.scene.memory:
            return None
        above = [mount for mount in self.scene.mounts if mount.type == "bind" and storage.beneath(entry.target, self._target(mount.destination))]
        return max(above, key=lambda mount: len(self._target(mount.destination)), default=None)

    def _volume_store(self, entry: MountEntry, mount: MountFact, inner: str) -> tuple[Store | None, str]:
        name = mount.name or ""
        try:
            facts = self.volume(name) if name else None
        except EngineError as exc:
            return _nameless(StoreKind.VOLUME, name, inner, entry.target), f"the engine did not tell of volume {name}: {exc}"
        if facts is None:
            return _nameless(StoreKind.VOLUME, name, inner, entry.target), f"the engine does not know the volume '{name}' that is mounted"
        if facts.elsewhere:
            numbers = self._numbers(mount.destination)
            behind = (numbers.device, numbers.inode) if numbers is not None else (None, None)
            identity = storage.volume_identity(name=name, nonce=None, device=behind[0], inode=behind[1], has_options=True)
            why = "" if identity is not None else "what lies behind the volume could not be told"
            return _volume(facts, identity, inner, entry.target, host_path=facts.options.get("device") if _bound(facts) else facts.mountpoint), why
        part = storage.volume_part(entry.root, name)
        if part is None:
            return _nameless(StoreKind.VOLUME, name, inner, entry.target), (
                f"the kernel has {entry.root} at {entry.target}, not the volume '{name}' that the engine names"
            )
        identity = facts.identity
        why = "" if identity is not None else f"nothing tells the volume '{name}' from another of that name"
        return _volume(facts, identity, storage.joined(part, inner), entry.target, host_path=facts.mountpoint), why

    def _bind_store(self, entry: MountEntry, mount: MountFact, inner: str) -> tuple[Store, str]:
        numbers = self._numbers(mount.destination)
        if numbers is None or numbers.device is None or numbers.inode is None:
            store = Store(kind=StoreKind.BIND, identity=None, host_path=mount.source, inner_path=inner, target=entry.target)
            return store, "device and inode of the bind mount could not be told"
        identity = storage.bind_identity(numbers.device, numbers.inode)
        return Store(kind=StoreKind.BIND, identity=identity, host_path=mount.source, inner_path=inner, target=entry.target), ""

    def _memory_store(self, entry: MountEntry, inner: str) -> Store:
        owner, started = self._owner(entry.target)
        known = owner == "host" or (owner is not None and bool(started))
        identity = storage.memory_identity(device=entry.device, container=owner or "", started=started) if known else None
        return Store(kind=StoreKind.TMPFS, identity=identity, inner_path=inner, target=entry.target, container=owner or self.scene.id)

    def _owner(self, target: str) -> tuple[str | None, str]:
        """Whose life a memory mount ends with: `ipc: container:x` borrows the shared memory of x."""
        mode, _, other = self.scene.ipc.partition(":")
        if target != "/dev/shm" or mode not in {"container", "host"}:  # noqa: S108  # a path of the container
            return self.scene.id, self.scene.started
        if mode == "host":
            return "host", ""
        try:
            found = self.moment.scene(self.seat, other)
        except EngineError:
            return None, ""
        return (found.id, found.started) if found is not None else (None, "")

    def _layer(self, inner: str, entry: MountEntry | None) -> Store:
        upper = self.scene.upperdir or (entry.upperdir if entry is not None else None)
        return Store(
            kind=StoreKind.WRITABLE_LAYER,
            identity=storage.layer_identity(self.scene.id),
            name=self.scene.real,
            host_path=upper if upper is not None and upper.startswith("/") else None,
            inner_path=inner,
            target="/",
            container=self.scene.id,
        )

    def _engine_file(self, path: str, inner: str) -> Store:
        return Store(
            kind=StoreKind.ENGINE_FILE,
            identity=storage.engine_file_identity(self.scene.id, path),
            host_path=self.scene.engine_files.get(path),
            inner_path=inner,
            target=path,
            container=self.scene.id,
        )

    # --- assumed ------------------------------------------------------------------------------------------------------

    def _assumed(self, path: str) -> tuple[Store | None, str]:
        """No process to ask: the deepest configured target that holds *path* (resolved by archive)."""
        said = "assumed from the engine's list of mounts: no process could be asked"
        memory = [target for target in (*self.scene.memory, "/dev") if storage.beneath(path, target)]
        holding: list[tuple[str, MountFact | None]] = [(target, None) for target in memory]
        holding += [(target, mount) for mount in self.scene.mounts if storage.beneath(path, target := self._by_archive(mount.destination))]
        if not holding:
            if path in self.scene.engine_files:
                return self._engine_file(path, ""), said
            return self._layer(path.strip("/"), None), said
        target, mount = max(holding, key=lambda pair: len(PurePosixPath(pair[0]).parts))
        inner = storage.inside(path, target)
        if mount is None or mount.type == "tmpfs":
            if self.scene.running:
                return None, "no process could be asked which memory is behind the path"
            identity = f"tmpfs:none:{self.scene.id}:{self.scene.started}:ended"
            return Store(kind=StoreKind.TMPFS, identity=identity, inner_path=inner, target=target, container=self.scene.id), (
                "the container's main process does not run, so it has no memory now"
            )
        if mount.type == "volume":
            return self._assumed_volume(mount, inner, target, said)
        if mount.type == "bind":
            return self._assumed_bind(mount, inner, target, said)
        return None, f"which store a mount of type {mount.type} is cannot be told while the container does not run"

    def _by_archive(self, destination: str) -> str:
        try:
            return resolve_by_archive(self.seat, self.scene.id, destination)
        except EngineError:
            return destination

    def _assumed_volume(self, mount: MountFact, inner: str, target: str, said: str) -> tuple[Store | None, str]:
        name = mount.name or ""
        try:
            facts = self.volume(name)
        except EngineError as exc:
            return _nameless(StoreKind.VOLUME, name, inner, target), f"the engine did not tell of volume {name}: {exc}"
        if facts is None:
            return _nameless(StoreKind.VOLUME, name, inner, target), f"the engine does not know the volume '{name}'"
        subpath = _subpath(self.scene, mount)
        if not facts.elsewhere:
            return _volume(facts, facts.identity, storage.joined(subpath, inner), target, host_path=facts.mountpoint), said
        device = facts.options.get("device", "") if _bound(facts) else ""
        numbers = numbers_of(self.seat, device) if device else None
        identity = storage.volume_identity(name=name, nonce=None, device=numbers[0], inode=numbers[1], has_options=True) if numbers else None
        return _volume(facts, identity, storage.joined(subpath, inner), target, host_path=device or facts.mountpoint), said

    def _assumed_bind(self, mount: MountFact, inner: str, target: str, said: str) -> tuple[Store, str]:
        numbers = numbers_of(self.seat, mount.source)
        identity = storage.bind_identity(*numbers) if numbers is not None else None
        return Store(kind=StoreKind.BIND, identity=identity, host_path=mount.source, inner_path=inner, target=target), said


def numbers_of(seat: Seat, path: str) -> tuple[int, int] | None:
    """Device and inode of a path of the host; None: not there, or not to be seen."""
    if seat.host.reason is not None:
        return None
    try:
        found = seat.host.stat(path)
    except Unseen:
        return None
    return (found.device, found.inode) if found is not None else None


def resolve_by_archive(seat: Seat, container: str, path: str) -> str:
    """Resolve the links of *path* in a container of which no process can be asked. Raises EngineError."""
    rest = list(PurePosixPath(path).parts[1:])
    found = PurePosixPath("/")
    links = 0
    while rest:
        here = found / rest.pop(0)
        try:
            answer = seat.engine.stat_archive(container, str(here))
        except NotFound:
            return str(here.joinpath(*rest))
        if modes.S_ISLNK(answer.mode) and answer.link_target and links < LINKS_AT_MOST:
            links += 1
            rest = [*PurePosixPath("/", found, answer.link_target).parts[1:], *rest]
            found = PurePosixPath("/")
        else:
            found = here
    return str(found)


def _bound(facts: VolumeFacts) -> bool:
    return storage.is_bind_volume(dict(facts.options))


def _volume(facts: VolumeFacts, identity: str | None, inner: str, target: str, *, host_path: str | None) -> Store:
    return Store(
        kind=StoreKind.VOLUME,
        identity=identity,
        name=facts.name,
        anonymous=facts.anonymous,
        driver=facts.driver or None,
        has_options=facts.elsewhere,
        host_path=host_path or None,
        inner_path=inner,
        target=target,
    )


def _nameless(kind: StoreKind, name: str, inner: str, target: str) -> Store:
    return Store(kind=kind, identity=None, name=name or None, inner_path=inner, target=target)


def _subpath(scene: Scene, mount: MountFact) -> str:
    """The part of a volume that a container was configured to mount (assumed: an old engine ignores it, P7)."""
    for configured in items(section(scene.answer, "HostConfig"), "Mounts"):
        if text(configured.get("Target")) == mount.destination:
            return text(section(configured, "VolumeOptions").get("Subpath"))
    return ""
