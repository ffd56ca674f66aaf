"""Where does it write? Every store of every service listed at create, when ready, after probe writes and after a graceful stop.

Rule 1: what is written is seen, not concluded: the difference between two listings.
Rule 2: a probe that cannot be written and read before any event has no say, and that is said.
Rule 3: nothing ever came up: one look is enough.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from dockstore.core import probes as built
from dockstore.core.drill_facts import Group, ProbeNote, StateNote
from dockstore.core.refusals import place_in, read_only_place
from dockstore.core.writes import DATA, MOST_GROUPS, Written, changed, files_of, groups
from dockstore.engines.host import Unseen
from dockstore.runner import drill_words
from dockstore.runner.drill_marks import new_nonce
from dockstore.runner.ready import DONE, DOWN, SLOW, UP, Readiness, last_words
from dockstore.runner.scene import section
from dockstore.runner.stores import LAYER, image_files, made_folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.drill_facts import FileEntry
    from dockstore.core.stack_model import Probe
    from dockstore.runner.drill_field import Field
    from dockstore.runner.scene import Scene
    from dockstore.runner.stores import Listing

FIRST = "first start"
MOST_SQLITE = 3
TRIES = 4
TRY_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class Seen:
    """The listings of one service."""

    create: Listing | None = None
    ready: Listing | None = None
    probes: dict[str, dict[str, dict[str, FileEntry]]] = field(default_factory=dict)  # probe -> store -> files
    stop: Listing | None = None
    owner: tuple[int, int] = (0, 0)
    nonces: dict[str, str] = field(default_factory=dict)  # probe -> what it stored
    failed: set[str] = field(default_factory=set)  # probes whose write or read did not work: what they leave is nobody's data


def discover(field_: Field) -> bool:
    """Bring the stack up for the first time and find out where it writes; return whether anything came up."""
    seen = {service: Seen() for service in field_.services}
    created = field_.compose("0", ("create",))
    if not created.good:
        field_.remark("create", created.words)
    for service, listing in field_.listings(field_.copy.scenes()).items():
        seen[service].create = listing
    up = field_.compose("0", ("up", "-d"))
    states = field_.wait(meet=partial(_recognise, field_))
    if _recognise_all(field_, states):
        states |= field_.wait()
    field_.first = {service: _explained(state, up.words if not up.good else "") for service, state in states.items()}
    scenes = field_.copy.scenes()
    for service, listing in field_.listings(scenes).items():
        seen[service].ready = listing
        seen[service].owner = field_.process_owner(scenes[service][0])
    alive = any(state.state in {UP, SLOW, DONE} for state in states.values())
    notes: list[ProbeNote] = []
    if alive and not field_.halt.asked:
        _exercise(field_, scenes, seen)
        _sqlite(field_, scenes, seen)
        notes = _probes(field_, scenes, seen)
        field_.compose("0", ("stop",))
        stopped = field_.copy.scenes()
        for service, listing in field_.listings(stopped).items():
            seen[service].stop = listing
        notes = [_saved(field_, _after_stop(note, seen), stopped, seen) for note in notes]
        field_.compose("0", ("up", "-d"))
        field_.wait()
    asked = {note.service for note in notes if note.refused}
    notes += [
        told for service in field_.services if service not in asked and (told := _log_of_refusal(field_, service, scenes, seen[service])) is not None
    ]
    _conclude(field_, seen, notes)
    return alive


def _explained(state: StateNote, words: str) -> StateNote:
    return replace(state, detail=f"{state.detail}; docker compose up: {words}") if words and state.state == DOWN else state


# --- probes -----------------------------------------------------------------------------------------------------------------


def _recognise(field_: Field, service: str, scene: Scene) -> None:
    """Built-in probes, by what runs and what the image has, for a service that nobody wrote a probe for."""
    if field_.probes.get(service) and service in field_.ready:
        return
    processes, clients = drill_words.look_around(field_.seat, scene)
    kind = built.recognised(processes, clients)
    if kind is None:
        return
    uid = field_.process_owner(scene)[0] if kind.as_process else None
    if not field_.probes.get(service):
        field_.probes[service] = [built.built_in(kind, uid=uid)]
        if kind.untested:
            field_.remark(service, f"the built-in probe for {kind.name} was never tried against a real server: its word is untested")
    field_.ready.setdefault(service, Readiness(command=kind.ready, user=str(uid) if uid is not None else None, fallback=True))


def _recognise_all(field_: Field, states: Mapping[str, StateNote]) -> bool:
    """The same for those that were ready at once; return whether any is to be waited for again."""
    scenes = field_.copy.scenes()
    before = set(field_.ready)
    for service in field_.services:
        several = scenes.get(service, [])
        if several and several[0].asks and states[service].state in {UP, SLOW}:
            _recognise(field_, service, several[0])
    return set(field_.ready) != before


def _exercise(field_: Field, scenes: Mapping[str, list[Scene]], seen: Mapping[str, Seen]) -> None:
    """Commands that people give to bring about what is written only later; what they touch is found like a probe's."""
    for number, (service, command) in enumerate(field_.exercise, 1):
        several = scenes.get(service, [])
        if not several or not several[0].asks:
            field_.remark(service, f"--exercise {command}: the service does not run")
            continue
        before = field_.listing(service, several[0])
        said = drill_words.exercise(field_.seat, several[0], command)
        if said.code != 0:
            field_.remark(service, f"--exercise {command}: exit code {said.code}: {said.output[-200:].strip() or said.detail}")
        after = field_.listing(service, several[0])
        touched = {key: changed(before.files.get(key, {}), files) for key, files in after.files.items()}
        seen[service].probes[f"exercise {number}"] = {key: files for key, files in touched.items() if files}


