"""Containers, images, volumes and host files, as a scenario file writes them.

Rule 1: the keys are Compose's wherever Compose has one.
Rule 2: what is not written is None: the lab's or the engine's default applies, and nobody guesses which here.
"""

# `read` and `schema` are what Reader says they are

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from dockstore.core import texts
from dockstore.core.model import (
    ContainerSpec,
    Healthcheck,
    HostEntry,
    ImageSpec,
    LayerEntry,
    Mount,
    PlaceKind,
    VolumeSpec,
)
from dockstore.core.mounts import MOUNT, TMPFS_FLAG
from dockstore.core.problems import Misread, Problems, Unread, did_you_mean, said
from dockstore.core.shape import Built, Defs, Json, Key, ListOf, MapOf, Raw, Row, Scalar, Shape, TextOr, text_schema
from dockstore.core.source import Items, Node, Table, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

Thing = TypeVar("Thing", ContainerSpec, ImageSpec, VolumeSpec)

# --- containers -----------------------------------------------------------------------------------------------------------


def _restart(text: str) -> str:
    name, _, times = text.partition(":")
    if text in {"no", "always", "unless-stopped", "on-failure"} or (
        name == "on-failure" and times.isdecimal() and times.isascii() and len(times) < 4
    ):
        return text
    raise Misread(f"{said(text)} is not known here", did_you_mean(text, ("no", "always", "unless-stopped", "on-failure", "on-failure:3")))


def _shared(text: str, choices: tuple[str, ...]) -> str:
    head, colon, name = text.partition(":")
    if head == "container" and colon:
        return f"container:{texts.container_name(name)}"
    if text in choices:
        return text
    raise Misread(f"{said(text)} is not known here", did_you_mean(text, (*choices, "container:NAME")))


def _network(text: str) -> str:
    return _shared(text, ("disabled", "none", "bridge", "host"))


def _pid(text: str) -> str:
    return _shared(text, ("host",))


def _ipc(text: str) -> str:
    return _shared(text, ("none", "private", "shareable", "host"))


def _volumes_from(text: str) -> str:
    name, colon, how = text.partition(":")
    texts.container_name(name)
    if colon and how not in {"ro", "rw"}:
        raise Misread(f"{said(how)} is not known here", "NAME or NAME:ro")
    return text


def _user(text: str) -> str:
    if not text or not text.isprintable() or " " in text or len(text) > texts.LONGEST_NAME:
        raise Misread(f"not a user: {said(text)}", 'write "1000" or "1000:1000"')
    return text


class _Environment:
    """A mapping, or a list of NAME=VALUE."""

    def read(self, node: Node, to: Problems, key: str) -> tuple[tuple[str, str], ...]:
        if not isinstance(node, Items):
            return tuple(_ENV_TABLE.read(node, to, key).items())
        return tuple(_ENV_PAIR.read(item, to, key) for item in node.items)

    def schema(self, defs: Defs) -> Json:
        return {"anyOf": [_ENV_TABLE.schema(defs), {"type": "array", "items": text_schema("[^=]+=.*")}]}


def _env_pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Misread(f"not NAME=VALUE: {said(text)}")
    return name, value


_ENV_TABLE: MapOf[str] = MapOf(name=texts.TEXT, value=texts.SHELL_TEXT, hint="{MODE: test}")
_ENV_PAIR: Scalar[tuple[str, str]] = Scalar(wanted="NAME=VALUE", parse=_env_pair, script=True)


class _Pairs:
    """A mapping of texts, kept in order."""

    def read(self, node: Node, to: Problems, key: str) -> tuple[tuple[str, str], ...]:
        return tuple(texts.PAIRS.read(node, to, key).items())

    def schema(self, defs: Defs) -> Json:
        return texts.PAIRS.schema(defs)


