"""The published JSON Schema takes what the reader takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dockstore.core.scenario import load_text
from dockstore.core.schema import scenario_schema
from dockstore.core.things import CONTAINER_KEYS
from dockstore.core.verbs import VERBS

HERE = Path(__file__).parent
GOOD = sorted((HERE / "grammar").glob("*.scenario.yaml"))
BUNDLED = sorted((HERE.parent / "scenarios").rglob("*.scenario.yaml"))
SCHEMA: dict[str, Any] = scenario_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def complaints(text: str) -> list[str]:
    """What the schema says against a file, as an editor's YAML parser reads it."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_json_schema_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("path", [*GOOD, *BUNDLED], ids=lambda path: path.stem.removesuffix(".scenario"))
def test_every_good_file_is_valid(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


def good(change: str = "", *, containers: str = "{db: {}}") -> str:
    """A short good file."""
    return (
        f"version: 1\nscenario: s\n{change}containers: {containers}\n"
        "steps: [{run: db}, {write: row, to: 'db:/row'}, {observe: row}]\nexpect: {row: persisted}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(good("vars: {name: db, where: '/data'}\n", containers="{'${name}': {mounts: ['${where}']}}"), id="variables in names"),
        pytest.param(
            good(containers="{db: {read_only: '${flag}', mem_limit: '${size}', restart: no}}", change="vars: {flag: true, size: 64m}\n"),
            id="variables elsewhere",
        ),
        pytest.param(good(containers="{db: {mounts: [{type: tmpfs, target: /t, mode: 0750, size: 64m}]}}"), id="a mode that YAML reads as a number"),
        pytest.param(good(containers="{db: {environment: {A: 1, B: true, C: yes}}}"), id="numbers and booleans as texts"),
        pytest.param(good(containers="{db: ~}"), id="a container without keys"),
        pytest.param(good("images: {app: {layers: [{/a: ~, /b: 1, /c/: {owner: '1:1'}}]}}\n"), id="layers"),
        pytest.param(good("host: {shared/: {}, app.conf: old, x/: ~}\n"), id="host files"),
    ],
)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert load_text(text, "f.yaml").problems == ()
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(good("hello: x\n"), id="an unknown key"),
        pytest.param(good(containers="{db: {volumes: [/data]}}"), id="an unknown key of a container"),
        pytest.param(good(containers="{host: {}}"), id="a reserved name"),
        pytest.param(good(containers="{db: {mounts: [{type: volume}]}}"), id="a missing key"),
        pytest.param(good(containers="{db: {mem_limit: 64MB}}"), id="a size"),
        pytest.param(good().replace("run:", "runn:"), id="an unknown step"),
        pytest.param(good().replace("to: 'db:/row'", "to: /row"), id="not a place"),
        pytest.param(good().replace("to: 'db:/row'", "to: 'volume:rows/row'"), id="a place of the wrong kind"),
        pytest.param(good().replace("{row: persisted}", "{row: {fat: persisted}}"), id="an unknown fact"),
        pytest.param(good().replace("{row: persisted}", "{row: {fate: persists}}"), id="an unknown fate"),
        pytest.param(good("nuance: a\ninstead: b\n"), id="a nuance and an instead"),
        pytest.param(good("matrix: {stores: [volume], events: {restart: [persisted]}}\n"), id="a matrix beside steps"),
        pytest.param("version: 1\nscenario: s\nmatrix: {stores: [volume], events: {restrat: [persisted]}}\n", id="an unknown event"),
        pytest.param(good() + "mutants: {x: {exepct: {row: lost}}}\n", id="an unknown key of a mutant"),
        pytest.param(good() + "mutants: {x: {containers: {db: {comand: a}}}}\n", id="an unknown key of a mutant's container"),
        pytest.param("version: 1\nscenario: s\nsteps: []\n", id="nothing expected"),
    ],
)
def test_an_editor_sees_the_common_slips(text: str) -> None:
    assert load_text(text, "f.yaml").scenario is None
    assert complaints(text) != []


def test_every_key_has_a_sentence() -> None:
    missing: list[str] = []

    def visit(part: object, path: str) -> None:
        if not isinstance(part, dict):
            return
        for name, value in part.items():
            if name == "properties" and isinstance(value, dict):
                missing.extend(
                    f"{path}/{key}"
                    for key, described in value.items()
                    if isinstance(described, dict) and "description" not in described and path.endswith(KEYED)
                )
            visit(value, f"{path}/{name}")

    visit(SCHEMA["$defs"], "")

    assert missing == []


KEYED = ("container", "image", "volume", "healthcheck", "layer-entry", "host-entry", "matrix", "mutant")


def test_every_verb_and_every_container_key_has_a_sentence_and_an_example() -> None:
    assert [verb.name for verb in VERBS.values() if not (verb.doc and verb.example)] == []
    assert [key.name for key in CONTAINER_KEYS if not (key.doc and key.example)] == []
