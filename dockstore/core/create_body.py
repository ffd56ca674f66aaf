"""A container's configuration in, the API's own request body out.

Rule 1: `-v` texts go where `docker run -v` puts them (Binds, Config.Volumes), `--mount` mappings to Mounts; neither is translated.
Rule 2: what a scenario does not write is the lab's default in a lab container and the engine's anywhere else.
Rule 3: what can carry our labels does: containers, and volumes of `--mount`. Volumes of `-v` and of VOLUME cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from dockstore.core.model import BindMount, ImageMount, TmpfsMount, VolumeMount
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dockstore.core.model import ContainerSpec, Healthcheck, Mount, VolumeSpec
    from dockstore.core.plan import Plan

Json = dict[str, object]

# The main process of a lab container: a resident shell that reads commands from an attached standard input. When its input ends (the
# daemon was killed) it goes on as a sleep; TERM, passed on by docker-init, ends it at once.
LAB_MAIN = ("/bin/sh", "-c", "sh; exec sleep infinity")

# With neither, the container has a network name space with nothing but `lo`, and no /etc/hosts of the engine's.
NO_NETWORK = "disabled"

_UPDATE_FIELDS = {
    "restart": ("RestartPolicy",),
    "mem_limit": ("Memory",),
    "shm_size": ("ShmSize",),
    "mounts": ("Binds", "Mounts", "Volumes"),
    "tmpfs": ("Tmpfs",),
    "volumes_from": ("VolumesFrom",),
    "read_only": ("ReadonlyRootfs",),
    "pid": ("PidMode",),
    "ipc": ("IpcMode",),
    "network_mode": ("NetworkMode",),
    "init": ("Init",),
    "rm": ("AutoRemove",),
    "image": ("Image",),
    "command": ("Cmd",),
    "entrypoint": ("Entrypoint",),
    "environment": ("Env",),
    "user": ("User",),
    "working_dir": ("WorkingDir",),
    "stop_signal": ("StopSignal",),
    "healthcheck": ("Healthcheck",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRequest:
    """What to ask the engine for, to create a volume."""

    name: str
    driver: str | None
    options: dict[str, str]
    labels: dict[str, str]


def attachable(spec: ContainerSpec, plan: Plan) -> bool:
    """Whether the main process of *spec* is our own shell, which takes commands from an attached standard input."""
    return plan.is_lab(spec.image) and spec.command is None and spec.entrypoint is None


def create_body(spec: ContainerSpec, plan: Plan, *, nonce: str, resolve_volume: Callable[[str], str] | None = None) -> Json:
    """The body of POST /containers/create for *spec*; *nonce* is fresh, and marks the volumes that this very call creates.

    *resolve_volume* gives the engine's name of a volume; without it the plan does, which knows no anonymous ones.
    """
    resolve = resolve_volume or plan.volume_name
    config: Json = {"Image": plan.image_reference(spec.image), "Labels": plan.labelled(nonce)}
    config |= _process(spec, plan)
    if spec.environment:
        config["Env"] = [f"{name}={value}" for name, value in spec.environment]
    if spec.user is not None:
        config["User"] = spec.user
    if spec.working_dir is not None:
        config["WorkingDir"] = spec.working_dir
    if spec.stop_signal is not None:
        config["StopSignal"] = spec.stop_signal
    if spec.healthcheck is not None:
        config["Healthcheck"] = _healthcheck(spec.healthcheck)
    anonymous: dict[str, Json] = {mount.target: {} for mount in spec.mounts if isinstance(mount, VolumeMount) and _is_bare(mount)}
    if anonymous:
        config["Volumes"] = anonymous
    if plan.is_ours(spec.image) and spec.network_mode in {None, NO_NETWORK}:
        config["NetworkDisabled"] = True
    config["HostConfig"] = _host_config(spec, plan, nonce=nonce, resolve=resolve)
    return config


def update_body(spec: ContainerSpec, plan: Plan, *, keys: Iterable[str], nonce: str = "", resolve_volume: Callable[[str], str] | None = None) -> Json:
    """The body of POST /containers/NAME/update: the *keys* that `with:` wrote, those too that the engine takes and ignores."""
    whole = create_body(spec, plan, nonce=nonce, resolve_volume=resolve_volume)
    host_config = whole.pop("HostConfig")
    fields = {**whole, **(host_config if isinstance(host_config, dict) else {})}
    wanted = [field for key in keys for field in _UPDATE_FIELDS.get(key.removesuffix("_bytes"), ())]
    return {field: fields[field] for field in wanted if field in fields}


def volume_request(spec: VolumeSpec, plan: Plan, *, nonce: str) -> VolumeRequest:
    """What `docker volume create` asks for; a device in the scratch folder by its whole path."""
    options = {name: plan.host_path(value) if name == "device" and value.startswith("./") else value for name, value in spec.driver_opts}
    return VolumeRequest(name=plan.volume_name(spec.name), driver=spec.driver, options=options, labels={**dict(spec.labels), **plan.labelled(nonce)})


def argv(command: tuple[str, ...] | str) -> list[str]:
    """A command as the engine takes it; a text goes to `sh -c`."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def _process(spec: ContainerSpec, plan: Plan) -> Json:
    """What runs in the container."""
    if attachable(spec, plan):
        return {
            "Entrypoint": [],
            "Cmd": list(LAB_MAIN),
            "OpenStdin": True,
            "StdinOnce": False,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": False,
        }
    found: Json = {}
    if spec.entrypoint is not None:
        found["Entrypoint"] = argv(spec.entrypoint)
    if spec.command is not None:
        found["Cmd"] = argv(spec.command)
    return found


