"""Starting: the help pages, the version, unknown words, what is imported, completion, and how failures are said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from dockstore import __version__, api
from dockstore.cli import main as entry
from dockstore.cli.main import COMMANDS, group, is_verbose, main
from dockstore.engines.errors import Unreachable

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """\
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

HEAVY = ("docker", "requests", "rich", "jinja2", "tabulate", "junitparser", "pydantic", "pytest")


def imported(*words: str, cwd: Path) -> tuple[int, list[str]]:
    """Run a command in a fresh interpreter; return its exit code and the modules that it had imported at its end."""
    code = "import sys, json; from dockstore.cli.main import main; code = main(sys.argv[1:]); print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd, check=True, env=environment())
    return tuple(json.loads(done.stderr.splitlines()[-1]))


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DOCKSTORE_", "GITHUB_", "GITLAB_", "COV"))} | more


def heavy(modules: list[str]) -> list[str]:
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("run", "--help"), ("lesson", "--help"), ("validate", "--help"), ("completion", "fish")]
)
def test_nothing_heavy_is_imported_to_print_help(words: tuple[str, ...], tmp_path: Path) -> None:
    code, modules = imported(*words, cwd=tmp_path)

    assert code == 0
    assert heavy(modules) == []


def test_the_help_of_all_imports_no_command_and_no_core(tmp_path: Path) -> None:
    _, modules = imported("--help", cwd=tmp_path)

    assert [name for name in modules if name.startswith("dockstore.")] == ["dockstore.cli", "dockstore.cli.echo", "dockstore.cli.main"]
    assert "yaml" not in modules


def test_validating_imports_no_engine_and_no_renderer(tmp_path: Path) -> None:
    (tmp_path / "a.scenario.yaml").write_text(SCENARIO)

    code, modules = imported("validate", ".", cwd=tmp_path)

    assert code == 0
    assert heavy(modules) == []
    others = [name for name in modules if name.startswith(("dockstore.engines.", "dockstore.reports."))]
    assert others in ([], ["dockstore.engines.errors"])  # the names of failures, and nothing else


def test_judging_without_an_engine_imports_no_sdk(tmp_path: Path) -> None:
    code, modules = imported("judge", "nothing.jsonl", cwd=tmp_path)

    assert code == 2
    assert "docker" not in modules


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"dockstore {__version__}\n"


def commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, other) for other in command.commands]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_fits_a_screen_and_ends_with_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0

    lines = capsys.readouterr().out.rstrip().splitlines()
    assert len(lines) <= 40
    assert max(len(line) for line in lines) <= 80
    assert lines[-2] == "  Example:"
    assert f"dockstore {words[0]}" in lines[-1]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_knows_the_general_flags(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    main([*words, "--help"])

    text = capsys.readouterr().out
    wanted = ["--help"] if words == ("engine",) else ["--quiet", "--verbose", "--no-color", "--version"]
    assert [flag for flag in wanted if flag not in text] == []


def test_a_misspelt_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leson"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Usage: dockstore [OPTIONS] COMMAND [ARGS]...\ndockstore: no such command: 'leson'\n  hint: did you mean 'lesson'?\n"


def test_a_misspelt_flag_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--mutant"]) == 2

    assert "--mutants" in capsys.readouterr().err


def test_no_words_at_all_is_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0

    assert "_DOCKSTORE_COMPLETE" in capsys.readouterr().out


def test_completion_completes_commands_and_flags(tmp_path: Path) -> None:
    code = "import sys; from dockstore.cli.main import console; console()"
    asked = environment(_DOCKSTORE_COMPLETE="bash_complete", COMP_WORDS="dockstore run --mut", COMP_CWORD="2")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=asked, check=False)

    assert "--mutants" in done.stdout


class Stub:
    """A command that ends as it is told to."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def main(self, **_settings: object) -> None:
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (Unreachable("no engine at unix:///x", "start it"), 3, "dockstore: no engine at unix:///x\n  hint: start it\n"),
        (api.NoEngine("no engine here", "dockstore doctor"), 3, "dockstore: no engine here\n  hint: dockstore doctor\n"),
        (api.NothingMatched("no scenario matched", "see --filter"), 4, "dockstore: no scenario matched\n  hint: see --filter\n"),
        (api.WrongOption("0 jobs play nothing", "1 or more"), 2, "dockstore: 0 jobs play nothing\n  hint: 1 or more\n"),
        (OSError(13, "Permission denied", "/x/y"), 3, "dockstore: /x/y: permission denied\n"),
        (
            OSError(28, "No space left on device"),
            3,
            "dockstore: no space left on device\n  hint: histories lie in .dockstore; DOCKSTORE_HOME names another folder\n",
        ),
        (KeyboardInterrupt(), 130, "dockstore: interrupted\n"),
        (
            ZeroDivisionError("division by zero"),
            3,
            "dockstore: something went wrong inside dockstore: ZeroDivisionError: division by zero\n  hint: -v shows where; please report it\n",
        ),
    ],
)
def test_a_failure_is_a_sentence_and_an_exit_code(
    failure: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "group", Stub(failure))

    assert main(["run"]) == code

    assert capsys.readouterr().err == said


def test_a_traceback_is_for_those_who_ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "group", Stub(ZeroDivisionError("division by zero")))

    assert main(["run", "-v"]) == 3

    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("dockstore: something went wrong inside dockstore: ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize(
    ("words", "environ", "expected"),
    [
        (["run", "-v"], {}, True),
        (["run", "--verbose"], {}, True),
        (["run", "-qv"], {}, True),
        (["run"], {"DOCKSTORE_VERBOSE": "1"}, True),
        (["run"], {"DOCKSTORE_VERBOSE": "0"}, False),
        (["run", "--", "-v"], {}, False),
        (["run", "--var", "a=v"], {}, False),
        (["run", "v"], {}, False),
    ],
)
def test_verbosity_is_known_before_options_are_parsed(words: list[str], environ: dict[str, str], expected: bool) -> None:
    assert is_verbose(words, environ) is expected


def test_dockstore_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "dockstore", "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)

    assert done.stdout == f"dockstore {__version__}\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m dockstore schema scenario | head -1; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=True, env=environment())

    assert done.stdout.splitlines() == ["{", "0"]
    assert done.stderr == ""


@pytest.mark.parametrize("what", ["scenario", "report"])
def test_schemas_are_json(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0

    assert "$schema" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_end_nothing(closed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dockstore schema {closed}"], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
