"""`dockstore audit` held to the truth of the corpus: no false alarm, every loss that a file can show, no wrong prediction.

The engine that it asks answers from the tables that the images are made of; Compose is the real one.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from corpus_images import Declaring, declared
from plain_compose import ensure_images
from stack_corpus import Datum, StackTruth, stacks

from dockstore.core.stack_report import Finding, Row, RowFate, StackReport
from dockstore.runner.audit import AuditOptions, audit_all

if TYPE_CHECKING:
    from dockstore.core.model import EngineInfo
    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Engine

pytestmark = pytest.mark.engine

CORPUS = {truth.name: truth for truth in stacks()}
Audited = dict[str, StackReport]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A prediction that is not what the truth says."""

    stack: str
    row: Row
    truth: str

    def __str__(self) -> str:
        return (
            f"{self.stack}: {self.row.service}:{self.row.path} after {self.row.event}: predicted {self.row.fate}, is {self.truth} ({self.row.found})"
        )


@pytest.fixture(scope="module", name="audited")
def _audited(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Every stack's report."""
    home = os.environ.get("DOCKSTORE_TEST_HOME") or str(Path.cwd() / ".dockstore")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKSTORE_", "COMPOSE_"))}
    environ |= {"DOCKSTORE_HOME": home, "DOCKER_HOST": engine.info.address}
    cwd = tmp_path_factory.mktemp("audit")

    def one(truth: StackTruth) -> StackReport:
        return audited_by(truth, engine.info, environ, cwd)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CORPUS, pool.map(one, CORPUS.values()), strict=True))


def audited_by(truth: StackTruth, info: EngineInfo, environ: dict[str, str], cwd: Path) -> StackReport:
    """The report of one stack, with what it is upgraded to."""
    options = AuditOptions(targets=(str(truth.folder),), upgrade=(str(truth.upgrade),) if truth.upgrade else ())

    def connecting(*_: object, **__: object) -> Engine:
        return cast("Engine", Declaring(truth, info))

    [report] = audit_all(options, env=environ, cwd=cwd, say=lambda _: None, connecting=connecting)
    return report


def alarms(report: StackReport) -> list[Finding]:
    """What is more than advice, and was not ignored."""
    return [finding for finding in report.findings if finding.severity != "advice" and finding.ignored is None]


def held_to(truth: StackTruth, report: StackReport) -> list[tuple[Datum, Row, str]]:
    """Each predicted row that is about a datum of the truth, with what is true."""
    return [
        (datum, row, datum.fates[row.event])
        for datum in truth.data
        for row in report.rows
        if datum.is_at(row.service, row.path) and row.event in datum.fates
    ]


@pytest.mark.parametrize("name", [name for name, truth in CORPUS.items() if truth.quiet])
def test_a_stack_that_keeps_its_data_raises_no_alarm(name: str, audited: Audited) -> None:
    report = audited[name]

    assert [(finding.rule, finding.path, finding.message) for finding in alarms(report)] == []
    assert report.outcome in {"keeps-data", "undecided"}


@pytest.mark.parametrize("name", [name for name, truth in CORPUS.items() if not truth.quiet and truth.audit_unknown is None])
def test_a_loss_that_the_files_show_is_flagged_at_the_right_place(name: str, audited: Audited) -> None:
    truth, report = CORPUS[name], audited[name]
    assert truth.flag is not None

    right = [finding for finding in alarms(report) if truth.flag.is_met_by(finding.rule, finding.path)]

    assert right, [(finding.rule, finding.severity, finding.path) for finding in report.findings]
    assert all(finding.spot is not None and finding.spot.line > 0 for finding in right)
    assert all(finding.fix for finding in right)


@pytest.mark.parametrize("name", [name for name, truth in CORPUS.items() if not truth.quiet])
def test_no_error_is_about_something_else(name: str, audited: Audited) -> None:
    truth, report = CORPUS[name], audited[name]

    beside = [
        finding for finding in alarms(report) if finding.severity == "error" and not (truth.flag and truth.flag.is_met_by(finding.rule, finding.path))
    ]

    assert [(finding.rule, finding.path, finding.message) for finding in beside] == []


@pytest.mark.parametrize("name", [name for name, truth in CORPUS.items() if truth.audit_unknown is not None])
def test_where_no_file_can_tell_the_audit_does_not_say_that_data_are_kept(name: str, audited: Audited) -> None:
    assert audited[name].outcome != "keeps-data"


def test_every_predicted_fate_is_the_true_one_or_unknown(audited: Audited) -> None:
    wrong = [
        Disagreement(name, row, fate)
        for name, report in audited.items()
        for _, row, fate in held_to(CORPUS[name], report)
        if row.fate not in {RowFate.UNKNOWN, fate}
    ]

    assert [str(one) for one in wrong] == []


def test_the_figures_of_the_audit(audited: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    fates: Counter[str] = Counter()
    for name, report in audited.items():
        for _, row, fate in held_to(CORPUS[name], report):
            fates["unknown" if row.fate is RowFate.UNKNOWN else "right" if row.fate == fate else "wrong"] += 1
    losing = [name for name, truth in CORPUS.items() if not truth.quiet]
    flagged = [name for name in losing if alarms(audited[name])]
    quiet = [name for name, truth in CORPUS.items() if truth.quiet]

    lines = [
        f"audit of {len(CORPUS)} stacks: {len(flagged)} of {len(losing)} that lose, cannot write or cannot start are flagged",
        f"  false alarms on {len(quiet)} quiet stacks: {sum(bool(alarms(audited[name])) for name in quiet)}",
        f"  predicted fates: {dict(fates)}",
        *(f"  not flagged: {name}: {CORPUS[name].audit_unknown}" for name in losing if name not in flagged),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")

    assert sum(fates.values()) > 0


@pytest.mark.slow
def test_the_tables_say_what_the_images_declare(engine: DockerEngine) -> None:
    ensure_images(engine, CORPUS.values())

    for reference, config in declared().items():
        said: Any = engine.inspect_image(reference)["Config"]
        for key in ("Volumes", "User", "Entrypoint"):
            assert (said.get(key) or None) == (config[key] or None), (reference, key)
        assert sorted(said["Env"]) == sorted(config["Env"]), reference
