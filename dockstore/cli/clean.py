"""`dockstore clean`: remove what dead runs left behind, and nothing else."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from dockstore.cli import echo, options, progress
from dockstore.cli.main import OK, UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.runner.clean import Cleaned


@options.command("clean", "dockstore clean --dry-run")
@options.option("--run", "run_id", metavar="ID", help="what the run ID left, wherever it was started")
@options.option("--older-than", type=options.Duration(), metavar="TIME", help="other hosts' objects older than TIME too (90m or more)")
@options.option("--engine", "engines", multiple=True, metavar="ADDRESS", help="look on this engine; repeatable")
@options.option("--plan", "--dry-run", "plan", is_flag=True, help="say what would be removed")
@options.option("--format", "form", type=click.Choice(["table", "json"]), default="table", metavar="FORMAT", help="table, json")
@options.general
def command(**given: Any) -> int:
    """Remove containers, volumes, folders and private engines that dead runs left behind."""
    from dockstore import api

    with progress.onlooker({**os.environ, "CI": "1"}, quiet=given["quiet"], verbose=given["verbose"], no_color=given["no_color"]) as watch:
        cleaned = api.clean(
            api.Options(engines=tuple(given["engines"])),
            run=given["run_id"],
            older_than_seconds=given["older_than"],
            dry_run=given["plan"],
            env=os.environ,
            watch=watch,
        )
    echo.report(json.dumps(_document(cleaned), indent=2, ensure_ascii=False) + "\n" if given["form"] == "json" else _text(cleaned))
    return UNDECIDED if cleaned.left else OK


def _text(cleaned: Cleaned) -> str:
    verb = "would be removed" if cleaned.dry_run else "removed"
    lines = [f"{verb}: {item} (run {item.run[:12]}, {item.engine})" for item in cleaned.removed]
    lines += [f"left: {left.item} (run {left.item.run[:12]}, {left.item.engine}): {left.reason}" for left in cleaned.left]
    lines += [f"at work: run {run[:12]}" for run in cleaned.at_work]
    lines += [f"another host's: run {run[:12]}; --run {run} takes it" for run in cleaned.others]
    lines += list(cleaned.notes)
    if not cleaned.removed and not cleaned.left:
        lines.append("nothing to clean")
    return "".join(f"{line}\n" for line in lines)


def _document(cleaned: Cleaned) -> dict[str, object]:
    def items(found: Sequence[Any]) -> list[dict[str, str]]:
        return [{"kind": item.kind, "id": item.id, "name": item.name, "run": item.run, "engine": item.engine} for item in found]

    left = [{**one, "reason": kept.reason} for kept, one in zip(cleaned.left, items([kept.item for kept in cleaned.left]), strict=True)]
    return {
        "schema": "dockstore.clean/1",
        "dry_run": cleaned.dry_run,
        "removed": items(cleaned.removed),
        "left": left,
        "at_work": list(cleaned.at_work),
        "others": list(cleaned.others),
        "notes": list(cleaned.notes),
    }
