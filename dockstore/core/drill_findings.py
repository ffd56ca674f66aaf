"""Rows in, findings and a fix out: what is wrong in the user's file, by rule, with its place, and the override that mends it.

Rule 1: a finding of a drill was seen, so where it loses what must survive it is an error, whatever its rule says of a mere file.
Rule 2: one finding for each service, path and cause, not one for each event.
Rule 3: the fix is a Compose file to be merged over the user's: what stands there is only what has to change.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dockstore.core.model import StoreKind
from dockstore.core.rules import ERROR, RULES
from dockstore.core.stack_events import BY_NAME
from dockstore.core.stack_outcome import LOSSES
from dockstore.core.stack_report import Finding, RowFate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dockstore.core.stack_model import Service, Spot, Stack, StackMount
    from dockstore.core.stack_report import Row


@dataclass(slots=True)
class Change:
    """What a service needs. *volumes*: name -> target."""

    volumes: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)  # target -> a volume that the file has already
    tmpfs: list[str] | None = None
    hostname: str | None = None
    command: list[str] | None = None


_DOWN = frozenset({RowFate.UNWRITABLE, RowFate.CANNOT_START})


def findings(rows: Iterable[Row], stack: Stack | None) -> tuple[Finding, ...]:
    """Return what the rows say is wrong in the files."""
    found: dict[tuple[str, str | None, str], Finding] = {}
    services = {service.name: service for service in stack.services} if stack is not None else {}
    several = tuple(rows)
    for key in dict.fromkeys((row.service, row.path) for row in several):
        mine = [row for row in several if (row.service, row.path) == key]
        bad = [row for row in mine if row.must_survive and (row.fate in LOSSES or row.fate in _DOWN or _missed(row))]
        for rule in dict.fromkeys(_rule(row, stack, several) for row in bad):
            if rule is not None:
                rows_of = [row for row in bad if _rule(row, stack, several) == rule]
                found.setdefault((key[0], key[1], rule), _finding(rule, rows_of, services.get(key[0])))
    return tuple(silenced(one, stack) for one in found.values())


def with_fixes(rows: tuple[Row, ...], stack: Stack | None) -> tuple[Row, ...]:
    """The rows, those that lose something with what would mend it."""
    return tuple(
        replace(row, fix=_fix(_rule(row, stack, rows), row)) if row.must_survive and (row.fate in LOSSES or _missed(row)) else row for row in rows
    )


def _missed(row: Row) -> bool:
    return row.fate is RowFate.UNKNOWN and "does not find its datum" in row.why


def _rule(row: Row, stack: Stack | None, rows: tuple[Row, ...]) -> str | None:
    """The rule that a bad row breaks."""
    service = next((service for service in stack.services if service.name == row.service), None) if stack is not None else None
    if row.fate is RowFate.UNWRITABLE:
        return _refused(row, service)
    if row.fate is RowFate.CANNOT_START:
        return "DS404"
    if "host name" in row.why:
        return "DS307"
    if "memory only" in row.why or (row.store is None and _missed(row)):
        return "DS103"
    upgrades = {one.event for one in rows if (one.service, one.path) == (row.service, row.path) and one.must_survive and one.fate in LOSSES}
    if upgrades and upgrades <= {"upgrade", "down+upgrade"}:
        return "DS205"
    if row.store is None:
        return None
    lasting = row.store.kind is StoreKind.BIND or (row.store.kind is StoreKind.VOLUME and not row.store.anonymous)
    beside = _beside(row, service, rows) if not lasting and row.store.kind is not StoreKind.TMPFS else None
    if beside is not None:
        return beside
    if lasting and _in_memory(row, service, stack):
        return "DS102"
    match row.store.kind:
        case StoreKind.WRITABLE_LAYER:
            return "DS101"
        case StoreKind.TMPFS:
            return "DS102"
        case StoreKind.VOLUME if row.store.anonymous:
            return "DS202" if row.store.declared_by == "compose" else "DS201"
        case _ if row.fate is RowFate.ALTERED:
            return "DS502"
        case _ if row.probe is not None and BY_NAME[row.event].abrupt:
            return "DS103"
        case _ if row.fate is RowFate.LOST and row.why.startswith("it is gone from ") and "in memory" not in row.why:
            return "DS502"  # the store is the same, and something removed it
        case _:
            return None


def _refused(row: Row, service: Service | None) -> str:
    """The rule of a write that was refused."""
    if row.store is not None and row.store.kind is StoreKind.BIND and "a mount of a single file" in row.why:
        return "DS305"
    over = _over(row.path, service.mounts) if service is not None else None
    closed = over.read_only if over is not None else service is not None and service.read_only
    return "DS401" if closed else "DS402"


def _over(path: str | None, mounts: Iterable[StackMount]) -> StackMount | None:
    """The deepest mount that holds *path*."""
    holding = [mount for mount in mounts if path is not None and _beneath(path, mount.target)]
    return max(holding, key=lambda mount: len(mount.target), default=None)


def _in_memory(row: Row, service: Service | None, stack: Stack | None) -> bool:
    """Whether the row lies in a volume that is a tmpfs by its options."""
    over = _over(row.path, service.mounts) if service is not None else None
    volumes = stack.volumes if stack is not None and over is not None else ()
    return any(volume.driver_opts.get("type") == "tmpfs" for volume in volumes if over is not None and over.volume in {volume.name, volume.key})


def _beside(row: Row, service: Service | None, rows: tuple[Row, ...]) -> str | None:
    """A mount that the file names near the data and that the service does not write to."""
    if service is None or row.path is None:
        return None
    used = {one.store.name or one.store.host_path for one in rows if one.service == row.service and one.found != "declared" and one.store is not None}
    for mount in service.mounts:
        if mount.kind not in {"volume", "bind"} or mount.source is None or mount.read_only or mount.declared_by != "compose":
            continue
        unused = [one for one in rows if one.service == row.service and one.found == "declared" and one.path == mount.target]
        if row.path != mount.target and _beneath(row.path, mount.target):
            return "DS301"
        if _beneath(mount.target, row.path) and mount.target != row.path:
            return "DS302"
        if unused and posixpath.dirname(mount.target) == posixpath.dirname(row.path) and mount.target not in used:
            return "DS303"
    return None


def _finding(rule: str, rows: list[Row], service: Service | None) -> Finding:
    row = rows[0]
    events = ", ".join(dict.fromkeys(one.event for one in rows))
    what = row.path or "its data"
    message = f"{RULES[rule].title}: {what} is {_fates(rows)} by {events}; {row.why}"
    if rule == "DS502" and row.seen_in:
        message += f"; {' and '.join(dict.fromkeys(name for name, _ in row.seen_in))} mounts it, too"
    if rule == "DS404":
        message = f"{RULES[rule].title} after {events}: {row.why}"
    return Finding(
        rule=rule, severity=ERROR, service=row.service, path=row.path, spot=_spot(rule, row, service), message=message, fix=_fix(rule, row)
    )


def _fates(rows: list[Row]) -> str:
    words = dict.fromkeys("missed by the service" if row.fate is RowFate.UNKNOWN else str(row.fate) for row in rows)
    return " or ".join(words)


def _spot(rule: str, row: Row, service: Service | None) -> Spot | None:
    if service is None:
        return None
    near = _mount_of(row, service, strict=rule not in {"DS301", "DS302", "DS303"})
    if near is not None and near.spot is not None:
        return near.spot
    return (service.image_spot if rule in {"DS201", "DS205"} else None) or service.spot


def _mount_of(row: Row, service: Service, *, strict: bool) -> StackMount | None:
    path = row.path or ""
    named = [mount for mount in service.mounts if mount.spot is not None and mount.declared_by == "compose"]
    if strict:
        return next((mount for mount in named if path and _beneath(path, mount.target)), None)
    return next(
        (mount for mount in named if mount.kind in {"volume", "bind"} and (_beneath(path, mount.target) or _beneath(mount.target, path))), None
    ) or next((mount for mount in named if posixpath.dirname(mount.target) == posixpath.dirname(path)), None)


def target_of(row: Row) -> str | None:
    """Where a named volume has to be mounted so that this row survives."""
    if row.path is None or row.store is None:
        return None
    return row.path if row.path.rpartition("/")[2] else "/"


def _fix(rule: str | None, row: Row) -> str | None:
    match rule:
        case "DS103":
            return (
                "the service keeps it in memory: turn its own persistence on (for Redis: --appendonly yes), and mount a named volume where it writes"
            )
        case "DS307":
            return f"services:\n  {row.service}:\n    hostname: {row.service}   # the data bear it"
        case "DS205":
            return "mount the volume where the new image looks for its data, or set its data folder to where the volume is; then migrate"
        case "DS401":
            return f"services.{row.service}: leave the read-only out where it writes ({row.path}), or mount a named volume there"
        case "DS305":
            return f"mount the folder {posixpath.dirname(row.path or '')} instead of the file"
        case "DS404":
            return "its log says why: often another user (run it as the one that owns the files), or files of another version (migrate them)"
        case "DS502":
            return "let the start script write only where there is nothing yet"
        case "DS402":
            return f"give {row.path} to the user of the service: chown it, or mount a volume that the image prepares"
        case None:
            return None
        case _ if row.lone_file:
            return f"let it write in a folder of its own instead of {row.path}, and mount a named volume there: a volume takes the place of a folder"
        case _:
            return f"services:\n  {row.service}:\n    volumes:\n      - {_volume(row)}:{target_of(row)}\nvolumes:\n  {_volume(row)}:"


def _volume(row: Row) -> str:
    name = posixpath.basename(row.path or "") or "data"
    clean = "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in name).strip("._-") or "data"
    return f"{row.service}_{clean}" if clean != row.service else f"{row.service}_data"


def override(rows: Iterable[Row], stack: Stack | None, *, upgrade: Iterable[tuple[str, str, str]] = ()) -> str | None:
    """Return the Compose file that mends what a fix can mend; None: there is nothing to mend.

    *upgrade*: service, path and volume of what the upgraded stack mounts. Where it has a volume for the data, that is the one to begin with.
    """
    coming = {(service, path): volume for service, path, volume in upgrade}
    several = tuple(rows)
    services = {service.name: service for service in stack.services} if stack is not None else {}
    changes: dict[str, Change] = {}
    for row in several:
        if not row.must_survive or not (row.fate in LOSSES or row.fate is RowFate.UNWRITABLE or _missed(row)):
            continue
        rule = _rule(row, stack, several)
        change = changes.setdefault(row.service, Change())
        if rule == "DS307":
            change.hostname = row.service
        elif rule == "DS103":
            _persistent(change, row, services.get(row.service), several)
        elif rule == "DS401":
            _opened(change, row, services.get(row.service))
        elif rule in {"DS101", "DS102", "DS201", "DS202", "DS301", "DS302", "DS303"}:
            _mounted(change, row, services.get(row.service), coming)
    changes = {name: change for name, change in changes.items() if change != Change()}
    return _yaml(changes) if changes else None


def _mounted(change: Change, row: Row, service: Service | None, coming: Mapping[tuple[str, str], str]) -> None:
    target = target_of(row)
    if target is None or row.lone_file or target in change.volumes.values():
        return
    if row.store is not None and row.store.kind is StoreKind.VOLUME and row.store.anonymous and service is not None:
        declared = [mount.target for mount in service.mounts if mount.kind == "volume" and mount.source is None and _beneath(target, mount.target)]
        target = max(declared, key=len, default=target)
    change.volumes[coming.get((row.service, target), _volume(row))] = target
    if row.store is not None and row.store.kind is StoreKind.TMPFS and service is not None:
        memory = [mount.target for mount in service.mounts if mount.kind == "tmpfs"]
        change.tmpfs = [other for other in memory if not _beneath(target, other)]


def _opened(change: Change, row: Row, service: Service | None) -> None:
    """Let the service write: the same volume without its read-only, or one where there is none. A folder of the host is its owner's to open."""
    over = _over(row.path, service.mounts) if service is not None else None
    if over is None and row.path is not None:
        change.volumes[_volume(row)] = row.path
    elif over is not None and over.kind == "volume" and over.source is not None:
        change.mounts[over.target] = over.source


