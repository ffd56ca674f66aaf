"""The judge, on histories made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import (
    ABSENT,
    HEX_2,
    NOT_APPLICABLE,
    OTHER,
    SAME,
    UNSEEN,
    Play,
    anonymous,
    bind,
    engine_info,
    expect,
    layer,
    place,
    tmpfs,
    volume,
)

from dockstore.core.flips import flips, other
from dockstore.core.history import Facts, Made, Note, Observation, Operation, Placement
from dockstore.core.judge import judge, judge_mutant
from dockstore.core.model import Completion, Home, Outcome, Sight, StoreKind, Users, Vantage
from dockstore.core.script import (
    At,
    AtLeast,
    AtMost,
    Contains,
    Copy,
    DiffersFrom,
    Exec,
    Expectation,
    Matches,
    Mutant,
    Observe,
    OneOf,
    Read,
    SameAs,
    Wait,
    Where,
    Write,
)

HOLDS, REFUTED, UNDECIDED, SKIPPED = Outcome.HOLDS, Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED


def an_orphan() -> Play:
    """A row in an anonymous volume, its container removed and run again."""
    play = Play().run("db").write("row", "db:/data/row", anonymous()).remove("db").run("db")
    return play.observe("row", "db:/data/row", container=ABSENT, home=Home.NO, users=Users.NOBODY, now=anonymous(HEX_2)).end()


# --- fates and sights -----------------------------------------------------------------------------------------------------


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


# --- runs that did not come to their end ------------------------------------------------------------------------------------


def cut_short() -> Play:
    play = Play().run("db").write("row", "db:/data/row", volume()).observe("row", "db:/data/row", look="early")
    return play.unplayed(Observe(at=At(line=13), write="row", look="late"))


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


# --- facts ------------------------------------------------------------------------------------------------------------------


def test_a_fact_is_judged_and_told() -> None:
    play = Play().run("a").read("listing", "a:/app", type="directory", entries=["two", "one"], mode="0755").end()

    holds = play.ruling(("one", "two"), look="listing", fact="entries")
    refuted = play.ruling("0700", look="listing", fact="mode")

    assert (holds.outcome, holds.kind, holds.actual, holds.expected) == (HOLDS, "fact", ["two", "one"], ["one", "two"])
    assert holds.why == "entries of a:/app is [two, one]."
    assert (refuted.outcome, refuted.why) == (REFUTED, "mode of a:/app is 0755; expected: 0700.")


def test_a_fact_that_could_not_be_got_is_undecided() -> None:
    play = Play().run("a").read("listing", "a:/app", missing={"entries": "the command was killed (137)"}).end()

    ruling = play.ruling((), look="listing", fact="entries")

    assert ruling.outcome is UNDECIDED
    assert ruling.actual is None
    assert ruling.why == "entries of a:/app could not be got: the command was killed (137)."
    assert play.ruling("file", look="listing", fact="type").why == "type of a:/app could not be got: the history does not hold it."


def test_a_file_whose_existence_could_not_be_told_has_no_content_either() -> None:
    play = Play().read("folder", "host:missing", missing={"exists": "no view of the host"})

    assert play.ruling("x", look="folder", fact="content").why == "content of host:missing could not be got: no view of the host."


def test_a_fact_of_a_thing_that_is_definitely_not_there_is_refuted() -> None:
    play = Play().run("a").read("row", "a:/row", exists=False).inspect("gone", "container", "a", exists=False).end()

    ruling = play.ruling("old", look="row", fact="content")

    assert (ruling.outcome, ruling.actual) == (REFUTED, None)
    assert ruling.why == "a:/row does not exist; expected content: old."
    assert play.ruling(False, look="row", fact="exists").outcome is HOLDS
    assert play.ruling("false", look="row", fact="exists").outcome is HOLDS
    assert play.ruling("running", look="gone", fact="state").why == "the container a does not exist; expected state: running."
    assert play.judge(expect("row", "content", "old")).reason == "row: content is nothing, expected old"


def test_a_fact_may_be_of_any_object() -> None:
    play = (
        Play()
        .inspect("e", "engine", "", driver="overlay2")
        .inspect("v", "volume", "rows", users=["b", "a"], labels={"io.dockstore.run": "x", "k": "v"})
        .end()
    )

    assert play.ruling("overlay2", look="e", fact="driver").why == "driver of the engine is overlay2."
    assert play.ruling(("a", "b"), look="v", fact="users").outcome is HOLDS
    assert play.ruling({"k": "v"}, look="v", fact="labels").outcome is HOLDS


def test_the_result_of_a_command_is_judged() -> None:
    play = Play().run("a").exec("locked", stdout="busy\n", exit_code=1).end()

    assert play.ruling("1", look="locked", fact="exit_code").outcome is HOLDS
    assert play.ruling("busy", look="locked", fact="stdout").kind == "result"
    assert play.ruling("busy", look="locked", fact="stdout").outcome is HOLDS
    assert play.ruling(0, look="locked", fact="exit_code").why == "exit_code of the command in a (line 11) is 1; expected: 0."


def test_a_command_that_was_refused_has_no_result() -> None:
    play = Play().run("a")
    play.do(
        Exec(at=play.at(), label="x", command="true", container="a"), "exec", "a", completion=Completion.FAIL, status=409, message="is paused"
    ).end()

    ruling = play.ruling(0, look="x", fact="exit_code")

    assert (ruling.outcome, ruling.kind) == (UNDECIDED, "result")
    assert ruling.why == "exit_code of the command in a (line 11) could not be got: 'exec a' was refused with 409: is paused."
    assert play.ruling(409, look="x", fact="refused").outcome is HOLDS


def test_a_command_that_timed_out_has_no_result() -> None:
    play = Play().run("a")
    play.do(
        Exec(at=play.at(), label="x", command="true", container="a"), "exec", "a", completion=Completion.UNSURE, message="no answer in 60 s"
    ).end()

    assert play.ruling(0, look="x", fact="exit_code").why == (
        "exit_code of the command in a (line 11) could not be got: it is not known whether 'exec a' happened: no answer in 60 s."
    )
    assert play.ruling(True, look="x", fact="refused").outcome is UNDECIDED


def test_a_fact_that_was_never_looked_at_is_undecided() -> None:
    play = Play().run("a").unplayed(Read(at=At(line=11), look="late", place=place("a:/row"))).end("0", "no such image")

    assert play.ruling("x", look="late", fact="content").why == "content of a:/row could not be got: the run ended at line 10: no such image."


def test_a_fact_after_an_unsure_step_is_undecided() -> None:
    play = Play().run("a").stop("a", completion=Completion.UNSURE).inspect("state", "container", "a", exit_code=137)

    assert play.ruling(137, look="state", fact="exit_code").why == "it is not known whether 'stop a' (line 11) happened."


def test_a_measure_after_an_unsure_step_is_undecided() -> None:
    play = Play().run("a").stop("a", completion=Completion.UNSURE).measure("m", 2.0, 2.0, 2.0)

    assert play.ruling(AtLeast(1.3), look="m", fact="ratio").outcome is UNDECIDED


def test_a_diff_names_each_path_and_others_are_free() -> None:
    play = Play().run("a").diff("changes", {"/app/one": "D", "/new": "A"}).end()

    assert play.ruling("D", look="changes", fact="/app/one").outcome is HOLDS
    assert play.ruling("none", look="changes", fact="/etc/hosts").outcome is HOLDS
    assert play.ruling("C", look="changes", fact="/new").why == "/new of docker diff a is A; expected: C."


def test_a_diff_that_could_not_be_got_is_not_a_diff_without_changes() -> None:
    play = Play().run("a").diff("changes", {}, missing={"diff": "the engine did not answer"})

    assert play.ruling("none", look="changes", fact="/etc/hosts").outcome is UNDECIDED


def test_a_fact_that_was_noted_as_nothing_is_undecided() -> None:
    play = Play().run("a").inspect("state", "container", "a")
    facts = play.events[-1]
    assert isinstance(facts, Facts)
    play.events[-1] = replace(facts, values={"error": None})  # type: ignore[dict-item]  # as a file may hold it

    assert play.ruling("", look="state", fact="error").outcome is UNDECIDED


def test_notes_and_the_ledger_are_no_evidence() -> None:
    play = an_orphan()
    play.events[:0] = [Note(about="db", text="exited 137"), Made(kind="container", id="c1", name="db")]

    assert play.ruling("orphaned", look="row").outcome is HOLDS


def test_a_search_that_did_not_find_its_control_is_undecided() -> None:
    found = Play().run("a").find("on disk", found=False).end()
    blind = Play().run("a").find("on disk", missing={"found": "the control was not found by the same search"})

    assert found.ruling(False, look="on disk", fact="found").why == "found of the search for secret is false."
    assert found.ruling(True, look="on disk", fact="found").outcome is REFUTED
    assert blind.ruling(False, look="on disk", fact="found").outcome is UNDECIDED


def test_a_look_by_a_step_that_has_no_such_fact_is_undecided() -> None:
    play = Play().run("a", label="creation")

    assert play.ruling("x", look="creation", fact="content").why == "the step at line 10 knows no 'content'."


# --- comparisons ------------------------------------------------------------------------------------------------------------


def two_looks(before: dict[str, object], after: dict[str, object]) -> Play:
    play = Play().run("a")
    play.inspect("before", "container", "a", **before)  # type: ignore[arg-type]
    play.inspect("after", "container", "a", **after)  # type: ignore[arg-type]
    return play.end()


def test_growth_is_judged_since_another_look() -> None:
    play = two_looks({"size_rw": 1000}, {"size_rw": 1000 + (64 << 20)})

    holds = play.ruling(AtLeast(63 << 20), look="after", fact="size_rw", since="before")
    refuted = play.ruling(AtLeast(65 << 20), look="after", fact="size_rw", since="before")

    assert (holds.outcome, holds.kind, holds.actual) == (HOLDS, "comparison", float(64 << 20))
    assert holds.expected == {"since": "before", "at_least": 63 << 20}
    assert holds.why == "size_rw of the container a grew by 67108864 since 'before'."
    assert refuted.outcome is REFUTED


def test_growth_without_a_number_on_either_side_is_undecided() -> None:
    none_before = two_looks({}, {"size_rw": 5})
    text = two_looks({"size_rw": 5}, {"size_rw": "much"})
    gone = two_looks({"exists": False}, {"size_rw": 5})

    assert none_before.ruling(AtLeast(1), look="after", fact="size_rw", since="before").outcome is UNDECIDED
    assert text.ruling(AtLeast(1), look="after", fact="size_rw", since="before").why.endswith("cannot be told: one of the two is not a number.")
    assert gone.ruling(AtLeast(1), look="after", fact="size_rw", since="before").why.endswith("the container a does not exist.")


def test_same_as_and_differs_from_compare_one_fact_of_two_looks() -> None:
    play = two_looks(
        {"id": "aa", "mounts": {"/data": "volume"}, "users": ["a", "b"]}, {"id": "bb", "mounts": {"/data": "volume"}, "users": ["b", "a"]}
    )

    assert play.ruling(SameAs("before"), look="after", fact="id").outcome is REFUTED
    assert play.ruling(DiffersFrom("before"), look="after", fact="id").outcome is HOLDS
    assert play.ruling(DiffersFrom("before"), look="after", fact="mounts").outcome is REFUTED
    assert play.ruling(SameAs("before"), look="after", fact="users").outcome is HOLDS
    assert (
        play.ruling(SameAs("before"), look="after", fact="id").why
        == "id of the container a is bb; by 'before' it is aa; expected: {same_as: before}."
    )


def test_a_comparison_with_a_look_that_has_no_answer_is_undecided() -> None:
    play = two_looks({}, {"id": "bb"})

    ruling = play.ruling(SameAs("before"), look="after", fact="id")

    assert (ruling.outcome, ruling.kind) == (UNDECIDED, "comparison")
    assert ruling.why == "id of the container a is bb; that of 'before' could not be got: the history does not hold it."
    assert play.ruling(SameAs("nowhere"), look="after", fact="id").outcome is UNDECIDED


def test_what_is_not_there_is_not_the_same_and_does_not_count_as_different() -> None:
    gone_now = two_looks({"id": "aa"}, {"exists": False})
    gone_before = two_looks({"exists": False}, {"id": "bb"})
    gone_both = two_looks({"exists": False}, {"exists": False})

    assert gone_now.ruling(SameAs("before"), look="after", fact="id").outcome is REFUTED
    assert gone_now.ruling(DiffersFrom("before"), look="after", fact="id").outcome is UNDECIDED
    assert gone_now.ruling(AtLeast(1), look="after", fact="size_rw", since="before").outcome is UNDECIDED
    assert gone_before.ruling(SameAs("before"), look="after", fact="id").outcome is REFUTED
    assert gone_before.ruling(DiffersFrom("before"), look="after", fact="id").outcome is UNDECIDED
    assert gone_both.ruling(SameAs("before"), look="after", fact="id").outcome is UNDECIDED


def test_all_checks_of_a_fact_must_be_met() -> None:
    play = Play().run("a").exec("log", stdout="one\ntwo").end()

    assert play.ruling(Contains("one"), Matches("^two$|two"), look="log", fact="stdout").outcome is HOLDS
    assert play.ruling(Contains("one"), Contains("three"), look="log", fact="stdout").outcome is REFUTED
    assert play.ruling(Contains("one"), Matches("("), look="log", fact="stdout").outcome is UNDECIDED
    assert play.ruling(Contains("three"), Matches("("), look="log", fact="stdout").outcome is REFUTED


# --- measures ---------------------------------------------------------------------------------------------------------------


def test_a_measure_is_judged_by_its_median() -> None:
    play = Play().run("a").measure("m", 80.0, 85.0, 90.0, 70.0, 82.0).end()

    ruling = play.ruling(AtLeast(1.3), look="m", fact="ratio")

    assert (ruling.outcome, ruling.kind, ruling.actual) == (HOLDS, "measure", 82.0)
    assert ruling.why == "the ratio 'm': the median of 5 rounds is 82 (from 74 to 88)."
    assert play.ruling(AtMost(2), look="m", fact="ratio").outcome is REFUTED


def test_a_measure_whose_spread_reaches_over_the_limit_is_undecided() -> None:
    play = Play().run("a").measure("m", 0.5, 1.4, 1.5, 1.6, 4.0)

    ruling = play.ruling(AtLeast(1.3), look="m", fact="ratio")

    assert ruling.outcome is UNDECIDED
    assert ruling.why == "the ratio 'm': the median of 5 rounds is 1.5 (from 0.86 to 3.04): the spread reaches over 1.3."


def test_a_measure_that_was_not_made_is_undecided() -> None:
    few = Play().run("a").measure("m", 2.0, 2.0)
    none = Play().run("a").measure("m", missing={"ratio": "the resident shell died"})
    empty = Play().run("a").measure("m")

    assert few.ruling(AtLeast(1), look="m", fact="ratio").why == "the ratio 'm': 2 rounds are too few."
    assert none.ruling(AtLeast(1), look="m", fact="ratio").why == "the ratio 'm': the resident shell died."
    assert empty.ruling(AtLeast(1), look="m", fact="ratio").outcome is UNDECIDED


def test_a_measure_without_a_limit_is_undecided() -> None:
    play = Play().run("a").measure("m", 2.0, 2.0, 2.0)

    assert play.ruling("2", look="m", fact="ratio").why == "the ratio 'm': a ratio is judged by at_least and at_most."


# --- refusals ---------------------------------------------------------------------------------------------------------------


def refusal(completion: Completion = Completion.FAIL, status: int | None = 400, message: str = "source path does not exist") -> Play:
    return Play().run("a", label="creation", completion=completion, status=status, message=message).end()


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [
        (400, HOLDS),
        ("400", HOLDS),
        (OneOf((400, 500)), HOLDS),
        (True, HOLDS),
        ("true", HOLDS),
        (409, REFUTED),
        (False, REFUTED),
        (OneOf(("409", "500")), REFUTED),
    ],
)
def test_a_refusal_is_one_with_a_status(expected: int | str | bool | OneOf, outcome: Outcome) -> None:
    assert refusal().ruling(expected, look="creation", fact="refused").outcome is outcome


@pytest.mark.parametrize(("expected", "outcome"), [(False, HOLDS), (True, REFUTED), (400, REFUTED), (OneOf((False, 409)), HOLDS)])
def test_what_was_done_was_not_refused(expected: int | bool | OneOf, outcome: Outcome) -> None:
    assert refusal(Completion.OK, None, "").ruling(expected, look="creation", fact="refused").outcome is outcome


def test_a_refusal_is_told_in_the_engines_words() -> None:
    ruling = refusal().ruling(409, look="creation", fact="refused")

    assert (ruling.kind, ruling.actual, ruling.expected) == ("refusal", 400, 409)
    assert ruling.why == "'run a' was refused with 400: source path does not exist; expected refused: 409."
    assert refusal(Completion.OK, None, "").ruling(False, look="creation", fact="refused").why == "'run a' was done."


def test_a_refusal_without_a_status_is_one_all_the_same() -> None:
    assert refusal(status=None, message="").ruling(True, look="creation", fact="refused").actual is True
    assert refusal(status=None, message="").ruling(400, look="creation", fact="refused").outcome is REFUTED


def test_a_status_can_be_bounded() -> None:
    assert refusal().ruling(AtLeast(400), AtMost(499), look="creation", fact="refused").outcome is HOLDS


def test_an_action_of_which_nobody_knows_was_neither_done_nor_refused() -> None:
    ruling = refusal(Completion.UNSURE, None, "connection lost").ruling(True, look="creation", fact="refused")

    assert (ruling.outcome, ruling.why) == (UNDECIDED, "it is not known whether 'run a' happened: connection lost.")
    assert refusal(Completion.UNSURE).ruling(AtLeast(2), look="creation", fact="seconds").outcome is UNDECIDED


def test_an_actions_words_and_time_are_judged() -> None:
    play = refusal()

    assert play.ruling(Contains("does not exist"), look="creation", fact="message").outcome is HOLDS
    assert play.ruling(AtLeast(2), look="creation", fact="seconds").why == "seconds of 'run a' is 1; expected: {at_least: 2}."
    assert play.ruling(AtMost(2), look="creation", fact="seconds").kind == "refusal"


def test_an_action_that_was_never_come_to_is_undecided() -> None:
    play = Play().run("a").unplayed(Exec(at=At(line=11), label="late", command="true", container="a")).end("0", "no such image")

    assert play.ruling(True, look="late", fact="refused").why == "the run ended at line 10: no such image."


def test_of_several_subjects_of_one_step_the_one_that_was_refused_counts() -> None:
    play = Play().run("a", label="both").run("b", label="both", completion=Completion.FAIL, status=409)
    play.run("c", label="both")

    ruling = play.ruling(409, look="both", fact="refused")

    assert ruling.outcome is HOLDS


def test_an_outcome_without_a_label_in_the_history_is_found_by_its_step() -> None:
    play = refusal()
    operation = play.events[0]
    assert isinstance(operation, Operation)
    play.events[0] = replace(operation, label=None)

    assert play.ruling(400, look="creation", fact="refused").outcome is HOLDS


# --- otherwise, where, matrix -------------------------------------------------------------------------------------------------


def test_otherwise_undecided_softens_a_refutation_only() -> None:
    play = Play().run("a").read("count", "a:/data/count", content="80000\n").end()

    soft = play.ruling(AtMost(79999), look="count", fact="content", otherwise_undecided=True)
    met = play.ruling(AtMost(80000), look="count", fact="content", otherwise_undecided=True)

    assert (soft.outcome, met.outcome) == (UNDECIDED, HOLDS)
    assert soft.why == "content of a:/data/count is 80000\n; expected: {at_most: 79999}. That was not shown this time, which excludes nothing."


def where(capability: str, *expectations: Expectation, negated: bool = False) -> Where:
    return Where(capability=capability, negated=negated, expect=expectations, at=At(line=50))


def test_where_replaces_all_that_is_expected_of_a_look() -> None:
    play = an_orphan()
    above = (expect("row", "fate", "lost"), expect("row", "engine", "absent"))

    without = play.judge(*above, where=(where("swarm", expect("row", "fate", "orphaned")),))
    having = play.judge(*above, where=(where("host-files", expect("row", "fate", "orphaned")),))
    lacking = play.judge(*above, where=(where("swarm", expect("row", "fate", "orphaned"), negated=True),))

    assert without.outcome is REFUTED
    assert [ruling.fact for ruling in having.rulings] == [ruling.fact for ruling in lacking.rulings] == ["fate"]
    assert having.outcome is lacking.outcome is HOLDS


def test_of_several_wheres_the_last_that_applies_wins() -> None:
    play = an_orphan()

    verdict = play.judge(
        expect("row", "fate", "lost"),
        where=(where("host-files", expect("row", "fate", "carried")), where("swarm", expect("row", "fate", "orphaned"), negated=True)),
    )

    assert verdict.outcome is HOLDS


def test_in_a_matrix_where_changes_single_cells() -> None:
    play = an_orphan()
    cells = [
        expect("row", "fate", "lost", event="remove+run", store="volume"),
        expect("row", "fate", "orphaned", event="remove+run", store="anonymous-mount"),
    ]

    verdict = play.judge(*cells, where=(where("host-files", replace(cells[0], checks=cells[1].checks)),))

    assert [ruling.outcome for ruling in verdict.rulings] == [HOLDS, HOLDS]
    assert [(ruling.event, ruling.column) for ruling in verdict.rulings] == [("remove+run", "volume"), ("remove+run", "anonymous-mount")]


# --- mutants and flips --------------------------------------------------------------------------------------------------------


def mutant(play: Play, *expectations: Expectation, replay: bool = True) -> Mutant:
    return Mutant(title="give it a name", at=At(line=30), scenario=play.scenario(*expectations), replay=replay)


def test_a_mutant_is_refuted_by_its_own_run() -> None:
    named = Play().run("db").write("row", "db:/data/row", volume()).remove("db").run("db").observe("row", "db:/data/row").end()

    verdict = judge_mutant(mutant(named, expect("row", "fate", "orphaned")), named.history(mutant="give it a name"))

    assert (verdict.outcome, verdict.look, verdict.seconds, verdict.reason) == (REFUTED, "row", 5.5, None)
    assert not verdict.automatic


def test_a_mutant_that_is_not_refuted_says_why() -> None:
    play = cut_short()

    held = judge_mutant(mutant(an_orphan(), expect("row", "fate", "orphaned")), an_orphan().history())
    undecided = judge_mutant(mutant(play, expect("late", "fate", "lost")), play.history())

    assert (held.outcome, held.look, held.reason) == (HOLDS, None, None)
    assert (undecided.outcome, undecided.reason) == (UNDECIDED, "the run was killed")


def test_a_mutant_of_expect_alone_is_judged_on_the_scenarios_own_history_and_takes_no_time() -> None:
    play = an_orphan()

    verdict = judge_mutant(mutant(play, expect("row", "fate", "lost"), replay=False), play.history())

    assert (verdict.outcome, verdict.seconds) == (REFUTED, 0.0)


def test_every_fate_that_holds_is_flipped_and_must_be_refuted() -> None:
    play = an_orphan()
    scenario = play.scenario(
        expect("row", "fate", "orphaned", otherwise_undecided=True),
        expect("row", "host", "same"),
        expect("row", "fate", "persisted", event="run", store="x"),
        where=(where("host-files", expect("row", "fate", OneOf(("orphaned", "lost")))),),
    )

    verdicts = flips(play.history(), scenario)

    assert [(verdict.title, verdict.outcome, verdict.look, verdict.automatic) for verdict in verdicts] == [
        ("row: persisted instead of orphaned", REFUTED, "row", True)
    ]


def test_sights_and_facts_are_not_flipped() -> None:
    play = an_orphan()

    verdicts = flips(play.history(), play.scenario(expect("row", "host", "same"), expect("row", "fate", "lost")))

    assert verdicts == ()


def test_a_fate_that_is_unknown_cannot_be_flipped() -> None:
    play = Play().run("db").write("row", "db:/data/row", None).observe("row", "db:/data/row", container=UNSEEN).end()

    assert flips(play.history(), play.scenario(expect("row", "fate", "unknown"))) == ()


def test_a_flip_is_never_one_of_the_fates_that_are_expected() -> None:
    assert other(expect("row", "fate", "lost")) == "persisted"
    assert other(expect("row", "fate", "persisted")) == "lost"
    assert other(expect("row", "fate", OneOf(("lost", "persisted", "orphaned", "altered")))) is None
    assert other(expect("row", "fate", Contains("lost"))) == "lost"


def test_where_no_other_fate_is_left_there_is_no_flip() -> None:
    play = an_orphan()

    assert flips(play.history(), play.scenario(expect("row", "fate", OneOf(("lost", "persisted", "orphaned", "altered"))))) == ()


# --- the pitfalls ---------------------------------------------------------------------------------------------------------------


def test_p3_an_archive_write_that_the_container_never_sees_does_not_count() -> None:
    play = Play().run("db").write("secret", "db:/mem/key", tmpfs(), read_back=False)
    play.observe("secret", "db:/mem/key", host=SAME, container=ABSENT)

    assert play.ruling("lost", look="secret").outcome is UNDECIDED


def test_p4_p5_p13_a_look_that_could_not_be_made_is_not_absence() -> None:
    """404 without a control read, an observer that was killed (137), no shell (126)."""
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.observe("row", "db:/data/row", container=(UNSEEN, "the control read failed, too"), host=(UNSEEN, "exit 137")).end()

    assert play.ruling("lost", look="row").outcome is UNDECIDED
    assert play.ruling("absent", look="row", fact="container").outcome is UNDECIDED


def test_p8_a_volume_of_that_name_whose_identity_is_not_known_is_no_loss() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume(identity=None))
    play.observe("row", "db:/data/row", host=UNSEEN, container=ABSENT, home=Home.UNKNOWN)

    assert play.ruling("lost", look="row").outcome is UNDECIDED


def test_p9_a_volume_whose_bytes_lie_elsewhere_is_not_lost_with_its_name() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume(has_options=True)).remove("db")
    play.observe("row", "db:/data/row", engine=ABSENT, host=(UNSEEN, "not mounted"), container=UNSEEN, home=Home.NO, users=Users.NOBODY)

    ruling = play.ruling("lost", look="row")

    assert ruling.outcome is UNDECIDED
    assert ruling.actual == "unknown"


def test_p9_what_a_removed_volumes_device_still_has_is_orphaned() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume(has_options=True)).remove("db")
    play.observe("row", "db:/data/row", engine=ABSENT, host=SAME, container=UNSEEN, home=Home.NO, users=Users.NOBODY)

    assert play.ruling("orphaned", look="row").outcome is HOLDS


def test_a_tmpfs_backed_volume_is_lost_with_its_memory_though_a_container_mounts_its_name() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume(has_options=True)).stop("db").start("db")
    play.observe("row", "db:/data/row", engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT, home=Home.NO, used_by=("db:/data",))

    assert play.ruling("lost", look="row").outcome is HOLDS


def test_p11_a_new_container_of_the_old_name_is_not_the_old_one() -> None:
    play = Play().run("db").write("row", "db:/row", layer("c1" * 32)).remove("db").run("db")
    play.observe("row", "db:/row", engine=ABSENT, host=ABSENT, container=ABSENT, home=Home.NO, users=Users.NOBODY, now=layer("c2" * 32))

    ruling = play.ruling("lost", look="row")

    assert ruling.outcome is HOLDS
    assert ruling.why == "row went to the writable layer of db (line 11), which went with that container."


def test_p17_p31_a_replaced_source_is_neither_lost_nor_disputed() -> None:
    """The host looks at the path and finds another inode: it is unseen, and the container still holds the old one."""
    play = Play().run("a").write("row", "a:/data/row", bind())
    play.observe("row", "a:/data/row", engine=NOT_APPLICABLE, host=(UNSEEN, "the source was replaced: 8:1:77, now 8:1:78"), container=SAME).end()
    gone = Play().run("a").write("row", "a:/data/row", bind())
    gone.observe("row", "a:/data/row", engine=NOT_APPLICABLE, host=(UNSEEN, "the source was replaced"), container=ABSENT, home=Home.NO)

    assert play.ruling("persisted", look="row").outcome is HOLDS
    assert gone.ruling("lost", look="row").outcome is UNDECIDED


def test_p17_a_dispute_over_a_bind_names_the_stale_bind() -> None:
    play = Play().run("a").write("row", "a:/data/row", bind()).observe("row", "a:/data/row", engine=NOT_APPLICABLE, host=ABSENT)

    ruling = play.ruling("persisted", look="row")

    assert (ruling.outcome, ruling.actual) == (REFUTED, "disputed")
    assert "A stale bind explains it" in ruling.why


def test_p19_p20_other_bytes_at_the_place_are_not_the_row() -> None:
    """The entrypoint made the file again, or copy-up brought the image's: the hash is another."""
    play = Play().run("db").write("row", "db:/data/row", volume()).stop("db").start("db")
    play.observe("row", "db:/data/row", host=OTHER, container=OTHER)

    ruling = play.ruling("persisted", look="row")

    assert (ruling.outcome, ruling.actual) == (REFUTED, "altered")
    assert ruling.why == "row went to the volume rows (line 11); there are other bytes now, says the container and the host."


