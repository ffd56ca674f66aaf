"""A private engine from start to end: struck, shared, left behind by a kill, and cleared away without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from socket_proxy import Proxy

from dockstore.core.model import ImageSpec, LayerEntry
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.errors import EngineError, NotFound, Unreachable
from dockstore.engines.images import base_image, build_image
from dockstore.engines.lab import LAB_IMAGE
from dockstore.engines.opening import Opened, Wanted, open_engine
from dockstore.engines.polling import until
from dockstore.engines.providers import disk, homes, leases, netfolder, private, processes, service
from dockstore.engines.providers.image_archive import read_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Engine

pytestmark = pytest.mark.engine

COUNT = "i=0; while :; do i=$((i + 1)); echo $i > /data/count; sleep 0.05; done"


def nothing(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home on a disk, with the lab image of `make test` if there is one; gone afterwards with all its engines."""
    refusal = private.impossible()
    if refusal is not None:
        pytest.skip(str(refusal))
    folder = Path(tempfile.mkdtemp(prefix="dockstore tests-", dir="/var/tmp"))
    kept = os.environ.get("DOCKSTORE_TEST_CACHE")
    if kept is not None:
        shutil.copytree(kept, folder / "cache", ignore=shutil.ignore_patterns("apt-*", "served-*"), symlinks=True, dirs_exist_ok=True)
    (folder / "cache").mkdir(exist_ok=True)
    yield folder
    left = service.clean(folder, {}, say=nothing)
    processes.remove_tree(folder)
    assert left == ()


@pytest.fixture
def wanted(home: Path) -> Wanted:
    return Wanted(address="private", environ={"PATH": os.environ["PATH"]}, home=home)


@pytest.fixture(scope="module")
def busy(home: Path) -> Path:
    """Another home, whose engine is in use all the time."""
    folder = home / "busy"
    folder.mkdir()
    (folder / "cache").symlink_to(home / "cache")
    return folder


@pytest.fixture(scope="module")
def opened(busy: Path) -> Iterator[Opened]:
    opened = open_engine(Wanted(address="private", environ={"PATH": os.environ["PATH"]}, home=busy), say=nothing)
    yield opened
    opened.close()
    assert service.clean(busy, {}, say=nothing) == ()


@pytest.fixture
def run(opened: Opened) -> Iterator[Callable[..., str]]:
    """Run a lab container; it is gone afterwards."""
    made: list[str] = []

    def run(script: str, **host: object) -> str:
        body: dict[str, object] = {"Image": LAB_IMAGE, "Cmd": ["sh", "-c", script], "NetworkDisabled": True, "HostConfig": {"Init": True, **host}}
        container = opened.engine.create_container("", body)
        made.append(container)
        opened.engine.start_container(container)
        return container

    yield run
    for container in made:
        opened.engine.remove_container(container, force=True, volumes=True)


def state_of(engine: Engine, container: str) -> str:
    state = engine.inspect_container(container)["State"]
    assert isinstance(state, dict)
    return str(state["Status"])


def ours(opened: Opened) -> private.PrivateEngine:
    assert isinstance(opened.daemon, private.PrivateEngine)
    return opened.daemon


def test_a_private_engine_is_ours_to_strike_and_its_files_are_seen(opened: Opened) -> None:
    info = opened.engine.info

    assert (info.disposable, info.restartable, info.host_files, info.host_mount) == (True, True, True, True)
    assert info.storage_driver != "vfs"
    assert opened.engine.inspect_image(LAB_IMAGE)["Config"]


def test_its_files_are_seen_where_it_says_they_are(opened: Opened) -> None:
    volume = opened.engine.create_volume(None)
    name, mountpoint = str(volume["Name"]), str(volume["Mountpoint"])

    assert opened.host.stat(mountpoint) is not None
    opened.engine.remove_volume(name)
    assert opened.host.stat(mountpoint) is None


def test_closing_it_leaves_no_process_no_mount_and_no_socket(wanted: Wanted) -> None:
    opened = open_engine(wanted, say=nothing)
    engine = ours(opened)
    name, run = engine.name, engine.run

    opened.close()

    assert not run.exists()
    assert processes.in_cgroup(name) == []
    assert processes.mounts_below(engine.folder) == []


def test_a_second_one_at_the_same_time_is_another_engine(opened: Opened, wanted: Wanted, busy: Path) -> None:
    spare = open_engine(replace(wanted, home=busy), say=nothing)
    try:
        opened.engine.create_volume("dockstore-only-here")

        assert spare.engine.info.address != opened.engine.info.address
        assert spare.engine.info.restartable
        with pytest.raises(NotFound):
            spare.engine.inspect_volume("dockstore-only-here")
    finally:
        spare.close()
        opened.engine.remove_volume("dockstore-only-here")


