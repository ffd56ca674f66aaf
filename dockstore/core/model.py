"""The vocabulary: what can be said about data in containers. Nothing here decides anything.

Rule 1: values only, frozen; no engine, no clock, no disk, no randomness.
Rule 2: a name here is the Engine's own word wherever it has one.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


class Vantage(StrEnum):
    """A place to look from. Each answers its own question, so none replaces another."""

    ENGINE = "engine"
    HOST = "host"
    CONTAINER = "container"
    SERVICE = "service"  # a drill's fourth witness: the application's own word


class Sight(StrEnum):
    """What one vantage point saw of one write."""

    SAME = "same"
    OTHER = "other"
    ABSENT = "absent"
    UNSEEN = "unseen"  # could not look; the reason stands beside it
    NOT_APPLICABLE = "not-applicable"  # the question makes no sense from there


class Home(StrEnum):
    """Whether the store behind the place now is the one that took the write."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    COVERED = "covered"  # still attached there, under another mount


class Users(StrEnum):
    """Whether any container, running or not, has the store that took the write."""

    SOMEBODY = "somebody"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


class Fate(StrEnum):
    """What became of a write."""

    PERSISTED = "persisted"
    CARRIED = "carried"
    LOST = "lost"
    ORPHANED = "orphaned"
    ELSEWHERE = "elsewhere"
    SHADOWED = "shadowed"
    ALTERED = "altered"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """Whether what was expected came true."""

    HOLDS = "holds"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"


class Completion(StrEnum):
    """How an operation ended."""

    OK = "ok"
    FAIL = "fail"  # the engine (or command) refused it, definitely
    UNSURE = "unsure"  # timed out, connection lost: it may or may not have happened


class StoreKind(StrEnum):
    """What can back a path."""

    IMAGE_LAYER = "image-layer"
    WRITABLE_LAYER = "writable-layer"
    VOLUME = "volume"
    BIND = "bind"
    TMPFS = "tmpfs"
    IMAGE_MOUNT = "image-mount"
    ENGINE_FILE = "engine-file"  # /etc/hosts, /etc/hostname, /etc/resolv.conf


class PlaceKind(StrEnum):
    """The five kinds of place of a scenario file."""

    CONTAINER = "container"
    VOLUME = "volume"
    HOST = "host"
    LAYER = "layer"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Place:
    """A path as somebody sees it: `db:/data/row`, `volume:rows/row`, `host:shared/row`, `layer:db/row`, `image:app/row`."""

    kind: PlaceKind
    name: str  # container, volume or image; empty for host
    path: str  # absolute for a container ("/data/row"); else relative, without a leading slash ("" is the root of it)

    def __str__(self) -> str:
        if self.kind is PlaceKind.CONTAINER:
            return f"{self.name}:{self.path}"
        if self.kind is PlaceKind.HOST:
            return f"host:{self.path}"
        return f"{self.kind}:{self.name}/{self.path}" if self.path else f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What backs a path, at one moment, as told by the kernel and the engine.

    *identity* is equal for two Stores exactly if they are the same store; None: cannot be told. It is made of ids
    (container id, volume nonce label, device and inode, ...), never of names or times alone.
    """

    kind: StoreKind
    identity: str | None
    name: str | None = None  # the engine's name of a volume or container
    anonymous: bool = False
    driver: str | None = None
    has_options: bool = False  # a volume whose bytes may not be the engine's (o=bind, nfs, tmpfs)
    host_path: str | None = None  # where its root lies on the engine's host, if known
    inner_path: str = ""  # the written path inside the store, relative to its root
    target: str | None = None  # where it is mounted in the container that was asked
    container: str | None = None  # id of the container whose layer or memory it is


# --- mounts, as a scenario file writes them ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """A volume. *flag*: written as `docker run -v` takes it (a text), not as `--mount` (a mapping); different experiments."""

    target: str
    source: str | None = None  # None: the engine makes an anonymous volume
    read_only: bool = False
    nocopy: bool = False
    subpath: str | None = None
    flag: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindMount:
    """A host folder or file; *source* is relative to the scenario's scratch folder (`shared`), or absolute (allowed paths only)."""

    target: str
    source: str
    read_only: bool = False
    propagation: str | None = None
    create_host_path: bool = False
    flag: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsMount:
    """Memory by `--mount type=tmpfs`; `--tmpfs` stands in ContainerSpec.tmpfs."""

    target: str
    size_bytes: int | None = None
    mode: int | None = None
    exec: bool = False
    source: str | None = None  # always refused by the engine; written by scenarios that show it


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMount:
    """An image's files, read only (`--mount type=image`)."""

    target: str
    source: str


