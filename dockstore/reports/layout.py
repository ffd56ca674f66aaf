"""Tables that fit: columns are wrapped, then folded, until the widest line fits the width that is given.

Rule 1: the content never decides whether it is shown; too narrow a width changes the form, not what is said.
Rule 2: widths are counted without colour codes.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP: Final = 2
_LEAST: Final = 9
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")

_CODES: Final = {"good": "32", "bad": "1;31", "unsure": "33", "soft": "2", "strong": "1"}


def paint(text: str, style: str, *, color: bool) -> str:
    """Return *text* in one of the styles good, bad, unsure, soft, strong; the text itself already says it."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if color and text else text


def visible(text: str) -> int:
    """Return the width of the longest line, without colour codes."""
    return max((len(line) for line in _ANSI.sub("", text).split("\n")), default=0)


def grid(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Return a table of at most *width* columns; where even wrapped cells do not fit, one record below the other."""
    from tabulate import tabulate

    widths = _widths(headers, rows, width)
    if widths is None:
        return _records(headers, rows, width)
    wrapped = [[wrap(cell, limit) for cell, limit in zip(row, widths, strict=True)] for row in rows]
    table = tabulate(wrapped, headers=list(headers), tablefmt="simple", disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines())


def folded(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Return a table whose columns, where they do not fit beside the first, go on in further tables below."""
    from tabulate import tabulate

    columns = _natural(headers, rows)
    blocks: list[list[int]] = [[]]
    for index in range(1, len(headers)):
        taken = columns[0] + sum(columns[one] + _GAP for one in blocks[-1])
        if blocks[-1] and taken + columns[index] + _GAP > width:
            blocks.append([])
        blocks[-1].append(index)
    tables = []
    for block in blocks:
        shown = [0, *block]
        text = tabulate(
            [[row[one] for one in shown] for row in rows], headers=[headers[one] for one in shown], tablefmt="simple", disable_numparse=True
        )
        tables.append("\n".join(line.rstrip() for line in text.splitlines()))
    return "\n\n".join(tables)


def wrap(text: str, width: int, indent: str = "", *, whole: bool = False) -> str:
    """Return *text* wrapped to *width*; further lines begin with *indent*. Text with colour codes that fits is left alone.

    *whole*: a word that is longer than a line (a path, an address) stays whole, to be copied.
    """
    if visible(text) <= width:
        return text
    lines = textwrap.wrap(text, max(width, len(indent) + 1), subsequent_indent=indent, break_on_hyphens=False, break_long_words=not whole)
    return "\n".join(lines)


def _natural(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return each column's widest line; tabulate leaves two columns of air beside a heading."""
    return [max([visible(header) + _GAP, *(visible(row[index]) for row in rows)]) for index, header in enumerate(headers)]


def _widths(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return each column's width, the widest shortened first; None if no wrapping makes them fit."""
    widths = _natural(headers, rows)
    least = [min(natural, max(visible(header) + _GAP, _LEAST)) for natural, header in zip(widths, headers, strict=True)]
    room = width - _GAP * (len(headers) - 1)
    while sum(widths) > room:
        spare = [(widths[index] - least[index], widths[index], index) for index in range(len(widths)) if widths[index] > least[index]]
        if not spare:
            return None
        widths[max(spare, key=lambda one: one[1])[2]] -= 1
    return widths


def _records(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    label = max(visible(header) for header in headers)
    blocks = []
    for row in rows:
        lines = [wrap(f"{header:<{label}}  {cell}", width, " " * (label + _GAP)) for header, cell in zip(headers, row, strict=True) if cell]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
