"""From the options of a step, as read, to the step.

Rule 1: an option that means nothing for this subject is refused, never ignored.
Rule 2: a default is written here once; the Step classes have the same.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from dockstore.core import texts
from dockstore.core.model import ContainerSpec, PlaceKind, VolumeSpec
from dockstore.core.problems import Problems, listed, said
from dockstore.core.script import (
    AnyStep,
    At,
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
from dockstore.core.shape import Key, Row, Scalar
from dockstore.core.source import Items, Node, Table, Text
from dockstore.core.texts import Subject
from dockstore.core.things import CONTAINER, VOLUME_THING, WITH, container_changes, volume_changes
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A step as read, with the places of its keys. *inner*: those of a `together`."""

    step: AnyStep
    verb: str
    row: Row
    subject: Node
    inner: tuple[Written, ...] = ()

    def spot(self, key: str) -> Node:
        """Where the value of *key* stands; the subject's place if it is not written."""
        return self.row.node.get(key) or self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What a step can be done to, as the file has it."""

    containers: Mapping[str, ContainerSpec] = field(default_factory=dict)
    volumes: Mapping[str, VolumeSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A step that is being built: one subject and the options as read."""

    row: Row
    subject: Any
    at: At
    label: str | None
    things: Things
    to: Problems
    verb: str
    inner: tuple[Written, ...] = ()

    def one(self) -> Subject:
        """The subject, where it is a thing."""
        subject = self.subject
        assert isinstance(subject, Subject)  # noqa: S101  # the verb's reader makes nothing else
        return subject

    def only_for(self, kind: str, *keys: Key[Any]) -> None:
        """Refuse *keys* unless the subject is of *kind*."""
        for key in keys:
            if key in self.row and self.one().kind != kind:
                raise self.to.wrong(
                    self.row.node.key(key.name) or self.row.node, f"{said(key.name)} means nothing for {self.named()}", "leave it out"
                )

    def named(self) -> str:
        """The step as one says it."""
        return f"{self.verb} {listed([words_of(self.row.node.get(self.verb))])}"

    def container(self) -> ContainerSpec:
        """The spec of the subject with `with` applied."""
        name = self.one().name
        spec = replace(self.things.containers.get(name, ContainerSpec(name=name)), name=name)
        node = self.row.get(WITH)
        return spec if node is None else replace(spec, **container_changes(CONTAINER.read(node, self.to, "with")))

    def volume(self) -> VolumeSpec:
        """The spec of the subject with `with` applied."""
        name = self.one().name
        spec = self.things.volumes.get(name, VolumeSpec(name=name))
        node = self.row.get(WITH)
        return spec if node is None else replace(spec, **volume_changes(VOLUME_THING.read(node, self.to, "with")))


def words_of(node: Node | None) -> str:
    """The subject of a step as written."""
    match node:
        case Text():
            return node.value
        case Items():
            return ", ".join(words_of(item) for item in node.items)
        case _:
            return ""


# --- options --------------------------------------------------------------------------------------------------------------

