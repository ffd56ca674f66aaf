"""What a run knows while it goes: its things by their names in the scenario, its writes, and the record of what happens.

Rule 1: a thing is known by the id that its making gave it, never by its name alone (P11).
Rule 2: what is made is noted before anything else is done with it.
Rule 3: no other module writes an event.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.history import Footer, Made, Note, Operation
from dockstore.core.model import Completion
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, Refused
from dockstore.engines.host import Unseen
from dockstore.runner.redact import redacted
from dockstore.runner.wording import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dockstore.core.history import Event, Header
    from dockstore.core.model import ContainerSpec, Place, Store
    from dockstore.core.plan import Plan
    from dockstore.core.script import AnyStep, Scenario
    from dockstore.engines.engine import Engine, Shell
    from dockstore.engines.host import Host
    from dockstore.runner.settings import Halting, Opened, RunOptions

NONCE_BYTES = 12


class Undoable(Exception):  # noqa: N818
    """A step that could not even be asked for; the text says why. It neither happened nor was it refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a step ended."""

    completion: Completion = Completion.OK
    status: int | None = None
    message: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Box:
    """A container of this run. *shell*: attached to its own main process, while that lives."""

    name: str  # in the scenario
    real: str  # on the engine
    id: str
    spec: ContainerSpec
    seat: Seat
    lab: bool  # its main process is our own shell
    as_root: bool  # its processes run as uid 0, so that one round trip can both look (P14) and write
    attachable: bool = False  # the main process that runs now takes commands
    shell: Shell | None = None
    restarts: int = 0  # RestartCount when it was last started by us


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """An engine with its host, and its key: "" is the engine of the run, "second" the other."""

    key: str
    engine: Engine
    host: Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write as it was placed. *roots*: of a write on the host, identity -> path within, for each folder above it."""

    write: str
    nonce: bytes
    place: Place
    store: Store | None
    seat: Seat | None
    resolved: str | None = None
    container: str | None = None  # id
    read_back: bool = True
    directory: tuple[int, int, int | None] | None = None  # of a volume on the host: device, inode, birth of its root
    options: Mapping[str, str] = field(default_factory=dict)  # of a volume
    roots: Mapping[str, str] = field(default_factory=dict)


class Stage:
    """A run at work. One for each run; its threads (of a `together`) share it."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        plan: Plan,
        opened: Opened,
        options: RunOptions,
        halt: Halting,
        record: Callable[[Header | Event], None],
        scratch: str,
        lab_image: str,
    ) -> None:
        self.scenario = scenario
        self.plan = plan
        self.opened = opened
        self.options = options
        self.halt = halt
        self.scratch = scratch
        self.lab_image = lab_image
        self.seat = Seat("", opened.engine, opened.host)
        self.second = Seat("second", options.second.engine, options.second.host) if options.second is not None else None
        self.boxes: dict[str, Box] = {}
        self.gone: set[str] = set()  # names of containers that were seen to go
        self.volumes: dict[str, str] = {}  # name in the scenario -> name on the engine
        self.images: dict[str, str] = {}  # name in the scenario -> reference
        self.writes: dict[str, Written] = {}
        self.made: list[tuple[Seat, Made]] = []
        self.events: list[Event] = []
        self.at = "0"  # the step that is played
        self._record = record
        self._muted: set[threading.Thread] = set()
        self._closed = False
        self._lock = threading.RLock()
        self._began = time.monotonic()

    # --- time ---------------------------------------------------------------------------------------------------------

    def clock(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self._began, 6)

    @property
    def limit(self) -> float:
        """The seconds that a step may take which names none."""
        return self.options.timeout_seconds

    # --- the record ---------------------------------------------------------------------------------------------------

    def note(self, event: Event) -> None:
        """Record *event*; what a thread has to say that was given up, or after the last line, is not heard: it speaks of a torn-down stage."""
        with self._lock:
            if self._closed or threading.current_thread() in self._muted:
                return
            self.events.append(event)
            self._record(event)
            self._closed = isinstance(event, Footer)

    def mute(self, thread: threading.Thread) -> None:
        """Give up *thread*: whatever it notes from now on is dropped."""
        with self._lock:
            self._muted.add(thread)

    @property
    def muted(self) -> bool:
        """Whether the thread that asks was given up."""
        with self._lock:
            return threading.current_thread() in self._muted

    def remark(self, about: str, text: str) -> None:
        """Record something worth keeping."""
        self.note(Note(about=about, text=redacted(text)))

    def mark_made(self, kind: str, key: str, name: str, seat: Seat | None = None) -> None:
        """Put an object into the ledger, once."""
        made = Made(kind=kind, id=key, name=name)
        with self._lock:
            if any(made.kind == other.kind and made.id == other.id for _, other in self.made):
                return
            self.made.append((seat or self.seat, made))
            self.events.append(made)
            self._record(made)

    def unmark(self, kind: str, key: str) -> None:
        """Note that an object is gone, so that tidying up need not ask for it."""
        with self._lock:
            self.made = [(seat, made) for seat, made in self.made if not (made.kind == kind and made.id == key)]

    def operation(self, number: str, step: AnyStep, done: Done, began: float, ended: float | None = None) -> None:
        """Record a step as performed."""
        verb, subject = words(step)
        self.note(
            Operation(
                step=number,
                verb=verb,
                subject=redacted(subject),
                label=step.label,
                completion=done.completion,
                began=began,
                ended=self.clock() if ended is None else ended,
                status=done.status,
                message=redacted(done.message),
                detail=dict(done.detail),
            )
        )

    # --- things by name -----------------------------------------------------------------------------------------------

    def box(self, name: str) -> Box:
        """The container that bears *name* in the scenario now. Raises Undoable."""
        found = self.boxes.get(name)
        if found is None:
            raise Undoable(f"there is no container '{name}' here")
        return found

    def seat_of(self, engine: str | None) -> Seat:
        """The engine called *engine* ("second", or None for the run's own). Raises Undoable."""
        if not engine:
            return self.seat
        if self.second is None:
            raise Undoable("there is no second engine")
        return self.second

    def volume(self, name: str) -> tuple[Seat, str]:
        """Engine and real name of the volume that the scenario calls *name*."""
        spec = next((spec for spec in self.scenario.volumes if spec.name == name), None)
        seat = self.seat_of(spec.engine if spec is not None else None)
        if name in self.volumes:
            return seat, self.volumes[name]
        if spec is not None and spec.anonymous_of is not None:
            raise Undoable(f"the anonymous volume '{name}' of {spec.anonymous_of} was not seen")
        return seat, self.plan.volume_name(name)

    def image(self, name: str) -> str:
        """The reference of the image that the scenario calls *name*."""
        return self.images.get(name) or self.plan.image_reference(name)

    @staticmethod
    def nonce() -> str:
        """Fresh bytes that nobody wrote before: safe in shells, SQL, URLs and names."""
        return f"n{secrets.token_hex(NONCE_BYTES)}"


@contextmanager
def refusals() -> Iterator[list[Done]]:
    """Turn an engine's or host's refusal into how the step ended; the caller finds it in the list."""
    found: list[Done] = []
    try:
        yield found
    except Refused as exc:
        found.append(Done(completion=Completion.FAIL, status=exc.status, message=exc.words or str(exc)))
    except EngineError as exc:
        found.append(Done(completion=Completion.UNSURE, message=str(exc)))
    except (Unseen, Undoable) as exc:
        found.append(Done(completion=Completion.UNSURE, message=str(exc)))
    except OSError as exc:
        found.append(Done(completion=Completion.FAIL, message=str(exc)))
