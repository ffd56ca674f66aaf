"""The judge on fates and sights, and on runs that did not come to their end; histories made by hand."""

from __future__ import annotations

from dataclasses import replace

from building import (
    ABSENT,
    NOT_APPLICABLE,
    SAME,
    UNSEEN,
    Play,
    anonymous,
    bind,
    expect,
    layer,
    place,
    tmpfs,
    volume,
)
from judging import HOLDS, REFUTED, SKIPPED, UNDECIDED, an_orphan, cut_short

from dockstore.core.flips import flips
from dockstore.core.history import Observation
from dockstore.core.judge import judge
from dockstore.core.model import Completion, Home, Vantage
from dockstore.core.script import (
    Copy,
    Observe,
    OneOf,
    Wait,
)

# --- fates and sights ---------------------------------------------------------------------------------------------------


def test_a_fate_that_was_expected_holds_and_says_where_the_row_is() -> None:
    ruling = an_orphan().ruling("orphaned", look="row")

    assert ruling.outcome is HOLDS
    assert ruling.kind == "fate"
    assert ruling.expected == ruling.actual == "orphaned"
    assert ruling.why == "row went to the anonymous volume 9c1f4e (line 11), which the engine still has and no container mounts."
    assert ruling.event == "remove+run"
    assert ruling.write == "row"
    assert ruling.place == "db:/data/row"
    assert ruling.line == 40
    assert ruling.store == anonymous()
    assert ruling.sights == {Vantage.ENGINE: SAME, Vantage.HOST: SAME, Vantage.CONTAINER: ABSENT}
    assert ruling.hint is None


def test_a_fate_that_was_not_expected_is_refuted_with_the_way_out() -> None:
    verdict = an_orphan().judge(expect("row", "fate", "persisted"))

    assert verdict.outcome is REFUTED
    assert verdict.reason == "row: fate is orphaned, expected persisted"
    assert verdict.rulings[0].hint is not None
    assert verdict.rulings[0].hint.startswith("name it: {type: volume, source: rows, target: /data}; the way back: docker run --rm -v 9c1f4e")


def test_each_sight_is_judged_by_itself() -> None:
    verdict = an_orphan().judge(expect("row", "engine", "same"), expect("row", "host", "absent"), expect("row", "container", "absent"))

    assert [ruling.outcome for ruling in verdict.rulings] == [HOLDS, REFUTED, HOLDS]
    assert [ruling.kind for ruling in verdict.rulings] == ["sight"] * 3
    assert verdict.rulings[1].why == "the host says of row at db:/data/row: same."


def test_one_of_several_fates_holds_if_it_is_one_of_them() -> None:
    assert an_orphan().ruling(OneOf(("lost", "orphaned")), look="row").outcome is HOLDS
    assert an_orphan().ruling(OneOf(("lost", "carried")), look="row").outcome is REFUTED


def test_an_unknown_fate_is_undecided_and_names_who_could_not_look() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.observe(
        "row", "db:/data/row", engine=(UNSEEN, "no answer in 60 s"), host=(UNSEEN, "rootless"), container=(UNSEEN, "no shell"), home=Home.UNKNOWN
    )

    ruling = play.ruling("persisted", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.actual == "unknown"
    assert "engine unseen (no answer in 60 s), host unseen (rootless), container unseen (no shell)" in ruling.why
    assert ruling.hint == "dockstore doctor says what can be seen from here, and why not more"


def test_an_unknown_fate_that_was_expected_holds() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.observe("row", "db:/data/row", engine=UNSEEN, host=UNSEEN, container=UNSEEN, home=Home.UNKNOWN)

    assert play.ruling("unknown", look="row").outcome is HOLDS


def test_a_sight_that_could_not_be_had_is_undecided_unless_just_that_was_expected() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume()).observe("row", "db:/data/row", host=(UNSEEN, "permission denied")).end()

    assert play.ruling("same", look="row", fact="host").outcome is UNDECIDED
    assert play.ruling("unseen", look="row", fact="host").outcome is HOLDS
    assert play.ruling("same", look="row", fact="host").why == "the host says of row at db:/data/row: unseen (permission denied)."


