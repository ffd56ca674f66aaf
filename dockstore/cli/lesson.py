"""`dockstore lesson`: every claim of a lesson, its verdict on this engine, the nuance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockstore.cli import options, play
from dockstore.cli.main import NOTHING, OK

if TYPE_CHECKING:
    from dockstore.core.verdict import Report
    from dockstore.core.watch import Watch
    from dockstore.runner.halt import Halt


@options.command("lesson", "dockstore lesson --html lesson.html")
@click.argument("file", required=False, metavar="[FILE]")
@options.option("--scenarios", "paths", multiple=True, metavar="PATH", help="files that try its claims; repeatable")
@options.choosing
@options.playing
@options.reporting
@options.general
def command(file: str | None, paths: tuple[str, ...], **given: Any) -> int:
    """Try every claim of a lesson (the bundled one unless named): claim, verdict, nuance."""
    from dockstore import api

    where = play.outputs(given)
    chosen = play.options(given)
    variables = dict(given["variables"])
    if given["plan"]:
        return _plan(file, paths, variables, given)

    def perform(watch: Watch, halt: Halt) -> Report:
        return api.lesson(file, chosen, paths=paths, variables=variables, filter=given["wanted"], env=os.environ, watch=watch, halt=halt)

    return play.perform(perform, where, quiet=given["quiet"], verbose=given["verbose"])


def _plan(file: str | None, paths: tuple[str, ...], variables: dict[str, str], given: dict[str, Any]) -> int:
    """Print what would be done for every claim of the lesson."""
    from dockstore import api
    from dockstore.core.lesson import load_lesson

    name = Path(file) if file is not None else api.bundled_lesson()
    taught = load_lesson(name.read_bytes(), str(name))
    if isinstance(taught, tuple):
        raise api.WrongFile(taught)
    loaded = api.load(paths or (api.bundled_scenarios(),), variables=variables, isolate=given["isolate"], filter=given["wanted"])
    if loaded.errors:
        raise api.WrongFile(loaded.errors)
    ids = {claim.id for claim in taught.claims}
    scenarios = [scenario for scenario in loaded.scenarios if ids & set(scenario.lesson)]
    play.show_plan(scenarios)
    return OK if scenarios else NOTHING