def test_its_address_in_company_may_not_be_struck(wanted: Wanted, home: Path) -> None:
    kept = leases.lease(home, {}, alone=False, say=nothing)
    named = replace(wanted, address=kept.engine.address)
    try:
        company = open_engine(named, say=nothing)
        info, daemon = company.engine.info, company.daemon
        company.close()
        striking = open_engine(replace(named, needs_restart=True), say=nothing)
        other = striking.engine.info
        striking.close()

        assert (info.address, info.disposable, info.restartable, daemon) == (kept.engine.address, False, False, None)
        assert other.address != kept.engine.address
        assert other.restartable
        assert kept.engine.answers()
    finally:
        kept.release()
    assert not kept.engine.run.exists()


def test_a_killed_daemon_leaves_its_containers_at_work_and_the_next_one_ends_them(opened: Opened, run: Callable[..., str]) -> None:
    daemon = ours(opened)
    container = run(COUNT, Mounts=[{"Type": "tmpfs", "Target": "/data"}])

    daemon.kill()

    assert not opened.engine.ping()
    assert processes.in_cgroup(daemon.name)  # its shell, and now and then a sleep
    daemon.start()
    assert state_of(opened.engine, container) == "exited"


def test_a_reboot_ends_every_process_and_keeps_what_is_on_disk(opened: Opened, run: Callable[..., str]) -> None:
    daemon = ours(opened)
    volume = {"Type": "volume", "Target": "/data"}
    gone, back = run("sleep 600", Mounts=[volume]), run("echo x > /data/x; sleep 600", Mounts=[volume], RestartPolicy={"Name": "always"})
    before = set(processes.in_cgroup(daemon.name))

    daemon.reboot()

    assert before.isdisjoint(processes.in_cgroup(daemon.name))
    assert state_of(opened.engine, gone) == "exited"
    assert until(lambda: state_of(opened.engine, back) == "running", timeout_seconds=20)
    assert opened.engine.exec(back, ["cat", "/data/x"]).stdout == b"x\n"


def test_stopped_and_started_it_is_the_same_engine(opened: Opened) -> None:
    before = opened.engine.info

    ours(opened).stop()
    assert not opened.engine.ping()
    ours(opened).start()

    after = opened.engine.refresh()
    assert after.engine_id == before.engine_id
    assert (after.restartable, after.host_files) == (True, True)


def test_pid_files_that_name_somebody_else_do_not_stop_a_start(opened: Opened) -> None:
    daemon = ours(opened)
    daemon.kill()

    for path in (daemon.run / "docker.pid", daemon.run / "exec/containerd/containerd.pid"):
        path.write_text(str(os.getpid()), encoding="utf-8")  # a number that was given to another process
    daemon.start()

    assert opened.engine.ping()


