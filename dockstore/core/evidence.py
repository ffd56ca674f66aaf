"""A history, indexed once, and asked: what was seen by this look, which write does it speak of, and if nothing: why not.

Rule 1: nothing here compares with an expectation; `judge` does.
Rule 2: what the history does not hold is answered with a reason, never with a guess.
Rule 3: sights that a store of that kind cannot have are read as what they are: memory has no file on the host, and a bind no object in the engine.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.fates import fate
from dockstore.core.history import Facts, Footer, Observation, Operation, Placement
from dockstore.core.model import Completion, Home, PlaceKind, Sight, StoreKind, Users, Vantage
from dockstore.core.script import Copy, Diff, Find, Inspect, Measure, Observe, Read, Together, Write
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dockstore.core.history import History
    from dockstore.core.model import Fate, Store
    from dockstore.core.script import AnyStep, Scenario

Key = tuple[int, ...]

WITNESSES = (Vantage.ENGINE, Vantage.HOST, Vantage.CONTAINER)
LOOKING = frozenset({"observe", "read", "inspect", "diff", "find", "measure"})  # an unsure one of these changed nothing
_NO_OBJECT_OF_THE_ENGINE = frozenset({StoreKind.BIND, StoreKind.TMPFS, StoreKind.ENGINE_FILE, StoreKind.IMAGE_LAYER, StoreKind.IMAGE_MOUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One history beside its script."""

    history: History
    scenario: Scenario
    steps: Mapping[Key, AnyStep]
    looks: Mapping[str, tuple[Key, AnyStep]]  # name of a look or of an action's outcome -> its step
    operations: tuple[tuple[Key, Operation], ...]  # in the order of the script
    outcomes: Mapping[str, Operation]  # by label
    placements: Mapping[str, tuple[tuple[Key, Placement], ...]]  # by write
    observations: Mapping[str, Observation]
    facts: Mapping[str, Facts]
    footer: Footer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one write by one look. *reason*: why nothing can be said; without it *fate* is None only where no container was asked."""

    fate: Fate | None
    reason: str | None = None
    observation: Observation | None = None
    placement: Placement | None = None
    sights: Mapping[Vantage, Sight] = field(default_factory=dict)


def key(step: str) -> Key:
    """Return a step's index as numbers: "3.1" is the second step of the fourth step, a `together`."""
    return tuple(int(part) for part in step.split(".") if part.isdecimal())


def steps_of(scenario: Scenario) -> Iterator[tuple[Key, AnyStep]]:
    """Yield every step with its index, those inside a `together` too."""
    for number, step in enumerate(scenario.steps):
        yield (number,), step
        if isinstance(step, Together):
            for inner, one in enumerate(step.steps):
                yield (number, inner), one


def look_name(step: AnyStep) -> str | None:
    """Return the name under which `expect` speaks of *step*."""
    match step:
        case Observe() | Read() | Inspect() | Diff() | Find() | Measure():
            return step.look
        case _:
            return step.label


def gather(history: History, scenario: Scenario) -> Evidence:
    """Index *history* once."""
    steps = dict(steps_of(scenario))
    operations: list[tuple[Key, Operation]] = []
    outcomes: dict[str, Operation] = {}
    placements: dict[str, list[tuple[Key, Placement]]] = {}
    observations: dict[str, Observation] = {}
    facts: dict[str, Facts] = {}
    footer: Footer | None = None
    for event in history.events:
        match event:
            case Operation():
                operations.append((key(event.step), event))
                if event.label is not None and outcomes.get(event.label, event).completion is Completion.OK:
                    outcomes[event.label] = event  # of several subjects, the first that did not go well
                elif event.label is not None:
                    outcomes.setdefault(event.label, event)
            case Placement():
                placements.setdefault(event.write, []).append((key(event.step), event))
            case Observation():
                observations[event.look] = event
            case Facts():
                facts[event.look] = event
            case Footer():
                footer = event
            case _:
                pass
    return Evidence(
        history=history,
        scenario=scenario,
        steps=steps,
        looks={name: (at, step) for at, step in steps.items() if (name := look_name(step)) is not None},
        operations=tuple(sorted(operations, key=lambda pair: pair[0])),
        outcomes=outcomes,
        placements={name: tuple(placed) for name, placed in placements.items()},
        observations=observations,
        facts=facts,
        footer=footer,
    )


def line_of(evidence: Evidence, step: str) -> int | None:
    """Return the line of the scenario file on which *step* stands."""
    found = evidence.steps.get(key(step))
    return found.at.line if found is not None else None


def unfinished(evidence: Evidence) -> str | None:
    """Return why the run did not come to its end, None if it did."""
    footer = evidence.footer
    if footer is None:
        return "the run was killed"
    if footer.interrupted:
        return "the run was interrupted"
    if footer.stopped_at is None and footer.reason is None:
        return None
    line = line_of(evidence, footer.stopped_at) if footer.stopped_at is not None else None
    where = f" at line {line}" if line is not None else ""
    return f"the run ended{where}: {footer.reason or 'no reason was noted'}"


