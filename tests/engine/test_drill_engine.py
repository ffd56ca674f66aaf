"""Drills on a real engine: what is seen, what is ruled, and that nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from services import images as real_images

from dockstore import api
from dockstore.core.stack_outcome import exit_code
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.reports import stack_json
from dockstore.runner.drill_options import DrillOptions
from dockstore.runner.halt import Halt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dockstore.core.stack_report import StackReport
    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine
READY_SECONDS = 300.0  # a busy machine takes its time
LAB = "localhost/dockstore-lab:1"
LOOP = "trap 'exit 0' TERM; while :; do sleep 0.2; done"


@pytest.fixture
def real(engine: DockerEngine, test_cache: Path) -> Callable[[str], str]:
    return lambda name: real_images.ensure(engine, test_cache, (name,))[name]


@pytest.fixture(autouse=True)
def nothing_left(engine: DockerEngine) -> Iterator[None]:
    """Whatever a drill of this test made is gone afterwards."""
    before = {str(item["Name"]) for item in engine.list_volumes()}
    yield
    left = [item for item in engine.list_containers() if str(item.get("Labels", {}).get("io.dockstore.scenario")) == "drill"]  # type: ignore[attr-defined]
    ours = [item for item in left if str(item["Labels"].get("io.dockstore.pid")) == str(os.getpid())]  # type: ignore[attr-defined]
    assert ours == []
    volumes = [item for item in engine.list_volumes() if str((item.get("Labels") or {}).get("io.dockstore.pid")) == str(os.getpid())]  # type: ignore[attr-defined]
    assert [item for item in volumes if str(item["Name"]) not in before] == []


def compose(folder: Path, text: str, name: str = "compose.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def drilled(folder: Path, env: Mapping[str, str], *events: str, **options: object) -> StackReport:
    chosen = DrillOptions(targets=("compose.yaml",), events=events, ready_seconds=READY_SECONDS, **options)  # type: ignore[arg-type]
    (report,) = api.drill_with(chosen, env=env, cwd=folder)
    (again,) = api.judge_all([file for file in (report.base_history, report.history) if file is not None]).drills
    assert stack_json.document(again) == stack_json.document(report)  # whatever was drilled, its history has it all
    return report


def fates(report: StackReport) -> dict[tuple[str | None, str], RowFate]:
    return {(row.path, row.event): row.fate for row in report.rows if row.role == "data"}


# --- the small part -------------------------------------------------------------------------------------------------------


def test_each_store_of_a_service_has_its_own_fate_and_nothing_is_left(shop: Path, env: dict[str, str], home: Path) -> None:
    writes = "; ".join(f"[ -e {place}/row ] || {{ mkdir -p {place}; echo row > {place}/row; }}" for place in ("/srv/app", "/named", "/anon", "/bind"))
    compose(
        shop,
        f"""
services:
  app:
    image: {LAB}
    command: ["sh", "-c", "{writes}; {LOOP}"]
    volumes: ["rows:/named", /anon, "./data:/bind"]
    ports: ["1:1"]
    container_name: somebodys