def test_what_a_killed_run_left_running_is_taken_over_and_stopped(wanted: Wanted, home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dockstore.engines.providers import leases\n"
        "kept = leases.lease(Path(sys.argv[1]), {}, alone=True, say=lambda _: None); print(kept.engine.address, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        process.kill()
        process.communicate()
    engine = private.recognise(address)
    assert engine is not None
    assert engine.answers()

    opened = open_engine(wanted, say=nothing)
    taken = opened.engine.info.address
    opened.close()

    assert taken == address
    assert not engine.run.exists()


def test_one_that_was_started_to_stay_stays_until_it_is_stopped(wanted: Wanted, home: Path) -> None:
    engine = service.start(home, {}, say=nothing)
    open_engine(wanted, say=nothing).close()
    (state,) = [state for state in service.status(home, {}) if state.engine == engine]

    left = service.stop(home, {}, say=nothing)

    assert (state.running, state.kept) == (True, True)
    assert left == ()
    assert not engine.run.exists()


def test_one_in_use_is_neither_stopped_nor_cleaned(opened: Opened, busy: Path) -> None:
    assert any("a run is using it" in line for line in service.stop(busy, {}, say=nothing))
    assert any("a run is using it" in line for line in service.clean(busy, {}, say=nothing))

    assert opened.engine.ping()
    assert (busy / "cache").is_dir()


def test_a_daemon_that_dies_at_once_is_told_with_its_last_words(home: Path) -> None:
    engine = private.PrivateEngine(home / "broken")
    engine.folder.mkdir()
    (engine.folder / "data").write_text("no folder", encoding="utf-8")
    try:
        with pytest.raises((Unreachable, OSError)):
            engine.start()

        assert not engine.answers()
    finally:
        engine.clean()


def test_a_scenarios_image_is_built_layer_upon_layer(opened: Opened, home: Path) -> None:
    spec = ImageSpec(
        name="app",
        layers=(
            (
                LayerEntry(path="/app/one", content="one\n"),
                LayerEntry(path="/app/gone", content="x"),
                LayerEntry(path="/tmp/here", content="x"),
                LayerEntry(path="/data", directory=True, owner=(1000, 1000), mode=0o750),
            ),
            (
                LayerEntry(path="/app/one", content="changed\n"),
                LayerEntry(path="/app/gone", whiteout=True),
                LayerEntry(path="/app/large", size_bytes=3 << 20),
                LayerEntry(path="/app/link", link="one"),
            ),
        ),
        volume=("/data",),
        user="1000",
        cmd=("sleep", "600"),
    )
    reference = "localhost/dockstore-tests:built"
    engine = opened.engine
    script = "cat /app/link; ls /app; stat -c '%a %u' /tmp /data /app /app/large; stat -c %s /app/large; id -u"

    engine.load_image(build_image(spec, base_image("lab", cache=home / "cache"), reference=reference))
    container = engine.create_container("", {"Image": reference, "NetworkDisabled": True})
    try:
        engine.start_container(container)
        answer = engine.exec(container, ["sh", "-c", script])
        saved = read_archive(b"".join(engine.save_image([reference])))
    finally:
        engine.remove_container(container, force=True, volumes=True)
        engine.remove_image(reference, force=True)

    assert answer.stdout.decode().split("\n") == [
        *("changed", "large", "link", "one", "1777 0", "750 1000", "755 0", "644 0", str(3 << 20), "1000", ""),
    ]
    assert len(saved.layers) == len(base_image("lab", cache=home / "cache").layers) + 2
    assert saved.config["Volumes"] == {"/data": {}}


def test_an_image_can_stand_on_a_reference_that_the_engine_has(opened: Opened) -> None:
    engine = opened.engine
    spec = ImageSpec(name="more", base=LAB_IMAGE, layers=((LayerEntry(path="/more", content="more\n"),),))
    reference = "localhost/dockstore-tests:more"

    engine.load_image(build_image(spec, base_image(LAB_IMAGE, engine=engine), reference=reference))
    try:
        container = engine.create_container("", {"Image": reference, "NetworkDisabled": True})
        engine.start_container(container)
        answer = engine.exec(container, ["cat", "/more"])
        engine.remove_container(container, force=True, volumes=True)
    finally:
        engine.remove_image(reference, force=True)

    assert answer.stdout == b"more\n"


def test_the_lab_images_flock_locks(opened: Opened, run: Callable[..., str]) -> None:
    if opened.engine.info.extra["flock"] != "yes":
        pytest.skip("this machine has no flock to put into the lab image")
    container = run("flock /tmp/lock sleep 600")

    held = until(lambda: opened.engine.exec(container, ["flock", "-n", "/tmp/lock", "true"]).exit_code == 1, timeout_seconds=20)

    assert held


def test_opened_for_reading_only_nothing_is_made(wanted: Wanted, home: Path) -> None:
    kept = leases.lease(home, {}, alone=False, say=nothing)
    try:
        opened = open_engine(replace(wanted, address=kept.engine.address), say=nothing)
        opened.engine.remove_image(LAB_IMAGE, force=True)
        before = (opened.engine.list_images(), opened.engine.list_volumes(), opened.engine.list_containers())
        opened.close()

        reading = open_engine(replace(wanted, address=kept.engine.address, read_only=True), say=nothing)
        after = (reading.engine.list_images(), reading.engine.list_volumes(), reading.engine.list_containers())
        seen = reading.engine.info.host_files
        reading.close()
    finally:
        kept.release()

    assert after == before
    assert seen


def test_a_power_loss_takes_what_was_not_synced_and_keeps_what_was(wanted: Wanted) -> None:
    refusal = disk.impossible()
    if refusal is not None:
        pytest.skip(str(refusal))
    opened = open_engine(replace(wanted, needs_power_loss=True), say=nothing)
    try:
        daemon, engine = ours(opened), opened.engine
        with homes.temporary_folder(Path(opened.scratch_root)) as folder:
            mounts = [{"Type": "volume", "Target": "/data"}, {"Type": "bind", "Source": str(folder), "Target": "/b"}]
            body: dict[str, object] = {"Image": LAB_IMAGE, "Cmd": ["sleep", "600"], "NetworkDisabled": True, "HostConfig": {"Mounts": mounts}}
            container = engine.create_container("", body)
            engine.start_container(container)
            script = "for d in /data /b /; do echo a > $d/synced; done; sync; for d in /data /b /; do echo b > $d/last; done"
            engine.exec(container, ["sh", "-c", script])

            daemon.power_loss()

            engine.refresh()
            engine.start_container(container)
            seen = engine.exec(container, ["sh", "-c", "for f in /data/synced /b/synced /synced /data/last /b/last /last; do cat $f; done"])
            engine.remove_container(container, force=True, volumes=True)
        told = engine.info.extra["power-loss"]
    finally:
        opened.close()

    assert told == "yes"
    assert seen.stdout == b"a\na\na\n"
    assert processes.mounts_below(daemon.folder) == []


def test_power_is_never_cut_where_no_disk_of_ours_is_mounted(opened: Opened, home: Path) -> None:
    with pytest.raises(EngineError, match="it has no disk of its own"):
        ours(opened).power_loss()
    (home / "no-disk").touch()
    with pytest.raises(EngineError, match="no disk of ours is mounted there"):
        disk.Disk(home / "no-disk", home).cut()


@pytest.fixture
def proxied(opened: Opened) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="dockstore-tests-", dir=homes.runtime()))
    proxy = Proxy(folder, opened.engine.info.address.removeprefix("unix://"))
    yield f"unix://{proxy.path}"
    proxy.close()
    shutil.rmtree(folder)


