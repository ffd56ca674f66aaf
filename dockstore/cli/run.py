"""`dockstore run`: play scenario files or folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from dockstore.cli import echo, options, play
from dockstore.cli.main import NOTHING, OK, USAGE

if TYPE_CHECKING:
    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.halt import Halt


@options.command("run", "dockstore run scenarios/ --tags volume --mutants --report junit=report.xml")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.reading
@options.option("--failed", is_flag=True, help="only what failed last time")
@options.playing
@options.reporting
@options.general
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Play scenario files or folders (this folder unless named) and say of each whether it holds."""
    from dockstore import api

    where = play.outputs(given)
    chosen = play.options(given)
    failed = api.failed_last(env=os.environ) if given["failed"] else None
    if failed == ():
        echo.complain("nothing failed last time", "leave --failed out to play everything")
        return NOTHING
    loaded = api.load(
        paths or (".",),
        variables=dict(given["variables"]),
        isolate=given["isolate"],
        filter=given["wanted"],
        tags=options.tags(given["tags"]),
        only=failed,
    )
    play.show_problems(loaded.problems)
    if loaded.errors:
        return USAGE
    if given["plan"]:
        play.show_plan(loaded.scenarios)
        return OK if loaded.scenarios else NOTHING

    def perform(watch: Watch, halt: Halt) -> Report:
        return api.run(loaded, chosen, env=os.environ, watch=watch, halt=halt)

    return play.perform(perform, where, quiet=given["quiet"], verbose=given["verbose"])
