"""From a container or a stack to a scenario file that `validate` takes, and that tells nothing it should not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import FakeEngine, FakeHost
from orphaned import Stand, labels

from dockstore import api
from dockstore.cli.main import main
from dockstore.core.init import scenario_text
from dockstore.core.init_probes import extension_text
from dockstore.core.model import Fate
from dockstore.core.probes import of_extension
from dockstore.core.scenario import load_text
from dockstore.core.script import Equals, Scenario
from dockstore.core.stack_model import ImageFacts, Probe, Service, Stack, StackMount, StackVolume
from dockstore.engines import compose_cli
from dockstore.engines.compose_cli import Compose
from dockstore.runner import compose_files
from dockstore.runner.init import NoTarget, drawn_from_engine, drawn_from_files

PG = ImageFacts(reference="postgres:15", known=True, volumes=("/var/lib/postgresql/data",), command=("postgres",), environment={"PG_MAJOR": "15"})
APP = ImageFacts(reference="example.org/app:1", known=True, user="1000", working_dir="/app")


def mount(kind: str, target: str, source: str | None = None, **more: Any) -> StackMount:
    return StackMount(kind=kind, target=target, source=source, volume=source if kind == "volume" else None, **more)


def stack(*services: Service, **more: Any) -> Stack:
    return Stack(name="shop", files=("compose.yaml",), services=services, **more)


def read(text: str) -> Scenario:
    """The scenario that *text* is; it has no problem."""
    loaded = load_text(text, "x.scenario.yaml")
    assert [problem.fact for problem in loaded.problems] == []
    assert loaded.scenario is not None
    return loaded.scenario


def fates(text: str) -> dict[str, str]:
    """Look -> the fate that is expected."""
    found: dict[str, str] = {}
    for expectation in read(text).expect:
        (check,) = expectation.checks
        assert isinstance(check, Equals)
        found[expectation.look] = str(check.value)
    return found


FULL = stack(
    Service(
        name="db",
        image=PG,
        environment={"POSTGRES_PASSWORD": "sesame"},
        mounts=(
            mount("volume", "/var/lib/postgresql", "shop_data"),
            mount("volume", "/var/lib/postgresql/data", declared_by="image VOLUME"),
            mount("bind", "/etc/pg.conf", "/srv/shop/pg.conf", read_only=True),
        ),
    ),
    Service(
        name="app",
        image=APP,
        mounts=(
            mount("bind", "/app/uploads", "/srv/shop/uploads"),
            mount("volume", "/cache"),
            mount("tmpfs", "/mem"),
            mount("volume", "/shared", "shop_data", read_only=True),
            mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"),
            mount("secret", "/run/secrets/key", "key"),
        ),
    ),
)


def test_every_store_of_a_stack_gets_the_fate_that_its_kind_predicts() -> None:
    assert fates(scenario_text(FULL, target="compose.yaml")) == {
        "db /var/lib/postgresql": Fate.PERSISTED,
        "db /var/lib/postgresql/data": Fate.ORPHANED,
        "db /": Fate.LOST,
        "app /app/uploads": Fate.PERSISTED,
        "app /cache": Fate.ORPHANED,
        "app /mem": Fate.LOST,
        "app /app": Fate.LOST,
    }


def test_no_value_of_a_variable_is_copied_but_its_name_is_said() -> None:
    text = scenario_text(FULL, target="compose.yaml")

    assert "sesame" not in text
    assert "# not copied: the values of POSTGRES_PASSWORD" in text


def test_binds_become_folders_of_the_scratch_folder() -> None:
    text = scenario_text(FULL, target="compose.yaml")

    assert "/srv/shop" not in text
    assert {entry.path for entry in read(text).host} == {"binds/pg.conf", "binds/uploads"}


def test_what_is_the_machines_own_is_left_out_and_that_is_said() -> None:
    text = scenario_text(FULL, target="compose.yaml")

    assert "# left out: the bind of /var/run/docker.sock at /var/run/docker.sock of app, which is the machine's own" in text
    assert "# left out: the secret at /run/secrets/key of app" in text
    targets = {mount.target for container in read(text).containers for mount in container.mounts}
    assert targets.isdisjoint({"/var/run/docker.sock", "/run/secrets/key"})


def test_the_users_images_are_kept_and_their_programs_are_not_started() -> None:
    containers = {container.name: container for container in read(scenario_text(FULL, target="x")).containers}

    assert {name: container.image for name, container in containers.items()} == {"db": "postgres:15", "app": "example.org/app:1"}
    assert {container.entrypoint for container in containers.values()} == {("tail", "-f", "/dev/null")}
    assert (containers["db"].user, containers["app"].user) == (None, "0:0")


def test_where_a_container_was_seen_to_write_in_its_layer_is_where_the_row_goes() -> None:
    text = scenario_text(FULL, target="x", written={"app": ("/app/data", "/app/uploads/x", "/var/log")})

    assert "app /app/data" in fates(text)
    assert "app /app" not in fates(text)


def test_a_read_only_root_gets_no_row_beside_its_mounts() -> None:
    text = scenario_text(stack(Service(name="app", image=APP, read_only=True, mounts=(mount("volume", "/data", "rows"),))), target="x")

    assert fates(text) == {"app /data": Fate.PERSISTED}


def test_a_volume_that_two_share_is_written_by_one() -> None:
    services = [Service(name=name, image=APP, read_only=True, mounts=(mount("volume", "/data", "rows"),)) for name in ("one", "two")]

    text = scenario_text(stack(*services), target="x")

    assert list(fates(text)) == ["one /data"]
    assert "# two has the volume at /data together with one" in text


def test_a_volume_in_memory_is_one_here_too() -> None:
    service = Service(name="app", image=APP, read_only=True, mounts=(mount("volume", "/data", "mem"),))
    volume = StackVolume(key="mem", name="mem", driver_opts={"type": "tmpfs", "device": "tmpfs"})

    assert fates(scenario_text(stack(service, volumes=(volume,)), target="x")) == {"app /data": Fate.LOST}


@pytest.mark.parametrize("name", ["host", "engine", "a", "web.1", "Ünïcode", "x" * 200, "no", "1"])
def test_whatever_a_service_is_called_the_file_is_valid(name: str) -> None:
    read(scenario_text(stack(Service(name=name, image=APP), Service(name=name, image=PG)), target="a\nb: 'c"))


@pytest.mark.parametrize("target", ["/data with space", "/é", "/a'b", '/a"b', "/a#b", "/a: b", "/yes"])
def test_whatever_a_path_is_called_the_file_is_valid(target: str) -> None:
    service = Service(
        name="app", image=APP, read_only=True, mounts=(mount("volume", target, "rows"), mount("bind", f"{target}/in", "/srv/my files/a b"))
    )

    read(scenario_text(stack(service), target="x"))


def test_an_image_that_is_not_here_is_said() -> None:
    text = scenario_text(stack(Service(name="app", image=ImageFacts(reference="app:1", known=False))), target="x")

    assert "# the image is not here: what it declares as VOLUME is missing below" in text
    read(text)


# --- x-dockstore ----------------------------------------------------------------------------------------------------------


def test_a_block_has_ready_and_probes_for_what_is_recognised_and_reads_as_one() -> None:
    text = extension_text(FULL)

    services = yaml.safe_load(text)["services"]
    assert list(services) == ["db"]
    asked = of_extension("db", services["db"]["x-dockstore"], doubled=True)
    assert asked.ready is not None
    assert "pg_isready" in asked.ready
    assert [probe.name for probe in asked.probes] == ["postgresql"]
    assert "$DOCKSTORE_NONCE" in asked.probes[0].write
    assert "$$" not in asked.probes[0].write
    assert "# app: what it is was not recognised; such a block asks it:" in text


def test_a_service_with_probes_of_its_own_keeps_them() -> None:
    service = Service(name="db", image=PG, probes=(Probe(name="rows", write="w", read="r"),))

    assert yaml.safe_load(extension_text(stack(service)))["services"] == {}


# --- from an engine -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_container_is_drawn_as_it_is(stand: Stand) -> None:
    stand.container("notes", "app:1", binds=("rows:/rows",), files={"/app/data/notes.db": b"x"}, runs=True)

    text = drawn_from_engine(stand.engine, "container:notes", is_file=lambda _path: None)

    assert fates(text) == {"notes /rows": Fate.PERSISTED, "notes /app/data": Fate.LOST}


def test_a_project_is_drawn_with_all_its_services(stand: Stand) -> None:
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)
    stand.container("shop-app-1", "app:1", marks=labels("shop", "app"))
    stand.container("other", "app:1")

    text = drawn_from_engine(stand.engine, "project:shop", is_file=lambda _path: None)

    assert [container.name for container in read(text).containers] == ["app", "db"]
    assert fates(text)["db /var/lib/postgresql/data"] == Fate.ORPHANED


@pytest.mark.parametrize("target", ["container:nobody", "project:nobody"])
def test_a_target_that_is_not_there_is_said_with_a_way_out(target: str) -> None:
    with pytest.raises(NoTarget) as refused:
        drawn_from_engine(FakeEngine(), target, is_file=lambda _path: None)

    assert refused.value.missing
    assert target in str(refused.value)


# --- from files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def compose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose as far as a file without variables needs it: its own content."""

    def resolve(_compose: Compose, question: Any, **_more: Any) -> Any:
        from dockstore.engines.compose import Resolved

        document = yaml.safe_load(Path(question.files[0]).read_text(encoding="utf-8"))
        document["name"] = "shop"
        return Resolved(config=document, other=document)

    monkeypatch.setattr(compose_files, "resolve", resolve)
    monkeypatch.setattr(compose_cli, "find", lambda _environ, _cache: Compose(("compose",), "2.0.0"))


