"""A scenario and an engine in, names and labels out: what each thing of the file is called on the engine.

Rule 1: pure; the run's identity, its number and its scratch folder come in as arguments.
Rule 2: a name of the file becomes a name of ours, legal and unique to this run, so that nothing of anybody else can be touched.
Rule 3: a volume that a container would create is never created before it; the file's other volumes and images are, at their step.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from dockstore.core.capabilities import unmet
from dockstore.core.model import ImageMount, PlaceKind, VolumeMount
from dockstore.core.script import (
    Commit,
    Copy,
    Create,
    CreateVolume,
    Export,
    Import,
    Inspect,
    Observe,
    Read,
    RemoveImage,
    RemoveVolume,
    Rename,
    Run,
    Together,
    Update,
    Write,
)
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dockstore.core.model import ContainerSpec, EngineInfo, ImageSpec, Place, VolumeSpec
    from dockstore.core.script import AnyStep, Scenario

LAB = "lab"  # what the lab image is called in `from:` and `image:`
SCRATCH = "scratch"  # the empty image, in `from:`
LABEL = "io.dockstore."
LABEL_NONCE = f"{LABEL}nonce"
NAME_LENGTH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """Who runs: a run id of 32 hex digits, the process, its host and when it began (UTC, ISO 8601)."""

    run: str
    pid: int
    pid_start: int
    host: str
    created: str

    @property
    def short(self) -> str:
        """The beginning of the run id, as it stands in names."""
        return self.run[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the things of a scenario are called on the engine, and what must be made for it by the runner itself."""

    scenario: Scenario
    identity: RunIdentity
    ordinal: int
    scratch: str  # the scenario's own scratch folder, on the engine's host
    lab_image: str
    labels: Mapping[str, str]  # of every object; `labelled` adds the nonce
    containers: Mapping[str, str]  # name in the file -> name on the engine; those that a rename gives, too
    volumes: Mapping[str, str]
    images: Mapping[str, str]  # name in the file -> reference; those that a commit or import makes, too
    aliases: Mapping[str, Place]  # names of anonymous volumes, which only the engine names
    built: tuple[ImageSpec, ...]  # to be built, a base before what stands on it
    foreign: tuple[str, ...]  # references that are the user's own: never removed
    lab_images: frozenset[str]  # names of images with the lab image at their bottom
    volumes_to_create: tuple[VolumeSpec, ...]  # by the runner: they have options or labels, and no step creates them
    first_use: Mapping[str, int]  # `image:app`, `volume:mem` -> the step before which it must be there
    unmet: tuple[str, ...]

    def container_name(self, name: str) -> str:
        """The engine's name of container *name*."""
        return self.containers.get(name, name)

    def volume_name(self, name: str) -> str:
        """The engine's name of volume *name*; that of an anonymous one is known to the runner only."""
        return self.volumes.get(name, name)

    def image_reference(self, name: str | None) -> str:
        """The reference of image *name*; None is the lab image, a name that the file does not know the user's own reference."""
        if name is None or name == LAB:
            return self.lab_image
        return self.images.get(name, name)

    def is_lab(self, image: str | None) -> bool:
        """Whether a container of *image* can have our own main process."""
        return image is None or image == LAB or image in self.lab_images

    def is_ours(self, image: str | None) -> bool:
        """Whether *image* is the lab image or made by this run."""
        return image is None or image == LAB or image in self.images

    def host_path(self, path: str) -> str:
        """A path of the scratch folder, on the engine's host; an absolute one stays."""
        inner = path.removeprefix("./")
        if inner.startswith("/"):
            return inner
        return f"{self.scratch}/{inner}" if inner not in {"", "."} else self.scratch

    def labelled(self, nonce: str) -> dict[str, str]:
        """The labels of one object."""
        return {**self.labels, LABEL_NONCE: nonce}

    def images_before(self, step: int) -> tuple[ImageSpec, ...]:
        """The images to be built before step number *step*, in order."""
        return tuple(image for image in self.built if self.first_use[f"image:{image.name}"] == step)

    def volumes_before(self, step: int) -> tuple[VolumeSpec, ...]:
        """The volumes to be created before step number *step*."""
        return tuple(volume for volume in self.volumes_to_create if self.first_use[f"volume:{volume.name}"] == step)


