"""The steps of a scenario file: what each says, and in which order they may stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockstore.core.model import ContainerSpec, Place, PlaceKind, VolumeMount, VolumeSpec
from dockstore.core.problems import render
from dockstore.core.scenario import load_text
from dockstore.core.script import (
    At,
    Commit,
    Copy,
    Create,
    CreateFolder,
    CreateVolume,
    Diff,
    Exec,
    Export,
    Find,
    Import,
    Inspect,
    Kill,
    Measure,
    MountHost,
    Observe,
    Pause,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Remove,
    RemoveHost,
    RemoveImage,
    RemoveVolume,
    Rename,
    RenameHost,
    Restart,
    Run,
    Scenario,
    Start,
    Stop,
    Together,
    UnmountHost,
    Update,
    Wait,
    Write,
)

GRAMMAR = Path(__file__).parent / "grammar"
DB_ROW = Place(PlaceKind.CONTAINER, "db", "/row")


def long_form(steps: str, expect: str = "row: persisted", *, extra: str = "", containers: str = "{db: {}}") -> Scenario:
    """A file with these parts."""
    parsed = load_text(f"version: 1\nscenario: s\n{extra}containers: {containers}\nsteps:\n{steps}expect: {{{expect}}}\n", "f.yaml")
    assert [render(problem) for problem in parsed.problems] == []
    assert parsed.scenario is not None
    return parsed.scenario


def complete(name: str) -> Scenario:
    """One of the complete files."""
    parsed = load_text((GRAMMAR / f"{name}.scenario.yaml").read_bytes(), name)
    assert parsed.scenario is not None
    return parsed.scenario


_AT = At(line=7, column=3)
_DB = ContainerSpec(name="db", image="app:1")
_NEEDS = "needs: [disposable-engine, restart-engine, power-loss, host-mount, network-folder]\n"


@pytest.mark.parametrize(
    ("before", "written", "step"),
    [
        ("", "run: db\n  with: {user: 1000}", Run(at=_AT, spec=ContainerSpec(name="db", image="app:1", user="1000"))),
        ("", "create: db", Create(at=_AT, spec=_DB)),
        ("", "create: volume:new", CreateVolume(at=_AT, spec=VolumeSpec(name="new"))),
        ("", "create: volume:new\n  with: {driver: local}", CreateVolume(at=_AT, spec=VolumeSpec(name="new", driver="local"))),
        ("", "create: host:new", CreateFolder(at=_AT, place=Place(PlaceKind.HOST, "", "new"))),
        ("create: db", "start: db", Start(at=_AT, container="db")),
        ("run: db", "stop: db", Stop(at=_AT, container="db", timeout_seconds=10.0)),
        ("run: db", "stop: db\n  timeout: 0s", Stop(at=_AT, container="db", timeout_seconds=0.0)),
        ("run: db", "restart: db\n  timeout: 1m30s", Restart(at=_AT, container="db", timeout_seconds=90.0)),
        ("run: db", "kill: db", Kill(at=_AT, container="db")),
        ("run: db", "kill: db\n  signal: SIGTERM", Kill(at=_AT, container="db", signal="TERM")),
        ("", "stop: engine", Stop(at=_AT, container=None)),
        ("", "restart: engine", Restart(at=_AT, container=None)),
        ("", "kill: engine", Kill(at=_AT, container=None)),
        ("kill: engine", "start: engine", Start(at=_AT, container=None)),
        ("run: db", "pause: db", Pause(at=_AT, container="db")),
        ("run: db", "remove: db\n  force: true\n  volumes: true", Remove(at=_AT, container="db", force=True, volumes=True)),
        ("create: volume:new", "remove: volume:new\n  force: true", RemoveVolume(at=_AT, volume="new", force=True)),
        ("", "remove: image:app:1\n  force: true", RemoveImage(at=_AT, image="app:1", force=True)),
        ("", "remove: host:new", RemoveHost(at=_AT, place=Place(PlaceKind.HOST, "", "new"))),
        ("run: db", "rename: db\n  to: other", Rename(at=_AT, container="db", to="other")),
        ("", "rename: host:a\n  to: host:b/c", RenameHost(at=_AT, place=Place(PlaceKind.HOST, "", "a"), to=Place(PlaceKind.HOST, "", "b/c"))),
        (
            "run: db",
            "update: db\n  with: {mem_limit: 64m, restart: always}",
            Update(
                at=_AT,
                container="db",
                spec=ContainerSpec(name="db", image="app:1", mem_limit_bytes=64 << 20, restart="always"),
                keys=("mem_limit", "restart"),
            ),
        ),
        ("run: db", "wait: db\n  for: exited", Wait(at=_AT, container="db", condition="exited")),
        ("run: db", "wait: db\n  until: test -e /x\n  timeout: 5s", Wait(at=_AT, container="db", until="test -e /x", timeout_seconds=5.0)),
        ("run: db", "commit: db\n  to: image:new", Commit(at=_AT, container="db", image="new")),
        ("run: db", "export: db\n  to: host:a.tar", Export(at=_AT, container="db", to=Place(PlaceKind.HOST, "", "a.tar"))),
        ("", "import: host:a.tar\n  to: image:flat", Import(at=_AT, source=Place(PlaceKind.HOST, "", "a.tar"), image="flat")),
        (
            "run: db",
            "copy: db:/data/.\n  to: host:a.tar",
            Copy(at=_AT, source=Place(PlaceKind.CONTAINER, "db", "/data/."), to=Place(PlaceKind.HOST, "", "a.tar")),
        ),
        ("run: db", "copy: secret\n  to: db:/key", Copy(at=_AT, source="secret", to=Place(PlaceKind.CONTAINER, "db", "/key"))),
        ("", 'prune: volumes\n  all: true\n  api: "1.41"', Prune(at=_AT, what="volumes", all=True, api="1.41")),
        ("", "prune: system\n  volumes: true", Prune(at=_AT, what="system", volumes=True)),
        ("", "mount: tmpfs\n  at: host:x", MountHost(at=_AT, what="tmpfs", place=Place(PlaceKind.HOST, "", "x"))),
        ("", "unmount: host:x", UnmountHost(at=_AT, place=Place(PlaceKind.HOST, "", "x"))),
        ("", "reboot: engine", Reboot(at=_AT)),
        ("", "power-loss: engine", PowerLoss(at=_AT)),
        ("run: db", "write: a row\n  to: db:/row\n  sync: true", Write(at=_AT, write="a row", to=DB_ROW, sync=True)),
        (
            "",
            "write: a row\n  to: host:./a//b/\n  replace: true".replace("b/\n", "b\n"),
            Write(at=_AT, write="a row", to=Place(PlaceKind.HOST, "", "a/b"), replace=True),
        ),
        ("run: db", "exec: ls ${HOME} $x\n  in: db", Exec(at=_AT, command="ls ${HOME} $x", container="db")),
        (
            "run: db",
            "exec: [ls, -l]\n  in: db\n  user: 1000\n  timeout: 1m\n  detach: true",
            Exec(at=_AT, command=("ls", "-l"), container="db", user="1000", timeout_seconds=60.0, detach=True),
        ),
    ],
)
def test_a_step_says_what_is_done(before: str, written: str, step: object) -> None:
    first = before or "create: host:nothing"
    text = f"- {first}\n- {written}\n- create: db\n  as: r\n"

    scenario = long_form(text, "r: {refused: false}", extra=_NEEDS, containers="{db: {image: 'app:1'}}")

    assert scenario.steps[1] == step


_LOOK = At(line=8, column=3)


@pytest.mark.parametrize(
    ("written", "shows", "step"),
    [
        (
            "observe: row\n  at: db:/other\n  as: r",
            "lost",
            Observe(at=_LOOK, label="r", write="row", look="r", place=Place(PlaceKind.CONTAINER, "db", "/other")),
        ),
        ("read: db:/\n  as: r", "{type: directory}", Read(at=_LOOK, label="r", look="r", place=Place(PlaceKind.CONTAINER, "db", "/"))),
        ("read: volume:rows/in/row\n  as: r", "{exists: true}", Read(at=_LOOK, label="r", look="r", place=Place(PlaceKind.VOLUME, "rows", "in/row"))),
        ("read: layer:db/row\n  as: r", "{exists: true}", Read(at=_LOOK, label="r", look="r", place=Place(PlaceKind.LAYER, "db", "row"))),
        ("read: image:lab\n  as: r", "{exists: true}", Read(at=_LOOK, label="r", look="r", place=Place(PlaceKind.IMAGE, "lab", ""))),
        ("inspect: db\n  as: r", "{exists: true}", Inspect(at=_LOOK, label="r", look="r", kind="container", name="db")),
        ("inspect: volume:rows\n  as: r", "{users: [db]}", Inspect(at=_LOOK, label="r", look="r", kind="volume", name="rows")),
        ("inspect: image:lab\n  as: r", "{layers: 1}", Inspect(at=_LOOK, label="r", look="r", kind="image", name="lab")),
        ("inspect: engine\n  as: r", "{driver: overlay2}", Inspect(at=_LOOK, label="r", look="r", kind="engine", name="")),
        ("diff: db\n  as: r", "{/row: A}", Diff(at=_LOOK, label="r", look="r", container="db")),
        ("find: row\n  as: r", "true", Find(at=_LOOK, label="r", look="r", write="row")),
        (
            "measure: a\n  against: b\n  in: db\n  as: r\n  rounds: 3",
            "{at_least: 2}",
            Measure(at=_LOOK, label="r", look="r", command="a", against="b", container="db", rounds=3),
        ),
    ],
)
def test_a_look_says_what_is_looked_at_and_how_it_is_called(written: str, shows: str, step: object) -> None:
    text = f"- run: db\n- write: row\n  to: db:/row\n- {written}\n"

    scenario = long_form(text, f"r: {shows}", containers='{db: {mounts: ["rows:/data"]}}')

    assert scenario.steps[2] == step


def test_what_is_observed_without_a_name_is_called_as_the_write() -> None:
    scenario = long_form("- run: db\n- {write: a row, to: 'db:/row'}\n- observe: a row\n", "a row: persisted")

    assert scenario.steps[2] == Observe(at=At(line=7, column=3), write="a row", look="a row")


def test_a_list_of_subjects_is_one_step_after_the_other() -> None:
    scenario = long_form(
        "- run: [db, a]\n- {write: row, to: 'db:/row'}\n- {write: other, to: 'a:/row'}\n- observe: [row, other]\n",
        "row: persisted, other: persisted",
        containers="{db: {}, a: {}}",
    )

    assert [step.spec.name for step in scenario.steps if isinstance(step, Run)] == ["db", "a"]
    assert [step.look for step in scenario.steps if isinstance(step, Observe)] == ["row", "other"]


def test_steps_together_are_one_step() -> None:
    scenario = complete("lost-updates")

    together = scenario.steps[3]
    assert isinstance(together, Together)
    assert together.timeout_seconds == 60.0
    assert [step.container for step in together.steps if isinstance(step, Exec)] == ["a", "b"]


def test_what_with_says_replaces_the_containers_own_for_this_step() -> None:
    scenario = complete("recreate-as-compose")

    created = scenario.steps[5]
    assert isinstance(created, Create)
    assert created.spec.mounts == (VolumeMount(target="/data", source="old"),)
    assert scenario.containers[0].mounts == (VolumeMount(target="/data", flag=True),)


def test_a_renamed_container_and_a_committed_image_count_from_there_on() -> None:
    scenario = long_form(
        "- run: db\n"
        "- {rename: db, to: old}\n"
        "- {commit: old, to: 'image:new'}\n"
        "- {run: db, with: {image: new}}\n"
        "- {stop: old}\n- {start: old}\n"
        "- {write: row, to: 'old:/row'}\n"
        "- observe: row\n"
    )

    assert isinstance(scenario.steps[2], Commit)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param("- {run: db, as: r}\n- {write: row, to: 'db:/row'}\n", id="a run that may be refused"),
        pytest.param("- run: db\n- {run: db, as: r}\n- {write: row, to: 'db:/row'}\n", id="a second run that is to be refused"),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- {exec: kill 1, in: db}\n- start: db\n", id="a command that may end it"),
        pytest.param(
            "- run: db\n- {write: row, to: 'db:/row'}\n- {exec: kill 1, in: db, detach: true}\n- {wait: db, for: exited}\n- remove: db\n",
            id="a crash",
        ),
        pytest.param(
            "- run: short\n- {wait: short, for: removed}\n- run: short\n- run: db\n- {write: row, to: 'db:/row'}\n", id="one that removes itself"
        ),
        pytest.param(
            "- run: db\n- {write: row, to: 'db:/row'}\n- {stop: db, as: r}\n- {remove: db, as: s}\n- {run: db, as: t}\n", id="nothing is sure"
        ),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- stop: db\n- prune: containers\n- run: db\n", id="a prune takes it"),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- restart: engine\n- start: db\n- restart: db\n", id="an engine restart"),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- kill: engine\n- start: engine\n- {remove: db, force: true}\n", id="an engine kill"),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- {kill: db, signal: USR1}\n- {kill: db, signal: TERM}\n- start: db\n", id="signals"),
        pytest.param("- run: db\n- {write: row, to: 'db:/row'}\n- together: [{stop: db}, {exec: sync, in: db}]\n- start: db\n", id="together"),
        pytest.param(
            "- create: db\n- start: db\n- pause: db\n- unpause: db\n- {write: row, to: 'db:/row'}\n- stop: db\n- stop: db\n- start: db\n- start: db\n",
            id="idle",
        ),
    ],
)
def test_an_order_that_may_be_right_is_not_refused(steps: str) -> None:
    scenario = long_form(
        steps + "- observe: row\n",
        extra="needs: [disposable-engine, restart-engine]\n",
        containers="{db: {}, short: {command: 'true', rm: true}}",
    )

    assert scenario.expect[0].look == "row"
