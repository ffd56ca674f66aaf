"""Execs through the door to Docker: the stream, end marks, the resident shell, facts and words."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from typing import TYPE_CHECKING

import docker.errors
import pytest
from docker_server import exec_handler
from engine_server import UPGRADED, Request, answer, frame

from dockstore.engines import engine_words, exec_stream
from dockstore.engines.docker_engine import connect
from dockstore.engines.engine import ExecResult
from dockstore.engines.engine_info import engine_info
from dockstore.engines.errors import EngineError, Unsure
from dockstore.engines.polling import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Fence

    from dockstore.engines.docker_engine import DockerEngine


# --- exec and its stream ------------------------------------------------------------------------------------------------


def test_what_comes_together_with_the_headers_is_not_lost(serve: Callable[..., DockerEngine]) -> None:
    """P33: the SDK goes on at the bare socket and drops what was read ahead with the headers: exit code 0 and nothing printed."""
    engine = serve(exec_handler(lambda request: request.say(UPGRADED + frame(1, b"out\n") + frame(2, b"err\n"))))

    result = engine.exec("db", ["cat"])

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"out\n", b"err\n")


def test_the_sdk_itself_drops_it(serve: Callable[..., DockerEngine], fence: Fence) -> None:
    """The control of the test above: why a request of our own is sent."""
    engine = serve(exec_handler(lambda request: request.say(UPGRADED + frame(1, b"out\n"))))
    with docker.APIClient(base_url=engine.server.address, version="1.41") as client:  # type: ignore[attr-defined]
        number = client.exec_create("db", ["cat"])["Id"]

        output = client.exec_start(number)

    assert output == b""


@pytest.mark.parametrize("cut", [1, 3, 7, 11])
def test_frames_may_be_cut_anywhere(cut: int) -> None:
    stream = frame(1, b"hello") + frame(2, b"") + frame(2, b"world")
    frames = exec_stream.Frames()

    found = [item for at in range(0, len(stream), cut) for item in frames.feed(stream[at : at + cut])]

    assert found == [(1, b"hello"), (2, b""), (2, b"world")]
    assert not frames.torn


def test_what_is_no_stream_of_frames_is_unsure() -> None:
    with pytest.raises(Unsure, match="no stream of frames"):
        list(exec_stream.Frames().feed(b"plain text, and more of it"))


def test_an_output_that_ends_within_a_frame_has_no_exit_code(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(exec_handler(lambda request: request.say(UPGRADED + frame(1, b"out\n")[:-2])))

    result = engine.exec("db", ["cat"])

    assert (result.exit_code, result.detail) == (None, "the output ended within a frame")


def test_a_command_that_never_ends_is_told_so_and_let_go_of(serve: Callable[..., DockerEngine]) -> None:
    ended: list[bytes] = []

    def stream(request: Request) -> None:
        request.say(UPGRADED + frame(1, b"began\n"))
        ended.append(request.connection.recv(1))

    engine = serve(exec_handler(stream))

    result = engine.exec("db", ["cat", "/pipe"], timeout_seconds=0.2)

    assert (result.exit_code, result.stdout, result.timed_out) == (None, b"began\n", True)
    assert until(lambda: ended == [b""], timeout_seconds=10)


def test_an_exit_code_that_comes_late_is_waited_for(serve: Callable[..., DockerEngine]) -> None:
    states = [{"Running": True, "ExitCode": None}, {"Running": True, "ExitCode": 0}, {"Running": False, "ExitCode": 3}]

    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/json"):
            return answer(states.pop(0))
        return exec_handler(lambda request: request.say(UPGRADED))(request)

    engine = serve(handle)

    assert engine.exec("db", ["x"]).exit_code == 3


def test_an_exec_whose_container_is_gone_has_no_exit_code(serve: Callable[..., DockerEngine]) -> None:
    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/json"):
            return answer({"message": "No such exec instance"}, "404 Not Found")
        return exec_handler(lambda request: request.say(UPGRADED))(request)

    engine = serve(handle)

    result = engine.exec("db", ["x"])

    assert result.exit_code is None
    assert "its container is gone" in result.detail


def test_an_exec_is_tried_again_while_runc_cannot_freeze(serve: Callable[..., DockerEngine]) -> None:
    codes = [126, 126, 0]
    texts = [b"OCI runtime exec failed: unable to freeze: unknown\r\n"] * 2 + [b"out\n"]

    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/json"):
            return answer({"Running": False, "ExitCode": codes.pop(0)})
        return exec_handler(lambda request: request.say(UPGRADED + frame(1, texts.pop(0))))(request)

    engine = serve(handle)

    assert engine.exec("db", ["cat"]).stdout == b"out\n"


def test_a_detached_command_that_cannot_be_run_has_an_exit_code(serve: Callable[..., DockerEngine]) -> None:
    def handle(request: Request) -> bytes:
        if request.path.endswith("/exec"):
            return answer({"Id": "e1"}, "201 Created")
        return answer({"message": 'exec: "nosuch": executable file not found in $PATH'}, "400 Bad Request")

    engine = serve(handle)

    assert engine.exec("db", ["nosuch"], detach=True).exit_code == 127


def test_all_of_an_exec_is_sent(serve: Callable[..., DockerEngine]) -> None:
    seen: list[object] = []

    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/exec"):
            seen.append(json.loads(request.body))
        return exec_handler(lambda request: request.say(UPGRADED))(request)

    serve(handle).exec("db", ["id"], user="0", environment={"A": "1"}, working_dir="/tmp")

    assert seen == [{"Cmd": ["id"], "AttachStdout": True, "AttachStderr": True, "User": "0", "Env": ["A=1"], "WorkingDir": "/tmp"}]


# --- end marks ----------------------------------------------------------------------------------------------------------


def test_an_output_counts_with_its_marks_only() -> None:
    command = exec_stream.marked("echo x")
    whole = ExecResult(exit_code=0, stdout=f"x\n{command.mark} 5\n".encode(), stderr=f"e{command.mark}\n".encode())

    assert command.parse(whole) == ExecResult(exit_code=5, stdout=b"x\n", stderr=b"e")
    assert command.parse(ExecResult(exit_code=0, stdout=b"", stderr=b"")) is None
    assert command.parse(ExecResult(exit_code=0, stdout=whole.stdout, stderr=b"")) is None
    assert command.parse(ExecResult(exit_code=0, stdout=whole.stdout[:-1], stderr=whole.stderr)) is None


@pytest.mark.parametrize(
    ("script", "stdout", "code"),
    [
        pytest.param("echo 'it'\"'\"'s'; exit 3", b"it's\n", 3, id="quotes and an exit"),
        pytest.param("cat", b"", 0, id="its input is empty"),
        pytest.param("echo 'open", b"", 2, id="an open quote"),
        pytest.param("if", b"", 2, id="a syntax error"),
        pytest.param("printf 'no line end' # and a comment", b"no line end", 0, id="no line end"),
        pytest.param("true\n\nfalse\n", b"", 1, id="several lines"),
    ],
)
def test_a_marked_script_is_run_by_any_shell_as_it_is(script: str, stdout: bytes, code: int) -> None:
    command = exec_stream.marked(script)
    done = subprocess.run(["sh", "-c", command.script], capture_output=True, check=False)

    result = command.parse(ExecResult(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr))

    assert result is not None
    assert (result.stdout, result.exit_code) == (stdout, code)


# --- the resident shell -------------------------------------------------------------------------------------------------


def shell_handler(speak: Callable[[Request], None]) -> Callable[[Request], bytes | None]:
    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/json"):
            return answer({"Config": {"OpenStdin": True, "Tty": False}})
        request.say(UPGRADED)
        speak(request)
        return None

    return handle


def real_shell(request: Request) -> None:
    """Answers as a container's shell does."""
    reader = request.connection.makefile("rb")
    for line in iter(reader.readline, b""):
        while line.count(b"'") % 2:
            line += reader.readline()  # noqa: PLW2901
        done = subprocess.run(["sh"], input=line, capture_output=True, check=False)
        request.say(frame(2, done.stderr) + frame(1, done.stdout))


