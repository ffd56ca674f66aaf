"""A stack in, a report out: what each event would make of its data, what is wrong, and what to write instead. Nothing is run.

Rule 1: findings come from the same places and fates as the rows; a finding never contradicts a row.
Rule 2: an error is a loss by a routine event that the files alone show; quiet where nothing is lost.
Rule 3: an ignored finding stays in the report with its reason, and its rows no longer count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.audit_findings import found
from dockstore.core.audit_rows import Setting, data_of, rows_of
from dockstore.core.rules import ADVICE, ERROR, RULES, WARNING
from dockstore.core.stack_outcome import outcome
from dockstore.core.stack_report import Finding, ServiceState, StackReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dockstore.core.audit_rows import Datum
    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_model import Ignore, Stack


def audit(
    stack: Stack,
    setting: Setting | None = None,
    *,
    dockstore: str,
    run: str,
    started: str,
    engines: Mapping[str, EngineInfo] | None = None,
    stateless: Iterable[str] = (),
    limits: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> StackReport:
    """Return the report of *stack*. *stateless*: services of which somebody says that they keep nothing outside their mounts."""
    setting = setting or Setting()
    silent = frozenset(stateless)
    data = tuple(datum for datum in data_of(stack, setting) if not (datum.vague and datum.service.name in silent))
    said = _silenced(found(stack, data, setting), stack.ignores)
    findings = sorted_findings((*said, *_ignores(stack.ignores)))
    vouched = {one.service for one in findings if one.rule == "DS902" and one.ignored is not None and one.service is not None}
    setting = replace(setting, trusted=frozenset(setting.trusted | silent | vouched))
    if stack.kind == "image":  # nobody wrote a mount wrongly: this is how the image has to be run
        findings = tuple(replace(one, severity=WARNING) if one.severity == ERROR else one for one in findings)
    kept = {(one.service, one.path or "/") for one in findings if one.ignored is not None and one.service is not None}
    rows = rows_of(stack, data, setting, kept=kept)
    services = tuple(_state(service.name, data) for service in stack.services)
    report = StackReport(
        kind="audit",
        dockstore=dockstore,
        run=run,
        started=started,
        engines=engines or {},
        files=stack.files,
        name=stack.name,
        outcome=outcome((), ()),
        services=services,
        rows=rows,
        findings=findings,
        limits=(*limits, *_limits(stack, data)),
        notes=notes,
    )
    return replace(report, outcome=outcome(rows, services))


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings as a reader wants them: by severity, then by place."""
    order = {ERROR: 0, WARNING: 1, ADVICE: 2}

    def key(one: Finding) -> tuple[object, ...]:
        spot = one.spot
        return (
            one.ignored is not None,
            order.get(one.severity, 3),
            spot.file if spot else "",
            spot.line if spot else 0,
            one.rule,
            one.service or "",
            one.path or "",
        )

    return tuple(sorted(dict.fromkeys(findings), key=key))


def _state(name: str, data: Iterable[Datum]) -> ServiceState:
    own = [datum for datum in data if datum.service.name == name]
    return ServiceState(service=name, state="not-started", writes_nothing=False, detail="" if own else "nothing of it is known to hold data")


def _limits(stack: Stack, data: Iterable[Datum]) -> Iterator[str]:
    for datum in data:
        if datum.vague:
            yield f"{datum.service.name}: {datum.rests_on}; what it writes outside its mounts, only a drill can tell"
    for service in stack.services:
        if any(
            "/" in place and mount.kind in {"volume", "bind"}
            for mount in service.mounts
            for place in (mount.target,)
            if place.startswith("/var/run/")
        ):
            yield f"{service.name}: /var/run is a link to /run in most images; where its mounts really lie, only a drill can tell"


# --- ignore comments ------------------------------------------------------------------------------------------------------


def _silenced(findings: Iterable[Finding], ignores: tuple[Ignore, ...]) -> Iterator[Finding]:
    for finding in findings:
        comment = next((one for one in ignores if _speaks_of(one, finding)), None)
        yield finding if comment is None or comment.reason is None else replace(finding, ignored=comment.reason)


def _speaks_of(comment: Ignore, finding: Finding) -> bool:
    """Whether a comment on the finding's line, or alone on the line above, names its rule."""
    spot = finding.spot
    if spot is None or spot.file != comment.spot.file or finding.rule not in comment.rules:
        return False
    return comment.spot.line == spot.line or (comment.alone and comment.spot.line == spot.line - 1)


def _ignores(ignores: tuple[Ignore, ...]) -> Iterator[Finding]:
    for one in ignores:
        if one.reason is None:
            yield Finding(
                rule="DS905",
                severity=RULES["DS905"].severity,
                service=None,
                path=None,
                spot=one.spot,
                message="this ignore has no reason, so it silences nothing",
                fix=f"# dockstore: ignore[{', '.join(one.rules) or 'DS101'}]: why the data may go",
            )
        unknown = [rule for rule in one.rules if rule not in RULES]
        if unknown or not one.rules:
            yield Finding(
                rule="DS906",
                severity=RULES["DS906"].severity,
                service=None,
                path=None,
                spot=one.spot,
                message=f"no such rule: {', '.join(unknown)}" if unknown else "this ignore names no rule, so it silences nothing",
                fix="# dockstore: ignore[DS101]: reason",
            )
