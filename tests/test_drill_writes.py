"""What counts as written, how it is grouped, and what is scratch."""

from __future__ import annotations

import pytest

from dockstore.core.drill_facts import FileEntry, StoreNote
from dockstore.core.writes import Written, changed, engines_own, groups, role_of
from dockstore.runner.drill_play import _under_host_name

LAYER = StoreNote(key="/", target="/", kind="writable-layer")
VOLUME = StoreNote(key="/data", target="/data", kind="volume", name="v")


def entry(*, size: int = 10, mtime: int = 1, inode: int = 1, kind: str = "file", uid: int = 999) -> FileEntry:
    return FileEntry(kind, size, mtime, inode, uid, uid)


def paths(store: StoreNote, *files: str, made: tuple[str, ...] = (), later: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    written = Written(store=store, files={file: entry() for file in files}, at_stop={file: entry() for file in later}, made=frozenset(made))
    return [(group.path, group.role, group.found) for group in groups("a", [written], owner=(0, 0))]


@pytest.mark.parametrize(
    ("after", "is_written"),
    [
        (entry(), False),
        (entry(size=11), True),
        (entry(mtime=2), True),
        (entry(inode=2), True),
        (entry(kind="directory"), False),
    ],
    ids=["the same", "another size", "another time", "another file", "a folder"],
)
def test_written_is_what_has_another_size_time_or_inode(after: FileEntry, is_written: bool) -> None:
    assert bool(changed({"/data/f": entry()}, {"/data/f": after})) is is_written


def test_a_chown_that_copies_a_file_up_is_no_write() -> None:
    assert changed({}, {"/app/f": entry(size=10, mtime=1)}, lower={"/app/f": (10, 1)}) == {}
    assert changed({}, {"/app/f": entry(size=10, mtime=2)}, lower={"/app/f": (10, 1)}) != {}


def test_our_own_markers_and_the_engines_files_are_not_written() -> None:
    assert changed({}, {"/data/dockstore-n0123": entry()}) == {}
    assert engines_own("/etc/hosts", ())
    assert engines_own("/run/secrets/pw", {"/run/secrets/pw"})
    assert not engines_own("/etc/passwd", ())


def test_in_a_mount_the_deepest_folder_that_holds_all_is_named() -> None:
    assert paths(VOLUME, "/data/17/docker/PG_VERSION", "/data/17/docker/base/1") == [("/data/17/docker", "data", "written")]
    assert paths(VOLUME, "/data/a/x", "/data/b/y") == [("/data", "data", "written")]


def test_a_mount_where_nothing_was_written_is_declared() -> None:
    assert paths(VOLUME) == [("/data", "data", "declared")]
    assert paths(VOLUME, "/data/x.pid") == []


def test_in_the_layer_the_highest_folder_that_the_service_made_is_named() -> None:
    assert paths(LAYER, "/srv/app/a/b/f", made=("/srv/app", "/srv/app/a", "/srv/app/a/b")) == [("/srv/app", "data", "written")]


def test_in_the_layer_what_the_image_has_is_not_climbed_over() -> None:
    assert paths(LAYER, "/app/data/notes.db") == [("/app/data", "data", "written")]


def test_in_the_layer_general_folders_join_nothing() -> None:
    found = paths(LAYER, "/var/lib/a/x", "/var/lib/b/y", made=("/var/lib/a", "/var/lib/b"))

    assert [path for path, _, _ in found] == ["/var/lib/a", "/var/lib/b"]


def test_two_folders_of_one_application_are_one() -> None:
    assert [path for path, _, _ in paths(LAYER, "/var/lib/shop/a/x", "/var/lib/shop/b/y")] == ["/var/lib/shop"]


def test_a_file_right_in_a_general_folder_is_named_itself_and_its_marker_lies_beside_it() -> None:
    written = Written(store=LAYER, files={"/var/lib/x.db": entry()})

    (group,) = groups("a", [written], owner=(0, 0))

    assert (group.path, group.folder) == ("/var/lib/x.db", "/var/lib")


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/tmp/x", "scratch"),
        ("/run/x.pid", "scratch"),
        ("/var/log/x.log", "scratch"),
        ("/var/cache/x", "scratch"),
        ("/var/tmp/x", "data"),
        ("/root/.cache/x", "scratch"),
        ("/app/__pycache__/x.pyc", "scratch"),
        ("/etc/nginx/x.conf", "scratch"),
        ("/var/lib/x", "data"),
        ("/opt/x", "data"),
    ],
)
def test_scratch_by_place_in_the_layer(path: str, role: str) -> None:
    found, rule = role_of(LAYER, path, entry(), later=False)

    assert found == role
    assert rule


