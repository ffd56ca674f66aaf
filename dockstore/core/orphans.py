"""Data that nothing mounts: what an engine's lists say, which of it is nobody's, and the report.

Rule 1: facts are the engine's own answers, read once; nothing here asks for more, and nothing here ever removes.
Rule 2: a volume is nobody's only if no container, running or not, mounts it; every other reason is said as what it is.
Rule 3: "not looked at" is a reason beside an unknown size, never a zero.
"""

from __future__ import annotations

import re
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from dockstore.core.storage import is_anonymous_name, is_memory_volume
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dockstore.core.model import EngineInfo
    from dockstore.core.recognise import Content

OURS: Final = "io.dockstore.run"
_COMPOSE: Final = "com.docker.compose"
_SWARM: Final = "com.docker.stack.namespace"
_ANONYMOUS: Final = "com.docker.volume.anonymous"
_ALIVE: Final = frozenset({"running", "paused", "restarting"})


class Reason(StrEnum):
    """Why something is listed."""

    DANGLING = "dangling"  # no container has it
    EARLIER_CONTAINER = "earlier-container"  # only a container has it that another one of the same service has taken the place of
    FOLDER_GONE = "folder-gone"  # only stopped containers have it, and their Compose project's folder is not there any more
    STOPPED_CONTAINER = "stopped-container"  # the writable layer of a container that does not run


REASON_WORDS: Final = {
    Reason.DANGLING: "no container has it, running or stopped",
    Reason.EARLIER_CONTAINER: "only an earlier container of the service has it; the present one has another at the same path",
    Reason.FOLDER_GONE: "only stopped containers have it, and their project's folder is not there any more",
    Reason.STOPPED_CONTAINER: "it lies in the writable layer of a stopped container, and goes when that is removed",
}


class Confidence(StrEnum):
    """How sure an owner is."""

    CERTAIN = "certain"  # the engine's own word: a label, a mount
    LIKELY = "likely"
    POSSIBLE = "possible"


# --- what the engine's lists say ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MountFact:
    """One mount of a container."""

    kind: str  # volume, bind, tmpfs
    target: str
    volume: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFact:
    """One container, as the list tells it."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    created: float  # seconds of the epoch
    project: str | None = None
    service: str | None = None
    working_dir: str | None = None
    host_name: str | None = None
    mounts: tuple[MountFact, ...] = ()
    ours: bool = False

    @property
    def alive(self) -> bool:
        """Whether its main process may be writing."""
        return self.state in _ALIVE

    @property
    def said(self) -> str:
        """`service db of project shop`, or the container's name."""
        if self.project is None:
            return f"container {self.name}"
        return f"service {self.service or '?'} of project {self.project}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFact:
    """One volume, as the list tells it."""

    name: str
    driver: str
    host_path: str
    created: str | None = None
    project: str | None = None
    key: str | None = None  # its name in the Compose file
    options: Mapping[str, str] = field(default_factory=dict)
    labelled_anonymous: bool = False
    ours: bool = False

    @property
    def anonymous(self) -> bool:
        """Whether the engine made its name up."""
        return self.labelled_anonymous or is_anonymous_name(self.name)

    @property
    def elsewhere(self) -> str | None:
        """Why its mountpoint does not hold its bytes while no container mounts it; None: it does."""
        if self.driver != "local":
            return f"its driver '{self.driver}' keeps its bytes in its own way"
        if not self.options:
            return None
        if is_memory_volume(dict(self.options)):
            return "it is memory, and empty while no container that runs mounts it"
        if self.device is not None:
            return None
        what = self.options.get("device") or "what its options name"
        return f"its bytes lie behind {what} ({self.options.get('type') or 'mount options'}), which is not mounted"

    @property
    def device(self) -> str | None:
        """The folder of the host that a volume of `o=bind` really is."""
        if "bind" in re.split(",", self.options.get("o", "")) or "rbind" in re.split(",", self.options.get("o", "")):
            found = self.options.get("device", "")
            return found if found.startswith("/") else None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFact:
    """What an image declares."""

    reference: str
    id: str
    volumes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # variables that tell a version, and no others


