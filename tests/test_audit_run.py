"""An audit from end to end, but for Compose (a script that says what Compose said) and the engine (a few stored answers)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from audit_stage import SERVICES, TEXT, Stage, nobody
from composing import rules

from dockstore.core.model import EngineInfo
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.engines.compose import resolve
from dockstore.engines.errors import NotFound, Unreachable
from dockstore.runner.audit import AuditOptions, NoSuchTarget, audit_all
from dockstore.runner.compose_files import WrongCompose, default_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.engines.compose import Question, Resolved
    from dockstore.engines.compose_cli import Compose


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def info() -> EngineInfo:
    return EngineInfo(
        address="unix:///nowhere.sock", engine_id="x", product="Docker Engine", version="28.5.2", api_version="1.51", storage_driver="overlay2", image_store="graphdriver", data_root="/var/lib/docker"
    )  # fmt: skip


class Answers:
    """As much of an engine as an audit asks, and what it was asked."""

    def __init__(
        self,
        *,
        images: Mapping[str, dict[str, Any]] | None = None,
        containers: Sequence[dict[str, Any]] = (),
        diff: Mapping[str, str] | None = None,
        volumes: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.images, self.containers, self.diff, self.volumes = images or {}, containers, diff or {}, volumes
        self.asked: list[str] = []
        self.info = info()

    def __call__(self, *_words: object, **_more: object) -> Answers:
        return self

    def close(self) -> None:
        self.asked.append("close")

    def inspect_image(self, image: str) -> dict[str, Any]:
        self.asked.append(f"image {image}")
        if image not in self.images:
            raise NotFound(f"inspect image {image}", 404, "no such image")
        return {"Id": image, "Config": self.images[image]}

    def list_volumes(self, **_more: object) -> list[dict[str, Any]]:
        self.asked.append("volumes")
        return list(self.volumes)

    def list_containers(self, *, filters: Mapping[str, Sequence[str]] | None = None, **_more: object) -> list[dict[str, Any]]:
        listed = [{"Id": one["Id"], "Labels": one["Config"].get("Labels", {})} for one in self.containers]
        if not filters:
            return listed
        key, _, value = filters["label"][0].partition("=")
        return [one for one in listed if one["Labels"].get(key) == value]

    def inspect_container(self, container: str, **_more: object) -> dict[str, Any]:
        for one in self.containers:
            if container in {one["Id"], one["Name"].lstrip("/")}:
                return one
        raise NotFound(f"inspect container {container}", 404, "no such container")

    def diff_container(self, _container: str) -> dict[str, str]:
        return dict(self.diff)


def container(name: str, *mounts: dict[str, Any], image: str = "app:1", labels: Mapping[str, str] | None = None, **host: Any) -> dict[str, Any]:
    return {
        "Id": name * 8,
        "Name": f"/{name}",
        "Image": image,
        "Config": {"Image": image, "Labels": dict(labels or {}), "Env": ["SECRET=hunter2"], "Hostname": (name * 8)[:12]},
        "HostConfig": host,
        "Mounts": list(mounts),
    }


# --- Compose files --------------------------------------------------------------------------------------------------------------


def test_a_folder_is_audited_without_an_engine(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None})

    (report,) = stage.audit()

    assert (report.outcome, rules(report, "error"), report.files, report.engines) == (StackOutcome.LOSES_DATA, ["DS301"], ("compose.yaml",), {})
    finding = report.findings[0]
    assert finding.spot is not None
    assert (finding.spot.file, finding.spot.line, finding.spot.column) == ("compose.yaml", 7, 9)


def test_files_profiles_project_and_env_files_reach_compose(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None})
    (stage.folder / "more.yaml").write_text("services: {}\n")

    stage.audit(files=("compose.yaml", "more.yaml"), project="mine", profiles=("debug",), env_files=("x.env",))

    asked = (stage.answers / "asked").read_text().splitlines()
    folder = stage.folder
    assert f"-f {folder}/compose.yaml -f {folder}/more.yaml -p mine --profile debug --env-file {folder}/x.env config --format json" in asked
    assert len(asked) == 2  # once, and once under another project's name


def test_a_stack_is_read_as_by_somebody_who_stands_in_its_folder(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.compose(SERVICES, {"pg": None})
    asked: list[Question] = []

    def noted(compose: Compose, question: Question, *, extensions: bool) -> Resolved:
        asked.append(question)
        return resolve(compose, question, extensions=extensions)

    monkeypatch.setattr("dockstore.runner.compose_files.resolve", noted)
    options = AuditOptions(targets=("shop/compose.yaml",), engine="none")
    audit_all(options, env={**stage.env, "PWD": "/elsewhere"}, cwd=stage.folder.parent, say=lambda _text: None)

    assert {question.environ["PWD"] for question in asked} == {str(stage.folder)}


def test_an_engine_is_asked_once_for_each_image_and_never_for_a_mount(stage: Stage) -> None:
    services = {f"s{n}": {"image": f"example/app:{n % 3}", "volumes": [f"v{n}:/data", "/cache"]} for n in range(50)}
    stage.compose(services, {f"v{n}": None for n in range(50)})
    engine = Answers(images={f"example/app:{n}": {"Volumes": {"/data": {}}} for n in range(3)})

    stage.audit(connecting=engine)

    assert engine.asked == ["image example/app:0", "image example/app:1", "image example/app:2", "close"]


def test_what_the_engine_knows_beats_what_is_assumed(stage: Stage) -> None:
    stage.compose({"db": {"image": "postgres:16", "volumes": ["pg:/data"]}}, {"pg": None})
    engine = Answers(images={"postgres:16": {"Volumes": {"/data": {}}, "Env": ["PGDATA=/data/pg"], "Cmd": ["postgres"]}})

    (report,) = stage.audit(connecting=engine)

    assert (report.outcome, rules(report, "error", "warning")) == (StackOutcome.KEEPS_DATA, [])


def test_an_engine_that_does_not_answer_is_a_limit_not_an_error(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None})

    (report,) = stage.audit(connecting=nobody)

    assert report.limits[0] == "no engine was asked: nobody answers"


def test_compose_warns_and_left_out_profiles_are_said(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None}, text=TEXT.replace("volumes:\n  pg", "  debug: {image: x, profiles: [debug]}\nvolumes:\n  pg"))
    (stage.answers / "stderr").write_text(
        'time="2026-11-24T12:24:25Z" level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."\n'
    )

    (report,) = stage.audit()

    assert report.limits[0] == 'Compose warns: The "TAG" variable is not set. Defaulting to a blank string.'
    assert report.notes == ("not looked at, for their profile is not chosen: debug (--profile NAME)",)


@pytest.mark.parametrize(
    ("message", "text", "place", "fact"),
    [
        (
            "validating {file}: services.db Additional property volums is not allowed",
            "services:\n  db:\n    volums: [a]\n",
            (3, 5),
            "services.db Additional property volums",
        ),
        (
            'service "db" refers to undefined volume vol: invalid compose project',
            "services:\n  db:\n    image: x\n    volumes: [vol:/b]\n",
            (4, 15),
            "refers to undefined volume vol",
        ),
        ("yaml: line 3: did not find expected key", "services:\n  db:\n   image: x\n  - y\n", (3, 1), "not YAML: did not find expected key"),
        (
            "error while interpolating services.db.image: required variable X is missing a value: need x",
            "services:\n  db:\n    image: ${X:?need x}\n",
            (3, 5),
            "required variable X",
        ),
    ],
    ids=["unknown key", "undefined volume", "no YAML", "missing variable"],
)
def test_composes_own_message_comes_with_our_place(stage: Stage, message: str, text: str, place: tuple[int, int], fact: str) -> None:
    stage.compose({}, text=text)
    stage.fails(message.format(file=stage.folder / "compose.yaml"))

    with pytest.raises(WrongCompose) as caught:
        stage.audit()

    problem = caught.value.problems[0]
    assert (problem.file, problem.line, problem.column) == ("compose.yaml", *place)
    assert fact in problem.fact


def test_a_secret_on_the_line_of_an_error_is_not_shown(stage: Stage) -> None:
    stage.compose({}, text="services:\n  db:\n    environment: {DB_PASSWORD: hunter2, x: [1]}\n")
    stage.fails("validating x: services.db.environment.DB_PASSWORD must be a string")

    with pytest.raises(WrongCompose) as caught:
        stage.audit()

    assert "hunter2" not in caught.value.problems[0].source


def test_the_files_that_others_bring_in_have_places_too(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None}, text="include:\n  - parts/db.yaml\n")
    (stage.folder / "parts").mkdir()
    (stage.folder / "parts" / "db.yaml").write_text(TEXT)

    (report,) = stage.audit()

    spot = report.findings[0].spot
    assert spot is not None
    assert (spot.file, spot.line) == ("parts/db.yaml", 7)


def test_an_override_is_found_beside_its_file(tmp_path: Path) -> None:
    for name in ("docker-compose.yml", "docker-compose.override.yml", "unrelated.yaml"):
        (tmp_path / name).write_text("services: {}\n")
    below = tmp_path / "below"
    below.mkdir()

    assert [Path(file).name for file in default_files(below)] == ["docker-compose.yml", "docker-compose.override.yml"]


def test_an_image_to_upgrade_to_is_looked_up(stage: Stage) -> None:
    stage.compose({"db": {"image": "postgres:17", "volumes": ["pg:/var/lib/postgresql/data"]}}, {"pg": None})

    (report,) = stage.audit(upgrade_images=(("db", "postgres:18"),))

    assert rules(report, "error") == ["DS205"]


def test_an_upgrade_of_a_service_that_is_not_there_is_refused(stage: Stage) -> None:
    stage.compose(SERVICES, {"pg": None})

    with pytest.raises(NoSuchTarget, match="--upgrade-image web=x: no such service"):
        stage.audit(upgrade_images=(("web", "x"),))


@pytest.mark.parametrize(
    ("more", "fixed"),
    [({}, False), ({"COMPOSE_PROJECT_NAME": "shop"}, True), ({"file": "COMPOSE_PROJECT_NAME=shop\n"}, True), ({"name": "other"}, True)],
    ids=["by the folder", "variable", ".env", "resolved to another"],
)
def test_what_fixes_the_projects_name(stage: Stage, more: dict[str, str], *, fixed: bool) -> None:
    stage.compose({"db": {"image": "mysql:8", "volumes": ["m:/var/lib/mysql"]}}, {"m": None}, name=more.get("name", "shop"))
    if "file" in more:
        (stage.folder / ".env").write_text(more["file"])
    stage.env |= {key: value for key, value in more.items() if key.isupper()}

    (report,) = stage.audit()

    assert ("DS203" not in rules(report)) is fixed


def test_what_is_no_plain_file_is_refused_at_once(stage: Stage) -> None:
    os.mkfifo(stage.folder / "pipe")

    for name, fact in (("pipe", "not a plain file"), ("missing.yaml", "cannot be read: no such file or directory")):
        with pytest.raises(WrongCompose) as caught:
            stage.audit(files=(name,))

        assert caught.value.problems[0].fact == fact


# --- images, containers, projects ---------------------------------------------------------------------------------------------


def test_an_image_is_told_how_it_has_to_be_run(stage: Stage) -> None:
    engine = Answers(images={"mysql:8": {"Volumes": {"/var/lib/mysql": {}}, "Cmd": ["mysqld"]}})

    (report,) = stage.audit("image:mysql:8", connecting=engine)

    assert [(one.rule, one.severity) for one in report.findings] == [("DS201", "warning")]
    assert {row.event for row in report.rows} >= {"remove+run", "recreate"}
    assert "down+up" not in {row.event for row in report.rows}


def test_a_container_is_judged_by_what_is_mounted_and_what_it_wrote(stage: Stage) -> None:
    volume = "9c1f4e" + "0" * 58
    mounts = ({"Type": "volume", "Name": volume, "Source": f"/var/lib/docker/volumes/{volume}/_data", "Destination": "/data", "RW": True},)
    diff = {
        "/app": "C",
        "/app/db": "A",
        "/app/db/rows": "A",
        "/data": "A",
        "/tmp/x": "A",
        "/tmp": "C",
        "/var": "C",
        "/var/run": "C",
        "/run/x": "A",
        "/run": "C",
    }
    engine = Answers(containers=[container("app", *mounts)], diff=diff, images={"app:1": {"Volumes": {"/data": {}}}})

    (report,) = stage.audit("container:app", connecting=engine)

    places = {(row.path, row.found, row.store.name if row.store else None) for row in report.rows}
    assert places == {("/data", "declared", volume), ("/app/db", "written", None)}
    assert {row.fate for row in report.rows if (row.path, row.event) == ("/app/db", "remove+run")} == {RowFate.LOST}
    assert [(one.rule, one.severity) for one in report.findings] == [("DS101", "warning"), ("DS201", "warning")]


@pytest.mark.parametrize(
    ("labels", "binds", "run_anew", "with_v"),
    [
        ({}, [], RowFate.ORPHANED, RowFate.LOST),
        ({}, ["by-id"], RowFate.UNKNOWN, RowFate.UNKNOWN),
        ({"com.docker.compose.service": "app"}, ["by-id"], RowFate.ORPHANED, RowFate.ORPHANED),
    ],
    ids=["made for it", "mounted by its id", "carried over by Compose"],
)
def test_an_anonymous_volume_mounted_by_its_id_is_kept_by_remove_with_v(
    stage: Stage, labels: dict[str, str], binds: list[str], run_anew: RowFate, with_v: RowFate
) -> None:
    volume = "9c1f4e" + "0" * 58
    mounts = ({"Type": "volume", "Name": volume, "Source": f"/v/{volume}/_data", "Destination": "/data", "RW": True},)
    engine = Answers(containers=[container("app", *mounts, labels=labels, Binds=[f"{volume}:/data" for _ in binds])])

    (report,) = stage.audit("container:app", connecting=engine)

    found = {row.event: row for row in report.rows if row.path == "/data"}
    assert (found["remove+run"].fate, found["remove-v+run"].fate) == (run_anew, with_v)
    assert {found["remove-v+run"].store_fate} == ({"persisted"} if with_v is RowFate.UNKNOWN else {None})


def test_a_container_with_rm_loses_by_a_mere_stop(stage: Stage) -> None:
    engine = Answers(containers=[container("app", AutoRemove=True)], diff={"/state": "A", "/state/x": "A", "/row": "A"})

    (report,) = stage.audit("container:app", connecting=engine)

    assert [(one.rule, one.path) for one in report.findings if one.severity == "error"] == [("DS104", "/row"), ("DS104", "/state")]
    assert {row.fate for row in report.rows if row.event == "stop+start"} == {RowFate.LOST}


def test_a_project_is_its_services_and_everything_is_all_projects(stage: Stage) -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}
    containers = [container("shop-db-1", labels=labels, image="mysql:8"), container("shop-db-2", labels=labels, image="mysql:8"), container("other")]
    engine = Answers(containers=containers)

    (project,) = stage.audit("project:shop", connecting=engine)
    everything = stage.audit(everything=True, connecting=engine)

    assert [service.service for service in project.services] == ["db"]
    assert [report.name for report in everything] == ["shop", "containers without a project"]


@pytest.mark.parametrize("target", ["container:nobody", "project:nobody"])
def test_what_is_not_on_the_engine_is_said(stage: Stage, target: str) -> None:
    with pytest.raises(NoSuchTarget) as caught:
        stage.audit(target, connecting=Answers())

    assert caught.value.missing


def test_a_container_needs_an_engine(stage: Stage) -> None:
    with pytest.raises(Unreachable):
        stage.audit("container:app", connecting=nobody)


@pytest.mark.parametrize("target", ["nothing.yaml", "empty"])
def test_a_target_that_means_nothing_is_refused_with_a_way_out(stage: Stage, target: str) -> None:
    (stage.folder / "empty").mkdir()

    with pytest.raises(NoSuchTarget) as caught:
        stage.audit(target)

    assert caught.value.hint
