"""`dockstore judge`: rule again on stored histories, without an engine."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import click

from dockstore.cli import echo, emit, options, stack_emit

if TYPE_CHECKING:
    from dockstore.runner.again import Again

_OF_BOTH: Final = ("table", "json", "jsonl", "markdown")  # formats that hold scenarios and drills


@options.command("judge", "dockstore judge .dockstore/histories/*.jsonl --format json")
@click.argument("histories", nargs=-1, required=True, metavar="HISTORY...")
@stack_emit.reporting
@options.general
def command(histories: tuple[str, ...], **given: Any) -> int:
    """Rule again on histories of earlier runs and drills, with this version's judge; no engine is asked."""
    return again(histories, given)


def again(histories: tuple[str, ...], given: dict[str, Any]) -> int:
    """Judge stored histories and write the reports; return the exit code."""
    from dockstore import api
    from dockstore.core import outcome, stack_outcome

    where = stack_emit.outputs(given)
    told = api.judge_all(histories)
    if not told.report.verdicts:
        stack_emit.emit_stacks(told.drills, where, os.environ)
        return stack_outcome.exit_code(told.drills)
    _check(told, where)
    if told.drills:
        _emit_both(told, where)
        return outcome.worst((outcome.exit_code(told.report), stack_outcome.exit_code(told.drills)))
    form, files = cast("emit.Format", where.form), cast("tuple[tuple[emit.Format, Any], ...]", where.files)
    emit.emit(told.report, emit.Outputs(form=form, files=files, verbose=where.verbose, no_color=where.no_color), os.environ)
    return outcome.exit_code(told.report)


def _check(told: Again, where: stack_emit.StackOutputs) -> None:
    """Refuse a format that cannot hold what the histories are of. Raises UsageError."""
    for form in (where.form, *(form for form, _ in where.files)):
        if told.drills and form not in _OF_BOTH:
            raise click.UsageError(f"no {form} holds scenarios and drills at once\n  hint: name those of one kind, or ask for {', '.join(_OF_BOTH)}")
        if form not in options.FORMATS:
            raise click.UsageError(f"{form} is a format for drills, and these are scenarios' histories\n  hint: one of: {', '.join(options.FORMATS)}")


def _emit_both(told: Again, where: stack_emit.StackOutputs) -> None:
    """Write both kinds of report, one after the other."""
    for form, file in where.files:
        emit.save(file, _rendered(told, form, where, width=100, color=False))
    color = echo.in_color(sys.stdout, os.environ, refused=where.no_color)
    echo.report(_rendered(told, where.form, where, width=echo.width(os.environ), color=color))
    emit.tell_github(told.report, os.environ)
    stack_emit.tell_github(told.drills, where.form, os.environ)


def _rendered(told: Again, form: str, where: stack_emit.StackOutputs, *, width: int, color: bool) -> str:
    scenarios = emit.rendered(told.report, cast("emit.Format", form), width=width, color=color, verbose=where.verbose)
    drills = stack_emit.rendered(told.drills, form, width=width, color=color, verbose=where.verbose)
    if form != "json":
        return f"{scenarios}\n{drills}" if form != "jsonl" else scenarios + drills
    several = json.loads(drills)
    return json.dumps([json.loads(scenarios), *(several if isinstance(several, list) else [several])], indent=2, ensure_ascii=False) + "\n"
