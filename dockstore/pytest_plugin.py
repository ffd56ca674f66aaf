"""The pytest plugin: with `--dockstore`, every `*.scenario.yaml` is a test.

Rule 1: without `--dockstore` it costs an option group and nothing else; dockstore itself is imported when a file is collected.
Rule 2: engines are opened once for a whole session, by the first scenario that is played, and closed at its end.
Rule 3: what was not played is never taken for good news: under `--require-engine` only needs that were named may be unmet.
"""

from __future__ import annotations

import os
import shutil
from argparse import ArgumentError
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict
    from dockstore.runner.session import Session

SUFFIX = ".scenario.yaml"
_SESSION = pytest.StashKey["Session"]()


class NotAsExpected(Exception):  # noqa: N818  # how a scenario came out, not an error of ours
    """A scenario that does not hold; the text is its evidence."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add dockstore's options."""
    group = parser.getgroup("dockstore", "scenarios of what happens to data in containers")
    group.addoption("--dockstore", action="store_true", help=f"collect *{SUFFIX} as tests")
    group.addoption(
        "--dockstore-engine", action="append", default=[], metavar="ADDRESS", help="an address, private, dind or context:NAME; repeatable"
    )
    group.addoption("--dockstore-disposable", action="store_true", help="the engine is yours to prune and restart")
    group.addoption("--dockstore-mutants", action="store_true", help="play each scenario's mutants too; each must be refuted")
    group.addoption("--dockstore-isolate", action="store_true", help="each event of a matrix in containers of its own")
    group.addoption("--dockstore-timeout", type=float, metavar="SECONDS", help="limit for each scenario")
    group.addoption("--dockstore-keep", action="store_true", help="leave containers and volumes standing")
    group.addoption("--dockstore-image", metavar="IMAGE", help="use IMAGE in place of the lab image")
    group.addoption("--dockstore-var", action="append", default=[], metavar="NAME=TEXT", help="set a variable of the files; repeatable")
    group.addoption("--dockstore-allow-host-path", action="append", default=[], metavar="PATH", help="a folder that scenarios may bind; repeatable")
    group.addoption(
        "--dockstore-expect-skip", action="append", default=[], metavar="NEED", help="with --require-engine: NEED may be unmet; repeatable"
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Iterator[None]:
    """Add --require-engine once the conftest files had their say: a project's own option of that name means the same."""
    yield
    with suppress(ValueError, ArgumentError):
        parser.getgroup("dockstore").addoption("--require-engine", action="store_true", help="a scenario that cannot be played fails")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that every scenario bears."""
    config.addinivalue_line("markers", "dockstore: a scenario file; its tags and claims are marks too")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files, if asked."""
    if not parent.config.getoption("--dockstore") or not file_path.name.endswith(SUFFIX):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the engines."""
    opened = session.config.stash.get(_SESSION, None)
    if opened is not None:
        opened.close()


class ScenarioFile(pytest.File):
    """One file: one scenario."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Read the file; what is wrong in it is a collection error that shows the place."""
        from dockstore import api
        from dockstore.core.problems import render

        variables = dict(_variables(self.config.getoption("--dockstore-var")))
        loaded = api.load([_shown(self.path, self.config)], isolate=self.config.getoption("--dockstore-isolate"))
        declared = {name for scenario in loaded.scenarios for name, _ in scenario.vars}
        chosen = {name: text for name, text in variables.items() if name in declared}
        if chosen:
            loaded = api.load([_shown(self.path, self.config)], variables=chosen, isolate=self.config.getoption("--dockstore-isolate"))
        if loaded.errors:
            raise self.CollectError("\n\n".join(render(problem).rstrip() for problem in loaded.errors))
        for scenario in loaded.scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.title, scenario=scenario)