def _sqlite(field_: Field, scenes: Mapping[str, list[Scene]], seen: Mapping[str, Seen]) -> None:
    for service, one in seen.items():
        several = scenes.get(service, [])
        if field_.probes.get(service) or one.ready is None or not several or not several[0].asks:
            continue
        files = [(path, entry) for written in _written(field_, one).values() for path, entry in written.files.items() if entry.size >= 512]
        found = [(path, entry) for path, entry in files if _is_sqlite(field_, one.ready, path)][:MOST_SQLITE]
        if found:
            _, clients = drill_words.look_around(field_.seat, several[0])
            made = [built.sqlite_probe(path, clients, uid=entry.uid) for path, entry in found]
            field_.probes[service] = [probe for probe in made if probe is not None]


def _is_sqlite(field_: Field, listing: Listing, path: str) -> bool:
    for key, spot in listing.spots.items():
        if path not in listing.files.get(key, {}) or spot.root is None:
            continue
        inner = posixpath.relpath(path, spot.note.target)
        root = posixpath.join(spot.root, spot.inner) if spot.inner else spot.root
        try:
            head = field_.seat.host.read(inner, root=root, limit_bytes=16)
        except Unseen:
            return False
        return head == built.SQLITE_MAGIC
    return False


def _probes(field_: Field, scenes: Mapping[str, list[Scene]], seen: Mapping[str, Seen]) -> list[ProbeNote]:
    """Write and read each probe once, and see which files it touched."""
    notes: list[ProbeNote] = []
    for service in field_.services:
        several = scenes.get(service, [])
        for probe in field_.probes.get(service, []):
            if not several or not several[0].asks:
                notes.append(ProbeNote(service=service, name=probe.name, says=False, built_in=probe.built_in, detail="the service does not run"))
                continue
            notes.append(_tried(field_, service, probe, scenes, seen[service]))
    return notes


def _tried(field_: Field, service: str, probe: Probe, scenes: Mapping[str, list[Scene]], seen: Seen) -> ProbeNote:
    reader = field_.reader(service, probe, scenes)
    if reader is None or not reader.asks:
        return ProbeNote(service=service, name=probe.name, says=False, built_in=probe.built_in, detail=f"{probe.read_in}: no such container runs")
    before = field_.listing(service, scenes[service][0])
    nonce = new_nonce()
    done = drill_words.write_and_read(field_.seat, scenes[service][0], probe, reader, nonce)
    for _ in range(TRIES):  # quiet is not ready: a service that is still at its start gets another chance
        if done.says or done.write.refused or field_.halt.wait(TRY_AGAIN_SECONDS):
            break
        done = drill_words.write_and_read(field_.seat, scenes[service][0], probe, reader, nonce)
    after = field_.listing(service, scenes[service][0])
    touched = {key: changed(before.files.get(key, {}), files) for key, files in after.files.items()}
    touched = {key: files for key, files in touched.items() if files}
    seen.probes[probe.name] = touched
    if done.says:
        field_.says.add((service, probe.name))
        seen.nonces[probe.name] = nonce
    else:
        seen.failed.add(probe.name)
    found = drill_words.search(field_.seat, scenes, field_.copy.volumes, _bind_roots(field_), nonce) if done.says else None
    return ProbeNote(
        service=service,
        name=probe.name,
        says=done.says,
        built_in=probe.built_in,
        detail="" if done.says else done.why_not,
        refused=done.write.refused,
        refused_at=place_in(done.write.output) if done.write.refused else None,
        touched_files=any(entry.type == "file" for files in touched.values() for entry in files.values()),
        searchable=bool(found and found.found),
        untested=any(kind.untested and kind.name == probe.name for kind in built.KINDS) and probe.built_in,
    )


