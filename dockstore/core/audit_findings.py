"""The rules applied: places and fates in, findings with the way out.

Rule 1: one datum, one finding of its family: the most exact reason why it is lost, not all that are true.
Rule 2: a finding stands where the user would change the file.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core import fixes
from dockstore.core.audit_rows import (
    SCRATCH_NAMES,
    events_of,
    fate_of,
    fixed_host_name,
    guarded,
    may_not_write,
    mount_over,
    mounts_of,
    routine,
    saves,
)
from dockstore.core.image_kinds import parse, recognise
from dockstore.core.rules import ADVICE, RULES, WARNING
from dockstore.core.stack_outcome import LOSSES
from dockstore.core.stack_report import Finding, RowFate
from dockstore.core.storage import StoreClass, beneath

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dockstore.core.audit_rows import Datum, Setting
    from dockstore.core.stack_model import Service, Spot, Stack, StackMount

_CODE_PLACES = frozenset({"/app", "/usr/src/app", "/var/www", "/var/www/html", "/srv/app", "/opt/app", "/code"})


def found(stack: Stack, data: Sequence[Datum], setting: Setting) -> Iterator[Finding]:
    """Yield every finding of a stack."""
    doubted: set[str] = set()
    for datum in data:
        lost = _lost_by(stack, datum, setting)
        if datum.kept is not None:
            yield from _kept(datum, lost)
        elif datum.found == "written":
            yield from _written(datum, lost)
        elif datum.vague:
            yield _vague(datum)
        else:
            yield from _declared(datum, lost)
        for one in _writing(datum, setting):
            if one.severity != ADVICE or datum.service.name not in doubted:
                yield one
            doubted.add(datum.service.name)
        if setting.upgraded is not None:
            yield from _upgrade(datum, setting)
    for service in stack.services:
        yield from _binds(service, setting)
        yield from _frozen(service)
        yield from _tag(service)
    yield from _project(stack, data)
    yield from _external(stack, setting)
    yield from _shared(data)


def finding(
    rule: str,
    message: str,
    *,
    service: str | None = None,
    path: str | None = None,
    spot: Spot | None = None,
    fix: str | None = None,
    as_: str | None = None,
) -> Finding:
    """Return a finding with its rule's severity, or the one given."""
    return Finding(rule=rule, severity=as_ or RULES[rule].severity, service=service, path=path, spot=spot, message=message, fix=fix)


def _lost_by(stack: Stack, datum: Datum, setting: Setting) -> tuple[str, ...]:
    """The routine events that lose *datum*, but for upgrades (they have rules of their own)."""
    events = [event for event in events_of(stack) if routine(event) and not (setting.upgraded is not None and event.endswith("upgrade"))]
    return tuple(event for event in events if fate_of(datum, event, setting).fate in LOSSES | {RowFate.UNWRITABLE})


def _events(lost: tuple[str, ...]) -> str:
    shown: list[str] = [event for event in ("restart", "recreate", "down+up", "remove+run", "stop+start") if event in lost]
    shown = shown or list(lost)
    return " and ".join(shown[:2])


# --- data that an image is known to keep ----------------------------------------------------------------------------------


