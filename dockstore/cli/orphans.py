"""`dockstore orphans`: which volumes and stopped containers hold data that nothing mounts, and how to get it back.

Rule 1: read only, and there is no flag that removes anything.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, assert_never

import click

from dockstore.cli import echo, options, progress
from dockstore.cli.main import OK

if TYPE_CHECKING:
    from dockstore.core.orphans import OrphansReport

    Format = Literal["table", "json", "jsonl", "markdown"]


@options.command("orphans", "dockstore orphans --format json")
@options.option("--engine", "engine", metavar="ADDRESS", help="look on this engine; address or context:NAME")
@options.option("--helper", is_flag=True, help="where files cannot be seen: a container of ours")
@options.option("--limit-files", type=click.IntRange(min=1), default=1_000_000, metavar="N", help="look at N files of each at most")
@options.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl", "markdown"]),
    default="table",
    metavar="FORMAT",
    help="table, json, jsonl, markdown",
)
@options.general
def command(**given: Any) -> int:
    """List volumes and stopped containers with data that nothing mounts.

    For each: what it looks like, whose it was and why, and the commands that bring it back. Nothing is changed.
    """
    from dockstore import api

    engines = (given["engine"],) if given["engine"] else ()
    with progress.onlooker({**os.environ, "CI": "1"}, quiet=given["quiet"], verbose=given["verbose"], no_color=given["no_color"]) as watch:
        report = api.orphans(api.Options(engines=engines), helper=given["helper"], limit_files=given["limit_files"], env=os.environ, watch=watch)
    echo.report(rendered(report, given["form"], verbose=given["verbose"], no_color=given["no_color"]))
    return OK


def rendered(report: OrphansReport, form: Format, *, verbose: bool, no_color: bool) -> str:
    """Render the report in one format."""
    match form:
        case "table":
            from dockstore.reports import orphans_table

            color = echo.in_color(sys.stdout, os.environ, refused=no_color)
            return orphans_table.render(report, width=echo.width(os.environ), color=color, verbose=verbose)
        case "json":
            from dockstore.reports import orphans_json

            return orphans_json.render(report)
        case "jsonl":
            from dockstore.reports import orphans_json

            return orphans_json.render_lines(report)
        case "markdown":
            from dockstore.reports import orphans_markdown

            return orphans_markdown.render(report)
        case _:
            assert_never(form)