def test_settings_that_change_after_the_start_are_data() -> None:
    assert role_of(LAYER, "/etc/app/users.conf", entry(), later=True)[0] == "data"


@pytest.mark.parametrize("place", ["/tmp", "/var/log", "/var/cache/app", "/run/app"])
def test_a_volume_says_keep_whatever_its_name(place: str) -> None:
    store = StoreNote(key=place, target=place, kind="volume")

    assert role_of(store, f"{place}/x", entry(), later=False)[0] == "data"


@pytest.mark.parametrize("name", ["x.pid", "x.lock", "x.sock", "postmaster.pid"])
def test_pid_and_lock_files_are_scratch_everywhere(name: str) -> None:
    assert role_of(VOLUME, f"/data/{name}", entry(), later=False)[0] == "scratch"
    assert role_of(VOLUME, "/data/s", entry(kind="socket"), later=False)[0] == "scratch"


@pytest.mark.parametrize(("target", "role"), [("/tmp", "scratch"), ("/run", "scratch"), ("/dev/shm", "scratch"), ("/var/lib/db", "data")])
def test_a_tmpfs_is_scratch_exactly_where_memory_is_usual(target: str, role: str) -> None:
    store = StoreNote(key=target, target=target, kind="tmpfs")

    assert role_of(store, f"{target}/x", entry(), later=False)[0] == role


def test_what_a_probe_touches_outside_all_groups_is_a_row_of_its_own() -> None:
    written = Written(store=LAYER, files={"/app/data/db": entry()}, by_probe={"uploads": {"/app/uploads/x": entry()}})

    found = {group.path: (group.found, group.probes) for group in groups("a", [written], owner=(0, 0))}

    assert found == {"/app/data": ("written", ()), "/app/uploads": ("probe", ("uploads",))}


def test_what_a_probe_touches_inside_a_group_speaks_for_that_group() -> None:
    written = Written(store=VOLUME, files={"/data/PG_VERSION": entry(), "/data/b/x": entry()}, by_probe={"rows": {"/data/pg_wal/1": entry()}})

    (group,) = groups("a", [written], owner=(0, 0))

    assert (group.path, group.probes) == ("/data", ("rows",))


def test_what_is_written_in_a_graceful_stop_only_is_noted() -> None:
    written = Written(store=VOLUME, at_stop={"/data/dump.rdb": entry()})

    (group,) = groups("a", [written], owner=(0, 0))

    assert group.written_at_stop
    assert group.found == "written"


def test_the_owner_of_the_marker_is_the_owner_of_most_files() -> None:
    written = Written(store=VOLUME, files={"/data/a": entry(uid=70), "/data/b": entry(uid=70), "/data/c": entry(uid=0)})

    (group,) = groups("a", [written], owner=(0, 0))

    assert (group.uid, group.gid) == (70, 70)


def test_a_bound_file_takes_no_marker() -> None:
    store = StoreNote(key="/app/conf", target="/app/conf", kind="bind", single_file=True)

    (group,) = groups("a", [Written(store=store, files={"/app/conf": entry()})], owner=(0, 0))

    assert not group.markable


def test_a_link_gives_the_store_another_name() -> None:
    store = StoreNote(key="/var/run/db", target="/run/db", kind="volume")

    (group,) = groups("a", [Written(store=store, files={"/run/db/x": entry()})], owner=(0, 0))

    assert (group.path, group.aliases) == ("/run/db", ("/var/run/db",))


def test_folders_of_the_old_host_name_move_and_a_pid_file_that_bears_it_does_not() -> None:
    queues = {f"/data/mq@old/{number}": entry() for number in range(3)}
    tables = {f"/data/mysql/{number}": entry() for number in range(3)} | {"/data/old.pid": entry()}

    moved = _under_host_name({"old", "older"}, "new", queues, {**queues, "/data/mq@new/1": entry()})
    stayed = _under_host_name({"old"}, "new", tables, {**tables, "/data/new.pid": entry()})

    assert moved
    assert not stayed