@pytest.mark.usefixtures("compose")
def test_a_compose_file_is_drawn_without_an_engine(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {app: {image: 'app:1', volumes: [{type: volume, target: /data}]}}\n")

    text = drawn_from_files((str(tmp_path),), engine=None, environ={}, cwd=tmp_path, cache=tmp_path)

    assert fates(text) == {"app /data": Fate.ORPHANED, "app /": Fate.LOST}


@pytest.mark.parametrize("target", [".", "nothing.yaml"])
def test_a_folder_without_a_compose_file_is_said(target: str, tmp_path: Path) -> None:
    with pytest.raises(NoTarget) as refused:
        drawn_from_files((target,), engine=None, environ={}, cwd=tmp_path, cache=tmp_path)

    assert "container:NAME" in refused.value.hint


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "init", lambda _target, _options, **given: f"# extension: {given['extension']}\n")


@pytest.mark.usefixtures("drawn")
def test_the_command_prints_or_writes_and_never_overwrites_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "a.scenario.yaml"

    codes = [main(["init", "x"]), main(["init", "x", "-o", str(file)]), main(["init", "x", "-o", str(file)])]
    kept = file.read_text()
    codes.append(main(["init", "x", "--x-dockstore", "-o", str(file), "--force"]))

    out, err = capsys.readouterr()
    assert codes == [0, 0, 2, 0]
    assert (out, kept, file.read_text()) == ("# extension: False\n", "# extension: False\n", "# extension: True\n")
    assert "is there already\n  hint: --force writes over it" in err
    assert f"dockstore run {file}" in err


def test_an_engine_that_a_target_needs_and_that_is_not_there_is_exit_code_3(fence: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fence.allow("unix:///nowhere/at-all.sock")

    assert main(["init", "container:db", "--engine", "unix:///nowhere/at-all.sock"]) == 3

    assert "unix:///nowhere/at-all.sock" in capsys.readouterr().err


def test_a_bind_is_a_file_if_the_engines_host_says_so(stand: Stand) -> None:
    from dockstore.runner.init import _on

    host = FakeHost(stand.engine)
    stand.engine.host_files.put("/srv/a", b"x")
    stand.engine.host_files.put("/srv/b/c", b"x")
    is_file = _on(host)

    told = [is_file(path) for path in ("/srv/a", "/srv/b", "/srv/nothing")]
    host.blind = "far away"

    assert [*told, is_file("/srv/a")] == [True, False, None, None]
