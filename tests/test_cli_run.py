"""`run`, `lesson`, `judge` and their options, with a stub in place of the api's engines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import pytest
import reporting

from dockstore import api
from dockstore.cli import echo, options
from dockstore.cli.main import group, main
from dockstore.core.model import Outcome
from dockstore.runner.again import Again

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.halt import Halt

GOOD = """\
version: 1
scenario: the layer goes with its container
tags: [layer]
vars: {file: row}
containers:
  db: {}
steps:
  - run: db
  - write: row
    to: "db:/${file}"
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: lost
"""
WRONG = GOOD.replace("steps:", "stpes:")


class Stage:
    """The api's playing functions as a test wants them: what they were asked, what they answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.report = reporting.report(reporting.verdict())
        self.options: api.Options = api.Options()
        self.titles: list[str] = []
        self.file: object = None
        self.signal: int | None = None
        monkeypatch.setattr(api, "run", self.run)
        monkeypatch.setattr(api, "lesson", self.lesson)

    def run(self, scenarios: api.Loaded, options: api.Options, *, env: object, watch: Watch, halt: Halt, **_more: object) -> Report:
        self.titles = [scenario.title for scenario in scenarios.scenarios]
        if not self.titles:
            raise api.NothingMatched("no scenario matched", "see --filter")
        return self._play(options, watch, halt)

    def lesson(self, file: object, options: api.Options, *, env: object, watch: Watch, halt: Halt, **_more: object) -> Report:
        self.file = file
        return self._play(options, watch, halt)

    def _play(self, options: api.Options, watch: Watch, halt: Halt) -> Report:
        self.options = options
        for key, info in self.report.engines.items():
            watch.engine(info, key)
        for number, verdict in enumerate(self.report.verdicts, 1):
            watch.started(verdict.scenario, number, len(self.report.verdicts))
            watch.step(verdict.scenario, "run db")
            watch.ended(verdict)
        if self.signal is not None:
            os.kill(os.getpid(), self.signal)
            halt.wait(5)
            return replace(self.report, interrupted=halt.interrupted)
        return self.report