def _after_stop(note: ProbeNote, seen: Mapping[str, Seen]) -> ProbeNote:
    """Whether a probe's datum was in memory only: no file touched, and none written in the graceful stop."""
    one = seen[note.service]
    if not note.says or note.touched_files or one.ready is None or one.stop is None:
        return note
    written = _stop_files(one)
    data = [path for files in written.values() for path, entry in files.items() if entry.type == "file"]
    return replace(note, memory_only=not data and not one.stop.unseen.keys() - _memory(one.stop))


def _saved(field_: Field, note: ProbeNote, scenes: Mapping[str, list[Scene]], seen: Mapping[str, Seen]) -> ProbeNote:
    """Whether a datum's bytes can be found in some store after the graceful stop.

    A service may keep them in memory until then, or pack them on its way: what is missed after an event is lost only where its bytes, had
    they been kept, would be seen.
    """
    nonce = seen[note.service].nonces.get(note.name)
    if nonce is None or field_.halt.asked:
        return note
    found = drill_words.search(field_.seat, scenes, field_.copy.volumes, _bind_roots(field_), nonce)
    return replace(note, saved=bool(found.found))


def _memory(listing: Listing) -> set[str]:
    return {key for key, spot in listing.spots.items() if spot.note.kind == "tmpfs"}


def _log_of_refusal(field_: Field, service: str, scenes: Mapping[str, list[Scene]], seen: Seen) -> ProbeNote | None:
    """A service that wrote nothing, and whose log says that it wanted to where it may only read: its own word, too."""
    if seen.ready is None or not scenes.get(service) or field_.halt.asked:
        return None
    scene, mounts = scenes[service][0], [spot.note for key, spot in seen.ready.spots.items() if key != LAYER]
    closed = [note.target for note in mounts if note.read_only] + (["/"] if _root_is_read_only(scene) else [])
    if not closed or any(group.found == "written" for group in groups(service, _written(field_, seen).values(), owner=seen.owner)):
        return None
    said = read_only_place(last_words(field_.seat, scene), closed=closed, opened=[note.target for note in mounts if not note.read_only])
    if said is None:
        return None
    return ProbeNote(service=service, name="its log", says=False, detail=said[0], refused=True, refused_at=said[1])


def _root_is_read_only(scene: Scene) -> bool:
    return section(scene.answer, "HostConfig").get("ReadonlyRootfs") is True


def bind_roots(field_: Field) -> list[str]:
    """The folders that hold the copies of bind sources."""
    return _bind_roots(field_)


def _bind_roots(field_: Field) -> list[str]:
    if not field_.copy.local:
        return []
    return [str(field_.copy.scratch / name) for name in ("binds", "binds-root") if (field_.copy.scratch / name).is_dir()]


# --- listings to groups -----------------------------------------------------------------------------------------------------


def _rebased(listing: Listing | None, key: str, target: str) -> dict[str, FileEntry]:
    """The files of a store with their paths as of *target* (before the start, links are not resolved)."""
    if listing is None or key not in listing.files:
        return {}
    old = listing.spots[key].note.target
    files = listing.files[key]
    return files if old == target else {f"{target.rstrip('/')}{path.removeprefix(old.rstrip('/'))}": entry for path, entry in files.items()}


def rebased(listing: Listing | None, key: str, target: str) -> dict[str, FileEntry]:
    """As `_rebased`, for others."""
    return _rebased(listing, key, target)


def _stop_files(one: Seen) -> dict[str, dict[str, FileEntry]]:
    found: dict[str, dict[str, FileEntry]] = {}
    if one.ready is None or one.stop is None:
        return found
    for key, spot in one.ready.spots.items():
        before = dict(one.ready.files.get(key, {}))
        for touched in one.probes.values():
            before.update(touched.get(key, {}))
        found[key] = changed(before, _rebased(one.stop, key, spot.note.target))
    return found


def _written(field_: Field, one: Seen) -> dict[str, Written]:
    """What one service wrote, store by store."""
    found: dict[str, Written] = {}
    if one.ready is None:
        return found
    at_stop = _stop_files(one)
    for key, spot in one.ready.spots.items():
        target = spot.note.target
        files = changed(_rebased(one.create, key, target), one.ready.files.get(key, {}))
        layer = spot.note.kind == "writable-layer"
        if layer:
            below = image_files(field_.seat.host, spot, files)
            files = {path: entry for path, entry in files.items() if below.get(path) != (entry.size, entry.mtime_ns)}
        written = Written(store=spot.note, files=files, at_stop=at_stop.get(key, {}))
        written.by_probe = {name: touched[key] for name, touched in one.probes.items() if key in touched and name not in one.failed}
        if layer:
            every = [*files, *written.at_stop, *(path for several in written.by_probe.values() for path in several)]
            written.made = made_folders(field_.seat.host, spot, {folder for path in every for folder in _above(path)})
        found[key] = written
    return found


