"""Stand-ins for a session's surroundings: engines that hold nothing, and a play that follows a list of words."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from building import engine_info

from dockstore.core.history import Footer, Header, History, Made, Operation
from dockstore.core.model import Completion, Outcome
from dockstore.core.script import Scenario
from dockstore.core.verdict import MutantVerdict, Verdict
from dockstore.engines.errors import NotFound, Unreachable
from dockstore.engines.no_host import NoHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.core.history import Event
    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Mutant


class EmptyEngine:
    """An engine on which nothing stands."""

    def __init__(self, info: EngineInfo) -> None:
        self.info = info

    def inspect_image(self, image: str) -> dict[str, object]:
        raise NotFound(f"inspect image {image}", 404, f"No such image: {image}")

    def list_containers(self, **_: Any) -> list[dict[str, object]]:
        return []

    def list_networks(self, **_: Any) -> list[dict[str, object]]:
        return []

    def list_volumes(self, **_: Any) -> list[dict[str, object]]:
        return []

    def list_images(self, **_: Any) -> list[dict[str, object]]:
        return []


@dataclass
class StubOpened:
    """What an opener gives."""

    engine: EmptyEngine
    closed: int = 0
    host: NoHost = field(default_factory=lambda: NoHost("a stub"))
    daemon: None = None
    network_folders: None = None
    scratch_root: str = "/var/tmp"

    def close(self) -> None:
        self.closed += 1


class Opener:
    """Opens a stub for each wish; *spare* False: no engine that may be struck can be had."""

    def __init__(self, *, disposable: bool = False, spare: bool = True, power: bool = True, unreachable: tuple[str, ...] = ()) -> None:
        self.disposable = disposable
        self.spare = spare
        self.power = power
        self.unreachable = unreachable
        self.opened: list[StubOpened] = []
        self.wishes: list[Any] = []

    def __call__(self, wanted: Any, *, say: Callable[[str], None]) -> Any:
        self.wishes.append(wanted)
        if wanted.address in self.unreachable:
            raise Unreachable(f"nobody answers at {wanted.address}", "start it")
        strikeable = self.disposable or (wanted.needs_disposable and self.spare)
        powered = strikeable and wanted.needs_power_loss and self.power
        struck = wanted.needs_disposable and not self.disposable and self.spare
        name = wanted.address or ("powered" if powered else "spare" if struck else "default")
        info = engine_info(
            address=f"unix:///{name}.sock",
            engine_id=name,
            disposable=strikeable,
            restartable=strikeable,
            cpus=2,
            extra={"power-loss": "yes" if powered else "no"},
        )
        self.opened.append(StubOpened(EmptyEngine(info)))
        return self.opened[-1]


class Player:
    """Plays nothing, and remembers what it was asked to."""

    def __init__(self, *, failing: tuple[str, ...] = (), made: tuple[Made, ...] = (), leftovers: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.made = made
        self.leftovers = leftovers
        self.played: list[tuple[str, str]] = []
        self.options: list[Any] = []
        self.ordinals: list[int] = []
        self.halts: list[Any] = []
        self.during: Callable[[Scenario], None] = lambda _scenario: None
        self.running: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def __call__(
        self, scenario: Scenario, *, opened: Any, identity: Any, ordinal: int, record: Callable[[Header | Event], None], halt: Any, options: Any
    ) -> History:
        with self._lock:
            self.played.append((scenario.title, opened.engine.info.engine_id))
            self.options.append(options)
            self.ordinals.append(ordinal)
            self.halts.append(halt)
            for other in self.running:
                self.beside.setdefault(other, set()).add(scenario.title)
            self.beside.setdefault(scenario.title, set()).update(self.running)
            self.running.add(scenario.title)
        try:
            header = Header(
                version=1,
                dockstore="0.1.0",
                run=identity.run,
                started="2026-11-24T06:30:00Z",
                file=scenario.file,
                text=scenario.text,
                vars={},
                isolate=False,
                mutant=options.mutant,
                engine=opened.engine.info,
            )
            record(header)
            for made in self.made:
                record(made)
            self.during(scenario)
            if scenario.title in self.failing:
                raise ValueError("a bug in the runner")
            operation = Operation(step="0", verb="run", subject="db", label=None, completion=Completion.OK, began=0.0, ended=0.1)
            record(operation)
            footer = Footer(ended=0.2, stopped_at=None, reason=None, interrupted=halt.interrupted, leftovers=self.leftovers)
            record(footer)
            return History(header=header, events=(*self.made, operation, footer))
        finally:
            with self._lock:
                self.running.discard(scenario.title)


class TableJudge:
    """Rules by title: what is not in the table holds, and every mutant is refuted."""

    def __init__(self, table: dict[str, Outcome] | None = None) -> None:
        self.table = table or {}

    def judge(self, history: History, scenario: Scenario, *, engine: str = "e1") -> Verdict:
        outcome = self.table.get(scenario.title, Outcome.HOLDS)
        return Verdict(scenario=scenario, engine=engine, outcome=outcome, reason=None, unmet=(), rulings=(), seconds=0.2, history=history)

    def judge_mutant(self, mutant: Mutant, history: History) -> MutantVerdict:
        return MutantVerdict(title=mutant.title, outcome=self.table.get(mutant.title, Outcome.REFUTED), look="row", seconds=0.1)

    def flips(self, history: History, scenario: Scenario) -> tuple[MutantVerdict, ...]:
        return (MutantVerdict(title="row: lost instead", outcome=Outcome.REFUTED, look="row", seconds=0.0, automatic=True),)


class Onlooker:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def note(self, text: str) -> None:
        self.heard.append(("note", text))

    def engine(self, info: EngineInfo, key: str) -> None:
        self.heard.append(("engine", f"{key} {info.engine_id}"))

    def started(self, scenario: Scenario, number: int, of: int) -> None:
        self.heard.append(("started", f"{number}/{of} {scenario.title}"))

    def step(self, scenario: Scenario, text: str) -> None:
        self.heard.append(("step", f"{scenario.title}: {text}"))

    def ended(self, verdict: Verdict) -> None:
        self.heard.append(("ended", f"{verdict.scenario.title}: {verdict.outcome}"))


def scenario(title: str, **changes: Any) -> Scenario:
    return Scenario(title=title, file=f"{title.replace(' ', '-')}.scenario.yaml", text="version: 1\n", **changes)
