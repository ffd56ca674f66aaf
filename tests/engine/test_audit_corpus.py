"""`dockstore audit` held to the truth of the corpus: no false alarm, every loss that a file can show, no wrong prediction.

The engine that it asks answers from the tables that the images are made of; Compose is the real one.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from corpus_drills import alarms, audited_by, told_of
from corpus_images import declared
from plain_compose import ensure_images
from stack_corpus import StackTruth, stacks

from dockstore.core.stack_report import StackReport

if TYPE_CHECKING:
    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

CORPUS = {truth.name: truth for truth in stacks()}
Audited = dict[str, StackReport]


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
    told = [one for name, report in audited.items() for one in told_of(CORPUS[name], report)]

    assert [str(one) for one in told if one.verdict == "wrong"] == []


def test_the_figures_of_the_audit(audited: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    fates = Counter(one.verdict for name, report in audited.items() for one in told_of(CORPUS[name], report))
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