def _above(path: str) -> set[str]:
    found: set[str] = set()
    folder = posixpath.dirname(path)
    while folder not in {"/", ""}:
        found.add(folder)
        folder = posixpath.dirname(folder)
    return found


def _conclude(field_: Field, seen: Mapping[str, Seen], notes: list[ProbeNote]) -> None:
    """Group what was written, share out what several services mount, and record it."""
    every: dict[str, list[Group]] = {}
    for service, one in seen.items():
        every[service] = list(groups(service, _written(field_, one).values(), owner=one.owner)) if one.ready is not None else []
        every[service] = [replace(group, probes=tuple(name for name in group.probes if (service, name) in field_.says)) for group in every[service]]
    _share(field_, every, seen)
    for service, one in seen.items():
        field_.groups[service] = tuple(every[service])
        for group in every[service]:
            field_.note(group, step="0", look=FIRST)
            last = one.stop if one.stop is not None and group.store.key in one.stop.files else one.ready
            files = files_of(last.files.get(group.store.key, {}), group) if last is not None else {}
            field_.held[service, group.path] = sum(entry.size for entry in files.values())
        if one.ready is not None:
            for key, why in one.ready.unseen.items():
                field_.remark(service, f"{key} could not be listed: {why}")
        state = field_.first[service]
        quiet = one.ready is not None and not any(group.role == DATA and group.found != "declared" for group in every[service])
        unseen = tuple(sorted(set(one.ready.unseen) - _memory(one.ready))) if one.ready is not None else ()
        field_.first[service] = replace(state, writes_nothing=quiet and not unseen and state.state in {UP, DONE, SLOW}, unseen=unseen)
        if len(every[service]) >= MOST_GROUPS:
            field_.remark(service, f"it writes in more than {MOST_GROUPS} places: the first {MOST_GROUPS} are judged")
        field_.note(field_.first[service], step="0", look=FIRST)
    for note in notes:
        touched = tuple(group.path for group in every[note.service] if note.name in group.probes)
        field_.note(replace(note, touched=touched), step="0", look=FIRST)


def _share(field_: Field, every: dict[str, list[Group]], seen: Mapping[str, Seen]) -> None:
    """A store that several services mount is written by one: the one whose probe or process wrote there; the others see it."""
    mounted: dict[str, list[tuple[str, str]]] = {}  # host path -> (service, target)
    for service, one in seen.items():
        for spot in one.ready.spots.values() if one.ready is not None else ():
            if spot.note.kind in {"volume", "bind"} and spot.note.host_path:
                mounted.setdefault(spot.note.host_path, []).append((service, spot.note.target))
    for host_path, several in mounted.items():
        if len(several) < 2:
            continue
        claims = [(service, group) for service, groups_ in every.items() for group in groups_ if group.store.host_path == host_path]
        if not claims:
            continue

        def weight(claim: tuple[str, Group]) -> tuple[bool, bool, bool, bool, bool]:
            service, group = claim
            lives = field_.first[service].state in {UP, SLOW}  # a job that has ended can be asked less
            theirs = group.found == "written" and seen[service].owner[0] == group.uid
            return not group.store.read_only, bool(group.probes), lives, theirs, group.found != "declared"

        owner = max(claims, key=weight)[0]
        for service, all_groups in list(every.items()):
            mine = [group for group in all_groups if group.store.host_path == host_path]
            if service != owner:
                every[service] = [group for group in all_groups if group not in mine]
                continue
            every[service] = [replace(group, seen_in=_others(group, several, service)) if group in mine else group for group in all_groups]


def _others(group: Group, several: list[tuple[str, str]], service: str) -> tuple[tuple[str, str], ...]:
    inner = posixpath.relpath(group.path, group.store.target)
    return tuple((other, posixpath.normpath(posixpath.join(target, inner))) for other, target in several if other != service)


def again(field_: Field, known: Field) -> bool:
    """The same stack on another engine: what is known of it stays; return whether it comes up there."""
    field_.probes, field_.ready, field_.groups, field_.first = known.probes, known.ready, known.groups, known.first
    field_.says = known.says
    if not any(state.state in {UP, SLOW, DONE} for state in known.first.values()):
        return False
    field_.compose("0", ("up", "-d"))
    field_.wait()
    return True
