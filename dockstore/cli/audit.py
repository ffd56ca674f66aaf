"""`dockstore audit`: where each path's data lives, what would lose it, how to change it; nothing is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from dockstore.cli import echo, options, stack_emit
from dockstore.cli.main import OK


class ServiceImage(options.Variable):
    """`SERVICE=IMAGE`."""

    name = "service=image"


@options.command("audit", "dockstore audit compose.yaml --report sarif=dockstore.sarif")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@options.option("-f", "--file", "files", multiple=True, metavar="FILE", help="a Compose file; several are merged, as docker compose does")
@options.option("-p", "--project-name", "project", metavar="NAME", help="the project's name")
@options.option("--profile", "profiles", multiple=True, metavar="NAME", help="look at services of this profile too; repeatable, '*' for all")
@options.option("--env-file", "env_files", multiple=True, metavar="FILE", help="in place of .env; repeatable")
@options.option("--upgrade", multiple=True, metavar="FILE", help="a Compose file merged over the stack: what it is upgraded to")
@options.option("--upgrade-image", "upgrade_images", multiple=True, type=ServiceImage(), metavar="SERVICE=IMAGE", help="the image it is upgraded to")
@options.option("--stateless", multiple=True, metavar="SERVICE", help="keeps nothing outside its mounts; repeatable")
@options.option("--all", "everything", is_flag=True, help="every project and container of the engine")
@options.option("--engine", metavar="ADDRESS", help="address or context:NAME; none: ask no engine")
@options.option("--allow-undecided", is_flag=True, help="exit code 0 where only a drill can tell")
@options.option("--explain", metavar="RULE", help="print the page of a rule, such as DS301")
@stack_emit.reporting
@options.general
def command(targets: tuple[str, ...], **given: Any) -> int:
    """Tell where data lives and what would lose it, without running anything.

    A TARGET is a Compose file, a folder with one (this folder unless named), image:NAME, container:NAME or project:NAME.
    """
    from dockstore import api
    from dockstore.core.stack_outcome import exit_code

    if given["explain"]:
        echo.report(api.explain(given["explain"]))
        return OK
    if given["everything"] and (targets or given["files"]):
        raise click.UsageError("--all looks at the whole engine, so it takes no target")
    where = stack_emit.outputs(given)
    reports = api.audit(
        *targets,
        files=given["files"],
        project=given["project"],
        profiles=given["profiles"],
        env_files=given["env_files"],
        upgrade=given["upgrade"],
        upgrade_images=dict(given["upgrade_images"]),
        stateless=given["stateless"],
        everything=given["everything"],
        engine=given["engine"],
        env=os.environ,
        cwd=Path.cwd(),
        say=(lambda _text: None) if given["quiet"] else echo.say,
    )
    stack_emit.emit_stacks(reports, where, os.environ)
    return exit_code(reports, allow_undecided=given["allow_undecided"])
