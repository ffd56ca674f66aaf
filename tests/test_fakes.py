"""What the fakes offer beyond the contract that they share with a real engine (`engine/test_contract.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import LAB, FakeEngine, FakeFile, FakeHost, fake_info

from dockstore.core.storage import parse_mountinfo
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import Unreachable, Unsure
from dockstore.engines.exec_stream import marked
from dockstore.engines.host import Unseen
from dockstore.runner.probe import Peek, Probe, Put, Seek

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes import FakeContainer

    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def host(engine: FakeEngine) -> FakeHost:
    return FakeHost(engine)


def run(engine: FakeEngine, name: str = "db", **host: object) -> str:
    made = engine.create_container(name, {"Image": LAB, "Cmd": ["sh"], "OpenStdin": True, "HostConfig": {"Init": True, **host}})
    engine.start_container(made)
    return made


def test_the_fakes_are_an_engine_and_its_host(engine: FakeEngine, host: FakeHost) -> None:
    an_engine: Engine = engine
    a_host: Host = host

    assert an_engine.info.disposable
    assert a_host.reason is None
    assert fake_info(api_version="1.45").api_version == "1.45"


def test_a_test_may_answer_a_command_itself(engine: FakeEngine) -> None:
    def answer(container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        return ExecResult(exit_code=5, stdout=container.name.encode(), stderr=b"") if command == ["psql"] else None

    engine.on_exec = answer
    db = run(engine)

    assert engine.exec(db, ["psql"]) == ExecResult(exit_code=5, stdout=b"db", stderr=b"")
    assert engine.exec(db, ["mysql"]).exit_code == 127
    assert engine.calls[-2:] == [f"exec {db} psql", f"exec {db} mysql"]


@pytest.mark.parametrize(
    ("script", "stdout", "code"),
    [
        ("echo a; false && echo b; echo c", "a\nc\n", 0),
        ("false || echo b", "b\n", 0),
        ("printf '%s' x > /f; echo y >> /f; cat /f", "xy\n", 0),
        ("mkdir -p /a/b; echo x > /a/b/c; ls /a/b; rm -r /a; test -e /a/b/c", "c\n", 1),
        ("exit 4; echo never", "", 4),
        ("cat /nope", "", 1),
        ("rm /nope", "", 1),
        ("awk x", "", 127),
        ("true\nfalse", "", 1),
    ],
)
def test_a_few_words_of_sh_are_understood(engine: FakeEngine, script: str, stdout: str, code: int) -> None:
    result = engine.exec(run(engine), ["sh", "-c", script])

    assert (result.stdout.decode(), result.exit_code) == (stdout, code)


def test_a_marked_script_has_its_marks(engine: FakeEngine) -> None:
    command = marked("echo 'it'; exit 3")

    result = command.parse(engine.exec(run(engine), ["sh", "-c", command.script]))

    assert result is not None
    assert (result.stdout, result.exit_code) == (b"it\n", 3)


def test_the_runners_look_is_answered_as_a_kernel_would(engine: FakeEngine) -> None:
    engine.add_image("localhost/x:1", {"seeded/file": b"seed"}, base=LAB)
    rows = {"Type": "volume", "Source": "rows", "Target": "/data"}
    db = engine.create_container("db", {"Image": "localhost/x:1", "HostConfig": {"Mounts": [rows, {"Type": "tmpfs", "Target": "/mem"}]}})
    engine.start_container(db)
    wishes = (Seek(path="/seeded/file", nonce="other"), Seek(path="/nope", nonce="n"), Peek(path="/data"), Put(path="/data/deep/row", nonce="nonce"))
    probe = Probe(mark="look-1", wishes=wishes, targets=("/data", "/mem"))

    answers = probe.read(engine.exec(db, ["sh", "-c", probe.script]).stdout)

    seeded, nope, data, put = answers.answers
    assert answers.whole
    assert (seeded.told, seeded.exists, seeded.content) == (True, True, b"seed")
    assert (nope.told, nope.exists) == (True, False)
    assert (data.exists, data.entries) == (True, ())
    assert (put.told, put.refused, put.content) == (True, None, b"nonce")
    assert {entry.target for entry in answers.mounts} >= {"/", "/data", "/mem"}
    assert answers.targets["/data"].device != answers.targets["/mem"].device
    assert engine.volumes["rows"].tree.get("deep/row") is not None


def test_an_engine_that_is_dead_answers_nothing(engine: FakeEngine) -> None:
    db = run(engine)
    shell = engine.attach_shell(db)
    assert shell is not None
    engine.dead = True

    assert not engine.ping()
    with pytest.raises(Unreachable):
        engine.inspect_container(db)
    with pytest.raises(Unsure):
        shell.run("true", timeout_seconds=1)


def test_a_call_can_be_made_to_fail_once(engine: FakeEngine) -> None:
    engine.fail["create_volume"] = Unsure("the connection was lost")

    with pytest.raises(Unsure):
        engine.create_volume("rows")

    assert engine.create_volume("rows")["Name"] == "rows"


def test_a_crash_ends_containers_unless_they_are_restored(engine: FakeEngine) -> None:
    db = run(engine)
    engine.crash(live_restore=True)
    kept = engine.containers[db].status

    engine.crash()

    assert (kept, engine.containers[db].status, engine.containers[db].exit_code) == ("running", "exited", 137)


def test_newer_versions_spare_named_volumes(engine: FakeEngine) -> None:
    engine.create_volume("named")
    anonymous = str(engine.create_volume(None)["Name"])
    engine.create_volume("with-options", options={"type": "tmpfs"})

    newer = engine.prune("volumes", api="1.42")
    every = engine.prune("volumes", filters={"all": ["1"]}, api="1.42")

    assert (newer["VolumesDeleted"], every["VolumesDeleted"]) == ([anonymous], ["named"])
    assert list(engine.volumes) == ["with-options"]


def test_unused_images_are_pruned_only_when_all_are_meant(engine: FakeEngine) -> None:
    used = engine.add_image("localhost/used:1", {}, base=LAB)
    free = engine.add_image("localhost/free:1", {}, base=LAB)
    engine.create_container("db", {"Image": used})
    engine.remove_image(LAB)

    dangling = engine.prune("images")
    every = engine.prune("images", filters={"dangling": ["false"]})

    assert (dangling["ImagesDeleted"], every["ImagesDeleted"]) == ([], [{"Deleted": free}])
    assert list(engine.images) == [used]
    assert engine.prune("networks") == {}


# --- the host


def test_the_host_sees_every_store_where_inspect_says(engine: FakeEngine, host: FakeHost) -> None:
    host.make_folder("/scratch/shared")
    binds = ["/scratch/shared:/bind", "rows:/data"]
    db = run(engine, Binds=binds, Mounts=[{"Type": "tmpfs", "Target": "/mem"}])
    engine.exec(db, ["sh", "-c", "echo l > /layer; echo b > /bind/row; echo v > /data/row; echo m > /mem/row; rm /etc/passwd"])
    upper = str(engine.containers[db].upper.host_path)
    pid = engine.containers[db].pid

    whiteout = host.stat("etc/passwd", root=upper)

    assert host.read("layer", root=upper) == b"l\n"
    assert whiteout is not None
    assert whiteout.type == "whiteout"
    assert host.read("/scratch/shared/row") == b"b\n"
    assert host.read("row", root=str(engine.inspect_volume("rows")["Mountpoint"])) == b"v\n"
    assert host.read("/mem/row", root=host.proc_root(pid)) == b"m\n"
    assert host.read("/layer", root=host.proc_root(pid)) == b"l\n"
    assert {entry.target for entry in parse_mountinfo(host.mountinfo(pid))} == {"/", "/proc", "/bind", "/data", "/mem"}
    assert host.find_bytes("/var/lib/docker", b"v\n") == ("volumes/rows/_data/row",)
    assert [listed.path for listed in host.walk("/scratch")] == ["shared", "shared/row"]


def test_the_host_says_when_it_cannot_look(engine: FakeEngine) -> None:
    blind = FakeHost(engine, blind="it is far away")
    seeing = FakeHost(engine)

    for look in (lambda: blind.stat("/x"), blind.own_mountinfo, lambda: blind.mountinfo(1), lambda: blind.find_bytes("/", b"x")):
        with pytest.raises(Unseen, match="it is far away"):
            look()
    for look in (lambda: seeing.stat("x", root="/gone"), lambda: seeing.mountinfo(0), lambda: seeing.proc_root(0)):
        with pytest.raises(Unseen, match="No such file"):
            look()
    assert seeing.stat("/gone/x") is None


def test_a_file_written_in_place_keeps_its_inode(host: FakeHost) -> None:
    host.write_file("a/row", b"1", root="/scratch", mode=0o600)
    first = host.stat("/scratch/a/row")
    host.write_file("a/row", b"22", root="/scratch")
    second = host.stat("/scratch/a/row")
    host.replace_file("a/row", b"3", root="/scratch")
    third = host.stat("/scratch/a/row")

    assert first is not None
    assert second is not None
    assert third is not None
    assert (second.inode, second.size_bytes, second.mode) == (first.inode, 2, 0o600)
    assert third.inode != first.inode


def test_the_scratch_folder_can_be_arranged(host: FakeHost) -> None:
    host.write_file("a/row", b"1", root="/scratch")

    host.rename("a", "b", root="/scratch")
    host.remove("nope", root="/scratch")

    assert host.read("b/row", root="/scratch") == b"1"
    assert host.stat("a", root="/scratch") is None
    host.remove("b", root="/scratch")
    assert host.stat("b", root="/scratch") is None
    with pytest.raises(FileNotFoundError):
        host.rename("a", "b", root="/scratch")
    with pytest.raises(PermissionError):
        host.remove("", root="/scratch")


def test_a_share_hides_what_is_beneath_and_comes_back(host: FakeHost) -> None:
    host.write_file("share/beneath", b"b", root="/scratch")
    host.mount_tmpfs("share", root="/scratch")
    host.write_file("share/row", b"r", root="/scratch")
    hidden = host.read("share/beneath", root="/scratch")

    host.unmount("share", root="/scratch")
    shown = (host.read("share/beneath", root="/scratch"), host.read("share/row", root="/scratch"))
    host.mount_tmpfs("share", root="/scratch")
    again = host.read("share/row", root="/scratch")
    host.unmount_all("/scratch")

    assert (hidden, shown, again) == (None, (b"b", None), b"r")
    assert host.read("share/beneath", root="/scratch") == b"b"


def test_a_missing_bind_source_is_made_at_start_for_a_flag_only(engine: FakeEngine, host: FakeHost) -> None:
    made = engine.create_container("db", {"Image": LAB, "HostConfig": {"Binds": ["/scratch/new:/x:ro"]}})
    before = host.stat("/scratch/new")
    engine.start_container(made)

    after = host.stat("/scratch/new")

    assert before is None
    assert after is not None
    assert after.type == "directory"
    assert engine.exec(made, ["sh", "-c", "echo x > /x/row"]).exit_code == 1


def test_a_link_and_a_folder_have_their_kinds(engine: FakeEngine) -> None:
    engine.add_image("localhost/x:1", {"link": FakeFile(kind="link", target="/etc")}, base=LAB)
    made = engine.create_container("db", {"Image": "localhost/x:1"})

    assert engine.stat_archive(made, "/link").link_target == "/etc"
    assert engine.stat_archive(made, "/link").mode & 0o170000 == 0o120000
    assert engine.stat_archive(made, "/etc").mode & 0o170000 == 0o040000
