"""What a drill knows while it goes: the copy, its services, their probes, where they write; and the record of what happens.

Rule 1: no other module of a drill writes an event.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockstore.core.drill_facts import facts
from dockstore.core.history import Note, Operation
from dockstore.core.model import Completion
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.ready import Readiness, Waiting
from dockstore.runner.redact import redacted
from dockstore.runner.scene import section
from dockstore.runner.stores import list_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dockstore.core.drill_facts import AnyNote, Group, StateNote
    from dockstore.core.history import Event
    from dockstore.core.stack_model import Probe
    from dockstore.runner.drill_compose import Ran
    from dockstore.runner.halt import Halt
    from dockstore.runner.scene import Scene
    from dockstore.runner.stack import StackCopy
    from dockstore.runner.stage import Seat
    from dockstore.runner.stores import Listing

SHAPE_FILES = 5_000


@dataclass(slots=True, kw_only=True)
class Field:
    """One stack on one engine, being drilled."""

    copy: StackCopy
    run: str
    halt: Halt
    record: Callable[[Event], None]
    say: Callable[[str], None]
    limit_seconds: float
    began: float = field(default_factory=time.monotonic)
    services: tuple[str, ...] = ()
    probes: dict[str, list[Probe]] = field(default_factory=dict)  # asked for and built in
    ready: dict[str, Readiness] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)  # services whose ready command has succeeded once
    restless: set[str] = field(default_factory=set)  # services that are never quiet
    ports: dict[str, frozenset[int]] = field(default_factory=dict)  # on which services listened when they were ready
    heard: dict[str, str] = field(default_factory=dict)  # container -> what its probes printed when it was ready
    groups: dict[str, tuple[Group, ...]] = field(default_factory=dict)
    first: dict[str, StateNote] = field(default_factory=dict)
    says: set[tuple[str, str]] = field(default_factory=set)  # (service, probe) with a say
    held: dict[tuple[str, str], int] = field(default_factory=dict)  # the most bytes that a group's files had, in the store that is mounted now
    host_names: dict[str, set[str]] = field(default_factory=dict)  # that a service's earlier containers had
    awaited: frozenset[str] = frozenset()
    exercise: tuple[tuple[str, str], ...] = ()
    _shapeless: set[str] = field(default_factory=set)  # containers with too many files to look at again and again

    @property
    def seat(self) -> Seat:
        """The engine and its host."""
        return self.copy.seat

    def clock(self) -> float:
        """Seconds since the drill began."""
        return round(time.monotonic() - self.began, 6)

    # --- the record -----------------------------------------------------------------------------------------------------

    def note(self, note: AnyNote, *, step: str, look: str) -> None:
        """Record one of a drill's own facts."""
        self.record(facts(note, step=step, look=look))

    def remark(self, about: str, text: str) -> None:
        """Record something worth keeping."""
        self.record(Note(about=about, text=redacted(text)))

    def operation(self, step: str, verb: str, subject: str, ran: Ran | None, began: float, *, failure: str = "") -> None:
        """Record what was done to the stack."""
        words = failure or (ran.words if ran is not None and not ran.good else "")
        completion = Completion.OK if not words else Completion.UNSURE if ran is not None and ran.code is None else Completion.FAIL
        self.record(
            Operation(
                step=step, verb=verb, subject=subject, label=None, completion=completion, began=began, ended=self.clock(), message=redacted(words)
            )
        )

    # --- looking ----------------------------------------------------------------------------------------------------------

    def compose(self, step: str, words: Sequence[str]) -> Ran:
        """Play and record one command of Compose."""
        began = self.clock()
        ran = self.copy.compose(words)
        self.operation(step, words[0], " ".join(("docker compose", *words)), ran, began)
        return ran

    def wait(self, *, meet: Callable[[str, Scene], None] | None = None, reads: Mapping[str, str] | None = None) -> dict[str, StateNote]:
        """Wait until every service is ready, or known not to be. *reads*: what to run in the exec that says ready, told in *heard*."""
        self.heard = {}
        waiting = Waiting(
            seat=self.seat,
            scenes=self.copy.scenes,
            services=self.services,
            ready=self.ready,
            halt=self.halt,
            limit_seconds=self.limit_seconds,
            awaited=self.awaited,
            shape=self.shape,
            proven=self.proven,
            restless=self.restless,
            ports=self.ports,
            reads=reads or {},
            heard=self.heard,
            meet=meet,
        )
        return waiting.wait()

    def declared(self, service: str) -> frozenset[str]:
        """The mounts that the Compose file names for *service*."""
        return self.copy.declared.get(service, frozenset())

    def listing(self, service: str, scene: Scene) -> Listing:
        """List every store of a container."""
        return list_stores(self.seat, scene, self.declared(service))

    def listings(self, scenes: Mapping[str, Sequence[Scene]]) -> dict[str, Listing]:
        """List the stores of each service's first replica."""
        return {service: self.listing(service, several[0]) for service, several in scenes.items() if several and service in self.services}

    def shape(self, scene: Scene) -> tuple[int, int, int] | None:
        """Count, bytes and newest change of a container's files: whether it is quiet; None where there are too many to ask again and again."""
        if scene.id in self._shapeless or self.seat.host.reason is not None:
            return None
        listing = list_stores(self.seat, scene, frozenset(), most=SHAPE_FILES)
        entries = [entry for files in listing.files.values() for entry in files.values()]
        if len(entries) > SHAPE_FILES or any("more than" in why for why in listing.unseen.values()):
            self._shapeless.add(scene.id)
            return None
        return len(entries), sum(entry.size for entry in entries), max((entry.mtime_ns for entry in entries), default=0)

    def process_owner(self, scene: Scene) -> tuple[int, int]:
        """Uid and gid of the service's own process: the main one, or of its first child that is not root."""
        if self.seat.host.reason is None and scene.pid:
            try:
                found = self.seat.host.stat(f"/proc/{scene.pid}")
                children = self.seat.host.read(f"/proc/{scene.pid}/task/{scene.pid}/children") or b""
                for pid in (scene.pid, *(int(word) for word in children.split()[:8])):
                    stat = self.seat.host.stat(f"/proc/{pid}")
                    if stat is not None and stat.uid != 0:
                        return stat.uid, stat.gid
                if found is not None:
                    return found.uid, found.gid
            except (Unseen, ValueError):
                pass
        user = str(section(scene.answer, "Config").get("User") or "0").split(":")
        return (int(user[0]), int(user[-1])) if all(part.isdigit() for part in user) else (0, 0)

    def says_ready(self, service: str, scene: Scene) -> bool | None:
        """Whether the ready command of *service* succeeds now; None: it has none that ever did."""
        asked = self.ready.get(service)
        if asked is None or asked.command is None or service not in self.proven:
            return None
        try:
            return self.seat.engine.exec(scene.id, ["sh", "-c", asked.command], user=asked.user, timeout_seconds=30.0).exit_code == 0
        except EngineError:
            return False

    def reader(self, service: str, probe: Probe, scenes: Mapping[str, Sequence[Scene]]) -> Scene | None:
        """The container in which a probe is read: its own, another service's, or a replica (`db@2`)."""
        name, _, number = (probe.read_in or service).partition("@")
        several = scenes.get(name, ())
        index = int(number) - 1 if number.isdigit() else 0
        return several[index] if 0 <= index < len(several) else None
