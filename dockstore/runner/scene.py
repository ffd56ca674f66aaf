"""The engine's word on a container and on a volume, as far as it tells stores apart.

Rule 1: what is asked is asked anew at each look; nothing is remembered over an event.
Rule 2: `Mounts` is compared, never `Binds` (P2); a name that is missing there is read off the source (P12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dockstore.core.storage import ENGINE_FILES, is_anonymous_name, volume_identity
from dockstore.core.values import dataclass
from dockstore.engines.errors import NotFound
from dockstore.engines.host import Unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Json
    from dockstore.runner.stage import Seat

NONCE_LABEL = "io.dockstore.nonce"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountFact:
    """An entry of a container's Mounts."""

    type: str
    name: str | None
    source: str
    destination: str
    driver: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A container at one moment, in the engine's words."""

    id: str
    real: str
    status: str
    running: bool  # its main process lives (also while paused)
    paused: bool
    pid: int
    started: str
    mounts: tuple[MountFact, ...]
    memory: tuple[str, ...]  # targets of its tmpfs mounts
    flagged_binds: tuple[str, ...]  # host sources given as `-v` takes them
    ipc: str
    upperdir: str | None
    engine_files: Mapping[str, str]  # path -> where the engine keeps it
    answer: Json

    @property
    def asks(self) -> bool:
        """Whether a process of it can be asked."""
        return self.running and not self.paused


def scene_of(seat: Seat, container: str) -> Scene | None:
    """Ask for a container by id; None: there is none. Raises EngineError."""
    try:
        return read_scene(seat.engine.inspect_container(container))
    except NotFound:
        return None


def read_scene(answer: Json) -> Scene:
    """Read an inspect answer."""
    state, host, graph = section(answer, "State"), section(answer, "HostConfig"), section(section(answer, "GraphDriver"), "Data")
    files = zip(ENGINE_FILES, ("HostsPath", "HostnamePath", "ResolvConfPath"), strict=True)
    tmpfs = [str(target) for target in section(host, "Tmpfs")]
    tmpfs += [text(mount.get("Target")) for mount in items(host, "Mounts") if mount.get("Type") == "tmpfs"]
    running = state.get("Running") is True
    return Scene(
        id=text(answer.get("Id")),
        real=text(answer.get("Name")).removeprefix("/"),
        status=text(state.get("Status")),
        running=running,
        paused=running and state.get("Paused") is True,
        pid=number(state.get("Pid")),
        started=text(state.get("StartedAt")),
        mounts=tuple(_mount(mount) for mount in items(answer, "Mounts")),
        memory=tuple(dict.fromkeys(target.split(":")[0] for target in tmpfs if target)),
        flagged_binds=_flagged(host),
        ipc=text(host.get("IpcMode")),
        upperdir=text(graph.get("UpperDir")) or None,
        engine_files={path: text(answer.get(key)) for path, key in files if answer.get(key)},
        answer=answer,
    )


def _mount(mount: Json) -> MountFact:
    kind, source = text(mount.get("Type")), text(mount.get("Source"))
    name = text(mount.get("Name")) or None
    if kind == "volume" and name is None and source.endswith("/_data"):
        name = source.removesuffix("/_data").rpartition("/")[2] or None
    return MountFact(
        type=kind,
        name=name,
        source=source,
        destination=text(mount.get("Destination")),
        driver=text(mount.get("Driver")),
        read_only=mount.get("RW") is False,
    )


def _flagged(host: Json) -> tuple[str, ...]:
    binds = host.get("Binds")
    return tuple(source for bind in (binds if isinstance(binds, list) else []) if (source := str(bind).split(":")[0]).startswith("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFacts:
    """A volume at one moment. *device*, *inode*, *birth_ns*: of its directory on the host, where that can be seen."""

    name: str
    driver: str
    mountpoint: str
    options: Mapping[str, str]
    nonce: str | None
    device: int | None = None
    inode: int | None = None
    birth_ns: int | None = None
    behind: tuple[int, int] | None = None  # of a volume with options: what lies behind it, device and inode

    @property
    def elsewhere(self) -> bool:
        """Whether its bytes need not be the engine's (P9)."""
        return bool(self.options) or self.driver not in {"", "local"}

    @property
    def anonymous(self) -> bool:
        """Whether the engine made its name up."""
        return is_anonymous_name(self.name)

    @property
    def identity(self) -> str | None:
        """What tells it from another of the same name."""
        device, inode = self.behind or (None, None)
        if self.elsewhere:
            return volume_identity(name=self.name, nonce=self.nonce, device=device, inode=inode, has_options=True)
        return volume_identity(name=self.name, nonce=self.nonce, birth_ns=self.birth_ns, inode=self.inode)


def volume_facts(seat: Seat, name: str) -> VolumeFacts | None:
    """Ask engine and host for a volume; None: the engine has none of that name. Raises EngineError."""
    try:
        answer = seat.engine.inspect_volume(name)
    except NotFound:
        return None
    options = {str(key): str(value) for key, value in section(answer, "Options").items()}
    facts = VolumeFacts(
        name=text(answer.get("Name")) or name,
        driver=text(answer.get("Driver")),
        mountpoint=text(answer.get("Mountpoint")),
        options=options,
        nonce=text(section(answer, "Labels").get(NONCE_LABEL)) or None,
    )
    return facts if facts.elsewhere else _with_directory(seat, facts)


def _with_directory(seat: Seat, facts: VolumeFacts) -> VolumeFacts:
    if not facts.mountpoint or seat.host.reason is not None:
        return facts
    try:
        stat = seat.host.stat(facts.mountpoint)
    except Unseen:
        return facts
    if stat is None:
        return facts
    return VolumeFacts(
        name=facts.name,
        driver=facts.driver,
        mountpoint=facts.mountpoint,
        options=facts.options,
        nonce=facts.nonce,
        device=stat.device,
        inode=stat.inode,
        birth_ns=stat.birth_ns,
    )


class Moment:
    """What engine and host say while one round trip lasts: each thing is asked once."""

    def __init__(self) -> None:
        self._scenes: dict[tuple[str, str], Scene | None] = {}
        self._volumes: dict[tuple[str, str], VolumeFacts | None] = {}

    def scene(self, seat: Seat, container: str) -> Scene | None:
        """A container by its id; None: there is none. Raises EngineError."""
        key = (seat.key, container)
        if key not in self._scenes:
            self._scenes[key] = scene_of(seat, container)
        return self._scenes[key]

    def volume(self, seat: Seat, name: str) -> VolumeFacts | None:
        """A volume by its name; None: there is none. Raises EngineError."""
        key = (seat.key, name)
        if key not in self._volumes:
            self._volumes[key] = volume_facts(seat, name)
        return self._volumes[key]


# --- reading JSON that others wrote -----------------------------------------------------------------------------------------


def section(answer: Mapping[str, object], key: str) -> Json:
    """The object under *key*, empty if there is none."""
    found = answer.get(key)
    return cast("Json", found) if isinstance(found, dict) else {}


def items(answer: Mapping[str, object], key: str) -> list[Json]:
    """The objects in the list under *key*."""
    found = answer.get(key)
    return [cast("Json", item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: object) -> str:
    """A text, empty if it is none."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """A number, 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
