"""Names: everything that a file refers to is there. What is made on the way (renamed to, committed to, created) counts.

Rule 1: this runs only on a file whose every part could be read, so that one slip is told once.
Rule 2: the planner may trust every name it gets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dockstore.core.capabilities import strikes
from dockstore.core.model import ImageMount, Place, PlaceKind, VolumeMount
from dockstore.core.problems import Problems, did_you_mean, listed, nearest, said
from dockstore.core.script import (
    Commit,
    Copy,
    Create,
    CreateVolume,
    Diff,
    Exec,
    Export,
    Find,
    Import,
    Inspect,
    Kill,
    Measure,
    Observe,
    Pause,
    Read,
    Remove,
    RemoveImage,
    RemoveVolume,
    Rename,
    Restart,
    Run,
    Start,
    Stop,
    Together,
    UnmountHost,
    Unpause,
    Update,
    Wait,
    Write,
)
from dockstore.core.source import Items, Node, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dockstore.core.drafts import Written
    from dockstore.core.expecting import Expected
    from dockstore.core.model import ContainerSpec, ImageSpec, VolumeSpec

_BUILT_IN_IMAGES = ("lab", "scratch")


@dataclass(slots=True, kw_only=True)
class Known:
    """The names of a file."""

    containers: set[str]
    images: set[str]
    volumes: set[str]
    writes: dict[str, tuple[int, Place]] = field(default_factory=dict)  # name -> line, where


def flat(steps: Iterable[Written]) -> Iterator[Written]:
    """The steps, those of a `together` after it."""
    for written in steps:
        yield written
        yield from written.inner


def looks(steps: Iterable[Written]) -> dict[str, str]:
    """The name of every look and of every labelled action, with its kind as in `facts`; the first of a name counts."""
    found: dict[str, str] = {}
    for written in flat(steps):
        named = look_of(written)
        if named is not None:
            found.setdefault(*named)
    return found


def look_of(written: Written) -> tuple[str, str] | None:
    """Name and kind of what *written* lets one see."""
    step = written.step
    match step:
        case Observe() | Read() | Diff() | Find() | Measure():
            return step.look, written.verb
        case Inspect():
            return step.look, f"inspect-{step.kind}"
        case Exec(label=str(label)):
            return label, "exec"
        case _:
            return None if step.label is None else (step.label, "action")


def check_names(
    root: Table,
    *,
    images: Mapping[str, ImageSpec],
    volumes: Mapping[str, VolumeSpec],
    containers: Mapping[str, ContainerSpec],
    steps: tuple[Written, ...],
    expected: Expected,
    to: Problems,
) -> None:
    """Note every name that is not there, or there twice."""
    known = Known(containers=set(containers), images={*images, *_BUILT_IN_IMAGES}, volumes=set(volumes))
    specs = list(containers.values())
    for written in flat(steps):
        match written.step:
            case Rename(to=name):
                known.containers.add(name)
            case Commit(image=image) | Import(image=image):
                known.images.add(image.removesuffix(":latest"))
            case Run(spec=spec) | Create(spec=spec):
                specs.append(spec)
            case CreateVolume(spec=volume):
                known.volumes.add(volume.name)
            case _:
                pass
    for spec in specs:
        known.volumes.update(mount.source for mount in spec.mounts if isinstance(mount, VolumeMount) and mount.source)
    _check_images(root, images, known, to)
    for name, volume in volumes.items():
        if volume.anonymous_of is not None:
            _container(volume.anonymous_of.name, _find(root, "volumes", name, "anonymous"), known, to)
    for name, spec in containers.items():
        _check_spec(spec, _find(root, "containers", name), known, to)
    _check_steps(steps, set(containers), known, to)
    _check_looks(steps, expected, known, to)


def _find(node: Node, *keys: str) -> Node:
    """The deepest node there is on the way along *keys*."""
    for key in keys:
        found = node.get(key) if isinstance(node, Table) else None
        if found is None:
            return node
        node = found
    return node


def _item(node: Node, number: int) -> Node:
    return node.items[number] if isinstance(node, Items) and number < len(node.items) else node


# --- things ---------------------------------------------------------------------------------------------------------------


def _check_images(root: Table, images: Mapping[str, ImageSpec], known: Known, to: Problems) -> None:
    for name, image in images.items():
        spot = _find(root, "images", name, "from")
        if image.base not in images and image.base in known.images and image.base not in _BUILT_IN_IMAGES:
            to.add(spot, f"{said(image.base)} is made by a step, and images are made before the first one", "commit or import it the other way round")
            continue
        _image(image.base, spot, known, to)
        seen = {name}
        base = image.base
        while base in images and base not in seen:
            seen.add(base)
            base = images[base].base
        if base == name:
            to.add(spot, f"image {said(name)} comes from itself", "from: lab")


def _check_spec(spec: ContainerSpec, node: Node, known: Known, to: Problems) -> None:
    """Note what a container's keys refer to."""
    if spec.image is not None:
        if spec.image == "scratch":
            to.add(_find(node, "image"), "nothing runs in 'scratch'", "image: lab")
        _image(spec.image, _find(node, "image"), known, to)
    for number, mount in enumerate(spec.mounts):
        if isinstance(mount, ImageMount):
            _image(mount.source, _find(_item(_find(node, "mounts"), number), "source"), known, to)
    for number, source in enumerate(spec.volumes_from):
        _container(source.partition(":")[0], _item(_find(node, "volumes_from"), number), known, to)
    for key, value in (("pid", spec.pid), ("ipc", spec.ipc), ("network_mode", spec.network_mode)):
        if value is not None and value.startswith("container:"):
            _container(value.partition(":")[2], _find(node, key), known, to)


