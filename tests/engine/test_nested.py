"""Docker-in-Docker: the engine of docker-compose.yml through pytest-docker, and the one that dockstore brings up itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from socket_proxy import Proxy

from dockstore.engines.docker_engine import connect
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.helper_host import HelperHost
from dockstore.engines.host import Unseen
from dockstore.engines.lab import LAB_IMAGE
from dockstore.engines.mounting import mount_points
from dockstore.engines.nested import NestedHost, View, view_of
from dockstore.engines.opening import Opened, Wanted, open_engine
from dockstore.engines.polling import until
from dockstore.engines.providers import dind, homes, ping, processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.engine import Engine

pytestmark = pytest.mark.engine

IMAGE = os.environ.get("DOCKSTORE_TEST_DIND_IMAGE", "")


def nothing(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dockstore-tests-", dir="/var/tmp"))
    kept = os.environ.get("DOCKSTORE_TEST_CACHE")
    if kept is not None:
        (folder / "cache").symlink_to(kept)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def composed(composed_address: str, home: Path) -> Iterator[Opened]:
    """The engine of docker-compose.yml, opened by its address."""
    opened = open_engine(Wanted(address=composed_address, environ=dict(os.environ), home=home), say=nothing)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def nested(engine_address: str, home: Path) -> Iterator[Opened]:
    """The engine that `--engine dind` brings up."""
    if not IMAGE:
        pytest.skip("DOCKSTORE_TEST_DIND_IMAGE names no image (`make test` makes one on Debian)")
    opened = open_engine(Wanted(address="dind", environ={**os.environ, "DOCKER_HOST": engine_address}, home=home), say=nothing)
    yield opened
    opened.close()


def started(engine: Engine, script: str, **host: object) -> str:
    body: dict[str, object] = {"Image": LAB_IMAGE, "Cmd": ["sh", "-c", script], "NetworkDisabled": True, "HostConfig": {"Init": True, **host}}
    container = engine.create_container("", body)
    engine.start_container(container)
    return container


def mountpoint(engine: Engine, container: str) -> str:
    (mount,) = cast("list[dict[str, str]]", engine.inspect_container(container)["Mounts"])
    return mount["Source"]


def test_the_mounts_of_a_nested_engine_are_told_as_its_process_sees_them(nested: Opened) -> None:
    nested.engine.create_volume("memory", options={"type": "tmpfs", "device": "tmpfs"})
    container = started(nested.engine, "sleep 60", Mounts=[{"Type": "volume", "Source": "memory", "Target": "/data"}])

    try:
        points = [point for point, _, _ in mount_points(nested.host.own_mountinfo())]

        assert mountpoint(nested.engine, container) in points
    finally:
        nested.engine.remove_container(container, force=True)
        nested.engine.remove_volume("memory")


def test_the_composed_engine_is_another_one_and_says_that_it_is_disposable(composed: Opened, engine_address: str) -> None:
    outer = connect(engine_address)
    try:
        assert composed.engine.info.engine_id != outer.info.engine_id
    finally:
        outer.close()
    assert (composed.engine.info.disposable, composed.engine.info.restartable) == (True, False)


def test_a_volume_of_the_composed_engine_is_read_where_that_engine_keeps_it(composed: Opened) -> None:
    container = started(composed.engine, "echo row > /data/row; sleep 600", Mounts=[{"Type": "volume", "Target": "/data"}])
    try:
        source = mountpoint(composed.engine, container)
        assert composed.engine.info.host_files, composed.engine.info.host_files_reason

        assert until(lambda: composed.host.read("row", root=source) == b"row\n", timeout_seconds=20)
    finally:
        composed.engine.remove_container(container, force=True, volumes=True)


def test_a_path_of_this_machine_is_not_taken_for_the_nested_engines(composed: Opened, tmp_path: Path) -> None:
    (tmp_path / "only-here").write_text("x", encoding="utf-8")

    assert composed.host.stat(str(tmp_path / "only-here")) is None


def test_behind_a_proxy_this_machines_files_are_not_taken_for_the_nested_engines(composed: Opened, socket_folder: Path, home: Path) -> None:
    (socket_folder / "proxy").mkdir()
    proxy = Proxy(socket_folder / "proxy", f"{socket_folder}/docker.sock")
    try:
        through = open_engine(Wanted(address=f"unix://{proxy.path}", environ=dict(os.environ), home=home), say=nothing)
        host, root = through.host, through.engine.info.data_root
        volume = through.engine.create_volume(None)
        seen = host.stat(str(volume["Mountpoint"]))
        through.engine.remove_volume(str(volume["Name"]))
        through.close()
    finally:
        proxy.close()

    assert root == composed.engine.info.data_root
    assert isinstance(host, HelperHost)
    assert seen is not None


def test_a_scratch_folder_is_the_same_one_on_both_sides(composed: Opened) -> None:
    with homes.temporary_folder(Path(composed.scratch_root)) as folder:
        container = started(composed.engine, "echo row > /b/row", Mounts=[{"Type": "bind", "Source": str(folder), "Target": "/b"}])
        try:
            composed.engine.wait_container(container, condition="not-running", timeout_seconds=30)

            assert (folder / "row").read_text(encoding="utf-8") == "row\n"
            assert composed.host.read("row", root=str(folder)) == b"row\n"
        finally:
            composed.engine.remove_container(container, force=True, volumes=True)


def test_a_mount_beside_a_nested_engine_is_seen_by_its_containers_and_not_by_us(composed: Opened) -> None:
    assert composed.engine.info.host_mount
    scratch = f"{composed.scratch_root}/dockstore-tests-{os.getpid()}"
    composed.host.make_folder(f"{scratch}/share")
    try:
        composed.host.mount_tmpfs("share", root=scratch)
        container = started(composed.engine, "echo row > /b/row", Mounts=[{"Type": "bind", "Source": f"{scratch}/share", "Target": "/b"}])
        try:
            composed.engine.wait_container(container, condition="not-running", timeout_seconds=30)
            mounted = composed.host.read("share/row", root=scratch)
            ours = list((Path(scratch) / "share").iterdir())
        finally:
            composed.engine.remove_container(container, force=True, volumes=True)
        composed.host.unmount("share", root=scratch)
        beneath = composed.host.read("share/row", root=scratch)
    finally:
        composed.host.remove(scratch.rpartition("/")[2], root=composed.scratch_root)

    assert (mounted, ours, beneath) == (b"row\n", [], None)
    assert not Path(scratch).exists()


def test_the_process_of_a_nested_engine_is_found_by_its_socket(nested: Opened) -> None:
    view = view_of(nested.engine.info.address.removeprefix("unix://"))

    assert isinstance(view, View)
    assert not view.same
    assert processes.command(view.pid) == "dockerd"


def test_a_nested_engine_is_ours_to_strike(nested: Opened) -> None:
    info = nested.engine.info

    assert (info.disposable, info.restartable, info.host_files, info.host_mount) == (True, True, True, os.geteuid() == 0)
    assert not info.network_folder


def test_a_killed_nested_engine_is_not_seen_and_comes_back_with_its_volumes(nested: Opened) -> None:
    daemon = nested.daemon
    assert daemon is not None
    container = started(nested.engine, "echo row > /data/row; sync; sleep 600", Mounts=[{"Type": "volume", "Target": "/data"}])
    source = mountpoint(nested.engine, container)
    assert until(lambda: nested.host.read("row", root=source) == b"row\n", timeout_seconds=20)

    daemon.kill()
    with pytest.raises(Unseen):
        nested.host.stat(source)
    daemon.start()

    nested.engine.refresh()
    assert nested.host.read("row", root=source) == b"row\n"
    state = cast("dict[str, object]", nested.engine.inspect_container(container)["State"])
    assert state["Status"] == "exited"
    nested.engine.remove_container(container, force=True, volumes=True)


def test_a_nested_engine_is_stopped_started_and_rebooted(nested: Opened) -> None:
    daemon = nested.daemon
    assert daemon is not None

    daemon.stop()
    stopped = nested.engine.ping()
    daemon.start()
    daemon.reboot()

    assert not stopped
    assert nested.engine.ping()


def test_closing_a_nested_engine_leaves_nothing_on_the_outer_one(engine_address: str, home: Path, nested: Opened) -> None:
    del nested  # its image is there
    outer = connect(engine_address)
    try:
        before = {str(volume["Name"]) for volume in outer.list_volumes()}
        opened = open_engine(Wanted(address="dind", environ={**os.environ, "DOCKER_HOST": engine_address}, home=home), say=nothing)
        assert isinstance(opened.daemon, dind.NestedEngine)
        ours = opened.daemon

        opened.close()

        assert not ours.folder.exists()
        assert [item for item in outer.list_containers() if item["Id"] == ours.container] == []
        made = {name for name in {str(volume["Name"]) for volume in outer.list_volumes()} - before if _is_ours(outer, name, ours)}
        assert made == set()
    finally:
        outer.close()


def _is_ours(outer: Engine, volume: str, ours: dind.NestedEngine) -> bool:
    del ours
    labels = outer.inspect_volume(volume).get("Labels")
    return isinstance(labels, dict) and labels.get("io.dockstore.pid") == str(os.getpid()) and labels.get("io.dockstore.scenario") == "dind"


def test_without_its_image_no_nested_engine_can_be_had(nested: Opened) -> None:
    with pytest.raises(Unreachable, match="no nested engine: the engine has no image localhost/dockstore-dind"):
        dind.bring_up(nested.engine, say=nothing)


def test_a_nested_host_without_an_engine_cannot_look(tmp_path: Path) -> None:
    host = NestedHost(str(tmp_path / "nobody.sock"))

    assert host.reason is not None
    with pytest.raises(Unseen):
        host.stat("/")
    with pytest.raises(Unseen):
        host.mount_tmpfs("x", root="/var/tmp")


def test_a_nested_engine_that_does_not_start_is_told_with_its_last_words(nested: Opened) -> None:
    daemon = nested.daemon
    assert isinstance(daemon, dind.NestedEngine)
    body = {"Image": dind.image_of(daemon.outer) or "", "Cmd": ["dockerd", "--no-such-flag"], "NetworkDisabled": True}
    container = daemon.outer.create_container("", body)
    broken = dind.NestedEngine(daemon.outer, container, "dockstore-broken", Path("/nonexistent"))
    try:
        with pytest.raises(EngineError, match="no-such-flag"):
            broken.start()
    finally:
        daemon.outer.remove_container(container, force=True, volumes=True)
    assert not ping.ping(str(broken.socket))
