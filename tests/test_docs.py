"""The documents are true: generated pages are up to date, links lead somewhere, examples are valid, every command is there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dockstore.cli.main import COMMANDS
from dockstore.core.lesson import Lesson, load_lesson
from dockstore.core.scenario import load_text

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("dockstore/rules/*.md")])
SCENARIOS = sorted(ROOT.glob("scenarios/*/*.scenario.yaml"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(path.read_text(encoding="utf-8")) if found == language]


def generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["scenarios.md", "commands.md"])
def test_a_generated_page_is_as_it_would_be_written_now(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")

    assert written == generate().PAGES[page](), "python docs/generate.py"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_to_a_file_leads_to_one(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in target and not target.startswith("mailto:")]

    missing = [target for target in targets if not (path.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_scenario_that_a_page_shows_is_valid(path: Path) -> None:
    shown = [body for body in blocks(path, "yaml") if body.startswith("version: 1\nscenario:")]

    problems = [problem.fact for body in shown for problem in load_text(body, str(path)).problems]

    assert problems == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_yaml_that_a_page_shows_is_yaml(path: Path) -> None:
    for body in blocks(path, "yaml"):
        list(yaml.safe_load_all(body))


def test_every_command_has_its_help_page() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert [command for command in COMMANDS if f"## `dockstore {command}`" not in text] == []


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_a_bundled_scenario_is_in_order_and_can_fail(path: Path) -> None:
    parsed = load_text(path.read_text(encoding="utf-8"), name(path))

    assert [problem.fact for problem in parsed.problems] == []
    assert parsed.scenario is not None
    table = parsed.scenario.matrix
    assert parsed.scenario.mutants or (table is not None and len(set(table.cells.values())) > 1)


def test_every_claim_of_the_lesson_is_tried_by_a_scenario_and_no_scenario_names_another() -> None:
    path = ROOT / "dockstore" / "lessons" / "storage.lesson.yaml"
    lesson = load_lesson(path.read_text(encoding="utf-8"), name(path))
    assert isinstance(lesson, Lesson)

    scenarios = [load_text(path.read_text(encoding="utf-8"), name(path)).scenario for path in SCENARIOS]

    named = {claim for scenario in scenarios if scenario is not None for claim in scenario.lesson}
    assert named == {claim.id for claim in lesson.claims}
    assert [claim.id for claim in lesson.claims] == [f"L{number}" for number in range(1, 32)]


def test_titles_of_scenarios_are_unique() -> None:
    titles = [str(yaml.safe_load(path.read_text(encoding="utf-8"))["scenario"]) for path in SCENARIOS]

    assert sorted(titles) == sorted(set(titles))


def test_no_page_names_a_path_of_a_machine() -> None:
    found = [name(path) for path in PAGES if re.search(r"/work/|/tmp/team", path.read_text(encoding="utf-8"))]

    assert found == []


def test_every_call_that_the_door_makes_is_on_the_page() -> None:
    page = (ROOT / "docs" / "api-calls.md").read_text(encoding="utf-8")
    source = "".join(
        (ROOT / "dockstore" / "engines" / file).read_text(encoding="utf-8") for file in ("docker_engine.py", "exec_stream.py", "shell.py")
    )
    made = {re.sub(r"\{[^}]*\}", "*", path) for path in re.findall(r'f?"(/(?:containers|images|volumes|exec|commit|_ping)[^"]*)"', source)}

    said = page.replace("{stop,kill,restart,pause,unpause,rename,update,wait}", "*")
    calls = re.findall(r"/[a-z_]+[^`, ]*", said)
    missing = [
        path for path in made if not any(call.startswith(path) or re.fullmatch(re.escape(call).replace("\\*", "[^/]+"), path) for call in calls)
    ]

    assert missing == []
