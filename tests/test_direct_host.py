"""The host's files, looked at directly: looks, prefixes, walks, searches."""

from __future__ import annotations

import os
import socket
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from host_folders import ROOT, names

from dockstore.engines.direct_host import DirectHost
from dockstore.engines.host import Unseen
from dockstore.engines.mounting import mount_points, unescaped
from dockstore.engines.no_host import NoHost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dockstore.engines.host import Host


@pytest.fixture
def host() -> DirectHost:
    return DirectHost()


def test_both_hosts_are_hosts(host: DirectHost) -> None:
    direct: Host = host
    blind: Host = NoHost("it is remote")

    assert direct.reason is None
    assert blind.reason == "it is remote"


# --- looks --------------------------------------------------------------------------------------------------------------


def test_a_file_is_told_with_all_its_facts(host: DirectHost, tmp_path: Path) -> None:
    file = tmp_path / "row"
    file.write_bytes(b"12345")
    file.chmod(0o640)
    known = file.stat()

    found = host.stat("row", root=str(tmp_path))

    assert found is not None
    assert (found.type, found.size_bytes, found.mode) == ("file", 5, 0o640)
    assert (found.inode, found.device, found.mtime_ns) == (known.st_ino, known.st_dev, known.st_mtime_ns)
    assert (found.uid, found.gid) == (os.geteuid(), known.st_gid)
    assert found.birth_ns is None or abs(found.birth_ns - known.st_ctime_ns) < 60_000_000_000