def test_a_resident_shell_answers_each_script_by_itself(serve: Callable[..., DockerEngine]) -> None:
    shell = serve(shell_handler(real_shell)).attach_shell("db")
    assert shell is not None

    first = shell.run("echo one; echo bad >&2; exit 4", timeout_seconds=10)
    second = shell.run("echo two", timeout_seconds=10)
    shell.close()

    assert first == ExecResult(exit_code=4, stdout=b"one\n", stderr=b"bad\n")
    assert second == ExecResult(exit_code=0, stdout=b"two\n", stderr=b"")
    with pytest.raises(Unsure, match="its connection is closed"):
        shell.run("echo three", timeout_seconds=10)


def test_a_shell_that_does_not_answer_is_unsure_and_stays_closed(serve: Callable[..., DockerEngine]) -> None:
    def mute(request: Request) -> None:
        while request.connection.recv(1 << 16):
            pass

    shell = serve(shell_handler(mute)).attach_shell("db")
    assert shell is not None

    with pytest.raises(Unsure):
        shell.run("cat /pipe", timeout_seconds=0.2)
    with pytest.raises(Unsure, match="its connection is closed"):
        shell.run("true", timeout_seconds=10)


def test_a_shell_whose_container_dies_is_unsure(serve: Callable[..., DockerEngine]) -> None:
    shell = serve(shell_handler(lambda request: request.hang_up())).attach_shell("db")
    assert shell is not None

    with pytest.raises(Unsure, match=r"the shell ended|Broken pipe|reset"):
        shell.run("true", timeout_seconds=10)


