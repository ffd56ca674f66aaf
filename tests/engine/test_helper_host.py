"""The same answers through a helper container as by our own eyes."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from dockstore.engines.direct_host import DirectHost
from dockstore.engines.helper_host import HelperHost
from dockstore.engines.host import Unseen
from dockstore.engines.lab import ensure_lab_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine
SCRATCH_ROOT = "/var/tmp"


@pytest.fixture(scope="module")
def lab(engine: DockerEngine) -> str:
    return ensure_lab_image(engine)


@pytest.fixture(scope="module")
def helper(engine: DockerEngine, lab: str) -> Iterator[HelperHost]:
    host = HelperHost(engine, lab, engine.info.data_root)
    yield host
    host.close()


@pytest.fixture
def scratch(helper: HelperHost) -> Iterator[str]:
    """A scratch folder on the engine's host, made and removed by the helper."""
    folder = f"{SCRATCH_ROOT}/dockstore-test-{secrets.token_hex(6)}"
    helper.make_folder(folder)
    yield folder
    helper.remove(folder, root=SCRATCH_ROOT)


@pytest.fixture
def volume(engine: DockerEngine, lab: str) -> Iterator[str]:
    """A volume's folder on the engine's host, with a few awkward things in it."""
    name = f"dockstore-test-{secrets.token_hex(6)}"
    script = """
    cd /v; echo row >row; chmod 640 row; chown 12:34 row; mkfifo pipe; ln -s /etc/hostname out; ln -s /row in; ln -s b a; ln -s a b
    mkdir -p deep/er; printf 'x\\000needle-in-it\\000y' >deep/er/hay; printf 'a b\\nc' >'two
lines'; echo hidden >.dot; ln -s ../../../../../../etc/passwd up
    """
    mounts = [{"Type": "volume", "Source": name, "Target": "/v", "VolumeOptions": {"Labels": {"io.dockstore.test": "1"}}}]
    container = engine.create_container(
        name, {"Image": lab, "Cmd": ["sh", "-c", script], "NetworkDisabled": True, "HostConfig": {"NetworkMode": "none", "Mounts": mounts}}
    )
    engine.start_container(container)
    code = engine.wait_container(container, condition="not-running", timeout_seconds=30)
    engine.remove_container(container, force=True)
    assert code == 0
    yield str(engine.inspect_volume(name)["Mountpoint"])
    engine.remove_volume(name)


def test_a_file_is_told_with_its_facts(helper: HelperHost, volume: str) -> None:
    found = helper.stat("row", root=volume)

    assert found is not None
    assert (found.type, found.size_bytes, found.mode, found.uid, found.gid) == ("file", 4, 0o640, 12, 34)
    assert found.birth_ns is None
    assert helper.read("row", root=volume) == b"row\n"
    assert helper.read("row", root=volume, limit_bytes=2) == b"ro"
    assert helper.read(f"{volume}/row") == b"row\n"


def test_links_stay_inside(helper: HelperHost, volume: str) -> None:
    link = helper.stat("in", root=volume, follow=False)

    assert link is not None
    assert (link.type, link.link_target) == ("link", "/row")
    assert helper.read("in", root=volume) == b"row\n"
    assert helper.read("out", root=volume) is None
    assert helper.read("up", root=volume) is None
    assert helper.read("../../../row", root=volume) == b"row\n"
    with pytest.raises(Unseen, match="symbolic links"):
        helper.stat("a", root=volume)


def test_absence_is_definite_and_blindness_is_not(helper: HelperHost, volume: str) -> None:
    assert helper.stat("nope", root=volume) is None
    assert helper.stat("no/such/row", root=volume) is None
    assert helper.stat("row/below", root=volume) is None
    with pytest.raises(Unseen, match="No such file"):
        helper.stat("row", root=f"{volume}/gone")
    with pytest.raises(Unseen, match="the helper container sees"):
        helper.read("/etc/passwd")
    with pytest.raises(Unseen, match="is no file but a fifo"):
        helper.read("pipe", root=volume)


