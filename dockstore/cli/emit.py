"""Reports out: to stdout, to the files that were asked for, to the CI system around.

Rule 1: whether a file can be written is found out before anything is played.
Rule 2: a renderer is imported when its format is asked for.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from dockstore.cli import echo
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from dockstore.core.verdict import Report

    Format = Literal["table", "json", "jsonl", "markdown", "junit", "html", "tap"]

_SUMMARY_BYTES = 1_000_000  # GitHub takes a step summary of 1 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where reports go: one format to stdout, any number to files."""

    form: Format
    files: tuple[tuple[Format, Path], ...] = ()
    verbose: bool = False
    no_color: bool = False


def outputs(form: Format, reports: tuple[tuple[Format, Path], ...], html: Path | None, *, verbose: bool, no_color: bool) -> Outputs:
    """Return where reports go, every file of it known to be writable. Raises UsageError."""
    files = (*reports, *((("html", html),) if html is not None else ()))
    names = [os.path.realpath(file) for _, file in files]
    for _, file in files:
        if names.count(os.path.realpath(file)) > 1 and _is_plain(file):
            raise click.UsageError(f"two reports would go to {file}\n  hint: give each a file of its own")
        _try(file)
    return Outputs(form=form, files=files, verbose=verbose, no_color=no_color)


def emit(report: Report, wanted: Outputs, environ: Mapping[str, str]) -> None:
    """Write a report wherever it was asked for."""
    color = echo.in_color(sys.stdout, environ, refused=wanted.no_color)
    text = rendered(report, wanted.form, width=echo.width(environ), color=color, verbose=wanted.verbose)
    for form, file in wanted.files:
        save(file, text if form == wanted.form and form != "table" else rendered(report, form, verbose=wanted.verbose))
    echo.report(text)
    tell_github(report, environ)


def rendered(report: Report, form: Format, *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """Render a report in one format."""
    match form:
        case "table":
            from dockstore.reports import table

            return table.render(report, width=width, color=color, verbose=verbose)
        case "json":
            from dockstore.reports import json_report

            return json_report.render(report)
        case "jsonl":
            from dockstore.reports import jsonl

            return jsonl.render(report)
        case "markdown":
            from dockstore.reports import markdown

            return markdown.render(report)
        case "junit":
            from dockstore.reports import junit

            return junit.render(report)
        case "html":
            from dockstore.reports import html

            return html.render(report)
        case "tap":
            from dockstore.reports import tap

            return tap.render(report)
        case _:
            assert_never(form)


def tell_github(report: Report, environ: Mapping[str, str]) -> None:
    """Write annotations and the step summary, under GitHub Actions."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    from dockstore.reports import github, markdown

    for line in github.annotated(report, folder=in_workspace(environ)):
        echo.say(line)
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(markdown.render(report, most_bytes=_SUMMARY_BYTES) + "\n")
        except OSError as failure:
            echo.complain(f"the step summary cannot be written: {failure.strerror}")


def in_workspace(environ: Mapping[str, str]) -> str:
    """Return this folder as GitHub's workspace calls it: annotations name files from there; nothing, where this is none of it."""
    workspace = environ.get("GITHUB_WORKSPACE")
    here, root = Path.cwd().resolve(), Path(workspace).resolve() if workspace else None
    return here.relative_to(root).as_posix() if root is not None and here != root and here.is_relative_to(root) else ""


def _try(file: Path) -> None:
    """Open *file* for writing and leave it as it was; folders on the way are made."""
    there = os.path.lexists(file)
    try:
        if not there:
            file.parent.mkdir(parents=True, exist_ok=True)
        if there and not _is_plain(file) and not file.is_dir():
            return  # a device or a pipe: opening it is already a use of it
        with file.open("ab"):
            pass
        if not there:
            file.unlink()
    except OSError as failure:
        raise click.UsageError(f"the report file {file} cannot be written: {(failure.strerror or str(failure)).lower()}") from None


def _is_plain(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True


def save(file: Path, text: str) -> None:
    """Write a report's file, and say so."""
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    echo.say(f"report: {file}")
