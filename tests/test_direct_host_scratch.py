"""The host's files, changed: the scratch folder and mounts of our own, and nothing else."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from host_folders import ROOT, names

from dockstore.engines.direct_host import DirectHost
from dockstore.engines.mounting import keeper_of, mount_points

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def host() -> DirectHost:
    return DirectHost()


@pytest.fixture
def mountable(tmp_path: Path) -> Path:
    """A scratch folder of somebody who may mount."""
    scratch = tmp_path / "scratch"
    (scratch / "share").mkdir(parents=True)
    host = DirectHost()
    try:
        host.mount_tmpfs("share", root=str(scratch))
    except OSError as exc:
        pytest.skip(f"may not mount: {exc}")
    host.unmount_all(str(scratch))
    return scratch


# --- the scratch folder -------------------------------------------------------------------------------------------------


def test_a_file_is_written_in_place(host: DirectHost, tmp_path: Path) -> None:
    host.write_file("a/row", b"first, longer", root=str(tmp_path), mode=0o600, sync=True)
    before = (tmp_path / "a/row").stat().st_ino

    host.write_file("a/row", b"second", root=str(tmp_path))

    assert (tmp_path / "a/row").read_bytes() == b"second"
    assert (tmp_path / "a/row").stat().st_ino == before
    assert stat.S_IMODE((tmp_path / "a/row").stat().st_mode) == 0o600


def test_a_file_is_replaced_as_editors_do(host: DirectHost, tmp_path: Path) -> None:
    file = tmp_path / "row"
    file.write_text("old")
    file.chmod(0o604)
    before = file.stat().st_ino

    host.replace_file("row", b"new", root=str(tmp_path), sync=True)

    assert file.read_bytes() == b"new"
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o604
    assert names(tmp_path) == ["row"]


def test_a_replacement_that_fails_leaves_nothing(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError):
        host.replace_file("folder", b"x", root=str(tmp_path))

    assert names(tmp_path) == ["folder"]


WRITES: list[tuple[str, Callable[[DirectHost, str], None]]] = [
    ("write", lambda host, root: host.write_file("out/row", b"x", root=root)),
    ("write to a link", lambda host, root: host.write_file("file", b"x", root=root)),
    ("write up", lambda host, root: host.write_file("../row", b"x", root=root)),
    ("replace", lambda host, root: host.replace_file("out/row", b"x", root=root)),
    ("remove", lambda host, root: host.remove("out/precious", root=root)),
    ("rename", lambda host, root: host.rename("mine", "out/row", root=root)),
    ("relative link", lambda host, root: host.write_file("up/row", b"x", root=root)),
]


@pytest.mark.parametrize("write", [write for _, write in WRITES], ids=[name for name, _ in WRITES])
def test_no_change_leaves_its_root(host: DirectHost, tmp_path: Path, write: Callable[[DirectHost, str], None]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("p")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "mine").touch()
    (scratch / "out").symlink_to(outside)
    (scratch / "up").symlink_to("../outside")
    (scratch / "file").symlink_to(outside / "new")

    with pytest.raises(PermissionError, match="leads out of"):
        write(host, str(scratch))

    assert names(outside) == ["precious"]


def test_a_link_inside_its_root_is_followed_by_a_write(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    host.write_file("link/row", b"x", root=str(tmp_path))

    assert (tmp_path / "real/row").read_bytes() == b"x"


def test_a_write_to_a_fifo_does_not_hang(host: DirectHost, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="it is no file but a fifo"):
        host.write_file("pipe", b"x", root=str(tmp_path))


def test_a_folder_is_made_with_its_parents_and_its_mode(host: DirectHost, tmp_path: Path) -> None:
    host.make_folder(str(tmp_path / "a/b"), mode=0o1777)
    host.make_folder(str(tmp_path / "a/b"), mode=0o700)

    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o1777
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        host.make_folder(str(tmp_path / "file"))


@ROOT
def test_what_is_made_belongs_to_whom_it_should(host: DirectHost, tmp_path: Path) -> None:
    host.make_folder(str(tmp_path / "a"), owner=(1000, 1001))
    host.write_file("row", b"x", root=str(tmp_path), owner=(1002, 1003))

    assert ((tmp_path / "a").stat().st_uid, (tmp_path / "a").stat().st_gid) == (1000, 1001)
    assert ((tmp_path / "row").stat().st_uid, (tmp_path / "row").stat().st_gid) == (1002, 1003)


def test_a_rename_keeps_the_inode(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = (tmp_path / "a").stat().st_ino

    host.rename("a", "b", root=str(tmp_path))

    assert (tmp_path / "b").stat().st_ino == before
    with pytest.raises(FileNotFoundError):
        host.rename("a", "c", root=str(tmp_path))


def test_a_folder_is_removed_with_all_in_it_and_links_are_not_followed(host: DirectHost, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/row").touch()
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/row").touch()
    (tmp_path / "a/link").symlink_to(tmp_path / "kept")
    os.mkfifo(tmp_path / "a/pipe")

    host.remove("a", root=str(tmp_path))
    host.remove("a", root=str(tmp_path))

    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["row"]
    with pytest.raises(PermissionError, match="a root itself"):
        host.remove("", root=str(tmp_path))


# --- mounts of our own --------------------------------------------------------------------------------------------------


def test_the_files_of_an_unmounted_share_come_back(host: DirectHost, mountable: Path) -> None:
    root = str(mountable)
    (mountable / "share/beneath").touch()

    host.mount_tmpfs("share", root=root)
    host.write_file("share/row", b"x", root=root)
    shown = names(mountable / "share")
    host.unmount("share", root=root)
    hidden = names(mountable / "share")
    host.mount_tmpfs("share", root=root)
    again = host.read("share/row", root=root)
    host.unmount_all(root)

    assert (shown, hidden, again) == (["row"], ["beneath"], b"x")
    assert names(mountable.parent) == ["scratch"]
    assert not any(point.startswith(str(mountable.parent)) for point, _, _ in mount_points(host.own_mountinfo()))


def test_a_share_is_mounted_once(host: DirectHost, mountable: Path) -> None:
    host.mount_tmpfs("share", root=str(mountable))

    with pytest.raises(OSError, match="mounted there already"):
        host.mount_tmpfs("share", root=str(mountable))

    host.unmount_all(str(mountable))


def test_nothing_is_mounted_behind_a_link(host: DirectHost, mountable: Path) -> None:
    outside = mountable.parent / "outside"
    outside.mkdir()
    (mountable / "link").symlink_to(outside)
    (mountable / "inner").symlink_to("share")

    for name in ("link", "inner", "nope", ""):
        with pytest.raises(OSError, match=r"no folder to mount at|a link"):
            host.mount_tmpfs(name, root=str(mountable))


def test_removing_a_folder_unmounts_what_is_ours(host: DirectHost, mountable: Path) -> None:
    host.mount_tmpfs("share", root=str(mountable))
    host.write_file("share/row", b"x", root=str(mountable))

    host.remove("scratch", root=str(mountable.parent))

    assert names(mountable.parent) == []


def test_removing_never_goes_through_another_mount(host: DirectHost, mountable: Path) -> None:
    from dockstore.engines import mounting

    precious = mountable.parent / "precious"
    precious.mkdir()
    (precious / "row").touch()
    (mountable / "share/deep").mkdir()
    mounting.bind(str(precious), str(mountable / "share/deep"))

    with pytest.raises(OSError, match="a mount lies there"):
        host.remove("share", root=str(mountable))

    kept = names(precious)
    mounting.unmount(str(mountable / "share/deep"))
    assert kept == ["row"]


def test_a_walk_stays_in_one_file_system(host: DirectHost, mountable: Path) -> None:
    host.mount_tmpfs("share", root=str(mountable))
    host.write_file("share/row", b"needle", root=str(mountable))

    paths = [listed.path for listed in host.walk(str(mountable))]
    found = host.find_bytes(str(mountable), b"needle")
    control = host.find_bytes(str(mountable / "share"), b"needle")
    host.unmount_all(str(mountable))

    assert (paths, found, control) == (["share"], (), ("row",))


def test_mounts_are_made_where_the_engines_files_are_at_home(mountable: Path) -> None:
    nested = DirectHost(f"/proc/{os.getpid()}/root")

    nested.mount_tmpfs("share", root=str(mountable))
    nested.write_file("share/row", b"x", root=str(mountable))
    seen = DirectHost().read(keeper_of(str(mountable), "share") + "/row")
    nested.unmount("share", root=str(mountable))
    beneath = names(mountable / "share")
    nested.unmount_all(str(mountable))

    assert seen == b"x"
    assert beneath == []
    assert names(mountable.parent) == ["scratch"]


def test_many_threads_share_one_host(host: DirectHost, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(30):
                host.write_file(f"{number}/row", str(turn).encode(), root=str(tmp_path))
                assert host.read(f"{number}/row", root=str(tmp_path)) == str(turn).encode()
        except BaseException as exc:  # noqa: BLE001
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
