"""`dockstore validate`: check scenario files without an engine.

Rule 1: nothing but the core is imported: no engine, no renderer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockstore.cli import echo, options
from dockstore.cli.main import NOTHING, OK, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.script import Problem

LESSON = ".lesson.yaml"


@options.command("validate", "dockstore validate scenarios/")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.reading
@options.option("--format", "form", type=click.Choice(["text", "json"]), default="text", metavar="FORMAT", help="text, json")
@options.general
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Check scenario files or folders (this folder unless named): every problem with its place and a way out."""
    from dockstore import api

    lessons = [path for path in paths if path.endswith(LESSON)]
    others = [path for path in paths if not path.endswith(LESSON)]
    problems = [problem for path in lessons for problem in _lesson_problems(path)]
    right = len(lessons) - len({problem.file for problem in problems})
    if others or not paths:
        loaded = api.load(others or ["."], variables=dict(given["variables"]), filter=given["wanted"], tags=options.tags(given["tags"]))
        problems += loaded.problems
        right += len(loaded.scenarios)
    wrong = [problem for problem in problems if not problem.warning]
    if given["form"] == "json":
        document = {"schema": "dockstore.problems/1", "files": right, "problems": [_plain(problem) for problem in problems]}
        echo.report(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(problems)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(problems)
    if not given["quiet"]:
        counts = f"{right} file{'s' if right != 1 else ''} in order"
        echo.say(f"{counts}, {len(wrong)} problem{'s' if len(wrong) != 1 else ''}" if wrong else counts)
    if wrong:
        return USAGE
    return OK if right else NOTHING


def _lesson_problems(path: str) -> tuple[Problem, ...]:
    from dockstore.core.lesson import load_lesson
    from dockstore.core.script import Problem as Found

    try:
        read = load_lesson(Path(path).read_bytes(), path)
    except OSError as failure:
        return (Found(file=path, line=0, column=0, fact=f"cannot be read: {(failure.strerror or str(failure)).lower()}"),)
    return read if isinstance(read, tuple) else ()


def _print(problems: Sequence[Problem]) -> None:
    if not problems:
        return
    from dockstore.core.problems import render

    width = max(60, min(echo.width(os.environ), 160))
    echo.report("\n\n".join(render(problem, width=width).rstrip() for problem in problems) + "\n")


def _plain(problem: Problem) -> dict[str, object]:
    level = "warning" if problem.warning else "error"
    place = {"line": problem.line or 1, "column": problem.column or 1}  # 0: the file as a whole
    return {"file": problem.file, **place, "level": level, "fact": problem.fact, "hint": problem.hint}


def _annotate(problems: Sequence[Problem]) -> None:
    from dockstore.reports import github

    for problem in problems:
        level = "warning" if problem.warning else "error"
        hint = f"\nhint: {problem.hint}" if problem.hint else ""
        echo.say(github.command(level, f"{problem.fact}{hint}", file=problem.file, line=problem.line or 1, title="dockstore validate"))
