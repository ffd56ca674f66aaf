"""Mounts, as a scenario file writes them.

Rule 1: `-v` (a text) and `--mount` (a mapping) stay two things, since they are two experiments: neither is translated into the other.
"""

# ruff: noqa: D102  # `read` and `schema` are what Reader says they are

from __future__ import annotations

from dockstore.core import texts
from dockstore.core.model import BindMount, ImageMount, Mount, TmpfsMount, VolumeMount
from dockstore.core.problems import Misread, Problems, did_you_mean, said
from dockstore.core.shape import Defs, Json, Key, Scalar, Shape, text_schema
from dockstore.core.source import Node, Table

_PROPAGATION = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_FLAG_PATTERN = r"(?:/[^:]*|[^:]+:/[^:]*(?::[a-z,]+)?)"

TARGET = Key("target", texts.PATH, "where it is mounted in the container", "/data", required=True)
READ_ONLY = Key("read_only", texts.FLAG, "no process of the container may write there", "true")
_TYPE = Key("type", texts.words("volume", "bind", "tmpfs", "image"), "which kind of mount", "volume", required=True)

VOLUME_SOURCE = Key("source", texts.NAME, "the volume's name; left out: the engine makes an anonymous volume", "rows")
NOCOPY = Key("nocopy", texts.FLAG, "an empty volume does not start with the image's files", "true")
SUBPATH = Key("subpath", texts.SUBPATH, "mount this part of the volume", "in/side")
VOLUME_MOUNT = Shape(
    name="volume-mount", doc="A volume, as `--mount type=volume` makes it.", keys=(_TYPE, VOLUME_SOURCE, TARGET, READ_ONLY, NOCOPY, SUBPATH)
)

BIND_SOURCE = Key(
    "source", texts.HOST_SOURCE, "./FOLDER in the scratch folder, or an absolute path that the run was allowed", "./shared", required=True
)
PROPAGATION = Key("propagation", texts.words(*_PROPAGATION), "whether mounts made later on either side are seen on the other", "rslave")
CREATE_HOST_PATH = Key("create_host_path", texts.FLAG, "make a missing source", "true")
BIND_MOUNT = Shape(
    name="bind-mount",
    doc="A folder or file of the engine's host, as `--mount type=bind` mounts it.",
    keys=(_TYPE, BIND_SOURCE, TARGET, READ_ONLY, PROPAGATION, CREATE_HOST_PATH),
)

TMPFS_SIZE = Key("size", texts.SIZE, "how much it may hold", "64m")
TMPFS_MODE = Key("mode", texts.MODE, "the mode of its root", "1777")
TMPFS_EXEC = Key("exec", texts.FLAG, "programs in it may be run", "true")
TMPFS_SOURCE = Key("source", texts.TEXT, "no tmpfs has one, and the engine refuses it: for showing that", "rows")
TMPFS_MOUNT = Shape(
    name="tmpfs-mount", doc="Memory, as `--mount type=tmpfs` makes it.", keys=(_TYPE, TARGET, TMPFS_SIZE, TMPFS_MODE, TMPFS_EXEC, TMPFS_SOURCE)
)

IMAGE_SOURCE = Key("source", texts.REFERENCE, "an image of this file, or a reference", "app", required=True)
IMAGE_MOUNT = Shape(name="image-mount", doc="An image's files, read only, as `--mount type=image` shows them.", keys=(_TYPE, IMAGE_SOURCE, TARGET))

_MOUNT_SHAPES = {"volume": VOLUME_MOUNT, "bind": BIND_MOUNT, "tmpfs": TMPFS_MOUNT, "image": IMAGE_MOUNT}


