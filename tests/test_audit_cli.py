"""`dockstore audit` as a person and a CI job call it, and `dockstore.audit`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from audit_stage import SERVICES, Stage

from dockstore import api
from dockstore.cli.main import main
from dockstore.core.stack_report import StackOutcome


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def shell(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in list(os.environ):
        if name.startswith(("DOCKSTORE_", "GITHUB_", "COMPOSE_", "DOCKER_")):
            monkeypatch.delenv(name)
    for name, value in stage.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(stage.folder)
    stage.compose(SERVICES, {"pg": None})
    return stage


def test_the_command_prints_a_report_and_writes_others(shell: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["audit", "--engine", "none", "--format", "json", "--report", "sarif=out.sarif", "--report", "markdown=out.md"])

    out = capsys.readouterr().out
    assert code == 1
    assert json.loads(out)["findings"][0]["rule"] == "DS301"
    assert json.loads((shell.folder / "out.sarif").read_text())["version"] == "2.1.0"
    assert (shell.folder / "out.md").read_text().startswith("## ❌ shop would lose data")
    assert "hunter2" not in out


def test_on_github_findings_are_annotations_and_the_summary_is_written(
    shell: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(shell.folder / "summary.md"))

    main(["audit", "--engine", "none", "compose.yaml"])

    assert "::error file=compose.yaml,line=7,title=DS301 db::" in capsys.readouterr().err
    assert "DS301" in (shell.folder / "summary.md").read_text()


def test_without_compose_the_way_to_get_it_is_said(shell: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    Path(shell.env["DOCKSTORE_HOME"], "cache", "docker-compose").unlink()

    code = main(["audit", "--engine", "none"])

    err = capsys.readouterr().err
    assert code == 3
    assert "no Docker Compose of version 2 here" in err
    assert "hint: install Docker Compose 2" in err


def test_a_wrong_file_is_shown_with_its_line(shell: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    shell.fails('service "db" refers to undefined volume pg: invalid compose project')

    code = main(["audit", "--engine", "none"])

    assert code == 2
    assert 'compose.yaml:7:9: service "db" refers to undefined volume pg\n' in capsys.readouterr().err


@pytest.mark.usefixtures("shell")
def test_a_rules_page_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--explain", "ds301"]) == 0
    assert capsys.readouterr().out.startswith("# DS301:")
    assert main(["audit", "--explain", "DS999"]) == 2


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("kind", ["audit", "drill"])
def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert main(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["schema"] == {"const": f"dockstore.{kind}/1"}


def test_the_python_api_gives_reports_and_its_own_errors(shell: Stage) -> None:
    (report,) = api.audit("compose.yaml", engine="none", env=shell.env, cwd=shell.folder)

    assert report.outcome is StackOutcome.LOSES_DATA
    with pytest.raises(api.WrongOption):
        api.audit("nothing.yaml", engine="none", env=shell.env, cwd=shell.folder)
    shell.fails("boom")
    with pytest.raises(api.WrongFile):
        api.audit(engine="none", env=shell.env, cwd=shell.folder)
