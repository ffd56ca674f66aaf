"""Scenarios and lessons: load, validate, plan, run, judge; and what tidies up and looks around.

Rule 1: a function here decides nothing about data; it brings the pieces together and gives back their values.
Rule 2: what a caller can mend is an ApiError with a way out; everything else is a value in the report.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.script import Problem
from dockstore.engines.errors import EngineError
from dockstore.runner.files import Loaded, load_files
from dockstore.runner.options import Options, find_home

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dockstore.core.lesson import Lesson
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.again import Again
    from dockstore.runner.clean import Cleaned
    from dockstore.runner.doctor import Checkup
    from dockstore.runner.halt import Halt
    from dockstore.runner.session import Session
from dockstore.api.calling import NothingMatched, WrongFile, WrongOption, environment, folder_of, home_of, no_engine, silence

DEFAULTS = Options()


# --- without an engine ----------------------------------------------------------------------------------------------------


def bundled_scenarios() -> Path:
    """Return the folder of the scenarios that come with dockstore: in the package, else at the top of the checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "scenarios", package.parent / "scenarios"):
        if folder.is_dir():
            return folder
    raise NothingMatched("the bundled scenarios are missing", "install dockstore again, or name the files")


def bundled_lesson() -> Path:
    """Return the file of the lesson that comes with dockstore."""
    return Path(__file__).parent.parent / "lessons" / "storage.lesson.yaml"


def load(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] = ".",
    *,
    variables: Mapping[str, str] | None = None,
    isolate: bool = False,
    filter: str | None = None,  # noqa: A002
    tags: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Loaded:
    """Read scenario files, or all `*.scenario.yaml` of folders; every problem is in the answer, none is raised."""
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    loaded = load_files(several or ["."], variables=variables, isolate=isolate, filter=filter, tags=tags, only=only)
    unused = _unused(variables, loaded)
    return (
        loaded
        if unused is None
        else Loaded(scenarios=loaded.scenarios, problems=(*loaded.problems, unused), files=loaded.files, left_out=loaded.left_out)
    )


def validate(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] = ".", *, variables: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """Return every problem of the files."""
    return load(paths, variables=variables).problems


def schema() -> dict[str, object]:
    """Return the JSON Schema of scenario files."""
    from dockstore.core.schema import scenario_schema

    return scenario_schema()


def plan(scenario: Scenario) -> str:
    """Return what playing *scenario* would do, as docker commands."""
    from dockstore.core.commands import commands

    return commands(scenario)


