"""What runs left on an engine, found by label; and its removal, one thing at a time.

Rule 1: only what bears our label, or what a ledger names by its id, is ever touched.
Rule 2: a thing that is gone already counts as gone, not as a failure; one that is in use stays, and is said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.host import Unseen
from dockstore.runner.owner import LABEL_RUN, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host
    from dockstore.engines.opening import Opened
    from dockstore.runner.owner import Owner

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
SCRATCH_ROOTS = ("/var/tmp",)  # noqa: S108  # where scratch folders are made unless told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A thing that a run left: *kind* is container, network, volume, image, folder or engine."""

    kind: str
    id: str
    name: str
    run: str
    engine: str  # its address

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.id[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An object with our label; of a container also the volumes that it mounts."""

    item: Item
    owner: Owner
    mounts: tuple[str, ...] = ()


def labelled(engine: Engine, run: str | None = None) -> tuple[Labelled, ...]:
    """List everything on *engine* that bears our label (of *run* only, if given): containers, networks, volumes, images, in this order."""
    filters = {"label": [LABEL_RUN if run is None else f"{LABEL_RUN}={run}"]}
    address = engine.info.address
    return (
        *_found("container", engine.list_containers(filters=filters), address, _container_names),
        *_found("network", engine.list_networks(filters=filters), address, _network_names),
        *_found("volume", engine.list_volumes(filters=filters), address, _volume_names),
        *_found("image", engine.list_images(filters=filters), address, _image_names),
    )


def standing(opened: Opened | None, run: str) -> tuple[str, ...]:
    """What of *run* still stands, in words; an engine that does not answer is said, too."""
    if opened is None:
        return ()
    try:
        return tuple(str(found.item) for found in labelled(opened.engine, run))
    except EngineError as error:
        return (f"unknown things on {opened.engine.info.address}: {error}",)


def containers_of(opened: Opened | None, run: str) -> tuple[str, ...]:
    """The names of *run*'s containers that run; empty where nobody answers."""
    if opened is None:
        return ()
    try:
        found = opened.engine.list_containers(filters={"label": [f"{LABEL_RUN}={run}"], "status": ["running"]})
    except EngineError:
        return ()
    return tuple(sorted(name for name in (_container_names(raw)[1] for raw in found) if name))


def kept_words(container: tuple[str, str] | None, count: int, run: str) -> str:
    """How to get into what was kept, and how to remove it."""
    said = f"kept {count} object{'s' if count != 1 else ''} of run {run[:12]}"
    way_in = f"; in: docker -H {container[1]} exec -it {container[0]} sh" if container is not None else ""
    return f"{said}{way_in}; remove: dockstore clean --run {run}"


def remove(engine: Engine, item: Item) -> None:
    """Remove one object. Raises EngineError if it is still there."""
    try:
        match item.kind:
            case "container":
                engine.remove_container(item.id, force=True, volumes=True)
            case "network":
                engine.remove_network(item.id)
            case "volume":
                engine.remove_volume(item.id)
            case "image":
                engine.remove_image(item.id, force=True)
            case _:
                raise EngineError(f"remove {item}: not a thing of an engine")
    except NotFound:
        return


def is_used(engine: Engine, volume: str) -> bool:
    """Whether a container, running or not, has *volume*."""
    return any(_mounts(found, volume) for found in engine.list_containers(filters={"volume": [volume]}))


def exists(engine: Engine, kind: str, name: str) -> bool:
    """Whether the engine knows it still. Raises EngineError if it cannot be told."""
    try:
        match kind:
            case "container":
                engine.inspect_container(name)
            case "volume":
                engine.inspect_volume(name)
            case "image":
                engine.inspect_image(name)
            case _:
                return False
    except NotFound:
        return False
    return True


def is_anonymous_name(name: str) -> bool:
    """Whether an engine made up this volume's name."""
    return _ANONYMOUS.fullmatch(name) is not None


def scratch_folders(host: Host, run: str, roots: tuple[str, ...] = SCRATCH_ROOTS) -> Iterator[str]:
    """Folders on the engine's host that bear *run*'s name: scratch folders, and what was kept beside them for a mount."""
    ours = re.compile(rf"dockstore-{re.escape(run[:8])}-\d+(\.mounts)?")
    for root in roots:
        try:
            found = host.stat(root, entries=True)
        except Unseen:
            continue
        yield from (f"{root}/{name}" for name in (found.entries or () if found is not None else ()) if ours.fullmatch(name))


def _found(kind: str, listed: list[dict[str, object]], address: str, names: Callable[[Mapping[str, object]], tuple[str, str]]) -> Iterator[Labelled]:
    for raw in listed:
        labels = raw.get("Labels")
        owner = owner_of(cast("Mapping[str, str]", labels)) if isinstance(labels, dict) else None
        if owner is not None:
            key, name = names(raw)
            yield Labelled(
                item=Item(kind=kind, id=key, name=name, run=owner.run, engine=address),
                owner=owner,
                mounts=_volumes(raw) if kind == "container" else (),
            )


def _container_names(raw: Mapping[str, object]) -> tuple[str, str]:
    names = raw.get("Names")
    first = str(names[0]).lstrip("/") if isinstance(names, list) and names else ""
    return str(raw["Id"]), first


def _network_names(raw: Mapping[str, object]) -> tuple[str, str]:
    return str(raw["Id"]), str(raw["Name"])


def _volume_names(raw: Mapping[str, object]) -> tuple[str, str]:
    return str(raw["Name"]), str(raw["Name"])


def _image_names(raw: Mapping[str, object]) -> tuple[str, str]:
    tags = raw.get("RepoTags")
    return str(raw["Id"]), next((str(tag) for tag in tags if "<none>" not in str(tag)), "") if isinstance(tags, list) else ""


def _volumes(raw: Mapping[str, object]) -> tuple[str, ...]:
    mounts = raw.get("Mounts")
    if not isinstance(mounts, list):
        return ()
    return tuple(str(mount["Name"]) for mount in mounts if isinstance(mount, dict) and mount.get("Type") == "volume" and mount.get("Name"))


def _mounts(raw: Mapping[str, object], volume: str) -> bool:
    """Whether the listed container has the volume itself; the filter also finds binds by source, and targets."""
    mounts = raw.get("Mounts")
    if not isinstance(mounts, list):
        return True  # cannot be told: leave it alone
    return any(isinstance(mount, dict) and (mount.get("Name") == volume or f"/{volume}/" in str(mount.get("Source"))) for mount in mounts)
