"""Where each service keeps data, and what each event makes of it: the predicted rows of an audit.

Rule 1: a prediction names what it rests on; an assumption is said to be one.
Rule 2: `unknown` wherever the files cannot tell: where an unknown program writes, what is only in memory, what a start script does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dockstore.core.image_kinds import folder_of, recognise
from dockstore.core.stack_events import BY_NAME
from dockstore.core.stack_model import StackMount
from dockstore.core.stack_report import Row, RowFate, RowStore
from dockstore.core.storage import StoreClass, beneath
from dockstore.core.storage_rules import ABRUPT, COURSES, OF_A_CONTAINER, Fate, Ground, Held, held, predict
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from dockstore.core.image_kinds import Recognised
    from dockstore.core.known_images import Kept
    from dockstore.core.stack_model import Service, Stack, StackVolume

SCRATCH_PLACES = ("/tmp", "/run", "/var/run", "/var/tmp", "/var/cache", "/var/log", "/dev", "/proc", "/sys", "/root/.cache")  # noqa: S108
SCRATCH_NAMES = frozenset({"node_modules", ".cache", "__pycache__", ".venv", "venv", "vendor", ".next", ".nuxt", "target", ".gradle", ".m2", "tmp"})
NOT_A_PLACE = ("/var/run/docker.sock", "/run/docker.sock", "/etc/localtime", "/etc/timezone")
FILES = "the Compose file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What was found about binds on this host: *absent* sources, and those that are single *files*. None: not looked at."""

    absent: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    looked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known beside the stack."""

    ground: Ground = field(default_factory=Ground)
    binds: Missing = field(default_factory=Missing)
    upgraded: Stack | None = None
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of a container: folders that its layer was seen to hold
    absent_volumes: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()  # services of which somebody says that they keep nothing outside their mounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One place of a service that may hold data."""

    service: Service
    path: str
    role: str
    role_rule: str
    found: str  # inferred, declared, written
    held: Held
    rests_on: str
    recognised: Recognised | None = None
    kept: Kept | None = None
    moved_by: str | None = None  # the variable or flag that puts it there
    vague: bool = False  # nobody knows whether the service writes there
    doubtful: bool = False  # layer or anonymous volume: the image is not here
    seen_in: tuple[tuple[str, str], ...] = ()

    @property
    def mount(self) -> StackMount | None:
        """The mount that holds it; None: the writable layer."""
        return self.held.mount

    @property
    def counts(self) -> bool:
        """Whether a loss of it is a loss: data that the service is taken to write, or that somebody mounted a store for."""
        return self.role == "data" and (self.found != "declared" or not self.held.anonymous)


# --- what a service keeps where -------------------------------------------------------------------------------------------


def data_of(stack: Stack, setting: Setting) -> tuple[Datum, ...]:
    """Return every place that may hold data, service by service."""
    volumes = _volumes(stack)
    users: Counter[str | None] = Counter(mount.volume for service in stack.services for mount in service.mounts if mount.volume is not None)
    return tuple(_with_users(datum, stack) for service in stack.services for datum in _of(service, volumes, users, setting))


def _volumes(stack: Stack) -> dict[str, StackVolume]:
    return {volume.name: volume for volume in stack.volumes} | {volume.key: volume for volume in stack.volumes}


def mounts_of(service: Service, recognised: Recognised | None) -> tuple[StackMount, ...]:
    """The mounts of a service; where its image is not here, with those that such an image is known to declare."""
    if service.image.known or recognised is None:
        return service.mounts
    taken = {mount.target for mount in service.mounts}
    declared = (
        StackMount(kind="volume", target=path, declared_by="image VOLUME", spot=service.image_spot) for path in recognised.image.volumes or ()
    )
    return (*service.mounts, *(mount for mount in declared if mount.target not in taken))


