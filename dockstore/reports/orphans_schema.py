"""The JSON Schema of `dockstore.orphans/1`, for `dockstore schema orphans`.

Rule 1: additional keys are allowed everywhere, for keys are added within a version; what is listed as required is promised.
"""

from __future__ import annotations

from typing import Final

from dockstore.core.orphans import Confidence, Reason
from dockstore.reports.orphans_json import SCHEMA
from dockstore.reports.report_schema import report_schema

Json = dict[str, object]

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_FLAG: Final[Json] = {"type": "boolean"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}


def orphans_schema() -> Json:
    """Return the schema of a whole report, as JSON values."""
    shared = report_schema()["$defs"]
    engine = shared["engine"] if isinstance(shared, dict) else {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a report of dockstore orphans",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "dockstore": _TEXT,
                "started": {"type": "string", "description": "UTC, ISO 8601"},
                "seconds": {"type": "number", "minimum": 0},
                "engines": _list("engine"),
                "orphans": _list("orphan"),
                "summary": _object(dict.fromkeys(("volumes", "layers", "empty", "unseen", "size_bytes", "of_volumes", "of_containers"), _COUNT)),
                "notes": _TEXTS,
                "limits": {**_TEXTS, "description": "what could not be looked at, and the way out"},
            }
        ),
        "$defs": {"engine": engine, "orphan": _orphan(), "content": _content(), "owner": _owner()},
    }


def _orphan() -> Json:
    return _object(
        {
            "id": {"type": "string", "description": "volume:NAME or layer:CONTAINER"},
            "kind": {"enum": ["volume", "layer"]},
            "name": _TEXT,
            "anonymous": _FLAG,
            "reasons": {"type": "array", "minItems": 1, "items": {"enum": [reason.value for reason in Reason]}},
            "driver": _MAYBE,
            "created": {**_MAYBE, "description": "as the engine tells it"},
            "host_path": _MAYBE,
            "size_bytes": {"type": ["integer", "null"], "minimum": 0, "description": "apparent; null: not known"},
            "files": {"type": ["integer", "null"], "minimum": 0},
            "at_least": {"type": "boolean", "description": "the walk ended early: there is more"},
            "last_change": {**_MAYBE, "description": "UTC, ISO 8601: of the file that was changed last"},
            "unseen": {**_MAYBE, "description": "why it could not be looked into, or not wholly"},
            "looks_like": {"type": "array", "items": {"$ref": "#/$defs/content"}, "description": "what tells most first"},
            "owner": {"anyOf": [{"$ref": "#/$defs/owner"}, {"type": "null"}]},
            "others": _list("owner"),
            "commands": {
                "type": "array",
                "items": _object({"what": {"enum": ["look", "copy", "mount", "start"]}, "says": _TEXT, "command": _TEXT}),
            },
        }
    )


def _content() -> Json:
    return _object(
        {
            "kind": {"type": "string", "description": "postgresql, sqlite, ...; empty, files, unknown"},
            "name": _TEXT,
            "version": _MAYBE,
            "detail": _MAYBE,
            "path": {"type": "string", "description": "relative to the store"},
            "signs": {**_TEXTS, "description": "the files that it was recognised by"},
            "derived": {"type": "boolean", "description": "can be made again from something else"},
        }
    )


def _owner() -> Json:
    maybe = dict.fromkeys(("project", "service", "container", "image", "target"), _MAYBE)
    return _object({"confidence": {"enum": [word.value for word in Confidence]}, **maybe, "why": {**_TEXTS, "minItems": 1}})


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
