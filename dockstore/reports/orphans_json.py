"""`dockstore.orphans/1`: what was found as JSON, whole or one orphan a line.

Rule 1: keys are only ever added within a version; `orphans_schema` describes each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dockstore.reports import phrases
from dockstore.reports.json_report import engine

if TYPE_CHECKING:
    from dockstore.core.orphans import Orphan, OrphansReport, Owner
    from dockstore.core.recognise import Content

Json = dict[str, object]
SCHEMA: Final = "dockstore.orphans/1"


def render(report: OrphansReport) -> str:
    """Render the report as one JSON document, indented, with a line end."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def render_lines(report: OrphansReport) -> str:
    """Render one orphan a line, each with the schema and the engine that it belongs to."""
    head = {"schema": SCHEMA, "engine": report.engine.engine_id}
    return "".join(json.dumps({**head, **orphan(one)}, ensure_ascii=False, allow_nan=False) + "\n" for one in report.orphans)


def document(report: OrphansReport) -> Json:
    """Return the report as JSON values."""
    full = [one for one in report.orphans if not one.empty]
    return {
        "schema": SCHEMA,
        "dockstore": report.dockstore,
        "started": report.started,
        "seconds": report.seconds,
        "engines": [engine("e1", report.engine)],
        "orphans": [orphan(one) for one in report.orphans],
        "summary": {
            "volumes": sum(one.kind == "volume" for one in full),
            "layers": sum(one.kind == "layer" for one in full),
            "empty": len(report.orphans) - len(full),
            "unseen": sum(one.unseen is not None for one in full),
            "size_bytes": sum(one.size_bytes or 0 for one in full),
            "of_volumes": report.volumes,
            "of_containers": report.containers,
        },
        "notes": [_plain(note) for note in report.notes],
        "limits": [_plain(limit) for limit in report.limits],
    }


def orphan(one: Orphan) -> Json:
    """Return one orphan."""
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "anonymous": one.anonymous,
        "reasons": [reason.value for reason in one.reasons],
        "driver": one.driver,
        "created": one.created,
        "host_path": one.host_path,
        "size_bytes": one.size_bytes,
        "files": one.files,
        "at_least": one.at_least,
        "last_change": one.last_change,
        "unseen": _maybe(one.unseen),
        "looks_like": [content(found) for found in one.contents],
        "owner": owner(one.owner) if one.owner is not None else None,
        "others": [owner(other) for other in one.others],
        "commands": [{"what": step.what, "says": step.says, "command": step.command} for step in one.steps],
    }


def content(found: Content) -> Json:
    """Return one thing that was recognised."""
    return {
        "kind": found.id,
        "name": found.name,
        "version": _maybe(found.version),
        "detail": _maybe(found.detail),
        "path": _plain(found.path),
        "signs": [_plain(sign) for sign in found.signs],
        "derived": found.derived,
    }


def owner(found: Owner) -> Json:
    """Return whom it may have belonged to."""
    return {
        "confidence": found.confidence.value,
        "project": found.project,
        "service": found.service,
        "container": found.container,
        "image": found.image,
        "target": found.target,
        "why": [_plain(reason) for reason in found.why],
    }


def _plain(text: str) -> str:
    return phrases.clean(text)


def _maybe(text: str | None) -> str | None:
    return None if text is None else phrases.clean(text)
