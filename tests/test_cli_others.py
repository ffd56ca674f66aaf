"""`validate`, `doctor`, `clean`, `engine`, and who looks on."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import reporting

from dockstore import api
from dockstore.cli import progress
from dockstore.cli.main import main
from dockstore.core.model import Outcome
from dockstore.engines.providers import service
from dockstore.runner.clean import Cleaned, Left
from dockstore.runner.doctor import Check, Checkup, State
from dockstore.runner.leavings import Item

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = """\
version: 1
scenario: the layer goes with its container
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
"""
LESSON = """\
version: 1
lesson: A small lesson
sections:
  One:
    L1: {claim: The layer goes with its container.}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("DOCKSTORE_", "GITHUB_", "GITLAB_")) or name in {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


# --- validate ---------------------------------------------------------------------------------------------------------


def test_files_in_order_are_counted_on_stderr(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.scenario.yaml").write_text(GOOD)

    assert main(["validate"]) == 0

    assert capsys.readouterr() == ("", "1 file in order\n")


def test_every_problem_is_printed_with_its_place(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.scenario.yaml").write_text(GOOD)
    (tmp_path / "b.scenario.yaml").write_text(GOOD.replace("row: lost", "row: gone"))
    (tmp_path / "c.scenario.yaml").write_text(GOOD.replace("steps", "stpes"))

    assert main(["validate", "."]) == 2

    out, err = capsys.readouterr()
    assert "b.scenario.yaml:13:8: " in out
    assert "c.scenario.yaml:5:1: " in out
    assert "  hint: did you mean 'steps'?" in out
    assert err.startswith("1 file in order, ")


def test_problems_can_be_had_as_json(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "c.scenario.yaml").write_text(GOOD.replace("steps", "stpes"))

    assert main(["validate", "c.scenario.yaml", "--format", "json", "-q"]) == 2

    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "dockstore.problems/1"
    assert document["files"] == 0
    assert ("c.scenario.yaml", 5, "error") in [(problem["file"], problem["line"], problem["level"]) for problem in document["problems"]]


def test_under_github_actions_problems_are_annotations(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "c.scenario.yaml").write_text(GOOD.replace("steps", "stpes"))

    main(["validate"])

    assert "::error file=c.scenario.yaml,line=5,title=dockstore validate::" in capsys.readouterr().err


def test_an_empty_folder_is_exit_code_4(capsys: Capture) -> None:
    assert main(["validate", "."]) == 4

    assert "0 files in order" in capsys.readouterr().err


def test_a_path_that_is_not_there_is_exit_code_2(capsys: Capture) -> None:
    assert main(["validate", "nowhere"]) == 2

    assert "nowhere: no such file or folder" in capsys.readouterr().out


def test_lesson_files_are_validated_too(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "good.lesson.yaml").write_text(LESSON)
    (tmp_path / "wrong.lesson.yaml").write_text(LESSON.replace("sections", "sectoins"))

    codes = [main(["validate", "good.lesson.yaml"]), main(["validate", "wrong.lesson.yaml"]), main(["validate", "no.lesson.yaml"])]

    assert codes == [0, 2, 2]
    out = capsys.readouterr().out
    assert "wrong.lesson.yaml:3:1: " in out
    assert "no.lesson.yaml: cannot be read: no such file or directory" in out


def test_the_bundled_lesson_can_be_planned_without_an_engine(capsys: Capture) -> None:
    assert main(["lesson", "--plan", "--filter", "anonymous-does-not-follow"]) == 0

    out = capsys.readouterr().out
    assert "\n# an anonymous volume does not follow its container\n" in out
    assert "docker run" in out


# --- doctor and clean ---------------------------------------------------------------------------------------------------


def checkup(*, healthy: bool = True) -> Checkup:
    return Checkup(
        checks=(
            Check(name="engine", state=State.YES if healthy else State.NO, fact="Docker Engine answers", vital=True),
            Check(name="host", state=State.NO, fact="the engine's files cannot be read", way_out="run dockstore as root on the engine's host"),
        ),
        engine=reporting.engine() if healthy else None,
        capabilities={"upperdir": False, "restart-engine": True},
    )


def test_the_doctor_says_what_is_and_the_way_out(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(api, "doctor", lambda *_given, **_more: checkup())

    assert main(["doctor"]) == 0

    assert capsys.readouterr().out == (
        "what    can    found\n"
        "------  -----  ---------------------------------------------------------------------------------\n"
        "engine  yes    Docker Engine answers\n"
        "host    no     the engine's files cannot be read (way out: run dockstore as root on the engine's\n"
        "               host)\n"
        "\n"
        "engine: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable at unix:///run/docker.sock\n"
        "\n"
        "it can: restart-engine\n"
        "\n"
        "it cannot: upperdir\n"
    )


def test_an_unhealthy_place_is_exit_code_3(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(api, "doctor", lambda *_given, **_more: checkup(healthy=False))

    assert main(["doctor", "--format", "json"]) == 3

    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["healthy"], document["engine"]) == ("dockstore.doctor/1", False, None)
    assert document["checks"][1]["way_out"] == "run dockstore as root on the engine's host"


def item(name: str = "dockstore-db") -> Item:
    return Item(kind="container", id="c" * 64, name=name, run="4f1c" * 8, engine="unix:///run/docker.sock")


def test_clean_says_what_it_removed(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    asked: dict[str, object] = {}

    def clean(_options: api.Options, **given: object) -> Cleaned:
        asked.update(given)
        return Cleaned(removed=(item(),), at_work=("a" * 32,), others=("b" * 32,), dry_run=True)

    monkeypatch.setattr(api, "clean", clean)

    assert main(["clean", "--dry-run", "--older-than", "2h", "--run", "4f1c"]) == 0

    assert capsys.readouterr().out == (
        "would be removed: container dockstore-db (run 4f1c4f1c4f1c, unix:///run/docker.sock)\n"
        "at work: run aaaaaaaaaaaa\n"
        f"another host's: run bbbbbbbbbbbb; --run {'b' * 32} takes it\n"
    )
    assert (asked["dry_run"], asked["older_than_seconds"], asked["run"]) == (True, 7200.0, "4f1c")


def test_what_could_not_be_removed_is_exit_code_3(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(api, "clean", lambda *_given, **_more: Cleaned(left=(Left(item=item(), reason="in use"),)))

    codes = [main(["clean"]), main(["clean", "--format", "json"])]

    assert codes == [3, 3]
    out = capsys.readouterr().out
    assert out.startswith("left: container dockstore-db (run 4f1c4f1c4f1c, unix:///run/docker.sock): in use\n")
    assert json.loads(out[out.index("{") :])["left"][0]["reason"] == "in use"


def test_nothing_to_clean_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(api, "clean", lambda *_given, **_more: Cleaned())

    assert main(["clean"]) == 0

    assert capsys.readouterr().out == "nothing to clean\n"


# --- engine -----------------------------------------------------------------------------------------------------------


def private(address: str = "unix:///x/docker.sock") -> SimpleNamespace:
    return SimpleNamespace(address=address, folder=Path("/x"))


def test_starting_an_engine_prints_what_a_shell_evaluates(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def start(_home: Path, _environ: object, *, say: Callable[[str], None]) -> SimpleNamespace:
        say("starting")
        return private()

    monkeypatch.setattr(service, "start", start)

    assert main(["engine", "start"]) == 0

    assert capsys.readouterr() == ("export DOCKER_HOST=unix:///x/docker.sock\n", "starting\n")


def test_an_engine_in_use_is_left_and_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(service, "stop", lambda *_given, **_more: ("/x: a run is using it",))

    assert main(["engine", "stop"]) == 3

    assert capsys.readouterr().err == "dockstore: left as it is: /x: a run is using it\n"


def test_the_status_lists_engines(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    state = SimpleNamespace(engine=private(), running=True, kept=True, bytes_used=123_000_000)
    monkeypatch.setattr(service, "status", lambda *_given: (state,))

    codes = [main(["engine", "status"]), main(["engine", "status", "--format", "json"])]

    out = capsys.readouterr().out
    assert codes == [0, 0]
    assert "running, to stay  123 MB   unix:///x/docker.sock  /x" in out
    assert json.loads(out[out.index("{") :])["engines"][0]["bytes"] == 123_000_000


def test_no_engine_at_all_is_exit_code_4(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(service, "status", lambda *_given: ())

    assert main(["engine", "status"]) == 4

    assert capsys.readouterr().err == "no private engine here\n"


def test_setting_up_says_which_engine_there_is(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    answers: list[SimpleNamespace | None] = [private(), None]
    monkeypatch.setattr(service, "setup", lambda *_given, **_more: answers.pop(0))

    codes = [main(["engine", "setup", "-q"]), main(["engine", "setup", "-q"])]

    assert codes == [0, 0]
    assert capsys.readouterr().out == "unix:///x/docker.sock\nprivate\n"


# --- who looks on -----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar_and_failures_stay_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    bad = reporting.verdict(Outcome.REFUTED, what=reporting.scenario("it [bold]is[/bold] refuted"))

    with progress.onlooker({"TERM": "xterm"}, quiet=False, verbose=False, no_color=True) as watch:
        assert isinstance(watch, progress.Bar)
        watch.note("an engine is brought up")
        watch.engine(reporting.engine(), "e1")
        for number, verdict in enumerate((reporting.verdict(), bad), 1):
            watch.started(verdict.scenario, number, 2)
            watch.step(verdict.scenario, "run db")
            watch.ended(verdict)

    text = terminal.getvalue()
    assert "an engine is brought up" in text
    assert "FAIL       it [bold]is[/bold] refuted (1.3 s)" in text
    assert "OK         " not in text


@pytest.mark.parametrize("environ", [{"CI": "1"}, {"TERM": "dumb"}])
def test_in_ci_and_on_a_dumb_terminal_there_are_lines(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert isinstance(progress.onlooker(environ, quiet=False, verbose=False, no_color=False), progress.Lines)


def test_a_skipped_scenario_leaves_a_line_with_its_need() -> None:
    assert progress.ended_line(reporting.skipped()) == "SKIP       a directory deleted and made again is empty (needs upperdir)"