def _kept(datum: Datum, lost: tuple[str, ...]) -> Iterator[Finding]:
    service, mount, path = datum.service, datum.mount, datum.path
    name = service.name
    what = datum.kept.what if datum.kept is not None else "data"
    kind = datum.recognised.image.kind if datum.recognised is not None else "the image"
    if mount is not None and mount.read_only:
        text = f"{path} is mounted read only: {kind} cannot write {what}"
        yield finding(
            "DS401", text, service=name, path=path, spot=mount.spot, fix=f"remove `:ro` (or `read_only: true`) from the mount at {mount.target}"
        )
        return
    if mount is not None and mount.kind == "tmpfs":
        text = f"{path}, where {kind} keeps {what}, lies in memory (the tmpfs at {mount.target}): gone after {_events(lost)}"
        yield finding("DS102", text, service=name, path=path, spot=mount.spot, fix=fixes.named_volume(service, path))
        return
    guard = guarded(datum)
    if guard is not None:
        text = f"{kind} keeps {what} in {path}, and refuses to start while something is mounted at {guard.target}"
        goal = mount.target if mount is not None else path
        yield finding("DS303", text, service=name, path=path, spot=guard.spot, fix=fixes.moved(guard, goal))
        return
    outside = mount is None or (datum.held.anonymous and mount.declared_by in {"image VOLUME", "volumes_from"})
    if outside and (lost or datum.doubtful):
        yield _misplaced(datum, lost, kind, what)
    elif datum.held.anonymous and mount is not None and lost:
        text = f"the volume at {mount.target} has no name: after {_events(lost)} {kind} begins anew, and the old data is orphaned"
        yield finding("DS202", text, service=name, path=path, spot=mount.spot, fix=fixes.named_volume(service, mount.target), as_="error")
    elif datum.recognised is not None and datum.recognised.image.host_name is not None and lost:
        variable = datum.recognised.image.host_name
        if not fixed_host_name(service, variable):
            text = f"{kind} keeps its data under its host name, and that changes with every container: after {_events(lost)} it finds nothing"
            spot = service.image_spot or service.spot
            yield finding("DS307", text, service=name, path=path, spot=spot, fix=fixes.host_name(service))
    elif lost and datum.held.kind is StoreClass.TMPFS_VOLUME and mount is not None:
        text = f"the volume at {mount.target} lies in memory (type tmpfs): {what} is gone after {_events(lost)}"
        yield finding("DS102", text, service=name, path=path, spot=mount.spot, fix=fixes.named_volume(service, path))
    if datum.recognised is not None and datum.recognised.image.memory and not outside and mount is not None:
        yield from _memory(datum, kind)
    yield from _partial(datum, kind)


def _misplaced(datum: Datum, lost: tuple[str, ...], kind: str, what: str) -> Finding:
    """Nothing of the user's holds it: say which mount was meant for it, if there is one."""
    service, path = datum.service, datum.path
    goal = datum.mount.target if datum.mount is not None else path  # where the image itself wants a volume
    own = [mount for mount in service.mounts if mount.kind in {"volume", "bind"} and mount.declared_by == "compose" and not mount.read_only]
    own += [mount for mount in service.mounts if mount.kind in {"volume", "bind"} and mount.declared_by == "container" and mount.source is not None]
    end = f"after {_events(lost)} it is {'orphaned' if datum.held.anonymous else 'gone'}" if lost else "a new container does not have it"
    where = f"an anonymous volume (the image declares {datum.mount.target})" if datum.mount is not None else "the writable layer"
    above = [mount for mount in own if beneath(path, mount.target)]
    below = [mount for mount in own if mount.target != path and beneath(mount.target, path)]
    if above:
        mount = max(above, key=lambda one: len(one.target))
        text = f"{kind} keeps {what} in {path}, and the image's own volume lies there, over the mount at {mount.target}: {end}"
        return finding("DS301", text, service=service.name, path=path, spot=mount.spot, fix=fixes.moved(mount, goal))
    if below:
        text = f"{kind} keeps {what} in {path}; {below[0].target} is only a part of it, the rest lies in {where}: {end}"
        return finding("DS302", text, service=service.name, path=path, spot=below[0].spot, fix=fixes.moved(below[0], goal))
    if datum.moved_by is not None and (own or datum.mount is None):
        text = f"{datum.moved_by} puts {what} of {kind} into {path}, where nothing is mounted: {end}"
        return finding(
            "DS304", text, service=service.name, path=path, spot=_setting_spot(datum), fix=fixes.mount_or_setting(service, datum.moved_by, path, own)
        )
    beside = _beside(path, own, datum)
    if beside is not None and not beside.target.startswith("/"):
        text = f"{kind} keeps {what} in {path}; Compose takes the one letter before the colon for a Windows drive, and mounts no volume there"
        return finding("DS303", text, service=service.name, path=path, spot=beside.spot, fix="give the volume a name of two letters or more")
    if beside is not None:
        text = f"{kind} keeps {what} in {path}, not in {beside.target}: it lies in {where}, {end}"
        return finding("DS303", text, service=service.name, path=path, spot=beside.spot, fix=fixes.moved(beside, goal))
    spot = service.image_spot or service.spot
    fix = fixes.named_volume(service, goal)
    if datum.mount is not None:
        text = f"{kind} keeps {what} in {path}, in {where}: {end}"
        return finding("DS201", text, service=service.name, path=path, spot=spot, fix=fix)
    text = f"{kind} keeps {what} in {path}, and nothing is mounted there: {end}"
    return finding("DS101", text, service=service.name, path=path, spot=spot, fix=fix)