class ScenarioItem(pytest.Item):
    """One scenario as a test."""

    def __init__(self, *, scenario: Scenario, name: str, parent: ScenarioFile) -> None:
        super().__init__(name, parent)
        self.scenario = scenario
        for mark in ("dockstore", *scenario.tags, *scenario.lesson):
            self._mark(mark)

    def _mark(self, name: str) -> None:
        """Mark the test, registering the mark first: --strict-markers knows only what is registered."""
        if name.startswith("_"):
            return
        known = {line.partition(":")[0].partition("(")[0].strip() for line in self.config.getini("markers")}
        if name not in known:
            self.config.addinivalue_line("markers", f"{name}: a tag or claim of scenario files")
        self.add_marker(name)

    def runtest(self) -> None:
        """Play the scenario on every engine asked for."""
        from dockstore.engines.errors import EngineError

        try:
            verdicts = _session(self.config).play([self.scenario])
        except EngineError as failure:
            hint = getattr(failure, "hint", None)
            self._cannot(f"no engine: {failure}" + (f" (hint: {hint})" if hint else ""), ("engine",))
            return
        for verdict in verdicts:
            self._judge(verdict)

    def _judge(self, verdict: Verdict) -> None:
        from dockstore.core.model import Outcome
        from dockstore.reports import phrases, tally

        if verdict.history is not None and verdict.history.path:
            self.user_properties.append(("history", verdict.history.path))
        self.user_properties.append(("outcome", verdict.outcome.value))
        if verdict.outcome is Outcome.SKIPPED:
            self._cannot(phrases.needs(verdict), verdict.unmet)
        elif tally.is_alarming(verdict):
            raise NotAsExpected(_evidence(verdict))

    def _cannot(self, reason: str, needs: Iterable[str]) -> None:
        """Skip, or fail where that was not expected."""
        expected = {need.strip() for several in self.config.getoption("--dockstore-expect-skip") for need in several.split(",")}
        unexpected = [need for need in needs if need not in expected]
        if self.config.getoption("--require-engine", default=False) and unexpected:
            allowed = f"only {', '.join(sorted(expected))} may be unmet" if expected else "nothing may be unmet"
            raise NotAsExpected(f"not played: {reason}\n  under --require-engine {allowed}\n  hint: --dockstore-expect-skip {unexpected[0]}")
        pytest.skip(reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]  # a text is a representation too
        """Show the evidence, not a traceback; anything else is shown as pytest does."""
        if isinstance(excinfo.value, NotAsExpected):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Say where: the file, and what it is about."""
        return self.path, 0, self.scenario.title


def _session(config: pytest.Config) -> Session:
    """Return this process's session, opened when first needed."""
    if _SESSION not in config.stash:
        from dockstore import api

        options = api.Options(
            engines=tuple(config.getoption("--dockstore-engine")),
            jobs=1,
            mutants=config.getoption("--dockstore-mutants"),
            timeout_seconds=config.getoption("--dockstore-timeout"),
            keep=config.getoption("--dockstore-keep"),
            image=config.getoption("--dockstore-image"),
            isolate=config.getoption("--dockstore-isolate"),
            disposable=config.getoption("--dockstore-disposable"),
            allow_host_paths=tuple(config.getoption("--dockstore-allow-host-path")),
        )
        config.stash[_SESSION] = api.open_session(options, env=os.environ, cwd=config.rootpath)
    return config.stash[_SESSION]


def _variables(given: Iterable[str]) -> Iterator[tuple[str, str]]:
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise pytest.UsageError(f"--dockstore-var {one}: NAME=TEXT is wanted")
        yield name, text


def _shown(path: Path, config: pytest.Config) -> str:
    """Return the path as pytest shows it, so that a problem's place can be clicked."""
    return os.path.relpath(path) if path.is_relative_to(config.invocation_params.dir) else str(path)


def _evidence(verdict: Verdict) -> str:
    from dockstore.reports import table

    width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 160)
    text = table.evidence(verdict, width=width)
    return text + (f"\n\nhistory: {verdict.history.path}" if verdict.history is not None and verdict.history.path else "")
