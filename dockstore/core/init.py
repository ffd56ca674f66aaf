"""A container or a stack in, a scenario file out that its owner can read, run and change.

Rule 1: storage is copied, the program is not: the user's own image and mounts, with a main process that only waits.
Rule 2: nothing of the user's is touched or told: binds become folders of the scratch folder, volumes the run's own, values are left out
and their names said.
Rule 3: what is predicted rests on the static rules; the run is what tells.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import field
from typing import TYPE_CHECKING, Final

from dockstore.core.listing import scratch
from dockstore.core.storage import beneath, is_memory_volume
from dockstore.core.texts import LONGEST_NAME, RESERVED
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dockstore.core.stack_model import Service, Stack, StackMount, StackVolume

ROW: Final = "dockstore-row"
WAITING: Final = "[tail, -f, /dev/null]"
MOST_LAYER_PLACES: Final = 3
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./(][A-Za-z0-9_./@()+-]*)*")
_YAML_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"})
_THE_HOSTS: Final = ("/proc", "/sys", "/dev", "/run/docker.sock", "/var/run/docker.sock", "/var/lib/docker", "/etc/localtime", "/etc/timezone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One write: where it goes, and what becomes of it."""

    name: str
    place: str
    fate: str
    why: str


@dataclass(slots=True)
class _Drawn:
    """What was drawn of a stack so far."""

    containers: list[str] = field(default_factory=list)
    host: dict[str, str] = field(default_factory=dict)  # path in the scratch folder -> its entry
    looks: list[Look] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # a bind's source -> where it is in the scratch folder
    volumes: dict[str, str] = field(default_factory=dict)  # a volume's name -> its name here
    taken: dict[str, str] = field(default_factory=dict)  # a volume that is written already -> by whom
    memory: dict[str, StackVolume] = field(default_factory=dict)


def scenario_text(
    stack: Stack,
    *,
    target: str,
    written: Mapping[str, Sequence[str]] | None = None,
    is_file: Callable[[str], bool | None] = lambda _path: None,
) -> str:
    """Return the scenario file for *stack*.

    *target*: what the user asked for; *written*: for a service, folders of its layer that hold what it wrote; *is_file*: of a bind's source.
    """
    drawn = _Drawn(memory={volume.name: volume for volume in stack.volumes if is_memory_volume(dict(volume.driver_opts))})
    for service in stack.services:
        _draw(service, drawn, (written or {}).get(service.name, ()), is_file)
    return "\n".join(_file(stack, target, drawn)) + "\n"


def _file(stack: Stack, target: str, drawn: _Drawn) -> Iterator[str]:
    kept = sum(look.fate == "persisted" for look in drawn.looks)
    noun = "container is" if len(drawn.names) == 1 else "containers are"
    yield f"# written by `dockstore init {_comment(target)}`; it is yours to change"
    yield "# The programs are not started: their main process only waits, so what is tried is where bytes go, not what a program does with them."
    yield "# For the program's own word (a row, a key) there is `dockstore drill`."
    yield from (f"# {_comment(note)}" for note in drawn.notes)
    yield "version: 1"
    title = f"when its {noun} removed and run again, {stack.name} keeps {kept} of {len(drawn.looks)} places"
    yield f"scenario: {_text(title)}"
    yield "tags: [init]"
    if drawn.memory:
        yield "volumes:"
        for name, volume in drawn.memory.items():
            options = ", ".join(f"{key}: {_text(value)}" for key, value in sorted(volume.driver_opts.items()))
            yield f"  {_volume_name(name, drawn)}: {{driver_opts: {{{options}}}}}"
    if drawn.host:
        yield "host:"
        yield from (f"  {_text(path)}: {entry}" for path, entry in drawn.host.items())
    yield "containers:"
    yield from drawn.containers
    yield "steps:"
    names = f"[{', '.join(drawn.names)}]" if len(drawn.names) > 1 else drawn.names[0]
    yield f"  - run: {names}"
    for look in drawn.looks:
        yield f"  - {{write: {_text(look.name)}, to: {_text(look.place)}}}"
    yield f"  - {{remove: {names}, force: true}}"
    yield f"  - run: {names}"
    if drawn.looks:
        yield f"  - observe: [{', '.join(_text(look.name) for look in drawn.looks)}]"
        yield "expect:"
    for look in drawn.looks:
        yield f"  {_text(look.name)}: {look.fate}  # {_comment(look.why)}"


