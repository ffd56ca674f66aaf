"""What goes wrong while a run is at work: each time a sentence, the right exit code, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

PATIENCE_SECONDS = 240.0
GOOD = """\
version: 1
scenario: the layer goes with its container
containers:
  db: {}
steps:
  - run: db
  - {write: row, to: db:/row}
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: lost
"""
NEVER = """\
version: 1
scenario: a command never ends
containers:
  db: {}
steps:
  - run: db
  - {write: row, to: db:/row}
  - {exec: sleep 3000, in: db, as: nap}
  - observe: row
expect:
  row: persisted
"""


class Place:
    """A folder with a scenario file, and dockstore as a process in it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKSTORE_", "GITHUB_", "GITLAB_", "COV"))}
        self.environ = kept | {"DOCKER_HOST": address, "DOCKSTORE_HOME": str(self.home)}

    def start(self, text: str, *words: str) -> subprocess.Popen[str]:
        (self.folder / "a.scenario.yaml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "dockstore", "run", "a.scenario.yaml", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, text: str, *words: str) -> tuple[int, str, str]:
        with self.start(text, *words) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert "Traceback" not in out + err
        return process.returncode, out, err


@pytest.fixture(name="place")
def _place(tmp_path: Path, engine_address: str, engine: DockerEngine) -> Iterator[Place]:
    """A place of which nothing may be left on the engine."""
    place = Place(tmp_path, engine_address)
    yield place
    runs = {json.loads(path.read_text().partition("\n")[0])["run"] for path in place.home.glob("histories/*.jsonl")}
    left = [found for run in runs for found in engine.list_containers(filters={"label": [f"io.dockstore.run={run}"]})]
    assert left == []


def test_an_image_that_cannot_be_had_is_said_before_anything_is_played(place: Place) -> None:
    code, out, err = place.run(GOOD, "--image", "127.0.0.1:9/nowhere:1")

    assert (code, out) == (3, "")
    assert "dockstore: the image 127.0.0.1:9/nowhere:1 is not there, and cannot be pulled: " in err
    assert "  hint: " in err


def test_a_scenarios_image_that_cannot_be_had_is_undecided_with_both_reasons(place: Place) -> None:
    code, out, err = place.run(GOOD.replace("db: {}", "db: {image: '127.0.0.1:9/nowhere:1'}"))

    assert code == 3
    assert "was refused with 404" in out
    assert "the image 127.0.0.1:9/nowhere:1 is not there, and cannot be pulled: " in err


def test_a_command_that_never_ends_is_undecided_when_the_time_is_over(place: Place) -> None:
    code, out, _ = place.run(NEVER, "--timeout", "4s")

    assert code == 3
    assert "time limit of 4 s" in out


def test_a_container_that_dies_at_once_is_undecided(place: Place) -> None:
    code, out, _ = place.run(GOOD.replace("db: {}", "db: {command: ['false']}"))

    assert code == 3
    assert out.startswith("UNDECIDED  ")
    assert "the run ended at line " in out


def test_what_was_kept_says_the_way_in_and_the_way_out(place: Place) -> None:
    code, out, _ = place.run(GOOD, "--keep")

    assert code == 0
    (line,) = [line for line in out.replace("\n  ", " ").splitlines() if line.startswith("kept 1 object of run ")]
    assert "exec -it dockstore-" in line
    removal = line.rpartition("remove: ")[2].split()
    done = subprocess.run(
        [sys.executable, "-m", *removal], cwd=place.folder, env=place.environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "removed: container dockstore-" in done.stdout


def test_two_runs_at_the_same_time_do_not_meet(place: Place) -> None:
    with place.start(GOOD) as one, place.start(GOOD) as other:
        ends = [process.communicate(timeout=PATIENCE_SECONDS) for process in (one, other)]

    assert [one.returncode, other.returncode] == [0, 0], ends
    assert len(list(place.home.glob("histories/*.jsonl"))) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs")
def test_a_full_disk_is_a_sentence_with_a_way_out(place: Place) -> None:
    place.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place.home)], check=True)
    try:
        assert place.run(GOOD)[0] == 0
        (place.home / "fill").write_bytes(b"x" * (30 << 10))
        with contextlib.suppress(OSError), (place.home / "more").open("ab", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass

        code, _, err = place.run(GOOD)
    finally:
        subprocess.run(["umount", str(place.home)], check=True)

    assert code == 3
    assert "no space left on device" in err
    assert "hint: " in err


class Cut:
    """A socket in front of the engine's that can be cut like a cable: nobody keeps a line, nobody gets a new one."""

    def __init__(self, path: Path, to: str) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self._to = to
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._start(self._accept)

    def _start(self, work: object, *ends: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=ends))  # type: ignore[arg-type]  # one of the two below
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._to)
            self._ends += [near, far]
            self._start(self._pump, near, far)
            self._start(self._pump, far, near)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self._path.unlink(missing_ok=True)
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()


def test_an_engine_that_goes_in_the_middle_is_undecided_and_what_is_left_is_said(place: Place, engine: DockerEngine) -> None:
    real = place.environ["DOCKER_HOST"]
    if not real.startswith("unix://"):
        pytest.skip("the engine is not reached by a socket file")
    cable = Cut(place.folder / "s.sock", real.removeprefix("unix://"))
    place.environ["DOCKER_HOST"] = cable.address
    try:
        with place.start(NEVER) as process:
            _until_written(place)
            cable.cut()
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        cable.cut()

    try:
        assert process.returncode == 3
        assert out.startswith("UNDECIDED  ")
        assert "dockstore clean" in out + err
        assert "Traceback" not in out + err
    finally:
        place.environ["DOCKER_HOST"] = real
        done = subprocess.run(
            [sys.executable, "-m", "dockstore", "clean"],
            cwd=place.folder,
            env=place.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


def _until_written(place: Place) -> None:
    """Wait until the first write stands in the history."""
    for _ in range(int(PATIENCE_SECONDS * 20)):
        if any('"row"' in path.read_text().partition("\n")[2] for path in place.home.glob("histories/*.jsonl")):
            return
        threading.Event().wait(0.05)
    pytest.fail("the first write did not come")
