"""Compose's own JSON in, a Stack out: services, mounts, volumes, each with its place in the user's files.

Rule 1: what Compose resolved is what counts; the user's files give places, never meaning.
Rule 2: which names follow the project's is told by Compose itself: the files resolved under two project names.
Rule 3: the values of environments are kept (a database's folder may stand there) and never printed.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, cast

from dockstore.core.compose_places import cleaned
from dockstore.core.source import Table, Text
from dockstore.core.stack_model import ImageFacts, Probe, Service, Stack, StackMount, StackVolume
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dockstore.core.compose_places import ComposePlaces
    from dockstore.core.source import Node
    from dockstore.core.stack_model import Spot

Json = dict[str, object]
NOT_ASKED = "no engine was asked"
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)i?b?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What `x-dockstore` says of a service."""

    ready: str | None = None
    probes: tuple[Probe, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the files cannot say: the images' facts, and what `x-dockstore` holds. *name_fixed*: somebody named the project."""

    images: Callable[[str], ImageFacts] = field(default=lambda reference: ImageFacts(reference=reference, known=False, reason=NOT_ASKED))
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    name_fixed: bool = False


def stack(config: Json, *, other: Json, places: ComposePlaces, files: tuple[str, ...], told: Told | None = None) -> Stack:
    """Return the stack that *config* is; *other* is the same resolved under another project's name."""
    told = told or Told()
    project = _text(config.get("name")) or "default"
    volumes = _volumes(_table(config.get("volumes")), _table(other.get("volumes")), places)
    names = {volume.key: volume.name for volume in volumes}
    written = _table(config.get("services"))
    own = {name: tuple(_mounts(name, _table(body), names, places)) for name, body in written.items()}
    services = tuple(_service(name, _table(body), own, project, places, told, written) for name, body in written.items())
    return Stack(
        name=project,
        files=files,
        services=services,
        volumes=volumes,
        name_fixed=told.name_fixed or places.top("name") is not None,
        ignores=places.ignores,
    )


def image_of(name: str, body: Json, project: str) -> str:
    """The image's name as Compose calls it: what is built without a name is PROJECT-SERVICE."""
    return _text(body.get("image")) or f"{project}-{name}"


def images_of(config: Json) -> tuple[str, ...]:
    """Every image that the services of *config* need, each once."""
    project = _text(config.get("name")) or "default"
    return tuple(dict.fromkeys(image_of(name, _table(body), project) for name, body in _table(config.get("services")).items()))


def image_facts(reference: str, inspected: Json) -> ImageFacts:
    """Read what an engine says of an image."""
    config = _table(inspected.get("Config"))
    return ImageFacts(
        reference=reference,
        known=True,
        id=_text(inspected.get("Id")),
        volumes=tuple(sorted(cleaned(path) for path in _table(config.get("Volumes")))),
        environment=_variables(config.get("Env")),
        user=_text(config.get("User")),
        working_dir=_text(config.get("WorkingDir")),
        command=_words(config.get("Cmd")) or (),
        entrypoint=_words(config.get("Entrypoint")) or (),
        labels={key: str(value) for key, value in _table(config.get("Labels")).items()},
        has_healthcheck=bool(_table(config.get("Healthcheck")).get("Test")),
    )


def with_image(service: Service, image: ImageFacts, spot: Spot | None) -> Service:
    """Return *service* on *image*: its VOLUMEs are mounts wherever nothing else is mounted."""
    mounts = tuple(mount for mount in service.mounts if mount.declared_by != "image VOLUME" or mount.volume is not None)
    covered = {mount.target for mount in mounts}
    declared = tuple(StackMount(kind="volume", target=path, declared_by="image VOLUME", spot=spot) for path in image.volumes if path not in covered)
    return replace(service, image=image, mounts=(*mounts, *declared))


# --- x-dockstore --------------------------------------------------------------------------------------------------------


def extensions_of(document: Node | None) -> dict[str, Extension]:
    """Read `x-dockstore` of every service of a resolved Compose document (or a probes file)."""
    services = document.get("services") if isinstance(document, Table) else None
    found: dict[str, Extension] = {}
    for name, service in services.entries if isinstance(services, Table) else ():
        node = service.get("x-dockstore") if isinstance(service, Table) else None
        if isinstance(node, Table):
            found[name.value] = extension(node)
    return found


def extension(node: Table, *, escaped: bool = True) -> Extension:
    """Read one `x-dockstore`. *escaped*: `$$` stands for `$`, as in a Compose file."""

    def text(of: Table, key: str) -> str | None:
        value = of.get(key)
        if not isinstance(value, Text) or value.nothing:
            return None
        return value.value.replace("$$", "$") if escaped else value.value

    probes = node.get("probes")
    found = []
    for name, probe in probes.entries if isinstance(probes, Table) else ():
        if not isinstance(probe, Table):
            continue
        write, read = text(probe, "write"), text(probe, "read")
        if write and read:
            found.append(Probe(name=name.value, write=write, read=read, user=text(probe, "user"), read_in=text(probe, "read_in")))
    return Extension(ready=text(node, "ready"), probes=tuple(found))


# --- services -------------------------------------------------------------------------------------------------------------


def _service(
    name: str, body: Json, own: Mapping[str, tuple[StackMount, ...]], project: str, places: ComposePlaces, told: Told, written: Json
) -> Service:
    reference = image_of(name, body, project)
    extra = told.extensions.get(name, Extension())
    healthcheck = _table(body.get("healthcheck"))
    image_spot = places.key(name, "image")
    service = Service(
        name=name,
        image=ImageFacts(reference=reference, known=False),
        mounts=_with_volumes_from(name, own, written),
        built="build" in body,
        environment={key: "" if value is None else _unescaped(str(value)) for key, value in _table(body.get("environment")).items()},
        user=_text(body.get("user")),
        hostname=_text(body.get("hostname")),
        container_name=_text(body.get("container_name")),
        command=_words(body.get("command")),
        entrypoint=_words(body.get("entrypoint")),
        read_only=bool(body.get("read_only")),
        restart=_text(body.get("restart")),
        replicas=_replicas(body),
        profiles=tuple(str(one) for one in _list(body.get("profiles"))),
        depends_on=tuple(_table(body.get("depends_on"))),
        stop_grace_seconds=_duration(_text(body.get("stop_grace_period"))),
        has_healthcheck=bool(healthcheck) and not healthcheck.get("disable"),
        working_dir=_text(body.get("working_dir")),
        ready=extra.ready,
        probes=extra.probes,
        spot=places.service(name),
        image_spot=image_spot,
        user_spot=places.key(name, "user") if body.get("user") else None,
        setting_spots=dict(_setting_spots(name, body, places)),
    )
    return with_image(service, told.images(reference), image_spot)


def _setting_spots(name: str, body: Json, places: ComposePlaces) -> Iterator[tuple[str, Spot]]:
    """The places of what may move or save data: variables that hold a path, the command, the replicas."""
    for variable, value in _table(body.get("environment")).items():
        if isinstance(value, str) and value.startswith("/") and (spot := places.variable(name, variable)) is not None:
            yield variable, spot
    for key in ("command", "deploy"):
        if body.get(key) and (spot := places.key(name, key)) is not None:
            yield key, spot


def _with_volumes_from(
    name: str, own: Mapping[str, tuple[StackMount, ...]], written: Json, seen: frozenset[str] = frozenset()
) -> tuple[StackMount, ...]:
    """The mounts of a service and those that it takes from others: volumes and binds, never tmpfs."""
    found = {mount.target: mount for mount in own.get(name, ())}
    for item in _list(_table(written.get(name)).get("volumes_from")):
        source, _, mode = str(item).partition(":")
        if source == "container" or source not in own or source in seen | {name}:
            continue
        for mount in _with_volumes_from(source, own, written, seen | {name}):
            if mount.kind in {"volume", "bind"}:
                shared = replace(mount, declared_by="volumes_from", read_only=mount.read_only or mode == "ro")
                found.setdefault(mount.target, shared)
    return tuple(found.values())


def _mounts(service: str, body: Json, names: Mapping[str, str], places: ComposePlaces) -> Iterator[StackMount]:
    for item in _list(body.get("volumes")):
        mount = _mount(_table(item), names)
        yield replace(mount, spot=places.mount(service, mount.target))
    for item in _list(body.get("tmpfs")):
        target, _, options = _unescaped(str(item)).partition(":")
        size = next((word.partition("=")[2] for word in options.split(",") if word.startswith("size=")), None)
        yield StackMount(kind="tmpfs", target=cleaned(target), size_bytes=_size(size), spot=places.mount(service, target))
    for kind in ("configs", "secrets"):
        for item in _list(body.get(kind)):
            entry = _table(item) if isinstance(item, dict) else {"source": item}
            source = _text(entry.get("source")) or ""
            default = f"/{source}" if kind == "configs" else f"/run/secrets/{source}"
            target = _text(entry.get("target")) or default
            target = target if target.startswith("/") else f"/run/secrets/{target}"
            yield StackMount(kind=kind[:-1], target=cleaned(target), source=source, read_only=True, spot=places.key(service, kind))


def _mount(entry: Json, names: Mapping[str, str]) -> StackMount:
    kind = _text(entry.get("type")) or "volume"
    source = _text(entry.get("source"))
    volume, bind, tmpfs = (_table(entry.get(key)) for key in ("volume", "bind", "tmpfs"))
    kind = {"npipe": "bind", "cluster": "volume"}.get(kind, kind)
    return StackMount(
        kind=kind,
        target=cleaned(_text(entry.get("target")) or "/"),
        source=source,
        volume=names.get(source, source) if kind == "volume" and source else None,
        read_only=bool(entry.get("read_only")),
        nocopy=bool(volume.get("nocopy")),
        subpath=_text(volume.get("subpath")),
        create_host_path=bool(bind.get("create_host_path")) if kind == "bind" else True,
        propagation=_text(bind.get("propagation")),
        size_bytes=_size(_text(tmpfs.get("size"))),
    )


def _volumes(written: Json, other: Json, places: ComposePlaces) -> tuple[StackVolume, ...]:
    found = []
    for key, body in written.items():
        entry, again = _table(body), _table(other.get(key))
        name = _text(entry.get("name")) or key
        found.append(
            StackVolume(
                key=key,
                name=name,
                external=bool(entry.get("external")),
                name_fixed=name == (_text(again.get("name")) or key),
                driver=_text(entry.get("driver")),
                driver_opts={option: str(value) for option, value in _table(entry.get("driver_opts")).items()},
                spot=places.volume(key),
            )
        )
    return tuple(found)


# --- values ---------------------------------------------------------------------------------------------------------------


def _replicas(body: Json) -> int:
    for value in (_table(body.get("deploy")).get("replicas"), body.get("scale")):
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    return 1


def _unescaped(text: str) -> str:
    """`config` writes `$$` for `$`, so that its answer can be read again."""
    return text.replace("$$", "$")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    return _unescaped(str(value)) or None


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(_unescaped(str(word)) for word in _list(value))


def _variables(value: object) -> dict[str, str]:
    return dict(str(entry).partition("=")[::2] for entry in _list(value))


def _size(text: str | None) -> int | None:
    found = _SIZE.fullmatch(text.strip()) if text else None
    return int(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " ") if found else None


def _duration(text: str | None) -> float:
    if not text:
        return 10.0
    parts = _DURATION.findall(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else 10.0


def targets(mounts: Iterable[StackMount]) -> tuple[str, ...]:
    """The places of mounts, the deepest first."""
    return tuple(sorted((mount.target for mount in mounts), key=lambda path: (-path.count("/"), path)))