def mount_over(path: str, mounts: Iterable[StackMount]) -> StackMount | None:
    """The deepest mount that holds *path*."""
    holding = [mount for mount in mounts if beneath(path, mount.target)]
    return max(holding, key=lambda mount: mount.target.rstrip("/").count("/"), default=None)


def _of(service: Service, volumes: Mapping[str, StackVolume], users: Counter[str | None], setting: Setting) -> Iterator[Datum]:
    recognised = recognise(service)
    mounts = mounts_of(service, recognised)

    def store(mount: StackMount | None) -> Held:
        shared = mount is not None and mount.volume is not None and users[mount.volume] > 1
        return held(mount, volumes, shared=shared or (mount is not None and mount.declared_by == "volumes_from"))

    taken: set[str] = set()
    for kept in recognised.image.kept if recognised is not None else ():
        assert recognised is not None  # noqa: S101  # the loop is empty otherwise
        path, moved_by = folder_of(kept, service, recognised)
        mount = mount_over(path, mounts)
        taken |= {mount.target} if mount is not None else set()
        doubtful = mount is None and not service.image.known and recognised.image.volumes is None
        yield Datum(
            service=service,
            path=path,
            role="data",
            role_rule=f"{recognised.image.kind} keeps {kept.what} there",
            found="inferred",
            held=store(mount),
            rests_on=f"{_moved(moved_by, kept, service)}{recognised.said}",
            recognised=recognised,
            kept=kept,
            moved_by=moved_by,
            doubtful=doubtful,
        )
    for path in setting.written.get(service.name, ()):
        scratch = scratch_place(path)
        yield Datum(
            service=service,
            path=path,
            role="scratch" if scratch else "data",
            role_rule=scratch or "it was written since the container was made",
            found="written",
            held=store(mount_over(path, mounts)),
            rests_on="what the engine says has changed in the container's writable layer",
            recognised=recognised,
        )
    for mount in mounts:
        if mount.target in taken or not _may_hold(mount, setting.binds):
            continue
        yield _declared(service, mount, store(mount), recognised)
    if recognised is None and service.name not in setting.written:
        why = "the image is not here" if not service.image.known and not service.built else "no file says where this program writes"
        yield Datum(
            service=service,
            path="/",
            role="data",
            role_rule="whatever it writes outside its mounts",
            found="inferred",
            held=store(mount_over("/", mounts)),
            rests_on=why,
            vague=True,
        )


def _moved(moved_by: str | None, kept: Kept, service: Service) -> str:
    if moved_by is not None:
        return f"{moved_by} of the service, and "
    return f"{kept.variable} of the image, and " if kept.variable is not None and kept.variable in service.image.environment else ""


def _may_hold(mount: StackMount, binds: Missing) -> bool:
    """Whether a mount may hold data that the service writes."""
    if mount.kind not in {"volume", "bind", "tmpfs"} or mount.read_only or mount.target in NOT_A_PLACE:
        return False
    return not (mount.kind == "bind" and ((mount.source or "").endswith(".sock") or mount.source in binds.files))


def _declared(service: Service, mount: StackMount, store: Held, recognised: Recognised | None) -> Datum:
    role, rule = "data", "it is mounted, and a mount says: keep"
    name = mount.target.rstrip("/").rpartition("/")[2]
    if mount.kind == "tmpfs":
        role, rule = "scratch", "a tmpfs mount says: nothing to keep"
    elif store.anonymous and (name in SCRATCH_NAMES or scratch_place(mount.target)):
        role, rule = "scratch", f"an anonymous volume at {mount.target} holds what can be made again"
    elif mount.declared_by == "image VOLUME":
        rule = "the image declares a VOLUME there; whether anything is written is not known"
    rests = "the image's VOLUME" if mount.declared_by == "image VOLUME" else "the container's mounts" if mount.declared_by == "container" else FILES
    if mount.declared_by == "image VOLUME" and not service.image.known and recognised is not None:
        rests = recognised.said
    return Datum(service=service, path=mount.target, role=role, role_rule=rule, found="declared", held=store, rests_on=rests, recognised=recognised)


