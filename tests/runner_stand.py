"""A stage for the runner's fast tests: a fake engine and host, a scenario as text, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from fakes import DATA_ROOT, LAB, FakeEngine, FakeFile, FakeHost, fake_info

from dockstore.core.history import Facts, Footer, Made, Observation, Operation, Placement
from dockstore.core.judge import judge
from dockstore.core.plan import RunIdentity
from dockstore.core.scenario import load_text
from dockstore.runner.halt import Halt
from dockstore.runner.run import RunOptions, run

if TYPE_CHECKING:
    from dockstore.core.history import Event, Header, History
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict
    from dockstore.engines.engine import Engine, Json
    from dockstore.engines.host import Host

IDENTITY = RunIdentity(run="4f1c" * 8, pid=1, pid_start=2, host="boot/space", created="2026-01-01T00:00:00Z")


class LivingEngine(FakeEngine):
    """A fake that also tells when each life of a main process began."""

    lives: dict[str, int]

    def inspect_container(self, container: str, *, size: bool = False) -> Json:
        answer = super().inspect_container(container, size=size)
        state = cast("dict[str, object]", answer["State"])
        lives = self.__dict__.setdefault("lives", {})
        if state["Pid"]:
            lives[str(answer["Id"])] = state["Pid"]
        state["StartedAt"] = f"2026-01-01T00:00:00.{lives.get(str(answer['Id']), 0):09}Z"
        return answer


class FakeDaemon:
    """The process of the fake engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.calls: list[str] = []

    def stop(self) -> None:
        self.calls.append("stop")
        self.engine.crash()
        self.engine.dead = True

    def kill(self) -> None:
        self.calls.append("kill")
        self.engine.crash()
        self.engine.dead = True

    def start(self) -> None:
        self.calls.append("start")
        self.engine.dead = False

    def reboot(self) -> None:
        self.calls.append("reboot")
        self.engine.crash()


@dataclass(slots=True)
class Stand:
    """An engine, its host and its daemon, as opened."""

    engine: Engine
    host: Host
    daemon: FakeDaemon | None = None
    scratch_root: str = "/scratch"

    @property
    def fake(self) -> FakeEngine:
        """The engine, as the fake that it is."""
        return cast("FakeEngine", self.engine)


def stand(*, blind: str | None = None, **facts: object) -> Stand:
    """A fresh stage; *blind*: why the host's files cannot be seen."""
    info = fake_info(**({"host_files": blind is None, "host_mount": True} | facts))
    engine = LivingEngine(info)
    for name in ("overlay2", "volumes"):
        engine.host_files.put(f"{DATA_ROOT}/{name}", FakeFile(kind="directory"))
    return Stand(engine=cast("Engine", engine), host=cast("Host", FakeHost(engine, blind=blind)), daemon=FakeDaemon(engine))


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario."""

    scenario: Scenario
    history: History
    recorded: list[Header | Event] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        return judge(self.history, self.scenario)

    @property
    def footer(self) -> Footer:
        last = self.history.events[-1]
        assert isinstance(last, Footer)
        return last

    @property
    def operations(self) -> dict[str, Operation]:
        return {event.step: event for event in self.history.events if isinstance(event, Operation)}

    @property
    def placements(self) -> dict[str, Placement]:
        return {event.write: event for event in self.history.events if isinstance(event, Placement)}

    @property
    def looks(self) -> dict[str, Observation]:
        return {event.look: event for event in self.history.events if isinstance(event, Observation)}

    @property
    def facts(self) -> dict[str, Facts]:
        return {event.look: event for event in self.history.events if isinstance(event, Facts)}

    @property
    def made(self) -> list[Made]:
        return [event for event in self.history.events if isinstance(event, Made)]

    def fate(self, look: str) -> object:
        return next(ruling.actual for ruling in self.verdict.rulings if ruling.look == look and ruling.fact == "fate")


def load(text: str) -> Scenario:
    """The scenario of *text*, which must be right."""
    parsed = load_text(text, "test.scenario.yaml")
    assert parsed.scenario is not None, [f"{problem.line}: {problem.fact}" for problem in parsed.problems]
    return parsed.scenario


def play(text: str | Scenario, on: Stand | None = None, *, halt: Halt | None = None, ordinal: int = 1, **options: object) -> Played:
    """Play a scenario on *on* (a fresh stage unless given)."""
    scenario = load(text) if isinstance(text, str) else text
    recorded: list[Header | Event] = []
    settings = replace(RunOptions(lab_image=LAB, timeout_seconds=5.0), **options)  # type: ignore[arg-type]
    history = run(
        scenario,
        opened=on or stand(),
        identity=IDENTITY,
        ordinal=ordinal,
        record=recorded.append,
        halt=halt or Halt(),
        options=settings,
    )
    return Played(scenario, history, recorded)
