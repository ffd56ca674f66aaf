"""A lesson: its claims in order, each one sentence that scenario files try.

Rule 1: the sentence of a claim stands here and nowhere else; scenario files name its id.
Rule 2: no input raises; all problems of a file at once, each with its place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dockstore.core.problems import Enough, did_you_mean, said
from dockstore.core.source import Items, Table, Text, read
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from dockstore.core.problems import Problems
    from dockstore.core.script import Problem
    from dockstore.core.source import Node

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_KEYS = ("version", "lesson", "sections", "scenarios")
_KEYS_OF_A_CLAIM = ("claim", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence that a lesson teaches. *source*: where it stands in the lesson, if that was noted."""

    id: str
    sentence: str
    section: str
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Claims in the order in which they are taught. *scenarios*: files and folders that try them, as written."""

    title: str
    claims: tuple[Claim, ...]
    scenarios: tuple[str, ...] = ()


def load_lesson(text: str | bytes, file: str) -> Lesson | tuple[Problem, ...]:
    """Return the lesson that *text* holds, or everything that is wrong with it."""
    root, _, problems = read(text, file)
    if root is None:
        return problems.in_order()
    try:
        lesson = _lesson(root, problems)
    except Enough:
        return problems.in_order()
    return problems.in_order() if problems else lesson


def _lesson(root: Table, problems: Problems) -> Lesson:
    for key, _ in root.entries:
        if key.value not in _KEYS:
            problems.add(key, f"unknown key {said(key.value)}", did_you_mean(key.value, _KEYS))
    version = root.get("version")
    if version is None:
        problems.add(root, "'version' is missing here", "version: 1")
    elif not isinstance(version, Text) or version.value != "1":
        problems.add(version, "this dockstore reads lessons of version 1", "version: 1")
    title = _sentence(root.get("lesson"), root, problems, "lesson", "the title of the lesson: lesson: Where does a container keep its data?")
    claims: list[Claim] = []
    lines: dict[str, int] = {}
    for section, table in _sections(root, problems):
        for key, node in table.entries:
            claim = _claim(key, node, section, problems)
            if key.value in lines:
                problems.add(key, f"{said(key.value)} is claimed twice, first in line {lines[key.value]}", "an id names one sentence")
            lines.setdefault(key.value, key.line)
            claims.append(claim)
    if not claims and not problems:
        problems.add(root, "a lesson claims something", "sections: {tmpfs: {L1: a tmpfs mount uses the host's memory}}")
    return Lesson(title=title, claims=tuple(claims), scenarios=_scenarios(root.get("scenarios"), problems))


def _sections(root: Table, problems: Problems) -> list[tuple[str, Table]]:
    """Return each section's title with its claims."""
    hint = "sections: {TITLE: {ID: one sentence}}"
    sections = root.get("sections")
    if not isinstance(sections, Table):
        problems.add(sections or root, "'sections' is missing here" if sections is None else "a mapping is wanted for 'sections'", hint)
        return []
    found = []
    for key, node in sections.entries:
        if isinstance(node, Table):
            found.append((key.value, node))
        else:
            problems.add(node, f"a mapping is wanted for {said(key.value)}", "ID: one sentence")
    return found


def _claim(key: Text, node: Node, section: str, problems: Problems) -> Claim:
    if not _ID.fullmatch(key.value):
        problems.add(key, f"not an id: {said(key.value)}", "a letter, then letters, digits, '.', '_' or '-': L27")
    source = ""
    sentence: Node | None = node
    if isinstance(node, Table):
        for name, _ in node.entries:
            if name.value not in _KEYS_OF_A_CLAIM:
                problems.add(name, f"unknown key {said(name.value)}", did_you_mean(name.value, _KEYS_OF_A_CLAIM))
        sentence = node.get("claim")
        told = node.get("source")
        if told is not None:
            source = _sentence(told, key, problems, "source", "where the sentence stands: a link or a page")
    text = _sentence(sentence, key, problems, "claim", f"{key.value}: one sentence that is true or false")
    return Claim(id=key.value, sentence=text, section=section, source=source, line=key.line)


def _sentence(node: Node | None, beside: Table | Text, problems: Problems, name: str, hint: str) -> str:
    """Return the text of *node*, on one line."""
    if isinstance(node, Text) and not node.nothing:
        return " ".join(node.value.split())
    problems.add(node or beside, f"'{name}' is missing here" if node is None or isinstance(node, Text) else f"a text is wanted for '{name}'", hint)
    return ""


def _scenarios(node: Node | None, problems: Problems) -> tuple[str, ...]:
    if node is None:
        return ()
    if isinstance(node, Items) and all(isinstance(item, Text) for item in node.items):
        return tuple(item.value for item in node.items if isinstance(item, Text))
    problems.add(node, "a list of files and folders is wanted for 'scenarios'", "scenarios: [scenarios/volume]")
    return ()