def _container(name: str, spot: Node, known: Known, to: Problems) -> None:
    if name not in known.containers:
        to.add(spot, f"no container {said(name)} in this file", did_you_mean(name, sorted(known.containers)) or f"containers: {{{name}: {{}}}}")


def _image(name: str, spot: Node, known: Known, to: Problems) -> None:
    if name not in known.images and not re.search("[:/@]", name):
        hint = did_you_mean(name, sorted(known.images)) or "known here: lab"
        to.add(spot, f"no image {said(name)} in this file", f"{hint}; an image from elsewhere has a tag: {name}:latest")


def _volume(name: str, spot: Node, known: Known, to: Problems) -> None:
    if name not in known.volumes:
        to.add(
            spot, f"no volume {said(name)} in this file", did_you_mean(name, sorted(known.volumes)) or 'a container has it: mounts: ["NAME:/data"]'
        )


def _place(place: Place, spot: Node, known: Known, to: Problems) -> None:
    match place.kind:
        case PlaceKind.CONTAINER | PlaceKind.LAYER:
            _container(place.name, spot, known, to)
        case PlaceKind.VOLUME:
            _volume(place.name, spot, known, to)
        case PlaceKind.IMAGE:
            _image(place.name, spot, known, to)
        case PlaceKind.HOST:
            pass


# --- steps ----------------------------------------------------------------------------------------------------------------


def _check_steps(steps: tuple[Written, ...], declared: set[str], known: Known, to: Problems) -> None:
    later = {name: written.step.at.line for written in flat(steps) if (name := _written_name(written)) is not None}
    for written in flat(steps):
        _check_step(written, declared, known, later, to)


def _written_name(written: Written) -> str | None:
    match written.step:
        case Write(write=name) | Copy(source=str(name)):
            return name
        case _:
            return None


def _check_step(written: Written, declared: set[str], known: Known, later: Mapping[str, int], to: Problems) -> None:
    step, subject = written.step, written.subject
    match step:
        case Run(spec=spec) | Create(spec=spec):
            if spec.name not in declared:
                hint = did_you_mean(spec.name, sorted(declared)) if declared else f"containers: {{{spec.name}: {{}}}}"
                to.add(subject, f"no container {said(spec.name)} in this file", hint)
            elif "with" in written.row.values:
                _check_spec(spec, written.spot("with"), known, to)
        case CreateVolume(spec=volume) if volume.anonymous_of is not None:
            to.add(subject, f"{said(volume.name)} is made by the engine, with {volume.anonymous_of.name}", "leave this step out")
        case Start(container=str(name)) | Stop(container=str(name)) | Restart(container=str(name)) | Kill(container=str(name)):
            _container(name, subject, known, to)
        case Pause() | Unpause() | Remove() | Rename() | Update() | Wait() | Commit() | Export() | Diff():
            _container(step.container, subject, known, to)
        case Exec() | Measure():
            _container(step.container, written.spot("in"), known, to)
        case RemoveVolume():
            _volume(step.volume, subject, known, to)
        case RemoveImage():
            _image(step.image, subject, known, to)
        case Inspect(kind="container"):
            _container(step.name, subject, known, to)
        case Inspect(kind="volume"):
            _volume(step.name, subject, known, to)
        case Inspect(kind="image"):
            _image(step.name, subject, known, to)
        case Read():
            _place(step.place, subject, known, to)
        case Write():
            _place(step.to, written.spot("to"), known, to)
            _new_write(step.write, step.to, written, known, to)
        case Copy():
            _place(step.to, written.spot("to"), known, to)
            if isinstance(step.source, str):
                _new_write(step.source, step.to, written, known, to)
            else:
                _place(step.source, subject, known, to)
        case Observe():
            if step.place is not None:
                _place(step.place, written.spot("at"), known, to)
            _old_write(step.write, written, known, later, to)
        case Find():
            _old_write(step.write, written, known, later, to)
        case _:
            pass


def _new_write(name: str, place: Place, written: Written, known: Known, to: Problems) -> None:
    if name in known.writes:
        to.add(
            written.subject,
            f"two writes are called {said(name)}, first in line {known.writes[name][0]}",
            "each is a fresh nonce, with a name of its own",
        )
        return
    known.writes[name] = (written.subject.line, place)


