"""`dockstore doctor`: what each vantage point can see from here, and what would make it see more."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from dockstore.cli import echo, options, progress
from dockstore.cli.main import OK, UNDECIDED

if TYPE_CHECKING:
    from dockstore.runner.doctor import Checkup

_STYLES: Final = {"yes": "good", "no": "bad", "unknown": "unsure"}


@options.command("doctor", "dockstore doctor --engine ssh://user@host")
@options.option("--engine", "engines", multiple=True, metavar="ADDRESS", help="an address, private, dind or context:NAME")
@options.option("--disposable", is_flag=True, help="the engine is yours to prune and restart")
@options.option("--format", "form", type=click.Choice(["table", "json"]), default="table", metavar="FORMAT", help="table, json")
@options.general
def command(**given: Any) -> int:
    """Tell which engine is used, what can be seen of it, and which scenarios it can play."""
    from dockstore import api

    chosen = api.Options(engines=tuple(given["engines"]), disposable=given["disposable"])
    with progress.onlooker({**os.environ, "CI": "1"}, quiet=given["quiet"], verbose=given["verbose"], no_color=given["no_color"]) as watch:
        checkup = api.doctor(chosen, env=os.environ, watch=watch)
    if given["form"] == "json":
        echo.report(json.dumps(_document(checkup), indent=2, ensure_ascii=False) + "\n")
    else:
        color = echo.in_color(sys.stdout, os.environ, refused=given["no_color"])
        echo.report(text(checkup, width=echo.width(os.environ), color=color))
    return OK if checkup.healthy else UNDECIDED


def text(checkup: Checkup, *, width: int, color: bool) -> str:
    """Return a checkup as a person reads it."""
    from dockstore.reports import layout, phrases

    rows = []
    for check in checkup.checks:
        fact = phrases.line(check.fact) + (f" (way out: {phrases.line(check.way_out)})" if check.way_out else "")
        rows.append([phrases.line(check.name), layout.paint(check.state.value, _STYLES.get(check.state.value, "soft"), color=color), fact])
    blocks = [layout.grid(["what", "can", "found"], rows, min(max(width, 60), 200))]
    if checkup.engine is not None:
        blocks.append(f"engine: {phrases.engine_words(checkup.engine)} at {phrases.address(checkup.engine.address)}")
    has = [name for name, there in checkup.capabilities.items() if there]
    lacks = [name for name, there in checkup.capabilities.items() if not there]
    blocks += [layout.wrap(f"it can: {', '.join(has)}", width, "  ")] if has else []
    blocks += [layout.wrap(f"it cannot: {', '.join(lacks)}", width, "  ")] if lacks else []
    return "\n\n".join(blocks) + "\n"


def _document(checkup: Checkup) -> dict[str, object]:
    from dockstore.reports import json_report

    return {
        "schema": "dockstore.doctor/1",
        "healthy": checkup.healthy,
        "checks": [
            {"name": check.name, "state": check.state.value, "fact": check.fact, "way_out": check.way_out, "vital": check.vital}
            for check in checkup.checks
        ],
        "engine": None if checkup.engine is None else json_report.engine("e1", checkup.engine),
        "capabilities": dict(checkup.capabilities),
    }
