from __future__ import annotations

import base64
import contextlib
import inspect
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import pytest
import requests
from engine_server import UPGRADED, EngineServer, Request, answer, frame

from dockstore.engines import address_facts, engine_words, exec_stream, translate
from dockstore.engines.docker_engine import connect
from dockstore.engines.engine import ExecResult
from dockstore.engines.engine_info import agreed_api, engine_info
from dockstore.engines.errors import Conflict, EngineError, NotFound, Refused, Unreachable, Unsure
from dockstore.engines.polling import Deadline, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Fence

    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Engine


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        yield Path(folder)


@pytest.fixture
def serve(short_folder: Path, fence: Fence) -> Iterator[Callable[..., DockerEngine]]:
    """Start a server that answers with a handler, and connect to it."""
    opened: list[EngineServer | DockerEngine] = []

    def start(handle: Callable[[Request], bytes | None], *, timeout_seconds: float = 10, **version: object) -> DockerEngine:
        server = EngineServer(str(short_folder / f"{len(opened)}.sock"), handle)
        server.version.update(version)
        opened.append(server)
        fence.allow(server.address)
        engine = connect(server.address, timeout_seconds=timeout_seconds, environ={})
        opened.append(engine)
        engine.server = server  # type: ignore[attr-defined]
        return engine

    yield start
    for item in reversed(opened):
        item.close()


def requests_of(engine: DockerEngine) -> list[str]:
    found: list[str] = engine.server.requests  # type: ignore[attr-defined]
    return [line for line in found if not line.endswith(("/version", "/info"))]


def nothing(request: Request) -> bytes:
    return answer({"message": f"unexpected {request.path}"}, "500 Oops")


def exec_handler(stream: Callable[[Request], None], **state: object) -> Callable[[Request], bytes | None]:
    """Answers an exec: *stream* sends what the engine sends after the start."""

    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/exec"):
            return answer({"Id": "e1"}, "201 Created")
        if request.path.endswith("/start"):
            stream(request)
            return None
        return answer({"Running": False, "ExitCode": 0, **state})

    return handle


# --- connecting


def test_nothing_of_the_sdk_is_imported_before_somebody_connects() -> None:
    script = (
        "import sys, dockstore.engines.docker_engine; sys.exit(any(name.split('.')[0] in {'docker', 'requests', 'urllib3'} for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_engine_tells_about_itself(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(nothing)
    protocol: Engine = engine

    assert (protocol.info.product, protocol.info.version, protocol.info.api_version) == ("Docker Engine", "20.10.24", "1.41")
    assert protocol.info.storage_driver == "overlay2"
    assert engine.info.engine_id == "TEST"


def test_a_newer_engine_is_asked_in_the_newest_version_that_is_known(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer([]), ApiVersion="1.99", MinAPIVersion="1.44")

    engine.list_images()

    assert requests_of(engine) == ["GET /v1.51/images/json"]


@pytest.mark.parametrize(
    ("newest", "oldest", "agreed"),
    [
        pytest.param("1.41", "1.12", "1.41", id="an older engine"),
        pytest.param("1.9", "1.1", "1.9", id="numbers, not texts"),
        pytest.param("1.60", "1.44", "1.51", id="a newer engine"),
        pytest.param("1.70", "1.55", "1.55", id="an engine that has left us behind"),
        pytest.param(None, None, "1.51", id="nothing told"),
    ],
)
def test_both_sides_agree_on_a_version(newest: str | None, oldest: str | None, agreed: str) -> None:
    assert agreed_api({"ApiVersion": newest, "MinAPIVersion": oldest}) == agreed


def test_no_socket_says_so_and_leaves_nothing_open(short_folder: Path, fence: Fence) -> None:
    address = f"unix://{short_folder}/none.sock"
    fence.allow(address)

    with pytest.raises(Unreachable, match=r"there is no such socket") as caught:
        connect(address, environ={})

    assert caught.value.hint is not None
    assert "--engine" in caught.value.hint


def test_a_socket_that_nobody_listens_on_says_so(short_folder: Path, fence: Fence) -> None:
    server = EngineServer(str(short_folder / "dead.sock"), nothing)
    server.close()
    fence.allow(server.address)

    with pytest.raises(Unreachable, match="nothing listens there"):
        connect(server.address, environ={})


def test_a_port_that_nobody_listens_on_says_so(fence: Fence) -> None:
    fence.allow("tcp://127.0.0.1:1")

    with pytest.raises(Unreachable, match="nothing listens there"):
        connect("tcp://127.0.0.1:1", environ={})


def test_something_else_that_answers_is_no_engine(short_folder: Path, fence: Fence) -> None:
    server = EngineServer(str(short_folder / "x.sock"), nothing)
    server.version.clear()
    fence.allow(server.address)

    with pytest.raises(Unreachable, match="what answers there is none"):
        connect(server.address, environ={})

    server.close()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        pytest.param(PermissionError(13, "Permission denied"), "permission denied", id="not in the group"),
        pytest.param(FileNotFoundError(2, "No such file"), "no such socket", id="no socket"),
        pytest.param(Exception("Client sent an HTTP request to an HTTPS server."), "it speaks TLS only", id="plain to TLS"),
        pytest.param(requests.exceptions.SSLError("WRONG_VERSION_NUMBER"), "does not speak TLS", id="TLS to plain"),
        pytest.param(requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), "certificate was not accepted", id="another CA"),
        pytest.param(requests.exceptions.ConnectTimeout("slow"), "does not answer in time", id="silence"),
        pytest.param(OSError("what else"), "what else", id="something else"),
    ],
)
def test_every_state_of_an_address_has_a_fact_and_a_way_out(failure: Exception, words: str) -> None:
    ours = address_facts.unreachable("tcp://far:2375", failure)

    assert words in str(ours)
    assert str(ours).startswith("no engine at tcp://far:2375: ")
    assert ours.hint


