"""The JSON Schema of `dockstore.run/1`, for `dockstore schema report`.

Rule 1: additional keys are allowed everywhere, for keys are added within a version; what is listed as required is promised.
"""

from __future__ import annotations

from typing import Final

from dockstore.core.model import Fate, Outcome, Sight, StoreKind, Vantage
from dockstore.reports.json_report import SCHEMA

Json = dict[str, object]

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_SECONDS: Final[Json] = {"type": "number", "minimum": 0}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_SHOWN: Final[Json] = {"type": ["string", "number", "boolean", "array", "object"]}
VERDICTS: Final = ("holds", "holds-with-nuance", "does-not-hold", "refuted", "undecided", "untested")
KINDS: Final = ("fate", "sight", "fact", "result", "comparison", "measure", "refusal")


def report_schema() -> Json:
    """Return the schema of a whole report, as JSON values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a report of dockstore run, lesson or judge",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "dockstore": _TEXT,
                "command": {"enum": ["run", "lesson", "judge"]},
                "run": _TEXT,
                "started": {"type": "string", "description": "UTC, ISO 8601"},
                "seconds": _SECONDS,
                "interrupted": {"type": "boolean", "description": "the run was stopped; what was not reached is missing or undecided"},
                "engines": _list("engine"),
                "scenarios": _list("scenario"),
                "lesson_title": _MAYBE,
                "lesson": _list("claim"),
                "summary": _object(
                    {
                        "holds": _COUNT,
                        "refuted": _COUNT,
                        "undecided": _COUNT,
                        "skipped": _COUNT,
                        "mutants": _object({"refuted": _COUNT, "not_refuted": _COUNT}),
                    }
                ),
                "notes": _TEXTS,
            }
        ),
        "$defs": {"engine": _engine(), "scenario": _scenario(), "mutant": _mutant(), "ruling": _ruling(), "store": _store(), "claim": _claim()},
    }


def _engine() -> Json:
    texts = ("id", "address", "engine_id", "product", "version", "api", "storage_driver", "image_store", "kernel", "operating_system")
    flags = ("rootless", "disposable", "host_files")
    return _object({**dict.fromkeys(texts, _TEXT), **{key: {"type": "boolean"} for key in flags}})


def _scenario() -> Json:
    return _object(
        {
            "scenario": _TEXT,
            "file": _TEXT,
            "engine": {"type": "string", "description": "an engine's id"},
            "lesson": _TEXTS,
            "nuance": _MAYBE,
            "instead": _MAYBE,
            "tags": _TEXTS,
            "outcome": _enum(Outcome),
            "reason": _MAYBE,
            "unmet": {**_TEXTS, "description": "capabilities that the engine lacks: why it was skipped"},
            "seconds": _SECONDS,
            "history": {**_MAYBE, "description": "the file to judge again"},
            "mutants": _list("mutant"),
            "rulings": _list("ruling"),
        }
    )


def _mutant() -> Json:
    return _object(
        {
            "title": _TEXT,
            "outcome": {**_enum(Outcome), "description": "refuted is what is wanted"},
            "look": _MAYBE,
            "seconds": _SECONDS,
            "automatic": {"type": "boolean", "description": "a flipped fate, not a written mutant"},
            "reason": _MAYBE,
        }
    )


def _ruling() -> Json:
    sights = {vantage.value: _enum(Sight) for vantage in Vantage}
    return {
        **_object(
            {
                "look": _TEXT,
                "kind": {"enum": list(KINDS)},
                "fact": _TEXT,
                "write": _MAYBE,
                "place": _MAYBE,
                "line": {"type": "integer", "minimum": 1},
                "store": {"anyOf": [{"$ref": "#/$defs/store"}, {"type": "null"}]},
                "event": {**_MAYBE, "description": "from the write to the look, joined by +"},
                "column": {**_MAYBE, "description": "of a matrix: the store"},
                "expected": _SHOWN,
                "actual": {"anyOf": [_SHOWN, {"type": "null"}], "description": "null: could not be got"},
                "outcome": {"enum": [Outcome.HOLDS.value, Outcome.REFUTED.value, Outcome.UNDECIDED.value]},
                "sights": {"type": "object", "properties": sights, "additionalProperties": False},
                "why": _TEXT,
                "hint": _MAYBE,
            }
        ),
        "if": {"properties": {"kind": {"const": "fate"}}},
        "then": {"properties": {"actual": {"enum": [*(fate.value for fate in Fate), None]}}},
    }


def _store() -> Json:
    maybe = dict.fromkeys(("id", "name", "driver", "host_path", "target", "container"), _MAYBE)
    return _object({"kind": _enum(StoreKind), "anonymous": {"type": "boolean"}, **maybe})


def _claim() -> Json:
    return _object(
        {
            "id": _TEXT,
            "claim": _TEXT,
            "section": _TEXT,
            "verdict": {"enum": list(VERDICTS)},
            "nuance": _MAYBE,
            "scenarios": _TEXTS,
            "set_aside": _TEXTS,
        }
    )


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


def _enum(words: type[Fate | Outcome | Sight | StoreKind]) -> Json:
    return {"enum": [word.value for word in words]}
