"""The public API, to the letter; and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dockstore
from dockstore import api

PUBLIC = [
    "Again",
    "ApiError",
    "ClaimVerdict",
    "DrillOptions",
    "EngineInfo",
    "Fate",
    "History",
    "Loaded",
    "MutantVerdict",
    "NoEngine",
    "NothingMatched",
    "Options",
    "Outcome",
    "Place",
    "Problem",
    "Report",
    "Ruling",
    "Scenario",
    "Sight",
    "StackReport",
    "Store",
    "StoreKind",
    "Vantage",
    "Verdict",
    "Watch",
    "WrongFile",
    "WrongOption",
    "__version__",
    "audit",
    "bundled_lesson",
    "bundled_scenarios",
    "clean",
    "doctor",
    "drill",
    "drill_fix",
    "drill_plan",
    "drill_with",
    "explain",
    "init",
    "judge",
    "judge_all",
    "lesson",
    "load",
    "open_session",
    "orphans",
    "plan",
    "run",
    "schema",
    "validate",
]


def test_all_is_exactly_this_and_sorted() -> None:
    assert dockstore.__all__ == PUBLIC
    assert sorted(dockstore.__all__) == dockstore.__all__
    assert dir(dockstore) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(dockstore, name) is not None


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="module 'dockstore' has no attribute 'runn'"):
        dockstore.runn  # noqa: B018


def test_every_name_of_the_api_is_there() -> None:
    assert [name for name in api.__all__ if not hasattr(api, name)] == []


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import dockstore", ("docker", "yaml", "click", "jinja2", "rich", "tabulate", "dockstore.api")),
        ("import dockstore; dockstore.Fate", ("docker", "yaml", "click", "dockstore.api")),
        ("import dockstore; dockstore.Options()", ("docker", "click", "jinja2", "rich", "dockstore.runner.session")),
        ("import dockstore; dockstore.load('nowhere')", ("docker", "click", "jinja2", "rich", "dockstore.runner.session")),
    ],
    ids=["the package", "a value", "options", "reading files"],
)
def test_importing_costs_nothing_that_is_not_used(code: str, heavy: tuple[str, ...]) -> None:
    asked = f"{code}; import sys; print(sorted(set({heavy!r}) & set(sys.modules)))"

    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
