"""A history of any length: one write and one look of it, over and over, as a patient run would have left it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core import history_codec
from dockstore.core.history import Footer, Header, Observation, Operation, Placement, Testimony
from dockstore.core.model import Completion, EngineInfo, Home, Place, PlaceKind, Sight, Store, StoreKind, Users, Vantage

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """version: 1
scenario: a volume over stop and start
containers:
  db: {mounts: ["rows:/data"]}
steps:
  - run: db
  - {write: row, to: db:/data/row}
  - stop: db
  - start: db
  - observe: row
expect:
  row: persisted
"""
ROUND = 6  # events that one round adds


def write(path: Path, events: int) -> None:
    """Write a history of about *events* events to *path*."""
    info = EngineInfo(
        address="unix:///run/docker.sock", engine_id="e", product="Docker Engine", version="20.10.24", api_version="1.41", storage_driver="overlay2",
        image_store="graphdriver", data_root="/var/lib/docker", host_files=True,
    )  # fmt: skip
    place = Place(PlaceKind.CONTAINER, "db", "/data/row")
    store = Store(kind=StoreKind.VOLUME, identity="volume:nonce:abc", name="dockstore-rows", driver="local", target="/data", inner_path="row")
    sights = {
        Vantage.ENGINE: Testimony(sight=Sight.SAME),
        Vantage.HOST: Testimony(sight=Sight.SAME, detail="/var/lib/docker/volumes/dockstore-rows/_data/row"),
        Vantage.CONTAINER: Testimony(sight=Sight.SAME),
    }

    def operation(step: int, verb: str, subject: str, at: float) -> Operation:
        return Operation(step=str(step), verb=verb, subject=subject, label=None, completion=Completion.OK, began=at, ended=at + 0.001)

    with path.open("w", encoding="utf-8") as out:
        def put(item: object) -> None:
            out.write(history_codec.dump(item).rstrip("\n") + "\n")  # type: ignore[arg-type]

        put(Header(version=1, dockstore="0.1.0", run="4f" * 16, started="2026-11-24T06:30:00Z", file="long.scenario.yaml", text=TEXT, vars={}, isolate=False, mutant=None, engine=info))
        put(operation(0, "run", "db", 0.0))
        for number in range(events // ROUND):
            at = number * 0.01
            put(operation(1, "write", "row", at))
            put(Placement(step="1", write="row", place=place, digest="ab" * 32, size_bytes=24, store=store, read_back=True))
            put(operation(2, "stop", "db", at))
            put(operation(3, "start", "db", at))
            put(operation(4, "observe", "row", at))
            put(Observation(step="4", look="row", write="row", place=place, sights=sights, home=Home.YES, store_now=store, users=Users.SOMEBODY, used_by=("db:/data",)))
        put(Footer(ended=1.0, stopped_at=None, reason=None))
