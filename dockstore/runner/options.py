"""What a user may choose about a run, and where its state lies.

Rule 1: values only; the environment and the current folder come in as arguments.
Rule 2: state lies in one folder; where that cannot be, in the XDG state folder, and never half in each.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_JOBS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to play. *engines*: addresses or provider words (`private`, `dind`, `context:NAME`); several are a matrix."""

    engines: tuple[str, ...] = ()
    jobs: int | None = None  # None: twice the CPUs of the engine's host, at most 8
    mutants: bool = False
    fail_fast: bool = False
    timeout_seconds: float | None = None  # for each scenario
    keep: bool = False  # leave the objects of a scenario standing
    image: str | None = None  # instead of the lab image
    isolate: bool = False
    disposable: bool = False  # the engine's owner says: ours to prune and strike
    allow_host_paths: tuple[str, ...] = ()
    home: str | None = None  # None: DOCKSTORE_HOME, else .dockstore in the current folder


def home_folder(wanted: str | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the folder for histories, ledgers and private engines, made if need be.

    A named folder (option or DOCKSTORE_HOME) that cannot be written raises OSError; the default one gives way to the XDG state folder.
    """
    named = wanted or environ.get("DOCKSTORE_HOME")
    if named:
        home = cwd / Path(named).expanduser()
        _prepare(home)
        return home
    try:
        home = cwd / ".dockstore"
        _prepare(home)
    except OSError:
        home = state_folder(environ) / _slug_of(cwd)
        _prepare(home)
    return home


def state_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/dockstore`, else `~/.local/state/dockstore`."""
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path(environ.get("HOME") or "/root") / ".local" / "state") / "dockstore"


def find_home(wanted: str | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the home if there is one, and make nothing."""
    named = wanted or environ.get("DOCKSTORE_HOME")
    places = (cwd / Path(named).expanduser(),) if named else (cwd / ".dockstore", state_folder(environ) / _slug_of(cwd))
    return next((place for place in places if place.is_dir()), None)


def _prepare(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    for name in ("histories", "runs"):
        (home / name).mkdir(exist_ok=True)
        if not os.access(home / name, os.W_OK):
            raise PermissionError(13, "no permission to write here", str(home / name))


def _slug_of(cwd: Path) -> str:
    """A name for a folder that cannot hold its own state: its last part, and enough of a hash to keep two apart."""
    return f"{cwd.name or 'root'}-{hashlib.sha256(str(cwd).encode()).hexdigest()[:8]}"


def jobs(wanted: int | None, cpus: int) -> int:
    """Return how many scenarios to play side by side on an engine whose host has *cpus*."""
    return wanted if wanted is not None else max(1, min(2 * cpus, MOST_JOBS))
