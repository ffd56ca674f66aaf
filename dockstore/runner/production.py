"""One scenario, or one of its mutants, played once and written down.

Rule 1: whatever goes wrong while playing becomes a history that says so; it never ends the other scenarios.
Rule 2: a thing that was made reaches the ledger before the history.
Rule 3: where a history can no longer be written (a full disk) its run ends at the next step, tidied up, and judged by what was seen.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.history import Footer, Header, History, Made, Note, Operation
from dockstore.core.values import dataclass
from dockstore.runner.company import guard
from dockstore.runner.histories import HistoryFile
from dockstore.runner.settings import RunOptions
from dockstore.runner.turns import Alone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from dockstore.core.history import Event
    from dockstore.core.plan import RunIdentity
    from dockstore.core.script import Mutant, Scenario
    from dockstore.engines.opening import Opened
    from dockstore.runner.company import Member
    from dockstore.runner.halt import Halt
    from dockstore.runner.ledger import Ledger
    from dockstore.runner.options import Options

    Play = Callable[..., History]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stagehands:
    """What every production of a run shares."""

    options: Options
    identity: RunIdentity
    started: datetime
    folder: Path  # of the histories
    ledger: Ledger
    halt: Halt
    play: Play
    second: Callable[[], Opened | None]
    dockstore: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What is to be played: a scenario or a mutant of it, on an engine."""

    scenario: Scenario  # as in the file
    mutant: Mutant | None
    ordinal: int

    @property
    def script(self) -> Scenario:
        """The scenario that is played."""
        return self.scenario if self.mutant is None else self.mutant.scenario

    @property
    def name(self) -> str:
        """A name for its history's file."""
        stem = self.scenario.file.rpartition("/")[2].removesuffix(".scenario.yaml") or self.scenario.title
        return stem if self.mutant is None else f"{stem} mutant {self.mutant.title}"


def perform(production: Production, *, member: Member, hands: Stagehands, alone: Alone, on_step: Callable[[Operation], None]) -> History:
    """Play it on *member*, which is open; return its history, which is also on disk."""
    if member.opened is None:
        raise RuntimeError("the engine is not open")
    file = HistoryFile(hands.folder, started=hands.started, ordinal=production.ordinal, name=production.name, run=hands.identity.run)
    seen: list[Header | Event] = []

    halt = hands.halt.limited(hands.options.timeout_seconds)

    def record(item: Header | Event) -> None:
        seen.append(item)
        try:
            if isinstance(item, Made):
                hands.ledger.made(member.key, item)
            file.record(item)
        except OSError as error:
            halt.run_out(f"the history cannot be written: {(error.strerror or str(error)).lower()}")
        if isinstance(item, Operation):
            on_step(item)

    began = time.monotonic()
    try:
        with guard(member.info, alone=alone is not Alone.NO, halt=hands.halt):
            history = hands.play(
                production.script,
                opened=member.opened,
                identity=hands.identity,
                ordinal=production.ordinal,
                record=record,
                halt=halt,
                options=_options(production, hands, member.opened.scratch_root),
            )
    except Exception as error:  # noqa: BLE001  # rule 1: the judge answers "unknown" for what was not reached
        history = _broken(production, member, hands, seen, error, seconds=time.monotonic() - began, record=record)
    finally:
        file.close()
    return replace(history, path=str(file.path))


def _options(production: Production, hands: Stagehands, scratch_root: str) -> RunOptions:
    return RunOptions(
        keep=hands.options.keep,
        allow_host_paths=hands.options.allow_host_paths,
        lab_image=hands.options.image,
        scratch_root=scratch_root,
        variables=dict(production.scenario.vars),
        mutant=production.mutant.title if production.mutant is not None else None,
        text=production.scenario.text,
        second=hands.second() if "two-engines" in (*production.script.needs, *production.script.implied_needs) else None,
    )


def _broken(
    production: Production,
    member: Member,
    hands: Stagehands,
    seen: list[Header | Event],
    error: Exception,
    *,
    seconds: float,
    record: Callable[[Header | Event], None],
) -> History:
    """Return a history of what was seen before *error*, with an end that names it."""
    if not seen or not isinstance(seen[0], Header):
        record(
            Header(
                version=1,
                dockstore=hands.dockstore,
                run=hands.identity.run,
                started=f"{hands.started:%Y-%m-%dT%H:%M:%SZ}",
                file=production.scenario.file,
                text=production.scenario.text,
                vars=dict(production.scenario.vars),
                isolate=production.scenario.isolated,
                mutant=production.mutant.title if production.mutant is not None else None,
                engine=member.info,
            )
        )
    name = type(error).__name__
    record(Note(about="run", text=f"{name}: {error}"))
    steps = [item.step for item in seen if isinstance(item, Operation)]
    record(Footer(ended=seconds, stopped_at=steps[-1] if steps else "0", reason=str(error) or name, leftovers=_made(seen)))
    header = next(item for item in seen if isinstance(item, Header))
    return History(header=header, events=tuple(item for item in seen if not isinstance(item, Header)))


def _made(seen: list[Header | Event]) -> tuple[str, ...]:
    """What was made before it broke: all of it may still stand."""
    return tuple(f"{item.kind} {item.name or item.id}" for item in seen if isinstance(item, Made))