def test_behind_a_proxy_the_files_are_proven_by_nonces_both_ways(wanted: Wanted, proxied: str) -> None:
    through = open_engine(replace(wanted, address=proxied), say=nothing)
    info, host = through.engine.info, through.host
    left = (through.engine.list_volumes(), through.engine.list_containers())
    through.close()

    assert info.host_files
    assert isinstance(host, DirectHost)
    assert not info.restartable
    assert left == ([], [])


def test_behind_a_proxy_nothing_is_proven_where_nothing_may_be_made(wanted: Wanted, proxied: str) -> None:
    through = open_engine(replace(wanted, address=proxied, read_only=True), say=nothing)
    info = through.engine.info
    through.close()

    assert not info.host_files
    assert "not the engine itself" in info.host_files_reason


def test_a_network_folder_is_seen_by_containers_and_keeps_its_files(opened: Opened, run: Callable[..., str]) -> None:
    folders = opened.network_folders
    assert folders is not None
    if folders.refusal is not None:
        pytest.skip(folders.refusal)
    with homes.temporary_folder(Path(opened.scratch_root)) as folder:
        folders.mount(str(folder))
        container = run("echo row > /net/row; sleep 600", Mounts=[{"Type": "bind", "Source": str(folder), "Target": "/net"}])
        assert until((folder / "row").exists, timeout_seconds=20)
        mounts = opened.engine.exec(container, ["cat", "/proc/mounts"]).stdout.decode()
        opened.engine.kill_container(container, signal="KILL")

        folders.unmount(str(folder))
        empty = list(folder.iterdir())
        folders.mount(str(folder))
        again = (folder / "row").read_text(encoding="utf-8")
        folders.unmount(str(folder))

    assert " /net fuse.sshfs " in mounts
    assert empty == []
    assert again == "row\n"


def test_network_folders_leave_no_process_behind(opened: Opened) -> None:
    folders = netfolder.folders(opened.cache)
    if folders.refusal is not None:
        pytest.skip(folders.refusal)
    with homes.temporary_folder(Path(opened.scratch_root)) as folder:
        folders.mount(str(folder))

        folders.close()

        assert processes.mounts_below(folder) == []
    assert [pid for pid in processes.pids() if str(folder) in processes.command_line(pid)] == []


def test_a_users_engine_is_not_struck_but_spared(engine: DockerEngine, wanted: Wanted) -> None:
    named = replace(wanted, address=engine.info.address)
    kept = private.recognise(engine.info.address)  # `make test` may have started it, and is then using it
    company = leases.take(kept, alone=False, say=nothing, start=False) if kept is not None else None
    opened = open_engine(named, say=nothing)
    info = opened.engine.info
    opened.close()
    striking = open_engine(replace(named, needs_restart=True, needs_disposable=True), say=nothing)
    other = striking.engine.info
    striking.close()
    if company is not None:
        company.release()

    assert not info.restartable
    assert info.host_files or info.host_files_reason
    assert other.restartable
    assert other.address != info.address


def test_the_verb_lab_says_the_images_name_and_leaves_no_engine_running(home: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "DOCKSTORE_HOME": str(home), "DOCKER_HOST": "private"}

    answer = subprocess.run(
        [sys.executable, "-m", "dockstore.engines.providers", "lab"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert answer.stdout == f"{LAB_IMAGE}\n"
    assert "stopping the private engine" in answer.stderr
    assert not any(state.running for state in service.status(home, {}))