@pytest.mark.parametrize("config", [{"OpenStdin": False, "Tty": False}, {"OpenStdin": True, "Tty": True}, {}])
def test_no_shell_where_there_is_none(serve: Callable[..., DockerEngine], config: dict[str, object]) -> None:
    assert serve(lambda _: answer({"Config": config})).attach_shell("db") is None


# --- facts and words ----------------------------------------------------------------------------------------------------


def test_the_containerd_store_and_other_facts_are_told() -> None:
    version: dict[str, object] = {
        "Version": "28.5.2",
        "ApiVersion": "1.51",
        "Components": [{"Name": "Engine", "Version": "28.5.2"}, {"Name": "runc", "Version": "1.3"}],
    }
    facts: dict[str, object] = {
        "ID": "X",
        "Driver": "overlayfs",
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
        "LiveRestoreEnabled": True,
        "Swarm": {"LocalNodeState": "active"},
        "CgroupVersion": "2",
        "NCPU": 8,
        "MemTotal": 1 << 30,
        "Labels": ["io.dockstore.disposable=1", "rack=7"],
        "DockerRootDir": "/d",
    }

    info = engine_info("unix:///x", version, facts, api_version="1.51")

    assert (info.image_store, info.rootless, info.live_restore, info.swarm, info.disposable) == ("containerd", True, True, True, True)
    assert (info.cgroup_version, info.cpus, info.memory_bytes, info.runc_version, info.data_root) == ("2", 8, 1 << 30, "1.3", "/d")
    assert info.extra["labels"] == "io.dockstore.disposable=1 rack=7"


def test_podman_is_told_from_docker() -> None:
    version: dict[str, object] = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}

    info = engine_info("unix:///x", version, {"DriverStatus": None, "SecurityOptions": None, "Labels": None}, api_version="1.41")

    assert (info.product, info.version, info.disposable, info.image_store) == ("Podman", "4.3.1", False, "graphdriver")


