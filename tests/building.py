"""Histories made by hand, one line a thing: the script and what was done and seen of it grow side by side."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dockstore.core.history import Facts, Footer, Header, History, Observation, Operation, Placement, Testimony
from dockstore.core.judge import judge
from dockstore.core.model import (
    Completion,
    ContainerSpec,
    EngineInfo,
    Home,
    Place,
    PlaceKind,
    Sight,
    Store,
    StoreKind,
    Users,
    Vantage,
)
from dockstore.core.script import (
    At,
    Diff,
    Equals,
    Exec,
    Expectation,
    Find,
    Inspect,
    Measure,
    Observe,
    Read,
    Remove,
    Run,
    Scenario,
    Start,
    Stop,
    Together,
    Write,
)

if TYPE_CHECKING:
    from dockstore.core.history import Event, FactValue
    from dockstore.core.model import Mount
    from dockstore.core.script import AnyStep, Check, Value, Where
    from dockstore.core.verdict import Ruling, Verdict

SAME, OTHER, ABSENT, UNSEEN, NOT_APPLICABLE = Sight.SAME, Sight.OTHER, Sight.ABSENT, Sight.UNSEEN, Sight.NOT_APPLICABLE
HEX = "9c1f4e" + "0" * 58
HEX_2 = "b07d21" + "1" * 58


def engine_info(**changes: Any) -> EngineInfo:
    facts: dict[str, Any] = {
        "address": "unix:///run/docker.sock",
        "engine_id": "ABCD",
        "product": "Docker Engine",
        "version": "20.10.24",
        "api_version": "1.41",
        "storage_driver": "overlay2",
        "image_store": "graphdriver",
        "data_root": "/var/lib/docker",
        "kernel": "6.1",
        "host_files": True,
    }
    return EngineInfo(**facts | changes)


def header(**changes: Any) -> Header:
    facts: dict[str, Any] = {
        "version": 1,
        "dockstore": "0.1.0",
        "run": "4f" * 16,
        "started": "2026-11-24T06:30:00Z",
        "file": "one.scenario.yaml",
        "text": "version: 1\n",
        "vars": {},
        "isolate": False,
        "mutant": None,
        "engine": engine_info(),
    }
    return Header(**facts | changes)


def place(text: str) -> Place:
    """`db:/data/row`, `host:shared/row`, `volume:rows/row`."""
    name, _, path = text.partition(":")
    if name == "host":
        return Place(PlaceKind.HOST, "", path)
    if name in {"volume", "layer", "image"}:
        owner, _, inner = path.partition("/")
        return Place(PlaceKind(name), owner, inner)
    return Place(PlaceKind.CONTAINER, name, path)


def volume(name: str = "rows", **changes: Any) -> Store:
    store = Store(
        kind=StoreKind.VOLUME,
        identity=f"volume {name}",
        name=name,
        driver="local",
        host_path=f"/var/lib/docker/volumes/{name}/_data",
        inner_path="row",
        target="/data",
    )
    return replace(store, **changes)


def anonymous(name: str = HEX, **changes: Any) -> Store:
    return volume(name, anonymous=True, **changes)


def layer(container: str = "c1" * 32) -> Store:
    return Store(kind=StoreKind.WRITABLE_LAYER, identity=f"layer {container}", inner_path="row", container=container)


def bind(identity: str = "bind 8:1:77") -> Store:
    return Store(kind=StoreKind.BIND, identity=identity, host_path="/scratch/shared", inner_path="row", target="/data")


def tmpfs(identity: str = "tmpfs 0:51") -> Store:
    return Store(kind=StoreKind.TMPFS, identity=identity, inner_path="row", target="/data")


@dataclass(slots=True)
class Play:
    """A script and its history. Each method adds a step and the event that tells of it; the first stands on line 10."""

    info: EngineInfo = field(default_factory=engine_info)
    steps: list[AnyStep] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    clock: float = 0.0

    # --- what is done ---------------------------------------------------------------------------------------------------

    def at(self) -> At:
        return At(line=10 + len(self.steps), column=5)

    def do(self, step: AnyStep, verb: str, subject: str, *, completion: Completion = Completion.OK, **changes: Any) -> Play:
        """Add any step with the operation that performed it."""
        self.events.append(self._operation(str(len(self.steps)), verb, subject, step.label, completion, **changes))
        self.steps.append(step)
        return self

    def _operation(self, step: str, verb: str, subject: str, label: str | None, completion: Completion, **changes: Any) -> Operation:
        self.clock += 1.0
        operation = Operation(step=step, verb=verb, subject=subject, label=label, completion=completion, began=self.clock - 1.0, ended=self.clock)
        return replace(operation, **changes)

    def run(self, name: str, *mounts: Mount, label: str | None = None, **changes: Any) -> Play:
        return self.do(Run(at=self.at(), label=label, spec=ContainerSpec(name=name, mounts=mounts)), "run", name, **changes)

    def stop(self, name: str | None, *, label: str | None = None, **changes: Any) -> Play:
        return self.do(Stop(at=self.at(), label=label, container=name), "stop", name or "engine", **changes)

    def start(self, name: str | None, **changes: Any) -> Play:
        return self.do(Start(at=self.at(), container=name), "start", name or "engine", **changes)

    def remove(self, name: str, *, volumes: bool = False, **changes: Any) -> Play:
        return self.do(Remove(at=self.at(), container=name, force=True, volumes=volumes), "remove", name, **changes)

    def together(self, *steps: AnyStep) -> Play:
        for inner, step in enumerate(steps):
            self.events.append(self._operation(f"{len(self.steps)}.{inner}", "exec", "a", step.label, Completion.OK))
        return self.do(Together(at=self.at(), steps=steps), "together", "")  # type: ignore[arg-type]  # looks are refused by the grammar

    def write(
        self, name: str, to: str, store: Store | None, *, read_back: bool = True, detail: str = "", placed: bool = True, **changes: Any
    ) -> Play:
        step = str(len(self.steps))
        self.do(Write(at=self.at(), write=name, to=place(to)), "write", name, **changes)
        if placed:
            self.events.append(
                Placement(
                    step=step,
                    write=name,
                    place=place(to),
                    digest="d" * 64,
                    size_bytes=36,
                    store=store,
                    read_back=read_back,
                    detail=detail,
                )
            )
        return self

    # --- looks ------------------------------------------------------------------------------------------------------------

    def observe(
        self,
        name: str,
        at: str,
        *,
        look: str | None = None,
        engine: Sight | tuple[Sight, str] = SAME,
        host: Sight | tuple[Sight, str] = SAME,
        container: Sight | tuple[Sight, str] = SAME,
        home: Home = Home.YES,
        users: Users = Users.SOMEBODY,
        used_by: tuple[str, ...] = (),
        now: Store | None = None,
        home_detail: str = "",
    ) -> Play:
        told = {Vantage.ENGINE: engine, Vantage.HOST: host, Vantage.CONTAINER: container}
        step = Observe(at=self.at(), write=name, look=look or name, place=place(at))
        self.do(step, "observe", name)
        self.events.append(
            Observation(
                step=str(len(self.steps) - 1),
                look=look or name,
                write=name,
                place=place(at),
                sights={vantage: _testimony(said) for vantage, said in told.items()},
                home=home,
                home_detail=home_detail,
                store_now=now,
                users=users,
                used_by=used_by,
                began=self.clock,
                ended=self.clock,
            )
        )
        return self

    def look(self, step: AnyStep, kind: str, missing: dict[str, str] | None = None, **values: FactValue) -> Play:
        name = step.look if isinstance(step, Read | Inspect | Diff | Find | Measure | Observe) else step.label
        self.do(step, kind.partition("-")[0], "x")
        self.events.append(Facts(step=str(len(self.steps) - 1), look=name or "", kind=kind, subject="x", values=dict(values), missing=missing or {}))
        return self

    def read(self, look: str, at: str, *, missing: dict[str, str] | None = None, **values: FactValue) -> Play:
        return self.look(Read(at=self.at(), look=look, place=place(at)), "read", missing, **values)

    def inspect(self, look: str, kind: str, name: str, *, missing: dict[str, str] | None = None, **values: FactValue) -> Play:
        return self.look(Inspect(at=self.at(), look=look, kind=kind, name=name), f"inspect-{kind}", missing, **values)

    def exec(self, label: str, container: str = "a", *, missing: dict[str, str] | None = None, **values: FactValue) -> Play:
        return self.look(Exec(at=self.at(), label=label, command="true", container=container), "exec", missing, **values)

    def diff(self, look: str, values: dict[str, FactValue], *, missing: dict[str, str] | None = None) -> Play:
        return self.look(Diff(at=self.at(), look=look, container="a"), "diff", missing, **values)

    def find(self, look: str, *, missing: dict[str, str] | None = None, **values: FactValue) -> Play:
        return self.look(Find(at=self.at(), look=look, write="secret"), "find", missing, **values)

    def measure(self, look: str, *ratios: float, missing: dict[str, str] | None = None) -> Play:
        step = Measure(at=self.at(), look=look, command="a", against="b", container="a")
        return self.look(step, "measure", missing, **({"ratio": list(ratios)} if ratios else {}))

    # --- the end ------------------------------------------------------------------------------------------------------------

    def unplayed(self, *steps: AnyStep) -> Play:
        """Add steps that the run never came to."""
        self.steps += steps
        return self

    def end(self, stopped_at: str | None = None, reason: str | None = None, *, interrupted: bool = False) -> Play:
        self.events.append(Footer(ended=self.clock + 0.5, stopped_at=stopped_at, reason=reason, interrupted=interrupted))
        return self

    def scenario(self, *expect: Expectation, where: tuple[Where, ...] = (), **changes: Any) -> Scenario:
        scenario = Scenario(title="a fact", file="one.scenario.yaml", text="", steps=tuple(self.steps), expect=expect, where=where)
        return replace(scenario, **changes)

    def history(self, **changes: Any) -> History:
        return History(header=header(engine=self.info, **changes), events=tuple(self.events), path="one.jsonl")

    def judge(self, *expect: Expectation, where: tuple[Where, ...] = (), **changes: Any) -> Verdict:
        return judge(self.history(), self.scenario(*expect, where=where, **changes))

    def ruling(self, *checks: Check | Value, look: str, fact: str = "fate", **changes: Any) -> Ruling:
        """The one ruling on one expectation, of a run that is ended here if it was not."""
        if not self.events or not isinstance(self.events[-1], Footer):
            self.end()
        return self.judge(expect(look, fact, *checks, **changes)).rulings[0]


def expect(look: str, fact: str, *checks: Check | Value, line: int = 40, **changes: Any) -> Expectation:
    """What one fact of one look should be; a bare value is meant literally."""
    wanted = tuple(Equals(one) if isinstance(one, str | int | float | bool | tuple | dict) else one for one in checks)
    return Expectation(look=look, fact=fact, checks=wanted, at=At(line=line), **changes)


def _testimony(said: Sight | tuple[Sight, str]) -> Testimony:
    return Testimony(sight=said) if isinstance(said, Sight) else Testimony(sight=said[0], detail=said[1])