def _beside(path: str, own: list[StackMount], datum: Datum) -> StackMount | None:
    """The mount that was probably meant for *path*: one that shares a folder with it, or the only volume that serves nothing else."""
    first = path.strip("/").split("/")
    candidates = [mount for mount in own if datum.recognised is None or not any(mount.target == place for place in _other_places(datum))]
    near = [
        mount
        for mount in candidates
        if mount.target.startswith("/")
        and len(posixpath.commonpath([path, mount.target]).strip("/").split("/")) >= min(2, len(first) - 1)
        and posixpath.commonpath([path, mount.target]) != "/"
    ]
    if near:
        return near[0]
    volumes = [mount for mount in own if mount.kind == "volume"]
    return volumes[0] if len(volumes) == 1 and volumes[0] in candidates else None


def _other_places(datum: Datum) -> tuple[str, ...]:
    known = datum.recognised.image if datum.recognised is not None else None
    return tuple(kept.path for kept in known.kept) + known.content if known is not None else ()


def _setting_spot(datum: Datum) -> Spot | None:
    spots = datum.service.setting_spots
    return spots.get(datum.moved_by or "") or datum.service.image_spot or datum.service.spot


def _memory(datum: Datum, kind: str) -> Iterator[Finding]:
    saved = saves(datum.service)
    if saved is True:
        return
    when = "never saves" if saved is False else "saves only now and then"
    text = f"{kind} {when}: what it has not saved is only in memory, and gone when it is killed"
    spot = datum.service.setting_spots.get("command") or datum.service.image_spot or datum.service.spot
    severity = "error" if saved is False else None
    yield finding("DS103", text, service=datum.service.name, path=datum.path, spot=spot, fix=fixes.append_only(datum), as_=severity)


def _partial(datum: Datum, kind: str) -> Iterator[Finding]:
    """A further mount inside a data folder that is mounted: fine where it is a store of its own, a loss where it is not."""
    for mount in datum.service.mounts:
        if datum.mount is None or mount is datum.mount or not beneath(mount.target, datum.path) or mount.target == datum.path:
            continue
        if mount.kind == "tmpfs":
            text = f"{mount.target} lies inside the data of {kind}, and in memory"
            yield finding(
                "DS102", text, service=datum.service.name, path=mount.target, spot=mount.spot, fix="remove the tmpfs, or move it out of the data"
            )


# --- data that was seen, or that somebody mounted a store for -------------------------------------------------------------


def _written(datum: Datum, lost: tuple[str, ...]) -> Iterator[Finding]:
    if not lost or datum.role != "data":
        return
    name, path = datum.service.name, datum.path
    text = f"{path} was written in the writable layer: gone after {_events(lost)}"
    if datum.service.auto_remove:
        yield finding("DS104", f"{text}, for it was run with --rm", service=name, path=path, fix=fixes.named_volume(datum.service, path))
        return
    severity = None if datum.recognised is not None and datum.kept is not None else WARNING
    yield finding("DS101", text, service=name, path=path, spot=datum.service.image_spot, fix=fixes.named_volume(datum.service, path), as_=severity)


def _vague(datum: Datum) -> Finding:
    service = datum.service
    text = f"{datum.rests_on}: whether this service keeps data outside its mounts, only a drill can tell"
    fix = "dockstore drill shows where it writes; if it keeps nothing, say so: # dockstore: ignore[DS902]: keeps nothing"
    return finding("DS902", text, service=service.name, path=None, spot=service.image_spot or service.spot, fix=fix)


