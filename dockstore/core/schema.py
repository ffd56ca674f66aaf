"""The grammar as JSON Schema 2020-12, for editors and for the documentation. Made from the same tables that read a file.

Rule 1: what `scenario.load_text` takes, the schema takes, as any YAML parser reads it (a mode may have become a number, `no` a boolean).
Rule 2: names may hold `${…}`: variables are replaced before anything is read.
"""

from __future__ import annotations

from typing import Any

from dockstore.core import texts
from dockstore.core.expecting import OPERATIONS
from dockstore.core.facts import KINDS, Fact
from dockstore.core.mutants import MUTANT
from dockstore.core.shape import VARIABLE_PATTERN, Defs, Json, text_schema
from dockstore.core.things import CONTAINER, HOST, IMAGE, VOLUME_THING
from dockstore.core.top import MATRIX, TOP, VARS
from dockstore.core.verbs import steps_schema

_VARIABLE: Json = {"type": "string", "pattern": VARIABLE_PATTERN}
_NUMBER: Json = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^-?[0-9.]+(?:[bkmg]|ms|s|h)?$|{VARIABLE_PATTERN}"}]}
_FLAG: Json = {"anyOf": [{"enum": [True, False, "true", "false"]}, _VARIABLE]}
_TEXTS: Json = {"type": "array", "items": text_schema(None)}
_PAIRS: Json = {"type": "object", "additionalProperties": text_schema(None)}
_VALUES: dict[str, Json] = {
    "text": text_schema(None),
    "flag": _FLAG,
    "number": _NUMBER,
    "size": _NUMBER,
    "seconds": _NUMBER,
    "mode": text_schema("[0-7]{3,4}"),
    "owner": text_schema("[0-9]+:[0-9]+"),
    "texts": _TEXTS,
    "pairs": _PAIRS,
    "refusal": {
        "anyOf": [{"type": "boolean"}, text_schema("[45][0-9]{2}|true|false"), {"type": "array", "items": text_schema("[45][0-9]{2}"), "minItems": 1}]
    },
}
_OPERATION_VALUES: dict[str, Json] = {
    "equals": {},
    "contains": {"anyOf": [text_schema(None), _TEXTS, _PAIRS]},
    "matches": text_schema(None),
    "at_least": _NUMBER,
    "at_most": _NUMBER,
    "same_as": text_schema(None),
    "differs_from": text_schema(None),
    "since": text_schema(None),
    "otherwise": {"const": "undecided"},
}


def scenario_schema() -> dict[str, object]:
    """The JSON Schema of a scenario file."""
    defs: Defs = {}
    defs["steps"] = {"type": "array", "items": steps_schema(defs)}
    _expect(defs)
    _mutants(defs)
    described = TOP.described(defs)
    long_form: Json = {"required": ["steps", "expect"], "properties": {"matrix": False}}
    short_form: Json = {"required": ["matrix"], "properties": dict.fromkeys(("containers", "images", "volumes", "host", "steps", "expect"), False)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dockstore scenario file, version 1",
        **described,
        "not": {"required": ["nuance", "instead"]},
        "oneOf": [long_form, short_form],
        "$defs": dict(sorted(defs.items())),
    }


def _expect(defs: Defs) -> None:
    """`expect`: a schema cannot know of which kind a look is, so it takes the facts of all kinds."""
    operations: Json = {name: {"description": doc, **_OPERATION_VALUES[name]} for name, doc in OPERATIONS.items()}
    defs["asked"] = {
        "description": "In place of a value: what is asked of it.",
        "type": "object",
        "properties": operations,
        "additionalProperties": False,
    }
    facts: dict[str, list[Fact]] = {}
    for kind in KINDS.values():
        for fact in kind.facts.values():
            facts.setdefault(fact.name, []).append(fact)
    properties: Json = {name: _fact(same) for name, same in facts.items()}
    path = {"description": "of a diff: what became of the path", "enum": ["A", "C", "D", "none"]}
    defs["look"] = {
        "description": "What a look should show: a value (the look's first fact), or facts by name.",
        "anyOf": [
            text_schema(None),
            {
                "type": "object",
                "properties": {**properties, **operations},
                "patternProperties": {"^/": {"anyOf": [path, {"$ref": "#/$defs/asked"}]}},
                "additionalProperties": False,
                "minProperties": 1,
            },
        ],
    }
    looks: Json = {"type": "object", "additionalProperties": {"$ref": "#/$defs/look"}}
    names: Json = {"pattern": f"^(?:{texts.CAPABILITY_PATTERN})$|{VARIABLE_PATTERN}"}
    where: Json = {
        "description": "CAPABILITY: {look: value}; where the engine has it (or `not` has it) these replace the values above",
        "type": "object",
        "propertyNames": names,
        "additionalProperties": looks,
    }
    defs["expect"] = {**looks, "properties": {"where": where}}


def _fact(facts: list[Fact]) -> Json:
    """One name, for all kinds of look that know it."""
    values: list[Any] = []
    for fact in facts:
        value = {"anyOf": [{"enum": list(fact.words)}, _VARIABLE]} if fact.kind == "word" else _VALUES[fact.kind]
        if value not in values:
            values.append(value)
    docs = dict.fromkeys(fact.doc for fact in facts)
    return {"description": "; or: ".join(docs), "anyOf": [*values, {"$ref": "#/$defs/asked"}]}


def _mutants(defs: Defs) -> None:
    """`mutants`: the parts of the file again, but any key may be left out, or taken away with `~`."""
    changes: Json = MUTANT.described(defs)
    properties: Json = changes["properties"]
    for name, shape in (("containers", CONTAINER), ("volumes", VOLUME_THING), ("images", IMAGE)):
        shape.schema(defs)
        keys = {key.name: {"anyOf": [{"$ref": f"#/$defs/{shape.name}/properties/{key.name}"}, {"type": "null"}]} for key in shape.keys}
        one: Json = {"type": ["object", "null"], "properties": keys, "additionalProperties": False}
        properties[name] = {**properties[name], "additionalProperties": one}
    properties["host"] = {**properties["host"], **HOST.reader.schema(defs)}
    vars_: Json = VARS.reader.schema(defs)
    properties["vars"] = {**properties["vars"], **vars_, "additionalProperties": {"anyOf": [vars_["additionalProperties"], {"type": "null"}]}}
    properties["matrix"] = {**properties["matrix"], **MATRIX.reader.schema(defs)}
    properties["expect"] = {"description": "look: what it should show; these replace those there", "$ref": "#/$defs/expect"}
    defs["mutant"] = changes
    defs["mutants"] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/mutant"}}