def _old_write(name: str, written: Written, known: Known, later: Mapping[str, int], to: Problems) -> None:
    if name in known.writes:
        return
    if name in later:
        to.add(written.subject, f"{said(name)} is written only later, in line {later[name]}", "a look sees what is there when it looks")
        return
    hint = did_you_mean(name, later) or "- {write: " + name + ", to: NAME:/PATH}"
    to.add(written.subject, f"nothing was written under the name {said(name)}", hint)


# --- looks ----------------------------------------------------------------------------------------------------------------


def _check_looks(steps: tuple[Written, ...], expected: Expected, known: Known, to: Problems) -> None:
    kinds: dict[str, str] = {}
    misspelt: dict[str, str] = {}  # a name that was meant -> the name that stands there; one slip is told once
    spots: dict[str, tuple[Node, Written]] = {}
    for written in flat(steps):
        named = look_of(written)
        if named is None:
            continue
        name, kind = named
        if isinstance(written.step, Observe) and written.step.label is None and name not in known.writes:
            misspelt[nearest(name, known.writes) or name] = name
        spot = written.row.node.get("as") or written.subject
        if name in kinds:
            to.add(spot, f"two looks are called {said(name)}, first in line {spots[name][0].line}", "as: NAME")
            continue
        kinds[name] = kind
        spots[name] = (spot, written)
    meant: set[str] = set()
    for key in expected.named:
        if key.value not in kinds:
            if key.value in misspelt:
                continue
            meant.add(nearest(key.value, kinds) or "")
            to.add(key, f"nothing in steps is called {said(key.value)}", did_you_mean(key.value, kinds) or "a step with 'as: NAME'")
    for reference in expected.references:
        other = reference.other.value
        if other not in kinds:
            to.add(reference.other, f"nothing in steps is called {said(other)}", did_you_mean(other, kinds))
        elif other == reference.look:
            to.add(reference.other, f"{said(other)} cannot be compared with itself", "name another look of the same kind")
        elif reference.look in kinds and kinds[other] != kinds[reference.look]:
            to.add(reference.other, f"{said(other)} is a look of another kind", f"a look by {kinds[reference.look].partition('-')[0]} is wanted here")
    asked = {key.value for key in expected.named} | {reference.other.value for reference in expected.references}
    for name, kind in kinds.items():
        if name not in asked | meant | set(misspelt.values()) and kind not in {"exec", "action"}:
            to.add(spots[name][0], f"{said(name)} is looked at, but nothing is expected of it", f"expect: {{{name}: …}}")
    _check_fates(expected, spots, known, to)


def _check_fates(expected: Expected, spots: Mapping[str, tuple[Node, Written]], known: Known, to: Problems) -> None:
    """At a host: place there are sights, no fate."""
    for expectation, spot in expected.spots:
        found = spots.get(expectation.look)
        if expectation.fact != "fate" or found is None:
            continue
        step = found[1].step
        if not isinstance(step, Observe):
            continue
        place = step.place or known.writes.get(step.write, (0, None))[1]
        if place is not None and place.kind is PlaceKind.HOST:
            to.add(spot, "at a host: place there are sights, no fate", f"{expectation.look}: {{host: same}}")


# --- what strikes more than the scenario's own things -----------------------------------------------------------------------


def check_needs(
    root: Table,
    needs: tuple[str, ...],
    containers: Mapping[str, ContainerSpec],
    volumes: Mapping[str, VolumeSpec],
    steps: tuple[Written, ...],
    to: Problems,
) -> None:
    """Note every step that strikes the engine, or needs rights on its host, without `needs` saying so."""
    for written in flat(steps):
        wanted = strikes((written.step,)) if not isinstance(written.step, Together) else ()
        possible = {"host-mount", "network-folder"} if isinstance(written.step, UnmountHost) else set(wanted)
        if possible and not possible & set(needs):
            need = (*wanted, "host-mount")[0]
            on_engine = " engine" if getattr(written.step, "container", "") is None else ""
            spot = written.row.node.key(written.verb) or written.row.node
            to.add(spot, f"{written.verb}{on_engine} {_STRIKES[need]}", f"needs: [{listed([*needs, need])}]")
        spec = getattr(written.step, "spec", None)
        if "with" in written.row.values and getattr(spec, "engine", None) is not None and "two-engines" not in needs:
            to.add(
                written.spot("with"), f"{said(getattr(spec, 'name', ''))} {_STRIKES['two-engines']}", f"needs: [{listed([*needs, 'two-engines'])}]"
            )
    for kind, things in (("containers", containers), ("volumes", volumes)):
        for name, thing in things.items():
            if thing.engine is not None and "two-engines" not in needs:
                to.add(_find(root, kind, name, "engine"), f"{said(name)} {_STRIKES['two-engines']}", f"needs: [{listed([*needs, 'two-engines'])}]")


_STRIKES = {
    "disposable-engine": "strikes the whole engine",
    "restart-engine": "strikes the daemon",
    "power-loss": "strikes the machine",
    "host-mount": "needs rights on the engine's host",
    "network-folder": "needs a network folder",
    "two-engines": "is on another engine",
}