def scratch_place(path: str) -> str | None:
    """The rule by which *path* is scratch in a writable layer, if there is one."""
    return next((f"{place} is for what need not last" for place in SCRATCH_PLACES if beneath(path, place)), None)


def _with_users(datum: Datum, stack: Stack) -> Datum:
    mount = datum.mount
    if mount is None or (mount.volume is None and mount.kind != "bind"):
        return datum
    others = tuple(
        (service.name, other.target)
        for service in stack.services
        for other in service.mounts
        if service.name != datum.service.name and other.kind == mount.kind and (other.volume or other.source) == (mount.volume or mount.source)
    )
    if not others:
        return datum
    return replace(datum, seen_in=others)


# --- what becomes of it ---------------------------------------------------------------------------------------------------


def events_of(stack: Stack) -> tuple[str, ...]:
    """The events that this kind of stack knows, in the order of the contract."""
    if stack.kind in {"container", "image"}:
        return tuple(event for event in COURSES if event in OF_A_CONTAINER)
    return tuple(COURSES)


def rows_of(stack: Stack, data: Iterable[Datum], setting: Setting, *, kept: Collection[tuple[str, str]] = ()) -> tuple[Row, ...]:
    """Return a row for each datum and event. *kept*: (service, path) that an ignore comment takes out of what must survive."""
    events = events_of(stack)
    return tuple(_row(datum, event, setting, ignored=(datum.service.name, datum.path) in kept) for datum in data for event in events)


def routine(event: str) -> bool:
    """Whether data must survive *event*."""
    known = BY_NAME.get(event)
    return known is not None and known.routine


def _row(datum: Datum, event: str, setting: Setting, *, ignored: bool) -> Row:
    told = fate_of(datum, event, setting)
    mount = datum.mount
    return Row(
        service=datum.service.name,
        path=datum.path,
        role=datum.role,
        role_rule=datum.role_rule,
        found=datum.found,
        store=RowStore(
            kind=datum.held.store_kind,
            name=mount.volume if mount is not None else None,
            anonymous=datum.held.anonymous,
            declared_by=mount.declared_by if mount is not None else None,
            host_path=mount.source if mount is not None and mount.kind == "bind" else None,
        ),
        event=event,
        fate=told.fate,
        must_survive=routine(event) and datum.counts and not ignored,
        why=told.why,
        seen_in=datum.seen_in,
        rests_on=datum.rests_on,
        store_fate=told.store.value if told.store is not None else None,
    )


def fate_of(datum: Datum, event: str, setting: Setting) -> Fate:
    """Predict what becomes of *datum* under *event*."""
    mount, service = datum.mount, datum.service
    guard = guarded(datum)
    if guard is not None:
        return Fate(fate=RowFate.CANNOT_START, why=f"this image refuses to start while something is mounted at {guard.target}; nothing is written")
    if mount is not None and mount.kind == "bind" and not mount.create_host_path and mount.source in setting.binds.absent:
        return Fate(fate=RowFate.CANNOT_START, why=f"{mount.source} is missing, and nothing makes it")
    if mount is None and service.read_only and datum.vague:
        return Fate(fate=RowFate.UNKNOWN, why="the root file system is read only: whether the program wants to write there, only a drill can tell")
    if (mount is not None and mount.read_only) or (mount is None and service.read_only):
        return Fate(fate=RowFate.UNWRITABLE, why="it is mounted read only" if mount is not None else "the root file system is read only")
    if event in {"upgrade", "down+upgrade"} and setting.upgraded is not None:
        told = _upgraded(datum, event, setting.upgraded)
        if told is not None:
            return told
    told = predict(datum.held, event, setting.ground)
    stranger = may_not_write(datum, setting)
    if stranger is not None and told.fate is RowFate.PERSISTED:
        return Fate(fate=RowFate.UNKNOWN, why=stranger)
    if datum.vague and told.fate is not RowFate.PERSISTED:
        return Fate(fate=RowFate.UNKNOWN, why=f"{datum.rests_on}: what it writes outside its mounts would be {told.fate.value}; a drill can tell")
    if datum.doubtful:
        other = predict(Held(kind=StoreClass.ANONYMOUS_VOLUME, mount=StackMount(kind="volume", target=datum.path)), event, setting.ground)
        if other.fate is not told.fate:
            why = f"the image is not here: {told.fate.value} without a VOLUME at {datum.path}, {other.fate.value} with one"
            return Fate(fate=RowFate.UNKNOWN, why=why)
    if told.fate is not RowFate.PERSISTED:
        return told
    if datum.recognised is None and datum.found == "declared" and datum.role == "data" and service.name not in setting.trusted:
        if COURSES[event].running:
            return told  # nothing happens to the service
        why = f"{told.why}; whether the program finds its data in it, only a drill can tell"
        return Fate(fate=RowFate.UNKNOWN, why=why, store=told.fate)
    return _found_by_the_service(datum, event, told)


