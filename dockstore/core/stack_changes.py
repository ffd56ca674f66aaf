"""What a change of a stack's files does to its data: the base's drill and the head's, one report.

Rule 1: an event that both sides were put through is told as the head has it, with the base's fate beside it.
Rule 2: the upgrade from the base to the head is the change itself; what is lost in it has its place in the head's files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.drill_findings import silenced
from dockstore.core.rules import ERROR, RULES
from dockstore.core.stack_events import BY_NAME
from dockstore.core.stack_outcome import LOSSES
from dockstore.core.stack_report import Finding, RowFate
from dockstore.core.stack_words import listed_fates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.stack_model import Service, Spot, Stack, StackMount
    from dockstore.core.stack_report import Row, StackReport


def is_upgrade(row: Row) -> bool:
    """Tell whether a row is of the step from the base to the head."""
    return BY_NAME[row.event].switches == "upgraded"


def against(head: StackReport | None, base: StackReport, *, before: Stack | None, after: Stack | None) -> StackReport:
    """Return one report of both sides; *head* None: nothing but the upgrade was asked for, or the drill ended early."""
    upgrade = tuple(row for row in base.rows if is_upgrade(row))
    refused = {(row.service, row.path) for row in upgrade if row.must_survive and row.fate is RowFate.UNWRITABLE}
    unwritable = tuple(one for one in base.findings if one.rule == "DS402" and (one.service, one.path) in refused)
    found = (*changes(upgrade, before=before, after=after), *unwritable)
    fixes = {(one.service, one.path): one.fix for one in found}
    upgrade = tuple(replace(row, fix=fixes.get((row.service, row.path), row.fix)) for row in upgrade)
    if head is None:
        routine = tuple(row for row in base.rows if not is_upgrade(row))
        said = {(one.service, one.path) for one in found}
        kept = tuple(one for one in base.findings if (one.service, one.path) not in said) if routine else ()
        return replace(base, rows=(*routine, *upgrade), findings=(*found, *kept))
    fates = {(row.service, row.path, row.event): row.fate for row in base.rows}
    routine = tuple(replace(row, base_fate=fates.get((row.service, row.path, row.event))) for row in head.rows)
    there = {(row.service, row.path) for row in (*routine, *upgrade) if row.path is not None}
    gone = dict.fromkeys(
        (row.service, row.path) for row in base.rows if row.role == "data" and row.found != "declared" and (row.service, row.path) not in there
    )
    down = {state.service for state in head.services if state.state == "cannot-start"}
    as_before = [state.service for state in base.services if state.state == "cannot-start" and state.service in down]
    left = tuple(f"{service} does not come up in {base.base} either" for service in as_before) + tuple(
        f"{service}:{path} is written in {base.base} only" for service, path in gone if path is not None
    )
    return replace(
        head,
        rows=_in_order((*routine, *upgrade)),
        findings=(*found, *(one for one in head.findings if (one.service, one.path) not in fixes)),
        engines={**base.engines, **head.engines},
        limits=tuple(dict.fromkeys((*base.limits, *head.limits))),
        notes=tuple(dict.fromkeys((*head.notes, *base.notes, *left))),
        seconds=round(base.seconds + head.seconds, 3),
        interrupted=base.interrupted or head.interrupted,
        base=base.base,
        head=base.head,
        base_history=base.history,
    )


def _in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Rows of one place together, in the order in which places and events first come."""
    several = tuple(rows)
    services = list(dict.fromkeys(row.service for row in several))
    places = list(dict.fromkeys((row.service, row.path) for row in several))
    return tuple(sorted(several, key=lambda row: (services.index(row.service), places.index((row.service, row.path)))))


