"""Sections of a GitLab job log: marks around lines that fold.

Rule 1: a section's name is letters, digits, dots, dashes and underscores; the time is whole seconds since 1970.
"""

from __future__ import annotations

_CLEAR = "\x1b[0K"


def section_start(name: str, header: str, *, at: float, collapsed: bool = True) -> str:
    """Return the mark that begins a section."""
    return f"{_CLEAR}section_start:{int(at)}:{name}[collapsed={str(collapsed).lower()}]\r{_CLEAR}{header}"


def section_end(name: str, *, at: float) -> str:
    """Return the mark that ends it."""
    return f"{_CLEAR}section_end:{int(at)}:{name}\r{_CLEAR}"