def test_entries_and_walks_tell_every_name(helper: HelperHost, volume: str) -> None:
    expected = (".dot", "a", "b", "deep", "in", "out", "pipe", "row", "two\nlines", "up")

    found = helper.stat("", root=volume, entries=True)
    walked = {listed.path: listed.stat for listed in helper.walk(volume)}

    assert found is not None
    assert found.entries == expected
    assert set(walked) == {*expected, "deep/er", "deep/er/hay"}
    assert (walked["pipe"].type, walked["row"].uid, walked["deep/er"].type) == ("fifo", 12, "directory")


def test_bytes_are_found_between_nuls(helper: HelperHost, volume: str) -> None:
    assert helper.find_bytes(volume, b"needle-in-it") == ("deep/er/hay",)
    assert helper.find_bytes(volume, b"needle-in-it", skip=("deep",)) == ()
    assert helper.find_bytes(volume, b"no-such-needle") == ()
    with pytest.raises(Unseen, match="plain text"):
        helper.find_bytes(volume, b"\xff")


def test_a_search_finds_the_few_among_many(helper: HelperHost, scratch: str) -> None:
    for number in range(40):
        helper.write_file(f"{number}", b"needle-in-it" if number in {3, 31} else b"hay\0hay", root=scratch)

    assert helper.find_bytes(scratch, b"needle-in-it") == ("3", "31")


def test_what_the_kernel_shows_alike_everywhere_is_read_in_the_helper(helper: HelperHost) -> None:
    assert b"Shmem:" in (helper.read("/proc/meminfo") or b"")


def test_whether_a_folder_is_opaque_is_not_told_through_a_helper(helper: HelperHost, volume: str) -> None:
    folder, file = helper.stat("deep", root=volume), helper.stat("row", root=volume)

    assert folder is not None
    assert file is not None
    assert (folder.opaque_told, file.opaque_told) == (False, True)


def test_the_data_root_cannot_be_written(helper: HelperHost, volume: str) -> None:
    with pytest.raises(PermissionError, match="only the scratch folder"):
        helper.write_file("row", b"x", root=volume)


def test_the_scratch_folder_is_written_and_read(helper: HelperHost, scratch: str) -> None:
    data = bytes(range(256)) * 20

    helper.write_file("a/b/row", data, root=scratch, mode=0o600, owner=(7, 8))
    before = helper.stat("a/b/row", root=scratch)
    helper.write_file("a/b/row", b"in place", root=scratch, sync=True)
    after = helper.stat("a/b/row", root=scratch)
    helper.replace_file("a/b/row", b"replaced", root=scratch)
    replaced = helper.stat("a/b/row", root=scratch)

    assert before is not None
    assert after is not None
    assert replaced is not None
    assert (before.size_bytes, before.mode, before.uid, before.gid) == (len(data), 0o600, 7, 8)
    assert after.inode == before.inode
    assert replaced.inode != before.inode
    assert (replaced.mode, replaced.uid, replaced.gid) == (0o600, 7, 8)
    assert helper.read("a/b/row", root=scratch) == b"replaced"


def test_renames_and_removals_stay_below_their_root(helper: HelperHost, scratch: str) -> None:
    helper.make_folder(f"{scratch}/a", mode=0o1777)
    helper.write_file("a/row", b"x", root=scratch)

    helper.rename("a", "b", root=scratch)
    helper.remove("b/row", root=scratch)
    helper.remove("b/row", root=scratch)
    helper.remove("nope/row", root=scratch)
    left = helper.stat("b", root=scratch, entries=True)

    assert left is not None
    assert (left.entries, left.mode) == ((), 0o1777)
    with pytest.raises(FileNotFoundError):
        helper.rename("a", "c", root=scratch)
    with pytest.raises(PermissionError):
        helper.remove("../x", root=scratch)
    with pytest.raises(PermissionError):
        helper.remove("", root=scratch)