def plan(scenario: Scenario, info: EngineInfo, identity: RunIdentity, *, ordinal: int, scratch: str, lab_image: str) -> Plan:
    """Name everything in *scenario*, which is the *ordinal*-th of the run."""
    prefix = f"dockstore-{identity.short}-{ordinal}-"
    specs = tuple(_specs(scenario))
    aliases = {volume.name: volume.anonymous_of for volume in scenario.volumes if volume.anonymous_of is not None}
    images = own_images(scenario)
    built = _built(scenario.images)
    volumes_to_create = _volumes_to_create(scenario)
    return Plan(
        scenario=scenario,
        identity=identity,
        ordinal=ordinal,
        scratch=scratch.rstrip("/"),
        lab_image=lab_image,
        labels=labels(scenario, identity),
        containers=_named(prefix, _containers(scenario, specs), object_name),
        volumes=_named(prefix, (name for name in _volumes(scenario, specs) if name not in aliases), object_name),
        images=_named(f"localhost/{prefix}", images, reference),
        aliases=aliases,
        built=built,
        foreign=tuple(dict.fromkeys(name for name in _used_images(scenario, specs) if name not in images and name not in {LAB, SCRATCH})),
        lab_images=lab_images(scenario),
        volumes_to_create=volumes_to_create,
        first_use=_first_use(scenario, built, volumes_to_create),
        unmet=unmet(scenario, info),
    )


def scratch_folder(root: str, identity: RunIdentity, ordinal: int) -> str:
    """The scratch folder of the *ordinal*-th scenario of a run, below *root*."""
    return f"{root.rstrip('/')}/dockstore-{identity.short}-{ordinal}"


def labels(scenario: Scenario, identity: RunIdentity) -> dict[str, str]:
    """What every object of a scenario says about who made it."""
    return {
        f"{LABEL}run": identity.run,
        f"{LABEL}scenario": scenario.title,
        f"{LABEL}pid": str(identity.pid),
        f"{LABEL}pid-start": str(identity.pid_start),
        f"{LABEL}host": identity.host,
        f"{LABEL}created": identity.created,
    }


def object_name(prefix: str, name: str) -> str:
    """A legal name of a container or volume, at most 128 characters: a long one ends in a part of its hash."""
    full = prefix + re.sub(r"[^a-zA-Z0-9_.-]+", "-", name)
    if len(full) <= NAME_LENGTH:
        return full
    mark = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{full[: NAME_LENGTH - 11]}-{mark}"


def reference(prefix: str, name: str) -> str:
    """A legal reference of an image that is made here: `localhost/dockstore-4f1c2d3e-1-app:1`."""
    inner = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "image"
    mark = "" if inner == name and len(inner) <= NAME_LENGTH else "-" + hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{prefix}{inner[: NAME_LENGTH - 11].rstrip('-')}{mark}:1"


def _named(prefix: str, names: Iterable[str], rule: Callable[[str, str], str]) -> dict[str, str]:
    """Each of *names* with its name by *rule*; two that come out alike are told apart by their hash."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        full = rule(prefix, name)
        if full in found.values():
            full = rule(prefix, f"{name}-{hashlib.sha256(name.encode()).hexdigest()[:10]}")
        found[name] = full
    return found


def flat(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    """The steps, those of a `together` one by one."""
    for step in steps:
        if isinstance(step, Together):
            yield from flat(step.steps)
        else:
            yield step


def _specs(scenario: Scenario) -> Iterator[ContainerSpec]:
    """Every container configuration: those of the file, and those of its steps with `with:`."""
    yield from scenario.containers
    for step in flat(scenario.steps):
        if isinstance(step, Run | Create | Update):
            yield step.spec


def _containers(scenario: Scenario, specs: tuple[ContainerSpec, ...]) -> Iterator[str]:
    yield from (spec.name for spec in specs)
    yield from (step.to for step in flat(scenario.steps) if isinstance(step, Rename))


def _volumes(scenario: Scenario, specs: tuple[ContainerSpec, ...]) -> Iterator[str]:
    yield from (volume.name for volume in scenario.volumes)
    yield from (mount.source for spec in specs for mount in spec.mounts if isinstance(mount, VolumeMount) and mount.source)
    for step in flat(scenario.steps):
        match step:
            case CreateVolume(spec=spec):
                yield spec.name
            case RemoveVolume(volume=name) | Inspect(kind="volume", name=name):
                yield name
            case _:
                yield from (place.name for place in _places(step) if place.kind is PlaceKind.VOLUME)


def own_images(scenario: Scenario) -> tuple[str, ...]:
    """The images that the file describes, and those that its steps make."""
    made = (step.image for step in flat(scenario.steps) if isinstance(step, Commit | Import))
    return tuple(dict.fromkeys((*(image.name for image in scenario.images), *made)))


def users_images(scenario: Scenario) -> tuple[str, ...]:
    """The images that containers and mounts of *scenario* want, and that neither the file nor dockstore makes."""
    specs = tuple(_specs(scenario))
    wanted = (
        *(spec.image for spec in specs if spec.image),
        *(mount.source for spec in specs for mount in spec.mounts if isinstance(mount, ImageMount)),
    )
    ours = {LAB, *own_images(scenario)}
    return tuple(dict.fromkeys(name for name in wanted if name not in ours))


def _used_images(scenario: Scenario, specs: tuple[ContainerSpec, ...]) -> Iterator[str]:
    yield from (image.base for image in scenario.images)
    yield from (spec.image for spec in specs if spec.image)
    yield from (mount.source for spec in specs for mount in spec.mounts if isinstance(mount, ImageMount))
    for step in flat(scenario.steps):
        match step:
            case RemoveImage(image=name) | Inspect(kind="image", name=name):
                yield name
            case _:
                yield from (place.name for place in _places(step) if place.kind is PlaceKind.IMAGE)


def _places(step: AnyStep) -> tuple[Place, ...]:
    """The places that a step names and that are no container's."""
    match step:
        case Read(place=place):
            return (place,)
        case Observe(place=place) if place is not None:
            return (place,)
        case Write(to=place):
            return (place,)
        case Copy(source=source, to=place):
            return (place,) if isinstance(source, str) else (source, place)
        case _:
            return ()


