"""What a stack comes to, and the exit code that says so.

Rule 1: the first that applies: loses data, cannot write, cannot start, undecided, keeps data; only rows that must survive count.
Rule 2: an audit fails only on a finding of severity error that nobody ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.stack_report import RowFate, StackOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.stack_report import Row, ServiceState, StackReport

LOSSES = frozenset({RowFate.LOST, RowFate.ALTERED, RowFate.ORPHANED, RowFate.SHADOWED, RowFate.ELSEWHERE})
OPEN = frozenset({RowFate.UNKNOWN, RowFate.DISPUTED})
HOLD, FAILED, UNDECIDED, NOTHING, INTERRUPTED = 0, 1, 3, 4, 130


def outcome(rows: Iterable[Row], services: Iterable[ServiceState]) -> StackOutcome:
    """Return what the rows come to."""
    fates = {row.fate for row in rows if row.must_survive}
    states = {state.state for state in services}
    if fates & LOSSES:
        return StackOutcome.LOSES_DATA
    if RowFate.UNWRITABLE in fates:
        return StackOutcome.CANNOT_WRITE
    if RowFate.CANNOT_START in fates or "cannot-start" in states:
        return StackOutcome.CANNOT_START
    if fates & OPEN or "slow" in states:
        return StackOutcome.UNDECIDED
    return StackOutcome.KEEPS_DATA


def exit_code(reports: Sequence[StackReport], *, allow_undecided: bool = False) -> int:
    """Return the exit code of `audit` or `drill`: of several stacks the one that asks for most."""
    codes = {_exit_code(report) for report in reports}
    if INTERRUPTED in codes:
        return INTERRUPTED
    if not codes or codes == {NOTHING}:
        return NOTHING
    if FAILED in codes:
        return FAILED
    return UNDECIDED if UNDECIDED in codes and not allow_undecided else HOLD


def _exit_code(report: StackReport) -> int:
    if report.interrupted:
        return INTERRUPTED
    if not report.services:
        return NOTHING
    if any(one.severity == "error" and one.ignored is None for one in report.findings):
        return FAILED
    if report.kind == "audit":
        return UNDECIDED if report.outcome is StackOutcome.UNDECIDED else HOLD
    never_up = any(state.state == "cannot-start" for state in report.services)
    match report.outcome:
        case StackOutcome.LOSES_DATA | StackOutcome.CANNOT_WRITE:
            return FAILED
        case StackOutcome.CANNOT_START:
            fell = any(row.must_survive and row.fate is RowFate.CANNOT_START for row in report.rows)
            return UNDECIDED if never_up and not fell else FAILED
        case StackOutcome.UNDECIDED:
            return UNDECIDED
        case StackOutcome.KEEPS_DATA:
            return HOLD