def test_ssh_that_fails_names_the_command_to_try() -> None:
    ours = address_facts.unreachable("ssh://me@far", ConnectionResetError())

    assert ours.hint == "does `ssh me@far docker version` work?"


@pytest.mark.parametrize(
    ("text", "scheme", "path"),
    [
        ("unix:///run/d.sock", "unix", "/run/d.sock"),
        ("unix://", "unix", "/var/run/docker.sock"),
        ("/run/d.sock", "unix", "/run/d.sock"),
        (" tcp://far:2376/ ", "tcp", "far:2376"),
        ("ssh://me@far:22", "ssh", "me@far:22"),
    ],
)
def test_addresses_are_taken_apart(text: str, scheme: str, path: str) -> None:
    parsed = address_facts.parse(text)

    assert (parsed.scheme, parsed.path) == (scheme, path)


@pytest.mark.parametrize("text", ["", "far", "npipe:////./pipe/docker", "tcp://", "ssh://", f"unix:///{'x' * 107}"])
def test_what_is_no_address_is_told_with_a_way_out(text: str) -> None:
    with pytest.raises(Unreachable) as caught:
        address_facts.parse(text)

    assert caught.value.hint


def test_certificates_without_verification_are_refused(tmp_path: Path) -> None:
    address = address_facts.parse("tcp://far:2376")

    with pytest.raises(Unreachable, match="without verifying who answers"):
        address_facts.certificates(address, {"DOCKER_CERT_PATH": str(tmp_path), "DOCKER_TLS_VERIFY": ""})


def test_verification_asks_for_all_three_files(tmp_path: Path) -> None:
    address = address_facts.parse("tcp://far:2376")
    (tmp_path / "ca.pem").touch()
    environ = {"DOCKER_CERT_PATH": str(tmp_path), "DOCKER_TLS_VERIFY": "1"}

    with pytest.raises(Unreachable, match=r"cert\.pem, key\.pem missing"):
        address_facts.certificates(address, environ)

    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    assert address_facts.certificates(address, environ) == address_facts.Certificates(
        ca=str(tmp_path / "ca.pem"), certificate=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem")
    )
    assert address_facts.certificates(address_facts.parse("unix:///x"), environ) is None
    assert address_facts.certificates(address, {}) is None