AS = Key("as", texts.LABEL, "the name of the look, or of the outcome: the run then goes on if the engine refuses", "before")
IN = Key("in", texts.CONTAINER_NAME, "the container that it runs in", "db", required=True)
FORCE = Key("force", texts.FLAG, "as in Docker: remove what is running or in use", "true")
REMOVE_VOLUMES = Key("volumes", texts.FLAG, "its anonymous volumes, too", "true")
STOP_TIMEOUT = Key("timeout", texts.DURATION, "how long to wait before it is killed (10s)", "2s")
WAIT_TIMEOUT = Key("timeout", texts.DURATION, "how long to wait (30s); too late is undecided", "30s")
TIMEOUT = Key("timeout", texts.DURATION, "how long it may take", "60s")
SIGNAL = Key("signal", texts.SIGNAL, "which signal (KILL)", "TERM")
RENAME_TO = Key("to", texts.TEXT, "the new name; for host: another host: place", "other", required=True)
FOR = Key("for", texts.words("running", "exited", "removed", "restarted", "healthy"), "the state to wait for", "exited")
UNTIL = Key("until", texts.COMMAND_TEXT, "a command that is tried in it until it succeeds", "test -e /ready")
TO_IMAGE = Key("to", texts.subjects("image"), "the image to make", "image:app", required=True)
TO_HOST = Key("to", texts.places(PlaceKind.HOST), "the file to write", "host:a.tar", required=True)
COPY_TO = Key("to", texts.places(PlaceKind.CONTAINER, PlaceKind.HOST), "where to", "db:/data", required=True)
WRITE_TO = Key("to", texts.places(PlaceKind.CONTAINER, PlaceKind.HOST), "where to", "db:/data/row", required=True)
SYNC = Key("sync", texts.FLAG, "fsync it", "true")
REPLACE = Key("replace", texts.FLAG, "on the host: a new file renamed over the old one, as editors save", "true")
ALL = Key("all", texts.FLAG, "all unused ones, not only those that the engine made by itself", "true")
PRUNE_VOLUMES = Key("volumes", texts.FLAG, "of system: volumes, too", "true")
API: Key[str] = Key("api", Scalar(wanted="a version", parse=texts.api_version, pattern=r"1\.[0-9]{1,3}"), "ask as this version of the API", '"1.41"')
AT_HOST = Key("at", texts.places(PlaceKind.HOST), "the folder to mount on", "host:share", required=True)
EXEC_USER = Key("user", texts.TEXT, "as whom (the container's)", '"1000"')
DETACH = Key("detach", texts.FLAG, "do not wait for it", "true")
OBSERVE_AT = Key("at", texts.places(PlaceKind.CONTAINER, PlaceKind.HOST), "where to look (where it was written)", "b:/data/row")
AGAINST = Key("against", texts.COMMAND_TEXT, "the command to compare with", "cd /mem; touch a", required=True)
ROUNDS = Key("rounds", texts.COUNT, "how often each (9)", "9")

STRAYS = {
    "name": "the name of a look or of an outcome is 'as'",
    "register": "the name of a look or of an outcome is 'as'",
    "expect": "what a look should show stands in 'expect', under the look's name",
    "refused": "write 'as: NAME' here, and in 'expect' NAME: {refused: STATUS}",
    "stdout": "write 'as: NAME' here, and in 'expect' NAME: {stdout: TEXT}",
    "exit_code": "write 'as: NAME' here, and in 'expect' NAME: {exit_code: NUMBER}",
    "container": "the container is written 'in: NAME'",
    "content": "a write is always a fresh nonce; exec writes anything else",
}

# --- how each is built ----------------------------------------------------------------------------------------------------


def run_step(draft: Draft) -> AnyStep:
    """Build `run`."""
    return Run(at=draft.at, label=draft.label, spec=draft.container())


def create_step(draft: Draft) -> AnyStep:
    """Build `create`."""
    match draft.one().kind:
        case "volume":
            return CreateVolume(at=draft.at, label=draft.label, spec=draft.volume())
        case "host":
            draft.only_for("container", WITH)
            return CreateFolder(at=draft.at, label=draft.label, place=draft.one().place)
        case _:
            return Create(at=draft.at, label=draft.label, spec=draft.container())


def _container(draft: Draft) -> str | None:
    return None if draft.one().kind == "engine" else draft.one().name


def start_step(draft: Draft) -> AnyStep:
    """Build `start`."""
    return Start(at=draft.at, label=draft.label, container=_container(draft))


def stop_step(draft: Draft) -> AnyStep:
    """Build `stop`."""
    draft.only_for("container", STOP_TIMEOUT)
    return Stop(at=draft.at, label=draft.label, container=_container(draft), timeout_seconds=_or(draft.row.get(STOP_TIMEOUT), 10.0))


def restart_step(draft: Draft) -> AnyStep:
    """Build `restart`."""
    draft.only_for("container", STOP_TIMEOUT)
    return Restart(at=draft.at, label=draft.label, container=_container(draft), timeout_seconds=_or(draft.row.get(STOP_TIMEOUT), 10.0))


