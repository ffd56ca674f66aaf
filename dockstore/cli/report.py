"""`dockstore report`: render stored histories."""

from __future__ import annotations

from typing import Any

import click

from dockstore.cli import judge, options, stack_emit


@options.command("report", "dockstore report .dockstore/histories --html report.html")
@click.argument("histories", nargs=-1, required=True, metavar="HISTORY...")
@stack_emit.reporting
@options.general
def command(histories: tuple[str, ...], **given: Any) -> int:
    """Render histories of earlier runs and drills (files or folders) in any format; no engine is asked."""
    return judge.again(histories, given)