@pytest.mark.parametrize("store", [tmpfs(), bind(), replace(bind(), kind=StoreKind.ENGINE_FILE)], ids=["tmpfs", "bind", "engine-managed file"])
def test_p21_what_is_no_object_of_the_engine_is_never_absent_there(store: object) -> None:
    play = Play().run("db").write("row", "db:/data/row", store)  # type: ignore[arg-type]
    play.observe("row", "db:/data/row", engine=ABSENT, host=NOT_APPLICABLE, container=SAME).end()

    assert play.ruling("persisted", look="row").outcome is HOLDS
    assert play.ruling("not-applicable", look="row", fact="engine").outcome is HOLDS


def test_p21_that_the_host_has_no_file_of_a_tmpfs_is_normal() -> None:
    play = (
        Play()
        .run("db")
        .write("row", "db:/data/row", tmpfs())
        .observe("row", "db:/data/row", engine=NOT_APPLICABLE, host=ABSENT, container=SAME)
        .end()
    )

    assert play.ruling("persisted", look="row").outcome is HOLDS
    assert play.ruling("absent", look="row", fact="host").actual == "not-applicable"


def test_p22_that_the_engine_lists_a_volume_proves_no_bytes() -> None:
    play = Play().run("db").write("row", "db:/data/row", volume())
    play.observe("row", "db:/data/row", engine=SAME, host=ABSENT, container=ABSENT).end()
    blind = Play().run("db").write("row", "db:/data/row", volume())
    blind.observe("row", "db:/data/row", engine=SAME, host=UNSEEN, container=UNSEEN, home=Home.UNKNOWN)

    assert play.ruling("lost", look="row").outcome is HOLDS
    assert blind.ruling("persisted", look="row").outcome is UNDECIDED


