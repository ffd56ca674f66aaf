"""`dockstore engine`: the private, disposable engine, set up, started, stopped and looked at.

Rule 1: what a command makes for others to use (an address) goes to stdout, as a line that a shell can evaluate.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockstore.cli import echo, options
from dockstore.cli.main import NOTHING, OK, UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Callable


@click.group("engine", epilog='\b\nExample:\n  eval "$(dockstore engine start)"; docker ps; dockstore engine stop')
def command() -> None:
    """Set up, start, stop and look at the private engine: a dockerd of its own, yours to prune and restart."""


@command.command("setup", epilog="\b\nExample:\n  dockstore engine setup")
@options.option("--engine", "address", metavar="ADDRESS", help="be content with this engine if it answers")
@options.option("--compose", is_flag=True, help="fetch Docker Compose 2 into the cache too, if there is none")
@options.general
def setup(*, address: str | None, compose: bool, **given: Any) -> int:
    """Make sure that an engine can be had; as root on Debian, install what a private one needs."""
    from dockstore.engines import compose_cli
    from dockstore.engines.providers import debian, homes, service

    try:
        found = service.setup(_home(), os.environ, say=_say(given), wanted=address)
        if compose:
            cache = homes.cache_of(_home())
            try:
                compose_cli.find(os.environ, cache)
            except compose_cli.NoCompose:
                compose_cli.fetch(cache, say=_say(given))
    except debian.AptFailed as failure:
        echo.complain(str(failure), getattr(failure, "hint", None))
        return UNDECIDED
    echo.report(f"{found.address}\n" if found is not None else "private\n")
    return OK


@command.command("start", epilog='\b\nExample:\n  eval "$(dockstore engine start)"')
@options.general
def start(**given: Any) -> int:
    """Start the private engine; it stays until `dockstore engine stop`."""
    from dockstore.engines.providers import service

    engine = service.start(_home(), os.environ, say=_say(given))
    echo.report(f"export DOCKER_HOST={engine.address}\n")
    return OK


@command.command("stop", epilog="\b\nExample:\n  dockstore engine stop")
@options.general
def stop(**given: Any) -> int:
    """Stop the private engines that no run is using; their data stays."""
    from dockstore.engines.providers import service

    return _told(service.stop(_home(), os.environ, say=_say(given)))


@command.command("status", epilog="\b\nExample:\n  dockstore engine status --format json")
@options.option("--format", "form", type=click.Choice(["table", "json"]), default="table", metavar="FORMAT", help="table, json")
@options.general
def status(*, form: str, **_given: Any) -> int:
    """List the private engines: running or stopped, how much they hold, their address. Exit code 4: there is none."""
    from dockstore.engines.providers import service

    states = service.status(_home(), os.environ)
    if form == "json":
        engines = [
            {
                "state": "running" if state.running else "stopped",
                "kept": state.kept,
                "bytes": state.bytes_used,
                "address": state.engine.address,
                "folder": str(state.engine.folder),
            }
            for state in states
        ]
        echo.report(json.dumps({"schema": "dockstore.engines/1", "engines": engines}, indent=2) + "\n")
    elif states:
        from dockstore.reports import layout

        rows = [
            [
                ("running" if state.running else "stopped") + (", to stay" if state.kept else ""),
                f"{state.bytes_used // 1_000_000} MB",
                state.engine.address,
                str(state.engine.folder),
            ]
            for state in states
        ]
        echo.report(layout.grid(["state", "holds", "address", "folder"], rows, echo.width(os.environ)) + "\n")
    else:
        echo.say("no private engine here")
    return OK if states else NOTHING


@command.command("clean", epilog="\b\nExample:\n  dockstore engine clean")
@options.general
def clean(**given: Any) -> int:
    """Remove the private engines that no run is using, with all their data, and the cache."""
    from dockstore.engines.providers import service

    return _told(service.clean(_home(), os.environ, say=_say(given)))


def _home() -> Path:
    from dockstore.engines.providers import homes

    return homes.home_of(os.environ, Path.cwd())


def _say(given: dict[str, Any]) -> Callable[[str], None]:
    return (lambda _text: None) if given["quiet"] else echo.say


def _told(left: tuple[str, ...]) -> int:
    for line in left:
        echo.complain(f"left as it is: {line}")
    return UNDECIDED if left else OK