@pytest.mark.parametrize(
    ("go", "st"),
    [
        (0o644, 0o100644),
        ((1 << 31) | 0o755, 0o040755),
        ((1 << 31) | (1 << 20) | 0o777, 0o041777),
        ((1 << 27) | 0o777, 0o120777),
        ((1 << 25) | 0o600, 0o010600),
        ((1 << 26) | (1 << 21) | 0o666, 0o020666),
        ((1 << 26) | 0o660, 0o060660),
        ((1 << 23) | 0o755, 0o104755),
    ],
)
def test_gos_file_modes_are_translated(go: int, st: int) -> None:
    assert engine_words.st_mode(go) == st


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("rows", ("rows", "latest")),
        ("localhost/rows:1", ("localhost/rows", "1")),
        ("localhost:5000/rows", ("localhost:5000/rows", "latest")),
        ("rows@sha256:ab", ("rows", "sha256:ab")),
    ],
)
def test_references_are_taken_apart(reference: str, parts: tuple[str, str]) -> None:
    assert engine_words.reference_parts(reference) == parts


def test_a_name_that_is_none_asks_nothing() -> None:
    with pytest.raises(EngineError, match="without a name"):
        engine_words.path_part("")
    assert engine_words.path_part("a b?/../x") == "a%20b%3F/../x"


def test_a_labels_dollar_is_no_variable() -> None:
    assert engine_words.label_change("a", 'x "$y" \\') == 'LABEL "a"="x \\"\\$y\\" \\\\"'


def test_waiting_ends_at_its_deadline() -> None:
    answers = [False, False, True]

    assert until(lambda: answers.pop(0), timeout_seconds=10, every_seconds=0.001)
    assert not until(lambda: False, timeout_seconds=0, every_seconds=10)
    assert Deadline.after(-1).over


def test_the_fence_fails_whoever_reaches_for_an_engine(fence: Fence) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"mark it with @pytest\.mark\.engine"):
        connect("unix:///var/run/docker.sock", environ={})

    assert fence.crossed == ["unix:///var/run/docker.sock"]
    fence.crossed.clear()


def test_an_output_without_end_is_not_taken_for_ever(serve: Callable[..., DockerEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_stream, "OUTPUT_LIMIT_BYTES", 1 << 10)

    def stream(request: Request) -> None:
        request.say(UPGRADED)
        with contextlib.suppress(OSError):
            while True:
                request.say(frame(1, b"y\n" * 512))

    with pytest.raises(Unsure, match="printed more than"):
        serve(exec_handler(stream)).exec("db", ["yes"])


def test_the_containers_words_and_archives_are_passed_on(serve: Callable[..., DockerEngine]) -> None:
    stat = base64.b64encode(json.dumps({"name": "row", "size": 3, "mode": 0o640, "linkTarget": ""}).encode()).decode()

    def handle(request: Request) -> bytes:
        if request.method == "HEAD":
            return (
                f"HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: {stat if 'row' in request.path else 'junk'}\r\nContent-Length: 0\r\n\r\n".encode()
            )
        if request.path.endswith("/changes"):
            return answer([{"Path": "/a", "Kind": 0}, {"Path": "/b", "Kind": 1}, {"Path": "/c", "Kind": 2}])
        return answer(b"null" if request.path.endswith("/json") else b"a tar")

    engine = serve(handle)

    assert engine.diff_container("db") == {"/a": "C", "/b": "A", "/c": "D"}
    assert engine.get_archive("db", "/row") == b"a tar"
    assert engine.stat_archive("db", "/row").mode == 0o100640
    with pytest.raises(Unsure, match="cannot be read"):
        engine.stat_archive("db", "/other")
    with pytest.raises(Unsure, match="is no object"):
        engine.inspect_image("x")
    with pytest.raises(Unsure, match="is no list"):
        engine.list_images()
