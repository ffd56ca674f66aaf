"""An image as bytes: layers and configuration in, a `docker load` archive out, and back again.

Rule 1: the same input gives the same bytes on every machine: fixed times, fixed order.
Rule 2: no engine, no builder, no registry; what cannot be read is refused with a sentence.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
from dataclasses import field
from typing import TYPE_CHECKING, cast

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.core.model import ImageSpec, LayerEntry

EPOCH = "1970-01-01T00:00:00Z"
WHITEOUT = ".wh."
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}  # others: the same word
_BLOCK = 1 << 20
_ROOT = ""


class BadArchive(ValueError):  # noqa: N818  # named as what it is
    """The archive is none that `docker save` writes, or holds something that we do not read."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: an uncompressed tar, and the sentence that the history shows for it."""

    data: bytes
    why: str

    @property
    def diff_id(self) -> str:
        """The digest that the image's configuration names."""
        return "sha256:" + hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Layers from the bottom up, and the `config` part of the image's configuration."""

    layers: tuple[Layer, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    architecture: str = "amd64"


@dataclass(frozen=True, slots=True)
class _Folder:
    mode: int
    owner: tuple[int, int]


@dataclass(slots=True)
class TarWriter:
    """A tar in the making: every number in it is given, none taken from the machine."""

    buffer: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # closed by finish()

    tar: tarfile.TarFile = field(init=False)

    def add(self, path: str, kind: bytes, *, mode: int, owner: tuple[int, int], data: bytes = b"", link: str = "") -> None:
        """Add one entry."""
        entry = tarfile.TarInfo(path + "/" if kind == tarfile.DIRTYPE else path)
        entry.type, entry.mode, entry.linkname, entry.size, entry.mtime = kind, mode, link, len(data), 0
        entry.uid, entry.gid = owner
        self.tar.addfile(entry, io.BytesIO(data) if kind == tarfile.REGTYPE else None)

    def finish(self) -> bytes:
        """Return the tar's bytes."""
        self.tar.close()
        return self.buffer.getvalue()


def image_id(image: Image) -> str:
    """The configuration's digest: the image id of graph drivers (the containerd store shows the manifest's)."""
    return "sha256:" + hashlib.sha256(_configuration(image)).hexdigest()


def archive(image: Image, reference: str) -> bytes:
    """Return the archive that `docker load` takes."""
    configuration = _configuration(image)
    name = hashlib.sha256(configuration).hexdigest() + ".json"
    files = [(layer.diff_id.removeprefix("sha256:") + ".tar", layer.data) for layer in image.layers]
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": [path for path, _ in files]}]
    tar = TarWriter()
    seen: set[str] = set()
    for path, data in [*files, (name, configuration), ("manifest.json", json.dumps(manifest).encode())]:
        if path not in seen:  # two equal layers are one file
            tar.add(path, tarfile.REGTYPE, mode=0o644, owner=(0, 0), data=data)
            seen.add(path)
    return tar.finish()


def read_archive(data: bytes) -> Image:
    """Return the first image of a `docker save` archive, legacy or OCI layout; raise BadArchive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            manifest = json.loads(_member(tar, "manifest.json"))[0]
            configuration = json.loads(_member(tar, manifest["Config"]))
            layers = [_uncompressed(_member(tar, name), name) for name in manifest["Layers"]]
    except (tarfile.TarError, KeyError, IndexError, ValueError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive(f"read the archive of an image: {error}") from error
    whys = [str(entry.get("created_by", "")) for entry in configuration.get("history", []) if not entry.get("empty_layer")]
    whys += [""] * (len(layers) - len(whys))
    return Image(
        layers=tuple(Layer(layer, why) for layer, why in zip(layers, whys, strict=False)),
        config=configuration.get("config") or {},
        architecture=configuration.get("architecture", "amd64"),
    )


def extended(base: Image, spec: ImageSpec, *, labels: Mapping[str, str] | None = None) -> Image:
    """Return *base* with the layers and the configuration of *spec* on top."""
    layers = list(base.layers)
    for number, entries in enumerate(spec.layers, start=1):
        layers.append(Layer(layer_of(entries, below=layers), f"dockstore: layer {number} of {spec.name}"))
    config = dict(base.config)
    if spec.volume:
        config["Volumes"] = {**_mapping(config.get("Volumes")), **{path: {} for path in spec.volume}}
    if spec.user is not None:
        config["User"] = spec.user
    if spec.cmd is not None:
        config["Cmd"] = list(spec.cmd)
    if labels:
        config["Labels"] = {**_mapping(config.get("Labels")), **labels}
    return Image(layers=tuple(layers), config=config, architecture=base.architecture)


def layer_of(entries: Sequence[LayerEntry], *, below: Sequence[Layer] = ()) -> bytes:
    """Return a layer's tar.

    Parents that are not written get an entry with the mode and owner that they have in the layers *below*: an engine
    makes those that a tar leaves out with mode 0600, and such a directory hides the one below.
    """
    known = folders_of(below)
    tar = TarWriter()
    written = {_ROOT}
    explicit = {_clean(entry.path) for entry in entries if entry.directory}
    for entry in sorted(entries, key=lambda entry: (not entry.directory, _clean(entry.path).count("/"))):
        path = _clean(entry.path)
        for parent in _parents(path):
            if parent not in written and parent not in explicit:
                folder = known.get(parent, _Folder(0o755, (0, 0)))
                tar.add(parent, tarfile.DIRTYPE, mode=folder.mode, owner=folder.owner)
                written.add(parent)
        _add(tar, path, entry)
        written.add(path)
    return tar.finish()


def folders_of(layers: Sequence[Layer]) -> dict[str, _Folder]:
    """Return the directories that *layers* leave, with mode and owner."""
    found: dict[str, _Folder] = {}
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer.data)) as tar:
            for member in tar:
                path = _clean(member.name)
                parent, name = posixpath.split(path)
                if name.startswith(WHITEOUT):
                    gone = posixpath.join(parent, name.removeprefix(WHITEOUT))
                    for known in [known for known in found if known == gone or known.startswith(gone + "/")]:
                        del found[known]
                elif member.isdir():
                    found[path] = _Folder(member.mode & 0o7777, (member.uid, member.gid))
                else:
                    found.pop(path, None)
    return found


def filling(size_bytes: int, seed: str) -> bytes:
    """Return bytes that neither compress nor deduplicate to nothing, the same for the same *seed*."""
    block = hashlib.shake_256(seed.encode()).digest(min(size_bytes, _BLOCK)) if size_bytes else b""
    return (block * (size_bytes // len(block) + 1))[:size_bytes] if block else b""


def _add(tar: TarWriter, path: str, entry: LayerEntry) -> None:
    if entry.whiteout:
        parent, name = posixpath.split(path)
        tar.add(posixpath.join(parent, WHITEOUT + name), tarfile.REGTYPE, mode=0o600, owner=(0, 0))
    elif entry.directory:
        tar.add(path, tarfile.DIRTYPE, mode=0o755 if entry.mode is None else entry.mode, owner=entry.owner)
    elif entry.link is not None:
        tar.add(path, tarfile.SYMTYPE, mode=0o777, owner=entry.owner, link=entry.link)
    else:
        data = filling(entry.size_bytes, entry.path) if entry.size_bytes is not None else (entry.content or "").encode()
        tar.add(path, tarfile.REGTYPE, mode=0o644 if entry.mode is None else entry.mode, owner=entry.owner, data=data)


def _configuration(image: Image) -> bytes:
    document = {
        "architecture": image.architecture,
        "os": "linux",
        "created": EPOCH,
        "config": dict(image.config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
        "history": [{"created": EPOCH, "created_by": layer.why} for layer in image.layers],
    }
    return json.dumps(document, sort_keys=True).encode()


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)  # raises KeyError for an absent one
    if member is None:
        raise BadArchive(f"read the archive of an image: {name} is not a file")
    with member:
        return member.read()


def _uncompressed(data: bytes, name: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        raise BadArchive(f"read the archive of an image: layer {name} is compressed with zstd, which is not read here")
    return data


def _mapping(value: object) -> dict[str, object]:
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, dict) else {}


def _clean(path: str) -> str:
    cleaned = posixpath.normpath("/" + path).lstrip("/")
    return _ROOT if cleaned == "." else cleaned


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