def _draw(service: Service, drawn: _Drawn, written: Sequence[str], is_file: Callable[[str], bool | None]) -> None:
    name = _container_name(service.name, drawn.names)
    drawn.names.append(name)
    lines = [f"  {name}:", f"    image: {_text(service.image.reference)}"]
    mounts: list[str] = []
    looks: list[Look] = []
    for mount in service.mounts:
        look = _mount(service, name, mount, mounts, drawn, is_file)
        if look is not None:
            looks.append(look)
    lines.append(f"    entrypoint: {WAITING}")
    if (service.user or service.image.user or "") not in {"", "0", "root", "0:0"} or not service.image.known:
        lines.append('    user: "0:0"')
        lines.append(
            f"    # runs as {_comment(service.user or service.image.user or 'whom its image says')}: whether that may write there, a drill tells"
        )
    if service.read_only:
        lines.append("    read_only: true")
    lines.append("    network_mode: none")
    if service.environment:
        lines.append(f"    # not copied: the values of {_comment(', '.join(sorted(service.environment)))}")
    if service.replicas > 1:
        lines.append(f"    # one of {service.replicas} replicas")
    if not service.image.known:
        lines.append("    # the image is not here: what it declares as VOLUME is missing below")
    if mounts:
        lines += ["    mounts:", *mounts]
    drawn.containers += lines
    drawn.looks += looks
    if not service.read_only:
        drawn.looks += _layer_looks(service, name, written)


def _mount(service: Service, name: str, mount: StackMount, mounts: list[str], drawn: _Drawn, is_file: Callable[[str], bool | None]) -> Look | None:
    """Draw one mount; return the write that is made there, if one is."""
    target = posixpath.normpath(mount.target)
    match mount.kind:
        case "volume":
            fate, why = _volume(mount, target, mounts, drawn)
        case "bind":
            source = mount.source or ""
            if any(beneath(source, place) for place in _THE_HOSTS) or source in {"", "/"}:
                drawn.notes.append(f"left out: the bind of {source or 'something'} at {target} of {service.name}, which is the machine's own")
                return None
            plain = is_file(source)
            if plain or (plain is None and "." in posixpath.basename(source)[1:]):
                inside = _scratch_file(source, drawn, "")
                mounts.append(f"      - {_bind(f'./{inside}', mount, target)}  # a file; its content is not copied")
                return None
            inside = _scratch_file(source, drawn, "/")
            mounts.append(f"      - {_bind(f'./{inside}', mount, target)}")
            fate, why = "persisted", "a bind: the folder is the host's"
        case "tmpfs":
            mounts.append(f"      - {{type: tmpfs, target: {_text(target)}}}")
            fate, why = "lost", "memory: it goes with the container"
        case _:
            drawn.notes.append(f"left out: the {mount.kind} at {target} of {service.name}")
            return None
    if mount.read_only:
        return None
    shared = drawn.taken.get(mount.volume or "")
    if shared is not None and fate == "persisted":
        drawn.notes.append(f"{service.name} has the volume at {target} together with {shared}")
        return None
    if mount.volume is not None:
        drawn.taken[mount.volume] = service.name
    return Look(name=_look_name(name, target), place=f"{name}:{target}/{ROW}", fate=fate, why=why)