volumes: {{rows: {{}}}}
""".replace("$", "$$"),
    )
    (shop / "data").mkdir()
    (shop / "data" / "old").write_text("mine", encoding="utf-8")

    report = drilled(shop, env, "restart", "remove+run")

    assert fates(report) == {
        ("/srv/app", "restart"): RowFate.PERSISTED,
        ("/srv/app", "remove+run"): RowFate.LOST,
        ("/named", "restart"): RowFate.PERSISTED,
        ("/named", "remove+run"): RowFate.PERSISTED,
        ("/anon", "restart"): RowFate.PERSISTED,
        ("/anon", "remove+run"): RowFate.ORPHANED,
        ("/bind", "restart"): RowFate.PERSISTED,
        ("/bind", "remove+run"): RowFate.PERSISTED,
    }
    assert report.outcome is StackOutcome.LOSES_DATA
    assert exit_code([report]) == 1
    assert {finding.rule for finding in report.findings} == {"DS101", "DS202"}
    assert {limit for limit in report.limits if "port" in limit or "container name" in limit} == {
        "app: published ports are left out",
        "app: the fixed container name is left out",
    }
    assert sorted(path.name for path in (shop / "data").iterdir()) == ["old"]
    assert list((home / "runs").iterdir()) == []
    assert list(Path("/var/tmp").glob(f"dockstore-{report.run[:8]}-*")) == []


def test_a_database_in_an_anonymous_volume_is_orphaned_by_down_and_up(shop: Path, env: dict[str, str], real: Callable[[str], str]) -> None:
    compose(shop, f"services:\n  db:\n    image: {real('postgres15')}\n")

    report = drilled(shop, env, "down+up")

    (row,) = [row for row in report.rows if row.role == "data"]
    assert (row.path, row.fate, row.probe) == ("/var/lib/postgresql/data", RowFate.ORPHANED, "postgresql")
    assert str(row.sights["service"]) == "absent"  # type: ignore[index]
    assert row.recover is not None
    assert [(finding.rule, finding.spot.line if finding.spot else 0) for finding in report.findings] == [("DS201", 3)]


def test_what_a_cache_has_in_memory_only_is_lost_by_a_restart(shop: Path, env: dict[str, str], real: Callable[[str], str]) -> None:
    compose(shop, f'services:\n  cache:\n    image: {real("redis")}\n    command: [redis-server, --save, "", --appendonly, "no"]\n')

    report = drilled(shop, env, "restart")

    assert [(row.path, row.fate) for row in report.rows if row.must_survive] == [(None, RowFate.LOST)]
    assert report.services[0].writes_nothing


# --- the long part ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_drill_proves_the_fix(shop: Path, env: dict[str, str], real: Callable[[str], str]) -> None:
    compose(shop, f"services:\n  db:\n    image: {real('postgres15')}\n")
    first = drilled(shop, env, quick=True, skip=())
    assert first.override is not None
    compose(shop, first.override, "fix.yaml")

    (second,) = api.drill_with(DrillOptions(files=("compose.yaml", "fix.yaml"), quick=True, ready_seconds=READY_SECONDS), env=env, cwd=shop)

    assert first.outcome is StackOutcome.LOSES_DATA
    assert second.outcome is StackOutcome.KEEPS_DATA
    assert exit_code([second]) == 0
    assert second.findings == ()


@pytest.mark.slow
def test_an_upgrade_that_looks_elsewhere_orphans_the_data(shop: Path, env: dict[str, str], real: Callable[[str], str]) -> None:
    old, new = real("postgres15"), real("postgres17")
    compose(shop, f"services:\n  db:\n    image: {old}\n    volumes: ['data:/var/lib/postgresql/data']\nvolumes: {{data: {{}}}}\n")

    report = drilled(shop, env, "restart", "upgrade", upgrade_images=(("db", new),))

    found = {row.event: row.fate for row in report.rows if row.found == "written" and row.role == "data"}
    assert found == {"restart": RowFate.PERSISTED, "upgrade": RowFate.ORPHANED}


@pytest.mark.slow
def test_a_script_that_seeds_anew_does_not_pass_for_persistence(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  swept:
    image: {LAB}
    command: ["sh", "-c", "rm -rf /data/*; echo seed > /data/row; {LOOP}"]
    volumes: ["swept:/data"]
  replaced:
    image: {LAB}
    command: ["sh", "-c", "rm -f /data/row; echo seed > /data/row; {LOOP}"]
    volumes: ["replaced:/data"]
volumes: {{swept: {{}}, replaced: {{}}}}
""",
    )

    report = drilled(shop, env, "restart", "down+up")

    assert {row.fate for row in report.rows} <= {RowFate.LOST, RowFate.UNKNOWN}


