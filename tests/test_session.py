"""A session without an engine: who is played where, beside whom, and what is said of it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from session_stubs import Onlooker, Opener, Player, TableJudge, scenario

from dockstore.core.history import Made
from dockstore.core.model import ContainerSpec, Outcome
from dockstore.core.script import At, Measure, Mutant, Prune, Scenario
from dockstore.engines.errors import Unreachable
from dockstore.runner.halt import Halt
from dockstore.runner.histories import HistoryFile
from dockstore.runner.last import read_failed
from dockstore.runner.leavings import kept_words
from dockstore.runner.ledger import books
from dockstore.runner.options import Options, home_folder, jobs
from dockstore.runner.session import LEFTOVERS, Session

if TYPE_CHECKING:
    from pathlib import Path

PRUNING = {"needs": ("disposable-engine",), "steps": (Prune(at=At(line=1), what="volumes"),)}
MEASURING = {"steps": (Measure(at=At(line=1), look="m", command="a", against="b", container="a"),)}


def session(home: Path, options: Options | None = None, **changes: Any) -> Session:
    home_folder(str(home), {}, home.parent)
    changes.setdefault("play", Player())
    changes.setdefault("opener", Opener())
    changes.setdefault("judge", TableJudge())
    return Session(options or Options(), env={}, home=home, **changes)


def mutant(title: str, of: Scenario, *, replay: bool = True) -> Mutant:
    return Mutant(title=title, at=At(line=9), scenario=scenario(f"{of.title}, {title}"), replay=replay)


def test_verdicts_stand_in_the_order_of_the_files_whatever_ends_first(tmp_path: Path) -> None:
    gate = threading.Event()
    player = Player()
    player.during = lambda played: None if gate.wait(0 if played.title == "b" else 5) or played.title != "b" else gate.set()
    with session(tmp_path / "home", Options(jobs=2), play=player) as opened:
        verdicts = opened.play([scenario("a"), scenario("b")])

    assert [verdict.scenario.title for verdict in verdicts] == ["a", "b"]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.HOLDS, Outcome.HOLDS]


def test_what_strikes_the_engine_is_played_on_a_spare_one(tmp_path: Path) -> None:
    player, opener = Player(), Opener()
    with session(tmp_path / "home", play=player, opener=opener) as opened:
        opened.play([scenario("calm"), scenario("prunes", **PRUNING), scenario("prunes too", **PRUNING)])

    assert sorted(player.played) == [("calm", "default"), ("prunes", "spare"), ("prunes too", "spare")]
    assert [made.closed for made in opener.opened] == [1, 1]
    assert list(opened.report("run").engines) == ["e1", "e2"]


def test_what_strikes_is_played_on_the_engine_itself_where_that_is_disposable(tmp_path: Path) -> None:
    player = Player()
    with session(tmp_path / "home", Options(disposable=True), play=player, opener=Opener(disposable=True)) as opened:
        opened.play([scenario("prunes", **PRUNING)])

    assert player.played == [("prunes", "default")]


def test_without_a_spare_engine_the_need_is_unmet_on_the_engine_that_was_asked_for(tmp_path: Path) -> None:
    player, opener = Player(), Opener(spare=False)
    with session(tmp_path / "home", play=player, opener=opener) as opened:
        opened.play([scenario("prunes", **PRUNING)])

    assert player.played == [("prunes", "default")]
    assert list(opened.report("run").engines) == ["e1"]
    assert [made.closed for made in opener.opened] == [1, 1]


def test_what_cuts_the_power_is_played_on_a_spare_engine_with_a_disk_of_its_own(tmp_path: Path) -> None:
    player, opener = Player(), Opener()
    with session(tmp_path / "home", play=player, opener=opener) as opened:
        opened.play([scenario("power fails", needs=("power-loss",)), scenario("prunes", **PRUNING)])

    assert sorted(player.played) == [("power fails", "powered"), ("prunes", "spare")]


def test_a_spare_engine_that_cannot_do_what_it_is_for_is_closed_and_none(tmp_path: Path) -> None:
    player, opener = Player(), Opener(power=False)
    with session(tmp_path / "home", play=player, opener=opener) as opened:
        opened.play([scenario("power fails", needs=("power-loss",))])

    assert player.played == [("power fails", "default")]
    assert [made.closed for made in opener.opened] == [1, 1]


def test_what_prunes_is_alone_on_its_engine_and_what_measures_is_alone_altogether(tmp_path: Path) -> None:
    player = Player()
    many = [scenario(f"calm {number}") for number in range(6)]
    many += [scenario("prunes", **PRUNING), scenario("prunes too", **PRUNING), scenario("measures", **MEASURING)]
    with session(tmp_path / "home", Options(jobs=4), play=player, opener=Opener(disposable=True)) as opened:
        opened.play(many)

    assert player.beside["measures"] == set()
    assert player.beside["prunes"] == set()
    assert player.beside["prunes too"] == set()


def test_several_engines_make_a_matrix_and_a_spare_one_plays_once(tmp_path: Path) -> None:
    player = Player()
    with session(tmp_path / "home", Options(engines=("one", "two"), jobs=1), play=player) as opened:
        verdicts = opened.play([scenario("calm"), scenario("prunes", **PRUNING)])

    assert player.played == [("calm", "one"), ("calm", "two"), ("prunes", "spare")]
    assert [(verdict.scenario.title, verdict.engine) for verdict in verdicts] == [("calm", "e1"), ("calm", "e2"), ("prunes", "e3")]


def test_a_named_engine_that_does_not_answer_ends_the_run(tmp_path: Path) -> None:
    opener = Opener(unreachable=("two",))

    with pytest.raises(Unreachable), session(tmp_path / "home", Options(engines=("one", "two")), opener=opener) as opened:
        opened.play([scenario("calm")])

    assert [made.closed for made in opener.opened] == [1]
    assert list((tmp_path / "home" / "runs").iterdir()) == []


def test_mutants_are_played_or_judged_on_the_scenarios_own_history(tmp_path: Path) -> None:
    player = Player()
    base = scenario("base")
    whole = scenario("base", mutants=(mutant("named", base), mutant("opposite", base, replay=False)))
    with session(tmp_path / "home", Options(mutants=True), play=player) as opened:
        (verdict,) = opened.play([whole])

    assert sorted(title for title, _ in player.played) == ["base", "base, named"]
    assert [item.title for item in verdict.mutants] == ["named", "opposite", "row: lost instead"]
    assert {options.mutant for options in player.options} == {None, "named"}
    assert sorted(player.ordinals) == [1, 2]


def test_mutants_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    player = Player()
    with session(tmp_path / "home", play=player) as opened:
        (verdict,) = opened.play([scenario("base", mutants=(mutant("named", scenario("base")),))])

    assert verdict.mutants == ()
    assert [title for title, _ in player.played] == ["base"]


def test_the_mutants_of_a_skipped_scenario_are_skipped_unplayed(tmp_path: Path) -> None:
    player = Player()
    base = scenario("base", needs=("swarm",), mutants=(mutant("named", scenario("base")),))
    judge = TableJudge({"base": Outcome.SKIPPED})
    with session(tmp_path / "home", Options(mutants=True), play=player, judge=judge) as opened:
        (verdict,) = opened.play([base])

    assert [title for title, _ in player.played] == ["base"]
    assert [(item.title, item.outcome) for item in verdict.mutants] == [("named", Outcome.SKIPPED)]


def test_with_fail_fast_nothing_begins_after_a_refutation(tmp_path: Path) -> None:
    player = Player()
    judge = TableJudge({"b": Outcome.REFUTED})
    with session(tmp_path / "home", Options(jobs=1, fail_fast=True), play=player, judge=judge) as opened:
        verdicts = opened.play([scenario("a"), scenario("b"), scenario("c")])

    assert [title for title, _ in player.played] == ["a", "b"]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.HOLDS, Outcome.REFUTED, Outcome.SKIPPED]
    assert verdicts[2].reason == "not played: stopped at the first failure (--fail-fast)"


def test_an_interruption_ends_the_run_after_what_is_being_played(tmp_path: Path) -> None:
    halt, player = Halt(), Player()
    player.during = lambda _played: halt.ask("interrupted (SIGINT)", signal_number=2)
    with session(tmp_path / "home", Options(jobs=1), play=player, halt=halt) as opened:
        verdicts = opened.play([scenario("a"), scenario("b")])

    assert [title for title, _ in player.played] == ["a"]
    assert verdicts[1].reason == "not played: interrupted (SIGINT)"
    assert opened.report("run").interrupted


def test_a_bug_in_the_runner_is_undecided_with_a_history_that_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    made = Made(kind="container", id="c1", name="dockstore-1")
    player = Player(failing=("b",), made=(made,))
    with session(tmp_path / "home", Options(jobs=1), play=player) as opened:
        verdicts = opened.play([scenario("a"), scenario("b"), scenario("c")])

    broken = verdicts[1].history
    assert broken is not None
    assert broken.events[-1].reason == "a bug in the runner"  # type: ignore[union-attr]
    assert broken.events[-1].leftovers == ("container dockstore-1",)  # type: ignore[union-attr]
    assert [title for title, _ in player.played] == ["a", "b", "c"]
    assert "leftovers of this run: dockstore clean" in opened.report("run").notes


def test_a_judge_that_fails_is_undecided(tmp_path: Path) -> None:
    class Broken(TableJudge):
        def judge(self, *_: Any, **__: Any) -> Any:
            raise KeyError("row")

    with session(tmp_path / "home", judge=Broken()) as opened:
        (verdict,) = opened.play([scenario("a")])

    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.reason == "the judge failed: KeyError: 'row'"


def test_a_history_is_on_disk_line_by_line_before_the_play_has_ended(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    player = Player()
    player.during = lambda _played: seen.extend(file.read_text().splitlines() for file in (tmp_path / "home" / "histories").iterdir())
    with session(tmp_path / "home", play=player) as opened:
        (verdict,) = opened.play([scenario("a fact")])

    assert [json.loads(line)["event"] for line in seen[0]] == ["header"]
    assert verdict.history is not None
    assert verdict.history.path is not None
    assert verdict.history.path.endswith("-001-a-fact.jsonl")


def test_the_ledger_has_a_thing_as_soon_as_it_is_made_and_goes_when_nothing_is_left(tmp_path: Path) -> None:
    found: list[Any] = []
    player = Player(made=(Made(kind="volume", id="9c1f", name="9c1f"),))
    player.during = lambda _played: found.extend(books(tmp_path / "home"))
    with session(tmp_path / "home", play=player) as opened:
        opened.play([scenario("a")])

    assert [(entry.engine, entry.made.id) for entry in found[0].entries] == [("e1", "9c1f")]
    assert found[0].engines["e1"].engine_id == "default"
    assert books(tmp_path / "home") == ()


def test_a_ledger_stays_where_something_could_not_be_tidied_up(tmp_path: Path) -> None:
    with session(tmp_path / "home", play=Player(leftovers=("volume rows: in use",))) as opened:
        opened.play([scenario("a")])

    assert len(books(tmp_path / "home")) == 1


def test_leftovers_of_a_killed_run_are_said_to_the_next(tmp_path: Path) -> None:
    home = home_folder(str(tmp_path / "home"), {}, tmp_path)
    dead = {"ledger": 1, "run": "d" * 32, "pid": 1, "pid_start": 1, "host": "", "created": "2026-11-24T06:30:00Z"}
    from dockstore.runner.owner import this_host

    (home / "runs" / "dead.jsonl").write_text(json.dumps(dead | {"host": this_host(), "pid": 2**22 + 1}) + "\n")
    watch = Onlooker()
    with session(home, watch=watch) as opened:
        opened.play([scenario("a")])

    assert ("note", LEFTOVERS) in watch.heard
    assert LEFTOVERS in opened.report("run").notes


def test_an_onlooker_hears_engine_start_steps_and_end(tmp_path: Path) -> None:
    watch = Onlooker()
    with session(tmp_path / "home", watch=watch) as opened:
        opened.play([scenario("a")])

    assert watch.heard == [("engine", "e1 default"), ("started", "1/1 a"), ("step", "a: run db"), ("ended", "a: holds")]


def test_a_time_limit_reaches_the_play(tmp_path: Path) -> None:
    player = Player()
    with session(tmp_path / "home", Options(timeout_seconds=0.001), play=player) as opened:
        player.during = lambda _played: player.halts[-1].wait(5) and None
        opened.play([scenario("a")])

    assert player.halts[0].reason == "time limit of 0.001 s"
    assert not opened.report("run").interrupted


def test_a_history_that_finds_no_room_ends_its_play_and_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "home" / "full"
    record = HistoryFile.record

    def no_room(file: HistoryFile, item: Any) -> None:
        if full.exists():
            raise OSError(28, "No space left on device")
        record(file, item)

    monkeypatch.setattr(HistoryFile, "record", no_room)
    player = Player()
    player.during = lambda _played: full.touch()
    with session(tmp_path / "home", Options(jobs=1), play=player) as opened:
        opened.play([scenario("a")])
        report = opened.report("run")

    (halt,) = player.halts
    assert halt.reason == "the history cannot be written: no space left on device"
    assert not report.interrupted
    assert not opened.halt.asked
    assert books(tmp_path / "home") == ()


def test_a_users_image_that_cannot_be_had_is_said_once(tmp_path: Path) -> None:
    onlooker = Onlooker()
    theirs: dict[str, Any] = {"containers": (ContainerSpec(name="db", image="localhost/nowhere:1"),)}
    with session(tmp_path / "home", watch=onlooker) as opened:
        opened.play([scenario("a", **theirs), scenario("b", **theirs)])

    said = [text for kind, text in onlooker.heard if kind == "note"]
    assert said == ["the image localhost/nowhere:1 is not there, and cannot be pulled: a localhost/ name is in no registry"]


def test_an_image_that_cannot_take_the_labs_place_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    player = Player()

    with (
        session(tmp_path / "home", Options(image="localhost/nowhere:1"), play=player) as opened,
        pytest.raises(Unreachable, match="the image localhost/nowhere:1 is not there, and cannot be pulled: ") as caught,
    ):
        opened.play([scenario("a")])

    assert caught.value.hint is not None
    assert player.played == []


@pytest.mark.parametrize(
    ("container", "count", "said"),
    [
        (
            ("dockstore-1-db", "unix:///e.sock"),
            1,
            "kept 1 object of run ab; in: docker -H unix:///e.sock exec -it dockstore-1-db sh; remove: dockstore clean --run ab",
        ),
        (None, 2, "kept 2 objects of run ab; remove: dockstore clean --run ab"),
    ],
)
def test_what_was_kept_says_the_way_in_and_the_way_out(container: tuple[str, str] | None, count: int, said: str) -> None:
    assert kept_words(container, count, "ab") == said


def test_what_failed_is_remembered_until_it_is_played_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with session(home, judge=TableJudge({"a": Outcome.REFUTED, "b": Outcome.UNDECIDED})) as opened:
        opened.play([scenario("a"), scenario("b"), scenario("c")])
    before = read_failed(home)
    with session(home) as opened:
        opened.play([scenario("a")])

    assert [file.rpartition("/")[2] for file in before] == ["a.scenario.yaml", "b.scenario.yaml"]
    assert [file.rpartition("/")[2] for file in read_failed(home)] == ["b.scenario.yaml"]


def test_two_sessions_share_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with session(home) as one, session(home) as other:
        one.play([scenario("a")])
        other.play([scenario("a")])

    assert one.run != other.run
    assert len(list((home / "histories").iterdir())) == 2


@pytest.mark.parametrize(("wanted", "cpus", "expected"), [(None, 1, 2), (None, 2, 4), (None, 16, 8), (3, 16, 3)])
def test_jobs_are_twice_the_cpus_and_at_most_eight(wanted: int | None, cpus: int, expected: int) -> None:
    assert jobs(wanted, cpus) == expected
