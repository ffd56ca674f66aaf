"""Workflow commands for GitHub Actions: each refuted claim as an annotation at its file and line.

Rule 1: an annotation says expected against actual and why in one message; what was undecided is a warning.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core.model import Outcome
from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.verdict import Report


def annotated(report: Report, *, folder: str = "") -> Iterator[str]:
    """Yield one workflow command for each ruling, scenario or mutant that a person must look at; *folder*: where files are named from."""
    for verdict in report.verdicts:
        what = verdict.scenario
        bad = [ruling for ruling in verdict.rulings if ruling.outcome in {Outcome.REFUTED, Outcome.UNDECIDED}]
        for ruling in bad:
            level = "error" if ruling.outcome is Outcome.REFUTED else "warning"
            hint = f"\nhint: {phrases.line(ruling.hint)}" if ruling.hint else ""
            yield command(
                level,
                f"{phrases.sentence(ruling)}\n{phrases.shortened(ruling.why)}{hint}",
                file=beneath(folder, what.file),
                line=ruling.line,
                title=what.title,
            )
        if not bad and verdict.outcome is Outcome.UNDECIDED:
            yield command("warning", phrases.line(verdict.reason or "undecided"), file=beneath(folder, what.file), line=1, title=what.title)
        for mutant in tally.survivors(verdict):
            message = f"the mutant '{phrases.line(mutant.title)}' should have been refuted and came out {mutant.outcome}"
            yield command("error", message, file=beneath(folder, what.file), line=1, title=what.title)


def command(level: str, message: str, *, file: str, line: int, title: str) -> str:
    """Return one workflow command with its texts escaped."""
    return f"::{level} file={_property(file)},line={line},title={_property(phrases.line(title))}::{_data(message)}"


def beneath(folder: str, file: str) -> str:
    """Return *file* as it is called from the repository's root, if *folder* is where it was named from."""
    return posixpath.normpath(posixpath.join(folder, file)) if folder and file else file


def _data(text: str) -> str:
    return phrases.clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