_TEST_TEXT: Scalar[tuple[str, ...]] = Scalar(wanted="a command", parse=lambda text: ("CMD-SHELL", text), script=True)
_TEST = Key("test", TextOr(text=_TEST_TEXT, items=texts.WORDS), "the command; a text goes to sh -c", "test -e /ready", required=True)
_INTERVAL = Key("interval", texts.DURATION, "between two of them", "1s")
_TIMEOUT = Key("timeout", texts.DURATION, "how long one may take", "5s")
_RETRIES = Key("retries", texts.COUNT, "how many must fail one after the other", "3")
_START_PERIOD = Key("start_period", texts.DURATION, "failures do not count so long after the start", "0s")
HEALTHCHECK = Shape(name="healthcheck", doc="As in Compose.", keys=(_TEST, _INTERVAL, _TIMEOUT, _RETRIES, _START_PERIOD))


def _healthcheck(row: Row, to: Problems) -> Healthcheck:  # noqa: ARG001
    return Healthcheck(
        test=row.need(_TEST),
        interval_seconds=row.get(_INTERVAL) or 1.0,
        timeout_seconds=row.get(_TIMEOUT) or 5.0,
        retries=row.get(_RETRIES) or 3,
        start_period_seconds=row.get(_START_PERIOD) or 0.0,
    )


def _check_targets(row: Row, to: Problems) -> None:
    """Refuse two mounts at one path."""
    taken: set[str] = set()
    for key, name in ((MOUNTS, "mounts"), (TMPFS, "tmpfs")):
        node = row.node.get(name)
        for number, mount in enumerate(row.get(key) or ()):
            target = mount.partition(":")[0] if isinstance(mount, str) else mount.target
            if target in taken:
                spot = node.items[number] if isinstance(node, Items) else row.node
                to.add(spot, f"two mounts at {target}", "the engine takes one; leave the other out")
            taken.add(target)


MOUNTS: Key[tuple[Mount, ...]] = Key(
    "mounts",
    ListOf(item=MOUNT, hint='["rows:/data"]'),
    "what is mounted in it; a text as `docker run -v` takes it, a mapping as `--mount`",
    '["rows:/data"]',
)
TMPFS: Key[tuple[str, ...]] = Key("tmpfs", ListOf(item=TMPFS_FLAG, hint="[/run]"), "memory, as `docker run --tmpfs` takes it", "[/run]")
_ENGINE = Key("engine", texts.words("second"), "on another engine than the first", "second")

CONTAINER_KEYS: tuple[Key[Any], ...] = (
    Key("image", texts.REFERENCE, "an image of this file, or a reference; left out: the lab image", "app"),
    MOUNTS,
    TMPFS,
    Key(
        "volumes_from",
        ListOf(item=Scalar(wanted="a container's name", parse=_volumes_from), hint="[a]"),
        "mount what these containers mount; NAME:ro for reading only",
        "[a]",
    ),
    Key("command", texts.COMMAND, "its main process; a text goes to `sh -c`, a list is argv; left out: dockstore's own", "[sleep, infinity]"),
    Key("entrypoint", texts.COMMAND, "as in Compose", "[/bin/sh]"),
    Key("environment", _Environment(), "its environment, as a mapping or a list of NAME=VALUE", "{MODE: test}"),
    Key("user", Scalar(wanted="a user", parse=_user), "who its processes run as", '"1000:1000"'),
    Key("working_dir", texts.PATH, "where its processes begin", "/app"),
    Key("read_only", texts.FLAG, "its root file system cannot be written", "true"),
    Key("restart", Scalar(wanted="a restart policy", parse=_restart), "no, always, unless-stopped, on-failure or on-failure:N", "always"),
    Key("mem_limit", texts.SIZE, "how much memory it may take", "64m"),
    Key("shm_size", texts.SIZE, "the size of its /dev/shm", "64m"),
    Key("pid", Scalar(wanted="container:NAME or host", parse=_pid), "whose processes it sees: container:NAME or host", "container:a"),
    Key("ipc", Scalar(wanted="container:NAME, shareable or host", parse=_ipc), "whose shared memory it has", "container:a"),
    Key("stop_signal", texts.SIGNAL, "what `docker stop` sends first", "TERM"),
    Key("init", texts.FLAG, "a small init as process 1; true where it is not written", "false"),
    Key(
        "network_mode",
        Scalar(wanted="a network mode", parse=_network),
        "disabled where it is not written; none, bridge, host or container:NAME",
        "none",
    ),
    Key("healthcheck", Built(shape=HEALTHCHECK, build=_healthcheck), "as in Compose", "{test: test -e /ready}"),
    Key("rm", texts.FLAG, "as `docker run --rm`", "true"),
    _ENGINE,
)
CONTAINER = Shape(
    name="container",
    doc="A container, with Compose's keys.",
    keys=CONTAINER_KEYS,
    strays={
        "volumes": "in a container it is 'mounts'",
        "volume": "in a container it is 'mounts'",
        "mount": "it is 'mounts', a list",
        "cmd": "in a container it is 'command', as in Compose",
        "env": "it is 'environment', as in Compose",
        "name": "a container is called as its key",
        "memory": "it is 'mem_limit', as in Compose",
        "workdir": "it is 'working_dir', as in Compose",
        "ports": "nobody talks to these containers from outside; leave it out",
        "networks": "it is 'network_mode'; without it there is no network at all",
        "depends_on": "the order is that of 'steps'",
        "build": "images are made from lines in 'images'",
    },
    check=_check_targets,
)
_FIELDS = {"mem_limit": "mem_limit_bytes", "shm_size": "shm_size_bytes"}


