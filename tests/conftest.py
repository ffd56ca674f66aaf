"""The fence around the fast suite, the engine of the other one, and a server that answers as an engine would.

Without `@pytest.mark.engine` a test that reaches for an engine fails with a sentence. With it and no engine: skipped, or failed under
`--require-engine`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engine_server import EngineServer, Request

    from dockstore.engines.address_facts import Address
    from dockstore.engines.docker_engine import DockerEngine

NAMED = os.environ.get("DOCKER_HOST", "")  # as the session began; the fence changes it
NOWHERE = "unix:///fenced/this-test-has-no-engine.sock"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-engine", action="store_true", help="fail, instead of skipping, what needs an engine that is not there")


class Fence:
    """Which addresses a test without an engine may still connect to: servers of its own."""

    def __init__(self) -> None:
        self.allowed: set[str] = set()
        self.crossed: list[str] = []

    def allow(self, address: str) -> None:
        self.allowed.add(address)


@pytest.fixture(autouse=True)
def fence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fence]:
    """Let no test without the mark `engine` connect to an engine, whatever it imports `connect` from and whatever it catches."""
    fence = Fence()
    if request.node.get_closest_marker("engine") is not None:
        yield fence
        return
    from dockstore.engines import sdk_client

    open_client = sdk_client.open_client

    def fenced(address: Address, api_version: str, timeout_seconds: float, environ: Mapping[str, str]) -> object:
        if address.text in fence.allowed:
            return open_client(address, api_version, timeout_seconds, environ)
        fence.crossed.append(address.text)
        pytest.fail(_sentence(address.text))

    monkeypatch.setattr(sdk_client, "open_client", fenced)
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    yield fence
    if fence.crossed:
        pytest.fail(_sentence(fence.crossed[0]))


def _sentence(address: str) -> str:
    return f"this test connects to an engine at {address} without saying so: mark it with @pytest.mark.engine, or use FakeEngine"


@pytest.fixture(scope="session")
def engine_address(request: pytest.FixtureRequest) -> str:
    """The address of a real engine that answers."""
    from dockstore.engines.docker_engine import connect
    from dockstore.engines.errors import Unreachable

    missing = "no engine: DOCKER_HOST is not set"
    if NAMED:
        try:
            connect(NAMED).close()
        except Unreachable as exc:
            missing = str(exc)
        else:
            return NAMED
    if request.config.getoption("--require-engine"):
        pytest.fail(f"{missing} (and --require-engine was given)")
    pytest.skip(missing)


@pytest.fixture(scope="session")
def engine(engine_address: str) -> Iterator[DockerEngine]:
    """A connection to the real engine, one for the session."""
    from dockstore.engines.docker_engine import connect

    connected = connect(engine_address)
    yield connected
    connected.close()


# --- an engine of our own making ------------------------------------------------------------------------------------------


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        yield Path(folder)


@pytest.fixture
def serve(short_folder: Path, fence: Fence) -> Iterator[Callable[..., DockerEngine]]:
    """Start a server that answers with a handler, and connect to it."""
    from engine_server import EngineServer

    from dockstore.engines.docker_engine import connect

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
