"""What `run` and `lesson` share: options for the api, wrong files said in full, the report, the exit code.

Rule 1: nothing is played while a file is wrong or a report cannot be written.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Final

from dockstore.cli import echo, emit, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dockstore.api import Options
    from dockstore.core.script import Problem, Scenario
    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.halt import Halt

_SIGNALLED: Final = 128


def options(given: dict[str, Any]) -> Options:
    """Return the api's options from a command's parameters."""
    from dockstore.api import Options

    return Options(
        engines=tuple(given["engines"]),
        jobs=given["jobs"],
        mutants=given["mutants"],
        fail_fast=given["fail_fast"],
        timeout_seconds=given["timeout"],
        keep=given["keep"],
        image=given["image"],
        isolate=given["isolate"],
        disposable=given["disposable"],
        allow_host_paths=tuple(given["allow_host_paths"]),
    )


def outputs(given: dict[str, Any]) -> emit.Outputs:
    """Return where reports go, from a command's parameters. Raises UsageError."""
    return emit.outputs(given["form"], given["reports"], given["html"], verbose=given["verbose"], no_color=given["no_color"])


def show_problems(problems: Sequence[Problem]) -> None:
    """Say every problem of the files, and how many."""
    from dockstore.core.problems import render

    width = max(60, min(echo.width(os.environ), 160))
    for problem in problems:
        echo.say(render(problem, width=width))
    wrong = [problem for problem in problems if not problem.warning]
    if wrong:
        files = len({problem.file for problem in wrong})
        echo.complain(f"{len(wrong)} problem{'s' if len(wrong) != 1 else ''} in {files} file{'s' if files != 1 else ''}")


def show_plan(scenarios: Sequence[Scenario]) -> None:
    """Print what would be done, as docker commands."""
    from dockstore import api

    echo.report("\n".join(f"# {scenario.file}\n{api.plan(scenario).rstrip()}\n" for scenario in scenarios))


def perform(play: Callable[[Watch, Halt], Report], where: emit.Outputs, *, quiet: bool, verbose: bool) -> int:
    """Play with somebody looking on, write the reports, return the exit code."""
    from dockstore.core.outcome import exit_code
    from dockstore.runner.halt import Halt, signals

    halt = Halt()
    with signals(halt):
        try:
            with progress.onlooker(os.environ, quiet=quiet, verbose=verbose, no_color=where.no_color) as watch:
                report = play(watch, halt)
        except KeyboardInterrupt:
            echo.complain("left at once, as asked twice", "dockstore clean removes what was left standing")
            return _SIGNALLED + (halt.signal_number or signal.SIGINT)
        emit.emit(report, where, os.environ)
    return _SIGNALLED + (halt.signal_number or signal.SIGINT) if report.interrupted else exit_code(report)
