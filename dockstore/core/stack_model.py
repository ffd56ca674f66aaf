"""Somebody's stack as values: what Compose resolved, what an image declares, where each thing was written.

Rule 1: values only. `compose_model` makes them from Compose's own JSON, `running_model` from an engine's inspect answers.
Rule 2: a target here is the path as written; links inside an image can make it another one (P1), which only a drill can tell.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in a user's file; line and column count from 1, 0 where the file does not say."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StackMount:
    """One mount of one service."""

    kind: str  # volume, bind, tmpfs, image, config, secret
    target: str
    source: str | None = None  # a volume's key or name, a bind's absolute path; None: anonymous
    volume: str | None = None  # the engine's name of the volume (project prefix and all); None: anonymous or not a volume
    read_only: bool = False
    nocopy: bool = False
    subpath: str | None = None
    declared_by: str = "compose"  # compose, image VOLUME, volumes_from, container
    create_host_path: bool = True
    propagation: str | None = None
    size_bytes: int | None = None
    spot: Spot | None = None
    by_id: bool = False  # an anonymous volume that was mounted by its id, as a re-creation does it: `remove` with v keeps it


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image declares. *known* False: the image is not here, so its VOLUME and environment cannot be told."""

    reference: str
    known: bool
    id: str | None = None
    volumes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)  # values are never printed
    user: str | None = None
    working_dir: str | None = None
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    has_healthcheck: bool = False
    reason: str | None = None  # why it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """An application's own word: a command that writes $DOCKSTORE_NONCE and one that prints it again."""

    name: str
    write: str
    read: str
    user: str | None = None
    read_in: str | None = None  # another service, or db@2
    built_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of a stack."""

    name: str
    image: ImageFacts
    mounts: tuple[StackMount, ...] = ()
    built: bool = False  # has a build section
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    hostname: str | None = None
    container_name: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    read_only: bool = False
    restart: str | None = None
    replicas: int = 1
    profiles: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    stop_grace_seconds: float = 10.0
    has_healthcheck: bool = False
    working_dir: str | None = None
    ready: str | None = None  # x-dockstore.ready
    probes: tuple[Probe, ...] = ()
    spot: Spot | None = None
    image_spot: Spot | None = None
    container: str | None = None  # the id, where the service is a running or stopped container
    auto_remove: bool = False  # run with --rm
    user_spot: Spot | None = None
    setting_spots: Mapping[str, Spot] = field(default_factory=dict)  # of variables, `command`, `deploy`


@dataclass(frozen=True, slots=True, kw_only=True)
class StackVolume:
    """A volume of a stack's `volumes:` section (or one that a container has)."""

    key: str
    name: str  # the engine's name
    external: bool = False
    name_fixed: bool = False  # the name does not follow the project's
    driver: str | None = None
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    spot: Spot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A whole stack. *name_fixed*: `name:` in the file (or -p) fixes the project's name whatever the folder is called."""

    name: str
    files: tuple[str, ...]
    services: tuple[Service, ...]
    volumes: tuple[StackVolume, ...] = ()
    name_fixed: bool = False
    kind: str = "compose"  # compose, image, container, project, engine
    ignores: tuple[Ignore, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """`# dockstore: ignore[DS102]: reason` on a line."""

    rules: tuple[str, ...]
    reason: str | None
    spot: Spot
    alone: bool = False  # nothing else stands on its line: it speaks of the next one
