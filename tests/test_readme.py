"""What the README tells people to type is what dockstore understands; its scenario and its Python are in order.

What plays on an engine is in engine/test_readme_engine.py.
"""

from __future__ import annotations

import ast
import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import click
import pytest
import yaml
from composing import audited

import dockstore
from dockstore.cli.main import group, main
from dockstore.core.stack_report import RowFate

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/ci.md", "docs/new-scenario.md", "CONTRIBUTING.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [body for found, body in FENCE.findall((ROOT / page).read_text(encoding="utf-8")) if found == language]


def commands(program: str) -> list[tuple[str, str]]:
    """Every line of a page's code that calls *program*, without its comment."""
    lines = [
        (page, line.strip().removeprefix("- ").removeprefix("run: "))
        for page in PAGES
        for _, body in FENCE.findall(_text(page))
        for line in body.splitlines()
    ]
    found = [(page, re.sub(r"\s+#\s.*", "", re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line))) for page, line in lines]
    return list(dict.fromkeys((page, line) for page, line in found if line.startswith(f"{program} ")))


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "line"), commands("dockstore"), ids=lambda text: text)
def test_every_command_that_a_page_shows_is_understood(page: str, line: str) -> None:
    _, name, *words = shlex.split(line)
    command = group.get_command(click.Context(group, info_name="dockstore"), name)

    assert command is not None, f"{page}: no such command: {name}"
    with command.make_context(name, words) as context:
        assert context.info_name == name


@pytest.mark.parametrize(("page", "line"), commands("make"), ids=lambda text: text)
def test_every_target_that_a_page_shows_is_there(page: str, line: str) -> None:
    targets = re.findall(r"^([a-z-]+):.*?##", _text("Makefile"), re.MULTILINE)

    words = [word for word in shlex.split(line)[1:] if "=" not in word]

    assert set(words) <= set(targets), page


def test_the_pages_were_read() -> None:
    assert {"dockstore run --mutants my.scenario.yaml", "dockstore audit compose.yaml"} <= {line for _, line in commands("dockstore")}
    assert {"make run", "make test"} <= {line for _, line in commands("make")}


@pytest.mark.parametrize("body", blocks("README.md", "python"))
def test_the_python_that_the_readme_shows_names_what_is_there(body: str) -> None:
    names = {node.attr for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "dockstore"}

    assert names == {"load", "run"}
    assert all(hasattr(dockstore, name) for name in names)


def test_the_scenario_of_the_readme_is_valid_and_its_plan_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.scenario.yaml").write_text(blocks("README.md", "yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()

    with redirect_stdout(out):
        codes = main(["validate", "my.scenario.yaml"]), main(["run", "--plan", "my.scenario.yaml"])

    assert codes == (0, 0)
    assert "docker rm -f db" in out.getvalue()


def test_the_audit_that_the_readme_shows_is_what_it_finds() -> None:
    [shown] = [body for body in blocks("README.md", "") if body.startswith("$ cat compose.yaml")]
    text, _, told = shown.partition("$ dockstore audit compose.yaml\n")
    stack = yaml.safe_load(text.removeprefix("$ cat compose.yaml\n"))

    found = audited(stack["services"], stack["volumes"], text=text.removeprefix("$ cat compose.yaml\n"))

    [error] = [finding for finding in found.findings if finding.severity == "error"]
    assert error.spot is not None
    assert f"error {error.rule}  compose.yaml:{error.spot.line}:{error.spot.column}" in told
    assert " ".join(f"{error.message} fix: {error.fix}".split()) in " ".join(told.split())
    fates = {row.event: row.fate for row in found.rows if row.path == error.path}
    shown_fates = dict(re.findall(r"^(stop\+start|recreate|down\+up) +(?:✗ )?(\w+)", told, re.MULTILINE))
    assert shown_fates == {event: "kept" if fates[event] is RowFate.PERSISTED else str(fates[event]) for event in shown_fates}
    assert len(shown_fates) == 3


def test_the_numbers_that_the_readme_names_are_the_bundled_ones() -> None:
    claims, files = re.findall(r"\((\d+) claims, (\d+) scenarios in all\)", _text("README.md"))[0]

    assert int(claims) == len(re.findall(r"^\s+L\d+:", _text("dockstore/lessons/storage.lesson.yaml"), re.MULTILINE))
    assert int(files) == len(list((ROOT / "scenarios").rglob("*.scenario.yaml")))