Mount = VolumeMount | BindMount | TmpfsMount | ImageMount


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """As in Compose; times in seconds."""

    test: tuple[str, ...]
    interval_seconds: float = 1.0
    timeout_seconds: float = 5.0
    retries: int = 3
    start_period_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container's configuration with Compose's keys; None means "not written", and the lab's or engine's default applies."""

    name: str
    image: str | None = None  # None: the lab image
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ()  # `--tmpfs` texts: /run or /run:size=1m
    volumes_from: tuple[str, ...] = ()  # NAME or NAME:ro
    command: tuple[str, ...] | str | None = None  # a text goes to `sh -c`
    entrypoint: tuple[str, ...] | str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    working_dir: str | None = None
    read_only: bool = False
    restart: str | None = None  # no, always, unless-stopped, on-failure[:N]
    mem_limit_bytes: int | None = None
    shm_size_bytes: int | None = None
    pid: str | None = None  # container:NAME or host
    ipc: str | None = None
    stop_signal: str | None = None
    init: bool | None = None  # None: true for the lab's own main process
    network_mode: str | None = None  # None: disabled
    healthcheck: Healthcheck | None = None
    rm: bool = False
    engine: str | None = None  # "second": on another engine


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEntry:
    """One path of an image layer."""

    path: str
    content: str | None = None
    size_bytes: int | None = None  # that many bytes of content that does not compress to nothing
    directory: bool = False
    whiteout: bool = False
    link: str | None = None
    mode: int | None = None
    owner: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """An image made from a few lines, without a registry or a builder."""

    name: str
    base: str = "lab"  # `from`: lab, scratch, another image of the file, or a reference
    layers: tuple[tuple[LayerEntry, ...], ...] = ()
    volume: tuple[str, ...] = ()
    user: str | None = None
    cmd: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A volume that needs more than a name."""

    name: str
    driver: str | None = None
    driver_opts: tuple[tuple[str, str], ...] = ()  # device: ./folder is in the scratch folder
    labels: tuple[tuple[str, str], ...] = ()
    anonymous_of: Place | None = None  # a name for the anonymous volume that the first db gets at /data
    engine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """What lies in the scratch folder before the first step; *directory* or a file with *content*."""

    path: str
    directory: bool = False
    content: str = ""
    mode: int | None = None
    owner: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """An engine as found: facts only. `capabilities.capabilities(info)` is the one place that draws conclusions."""

    address: str
    engine_id: str
    product: str  # "Docker Engine" or "Podman"
    version: str
    api_version: str
    storage_driver: str
    image_store: str  # "graphdriver" or "containerd"
    data_root: str
    kernel: str = ""
    operating_system: str = ""
    cgroup_version: str = ""
    runc_version: str = ""
    rootless: bool = False
    live_restore: bool = False
    swarm: bool = False
    cpus: int = 1
    memory_bytes: int = 0
    disposable: bool = False  # ours to prune and strike
    restartable: bool = False  # dockstore started its daemon, so it can stop, kill and start it
    host_files: bool = False  # the engine's files can be read from here, proven by a nonce file (P10)
    host_files_reason: str = ""  # why not
    host_mount: bool = False  # we may mount on the engine's host, and its containers see it
    network_folder: bool = False  # a network file system can be had there
    swap: bool = False
    shared_data_root: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