def judge(paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> Report:
    """Rule again on stored histories (files, or folders of them); no engine is asked.

    Drills' histories among them are passed over: `judge_all` rules on both. Raises WrongFile for what is no history, or one whose script this
    dockstore cannot read.
    """
    told = judge_all(paths)
    if not told.report.verdicts:
        raise NothingMatched("no scenario's history here, only drills'", "judge_all rules on both")
    return told.report


def judge_all(paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> Again:
    """Rule again on stored histories of scenarios and of drills; no engine is asked. Raises as `judge`."""
    from dockstore.runner.again import judge_again

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    told = judge_again(several)
    if told.problems:
        raise WrongFile(told.problems)
    if not told.report.verdicts and not told.drills:
        raise NothingMatched("no history here", "histories lie in .dockstore/histories and end in .jsonl")
    return told


def failed_last(*, home: str | None = None, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Return the real paths of the scenario files that failed last time, for `load(only=...)`."""
    from dockstore.runner.last import read_failed

    folder = find_home(home, environment(env), folder_of(cwd))
    return () if folder is None else read_failed(folder)


def only_failed(
    scenarios: Sequence[Scenario], *, home: str | None = None, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> tuple[Scenario, ...]:
    """Return those of *scenarios* that failed last time."""
    files = set(failed_last(home=home, env=env, cwd=cwd))
    return tuple(scenario for scenario in scenarios if os.path.realpath(scenario.file) in files)


# --- with an engine -------------------------------------------------------------------------------------------------------


def open_session(
    options: Options = DEFAULTS,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    halt: Halt | None = None,
) -> Session:
    """Return a session that plays scenarios as they come, on engines that stay open meanwhile; close it, or use `with`.

    Raises WrongOption for a folder that cannot hold its state.
    """
    from dockstore.runner.session import Session

    environ = environment(env)
    return Session(_checked(options), env=environ, home=home_of(options, environ, folder_of(cwd)), watch=watch, halt=halt)


def run(
    scenarios: Sequence[Scenario] | Loaded,
    options: Options = DEFAULTS,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    halt: Halt | None = None,
) -> Report:
    """Play scenarios and judge them.

    Ctrl-C and SIGTERM stop the run at its next step, tidied up; the report is of what was played. Who gives a *halt* sees to signals himself.
    Raises WrongFile, NothingMatched, WrongOption, NoEngine.
    """
    return _perform("run", _these(scenarios), options, env=env, cwd=cwd, watch=watch, halt=halt)


def lesson(
    file: str | os.PathLike[str] | None = None,
    options: Options = DEFAULTS,
    *,
    paths: Sequence[str | os.PathLike[str]] = (),
    variables: Mapping[str, str] | None = None,
    filter: str | None = None,  # noqa: A002
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    halt: Halt | None = None,
) -> Report:
    """Play every scenario (of *paths*, else the bundled ones) that tries a claim of the lesson, and judge the claims.

    Raises WrongFile, NothingMatched, WrongOption, NoEngine.
    """
    taught = _lesson(Path(file) if file is not None else bundled_lesson())
    ids = {claim.id for claim in taught.claims}
    loaded = load(paths or [bundled_scenarios()], variables=variables, isolate=options.isolate, filter=filter)
    scenarios = tuple(scenario for scenario in _these(loaded) if ids & set(scenario.lesson))
    if not scenarios:
        raise NothingMatched("no scenario tries a claim of this lesson", "a scenario names the claims that it tries: lesson: [L1]")
    if filter is not None:
        taught = _named_by(taught, scenarios, watch)
    return _perform("lesson", scenarios, options, env=env, cwd=cwd, watch=watch, halt=halt, taught=taught)


def clean(
    options: Options = DEFAULTS,
    *,
    run: str | None = None,
    older_than_seconds: float | None = None,
    dry_run: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> Cleaned:
    """Remove what dead runs left, and nothing else; *run* and *older_than_seconds* (90 minutes or more) reach other hosts' objects too.

    Raises WrongOption, NoEngine (only where an engine was named).
    """
    from dockstore.runner.clean import LEAST_AGE_SECONDS, clean_all

    if older_than_seconds is not None and older_than_seconds < LEAST_AGE_SECONDS:
        raise WrongOption(f"older than {older_than_seconds:g} s is too young: another host's run may still be at work", "90 minutes or more")
    environ = environment(env)
    try:
        return clean_all(
            home=find_home(options.home, environ, folder_of(cwd)) or folder_of(cwd) / ".dockstore",
            addresses=options.engines,
            environ=environ,
            run=run,
            older_than_seconds=older_than_seconds,
            dry_run=dry_run,
            say=watch.note if watch is not None else silence,
        )
    except EngineError as error:
        raise no_engine(error) from error


def doctor(
    options: Options = DEFAULTS,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> Checkup:
    """Say what each vantage point can see here, and what would make it see more; nothing is changed that is not undone."""
    from dockstore.runner.doctor import examine

    environ = environment(env)
    return examine(options, env=environ, cwd=folder_of(cwd), say=watch.note if watch is not None else silence)


# --- behind them ----------------------------------------------------------------------------------------------------------


def _perform(
    command: str,
    scenarios: Sequence[Scenario],
    options: Options,
    *,
    env: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    watch: Watch | None,
    halt: Halt | None,
    taught: Lesson | None = None,
) -> Report:
    from dockstore.core.claims import judge_claims
    from dockstore.runner.halt import Halt, signals

    asked = halt or Halt()
    with signals(asked) if halt is None else nullcontext():  # first of all: a signal right after the start must not be lost
        with open_session(options, env=env, cwd=cwd, watch=watch, halt=asked) as session:
            try:
                verdicts = session.play(scenarios)
            except EngineError as error:
                raise no_engine(error) from error
        if taught is None:
            return session.report(command)
        return session.report(command, claims=judge_claims(taught, verdicts), lesson_title=taught.title)


def _these(scenarios: Sequence[Scenario] | Loaded) -> tuple[Scenario, ...]:
    """Return the scenarios to play; wrong files are said before anything is played."""
    if isinstance(scenarios, Loaded):
        if scenarios.errors:
            raise WrongFile(scenarios.errors)
        found: Sequence[Scenario] = scenarios.scenarios
    else:
        found = scenarios
    if not found:
        raise NothingMatched("no scenario matched", "scenario files end in .scenario.yaml; see --filter, --tags and --failed")
    return tuple(found)


def _lesson(file: Path) -> Lesson:
    from dockstore.core.lesson import load_lesson

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fact = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not UTF-8"
        raise WrongFile([Problem(file=str(file), line=0, column=0, fact=f"cannot be read: {fact}")]) from error
    found = load_lesson(text, str(file))
    if isinstance(found, tuple):
        raise WrongFile(found)
    return found


def _unused(variables: Mapping[str, str] | None, loaded: Loaded) -> Problem | None:
    """A variable that no file declares is a typing error, said once."""
    declared = {name for scenario in loaded.scenarios for name, _ in scenario.vars}
    missing = sorted(set(variables or {}) - declared)
    if not missing or not loaded.scenarios:
        return None
    known = ", ".join(sorted(declared)) or "none"
    return Problem(file=loaded.files[0], line=1, column=1, fact=f"no file declares the variable '{missing[0]}'", hint=f"declared by vars: {known}")


def _checked(options: Options) -> Options:
    if options.jobs is not None and options.jobs < 1:
        raise WrongOption(f"{options.jobs} jobs play nothing", "1 or more")
    if options.timeout_seconds is not None and options.timeout_seconds <= 0:
        raise WrongOption(f"a time limit of {options.timeout_seconds:g} s leaves no time", "more than 0 s")
    for path in options.allow_host_paths:
        if not path.startswith("/"):
            raise WrongOption(f"not an absolute path: '{path}'", "--allow-host-path takes paths of the engine's host")
    return options


def _named_by(taught: Lesson, scenarios: Sequence[Scenario], watch: Watch | None) -> Lesson:
    """Leave out the claims that no chosen scenario tries: they are not untested, they were not asked about."""
    named = {claim for scenario in scenarios for claim in scenario.lesson}
    claims = tuple(claim for claim in taught.claims if claim.id in named)
    if watch is not None and len(claims) < len(taught.claims):
        watch.note(f"{len(claims)} of {len(taught.claims)} claims: what is filtered out tries the others")
    return replace(taught, claims=claims)
