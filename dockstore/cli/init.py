"""`dockstore init`: a scenario file, or an `x-dockstore` block, from a container or a stack.

Rule 1: a file that is there is never written over, unless that was asked for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from dockstore.cli import echo, options
from dockstore.cli.main import OK


@options.command("init", "dockstore init project:shop -o shop.scenario.yaml")
@click.argument("target", metavar="TARGET")
@options.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="write to FILE, not to stdout")
@options.option("--force", is_flag=True, help="write over FILE if it is there")
@options.option("--x-dockstore", "extension", is_flag=True, help="an x-dockstore block instead: how to ask each service")
@options.option("--engine", "engine", metavar="ADDRESS", help="the engine to ask; address or context:NAME")
@options.general
def command(target: str, **given: Any) -> int:
    """Write a scenario file from TARGET, to read, run and change.

    TARGET is a Compose file or its folder, container:NAME or project:NAME. Mounts and images are the user's; no value of a variable is copied.
    """
    from dockstore import api

    output: Path | None = given["output"]
    if output is not None and os.path.lexists(output) and not given["force"]:
        raise click.UsageError(f"{output} is there already\n  hint: --force writes over it")
    engines = (given["engine"],) if given["engine"] else ()
    text = api.init(target, api.Options(engines=engines), extension=given["extension"], env=os.environ)
    if output is None:
        echo.report(text)
        return OK
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    if not given["quiet"]:
        way_on = f"docker compose -f COMPOSE_FILE -f {output} config" if given["extension"] else f"dockstore run {output}"
        echo.say(f"written: {output}; then: {way_on}")
    return OK
