"""Which engine is meant: the order of Docker's own client, and that a named one is never passed over."""

from __future__ import annotations

import hashlib
import json

import pytest

from dockstore.engines.errors import Unreachable
from dockstore.engines.providers.address import Candidate, candidates

EVERYWHERE = {"/var/run/docker.sock", "/run/user/7/docker.sock", "/run/user/7/podman/podman.sock", "/run/podman/podman.sock"}
HOME = {"HOME": "/home/me"}


def context_files(name: str, host: object, *, folder: str = "/home/me/.docker", tls: bool = False) -> dict[str, str]:
    mark = hashlib.sha256(name.encode()).hexdigest()
    files = {f"{folder}/contexts/meta/{mark}/meta.json": json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}})}
    if tls:
        files[f"{folder}/contexts/tls/{mark}/docker/ca.pem"] = "..."
    return files


def ask(wanted: str | None, environ: dict[str, str], files: dict[str, str] | None = None, sockets: set[str] | None = None) -> tuple[Candidate, ...]:
    there = files or {}
    return candidates(wanted, {**HOME, **environ}, read=there.get, exists=(sockets or set()).__contains__)


def test_the_option_comes_before_everything() -> None:
    found = ask("tcp://a:2375", {"DOCKER_HOST": "tcp://b:2375", "DOCKER_CONTEXT": "c"}, sockets=EVERYWHERE)

    assert found == (Candidate(address="tcp://a:2375", named_by="--engine"),)


def test_docker_host_comes_before_a_context() -> None:
    found = ask(None, {"DOCKER_HOST": "tcp://b:2375", "DOCKER_CONTEXT": "c"}, sockets=EVERYWHERE)

    assert found == (Candidate(address="tcp://b:2375", named_by="DOCKER_HOST"),)


def test_an_empty_docker_host_counts_as_unset() -> None:
    found = ask(None, {"DOCKER_HOST": ""}, sockets={"/var/run/docker.sock"})

    assert found == (Candidate(address="unix:///var/run/docker.sock"),)


def test_docker_context_comes_before_the_current_context() -> None:
    files = context_files("c", "tcp://c:2375") | context_files("d", "tcp://d:2375") | {"/home/me/.docker/config.json": '{"currentContext": "d"}'}

    found = ask(None, {"DOCKER_CONTEXT": "c"}, files)

    assert found == (Candidate(address="tcp://c:2375", named_by="DOCKER_CONTEXT"),)


def test_the_current_context_comes_before_the_usual_sockets() -> None:
    files = context_files("d", "ssh://me@d") | {"/home/me/.docker/config.json": '{"currentContext": "d"}'}

    found = ask(None, {}, files, EVERYWHERE)

    assert found == (Candidate(address="ssh://me@d", named_by="the current context 'd'"),)


def test_docker_config_says_where_contexts_lie() -> None:
    files = context_files("d", "tcp://d:1", folder="/etc/mine") | {"/etc/mine/config.json": '{"currentContext": "d"}'}

    (found,) = ask(None, {"DOCKER_CONFIG": "/etc/mine"}, files)

    assert found.address == "tcp://d:1"


@pytest.mark.parametrize("config", ['{"currentContext": "default"}', "{}", "[]", "not json", '{"currentContext": 3}'])
def test_without_a_current_context_the_usual_sockets_are_asked_in_order(config: str) -> None:
    found = ask(None, {"XDG_RUNTIME_DIR": "/run/user/7"}, {"/home/me/.docker/config.json": config}, EVERYWHERE)

    assert [candidate.address for candidate in found] == [
        "unix:///var/run/docker.sock",
        "unix:///run/user/7/docker.sock",
        "unix:///run/user/7/podman/podman.sock",
        "unix:///run/podman/podman.sock",
    ]
    assert all(candidate.named_by is None for candidate in found)


def test_a_socket_that_is_not_there_is_not_asked() -> None:
    assert ask(None, {"XDG_RUNTIME_DIR": "/run/user/7"}) == ()


def test_the_context_called_default_is_what_is_there_without_contexts() -> None:
    found = ask(None, {"DOCKER_CONTEXT": "default"}, sockets={"/run/podman/podman.sock"})

    assert found == (Candidate(address="unix:///run/podman/podman.sock"),)


def test_a_context_can_be_named_by_the_option() -> None:
    found = ask("context:d", {"DOCKER_HOST": "tcp://b:2375"}, context_files("d", "tcp://d:2376", tls=True))

    mark = hashlib.sha256(b"d").hexdigest()
    assert found == (Candidate(address="tcp://d:2376", named_by="--engine context:d", certificates=f"/home/me/.docker/contexts/tls/{mark}/docker"),)


def test_a_contexts_certificates_go_into_the_environment() -> None:
    plain, secured = Candidate(address="tcp://d:1"), Candidate(address="tcp://d:1", certificates="/tls")

    assert plain.environ({"A": "1"}) == {"A": "1"}
    assert secured.environ({"A": "1"}) == {"A": "1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/tls"}


def test_the_default_context_can_be_named_by_the_option() -> None:
    assert ask("context:default", {}) == (Candidate(address="unix:///var/run/docker.sock", named_by="--engine context:default"),)


@pytest.mark.parametrize("word", ["private", "dind"])
def test_an_engine_of_our_own_is_named_by_a_word(word: str) -> None:
    assert ask(word, {}) == (Candidate(address=word, named_by="--engine"),)


def test_a_bare_path_is_a_socket() -> None:
    assert ask("/run/x.sock", {}) == (Candidate(address="unix:///run/x.sock", named_by="--engine"),)


def test_a_word_that_means_nothing_is_refused_with_what_can_be_written() -> None:
    with pytest.raises(Unreachable, match="'pivate' is no engine's address") as caught:
        ask("pivate", {})

    assert caught.value.hint is not None
    assert "context:NAME" in caught.value.hint


def test_a_context_that_is_not_there_is_an_error_not_passed_over() -> None:
    with pytest.raises(Unreachable, match="DOCKER_CONTEXT: there is no context 'x'"):
        ask(None, {"DOCKER_CONTEXT": "x"}, sockets=EVERYWHERE)


@pytest.mark.parametrize("host", [None, "", 3])
def test_a_context_without_an_address_is_an_error(host: object) -> None:
    with pytest.raises(Unreachable, match="the context 'x' names no engine"):
        ask("context:x", {}, context_files("x", host))


def test_a_context_that_is_not_json_is_an_error() -> None:
    mark = hashlib.sha256(b"x").hexdigest()

    with pytest.raises(Unreachable, match="the context 'x' names no engine"):
        ask("context:x", {}, {f"/home/me/.docker/contexts/meta/{mark}/meta.json": "{"})
