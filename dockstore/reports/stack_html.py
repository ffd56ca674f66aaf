"""A stack's report as one page that a person reads: the answer, what survives what, what to change, where the bytes are and the way back.

Rule 1: one file; no script, no request to anywhere; readable on paper, narrow, and in the dark.
Rule 2: every text of a file, an engine or a container is escaped by the template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.reports import html, phrases, stack_cards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.stack_report import StackReport


def render(reports: Sequence[StackReport]) -> str:
    """Render reports as one HTML page."""
    title = phrases.line(f"{reports[0].kind} of {', '.join(report.name for report in reports)}") if reports else "no stack"
    return html.fill("stack_page.jinja", title=title, stacks=[stack_cards.card(report, number) for number, report in enumerate(reports, 1)])