def test_p23_kept_is_not_found_again() -> None:
    kept = an_orphan()
    referenced = Play().run("db").write("row", "db:/data/row", anonymous()).remove("db").run("db")
    referenced.observe("row", "db:/data/row", container=ABSENT, home=Home.NO, users=Users.SOMEBODY, used_by=("db-old:/data",))

    assert kept.ruling("persisted", look="row").actual == "orphaned"
    assert referenced.ruling("orphaned", look="row").actual == "elsewhere"


def test_p26_p27_nothing_lost_this_time_excludes_nothing() -> None:
    play = Play().run("a").read("count", "a:/data/count", content="80000")

    assert play.ruling(AtMost(79999), look="count", fact="content", otherwise_undecided=True).outcome is UNDECIDED


def test_p32_another_containers_row_is_elsewhere_while_that_container_has_it() -> None:
    play = Play().run("a").run("b").write("row", "a:/data/row", volume("rows"))
    play.observe("row", "b:/data/row", container=ABSENT, home=Home.NO, users=Users.SOMEBODY, used_by=("a:/data",), now=volume("others")).end()

    ruling = play.ruling("orphaned", look="row")

    assert ruling.actual == "elsewhere"
    assert ruling.why == "row went to the volume rows (line 12), which a (at /data) still has; b:/data/row is backed by the volume others."
    assert ruling.hint == "look there: docker exec a cat /data/row"


