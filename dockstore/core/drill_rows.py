"""A drill's history in, rows out: for each service, path and event what became of the data.

Rule 1: everything that decides a row lies here and in `fates`; pure, over the history and nothing else.
Rule 2: where a probe covers a datum, the service's own word decides; the marker decides where none does, and proves no more than that a file
        there outlives the event.
Rule 3: what was not reached, not asked or not told is unknown, with its reason; the worst of several data in a group counts.
"""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from dockstore.core import fates
from dockstore.core.drill_facts import AfterNote, Group, ProbeNote, StackNote, StateNote, WordNote, notes
from dockstore.core.drill_word import WORST_FIRST, Ruled, by_word, concerns, refused
from dockstore.core.history import Observation, Operation, Placement
from dockstore.core.model import Completion, Fate, Home, Sight, StoreKind, Vantage
from dockstore.core.stack_events import BY_NAME
from dockstore.core.stack_report import Row, RowFate, RowStore
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dockstore.core.history import History
    from dockstore.core.model import Store
    from dockstore.core.stack_events import StackEvent

DATA = "data"
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Played:
    """What the history has of one event."""

    step: str
    event: StackEvent
    placements: Mapping[str, Placement]
    observations: Mapping[str, Observation]
    states: Mapping[str, StateNote]
    words: Mapping[tuple[str, str], WordNote]
    afters: Mapping[tuple[str, str], AfterNote]
    hindered: str | None  # what of the event itself was refused (an `up` that fails shows in the services' states)


def rows(history: History) -> tuple[Row, ...]:
    """Return the rows of a drill, in the order of services, paths and events."""
    told = [note for _, note in notes(history.events, StackNote)]
    if not told:
        return ()
    stack = told[0]
    first = {note.service: note for line, note in notes(history.events, StateNote) if line.step == "0"}
    every_group = [note for line, note in notes(history.events, Group) if line.step == "0"]
    probes = [note for line, note in notes(history.events, ProbeNote) if line.step == "0"]
    played = _played(history)
    found: list[Row] = []
    for service in stack.services:
        mine = [group for group in every_group if group.service == service]
        asked = [probe for probe in probes if probe.service == service]
        for group in mine:
            found += [_row(stack, group, asked, mine, event, first.get(service)) for event in played]
        for probe in asked:
            if not _covers(probe, mine) and not any(concerns(probe, group) for group in mine):
                found += [_bare_row(stack, probe, event, first.get(service)) for event in played]
        if not mine and not asked and first.get(service) is not None and first[service].state == "cannot-start":
            found += [_never(first[service], event) for event in played]
    return tuple(found)


def _played(history: History) -> tuple[_Played, ...]:
    """The events that were played to their look, in order."""
    by_step: dict[str, StackEvent] = {}
    for line, _ in notes(history.events, StateNote):
        if line.step != "0" and line.look in BY_NAME:
            by_step[line.step] = BY_NAME[line.look]
    placements: dict[str, dict[str, Placement]] = {}
    observations: dict[str, dict[str, Observation]] = {}
    failures: dict[str, list[str]] = {}
    for event in history.events:
        match event:
            case Placement():
                placements.setdefault(event.step, {})[event.write] = event
            case Observation():
                observations.setdefault(event.step, {})[event.write] = event
            case Operation(completion=Completion.FAIL | Completion.UNSURE) if event.verb != "up":
                failures.setdefault(event.step, []).append(f"{event.subject}: {event.message}")
            case _:
                continue
    states = _by_step((line.step, (note.service, note)) for line, note in notes(history.events, StateNote))
    words = _by_step((line.step, ((note.service, note.probe), note)) for line, note in notes(history.events, WordNote))
    afters = _by_step((line.step, ((note.service, note.path), note)) for line, note in notes(history.events, AfterNote))
    return tuple(
        _Played(
            step=step,
            event=event,
            placements=placements.get(step, {}),
            observations=observations.get(step, {}),
            states=states.get(step, {}),
            words=words.get(step, {}),
            afters=afters.get(step, {}),
            hindered=next(iter(failures.get(step, ())), None),
        )
        for step, event in by_step.items()
    )


def _by_step(pairs: Iterable[tuple[str, tuple[K, V]]]) -> dict[str, dict[K, V]]:
    found: dict[str, dict[K, V]] = {}
    for step, (key, value) in pairs:
        found.setdefault(step, {})[key] = value
    return found


