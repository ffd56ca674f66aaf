"""Drills of stacks as people have them: no shell, replicas, secrets, builds, much data, dangerous mounts, and a Ctrl-C in each phase."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dockstore import api
from dockstore.api import NoEngine
from dockstore.core.stack_outcome import exit_code
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.engines.errors import NotFound
from dockstore.reports import stack_json
from dockstore.runner import copying
from dockstore.runner.drill_options import DrillOptions
from dockstore.runner.halt import Halt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dockstore.core.stack_report import StackReport
    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine
READY_SECONDS = 300.0  # a busy machine takes its time
LAB = "localhost/dockstore-lab:1"
BARE = "localhost/dockstore-test-bare:1"  # one program, no shell
LOOP = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
WRITER = f'image: {LAB}\n    command: ["sh", "-c", "%s; {LOOP}"]'


@pytest.fixture
def bare(engine: DockerEngine, env: dict[str, str]) -> Iterator[str]:
    """An image that holds one static program and nothing else."""
    try:
        engine.inspect_image(BARE)
    except NotFound:
        container = engine.create_container("", {"Image": LAB})
        try:
            archive = engine.get_archive(container, "/bin/busybox")
        finally:
            engine.remove_container(container, force=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as given:
            program = given.extractfile("busybox")
            assert program is not None
            data = program.read()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as made:
            member = tarfile.TarInfo("busybox-app")  # it answers to any name that begins so
            member.size, member.mode = len(data), 0o755
            made.addfile(member, io.BytesIO(data))
        engine.import_image(buffer.getvalue(), BARE, changes=['ENTRYPOINT ["/busybox-app"]', "LABEL io.dockstore.test=1"])
    yield BARE
    engine.remove_image(BARE, force=True)


@pytest.fixture(autouse=True)
def nothing_left(engine: DockerEngine) -> Iterator[None]:
    """Whatever a drill of this test made is gone afterwards: containers, volumes, networks, images, folders."""
    yield
    mine = {"label": [f"io.dockstore.pid={os.getpid()}"]}
    assert engine.list_containers(filters=mine) == []
    assert engine.list_volumes(filters=mine) == []
    assert engine.list_networks(filters=mine) == []


def compose(folder: Path, text: str, name: str = "compose.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def drilled(folder: Path, env: Mapping[str, str], *events: str, **options: object) -> StackReport:
    chosen: dict[str, object] = {"targets": ("compose.yaml",)} if "files" not in options else {}
    (report,) = api.drill_with(DrillOptions(**chosen, events=events, ready_seconds=READY_SECONDS, **options), env=env, cwd=folder)  # type: ignore[arg-type]
    return report


def fates(report: StackReport) -> dict[tuple[str, str | None, str], RowFate]:
    return {(row.service, row.path, row.event): row.fate for row in report.rows if row.role == "data"}


# --- the small part -------------------------------------------------------------------------------------------------------


def test_a_service_without_a_shell_is_judged_like_any_other(shop: Path, env: dict[str, str], bare: str) -> None:
    compose(
        shop,
        f"""
services:
  app:
    image: {bare}
    init: true
    command: ["sh", "-c", "echo row > /data/row; /busybox-app mkdir -p /srv/app; echo row > /srv/app/row; while :; do /busybox-app sleep 1; done"]
    volumes: ["rows:/data"]
volumes: {{rows: {{}}}}
""",
    )

    report = drilled(shop, env, "recreate")

    assert fates(report) == {("app", "/data", "recreate"): RowFate.PERSISTED, ("app", "/srv/app", "recreate"): RowFate.LOST}


def test_nothing_that_a_stack_keeps_secret_is_told_anywhere(shop: Path, env: dict[str, str]) -> None:
    (shop / "pw.txt").write_text("hunter2-in-a-file\n", encoding="utf-8")
    (shop / "app.env").write_text("LICENCE=hunter2-in-an-env-file\n", encoding="utf-8")
    compose(
        shop,
        f"""
services:
  app:
    image: {LAB}
    env_file: [app.env]
    environment: {{API_TOKEN: hunter2-in-the-environment}}
    command: ["sh", "-c", "cat /run/secrets/pw /run/secrets/other /etc/app.conf; env; exit 3"]
    configs: [{{source: conf, target: /etc/app.conf}}]
    secrets: [pw, other]
