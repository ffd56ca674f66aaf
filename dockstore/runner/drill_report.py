"""A drill's history as the report that people read: rows, findings, states, limits.

Rule 1: everything in it stands in the history or in the user's own files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.drill_facts import ProbeNote, StackNote, StateNote, notes
from dockstore.core.drill_findings import findings, override, with_fixes
from dockstore.core.drill_rows import rows
from dockstore.core.history import Note
from dockstore.core.model import Sight, Vantage
from dockstore.core.stack_outcome import outcome
from dockstore.core.stack_report import RowFate, ServiceState, StackOutcome, StackReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dockstore.core.history import History
    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_model import Stack
    from dockstore.core.stack_report import Row


def report(
    history: History,
    *,
    stack: Stack | None,
    engines: Mapping[str, EngineInfo],
    name: str,
    files: tuple[str, ...],
    seconds: float,
    interrupted: bool,
) -> StackReport:
    """Return the report of *history*."""
    found = with_fixes(rows(history), stack)
    first = [note for line, note in notes(history.events, StateNote) if line.step == "0"]
    services = tuple(
        ServiceState(service=note.service, state=_word(note), writes_nothing=note.writes_nothing, log=note.log, detail=note.detail) for note in first
    )
    told = [note for _, note in notes(history.events, StackNote)]
    silent = [note for _, note in notes(history.events, ProbeNote) if not note.says]
    remarks = [f"{event.about}: {event.text}" for event in history.events if isinstance(event, Note)]
    remarks += [f"{note.service}: the probe {note.name} has no say: {note.detail}" for note in silent]
    if first and all(note.writes_nothing for note in first):
        remarks.append("nothing was seen to be written; what is written later (an upload, a first visit) a probe or --exercise can bring about")
    return StackReport(
        kind="drill",
        dockstore=history.header.dockstore,
        run=history.header.run,
        started=history.header.started,
        engines=engines,
        files=files,
        name=name,
        outcome=_outcome(found, services, unseen=any(note.unseen for note in first)),
        services=services,
        rows=found,
        findings=findings(found, stack),
        limits=told[0].limits if told else (),
        notes=(*(told[0].notes if told else ()), *dict.fromkeys(remarks)),
        seconds=seconds,
        history=history.path,
        interrupted=interrupted,
        override=override(found, stack),
    )


def _outcome(found: tuple[Row, ...], services: Iterable[ServiceState], *, unseen: bool) -> StackOutcome:
    """What the service misses counts as a loss, whatever became of its bytes; where a store was not seen, nobody can say that all is kept."""
    counted = [
        replace(row, fate=RowFate.LOST) if row.fate is RowFate.UNKNOWN and row.sights.get(Vantage.SERVICE) is Sight.ABSENT else row for row in found
    ]
    told = outcome(counted, services)
    return StackOutcome.UNDECIDED if unseen and told is StackOutcome.KEEPS_DATA else told


def _word(note: StateNote) -> str:
    return {"up": "up", "done": "up", "slow": "slow"}.get(note.state, "cannot-start")
