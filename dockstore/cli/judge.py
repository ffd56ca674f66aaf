"""`dockstore judge`: rule again on stored histories, without an engine."""

from __future__ import annotations

import os
from typing import Any

import click

from dockstore.cli import emit, options, play


@options.command("judge", "dockstore judge .dockstore/histories/*.jsonl --format json")
@click.argument("histories", nargs=-1, required=True, metavar="HISTORY...")
@options.reporting
@options.general
def command(histories: tuple[str, ...], **given: Any) -> int:
    """Rule again on histories of earlier runs, with this version's judge; no engine is asked."""
    return again(histories, given)


def again(histories: tuple[str, ...], given: dict[str, Any]) -> int:
    """Judge stored histories and write the reports; return the exit code."""
    from dockstore import api
    from dockstore.core.outcome import exit_code

    where = play.outputs(given)
    report = api.judge(histories)
    emit.emit(report, where, os.environ)
    return exit_code(report)