def test_a_link_out_of_the_scratch_folder_is_refused(engine: DockerEngine, lab: str, helper: HelperHost, scratch: str) -> None:
    name = f"dockstore-test-{secrets.token_hex(6)}"
    config: dict[str, object] = {
        "Image": lab,
        "Cmd": ["sh", "-c", "ln -s /etc /s/out; ln -s .. /s/up; mkfifo /s/pipe"],
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none", "Binds": [f"{scratch}:/s"]},
    }
    container = engine.create_container(name, config)
    engine.start_container(container)
    engine.wait_container(container, condition="not-running", timeout_seconds=30)
    engine.remove_container(container, force=True)

    for path in ("out/row", "up/row", "../row"):
        with pytest.raises(PermissionError, match="leads out of"):
            helper.write_file(path, b"x", root=scratch)
    with pytest.raises(OSError, match="something else"):
        helper.write_file("pipe", b"x", root=scratch)


def test_processes_of_the_engines_host_are_seen(engine: DockerEngine, lab: str, helper: HelperHost) -> None:
    name = f"dockstore-test-{secrets.token_hex(6)}"
    config: dict[str, object] = {
        "Image": lab,
        "Cmd": ["sh", "-c", "echo memory >/tmp/t/row; sleep 60"],
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none", "Init": True, "Mounts": [{"Type": "tmpfs", "Target": "/tmp/t"}]},
    }
    container = engine.create_container(name, config)
    try:
        engine.start_container(container)
        engine.exec(container, ["sh", "-c", "until [ -s /tmp/t/row ]; do sleep 0.05; done"], timeout_seconds=20)
        state = engine.inspect_container(container)["State"]
        assert isinstance(state, dict)

        mounts = helper.mountinfo(int(state["Pid"]))
        content = helper.read("/tmp/t/row", root=helper.proc_root(int(state["Pid"])))
    finally:
        engine.remove_container(container, force=True, volumes=True)

    assert " /tmp/t " in mounts
    assert content == b"memory\n"
    with pytest.raises(Unseen):
        helper.mountinfo(2**22 + 1)


def test_what_the_helper_sees_is_told_with_the_hosts_paths(engine: DockerEngine, helper: HelperHost) -> None:
    points = [line.split(" ")[4] for line in helper.own_mountinfo().splitlines()]

    assert engine.info.data_root in points
    assert SCRATCH_ROOT in points
    assert "/" not in points


def test_nothing_is_mounted_through_a_helper(helper: HelperHost, scratch: str) -> None:
    with pytest.raises(Unseen, match="nothing is mounted"):
        helper.mount_tmpfs("x", root=scratch)
    with pytest.raises(Unseen, match="nothing is unmounted"):
        helper.unmount("x", root=scratch)


def test_a_helper_that_was_killed_is_replaced(engine: DockerEngine, lab: str) -> None:
    host = HelperHost(engine, lab, engine.info.data_root, labels={"io.dockstore.test": "killed"})
    try:
        assert host.reason is None
        (first,) = engine.list_containers(filters={"label": ["io.dockstore.test=killed"]})
        engine.kill_container(str(first["Id"]), signal="KILL")

        found = host.stat(engine.info.data_root)

        assert found is not None
        (second,) = engine.list_containers(filters={"label": ["io.dockstore.test=killed"]})
        assert second["Id"] != first["Id"]
    finally:
        host.close()
    assert engine.list_containers(filters={"label": ["io.dockstore.test=killed"]}) == []


def test_a_helper_without_its_image_is_blind(engine: DockerEngine) -> None:
    host = HelperHost(engine, "localhost/dockstore-no-such-image:1", engine.info.data_root)

    reason = host.reason
    host.close()

    assert reason is not None
    assert "No such image" in reason


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to compare")
def test_both_hosts_answer_alike(engine: DockerEngine, helper: HelperHost, volume: str) -> None:
    direct = DirectHost()
    if direct.stat(volume) is None:
        pytest.skip("the engine's files are not here")

    for path in ("", "row", "in", "out", "up", "pipe", "deep/er/hay", "two\nlines", "nope", "row/x"):
        ours, theirs = direct.stat(path, root=volume), helper.stat(path, root=volume)
        facts = [
            (found.type, found.size_bytes, found.mode, found.uid, found.gid, found.inode, found.device) if found else None for found in (ours, theirs)
        ]
        assert facts[0] == facts[1], path
    assert [listed.path for listed in direct.walk(volume)] == [listed.path for listed in helper.walk(volume)]
    assert direct.find_bytes(volume, b"needle-in-it") == helper.find_bytes(volume, b"needle-in-it")
