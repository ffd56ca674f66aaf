"""The command line and the pytest plugin on a real engine: a whole process each, as a person or a CI job starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest
import xmlschema

from dockstore.reports.report_schema import report_schema

if TYPE_CHECKING:
    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

XSD = Path(__file__).parent.parent / "xsd" / "junit-10.xsd"
LAYER = """\
version: 1
scenario: the layer goes with its container
lesson: [L10]
tags: [layer]
containers:
  db: {}
steps:
  - run: db
  - write: row
    to: db:/row
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: lost
mutants:
  stop and start it instead:
    instead_of: [remove db, run db]
    do: [{stop: db, timeout: 0s}, {start: db}]
"""
WAITING = """\
version: 1
scenario: a long command comes to its end
containers:
  db: {}
steps:
  - run: db
  - write: row
    to: db:/row
  - exec: sleep 300
    in: db
    as: nap
  - observe: row
expect:
  row: persisted
"""
LESSON = """\
version: 1
lesson: A small lesson
sections:
  One:
    L10: {claim: The layer goes with its container.}
    L99: {claim: Nobody tries this.}
"""
PATIENCE_SECONDS = 120.0


class Place:
    """A folder with scenario files, a home of its own, and the real engine's address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKSTORE_", "GITHUB_", "GITLAB_", "COV"))}
        self.environ = kept | {"DOCKER_HOST": address, "DOCKSTORE_HOME": str(folder / "home")}
        self.file("layer.scenario.yaml", LAYER)

    def file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def dockstore(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("dockstore", *words)

    @property
    def histories(self) -> list[Path]:
        return sorted((self.folder / "home" / "histories").glob("*.jsonl"))


@pytest.fixture(name="place")
def _place(tmp_path: Path, engine_address: str) -> Place:
    return Place(tmp_path, engine_address)


def document(text: str) -> dict[str, Any]:
    found = cast("dict[str, Any]", json.loads(text))
    jsonschema.Draft202012Validator(report_schema()).validate(found)
    return found


def until(there: Any, what: str) -> None:
    """Poll until *there()* is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not there():
        if time.monotonic() > end:
            pytest.fail(f"waited {PATIENCE_SECONDS:g} s for {what}")
        threading.Event().wait(0.02)


def test_a_run_reports_in_every_format_from_one_playing(place: Place) -> None:
    formats = ("json", "jsonl", "markdown", "junit", "html", "tap")
    words = [word for form in formats for word in ("--report", f"{form}=out/report.{form}")]

    done = place.dockstore("run", "layer.scenario.yaml", "--mutants", *words)

    assert done.returncode == 0, done.stderr
    assert "row      lost        lost" in done.stdout
    report = document((place.folder / "out/report.json").read_text())
    (scenario,) = report["scenarios"]
    assert (scenario["outcome"], scenario["rulings"][0]["event"]) == ("holds", "remove+run")
    assert scenario["rulings"][0]["store"]["kind"] == "writable-layer"
    assert {mutant["title"]: mutant["outcome"] for mutant in scenario["mutants"] if not mutant["automatic"]} == {
        "stop and start it instead": "refuted"
    }
    xmlschema.XMLSchema(XSD).validate((place.folder / "out/report.junit").read_text())
    page = (place.folder / "out/report.html").read_text()
    assert "<svg" in page
    assert "writable layer" in page
    assert (place.folder / "out/report.tap").read_text().splitlines()[2] == "1..2"


def test_a_refuted_scenario_is_exit_code_1_with_its_evidence(place: Place) -> None:
    place.file("layer.scenario.yaml", LAYER.replace("row: lost", "row: persisted"))

    done = place.dockstore("run", "layer.scenario.yaml")

    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  the layer goes with its container")
    assert "1 refuted" in done.stdout


def test_a_history_is_judged_again_without_an_engine(place: Place) -> None:
    played = document(place.dockstore("run", "layer.scenario.yaml", "--format", "json").stdout)
    place.environ["DOCKER_HOST"] = "unix:///no/such/socket"

    again = document(place.dockstore("judge", *(str(path) for path in place.histories), "--format", "json").stdout)

    assert again["command"] == "judge"
    assert again["scenarios"][0]["rulings"] == played["scenarios"][0]["rulings"]


def test_a_lesson_gives_each_claim_its_verdict(place: Place) -> None:
    place.file("small.lesson.yaml", LESSON)

    done = place.dockstore("lesson", "small.lesson.yaml", "--scenarios", ".", "--format", "json")

    assert done.returncode == 3  # nobody tries L99
    assert {claim["id"]: claim["verdict"] for claim in document(done.stdout)["lesson"]} == {"L10": "holds", "L99": "untested"}


def test_an_engine_that_is_not_there_is_exit_code_3_with_a_way_out(place: Place) -> None:
    place.environ["DOCKER_HOST"] = "unix:///no/such/socket"

    done = place.dockstore("run", "layer.scenario.yaml")

    assert done.returncode == 3
    assert done.stdout == ""
    assert "no engine at unix:///no/such/socket" in done.stderr
    assert "  hint: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_is_tidied_up_and_its_history_kept(number: signal.Signals, code: int, place: Place, engine: DockerEngine) -> None:
    place.file("nap.scenario.yaml", WAITING)

    with place.start("dockstore", "run", "nap.scenario.yaml", "--format", "json") as process:
        until(lambda: any('"row"' in path.read_text().partition("\n")[2] for path in place.histories), "the first write")
        process.send_signal(number)
        out, _err = process.communicate(timeout=PATIENCE_SECONDS)

    report = document(out)
    assert process.returncode == code
    assert report["interrupted"]
    assert report["scenarios"][0]["outcome"] == "undecided"
    assert engine.list_containers(filters={"label": [f"io.dockstore.run={report['run']}"]}) == []
    assert len(place.histories) == 1


def test_the_plugin_plays_on_two_workers(place: Place) -> None:
    place.file("again.scenario.yaml", LAYER.replace("the layer", "another layer"))
    place.file("wrong.scenario.yaml", LAYER.replace("row: lost", "row: persisted").replace("the layer", "no layer"))

    done = place.run("pytest", "--dockstore", "-n", "2", "--require-engine", "-p", "no:cacheprovider", "-W", "error", "-q")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed" in done.stdout
    assert "FAIL  no layer goes with its container" in done.stdout


def test_the_doctor_sees_the_engine(place: Place) -> None:
    done = place.dockstore("doctor", "--format", "json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["healthy"]
    assert found["engine"]["product"]


def test_there_is_nothing_to_clean_after_a_run(place: Place) -> None:
    run = document(place.dockstore("run", "layer.scenario.yaml", "--format", "json").stdout)["run"]

    done = place.dockstore("clean", "--run", run)

    assert (done.returncode, done.stdout) == (0, "nothing to clean\n")
