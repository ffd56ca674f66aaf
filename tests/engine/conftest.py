"""What several modules share: the engine that Docker Compose brings up (pytest-docker), what the bundled scenarios say of the given one, and homes for drills."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bundled import LESSON, SCENARIOS, Played, play
from contracted import Subject
from fakes import LAB, FakeEngine

from dockstore.engines import compose_cli
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.providers import homes, processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dockstore.engines.docker_engine import DockerEngine

ROOT = Path(__file__).parents[2]
COMPOSE = os.environ.get("DOCKSTORE_TEST_COMPOSE", "")
FILE = os.environ.get("DOCKSTORE_TEST_COMPOSE_FILE", str(ROOT / "docker-compose.yml"))
IMAGE = os.environ.get("DOCKSTORE_TEST_DIND_IMAGE", "")


# --- pytest-docker's own fixtures, for an engine that is reached by a socket in a bound folder ---------------------------------------------


@pytest.fixture(scope="session")
def docker_compose_command(request: pytest.FixtureRequest) -> str:
    if not COMPOSE:
        missing = "DOCKSTORE_TEST_COMPOSE names no Docker Compose 2 (`make test` does)"
        if request.config.getoption("--require-engine"):
            pytest.fail(f"{missing} (and --require-engine was given)")
        pytest.skip(missing)
    return COMPOSE


@pytest.fixture(scope="session")
def docker_compose_file(socket_folder: Path) -> str:
    del socket_folder  # it must be there, and be named in the environment, before Compose reads the file
    return FILE


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return f"dockstore-tests-{os.getpid()}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return ["up --wait"]


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return ["down --volumes --timeout 5"]


@pytest.fixture(scope="session")
def socket_folder(engine_address: str) -> Iterator[Path]:
    """A short folder for the nested engine's socket, and the environment that docker-compose.yml reads."""
    folder = Path(tempfile.mkdtemp(prefix="dockstore-tests-", dir=homes.runtime()))
    given = {"DOCKER_HOST": engine_address, "DOCKSTORE_DIND_SOCKET": str(folder), "DOCKSTORE_DIND_GROUP": str(os.getgid())}
    if IMAGE:
        given["DOCKSTORE_DIND_IMAGE"] = IMAGE
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        yield folder
    shutil.rmtree(folder, ignore_errors=True)
    processes.remove_cgroups("dockstore-compose")


@pytest.fixture(scope="session")
def composed_address(socket_folder: Path, docker_services: object) -> str:
    """The address of the engine of docker-compose.yml, which answers."""
    del docker_services  # it is up
    return f"unix://{socket_folder}/docker.sock"


# --- what is played once for all -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Every bundled scenario that a test of this session is about, with its mutants, on the engine that was given."""
    wanted = [SCENARIOS[name] for name in sorted(_asked_for(request.session.items))]
    return play(wanted, engine_address, tmp_path_factory.mktemp("scenarios"), mutants=True)


def _asked_for(items: Iterable[pytest.Item]) -> set[str]:
    """The scenarios' files that *items* are about: one each, or all that try a claim of the lesson."""
    asked: set[str] = set()
    for item in items:
        if isinstance(item, pytest.Function) and "played" in item.fixturenames:
            file = item.callspec.params.get("file") if hasattr(item, "callspec") else None
            asked |= {str(file)} if file is not None else set(LESSON)
    return asked


# --- what is claimed of engines, held to a fake and to a real one ---------------------------------------------------------------


@pytest.fixture(params=[pytest.param("fake", id="fake"), pytest.param("real", id="real", marks=pytest.mark.engine)])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        made = Subject(engine=FakeEngine(), lab=LAB)
    else:
        engine = request.getfixturevalue("engine")
        made = Subject(engine=engine, lab=ensure_lab_image(engine))
    yield made
    made.clean()


# --- drills: a home of one's own, and a folder for the stack -------------------------------------------------------------------


@pytest.fixture(scope="session")
def test_cache() -> Path:
    named = os.environ.get("DOCKSTORE_TEST_CACHE")
    return Path(named) if named else homes.cache_of(homes.home_of(os.environ, Path.cwd()))


@pytest.fixture
def home(tmp_path: Path, engine: DockerEngine, test_cache: Path) -> Path:
    """A home with Compose in its cache, and the lab image on the engine."""
    ensure_lab_image(engine)
    found = tmp_path / "home"
    (found / "cache").mkdir(parents=True)
    try:
        command = compose_cli.find(os.environ, test_cache).command
    except compose_cli.NoCompose:
        command = (str(compose_cli.fetch(test_cache, say=print)),)
    if len(command) == 1:
        (found / "cache" / "docker-compose").symlink_to(Path(command[0]).absolute())
    return found


@pytest.fixture
def env(home: Path, engine_address: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COMPOSE_", "DOCKSTORE_"))}
    return kept | {"DOCKER_HOST": engine_address, "DOCKSTORE_HOME": str(home)}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder
