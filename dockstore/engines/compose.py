"""The one door to `docker compose config`: what a Compose file means, in Compose's own words. No engine is asked.

Rule 1: Compose's errors come out as ComposeSays, in its own words; who has the files adds the place.
Rule 2: what it says may hold secrets (it resolves the environment): nothing of it is printed here or kept.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import field
from typing import TYPE_CHECKING, cast

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dockstore.engines.compose_cli import Compose

Json = dict[str, object]
OTHER_NAME = "dockstore-another-name"
_LOG = re.compile(r'^time="[^"]*" level=(?P<level>\w+) msg="(?P<message>(?:[^"\\]|\\.)*)"$')
_TIMEOUT_SECONDS = 120


class ComposeSays(EngineError):  # noqa: N818
    """Compose refused the files; the text is its own message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to resolve. *files* in the order of the merge; empty: what Compose finds in *folder*."""

    folder: Path
    files: tuple[str, ...] = ()
    project: str | None = None
    project_directory: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def words(self, compose: Compose, *, project: str | None = None) -> list[str]:
        """The command line up to the subcommand."""
        words = list(compose.command)
        for file in self.files:
            words += ["-f", file]
        name = project or self.project
        words += ["-p", name] if name else []
        words += ["--project-directory", self.project_directory] if self.project_directory else []
        for profile in self.profiles:
            words += ["--profile", profile]
        for file in self.env_files:
            words += ["--env-file", file]
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What Compose made of the files. *other*: the same under another project's name: what differs follows the name."""

    config: Json
    other: Json
    extensions: str | None = None  # the same as YAML: Compose's JSON leaves a service's x- keys out
    warnings: tuple[str, ...] = ()


def resolve(compose: Compose, question: Question, *, extensions: bool = False) -> Resolved:
    """Return what the files mean, all questions asked side by side. Raises ComposeSays."""
    asked = [
        _ask(compose, question, ("config", "--format", "json"), project=None),
        _ask(compose, question, ("config", "--format", "json"), project=OTHER_NAME),
    ]
    asked += [_ask(compose, question, ("config",), project=None)] if extensions else []
    try:
        answers = [_answer(process) for process in asked]
    finally:
        for process in asked:
            if process.poll() is None:
                process.kill()
                process.communicate()
    code, text, errors = answers[0]
    if code != 0:
        raise ComposeSays(_complaint(errors) or f"docker compose config ended with code {code}")
    other = answers[1][1] if answers[1][0] == 0 else text
    try:
        config = cast("Json", json.loads(text))
        again = cast("Json", json.loads(other))
    except ValueError as error:
        raise ComposeSays(f"docker compose config: its answer is no JSON: {error}") from None
    yaml = answers[2][1] if extensions and answers[2][0] == 0 else None
    return Resolved(config=config, other=again, extensions=yaml, warnings=tuple(dict.fromkeys(_warnings(errors))))


def _ask(compose: Compose, question: Question, command: Sequence[str], *, project: str | None) -> subprocess.Popen[str]:
    words = [*question.words(compose, project=project), *command]
    try:
        return subprocess.Popen(
            words,
            cwd=question.folder,
            env=dict(question.environ) or None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ComposeSays(f"run {compose.command[0]}: {(error.strerror or str(error)).lower()}") from error


def _answer(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ComposeSays(f"docker compose config did not answer within {_TIMEOUT_SECONDS} s") from None
    return process.returncode, out, err


def _complaint(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip() and not _LOG.match(line.strip())]
    return "\n".join(lines)


def _warnings(errors: str) -> list[str]:
    found = (_LOG.match(line.strip()) for line in errors.splitlines())
    return [one["message"].replace('\\"', '"') for one in found if one is not None]