configs: {{conf: {{content: "key=hunter2-in-a-config"}}}}
secrets:
  pw: {{file: pw.txt}}
  other: {{environment: SHOP_SECRET}}
""",
    )
    said: list[str] = []

    (report,) = api.drill_with(
        DrillOptions(targets=("compose.yaml",), events=("restart",), ready_seconds=READY_SECONDS),
        env=env | {"SHOP_SECRET": "hunter2-in-a-variable"},
        cwd=shop,
        say=said.append,
    )

    told = json.dumps(stack_json.document(report)) + Path(report.history or "").read_text(encoding="utf-8") + "\n".join(said)
    assert report.outcome is StackOutcome.CANNOT_START
    assert "API_TOKEN" in " ".join(report.services[0].log)
    assert [
        word for word in ("file", "an-env-file", "the-environment", "variable") if f"hunter2-in-{word}" in told or f"hunter2-in-a-{word}" in told
    ] == []
    assert "hunter2-in-a-config" not in told.partition('"event":"header"')[2].partition("\n")[0]


def test_a_build_that_fails_says_what_its_step_said(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  app:
    build:
      context: .
      network: none
      dockerfile_inline: |
        FROM {LAB}
        RUN sh -c 'echo the compiler is not amused >&2; exit 3'
""",
    )

    with pytest.raises(NoEngine, match=r"build app: .*exit 3"):
        drilled(shop, env, "restart")


def test_an_image_that_cannot_be_had_is_said_with_the_way_out(shop: Path, env: dict[str, str]) -> None:
    compose(shop, "services: {app: {image: 'localhost/dockstore-test-nobody-has-this:1'}}")

    with pytest.raises(NoEngine) as raised:
        drilled(shop, env, "restart")

    assert "the image localhost/dockstore-test-nobody-has-this:1 is not here and cannot be pulled" in str(raised.value)
    assert raised.value.hint == "docker pull it, or build it first"


# --- the whole ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_replica_has_its_own_volume_and_a_probe_may_be_read_in_another_one(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  app:
    {WRITER % "echo row > /own/row"}
    deploy: {{replicas: 2}}
    volumes: ["shared:/shared", /own]
    x-dockstore:
      probes:
        crosswise: {{write: echo $$DOCKSTORE_NONCE > /shared/nonce, read: cat /shared/nonce, read_in: app@2}}
        own: {{write: echo $$DOCKSTORE_NONCE > /own/nonce, read: cat /own/nonce}}
volumes: {{shared: {{}}}}
""",
    )

    report = drilled(shop, env, "recreate", "down+up")

    found = fates(report)
    assert found["app", "/shared", "recreate"] is found["app", "/shared", "down+up"] is RowFate.PERSISTED
    assert found["app", "/own", "recreate"] is RowFate.PERSISTED
    assert found["app", "/own", "down+up"] is RowFate.ORPHANED


@pytest.mark.slow
def test_what_is_taken_over_by_volumes_from_is_named_by_its_own_service(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  keeper: {{image: {LAB}, command: ["true"], volumes: ["rows:/data", /anon]}}
  app:
    {WRITER % "echo row > /data/row; echo row > /anon/row"}
    volumes_from: [keeper]
volumes: {{rows: {{}}}}
""",
    )

    report = drilled(shop, env, "down+up")

    stores = {row.path: row.store.declared_by for row in report.rows if row.store is not None and row.service == "app"}
    assert fates(report) == {("app", "/data", "down+up"): RowFate.PERSISTED, ("app", "/anon", "down+up"): RowFate.ORPHANED}
    assert stores == {"/data": "compose", "/anon": "compose"}