def container_changes(row: Row) -> dict[str, Any]:
    """What *row* says, by the fields of ContainerSpec."""
    return {_FIELDS.get(name, name): value for name, value in row.values.items()}


def _container(row: Row, to: Problems) -> ContainerSpec:  # noqa: ARG001
    return ContainerSpec(name="", **container_changes(row))


# --- images ---------------------------------------------------------------------------------------------------------------

_CONTENT = Key("content", texts.SHELL_TEXT, "what is in the file", "one")
_SIZE = Key("size", texts.SIZE, "a file of so many bytes", "64m")
_MODE = Key("mode", texts.MODE, "its mode", "0750")
_OWNER = Key("owner", texts.OWNER, "its user and group, as numbers", '"1000:1000"')
_LINK = Key("link", texts.TEXT, "a symbolic link to this", "/run")


def _check_entry(row: Row, to: Problems) -> None:
    written = [key.name for key in (_CONTENT, _SIZE, _LINK) if key in row]
    if len(written) > 1:
        raise to.wrong(row.node, f"{' and '.join(said(name) for name in written)} do not go together", "leave one of them out")


LAYER_ENTRY = Shape(
    name="layer-entry", doc="A file, link or directory of an image layer.", keys=(_CONTENT, _SIZE, _OWNER, _MODE, _LINK), check=_check_entry
)


class _Layer:
    """Path to what is there: a text, a mapping, or `~` for a deletion."""

    def read(self, node: Node, to: Problems, key: str) -> tuple[LayerEntry, ...]:
        if not isinstance(node, Table):
            raise to.wrong(node, f"a mapping is wanted for a layer of {said(key)}", "{/app/one: one}")
        entries: list[LayerEntry] = []
        failed = False
        for path, child in node.entries:
            try:
                entries.append(self._entry(path, child, to))
            except Unread:
                failed = True
        if failed:
            raise Unread(key)
        return tuple(entries)

    def _entry(self, path_node: Text, node: Node, to: Problems) -> LayerEntry:
        directory = path_node.value.endswith("/")
        path = texts.PATH.read(path_node, to, "a path")
        if ".." in path.split("/") or path == "/":
            raise to.wrong(path_node, f"not a path of an image layer: {said(path_node.value)}")
        if isinstance(node, Text):
            if node.nothing and not directory:
                return LayerEntry(path=path, whiteout=True)
            if directory and not node.nothing:
                raise to.wrong(node, "a directory has no content", f"leave the slash at the end of {path_node.value} out for a file")
            return LayerEntry(path=path, directory=directory, content=None if directory else node.value)
        row = LAYER_ENTRY.read(node, to, path_node.value)
        for key in (_CONTENT, _SIZE, _LINK) if directory else ():
            if key in row:
                raise to.wrong(
                    row.spot(key), f"a directory has no {said(key.name)}", f"leave the slash at the end of {path_node.value} out for a file"
                )
        plain_file = not directory and _SIZE not in row and _LINK not in row
        return LayerEntry(
            path=path,
            content=row.get(_CONTENT) or "" if plain_file else None,
            size_bytes=row.get(_SIZE),
            directory=directory,
            link=row.get(_LINK),
            mode=row.get(_MODE),
            owner=row.get(_OWNER) or (0, 0),
        )

    def schema(self, defs: Defs) -> Json:
        return {
            "description": "path: content; a mapping for more; ~ deletes; a slash at the end: a directory",
            "type": "object",
            "propertyNames": {"pattern": "^/|\\$\\{"},
            "additionalProperties": {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, LAYER_ENTRY.schema(defs)]},
        }


