"""Drills and audits of the corpus' stacks, each row beside what truth.yaml says: shared by the tests and by figures.py."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from corpus_images import Declaring
from plain_compose import compose_command, ensure_images

from dockstore import api
from dockstore.core.stack_report import Row, RowFate, StackReport
from dockstore.runner.audit import AuditOptions, audit_all
from dockstore.runner.drill_options import DrillOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stack_corpus import Datum, StackTruth

    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_report import Finding
    from dockstore.engines.engine import Engine

HARM = ("lost", "orphaned", "altered", "elsewhere", "shadowed")
NOT_SAID = (RowFate.UNKNOWN, RowFate.DISPUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row beside the truth. *verdict*: right, unknown, wrong."""

    stack: str
    row: Row
    true: str

    @property
    def verdict(self) -> str:
        """What the row is worth."""
        return "unknown" if self.row.fate in NOT_SAID else "right" if self.row.fate == self.true else "wrong"

    def __str__(self) -> str:
        row = self.row
        return f"{self.stack}: {row.service}:{row.path} ({row.found}, {row.probe}) after {row.event}: {row.fate}, is {self.true}: {row.why}"


def told_of(truth: StackTruth, report: StackReport) -> list[Told]:
    """The rows of a report that are about a datum of the truth."""
    return [
        Told(stack=truth.name, row=row, true=datum.fates[row.event])
        for datum in truth.data
        for row in report.rows
        if row.event in datum.fates and datum.is_at(row.service, row.path)
    ]


def without_a_row(truth: StackTruth, report: StackReport, events: Sequence[str]) -> list[tuple[Datum, str]]:
    """What the truth says and no row is about."""
    said = [(datum, row.event) for datum in truth.data for row in report.rows if datum.is_at(row.service, row.path)]
    return [(datum, event) for datum in truth.data for event in events if event in datum.fates and (datum, event) not in said]


def alarms(report: StackReport) -> list[Finding]:
    """What is more than advice, and was not ignored."""
    return [finding for finding in report.findings if finding.severity != "advice" and finding.ignored is None]


def side_by_side(audit: StackReport, drills: Iterable[StackReport]) -> list[tuple[str, str]]:
    """What both say of the same data and event: a word (`contradict` is a bug in one of them), and the two fates."""
    seen = {(row.service, row.path, row.event): row for report in drills for row in report.rows if row.role == "data"}
    found = []
    for row in audit.rows:
        other = seen.get((row.service, row.path, row.event))
        if other is None or row.role != "data":
            continue
        match row.fate in NOT_SAID, other.fate in NOT_SAID:
            case True, True:
                word = "both unknown"
            case True, False:
                word = "audit unknown"
            case False, True:
                word = "drill unknown"
            case _:
                word = "the same" if row.fate == other.fate else "contradict"
        found.append((word, f"{row.service}:{row.path} after {row.event}: audit {row.fate}, drill {other.fate}"))
    return found


def hurt(truth: StackTruth, events: Sequence[str]) -> list[str]:
    """Those of *events* by which the stack loses something."""
    return [event for event in events if any(datum.fates.get(event) in HARM for datum in truth.data)]


@dataclass(slots=True)
class Drilling:
    """Drills of the corpus on one engine; *folder* takes what they leave."""

    engine: Engine
    folder: Path
    _number: int = 0
    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        (home / "cache").mkdir(parents=True)
        if len(compose_command()) == 1:
            (home / "cache" / "docker-compose").symlink_to(Path(compose_command()[0]).absolute())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "DOCKSTORE_"))}
        self.environ = kept | {"DOCKER_HOST": self.engine.info.address, "DOCKSTORE_HOME": str(home)}

    def drill(self, truths: Sequence[StackTruth], events: Sequence[str], *, override: str | None = None) -> tuple[StackReport, ...]:
        """Drill stacks with *events*; *override*: a Compose file to be merged over the one stack."""
        ensure_images(self.engine, truths)
        [first, *others] = truths
        self._number += 1
        probes, over = self.folder / f"probes-{self._number}.yaml", self.folder / f"override-{self._number}.yaml"
        if first.probe:
            probes.write_text(first.probes(), encoding="utf-8")
        if override is not None:
            over.write_text(override, encoding="utf-8")
        options = DrillOptions(
            targets=() if override is not None else tuple(str(truth.folder) for truth in truths),
            files=(str(first.folder / "compose.yaml"), str(over)) if override is not None else (),
            events=tuple(events),
            upgrade=(str(first.upgrade),) if first.upgrade and not others else (),
            probes=str(probes) if first.probe else None,
        )
        return api.drill_with(options, env=self.environ, cwd=self.folder)


def audited_by(truth: StackTruth, info: EngineInfo, environ: dict[str, str], cwd: Path) -> StackReport:
    """The audit of one stack, with what it is upgraded to; the engine that it asks answers from the images' own tables."""
    options = AuditOptions(targets=(str(truth.folder),), upgrade=(str(truth.upgrade),) if truth.upgrade else ())

    def connecting(*_: object, **__: object) -> Engine:
        return cast("Engine", Declaring(truth, info))

    [report] = audit_all(options, env=environ, cwd=cwd, say=lambda _: None, connecting=connecting)
    return report
