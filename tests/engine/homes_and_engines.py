"""What the engine tests of whole runs share: an environment of their own, and what stands on an engine and its host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockstore.engines.direct_host import DirectHost
from dockstore.engines.host import Unseen
from dockstore.engines.mounting import mount_points
from dockstore.engines.providers import leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Engine


def environment(address: str, folder: Path) -> dict[str, str]:
    """What a run may read of the environment: the engine's address, and no state outside *folder*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "DOCKSTORE_", "XDG_"))}
    return kept | {"DOCKER_HOST": address, "XDG_STATE_HOME": str(folder / "state")}


def remove_private_engines(home: Path, environ: Mapping[str, str]) -> None:
    """Take the private engines of *home* away, with their data."""
    for engine in leases.engines_of(home, environ):
        engine.clean()


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that stands on an engine, by id, and what bears one of our names on its host."""

    containers: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[str]
    folders: frozenset[str]
    mounts: frozenset[str]


def standing(engine: Engine) -> Standing:
    """Look at *engine*, which nobody else uses meanwhile."""
    return Standing(
        containers=frozenset(str(raw["Id"]) for raw in engine.list_containers()),
        volumes=frozenset(str(raw["Name"]) for raw in engine.list_volumes()),
        images=frozenset(str(raw["Id"]) for raw in engine.list_images()),
        folders=frozenset(folders()),
        mounts=frozenset(mounts()),
    )


def folders() -> list[str]:
    """Scratch folders of this machine."""
    found = DirectHost().stat("/var/tmp", entries=True)
    return [name for name in (found.entries or () if found else ()) if name.startswith("dockstore-")]


def mounts() -> list[str]:
    """Mount points in scratch folders of this machine."""
    try:
        text = DirectHost().own_mountinfo()
    except Unseen:
        return []
    return [point for point, _, _ in mount_points(text) if point.startswith("/var/tmp/dockstore-")]


def lab_container(engine: Engine, name: str, volume: str, image: str) -> str:
    """A user's own running container with an anonymous and a named volume: nothing of ours may touch it."""
    body: dict[str, Any] = {
        "Image": image,
        "Cmd": ["sleep", "86400"],
        "Volumes": {"/anonymous": {}},
        "NetworkDisabled": True,
        "HostConfig": {"Binds": [f"{volume}:/named"], "Init": True},
    }
    made = engine.create_container(name, body)
    engine.start_container(made)
    return made