_SHELL_FORM: Scalar[tuple[str, ...]] = Scalar(wanted="a command", parse=lambda text: ("sh", "-c", texts.COMMAND_TEXT.parse(text)), script=True)
FROM = Key("from", texts.REFERENCE, "lab, scratch, another image of this file or a reference; left out: lab", "lab")
LAYERS: Key[tuple[tuple[LayerEntry, ...], ...]] = Key(
    "layers", ListOf(item=_Layer(), hint="[{/app/one: one}]"), "one mapping for each layer, the lowest first", "[{/app/one: one}]"
)
VOLUME = Key("volume", texts.PATHS, "as VOLUME in a Dockerfile", "[/data]")
USER: Key[str] = Key("user", Scalar(wanted="a user", parse=_user), "as USER in a Dockerfile", '"1000"')
CMD = Key("cmd", TextOr(text=_SHELL_FORM, items=texts.WORDS), "as CMD in a Dockerfile", "[sleep, infinity]")
IMAGE = Shape(
    name="image",
    doc="An image made from a few lines, without a registry or a builder.",
    keys=(FROM, LAYERS, VOLUME, USER, CMD),
    strays={
        "volumes": "in an image it is 'volume', as in a Dockerfile",
        "command": "in an image it is 'cmd', as in a Dockerfile",
        "base": "it is 'from'",
        "files": "files stand in 'layers': [{/app/one: one}]",
    },
)


def _image(row: Row, to: Problems) -> ImageSpec:  # noqa: ARG001
    return ImageSpec(
        name="",
        base=row.get(FROM) or "lab",
        layers=row.get(LAYERS) or (),
        volume=row.get(VOLUME) or (),
        user=row.get(USER),
        cmd=row.get(CMD),
    )


# --- volumes and the host's files -----------------------------------------------------------------------------------------

ANONYMOUS = Key(
    "anonymous", texts.places(PlaceKind.CONTAINER), "this name means the anonymous volume that the first such container gets there", "db:/data"
)
DRIVER_OPTS: Key[tuple[tuple[str, str], ...]] = Key(
    "driver_opts", _Pairs(), "the driver's options; device: ./folder is in the scratch folder", "{type: tmpfs, device: tmpfs}"
)
VOLUME_KEYS: tuple[Key[Any], ...] = (
    Key("driver", texts.NAME, "the volume driver", "local"),
    DRIVER_OPTS,
    Key("labels", _Pairs(), "labels", "{a: b}"),
    ANONYMOUS,
    _ENGINE,
)


def _check_volume(row: Row, to: Problems) -> None:
    if ANONYMOUS in row and len(row.values) > 1:
        raise to.wrong(row.spot(ANONYMOUS), "'anonymous' stands alone", "the engine makes that volume; nothing can be asked of it")
    for name, value in row.get(DRIVER_OPTS) or ():
        if name == "device" and value.startswith("."):
            node = row.node.get("driver_opts")
            try:
                texts.host_source(value)
            except Misread as exc:
                spot = node.get(name) if isinstance(node, Table) else None
                raise to.wrong(spot or row.node, exc.fact, exc.hint) from None


VOLUME_THING = Shape(
    name="volume",
    doc="A volume that needs more than a name.",
    keys=VOLUME_KEYS,
    strays={"external": "name it in a mount: it is made as needed"},
    check=_check_volume,
)


def volume_changes(row: Row) -> dict[str, Any]:
    """What *row* says, by the fields of VolumeSpec."""
    return {"anonymous_of" if name == "anonymous" else name: value for name, value in row.values.items()}