def test_a_birth_stays_while_times_change(host: DirectHost, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    before = host.stat(str(folder))
    (folder / "row").write_text("x")
    os.utime(folder, (1, 1))

    after = host.stat(str(folder))

    assert before is not None
    assert after is not None
    assert after.birth_ns == before.birth_ns
    assert after.mtime_ns == 1_000_000_000


def test_a_folder_tells_its_entries_only_when_asked(host: DirectHost, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).touch()

    told = host.stat(str(tmp_path), entries=True)
    not_told = host.stat(str(tmp_path))

    assert told is not None
    assert not_told is not None
    assert (told.type, told.entries, not_told.entries) == ("directory", ("a", "b"), None)


@pytest.mark.parametrize(
    "path",
    [pytest.param("nope", id="no such name"), pytest.param("no/such", id="no such folder"), pytest.param("file/below", id="below a file")],
)
def test_what_the_kernel_says_is_not_there_is_none(host: DirectHost, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()

    assert host.stat(path, root=str(tmp_path)) is None
    assert host.read(path, root=str(tmp_path)) is None


def test_without_its_root_nothing_is_absent(host: DirectHost, tmp_path: Path) -> None:
    with pytest.raises(Unseen, match="No such file"):
        host.stat("row", root=str(tmp_path / "gone"))
    with pytest.raises(Unseen, match="No such file"):
        list(host.walk(str(tmp_path / "gone")))


def test_an_absolute_link_in_a_volume_is_resolved_inside_the_volume(host: DirectHost, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    (volume / "etc").mkdir(parents=True)
    (volume / "etc/hostname").write_text("inside")
    (volume / "link").symlink_to("/etc/hostname")
    (volume / "folder").symlink_to("/etc")
    (volume / "secret").symlink_to("/etc/passwd")

    assert host.read("link", root=str(volume)) == b"inside"
    assert host.read("folder/hostname", root=str(volume)) == b"inside"
    assert host.read("secret", root=str(volume)) is None


@pytest.mark.parametrize("target", ["../../../../../../etc/passwd", "/../../etc/passwd"])
def test_dots_end_at_the_root(host: DirectHost, tmp_path: Path, target: str) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/link").symlink_to(target)

    assert host.read("link", root=str(tmp_path / "volume")) is None
    assert host.read("../outside", root=str(tmp_path / "volume")) is None


def test_a_link_is_told_as_a_link_unless_it_is_followed(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "row").write_text("x")
    (tmp_path / "link").symlink_to("row")

    link = host.stat("link", root=str(tmp_path), follow=False)
    file = host.stat("link", root=str(tmp_path))

    assert link is not None
    assert file is not None
    assert (link.type, link.link_target, file.type) == ("link", "row", "file")


def test_links_in_a_ring_are_unseen_and_not_absent(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(Unseen, match="symbolic links"):
        host.stat("a", root=str(tmp_path))


def test_a_fifo_is_never_opened(host: DirectHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    found = host.stat("pipe", root=str(tmp_path))

    assert found is not None
    assert found.type == "fifo"
    with pytest.raises(Unseen, match="is no file but a fifo"):
        host.read("pipe", root=str(tmp_path))
    assert host.find_bytes(str(tmp_path), b"x") == ()


def test_a_folder_and_a_socket_have_no_content(host: DirectHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("sock")

        found = host.stat("sock", root=str(tmp_path))

        assert found is not None
        assert found.type == "socket"
        for name in ("sock", ""):
            with pytest.raises(Unseen, match="is no file"):
                host.read(name, root=str(tmp_path))


def test_a_read_ends_at_its_limit(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)

    assert host.read("big", root=str(tmp_path), limit_bytes=10) == b"x" * 10
    assert len(host.read("big", root=str(tmp_path), limit_bytes=5_000_000) or b"") == 3_000_000


def test_an_absolute_path_below_its_root_is_the_hosts(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "row").write_text("x")

    assert host.read(str(tmp_path / "row"), root=str(tmp_path)) == b"x"
    assert host.read("/row", root=str(tmp_path)) == b"x"
    assert host.read(str(tmp_path / "row")) == b"x"


@ROOT
def test_a_whiteout_is_told_from_other_devices(host: DirectHost, tmp_path: Path) -> None:
    os.mknod(tmp_path / "gone", stat.S_IFCHR, 0)

    found = host.stat("gone", root=str(tmp_path))
    null = host.stat("/dev/null")

    assert found is not None
    assert null is not None
    assert (found.type, null.type) == ("whiteout", "device")


@ROOT
def test_an_opaque_folder_is_told(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "opaque").mkdir()
    (tmp_path / "plain").mkdir()
    os.setxattr(tmp_path / "opaque", "trusted.overlay.opaque", b"y")

    told = {listed.path: listed.stat.opaque for listed in host.walk(str(tmp_path))}
    found = host.stat("opaque", root=str(tmp_path))

    assert told == {"opaque": True, "plain": False}
    assert found is not None
    assert found.opaque


def test_no_permission_is_unseen(host: DirectHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "row").touch()
    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(Unseen, match="Permission denied"):
        host.stat("row", root=str(tmp_path))


def test_the_file_system_of_a_process_is_a_root_like_any(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "row").write_text("x")

    root = host.proc_root(os.getpid())

    assert host.read(str(tmp_path / "row"), root=root) == b"x"
    assert host.read(str(tmp_path / "row")[1:], root=root) == b"x"
    assert host.read("row", root=f"{root}{tmp_path}") == b"x"


def test_a_process_that_is_gone_is_unseen(host: DirectHost) -> None:
    gone = 2**22 + 1

    for look in (host.mountinfo, host.proc_root):
        with pytest.raises(Unseen, match="No such file"):
            look(gone)


def test_mounts_are_told_of_this_and_other_processes(host: DirectHost) -> None:
    points = [point for point, _, _ in mount_points(host.own_mountinfo())]

    assert "/proc" in points
    assert host.mountinfo(os.getpid()).splitlines()[0] in host.own_mountinfo()


def test_a_pid_of_the_engine_is_translated() -> None:
    host = DirectHost(pid_of=lambda pid: {7: os.getpid()}[pid])

    assert host.mountinfo(7) == DirectHost().mountinfo(os.getpid())
    with pytest.raises(Unseen, match="process 8 of the engine is not found here"):
        host.mountinfo(8)


@pytest.mark.parametrize("field", ["/a b\\", "/ä"])
def test_mountinfo_is_unescaped(field: str) -> None:
    assert unescaped(field.replace("\\", "\\134").replace(" ", "\\040")) == field


# --- with a prefix ------------------------------------------------------------------------------------------------------


def test_a_prefix_is_the_root_of_everything(tmp_path: Path) -> None:
    (tmp_path / "data/volumes").mkdir(parents=True)
    (tmp_path / "data/volumes/row").write_text("theirs")
    (tmp_path / "lib").symlink_to("/data")
    (tmp_path / "data/volumes/out").symlink_to("/etc/passwd")
    host = DirectHost(str(tmp_path))

    host.write_file("new", b"n", root="/data/volumes")

    assert host.read("row", root="/data/volumes") == b"theirs"
    assert host.read("row", root="/lib/volumes") == b"theirs"
    assert host.read("/data/volumes/out") is None
    assert [listed.path for listed in host.walk("/lib")] == ["volumes", "volumes/new", "volumes/out", "volumes/row"]
    with pytest.raises(Unseen, match="is no process's root"):
        host.own_mountinfo()


def test_the_root_of_a_process_is_a_prefix(tmp_path: Path) -> None:
    (tmp_path / "row").write_text("x")
    host = DirectHost(f"/proc/{os.getpid()}/root")

    assert host.read("row", root=str(tmp_path)) == b"x"
    assert host.own_mountinfo() == DirectHost().mountinfo(os.getpid())
    assert host.mountinfo(os.getpid()) == host.own_mountinfo()


# --- walking and searching ----------------------------------------------------------------------------------------------


def test_a_walk_tells_everything_below_in_order_and_follows_nothing(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/row").write_text("x")
    (tmp_path / "a").symlink_to("/etc")

    found = list(host.walk(str(tmp_path)))

    assert [(listed.path, listed.stat.type) for listed in found] == [("a", "link"), ("b", "directory"), ("b/c", "directory"), ("b/c/row", "file")]
    assert found[0].stat.link_target == "/etc"


def test_a_walk_past_its_limit_is_unseen(host: DirectHost, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).touch()

    with pytest.raises(Unseen, match="more than 2 files"):
        list(host.walk(str(tmp_path), limit_files=2))


def test_a_walk_that_is_left_early_closes_what_it_opened(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    before = len(names("/proc/self/fd"))

    walk = host.walk(str(tmp_path))
    next(walk)
    next(walk)
    walk.close()  # type: ignore[attr-defined]

    assert len(names("/proc/self/fd")) == before


def test_bytes_are_found_across_the_seams_of_reading(host: DirectHost, tmp_path: Path) -> None:
    needle = b"dockstore-needle"
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/seam").write_bytes(b"." * ((1 << 20) - 5) + needle + b"." * 10)
    (tmp_path / "start").write_bytes(needle)
    (tmp_path / "without").write_bytes(needle[:-1])
    (tmp_path / "skipped").mkdir()
    (tmp_path / "skipped/it").write_bytes(needle)

    found = host.find_bytes(str(tmp_path), needle, skip=("skipped",))

    assert found == ("deep/er/seam", "start")
    assert host.find_bytes(str(tmp_path), needle, skip=(str(tmp_path / "deep"),)) == ("skipped/it", "start")


def test_a_search_out_of_time_is_unseen(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "row").write_bytes(b"x")

    with pytest.raises(Unseen, match="not done within 0 s"):
        host.find_bytes(str(tmp_path), b"y", timeout_seconds=0)


def test_a_file_that_cannot_be_searched_is_unseen(host: DirectHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "row").write_bytes(b"x")

    def refuse(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", refuse)

    with pytest.raises(Unseen, match="row cannot be searched: Input/output error"):
        host.find_bytes(str(tmp_path), b"y")


# --- nobody's host ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "look",
    [
        lambda host: host.stat("/x"),
        lambda host: host.read("/x"),
        lambda host: host.mountinfo(1),
        lambda host: host.own_mountinfo(),
        lambda host: host.proc_root(1),
        lambda host: host.walk("/x"),
        lambda host: host.find_bytes("/x", b"y"),
        lambda host: host.make_folder("/x"),
        lambda host: host.write_file("/x", b"", root="/"),
        lambda host: host.replace_file("/x", b"", root="/"),
        lambda host: host.rename("/x", "/y", root="/"),
        lambda host: host.remove("/x", root="/"),
        lambda host: host.mount_tmpfs("/x", root="/"),
        lambda host: host.unmount("/x", root="/"),
    ],
)
def test_a_blind_host_answers_everything_with_its_reason(look: Callable[[NoHost], object]) -> None:
    host = NoHost("the engine is at tcp://far:2376")

    with pytest.raises(Unseen, match="the engine is at tcp://far:2376"):
        look(host)

    host.close()


def test_the_kernel_tells_births_here() -> None:
    from dockstore.engines.statx import birth_ns

    fd = os.open("/", os.O_PATH)
    try:
        born = birth_ns(fd)
    finally:
        os.close(fd)

    assert born is None or 0 < born < sys.maxsize