def _covers(probe: ProbeNote, groups: list[Group]) -> bool:
    """Whether a probe's datum lies in some group: one that it touched, or any, where it touched no file at all."""
    data = [group for group in groups if group.role == DATA and group.found != "declared"]
    if not probe.says:
        return not probe.refused  # what has no say has no row, but for a write that was refused
    return any(probe.name in group.probes for group in groups) or (not probe.touched_files and bool(data))


def _of(probe: ProbeNote, group: Group) -> bool:
    """Whether the word of *probe* goes for *group*."""
    if not probe.says or group.role != DATA:
        return False
    return probe.name in group.probes or (not probe.touched_files and group.found != "declared")


# --- one row ------------------------------------------------------------------------------------------------------------------


def _row(stack: StackNote, group: Group, asked: list[ProbeNote], mine: list[Group], event: _Played, first: StateNote | None) -> Row:
    covering = [probe for probe in asked if _of(probe, group)]
    refusing = next((probe for probe in asked if concerns(probe, group)), None)
    marker, observed = _marker(group, mine, event, first)
    words = [(probe, event.words[group.service, probe.name]) for probe in covering if (group.service, probe.name) in event.words]
    ruled = _ruled(group, marker, words, event, first, refusing)
    said = next((word for _, word in words if word.sight == "absent"), next((word for _, word in words if word.sight != "unseen"), None))
    sights = dict(_sights(observed))
    if words:
        sights[Vantage.SERVICE] = Sight(said.sight) if said is not None else Sight.UNSEEN
    state = event.states.get(group.service)
    must = _must(stack, group.service, group.path, group.role, group.found, event.event)
    if ruled.fate is RowFate.UNWRITABLE and group.found == "declared":
        must = event.event.routine and not _matches(stack.ignore, group.service, group.path)
    if first is not None and first.state == "cannot-start":
        must = False  # no event did it
    return Row(
        service=group.service,
        path=group.path,
        role=group.role,
        role_rule=group.role_rule,
        found=group.found,
        store=_store(group, event),
        event=event.event.name,
        fate=ruled.fate,
        must_survive=must,
        why=ruled.why,
        sights=sights,
        recover=_recover(group, ruled.fate, words),
        aliases=group.aliases,
        lone_file=group.folder != group.path,
        seen_in=group.seen_in,
        service_after=_after_word(state),
        probe=", ".join(probe.name for probe, _ in words) or None,
    )


def _ruled(
    group: Group,
    marker: Ruled,
    words: list[tuple[ProbeNote, WordNote]],
    event: _Played,
    first: StateNote | None,
    refusing: ProbeNote | None,
) -> Ruled:
    state = event.states.get(group.service)
    if first is not None and first.state == "cannot-start":
        return Ruled(fate=RowFate.CANNOT_START, why=f"the service never came up: {first.detail}")
    if state is None:
        return Ruled(fate=RowFate.UNKNOWN, why="the drill ended before its look")
    if event.hindered is not None:
        return Ruled(fate=RowFate.UNKNOWN, why=f"the event could not be played: {event.hindered}")
    if state.state == "cannot-start":
        return Ruled(fate=RowFate.CANNOT_START, why=f"the service does not come up again: {_said(state)}; its bytes: {marker.why}")
    if state.state == "slow":
        return Ruled(fate=RowFate.UNKNOWN, why=f"the service runs and is not ready: {state.detail}; its bytes: {marker.why}")
    if refusing is not None:
        return refused(refusing, group)
    ruled = [word for probe, note in words if (word := by_word(probe, note, marker, group, event.event)) is not None]
    if not ruled:
        return marker
    worst = min(ruled, key=lambda item: WORST_FIRST.index(item.fate))
    after = event.afters.get((group.service, group.path))
    if worst.missed and after is not None and after.host_name_moved is not None:
        return replace(worst, why=f"{worst.why}; the service writes under its host name, which is {after.host_name_moved} now")
    return worst


# --- the marker -----------------------------------------------------------------------------------------------------------------


def _marker(group: Group, mine: list[Group], event: _Played, first: StateNote | None) -> tuple[Ruled, Observation | None]:
    """What the markers of all replicas say: the worst of them."""
    prefix = f"marker|{group.service}|{group.path}|"
    placed = {write: item for write, item in event.placements.items() if write.startswith(prefix)}
    if not group.markable:
        return _by_files(group, event), None
    if not placed:
        why = "no marker could be planted: the service did not run" if first is None or first.state != "up" else "no marker was planted"
        return Ruled(fate=RowFate.UNKNOWN, why=why), None
    ruled: list[tuple[Ruled, Observation | None]] = []
    for write, placement in placed.items():
        observed = event.observations.get(write)
        ruled.append((_one_marker(group, mine, event, placement, observed), observed))
    return min(ruled, key=lambda pair: WORST_FIRST.index(pair[0].fate))


def _one_marker(group: Group, mine: list[Group], event: _Played, placement: Placement, observed: Observation | None) -> Ruled:
    if not placement.read_back:
        return _not_planted(group, mine, placement)
    if observed is None:
        return Ruled(fate=RowFate.UNKNOWN, why="the drill ended before its look")
    sights = {vantage: testimony.sight for vantage, testimony in observed.sights.items()}
    fate = fates.fate(
        container=sights.get(Vantage.CONTAINER, Sight.UNSEEN),
        home=observed.home,
        host=sights.get(Vantage.HOST, Sight.UNSEEN),
        engine=sights.get(Vantage.ENGINE, Sight.UNSEEN),
        users=observed.users,
    )
    ruled = _weakened(group, event, Ruled(fate=RowFate(fate), why=_why(fate, placement.store, observed)))
    return replace(ruled, gone=_gone(fate, placement.store, sights), stays=fate is Fate.PERSISTED)


def _gone(fate: Fate, store: Store | None, sights: Mapping[Vantage, Sight]) -> bool:
    """Whether the store itself is no more: a marker alone may have been swept away."""
    memory = store is not None and store.kind is StoreKind.TMPFS
    return fate is Fate.LOST and (memory or sights.get(Vantage.ENGINE) is Sight.ABSENT)


def _not_planted(group: Group, mine: list[Group], placement: Placement) -> Ruled:
    refused = placement.detail.startswith("refused: ")
    writes_elsewhere = any(other.role == DATA and other.found != "declared" for other in mine if other is not group)
    if refused and group.found == "declared" and writes_elsewhere:
        return Ruled(fate=RowFate.UNKNOWN, why="mounted, not used: the service writes elsewhere, and its user may not write here")
    if refused and group.found == "declared":
        return Ruled(fate=RowFate.UNWRITABLE, why=f"the service's user may not write here: {placement.detail.removeprefix('refused: ')}")
    return Ruled(fate=RowFate.UNKNOWN, why=f"no marker could be planted: {placement.detail}")


def _weakened(group: Group, event: _Played, ruled: Ruled) -> Ruled:
    """What a marker alone cannot carry."""
    if group.found == "declared":
        said = "nothing was ever seen to be written here; only dockstore's own marker lay here"
        return Ruled(fate=RowFate.UNKNOWN, why=said) if ruled.fate is RowFate.PERSISTED else Ruled(fate=ruled.fate, why=f"{said}: {ruled.why}")
    if group.role != DATA:
        return ruled
    after = event.afters.get((group.service, group.path), AfterNote(service=group.service, path=group.path))
    if after.moved_to is not None and ruled.fate in {RowFate.PERSISTED, RowFate.CARRIED, RowFate.SHADOWED, RowFate.UNKNOWN}:
        return Ruled(fate=RowFate.ORPHANED, why=f"the service begins anew at {after.moved_to}; what it wrote here lies untouched", missed=True)
    if ruled.fate is RowFate.PERSISTED and after.host_name_moved is not None:
        return Ruled(
            fate=RowFate.ORPHANED,
            why=f"the service writes under its host name, which is {after.host_name_moved} now; what it wrote under the old one lies unused",
            missed=True,
            inferred=True,
        )
    if ruled.fate is RowFate.PERSISTED and after.renewed:
        return Ruled(fate=RowFate.UNKNOWN, why="every file here was made anew; whether what was in them came back, only the service can tell")
    if ruled.fate is RowFate.PERSISTED and after.shrunk:
        return Ruled(fate=RowFate.UNKNOWN, why=_shrunk(after))
    if ruled.fate is RowFate.PERSISTED and event.event.abrupt and group.written_at_stop:
        return Ruled(
            fate=RowFate.UNKNOWN, why="some of it is written in a graceful stop only, and this event gives it none; only the service can tell"
        )
    if ruled.fate in {RowFate.LOST, RowFate.ALTERED} and after.kept_files:
        return Ruled(fate=RowFate.UNKNOWN, why="the marker was swept away while the service's own files are the same ones; only the service can tell")
    return ruled


def _by_files(group: Group, event: _Played) -> Ruled:
    """A bind of a single file takes no marker: the file itself tells."""
    after = event.afters.get((group.service, group.path))
    if after is not None and after.shrunk:
        return Ruled(fate=RowFate.UNKNOWN, why=_shrunk(after))
    if after is not None and after.kept_files:
        return Ruled(fate=RowFate.PERSISTED, why="the very file is still mounted")
    return Ruled(fate=RowFate.UNKNOWN, why="a mount of a single file takes no marker; only the service can tell what is in it")


def _shrunk(after: AfterNote) -> str:
    return f"its files held {after.held} bytes, and hold {after.holds} now: it may have begun anew, and only the service can tell"


def _why(fate: Fate, store: Store | None, observed: Observation) -> str:
    what = _named(store)
    match fate:
        case Fate.PERSISTED:
            return f"it is still in {what}, and the service has it"
        case Fate.CARRIED:
            return f"it is in another store now: a copy reached {_named(observed.store_now)}"
        case Fate.LOST:
            return _lost(what, store, observed)
        case Fate.ORPHANED:
            return f"{what} still has it, and no container mounts that"
        case Fate.ELSEWHERE:
            return f"{what} still has it; it is used by {', '.join(observed.used_by) or 'another container'}"
        case Fate.SHADOWED:
            return f"{what} still has it, under another mount that hides it"
        case Fate.ALTERED:
            return "there are other bytes in its place"
        case Fate.DISPUTED:
            return "the witnesses contradict one another: a bug in storage, or ours"
        case Fate.UNKNOWN:
            reasons = [testimony.detail for testimony in observed.sights.values() if testimony.sight is Sight.UNSEEN and testimony.detail]
            return "; ".join([*reasons[:2], observed.home_detail] if observed.home is Home.UNKNOWN else reasons[:2]) or "the evidence does not reach"


def _lost(what: str, store: Store | None, observed: Observation) -> str:
    engine = observed.sights.get(Vantage.ENGINE)
    if store is None or store.kind is StoreKind.TMPFS:
        return f"{what} went with its process"
    if engine is not None and engine.sight is Sight.ABSENT:
        return f"{what} took it, and is gone"
    if store.has_options:
        return f"it is gone from {what}, whose bytes lie in memory or elsewhere"
    return f"it is gone from {what}"


def _named(store: Store | None) -> str:
    if store is None:
        return "its store"
    match store.kind:
        case StoreKind.VOLUME:
            return f"the {'anonymous ' if store.anonymous else ''}volume {(store.name or '')[:12] if store.anonymous else store.name}"
        case StoreKind.WRITABLE_LAYER:
            return f"the writable layer of container {(store.container or '')[:12]}"
        case StoreKind.BIND:
            return "the bind source"
        case StoreKind.TMPFS:
            return "the memory of the tmpfs"
        case _:
            return f"the {store.kind}"


# --- rows without a group -----------------------------------------------------------------------------------------------------


def _bare_row(stack: StackNote, probe: ProbeNote, event: _Played, first: StateNote | None) -> Row:
    """A probe that touches no file of any group: data in memory."""
    word = event.words.get((probe.service, probe.name))
    state = event.states.get(probe.service)
    nothing = Ruled(fate=RowFate.UNKNOWN, why="only the service can tell, and it was not asked")
    ruled = refused(probe, None) if probe.refused and not probe.says else nothing
    ruled = (by_word(probe, word, nothing, None, event.event) if word is not None else None) or ruled
    if event.hindered is not None:
        ruled = Ruled(fate=RowFate.UNKNOWN, why=f"the event could not be played: {event.hindered}")
    elif state is not None and state.state == "cannot-start":
        ruled = Ruled(fate=RowFate.CANNOT_START, why=f"the service does not come up again: {_said(state)}")
    elif word is not None and word.sight == "same":
        ruled = Ruled(fate=RowFate.PERSISTED, why=f"the service finds its datum again ({probe.name})")
    elif state is not None and state.state == "slow":
        ruled = Ruled(fate=RowFate.UNKNOWN, why=f"the service runs and is not ready: {state.detail}")
    return Row(
        service=probe.service,
        path=posixpath.dirname(probe.refused_at) if probe.refused_at is not None else None,
        role=DATA,
        role_rule="stored by a probe, and no file was touched" if probe.says else "what the service wants to write",
        found="probe",
        store=None,
        event=event.event.name,
        fate=ruled.fate,
        must_survive=_must(stack, probe.service, probe.refused_at or "", DATA, "probe", event.event) and first is not None,
        why=ruled.why,
        sights={Vantage.SERVICE: Sight(word.sight) if word is not None else Sight.UNSEEN},
        service_after=_after_word(state),
        probe=probe.name,
        recover=None,
    )


def _never(first: StateNote, event: _Played) -> Row:
    return Row(
        service=first.service,
        path=None,
        role=DATA,
        role_rule="the service never came up: no word about its files",
        found="inferred",
        store=None,
        event=event.event.name,
        fate=RowFate.CANNOT_START,
        must_survive=False,  # no event did it
        why=f"the service never came up: {first.detail}",
        service_after="down",
    )


def _said(state: StateNote) -> str:
    """Why a service does not run, with the last line of its log."""
    last = next((line for line in reversed(state.log) if line.strip()), None)
    return f"{state.detail} ({last[:160]})" if last is not None else state.detail


# --- small words ----------------------------------------------------------------------------------------------------------------


def _sights(observed: Observation | None) -> Mapping[Vantage, Sight]:
    return {vantage: testimony.sight for vantage, testimony in observed.sights.items()} if observed is not None else {}


def _after_word(state: StateNote | None) -> str | None:
    return None if state is None else {"up": "up", "done": "up", "slow": "not-ready"}.get(state.state, "down")


def _store(group: Group, event: _Played) -> RowStore:
    placed = next((item.store for write, item in event.placements.items() if write == f"marker|{group.service}|{group.path}|1" and item.store), None)
    note = group.store
    return RowStore(
        kind=StoreKind(note.kind),
        id=placed.identity if placed is not None else None,
        name=placed.name if placed is not None and placed.kind is StoreKind.VOLUME else note.name if note.kind == "volume" else None,
        anonymous=note.anonymous,
        declared_by=note.declared_by,
        host_path=note.host_path,
    )


def _must(stack: StackNote, service: str, path: str, role: str, found: str, event: StackEvent) -> bool:
    """Whether this row must survive: data in a routine event, unless somebody said otherwise."""
    if _matches(stack.ignore, service, path) or event.name in stack.ignore:
        return False
    if _matches(stack.must_survive, service, path):
        return True
    if role != DATA or found == "declared":
        return False
    return event.routine or event.name in stack.must_survive


def _matches(patterns: tuple[str, ...], service: str, path: str) -> bool:
    """Whether SERVICE, /PATH or SERVICE:/PATH (with * and ?) names this row."""
    for pattern in patterns:
        if pattern in BY_NAME:
            continue
        name, colon, where = pattern.partition(":")
        if not colon:
            name, where = ("*", pattern) if pattern.startswith("/") else (pattern, "*")
        if fnmatch.fnmatchcase(service, name) and (where == "*" or fnmatch.fnmatchcase(path, where) or path.startswith(f"{where.rstrip('/')}/")):
            return True
    return False


def _recover(group: Group, fate: RowFate, words: list[tuple[ProbeNote, WordNote]]) -> str | None:
    """The commands that bring orphaned or shadowed bytes back."""
    if fate not in {RowFate.ORPHANED, RowFate.SHADOWED, RowFate.ELSEWHERE}:
        return None
    volume = next((name for _, word in words for name in word.found_stores), None) or group.store.name
    if group.store.kind == "volume" and volume is not None and group.store.anonymous:
        new = f"{group.service}_data"
        return f"docker run --rm -v {volume}:/from:ro -v {new}:/to busybox cp -a /from/. /to/   # then mount {new} at {group.store.target}"
    if group.store.kind == "volume" and volume is not None:
        return f"mount the volume {volume} at {group.store.target} again"
    if group.store.kind == "bind":
        return f"mount {group.store.host_path} at {group.store.target} again"
    return None
