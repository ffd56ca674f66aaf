"""One event on a stack: fresh markers and probe writes, the commands, ready again, and a look from every side.

Rule 1: nonces are fresh before each event, so that one answer never feeds on another.
Rule 2: after every event the files are listed again: a marker proves that a file there outlives it, and no more.
Rule 3: what strikes the whole engine is done only where it was asked for and may be.
"""

from __future__ import annotations

import posixpath
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from dockstore.core.capabilities import capabilities
from dockstore.core.drill_facts import AfterNote, StateNote, WordNote
from dockstore.core.values import dataclass
from dockstore.core.writes import DATA, Written, changed, files_of, groups
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.engines.polling import until
from dockstore.runner import drill_marks, drill_words
from dockstore.runner.drill_discover import bind_roots, rebased
from dockstore.runner.filling import Unplayable
from dockstore.runner.ready import DONE, SLOW, UP
from dockstore.runner.scene import section, text
from dockstore.runner.stores import LAYER, image_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from dockstore.core.drill_facts import FileEntry, Group
    from dockstore.core.stack_events import Do, StackEvent
    from dockstore.core.stack_model import Probe
    from dockstore.engines.engine import Engine
    from dockstore.runner.drill_field import Field
    from dockstore.runner.drill_marks import Mark
    from dockstore.runner.scene import Scene
    from dockstore.runner.settings import Daemon
    from dockstore.runner.stores import Listing

ANSWER_SECONDS = 60.0
MOST_COMPARED = 20_000
MOST_BIRTHS = 40
SIDE_BY_SIDE = 4
Birth = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A probe's datum of one event."""

    service: str
    probe: Probe
    nonce: str
    worked: bool
    detail: str = ""
    refused: bool = False