def kill_step(draft: Draft) -> AnyStep:
    """Build `kill`."""
    draft.only_for("container", SIGNAL)
    return Kill(at=draft.at, label=draft.label, container=_container(draft), signal=draft.row.get(SIGNAL) or "KILL")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def remove_step(draft: Draft) -> AnyStep:
    """Build `remove`."""
    subject, force = draft.one(), draft.row.get(FORCE) or False
    draft.only_for("container", REMOVE_VOLUMES)
    match subject.kind:
        case "volume":
            return RemoveVolume(at=draft.at, label=draft.label, volume=subject.name, force=force)
        case "image":
            return RemoveImage(at=draft.at, label=draft.label, image=subject.name, force=force)
        case "host":
            draft.only_for("container", FORCE)
            return RemoveHost(at=draft.at, label=draft.label, place=subject.place)
        case _:
            return Remove(at=draft.at, label=draft.label, container=subject.name, force=force, volumes=draft.row.get(REMOVE_VOLUMES) or False)


def rename_step(draft: Draft) -> AnyStep:
    """Build `rename`."""
    subject = draft.one()
    if subject.kind == "host":
        to = texts.places(PlaceKind.HOST).read(draft.row.spot(RENAME_TO), draft.to, "to")
        return RenameHost(at=draft.at, label=draft.label, place=subject.place, to=to)
    name = texts.CONTAINER_NAME.read(draft.row.spot(RENAME_TO), draft.to, "to")
    return Rename(at=draft.at, label=draft.label, container=subject.name, to=name)


def update_step(draft: Draft) -> AnyStep:
    """Build `update`."""
    node = draft.row.get(WITH)
    if node is None:
        raise draft.to.wrong(draft.row.node, "'with' is missing here", "with: {mem_limit: 64m}")
    keys = tuple(key.value for key, _ in node.entries) if isinstance(node, Table) else ()
    return Update(at=draft.at, label=draft.label, container=draft.one().name, spec=draft.container(), keys=keys)


def wait_step(draft: Draft) -> AnyStep:
    """Build `wait`."""
    row = draft.row
    if (FOR in row) is (UNTIL in row):
        fact = "'for' and 'until' do not go together" if FOR in row else "'for' or 'until' is missing here"
        raise draft.to.wrong(row.node, fact, "for: exited waits for a state, until: COMMAND for a command to succeed")
    return Wait(
        at=draft.at,
        label=draft.label,
        container=draft.one().name,
        condition=row.get(FOR),
        until=row.get(UNTIL),
        timeout_seconds=_or(row.get(WAIT_TIMEOUT), 30.0),
    )


def commit_step(draft: Draft) -> AnyStep:
    """Build `commit`."""
    return Commit(at=draft.at, label=draft.label, container=draft.one().name, image=draft.row.need(TO_IMAGE).name)


def export_step(draft: Draft) -> AnyStep:
    """Build `export`."""
    return Export(at=draft.at, label=draft.label, container=draft.one().name, to=draft.row.need(TO_HOST))


def import_step(draft: Draft) -> AnyStep:
    """Build `import`."""
    return Import(at=draft.at, label=draft.label, source=draft.one().place, image=draft.row.need(TO_IMAGE).name)


def copy_step(draft: Draft) -> AnyStep:
    """Build `copy`."""
    source, to = draft.subject, draft.row.need(COPY_TO)
    if to.kind is not PlaceKind.CONTAINER and (isinstance(source, str) or source.kind is not PlaceKind.CONTAINER):
        raise draft.to.wrong(draft.row.spot(COPY_TO), "docker cp copies into a container or out of one", "one of the two places is NAME:/PATH")
    return Copy(at=draft.at, label=draft.label, source=source, to=to)


def prune_step(draft: Draft) -> AnyStep:
    """Build `prune`."""
    what, row = draft.subject, draft.row
    for key, kinds in ((ALL, ("images", "volumes", "system")), (PRUNE_VOLUMES, ("system",))):
        if key in row and what not in kinds:
            raise draft.to.wrong(
                row.node.key(key.name) or row.node, f"{said(key.name)} means nothing for prune {what}", f"for {', '.join(kinds)} only"
            )
    return Prune(at=draft.at, label=draft.label, what=what, all=row.get(ALL) or False, volumes=row.get(PRUNE_VOLUMES) or False, api=row.get(API))


