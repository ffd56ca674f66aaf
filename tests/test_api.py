"""The api's functions without an engine: what they read, what they refuse, and how they say it."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from session_stubs import Onlooker, Opener, Player, scenario

import dockstore
from dockstore import api
from dockstore.api import calling
from dockstore.engines.errors import EngineError
from dockstore.runner import session as session_module
from dockstore.runner.histories import slug
from dockstore.runner.options import find_home, home_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = """version: 1
scenario: {title}
lesson: [{lesson}]
tags: [{tag}]
vars: {{size: 1m}}
containers:
  db: {{}}
steps:
  - run: db
  - write: row
    to: db:/row
  - observe: row
expect:
  row: persisted
"""


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of its own, with no home anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("DOCKSTORE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(path: Path, title: str = "a row stays", *, lesson: str = "L10", tag: str = "layer") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD.format(title=title, lesson=lesson, tag=tag))
    return path


def titles(loaded: api.Loaded) -> list[str]:
    return [found.title for found in loaded.scenarios]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_sorted_its_files_before_its_folders_and_hidden_folders_are_not(place: Path) -> None:
    write(place / "b" / "one.scenario.yaml", "b one")
    write(place / "a.scenario.yaml", "a")
    write(place / "a" / "z.scenario.yaml", "a z")
    write(place / ".git" / "x.scenario.yaml", "hidden")
    (place / "notes.yaml").write_text("not: a scenario")

    loaded = api.load(place)

    assert titles(loaded) == ["a", "a z", "b one"]
    assert loaded.problems == ()


def test_names_are_as_they_were_given(place: Path) -> None:
    write(place / "some" / "one.scenario.yaml")

    assert api.load(["some"]).files == ("some/one.scenario.yaml",)
    assert api.load().files == ("some/one.scenario.yaml",)


def test_links_between_folders_neither_loop_nor_double(place: Path) -> None:
    write(place / "a" / "one.scenario.yaml", "one")
    (place / "a" / "loop").symlink_to(place)
    (place / "a" / "two.scenario.yaml").symlink_to("one.scenario.yaml")

    loaded = api.load([place, place / "a", place / "a" / "one.scenario.yaml"])

    assert titles(loaded) == ["one"]


def test_a_link_to_nothing_is_a_problem_and_the_others_are_read(place: Path) -> None:
    write(place / "a.scenario.yaml", "a")
    (place / "b.scenario.yaml").symlink_to("nowhere")

    loaded = api.load()

    assert titles(loaded) == ["a"]
    assert [(problem.file, problem.fact) for problem in loaded.errors] == [("b.scenario.yaml", "cannot be read: no such file or directory")]


def test_a_path_that_is_not_there_is_a_problem(place: Path) -> None:
    loaded = api.load([place / "nowhere"])

    assert [problem.fact for problem in loaded.errors] == ["no such file or folder"]


def test_a_folder_without_scenarios_is_a_warning(place: Path) -> None:
    loaded = api.load()

    assert [(problem.fact, problem.warning) for problem in loaded.problems] == [("no *.scenario.yaml in this folder", True)]
    assert loaded.errors == ()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"filter": "ROW"}, ["the row", "a row too"]),
        ({"filter": "vol/"}, ["a row too"]),
        ({"filter": "l12"}, ["a row too"]),
        ({"filter": "the*w"}, ["the row"]),
        ({"tags": ("slow",)}, ["a row too"]),
        ({"tags": ("!slow",)}, ["other", "the row"]),
        ({"tags": ("layer", "slow")}, ["other", "the row", "a row too"]),
        ({"filter": "nothing has this"}, []),
    ],
    ids=["a part of the title", "a part of the path", "a claim", "a pattern", "a tag", "without a tag", "one of two tags", "nothing"],
)
def test_scenarios_are_chosen(place: Path, choice: dict[str, Any], expected: list[str]) -> None:
    write(place / "layer" / "1.scenario.yaml", "the row")
    write(place / "vol" / "2.scenario.yaml", "a row too", lesson="L12", tag="slow")
    write(place / "z.scenario.yaml", "other")

    loaded = api.load(**choice)

    assert titles(loaded) == expected
    assert loaded.left_out == 3 - len(expected)


def test_a_variable_reaches_the_files_that_declare_it(place: Path) -> None:
    write(place / "a.scenario.yaml")

    loaded = api.load(variables={"size": "2m"})

    assert loaded.problems == ()
    assert loaded.scenarios[0].vars == (("size", "2m"),)


def test_a_variable_that_no_file_declares_is_a_problem(place: Path) -> None:
    write(place / "a.scenario.yaml")

    loaded = api.load(variables={"sise": "2m"})

    assert [(problem.fact, problem.hint) for problem in loaded.errors] == [
        ("no file declares the variable 'sise'", "declared by vars: size"),
    ]


def test_validate_gives_the_problems_of_all_files(place: Path) -> None:
    (place / "a.scenario.yaml").write_text("version: 1\nscenario: x\nstepz: []\n")
    (place / "b.scenario.yaml").write_bytes(b"\xff\xfe")

    problems = dockstore.validate()

    assert {problem.file for problem in problems} == {"a.scenario.yaml", "b.scenario.yaml"}


def test_the_bundled_scenarios_and_lesson_are_there() -> None:
    assert api.bundled_scenarios().is_dir()
    assert api.bundled_lesson().is_file()


# --- refusing ---------------------------------------------------------------------------------------------------------


def test_nothing_is_played_while_a_file_is_wrong(place: Path) -> None:
    write(place / "a.scenario.yaml")
    (place / "b.scenario.yaml").write_text("version: 1\nscenario: x\nstepz: []\n")

    with pytest.raises(api.WrongFile) as caught:
        api.run(api.load(), env={})

    assert caught.value.problems != ()
    assert list(place.glob(".dockstore/*")) == []


def test_nothing_to_play_is_said() -> None:
    with pytest.raises(api.NothingMatched, match="no scenario matched"):
        api.run([], env={})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (api.Options(jobs=0), "0 jobs play nothing"),
        (api.Options(timeout_seconds=0.0), "a time limit of 0 s leaves no time"),
        (api.Options(allow_host_paths=("srv",)), "not an absolute path: 'srv'"),
    ],
    ids=["no jobs", "no time", "a relative host path"],
)
def test_an_option_that_cannot_be_is_refused(place: Path, options: api.Options, text: str) -> None:
    with pytest.raises(api.WrongOption, match=text) as caught:
        api.run([scenario("a")], options, env={}, cwd=place)

    assert caught.value.hint is not None


def test_a_home_that_cannot_be_is_refused_with_a_way_out(place: Path) -> None:
    (place / "file").write_text("")

    with pytest.raises(api.WrongOption) as caught:
        api.run([scenario("a")], env={"DOCKSTORE_HOME": str(place / "file")}, cwd=place)

    assert caught.value.hint == "set DOCKSTORE_HOME to a folder that can be written"


def test_an_engine_that_does_not_answer_is_no_engine_with_its_hint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch, Opener(unreachable=("tcp://nowhere:1",)))

    with pytest.raises(api.NoEngine) as caught:
        api.run([scenario("a")], api.Options(engines=("tcp://nowhere:1",)), env={}, cwd=place)

    assert str(caught.value) == "nobody answers at tcp://nowhere:1"
    assert caught.value.hint == "start it"
    assert isinstance(caught.value, EngineError)


def test_a_history_that_is_none_is_a_wrong_file(place: Path) -> None:
    (place / "x.jsonl").write_text("not a history\n")

    with pytest.raises(api.WrongFile) as caught:
        api.judge(place / "x.jsonl")

    assert caught.value.problems[0].file.endswith("x.jsonl")


def test_a_folder_without_histories_is_nothing(place: Path) -> None:
    with pytest.raises(api.NothingMatched):
        api.judge(place)


# --- playing ----------------------------------------------------------------------------------------------------------


def stubbed(monkeypatch: pytest.MonkeyPatch, opener: Opener | None = None, player: Player | None = None) -> None:
    """Let a session play on stubs."""
    real: Callable[..., Any] = session_module.Session.__init__

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        real(self, *arguments, **named, play=player or Player(), opener=opener or Opener())

    monkeypatch.setattr(session_module.Session, "__init__", init)


def test_a_run_gives_a_report_and_leaves_its_histories(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch)
    write(place / "a.scenario.yaml")

    report = api.run(api.load(), env={}, cwd=place)

    assert report.command == "run"
    assert list(report.engines) == ["e1"]
    assert len(report.run) == 32
    assert [path.name.endswith("-001-a.jsonl") for path in (place / ".dockstore" / "histories").iterdir()] == [True]
    assert (place / ".dockstore" / ".gitignore").read_text() == "*\n"


def test_a_stored_history_can_be_judged_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch)
    write(place / "a.scenario.yaml", "a row stays")
    report = api.run(api.load(), env={}, cwd=place)

    again = api.judge(place / ".dockstore")

    assert again.command == "judge"
    assert again.run == report.run
    assert [(verdict.scenario.title, verdict.outcome) for verdict in again.verdicts] == [
        (verdict.scenario.title, verdict.outcome) for verdict in report.verdicts
    ]


def test_a_lesson_plays_what_tries_its_claims(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player()
    stubbed(monkeypatch, player=player)
    write(place / "a.scenario.yaml", "tried", lesson="L10")
    write(place / "b.scenario.yaml", "of another lesson", lesson="X1")

    report = api.lesson(paths=[place], env={}, cwd=place)

    assert [title for title, _ in player.played] == ["tried"]
    assert report.command == "lesson"
    assert report.lesson_title is not None
    assert len(report.claims) == 31


def test_a_filtered_lesson_says_nothing_of_claims_that_were_not_asked_about(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch)
    onlooker = Onlooker()
    write(place / "a.scenario.yaml", "tried", lesson="L10")
    write(place / "b.scenario.yaml", "left out", lesson="L11")

    report = api.lesson(paths=[place], filter="tried", env={}, cwd=place, watch=onlooker)

    assert [claim.id for claim in report.claims] == ["L10"]
    assert ("note", "1 of 31 claims: what is filtered out tries the others") in onlooker.heard


def test_a_lesson_that_cannot_be_read_is_a_wrong_file(place: Path) -> None:
    with pytest.raises(api.WrongFile):
        api.lesson(place / "nowhere.lesson.yaml", env={}, cwd=place)


def test_only_what_failed_is_chosen_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubbed(monkeypatch)  # nothing is seen by a stub, so what is expected stays undecided
    write(place / "a.scenario.yaml", "a")
    loaded = api.load()
    api.run(loaded, env={}, cwd=place)

    assert [found.title for found in api.only_failed(loaded.scenarios, env={}, cwd=place)] == ["a"]
    assert api.failed_last(env={}, cwd=place) == (os.path.realpath(place / "a.scenario.yaml"),)
    assert titles(api.load(only=())) == []


def test_without_a_run_before_nothing_failed(place: Path) -> None:
    assert api.failed_last(env={}, cwd=place) == ()


# --- the home ---------------------------------------------------------------------------------------------------------


def test_state_lies_in_the_current_folder_or_where_it_is_named(place: Path) -> None:
    assert home_folder(None, {}, place) == place / ".dockstore"
    assert home_folder(None, {"DOCKSTORE_HOME": "named"}, place) == place / "named"
    assert home_folder("given", {"DOCKSTORE_HOME": "named"}, place) == place / "given"


def test_where_the_current_folder_cannot_be_written_state_lies_in_the_xdg_folder(place: Path) -> None:
    (place / "sealed").mkdir()
    (place / "sealed" / ".dockstore").write_text("a file is in the way")

    home = home_folder(None, {"XDG_STATE_HOME": str(place / "state")}, place / "sealed")

    assert home.parent == place / "state" / "dockstore"
    assert find_home(None, {"XDG_STATE_HOME": str(place / "state")}, place / "sealed") == home


def test_looking_for_a_home_makes_none(place: Path) -> None:
    assert find_home(None, {"HOME": str(place)}, place) is None
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A Row, stays!", "a-row-stays"), ("../../etc", "etc"), ("", "scenario"), ("é" * 100, "scenario"), ("x" * 100, "x" * 60)],
)
def test_a_title_becomes_a_files_name(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, api.ApiError), (errno.EDQUOT, api.ApiError), (errno.EACCES, api.WrongOption)])
def test_a_full_disk_is_no_wrong_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[api.ApiError]) -> None:
    def full(*_: object) -> Path:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(calling, "home_folder", full)

    with pytest.raises(api.ApiError, match=re.escape(str(tmp_path))) as told:
        calling.home_of(api.Options(), {}, tmp_path)

    assert type(told.value) is kind
    assert told.value.hint is not None
    assert "DOCKSTORE_HOME" in told.value.hint
