"""`dockstore.drill/1` and `dockstore.audit/1`: a stack's report as JSON, and as JSON Lines.

Rule 1: keys are only ever added within a version; `stack_schema` describes each.
Rule 2: an audit has the same rows; its fates are predicted, its sights are empty.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dockstore.reports import json_report, phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dockstore.core.stack_report import Finding, Row, RowStore, ServiceState, StackReport

Json = dict[str, object]


def schema_name(kind: str) -> str:
    """Return `dockstore.audit/1` or `dockstore.drill/1`."""
    return f"dockstore.{kind}/1"


def render(reports: Sequence[StackReport]) -> str:
    """Render one report as a document; several as a list of documents."""
    documents = [document(report) for report in reports]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def lines(reports: Sequence[StackReport]) -> str:
    """Render reports as JSON Lines: one row or finding a line, each with what it belongs to."""
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for report in reports for line in _lines(report))


def document(report: StackReport) -> Json:
    """Return a report as JSON values."""
    return {
        "schema": schema_name(report.kind),
        "dockstore": report.dockstore,
        "run": report.run,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "interrupted": report.interrupted,
        "engines": [json_report.engine(key, info) for key, info in report.engines.items()],
        "stack": {"files": [_plain(file) for file in report.files], "name": _plain(report.name)},
        "outcome": report.outcome.value,
        "services": [service(one) for one in report.services],
        "rows": [row(one, report.kind) for one in report.rows],
        "findings": [finding(one) for one in report.findings],
        "limits": [_plain(one) for one in report.limits],
        "notes": [_plain(one) for one in report.notes],
        "history": report.history,
        "base": None if report.base is None else {"base": _plain(report.base), "head": _plain(report.head or ""), "history": report.base_history},
    }


def service(one: ServiceState) -> Json:
    """Return how a service came up."""
    return {
        "service": one.service,
        "state": one.state,
        "writes_nothing": one.writes_nothing,
        "log": [_plain(line) for line in one.log],
        "detail": _plain(one.detail),
    }


def row(one: Row, kind: str = "drill") -> Json:
    """Return a row; of an audit without sights."""
    found: Json = {
        "service": one.service,
        "path": _text(one.path),
        "aliases": [_plain(alias) for alias in one.aliases],
        "seen_in": [{"service": service, "path": _plain(path)} for service, path in one.seen_in],
        "role": one.role,
        "role_rule": _plain(one.role_rule),
        "found": one.found,
        "probe": one.probe,
        "store": None if one.store is None else store(one.store),
        "event": one.event,
        "fate": one.fate.value,
        "must_survive": one.must_survive,
        "why": _plain(one.why),
        "recover": _text(one.recover),
        "fix": _text(one.fix),
        "service_after": one.service_after,
        "rests_on": _text(one.rests_on),
        "base_fate": one.base_fate.value if one.base_fate is not None else None,
        "store_fate": one.store_fate,
    }
    if kind != "audit":
        found["sights"] = {vantage.value: sight.value for vantage, sight in one.sights.items()}
    return found


def store(one: RowStore) -> Json:
    """Return the store behind a row."""
    return {
        "kind": one.kind.value,
        "anonymous": one.anonymous,
        "id": one.id,
        "name": _text(one.name),
        "declared_by": one.declared_by,
        "host_path": _text(one.host_path),
    }


def finding(one: Finding) -> Json:
    """Return a finding with its place."""
    spot = one.spot
    return {
        "rule": one.rule,
        "severity": one.severity,
        "service": one.service,
        "path": _text(one.path),
        "file": None if spot is None else _plain(spot.file),
        "line": spot.line if spot is not None and spot.line else None,
        "column": spot.column if spot is not None and spot.column else None,
        "message": _plain(one.message),
        "fix": _text(one.fix),
        "ignored": _text(one.ignored),
    }


def _lines(report: StackReport) -> Iterator[Json]:
    belongs: Json = {
        "schema": schema_name(report.kind),
        "run": report.run,
        "stack": _plain(report.name),
        "files": [_plain(file) for file in report.files],
    }
    yield belongs | {"kind": "stack", "outcome": report.outcome.value, "limits": [_plain(one) for one in report.limits]}
    for one in report.services:
        yield belongs | {"kind": "service"} | service(one)
    for found in report.findings:
        yield belongs | {"kind": "finding"} | finding(found)
    for told in report.rows:
        yield belongs | {"kind": "row"} | row(told, report.kind)


def _plain(text: str) -> str:
    """Return *text* without lone surrogates, which no UTF-8 reader accepts, and without a terminal's control characters."""
    return phrases.clean(text)


def _text(text: str | None) -> str | None:
    return None if text is None else _plain(text)