def flag_mount(text: str) -> Mount:
    """A mount as `docker run -v` takes it: NAME:/T, ./FOLDER:/T, /T; with :ro, :nocopy."""
    parts = text.split(":")
    if len(parts) == 1:
        if not text.startswith("/"):
            raise Misread(f"not a mount: {said(text)}", "NAME:/TARGET, ./FOLDER:/TARGET or /TARGET, as docker run -v takes it")
        return VolumeMount(target=_target(text), flag=True)
    source, target, options = parts[0], parts[1], parts[2].split(",") if len(parts) == 3 else []
    if len(parts) > 3 or not source or not target.startswith("/"):
        raise Misread(f"not a mount: {said(text)}", "NAME:/TARGET[:ro], ./FOLDER:/TARGET[:ro] or /TARGET, as docker run -v takes it")
    is_bind = source.startswith((".", "/"))
    known = ("ro", "rw", *_PROPAGATION) if is_bind else ("ro", "rw", "nocopy")
    for option in options:
        if option not in known:
            raise Misread(f"{said(option)} is not known after a mount's target", did_you_mean(option, known))
    if is_bind:
        propagation = next((option for option in options if option in _PROPAGATION), None)
        return BindMount(target=_target(target), source=texts.host_source(source), read_only="ro" in options, propagation=propagation, flag=True)
    return VolumeMount(target=_target(target), source=texts.name(source), read_only="ro" in options, nocopy="nocopy" in options, flag=True)


def _target(text: str) -> str:
    target = texts.absolute(text)
    if target == "/":
        raise Misread("nothing can be mounted at /")
    return target


_FLAG_MOUNT: Scalar[Mount] = Scalar(wanted="a mount", parse=flag_mount, pattern=_FLAG_PATTERN)


class MountReader:
    """A text is `-v`; a mapping is `--mount`."""

    def read(self, node: Node, to: Problems, key: str) -> Mount:
        if not isinstance(node, Table):
            return _FLAG_MOUNT.read(node, to, key)
        type_node = node.get("type")
        if type_node is None:
            raise to.wrong(node, "'type' is missing here", "type: volume, bind, tmpfs or image")
        shape = _MOUNT_SHAPES[_TYPE.reader.read(type_node, to, "type")]
        row = shape.row(node, to)
        target = row.need(TARGET)
        if target == "/":
            raise to.wrong(row.spot(TARGET), "nothing can be mounted at /")
        if shape is VOLUME_MOUNT:
            return VolumeMount(
                target=target,
                source=row.get(VOLUME_SOURCE),
                read_only=row.get(READ_ONLY) or False,
                nocopy=row.get(NOCOPY) or False,
                subpath=row.get(SUBPATH),
            )
        if shape is BIND_MOUNT:
            return BindMount(
                target=target,
                source=row.need(BIND_SOURCE),
                read_only=row.get(READ_ONLY) or False,
                propagation=row.get(PROPAGATION),
                create_host_path=row.get(CREATE_HOST_PATH) or False,
            )
        if shape is TMPFS_MOUNT:
            return TmpfsMount(
                target=target,
                size_bytes=row.get(TMPFS_SIZE),
                mode=row.get(TMPFS_MODE),
                exec=row.get(TMPFS_EXEC) or False,
                source=row.get(TMPFS_SOURCE),
            )
        return ImageMount(target=target, source=row.need(IMAGE_SOURCE))

    def schema(self, defs: Defs) -> Json:
        if "mount" not in defs:
            variants = []
            for kind, shape in _MOUNT_SHAPES.items():
                described = shape.described(defs)
                described["properties"] = {**described["properties"], "type": {"description": _TYPE.doc, "const": kind}}
                variants.append(described)
            text = {"description": "As `docker run -v` takes it: NAME:/T, ./FOLDER:/T or /T; :ro, :nocopy.", **text_schema(_FLAG_PATTERN)}
            defs["mount"] = {"anyOf": [text, *variants]}
        return {"$ref": "#/$defs/mount"}


def _flag_tmpfs(text: str) -> str:
    """A tmpfs as `docker run --tmpfs` takes it."""
    path, _, options = text.partition(":")
    return f"{_target(path)}:{options}" if options else _target(path)


MOUNT = MountReader()
TMPFS_FLAG: Scalar[str] = Scalar(wanted="a path", parse=_flag_tmpfs, pattern="/.*")
