"""One ruling, mutant or claim a line, each with what it belongs to: for `jq`, `grep` and a log.

Rule 1: every line stands alone; *kind* says what it is: a ruling's own kind, `scenario` (nothing was ruled), `mutant` or `claim`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dockstore.reports import json_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.verdict import Report


def render(report: Report) -> str:
    """Render a report as JSON Lines."""
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines(report))


def lines(report: Report) -> Iterator[json_report.Json]:
    """Yield a report's rulings, mutants and claims in the order of the report."""
    for verdict in report.verdicts:
        whole = json_report.scenario(verdict)
        belongs = {"schema": json_report.SCHEMA, "run": report.run} | {key: whole[key] for key in ("scenario", "file", "engine", "lesson", "tags")}
        if not verdict.rulings:
            yield belongs | {"kind": "scenario"} | {key: whole[key] for key in ("outcome", "reason", "unmet", "seconds", "history")}
        for ruling in verdict.rulings:
            yield belongs | json_report.ruling(ruling)
        for mutant in verdict.mutants:
            yield belongs | {"kind": "mutant"} | json_report.mutant(mutant)
    for claim in report.claims:
        yield {"schema": json_report.SCHEMA, "run": report.run, "kind": "claim"} | json_report.claim(claim)
