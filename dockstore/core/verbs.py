"""The steps: one mapping each, the verb with its subject, options beside it. A table of verbs reads them and describes them.

Rule 1: a subject may be a list where the step may be done to one after the other; then it becomes as many steps.
Rule 2: what is written here is the whole grammar of steps: reading, schema and documentation are made from it.
"""

# `read` and `schema` are what Reader says they are

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockstore.core import texts
from dockstore.core.drafts import (
    AGAINST,
    ALL,
    API,
    AS,
    AT_HOST,
    COPY_TO,
    DETACH,
    EXEC_USER,
    FOR,
    FORCE,
    IN,
    OBSERVE_AT,
    PRUNE_VOLUMES,
    REMOVE_VOLUMES,
    RENAME_TO,
    REPLACE,
    ROUNDS,
    SIGNAL,
    STOP_TIMEOUT,
    STRAYS,
    SYNC,
    TIMEOUT,
    TO_HOST,
    TO_IMAGE,
    UNTIL,
    WAIT_TIMEOUT,
    WRITE_TO,
    Draft,
    Things,
    Written,
    commit_step,
    copy_step,
    create_step,
    diff_step,
    exec_step,
    export_step,
    find_step,
    import_step,
    inspect_step,
    kill_step,
    measure_step,
    mount_step,
    observe_step,
    pause_step,
    power_loss_step,
    prune_step,
    read_step,
    reboot_step,
    remove_step,
    rename_step,
    restart_step,
    run_step,
    start_step,
    stop_step,
    together_step,
    unmount_step,
    unpause_step,
    update_step,
    wait_step,
    words_of,
    write_step,
)
from dockstore.core.model import PlaceKind
from dockstore.core.problems import Problems, Unread, did_you_mean, said
from dockstore.core.script import AnyStep, At
from dockstore.core.shape import Defs, Json, Key, Raw, Reader, Scalar, Shape, described_key
from dockstore.core.source import Items, Node, Table, Text
from dockstore.core.things import WITH
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb. *many*: its subject may be a list of subjects. *look*: it looks, so it needs a name in `expect`."""

    name: str
    doc: str
    subject: Reader[Any]
    example: str
    build: Callable[[Draft], AnyStep]
    options: tuple[Key[Any], ...] = ()
    many: bool = True
    look: bool = False

    def shape(self) -> Shape:
        """The step as a mapping."""
        subject: Key[Any] = Key(self.name, _Subjects(reader=self.subject, many=self.many), self.doc, self.example, required=True)
        return Shape(name=f"step-{self.name}", doc=self.doc, keys=(subject, *self.options, AS), strays=STRAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subjects:
    """One subject, or a list of them."""

    reader: Reader[Any]
    many: bool

    def read(self, node: Node, to: Problems, key: str) -> tuple[tuple[Any, Node], ...]:
        if not self.many or not isinstance(node, Items):
            return ((self.reader.read(node, to, key), node),)
        if not node.items:
            raise to.wrong(node, f"the list of {said(key)} is empty")
        found = []
        for item in node.items:
            try:
                found.append((self.reader.read(item, to, key), item))
            except Unread:
                continue
        if len(found) < len(node.items):
            raise Unread(key)
        return tuple(found)

    def schema(self, defs: Defs) -> Json:
        one = self.reader.schema(defs)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]} if self.many else one


# --- the table ------------------------------------------------------------------------------------------------------------

_CONTAINER = texts.subjects("container")
_OR_ENGINE = texts.subjects("container", "engine")
_ENGINE_ONLY = texts.subjects("engine")
_ANYWHERE = texts.places(*PlaceKind)

VERBS: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="run",
            doc="`docker run -d`: create and start; the name must be free",
            subject=_CONTAINER,
            example="db",
            build=run_step,
            options=(WITH,),
        ),
        Verb(
            name="create",
            doc="`docker create`, of a container, `volume:NAME`; or a folder `host:PATH`",
            subject=texts.subjects("container", "volume", "host"),
            example="db",
            build=create_step,
            options=(WITH,),
        ),
        Verb(name="start", doc="`docker start`; `engine`: the daemon", subject=_OR_ENGINE, example="db", build=start_step),
        Verb(name="pause", doc="`docker pause`", subject=_CONTAINER, example="db", build=pause_step),
        Verb(name="unpause", doc="`docker unpause`", subject=_CONTAINER, example="db", build=unpause_step),
        Verb(
            name="stop",
            doc="`docker stop`; `engine`: the daemon, in order",
            subject=_OR_ENGINE,
            example="db",
            build=stop_step,
            options=(STOP_TIMEOUT,),
        ),
        Verb(
            name="restart",
            doc="`docker restart`; `engine`: the daemon",
            subject=_OR_ENGINE,
            example="db",
            build=restart_step,
            options=(STOP_TIMEOUT,),
        ),
        Verb(
            name="kill",
            doc="`docker kill`: waits until it is dead (KILL) or has had the signal (any other); `engine`: SIGKILL to the daemon",
            subject=_OR_ENGINE,
            example="db",
            build=kill_step,
            options=(SIGNAL,),
        ),
        Verb(
            name="remove",
            doc="`docker rm`; also `volume:NAME`, `image:NAME`, `host:PATH`",
            subject=texts.subjects("container", "volume", "image", "host"),
            example="db",
            build=remove_step,
            options=(FORCE, REMOVE_VOLUMES),
        ),
        Verb(
            name="rename",
            doc="`docker rename`, and the new name is a container from here on; also `host:PATH`",
            subject=texts.subjects("container", "host"),
            example="db",
            build=rename_step,
            options=(RENAME_TO,),
            many=False,
        ),
        Verb(name="update", doc="`docker update` with the keys of `with`", subject=_CONTAINER, example="db", build=update_step, options=(WITH,)),
        Verb(
            name="wait",
            doc="poll until the state is there, or the command succeeds",
            subject=_CONTAINER,
            example="db",
            build=wait_step,
            options=(FOR, UNTIL, WAIT_TIMEOUT),
        ),
        Verb(name="commit", doc="`docker commit`", subject=_CONTAINER, example="db", build=commit_step, options=(TO_IMAGE,), many=False),
        Verb(
            name="export",
            doc="`docker export` into a file of the scratch folder",
            subject=_CONTAINER,
            example="db",
            build=export_step,
            options=(TO_HOST,),
            many=False,
        ),
        Verb(
            name="import",
            doc="`docker import` of a file of the scratch folder",
            subject=texts.subjects("host"),
            example="host:a.tar",
            build=import_step,
            options=(TO_IMAGE,),
            many=False,
        ),
        Verb(
            name="copy",
            doc="`docker cp`, both ways; a new name instead of a place: a fresh nonce, by archive",
            subject=Scalar(wanted="a place or a new name", parse=texts.copied, pattern=".+"),
            example="db:/data/.",
            build=copy_step,
            options=(COPY_TO,),
            many=False,
        ),
        Verb(
            name="prune",
            doc="`docker container|image|volume|system prune`; needs disposable-engine",
            subject=texts.words("containers", "images", "volumes", "system"),
            example="volumes",
            build=prune_step,
            options=(ALL, PRUNE_VOLUMES, API),
            many=False,
        ),
        Verb(
            name="mount",
            doc="mount a tmpfs or a network folder on a folder of the scratch folder; needs host-mount or network-folder",
            subject=texts.words("tmpfs", "network-folder"),
            example="tmpfs",
            build=mount_step,
            options=(AT_HOST,),
            many=False,
        ),
        Verb(name="unmount", doc="unmount it again", subject=texts.subjects("host"), example="host:share", build=unmount_step),
        Verb(
            name="reboot",
            doc="the daemon and all its containers killed, then started; needs restart-engine",
            subject=_ENGINE_ONLY,
            example="engine",
            build=reboot_step,
            many=False,
        ),
        Verb(
            name="power-loss",
            doc="as reboot, and what was not synced is gone; needs power-loss",
            subject=_ENGINE_ONLY,
            example="engine",
            build=power_loss_step,
            many=False,
        ),
        Verb(
            name="write",
            doc="a fresh nonce, by a process there; folders are made, and it is read back",
            subject=texts.WRITE_NAME,
            example="row",
            build=write_step,
            options=(WRITE_TO, SYNC, REPLACE),
            many=False,
        ),
        Verb(
            name="exec",
            doc="a command in a container: a text goes to `sh -c`, a list is argv",
            subject=texts.COMMAND,
            example="touch /data/lock",
            build=exec_step,
            options=(IN, EXEC_USER, TIMEOUT, DETACH),
            many=False,
        ),
        Verb(
            name="together",
            doc="all steps prepared, then released at once; ends when all have ended",
            subject=Raw(described=lambda defs: {"type": "array", "items": steps_schema(defs), "minItems": 2}),
            example="[{exec: sync, in: a}, {exec: sync, in: b}]",
            build=together_step,
            options=(TIMEOUT,),
            many=False,
        ),
        Verb(
            name="observe",
            doc="look for one write from all vantage points: a fate",
            subject=texts.WRITE_NAME,
            example="row",
            build=observe_step,
            options=(OBSERVE_AT,),
            look=True,
        ),
        Verb(name="read", doc="content and `stat` of a path", subject=_ANYWHERE, example="a:/data", build=read_step, many=False, look=True),
        Verb(
            name="inspect",
            doc="what the engine says of a container, `volume:NAME`, `image:NAME` or `engine`",
            subject=texts.subjects("container", "volume", "image", "engine"),
            example="db",
            build=inspect_step,
            many=False,
            look=True,
        ),
        Verb(name="diff", doc="`docker diff`", subject=_CONTAINER, example="db", build=diff_step, many=False, look=True),
        Verb(
            name="find",
            doc="search the whole data root for a write's bytes, with a control that must be found",
            subject=texts.WRITE_NAME,
            example="row",
            build=find_step,
            many=False,
            look=True,
        ),
        Verb(
            name="measure",
            doc="two commands in turn, each round a ratio of their times",
            subject=texts.COMMAND_TEXT,
            example="cd /vol; touch a",
            build=measure_step,
            options=(AGAINST, IN, ROUNDS),
            many=False,
            look=True,
        ),
    )
}
SHAPES: Mapping[str, Shape] = {name: verb.shape() for name, verb in VERBS.items()}
_OPTIONS = frozenset(key.name for shape in SHAPES.values() for key in shape.keys) - frozenset(VERBS)


# --- reading --------------------------------------------------------------------------------------------------------------


def read_steps(node: Node, things: Things, to: Problems, *, key: str = "steps", within: bool = False) -> tuple[Written, ...]:
    """Read a list of steps. *within*: those of a `together`, which does not look and holds no other."""
    if not isinstance(node, Items):
        raise to.wrong(node, f"a list is wanted for {said(key)}", "- run: db")
    found: list[Written] = []
    failed = False
    for item in node.items:
        try:
            found.extend(_read_step(item, things, to, within=within))
        except Unread:
            failed = True
    if failed:
        raise Unread(key)
    return tuple(found)


def _read_step(node: Node, things: Things, to: Problems, *, within: bool) -> tuple[Written, ...]:
    verb = _verb(node, to)
    assert isinstance(node, Table)  # noqa: S101  # else it has no verb
    key_node = node.key(verb.name) or node
    if within and (verb.look or verb.name == "together"):
        raise to.wrong(key_node, f"{verb.name} cannot stand in 'together'", "look afterwards")
    row = SHAPES[verb.name].row(node, to)
    label = row.get(AS)
    subjects: tuple[tuple[Any, Node], ...] = row.values[verb.name]  # type: ignore[assignment]  # as _Subjects reads it
    if label is not None and len(subjects) > 1:
        raise to.wrong(row.spot(AS), f"one name for {len(subjects)} steps", "a step for each, with a name of its own")
    inner: tuple[Written, ...] = ()
    if verb.name == "together":
        inner = read_steps(subjects[0][1], things, to, key="together", within=True)
        if len(inner) < 2:
            raise to.wrong(subjects[0][1], "one step alone is not together", "- {exec: sync, in: a}")
    at = At(line=key_node.line, column=key_node.column)
    return tuple(
        Written(
            step=verb.build(Draft(row=row, subject=subject, at=at, label=label, things=things, to=to, verb=verb.name, inner=inner)),
            verb=verb.name,
            row=row,
            subject=spot,
            inner=inner,
        )
        for subject, spot in subjects
    )


def _verb(node: Node, to: Problems) -> Verb:
    """Which verb a step has."""
    if not isinstance(node, Table):
        word = node.value.split(" ")[0] if isinstance(node, Text) else ""
        hint = f"- {word}: {VERBS[word].example}" if word in VERBS else "- run: db"
        raise to.wrong(node, "a step is a mapping", hint)
    if not node.entries:
        raise to.wrong(node, "a step is missing here", "- run: db")
    verbs = [key for key, _ in node.entries if key.value in VERBS]
    if len(verbs) > 1:
        raise to.wrong(verbs[1], f"two verbs in one step: {', '.join(key.value for key in verbs)}", "each step begins with its own dash")
    if verbs:
        return VERBS[verbs[0].value]
    stray = next((key for key, _ in node.entries if key.value not in _OPTIONS), node.entries[0][0])
    raise to.wrong(stray, f"no such step: {said(stray.value)}", did_you_mean(stray.value, VERBS))


def name_of(node: Node) -> tuple[str, str] | None:
    """Verb and subject of a step as written, by which a mutant names it; None: not a step."""
    if not isinstance(node, Table):
        return None
    verb = next((key.value for key, _ in node.entries if key.value in VERBS), None)
    return None if verb is None else (verb, words_of(node.get(verb)))


def steps_schema(defs: Defs) -> Json:
    """Any one step."""
    if "step" not in defs:
        defs["step"] = {}
        variants = []
        for shape in SHAPES.values():
            described = shape.described(defs)
            described["properties"] = {key.name: described_key(key, defs) for key in shape.keys}
            variants.append(described)
        defs["step"] = {"description": "One step: the verb with its subject, and its options beside it.", "anyOf": variants}
    return {"$ref": "#/$defs/step"}
