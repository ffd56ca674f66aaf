"""The reports of `audit` and `drill` out: to stdout, to the files that were asked for, to the CI system around.

Rule 1: whether a file can be written is found out before anything is asked or played.
Rule 2: a renderer is imported when its format is asked for.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dockstore.cli import echo, emit, options
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.core.stack_report import StackReport

FORMATS: Final = ("table", "json", "jsonl", "markdown", "junit", "html", "tap", "sarif", "github")
_COMMENT_BYTES: Final = 65_000  # GitHub takes a comment of 65,536 characters
_SUMMARY_BYTES: Final = 1_000_000  # GitHub takes a step summary of 1 MiB


class StackReportFile(options.ReportFile):
    """`FORMAT=FILE`, with the formats of stacks."""

    formats = FORMATS

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Return the format and the file."""
        if isinstance(value, tuple):
            return value
        kind, equals, file = str(value).partition("=")
        if not equals or not file:
            self.fail(f"{value!r} is not FORMAT=FILE, such as sarif=dockstore.sarif", param, ctx)
        if kind not in FORMATS:
            self.fail(f"no such format: {kind!r}; one of: {', '.join(FORMATS)}", param, ctx)
        return kind, Path(file)


reporting = options.together(
    options.option("--format", "form", type=click.Choice(FORMATS), default="table", metavar="FORMAT", help=", ".join(FORMATS)),
    options.option(
        "--report", "reports", multiple=True, type=StackReportFile(), metavar="FORMAT=FILE", help="write a report to a file too; repeatable"
    ),
    options.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="short for --report html=FILE"),
)
"""What comes out of `audit`, `drill`, and of stored histories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOutputs:
    """Where reports go: one format to stdout, any number to files."""

    form: str
    files: tuple[tuple[str, Path], ...] = ()
    verbose: bool = False
    no_color: bool = False


def outputs(given: Mapping[str, Any]) -> StackOutputs:
    """Return where reports go, from a command's parameters, every file known to be writable. Raises UsageError."""
    files = emit.outputs("table", tuple(given["reports"]), given["html"], verbose=False, no_color=True).files  # they can be written
    return StackOutputs(form=given["form"], files=files, verbose=given["verbose"], no_color=given["no_color"])


def emit_stacks(reports: Sequence[StackReport], wanted: StackOutputs, environ: Mapping[str, str]) -> None:
    """Write reports wherever they were asked for."""
    color = echo.in_color(sys.stdout, environ, refused=wanted.no_color)
    for form, file in wanted.files:
        emit.save(file, rendered(reports, form, verbose=wanted.verbose))
    echo.report(rendered(reports, wanted.form, width=echo.width(environ), color=color, verbose=wanted.verbose))
    tell_github(reports, wanted.form, environ)


def rendered(reports: Sequence[StackReport], form: str, *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """Render reports in one format."""
    match form:
        case "json" | "jsonl":
            from dockstore.reports import stack_json

            return stack_json.render(reports) if form == "json" else stack_json.lines(reports)
        case "markdown":
            from dockstore.reports import stack_markdown

            return stack_markdown.render(reports, most_bytes=_COMMENT_BYTES)
        case "html":
            from dockstore.reports import stack_html

            return stack_html.render(reports)
        case "sarif":
            from dockstore.reports import stack_sarif

            return stack_sarif.render(reports, folder=emit.in_workspace(os.environ))
        case "junit" | "tap":
            from dockstore.reports import stack_tests

            return stack_tests.junit(reports) if form == "junit" else stack_tests.tap(reports)
        case "github":
            from dockstore.reports import stack_github

            return "".join(f"{line}\n" for line in stack_github.annotated(reports, folder=emit.in_workspace(os.environ)))
        case _:
            from dockstore.reports import stack_table

            return stack_table.render(reports, width=width, color=color, verbose=verbose)


def tell_github(reports: Sequence[StackReport], form: str, environ: Mapping[str, str]) -> None:
    """Write annotations (unless *form* is just that) and the step summary, under GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    if form != "github":
        from dockstore.reports import stack_github

        for line in stack_github.annotated(reports, folder=emit.in_workspace(environ)):
            echo.say(line)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        from dockstore.reports import stack_markdown

        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(stack_markdown.render(reports, most_bytes=_SUMMARY_BYTES) + "\n")
        except OSError as failure:
            echo.complain(f"the step summary cannot be written: {os.strerror(failure.errno or 0)}")
