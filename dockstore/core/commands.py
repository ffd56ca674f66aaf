"""A scenario as the `docker` commands that a person could type, for `run --plan`.

Rule 1: what is printed is what is done, in the file's own names; a table prints its long form.
Rule 2: what no command does (a look, a fresh row, a folder) is a comment or the shell's own command.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from dockstore.core.capabilities import strikes
from dockstore.core.command_options import create_options, image_lines, size, volume_options
from dockstore.core.create_body import NO_NETWORK
from dockstore.core.model import Place, PlaceKind
from dockstore.core.plan import LAB, flat, lab_images, own_images
from dockstore.core.script import (
    Commit,
    Copy,
    Create,
    CreateFolder,
    CreateVolume,
    Diff,
    Exec,
    Export,
    Find,
    Import,
    Inspect,
    Kill,
    Measure,
    MountHost,
    Observe,
    Pause,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Remove,
    RemoveHost,
    RemoveImage,
    RemoveVolume,
    Rename,
    RenameHost,
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
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.model import ContainerSpec, HostEntry
    from dockstore.core.script import AnyStep, Scenario

_SINGULAR = {"containers": "container", "images": "image", "volumes": "volume", "system": "system"}


@dataclass(frozen=True, slots=True)
class _Images:
    """Which images are not the user's own, and which have the lab image's shell."""

    own: frozenset[str]
    lab: frozenset[str]

    def has_shell(self, image: str | None) -> bool:
        """Whether it has the lab image's shell."""
        return image in {None, LAB} or image in self.lab

    def is_ours(self, image: str | None) -> bool:
        """Whether the lab's defaults apply to a container of it."""
        return self.has_shell(image) or image in self.own

    def without_network(self, step: AnyStep) -> bool:
        """Whether *step* makes a container with the lab's default, no network at all."""
        return isinstance(step, Run | Create) and step.spec.network_mode in {None, NO_NETWORK} and self.is_ours(step.spec.image)


def commands(scenario: Scenario) -> str:
    """The whole plan of *scenario*, one command or comment a line."""
    return "\n".join(_lines(scenario)) + "\n"


def _lines(scenario: Scenario) -> Iterator[str]:
    yield f"# {scenario.title}"
    needs = tuple(dict.fromkeys((*scenario.needs, *scenario.implied_needs)))
    if needs:
        yield f"# needs: {', '.join(needs)}"
    struck = strikes(scenario.steps)
    if struck:
        yield f"# only on an engine that is ours to strike ({', '.join(struck)})"
    images = _Images(own=frozenset(own_images(scenario)), lab=lab_images(scenario))
    if any(images.without_network(step) for step in flat(scenario.steps)):
        yield "# --network none stands for no network at all: the command line has no option for that"
    for image in scenario.images:
        yield from image_lines(image)
    for entry in scenario.host:
        yield from _host_entry(entry)
    created = {step.spec.name for step in scenario.steps if isinstance(step, CreateVolume)}
    for volume in scenario.volumes:
        if volume.anonymous_of is not None:
            yield f"# {volume.name}: the anonymous volume that {volume.anonymous_of.name} gets at {volume.anonymous_of.path}"
        elif volume.name not in created and (volume.driver or volume.driver_opts or volume.labels):
            yield _words("docker volume create", *volume_options(volume), volume.name)
    for step in scenario.steps:
        yield from _step(step, images)


def _host_entry(entry: HostEntry) -> Iterator[str]:
    path = f"./{entry.path.strip('/')}"
    if entry.directory:
        yield f"mkdir -p {shlex.quote(path)}"
    else:
        yield f"printf %s {shlex.quote(entry.content)} > {shlex.quote(path)}"
    if entry.mode is not None:
        yield f"chmod {entry.mode:04o} {shlex.quote(path)}"
    if entry.owner is not None:
        yield f"chown {entry.owner[0]}:{entry.owner[1]} {shlex.quote(path)}"