def changes(rows: Iterable[Row], *, before: Stack | None, after: Stack | None) -> tuple[Finding, ...]:
    """Return what the change breaks: a finding for each place that is lost in the upgrade, where the head's files say so."""
    old, new = _services(before), _services(after)
    bad: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        if row.must_survive and (row.fate in LOSSES or (row.fate is RowFate.UNKNOWN and "does not find its datum" in row.why)):
            bad.setdefault((row.service, row.path), []).append(row)
    return tuple(silenced(_finding(mine, old.get(service), new.get(service), after), after) for (service, _), mine in bad.items())


def _services(stack: Stack | None) -> dict[str, Service]:
    return {service.name: service for service in stack.services} if stack is not None else {}


def _finding(rows: list[Row], old: Service | None, new: Service | None, after: Stack | None) -> Finding:
    row = rows[0]
    what, spot, fix = _cause(row, old, new, after)
    path = row.path or "its data"
    message = f"{what}: {path} is {listed_fates(rows)} by {' and '.join(dict.fromkeys(one.event for one in rows))}"
    return Finding(rule="DS205", severity=ERROR, service=row.service, path=row.path, spot=spot, message=message, fix=fix)


def _cause(row: Row, old: Service | None, new: Service | None, after: Stack | None) -> tuple[str, Spot | None, str | None]:
    """What in the head's files does it, where, and what to write instead."""
    title = RULES["DS205"].title
    if old is None or new is None:
        return title, (after.services[0].spot if new is not None and after is not None and after.services else None), None
    then, now = _holding(old, row.path), _holding(new, row.path)
    if then is None:
        spot = (now.spot if now is not None else None) or new.image_spot or new.spot
        return f"{title} (no mount of the base held it)", spot, None
    moved = next((mount for mount in new.mounts if mount.source == then.source and mount.source is not None and mount.target != then.target), None)
    if now is not None and now.target == then.target and now.source != then.source:
        return _other_source(then, now, new)
    if moved is not None and not (now is not None and now.source == then.source):
        return (
            f"{then.source} is mounted at {moved.target} now, and the service still looks at {then.target}",
            moved.spot or new.spot,
            f"- {then.source}:{then.target}   # not {moved.target}",
        )
    if now is None:
        return f"nothing is mounted at {then.target} any more", new.spot, _named_again(row.service, then)
    if old.image.reference != new.image.reference:
        what = then.source or "the volume"
        fix = f"mount {what} where {new.image.reference} looks for its data, or dump with the old version and restore"
        return "the new image looks for its data elsewhere", new.image_spot or now.spot or new.spot, fix
    if old.built and new.built:
        fix = f"let the program look at {then.target} as before, or mount {then.source or 'the volume'} where it looks now"
        return "the image that is built now looks for its data elsewhere", now.spot or new.spot, fix
    return title, now.spot or new.spot, None


def _other_source(then: StackMount, now: StackMount, new: Service) -> tuple[str, Spot | None, str | None]:
    if then.source is None:
        return f"{now.source} is mounted over what lay in an anonymous volume", now.spot or new.spot, None
    copy = f"docker run --rm -v PROJECT_{then.source}:/from:ro -v PROJECT_{now.source}:/to busybox cp -a /from/. /to/"
    fix = f"- {then.source}:{then.target}   # not {now.source}"
    if then.kind == now.kind == "volume" and now.source is not None:
        fix += f"\n# or, before the upgrade, with the service stopped:\n# {copy}"
    return f"{now.source or 'an anonymous volume'} is mounted where {then.source} was", now.spot or new.spot, fix


def _named_again(service: str, then: StackMount) -> str:
    source = then.source or f"{service}-data"
    return f"services:\n  {service}:\n    volumes:\n      - {source}:{then.target}"


def _holding(service: Service, path: str | None) -> StackMount | None:
    """The mount that holds *path*: the deepest target wins."""
    if path is None:
        return None
    holding = [mount for mount in service.mounts if path == mount.target or path.startswith(f"{mount.target.rstrip('/')}/")]
    return max(holding, key=lambda mount: len(mount.target), default=None)
