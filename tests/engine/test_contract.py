"""What Docker is claimed to do with containers and their bytes: the same assertions on the fake engine and on a real one.

Nothing here needs to be alone on the engine, and all of it is removed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest
from contracted import MARK, Subject, mounts_of, state

from dockstore.engines.errors import Conflict, NotFound, Refused, Unsure
from dockstore.engines.polling import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Json


# --- creating -----------------------------------------------------------------------------------------------------------


def test_what_is_created_can_be_inspected(subject: Subject) -> None:
    made = subject.create("db", Env=["A=1"])

    found = subject.engine.inspect_container(subject.name("db"))
    config = cast("Json", found["Config"])

    assert re.fullmatch(r"[0-9a-f]{64}", made)
    assert (found["Id"], found["Name"]) == (made, f"/{subject.name('db')}")
    assert cast("Mapping[str, str]", config["Labels"])[MARK] == subject.run
    assert "A=1" in cast("list[str]", config["Env"])
    assert (state(subject, made)["Status"], state(subject, made)["Running"], state(subject, made)["Pid"]) == ("created", False, 0)


@pytest.mark.parametrize(
    ("config", "kind", "status", "words"),
    [
        pytest.param({"Image": "localhost/dockstore-no-such:1"}, NotFound, 404, "No such image", id="no such image"),
        pytest.param(
            {"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/no/such/folder", "Target": "/x"}]}},
            Refused,
            400,
            "does not exist",
            id="no source",
        ),
        pytest.param(
            {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Source": "/x", "Target": "/x"}]}},
            Refused,
            400,
            "Source must not be",
            id="tmpfs of a source",
        ),
        pytest.param(
            {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x"}, {"Type": "tmpfs", "Target": "/x"}]}}, Refused, 400, "Duplicate", id="twice"
        ),
        pytest.param({"HostConfig": {"Mounts": [{"Type": "nonsense", "Target": "/x"}]}}, Refused, 400, "nonsense", id="no such kind"),
    ],
)
def test_a_wrong_configuration_is_refused(subject: Subject, config: dict[str, Any], kind: type[Refused], status: int, words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        subject.create("db", **config)

    assert caught.value.status == status
    with pytest.raises(NotFound):
        subject.engine.inspect_container(subject.name("db"))


def test_a_name_is_taken_once_and_has_two_characters(subject: Subject) -> None:
    subject.create("db")

    with pytest.raises(Conflict, match="already in use"):
        subject.create("db")
    with pytest.raises(Refused, match="Invalid container name"):
        subject.engine.create_container("x", {"Image": subject.lab})


# --- a life -------------------------------------------------------------------------------------------------------------


def test_a_container_goes_through_its_states(subject: Subject) -> None:
    db = subject.run_one("db")
    subject.sh(db, "true")  # a TERM before the init process is ready is lost
    seen = [(state(subject, db)["Status"], state(subject, db)["Pid"] != 0)]

    subject.engine.start_container(db)
    subject.engine.pause_container(db)
    seen.append((state(subject, db)["Status"], state(subject, db)["Pid"] != 0))
    subject.engine.unpause_container(db)
    subject.engine.stop_container(db, timeout_seconds=10)
    subject.engine.stop_container(db, timeout_seconds=10)
    seen.append((state(subject, db)["Status"], state(subject, db)["Pid"] != 0))
    stopped = subject.engine.wait_container(db, condition="not-running", timeout_seconds=20)
    subject.engine.restart_container(db, timeout_seconds=10)
    seen.append((state(subject, db)["Status"], state(subject, db)["Pid"] != 0))
    subject.engine.kill_container(db, signal="KILL")
    killed = subject.engine.wait_container(db, condition="not-running", timeout_seconds=20)

    assert seen == [("running", True), ("paused", True), ("exited", False), ("running", True)]
    assert (stopped, killed) == (143, 137)


def test_what_does_not_run_refuses_what_needs_it(subject: Subject) -> None:
    db = subject.create("db")

    for act in (
        lambda: subject.engine.exec(db, ["true"]),
        lambda: subject.engine.kill_container(db, signal="KILL"),
        lambda: subject.engine.pause_container(db),
    ):
        with pytest.raises(Conflict):
            act()


def test_a_paused_container_takes_no_exec(subject: Subject) -> None:
    db = subject.run_one("db")
    subject.engine.pause_container(db)

    with pytest.raises(Conflict, match="is paused"):
        subject.engine.exec(db, ["true"])


def test_a_running_container_is_removed_by_force_only(subject: Subject) -> None:
    db = subject.run_one("db")

    with pytest.raises(Conflict):
        subject.engine.remove_container(db)
    subject.engine.remove_container(db, force=True)

    with pytest.raises(NotFound):
        subject.engine.inspect_container(db)
    with pytest.raises(NotFound):
        subject.engine.remove_container(db)
    assert subject.engine.wait_container(db, condition="removed", timeout_seconds=5) == 0


def test_waiting_for_what_does_not_come_is_unsure(subject: Subject) -> None:
    db = subject.run_one("db")

    with pytest.raises(Unsure):
        subject.engine.wait_container(db, condition="not-running", timeout_seconds=0.3)


def test_a_main_process_that_ends_leaves_its_code_and_words(subject: Subject) -> None:
    db = subject.run_one("db", Cmd=["sh", "-c", "echo last words; exit 3"])

    code = subject.engine.wait_container(db, condition="not-running", timeout_seconds=20)

    assert code == 3
    assert "last words" in subject.engine.logs(db)


def test_a_container_that_removes_itself_takes_its_anonymous_volume_along(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.anonymous], host={"AutoRemove": True})
    before = len(subject.volumes())

    subject.engine.kill_container(db, signal="KILL")

    assert before == 1
    assert until(lambda: subject.volumes() == [], timeout_seconds=20)
    assert subject.engine.wait_container(db, condition="removed", timeout_seconds=20) in {0, 137}
    with pytest.raises(NotFound):
        subject.engine.inspect_container(db)


def test_a_renamed_container_keeps_its_id(subject: Subject) -> None:
    db = subject.create("db")
    subject.create("other")

    subject.engine.rename_container(db, subject.name("new"))

    assert subject.engine.inspect_container(subject.name("new"))["Id"] == db
    subject.containers.append(subject.name("new"))
    with pytest.raises(Conflict):
        subject.engine.rename_container(db, subject.name("other"))


def test_an_update_changes_limits_and_no_mounts(subject: Subject) -> None:
    db = subject.create("db")

    subject.engine.update_container(db, {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}, "Binds": ["/x:/y"]})

    host = cast("Json", subject.engine.inspect_container(db)["HostConfig"])
    assert cast("Json", host["RestartPolicy"])["Name"] == "always"
    assert mounts_of(subject, db) == {}


def test_lists_are_filtered_by_the_engine(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.volume("rows")])
    web = subject.create("web")

    def ids(**filters: list[str]) -> set[str]:
        listed = subject.engine.list_containers(filters={"label": [subject.label], **filters})
        return {str(container["Id"]) for container in listed}

    running = subject.engine.list_containers(filters={"label": [subject.label]}, all=False)

    assert ids() == {db, web}
    assert ids(status=["created"]) == {web}
    assert ids(name=[subject.name("db")]) == {db}
    assert ids(volume=[subject.name("rows")]) == {db}
    assert [container["Id"] for container in running] == [db]
    assert subject.engine.list_containers(filters={"label": [f"{MARK}=nobody"]}) == []


# --- commands -----------------------------------------------------------------------------------------------------------


def test_a_commands_streams_and_exit_code_are_told_apart(subject: Subject) -> None:
    db = subject.run_one("db")

    result = subject.engine.exec(db, ["sh", "-c", "echo out; cat /no/such; exit 7"])

    assert (result.exit_code, result.stdout) == (7, b"out\n")
    assert b"/no/such" in result.stderr


def test_a_command_that_is_not_there_has_an_exit_code(subject: Subject) -> None:
    db = subject.run_one("db")

    assert subject.engine.exec(db, ["no-such-command"]).exit_code in {126, 127}


def test_a_resident_shell_answers_until_its_container_ends(subject: Subject) -> None:
    db = subject.create("db", Cmd=["sh"], OpenStdin=True)
    shell = subject.engine.attach_shell(db)
    assert shell is not None
    subject.engine.start_container(db)

    first = shell.run("echo row > /row; cat /row", timeout_seconds=20)
    second = shell.run("cat /no/such", timeout_seconds=20)
    subject.engine.kill_container(db, signal="KILL")
    with pytest.raises(Unsure):
        shell.run("true", timeout_seconds=20)
    shell.close()
    again = subject.engine.attach_shell(db, open_input=True)
    assert again is not None
    subject.engine.start_container(db)
    third = again.run("cat /row", timeout_seconds=20)
    again.close()

    assert (first.exit_code, first.stdout, first.stderr) == (0, b"row\n", b"")
    assert second.exit_code == 1
    assert third.stdout == b"row\n"


def test_no_shell_without_an_open_input(subject: Subject) -> None:
    assert subject.engine.attach_shell(subject.create("db")) is None


# --- where bytes are ----------------------------------------------------------------------------------------------------


def test_the_writable_layer_lives_as_long_as_its_container(subject: Subject) -> None:
    db = subject.run_one("db")
    subject.sh(db, "mkdir -p /deep/er; echo row > /deep/er/row")

    subject.engine.kill_container(db, signal="KILL")
    subject.engine.start_container(db)
    kept = subject.sh(db, "cat /deep/er/row")
    subject.engine.remove_container(db, force=True)
    fresh = subject.run_one("db")

    assert kept == "row\n"
    assert subject.engine.exec(fresh, ["sh", "-c", "cat /deep/er/row"]).exit_code == 1


def test_a_named_volume_outlives_its_container(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.volume("rows")])
    subject.sh(db, "echo row > /data/row")

    subject.engine.remove_container(db, force=True, volumes=True)
    web = subject.run_one("web", mounts=[{**subject.volume("rows"), "Target": "/elsewhere"}])

    assert subject.sh(web, "cat /elsewhere/row") == "row\n"
    assert subject.volumes() == [subject.name("rows")]


def test_a_volume_exists_once_its_container_is_created(subject: Subject) -> None:
    db = subject.create("db", mounts=[subject.volume("rows")])

    mount = mounts_of(subject, db)["/data"]
    volume = subject.engine.inspect_volume(subject.name("rows"))

    assert (mount["Type"], mount["Name"], mount["RW"]) == ("volume", subject.name("rows"), True)
    assert volume["Mountpoint"] == mount["Source"]
    assert volume["Labels"] == {MARK: subject.run}


def test_an_anonymous_volume_stays_behind_and_is_not_found_again(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.anonymous])
    subject.sh(db, "echo row > /data/row")
    (first,) = subject.volumes()

    subject.engine.remove_container(db, force=True)
    fresh = subject.run_one("db", mounts=[subject.anonymous])

    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert first in subject.volumes()
    assert len(subject.volumes()) == 2
    assert subject.engine.exec(fresh, ["sh", "-c", "cat /data/row"]).exit_code == 1


def test_an_anonymous_volume_goes_with_remove_v(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.anonymous])

    subject.engine.remove_container(db, force=True, volumes=True)

    assert subject.volumes() == []


def test_an_anonymous_volume_mounted_by_its_id_survives_remove_v(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.anonymous])
    (number,) = subject.volumes()
    web = subject.create("web", mounts=[{"Type": "volume", "Source": number, "Target": "/data"}])

    subject.engine.remove_container(db, force=True, volumes=True)
    while_used = subject.volumes()
    subject.engine.remove_container(web, force=True, volumes=True)

    assert (while_used, subject.volumes()) == ([number], [number])


@pytest.mark.parametrize("declared", ["by the container", "by the image"])
def test_a_declared_volume_is_anonymous_and_starts_with_the_images_files(subject: Subject, declared: str) -> None:
    base = subject.run_one("base")
    subject.sh(base, "mkdir -p /seeded; echo seed > /seeded/file")
    image = subject.engine.commit_container(base, f"localhost/{subject.name('seeded')}:1", labels={MARK: subject.run})
    subject.images.append(f"localhost/{subject.name('seeded')}:1")
    config: dict[str, Any] = {"Image": image}
    if declared == "by the container":
        config["Volumes"] = {"/seeded": {}}
        db = subject.run_one("db", **config)
    else:
        db = subject.run_one("db", mounts=[{"Type": "volume", "Target": "/seeded", "VolumeOptions": {"Labels": {MARK: subject.run}}}], **config)

    mount = mounts_of(subject, db)["/seeded"]
    content = subject.sh(db, "cat /seeded/file")

    assert re.fullmatch(r"[0-9a-f]{64}", str(mount["Name"]))
    assert content == "seed\n"
    subject.engine.remove_container(db, force=True, volumes=True)
    with pytest.raises(NotFound):
        subject.engine.inspect_volume(str(mount["Name"]))


def test_nocopy_leaves_a_volume_empty(subject: Subject) -> None:
    base = subject.run_one("base")
    subject.sh(base, "mkdir -p /data; echo seed > /data/file")
    image = subject.engine.commit_container(base, f"localhost/{subject.name('seeded')}:1", labels={MARK: subject.run})
    subject.images.append(f"localhost/{subject.name('seeded')}:1")
    mount = subject.volume("rows")
    cast("Json", mount["VolumeOptions"])["NoCopy"] = True

    db = subject.run_one("db", mounts=[mount], Image=image)

    assert subject.sh(db, "ls /data") == ""
    subject.engine.remove_container(db, force=True)


def test_a_tmpfs_ends_with_the_main_process(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[{"Type": "tmpfs", "Target": "/data"}], host={"Tmpfs": {"/flag": ""}})
    subject.sh(db, "echo row > /data/row; echo row > /flag/row")
    written = subject.sh(db, "cat /data/row; cat /flag/row")

    subject.engine.restart_container(db, timeout_seconds=10)

    assert written == "row\nrow\n"
    assert subject.engine.exec(db, ["sh", "-c", "cat /data/row"]).exit_code == 1
    assert subject.engine.exec(db, ["sh", "-c", "cat /flag/row"]).exit_code == 1
    assert mounts_of(subject, db)["/data"]["Type"] == "tmpfs"
    assert "/flag" not in mounts_of(subject, db)


def test_a_tmpfs_is_not_carried_by_volumes_from(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[subject.volume("rows")], host={"Tmpfs": {"/flag": ""}})
    subject.sh(db, "echo row > /data/row")

    web = subject.run_one("web", host={"VolumesFrom": [f"{db}:ro"]})

    assert subject.sh(web, "cat /data/row") == "row\n"
    assert {target: mount["RW"] for target, mount in mounts_of(subject, web).items()} == {"/data": False}


def test_a_read_only_mount_refuses_writes(subject: Subject) -> None:
    db = subject.run_one("db", mounts=[{**subject.volume("rows"), "ReadOnly": True}])

    result = subject.engine.exec(db, ["sh", "-c", "echo x > /data/row"])

    assert result.exit_code == 1
    assert b"Read-only file system" in result.stderr
