"""The engine's own words about itself (`/version`, `/info`) in, EngineInfo out.

Rule 1: facts only; `capabilities` draws the conclusions.
Rule 2: what only the host or the opening can know keeps its default here and is filled in there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Json

KNOWN_API = "1.51"  # the newest version whose answers were seen; a newer engine is asked in this one
DISPOSABLE_LABEL = "io.dockstore.disposable"


def api_number(version: str) -> tuple[int, ...]:
    """`1.9` comes before `1.41`."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def agreed_api(version: Mapping[str, object]) -> str:
    """The highest API version that both sides know; the engine's lowest where it has left ours behind."""
    newest = text(version.get("ApiVersion")) or KNOWN_API
    oldest = text(version.get("MinAPIVersion")) or newest
    if api_number(newest) <= api_number(KNOWN_API):
        return newest
    return max(KNOWN_API, oldest, key=api_number)


def engine_info(address: str, version: Json, info: Json, *, api_version: str) -> EngineInfo:
    """Put together what the engine says of itself."""
    components = _components(version)
    podman = next((found for name, found in components.items() if "podman" in name.lower()), None)
    status = _pairs(info.get("DriverStatus"))
    labels = _labels(info.get("Labels"))
    swarm = info.get("Swarm")
    options = [text(option) for option in _list(info.get("SecurityOptions"))]
    return EngineInfo(
        address=address,
        engine_id=text(info.get("ID")),
        product="Docker Engine" if podman is None else "Podman",
        version=podman or text(version.get("Version")) or text(info.get("ServerVersion")),
        api_version=api_version,
        storage_driver=text(info.get("Driver")),
        image_store="containerd" if "io.containerd.snapshotter" in status.get("driver-type", "") else "graphdriver",
        data_root=text(info.get("DockerRootDir")),
        kernel=text(info.get("KernelVersion")),
        operating_system=text(info.get("OperatingSystem")),
        cgroup_version=text(info.get("CgroupVersion")).removeprefix("v"),
        runc_version=components.get("runc", ""),
        rootless=any("name=rootless" in option for option in options),
        live_restore=info.get("LiveRestoreEnabled") is True,
        swarm=isinstance(swarm, dict) and swarm.get("LocalNodeState") == "active",
        cpus=_number(info.get("NCPU")) or 1,
        memory_bytes=_number(info.get("MemTotal")),
        disposable=labels.get(DISPOSABLE_LABEL) == "1",
        extra=_extra(version, info, components, status, options, labels),
    )


def _extra(
    version: Json, info: Json, components: Mapping[str, str], status: Mapping[str, str], options: list[str], labels: Mapping[str, str]
) -> dict[str, str]:
    facts = {
        "backing_filesystem": status.get("Backing Filesystem", ""),
        "cgroup_driver": text(info.get("CgroupDriver")),
        "containerd_version": components.get("containerd", ""),
        "engine_api_version": text(version.get("ApiVersion")),
        "min_api_version": text(version.get("MinAPIVersion")),
        "host_name": text(info.get("Name")),
        "logging_driver": text(info.get("LoggingDriver")),
        "oci_runtime": next((f"{name} {found}".strip() for name, found in components.items() if name.lower().startswith("oci runtime")), ""),
        "architecture": text(info.get("Architecture")),
        "platform": text((version.get("Platform") or {}).get("Name")) if isinstance(version.get("Platform"), dict) else "",  # type: ignore[attr-defined]
        "security_options": " ".join(options),
        "labels": " ".join(f"{name}={value}" for name, value in sorted(labels.items())),
    }
    return {name: value for name, value in facts.items() if value}


def text(value: object) -> str:
    """*value* if it is a text (or a number as one), else nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _components(version: Json) -> dict[str, str]:
    return {text(part.get("Name")): text(part.get("Version")) for part in _list(version.get("Components")) if isinstance(part, dict)}


def _pairs(value: object) -> dict[str, str]:
    """`DriverStatus`: a list of pairs, or null with vfs."""
    pairs = [pair for pair in _list(value) if isinstance(pair, list) and len(pair) == 2]
    return {text(pair[0]): text(pair[1]) for pair in pairs}


def _labels(value: object) -> dict[str, str]:
    found = (text(label).partition("=") for label in _list(value))
    return {name: content for name, _, content in found if name}
