"""Which store took a write, asked of the kernel at the moment of writing."""

from __future__ import annotations

from typing import Any

import pytest
from runner_stand import play
from sighted import OBSERVE, RUN, WRITE, steps

from dockstore.core import storage
from dockstore.core.model import Place, PlaceKind, Store, StoreKind, Users
from dockstore.runner.sights import users_of
from dockstore.runner.stage import Seat, Written

# --- placement ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        pytest.param("[]", StoreKind.WRITABLE_LAYER, id="writable layer"),
        pytest.param("[/data]", StoreKind.VOLUME, id="-v /data"),
        pytest.param("['rows:/data']", StoreKind.VOLUME, id="-v rows:/data"),
        pytest.param("[{type: tmpfs, target: /data}]", StoreKind.TMPFS, id="tmpfs by --mount"),
        pytest.param("['./shared:/data']", StoreKind.BIND, id="bind"),
    ],
)
def test_the_kernel_tells_which_store_took_a_write(mounts: str, kind: StoreKind) -> None:
    played = play(steps(f"{{db: {{mounts: {mounts}}}}}", RUN, WRITE, OBSERVE, more="host: {shared/: {}}\n"))

    placement = played.placements["row"]
    assert placement.store is not None
    assert placement.store.kind is kind
    assert placement.store.identity is not None
    assert placement.store.inner_path == ("data/row" if kind is StoreKind.WRITABLE_LAYER else "row")
    assert placement.read_back


def test_memory_by_flag_is_memory_too() -> None:
    played = play(steps("{db: {tmpfs: [/data]}}", RUN, WRITE, OBSERVE))

    store = played.placements["row"].store
    assert store is not None
    assert store.kind is StoreKind.TMPFS


def test_a_copy_into_memory_lands_beneath_it_and_does_not_count() -> None:
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}}"

    played = play(steps(containers, RUN, "{copy: row, to: 'db:/data/row'}", OBSERVE))

    assert not played.placements["row"].read_back
    assert played.verdict.rulings[0].outcome == "undecided"


def test_a_write_that_is_refused_is_no_placement() -> None:
    containers = "{db: {mounts: [{type: volume, source: rows, target: /data, read_only: true}]}}"

    played = play(
        steps(containers, RUN, "{write: row, to: 'db:/data/row', as: writing}", expect="{writing: {refused: true, message: {contains: Read-only}}}")
    )

    assert played.placements == {}
    assert played.verdict.outcome == "holds", played.verdict.reason


def test_a_write_into_a_stopped_container_is_refused_with_409() -> None:
    text = steps("{db: {}}", RUN, "stop: db", "{write: row, to: 'db:/data/row', as: writing}", expect="{writing: {refused: 409}}")

    played = play(text)

    assert played.operations["2"].status == 409


# --- a volume that is memory --------------------------------------------------------------------------------------------


class OneWithTheVolume:
    """An engine with one running container that mounts a volume, and its host."""

    def __init__(self, mountinfo: str) -> None:
        self.told = mountinfo
        self.answer: dict[str, object] = {
            "Id": "c1",
            "Name": "/app",
            "State": {"Running": True, "Status": "running", "Pid": 7},
            "Mounts": [{"Type": "volume", "Name": "rows", "Source": "/v/rows/_data", "Destination": "/data"}],
            "HostConfig": {"Tmpfs": {"/tmp": ""}},
        }

    def list_containers(self, *, filters: object) -> list[dict[str, object]]:
        return [{**self.answer, "State": "running"}]

    def inspect_container(self, container: str) -> dict[str, object]:
        return self.answer

    def mountinfo(self, pid: int) -> str:
        return self.told


@pytest.mark.parametrize(
    ("mount", "users"),
    [
        pytest.param("0:64 / /data rw - tmpfs tmpfs rw", Users.SOMEBODY, id="the very memory, held all the while"),
        pytest.param("0:64 / /srv/linked rw - tmpfs tmpfs rw", Users.SOMEBODY, id="the very memory, under the target of a link"),
        pytest.param("0:65 / /data rw - tmpfs tmpfs rw", Users.NOBODY, id="another memory under the same name"),
        pytest.param("0:64 / /dev/shm rw - tmpfs shm rw", Users.NOBODY, id="its number came back as the container's own /dev/shm"),
        pytest.param("0:64 / /proc/acpi ro - tmpfs tmpfs ro", Users.NOBODY, id="its number came back over a masked path"),
        pytest.param("0:64 / /tmp rw - tmpfs tmpfs rw", Users.NOBODY, id="its number came back as another tmpfs of the container"),
        pytest.param("0:64 / / rw - overlay overlay rw", Users.NOBODY, id="its number came back as the container's root"),
    ],
)
def test_whoever_mounts_the_name_of_a_volume_in_memory_has_the_memory_only_if_it_is_that_one(mount: str, users: Users) -> None:
    one: Any = OneWithTheVolume(f"9 1 {mount}\n")
    store = Store(
        kind=StoreKind.VOLUME, identity=storage.bind_identity(64, 1), name="rows", has_options=True, host_path="/v/rows/_data", target="/data"
    )
    place = Place(PlaceKind.CONTAINER, "app", "/data/row")
    written = Written(write="row", nonce=b"n", place=place, store=store, seat=Seat("", one, one), options={"type": "tmpfs", "device": "tmpfs"})

    assert users_of(written, {}, "run")[0] is users
