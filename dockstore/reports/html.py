"""The report as one page that a person reads: the answer first, what survives what, one card for each claim with its evidence.

Rule 1: one file; no script, no request to anywhere; readable on paper, narrow, and in the dark.
Rule 2: every text of a file, an engine or a container is escaped by the template; only `drawing` makes markup, escaping by itself.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from dockstore.reports import cards, phrases, tally

if TYPE_CHECKING:
    from dockstore.core.verdict import Report


def render(report: Report) -> str:
    """Render a report as one HTML page."""
    return fill(
        "html_page.jinja",
        report=report,
        title=_title(report),
        answer=tally.claims_line(report.claims) if report.claims else tally.summary(report),
        summary=tally.summary(report),
        facts=_facts(report),
        score=cards.score(report),
        alarms=cards.alarms(report),
        matrices=cards.matrices(report),
        fates=phrases.FATE_WORDS,
        sections=cards.sections(report),
        engines=[(key, cards.engine_rows(info)) for key, info in report.engines.items()],
        histories=tally.histories(report),
        notes=[phrases.clean(note) for note in report.notes],
    )


def fill(template: str, **values: object) -> str:
    """Return a page: *template*, which lies beside this file, with *values* and the style that all pages share."""
    from jinja2 import Environment, StrictUndefined

    here = files("dockstore.reports")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string((here / template).read_text(encoding="utf-8"))
    return phrases.clean(page.render(style=(here / "html_page.css").read_text(encoding="utf-8"), **values))


def _title(report: Report) -> str:
    if report.lesson_title:
        return report.lesson_title
    count = len(report.verdicts)
    return report.verdicts[0].scenario.title if count == 1 else f"{count} scenarios, tried on a real engine"


def _facts(report: Report) -> list[str]:
    checks = sum(len(verdict.rulings) for verdict in report.verdicts)
    scenarios = len(report.verdicts)
    return [
        f"{scenarios} scenario{'s' if scenarios != 1 else ''}, {checks} check{'s' if checks != 1 else ''}",
        phrases.seconds(report.seconds),
        report.started.replace("T", " ").replace("Z", " UTC"),
        f"dockstore {report.dockstore}",
    ]