def _built(images: tuple[ImageSpec, ...]) -> tuple[ImageSpec, ...]:
    """*images* with each base before what stands on it; one that stands on itself is left where it is written."""
    by_name = {image.name: image for image in images}
    ordered: dict[str, ImageSpec] = {}

    def add(image: ImageSpec, above: frozenset[str]) -> None:
        base = by_name.get(image.base)
        if base is not None and base.name not in above:
            add(base, above | {image.name})
        ordered.setdefault(image.name, image)

    for image in images:
        add(image, frozenset({image.name}))
    return tuple(ordered.values())


def lab_images(scenario: Scenario) -> frozenset[str]:
    """The images of the file that have the lab image's shell: built on it, committed or exported from a container of it."""
    specs = tuple(_specs(scenario))
    found = {LAB}
    while True:
        before = len(found)
        found |= {image.name for image in scenario.images if image.base in found}
        homes = {spec.name for spec in specs if spec.image is None or spec.image in found}
        exports: set[str] = set()
        for step in flat(scenario.steps):
            match step:
                case Rename(container=name, to=to) if name in homes:
                    homes.add(to)
                case Commit(container=name, image=image) if name in homes:
                    found.add(image)
                case Export(container=name, to=place) if name in homes:
                    exports.add(place.path)
                case Import(source=place, image=image) if place.path in exports:
                    found.add(image)
                case _:
                    pass
        if len(found) == before:
            return frozenset(found - {LAB})


def _volumes_to_create(scenario: Scenario) -> tuple[VolumeSpec, ...]:
    """The volumes that need more than a name, and that no step of the file creates."""
    created = {step.spec.name for step in flat(scenario.steps) if isinstance(step, CreateVolume)}
    return tuple(
        volume
        for volume in scenario.volumes
        if volume.anonymous_of is None and volume.name not in created and (volume.driver or volume.driver_opts or volume.labels)
    )


def _first_use(scenario: Scenario, images: tuple[ImageSpec, ...], volumes: tuple[VolumeSpec, ...]) -> dict[str, int]:
    """The step before which each must be there: the first; in a table, a chain's own things only when that chain begins.

    There, an earlier chain's prune would take what nobody uses yet. In the long form what a prune takes is the experiment.
    """
    found = {f"image:{image.name}": 0 for image in images} | {f"volume:{volume.name}": 0 for volume in volumes}
    if scenario.matrix is None:
        return found
    used: dict[str, int] = {}
    for number, step in enumerate(scenario.steps):
        if isinstance(step, Run | Create):
            if step.spec.image:
                used.setdefault(f"image:{step.spec.image}", number)
            for mount in step.spec.mounts:
                if isinstance(mount, VolumeMount) and mount.source:
                    used.setdefault(f"volume:{mount.source}", number)
    return {thing: used.get(thing, 0) for thing in found}
