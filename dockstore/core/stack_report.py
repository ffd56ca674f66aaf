"""What a drill or an audit says of a stack: rows, findings, services, and the report that carries them.

Rule 1: values only; `audit` predicts them, `drill_rows` judges them from a history, `reports` render them.
Rule 2: one document for both: an audit's row has a predicted fate and no sights.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.model import EngineInfo, Sight, StoreKind, Vantage
    from dockstore.core.stack_model import Spot


class RowFate(StrEnum):
    """A fate, or what a service adds to the list: the write was refused, or the service did not come up again."""

    PERSISTED = "persisted"
    CARRIED = "carried"
    LOST = "lost"
    ORPHANED = "orphaned"
    ELSEWHERE = "elsewhere"
    SHADOWED = "shadowed"
    ALTERED = "altered"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"
    UNWRITABLE = "unwritable"
    CANNOT_START = "cannot-start"


class StackOutcome(StrEnum):
    """The first that applies, in this order."""

    LOSES_DATA = "loses-data"
    CANNOT_WRITE = "cannot-write"
    CANNOT_START = "cannot-start"
    UNDECIDED = "undecided"
    KEEPS_DATA = "keeps-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStore:
    """The store behind a row."""

    kind: StoreKind
    id: str | None = None
    name: str | None = None
    anonymous: bool = False
    declared_by: str | None = None  # compose, image VOLUME, ...
    host_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One service, path and event."""

    service: str
    path: str | None  # None: data that touches no file
    role: str  # data, scratch
    role_rule: str  # the rule that said so
    found: str  # written, probe, declared, inferred
    store: RowStore | None
    event: str
    fate: RowFate
    must_survive: bool
    why: str
    sights: Mapping[Vantage, Sight] = field(default_factory=dict)
    recover: str | None = None  # the commands that bring the bytes back
    fix: str | None = None
    aliases: tuple[str, ...] = ()
    lone_file: bool = False  # the path is a file, in a folder that holds other things too
    seen_in: tuple[tuple[str, str], ...] = ()  # (service, path) of others that mount the same store
    service_after: str | None = None  # up, not-ready, down
    probe: str | None = None
    rests_on: str | None = None  # of an audit: what the prediction rests on
    base_fate: RowFate | None = None  # of a drill of a change: what the base makes of it; None: not compared
    store_fate: str | None = None  # of an audit: what becomes of the store, where the fate of the data in it cannot be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that applies to a place in the user's file."""

    rule: str  # DS102
    severity: str  # error, warning, advice
    service: str | None
    path: str | None
    spot: Spot | None
    message: str
    fix: str | None = None  # what to write instead
    ignored: str | None = None  # the reason of an ignore comment


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How a service came up."""

    service: str
    state: str  # up, slow, cannot-start, not-started (an audit)
    writes_nothing: bool = False
    log: tuple[str, ...] = ()  # its own last lines, redacted
    detail: str = ""  # how long was waited for what


@dataclass(frozen=True, slots=True, kw_only=True)
class StackReport:
    """Everything that `drill` or `audit` found about one stack."""

    kind: str  # drill, audit
    dockstore: str
    run: str
    started: str
    engines: Mapping[str, EngineInfo]
    files: tuple[str, ...]
    name: str
    outcome: StackOutcome
    services: tuple[ServiceState, ...]
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    limits: tuple[str, ...] = ()  # what could not be copied or asked faithfully
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    history: str | None = None
    interrupted: bool = False
    base: str | None = None  # of a drill of a change: what it is compared with, as it was named
    head: str | None = None  # and what it was changed to
    base_history: str | None = None
    override: str | None = None  # of a drill: the Compose file that, merged over the stack, keeps what was lost
