"""What failed last time, for `--failed`.

Rule 1: a file that was not played this time keeps what was said of it.
Rule 2: losing this file loses a convenience, never a verdict: what cannot be read counts as nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dockstore.core.verdict import Verdict

SCHEMA = "dockstore.last/1"


def failed(verdict: Verdict) -> bool:
    """Whether the scenario would be wanted again: refuted, undecided, or with a mutant that nothing refuted."""
    if verdict.outcome in {Outcome.REFUTED, Outcome.UNDECIDED}:
        return True
    return any(mutant.outcome not in {Outcome.REFUTED, Outcome.SKIPPED} for mutant in verdict.mutants)


def read_failed(home: Path) -> tuple[str, ...]:
    """Return the real paths of the files that failed last time."""
    try:
        stored: object = json.loads((home / "last.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    match stored:
        case {"schema": str(schema), "failed": list(files)} if schema == SCHEMA:
            return tuple(str(file) for file in files)
        case _:
            return ()


def write_failed(home: Path, run: str, verdicts: Iterable[Verdict], *, played: Iterable[str]) -> None:
    """Store what failed; *played* are the files that were played to their end."""
    again = {os.path.realpath(verdict.scenario.file) for verdict in verdicts if failed(verdict)}
    done = {os.path.realpath(file) for file in played}
    kept = set(read_failed(home)) - done
    fresh = home / f"last.json.{run[:8]}"
    fresh.write_text(json.dumps({"schema": SCHEMA, "run": run, "failed": sorted(again | kept)}, indent=1) + "\n", encoding="utf-8")
    fresh.replace(home / "last.json")
