"""Stacks: audit, drill, orphans, init.

Rule 1: a function here decides nothing about data; it brings the pieces together and gives back their values.
Rule 2: what a caller can mend is an ApiError with a way out; everything else is a value in the report.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from dockstore.engines.errors import EngineError, Unreachable
from dockstore.runner.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from dockstore.core.orphans import OrphansReport
    from dockstore.core.stack_report import StackReport
    from dockstore.core.watch import Watch
    from dockstore.runner.drill import Drills
    from dockstore.runner.drill_options import DrillOptions
    from dockstore.runner.halt import Halt
from dockstore.api.calling import NoEngine, NothingMatched, WrongFile, WrongOption, environment, folder_of, home_of, no_engine, silence

DEFAULTS = Options()
T = TypeVar("T")


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
        return audit_all(options, env=environment(env), cwd=folder_of(cwd).absolute(), say=say or silence)
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoSuchTarget as error:
        raise (NothingMatched if error.missing else WrongOption)(str(error), error.hint) from error
    except Unreachable as error:
        raise no_engine(error) from error


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

    say = watch.note if watch is not None else silence
    try:
        return find_orphans(options, environment(env), folder_of(cwd), helper=helper, limit_files=limit_files, say=say)
    except EngineError as error:
        raise no_engine(error) from error


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
        return draw(os.fspath(target), options, environment(env), folder_of(cwd).absolute(), extension=extension)
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoTarget as error:
        raise (NothingMatched if error.missing else WrongOption)(str(error), error.hint) from error
    except Unreachable as error:
        raise no_engine(error) from error


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

    environ, folder = environment(env), folder_of(cwd).absolute()
    try:
        chosen = replace(options, events=parse(options.events), skip=parse(options.skip))
    except NoSuchEvent as error:
        raise WrongOption(str(error), error.hint) from error
    home = home_of(Options(home=options.home), environ, folder)
    try:
        return act(Drills(options=chosen, env=environ, cwd=folder, home=home, say=say or silence, halt=halt))
    except WrongCompose as error:
        raise WrongFile(error.problems) from error
    except NoSuchStack as error:
        raise WrongOption(str(error), error.hint) from error
    except NoCompose as error:
        raise NoEngine(str(error), error.hint) from error
    except EngineError as error:
        raise NoEngine(str(error), getattr(error, "hint", None) or "dockstore doctor says what can be seen from here") from error