def test_a_witness_who_was_left_out_is_unseen() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume()).observe("row", "db:/data/row")
    observation = play.events[-1]
    assert isinstance(observation, Observation)
    play.events[-1] = replace(observation, sights={})

    assert play.ruling("same", look="row", fact="container").outcome is UNDECIDED


def test_a_write_that_did_not_come_back_counts_for_nothing() -> None:
    play = (
        Play()
        .run("db")
        .write("row", "db:/data/row", volume(), read_back=False, detail="no such file")
        .observe("row", "db:/data/row", container=ABSENT)
        .end()
    )

    ruling = play.ruling("lost", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.actual is None
    assert ruling.why == "the write 'row' did not come back when it was read, so it does not count: no such file."
    assert play.ruling("absent", look="row", fact="container").outcome is UNDECIDED


def test_of_a_store_that_could_not_be_told_only_the_container_has_a_word() -> None:
    """P1: no store by string prefix."""
    seen = Play().run("db").write("row", "db:/data/row", None).observe("row", "db:/data/row", host=ABSENT, home=Home.NO)
    gone = Play().run("db").write("row", "db:/data/row", None).observe("row", "db:/data/row", host=ABSENT, container=ABSENT, home=Home.NO)

    assert seen.ruling("persisted", look="row").outcome is HOLDS
    assert gone.ruling("lost", look="row").outcome is UNDECIDED


def test_a_look_for_a_write_of_which_nothing_tells_is_undecided() -> None:
    play = Play().run("db").write("row", "db:/data/row", None, placed=False).observe("row", "db:/data/row")

    ruling = play.ruling("persisted", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.why == "nothing says which store took the write 'row'."


def test_the_last_write_of_a_name_before_the_look_counts() -> None:
    play = Play().run("db").write("row", "db:/row", layer()).write("row", "db:/data/row", volume())
    play.observe("row", "db:/data/row").write("row", "db:/other", layer())

    ruling = play.ruling("persisted", look="row")

    assert ruling.store == volume()
    assert "(line 12)" in ruling.why


def test_a_later_write_of_that_name_that_was_refused_leaves_the_look_undecided() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.write("row", "db:/ro/row", None, placed=False, completion=Completion.FAIL, message="read-only file system").observe("row", "db:/data/row")

    ruling = play.ruling("persisted", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.why == "a later write of 'row' did not go well: read-only file system."


def test_a_copy_is_a_write_too() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.do(Copy(at=play.at(), source="row", to=place("db:/data/row")), "copy", "row", completion=Completion.FAIL).observe("row", "db:/data/row")

    assert play.ruling("persisted", look="row").why == "a later write of 'row' did not go well: fail."


def test_what_happened_after_a_step_of_which_nobody_knows_whether_it_happened_is_undecided() -> None:
    play = Play().run("db").write("row", "db:/data/row", tmpfs()).stop("db", completion=Completion.UNSURE, message="timed out").start("db")
    play.observe("row", "db:/data/row", container=ABSENT, host=NOT_APPLICABLE, engine=NOT_APPLICABLE).end()

    ruling = play.ruling("lost", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.why == "it is not known whether 'stop db' (line 12) happened: timed out."
    assert play.ruling("absent", look="row", fact="container").outcome is UNDECIDED


def test_an_unsure_step_before_the_write_does_not_concern_the_write() -> None:
    play = Play().run("db").stop("db", completion=Completion.UNSURE).start("db").write("row", "db:/data/row", volume()).observe("row", "db:/data/row")

    assert play.ruling("persisted", look="row").outcome is HOLDS


def test_at_a_host_place_there_are_sights_and_no_fate() -> None:
    play = Play().write("new", "host:app.conf", bind()).observe("new", "host:app.conf", container=NOT_APPLICABLE).end()

    assert play.ruling("same", look="new", fact="host").outcome is HOLDS
    ruling = play.ruling("persisted", look="new")
    assert ruling.outcome is UNDECIDED
    assert ruling.why == "at host:app.conf there are sights, no fate: no container was asked."


def test_a_vantage_point_that_does_not_exist_is_undecided() -> None:
    ruling = an_orphan().ruling("same", look="row", fact="moon")

    assert (ruling.outcome, ruling.why) == (UNDECIDED, "a look by observe knows no 'moon'.")


def test_a_look_of_another_file_is_undecided() -> None:
    ruling = an_orphan().ruling("same", look="rows")

    assert (ruling.outcome, ruling.why) == (UNDECIDED, "nothing in steps is called 'rows'.")


# --- runs that did not come to their end --------------------------------------------------------------------------------


def test_a_killed_run_is_undecided_for_what_was_not_reached() -> None:
    verdict = cut_short().judge(expect("early", "fate", "persisted"), expect("late", "fate", "persisted"))

    assert [ruling.outcome for ruling in verdict.rulings] == [HOLDS, UNDECIDED]
    assert verdict.rulings[1].why == "the run was killed before this look."
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "the run was killed")


def test_a_run_that_was_refused_something_says_at_which_line() -> None:
    verdict = cut_short().end("2", "run db: no such image").judge(expect("late", "fate", "persisted"))

    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "the run ended at line 12: run db: no such image")
    assert verdict.rulings[0].why == "the run ended at line 12: run db: no such image."


def test_an_interrupted_run_is_undecided_even_if_all_that_was_seen_holds() -> None:
    verdict = cut_short().end(interrupted=True).judge(expect("early", "fate", "persisted"))

    assert verdict.rulings[0].outcome is HOLDS
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "the run was interrupted")
    assert cut_short().end(interrupted=True).ruling("persisted", look="late").why == "the run was interrupted before this look."


def test_a_run_that_ended_early_without_a_word_says_so() -> None:
    assert cut_short().end("9").ruling("persisted", look="late").why == "the run ended: no reason was noted."
    assert cut_short().end(None, "the engine went away").ruling("persisted", look="late").why == "the run ended: the engine went away."


def test_a_refuted_claim_stays_refuted_though_the_run_was_killed() -> None:
    verdict = cut_short().judge(expect("early", "fate", "lost"), expect("late", "fate", "persisted"))

    assert (verdict.outcome, verdict.reason) == (REFUTED, "early: fate is persisted, expected lost")


def test_a_look_that_a_whole_run_does_not_hold_is_undecided() -> None:
    verdict = cut_short().end().judge(expect("late", "fate", "persisted"))

    assert verdict.rulings[0].why == "the history holds nothing of the look 'late'."
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "late: the history holds nothing of the look 'late'")


