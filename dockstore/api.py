"""What dockstore can do, as functions: load, run, judge and their like composed from core, engines and runner.

Rule 1: a function here decides nothing about data; it brings the pieces together and gives back their values.
Rule 2: what a caller can mend is an ApiError with a way out; everything else is a value in the report.

ApiError
├── WrongFile        a scenario, lesson or history that cannot be read: all problems at once
├── NothingMatched   the paths and choices leave nothing to do
├── WrongOption      a choice that cannot be
└── NoEngine         no engine there, or not for us
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dockstore.core.script import Problem
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.runner.files import Loaded, load_files
from dockstore.runner.options import Options, find_home, home_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from dockstore.core.lesson import Lesson
    from dockstore.core.orphans import OrphansReport
    from dockstore.core.script import Scenario
    from dockstore.core.stack_report import StackReport
    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.clean import Cleaned
    from dockstore.runner.doctor import Checkup
    from dockstore.runner.drill import Drills
    from dockstore.runner.drill_options import DrillOptions
    from dockstore.runner.halt import Halt
    from dockstore.runner.session import Session

__all__ = [
    "ApiError",
    "Loaded",
    "NoEngine",
    "NothingMatched",
    "Options",
    "WrongFile",
    "WrongOption",
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
    "failed_last",
    "init",
    "judge",
    "lesson",
    "load",
    "only_failed",
    "open_session",
    "orphans",
    "plan",
    "run",
    "schema",
    "validate",
]


DEFAULTS = Options()
T = TypeVar("T")


class ApiError(Exception):
    """Something that the caller can mend. *hint* is the way out."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


class WrongFile(ApiError):  # noqa: N818
    """Files that cannot be read as what they should be; *problems* has all of them, with places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the files" if count != 1 else problems[0].fact)
        self.problems = tuple(problems)


class NothingMatched(ApiError):  # noqa: N818
    """Nothing is left to do."""


class WrongOption(ApiError):  # noqa: N818
    """A choice that cannot be."""


class NoEngine(ApiError, EngineError):  # noqa: N818
    """No engine there, or not for us; an EngineError, too."""


# --- without an engine ----------------------------------------------------------------------------------------------------


def bundled_scenarios() -> Path:
    """Return the folder of the scenarios that come with dockstore: in the package, else at the top of the checkout."""
    package = Path(__file__).parent
    for folder in (package / "scenarios", package.parent / "scenarios"):
        if folder.is_dir():
            return folder
    raise NothingMatched("the bundled scenarios are missing", "install dockstore again, or name the files")


def bundled_lesson() -> Path:
    """Return the file of the lesson that comes with dockstore."""
    return Path(__file__).parent / "lessons" / "storage.lesson.yaml"


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

    Raises WrongFile for what is no history, or one whose script this dockstore cannot read.
    """
    from dockstore.runner.again import judge_again

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    report, problems = judge_again(several)
    if problems:
        raise WrongFile(problems)
    if not report.verdicts:
        raise NothingMatched("no history here", "histories lie in .dockstore/histories and end in .jsonl")
    return report


