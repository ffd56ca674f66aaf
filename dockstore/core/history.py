"""What was done and what was seen. A History is a value on disk: JSON Lines there and back (`history_codec`).

Rule 1: an event says what happened, not what it means; the judge rules.
Rule 2: every look that could not be made is an event with its reason, never a gap.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.model import Completion, EngineInfo, Home, Place, Sight, Store, Users, Vantage

FactValue = str | int | float | bool | list[str] | list[float] | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: the script itself (its source text), the engine, the run."""

    version: int  # of the history format: 1
    dockstore: str
    run: str  # run id, 32 hex digits
    started: str  # UTC, ISO 8601
    file: str
    text: str  # the scenario's source; `judge` parses it again
    vars: Mapping[str, str]
    isolate: bool
    mutant: str | None  # title, if a mutant was played
    engine: EngineInfo
    unmet: tuple[str, ...] = ()  # needs that the engine does not meet: nothing was played


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A step as performed. *step* is its index from 0, and `3.1` for the second step of a `together`."""

    step: str
    verb: str  # run, create, stop, write, exec, observe, ...
    subject: str
    label: str | None
    completion: Completion
    began: float  # seconds since the run's start
    ended: float
    status: int | None = None  # the engine's HTTP status of a refusal
    message: str = ""  # its words, redacted
    detail: Mapping[str, str] = field(default_factory=dict)  # ids, exit codes, API version of a prune, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which store took a write, asked of the kernel at the moment of writing; *store* None: cannot be told, *detail* says why."""

    step: str
    write: str
    place: Place
    digest: str  # sha256 of the nonce's bytes
    size_bytes: int
    store: Store | None
    read_back: bool  # False: the write did not come back, so it does not count
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """One vantage point's sight of one write, with the reason or the place where it looked."""

    sight: Sight
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One write, looked for at one place, from all vantage points at one moment."""

    step: str
    look: str
    write: str
    place: Place
    sights: Mapping[Vantage, Testimony]
    home: Home
    home_detail: str = ""
    store_now: Store | None = None  # what backs the place now
    users: Users
    used_by: tuple[str, ...] = ()  # "NAME:/target" of containers that have the store which took the write
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a read, exec, inspect, diff, find or measure saw. A fact in *missing* could not be got, with the reason."""

    step: str
    look: str
    kind: str  # read, exec, inspect-container, inspect-volume, inspect-image, inspect-engine, diff, find, measure
    subject: str
    values: Mapping[str, FactValue]
    missing: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""  # the engine's whole answer where there is one, redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The ledger: an object that this run made, noted as soon as seen. *kind*: container, volume, image, folder, mount, engine."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth keeping: logs and inspect of what failed, a retry, a thing that could not be tidied up."""

    about: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The last line of a run that came to its end. Without it the run was killed."""

    ended: float  # seconds since the run's start
    stopped_at: str | None  # the step at which the run ended early, else None
    reason: str | None  # why: a refusal, a timeout, an interruption
    interrupted: bool = False
    leftovers: tuple[str, ...] = ()  # what could not be tidied up


Event = Operation | Placement | Observation | Facts | Made | Note | Footer


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A run of one scenario (or one of its mutants) on one engine."""

    header: Header
    events: tuple[Event, ...]
    path: str | None = None  # the file that holds it
