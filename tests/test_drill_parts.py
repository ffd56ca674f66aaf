"""The parts of a drill that need no engine: events, probes, copies, the plan, the command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dockstore.cli.main import main
from dockstore.core.drill_plan import commands, estimate
from dockstore.core.neutral import Copy, Json, neutralise
from dockstore.core.probes import KINDS, WrongProbe, built_in, of_extension, of_file, recognised, sqlite_probe
from dockstore.core.stack_events import BY_NAME, EVENTS, NoSuchEvent, choose, parse
from dockstore.runner import copying
from dockstore.runner.drill_options import DrillOptions
from dockstore.runner.drill_sources import NoSuchStack, targets_of, without_replicas
from dockstore.runner.drill_words import Said, WroteAndRead

# --- events ---------------------------------------------------------------------------------------------------------------


def test_words_with_commas_are_events_each_once() -> None:
    assert parse(["restart,down+up", "restart"]) == ("restart", "down+up")


def test_a_word_that_is_no_event_is_said_with_those_that_are() -> None:
    with pytest.raises(NoSuchEvent, match="no such event: 'reboots'") as caught:
        parse(["reboots"])

    assert "reboot," in caught.value.hint


def test_quick_is_every_routine_event_that_needs_no_engine_of_our_own() -> None:
    assert [event.name for event in choose(quick=True).events] == ["restart", "stop+start", "kill+start", "recreate", "remove+run", "down+up"]


def test_what_strikes_the_engine_is_left_out_with_the_reason_unless_it_may_be_struck() -> None:
    left_out = dict(choose().left_out)
    all_of_them = choose(may_strike=True, may_restart=True, api="1.51", upgrade=True)

    assert "not ours to strike" in left_out["reboot"]
    assert len(all_of_them.events) == len(EVENTS)
    assert all_of_them.left_out == ()


def test_an_event_that_the_engine_does_not_know_is_left_out() -> None:
    chosen = choose(wanted=("down+volume-prune-all",), may_strike=True, may_restart=True, api="1.41")

    assert chosen.events == ()
    assert chosen.left_out == (("down+volume-prune-all", "the engine's API 1.41 does not know it (from 1.42 on)"),)


def test_events_that_change_the_stack_come_last() -> None:
    names = [event.name for event in EVENTS]

    assert names[-3:] == ["rename-project", "upgrade", "down+upgrade"]


def test_compose_is_never_asked_with_yes() -> None:
    assert not any("--yes" in do.words or "-y" in do.words for event in EVENTS for do in event.steps)


def test_every_step_of_every_event_is_a_command_that_a_person_can_read() -> None:
    assert all(str(do) for event in EVENTS for do in event.steps)
    assert str(BY_NAME["remove+run"].steps[0]) == "docker compose rm -sf"


# --- probes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processes", "clients", "expected"),
    [
        ({"postgres"}, {"psql", "sh"}, "postgresql"),
        ({"mariadbd"}, {"mariadb"}, "mariadb"),
        ({"mysqld"}, {"mysql"}, "mariadb"),
        ({"valkey-server"}, {"valkey-cli"}, "redis"),
        ({"beam.smp", "sh"}, {"rabbitmqctl"}, "rabbitmq"),
        ({"mongod"}, {"mongosh"}, "mongodb"),
        ({"node"}, {"psql", "redis-cli"}, None),
        ({"postgres"}, {"sh"}, None),
        (set(), set(), None),
    ],
)
def test_a_built_in_probe_is_chosen_by_the_process_beside_its_client(processes: set[str], clients: set[str], expected: str | None) -> None:
    kind = recognised(processes, clients)

    assert (kind.name if kind is not None else None) == expected


def test_every_built_in_probe_writes_and_reads_the_nonce() -> None:
    for kind in KINDS:
        assert "$DOCKSTORE_NONCE" in kind.write
        assert built_in(kind, uid=999).user == ("999" if kind.as_process else None)


def test_an_sqlite_file_is_probed_by_what_the_image_has() -> None:
    by_shell = sqlite_probe("/data/a b.db", {"sqlite3"}, uid=1000)
    by_python = sqlite_probe("/data/a.db", {"python3"}, uid=1000)

    assert by_shell is not None
    assert "'/data/a b.db'" in by_shell.write
    assert by_python is not None
    assert by_python.user == "1000"
    assert sqlite_probe("/data/a.db", {"sh"}, uid=0) is None


def test_a_doubled_dollar_is_one_in_a_compose_file_and_two_in_a_file_of_its_own() -> None:
    value = {"probes": {"rows": {"write": "w $$DOCKSTORE_NONCE", "read": "r", "read_in": "web"}}, "ready": "true"}

    compose = of_extension("db", value, doubled=True)
    own = of_file({"services": {"db": {"x-dockstore": value}}})["db"]

    assert compose.probes[0].write == "w $DOCKSTORE_NONCE"
    assert own.probes[0].write == "w $$DOCKSTORE_NONCE"
    assert (compose.ready, compose.probes[0].read_in) == ("true", "web")


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ([], "a mapping with ready and probes was expected"),
        ({"prob": {}}, "unknown key 'prob'"),
        ({"probes": []}, "a mapping of names was expected"),
        ({"probes": {"a": {"read": "x"}}}, "'write' is missing"),
        ({"probes": {"a": {"read": "x", "write": "y", "as": "z"}}}, "unknown key 'as'"),
    ],
)
def test_a_wrong_probe_says_where_and_what(value: object, fact: str) -> None:
    with pytest.raises(WrongProbe, match=fact):
        of_extension("db", value, doubled=True)


def test_a_probe_has_a_say_only_if_its_read_printed_the_nonce() -> None:
    good, bad = Said(code=0, output="n123\n"), Said(code=1, output="ERROR: permission denied")

    assert WroteAndRead(write=good, read=good, nonce="n123").says
    assert not WroteAndRead(write=good, read=Said(code=0, output=""), nonce="n123").says
    assert not WroteAndRead(write=bad, read=good, nonce="n123").says
    assert bad.refused
    assert not Said(code=1, output="syntax error").refused


# --- copies ---------------------------------------------------------------------------------------------------------------


def test_a_copy_has_mode_links_and_times_and_the_original_is_untouched(tmp_path: Path) -> None:
    source = tmp_path / "data"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "row").write_text("row", encoding="utf-8")
    (source / "inner" / "row").chmod(0o640)
    os.utime(source / "inner" / "row", ns=(1_000_000_000, 2_000_000_000))
    (source / "link").symlink_to("inner/row")
    (source / "out").symlink_to("/etc/passwd")

    limits = copying.copy_all([Copy(source=str(source), target=str(tmp_path / "to/data"))], stop=lambda: False)

    there = tmp_path / "to/data/inner/row"
    assert limits == ()
    assert there.read_text(encoding="utf-8") == "row"
    assert stat.S_IMODE(there.stat().st_mode) == 0o640
    assert there.stat().st_mtime_ns == 2_000_000_000
    assert (tmp_path / "to/data/link").readlink() == Path("inner/row")
    assert (tmp_path / "to/data/out").readlink() == Path("/etc/passwd")


def test_what_is_too_much_begins_empty_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_BYTES", 10)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "big").write_bytes(b"x" * 100)

    (limit,) = copying.copy_all([Copy(source=str(tmp_path / "data"), target=str(tmp_path / "to"))], stop=lambda: False)

    assert "the copy begins empty" in limit
    assert list((tmp_path / "to").iterdir()) == []


def test_a_linked_source_is_copied_as_what_it_leads_to_and_said(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "row").write_text("row", encoding="utf-8")
    (tmp_path / "link").symlink_to("real")

    (limit,) = copying.copy_all([Copy(source=str(tmp_path / "link"), target=str(tmp_path / "to"))], stop=lambda: False)

    assert "is a link to" in limit
    assert (tmp_path / "to" / "row").read_text(encoding="utf-8") == "row"
    assert not (tmp_path / "to").is_symlink()


def test_a_missing_source_is_left_to_the_engine_or_said(tmp_path: Path) -> None:
    made = copying.copy_all([Copy(source=str(tmp_path / "no"), target=str(tmp_path / "a/no"))], stop=lambda: False)
    said = copying.copy_all([Copy(source=str(tmp_path / "no"), target=str(tmp_path / "b/no"), create=False)], stop=lambda: False)

    assert made == ()
    assert "is not there" in said[0]
    assert not (tmp_path / "a/no").exists()


# --- what is drilled, and the plan ----------------------------------------------------------------------------------------


def test_a_target_is_a_file_a_folder_or_an_image(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "compose.yaml").write_text("services: {}", encoding="utf-8")

    found = targets_of(DrillOptions(targets=("shop", "shop/compose.yaml", "image:redis:7")), tmp_path)

    assert [(target.name, target.files, target.image) for target in found] == [
        ("shop", ("shop/compose.yaml",), None),
        ("shop", ("shop/compose.yaml",), None),
        ("redis:7", (), "redis:7"),
    ]


@pytest.mark.parametrize("target", ["nowhere", "empty"])
def test_a_target_that_is_no_stack_is_said(tmp_path: Path, target: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(NoSuchStack):
        targets_of(DrillOptions(targets=(target,)), tmp_path)


def test_services_that_a_file_switches_off_are_known() -> None:
    model: Json = {"services": {"a": {"scale": 0}, "b": {"deploy": {"replicas": 0}}, "c": {"scale": 2, "deploy": {"replicas": 0}}, "d": {}}}

    assert without_replicas(model) == ("a", "b")


def test_the_plan_prints_compose_commands_and_limits() -> None:
    found = neutralise({"services": {"db": {"image": "x", "ports": [1]}}}, project="p1", prefix="f1", labels={}, scratch="/s")

    text = commands("shop", found, choose(wanted=("down+up",)), files=("compose.yaml",), probes={})

    assert "# limit: db: published ports are left out" in text
    assert "# down+up\ndocker compose down\ndocker compose up -d\n" in text
    assert estimate(choose(quick=True), 1) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.yaml",), "there is no such file or folder"),
        (("--events", "reboots"), "no such event: 'reboots'"),
        (("--exercise", "x"), "is not 'SERVICE: COMMAND'"),
        (("--upgrade-image", "db"), "is not NAME=TEXT"),
    ],
)
def test_wrong_words_end_with_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOCKSTORE_HOME", raising=False)

    code = main(["drill", *words])

    assert code == 2
    assert said in capsys.readouterr().err


def test_the_help_of_drill_ends_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    main(["drill", "--help"])

    lines = capsys.readouterr().out.rstrip().splitlines()
    assert "dockstore drill compose.yaml --quick --fix fix.yaml" in lines[-1]
