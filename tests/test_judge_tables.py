"""The judge on refusals, expectations for other engines, matrices, mutants and the pitfalls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import (
    ABSENT,
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
from judging import HOLDS, REFUTED, UNDECIDED, an_orphan, cut_short

from dockstore.core.flips import flips, other
from dockstore.core.history import Operation, Placement
from dockstore.core.judge import judge_mutant
from dockstore.core.model import Completion, Home, Outcome, Sight, StoreKind, Users, Vantage
from dockstore.core.script import (
    At,
    AtLeast,
    AtMost,
    Contains,
    Exec,
    Expectation,
    Mutant,
    OneOf,
    Where,
    Write,
)

# --- refusals -----------------------------------------------------------------------------------------------------------


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


# --- otherwise, where, matrix -------------------------------------------------------------------------------------------


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


# --- mutants and flips --------------------------------------------------------------------------------------------------


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


# --- the pitfalls -------------------------------------------------------------------------------------------------------


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