def test_the_environment_does_not_lead_the_calls_elsewhere(serve: Callable[..., DockerEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")

    engine = serve(lambda _: answer([]))

    assert engine.list_images() == []


def test_ssh_runs_the_users_ssh_and_ends_it(short_folder: Path, fence: Fence, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of that name on PATH bridges to a local server, as `docker system dial-stdio` does on the far side."""
    server = EngineServer(str(short_folder / "far.sock"), lambda request: answer([{"Id": request.path}]))
    bridge = short_folder / "bin/ssh"
    bridge.parent.mkdir()
    bridge.write_text(
        f"#!{sys.executable}\n"
        "import os, select, socket, sys\n"
        f"open({str(short_folder / 'args')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"s = socket.socket(socket.AF_UNIX); s.connect({server.path!r})\n"
        "while True:\n"
        "    ready, _, _ = select.select([0, s], [], [])\n"
        "    for r in ready:\n"
        "        data = os.read(0, 65536) if r == 0 else s.recv(65536)\n"
        "        if not data: sys.exit()\n"
        "        s.sendall(data) if r == 0 else os.write(1, data)\n"
    )
    bridge.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bridge.parent}:/usr/bin:/bin")
    fence.allow("ssh://me@far:2222")

    engine = connect("ssh://me@far:2222", environ={})
    images = engine.list_images()
    engine.close()
    server.close()

    assert images == [{"Id": "/v1.41/images/json"}]
    assert set((short_folder / "args").read_text().splitlines()) == {"-o BatchMode=yes -p 2222 -l me -- far docker system dial-stdio"}


# --- every foreign error


def foreign_errors() -> list[BaseException]:
    """One of every error that the SDK and its HTTP library define."""
    response = requests.Response()
    response.status_code = 500
    made: list[BaseException] = []
    for module in (docker.errors, requests.exceptions):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if not issubclass(kind, Exception) or issubclass(kind, Warning) or kind.__module__ not in {"docker.errors", "requests.exceptions"}:
                continue
            made.append(_instance(kind, response))
    return made


def _instance(kind: type[Exception], response: requests.Response) -> Exception:
    special: dict[str, Callable[[], Exception]] = {
        "ContainerError": lambda: kind("c", 1, "cmd", "image", "stderr"),
        "BuildError": lambda: kind("reason", []),
        "StreamParseError": lambda: kind("reason"),
        "JSONDecodeError": lambda: kind("bad", "{", 0),
        "MissingContextParameter": lambda: kind("name"),
        "ContextAlreadyExists": lambda: kind("name"),
        "ContextException": lambda: kind("text"),
        "ContextNotFound": lambda: kind("name"),
        "TLSParameterError": lambda: kind("text"),
    }
    if issubclass(kind, docker.errors.APIError):
        return kind("500 Server Error", response=response, explanation="its words")
    return special.get(kind.__name__, lambda: kind("text"))()


@pytest.mark.parametrize("failure", foreign_errors(), ids=lambda failure: type(failure).__name__)
def test_every_foreign_error_becomes_one_of_ours(failure: BaseException) -> None:
    ours = translate.translate("remove volume rows", failure, address="unix:///x")

    assert isinstance(ours, EngineError)
    assert type(ours) in {EngineError, Refused, Unsure, Unreachable}
    assert isinstance(ours, Unreachable) or str(ours).startswith("remove volume rows: ")


def test_a_fault_of_our_own_stays_what_it_is() -> None:
    assert translate.translate("do", KeyError("x"), address="unix:///x") is None
    with pytest.raises(KeyError), translate.Translated("do", "unix:///x"):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (409, Conflict), (400, Refused), (500, Refused), (501, Refused)],
)
def test_a_refusal_has_its_status_and_the_engines_words(serve: Callable[..., DockerEngine], status: int, kind: type[Refused]) -> None:
    engine = serve(lambda _: answer({"message": "volume is in use"}, f"{status} No"))

    with pytest.raises(kind) as caught:
        engine.remove_volume("rows")

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.words) == (status, "volume is in use")
    assert str(caught.value) == "remove volume rows: volume is in use"


def test_a_lost_connection_is_unsure_and_not_refused(serve: Callable[..., DockerEngine]) -> None:
    def handle(request: Request) -> None:
        request.hang_up()

    engine = serve(handle)

    for act in (lambda: engine.remove_volume("rows"), lambda: engine.start_container("db"), lambda: engine.create_container("db", {})):
        with pytest.raises(Unsure, match="may or may not have happened"):
            act()


def test_an_answer_cut_short_is_unsure(serve: Callable[..., DockerEngine]) -> None:
    def handle(request: Request) -> None:
        request.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")

    engine = serve(handle)

    with pytest.raises(Unsure):
        engine.inspect_container("db")


def test_an_answer_that_cannot_be_read_is_unsure(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer(b"not json"))

    with pytest.raises(Unsure, match="cannot be read"):
        engine.inspect_container("db")


def test_silence_is_unsure(serve: Callable[..., DockerEngine]) -> None:
    def handle(request: Request) -> None:
        request.connection.recv(1)  # until the client gives up

    engine = serve(handle, timeout_seconds=1)

    with pytest.raises(Unsure, match="no answer in time"):
        engine.start_container("db")


def test_an_engine_that_has_gone_does_not_answer(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer(b"OK"))
    here = engine.ping()

    engine.server.close()  # type: ignore[attr-defined]
    Path(engine.server.path).unlink()  # type: ignore[attr-defined]
    gone = engine.ping()

    assert (here, gone) == (True, False)
    with pytest.raises(Unreachable, match="there is no such socket"):
        engine.list_images()


# --- what is really sent


def test_force_of_a_volumes_removal_is_sent(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: b"HTTP/1.1 204 No Content\r\n\r\n")

    engine.remove_volume("rows", force=True)
    engine.remove_volume("rows")

    assert requests_of(engine) == ["DELETE /v1.41/volumes/rows?force=1", "DELETE /v1.41/volumes/rows"]


def test_a_prune_is_sent_as_the_version_that_is_meant(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer({"VolumesDeleted": None}))

    engine.prune("volumes", api="1.30")
    engine.prune("volumes", filters={"all": ["1"]})

    assert requests_of(engine) == ["POST /v1.30/volumes/prune", "POST /v1.41/volumes/prune?filters=%7B%22all%22%3A+%5B%221%22%5D%7D"]


def test_a_container_is_created_from_the_body_as_it_is(serve: Callable[..., DockerEngine]) -> None:
    seen: list[object] = []

    def handle(request: Request) -> bytes:
        seen.append((request.path, json.loads(request.body)))
        return answer({"Id": "c1"}, "201 Created")

    engine = serve(handle)
    body: dict[str, object] = {"Image": "lab", "Entrypoint": [], "Cmd": None, "HostConfig": {"Mounts": [{"Type": "image"}]}}

    made = engine.create_container("db", body)

    assert made == "c1"
    assert seen == [("/v1.41/containers/create?name=db", body)]


def test_a_tag_is_always_named_so_that_not_all_are_pulled(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer(b'{"status":"done"}\r\n'))

    engine.pull_image("localhost:5000/rows", timeout_seconds=5)

    assert requests_of(engine) == ["POST /v1.41/images/create?fromImage=localhost%3A5000%2Frows&tag=latest"]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda engine: engine.load_image(b""), id="load"),
        pytest.param(lambda engine: engine.import_image(b"", "x:1"), id="import"),
        pytest.param(lambda engine: engine.pull_image("x:1", timeout_seconds=5), id="pull"),
    ],
)
def test_an_error_inside_progress_lines_is_a_refusal(serve: Callable[..., DockerEngine], act: Callable[[DockerEngine], None]) -> None:
    engine = serve(lambda _: answer(b'{"status":"working"}\r\n{"errorDetail":{"message":"max depth exceeded"}}\r\n'))

    with pytest.raises(Refused, match="max depth exceeded"):
        act(engine)


def test_a_removed_container_needs_no_waiting(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer({"message": "No such container: db"}, "404 Not Found"))

    assert engine.wait_container("db", condition="removed", timeout_seconds=1) == 0
    with pytest.raises(NotFound):
        engine.wait_container("db", condition="not-running", timeout_seconds=1)


def test_pausing_is_tried_again_while_runc_cannot_freeze(serve: Callable[..., DockerEngine]) -> None:
    answers = [answer({"message": "OCI runtime pause failed: unable to freeze: unknown"}, "500 Oops")] * 2 + [b"HTTP/1.1 204 No Content\r\n\r\n"]
    engine = serve(lambda _: answers.pop(0))

    engine.pause_container("db")

    assert answers == []


def test_another_refusal_of_a_pause_is_final(serve: Callable[..., DockerEngine]) -> None:
    engine = serve(lambda _: answer({"message": "Container db is not running"}, "409 Conflict"))

    with pytest.raises(Conflict):
        engine.pause_container("db")

    assert len(requests_of(engine)) == 1


# --- exec and its stream


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


# --- end marks


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


# --- the resident shell


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


# --- facts and words


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