def _volume(row: Row, to: Problems) -> VolumeSpec:  # noqa: ARG001
    return VolumeSpec(name="", **volume_changes(row))


HOST_ENTRY = Shape(name="host-entry", doc="A file or folder of the scratch folder.", keys=(_CONTENT, _MODE, _OWNER))


class _HostFiles:
    """Path in the scratch folder to what lies there before the first step."""

    def read(self, node: Node, to: Problems, key: str) -> tuple[HostEntry, ...]:
        if not isinstance(node, Table):
            raise to.wrong(node, f"a mapping is wanted for {said(key)}", "{shared/: {}, app.conf: old}")
        entries: list[HostEntry] = []
        failed = False
        for path, child in node.entries:
            try:
                entries.append(self._entry(path, child, to))
            except Unread:
                failed = True
        if failed:
            raise Unread(key)
        return tuple(entries)

    def _entry(self, path_node: Text, node: Node, to: Problems) -> HostEntry:
        directory = path_node.value.endswith("/")
        path = _HOST_PATH.read(path_node, to, "a path")
        if isinstance(node, Text):
            if directory and not node.nothing:
                raise to.wrong(node, "a directory has no content", f"leave the slash at the end of {path_node.value} out for a file")
            return HostEntry(path=path, directory=directory, content="" if node.nothing else node.value)
        row = HOST_ENTRY.read(node, to, path_node.value)
        if directory and _CONTENT in row:
            raise to.wrong(row.spot(_CONTENT), "a directory has no 'content'", f"leave the slash at the end of {path_node.value} out for a file")
        if not directory and not row.values:
            raise to.wrong(node, "a file or a folder?", f"write {path_node.value}/: {{}} for a folder, {path_node.value}: TEXT for a file")
        return HostEntry(path=path, directory=directory, content=row.get(_CONTENT) or "", mode=row.get(_MODE), owner=row.get(_OWNER))

    def schema(self, defs: Defs) -> Json:
        entry = {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, HOST_ENTRY.schema(defs)]}
        return {"type": "object", "additionalProperties": entry}


def _host_path(text: str) -> str:
    path = texts.scratch(text, f"host:{text}" if not text.startswith("/") else text)
    if not path:
        raise Misread("the scratch folder itself is there already")
    return path


_HOST_PATH: Scalar[str] = Scalar(wanted="a path", parse=_host_path)

CONTAINERS: Key[dict[str, ContainerSpec]] = Key(
    "containers",
    MapOf(name=texts.CONTAINER_NAME, value=Built(shape=CONTAINER, build=_container), hint='{db: {mounts: ["rows:/data"]}}', bare=True),
    "name: container",
    '{db: {mounts: ["rows:/data"]}}',
)
IMAGES: Key[dict[str, ImageSpec]] = Key(
    "images",
    MapOf(name=texts.NAME, value=Built(shape=IMAGE, build=_image), hint="{app: {layers: [{/app/one: one}]}}", bare=True),
    "name: image; built here from lines, without a registry",
    "{app: {layers: [{/app/one: one}]}}",
)
VOLUMES: Key[dict[str, VolumeSpec]] = Key(
    "volumes",
    MapOf(name=texts.NAME, value=Built(shape=VOLUME_THING, build=_volume), hint="{mem: {driver_opts: {type: tmpfs, device: tmpfs}}}", bare=True),
    "name: volume; only those that need more than a name",
    "{mem: {driver_opts: {type: tmpfs, device: tmpfs}}}",
)
HOST: Key[tuple[HostEntry, ...]] = Key(
    "host", _HostFiles(), "path: content; what lies in the scenario's scratch folder before the first step", "{shared/: {}, app.conf: old}"
)
WITH: Key[Node] = Key(
    "with",
    Raw(described=lambda defs: {"anyOf": [CONTAINER.schema(defs), VOLUME_THING.schema(defs)]}),
    "keys of the container (or volume) that replace its own for this one",
    '{user: "1000"}',
)


def named(things: Mapping[str, Thing]) -> dict[str, Thing]:
    """Give each thing its name."""
    return {name: replace(thing, name=name) for name, thing in things.items()}
