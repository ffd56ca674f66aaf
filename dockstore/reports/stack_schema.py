"""The JSON Schema of `dockstore.audit/1` and `dockstore.drill/1`, for `dockstore schema audit` and `dockstore schema drill`.

Rule 1: additional keys are allowed everywhere, for keys are added within a version; what is listed as required is promised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core.model import Sight, StoreKind, Vantage
from dockstore.core.rules import SEVERITIES
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.reports.stack_json import schema_name

if TYPE_CHECKING:
    from enum import StrEnum

Json = dict[str, object]

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_FLAG: Final[Json] = {"type": "boolean"}
_PLACE: Final[Json] = {"type": ["integer", "null"], "minimum": 1}
_ENGINE_TEXTS: Final = ("id", "address", "engine_id", "product", "version", "api", "storage_driver", "image_store", "kernel", "operating_system")


def stack_schema(kind: str) -> Json:
    """Return the schema of a whole document of *kind* `audit` or `drill`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"a report of dockstore {kind}",
        **_object(
            {
                "schema": {"const": schema_name(kind)},
                "dockstore": _TEXT,
                "run": _TEXT,
                "started": {"type": "string", "description": "UTC, ISO 8601"},
                "seconds": {"type": "number", "minimum": 0},
                "interrupted": _FLAG,
                "engines": _list("engine"),
                "stack": _object({"files": _TEXTS, "name": _TEXT}),
                "outcome": _enum(StackOutcome),
                "services": _list("service"),
                "rows": _list("row"),
                "findings": _list("finding"),
                "limits": {**_TEXTS, "description": "what could not be copied or asked faithfully"},
                "notes": _TEXTS,
                "history": _MAYBE,
                "base": {
                    "anyOf": [_object({"base": _TEXT, "head": _TEXT, "history": _MAYBE}), {"type": "null"}],
                    "description": "of a drill of a change in Git: what the head's rows are compared with",
                },
            }
        ),
        "$defs": {"engine": _engine(), "service": _service(kind), "row": _row(kind), "store": _store(), "finding": _finding()},
    }


def _engine() -> Json:
    flags = dict.fromkeys(("rootless", "disposable", "host_files"), _FLAG)
    return _object({**dict.fromkeys(_ENGINE_TEXTS, _TEXT), **flags})


def _service(kind: str) -> Json:
    states = ["not-started"] if kind == "audit" else ["up", "slow", "cannot-start"]
    return _object({"service": _TEXT, "state": {"enum": states}, "writes_nothing": _FLAG, "log": _TEXTS, "detail": _TEXT})


def _row(kind: str) -> Json:
    found = ["written", "probe", "declared", "inferred"]
    properties: Json = {
        "service": _TEXT,
        "path": {**_MAYBE, "description": "the real path in the container; null: data that touch no file"},
        "aliases": _TEXTS,
        "seen_in": {"type": "array", "items": _object({"service": _TEXT, "path": _TEXT})},
        "role": {"enum": ["data", "scratch"]},
        "role_rule": _TEXT,
        "found": {"enum": found},
        "probe": _MAYBE,
        "store": {"anyOf": [{"$ref": "#/$defs/store"}, {"type": "null"}]},
        "event": _TEXT,
        "fate": _enum(RowFate),
        "must_survive": _FLAG,
        "why": _TEXT,
        "recover": {**_MAYBE, "description": "the commands that bring the bytes back"},
        "fix": _MAYBE,
        "service_after": {"enum": ["up", "not-ready", "down", None]},
        "base_fate": {
            "enum": [*(fate.value for fate in RowFate), None],
            "description": "of a drill of a change in Git: what the base makes of it",
        },
        "rests_on": {**_MAYBE, "description": "of an audit: what the prediction rests on"},
        "store_fate": {"enum": [*(fate.value for fate in RowFate), None], "description": "of an audit: what becomes of the store itself"},
    }
    if kind != "audit":
        sights = {vantage.value: _enum(Sight) for vantage in Vantage}
        properties["sights"] = {"type": "object", "properties": sights, "additionalProperties": False}
    return _object(properties)


def _store() -> Json:
    maybe = dict.fromkeys(("id", "name", "declared_by", "host_path"), _MAYBE)
    return _object({"kind": _enum(StoreKind), "anonymous": _FLAG, **maybe})


def _finding() -> Json:
    return _object(
        {
            "rule": {"type": "string", "pattern": "^DS[0-9]{3}$"},
            "severity": {"enum": list(SEVERITIES)},
            "service": _MAYBE,
            "path": _MAYBE,
            "file": _MAYBE,
            "line": _PLACE,
            "column": _PLACE,
            "message": _TEXT,
            "fix": _MAYBE,
            "ignored": {**_MAYBE, "description": "the reason of an ignore comment"},
        }
    )


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _enum(words: type[StrEnum]) -> Json:
    return {"enum": [word.value for word in words]}
