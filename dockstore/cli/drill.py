"""`dockstore drill`: bring up a copy of a stack, see where it writes, play the events, print what survives."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dockstore.cli import echo, options, stack_emit
from dockstore.cli.main import OK, UNDECIDED

if TYPE_CHECKING:
    from dockstore.core.stack_report import StackReport

_SIGNALLED: Final = 128


class ServiceImage(options.Variable):
    """`SERVICE=IMAGE`."""

    name = "service=image"


class ServiceCommand(options.Variable):
    """`SERVICE: COMMAND`."""

    name = "service: command"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return service and command."""
        if isinstance(value, tuple):
            return value
        service, colon, command = str(value).partition(":")
        if not colon or not service.strip() or not command.strip():
            self.fail(f"{value!r} is not 'SERVICE: COMMAND'", param, ctx)
        return service.strip(), command.strip()


what = options.together(
    options.option("-f", "--file", "files", multiple=True, metavar="FILE", help="a Compose file; several are merged"),
    options.option("--profile", "profiles", multiple=True, metavar="NAME", help="services of this profile too; repeatable"),
    options.option("--env-file", "env_files", multiple=True, metavar="FILE", help="in place of .env; repeatable"),
    options.option("--upgrade", multiple=True, metavar="FILE", help="a Compose file merged over the stack: its upgrade"),
    options.option(
        "--upgrade-image", "upgrade_images", multiple=True, type=ServiceImage(), metavar="S=I", help="the image that service S is upgraded to"
    ),
    options.option("--from", "from_ref", metavar="REF", help="the stack's files as they were in Git"),
    options.option("--to", "to_ref", metavar="REF", help="and as they are there (else: here): an upgrade"),
)
how = options.together(
    options.option("--events", multiple=True, metavar="A,B", help="only these; engine-wide ones on a disposable engine"),
    options.option("--skip", multiple=True, metavar="A,B", help="not these"),
    options.option("--quick", is_flag=True, help="routine events only"),
    options.option("--must-survive", multiple=True, metavar="WHAT", help="[SERVICE:]/PATH or event that must not lose data"),
    options.option("--ignore", multiple=True, metavar="WHAT", help="[SERVICE:]/PATH or event that may"),
    options.option("--probes", metavar="FILE", help="application probes in a file of their own"),
    options.option("--exercise", multiple=True, type=ServiceCommand(), metavar="'S: CMD'", help="what brings about later writes"),
    options.option("--with-data", is_flag=True, help="copy what external volumes hold"),
    options.option("--fresh-binds", is_flag=True, help="begin with empty bind sources"),
    options.option("--allow-host", is_flag=True, help="leave devices and host name spaces in the copy"),
    options.option("--engine", metavar="ADDRESS", help="address, private, dind, context:NAME"),
    options.option("--disposable", is_flag=True, help="the engine is yours to prune and restart"),
    options.option("--timeout", type=options.Duration(), metavar="TIME", help="how long to wait until ready (60s)"),
    options.option("--keep", is_flag=True, help="leave the copy standing"),
    options.option("--plan", "--dry-run", "plan", is_flag=True, help="print the commands, do nothing"),
)


@options.command("drill", "dockstore drill compose.yaml --quick --fix fix.yaml")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@what
@how
@options.option("--fix", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="write an override that keeps the data")
@stack_emit.reporting
@options.general
def command(stacks: tuple[str, ...], **given: Any) -> int:
    """Tell what survives: on a copy of a Compose file, folder or image:NAME."""
    from dockstore import api
    from dockstore.core.stack_outcome import exit_code
    from dockstore.runner.halt import Halt, signals

    where = stack_emit.outputs(given)
    chosen = _options(stacks, given)
    say = (lambda _text: None) if given["quiet"] else echo.say
    if given["plan"]:
        echo.report(api.drill_plan(chosen, env=os.environ, cwd=Path.cwd(), say=say))
        return OK
    halt = Halt()
    with signals(halt):
        try:
            reports = api.drill_with(chosen, env=os.environ, cwd=Path.cwd(), say=say, halt=halt)
        except KeyboardInterrupt:
            echo.complain("left at once, as asked twice", "dockstore clean removes what was left standing")
            return _SIGNALLED + (halt.signal_number or signal.SIGINT)
    stack_emit.emit_stacks(reports, where, os.environ)
    if given["fix"] is not None:
        _write_fix(reports, given["fix"])
    if halt.interrupted:
        return _SIGNALLED + (halt.signal_number or signal.SIGINT)
    code = exit_code(reports)
    return code if reports else UNDECIDED


def _options(stacks: tuple[str, ...], given: dict[str, Any]) -> Any:
    from dockstore.runner.drill_options import READY_SECONDS, DrillOptions

    return DrillOptions(
        targets=stacks,
        files=tuple(given["files"]),
        profiles=tuple(given["profiles"]),
        env_files=tuple(given["env_files"]),
        engine=given["engine"],
        disposable=given["disposable"],
        events=tuple(given["events"]),
        skip=tuple(given["skip"]),
        quick=given["quick"],
        must_survive=tuple(given["must_survive"]),
        ignore=tuple(given["ignore"]),
        exercise=tuple(given["exercise"]),
        probes=given["probes"],
        with_data=given["with_data"],
        fresh_binds=given["fresh_binds"],
        allow=given["allow_host"],
        upgrade=tuple(given["upgrade"]),
        upgrade_images=tuple(given["upgrade_images"]),
        from_ref=given["from_ref"],
        to_ref=given["to_ref"],
        ready_seconds=given["timeout"] or READY_SECONDS,
        keep=given["keep"],
    )


def _write_fix(reports: tuple[StackReport, ...], file: Path) -> None:
    from dockstore import api

    text = api.drill_fix(reports)
    if text is None:
        echo.say("nothing to fix" if all(report.outcome.value == "keeps-data" for report in reports) else "nothing that an override could fix")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        echo.complain(f"{file}: {(error.strerror or str(error)).lower()}")
        return
    echo.say(f"fix: {file}; drill again with it: dockstore drill -f compose.yaml -f {file}")
