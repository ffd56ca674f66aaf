"""Compose files on disk: which ones are meant, what Compose makes of them, and where in them things stand.

Rule 1: the files are those that Compose would take; nothing is written, no engine is asked.
Rule 2: Compose's own message is what a user reads, with the place in the file that it speaks of.
"""

from __future__ import annotations

import os
import re
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.compose_model import Told, extensions_of, images_of, stack
from dockstore.core.compose_places import ComposePlaces
from dockstore.core.script import Problem
from dockstore.core.source import loose
from dockstore.core.stack_model import Spot
from dockstore.core.values import dataclass
from dockstore.engines import compose_cli
from dockstore.engines.compose import ComposeSays, Question, resolve
from dockstore.runner.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dockstore.core.stack_model import ImageFacts, Stack
    from dockstore.engines.compose import Resolved
    from dockstore.engines.compose_cli import Compose

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDES = ("compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml")
MOST_FILES = 50
_YAML_LINE = re.compile(
    r"^(?:(?:failed to parse |parsing )?(?P<file>\S+\.ya?ml): )?(?:yaml: )(?:line (?P<line>\d+)(?:, column \d+)?: )?(?P<fact>.*)$"
)
_ADDITIONAL = re.compile(r"(?P<path>[\w.\-\[\]]+):? [Aa]dditional propert(?:y|ies) (?P<key>\S+) (?:is|are) not allowed")
_PATH = re.compile(r"\b(?P<path>(?:services|volumes|networks|configs|secrets)\.[\w.\-\[\]]+)")
_UNDEFINED = re.compile(r'service "(?P<service>[^"]+)" (?:refers to undefined|depends on undefined|declares)')


