"""The judge on facts, comparisons and measures."""

from __future__ import annotations

from dataclasses import replace

from building import (
    Play,
    expect,
    place,
)
from judging import HOLDS, REFUTED, UNDECIDED, an_orphan

from dockstore.core.history import Facts, Made, Note
from dockstore.core.model import Completion
from dockstore.core.script import (
    At,
    AtLeast,
    AtMost,
    Contains,
    DiffersFrom,
    Exec,
    Matches,
    Read,
    SameAs,
)

# --- facts --------------------------------------------------------------------------------------------------------------


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


# --- comparisons --------------------------------------------------------------------------------------------------------


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


# --- measures -----------------------------------------------------------------------------------------------------------


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
