"""Configurations as `docker` options: what stands between `docker run -d` and the image.

Rule 1: `-v` and `--mount` are printed as they are written.
Rule 2: what the command line has no option for is left out, never faked; `--network none` stands for the lab's disabled network.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, assert_never

from dockstore.core.model import BindMount, ImageMount, TmpfsMount, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.model import ContainerSpec, Healthcheck, ImageSpec, LayerEntry, Mount, VolumeSpec


def create_options(spec: ContainerSpec, *, ours: bool, lab: bool) -> tuple[list[str], str, list[str]]:
    """The options, the image and the command of `docker run` or `docker create`.

    *ours*: of an image that is not the user's own, so that the lab's defaults apply; *lab*: with the lab image's shell in it.
    """
    options = ["--name", spec.name]
    options += ["--init"] if spec.init or (ours and spec.init is None) else []
    if ours or spec.network_mode is not None:
        options += ["--network", "none" if spec.network_mode in {None, "disabled"} else str(spec.network_mode)]
    for mount in spec.mounts:
        options += mount_options(mount)
    options += [word for text in spec.tmpfs for word in ("--tmpfs", text)]
    options += [word for name in spec.volumes_from for word in ("--volumes-from", name)]
    options += [word for name, value in spec.environment for word in ("-e", f"{name}={value}")]
    for flag, value in (
        ("--user", spec.user),
        ("--workdir", spec.working_dir),
        ("--restart", spec.restart),
        ("--memory", None if spec.mem_limit_bytes is None else size(spec.mem_limit_bytes)),
        ("--shm-size", None if spec.shm_size_bytes is None else size(spec.shm_size_bytes)),
        ("--pid", spec.pid),
        ("--ipc", spec.ipc),
        ("--stop-signal", spec.stop_signal),
    ):
        options += [] if value is None else [flag, value]
    options += ["--read-only"] if spec.read_only else []
    options += ["--rm"] if spec.rm else []
    options += _healthcheck(spec.healthcheck) if spec.healthcheck is not None else []
    rest: list[str] = []
    if spec.entrypoint is not None:
        first, *rest = ["sh", "-c", spec.entrypoint] if isinstance(spec.entrypoint, str) else list(spec.entrypoint) or [""]
        options += ["--entrypoint", first]
    if spec.command is not None:
        command = ["sh", "-c", spec.command] if isinstance(spec.command, str) else list(spec.command)
    else:
        command = ["sleep", "infinity"] if lab and spec.entrypoint is None else []
    return options, spec.image or "lab", [*rest, *command]


def mount_options(mount: Mount) -> list[str]:
    """A mount as `-v` or `--mount`."""
    match mount:
        case VolumeMount(flag=True):
            words = [word for word, written in (("ro", mount.read_only), ("nocopy", mount.nocopy)) if written]
            source = [] if mount.source is None else [mount.source]
            return ["-v", ":".join([*source, mount.target, *([",".join(words)] if words else [])])]
        case BindMount(flag=True):
            words = [word for word in ("ro" if mount.read_only else "", mount.propagation or "") if word]
            return ["-v", ":".join([host_source(mount.source), mount.target, *([",".join(words)] if words else [])])]
        case VolumeMount():
            fields = ["type=volume", *_source(mount.source), f"target={mount.target}", *_flags(mount)]
            fields += [] if not mount.nocopy else ["volume-nocopy"]
            fields += [] if mount.subpath is None else [f"volume-subpath={mount.subpath}"]
        case BindMount():
            fields = ["type=bind", *_source(host_source(mount.source)), f"target={mount.target}", *_flags(mount)]
            fields += [] if mount.propagation is None else [f"bind-propagation={mount.propagation}"]
            fields += [] if not mount.create_host_path else ["bind-create-src"]
        case TmpfsMount():
            fields = ["type=tmpfs", *_source(mount.source), f"target={mount.target}"]
            fields += [] if mount.size_bytes is None else [f"tmpfs-size={size(mount.size_bytes)}"]
            fields += [] if mount.mode is None else [f"tmpfs-mode={mount.mode:o}"]
            fields += [] if not mount.exec else ["tmpfs-options=exec"]
        case ImageMount():
            fields = ["type=image", *_source(mount.source), f"target={mount.target}"]
        case _:
            assert_never(mount)
    return ["--mount", ",".join(fields)]


def host_source(source: str) -> str:
    """A source in the scratch folder, as a person in it would write it."""
    return source if source.startswith(("/", "./")) else f"./{source}"


def volume_options(volume: VolumeSpec) -> list[str]:
    """The options of `docker volume create`."""
    options = [] if volume.driver is None else ["--driver", volume.driver]
    options += [word for name, value in volume.driver_opts for word in ("--opt", f"{name}={value}")]
    return options + [word for name, value in volume.labels for word in ("--label", f"{name}={value}")]


def image_lines(image: ImageSpec) -> Iterator[str]:
    """An image as a Dockerfile in comments: no builder makes it, one could."""
    yield f"# image {image.name}: built as this Dockerfile says, without a builder"
    yield f"#   FROM {image.base}"
    for number, layer in enumerate(image.layers, start=1):
        yield f"#   layer {number}: {', '.join(_entry(entry) for entry in layer)}"
    for path in image.volume:
        yield f"#   VOLUME {path}"
    if image.user is not None:
        yield f"#   USER {image.user}"
    if image.cmd is not None:
        yield f"#   CMD {shlex.join(image.cmd)}"


def size(number: int) -> str:
    """A number of bytes as Docker writes it: 64m."""
    for power, letter in ((30, "g"), (20, "m"), (10, "k")):
        if number and number % (1 << power) == 0:
            return f"{number >> power}{letter}"
    return str(number)


def _source(source: str | None) -> list[str]:
    return [] if source is None else [f"source={source}"]


def _flags(mount: VolumeMount | BindMount) -> list[str]:
    return ["readonly"] if mount.read_only else []


def _healthcheck(check: Healthcheck) -> list[str]:
    test = check.test[1:] if check.test and check.test[0] in {"CMD", "CMD-SHELL"} else check.test
    return [
        *("--health-cmd", test[0] if len(test) == 1 else shlex.join(test)),
        *("--health-interval", f"{check.interval_seconds:g}s"),
        *("--health-timeout", f"{check.timeout_seconds:g}s"),
        *("--health-retries", str(check.retries)),
        *(("--health-start-period", f"{check.start_period_seconds:g}s") if check.start_period_seconds else ()),
    ]


def _entry(entry: LayerEntry) -> str:
    path = entry.path.rstrip("/")
    if entry.whiteout:
        return f"{path} deleted"
    if entry.link is not None:
        return f"{path} -> {entry.link}"
    if entry.directory:
        said = f"{path}/"
    elif entry.size_bytes is not None:
        said = f"{path} of {size(entry.size_bytes)}"
    else:
        said = path
    extra = [f"mode {entry.mode:04o}"] if entry.mode is not None else []
    extra += [f"owner {entry.owner[0]}:{entry.owner[1]}"] if entry.owner != (0, 0) else []
    return f"{said} ({', '.join(extra)})" if extra else said
