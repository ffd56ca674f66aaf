"""Words by which a program says that a write was refused, and the place that they name.

Rule 1: only words about storage count: a permission of the application's own (a table, a command) is no file that may not be written.
Rule 2: a line of a log counts only where it can mean nothing else: a file system that is read-only, at a place that is mounted so.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_REFUSED = re.compile(
    r"permission denied(?! (for|to) )|read-only file|readonly database|no space left|misconf|disk full|could not open file"
    r"|errcode: (13|30)|device or resource busy",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(r"read-only file system(?!\?)", re.IGNORECASE)
_HOUSEKEEPING = re.compile(r"\b(chown|chmod|chgrp|utime|setfacl|chcon)\b|changing (ownership|permissions)|modification time", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/.@-])/[\w.@+-]+(?:/[\w.@+-]+)*")


def refused(output: str) -> bool:
    """Whether a command that failed says that its write was refused."""
    return _REFUSED.search(output) is not None


def place_in(words: str) -> str | None:
    """The one path that *words* name; None: none or several that have no folder in common with one another."""
    found = tuple(dict.fromkeys(match.group().rstrip(".") for match in _PATH.finditer(words)))
    return found[0] if len({posixpath.dirname(path) for path in found}) == 1 else None


def read_only_place(lines: Iterable[str], *, closed: Iterable[str], opened: Iterable[str]) -> tuple[str, str] | None:
    """The first line of a log that says that a write was refused below one of *closed* and none of *opened*, and the path that it names.

    *closed*: what is mounted read-only ("/" for the container's own file system); *opened*: the mounts that may be written. Start scripts
    that try to give files away, and go on when they may not, say nothing of the data.
    """
    shut, writable = tuple(closed), tuple(opened)
    for line in lines:
        if _READ_ONLY.search(line) is None or _HOUSEKEEPING.search(line) is not None:
            continue
        for match in _PATH.finditer(line):
            path = match.group().rstrip(".")
            over = max((place for place in (*shut, *writable) if _beneath(path, place)), key=len, default=None)
            if over is not None and over in shut:
                return line.strip(), path
    return None


def _beneath(path: str, folder: str) -> bool:
    return folder in {path, "/"} or path.startswith(f"{folder.rstrip('/')}/")
