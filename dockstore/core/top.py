"""The keys of a scenario file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockstore.core import cells, texts
from dockstore.core.problems import Misread, Problems, said
from dockstore.core.shape import Defs, Json, Key, ListOf, MapOf, Raw, Row, Scalar, Shape
from dockstore.core.source import Items
from dockstore.core.things import CONTAINERS, HOST, IMAGES, VOLUMES

if TYPE_CHECKING:
    from dockstore.core.source import Node


def _version(text: str) -> str:
    if text != "1":
        raise Misread(f"version {said(text)} is not known here", "version: 1")
    return text


def _id(text: str) -> str:
    import re

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,40}", text):
        raise Misread(f"not a claim: {said(text)}", "[L27]")
    return text


def _tag(text: str) -> str:
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", text):
        raise Misread(f"not a tag: {said(text)}", "a tag is one word")
    return text


def _later(name: str) -> Any:
    """The schema of a part that other modules read; `schema` puts it in."""

    def described(defs: Defs) -> Json:
        return {"$ref": f"#/$defs/{name}"} if name in defs else {}

    return described


def _check(row: Row, to: Problems) -> None:
    if NUANCE in row and INSTEAD in row:
        to.add(
            row.node.key("instead") or row.node, "'nuance' and 'instead' do not go together", "true, but … is a nuance; not true as taught is instead"
        )
    needs = row.get(NEEDS) or ()
    for number, need in enumerate(needs):
        node = row.node.get("needs")
        if f"not {need}" in needs and isinstance(node, Items):
            to.add(node.items[number], f"{said(need)} is asked both to be there and not to be", "leave one of them out")


VERSION = Key("version", Scalar(wanted="a version", parse=_version, pattern="1"), "the version of this grammar", "1", required=True)
SCENARIO = Key("scenario", texts.LINE, "the title: one fact, a sentence that is true or false", "a named volume survives remove -v", required=True)
LESSON: Key[tuple[str, ...]] = Key(
    "lesson", ListOf(item=Scalar(wanted="a claim's id", parse=_id), hint="[L27]"), "claims of the lesson that this file decides", "[L27]"
)
NUANCE = Key("nuance", texts.LINE, "the claim is true, but …", "It remains, but a new container gets a new one.")
INSTEAD = Key("instead", texts.LINE, "the claim is not true as taught; what is true instead", "Docker adds no locking and takes none away.")
TAGS: Key[tuple[str, ...]] = Key("tags", ListOf(item=Scalar(wanted="a tag", parse=_tag), hint="[beyond]"), "words for `--tags`", "[beyond]")
NEEDS: Key[tuple[str, ...]] = Key(
    "needs",
    ListOf(item=texts.CAPABILITY, hint="[upperdir]"),
    "capabilities without which the file is skipped; `not NAME` for its absence",
    "[upperdir]",
)
VARS: Key[dict[str, str]] = Key(
    "vars",
    MapOf(name=texts.VARIABLE_NAME, value=texts.SHELL_TEXT, hint="{image: lab}"),
    "name: text, put where `${name}` stands; `--var name=text` replaces it",
    "{files: 300}",
)
STEPS: Key[Node] = Key("steps", Raw(described=_later("steps")), "what is done and looked at, in this order", "[{run: db}, …]")
EXPECT: Key[Node] = Key("expect", Raw(described=_later("expect")), "name of a look: what it should show", "{row: persisted}")
MATRIX: Key[Node] = Key("matrix", Raw(described=cells.MATRIX.schema), "a table instead of containers, steps and expect", "{stores: […], events: {…}}")
MUTANTS: Key[Node] = Key(
    "mutants", Raw(described=_later("mutants")), "title: what changes; each must be refuted", "{the opposite: {expect: {row: lost}}}"
)

TOP = Shape(
    name="scenario",
    doc="A scenario: one fact, the steps that show it, and what each look should see.",
    keys=(VERSION, SCENARIO, LESSON, NUANCE, INSTEAD, TAGS, NEEDS, VARS, IMAGES, VOLUMES, HOST, CONTAINERS, STEPS, EXPECT, MATRIX, MUTANTS),
    strays={
        "name": "the title is 'scenario'",
        "title": "the title is 'scenario'",
        "description": "the title is 'scenario': one sentence",
        "claim": "the title is the fact; 'lesson' names the claims",
        "services": "it is 'containers'",
        "networks": "containers have no network unless 'network_mode' says so",
        "tests": "it is 'steps' and 'expect'",
        "setup": "it is the first of 'steps'",
        "variables": "it is 'vars'",
        "requires": "it is 'needs'",
    },
    check=_check,
)
