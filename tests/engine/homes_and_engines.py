"""What the engine tests of whole runs share: an environment of their own, and what stands on an engine and its host."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dockstore.core.history_codec import HistoryError
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.mounting import mount_points
from dockstore.engines.providers import leases
from dockstore.runner.histories import history_files, read_history
from dockstore.runner.ledger import books

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

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
    """Everything that stands on an engine, by id."""

    containers: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[str]


def standing(engine: Engine) -> Standing:
    """Look at *engine*, which nobody else uses meanwhile."""
    return Standing(
        containers=frozenset(str(raw["Id"]) for raw in engine.list_containers()),
        volumes=frozenset(str(raw["Name"]) for raw in engine.list_volumes()),
        images=frozenset(str(raw["Id"]) for raw in engine.list_images()),
    )


def on_the_host(runs: Collection[str]) -> list[str]:
    """Scratch folders of *runs* on this machine, and what is mounted in them."""
    names = tuple(f"/var/tmp/dockstore-{run[:8]}-" for run in runs)
    host = DirectHost()
    found = host.stat("/var/tmp", entries=True)
    paths = [f"/var/tmp/{name}" for name in (found.entries or () if found else ())]
    paths += [point for point, _, _ in mount_points(host.own_mountinfo())]
    return [path for path in paths if path.startswith(names)]


def runs_of(home: Path) -> set[str]:
    """The runs that a home knows of, by its ledgers and histories."""
    found = {book.owner.run for book in books(home)}
    for path in history_files(home):
        with contextlib.suppress(HistoryError):
            found.add(read_history(path).header.run)
    return found


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
