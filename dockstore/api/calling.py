"""What the functions of the api share: their errors, and what an environment and a folder default to.

ApiError
├── WrongFile        a scenario, lesson or history that cannot be read: all problems at once
├── NothingMatched   the paths and choices leave nothing to do
├── WrongOption      a choice that cannot be
└── NoEngine         no engine there, or not for us
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.errors import EngineError, Unreachable
from dockstore.runner.options import Options, home_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.core.script import Problem


class ApiError(Exception):
    """Something that the caller can mend. *hint* is the way out."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


class WrongFile(ApiError):  # noqa: N818
    """Files that cannot be read as what they should be; *problems* has all of them, with places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the files" if count != 1 else problems[0].fact)
        self.problems = tuple(problems)


class NothingMatched(ApiError):  # noqa: N818
    """Nothing is left to do."""


class WrongOption(ApiError):  # noqa: N818
    """A choice that cannot be."""


class NoEngine(ApiError, EngineError):  # noqa: N818
    """No engine there, or not for us; an EngineError, too."""


def home_of(options: Options, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the home folder. Raises WrongOption for one that cannot be; a full disk is no choice, and an ApiError of its own."""
    try:
        return home_folder(options.home, environ, cwd)
    except OSError as error:
        place = error.filename or options.home or environ.get("DOCKSTORE_HOME") or cwd
        text = f"{place}: {(error.strerror or str(error)).lower()}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ApiError(text, "make room there, or set DOCKSTORE_HOME to a folder on another disk") from error
        raise WrongOption(text, "set DOCKSTORE_HOME to a folder that can be written") from error


def no_engine(error: EngineError) -> NoEngine:
    """Say it in the words of the api."""
    return NoEngine(str(error), error.hint if isinstance(error, Unreachable) else "dockstore doctor says what can be seen from here")


def environment(env: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return *env*, else that of the process."""
    return os.environ if env is None else env


def folder_of(cwd: str | os.PathLike[str] | None) -> Path:
    """Return *cwd*, else the current folder."""
    return Path.cwd() if cwd is None else Path(cwd)


def silence(_text: str) -> None:
    """Nobody listens."""
