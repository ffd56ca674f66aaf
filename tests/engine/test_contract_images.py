"""What Docker is claimed to do with archives, images, volumes and prunes: on the fake engine and on a real one.

Nothing here needs to be alone on the engine, and all of it is removed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import pytest
from contracted import MARK, Subject, files_in, tar_of

from dockstore.engines.errors import Conflict, EngineError, NotFound, Refused

if TYPE_CHECKING:
    from dockstore.engines.engine import Json


# --- archive endpoints --------------------------------------------------------------------------------------------------


def test_files_go_in_and_out_by_archive_whether_it_runs_or_not(subject: Subject) -> None:
    db = subject.create("db", mounts=[subject.volume("rows")])

    subject.engine.put_archive(db, "/data", tar_of({"row": b"12345"}))
    subject.engine.put_archive(db, "/tmp", tar_of({"row": b"67"}))

    stat = subject.engine.stat_archive(db, "/data/row")
    assert (stat.name, stat.size_bytes, stat.mode & 0o170000) == ("row", 5, 0o100000)
    assert subject.engine.stat_archive(db, "/").mode & 0o170000 == 0o040000
    assert files_in(subject.engine.get_archive(db, "/data/row")) == {"row": b"12345"}
    assert files_in(subject.engine.get_archive(db, "/data")) == {"data/row": b"12345"}
    for act in (
        lambda: subject.engine.get_archive(db, "/nope"),
        lambda: subject.engine.stat_archive(db, "/nope"),
        lambda: subject.engine.put_archive(db, "/nope", tar_of({"x": b""})),
    ):
        with pytest.raises(NotFound):
            act()
    subject.engine.start_container(db)
    assert subject.sh(db, "cat /data/row; cat /tmp/row") == "1234567"


def test_the_archive_endpoint_does_not_see_a_tmpfs(subject: Subject) -> None:
    """P3 and P4; Podman's does."""
    if subject.engine.info.product == "Podman":
        pytest.skip("Podman's archive endpoint sees tmpfs")
    db = subject.run_one("db", mounts=[{"Type": "tmpfs", "Target": "/mem"}])
    subject.sh(db, "echo row > /mem/row")

    subject.engine.put_archive(db, "/mem", tar_of({"beneath": b"x"}))

    with pytest.raises(NotFound):
        subject.engine.stat_archive(db, "/mem/row")
    assert subject.engine.stat_archive(db, "/mem/beneath").size_bytes == 1
    assert subject.engine.exec(db, ["sh", "-c", "cat /mem/beneath"]).exit_code == 1


def test_a_diff_tells_what_was_added_changed_and_deleted(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.volume("rows")])
    subject.sh(db, "echo x > /new; echo x >> /etc/passwd; rm -f /bin/sh; echo x > /data/row")

    diff = subject.engine.diff_container(db)

    assert (diff.get("/new"), diff.get("/etc/passwd"), diff.get("/bin/sh")) == ("A", "C", "D")
    assert "/data/row" not in diff


def test_sizes_are_told_when_asked_for(subject: Subject) -> None:
    db = subject.run_one("db")
    subject.sh(db, "echo 1234567 > /row")

    assert "SizeRw" not in subject.engine.inspect_container(db)
    assert cast("int", subject.engine.inspect_container(db, size=True)["SizeRw"]) >= 8


# --- images -------------------------------------------------------------------------------------------------------------


def test_a_commit_holds_the_layer_and_nothing_of_the_mounts(subject: Subject) -> None:
    reference = f"localhost/{subject.name('committed')}:1"
    db = subject.run_one("db", mounts=[subject.volume("rows")])
    subject.sh(db, "echo row > /row; echo row > /data/row")

    subject.images.append(reference)
    image = subject.engine.commit_container(db, reference, labels={MARK: subject.run, "quoted": 'a "b" $c'})
    labels = cast("Json", cast("Json", subject.engine.inspect_image(reference)["Config"])["Labels"])
    web = subject.run_one("web", Image=image)

    assert (labels[MARK], labels["quoted"]) == (subject.run, 'a "b" $c')
    assert subject.sh(web, "cat /row") == "row\n"
    assert subject.engine.exec(web, ["sh", "-c", "cat /data/row"]).exit_code == 1
    layers = [cast("list[str]", cast("Json", subject.engine.inspect_image(name)["RootFS"])["Layers"]) for name in (subject.lab, image)]
    assert len(layers[1]) == len(layers[0]) + 1
    assert layers[1][: len(layers[0])] == layers[0]
    subject.engine.remove_container(web, force=True)


def test_an_image_that_a_container_uses_is_not_removed(subject: Subject) -> None:
    reference, second = f"localhost/{subject.name('used')}:1", f"localhost/{subject.name('used')}:2"
    subject.images += [reference, second]
    db = subject.create("db")
    image = subject.engine.commit_container(db, reference, labels={MARK: subject.run})
    web = subject.create("web", Image=image)

    with pytest.raises(Conflict):
        subject.engine.remove_image(reference)
    subject.engine.tag_image(reference, second)
    subject.engine.remove_image(second)
    listed = subject.engine.list_images(filters={"label": [subject.label]})
    subject.engine.remove_container(web)
    subject.engine.remove_image(reference)

    assert [image["Id"] for image in listed] == [image]
    assert subject.engine.list_images(filters={"label": [subject.label]}) == []
    with pytest.raises(NotFound):
        subject.engine.inspect_image(reference)
    with pytest.raises(NotFound):
        subject.engine.remove_image(reference)