@pytest.fixture(name="stage")
def _stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    for name in list(os.environ):
        if name.startswith(("DOCKSTORE_", "GITHUB_", "GITLAB_")) or name in {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.scenario.yaml").write_text(GOOD)
    return Stage(monkeypatch)


Capture = pytest.CaptureFixture[str]


def test_the_report_goes_to_stdout_and_everything_else_to_stderr(stage: Stage, capsys: Capture) -> None:
    assert main(["run"]) == 0

    out, err = capsys.readouterr()
    assert out.startswith("OK  an anonymous volume does not follow its container")
    assert err == (
        "engine e1: Docker Engine 20.10.24, overlay2, Linux 6.1.0, disposable at unix:///run/docker.sock\n"
        "OK         an anonymous volume does not follow its container (1.3 s)\n"
    )


def test_quiet_says_nothing_but_the_report(stage: Stage, capsys: Capture) -> None:
    assert main(["run", "-q", "--format", "json"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out)["schema"] == "dockstore.run/1"
    assert err == ""


def test_verbose_says_each_step_and_shows_what_holds(stage: Stage, capsys: Capture) -> None:
    stage.report = reporting.report(reporting.verdict(), reporting.verdict(what=reporting.scenario("another")))

    assert main(["run", "-v"]) == 0

    out, err = capsys.readouterr()
    assert "[1/2] an anonymous volume does not follow its container\n  run db\n" in err
    assert out.count("OK  ") == 2


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((reporting.verdict(),), 0),
        ((reporting.verdict(Outcome.REFUTED), reporting.undecided()), 1),
        ((reporting.verdict(mutants=(reporting.survivor(),)),), 1),
        ((reporting.undecided(), reporting.verdict()), 3),
        ((reporting.skipped(),), 4),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(verdicts: tuple[Any, ...], code: int, stage: Stage) -> None:
    stage.report = reporting.report(*verdicts)

    assert main(["run", "-q"]) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_still_reports(number: int, code: int, stage: Stage, capsys: Capture) -> None:
    stage.signal = number

    assert main(["run", "-q"]) == code

    assert "interrupted: 1 holds" in capsys.readouterr().out


def test_every_flag_reaches_the_api(stage: Stage) -> None:
    words = (
        "--engine private --engine tcp://h:1 --disposable -j 3 --timeout 1m30s --fail-fast --mutants --isolate --keep --image i --allow-host-path /a"
    )

    assert main(["run", "-q", *words.split(), "--allow-host-path", "/b c"]) == 0

    assert stage.options == api.Options(
        engines=("private", "tcp://h:1"),
        jobs=3,
        mutants=True,
        fail_fast=True,
        timeout_seconds=90.0,
        keep=True,
        image="i",
        isolate=True,
        disposable=True,
        allow_host_paths=("/a", "/b c"),
    )


def test_every_flag_has_an_environment_variable(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DOCKSTORE_ENGINE": "private tcp://h:1",
        "DOCKSTORE_JOBS": "3",
        "DOCKSTORE_TIMEOUT": "90",
        "DOCKSTORE_MUTANTS": "1",
        "DOCKSTORE_DISPOSABLE": "true",
        "DOCKSTORE_RUN_KEEP": "yes",
        "DOCKSTORE_LESSON_FAIL_FAST": "1",
        "DOCKSTORE_QUIET": "1",
    }.items():
        monkeypatch.setenv(name, value)

    assert main(["run"]) == 0

    assert stage.options == api.Options(engines=("private", "tcp://h:1"), jobs=3, mutants=True, timeout_seconds=90.0, keep=True, disposable=True)


def test_the_commands_own_variable_wins_and_the_flag_beats_both(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKSTORE_JOBS", "2")
    monkeypatch.setenv("DOCKSTORE_RUN_JOBS", "4")

    main(["run", "-q"])
    by_variable = stage.options.jobs
    main(["run", "-q", "--jobs", "6"])

    assert (by_variable, stage.options.jobs) == (4, 6)


def flags() -> Iterator[tuple[str, str]]:
    for name in ("run", "lesson", "judge", "report", "validate", "schema", "doctor", "clean", "completion"):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield from ((name, param.opts[0]) for param in command.params if isinstance(param, click.Option) and param.name not in {"version", "help"})


@pytest.mark.parametrize(("name", "flag"), list(flags()))
def test_no_flag_was_forgotten(name: str, flag: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None

    (param,) = [param for param in command.params if flag in param.opts]

    assert isinstance(param, options.Option)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timeout", "soon"], "'soon' is not a duration, write 30s, 2m or 1h30m"),
        (["--timeout", "0"], "a time limit of nothing lets nothing run"),
        (["--report", "junit"], "'junit' is not FORMAT=FILE, such as junit=report.xml"),
        (["--report", "sarif=x"], "no such format: 'sarif'"),
        (["--var", "x"], "'x' is not NAME=TEXT"),
        (["--jobs", "0"], "0 is not in the range x>=1"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_played(words: list[str], said: str, stage: Stage, capsys: Capture) -> None:
    assert main(["run", *words]) == 2

    assert said in capsys.readouterr().err
    assert stage.titles == []


def test_a_wrong_file_is_said_in_full_and_nothing_is_played(stage: Stage, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "b.scenario.yaml").write_text(WRONG)

    assert main(["run"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "b.scenario.yaml:7:1: " in err
    assert "hint: did you mean 'steps'?" in err
    assert "in 1 file" in err
    assert stage.titles == []


def test_nothing_that_matches_is_exit_code_4(stage: Stage, capsys: Capture) -> None:
    assert main(["run", "--filter", "no such thing"]) == 4

    assert "no scenario matched" in capsys.readouterr().err


@pytest.mark.parametrize(("tags", "found"), [("layer", True), ("!layer", False), ("volume", False), ("volume,layer", True)])
def test_tags_choose(tags: str, found: bool, stage: Stage) -> None:
    main(["run", "-q", "--tags", tags])

    assert bool(stage.titles) is found


def test_the_plan_is_printed_and_nothing_is_played(stage: Stage, capsys: Capture) -> None:
    assert main(["run", "--dry-run", "--var", "file=other"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("# a.scenario.yaml\n# the layer goes with its container\n")
    assert out.count("# the layer goes with its container\n") == 1
    assert "docker run" in out
    assert "/other" in out
    assert stage.titles == []


def test_only_what_failed_last_time(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "b.scenario.yaml").write_text(GOOD.replace("the layer", "another layer"))
    home = tmp_path / ".dockstore"
    home.mkdir()
    (home / "last.json").write_text(json.dumps({"schema": "dockstore.last/1", "failed": [str(tmp_path / "b.scenario.yaml")]}))

    main(["run", "-q", "--failed"])

    assert stage.titles == ["another layer goes with its container"]


def test_where_nothing_failed_last_time_that_is_said(stage: Stage, capsys: Capture) -> None:
    assert main(["run", "--failed"]) == 4

    out, err = capsys.readouterr()
    assert out == ""
    assert err == "dockstore: nothing failed last time\n  hint: leave --failed out to play everything\n"
    assert stage.titles == []


def test_reports_go_to_files_as_well(stage: Stage, tmp_path: Path, capsys: Capture) -> None:
    words = ["--report", "json=out/a.json", "--report", "junit=b.xml", "--html", "c.html", "--report", "table=d.txt", "--report", "tap=e.tap"]

    assert main(["run", *words]) == 0

    assert json.loads((tmp_path / "out/a.json").read_text())["summary"]["holds"] == 1
    assert (tmp_path / "b.xml").read_text().startswith("<?xml")
    assert (tmp_path / "c.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "d.txt").read_text().startswith("OK  ")
    assert (tmp_path / "e.tap").read_text().startswith("TAP version 14")
    assert capsys.readouterr().err.count("report: ") == 5


@pytest.mark.parametrize("file", ["there", "a.scenario.yaml/x", "/proc/no/such/file"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_played(file: str, stage: Stage, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "there").mkdir()

    assert main(["run", "--report", f"json={file}"]) == 2

    assert f"the report file {file} cannot be written" in capsys.readouterr().err
    assert stage.titles == []


def test_two_reports_to_one_file_are_refused(stage: Stage, capsys: Capture) -> None:
    assert main(["run", "--report", "json=x", "--report", "tap=./x"]) == 2

    assert "two reports would go to" in capsys.readouterr().err


def test_asking_whether_a_file_can_be_written_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    stage.signal = None

    main(["run", "--filter", "no such thing", "--report", "json=new.json", "--report", "tap=old.json"])

    assert not (tmp_path / "new.json").exists()
    assert (tmp_path / "old.json").read_text() == "old"


def test_a_report_may_go_to_a_device(stage: Stage) -> None:
    assert main(["run", "-q", "--report", "json=/dev/null", "--report", "tap=/dev/null"]) == 0


def test_a_lesson_is_played_and_its_claims_reported(stage: Stage, capsys: Capture) -> None:
    stage.report = reporting.whole_lesson()

    assert main(["lesson", "-q", "my.lesson.yaml"]) == 3

    assert stage.file == "my.lesson.yaml"
    assert "4 claims: 1 undecided" in capsys.readouterr().out


def test_under_github_actions_there_are_annotations_a_group_and_a_summary(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("# before\n")
    stage.report = reporting.report(reporting.verdict(Outcome.REFUTED))

    assert main(["run"]) == 1

    out, err = capsys.readouterr()
    assert "::" not in out
    assert err.splitlines()[0] == "::group::dockstore: the scenarios as they are played"
    assert err.splitlines()[3] == "::endgroup::"
    assert "::error file=scenarios/volume/anonymous.scenario.yaml,line=15," in err
    assert (tmp_path / "summary.md").read_text().startswith("# before\n## dockstore\n\n**1 refuted in 4.2 s**")


def test_a_summary_that_cannot_be_written_is_said_and_no_more(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/no/such/folder/summary.md")

    assert main(["run"]) == 0

    assert "the step summary cannot be written: No such file or directory" in capsys.readouterr().err


def test_under_gitlab_the_progress_folds(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")

    assert main(["run"]) == 0

    err = capsys.readouterr().err
    lines = err.split("\n")
    assert "section_start:" in lines[0]
    assert "section_end:" in lines[-2]


@pytest.mark.parametrize(
    ("environ", "words", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "0"}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
        ({"FORCE_COLOR": "1", "DOCKSTORE_NO_COLOR": "1"}, [], False),
    ],
)
def test_colour_is_for_those_who_want_it(
    environ: dict[str, str], words: list[str], colored: bool, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    main(["run", "-q", *words])

    assert ("\x1b[" in capsys.readouterr().out) is colored


def test_the_width_is_the_terminals_or_the_environments(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "64")

    main(["run", "-q"])

    assert max(len(line) for line in capsys.readouterr().out.splitlines() if not line.startswith("history")) <= 64


def test_a_width_that_is_no_number_is_passed_over() -> None:
    assert echo.width({"COLUMNS": "wide"}) == echo.width({})


@pytest.mark.parametrize(("text", "expected"), [("30", 30.0), ("30s", 30.0), ("2m", 120.0), ("1h30m", 5400.0), ("1.5", 1.5), ("0.5s", 0.5)])
def test_durations_are_read(text: str, expected: float) -> None:
    assert options.Duration().convert(text, None, None) == expected


@pytest.mark.parametrize(("words", "expected"), [(("a,b", "!c"), ("a", "b", "-c")), ((" a , ",), ("a",)), ((), ())])
def test_tags_are_read(words: Sequence[str], expected: tuple[str, ...]) -> None:
    assert options.tags(words) == expected


def test_a_wrong_history_is_exit_code_2(stage: Stage, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "x.jsonl").write_text("no history\n")

    assert main(["judge", "x.jsonl"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "x.jsonl:1:1: " in err


def test_judge_rules_again_and_report_renders_again(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    asked: list[Sequence[str]] = []

    def judge_all(paths: Sequence[str]) -> Again:
        asked.append(paths)
        return Again(report=replace(reporting.report(reporting.verdict(Outcome.REFUTED)), command="judge"), drills=(), problems=())

    monkeypatch.setattr(api, "judge_all", judge_all)

    codes = [main(["judge", "a.jsonl", "b"]), main(["report", "a.jsonl", "--format", "markdown"])]

    assert codes == [1, 1]
    assert asked == [("a.jsonl", "b"), ("a.jsonl",)]
    assert "## dockstore" in capsys.readouterr().out


def test_a_reader_that_goes_away_changes_no_exit_code(tmp_path: Path) -> None:
    program = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import reporting
        from dockstore import api
        from dockstore.core.model import Outcome
        from dockstore.cli.main import main
        many = [reporting.verdict(Outcome.REFUTED, what=reporting.scenario(f"scenario {n}")) for n in range(2000)]
        from dockstore.runner.again import Again
        api.judge_all = lambda paths: Again(report=reporting.report(*many), drills=(), problems=())
        sys.exit(main(["judge", "x"]))
    """
    (tmp_path / "many.py").write_text(textwrap.dedent(program))
    command = f"{sys.executable} many.py {os.path.dirname(__file__)} | head -1; echo ${{PIPESTATUS[0]}}"  # noqa: PTH120

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=True)

    assert done.stdout.splitlines() == ["FAIL  scenario 0     scenarios/volume/anonymous.scenario.yaml:15", "1"]
    assert done.stderr == ""