def _declared(datum: Datum, lost: tuple[str, ...]) -> Iterator[Finding]:
    mount, service = datum.mount, datum.service
    if mount is None:
        return
    if mount.kind == "tmpfs":
        yield from _hollow(service, mount)
    elif datum.held.kind is StoreClass.TMPFS_VOLUME and lost:
        text = f"the volume at {mount.target} lies in memory (type tmpfs): what is written there is gone after {_events(lost)}"
        yield finding("DS102", text, service=service.name, path=mount.target, spot=mount.spot, fix=fixes.named_volume(service, mount.target))
    if not datum.held.anonymous or not lost or datum.role == "scratch":
        return  # node_modules and their like: what is in it can be made again
    if mount.declared_by == "image VOLUME":
        yield _volume_of_the_image(datum, lost)
    elif mount.declared_by != "volumes_from":  # said where it is declared
        text = f"the volume at {mount.target} has no name: what is written there is orphaned by {_events(lost)}"
        yield finding("DS202", text, service=service.name, path=mount.target, spot=mount.spot, fix=fixes.named_volume(service, mount.target))


def _volume_of_the_image(datum: Datum, lost: tuple[str, ...]) -> Finding:
    """A VOLUME that the user mounts nothing over: what a known server does not use is advice, what an unknown program may use a warning."""
    service, path = datum.service, datum.path
    spot = service.image_spot or service.spot
    fix = fixes.named_volume(service, path)
    if datum.recognised is not None:
        text = f"the image declares a volume at {path}, where {datum.recognised.image.kind} is not known to keep data"
        return finding("DS904", text, service=service.name, path=path, spot=spot, fix=fix)
    own = [mount for mount in service.mounts if mount.kind in {"volume", "bind"} and mount.source is not None and not mount.read_only]
    end = f"what is written there is orphaned by {_events(lost)}"
    above = [mount for mount in own if beneath(path, mount.target)]
    if above:
        mount = max(above, key=lambda one: len(one.target))
        text = f"the image declares a volume at {path}, which lies over the mount at {mount.target}: {end}"
        return finding("DS301", text, service=service.name, path=path, spot=mount.spot, fix=fixes.moved(mount, path), as_=WARNING)
    below = next((mount for mount in own if beneath(mount.target, path)), None)
    if below is not None:
        text = f"the image declares a volume at {path}, and {below.target} is only a part of it: {end}"
        return finding("DS302", text, service=service.name, path=path, spot=below.spot, fix=fixes.moved(below, path), as_=WARNING)
    text = f"the image declares a volume at {path}, and nothing is mounted there: {end}"
    return finding("DS201", text, service=service.name, path=path, spot=spot, fix=fix, as_=WARNING)


def _hollow(service: Service, tmpfs: StackMount) -> Iterator[Finding]:
    """A tmpfs inside a volume or folder that keeps data: a hole in it."""
    around = mount_over(posixpath.dirname(tmpfs.target), service.mounts)
    name = tmpfs.target.rpartition("/")[2]
    if around is None or around.kind not in {"volume", "bind"} or around.source is None or around.read_only:
        return
    if name.strip(".") in {"tmp", "temp", "cache", "run", "log", "logs", "sockets"} or name in SCRATCH_NAMES:
        return
    text = f"{tmpfs.target} lies in memory, inside {around.target}, which is kept: what is written there is gone with every stop"
    fix = f"remove the tmpfs at {tmpfs.target}"
    yield finding("DS102", text, service=service.name, path=tmpfs.target, spot=tmpfs.spot, fix=fix, as_=WARNING)


# --- writing and starting -------------------------------------------------------------------------------------------------


def _writing(datum: Datum, setting: Setting) -> Iterator[Finding]:
    mount, service = datum.mount, datum.service
    why = may_not_write(datum, setting)
    if why is not None and mount is not None and datum.role == "data":
        severity = None if datum.recognised is not None or mount.kind == "bind" or service.image.known else ADVICE
        yield finding(
            "DS402", why, service=service.name, path=datum.path, spot=service.user_spot or mount.spot, fix=fixes.owner(service, mount), as_=severity
        )


