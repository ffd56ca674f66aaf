"""The two commands: what `make` offers, how the environment is prepared, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dockstore.engines.errors import Unreachable
from dockstore.engines.providers import __main__ as providers
from dockstore.engines.providers import bootstrap, debian, private, service

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def nothing(_: str) -> None:
    """Say nothing."""


def make(*arguments: str, cwd: Path = ROOT) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=True).stdout


def test_make_alone_shows_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)

    shown = [line.split()[1] for line in make().splitlines()]

    assert sorted(shown) == sorted(phony.split())


@pytest.mark.parametrize("target", ["run", "test", "test-all", "check"])
def test_a_target_can_be_made_in_a_folder_with_a_space(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "a clone"
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE, encoding="utf-8")

    commands = make("--dry-run", target, cwd=folder).splitlines()

    assert commands[0].startswith("python3 -I dockstore/engines/providers/bootstrap.py")
    assert all(str(folder) not in command for command in commands)


def test_programs_of_the_environment_are_only_called_through_its_python() -> None:
    assert set(re.findall(r"\.venv/bin/(\w+)", MAKEFILE)) == {"python"}


def test_ci_runs_the_tests_and_nothing_else() -> None:
    script = ROOT / ".ci/run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project file and an environment that works."""
    folder = tmp_path / "a clone"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_works", lambda: True)


def stamp(*extras: str) -> None:
    bootstrap.STAMP.write_text("\n".join([bootstrap._fingerprint(), *extras]) + "\n", encoding="utf-8")


@pytest.mark.usefixtures("project", "works")
@pytest.mark.parametrize("extras", [[], ["test"], ["dev", "test"]])
def test_an_environment_that_is_right_is_left_alone(extras: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    stamp("dev", "test")

    assert bootstrap.main(extras) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("project", "works")
@pytest.mark.parametrize(
    ("had", "wanted", "installed"),
    [
        pytest.param(None, [], ".", id="nothing was there"),
        pytest.param(["test"], ["dev"], ".[dev,test]", id="what was there stays"),
        pytest.param([], ["test"], ".[test]", id="an extra is new"),
    ],
)
def test_what_is_missing_is_installed_once(had: list[str] | None, wanted: list[str], installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if had is not None:
        stamp(*had)
    called: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        called.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)

    assert bootstrap.main(wanted) == 0
    assert bootstrap.main(wanted) == 0
    assert [command[-1] for command in called] == [installed]


@pytest.mark.usefixtures("works")
def test_a_changed_project_file_is_noticed(project: Path) -> None:
    stamp("test")
    known, _ = bootstrap._stamp()

    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")

    assert known != bootstrap._fingerprint()


@pytest.mark.usefixtures("project", "works")
def test_a_pip_that_fails_leaves_no_stamp_and_says_what_it_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "ERROR: no such thing\n"))

    assert bootstrap.main([]) == 3
    assert not bootstrap.STAMP.exists()
    assert "ERROR: no such thing" in capfd.readouterr().err


@pytest.mark.usefixtures("project")
def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(f"{bootstrap.__name__}.sys", SimpleNamespace(version_info=(3, 10, 2, "final", 0), stderr=sys.stderr))

    assert bootstrap.main([]) == 3
    assert "Python 3.11 or newer is needed, and this is 3.10.2" in capfd.readouterr().err


@pytest.mark.usefixtures("project")
def test_a_missing_venv_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert bootstrap.main([]) == 3
    assert "hint: on Debian: apt-get install python3-venv" in capfd.readouterr().err


def test_outside_the_project_nothing_is_made(tmp_path: Path) -> None:
    answer = subprocess.run([sys.executable, "-I", bootstrap.__file__], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert answer.returncode == 3
    assert "there is no pyproject.toml here" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_verb_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert providers.main(["fly"]) == 2
    assert providers.main([]) == 2
    assert "setup|start|stop|status|clean" in capfd.readouterr().err


def test_an_engine_that_is_named_and_does_not_answer_is_never_passed_over(tmp_path: Path) -> None:
    environ = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock", "DOCKSTORE_HOME": str(tmp_path / "home")}

    answer = subprocess.run(
        [sys.executable, "-m", "dockstore.engines.providers", "run", "echo", "played"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 3
    assert "(named by DOCKER_HOST)" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("root", "on_debian", "hint"),
    [
        pytest.param(False, True, "or run as root on Debian", id="not root"),
        pytest.param(True, False, "only on Debian it is done for you", id="not Debian"),
    ],
)
def test_where_nothing_can_be_installed_a_sentence_says_what_to_do(root: bool, on_debian: bool, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "impossible", lambda: Unreachable("no private engine: dockerd not installed"))
    monkeypatch.setattr(private, "missing", lambda: ["dockerd"])
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(debian, "is_debian", lambda: on_debian)

    with pytest.raises(Unreachable, match="no engine answers, and no private engine: dockerd not installed") as caught:
        service._install({}, say=nothing)

    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(("program", "code"), [("exit 7", 7), ("exit 0", 0), ("kill -9 $$", 128 + 9)])
def test_a_commands_exit_code_is_passed_on(program: str, code: int) -> None:
    assert providers._child(["sh", "-c", program], os.environ) == code


def test_being_told_to_end_is_passed_on() -> None:
    before = signal.getsignal(signal.SIGTERM)

    code = providers._child(["sh", "-c", f"trap 'exit 9' TERM; kill -TERM {os.getpid()}; while :; do sleep 0.02; done"], os.environ)

    assert code == 9
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_environment_of_a_command_is_the_one_that_is_given() -> None:
    assert providers._child(["sh", "-c", 'test "$A" = 1'], {**os.environ, "A": "1"}) == 0