def container_facts(answers: Iterable[Mapping[str, object]]) -> tuple[ContainerFact, ...]:
    """Read a list of containers."""
    return tuple(_container(answer) for answer in answers)


def _container(answer: Mapping[str, object]) -> ContainerFact:
    labels = table(answer.get("Labels"))
    names = answer.get("Names")
    name = str(names[0]).lstrip("/") if isinstance(names, list) and names else str(answer.get("Id", ""))[:12]
    mounts = answer.get("Mounts")
    created = answer.get("Created")
    return ContainerFact(
        id=str(answer.get("Id", "")),
        name=name,
        image=str(answer.get("Image", "")),
        image_id=str(answer.get("ImageID", "")),
        state=str(answer.get("State", "")).lower(),
        created=float(created) if isinstance(created, int | float) else 0.0,
        project=labels.get(f"{_COMPOSE}.project") or labels.get(_SWARM),
        service=labels.get(f"{_COMPOSE}.service") or labels.get("com.docker.swarm.service.name"),
        working_dir=labels.get(f"{_COMPOSE}.project.working_dir"),
        mounts=tuple(_mount(table(mount)) for mount in mounts) if isinstance(mounts, list) else (),
        ours=OURS in labels,
    )


def _mount(answer: Mapping[str, str]) -> MountFact:
    kind = answer.get("Type", "")
    volume = answer.get("Name") if kind == "volume" else None
    return MountFact(kind=kind, target=answer.get("Destination", ""), volume=volume or None, source=answer.get("Source", ""))


def volume_facts(answers: Iterable[Mapping[str, object]]) -> tuple[VolumeFact, ...]:
    """Read a list of volumes."""
    found = []
    for answer in answers:
        labels = table(answer.get("Labels"))
        found.append(
            VolumeFact(
                name=str(answer.get("Name", "")),
                driver=str(answer.get("Driver") or "local"),
                host_path=str(answer.get("Mountpoint") or ""),
                created=str(answer["CreatedAt"]) if answer.get("CreatedAt") else None,
                project=labels.get(f"{_COMPOSE}.project") or labels.get(_SWARM),
                key=labels.get(f"{_COMPOSE}.volume"),
                options=table(answer.get("Options")),
                labelled_anonymous=_ANONYMOUS in labels,
                ours=OURS in labels,
            )
        )
    return tuple(sorted(found, key=lambda volume: volume.name))


def image_fact(answer: Mapping[str, object], reference: str, variables: Sequence[str]) -> ImageFact:
    """Read an image's inspect answer; of its environment only *variables*, which are no secrets."""
    config = answer.get("Config")
    config = config if isinstance(config, dict) else {}
    environment = config.get("Env")
    pairs = [str(item).partition("=") for item in environment] if isinstance(environment, list) else []
    volumes = config.get("Volumes")
    return ImageFact(
        reference=reference,
        id=str(answer.get("Id", "")),
        volumes=tuple(sorted(str(path).rstrip("/") or "/" for path in volumes)) if isinstance(volumes, dict) else (),
        versions={name: value for name, _, value in pairs if name in variables},
    )


def table(value: object) -> dict[str, str]:
    """A mapping of the API as texts; anything else is empty."""
    return {str(key): str(item) for key, item in value.items() if item is not None} if isinstance(value, dict) else {}


# --- which of it is nobody's ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something to look at. *user*: the container that still has it, if one has."""

    reasons: tuple[Reason, ...]
    volume: VolumeFact | None = None
    container: ContainerFact | None = None  # whose writable layer it is
    user: ContainerFact | None = None
    target: str | None = None

    @property
    def id(self) -> str:
        """What it is called in a report."""
        return f"volume:{self.volume.name}" if self.volume is not None else f"layer:{self.container.name if self.container else '?'}"


