"""What Docker is claimed to do: the same assertions on the fake engine and on a real one.

Nothing here needs to be alone on the engine, and all of it is removed.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from fakes import LAB, FakeEngine

from dockstore.engines.errors import Conflict, EngineError, NotFound, Refused, Unsure
from dockstore.engines.exec_stream import marked
from dockstore.engines.images import ensure_lab_image
from dockstore.engines.polling import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dockstore.engines.engine import Engine, Json

MARK = "io.dockstore.test"


@dataclass(kw_only=True)
class Subject:
    """An engine under test, and what a test has made on it."""

    engine: Engine
    lab: str
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    containers: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{MARK}={self.run}"

    def name(self, word: str) -> str:
        return f"dockstore-test-{self.run}-{word}"

    def create(self, word: str, *, mounts: list[Json] | None = None, host: Json | None = None, **config: object) -> str:
        """A container whose main process sleeps, without a network, with our label."""
        body: Json = {
            "Image": self.lab,
            "Cmd": ["sleep", "600"],
            "Labels": {MARK: self.run},
            "NetworkDisabled": True,
            "HostConfig": {"Init": True, "NetworkMode": "none", "Mounts": mounts or [], **(host or {})},
            **config,
        }
        self.containers.append(self.name(word))
        return self.engine.create_container(self.name(word), body)

    def run_one(self, word: str, *, mounts: list[Json] | None = None, host: Json | None = None, **config: object) -> str:
        made = self.create(word, mounts=mounts, host=host, **config)
        self.engine.start_container(made)
        return made

    def volume(self, word: str) -> Json:
        """A mount of a named volume at /data."""
        return {"Type": "volume", "Source": self.name(word), "Target": "/data", "VolumeOptions": {"Labels": {MARK: self.run}}}

    @property
    def anonymous(self) -> Json:
        return {"Type": "volume", "Target": "/data", "VolumeOptions": {"Labels": {MARK: self.run}}}

    def sh(self, container: str, script: str) -> str:
        """Run a script with its end mark (P33); return what it printed."""
        command = marked(script)
        result = command.parse(self.engine.exec(container, ["sh", "-c", command.script]))
        assert result is not None
        assert result.exit_code == 0, result
        return result.stdout.decode()

    def volumes(self) -> list[str]:
        return sorted(str(volume["Name"]) for volume in self.engine.list_volumes(filters={"label": [self.label]}))

    def clean(self) -> None:
        for container in self.containers:
            with suppress(NotFound):
                self.engine.remove_container(container, force=True, volumes=True)
        for volume in self.volumes():
            self.engine.remove_volume(volume, force=True)
        for image in self.images:
            with suppress(NotFound):
                self.engine.remove_image(image, force=True)


@pytest.fixture(params=[pytest.param("fake", id="fake"), pytest.param("real", id="real", marks=pytest.mark.engine)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        made = Subject(engine=FakeEngine(), lab=LAB)
    else:
        engine = request.getfixturevalue("engine")
        made = Subject(engine=engine, lab=ensure_lab_image(engine))
    yield made
    made.clean()


def state(subject: Subject, container: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", subject.engine.inspect_container(container)["State"])


def mounts_of(subject: Subject, container: str) -> dict[str, Json]:
    mounts = cast("list[Json]", subject.engine.inspect_container(container)["Mounts"])
    return {str(mount["Destination"]): mount for mount in mounts}


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def files_in(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [(member.name.strip("/"), tar.extractfile(member)) for member in tar if member.isreg()]
        return {name: reader.read() for name, reader in members if reader is not None}


# --- creating


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


# --- a life


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


# --- commands


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
    again = subject.engine.attach_shell(db)
    assert again is not None
    subject.engine.start_container(db)
    third = again.run("cat /row", timeout_seconds=20)
    again.close()

    assert (first.exit_code, first.stdout, first.stderr) == (0, b"row\n", b"")
    assert second.exit_code == 1
    assert third.stdout == b"row\n"


def test_no_shell_without_an_open_input(subject: Subject) -> None:
    assert subject.engine.attach_shell(subject.create("db")) is None


# --- where bytes are


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


# --- archive endpoints


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


# --- images


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


# --- volumes


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


# --- pruning what is ours alone


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


# --- the engine itself


def test_an_engine_tells_about_itself(subject: Subject) -> None:
    info = subject.engine.refresh()

    assert info == subject.engine.info
    assert info.engine_id
    assert info.data_root.startswith("/")
    assert info.storage_driver
    assert tuple(int(part) for part in info.api_version.split(".")) >= (1, 40)
    assert subject.engine.ping()
