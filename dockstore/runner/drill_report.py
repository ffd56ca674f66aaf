"""A drill's history as the report that people read: rows, findings, states, limits.

Rule 1: everything in it stands in the history, so that whoever has the history comes to the same report.
Rule 2: what the copy is called is no matter of its owner's: volumes bear the names that the user's files give them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dockstore.core import stack_changes
from dockstore.core.drill_facts import EngineNote, FilesNote, ProbeNote, StackNote, StateNote, facts, note_of, notes
from dockstore.core.drill_findings import findings, override, with_fixes
from dockstore.core.drill_rows import rows
from dockstore.core.history import Facts, Footer, Note
from dockstore.core.model import Sight, Vantage
from dockstore.core.stack_outcome import outcome
from dockstore.core.stack_report import RowFate, ServiceState, StackOutcome, StackReport
from dockstore.runner.redact import redacted_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.history import History
    from dockstore.core.stack_model import Stack
    from dockstore.core.stack_report import Row

_OURS: Final = re.compile(r"\bdockstore-[0-9a-f]{8}-(?:\d+[_-]|f\d+-)")
_COPIED: Final = re.compile(r"[\w./-]*/dockstore-[0-9a-f]{8}-\d+/binds(?:-root)?(?=/)")  # where the copies of bind sources lie
_ANONYMOUS: Final = re.compile(r"\b[0-9a-f]{64}\b")
_ECHO: Final = re.compile(r"\s*\bLINE \d+: [^)]*?\^")


def is_drill(history: History) -> bool:
    """Tell whether *history* is a drill's, not a scenario's: its script is a Compose model, even if it was killed before its first note."""
    if any(isinstance(event, Facts) and note_of(event, StackNote) is not None for event in history.events):
        return True
    try:
        script = json.loads(history.header.text)
    except ValueError:
        return False
    return isinstance(script, dict) and "services" in script and "scenario" not in script


def side(history: History) -> tuple[str, str, str | None]:
    """Return run, stack, and which side of a change the drill was of, if any: what puts two histories together."""
    told = next((note for _, note in notes(history.events, StackNote)), None)
    return history.header.run, told.name if told is not None else "", told.side if told is not None else None


def files_fact(stack: Stack) -> Facts:
    """Return the line of a history that holds *stack*: redacted, and without environments."""
    line = facts(FilesNote(stack=stack), step="0", look="stack")
    return replace(line, raw=json.dumps(redacted_json(json.loads(line.raw)), separators=(",", ":")))


def report(history: History, *, stack: Stack | None = None) -> StackReport:
    """Return the report of *history*. *stack*: the files as they are, where they are at hand, for what is written into an override."""
    told = next((note for _, note in notes(history.events, StackNote)), None)
    written = next((note.stack for _, note in notes(history.events, FilesNote)), None)
    footer = next((event for event in reversed(history.events) if isinstance(event, Footer)), None)
    found = with_fixes(tuple(_of_the_user(row) for row in rows(history)), written)
    interrupted = footer is not None and footer.interrupted
    first = [note for line, note in notes(history.events, StateNote) if line.step == "0"]
    if interrupted:  # it may have been about to write
        first = [replace(note, writes_nothing=False) for note in first]
    services = tuple(
        ServiceState(service=note.service, state=_word(note), writes_nothing=note.writes_nothing, log=note.log, detail=_users(note.detail))
        for note in first
    )
    limits = tuple(_users(limit) for limit in told.limits) if told is not None else ()
    ended = () if footer is not None else ("its history ends before the drill did, which was killed: what was not reached is not in it",)
    ended = ("the drill was interrupted: what was not reached is not in it",) if interrupted else ended
    return StackReport(
        kind="drill",
        dockstore=history.header.dockstore,
        run=history.header.run,
        started=history.header.started,
        engines={"e1": history.header.engine, **{note.key: note.info for _, note in notes(history.events, EngineNote)}},
        files=told.files if told is not None else (history.header.file,),
        name=told.name if told is not None else history.header.file,
        outcome=_outcome(found, services, unseen=footer is None or interrupted or any(note.unseen for note in first)),
        services=services,
        rows=found,
        findings=findings(found, written),
        limits=(*ended, *limits),
        notes=(*(told.notes if told is not None else ()), *_remarks(history, first)),
        seconds=round(footer.ended, 3) if footer is not None else 0.0,
        history=history.path,
        interrupted=interrupted,
        base=told.refs[0] if told is not None and told.refs else None,
        head=told.refs[1] if told is not None and told.refs else None,
        override=override(found, stack or written, upgrade=told.upgrade_mounts if told is not None else ()),
    )


def of_change(base: History, head: History | None, *, stack: Stack | None = None) -> StackReport:
    """Return the report of a change in Git from the drills of both its sides. *stack*: the head's files, as for `report`."""
    written = [note.stack for _, note in notes(base.events, FilesNote)]
    both = stack_changes.against(
        report(head, stack=stack) if head is not None else None,
        report(base),
        before=written[0] if written else None,
        after=written[-1] if len(written) > 1 else None,
    )
    undecided = both.outcome is StackOutcome.UNDECIDED
    return replace(both, outcome=_outcome(both.rows, both.services, unseen=undecided))


def _remarks(history: History, first: list[StateNote]) -> tuple[str, ...]:
    silent = [note for _, note in notes(history.events, ProbeNote) if not note.says and not note.refused]
    remarks = [f"{event.about}: {_users(event.text)}" for event in history.events if isinstance(event, Note)]
    remarks += [f"{note.service}: the probe {note.name} has no say: {_users(note.detail)}" for note in silent]
    if first and all(note.writes_nothing for note in first):
        remarks.append("nothing was seen to be written; what is written later (an upload, a first visit) a probe or --exercise can bring about")
    return tuple(dict.fromkeys(remarks))


def _of_the_user(row: Row) -> Row:
    store = row.store
    if store is not None and store.name is not None:
        store = replace(store, name=_users(store.name))
    recover = row.recover
    if recover is not None and _ANONYMOUS.search(recover):
        command, _, rest = _ANONYMOUS.sub("VOLUME", recover).partition("#")
        recover = f"{command.rstrip()}   # VOLUME: as dockstore orphans names it; {rest.strip()}".rstrip("; ")
    return replace(row, store=store, why=_users(row.why), recover=None if recover is None else _users(recover))


def _users(text: str) -> str:
    """Return *text* with its owner's names in place of the copy's, ids as Docker shortens them, and without a database's echo of our statement."""
    return _ECHO.sub("", _ANONYMOUS.sub(lambda found: found[0][:12], _OURS.sub("", _COPIED.sub("", text))))


def _outcome(found: tuple[Row, ...], services: Iterable[ServiceState], *, unseen: bool) -> StackOutcome:
    """What the service misses counts as a loss, whatever became of its bytes; where a store was not seen, nobody can say that all is kept."""
    counted = [
        replace(row, fate=RowFate.LOST) if row.fate is RowFate.UNKNOWN and row.sights.get(Vantage.SERVICE) is Sight.ABSENT else row for row in found
    ]
    told = outcome(counted, services)
    return StackOutcome.UNDECIDED if unseen and told is StackOutcome.KEEPS_DATA else told


def _word(note: StateNote) -> str:
    return {"up": "up", "done": "up", "slow": "slow"}.get(note.state, "cannot-start")