def _found_by_the_service(datum: Datum, event: str, told: Fate) -> Fate:
    """Tell whether the service finds the bytes, which are there, and whether they were ever written."""
    recognised, service = datum.recognised, datum.service
    if recognised is None or datum.kept is None:
        return told
    known = recognised.image
    if known.host_name is not None and COURSES[event].new_container and not fixed_host_name(service, known.host_name):
        why = f"{known.kind} keeps its data under its host name, and a new container has a new one"
        return Fate(fate=RowFate.ORPHANED, why=why)
    if known.memory:
        saved = saves(service)
        if saved is False:
            return Fate(fate=RowFate.LOST, why=f"{known.kind} is told to save nothing: its data is only in memory")
        if event in ABRUPT and saved is not True:
            return Fate(fate=RowFate.UNKNOWN, why=f"what {known.kind} has not saved yet is only in memory when it is killed")
    return told


def guarded(datum: Datum) -> StackMount | None:
    """The mount for which the image refuses to start, if there is one (PostgreSQL from 18 on: docker-library/postgres, pull request 1259)."""
    recognised = datum.recognised
    if recognised is None or datum.kept is None or datum.moved_by is not None or recognised.by != "its name":
        return None
    return next((mount for mount in datum.service.mounts if mount.target == recognised.image.guard), None)


def may_not_write(datum: Datum, setting: Setting) -> str | None:
    """Why the user that the service runs as may be refused to write, if that is in doubt."""
    user, mount = (datum.service.user or "").partition(":")[0], datum.mount
    if not user.isdecimal() or user == "0" or mount is None or datum.vague or datum.found == "written":
        return None
    if mount.kind == "bind" and mount.source in setting.binds.absent:
        return f"the folder is missing: the engine makes it for root, and user {user} may not write there"
    if mount.kind != "volume" or datum.held.kind not in {StoreClass.NAMED_VOLUME, StoreClass.ANONYMOUS_VOLUME}:
        return None
    known = datum.recognised.image if datum.recognised is not None else None
    if (known is not None and known.uid == int(user)) or (datum.service.image.user or "").partition(":")[0] == user:
        return None
    return f"a new volume belongs to root unless the image's own {mount.target} belongs to user {user}"


def fixed_host_name(service: Service, variable: str) -> bool:
    """Whether the name under which a service finds its data outlives the container."""
    return service.hostname is not None or "@" in service.environment.get(variable, "")


