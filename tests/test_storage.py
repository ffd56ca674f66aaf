"""Which store backs a path, what makes a store the same one, and which event ends which store."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core import storage
from dockstore.core.model import Home, Store, StoreKind
from dockstore.core.storage import Circumstances, Happening, StoreClass

TABLE = r"""
700 600 0:48 / / rw,relatime - overlay overlay rw,lowerdir=/d/l/A:/d/l/B,upperdir=/d/c1/diff,workdir=/d/c1/work
701 700 0:50 / /proc rw,nosuid - proc proc rw
702 700 0:51 / /dev rw - tmpfs tmpfs rw,size=65536k
703 702 0:52 / /dev/shm rw - tmpfs shm rw
704 700 8:1 /d/volumes/rows/_data /data rw,relatime master:1 - ext4 /dev/sda1 rw
705 704 8:1 /d/volumes/inner/_data/in/side /data/inner ro - ext4 /dev/sda1 rw
706 700 8:1 /srv/with\040space /with\040space rw - ext4 /dev/sda1 rw
707 700 259:70000 / /late rw - ext4 /dev/nvme0n1p1 rw
708 707 0:60 / /late rw - tmpfs tmpfs rw
"""
MOUNTS = storage.parse_mountinfo(TABLE)


def store(kind: StoreKind = StoreKind.VOLUME, identity: str | None = "x", **more: Any) -> Store:
    return Store(kind=kind, identity=identity, **more)


# --- the mount table ------------------------------------------------------------------------------------------------------


def test_lines_that_are_no_mounts_are_left_out() -> None:
    entries = storage.parse_mountinfo(f"garbage\n\n1 2 x:y / / rw - ext4 /dev/x rw\n1 2 8:1 / / rw - ext4\n{TABLE}")

    assert [entry.mount_id for entry in entries] == [700, 701, 702, 703, 704, 705, 706, 707, 708]


def test_octal_escapes_are_undone() -> None:
    entry = storage.mount_at("/with space/x", MOUNTS)

    assert entry is not None
    assert (entry.target, entry.root) == ("/with space", "/srv/with space")


def test_an_overlay_tells_its_directories() -> None:
    root = MOUNTS[0]

    assert root.upperdir == "/d/c1/diff"
    assert root.layers == ("/d/l/A", "/d/l/B")


def test_other_file_systems_have_no_overlay_directories() -> None:
    assert MOUNTS[4].upperdir is None
    assert MOUNTS[4].layers == ()


@pytest.mark.parametrize(
    ("path", "target", "filesystem"),
    [
        pytest.param("/etc/passwd", "/", "overlay", id="no mount covers it"),
        pytest.param("/data/row", "/data", "ext4", id="a volume"),
        pytest.param("/data", "/data", "ext4", id="the mountpoint itself"),
        pytest.param("/database/row", "/", "overlay", id="a name that only begins alike"),
        pytest.param("/data/inner/row", "/data/inner", "ext4", id="the deepest wins"),
        pytest.param("/dev/shm/row", "/dev/shm", "tmpfs", id="memory below memory"),
        pytest.param("/late/row", "/late", "tmpfs", id="of two on one target the later wins"),
    ],
)
def test_the_mount_that_holds_a_path_is_the_kernels(path: str, target: str, filesystem: str) -> None:
    entry = storage.mount_at(path, MOUNTS)

    assert entry is not None
    assert (entry.target, entry.filesystem) == (target, filesystem)


def test_an_empty_table_holds_nothing() -> None:
    assert storage.mount_at("/x", ()) is None


def test_a_device_is_numbered_as_stat_numbers_it() -> None:
    assert storage.device_number(8, 1) == os.makedev(8, 1)
    assert MOUNTS[7].device == os.makedev(259, 70000)


def test_read_only_is_told_of_the_mount_and_of_its_file_system() -> None:
    frozen = storage.parse_mountinfo("1 2 8:1 / /x rw - ext4 /dev/x ro")[0]

    assert MOUNTS[5].read_only
    assert frozen.read_only
    assert not MOUNTS[4].read_only


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "data", "inner"]), min_size=0, max_size=5))
def test_whatever_holds_a_path_is_above_it_and_nothing_deeper_is(parts: list[str]) -> None:
    path = "/" + "/".join(parts)

    entry = storage.mount_at(path, MOUNTS)

    assert entry is not None
    assert storage.beneath(path, entry.target)
    assert not any(storage.beneath(path, other.target) and len(other.target) > len(entry.target) for other in MOUNTS)


@pytest.mark.parametrize(
    ("root", "part"),
    [
        pytest.param("/var/lib/docker/volumes/rows/_data", "", id="whole"),
        pytest.param("/volumes/rows/_data/in/side", "in/side", id="a part (P7)"),
        pytest.param("/@/docker/volumes/rows/_data", "", id="below a subvolume"),
        pytest.param("/outer/volumes/outer_data/_data/volumes/rows/_data/in", "in", id="an engine whose data root is a volume"),
        pytest.param("/volumes/rows/_data//deleted", "", id="deleted by hand"),
        pytest.param("/volumes/others/_data", None, id="another volume"),
        pytest.param("/srv/rows", None, id="a bind"),
        pytest.param("/srv/volumes/rows/data", None, id="a folder that only looks alike"),
        pytest.param("/volumes/more-rows/_data", None, id="a name that only ends alike"),
    ],
)
def test_a_mounts_root_tells_the_part_of_a_volume(root: str, part: str | None) -> None:
    assert storage.volume_part(root, "rows") == part


def test_paths_are_joined_below_a_root() -> None:
    assert storage.joined("in/side", "", "/row") == "in/side/row"
    assert storage.inside("/data", "/data") == ""
    assert storage.inside("/data/a/b", "/data") == "a/b"


# --- identities -----------------------------------------------------------------------------------------------------------


def test_a_volume_is_known_by_its_nonce_before_anything_else() -> None:
    identity = storage.volume_identity(name="rows", nonce="n1", birth_ns=5, inode=7)

    assert identity == storage.volume_identity(name="rows", nonce="n1", birth_ns=6, inode=8)
    assert identity != storage.volume_identity(name="rows", nonce="n2", birth_ns=5, inode=7)


def test_two_volumes_of_one_create_call_are_two() -> None:
    assert storage.volume_identity(name="a", nonce="n1") != storage.volume_identity(name="b", nonce="n1")


def test_an_anonymous_name_is_an_identity() -> None:
    assert storage.volume_identity(name="f" * 64, nonce=None) == f"volume:name:{'f' * 64}"


def test_a_name_alone_is_none() -> None:
    assert storage.volume_identity(name="rows", nonce=None) is None


def test_an_inode_without_its_birth_is_none() -> None:
    assert storage.volume_identity(name="rows", nonce=None, inode=7) is None


def test_the_birth_of_its_directory_tells_a_volume_from_the_next_of_its_name() -> None:
    first = storage.volume_identity(name="rows", nonce=None, birth_ns=1, inode=7)
    second = storage.volume_identity(name="rows", nonce=None, birth_ns=2, inode=7)

    assert first is not None
    assert first != second


def test_a_volume_with_options_is_what_lies_behind_it() -> None:
    behind = storage.volume_identity(name="rows", nonce="n1", device=3, inode=4, has_options=True)

    assert behind == storage.volume_identity(name="rows", nonce="n2", device=3, inode=4, has_options=True)
    assert storage.bind_numbers(behind) == (3, 4)
    assert storage.volume_identity(name="rows", nonce="n1", has_options=True) is None


def test_a_bind_is_device_and_inode() -> None:
    assert storage.bind_numbers(storage.bind_identity(3, 4)) == (3, 4)
    assert storage.bind_numbers("layer:x") is None
    assert storage.bind_numbers(None) is None


def test_memory_is_one_life_of_one_main_process() -> None:
    first = storage.memory_identity(device=48, container="c", started="10:00")

    assert first != storage.memory_identity(device=48, container="c", started="10:01")
    assert first != storage.memory_identity(device=49, container="c", started="10:00")


@pytest.mark.parametrize(
    ("then", "now", "home"),
    [
        pytest.param(store(identity="a"), store(identity="a"), Home.YES, id="equal"),
        pytest.param(store(identity="a"), store(identity="b"), Home.NO, id="different"),
        pytest.param(store(identity=None, name="rows"), store(identity="b", name="rows"), Home.UNKNOWN, id="one of them cannot be told"),
        pytest.param(store(identity=None, name="rows"), store(identity=None, name="others"), Home.NO, id="a volume cannot be renamed"),
        pytest.param(store(identity=None), store(kind=StoreKind.TMPFS, identity="b"), Home.NO, id="another kind"),
        pytest.param(store(kind=StoreKind.BIND, identity=None), store(kind=StoreKind.BIND, identity=None), Home.UNKNOWN, id="two binds"),
    ],
)
def test_the_same_store_is_told_by_identity_only(then: Store, now: Store, home: Home) -> None:
    assert storage.same_store(then, now) is home


def test_what_cannot_be_told_is_never_the_same() -> None:
    for kind in StoreKind:
        assert storage.same_store(store(kind=kind, identity=None), store(kind=kind, identity=None)) is not Home.YES


def test_a_covered_store_is_found_among_those_attached() -> None:
    here = store(identity="a", target="/data")

    assert storage.still_attached(store(identity="a"), [store(identity="b"), here]) is here
    assert storage.still_attached(store(identity=None), [store(identity=None)]) is None


# --- the static rules -----------------------------------------------------------------------------------------------------

ALONE = Circumstances(used=False, used_by_others=False, running=False, running_users=False, live_restore=False, prune_takes_named=False)
STOPPED_USER = Circumstances(used=True, used_by_others=False, running=False, running_users=False, live_restore=False, prune_takes_named=True)
L, K = True, False


@pytest.mark.parametrize(
    ("happening", "known", "fates"),
    [
        #                                                               layer tmpfs bind named anon tvol o=bind
        pytest.param(Happening.MAIN_PROCESS_ENDS, ALONE, [K, L, K, K, K, L, K], id="restart, stop, kill, crash"),
        pytest.param(Happening.PAUSE, ALONE, [K, K, K, K, K, K, K], id="pause"),
        pytest.param(Happening.RENAME, ALONE, [K, K, K, K, K, K, K], id="rename"),
        pytest.param(Happening.UPDATE, ALONE, [K, K, K, K, K, K, K], id="update"),
        pytest.param(Happening.COMMIT, ALONE, [K, K, K, K, K, K, K], id="commit"),
        pytest.param(Happening.REMOVE, ALONE, [L, L, K, K, K, L, K], id="remove"),
        pytest.param(Happening.REMOVE_WITH_VOLUMES, ALONE, [L, L, K, K, L, L, K], id="remove -v"),
        pytest.param(Happening.RM_ENDS, ALONE, [L, L, K, K, L, L, K], id="--rm ends"),
        pytest.param(Happening.CONTAINER_PRUNE, ALONE, [L, L, K, K, K, K, K], id="container prune of a stopped one"),
        pytest.param(Happening.VOLUME_PRUNE, STOPPED_USER, [K, K, K, K, K, K, K], id="volume prune with a stopped user"),
        pytest.param(Happening.VOLUME_PRUNE, ALONE, [K, K, K, K, L, K, K], id="volume prune on a new engine"),
        pytest.param(
            Happening.VOLUME_PRUNE,
            Circumstances(used=False, prune_takes_named=True),
            [K, K, K, L, L, K, K],
            id="volume prune on an old engine, or through an old API",
        ),
        pytest.param(Happening.VOLUME_PRUNE_ALL, ALONE, [K, K, K, L, L, K, K], id="volume prune --all"),
        pytest.param(Happening.VOLUME_REMOVE, ALONE, [K, K, K, L, L, L, K], id="volume remove"),
        pytest.param(Happening.ENGINE_RESTART, ALONE, [K, L, K, K, K, L, K], id="engine restart"),
        pytest.param(Happening.ENGINE_RESTART, Circumstances(live_restore=True), [K, K, K, K, K, K, K], id="engine restart with live-restore"),
    ],
)
def test_an_event_ends_what_was_seen_to_end(happening: Happening, known: Circumstances, fates: list[bool]) -> None:
    stores = (
        StoreClass.WRITABLE_LAYER,
        StoreClass.TMPFS,
        StoreClass.BIND,
        StoreClass.NAMED_VOLUME,
        StoreClass.ANONYMOUS_VOLUME,
        StoreClass.TMPFS_VOLUME,
        StoreClass.BIND_VOLUME,
    )

    assert [storage.ends(each, happening, known) for each in stores] == fates


def test_a_running_container_is_not_pruned() -> None:
    assert storage.ends(StoreClass.WRITABLE_LAYER, Happening.CONTAINER_PRUNE, Circumstances(running=True)) is False


def test_another_users_reference_keeps_an_anonymous_volume() -> None:
    assert storage.ends(StoreClass.ANONYMOUS_VOLUME, Happening.REMOVE_WITH_VOLUMES, Circumstances(used_by_others=True)) is False


def test_an_image_layer_stays_while_a_container_uses_it() -> None:
    assert storage.ends(StoreClass.IMAGE_LAYER, Happening.IMAGE_REMOVE, Circumstances(used=True)) is False
    assert storage.ends(StoreClass.IMAGE_LAYER, Happening.IMAGE_PRUNE_ALL, Circumstances(used=False)) is True


def test_engine_files_are_rewritten_at_every_start() -> None:
    assert storage.ends(StoreClass.ENGINE_FILE, Happening.START, Circumstances()) is True


@pytest.mark.parametrize("each", StoreClass)
@pytest.mark.parametrize("happening", Happening)
def test_what_is_not_known_is_not_guessed(each: StoreClass, happening: Happening) -> None:
    rule = storage.ENDS[each].get(happening, storage.Ends.NO)

    told = storage.ends(each, happening, Circumstances())

    assert (told is None) is (rule not in {storage.Ends.YES, storage.Ends.NO})


@pytest.mark.parametrize("happening", Happening)
def test_nothing_that_an_engine_does_ends_a_bind(happening: Happening) -> None:
    assert storage.ends(StoreClass.BIND, happening, ALONE) is False


@pytest.mark.parametrize(
    ("kind", "more", "options", "found"),
    [
        pytest.param(StoreKind.VOLUME, {}, {}, StoreClass.NAMED_VOLUME, id="named"),
        pytest.param(StoreKind.VOLUME, {"anonymous": True}, {}, StoreClass.ANONYMOUS_VOLUME, id="anonymous"),
        pytest.param(StoreKind.VOLUME, {"has_options": True}, {"type": "tmpfs"}, StoreClass.TMPFS_VOLUME, id="tmpfs-backed"),
        pytest.param(StoreKind.VOLUME, {"has_options": True}, {"o": "rw,bind"}, StoreClass.BIND_VOLUME, id="o=bind"),
        pytest.param(StoreKind.VOLUME, {"has_options": True}, {"type": "nfs"}, None, id="nfs: not known"),
        pytest.param(StoreKind.TMPFS, {}, {}, StoreClass.TMPFS, id="tmpfs"),
        pytest.param(StoreKind.BIND, {}, {}, StoreClass.BIND, id="bind"),
        pytest.param(StoreKind.ENGINE_FILE, {}, {}, StoreClass.ENGINE_FILE, id="engine file"),
        pytest.param(StoreKind.WRITABLE_LAYER, {}, {}, StoreClass.WRITABLE_LAYER, id="writable layer"),
        pytest.param(StoreKind.IMAGE_LAYER, {}, {}, StoreClass.IMAGE_LAYER, id="image layer"),
        pytest.param(StoreKind.IMAGE_MOUNT, {}, {}, None, id="image mount"),
    ],
)
def test_a_store_has_its_class(kind: StoreKind, more: dict[str, Any], options: dict[str, str], found: StoreClass | None) -> None:
    assert storage.store_class(store(kind=kind, **more), options=options) is found