@pytest.mark.slow
def test_files_that_people_put_together_are_one_stack(shop: Path, env: dict[str, str]) -> None:
    (shop / "inc").mkdir()
    compose(shop / "inc", f'services:\n  extra:\n    {WRITER % "echo row > /extra/row"}\n    volumes: ["extra:/extra"]\nvolumes: {{extra: {{}}}}\n')
    compose(shop, f"services: {{base: {{image: {LAB}}}}}", "base.yaml")
    compose(shop, 'services: {app: {volumes: ["more:/more"], healthcheck: {test: "true", interval: 1s}}}\nvolumes: {more: {}}', "second.yaml")
    compose(
        shop,
        f"""
name: fixedname
include: [inc/compose.yaml]
services:
  app:
    extends: {{file: base.yaml, service: base}}
    command: ["sh", "-c", "echo row > /more/row; {LOOP}"]
  tool:
    profiles: [tools]
    {WRITER % "echo row > /tool/row"}
    volumes: ["tool:/tool"]
volumes: {{tool: {{}}}}
""",
    )

    report = drilled(shop, env, "down+up", "rename-project", files=("compose.yaml", "second.yaml"), profiles=("tools",))

    places = [("app", "/more"), ("extra", "/extra"), ("tool", "/tool")]
    assert fates(report) == {(*place, event): RowFate.PERSISTED for place in places for event in ("down+up", "rename-project")}


@pytest.mark.slow
def test_the_data_of_an_external_volume_and_an_exercise_are_drilled(shop: Path, env: dict[str, str], engine: DockerEngine) -> None:
    name = f"dockstore-test-wide-{os.getpid()}"
    engine.create_volume(name, labels={"io.dockstore.test": "1"})
    try:
        filler = engine.create_container(
            "", {"Image": LAB, "Cmd": ["sh", "-c", "echo old > /to/old"], "HostConfig": {"Binds": [f"{name}:/to"], "NetworkMode": "none"}}
        )
        try:
            engine.start_container(filler)
            engine.wait_container(filler, condition="not-running", timeout_seconds=60)
        finally:
            engine.remove_container(filler, force=True)
        (shop / "data").mkdir()
        (shop / "data" / "old").write_text("old", encoding="utf-8")
        compose(
            shop,
            f"""
services:
  app:
    {WRITER % "test -e /rows/old && ! test -e /bind/old && echo row > /rows/row"}
    volumes: ["rows:/rows", "./data:/bind", "later:/later"]
volumes: {{rows: {{external: true, name: {name}}}, later: {{}}}}
""",
        )

        report = drilled(shop, env, "down+up", with_data=True, fresh_binds=True, exercise=(("app", "echo later > /later/upload"),))
    finally:
        engine.remove_volume(name)

    found = fates(report)
    assert found["app", "/rows", "down+up"] is RowFate.PERSISTED
    assert found["app", "/later", "down+up"] is RowFate.PERSISTED


@pytest.mark.slow
def test_a_program_that_empties_its_own_file_at_every_start_does_not_pass_for_persistence(shop: Path, env: dict[str, str]) -> None:
    compose(
        shop,
        f"""
services:
  app:
    {WRITER % ": > /data/rows"}
    volumes: [rows:/data]
  right:
    {WRITER % "touch /data/rows"}
    volumes: [more:/data]
volumes: {{rows: {{}}, more: {{}}}}
""",
    )

    report = drilled(shop, env, "restart", "recreate", exercise=tuple((name, "seq 100 >> /data/rows") for name in ("app", "right")))

    found = fates(report)
    assert {found["app", "/data", event] for event in ("restart", "recreate")} == {RowFate.UNKNOWN}
    assert {found["right", "/data", event] for event in ("restart", "recreate")} == {RowFate.PERSISTED}


@pytest.mark.slow
def test_a_stack_that_mounts_the_whole_machine_is_given_empty_folders_and_that_is_said(shop: Path, env: dict[str, str]) -> None:
    (shop / "real").mkdir()
    (shop / "linked").symlink_to("real")
    compose(
        shop,
        f"""
services:
  app:
    {WRITER % "test -e /host/etc || echo row > /host/row; test -e /var/run/docker.sock || echo row > /linked/row"}
    ports: ["1:1"]
    devices: [/dev/null]
    privileged: true
    network_mode: host
    volumes: ["/:/host", "/var/run/docker.sock:/var/run/docker.sock", "./linked:/linked"]
""",
    )

    report = drilled(shop, env, "restart")

    assert fates(report) == {("app", "/host", "restart"): RowFate.PERSISTED, ("app", "/linked", "restart"): RowFate.PERSISTED}
    assert list((shop / "real").iterdir()) == []
    assert report.limits == (
        "app: published ports are left out",
        "app: devices are left out",
        "app: it does not run privileged",
        "app: network_mode: host is left out",
        "/ is a folder of the whole machine: an empty one is mounted in its place",
        "app: the engine's socket /var/run/docker.sock is not given to the copy",
        f"{shop}/linked is a link to {shop}/real: the copy holds what it leads to",
    )


