"""Workflow commands for GitHub Actions: each finding as an annotation at its file and line, each loss without one as well.

Rule 1: an ignored finding is silent; advice is a notice.
Rule 2: a loss that a drill saw, and for which no finding stands, is an annotation too: nothing that fails the job is without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.reports import github, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dockstore.core.stack_report import Finding, StackReport

_LEVELS: Final = {"error": "error", "warning": "warning", "advice": "notice"}


def annotated(reports: Sequence[StackReport], *, folder: str = "") -> Iterator[str]:
    """Yield one workflow command for each finding, and for each place that is lost without one; *folder*: where files are named from."""
    for report in reports:
        active = stack_words.active(report.findings)
        for finding in active:
            yield _command(finding, report, folder)
        said = {(finding.service, finding.path) for finding in active}
        for (service, path, _), rows in stack_words.by_place(report.rows).items():
            bad = [row for row in rows if row.must_survive and row.fate not in GOOD]
            if not bad or (service, path) in said or (report.kind == "audit" and bad[0].fate in OPEN):
                continue
            level = "warning" if all(row.fate in OPEN for row in bad) else "error"
            events = phrases.listed(row.event for row in bad)
            message = f"{stack_words.place(bad[0])} {bad[0].fate.value} by {events}\n{phrases.line(bad[0].why)}"
            yield github.command(level, message, file=github.beneath(folder, report.files[0] if report.files else ""), line=1, title=report.name)


def _command(finding: Finding, report: StackReport, folder: str) -> str:
    fix = f"\nfix:\n{phrases.clean(finding.fix)}" if finding.fix else ""
    spot = finding.spot
    file = github.beneath(folder, spot.file if spot is not None else report.files[0] if report.files else "")
    line = spot.line if spot is not None and spot.line else 1
    title = f"{finding.rule} {finding.service or report.name}"
    return github.command(_LEVELS.get(finding.severity, "notice"), f"{phrases.line(finding.message)}{fix}", file=file, line=line, title=title)