def saves(service: Service) -> bool | None:
    """Whether Redis or Valkey writes each change to a file (True), now and then (None) or never (False)."""
    given = (*(service.entrypoint or ()), *(service.command or ()))
    if any(word == "--save" and following in {"", "''", '""'} for word, following in pairwise(given)):
        saves_never = True
    else:
        text = " ".join(given).replace('"', "'")
        saves_never = "--save ''" in text or "--save=''" in text
    words = [word.strip("'\"").lstrip("-") for word in " ".join(given).replace("=", " ").split()]
    if any(word == "appendonly" and following == "yes" for word, following in pairwise(words)):
        return True
    return False if saves_never else None


def _upgraded(datum: Datum, event: str, after: Stack) -> Fate | None:
    """What an upgrade to *after* makes of *datum*, where it differs from a mere re-creation."""
    service = next((one for one in after.services if one.name == datum.service.name), None)
    if service is None:
        return Fate(fate=RowFate.ORPHANED, why="the upgraded stack has no such service") if datum.mount is not None else None
    recognised = recognise(service)
    if datum.kept is None or datum.recognised is None or recognised is None:
        return _other_store(datum, event, service, recognised)
    match = next((kept for kept in recognised.image.kept if kept.what == datum.kept.what), None)
    if match is None:
        return Fate(fate=RowFate.UNKNOWN, why=f"it was {datum.recognised.image.kind} and becomes {recognised.image.kind}")
    path, _ = folder_of(match, service, recognised)
    mounts = mounts_of(service, recognised)
    now = mount_over(path, mounts)
    guard = recognised.image.guard
    if guard is not None and path != datum.path and any(mount.target == guard for mount in mounts) and recognised.by == "its name":
        return Fate(fate=RowFate.CANNOT_START, why=f"the new image refuses to start while something is mounted at {guard}; the old data stays in it")
    if datum.mount is None or datum.mount.kind == "tmpfs":
        return None  # gone with the old container, whatever the new one is
    if path != datum.path and not _same_place(datum, now, path):
        return Fate(fate=RowFate.ORPHANED, why=f"the new image keeps its data in {path}; what lies in {datum.path} is no longer looked at")
    if (
        datum.recognised.major is not None
        and recognised.major is not None
        and datum.recognised.major != recognised.major
        and match.variable == "PGDATA"
    ):
        why = f"PostgreSQL {recognised.major} does not start on the files of version {datum.recognised.major}"
        return Fate(fate=RowFate.CANNOT_START, why=why)
    return _other_store(datum, event, service, recognised)


def _other_store(datum: Datum, event: str, after: Service, recognised: Recognised | None) -> Fate | None:
    """Whether the upgraded service has another store at the same path; None: the same one."""
    then = datum.mount
    if then is None or then.kind == "tmpfs" or datum.vague:
        return None
    now = mount_over(datum.path, mounts_of(after, recognised))
    if now is None or now.target != then.target or _key(now) != _key(then):
        if _key(then) is None and event == "down+upgrade":
            return None  # orphaned already by the `down`
        what = "nothing is mounted there any more" if now is None else f"{now.source or 'another store'} is mounted there now"
        return Fate(fate=RowFate.ORPHANED, why=f"{what}; the old store stays as it is, and the service does not have it")
    if datum.recognised is None and (after.image.reference != datum.service.image.reference or after.user != datum.service.user):
        return Fate(fate=RowFate.UNKNOWN, why="where the new image looks for its data, and as whom, only a drill can tell", store=RowFate.PERSISTED)
    return None


def _key(mount: StackMount) -> str | None:
    """What tells a store from others by name; None: an anonymous volume."""
    return mount.source if mount.kind == "bind" else mount.volume if mount.source is not None else None


def _same_place(datum: Datum, now: StackMount | None, path: str) -> bool:
    """Whether *path* under the new mount is, inside its store, where the datum was inside the same store."""
    then = datum.mount
    if then is None or now is None or (then.volume or then.source) is None or (then.volume or then.source) != (now.volume or now.source):
        return False
    return datum.path.removeprefix(then.target).strip("/") == path.removeprefix(now.target).strip("/")