def never_looked(evidence: Evidence, look: str) -> str:
    """Return why the history holds nothing of *look*."""
    operation = performed(evidence, look)
    if operation is not None and operation.message:
        return operation.message
    why = unfinished(evidence)
    if why is None:
        return f"the history holds nothing of the look '{look}'"
    return f"{why} before this look" if evidence.footer is None or evidence.footer.interrupted else why


def performed(evidence: Evidence, look: str) -> Operation | None:
    """Return the operation of the step that *look* is the name of."""
    at = evidence.looks[look][0] if look in evidence.looks else None
    return next((operation for where, operation in reversed(evidence.operations) if where == at), None)


def unsure_before(evidence: Evidence, until: Key, *, since: Key = (-1,)) -> str | None:
    """Return a sentence on the last action before *until* of which nobody knows whether it happened."""
    found: str | None = None
    for at, operation in evidence.operations:
        if since < at < until and operation.completion is Completion.UNSURE and operation.verb not in LOOKING:
            step = evidence.steps.get(at)
            line = f" (line {step.at.line})" if step is not None else ""
            said = f": {operation.message}" if operation.message else ""
            found = f"it is not known whether '{operation.verb} {operation.subject}'{line} happened{said}"
    return found


def look_at(evidence: Evidence, look: str) -> Seen:
    """Return what became of the write that *look* observes."""
    observation = evidence.observations.get(look)
    if observation is None:
        return Seen(fate=None, reason=never_looked(evidence, look))
    until = key(observation.step)
    placed = [(at, one) for at, one in evidence.placements.get(observation.write, ()) if at < until]
    if not placed:
        reason = f"nothing says which store took the write '{observation.write}'"
        return Seen(fate=None, reason=reason, observation=observation)
    since, placement = max(placed, key=lambda pair: pair[0])
    sights = sights_of(observation, placement.store)
    seen = Seen(fate=None, observation=observation, placement=placement, sights=sights)
    if not placement.read_back:
        said = f": {placement.detail}" if placement.detail else ""
        return _told(seen, reason=f"the write '{observation.write}' did not come back when it was read, so it does not count{said}")
    for at, operation in evidence.operations:
        step = evidence.steps.get(at)
        if since < at < until and operation.completion is not Completion.OK and _writes(step, observation.write):
            return _told(seen, reason=f"a later write of '{observation.write}' did not go well: {operation.message or operation.completion}")
    unsure = unsure_before(evidence, until, since=since)
    if unsure is not None:
        return _told(seen, reason=unsure)
    if observation.place.kind is not PlaceKind.CONTAINER:
        return seen  # sights, no fate: no container was asked
    return _told(seen, fate=_fate(observation, placement.store, sights))


def sights_of(observation: Observation, store: Store | None) -> Mapping[Vantage, Sight]:
    """Return each witness's sight, as far as a store of that kind can be seen from there."""
    sights = {vantage: told.sight for vantage, told in observation.sights.items()}
    for vantage in WITNESSES:
        sights.setdefault(vantage, Sight.UNSEEN)
    if store is not None and store.kind in _NO_OBJECT_OF_THE_ENGINE:
        sights[Vantage.ENGINE] = Sight.NOT_APPLICABLE
    if store is not None and store.kind is StoreKind.TMPFS:
        sights[Vantage.HOST] = Sight.NOT_APPLICABLE
    return sights


def _fate(observation: Observation, store: Store | None, sights: Mapping[Vantage, Sight]) -> Fate:
    """Ask the table. Of a store that could not be told, nobody but the container can have seen anything."""
    if store is None:
        return fate(container=sights[Vantage.CONTAINER], home=Home.UNKNOWN, host=Sight.UNSEEN, engine=Sight.UNSEEN, users=Users.UNKNOWN)
    return fate(
        container=sights[Vantage.CONTAINER],
        home=observation.home,
        host=sights[Vantage.HOST],
        # the bytes of a volume with options are not the engine's: it knows the name only
        engine=Sight.NOT_APPLICABLE if store.has_options else sights[Vantage.ENGINE],
        users=Users.NOBODY if memory_gone(store, sights) else observation.users,
    )


def memory_gone(store: Store, sights: Mapping[Vantage, Sight]) -> bool:
    """Whether a volume was in memory that nothing mounts any more: only then a volume is not applicable for the host.

    Whoever mounts the volume now has the name, and other memory.
    """
    return store.kind is StoreKind.VOLUME and store.has_options and sights[Vantage.HOST] is Sight.NOT_APPLICABLE


def _told(seen: Seen, *, fate: Fate | None = None, reason: str | None = None) -> Seen:
    return Seen(fate=fate, reason=reason, observation=seen.observation, placement=seen.placement, sights=seen.sights)


def _writes(step: AnyStep | None, write: str) -> bool:
    """Whether *step* makes a write of that name."""
    match step:
        case Write():
            return step.write == write
        case Copy():
            return step.source == write
        case _:
            return False
