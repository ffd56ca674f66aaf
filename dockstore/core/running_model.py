"""An engine's inspect answers in, a Stack out: containers and projects that exist, with their mounts as they are.

Rule 1: Mounts is what is mounted (P2); `--tmpfs` stands elsewhere and is asked there.
Rule 2: an anonymous volume keeps its id as its name here: that is how it is found again.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, cast

from dockstore.core.audit_rows import SCRATCH_PLACES
from dockstore.core.compose_model import with_image
from dockstore.core.stack_model import ImageFacts, Service, Stack, StackMount, StackVolume
from dockstore.core.storage import INIT_MOUNTPOINTS, beneath, is_anonymous_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Json = dict[str, object]
PROJECT, SERVICE, ONE_OFF, VOLUME = (f"com.docker.compose.{key}" for key in ("project", "service", "oneoff", "volume"))
CONFIG_FILES = "com.docker.compose.project.config_files"
MOST_PLACES = 12


def stack(name: str, kind: str, containers: Sequence[Json], volumes: Iterable[Json], images: Callable[[str], ImageFacts]) -> Stack:
    """Return the stack that these containers are; several of one service count as replicas."""
    by_name = {_text(volume.get("Name")): volume for volume in volumes}
    services: dict[str, Service] = {}
    files: dict[str, None] = {}
    for container in containers:
        service = service_of(container, by_name, images, by_label=kind != "container")
        labels = _table(_table(container.get("Config")).get("Labels"))
        files |= dict.fromkeys(one for one in _text(labels.get(CONFIG_FILES)).split(",") if one)
        before = services.get(service.name)
        if before is None:
            services[service.name] = service
        else:
            import dataclasses

            services[service.name] = dataclasses.replace(before, replicas=before.replicas + 1)
    used = {mount.volume for service in services.values() for mount in service.mounts if mount.volume is not None}
    found = tuple(_volume(by_name[one], name) for one in sorted(used) if one in by_name)
    return Stack(name=name, files=tuple(files), services=tuple(services.values()), volumes=found, kind=kind)


def service_of(container: Json, volumes: Mapping[str, Json], images: Callable[[str], ImageFacts], *, by_label: bool) -> Service:
    """Return one container as a service; its name is the Compose service's, or its own."""
    config, host = _table(container.get("Config")), _table(container.get("HostConfig"))
    labels = _table(config.get("Labels"))
    own = _text(container.get("Name")).lstrip("/")
    image = images(_text(container.get("Image")) or _text(config.get("Image")))
    reference = _text(config.get("Image")) or image.reference
    facts = ImageFacts(
        reference=reference,
        known=image.known,
        id=image.id,
        volumes=image.volumes,
        environment=image.environment,
        user=image.user,
        working_dir=image.working_dir,
        command=image.command,
        entrypoint=image.entrypoint,
        labels=image.labels,
        has_healthcheck=image.has_healthcheck,
        reason=image.reason,
    )
    id_ = _text(container.get("Id"))
    host_name = _text(config.get("Hostname"))
    environment = dict(str(entry).partition("=")[::2] for entry in _list(config.get("Env")))
    service = Service(
        name=(_text(labels.get(SERVICE)) or own) if by_label else own,
        image=ImageFacts(reference=reference, known=False),
        mounts=tuple(_mounts(container, volumes, set(image.volumes), compose=SERVICE in labels)),
        environment={key: value for key, value in environment.items() if image.environment.get(key) != value},
        user=_text(config.get("User")) if _text(config.get("User")) != (image.user or "") else None,
        hostname=host_name if host_name and not id_.startswith(host_name) else None,
        container_name=own,
        command=_own_words(config.get("Cmd"), image.command),
        entrypoint=_own_words(config.get("Entrypoint"), image.entrypoint),
        read_only=bool(host.get("ReadonlyRootfs")),
        restart=_text(_table(host.get("RestartPolicy")).get("Name")) or None,
        container=id_,
        auto_remove=bool(host.get("AutoRemove")),
    )
    return with_image(service, facts, None)