def _step(step: AnyStep, images: _Images) -> Iterator[str]:
    """The lines of one step; one that may be refused says so."""
    lines = list(_command(step, images))
    if step.label is not None and lines and not lines[-1].startswith("#") and not isinstance(step, Exec):
        lines[-1] += f"  # may be refused: {step.label}"
    yield from lines


def _command(step: AnyStep, images: _Images) -> Iterator[str]:
    match step:
        case Run(spec=spec):
            yield _create("docker run -d", spec, images)
        case Create(spec=spec):
            yield _create("docker create", spec, images)
        case CreateVolume(spec=volume):
            yield _words("docker volume create", *volume_options(volume), volume.name)
        case CreateFolder(place=place):
            yield f"mkdir -p {_host(place)}"
        case Start(container=name):
            yield "# the engine: started" if name is None else _words("docker start", name)
        case Stop(container=name, timeout_seconds=seconds):
            yield "# the engine: stopped in order" if name is None else _words("docker stop", *_timeout(seconds), name)
        case Restart(container=name, timeout_seconds=seconds):
            yield "# the engine: stopped in order and started" if name is None else _words("docker restart", *_timeout(seconds), name)
        case Kill(container=name, signal=signal):
            yield "# the engine: its daemon killed" if name is None else _words("docker kill", *_signal(signal), name)
        case Pause(container=name):
            yield _words("docker pause", name)
        case Unpause(container=name):
            yield _words("docker unpause", name)
        case Remove(container=name, force=force, volumes=volumes):
            flags = ("f" if force else "") + ("v" if volumes else "")
            yield _words("docker rm", *([f"-{flags}"] if flags else []), name)
        case RemoveVolume(volume=name, force=force):
            yield _words("docker volume rm", *(["-f"] if force else []), name)
        case RemoveImage(image=name, force=force):
            yield _words("docker rmi", *(["-f"] if force else []), name)
        case RemoveHost(place=place):
            yield f"rm -r {_host(place)}"
        case Rename(container=name, to=to):
            yield _words("docker rename", name, to)
        case RenameHost(place=place, to=target):
            yield f"mv {_host(place)} {_host(target)}"
        case Update(container=name, spec=spec, keys=keys):
            yield _words("docker update", *_update_options(spec, keys), name)
        case Wait():
            yield _wait(step)
        case Commit(container=name, image=image):
            yield _words("docker commit", name, image)
        case Export(container=name, to=place):
            yield f"docker export {shlex.quote(name)} > {_host(place)}"
        case Import(source=place, image=image):
            yield f"docker import {_host(place)} {shlex.quote(image)}"
        case Copy():
            yield _copy(step)
        case Prune():
            yield _prune(step)
        case MountHost(what=what, place=place):
            if what == "tmpfs":
                yield f"mount -t tmpfs tmpfs {_host(place)}"
            else:
                yield f"# mount a network folder at {_host(place)}"
        case UnmountHost(place=place):
            yield f"umount {_host(place)}"
        case Reboot():
            yield "# the engine and all its containers: killed, started"
        case PowerLoss():
            yield "# the power: lost, and what was not synced with it; started"
        case Write():
            yield from _write(step)
        case Exec():
            yield _exec(step)
        case Together(steps=steps):
            yield "# together:"
            for inner in steps:
                yield from (line if line.startswith("#") else f"{line} &" for line in _step(inner, images))
            yield "wait"
        case Observe(look=look, write=write, place=place):
            where = f" at {place}" if place is not None else ""
            called = "" if look == write else f", called {look}"
            yield f"# observe {write}{where}{called}"
        case Read(look=look, place=place):
            yield f"# read {place}, called {look}"
        case Inspect(look=look, kind=kind, name=name):
            yield f"docker info  # called {look}" if kind == "engine" else f"{_words(f'docker {kind} inspect', name)}  # called {look}"
        case Diff(look=look, container=name):
            yield f"{_words('docker diff', name)}  # called {look}"
        case Find(look=look, write=write):
            yield f"# search the engine's whole data root for {write}, called {look}"
        case Measure(look=look, command=command, against=against, container=name, rounds=rounds):
            yield f"# measure in {name}, {rounds} rounds, called {look}:"
            yield f"#   {command}"
            yield f"#   against {against}"
        case _:
            assert_never(step)