@pytest.mark.slow
def test_a_user_who_may_not_write_and_a_service_that_never_starts_are_told(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  app:
    image: {LAB}
    user: "1000:1000"
    command: ["sh", "-c", "echo row > /data/row; {LOOP}"]
    volumes: ["rows:/data"]
  broken:
    image: {LAB}
    command: ["sh", "-c", "echo no configuration; exit 3"]
volumes: {{rows: {{}}}}
""",
    )

    report = drilled(shop, env, "restart")

    states = {state.service: state for state in report.services}
    assert states["broken"].state == "cannot-start"
    assert states["broken"].log == ("no configuration",)
    assert {(row.service, row.fate) for row in report.rows} == {("app", RowFate.UNWRITABLE), ("broken", RowFate.CANNOT_START)}
    assert report.outcome is StackOutcome.CANNOT_WRITE


@pytest.mark.slow
def test_probes_of_ones_own_see_what_is_written_later(shop: Path, env: dict[str, str], real: Callable[[str], str]) -> None:
    compose(
        shop,
        f"""
services:
  app:
    image: {real("notes")}
    volumes: ["data:/app/data"]
    x-dockstore:
      ready: test -e /tmp/ready
      probes:
        rows: {{write: /start add $$DOCKSTORE_NONCE, read: /start has $$DOCKSTORE_NONCE, user: notes}}
        uploads: {{write: echo $$DOCKSTORE_NONCE | /start upload file, read: cat /app/uploads/file}}
volumes: {{data: {{}}}}
""",
    )

    report = drilled(shop, env, "restart", "recreate")

    found = {(row.path, row.event): (row.fate, row.found, row.probe) for row in report.rows if row.role == "data"}
    assert found[("/app/data", "recreate")] == (RowFate.PERSISTED, "written", "rows")
    assert found[("/app/uploads", "restart")] == (RowFate.PERSISTED, "probe", "uploads")
    assert found[("/app/uploads", "recreate")] == (RowFate.LOST, "probe", "uploads")


@pytest.mark.slow
def test_another_project_name_leaves_the_volumes_behind_unless_something_fixes_it(shop: Path, env: dict[str, str]) -> None:
    stack = f"""
services:
  app:
    image: {LAB}
    command: ["sh", "-c", "[ -e /data/row ] || echo row > /data/row; {LOOP}"]
    volumes: ["rows:/data"]
volumes: {{rows: {{}}}}
"""
    compose(shop, stack)
    free = drilled(shop, env, "rename-project")
    compose(shop, f"name: shop\n{stack}")

    fixed = drilled(shop, env, "rename-project")

    assert fates(free) == {("/data", "rename-project"): RowFate.ORPHANED}
    assert fates(fixed) == {("/data", "rename-project"): RowFate.PERSISTED}


@pytest.mark.slow
def test_two_drills_of_one_stack_at_a_time(shop: Path, env: dict[str, str]) -> None:
    compose(shop, f"services:\n  app:\n    image: {LAB}\n    command: ['sh', '-c', \"echo row > /anon/row; {LOOP}\"]\n    volumes: [/anon]\n")
    found: list[StackReport] = []

    def one() -> None:
        found.append(drilled(shop, env, "recreate"))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [fates(report) for report in found] == [{("/anon", "recreate"): RowFate.PERSISTED}] * 2


@pytest.mark.slow
@pytest.mark.parametrize("after", ["restart", ""], ids=["between two events", "while it is discovered"])
def test_an_interrupted_drill_tidies_up(shop: Path, env: dict[str, str], home: Path, after: str) -> None:
    compose(shop, f"services:\n  app:\n    image: {LAB}\n    command: ['sh', '-c', \"echo row > /anon/row; {LOOP}\"]\n    volumes: [/anon]\n")
    halt = Halt()

    def say(text: str) -> None:
        if after and text.startswith(after):
            halt.ask("interrupted")

    if not after:
        threading.Timer(1.5, lambda: halt.ask("interrupted")).start()
    (report,) = api.drill_with(DrillOptions(targets=("compose.yaml",), events=("restart", "down+up")), env=env, cwd=shop, say=say, halt=halt)

    assert report.interrupted
    assert exit_code([report]) == 130
    assert list((home / "runs").iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_drill_left_is_cleaned(shop: Path, env: dict[str, str], engine: DockerEngine) -> None:
    compose(
        shop,
        f"services:\n  app:\n    image: {LAB}\n    command: ['sh', '-c', \"echo row > /anon/row; {LOOP}\"]\n    volumes: [/anon, 'rows:/rows']\nvolumes: {{rows: {{}}}}\n",
    )
    words = [sys.executable, "-m", "dockstore", "drill", "compose.yaml", "--events", "restart,stop+start,kill+start"]
    with subprocess.Popen(words, cwd=shop, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("restart"):
                break
        process.send_signal(signal.SIGKILL)
        process.stderr.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        cleaned = api.clean(api.Options(), env=env, cwd=shop)
        left = [item for item in engine.list_containers() if str(item.get("Labels", {}).get("io.dockstore.pid")) == str(process.pid)]  # type: ignore[attr-defined]
        if not cleaned.left and not left:
            break

    assert left == []
    assert engine.list_networks(filters={"label": [f"io.dockstore.pid={process.pid}"]}) == []
    assert [item for item in engine.list_volumes() if str((item.get("Labels") or {}).get("io.dockstore.pid")) == str(process.pid)] == []  # type: ignore[attr-defined]


GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")


@pytest.mark.slow
def test_an_image_that_a_change_builds_anew_is_what_the_upgrade_runs(shop: Path, env: dict[str, str]) -> None:
    if shutil.which("git") is None:
        pytest.fail("git is needed for --from and --to")
    compose(shop, "services:\n  app:\n    build: .\n    volumes: ['rows:/data']\nvolumes: {rows: {}}\n")
    (shop / "Dockerfile").write_text(f'FROM {LAB}\nCOPY run.sh /run.sh\nCMD ["sh", "/run.sh"]\n', encoding="utf-8")
    run = "mkdir -p {at}; [ -e {at}/row ] || {{ echo row > {at}/row; echo more > {at}/more; }}; {loop}\n"
    (shop / "run.sh").write_text(run.format(at="/data", loop=LOOP), encoding="utf-8")
    subprocess.run([*GIT, "init", "-q"], cwd=shop, check=True)
    subprocess.run([*GIT, "add", "."], cwd=shop, check=True)
    subprocess.run([*GIT, "commit", "-qm", "first"], cwd=shop, check=True)
    (shop / "run.sh").write_text(run.format(at="/store", loop=LOOP), encoding="utf-8")

    report = drilled(shop, env, "upgrade", from_ref="HEAD")

    assert fates(report) == {("/data", "upgrade"): RowFate.ORPHANED}
    assert [finding.rule for finding in report.findings] == ["DS205"]


@pytest.mark.slow
def test_what_a_pull_request_changes_is_an_upgrade(shop: Path, env: dict[str, str]) -> None:
    if shutil.which("git") is None:
        pytest.fail("git is needed for --from and --to")
    git = GIT
    stack = "services:\n  app:\n    image: {image}\n    command: ['sh', '-c', \"[ -e {at}/row ] || echo row > {at}/row; {loop}\"]\n    volumes: ['rows:{at}']\nvolumes: {{rows: {{}}}}\n"
    compose(shop, stack.format(image=LAB, at="/data", loop=LOOP))
    subprocess.run([*git, "init", "-q"], cwd=shop, check=True)
    subprocess.run([*git, "add", "."], cwd=shop, check=True)
    subprocess.run([*git, "commit", "-qm", "first"], cwd=shop, check=True)
    compose(shop, stack.replace("'rows:{at}'", "'new:{at}'").replace("rows: {{}}", "new: {{}}").format(image=LAB, at="/data", loop=LOOP))
    subprocess.run([*git, "commit", "-qam", "second"], cwd=shop, check=True)

    report = drilled(shop, env, "down+up", "upgrade", from_ref="HEAD~1", to_ref="HEAD")

    assert fates(report) == {("/data", "down+up"): RowFate.PERSISTED, ("/data", "upgrade"): RowFate.ORPHANED}
    assert [row.base_fate for row in report.rows if row.role == "data"] == [RowFate.PERSISTED, None]
    assert report.outcome is StackOutcome.LOSES_DATA
    (finding,) = report.findings
    assert finding.spot is not None
    assert (finding.rule, finding.spot.file, finding.spot.line) == ("DS205", "compose.yaml", 5)
    assert finding.message == "new is mounted where rows was: /data is orphaned by upgrade"