def test_p32_memory_of_a_life_that_still_runs_is_elsewhere() -> None:
    play = Play().run("a").run("b").write("row", "a:/data/row", tmpfs())
    play.observe("row", "b:/data/row", engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT, home=Home.NO, users=Users.SOMEBODY)

    ruling = play.ruling("elsewhere", look="row")

    assert ruling.outcome is HOLDS
    assert ruling.why == (
        "row went to memory (tmpfs at /data) (line 12), which lives on with the container that wrote it; it is not behind b:/data/row."
    )


def test_p33_an_answer_that_did_not_come_is_no_empty_answer() -> None:
    play = Play().run("a").exec("x", missing={"stdout": "no end mark in the output", "exit_code": "no end mark in the output"})

    assert play.ruling("", look="x", fact="stdout").outcome is UNDECIDED


def test_a_look_inside_a_together_is_found_by_its_own_number() -> None:
    play = Play(info=engine_info()).run("a").run("b")
    inner = Exec(at=At(line=13), label="second", command="true", container="b")
    play.together(Exec(at=At(line=12), command="true", container="a"), inner)
    play.events.insert(-1, Operation(step="2.1", verb="exec", subject="b", label="second", completion=Completion.FAIL, began=0, ended=0, status=409))

    assert play.ruling(409, look="second", fact="refused").outcome is HOLDS


def test_a_write_inside_a_together_has_its_place() -> None:
    play = Play().run("a")
    play.together(Write(at=At(line=11), write="one", to=place("a:/1")), Write(at=At(line=12), write="two", to=place("a:/data/row")))
    play.events.append(Placement(step="1.1", write="two", place=place("a:/data/row"), digest="d", size_bytes=1, store=volume(), read_back=True))
    play.observe("two", "a:/data/row")

    assert play.ruling("persisted", look="two").why == "two went to the volume rows (line 12), and a:/data/row has it."


def test_the_sights_of_a_ruling_are_those_that_were_judged() -> None:
    play = Play().run("db").write("row", "db:/data/row", tmpfs()).observe("row", "db:/data/row", engine=ABSENT, host=ABSENT, container=SAME)

    assert play.ruling("persisted", look="row").sights == {
        Vantage.ENGINE: Sight.NOT_APPLICABLE,
        Vantage.HOST: Sight.NOT_APPLICABLE,
        Vantage.CONTAINER: Sight.SAME,
    }