def _create(verb: str, spec: ContainerSpec, images: _Images) -> str:
    options, image, command = create_options(spec, ours=images.is_ours(spec.image), lab=images.has_shell(spec.image))
    return _words(verb, *options, image, *command)


def _words(verb: str, *arguments: str) -> str:
    return " ".join((verb, *(shlex.quote(argument) for argument in arguments)))


def _host(place: Place) -> str:
    return shlex.quote(f"./{place.path}" if place.path else ".")


def _place(place: Place) -> str:
    """A place as `docker cp` takes it."""
    return _host(place) if place.kind is PlaceKind.HOST else shlex.quote(str(place))


def _timeout(seconds: float) -> tuple[str, ...]:
    return () if seconds == 10 else ("-t", f"{seconds:g}")


def _signal(signal: str) -> tuple[str, ...]:
    return () if signal == "KILL" else ("-s", signal)


def _update_options(spec: ContainerSpec, keys: tuple[str, ...]) -> list[str]:
    """The options of `docker update`; for what that cannot change there is only the API."""
    options: list[str] = []
    for key in keys:
        match key.removesuffix("_bytes"):
            case "restart":
                options += ["--restart", spec.restart or "no"]
            case "mem_limit":
                options += ["--memory", size(spec.mem_limit_bytes or 0)]
            case other:
                options.append(f"--{other.replace('_', '-')}=...")
    return options


def _wait(step: Wait) -> str:
    limit = f"at most {step.timeout_seconds:g} s"
    if step.until is not None:
        return f"until {_words('docker exec', step.container, 'sh', '-c', step.until)}; do sleep 0.1; done  # {limit}"
    if step.condition == "exited":
        return f"{_words('docker wait', step.container)}  # {limit}"
    return f"# wait until {step.container} is {step.condition}, {limit}"


def _copy(step: Copy) -> str:
    if isinstance(step.source, str):
        folder, _, name = step.to.path.rpartition("/")
        return f"docker cp - {_place(replace(step.to, path=folder or '/'))}  # an archive with {name}: {step.source}"
    return f"docker cp {_place(step.source)} {_place(step.to)}"


def _prune(step: Prune) -> str:
    flags = "-af" if step.all else "-f"
    words = [f"docker {_SINGULAR.get(step.what, step.what)} prune", flags]
    if step.volumes:
        words.append("--volumes")
    line = " ".join(words)
    return f"DOCKER_API_VERSION={step.api} {line}" if step.api else line


def _write(step: Write) -> Iterator[str]:
    place = step.to
    if place.kind is PlaceKind.HOST:
        folder = place.path.rpartition("/")[0]
        made = f"mkdir -p {shlex.quote(f'./{folder}')} && " if folder else ""
        if step.replace:
            yield f"{made}echo NONCE > {_host(place)}.new && mv {_host(place)}.new {_host(place)}  # {step.write}"
        else:
            yield f"{made}echo NONCE > {_host(place)}{' && sync' if step.sync else ''}  # {step.write}"
        return
    folder, _, _ = place.path.rpartition("/")
    made = f"mkdir -p {shlex.quote(folder)} && " if folder else ""
    path = shlex.quote(place.path)
    script = f"{made}echo NONCE > {path}{f' && sync {path}' if step.sync else ''}"
    yield f"{_words('docker exec', place.name, 'sh', '-c', script)}  # {step.write}"


def _exec(step: Exec) -> str:
    options = [*(["-d"] if step.detach else []), *(["-u", step.user] if step.user is not None else [])]
    command = ["sh", "-c", step.command] if isinstance(step.command, str) else list(step.command)
    line = _words("docker exec", *options, step.container, *command)
    return f"{line}  # called {step.label}" if step.label is not None else line
