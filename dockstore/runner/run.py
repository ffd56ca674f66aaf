"""Perform each step, note what happened, always tidy up.

Rule 1: effects come in as arguments; the record is written as things happen, so a run that is killed leaves a readable history.
Rule 2: nothing here judges. A refusal that the scenario did not name ends the run; one that it named is an outcome like any other.
Rule 3: whatever happens, evidence is kept before tidying up, and tidying up is tried; what is left is said.
"""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dockstore import __version__
from dockstore.core.history import Footer, Header, History
from dockstore.core.model import Completion
from dockstore.core.plan import plan, scratch_folder
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.engines.lab import LAB_IMAGE, ensure_lab_image
from dockstore.runner import scratch
from dockstore.runner.containers import prepare
from dockstore.runner.ends import keep_evidence, tidy_up
from dockstore.runner.perform import perform
from dockstore.runner.settings import RunOptions
from dockstore.runner.stage import Stage, Undoable
from dockstore.runner.visits import group_at, perform_visit
from dockstore.runner.wording import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.core.history import Event
    from dockstore.core.plan import RunIdentity
    from dockstore.core.script import AnyStep, Scenario
    from dockstore.runner.settings import Halting, Opened
    from dockstore.runner.stage import Done

__all__ = ["RunOptions", "run"]

HISTORY_FORMAT = 1
SCRATCH_ROOT = "/var/tmp"  # noqa: S108  # a folder of the engine's host; what is made in it bears the run's id
TWO_ENGINES = "two-engines"


def run(
    scenario: Scenario,
    *,
    opened: Opened,
    identity: RunIdentity,
    ordinal: int,
    record: Callable[[Header | Event], None],
    halt: Halting,
    options: RunOptions,
) -> History:
    """Play *scenario* and return what was done and seen; every event goes to *record* as it happens."""
    engine = opened.engine
    root = options.scratch_root or str(getattr(opened, "scratch_root", SCRATCH_ROOT))
    lab_image = options.lab_image or LAB_IMAGE
    planned = plan(scenario, engine.info, identity, ordinal=ordinal, scratch=scratch_folder(root, identity, ordinal), lab_image=lab_image)
    unmet = planned.unmet
    if options.second is None and TWO_ENGINES in (*scenario.needs, *scenario.implied_needs) and TWO_ENGINES not in unmet:
        unmet = (*unmet, TWO_ENGINES)
    header = Header(
        version=HISTORY_FORMAT,
        dockstore=__version__,
        run=identity.run,
        started=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        file=scenario.file,
        text=options.text if options.text is not None else scenario.text,
        vars=dict(options.variables if options.variables is not None else scenario.vars),
        isolate=scenario.isolated,
        mutant=options.mutant,
        engine=engine.info,
        unmet=unmet,
    )
    record(header)
    if unmet:
        footer = Footer(ended=0.0, stopped_at=None, reason=None)
        record(footer)
        return History(header=header, events=(footer,))
    stage = Stage(scenario, plan=planned, opened=opened, options=options, halt=halt, record=record, scratch=planned.scratch, lab_image=lab_image)
    play(stage)
    return History(header=header, events=tuple(stage.events))


def play(stage: Stage) -> None:
    """Set up, play, keep evidence of a failure, tidy up, and write the last line."""
    stopped: tuple[str | None, str | None] = (None, None)
    try:
        stopped = _played(stage)
    except Exception as exc:  # noqa: BLE001  # a fault of ours ends one history, which says so; not the other scenarios
        stage.remark("run", traceback.format_exc())
        stopped = (stage.at, f"the runner failed: {type(exc).__name__}: {exc}")
    except BaseException as exc:
        stopped = (stage.at, f"left at once: {type(exc).__name__}")
        raise
    finally:
        if not stage.halt.at_once:
            _end(stage, *stopped)


def _end(stage: Stage, stopped_at: str | None, reason: str | None) -> None:
    leftovers = tidy_up(stage)
    stage.note(
        Footer(
            ended=stage.clock(), stopped_at=stopped_at, reason=reason, interrupted=stage.halt.interrupted and reason is not None, leftovers=leftovers
        )
    )


def _played(stage: Stage) -> tuple[str | None, str | None]:
    """Play the steps; return where and why the run ended early, (None, None) if it did not."""
    try:
        if stage.options.lab_image is None:
            ensure_lab_image(stage.seat.engine, cache=getattr(stage.opened, "cache", None))
        if scratch.is_needed(stage):
            scratch.make(stage)
    except (EngineError, Unseen, Undoable, OSError) as exc:
        return "0", f"the set-up failed: {exc}"
    built: dict[str, bytes] = {}
    steps = stage.scenario.steps
    index = 0
    while index < len(steps):
        stage.at = str(index)
        if stage.halt.asked:
            return str(index), stage.halt.reason or "a stop was asked for"
        try:
            prepare(stage, index, built)
        except (EngineError, Unseen, Undoable, OSError) as exc:
            return str(index), f"the set-up failed: {exc}"
        group = group_at(stage, steps, index)
        if group:
            failure = perform_visit(stage, group)
            if failure is not None:
                return _stopped(stage, failure[0], steps[int(failure[0])], failure[1])
            index += len(group)
            continue
        done = perform(stage, str(index), steps[index])
        if stage.halt.asked and done.completion is Completion.UNSURE:
            return str(index), stage.halt.reason or "a stop was asked for"
        if done.completion is not Completion.OK and steps[index].label is None and not is_look(steps[index]):
            return _stopped(stage, str(index), steps[index], done)
        index += 1
    return None, None


def is_look(step: AnyStep) -> bool:
    """Whether *step* only looks: then its failure is its own."""
    return hasattr(step, "look")


def _stopped(stage: Stage, number: str, step: AnyStep, done: Done) -> tuple[str, str]:
    """Keep the evidence of a step that ended the run; return where and why."""
    verb, subject = words(step)
    if stage.halt.asked:
        return number, stage.halt.reason or "a stop was asked for"
    keep_evidence(stage, tuple(name for name in stage.boxes if name in {subject, getattr(step, "container", None)}))
    how = "was refused" if done.completion is Completion.FAIL else "is not known to have happened"
    status = f" with {done.status}" if done.status is not None else ""
    return number, f"'{verb} {subject}' {how}{status}" + (f": {done.message}" if done.message else "")
