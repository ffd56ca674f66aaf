"""Where words go: the report to stdout, everything else to stderr, in colour only where a person looks.

Rule 1: a reader that goes away (`| head`) ends nothing: the exit code stays what the run came to.
Rule 2: colour and width are asked of the environment here and nowhere else.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFF_A_TERMINAL = 100


def report(text: str) -> None:
    """Write *text*, a part of the report, to stdout."""
    _write(sys.stdout, text)


def say(text: str) -> None:
    """Write a line for the person to stderr."""
    _write(sys.stderr, f"{text}\n")


def complain(text: str, hint: str | None = None) -> None:
    """Say what is wrong, and the way out."""
    say(f"dockstore: {text}" + (f"\n  hint: {hint}" if hint else ""))


def prepare() -> None:
    """Let no character that the terminal lacks, and no stream that is closed (`>&-`), end a run."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  # in the place of the closed one, to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Flush both streams; what a gone reader left unread is dropped here, not complained of at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            _let_go(stream)


def in_color(stream: TextIO, environ: Mapping[str, str], *, refused: bool = False) -> bool:
    """Tell whether to colour what goes to *stream*: --no-color and NO_COLOR beat FORCE_COLOR, that beats the terminal."""
    if refused or environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in {"", "0", "false"}:
        return True
    return is_terminal(stream) and environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person may be looking at *stream*."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def width(environ: Mapping[str, str]) -> int:
    """Return how many columns the report may take: COLUMNS, else the terminal's, else 100."""
    named = environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _OFF_A_TERMINAL
    except (OSError, ValueError):
        return _OFF_A_TERMINAL


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Send what else is written to *stream* nowhere."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
