"""Who looks on while scenarios are played: a bar on a terminal, one line for each scenario elsewhere.

Rule 1: all of it goes to stderr, and none of it is needed to understand the report.
Rule 2: rich is imported on a terminal only.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from dockstore.cli import echo
from dockstore.core.model import Outcome
from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict
    from dockstore.core.watch import Watch

    class Onlooker(Watch, Protocol):
        """A Watch that is opened before and closed after."""

        def __enter__(self) -> Self: ...

        def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None: ...


def onlooker(environ: Mapping[str, str], *, quiet: bool, verbose: bool, no_color: bool) -> Onlooker:
    """Return who looks on: nobody (quiet), a bar (a terminal, not in CI), or lines."""
    if quiet:
        return Lines(silent=True)
    if echo.is_terminal(sys.stderr) and not environ.get("CI") and environ.get("TERM") != "dumb" and not verbose:
        return Bar(color=echo.in_color(sys.stderr, environ, refused=no_color))
    return Lines(verbose=verbose, ci=_ci(environ))


def _ci(environ: Mapping[str, str]) -> str | None:
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if environ.get("GITLAB_CI") == "true" else None


def ended_line(verdict: Verdict) -> str:
    """Return the line that a scenario leaves behind when it has ended."""
    label = "FAIL" if tally.survivors(verdict) else phrases.OUTCOME_LABELS[verdict.outcome]
    why = f" ({phrases.needs(verdict)})" if verdict.outcome is Outcome.SKIPPED else f" ({phrases.seconds(verdict.seconds)})"
    return f"{label:<9}  {phrases.line(verdict.scenario.title)}{why}"


class Lines:
    """One line for each scenario as it ends, and with *verbose* one for each step; in CI inside a section that folds."""

    def __init__(self, *, verbose: bool = False, silent: bool = False, ci: str | None = None) -> None:
        self._verbose = verbose
        self._silent = silent
        self._ci = ci

    def __enter__(self) -> Self:
        match None if self._silent else self._ci:
            case "github":
                echo.say("::group::dockstore: the scenarios as they are played")
            case "gitlab":
                from dockstore.reports import gitlab

                echo.say(gitlab.section_start("dockstore_play", "dockstore: the scenarios as they are played", at=time.time()))
            case _:
                pass
        return self

    def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        match None if self._silent else self._ci:
            case "github":
                echo.say("::endgroup::")
            case "gitlab":
                from dockstore.reports import gitlab

                echo.say(gitlab.section_end("dockstore_play", at=time.time()))
            case _:
                pass

    def note(self, text: str) -> None:
        """Say it."""
        self._say(phrases.clean(text))

    def engine(self, info: EngineInfo, key: str) -> None:
        """Say which engine."""
        self._say(f"engine {key}: {phrases.engine_words(info)} at {phrases.address(info.address)}")

    def started(self, scenario: Scenario, number: int, of: int) -> None:
        """Say it in a verbose run only."""
        if self._verbose:
            self._say(f"[{number}/{of}] {phrases.line(scenario.title)}")

    def step(self, scenario: Scenario, text: str) -> None:
        """Say it in a verbose run only."""
        del scenario
        if self._verbose:
            self._say(f"  {phrases.line(text)}")

    def ended(self, verdict: Verdict) -> None:
        """Leave a line."""
        self._say(ended_line(verdict))

    def _say(self, text: str) -> None:
        if not self._silent:
            echo.say(text)


class Bar:
    """A live bar; what does not hold, and notes, stay above it."""

    def __init__(self, *, color: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._console = Console(stderr=True, no_color=not color, highlight=False, markup=False, emoji=False)
        now = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
        self._progress: Progress = Progress(
            SpinnerColumn(), MofNCompleteColumn(), BarColumn(20), TimeElapsedColumn(), now, console=self._console, transient=True, expand=True
        )
        self._task: TaskID = self._progress.add_task("opening the engine", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Leave it above the bar."""
        self._console.print(phrases.clean(text), soft_wrap=True)

    def engine(self, info: EngineInfo, key: str) -> None:
        """Leave it above the bar."""
        self._console.print(f"engine {key}: {phrases.engine_words(info)} at {phrases.address(info.address)}", soft_wrap=True)

    def started(self, scenario: Scenario, number: int, of: int) -> None:
        """Show it beside the bar."""
        del number
        self._progress.update(self._task, total=of, description=phrases.line(scenario.title))

    def step(self, scenario: Scenario, text: str) -> None:
        """Show it beside the bar."""
        self._progress.update(self._task, description=f"{phrases.line(scenario.title)}: {phrases.line(text)}")

    def ended(self, verdict: Verdict) -> None:
        """Move on; leave a line above the bar if a person must look at it."""
        self._progress.update(self._task, advance=1)
        if tally.is_alarming(verdict):
            self._console.print(ended_line(verdict), soft_wrap=True)