def _persistent(change: Change, row: Row, service: Service | None, rows: tuple[Row, ...]) -> None:
    """A store that can write to disk and is told not to: known for Redis and Valkey only."""
    if row.probe != "redis" or service is None:
        return
    command = list(service.command or service.image.command or ("redis-server",))
    if "--appendonly" not in command:
        change.command = [*command, "--appendonly", "yes"]
    elif (value := command.index("--appendonly") + 1) < len(command) and command[value] != "yes":
        change.command = [*command[:value], "yes", *command[value + 1 :]]
    named = {one.store.name for one in rows if one.service == row.service and one.store is not None and not one.store.anonymous}
    anonymous = [mount.target for mount in service.mounts if mount.kind == "volume" and mount.source is None]
    if anonymous and not (named - {None}):
        change.volumes[f"{row.service}_data"] = anonymous[0]


def _yaml(changes: dict[str, Change]) -> str:
    lines = ["# what dockstore drill would change; merged over the stack: docker compose -f compose.yaml -f THIS up -d", "services:"]
    volumes: list[str] = []
    for name, change in changes.items():
        lines.append(f"  {json.dumps(name)}:")
        if change.hostname is not None:
            lines.append(f"    hostname: {json.dumps(change.hostname)}")
        if change.command is not None:
            lines.append(f"    command: {json.dumps([word.replace('$', '$$') for word in change.command])}")
        if change.tmpfs is not None:
            lines.append(f"    tmpfs: !override {json.dumps(change.tmpfs)}")
        if change.volumes or change.mounts:
            lines.append("    volumes:")
            lines += [f"      - {json.dumps(f'{volume}:{target}')}" for target, volume in change.mounts.items()]
            lines += [f"      - {json.dumps(f'{volume}:{target}')}" for volume, target in change.volumes.items()]
            volumes += change.volumes
    if volumes:
        lines.append("volumes:")
        lines += [f"  {json.dumps(volume)}: {{}}" for volume in dict.fromkeys(volumes)]
    return "\n".join(lines) + "\n"


def silenced(one: Finding, stack: Stack | None) -> Finding:
    """A comment on the finding's line (or alone above it) that names its rule, with a reason."""
    for comment in stack.ignores if stack is not None else ():
        spot = one.spot
        if spot is None or comment.reason is None or spot.file != comment.spot.file or one.rule not in comment.rules:
            continue
        if comment.spot.line in {spot.line, spot.line - 1}:
            return replace(one, ignored=comment.reason)
    return one


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