def mount_step(draft: Draft) -> AnyStep:
    """Build `mount`."""
    return MountHost(at=draft.at, label=draft.label, what=draft.subject, place=_folder(draft, draft.row.need(AT_HOST)))


def _folder(draft: Draft, place: Any) -> Any:
    if not place.path:
        raise draft.to.wrong(draft.row.spot(AT_HOST), "nothing is mounted on the scratch folder itself", "host:FOLDER")
    return place


def unmount_step(draft: Draft) -> AnyStep:
    """Build `unmount`."""
    return UnmountHost(at=draft.at, label=draft.label, place=draft.one().place)


def write_step(draft: Draft) -> AnyStep:
    """Build `write`."""
    row, to = draft.row, draft.row.need(WRITE_TO)
    if REPLACE in row and to.kind is not PlaceKind.HOST:
        raise draft.to.wrong(row.node.key("replace") or row.node, "'replace' is possible at a host: place only", "exec can do it in a container")
    if to.path in {"", "/"} or to.path.endswith("/"):
        raise draft.to.wrong(row.spot(WRITE_TO), f"{said(str(to))} is a folder, not a file", "a write is a file: NAME:/FOLDER/FILE")
    return Write(at=draft.at, label=draft.label, write=draft.subject, to=to, sync=row.get(SYNC) or False, replace=row.get(REPLACE) or False)


def exec_step(draft: Draft) -> AnyStep:
    """Build `exec`."""
    row = draft.row
    return Exec(
        at=draft.at,
        label=draft.label,
        command=draft.subject,
        container=row.need(IN),
        user=row.get(EXEC_USER),
        timeout_seconds=row.get(TIMEOUT),
        detach=row.get(DETACH) or False,
    )


def together_step(draft: Draft) -> AnyStep:
    """Build `together`."""
    steps: tuple[Any, ...] = tuple(written.step for written in draft.inner)
    return Together(at=draft.at, label=draft.label, steps=steps, timeout_seconds=draft.row.get(TIMEOUT))


def observe_step(draft: Draft) -> AnyStep:
    """Build `observe`."""
    return Observe(at=draft.at, label=draft.label, write=draft.subject, look=draft.label or draft.subject, place=draft.row.get(OBSERVE_AT))


def _look(draft: Draft) -> str:
    if draft.label is None:
        raise draft.to.wrong(draft.row.node, f"what {draft.verb} sees needs a name", "as: NAME")
    return draft.label


def read_step(draft: Draft) -> AnyStep:
    """Build `read`."""
    return Read(at=draft.at, label=draft.label, look=_look(draft), place=draft.subject)


def inspect_step(draft: Draft) -> AnyStep:
    """Build `inspect`."""
    return Inspect(at=draft.at, label=draft.label, look=_look(draft), kind=draft.one().kind, name=draft.one().name)


def diff_step(draft: Draft) -> AnyStep:
    """Build `diff`."""
    return Diff(at=draft.at, label=draft.label, look=_look(draft), container=draft.one().name)


def find_step(draft: Draft) -> AnyStep:
    """Build `find`."""
    return Find(at=draft.at, label=draft.label, look=_look(draft), write=draft.subject)


def measure_step(draft: Draft) -> AnyStep:
    """Build `measure`."""
    row = draft.row
    return Measure(
        at=draft.at,
        label=draft.label,
        look=_look(draft),
        command=draft.subject,
        against=row.need(AGAINST),
        container=row.need(IN),
        rounds=row.get(ROUNDS) or 9,
    )


def pause_step(draft: Draft) -> AnyStep:
    """Build `pause`."""
    return Pause(at=draft.at, label=draft.label, container=draft.one().name)


def unpause_step(draft: Draft) -> AnyStep:
    """Build `unpause`."""
    return Unpause(at=draft.at, label=draft.label, container=draft.one().name)


def reboot_step(draft: Draft) -> AnyStep:
    """Build `reboot`."""
    return Reboot(at=draft.at, label=draft.label)


def power_loss_step(draft: Draft) -> AnyStep:
    """Build `power-loss`."""
    return PowerLoss(at=draft.at, label=draft.label)
