"""Scenario files on disk: which ones a path means, and what stands in them.

Rule 1: every problem of every file is found at once; none of them is raised.
Rule 2: folders are walked in sorted order and links to folders are not followed; a file is read once, under the first name that found it.
"""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.scenario import load_text
from dockstore.core.script import Problem
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dockstore.core.script import Scenario

SUFFIX = ".scenario.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the paths held: scenarios in order, problems of all files, and how many were left out by a choice."""

    scenarios: tuple[Scenario, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    left_out: int = 0

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that are no mere warnings."""
        return tuple(problem for problem in self.problems if not problem.warning)


def load_files(
    paths: Sequence[str | os.PathLike[str]],
    *,
    variables: Mapping[str, str] | None = None,
    isolate: bool = False,
    filter: str | None = None,  # noqa: A002
    tags: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Loaded:
    """Read every scenario below *paths*; keep those that *filter* (a part of title or file, or a pattern), *tags* and *only* choose.

    `!` before a tag excludes it. *only* holds real paths (`last.read_failed`).
    """
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    files: list[str] = []
    seen: set[str] = set()
    left_out = 0
    for file in _files(paths, problems):
        real = os.path.realpath(file)
        if real in seen:
            continue
        seen.add(real)
        files.append(file)
        if only is not None and real not in only:
            left_out += 1
            continue
        try:
            text = Path(file).read_bytes()
        except OSError as error:
            problems.append(Problem(file=file, line=0, column=0, fact=f"cannot be read: {(error.strerror or str(error)).lower()}"))
            continue
        parsed = load_text(text, file, variables=_declared(text, variables), isolate=isolate)
        problems.extend(parsed.problems)
        if parsed.scenario is not None:
            if wanted(parsed.scenario, filter=filter, tags=tags):
                scenarios.append(parsed.scenario)
            else:
                left_out += 1
    return Loaded(scenarios=tuple(scenarios), problems=tuple(problems), files=tuple(files), left_out=left_out)


def wanted(scenario: Scenario, *, filter: str | None = None, tags: Collection[str] = ()) -> bool:  # noqa: A002
    """Whether *filter* and *tags* choose *scenario*."""
    if filter is not None and not _matches(filter, scenario):
        return False
    without = {tag[1:] for tag in tags if tag.startswith("!")}
    having = {tag for tag in tags if not tag.startswith("!")}
    own = set(scenario.tags)
    return not (own & without) and (not having or bool(own & having))


def _matches(pattern: str, scenario: Scenario) -> bool:
    words = pattern.lower()
    texts = (scenario.title.lower(), scenario.file.lower(), *(lesson.lower() for lesson in scenario.lesson))
    if any(mark in words for mark in "*?["):
        return any(fnmatch.fnmatchcase(text, words) or fnmatch.fnmatchcase(text, f"*{words}*") for text in texts)
    return any(words in text for text in texts[:2]) or words in texts[2:]


def _files(paths: Sequence[str | os.PathLike[str]], problems: list[Problem]) -> Iterator[str]:
    for path in paths:
        name = os.fspath(path)
        if os.path.isdir(name):  # noqa: PTH112  # a name stays as it was given
            found = list(_below(name))
            if not found:
                problems.append(
                    Problem(file=name, line=0, column=0, fact=f"no *{SUFFIX} in this folder", hint=f"scenario files end in {SUFFIX}", warning=True)
                )
            yield from found
        elif os.path.lexists(name):
            yield name
        else:
            problems.append(Problem(file=name, line=0, column=0, fact="no such file or folder"))


def _below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIX):
                yield os.path.normpath(os.path.join(place, name))  # noqa: PTH118


def _declared(text: bytes, variables: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Of several files, each gets the variables that it speaks of; whether one is spoken of at all is said by the caller."""
    if not variables:
        return None
    return {name: value for name, value in variables.items() if name.encode() in text}
