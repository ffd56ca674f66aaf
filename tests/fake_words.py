"""Small words of the fake engine: archives, filters, what inspect tells."""

from __future__ import annotations

import io
import re
import tarfile
from typing import TYPE_CHECKING, Any

from fake_files import FakeFile

from dockstore.engines.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fake_container import FakeContainer, FakeMount, FakeVolume

    from dockstore.engines.engine import Json


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def has_labels(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    pairs = [word.partition("=") for word in wanted]
    return all(name in labels and (not equals or labels[name] == value) for name, equals, value in pairs)


def matches(container: FakeContainer, filters: Mapping[str, Sequence[str]]) -> bool:
    labels = {**table(container.image.config.get("Labels")), **table(container.config.get("Labels"))}
    volumes = {word for mount in container.mounts for word in (mount.target, mount.source, mount.volume.name if mount.volume else "")}
    return (
        has_labels(labels, filters.get("label", ()))
        and (not filters.get("status") or container.status in filters["status"])
        and (not filters.get("name") or any(re.search(word, f"/{container.name}") for word in filters["name"]))
        and (not filters.get("id") or any(container.id.startswith(word) for word in filters["id"]))
        and (not filters.get("volume") or any(word in volumes for word in filters["volume"]))
        and (not filters.get("ancestor") or any(word in {container.image.id, *container.image.tags} for word in filters["ancestor"]))
    )


def mount_facts(mount: FakeMount) -> Json:
    facts: Json = {"Type": mount.type, "Source": mount.source, "Destination": mount.target, "Mode": "", "RW": not mount.read_only, "Propagation": ""}
    if mount.volume is not None:
        facts |= {"Name": mount.volume.name, "Source": mount.volume.tree.host_path, "Driver": "local"}
    return facts


def volume_facts(volume: FakeVolume) -> Json:
    return {
        "Name": volume.name,
        "Driver": "local",
        "Mountpoint": volume.tree.host_path,
        "Labels": dict(volume.labels) if volume.labels is not None else None,
        "Options": dict(volume.options) or None,
        "Scope": "local",
        "CreatedAt": volume.created,
    }


def tar(files: Mapping[str, FakeFile]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, entry in sorted(files.items()):
            if not path:
                continue
            info = tarfile.TarInfo(path)
            info.mode, (info.uid, info.gid) = entry.mode, entry.owner
            info.type = {"directory": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "fifo": tarfile.FIFOTYPE}.get(entry.kind, tarfile.REGTYPE)
            info.linkname = entry.target
            info.size = len(entry.data) if entry.kind == "file" else 0
            tar.addfile(info, io.BytesIO(entry.data) if entry.kind == "file" else None)
    return out.getvalue()


def untar(data: bytes) -> dict[str, FakeFile]:
    found: dict[str, FakeFile] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                kind = "directory" if member.isdir() else "link" if member.issym() else "fifo" if member.isfifo() else "file"
                reader = tar.extractfile(member) if member.isreg() else None
                content = reader.read() if reader is not None else b""
                path = member.name.strip("/").removeprefix("./")
                found[path] = FakeFile(kind=kind, data=content, target=member.linkname, mode=member.mode, owner=(member.uid, member.gid))
    except tarfile.TarError as exc:
        raise Refused("read an archive", 500, "unexpected EOF") from exc
    return {path: entry for path, entry in found.items() if path not in {"", "."}}
