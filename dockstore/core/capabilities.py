"""What an engine can do, concluded from its facts. The one place that draws conclusions: no `if podman` anywhere else.

Rule 1: a capability names a behaviour that a scenario can ask about, not its cause and not a version.
Rule 2: what was never tried on a kind of engine is not granted to it; a scenario is then skipped, not wrong.
Rule 3: facts only. What an engine was asked and answered stands in EngineInfo.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dockstore.core.model import PlaceKind
from dockstore.core.script import (
    Create,
    CreateVolume,
    Find,
    Kill,
    MountHost,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Remove,
    Rename,
    Restart,
    Run,
    Start,
    Stop,
    Together,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dockstore.core.model import ContainerSpec, EngineInfo
    from dockstore.core.script import AnyStep, Scenario

CAPABILITIES: Mapping[str, str] = {
    # what can be seen
    "host-files": "the files of the engine's host can be read, directly or through a helper container",
    "upperdir": "the directory of a running container's writable layer can be read",
    "upperdir-when-stopped": "the directory of a stopped container's writable layer can be read",
    "opaque-folders": "whether a folder of a writable layer hides the image's can be told (not through a helper container)",
    # what the engine knows
    "volume-subpath": "a part of a volume can be mounted, and a missing part is refused",
    "image-mount": "an image's files can be mounted",
    "create-mountpoint": "a --mount bind can ask for its missing source folder to be made",
    "tmpfs-exec": "a tmpfs of --mount is executable where that is asked for",
    "tmpfs-keeps-mode": "a tmpfs has the mode that was asked for after a restart, too",
    "tmpfs-copies-up": "a tmpfs mount starts with the image's files",
    "tmpfs-in-mounts": "a tmpfs of --mount is listed among the container's mounts",
    "volumes-from-fails-on-tmpfs": "--volumes-from a container with a tmpfs of --mount is refused",
    "bind-source-checked": "a --mount bind whose source is missing is refused at create",
    "recursive-read-only": "a read-only bind covers the mounts below its source",
    "archive-sees-tmpfs": "docker cp reads and writes what a tmpfs mount holds",
    "anonymous-label": "an anonymous volume of -v or VOLUME carries the engine's label",
    "anonymous-mount-label": "an anonymous volume of --mount carries the engine's label",
    "prune-spares-named": "a volume prune without all leaves named volumes alone",
    "prune-takes-anonymous-mounts": "a volume prune without all takes the anonymous volumes of --mount",
    "prune-all-filter": "a volume prune can be asked to take all",
    "prune-events": "a prune tells in the event stream what it took",
    "volume-events": "mounting and unmounting a volume shows in the event stream",
    "tmpfs-volume-outlives-kill": "a tmpfs-backed volume outlives a SIGKILL of the daemon",
    "apparent-size": "a container's size_rw is the sum of its files' apparent sizes",
    # what may be done to it
    "live-restore": "containers go on while the daemon is stopped or restarted",
    "disposable-engine": "the engine is ours to prune and to strike",
    "restart-engine": "the daemon was started by us, so it can be stopped, killed and started",
    "power-loss": "the machine can lose power, and what was not synced with it",
    "host-mount": "a file system can be mounted on the engine's host, and its containers see it",
    "network-folder": "a network file system can be had on the engine's host",
    "two-engines": "there is a second engine",
    "swap": "the engine's host swaps",
    "swarm": "the engine can be a node of a swarm",
}


def capabilities(info: EngineInfo) -> frozenset[str]:
    """What the engine of *info* can do."""
    podman = "podman" in info.product.lower()
    docker = not podman
    api = numbers(info.api_version)
    overlay = info.storage_driver in {"overlay2", "overlay", "overlayfs", "fuse-overlayfs"}
    containerd = info.image_store == "containerd"
    kernel_can = not info.kernel or numbers(info.kernel) >= (5, 12)  # mount_setattr
    found = {
        "host-files": info.host_files,
        "upperdir": info.host_files and overlay,
        "upperdir-when-stopped": info.host_files and overlay and not containerd,
        "opaque-folders": info.host_files and overlay and info.extra.get("opaque-folders") != "no",
        "volume-subpath": docker and api >= (1, 45),
        "image-mount": docker and api >= (1, 48),
        "create-mountpoint": docker and api >= (1, 42),
        "tmpfs-exec": docker and api >= (1, 46),
        "tmpfs-keeps-mode": docker and numbers(info.runc_version) >= (1, 1, 8),
        "tmpfs-copies-up": podman,
        "tmpfs-in-mounts": docker,
        "volumes-from-fails-on-tmpfs": docker,  # it takes what is listed there for volumes
        "bind-source-checked": docker,
        "recursive-read-only": docker and api >= (1, 44) and kernel_can,
        "archive-sees-tmpfs": podman,
        "anonymous-label": docker and api >= (1, 42),
        "anonymous-mount-label": docker and api >= (1, 48),
        "prune-spares-named": docker and api >= (1, 42),
        "prune-takes-anonymous-mounts": podman or api < (1, 42) or api >= (1, 48),
        "prune-all-filter": docker and api >= (1, 42),
        "prune-events": docker and api >= (1, 42),
        "volume-events": docker,
        "tmpfs-volume-outlives-kill": docker and api >= (1, 42),
        "apparent-size": docker and not containerd,
        "live-restore": info.live_restore,
        "disposable-engine": info.disposable or info.restartable,
        "restart-engine": info.restartable,
        "power-loss": info.extra.get("power-loss") == "yes",
        "host-mount": info.host_mount,
        "network-folder": info.network_folder,
        "two-engines": info.extra.get("two-engines") == "yes",
        "swap": info.swap,
        "swarm": docker and info.swarm,
    }
    return frozenset(name for name, has in found.items() if has)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `1.1.5+ds1` is 1, 1, 5; nothing of a text that has none."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version.strip())
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def negated(need: str) -> tuple[str, bool]:
    """The capability that *need* names, and whether it is asked not to be there."""
    words = need.split()
    return (words[1], True) if len(words) == 2 and words[0] == "not" else (need.strip(), False)


def meets(need: str, has: frozenset[str]) -> bool:
    """Whether an engine with the capabilities *has* meets *need* (`upperdir`, `not live-restore`)."""
    name, absent = negated(need)
    return (name in has) is not absent


def unmet(scenario: Scenario, info: EngineInfo) -> tuple[str, ...]:
    """The needs of *scenario*, as written, that the engine of *info* does not meet."""
    has = capabilities(info)
    needs = dict.fromkeys((*scenario.needs, *scenario.implied_needs))
    return tuple(need for need in needs if not meets(need, has))


def implied(steps: Iterable[AnyStep]) -> tuple[str, ...]:
    """What the looks of *steps*, and a second engine, need without saying so; sorted.

    The directory of a writable layer is found through the kernel's mount while the container runs, and not on every engine after that.
    """
    needs: set[str] = set()
    running: set[str] = set()
    for step in _flat(steps):
        match step:
            case Run(spec=spec):
                running.add(spec.name)
                needs |= _second(spec)
            case Create(spec=spec):
                running.discard(spec.name)
                needs |= _second(spec)
            case CreateVolume(spec=volume) if volume.engine:
                needs.add("two-engines")
            case Start(container=str(name)) | Restart(container=str(name)):
                running.add(name)
            case Stop(container=str(name)) | Kill(container=str(name), signal="KILL") | Remove(container=name):
                running.discard(name)
            case Rename(container=name, to=new):
                running = {new if each == name else each for each in running}
            case Start() | Stop() | Restart() | Kill(container=None) | Reboot() | PowerLoss():
                running.clear()
            case Read(place=place) if place.kind is PlaceKind.LAYER:
                needs.add("upperdir" if place.name in running else "upperdir-when-stopped")
            case Read(place=place) if place.kind in {PlaceKind.VOLUME, PlaceKind.IMAGE}:
                needs.add("host-files")
            case Find():
                needs.add("host-files")
            case _:
                pass
    return tuple(sorted(needs))


def strikes(steps: Iterable[AnyStep]) -> tuple[str, ...]:
    """What *steps* do to the whole engine or with rights on its host, as the capabilities that must be asked for; sorted."""
    needs: set[str] = set()
    for step in _flat(steps):
        match step:
            case Prune():
                needs.add("disposable-engine")
            case Reboot() | Start(container=None) | Stop(container=None) | Restart(container=None) | Kill(container=None):
                needs.add("restart-engine")
            case PowerLoss():
                needs.add("power-loss")
            case MountHost(what=what):
                needs.add("network-folder" if what == "network-folder" else "host-mount")
            case _:
                pass
    return tuple(sorted(needs))


def _second(spec: ContainerSpec) -> frozenset[str]:
    return frozenset({"two-engines"}) if spec.engine else frozenset()


def _flat(steps: Iterable[AnyStep]) -> list[AnyStep]:
    """The steps, those of a `together` one by one."""
    return [inner for step in steps for inner in (step.steps if isinstance(step, Together) else (step,))]