def written_places(diff: Mapping[str, str], service: Service) -> tuple[str, ...]:
    """The folders of the writable layer that hold what was added or changed; what the engine made for mounts is left out.

    A folder that is new counts as one place; a changed file counts by its folder. Opening without writing is not in a diff, a mere `touch` is.
    """
    diff = _without_init(diff)
    targets = [mount.target for mount in service.mounts]
    made = {parent for target in targets for parent in (target, *_parents(target))}
    found: dict[str, None] = {}
    files = [path for path, change in diff.items() if change in {"A", "C"} and not any(path != other and beneath(other, path) for other in diff)]
    for path in sorted(files):
        if path in made or any(beneath(path, place) for place in SCRATCH_PLACES):
            continue
        new = [parent for parent in _parents(path) if diff.get(parent) == "A" and parent not in made]
        folder = posixpath.dirname(path)
        found[min(new, key=len) if new else path if folder == "/" else folder] = None
    places = [place for place in found if not any(place != other and beneath(place, other) for other in found)]
    kept = [place for place in places if not any(beneath(place, scratch) for scratch in SCRATCH_PLACES)]
    return tuple(kept[:MOST_PLACES])


def _without_init(diff: Mapping[str, str]) -> dict[str, str]:
    """A diff without the mountpoint that the engine makes for its init, and without the folder where nothing else has changed."""
    rest = {path: change for path, change in diff.items() if path not in INIT_MOUNTPOINTS}
    folders = {posixpath.dirname(path) for path in INIT_MOUNTPOINTS}
    return {path: change for path, change in rest.items() if path not in folders or any(one.startswith(f"{path}/") for one in rest)}


def _parents(path: str) -> list[str]:
    found = []
    while (path := posixpath.dirname(path)) != "/":
        found.append(path)
    return found


def _mounts(container: Json, volumes: Mapping[str, Json], declared: set[str], *, compose: bool) -> Iterable[StackMount]:
    named = _named(_table(container.get("HostConfig")))
    asked = {_text(_table(one).get("Target")): _table(one) for one in _list(_table(container.get("HostConfig")).get("Mounts"))}
    for item in _list(container.get("Mounts")):
        entry = _table(item)
        kind, target = _text(entry.get("Type")), _text(entry.get("Destination"))
        options = _table(asked.get(target, {}).get("VolumeOptions"))
        name = _text(entry.get("Name")) or (posixpath.basename(posixpath.dirname(_text(entry.get("Source")))) if kind == "volume" else "")  # P12
        by_id = name in named  # Compose does it when it re-creates a container; else somebody did, and will again
        ours = not by_id or compose
        anonymous = kind == "volume" and is_anonymous_name(name) and ours and not _table(volumes.get(name, {}).get("Labels")).get(VOLUME)
        yield StackMount(
            kind=kind,
            target=target,
            source=(None if anonymous else name) if kind == "volume" else _text(entry.get("Source")) or None,
            volume=name if kind == "volume" else None,
            read_only=entry.get("RW") is False,
            subpath=_text(options.get("Subpath")) or None,
            declared_by="image VOLUME" if anonymous and target in declared else "container",
            by_id=anonymous and by_id,
        )
    for target in _table(_table(container.get("HostConfig")).get("Tmpfs")):
        yield StackMount(kind="tmpfs", target=target, declared_by="container")


def _named(host: Json) -> set[str]:
    """The volumes that a container's configuration names."""
    binds = {str(one).partition(":")[0] for one in _list(host.get("Binds")) if ":" in str(one)}
    return binds | {_text(_table(one).get("Source")) for one in _list(host.get("Mounts"))}


def _volume(volume: Json, project: str) -> StackVolume:
    name, labels = _text(volume.get("Name")), _table(volume.get("Labels"))
    key = _text(labels.get(VOLUME)) or name
    return StackVolume(
        key=key,
        name=name,
        external=not labels.get(PROJECT),
        name_fixed=name != f"{project}_{key}",
        driver=_text(volume.get("Driver")) or None,
        driver_opts={option: str(value) for option, value in _table(volume.get("Options")).items()},
    )


def _own_words(value: object, images: tuple[str, ...]) -> tuple[str, ...] | None:
    words = tuple(str(word) for word in _list(value))
    return None if words == images else words


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
