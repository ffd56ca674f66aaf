"""The door to Docker: connecting, every foreign error, what is really sent."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import pytest
import requests
from docker_server import nothing, requests_of
from engine_server import EngineServer, Request, answer

from dockstore.engines import address_facts, translate
from dockstore.engines.docker_engine import connect
from dockstore.engines.engine_info import agreed_api
from dockstore.engines.errors import Conflict, EngineError, NotFound, Refused, Unreachable, Unsure

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Fence

    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Engine


# --- connecting ---------------------------------------------------------------------------------------------------------


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

    assert engine.info.engine_id == "TEST"
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


# --- every foreign error ------------------------------------------------------------------------------------------------


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


# --- what is really sent ------------------------------------------------------------------------------------------------


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
