"""`dockstore`: the commands, each loaded when it is called.

Rule 1: nothing but click is imported for `--help` and `--version`.
Rule 2: whatever happens, a person reads a sentence and a script reads an exit code; a traceback is for `-v`.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, cast

import click

from dockstore import __version__
from dockstore.cli import echo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK: Final = 0
USAGE: Final = 2
UNDECIDED: Final = 3
NOTHING: Final = 4
INTERRUPTED: Final = 130
INTERRUPTIONS: Final = (INTERRUPTED, 143)  # by SIGINT, by SIGTERM

_GARBAGE_THRESHOLD: Final = 100_000  # new objects before a search; Python's own is 700, a short command makes 65,000

COMMANDS: Final = {
    "lesson": "try every claim of a lesson on this engine",
    "run": "play scenario files or folders",
    "drill": "bring up a copy of a stack and tell what survives",
    "audit": "tell, without running anything, what would lose data",
    "orphans": "find data that nothing mounts, whose it was, and the way back",
    "judge": "rule again on stored histories, without an engine",
    "report": "render stored histories in another format",
    "validate": "check scenario and lesson files",
    "init": "write a scenario file from a container or a stack",
    "schema": "print a JSON Schema, for editors and programs",
    "doctor": "tell what can be seen from here",
    "clean": "remove what killed runs left behind",
    "engine": "start, stop and look at disposable engines",
    "completion": "print a shell's completion script",
}
"""What `dockstore --help` lists, in this order; the module of a command bears its name."""

_EXAMPLE: Final = "\b\nExample:\n  dockstore lesson --html lesson.html"


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help page."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(f"dockstore.cli.{cmd_name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            ways = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command: '{args[0]}'\n  hint: {ways}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    epilog=_EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "DOCKSTORE", "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="dockstore %(version)s")
def group() -> None:
    """Run experiments on a real Docker Engine and tell, with evidence, what happened to the data."""


def console() -> NoReturn:
    """The program: run this process's own command line, then end the process."""
    gc.set_threshold(_GARBAGE_THRESHOLD)  # modules are not searched for garbage again and again while they are imported ...
    code = main()
    if code in INTERRUPTIONS:  # tidied up: another Ctrl-C must not change what the exit code says
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
    if threading.active_count() == 1:
        os._exit(code)  # ... and not taken apart one by one at the end, with everything else: all is closed and flushed
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's own; return the exit code."""
    echo.prepare()
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    finally:
        echo.finish()


def _run(words: list[str]) -> int:
    try:
        came_to = group.main(args=words, prog_name="dockstore", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        echo.say(help_wanted.format_message())
        return USAGE
    except click.UsageError as wrong:
        if wrong.ctx is not None:
            echo.say(wrong.ctx.get_usage())
        echo.complain(wrong.format_message())
        return USAGE
    except click.ClickException as wrong:
        echo.complain(wrong.format_message())
        return USAGE
    except (KeyboardInterrupt, EOFError, click.Abort):
        echo.complain("interrupted")
        return INTERRUPTED
    except Exception as unforeseen:  # noqa: BLE001  # the last place where a sentence can be made of it
        return _explain(unforeseen, show=is_verbose(words, os.environ))
    return came_to if isinstance(came_to, int) else OK


def is_verbose(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Tell whether the person asked for more words, before options are parsed or where that failed."""
    before = list(words)[: words.index("--")] if "--" in words else words
    asked = any(word == "--verbose" or (word[:1] == "-" and word[1:2] not in {"", "-"} and "v" in word) for word in before)
    return asked or environ.get("DOCKSTORE_VERBOSE", "0") not in {"", "0"}


def _explain(failure: Exception, *, show: bool) -> int:
    """Say in a sentence what went wrong, with the traceback if it was asked for."""
    from dockstore import api
    from dockstore.core.history_codec import HistoryError
    from dockstore.engines.errors import EngineError

    if show:
        import traceback

        echo.say("".join(traceback.format_exception(failure)).rstrip())
    match failure:
        case api.WrongFile():
            from dockstore.cli.play import show_problems

            show_problems(failure.problems)
            return USAGE
        case api.ApiError():
            echo.complain(str(failure), failure.hint)
            codes: dict[type, int] = {api.NothingMatched: NOTHING, api.WrongOption: USAGE}
            return codes.get(type(failure), UNDECIDED)
        case HistoryError():
            echo.complain(str(failure), "a history is what a run left in .dockstore/histories")
            return USAGE
        case EngineError():
            echo.complain(str(failure), getattr(failure, "hint", None))
        case OSError():
            fact = (failure.strerror or str(failure)).lower()
            full = "histories lie in .dockstore; DOCKSTORE_HOME names another folder" if failure.errno == errno.ENOSPC else None
            echo.complain(f"{failure.filename}: {fact}" if failure.filename else fact, full)
        case _:
            words = f"{type(failure).__name__}: {failure}".rstrip(": ")
            echo.complain(f"something went wrong inside dockstore: {words}", None if show else "-v shows where; please report it")
    return UNDECIDED