def users(volumes: Iterable[VolumeFact], containers: Iterable[ContainerFact]) -> dict[str, list[tuple[ContainerFact, str]]]:
    """For each volume the containers that have it, with the path; a bind of its folder is a use, too."""
    by_path = {volume.host_path: volume.name for volume in volumes if volume.host_path}
    found: dict[str, list[tuple[ContainerFact, str]]] = {}
    for container in containers:
        for mount in container.mounts:
            name = mount.volume or _behind(mount.source, by_path)
            if name is not None:
                found.setdefault(name, []).append((container, mount.target))
    return found


def _behind(source: str, by_path: Mapping[str, str]) -> str | None:
    """The volume whose folder (or a part of it) is bound from *source*."""
    path = source.rstrip("/")
    while path:
        if path in by_path:
            return by_path[path]
        path = path.rpartition("/")[0]
    return None


def candidates(volumes: Sequence[VolumeFact], containers: Sequence[ContainerFact], gone: Iterable[str]) -> tuple[Candidate, ...]:
    """Return what nothing that runs can reach; *gone* are the folders of Compose projects that are not there any more."""
    used = users(volumes, containers)
    vanished = frozenset(gone)
    found: list[Candidate] = []
    for volume in volumes:
        having = used.get(volume.name, [])
        if volume.ours or any(user.ours for user, _ in having):
            continue
        if not having:
            found.append(Candidate(reasons=(Reason.DANGLING,), volume=volume))
            continue
        if any(user.alive for user, _ in having):
            continue
        user, target = max(having, key=lambda pair: pair[0].created)
        reasons: list[Reason] = []
        if any(_replaced(user, target, volume.name, containers) for user, target in having):
            reasons.append(Reason.EARLIER_CONTAINER)
        if all(user.working_dir in vanished for user, _ in having):
            reasons.append(Reason.FOLDER_GONE)
        if reasons:
            found.append(Candidate(reasons=tuple(reasons), volume=volume, user=user, target=target))
    found += [
        Candidate(reasons=(Reason.STOPPED_CONTAINER,), container=container, user=container)
        for container in sorted(containers, key=lambda one: one.name)
        if not container.alive and not container.ours and container.state != "created"
    ]
    return tuple(found)


def _replaced(user: ContainerFact, target: str, volume: str, containers: Iterable[ContainerFact]) -> bool:
    """Whether a later container of the same service has another volume at the same path."""
    if user.project is None or user.service is None:
        return False
    return any(
        other.id != user.id
        and (other.project, other.service) == (user.project, user.service)
        and other.created >= user.created
        and any(mount.target == target and mount.kind in {"volume", "bind"} and mount.volume != volume for mount in other.mounts)
        for other in containers
    )


# --- the report -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whom data most likely belonged to, and every reason for thinking so."""

    confidence: Confidence
    why: tuple[str, ...]
    project: str | None = None
    service: str | None = None
    container: str | None = None  # one that is there
    image: str | None = None
    target: str | None = None  # where it was, or would be, mounted
    score: int = 0

    @property
    def said(self) -> str:
        """In a few words."""
        if self.project is not None:
            return f"{self.project} / {self.service}" if self.service else f"project {self.project}"
        return f"container {self.container}" if self.container else f"a container of {self.image}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command and what it does."""

    what: str  # look, copy, mount
    says: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """One volume or layer whose data nothing reaches."""

    id: str
    kind: str  # volume, layer
    name: str  # of the volume or the container
    anonymous: bool
    reasons: tuple[Reason, ...]
    contents: tuple[Content, ...]
    driver: str | None = None
    created: str | None = None
    host_path: str | None = None
    size_bytes: int | None = None
    files: int | None = None
    at_least: bool = False  # the walk ended early: there is more
    last_change: str | None = None
    unseen: str | None = None
    owner: Owner | None = None
    others: tuple[Owner, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it was seen to hold no file."""
        return self.files == 0 and self.unseen is None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphansReport:
    """Everything that was found on one engine."""

    dockstore: str
    started: str
    engine: EngineInfo
    orphans: tuple[Orphan, ...]
    containers: int = 0
    volumes: int = 0
    notes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()  # what could not be looked at, and the way out
    seconds: float = 0.0