@dataclass(slots=True, kw_only=True)
class Fresh:
    """What was put down before an event."""

    scenes: dict[str, list[Scene]]
    marks: dict[tuple[str, int], list[Mark]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    listings: dict[str, Listing] = field(default_factory=dict)
    births: dict[tuple[str, str], dict[str, Birth]] = field(default_factory=dict)
    at: float = 0.0


def ensure_up(field_: Field) -> None:
    """Before an event: what was up at first is up; else the stack begins anew."""
    scenes = field_.copy.scenes()
    wanted = [service for service, state in field_.first.items() if state.state in {UP, SLOW}]
    fine = field_.copy.variant == "base" and all(scenes.get(service) and all(scene.asks for scene in scenes[service]) for service in wanted)
    if fine:
        return
    began = field_.clock()
    field_.copy.anew(stop=lambda: field_.halt.asked)
    ran = field_.copy.compose(("up", "-d"))
    field_.operation("0", "anew", field_.copy.project, ran, began)
    field_.wait()


def play(field_: Field, step: str, event: StackEvent, daemon: Daemon | None) -> None:
    """Play one event and record what came of it."""
    ensure_up(field_)
    fresh = prepare(field_, step)
    if field_.halt.asked:
        return
    act(field_, step, event, daemon)
    states = field_.wait(reads=_reads(field_, fresh))
    if field_.halt.asked:
        return
    look(field_, step, event, fresh, states)


def _reads(field_: Field, fresh: Fresh) -> dict[str, str]:
    """What may be read in the exec that says ready: an exec is dear, and what is found there needs no other."""
    found: dict[str, list[str]] = {}
    for asked in fresh.asked:
        ready = field_.ready.get(asked.service)
        if asked.worked and asked.probe.read_in is None and ready is not None and ready.user == asked.probe.user:
            found.setdefault(asked.service, []).append(drill_words.reading(asked.probe, asked.nonce))
    return {service: "; ".join(pieces) for service, pieces in found.items()}


def prepare(field_: Field, step: str) -> Fresh:
    """Fresh markers in every group, fresh data by every probe, and a listing."""
    fresh = Fresh(scenes=field_.copy.scenes())
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as side_by_side:  # each is an exec: the engine does most of it on other cores
        marking: dict[tuple[str, int], Future[list[Mark]]] = {}
        asking: list[Future[list[Asked]]] = []
        for service in field_.services:
            marked = [group for group in field_.groups.get(service, ()) if group.markable]
            for number, scene in enumerate(fresh.scenes.get(service, []), 1):
                done = field_.first[service].state == DONE and scene.status == "exited"
                if marked and (scene.asks or done):
                    plant = drill_marks.plant_stopped if done else drill_marks.plant
                    marking[service, number] = side_by_side.submit(plant, field_.seat, scene, number, marked)
            asking.append(side_by_side.submit(_ask_all, field_, service, fresh.scenes))
        for key, planted in marking.items():
            fresh.marks[key] = planted.result()
            for mark in fresh.marks[key]:
                field_.record(drill_marks.placement(mark, step))
        for told in asking:
            fresh.asked += told.result()
    fresh.listings = field_.listings(fresh.scenes)
    for service, listing in fresh.listings.items():
        for group in field_.groups.get(service, ()):
            fresh.births[service, group.path] = births(field_, listing, group)
    fresh.at = field_.clock()
    return fresh


def _ask_all(field_: Field, service: str, scenes: Mapping[str, list[Scene]]) -> list[Asked]:
    """The probes of one service, one after the other: two writers of one file may lock one another out."""
    return [_ask(field_, service, probe, scenes) for probe in field_.probes.get(service, []) if (service, probe.name) in field_.says]


def _ask(field_: Field, service: str, probe: Probe, scenes: Mapping[str, list[Scene]]) -> Asked:
    nonce = drill_marks.new_nonce()
    several, reader = scenes.get(service, []), field_.reader(service, probe, scenes)
    if not several or not several[0].asks or reader is None or not reader.asks:
        return Asked(service=service, probe=probe, nonce=nonce, worked=False, detail="the service does not run")
    done = drill_words.write_and_read(field_.seat, several[0], probe, reader, nonce)
    return Asked(service=service, probe=probe, nonce=nonce, worked=done.says, detail="" if done.says else done.why_not, refused=done.write.refused)


# --- the event --------------------------------------------------------------------------------------------------------------


def act(field_: Field, step: str, event: StackEvent, daemon: Daemon | None) -> None:
    """Do what the event does."""
    for do in event.steps:
        if field_.halt.asked:
            return
        match do.tool:
            case "compose":
                _compose(field_, step, do)
            case "switch":
                field_.copy.switch(do.words[0])
                field_.operation(step, "switch", str(do), None, field_.clock())
            case "prune":
                _recorded(field_, step, do, partial(prune, field_, do))
            case _:
                _recorded(field_, step, do, partial(strike, field_.seat.engine, daemon, do.words[0]))


def _compose(field_: Field, step: str, do: Do) -> None:
    ran = field_.compose(step, do.words)
    if not ran.good and do.words[0] == "up" and "external" in ran.output:
        field_.remark("external volume", "the event took the external volume: it is made again, as a person would")
        field_.copy.externals_again()
        field_.compose(step, do.words)


def _recorded(field_: Field, step: str, do: Do, doing: Callable[[], None]) -> None:
    began = field_.clock()
    failure = ""
    try:
        doing()
    except EngineError as error:
        failure = str(error)
    field_.operation(step, do.words[0], str(do), None, began, failure=failure)


def prune(field_: Field, do: Do) -> None:
    """`docker system prune` and `docker volume prune`, as the user's own client would ask. Raises EngineError."""
    engine = field_.seat.engine
    if "disposable-engine" not in capabilities(engine.info):
        raise Unplayable("the engine is not ours to prune")
    api = engine.info.api_version
    system = ("containers", *(("volumes",) if "--volumes" in do.words else ()), "networks", "images")
    whats = system if do.words[0] == "system" else ("volumes",)
    for what in whats:
        filters = {"dangling": ["true"]} if what == "images" else {"all": ["true"]} if "--all" in do.words else None
        engine.prune(what, filters=filters, api=api)


def strike(engine: Engine, daemon: Daemon | None, word: str) -> None:
    """Stop, kill, start or reboot the engine. Raises EngineError."""
    if daemon is None:
        raise Unplayable("the engine was not started by dockstore, so it is not struck")
    match word:
        case "stop":
            daemon.stop()
        case "kill":
            daemon.kill()
        case "reboot":
            daemon.reboot()
        case _:
            daemon.start()
    if word in {"start", "reboot"}:
        until(lambda: engine.ping(timeout_seconds=2.0), timeout_seconds=ANSWER_SECONDS)
        engine.refresh()


# --- the look ---------------------------------------------------------------------------------------------------------------


def look(field_: Field, step: str, event: StackEvent, fresh: Fresh, states: Mapping[str, StateNote]) -> None:
    """Look for everything that was put down, from every side."""
    scenes = field_.copy.scenes()
    listings = field_.listings(scenes)
    for service in field_.services:
        state = states.get(service) or StateNote(service=service, state=SLOW, detail="it was not waited for")
        field_.note(state, step=step, look=event.name)
        several = scenes.get(service, [])
        for (name, number), marks in fresh.marks.items():
            if name == service:
                scene = several[number - 1] if number <= len(several) else None
                for seen in drill_marks.look(
                    field_.seat, scene, marks, run=field_.run, step=step, event=event.name, began=fresh.at, ended=field_.clock()
                ):
                    field_.record(seen)
        if service in fresh.listings and service in listings:
            for after in _afterwards(field_, service, event, fresh, several, listings):
                field_.note(after, step=step, look=event.name)
    for asked in fresh.asked:
        field_.note(_word(field_, asked, scenes, states), step=step, look=event.name)


def _word(field_: Field, asked: Asked, scenes: Mapping[str, list[Scene]], states: Mapping[str, StateNote]) -> WordNote:
    note = WordNote(service=asked.service, probe=asked.probe.name, sight="unseen", detail=asked.detail, read_before=asked.worked)
    if not asked.worked:
        return note
    reader = field_.reader(asked.service, asked.probe, scenes)
    name = (asked.probe.read_in or asked.service).partition("@")[0]
    state = states.get(name)
    if reader is None or not reader.asks or state is None or state.state not in {UP, DONE}:
        why = f"{name} is {state.state if state is not None else 'not there'} after the event"
        return WordNote(service=note.service, probe=note.probe, sight="unseen", detail=why, read_before=True)
    if asked.nonce in field_.heard.get(reader.id, ""):
        return WordNote(service=note.service, probe=note.probe, sight="same", detail="", read_before=True)
    sight, detail = drill_words.read_again(field_.seat, reader, asked.probe, asked.nonce, ready=partial(field_.says_ready, name, reader))
    if sight != "absent":
        return WordNote(service=note.service, probe=note.probe, sight=sight, detail=detail, read_before=True)
    found = drill_words.search(field_.seat, scenes, field_.copy.volumes, bind_roots(field_), asked.nonce)
    return WordNote(
        service=note.service,
        probe=note.probe,
        sight=sight,
        detail="; ".join(part for part in (detail, f"not every store could be searched: {found.why}" if not found.whole else "") if part),
        read_before=True,
        other=detail == drill_words.SOMETHING_ELSE,
        searched=found.whole,
        found=found.found[:6],
        found_stores=found.volumes,
    )


def _afterwards(
    field_: Field, service: str, event: StackEvent, fresh: Fresh, several: list[Scene], listings: Mapping[str, Listing]
) -> list[AfterNote]:
    """What became of the files of each group of one service."""
    before, after = fresh.listings[service], listings[service]
    old_scene, new_scene = fresh.scenes[service][0], several[0]
    old_name, new_name = _host_name(old_scene), _host_name(new_scene)
    moved = _moved_to(field_, service, before, after) if event.switches == "upgraded" else None
    found: list[AfterNote] = []
    for group in field_.groups.get(service, ()):
        key = group.store.key
        old = files_of(before.files.get(key, {}), group)
        if group.found == "declared" or not old or len(old) > MOST_COMPARED:
            continue
        same = _same_store(before, after, key, old_scene, new_scene)
        new = files_of(after.files.get(key, {}), group) if same else {}
        then, now = fresh.births.get((service, group.path), {}), births(field_, after, group)
        kept = [path for path, told in then.items() if same and now.get(path) == told]
        anywhere = after.files.get(key, {}) if same else {}  # the group may itself be the folder of the old name
        names = field_.host_names.setdefault(service, set())
        names.add(old_name)
        host = new_name if old_name != new_name and _under_host_name(names - {new_name}, new_name, old, anywhere) else None
        holds = sum(entry.size for entry in new.values())
        held = max(field_.held.get((service, group.path), 0), sum(entry.size for entry in old.values())) if same and key in after.files else 0
        field_.held[service, group.path] = max(held, holds)
        found.append(
            AfterNote(
                service=service,
                path=group.path,
                renewed=same and bool(new) and bool(then) and not kept,
                kept_files=same and bool(kept),
                host_name_moved=host,
                held=held,
                holds=holds,
                moved_to=moved if moved is not None and not _beneath(moved, group.path) and _untouched(old, new, same=same) else None,
            )
        )
    return found


def births(field_: Field, listing: Listing, group: Group) -> dict[str, Birth]:
    """What tells a file of a group from another of its name: inode and birth; where no birth is told, the last change in its place."""
    spot = listing.spots.get(group.store.key)
    files = files_of(listing.files.get(group.store.key, {}), group)
    if spot is None or spot.root is None:
        return {}
    found: dict[str, Birth] = {}
    root = posixpath.join(spot.root, spot.inner) if spot.inner else spot.root
    for path, entry in sorted(files.items(), key=lambda pair: -pair[1].size)[:MOST_BIRTHS]:
        try:
            stat = field_.seat.host.stat(
                root if spot.note.single_file else posixpath.join(root, posixpath.relpath(path, spot.note.target)), follow=False
            )
        except Unseen:
            continue
        if stat is not None:
            found[path] = (entry.inode, stat.birth_ns if stat.birth_ns is not None else entry.mtime_ns)
    return found


def _under_host_name(old_names: AbstractSet[str], new_name: str, old: Mapping[str, FileEntry], new: Mapping[str, FileEntry]) -> bool:
    """Whether most of what was written lies in folders of an earlier host name, and the service now writes in one of the new.

    A pid file or a log that bears the host name (as MariaDB's does) says nothing of the data.
    """
    bearing = [path for path in old if any(name in posixpath.dirname(path) for name in old_names)]
    return 2 * len(bearing) >= len(old) and any(new_name in posixpath.dirname(path) for path in new if path not in old)


def _host_name(scene: Scene) -> str:
    return text(section(scene.answer, "Config").get("Hostname")) or scene.id[:12]


def _same_store(before: Listing, after: Listing, key: str, old_scene: Scene, new_scene: Scene) -> bool:
    if key not in before.spots or key not in after.spots:
        return False
    if key == LAYER:
        return old_scene.id == new_scene.id
    if before.spots[key].note.kind == "tmpfs":
        return (old_scene.id, old_scene.started) == (new_scene.id, new_scene.started)
    return before.spots[key].note.host_path == after.spots[key].note.host_path


def _untouched(old: Mapping[str, FileEntry], new: Mapping[str, FileEntry], *, same: bool) -> bool:
    if not same:
        return True
    return all(
        path in new and (new[path].mtime_ns, new[path].size, new[path].inode) == (entry.mtime_ns, entry.size, entry.inode)
        for path, entry in old.items()
    )


def _moved_to(field_: Field, service: str, before: Listing, after: Listing) -> str | None:
    """Where the service begins new data that it did not have before, after an upgrade."""
    layer = after.spots.get(LAYER)
    found: list[Written] = []
    for key, spot in after.spots.items():
        files = changed(rebased(before, key, spot.note.target), after.files.get(key, {}))
        if layer is not None:
            below = image_files(field_.seat.host, layer, files) if len(files) < MOST_COMPARED else {}
            files = {path: entry for path, entry in files.items() if below.get(path) != (entry.size, entry.mtime_ns)}
        old = before.files.get(key, {})
        found.append(Written(store=spot.note, files={path: entry for path, entry in files.items() if path not in old}))
    made = [group for group in groups(service, found, owner=(0, 0)) if group.role == DATA and group.found == "written" and group.files > 1]
    known = [group.path for group in field_.groups.get(service, ())]
    fresh = [group for group in made if not any(_beneath(group.path, path) or _beneath(path, group.path) for path in known)]
    return max(fresh, key=lambda group: group.files).path if fresh else None


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/") or posixpath.normpath(path) == folder


def never(field_: Field, step: str, event: StackEvent) -> None:
    """An event of a stack that never came up: the same answer for every event."""
    for state in field_.first.values():
        field_.note(state, step=step, look=event.name)
