"""A run that is killed at any moment leaves nothing that `dockstore clean` does not remove, and nobody else's things are touched.

DOCKSTORE_KILLS says how often (50); DOCKSTORE_KILL_SEED makes the moments the same again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from homes_and_engines import Standing, environment, lab_container, on_the_host, remove_private_engines, runs_of, standing

from dockstore import api
from dockstore.core.history_codec import HistoryError
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.opening import Wanted, open_engine
from dockstore.engines.providers import private
from dockstore.runner.histories import history_files, read_history
from dockstore.runner.ledger import books

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.engine import Engine

pytestmark = pytest.mark.engine

KILLS = int(os.environ.get("DOCKSTORE_KILLS", "50"))
AT_ONCE = 2
LONGEST_SECONDS = 3.0
FILES = [
    "volume/anonymous-does-not-follow",
    "volume/rm-deletes-anonymous",
    "volume/misspelt-name",
    "volume/image-volume-is-anonymous",
    "bind/share-not-mounted",
    "bind/two-containers-one-folder",
    "image/export-import-flattens",
    "image/commit-copies-layer-not-mounts",
    "image/three-layers-one-tree",
    "tmpfs/tmpfs-volume-shared",
]


@dataclass(frozen=True)
class Field:
    """An engine that nobody else uses, with a user's things on it."""

    engine: Engine
    address: str
    user: str  # a container's id
    folder: Path


@pytest.fixture(scope="module", name="field")
def _field(engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A private engine where one can be had: there every single thing can be accounted for."""
    folder = tmp_path_factory.mktemp("kills")
    environ = environment(engine_address, folder)
    wanted = Wanted(address="private" if private.impossible() is None else engine_address, environ=environ, home=folder / "engines")
    opened = open_engine(wanted, say=lambda _: None)
    engine = opened.engine
    try:
        image = ensure_lab_image(engine, cache=opened.cache)
        name = f"users-own-{os.getpid()}"
        user = lab_container(engine, name, f"{name}-rows", image)
        yield Field(engine, engine.info.address, user, folder)
        engine.remove_container(user, force=True, volumes=True)
        engine.remove_volume(f"{name}-rows")
    finally:
        opened.close()
        remove_private_engines(folder / "engines", environ)


def begin(field: Field, home: Path, files: list[str]) -> subprocess.Popen[bytes]:
    """Start a run of its own."""
    environ = environment(field.address, field.folder) | {"DOCKSTORE_HOME": str(home)}
    command = [sys.executable, "-m", "dockstore", "run", *files, "--mutants", "--jobs", "3", "--quiet"]
    return subprocess.Popen(command, env=environ, cwd=field.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill(runs: list[subprocess.Popen[bytes]], after: list[float]) -> None:
    """SIGKILL each run when its time has come."""
    waited = 0.0
    for moment, run in sorted(zip(after, runs, strict=True), key=lambda pair: pair[0]):
        threading.Event().wait(moment - waited)
        waited = moment
        run.send_signal(signal.SIGKILL)
    for run in runs:
        run.communicate()


def clean_up(field: Field, home: Path) -> tuple[str, ...]:
    cleaned = api.clean(api.Options(home=str(home)), env=environment(field.address, field.folder), cwd=field.folder)
    return tuple(f"{stays.item}: {stays.reason}" for stays in cleaned.left)


def trouble(path: Path) -> HistoryError | None:
    """What is wrong with a history, if anything is."""
    try:
        read_history(path)
    except HistoryError as error:
        return error
    return None


def paths() -> list[str]:
    return [str(api.bundled_scenarios() / f"{name}.scenario.yaml") for name in FILES]


@pytest.mark.parametrize("turn", range(max(1, KILLS // AT_ONCE)))
def test_a_killed_run_leaves_nothing_after_clean(field: Field, turn: int) -> None:
    seed = os.environ.get("DOCKSTORE_KILL_SEED", "0")
    chance = random.Random(f"{seed}/{turn}")
    home = field.folder / f"home-{turn % 3}"
    files = paths()
    chance.shuffle(files)
    before = standing(field.engine)
    moments = [chance.uniform(0.3, LONGEST_SECONDS) for _ in range(AT_ONCE)]

    kill([begin(field, home, files) for _ in moments], moments)
    runs = runs_of(home)
    left = clean_up(field, home)

    assert left == ()
    assert standing(field.engine) == before, f"killed after {moments} s"
    assert on_the_host(runs) == []
    assert books(home) == ()
    assert clean_up(field, home) == ()


def test_a_killed_runs_history_can_be_read_and_judged(field: Field) -> None:
    home = field.folder / "home-judged"
    run = begin(field, home, paths())
    ended = threading.Event()
    while not any(line.count("\n") > 3 for line in map(Path.read_text, history_files(home))) and run.poll() is None:
        ended.wait(0.02)

    run.send_signal(signal.SIGKILL)
    run.communicate()
    clean_up(field, home)

    torn = {path: error.line for path in history_files(home) if (error := trouble(path)) is not None}
    read = len(list(history_files(home))) - len(torn)
    assert set(torn.values()) <= {1}  # not even the first line was whole
    assert read > 0
    for path in torn:
        path.unlink()
    assert len(api.judge(home).verdicts) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_a_run_that_is_asked_to_stop_tidies_up_itself(field: Field, number: signal.Signals) -> None:
    home = field.folder / f"home-asked-{number}"
    before: Standing = standing(field.engine)
    run = begin(field, home, paths())
    ended = threading.Event()
    while not list(history_files(home)) and run.poll() is None:
        ended.wait(0.02)

    run.send_signal(number)
    run.communicate()

    assert run.returncode == 128 + number
    assert standing(field.engine) == before
    assert on_the_host(runs_of(home)) == []
    assert books(home) == ()


def test_asked_twice_a_run_leaves_at_once_and_clean_does_the_rest(field: Field) -> None:
    home = field.folder / "home-twice"
    before: Standing = standing(field.engine)
    run = begin(field, home, paths())
    ended = threading.Event()
    while not list(history_files(home)) and run.poll() is None:
        ended.wait(0.02)

    run.send_signal(signal.SIGINT)
    ended.wait(0.1)
    run.send_signal(signal.SIGINT)
    run.communicate()

    runs = runs_of(home)
    assert run.returncode == 130
    assert clean_up(field, home) == ()
    assert standing(field.engine) == before
    assert on_the_host(runs) == []