def _volume(mount: StackMount, target: str, mounts: list[str], drawn: _Drawn) -> tuple[str, str]:
    if mount.declared_by == "image VOLUME":
        return "orphaned", "an anonymous volume that the image's VOLUME makes; a new container gets a new one"
    if mount.source is None or mount.volume is None:
        mounts.append(f"      - {_long('volume', None, mount, target) if ':' in target else _text(target)}  # an anonymous volume")
        return "orphaned", "an anonymous volume; a new container gets a new one"
    name = _volume_name(mount.volume, drawn)
    if mount.subpath:
        drawn.notes.append(f"at {target} the whole volume is mounted, not its part {mount.subpath}")
    options = [word for word, wanted in (("ro", mount.read_only), ("nocopy", mount.nocopy)) if wanted]
    short = ":".join((name, target, *((",".join(options),) if options else ())))
    mounts.append(f"      - {_long('volume', name, mount, target) if ':' in target else _text(short)}")
    if mount.volume in drawn.memory:
        return "lost", "a volume in memory: it goes with the last container that runs"
    return "persisted", "a volume with a name"


def _layer_looks(service: Service, name: str, written: Sequence[str]) -> Iterator[Look]:
    """Writes beside every mount: where the service was seen to write, else in its working directory."""
    targets = [posixpath.normpath(mount.target) for mount in service.mounts]

    def free(path: str) -> bool:
        return path.startswith("/") and scratch(f"{path.strip('/')}/{ROW}") is None and not any(beneath(path, target) for target in targets)

    places = [path for path in written if free(path)][:MOST_LAYER_PLACES]
    folder = service.working_dir or service.image.working_dir or "/"
    for path in places or ([folder] if free(folder) else ["/"]):
        why = "the writable layer, where it was seen to write" if places else "the writable layer: everything that is written beside the mounts"
        yield Look(name=_look_name(name, path), place=f"{name}:{path.rstrip('/')}/{ROW}", fate="lost", why=why)


def _bind(source: str, mount: StackMount, target: str) -> str:
    return _long("bind", source, mount, target) if ":" in target else _text(f"{source}:{target}{':ro' if mount.read_only else ''}")


def _long(kind: str, source: str | None, mount: StackMount, target: str) -> str:
    """A mount as a mapping: a path with a colon in it cannot be written as `-v` takes it."""
    words = [f"type: {kind}", *([f"source: {_text(source)}"] if source else []), f"target: {_text(target)}"]
    return f"{{{', '.join([*words, *(['read_only: true'] if mount.read_only else [])])}}}"


def _scratch_file(source: str, drawn: _Drawn, end: str) -> str:
    """Where *source* lies in the scratch folder; the same one for all who mount it."""
    if source not in drawn.sources:
        base = re.sub(r"[^A-Za-z0-9_.-]+", "-", posixpath.basename(source.rstrip("/"))).strip(".-") or "folder"
        name, number = f"binds/{base}", 2
        while name in drawn.sources.values():
            name, number = f"binds/{base}-{number}", number + 1
        drawn.sources[source] = name
        drawn.host[f"{name}{end}"] = "{}" if end else '"its content is not copied"'
    return drawn.sources[source]


def _container_name(text: str, taken: Sequence[str]) -> str:
    base = _name(text)
    base = f"{base}-service" if base in RESERVED else base
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _volume_name(volume: str, drawn: _Drawn) -> str:
    if volume not in drawn.volumes:
        base = _name(volume)
        name, number = base, 2
        while name in drawn.volumes.values():
            name, number = f"{base}-{number}", number + 1
        drawn.volumes[volume] = name
    return drawn.volumes[volume]


def _look_name(container: str, path: str) -> str:
    words = " ".join(f"{container} {path}".replace(":", ";").split())
    return "".join(char if char.isprintable() else "?" for char in words)[:LONGEST_NAME]


def _name(text: str) -> str:
    found = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:60] or "it"
    return found if len(found) > 1 else f"{found}0"


def _text(text: str) -> str:
    """*text* as a YAML scalar."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS and not re.fullmatch(r"[0-9.]+", text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """*text* on one line, nothing in it that ends a comment."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