def _host_config(spec: ContainerSpec, plan: Plan, *, nonce: str, resolve: Callable[[str], str]) -> Json:
    """The part of the body that is the host's, not the image's."""
    binds = [text for mount in spec.mounts if (text := _bind(mount, plan, resolve)) is not None]
    mounts = [_mount(mount, plan, nonce=nonce, resolve=resolve) for mount in spec.mounts if not _is_flag(mount)]
    found: Json = {}
    if binds:
        found["Binds"] = binds
    if mounts:
        found["Mounts"] = mounts
    if spec.tmpfs:
        found["Tmpfs"] = {target: options for target, _, options in (text.partition(":") for text in spec.tmpfs)}
    if spec.volumes_from:
        found["VolumesFrom"] = [_from(text, plan) for text in spec.volumes_from]
    if plan.is_ours(spec.image):
        found["Init"] = True if spec.init is None else spec.init
    elif spec.init is not None:
        found["Init"] = spec.init
    if attachable(spec, plan):
        found["LogConfig"] = {"Type": "none"}  # what is read through the shell must not lie in a log on the disk
    if spec.network_mode not in {None, NO_NETWORK}:
        found["NetworkMode"] = _joined(spec.network_mode, plan)
    elif plan.is_ours(spec.image) or spec.network_mode == NO_NETWORK:
        found["NetworkMode"] = "none"
    if spec.read_only:
        found["ReadonlyRootfs"] = True
    if spec.restart is not None:
        policy, _, count = spec.restart.partition(":")
        found["RestartPolicy"] = {"Name": policy, **({"MaximumRetryCount": int(count)} if count else {})}
    if spec.mem_limit_bytes is not None:
        found["Memory"] = spec.mem_limit_bytes
    if spec.shm_size_bytes is not None:
        found["ShmSize"] = spec.shm_size_bytes
    if spec.pid is not None:
        found["PidMode"] = _joined(spec.pid, plan)
    if spec.ipc is not None:
        found["IpcMode"] = _joined(spec.ipc, plan)
    if spec.rm:
        found["AutoRemove"] = True
    return found


def _joined(mode: str | None, plan: Plan) -> str:
    """A name space: that of `container:NAME` by the engine's name."""
    kind, colon, name = (mode or "").partition(":")
    return f"{kind}:{plan.container_name(name)}" if colon and kind == "container" else f"{kind}{colon}{name}"


def _from(text: str, plan: Plan) -> str:
    name, colon, mode = text.partition(":")
    return f"{plan.container_name(name)}{colon}{mode}"


def _is_flag(mount: Mount) -> bool:
    return isinstance(mount, VolumeMount | BindMount) and mount.flag


def _is_bare(mount: VolumeMount) -> bool:
    """Whether it is `-v /x`, which `docker run` puts into the image part of the configuration."""
    return mount.flag and mount.source is None and not mount.read_only and not mount.nocopy


def _bind(mount: Mount, plan: Plan, resolve: Callable[[str], str]) -> str | None:
    """The text of a `-v` as it goes into Binds; None for what does not go there."""
    match mount:
        case VolumeMount(flag=True) if not _is_bare(mount):
            options = [word for word, written in (("ro", mount.read_only), ("nocopy", mount.nocopy)) if written]
            source = [] if mount.source is None else [resolve(mount.source)]
        case BindMount(flag=True):
            options = [word for word in ("ro" if mount.read_only else "", mount.propagation or "") if word]
            source = [plan.host_path(mount.source)]
        case _:
            return None
    return ":".join([*source, mount.target, *([",".join(options)] if options else [])])


def _mount(mount: Mount, plan: Plan, *, nonce: str, resolve: Callable[[str], str]) -> Json:
    """A `--mount` mapping in the API's words."""
    match mount:
        case VolumeMount():
            options: Json = {"Labels": plan.labelled(nonce)}
            if mount.nocopy:
                options["NoCopy"] = True
            if mount.subpath is not None:
                options["Subpath"] = mount.subpath
            source = {} if mount.source is None else {"Source": resolve(mount.source)}
            return {"Type": "volume", **source, "Target": mount.target, **_read_only(mount), "VolumeOptions": options}
        case BindMount():
            bind: Json = {}
            if mount.propagation:
                bind["Propagation"] = mount.propagation
            if mount.create_host_path:
                bind["CreateMountpoint"] = True
            extra = {"BindOptions": bind} if bind else {}
            return {"Type": "bind", "Source": plan.host_path(mount.source), "Target": mount.target, **_read_only(mount), **extra}
        case TmpfsMount():
            memory: Json = {}
            if mount.size_bytes is not None:
                memory["SizeBytes"] = mount.size_bytes
            if mount.mode is not None:
                memory["Mode"] = mount.mode
            if mount.exec:
                memory["Options"] = [["exec"]]
            named = {"Source": mount.source} if mount.source is not None else {}
            return {"Type": "tmpfs", **named, "Target": mount.target, **({"TmpfsOptions": memory} if memory else {})}
        case ImageMount():
            return {"Type": "image", "Source": plan.image_reference(mount.source), "Target": mount.target}
        case _:
            assert_never(mount)


def _read_only(mount: VolumeMount | BindMount) -> Json:
    return {"ReadOnly": True} if mount.read_only else {}


def _healthcheck(check: Healthcheck) -> Json:
    """A health check; the API counts in nanoseconds."""
    test = list(check.test)
    if len(test) == 1 and test[0] != "NONE":
        test = ["CMD-SHELL", *test]
    elif test and test[0] not in {"CMD", "CMD-SHELL", "NONE"}:
        test = ["CMD", *test]
    return {
        "Test": test,
        "Interval": round(check.interval_seconds * 1e9),
        "Timeout": round(check.timeout_seconds * 1e9),
        "Retries": check.retries,
        "StartPeriod": round(check.start_period_seconds * 1e9),
    }
