"""Somebody's resolved Compose model in, a harmless one out: nothing of it can reach what the user has.

Rule 1: whatever names a thing outside the project (a port, a host path, a fixed name, a device) is replaced or dropped, and said.
Rule 2: what decides a fate stays as it is: restart policy, user, host name, stop signal and grace, mounts, health checks, hooks.
Rule 3: pure: what is to be copied and created is listed; others do it.
"""

from __future__ import annotations

import copy
import posixpath
from dataclasses import field
from typing import TYPE_CHECKING, cast

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, object]

SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock")
NEVER_COPIED = ("/", "/proc", "/sys", "/dev", "/run", "/var/run", "/boot", "/var/lib/docker", "/usr", "/lib", "/lib64", "/bin", "/sbin", "/root", "/home", "/var", "/etc", "/mnt", "/media", "/srv", "/opt", "/tmp", "/var/lib")  # noqa: E501, S108  # fmt: skip
_DROPPED_QUIETLY = ("profiles", "develop", "env_file", "logging", "credential_spec", "pull_policy", "pull_refresh_after", "attach")
_HOST_CAPABILITIES = frozenset({"SYS_TIME", "SYS_MODULE", "SYS_BOOT", "SYS_RAWIO", "SYSLOG", "MAC_ADMIN", "ALL"})  # they change the machine itself
_DROPPED: dict[str, str] = {
    "ports": "published ports are left out",
    "container_name": "the fixed container name is left out",
    "devices": "devices are left out",
    "device_cgroup_rules": "device rules are left out",
    "gpus": "GPUs are left out",
    "privileged": "it does not run privileged",
    "userns_mode": "the host's user name space is left out",
    "uts": "the host's UTS name space is left out",
    "cgroup": "the host's cgroup name space is left out",
    "cgroup_parent": "the cgroup parent is left out",
    "runtime": "another runtime is left out",
    "isolation": "the isolation is left out",
    "external_links": "links to containers outside the project are left out",
    "mac_address": "the MAC address is left out",
    "provider": "an external provider is left out",
    "models": "models are left out",
    "use_api_socket": "the engine's socket is left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A bind source to copy. *source* is the user's path, *target* the copy's; *empty*: made empty, with the reason in *why*."""

    source: str
    target: str
    create: bool = True  # a missing source is made by the engine
    empty: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """An external volume and the scratch one in its place."""

    name: str
    scratch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neutral:
    """The harmless model, and what must be there for it."""

    model: Json
    project: str
    copies: tuple[Copy, ...]
    externals: tuple[External, ...]
    builds: Mapping[str, str]  # service -> the reference that is built for it
    build_model: Json | None
    images: tuple[str, ...]
    limits: tuple[str, ...]
    extensions: Mapping[str, object] = field(default_factory=dict)  # service -> x-dockstore


@dataclass(slots=True)
class _Work:
    project: str
    prefix: str
    labels: Mapping[str, str]
    scratch: str
    fresh: bool
    allow: bool
    limits: list[str] = field(default_factory=list)
    copies: dict[str, Copy] = field(default_factory=dict)

    def limit(self, text: str) -> None:
        if text not in self.limits:
            self.limits.append(text)

    def own(self, name: str) -> str:
        """A name that is the project's stays; one that the file fixes gets our prefix."""
        return name if self.project in name else f"{self.prefix}-{name}"[:128]

    def copied(self, source: str, *, create: bool = True) -> str:
        """Return where the copy of *source* lies; folders that lie in one another stay so."""
        source = posixpath.normpath(source)
        target = f"{self.scratch}/binds{'' if source == '/' else source}"
        if source == "/":
            target = f"{self.scratch}/binds-root"
        why = ""
        if source in NEVER_COPIED:
            why = f"{source} is a folder of the whole machine: an empty one is mounted in its place"
        elif source.startswith(("/proc/", "/sys/", "/dev/")):
            why = f"{source} is the kernel's: an empty one is mounted in its place"
        if why:
            self.limit(why)
        self.copies.setdefault(source, Copy(source=source, target=target, create=create, empty=bool(why) or self.fresh, why=why))
        return target


def neutralise(
    config: Json,
    *,
    project: str,
    prefix: str,
    labels: Mapping[str, str],
    scratch: str,
    fresh: bool = False,
    allow: bool = False,
    tag: str = "1",
) -> Neutral:
    """Make *config*, resolved for project *project* (a name that nothing else has), harmless.

    *prefix* goes before names that the file fixes; *scratch* is a folder of the engine's host; *allow*: host name spaces and devices stay;
    *tag* is that of built images: those of an upgrade are others.
    """
    work = _Work(project=project, prefix=prefix, labels=labels, scratch=scratch, fresh=fresh, allow=allow)
    model = copy.deepcopy(config)
    model["name"] = project
    model.pop("version", None)
    services = _section(model, "services")
    extensions: dict[str, object] = {}
    builds: dict[str, str] = {}
    for name, service in services.items():
        if isinstance(service, dict):
            if "x-dockstore" in service:
                extensions[name] = service["x-dockstore"]
            if service.get("build"):
                builds[name] = f"localhost/{prefix}-{_slug(name)}:{tag}"
            _service(work, name, service)
    _networks(work, model)
    externals = _volumes(work, model)
    _files(work, model)
    build_model = _build_model(config, project, builds) if builds else None
    for name, reference in builds.items():
        service = cast("Json", services[name])
        service.pop("build", None)
        service["image"] = reference
    for name in [key for key in model if key.startswith("x-")]:
        del model[name]
    images = tuple(dict.fromkeys(str(service["image"]) for name, service in services.items() if name not in builds and isinstance(service, dict) and service.get("image")))  # noqa: E501  # fmt: skip
    return Neutral(
        model=model,
        project=project,
        copies=tuple(sorted(work.copies.values(), key=lambda item: item.source)),
        externals=externals,
        builds=builds,
        build_model=build_model,
        images=images,
        limits=tuple(work.limits),
        extensions=extensions,
    )


def renamed(model: Json, project: str, to: str) -> Json:
    """The same stack under another project name: what bears the project's name follows, what the file fixes stays."""
    found = _replaced(model, project, to)
    return cast("Json", found)


def _replaced(value: object, old: str, new: str) -> object:
    match value:
        case dict():
            return {str(key): _replaced(item, old, new) for key, item in value.items()}
        case list():
            return [_replaced(item, old, new) for item in value]
        case str():
            return value.replace(old, new) if not value.startswith("/") else value
        case _:
            return value


# --- a service ------------------------------------------------------------------------------------------------------------


def _service(work: _Work, name: str, service: Json) -> None:
    for key in _DROPPED_QUIETLY:
        service.pop(key, None)
    for key, said in _DROPPED.items():
        if service.get(key) and not (work.allow and key not in {"ports", "container_name", "external_links"}):
            work.limit(f"{name}: {said}")
            del service[key]
    added = service.get("cap_add")
    if isinstance(added, list) and not work.allow:
        taken = [item for item in added if str(item).upper().removeprefix("CAP_") in _HOST_CAPABILITIES]
        if taken:
            work.limit(f"{name}: {', '.join(map(str, taken))} in cap_add is left out")
            service["cap_add"] = [item for item in added if item not in taken]
    for key in ("pid", "ipc", "network_mode"):
        mode = service.get(key)
        if mode == "host" and not work.allow:
            work.limit(f"{name}: {key}: host is left out")
            del service[key]
        elif isinstance(mode, str) and mode.startswith("container:"):
            work.limit(f"{name}: {key}: {mode} names a container outside the project, and is left out")
            del service[key]
    if isinstance(service.get("volumes_from"), list):
        kept = [item for item in cast("list[object]", service["volumes_from"]) if not str(item).startswith("container:")]
        if len(kept) != len(cast("list[object]", service["volumes_from"])):
            work.limit(f"{name}: volumes_from of a container outside the project is left out")
        service["volumes_from"] = kept
    deploy = service.get("deploy")
    if isinstance(deploy, dict):
        reservations = _section(_section(deploy, "resources"), "reservations")
        if reservations.pop("devices", None):
            work.limit(f"{name}: devices are left out")
        deploy.pop("placement", None)
    labels = service.get("labels")
    service["labels"] = {**(labels if isinstance(labels, dict) else {}), **work.labels}
    for key in [key for key in service if key.startswith("x-")]:
        del service[key]
    networks = service.get("networks")
    if isinstance(networks, dict):
        for network in networks.values():
            if isinstance(network, dict):
                for key in ("ipv4_address", "ipv6_address", "mac_address", "link_local_ips"):
                    if network.pop(key, None):
                        work.limit(f"{name}: fixed addresses are left out")
    service["pull_policy"] = "never"
    _mounts(work, name, service)


def _mounts(work: _Work, name: str, service: Json) -> None:
    volumes = service.get("volumes")
    if not isinstance(volumes, list):
        return
    kept: list[object] = []
    for mount in volumes:
        if not isinstance(mount, dict):
            kept.append(mount)
            continue
        source = str(mount.get("source") or "")
        if mount.get("type") == "bind":
            if posixpath.normpath(source) in SOCKETS or source.endswith("docker.sock"):
                work.limit(f"{name}: the engine's socket {source} is not given to the copy")
                continue
            bind = mount.get("bind")
            create = not (isinstance(bind, dict) and bind.get("create_host_path") is False)
            mount["source"] = work.copied(source, create=create)
            if isinstance(bind, dict) and bind.pop("propagation", None):
                work.limit(f"{name}: mount propagation of {mount.get('target')} is left out")
        elif mount.get("type") in {"npipe", "cluster"}:
            work.limit(f"{name}: a mount of type {mount.get('type')} at {mount.get('target')} is left out")
            continue
        kept.append(mount)
    service["volumes"] = kept


# --- what the services share ----------------------------------------------------------------------------------------------


def _networks(work: _Work, model: Json) -> None:
    networks = _section(model, "networks")
    for key, network in list(networks.items()):
        spec: Json = dict(network) if isinstance(network, dict) else {}
        if spec.get("external"):
            work.limit(f"network {key}: the external network is replaced by one of its own")
        if spec.get("driver") not in {None, "", "bridge", "default"}:
            work.limit(f"network {key}: driver {spec['driver']} is replaced by bridge")
        kept: Json = {"labels": {**_section(spec, "labels"), **work.labels}}
        if spec.get("internal"):
            kept["internal"] = True
        name = str(spec.get("name") or f"{work.project}_{key}")
        kept["name"] = work.own(name)
        networks[key] = kept
    if networks:
        model["networks"] = networks


def _volumes(work: _Work, model: Json) -> tuple[External, ...]:
    volumes = _section(model, "volumes")
    externals: list[External] = []
    for key, volume in list(volumes.items()):
        spec: Json = dict(volume) if isinstance(volume, dict) else {}
        name = str(spec.get("name") or f"{work.project}_{key}")
        if spec.get("external"):
            scratch = work.own(name)
            externals.append(External(name=name, scratch=scratch))
            volumes[key] = {"name": scratch, "external": True}
            continue
        kept: Json = {"name": work.own(name), "labels": {**_section(spec, "labels"), **work.labels}}
        driver = spec.get("driver")
        options = {str(option): str(value) for option, value in _section(spec, "driver_opts").items()}
        if driver not in {None, "", "local"}:
            work.limit(f"volume {key}: driver {driver} is replaced by a plain volume")
        elif options:
            kept.update(_options(work, key, options))
        volumes[key] = kept
    if volumes:
        model["volumes"] = volumes
    return tuple(externals)


def _options(work: _Work, key: str, options: Mapping[str, str]) -> Json:
    kinds = options.get("o", "").split(",")
    if "bind" in kinds or "rbind" in kinds:
        device = work.copied(options.get("device", "/"), create=False)
        return {"driver": "local", "driver_opts": {**options, "device": device}}
    if options.get("type") in {"tmpfs", "ramfs"}:
        return {"driver": "local", "driver_opts": dict(options)}
    work.limit(f"volume {key}: its options ({options.get('type') or 'some device'}) are replaced by a plain volume")
    return {}


def _files(work: _Work, model: Json) -> None:
    """Configs and secrets come from files (copied like bind sources), the environment, or the model itself."""
    for kind in ("configs", "secrets"):
        section = _section(model, kind)
        for key, item in list(section.items()):
            if not isinstance(item, dict):
                continue
            if item.get("external"):
                work.limit(f"{kind[:-1]} {key}: an external one cannot be had; an empty one is in its place")
                section[key] = {"content": " "} if kind == "configs" else {"environment": "DOCKSTORE_EMPTY"}
            elif isinstance(item.get("file"), str):
                section[key] = {"file": work.copied(str(item["file"]), create=False)}
                source = posixpath.normpath(str(item["file"]))
                old = work.copies[source]
                work.copies[source] = Copy(source=old.source, target=old.target, create=False, empty=False, why=old.why)
            else:
                section[key] = {name: value for name, value in item.items() if name in {"content", "environment"}}


def _build_model(config: Json, project: str, builds: Mapping[str, str]) -> Json:
    """Only the services that are built, each under a reference of ours, so that no image of the user's is replaced."""
    services = _section(config, "services")
    wanted: Json = {}
    for name, reference in builds.items():
        build = copy.deepcopy(_section(cast("Json", services[name]), "build"))
        for key in ("tags", "cache_to"):
            build.pop(key, None)
        wanted[name] = {"build": build, "image": reference}
    model: Json = {"name": project, "services": wanted}
    if config.get("secrets"):
        model["secrets"] = config["secrets"]
    return model


def _section(of: Json, key: str) -> Json:
    found = of.get(key)
    return cast("Json", found) if isinstance(found, dict) else {}


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-") or "service"
