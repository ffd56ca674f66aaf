"""The flags that commands share, and the environment variable of each.

Rule 1: every flag has two variables: DOCKSTORE_<COMMAND>_<FLAG>, which wins, and DOCKSTORE_<FLAG>.
Rule 2: a flag means the same in every command that has it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click

from dockstore import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMATS: Final = ("table", "json", "jsonl", "markdown", "junit", "html", "tap")
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


class Option(click.Option):
    """An option that also reads its two environment variables."""

    def variables(self, ctx: click.Context) -> tuple[str, ...]:
        """Return the names of its variables, the command's own first."""
        flag = next(name for name in self.opts if name.startswith("--")).lstrip("-").replace("-", "_").upper()
        return (f"{ctx.auto_envvar_prefix}_{flag}", f"DOCKSTORE_{flag}")

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the first variable that is set and not empty."""
        return next((os.environ[name] for name in self.variables(ctx) if os.environ.get(name)), None)


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # is generic for type checkers only


class Duration(_Type):
    """`30s`, `2m`, `1h30m`, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value).strip())
        if not value or found is None or not any(found.groups()):
            self.fail(f"{value!r} is not a duration, write 30s, 2m or 1h30m", param, ctx)
        hours, minutes, seconds = found.groups()
        total = 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds or 0)
        if not total:
            self.fail("a time limit of nothing lets nothing run", param, ctx)
        return total


class ReportFile(_Type):
    """`FORMAT=FILE`."""

    name = "format=file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Return the format and the file."""
        if isinstance(value, tuple):
            return value
        kind, equals, file = str(value).partition("=")
        if not equals or not file:
            self.fail(f"{value!r} is not FORMAT=FILE, such as junit=report.xml", param, ctx)
        if kind not in FORMATS:
            self.fail(f"no such format: {kind!r}; one of: {', '.join(FORMATS)}", param, ctx)
        return kind, Path(file)


class Variable(_Type):
    """`NAME=TEXT`."""

    name = "name=text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return name and text."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is not NAME=TEXT", param, ctx)
        return name, text


F = TypeVar("F", bound="Callable[..., object]")


class Decorator(Protocol):
    """What adds an option to a function and gives the function back."""

    def __call__(self, function: F, /) -> F:
        """Return *function*, with one more parameter noted."""


def option(*names: str, **settings: Any) -> Decorator:
    """Return click's option decorator for a flag with its environment variables."""
    return click.option(*names, cls=Option, **settings)


def together(*decorators: Decorator) -> Decorator:
    """Return one decorator that applies several, the first one listed first in the help."""

    def apply(function: F, /) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def command(name: str, example: str) -> Callable[[Callable[..., object]], click.Command]:
    """Return a command decorator whose help ends with an example."""
    return click.command(name, epilog=f"\b\nExample:\n  {example}")


def tags(words: Sequence[str]) -> tuple[str, ...]:
    """Return tags, given one by one or with commas; `!tag` and `-tag` exclude."""
    given = [word.strip() for several in words for word in several.split(",") if word.strip()]
    return tuple(f"-{word[1:]}" if word.startswith("!") else word for word in given)


choosing = together(
    option("--filter", "wanted", metavar="TEXT", help="only files with TEXT in title or path"),
    option("--var", "variables", multiple=True, type=Variable(), metavar="NAME=TEXT", help="set a variable of the files; repeatable"),
)
"""Which scenarios are read, and how."""

reading = together(choosing, option("--tags", multiple=True, metavar="A,!B", help="only files with tag A and without B; repeatable"))
"""The same, for commands that are given files."""

playing = together(
    option("--engine", "engines", multiple=True, metavar="ADDRESS", help="address, private, dind, context:NAME; repeatable"),
    option("--disposable", is_flag=True, help="the engine is yours to prune and restart"),
    option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="how many scenarios side by side"),
    option("--timeout", type=Duration(), metavar="TIME", help="limit for each scenario, such as 2m"),
    option("--fail-fast", is_flag=True, help="stop at the first that is refuted"),
    option("--mutants", is_flag=True, help="play the mutants too: each must be refuted"),
    option("--isolate", is_flag=True, help="each event of a matrix in containers of its own"),
    option("--keep", is_flag=True, help="leave containers and volumes standing, to look at"),
    option("--image", metavar="IMAGE", help="use IMAGE in place of the lab image"),
    option("--allow-host-path", "allow_host_paths", multiple=True, metavar="PATH", help="a folder that scenarios may bind; repeatable"),
    option("--plan", "--dry-run", "plan", is_flag=True, help="print what would be done, as docker commands"),
)
"""How scenarios are played."""

reporting = together(
    option("--format", "form", type=click.Choice(FORMATS), default="table", metavar="FORMAT", help=", ".join(FORMATS)),
    option("--report", "reports", multiple=True, type=ReportFile(), metavar="FORMAT=FILE", help="write a report to a file too; repeatable"),
    option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="short for --report html=FILE"),
)
"""What comes out."""

general = together(
    option("-q", "--quiet", is_flag=True, help="no progress"),
    option("-v", "--verbose", is_flag=True, help="each step, all evidence, tracebacks"),
    option("--no-color", is_flag=True, help="no colours; NO_COLOR does the same"),
    click.version_option(__version__, "-V", "--version", message="dockstore %(version)s"),
)
"""What every command has."""