def _binds(service: Service, setting: Setting) -> Iterator[Finding]:
    for mount in service.mounts:
        if mount.kind != "bind" or mount.source is None or mount.declared_by == "volumes_from":
            continue
        if mount.source in setting.binds.absent:
            if not mount.source.endswith("docker.sock"):  # a host without an engine at that place, not a store
                yield _absent(service, mount)
        elif mount.source in setting.binds.files and not mount.read_only and not mount.source.endswith(".sock"):
            text = f"{mount.target} is a single file: a program that saves by rename fails, an editor on the host that does is not seen"
            folder = posixpath.dirname(mount.target)
            fix = f"bind the folder: - {posixpath.dirname(mount.source)}:{folder}, or make it read only (`:ro`) if the service only reads it"
            yield finding("DS305", text, service=service.name, path=mount.target, spot=mount.spot, fix=fix)


def _absent(service: Service, mount: StackMount) -> Finding:
    if not mount.create_host_path:
        text = f"{mount.source} is missing on this host, and the mount does not let the engine make it: the service cannot start"
        return finding("DS403", text, service=service.name, path=mount.target, spot=mount.spot, fix=f"mkdir -p {mount.source}")
    looks_like_a_file = "." in posixpath.basename(mount.target).lstrip(".") and not mount.target.endswith(".d")
    if looks_like_a_file:
        text = f"{mount.source} is missing on this host: the engine makes an empty folder of that name, where a file is expected"
        return finding(
            "DS306", text, service=service.name, path=mount.target, spot=mount.spot, fix=f"make the file {mount.source} first", as_=WARNING
        )
    text = f"{mount.source} is missing on this host: the engine makes it, empty and owned by root"
    severity = WARNING if mount.read_only else None
    return finding("DS306", text, service=service.name, path=mount.target, spot=mount.spot, fix=f"mkdir -p {mount.source}", as_=severity)


# --- upgrades -------------------------------------------------------------------------------------------------------------


def _upgrade(datum: Datum, setting: Setting) -> Iterator[Finding]:
    after = next((one for one in setting.upgraded.services if one.name == datum.service.name), None) if setting.upgraded is not None else None
    if after is None or datum.vague or datum.role == "scratch":
        return
    name, path = datum.service.name, datum.path
    told, before = (fate_of(datum, event, setting) for event in ("upgrade", "recreate"))
    spot = after.image_spot or datum.service.image_spot
    if told.fate is before.fate or told.fate is RowFate.UNKNOWN:
        if datum.recognised is None and datum.found == "declared":
            yield from _moved_volume(datum, after)
        return
    if told.fate in LOSSES and datum.kept is None:
        now = mount_over(path, after.mounts)
        spot = (now.spot if now is not None else None) or spot
        yield finding("DS205", told.why, service=name, path=path, spot=spot, fix=fixes.carry_over(datum, now))
    elif told.fate in LOSSES or (told.fate is RowFate.CANNOT_START and "refuses to start" in told.why):
        yield finding("DS205", told.why, service=name, path=path, spot=spot, fix=fixes.upgrade(after, datum))
    elif told.fate is RowFate.CANNOT_START:
        yield finding("DS206", told.why, service=name, path=path, spot=spot, fix=fixes.dump_and_restore(datum))


def _moved_volume(datum: Datum, after: Service) -> Iterator[Finding]:
    """The old image declares a VOLUME where the data is, and the new one does not, but another."""
    then, now = set(datum.service.image.volumes), set(after.image.volumes)
    if not (datum.service.image.known and after.image.known) or datum.path not in then or datum.path in now or not now - then:
        return
    text = f"the new image declares its volume at {', '.join(sorted(now - then))}, no longer at {datum.path}: it may look for its data there"
    spot = after.image_spot or datum.service.image_spot
    yield finding(
        "DS205",
        text,
        service=datum.service.name,
        path=datum.path,
        spot=spot,
        fix="drill the upgrade before it is done: dockstore drill --upgrade FILE",
        as_=WARNING,
    )