def test_a_look_that_failed_says_why() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.do(Observe(at=play.at(), write="row", look="row"), "observe", "row", completion=Completion.UNSURE, message="the engine did not answer")

    assert play.ruling("persisted", look="row").why == "the engine did not answer."


def test_a_wait_that_took_too_long_leaves_what_follows_undecided() -> None:
    """P18: a look at the wrong time."""
    play = Play().run("a")
    play.do(Wait(at=play.at(), container="a", condition="exited"), "wait", "a", completion=Completion.UNSURE, message="not within 30 s")
    play.inspect("state", "container", "a", state="running")

    assert play.ruling("exited", look="state", fact="state").outcome is UNDECIDED


def test_an_unmet_need_skips_the_file_and_is_named() -> None:
    play = an_orphan()

    verdict = judge(play.history(unmet=("upperdir", "not live-restore")), play.scenario(expect("row", "fate", "lost")))

    assert (verdict.outcome, verdict.reason) == (SKIPPED, "needs upperdir, not live-restore")
    assert verdict.unmet == ("upperdir", "not live-restore")
    assert verdict.rulings == ()
    assert flips(play.history(unmet=("upperdir",)), play.scenario(expect("row", "fate", "orphaned"))) == ()


def test_a_file_that_expects_nothing_decides_nothing() -> None:
    verdict = an_orphan().judge()

    assert (verdict.outcome, verdict.reason) == (UNDECIDED, "nothing was expected")


def test_a_verdict_tells_how_long_the_run_took_and_on_which_engine() -> None:
    play = an_orphan()

    verdict = judge(play.history(), play.scenario(expect("row", "fate", "orphaned")), engine="e2")

    assert (verdict.engine, verdict.seconds, verdict.outcome, verdict.reason) == ("e2", 5.5, HOLDS, None)
    assert verdict.history == play.history()