def failed_last(*, home: str | None = None, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
    """Return the real paths of the scenario files that failed last time, for `load(only=...)`."""
    from dockstore.runner.last import read_failed

    folder = find_home(home, _environment(env), _folder(cwd))
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

    environ = _environment(env)
    return Session(_checked(options), env=environ, home=_home(options, environ, _folder(cwd)), watch=watch, halt=halt)


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
    environ = _environment(env)
    try:
        return clean_all(
            home=find_home(options.home, environ, _folder(cwd)) or _folder(cwd) / ".dockstore",
            addresses=options.engines,
            environ=environ,
            run=run,
            older_than_seconds=older_than_seconds,
            dry_run=dry_run,
            say=watch.note if watch is not None else _silence,
        )
    except EngineError as error:
        raise _no_engine(error) from error


def doctor(
    options: Options = DEFAULTS,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> Checkup:
    """Say what each vantage point can see here, and what would make it see more; nothing is changed that is not undone."""
    from dockstore.runner.doctor import examine

    environ = _environment(env)
    return examine(options, env=environ, cwd=_folder(cwd), say=watch.note if watch is not None else _silence)


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
                raise _no_engine(error) from error
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
        raise WrongFile([Problem(file=str(file), line=1, column=1, fact=f"cannot be read: {fact}")]) from error
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


def _home(options: Options, environ: Mapping[str, str], cwd: Path) -> Path:
    try:
        return home_folder(options.home, environ, cwd)
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise WrongOption(
            f"{error.filename or options.home or environ.get('DOCKSTORE_HOME') or cwd}: {fact}", "set DOCKSTORE_HOME to a folder that can be written"
        ) from error


def _named_by(taught: Lesson, scenarios: Sequence[Scenario], watch: Watch | None) -> Lesson:
    """Leave out the claims that no chosen scenario tries: they are not untested, they were not asked about."""
    named = {claim for scenario in scenarios for claim in scenario.lesson}
    claims = tuple(claim for claim in taught.claims if claim.id in named)
    if watch is not None and len(claims) < len(taught.claims):
        watch.note(f"{len(claims)} of {len(taught.claims)} claims: what is filtered out tries the others")
    return replace(taught, claims=claims)


def _no_engine(error: EngineError) -> NoEngine:
    return NoEngine(str(error), error.hint if isinstance(error, Unreachable) else "dockstore doctor says what can be seen from here")


def _environment(env: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if env is None else env


def _folder(cwd: str | os.PathLike[str] | None) -> Path:
    return Path.cwd() if cwd is None else Path(cwd)


def _silence(_text: str) -> None:
    """Nobody listens."""


# --- audit (read only) ----------------------------------------------------------------------------------------------------


def audit(
    *targets: str | os.PathLike[str],
    files: Sequence[str] = (),
    project: str | None = None,
    profiles: Sequence[str] = (),
    env_files: Sequence[str] = (),
    upgrade: Sequence[str] = (),
    upgrade_images: Mapping[str, str] | None = None,
    stateless: Collection[str] = (),
    everything: bool = False,
    engine: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[StackReport, ...]:
    """Tell where data lives and what would lose it, one report for each target; nothing is run or changed.

    A target is a Compose file, a folder with one, `image:NAME`, `container:NAME` or `project:NAME`; *files* are merged into one stack.
    Raises WrongFile, WrongOption, NothingMatched, NoEngine.
    """
    from dockstore.runner.audit import AuditOptions, NoSuchTarget, WrongCompose, audit_all

    options = AuditOptions(
        targets=tuple(os.fspath(target) for target in targets),
        files=tuple(files),
        project=project,
        profiles=tuple(profiles),
        env_files=tuple(env_files),
        upgrade=tuple(upgrade),
        upgrade_images=tuple((upgrade_images or {}).items()),
        stateless=tuple(stateless),
        everything=everything,
        engine=engine,
    )
    try:
        return audit_all(options, env=_environment(env), cwd=_folder(cwd).absolute(), say=say or _silence)
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoSuchTarget as error:
        raise (NothingMatched if error.missing else WrongOption)(str(error), error.hint) from error
    except Unreachable as error:
        raise _no_engine(error) from error


def explain(rule: str) -> str:
    """Return the page of a rule such as `DS301`. Raises WrongOption."""
    from dockstore.runner.audit import NoSuchTarget
    from dockstore.runner.audit import explain as page

    try:
        return page(rule)
    except NoSuchTarget as error:
        raise WrongOption(str(error), error.hint) from error


# --- orphans, init (read only) --------------------------------------------------------------------------------------------


def orphans(
    options: Options = DEFAULTS,
    *,
    helper: bool = False,
    limit_files: int = 1_000_000,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> OrphansReport:
    """Find data that nothing mounts: what it looks like, whose it was, how to get it back. Nothing is changed, and nothing is ever removed.

    *helper*: where the host's files cannot be seen, look through a container of our own, removed at the end. Raises NoEngine.
    """
    from dockstore.runner.orphans import find_orphans

    say = watch.note if watch is not None else _silence
    try:
        return find_orphans(options, _environment(env), _folder(cwd), helper=helper, limit_files=limit_files, say=say)
    except EngineError as error:
        raise _no_engine(error) from error


def init(
    target: str | os.PathLike[str],
    options: Options = DEFAULTS,
    *,
    extension: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> str:
    """Return a scenario file (or an `x-dockstore` block) for a Compose file or its folder, `container:NAME` or `project:NAME`.

    Raises WrongFile, WrongOption, NothingMatched, NoEngine.
    """
    from dockstore.runner.init import NoTarget, WrongCompose, draw

    try:
        return draw(os.fspath(target), options, _environment(env), _folder(cwd).absolute(), extension=extension)
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoTarget as error:
        raise (NothingMatched if error.missing else WrongOption)(str(error), error.hint) from error
    except Unreachable as error:
        raise _no_engine(error) from error


# --- drill (on a copy) ----------------------------------------------------------------------------------------------------


def drill(
    *targets: str | os.PathLike[str],
    files: Sequence[str] = (),
    events: Sequence[str] = (),
    skip: Sequence[str] = (),
    quick: bool = False,
    upgrade: Sequence[str] = (),
    upgrade_images: Mapping[str, str] | None = None,
    probes: str | os.PathLike[str] | None = None,
    must_survive: Sequence[str] = (),
    ignore: Sequence[str] = (),
    engine: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] | None = None,
    halt: Halt | None = None,
) -> tuple[StackReport, ...]:
    """Bring up a copy of each stack, play the events, and tell what survives, one report for each.

    A target is a Compose file, a folder with one, or `image:NAME`; *files* are merged into one stack. `drill_with` takes every choice.
    Raises WrongFile, WrongOption, NoEngine.
    """
    from dockstore.runner.drill_options import DrillOptions

    options = DrillOptions(
        targets=tuple(os.fspath(target) for target in targets),
        files=tuple(files),
        events=tuple(events),
        skip=tuple(skip),
        quick=quick,
        upgrade=tuple(upgrade),
        upgrade_images=tuple((upgrade_images or {}).items()),
        probes=os.fspath(probes) if probes is not None else None,
        must_survive=tuple(must_survive),
        ignore=tuple(ignore),
        engine=engine,
    )
    return drill_with(options, env=env, cwd=cwd, say=say, halt=halt)


def drill_with(
    options: DrillOptions,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] | None = None,
    halt: Halt | None = None,
) -> tuple[StackReport, ...]:
    """As `drill`, with every choice there is. Who gives a *halt* sees to signals himself."""
    from dockstore.runner.halt import Halt, signals

    asked = halt or Halt()
    with signals(asked) if halt is None else nullcontext():
        return _drills(options, env, cwd, say, asked, lambda drills: drills.all())


def drill_plan(
    options: DrillOptions,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    say: Callable[[str], None] | None = None,
) -> str:
    """Return what a drill would do, as commands; no engine is asked. Raises WrongFile, WrongOption, NoEngine."""
    from dockstore.runner.halt import Halt

    return _drills(options, env, cwd, say, Halt(), lambda drills: drills.plans())


def drill_fix(reports: Sequence[StackReport]) -> str | None:
    """Return the Compose file that, merged over the stack, keeps what a drill lost; None: nothing that a file could mend."""
    return next((report.override for report in reports if report.override is not None), None)


def _drills(
    options: DrillOptions,
    env: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    say: Callable[[str], None] | None,
    halt: Halt,
    act: Callable[[Drills], T],
) -> T:
    from dockstore.core.stack_events import NoSuchEvent, parse
    from dockstore.engines.compose_cli import NoCompose
    from dockstore.runner.compose_files import WrongCompose
    from dockstore.runner.drill import Drills
    from dockstore.runner.drill_sources import NoSuchStack

    environ, folder = _environment(env), _folder(cwd).absolute()
    try:
        chosen = replace(options, events=parse(options.events), skip=parse(options.skip))
    except NoSuchEvent as error:
        raise WrongOption(str(error), error.hint) from error
    home = _home(Options(home=options.home), environ, folder)
    try:
        return act(Drills(options=chosen, env=environ, cwd=folder, home=home, say=say or _silence, halt=halt))
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoSuchStack as error:
        raise WrongOption(str(error), error.hint) from error
    except NoCompose as error:
        raise NoEngine(str(error), error.hint) from error
    except EngineError as error:
        raise NoEngine(str(error), getattr(error, "hint", None) or "dockstore doctor says what can be seen from here") from error
