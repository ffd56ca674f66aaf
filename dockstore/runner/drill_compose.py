"""`docker compose` played on a copy: one command after the other, each with a limit, ended early when a stop is asked for.

Rule 1: the environment is the user's without Compose's own variables, and names the engine; nothing is read from a terminal.
Rule 2: never with --yes: with it an upgrade may delete a volume and make it anew.
Rule 3: a command runs in a session of its own: a Ctrl-C in the terminal is ours to pass on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.runner.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dockstore.engines.compose_cli import Compose
    from dockstore.runner.halt import Halt

_SLICE_SECONDS = 0.2
_GRACE_SECONDS = 10.0
_WARNING = re.compile(r'^time="[^"]*" level=(?:warning|info|debug) ')
_SECONDS = re.compile(r"^\d+\.\d+ ")  # before each line of a build step's output
_PROGRESS = frozenset(
    f"{word}{ending}"
    for word in ("creat", "start", "stopp", "remov", "restart", "kill", "runn", "recreat", "wait", "healthy")
    for ending in ("", "e", "ed", "ing")
)


class ComposeFailed(EngineError):  # noqa: N818
    """A command of Compose that ended with an error; the text is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command came to. *code* None: it was ended by us, *why* says for what reason."""

    code: int | None
    output: str
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether it did what it was asked."""
        return self.code == 0

    @property
    def words(self) -> str:
        """What it said, without progress."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        told = [line for line in lines if not _is_progress(line) and not _WARNING.match(line)]
        return redacted("; ".join((told or lines)[-3:])) or self.why

    @property
    def build_words(self) -> str:
        """What a build that failed said: the last lines of the step that failed, then the builder's own verdict."""
        pieces = re.split(r"(?m)^------$", self.output)
        if len(pieces) < 3:
            return self.words
        step, *said = [line.strip() for line in pieces[-2].splitlines() if line.strip()]
        verdict = [line.strip() for line in pieces[-1].splitlines() if line.strip() and not _WARNING.match(line.strip())]
        step = step.removeprefix("> ").removesuffix(":")
        return redacted("; ".join((step, *(_SECONDS.sub("", line) for line in said[-4:]), *verdict[-1:])))


def _is_progress(line: str) -> bool:
    return line.split(" ", 1)[0] in {"Container", "Network", "Volume", "Image"} and line.rsplit(" ", 1)[-1].lower() in _PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Compose, where it plays, and for which engine."""

    compose: Compose
    address: str
    environ: Mapping[str, str]
    folder: Path
    halt: Halt

    def environment(self) -> dict[str, str]:
        """The user's environment, made ours."""
        kept = {key: value for key, value in self.environ.items() if not key.startswith("COMPOSE_") and key != "DOCKER_CONTEXT"}
        return kept | {
            "DOCKER_HOST": self.address,
            "COMPOSE_ANSI": "never",
            "COMPOSE_PROGRESS": "plain",
            "COMPOSE_MENU": "false",
            "DOCKSTORE_EMPTY": "",
        }

    def run(self, project: str, file: Path | None, words: Sequence[str], *, timeout_seconds: float, tidying: bool = False) -> Ran:
        """Run one command of *project*; *tidying*: go on although a stop is asked for."""
        if self.halt.asked and not tidying:
            return Ran(code=None, output="", why=self.halt.reason or "interrupted")
        command = [*self.compose.command, *(("-f", str(file)) if file is not None else ()), "-p", project, *words]
        try:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ComposeFailed(f"run {self.compose.command[0]}: {(error.strerror or str(error)).lower()}") from error
        return self._ended(process, timeout_seconds, tidying=tidying)

    def _ended(self, process: subprocess.Popen[str], timeout_seconds: float, *, tidying: bool) -> Ran:
        end = time.monotonic() + timeout_seconds
        why = ""
        with process:
            while True:
                try:
                    output, _ = process.communicate(timeout=_SLICE_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    stop = self.halt.at_once or (self.halt.asked and not tidying)
                    if why or not (stop or time.monotonic() >= end):
                        if why and time.monotonic() >= end:
                            process.kill()
                        continue
                    why = f"it was not done within {timeout_seconds:g} s" if not stop else self.halt.reason or "interrupted"
                    end = time.monotonic() + _GRACE_SECONDS
                    os.killpg(process.pid, signal.SIGTERM)
        return Ran(code=None if why else process.returncode, output=output, why=why)