# --- the whole stack ------------------------------------------------------------------------------------------------------


def _project(stack: Stack, data: Iterable[Datum]) -> Iterator[Finding]:
    if stack.name_fixed or stack.kind != "compose":
        return
    volumes = {volume.key: volume for volume in stack.volumes if not volume.external and not volume.name_fixed}
    used = [datum.mount.source for datum in data if datum.mount is not None and datum.mount.source in volumes and datum.role == "data"]
    if used:
        first = volumes[used[0] or ""]
        text = f"volumes are called after the project ({first.name}), and the project after its folder: in a renamed folder they are new and empty"
        yield finding("DS203", text, spot=first.spot, fix=f"name: {stack.name}   # at the top of the Compose file")


def _external(stack: Stack, setting: Setting) -> Iterator[Finding]:
    for volume in stack.volumes:
        if volume.external and volume.name in setting.absent_volumes:
            text = f"the external volume {volume.name} is not on this engine: Compose does not make it, and `up` refuses"
            yield finding("DS204", text, spot=volume.spot, fix=f"docker volume create {volume.name}")


def _shared(data: Sequence[Datum]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], Datum] = {}
    for datum in data:
        mount = datum.mount
        if datum.kept is None or mount is None or datum.recognised is None or not datum.recognised.image.single_writer or mount.read_only:
            continue
        kind = datum.recognised.image.kind
        key = mount.volume or (mount.source if mount.kind == "bind" else None)
        if datum.service.replicas > 1 and key is not None:
            text = f"{datum.service.replicas} replicas of {kind} would write one data folder: they destroy it, or all but one do not start"
            spot = datum.service.setting_spots.get("deploy") or mount.spot
            yield finding(
                "DS501", text, service=datum.service.name, path=datum.path, spot=spot, fix="one replica; for more, let the database replicate itself"
            )
        if key is None:
            continue
        inside = datum.path.removeprefix(mount.target).strip("/")
        other = seen.setdefault((key, inside), datum)
        if other is not datum and other.service.name != datum.service.name:
            text = f"{datum.service.name} and {other.service.name} are both {kind} servers on {key}: two servers on one data folder destroy it"
            yield finding(
                "DS501", text, service=datum.service.name, path=datum.path, spot=mount.spot, fix=fixes.named_volume(datum.service, mount.target)
            )


def _frozen(service: Service) -> Iterator[Finding]:
    recognised = recognise(service)
    content = recognised.image.content if recognised is not None else ()
    for mount in mounts_of(service, recognised):
        if mount.kind != "volume" or mount.nocopy or mount.declared_by == "image VOLUME":
            continue
        name = mount.target.rpartition("/")[2]
        code = service.built or service.image.known
        workdir = service.working_dir or service.image.working_dir
        frozen = mount.target in content or (
            recognised is None and mount.source is not None and (mount.target in _CODE_PLACES or (code and mount.target == workdir))
        )
        if frozen or (name == "node_modules" and mount.source is not None):
            text = f"the volume at {mount.target} keeps the first image's files: what a newer image brings there is not seen"
            fix = f"mount only what the service writes, not {mount.target}; or remove the volume with each new image"
            yield finding("DS901", text, service=service.name, path=mount.target, spot=mount.spot, fix=fix)


def _tag(service: Service) -> Iterator[Finding]:
    recognised = recognise(service)
    if recognised is None or not recognised.image.single_writer or service.built or recognised.by != "its name":
        return
    reference = service.image.reference
    _, tag = parse(reference)
    if tag in {None, "latest"} and "@" not in reference:
        text = f"{reference} is whatever is newest when it is pulled: an upgrade of {recognised.image.kind} comes unasked"
        spot = service.image_spot or service.spot
        yield finding("DS903", text, service=service.name, path=None, spot=spot, fix=f"image: {reference.partition(':')[0]}:<major version>")
