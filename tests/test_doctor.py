"""The doctor without an engine: what is said, in which state, and that nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from building import engine_info

from dockstore.core.capabilities import CAPABILITIES
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import Conflict, Unreachable
from dockstore.engines.no_host import NoHost
from dockstore.runner.doctor import Check, State, examine
from dockstore.runner.options import Options

if TYPE_CHECKING:
    from pathlib import Path

LAB = {"io.dockstore.lab": "1", "io.dockstore.lab.flock": "1"}
ADDRESS = "unix:///stub.sock"


class Patient:
    """An engine that can be looked at; what is made on it is counted."""

    def __init__(self, *, lab: bool = True, answers: bool = True, info: Any = None) -> None:
        self.info = info or engine_info(address=ADDRESS)
        self.lab = lab
        self.answers = answers
        self.containers: set[str] = set()
        self.taken_away: list[str] = []

    def list_containers(self, **_: Any) -> list[dict[str, object]]:
        return []

    def inspect_image(self, _image: str) -> dict[str, object]:
        return {"Config": {"Labels": LAB if self.lab else {}}}

    def create_container(self, name: str, body: dict[str, Any]) -> str:
        assert body["Labels"]["io.dockstore.pid"]
        self.containers.add(name)
        return name

    def start_container(self, container: str) -> None:
        if not self.answers:
            raise Conflict(f"start container {container}", 409, "no cgroup here")

    def exec(self, _container: str, command: list[str], **_: Any) -> ExecResult:
        return ExecResult(exit_code=0, stdout=command[-1].removeprefix("echo ").encode() + b"\n", stderr=b"")

    def remove_container(self, container: str, *, force: bool, volumes: bool) -> None:
        assert force
        assert volumes
        self.containers.remove(container)

    def remove_image(self, image: str) -> None:
        self.taken_away.append(image)
        self.lab = False


class Visit:
    """Opens the patient; a visit that may make things brings the lab image."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.open = 0

    def __call__(self, wanted: Any, **_: Any) -> Any:
        if not wanted.read_only:
            self.patient.lab = True
        visit = self
        visit.open += 1

        class Opened:
            engine = visit.patient
            host = NoHost("a stub")

            def close(self) -> None:
                visit.open -= 1

        return Opened()


def look(place: Path, patient: Patient) -> tuple[dict[str, Check], Any, Visit]:
    visit = Visit(patient)
    env = {"DOCKER_HOST": ADDRESS, "HOME": str(place), "PATH": "/nowhere"}
    checkup = examine(Options(), env=env, cwd=place, say=lambda _: None, opener=visit)
    return {check.name: check for check in checkup.checks}, checkup, visit


def test_an_engine_that_can_play_is_healthy_and_nothing_stays(tmp_path: Path) -> None:
    patient = Patient()

    checks, checkup, visit = look(tmp_path, patient)

    assert checkup.healthy
    assert checks["engine"].fact == f"Docker Engine 20.10.24 at {ADDRESS} (DOCKER_HOST)"
    assert checks["container's view"].state is State.YES
    assert checks["host's view"].state is State.YES
    assert set(checkup.capabilities) == set(CAPABILITIES)
    assert patient.containers == set()
    assert patient.taken_away == []
    assert visit.open == 0
    assert list(tmp_path.iterdir()) == []


def test_a_lab_image_that_was_not_there_is_taken_away_again(tmp_path: Path) -> None:
    patient = Patient(lab=False)

    checks, _, _ = look(tmp_path, patient)

    assert checks["lab image"].fact == "it can be made here (localhost/dockstore-lab:1)"
    assert patient.taken_away == ["localhost/dockstore-lab:1"]


def test_an_engine_that_starts_no_container_is_not_healthy(tmp_path: Path) -> None:
    patient = Patient(answers=False)

    checks, checkup, _ = look(tmp_path, patient)

    assert not checkup.healthy
    assert checks["container's view"].state is State.NO
    assert "no cgroup here" in checks["container's view"].fact
    assert patient.containers == set()


def test_files_that_cannot_be_seen_are_said_with_reason_and_way_out(tmp_path: Path) -> None:
    info = engine_info(address=ADDRESS, host_files=False, host_files_reason="it is on another machine")

    checks, checkup, _ = look(tmp_path, Patient(info=info))

    assert checkup.healthy
    assert (checks["host's view"].state, checks["host's view"].fact) == (State.NO, "it is on another machine")
    assert checks["host's view"].way_out is not None


@pytest.mark.parametrize(
    ("facts", "state"),
    [({}, State.NO), ({"disposable": True}, State.YES), ({"restartable": True}, State.YES)],
    ids=["a user's engine", "marked", "started by us"],
)
def test_whether_an_engine_may_be_struck_is_said(tmp_path: Path, facts: dict[str, Any], state: State) -> None:
    checks, _, _ = look(tmp_path, Patient(info=engine_info(address=ADDRESS, **facts)))

    assert checks["disposable"].state is state


def test_an_engine_on_vfs_is_warned_of(tmp_path: Path) -> None:
    checks, _, _ = look(tmp_path, Patient(info=engine_info(address=ADDRESS, storage_driver="vfs")))

    assert checks["versions"].state is State.NO
    assert checks["versions"].way_out is not None


def test_an_engine_that_does_not_answer_is_a_check_and_no_failure(tmp_path: Path) -> None:
    def nobody(*_: Any, **__: Any) -> Any:
        raise Unreachable("nobody answers", "start it")

    checkup = examine(Options(), env={"DOCKER_HOST": ADDRESS, "HOME": str(tmp_path)}, cwd=tmp_path, say=lambda _: None, opener=nobody)

    assert not checkup.healthy
    assert [(check.fact, check.way_out) for check in checkup.checks if check.name == "engine"] == [("nobody answers", "start it")]


def test_leftovers_are_said_with_the_way_out(tmp_path: Path) -> None:
    from test_clean import DEAD, book

    book(tmp_path / ".dockstore", DEAD)

    checks, _, _ = look(tmp_path, Patient())

    assert (checks["leftovers"].fact, checks["leftovers"].way_out) == ("1 run left things behind", "dockstore clean")