def test_an_export_can_be_imported_as_one_layer(subject: Subject) -> None:
    reference = f"localhost/{subject.name('imported')}:1"
    subject.images.append(reference)
    db = subject.run_one("db", mounts=[subject.volume("rows")])
    subject.sh(db, "echo row > /row; echo row > /data/row")

    exported = b"".join(subject.engine.export_container(db))
    image = subject.engine.import_image(exported, reference, changes=[f"LABEL {MARK}={subject.run}"])

    inside = files_in(exported)
    assert inside["row"] == b"row\n"
    assert "data/row" not in inside
    found = subject.engine.inspect_image(image)
    assert len(cast("list[str]", cast("Json", found["RootFS"])["Layers"])) == 1
    assert cast("Json", cast("Json", found["Config"])["Labels"])[MARK] == subject.run
    assert not cast("Json", found["Config"]).get("Cmd")


def test_what_is_saved_can_be_loaded_again(subject: Subject) -> None:
    reference = f"localhost/{subject.name('saved')}:1"
    subject.images.append(reference)
    db = subject.run_one("db")
    subject.sh(db, "echo row > /row")
    subject.engine.commit_container(db, reference, labels={MARK: subject.run})

    saved = b"".join(subject.engine.save_image([reference]))
    subject.engine.remove_image(reference)
    subject.engine.load_image(saved)
    web = subject.run_one("web", Image=reference, Cmd=["sleep", "600"])

    assert json.loads(files_in(saved)["manifest.json"])[0]["RepoTags"] == [reference]
    assert subject.sh(web, "cat /row") == "row\n"
    subject.engine.remove_container(web, force=True)


def test_what_is_no_archive_is_refused(subject: Subject) -> None:
    with pytest.raises(Refused):
        subject.engine.load_image(b"this is no archive of an image, only a few words")


def test_an_image_without_a_registry_is_not_pulled(subject: Subject) -> None:
    with pytest.raises(EngineError):
        subject.engine.pull_image(f"localhost/{subject.name('nowhere')}:1", timeout_seconds=30)


# --- volumes ------------------------------------------------------------------------------------------------------------


def test_a_volume_in_use_is_not_removed_even_by_force(subject: Subject) -> None:
    subject.create("db", mounts=[subject.volume("rows")])

    for force in (False, True):
        with pytest.raises(Conflict, match="volume is in use"):
            subject.engine.remove_volume(subject.name("rows"), force=force)
    subject.engine.remove_container(subject.name("db"))
    subject.engine.remove_volume(subject.name("rows"))

    with pytest.raises(NotFound):
        subject.engine.inspect_volume(subject.name("rows"))
    with pytest.raises(NotFound):
        subject.engine.remove_volume(subject.name("rows"))
    subject.engine.remove_volume(subject.name("rows"), force=True)


def test_a_volume_is_created_once_and_keeps_what_it_was_given(subject: Subject) -> None:
    name = subject.name("rows")

    first = subject.engine.create_volume(name, labels={MARK: subject.run})
    second = subject.engine.create_volume(name, labels={"other": "1"})
    anonymous = subject.engine.create_volume(None, labels={MARK: subject.run})

    assert (first["Name"], first["Driver"], first["Labels"]) == (name, "local", {MARK: subject.run})
    assert second["Labels"] == first["Labels"]
    assert re.fullmatch(r"[0-9a-f]{64}", str(anonymous["Name"]))
    assert subject.volumes() == sorted([name, str(anonymous["Name"])])


def test_volumes_without_a_container_are_dangling(subject: Subject) -> None:
    subject.engine.create_volume(subject.name("free"), labels={MARK: subject.run})
    subject.create("db", mounts=[subject.volume("used")])

    def names(dangling: str) -> list[object]:
        return [volume["Name"] for volume in subject.engine.list_volumes(filters={"label": [subject.label], "dangling": [dangling]})]

    assert (names("true"), names("false")) == ([subject.name("free")], [subject.name("used")])


# --- pruning what is ours alone -----------------------------------------------------------------------------------------


def test_a_prune_with_a_label_takes_stopped_containers_of_it_only(subject: Subject) -> None:
    running = subject.run_one("running")
    stopped = subject.create("stopped", mounts=[subject.volume("rows")])

    answer = subject.engine.prune("containers", filters={"label": [subject.label]})

    assert answer["ContainersDeleted"] == [stopped]
    assert [container["Id"] for container in subject.engine.list_containers(filters={"label": [subject.label]})] == [running]
    assert subject.volumes() == [subject.name("rows")]


def test_an_old_version_prunes_named_volumes_too(subject: Subject) -> None:
    """P24: what a prune takes depends on the version that it is asked in."""
    subject.create("db", mounts=[subject.volume("used")])
    subject.engine.create_volume(subject.name("free"), labels={MARK: subject.run})

    answer = subject.engine.prune("volumes", filters={"label": [subject.label]}, api="1.41")

    assert answer["VolumesDeleted"] == [subject.name("free")]
    assert subject.volumes() == [subject.name("used")]


# --- the engine itself --------------------------------------------------------------------------------------------------


def test_an_engine_tells_about_itself(subject: Subject) -> None:
    info = subject.engine.refresh()

    assert info == subject.engine.info
    assert info.engine_id
    assert info.data_root.startswith("/")
    assert info.storage_driver
    assert tuple(int(part) for part in info.api_version.split(".")) >= (1, 40)
    assert subject.engine.ping()