class WrongCompose(Exception):  # noqa: N818
    """Compose files that cannot be used; *problems* has places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].fact)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFiles:
    """Which files, and how to read them: the flags of `docker compose`."""

    files: tuple[str, ...]
    cwd: Path
    project: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The project's folder: that of the first file."""
        return (self.cwd / self.files[0]).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the files came to."""

    resolved: Resolved
    places: ComposePlaces
    files: tuple[str, ...]
    name_fixed: bool
    folder: Path
    warnings: tuple[str, ...] = ()

    def images(self) -> tuple[str, ...]:
        """Every image that the services need."""
        return images_of(self.resolved.config)

    def stack(self, images: Callable[[str], ImageFacts] | None = None) -> Stack:
        """Return the stack; *images* gives the facts of each."""
        extensions = extensions_of(loose(self.resolved.extensions).documents[0]) if self.resolved.extensions else {}
        told = Told(name_fixed=self.name_fixed, extensions=extensions)
        if images is not None:
            told = Told(images=images, name_fixed=self.name_fixed, extensions=extensions)
        return stack(self.resolved.config, other=self.resolved.other, places=self.places, files=self.files, told=told)


def default_files(folder: Path) -> tuple[str, ...]:
    """The files that Compose finds in *folder* or above it, an override with them; empty: none."""
    for place in (folder, *folder.parents):
        found = next((place / name for name in NAMES if (place / name).is_file()), None)
        if found is not None:
            override = next((place / name for name in OVERRIDES if (place / name).is_file()), None)
            return (str(found), *((str(override),) if override is not None else ()))
    return ()


def read(which: ComposeFiles, *, cache: Path, compose: Compose | None = None) -> Read:
    """Read the files through Compose. Raises WrongCompose, NoCompose."""
    texts = _texts(which)
    places = ComposePlaces({shown: text for shown, (_, text) in texts.items()})
    compose = compose or compose_cli.find(which.environ, cache)
    question = Question(
        folder=which.cwd,
        files=tuple(str(which.cwd / file) for file in which.files),
        project=which.project,
        profiles=which.profiles,
        env_files=tuple(str(which.cwd / file) for file in which.env_files),
        environ={**which.environ, "PWD": str(which.folder)},  # who runs a stack stands in its folder
    )
    try:
        resolved = resolve(compose, question, extensions=places.mentions("x-dockstore"))
    except ComposeSays as error:
        raise WrongCompose(_problems(str(error), places, which, {str(path): shown for shown, (path, _) in texts.items()})) from None
    return Read(
        resolved=resolved,
        places=places,
        files=tuple(which.files),
        name_fixed=_name_fixed(which, resolved),
        folder=which.folder,
        warnings=tuple(redacted(one) for one in resolved.warnings),
    )


def _texts(which: ComposeFiles) -> dict[str, tuple[Path, str]]:
    """The files by the name that a report shows, and those that they include or extend."""
    found: dict[str, tuple[Path, str]] = {}
    waiting: list[tuple[str, Path]] = []
    for file in which.files:
        path = which.cwd / file
        if path.exists() and not path.is_file():
            fact, hint = "not a plain file", "Compose has to read it more than once: save it to a file; a folder is a target of its own"
            raise WrongCompose([Problem(file=file, line=0, column=0, fact=fact, hint=hint)])
        try:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        except OSError as error:
            fact = f"cannot be read: {(error.strerror or str(error)).lower()}"
            raise WrongCompose([Problem(file=file, line=0, column=0, fact=fact)]) from error
        found[file] = (path, text)
        waiting.append((file, path))
    brought: dict[str, tuple[Path, str]] = {}
    while waiting and len(found) + len(brought) < MOST_FILES:
        file, path = waiting.pop(0)
        for _, written in ComposePlaces({file: found.get(file, brought.get(file, (path, "")))[1]}).included():
            other = path.parent / written
            shown = _shown(other, which.cwd)
            if shown in found or shown in brought or not other.is_file():
                continue
            try:
                brought[shown] = (other, other.read_text(encoding="utf-8-sig", errors="replace"))
            except OSError:
                continue  # Compose says what is wrong with it
            waiting.append((shown, other))
    return {**brought, **found}  # who includes speaks last


def _shown(path: Path, cwd: Path) -> str:
    real = Path(os.path.normpath(path))
    return str(real.relative_to(cwd)) if real.is_relative_to(cwd) else str(real)


def _name_fixed(which: ComposeFiles, resolved: Resolved) -> bool:
    """Whether something else than the folder gives the project its name."""
    if which.project or which.environ.get("COMPOSE_PROJECT_NAME"):
        return True
    normal = re.sub(r"[^a-z0-9_-]", "", which.folder.absolute().name.lower()).lstrip("_-")
    if str(resolved.config.get("name")) != normal:
        return True
    for file in which.env_files or (str(which.folder / ".env"),):
        try:
            text = (which.cwd / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if re.search(r"^\s*(?:export\s+)?COMPOSE_PROJECT_NAME\s*=", text, re.MULTILINE):
            return True
    return False


# --- Compose's messages, with places --------------------------------------------------------------------------------------


def _problems(message: str, places: ComposePlaces, which: ComposeFiles, shown: Mapping[str, str]) -> list[Problem]:
    message = redacted(message)
    for path, name in shown.items():
        message = message.replace(path, name)
    lines = [line for line in message.splitlines() if line.strip()] or ["docker compose config failed"]
    return [_problem(line, places, which) for line in lines[:20]]


def _problem(line: str, places: ComposePlaces, which: ComposeFiles) -> Problem:
    fact = re.sub(r"^validating \S+: ", "", line).removesuffix(": invalid compose project")
    named = next((file for file in places.files if file in line), which.files[-1])
    broken = _YAML_LINE.match(line)
    if broken is not None:
        at = max(1, int(broken["line"] or 1))
        return _at(places, broken["file"] if broken["file"] in places.files else named, at, 1, f"not YAML: {broken['fact']}")
    spot = next((spot for path in _paths(fact) if (spot := places.path(*path)) is not None), None)
    undefined = _UNDEFINED.search(fact)
    if spot is None and undefined is not None:
        spot = places.service(undefined["service"])
        word = fact.rsplit(" ", 1)[-1]
        spot = next(iter(_lines_with(places, undefined["service"], word)), spot)
    if spot is None:
        return _at(places, named, 1, 1, fact)
    return _at(places, spot.file, spot.line, spot.column, fact)


def _paths(fact: str) -> Iterable[tuple[str, ...]]:
    additional = _ADDITIONAL.search(fact)
    if additional is not None:
        yield (*_steps(additional["path"]), additional["key"].strip("'\""))
    for found in _PATH.finditer(fact):
        yield _steps(found["path"])


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in re.split(r"[.\[\]]+", path) if step and step != "(root)")


def _lines_with(places: ComposePlaces, service: str, word: str) -> Iterable[Spot]:
    """The lines of a service that say *word*."""
    start = places.service(service)
    if start is None or not word:
        return
    lines = places.lines[start.file]
    for number in range(start.line, len(lines)):
        text = lines[number]
        if text.strip() and len(text) - len(text.lstrip()) < start.column:
            return
        found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)
        if found is not None:
            yield Spot(file=start.file, line=number + 1, column=found.start() + 1)


def _at(places: ComposePlaces, file: str, line: int, column: int, fact: str) -> Problem:
    lines = places.lines.get(file, ())
    line = min(line, max(1, len(lines)))
    source = redacted(lines[line - 1]) if lines else ""
    hint = "as Docker Compose says it; `docker compose config` shows the same"
    return Problem(file=file, line=line, column=column, fact=fact, hint=hint, source=source)