@pytest.mark.slow
def test_much_data_is_listed_and_what_is_too_much_begins_empty(shop: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_FILES", 1_000)
    for folder in range(20):
        (shop / "many" / str(folder)).mkdir(parents=True)
        for number in range(100):
            (shop / "many" / str(folder) / str(number)).touch()
    (shop / "data").mkdir()
    with (shop / "data" / "sparse").open("wb") as file:
        file.truncate(5 << 30)
    made = "for i in 0 1 2 3 4 5 6 7 8 9; do mkdir -p /rows/$$i; for j in $$(seq 700); do : > /rows/$$i/$$j; done; done; echo row > /many/row; echo row > /data/row"
    compose(
        shop,
        f'services:\n  app:\n    {WRITER % made}\n    volumes: ["rows:/rows", "./many:/many", "./data:/data"]\nvolumes: {{rows: {{}}}}\n',
    )

    report = drilled(shop, env, "down+up")

    assert set(fates(report).values()) == {RowFate.PERSISTED}
    assert {path for _, path, _ in fates(report)} == {"/rows", "/many", "/data"}
    assert report.limits == (
        f"{shop}/many holds, with what was copied before, more than 1,000 files (--with-data copies up to 300,000 files and 8 GiB): the copy begins empty",
    )


@pytest.mark.slow
def test_twenty_services_are_drilled(shop: Path, env: dict[str, str]) -> None:
    services = "".join(f'  s{number}:\n    {WRITER % "echo row > /data/row"}\n    volumes: ["v{number}:/data"]\n' for number in range(20))
    compose(shop, f"services:\n{services}volumes: {{{', '.join(f'v{number}: {{}}' for number in range(20))}}}\n")

    report = drilled(shop, env, "recreate")

    assert fates(report) == {(f"s{number}", "/data", "recreate"): RowFate.PERSISTED for number in range(20)}


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------------


def asked_when(said: str, halt: Halt) -> Callable[[str], None]:
    """What a person does who presses Ctrl-C when *said* appears."""
    return lambda text: halt.ask("interrupted (SIGINT)") if text.startswith(said) else None


@pytest.mark.slow
@pytest.mark.parametrize("when", ["building", "restart", "down+up", "tidying up"])
def test_a_drill_that_is_interrupted_says_so_and_leaves_nothing(shop: Path, env: dict[str, str], engine: DockerEngine, when: str) -> None:
    compose(
        shop,
        f"""
services:
  app:
    build:
      context: .
      network: none
      dockerfile_inline: |
        FROM {LAB}
        RUN date > /made
    command: ["sh", "-c", "echo row > /data/row; {LOOP}"]
    volumes: ["rows:/data"]
volumes: {{rows: {{}}}}
""",
    )
    halt = Halt()

    (report,) = api.drill_with(
        DrillOptions(targets=("compose.yaml",), events=("restart", "down+up"), ready_seconds=READY_SECONDS),
        env=env,
        cwd=shop,
        say=asked_when(when, halt),
        halt=halt,
    )

    assert report.interrupted
    assert report.outcome is StackOutcome.UNDECIDED
    assert exit_code((report,)) == 130
    assert "the drill was interrupted: what was not reached is not in it" in report.limits
    assert [tag for image in engine.list_images() for tag in image.get("RepoTags") or [] if f"dockstore-{report.run[:8]}" in str(tag)] == []  # type: ignore[attr-defined]
    assert not Path(f"/var/tmp/dockstore-{report.run[:8]}-1").exists()


@pytest.mark.slow
def test_a_ctrl_c_while_the_stack_is_waited_for_ends_the_wait(shop: Path, env: dict[str, str]) -> None:
    compose(shop, f'services:\n  app:\n    {WRITER % "true"}\n    healthcheck: {{test: "false", interval: 1s}}\n')
    halt = Halt()
    press = threading.Timer(8.0, halt.ask, ("interrupted (SIGINT)",))
    press.start()

    (report,) = api.drill_with(
        DrillOptions(targets=("compose.yaml",), events=("restart",), ready_seconds=READY_SECONDS), env=env, cwd=shop, halt=halt
    )
    press.cancel()

    assert report.interrupted
    assert [state.state for state in report.services if state.state == "cannot-start"] == []
