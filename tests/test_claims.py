"""A lesson's claims over the files that name them, and the exit code of it all."""

from __future__ import annotations

from typing import Any

import pytest

from dockstore.core.claims import judge_claims
from dockstore.core.lesson import Claim, Lesson
from dockstore.core.model import Outcome
from dockstore.core.outcome import exit_code
from dockstore.core.script import Scenario
from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Verdict

HOLDS, REFUTED, UNDECIDED, SKIPPED = Outcome.HOLDS, Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED
LESSON = Lesson(
    title="storage",
    claims=(Claim(id="L1", sentence="An image is a stack.", section="Images"), Claim(id="L2", sentence="Volumes remain.", section="Volumes")),
)


def verdict(
    outcome: Outcome, title: str = "a fact", *, engine: str = "e1", reason: str | None = None, mutants: tuple[Outcome, ...] = (), **scenario: Any
) -> Verdict:
    told = {"lesson": ("L1",)} | scenario
    return Verdict(
        scenario=Scenario(title=title, file="a", text="", **told),
        engine=engine,
        outcome=outcome,
        reason=reason,
        unmet=(),
        rulings=(),
        seconds=1.0,
        history=None,
        mutants=tuple(MutantVerdict(title="m", outcome=came_to, look=None, seconds=1.0) for came_to in mutants),
    )


def claim(*verdicts: Verdict) -> ClaimVerdict:
    return judge_claims(LESSON, verdicts)[0]


def test_claims_come_in_the_order_of_the_lesson_with_their_sentences() -> None:
    first, second = judge_claims(LESSON, [verdict(HOLDS)])

    assert (first.id, first.claim, first.section, first.verdict) == ("L1", "An image is a stack.", "Images", "holds")
    assert second == ClaimVerdict(id="L2", claim="Volumes remain.", verdict="untested", nuance=None, scenarios=(), section="Volumes")


def test_one_file_may_name_several_claims_and_one_of_them_twice() -> None:
    first, second = judge_claims(LESSON, [verdict(HOLDS, lesson=("L2", "L1", "L2"))])

    assert (first.verdict, second.verdict) == ("holds", "holds")
    assert second.scenarios == ("a fact",)


def test_instead_beats_nuance_beats_neither() -> None:
    plain, nuance, instead = verdict(HOLDS, "a"), verdict(HOLDS, "b", nuance="True, but."), verdict(HOLDS, "c", instead="Not so.")

    assert (claim(plain).verdict, claim(plain).nuance) == ("holds", None)
    assert (claim(plain, nuance).verdict, claim(plain, nuance).nuance) == ("holds-with-nuance", "True, but.")
    assert (claim(plain, nuance, instead).verdict, claim(plain, nuance, instead).nuance) == ("does-not-hold", "Not so.")
    assert claim(plain, nuance, instead).scenarios == ("a", "b", "c")


def test_several_nuances_are_told_one_after_the_other_and_each_once() -> None:
    found = claim(verdict(HOLDS, "a", nuance="One.\n"), verdict(HOLDS, "b", nuance="Two."), verdict(HOLDS, "c", nuance="One."))

    assert found.nuance == "One. Two."


def test_one_refuted_file_makes_the_claim_refuted_and_is_named() -> None:
    found = claim(verdict(HOLDS, "a", nuance="True, but."), verdict(REFUTED, "b"), verdict(HOLDS, "c", instead="Not so."))

    assert (found.verdict, found.nuance, found.scenarios) == ("refuted", None, ("b",))


def test_the_nuance_of_a_file_that_does_not_hold_counts_for_nothing() -> None:
    found = claim(verdict(HOLDS, "a"), verdict(SKIPPED, "b", nuance="True, but.", reason="needs swarm"), verdict(UNDECIDED, "c", instead="Not so."))

    assert (found.verdict, found.nuance) == ("holds", None)
    assert found.set_aside == ("b (skipped: needs swarm)", "c (undecided)")


def test_a_claim_of_which_nothing_held_is_undecided() -> None:
    assert claim(verdict(SKIPPED), verdict(UNDECIDED)).verdict == "undecided"
    assert claim(verdict(SKIPPED)).scenarios == ()


def test_a_file_on_two_engines_is_named_once() -> None:
    assert claim(verdict(HOLDS), verdict(HOLDS, engine="e2")).scenarios == ("a fact",)
    assert claim(verdict(HOLDS), verdict(REFUTED, engine="e2")).verdict == "refuted"


# --- exit codes ---------------------------------------------------------------------------------------------------------------


def code(*verdicts: Verdict, claims: tuple[str, ...] = (), interrupted: bool = False) -> int:
    told = tuple(ClaimVerdict(id="L1", claim="", verdict=word, nuance=None, scenarios=()) for word in claims)
    return exit_code(Report(dockstore="0", run="r", started="", command="run", engines={}, verdicts=verdicts, claims=told, interrupted=interrupted))


@pytest.mark.parametrize(
    ("outcomes", "came_to"),
    [
        ([HOLDS], 0),
        ([HOLDS, SKIPPED], 0),
        ([HOLDS, REFUTED, UNDECIDED], 1),
        ([HOLDS, UNDECIDED], 3),
        ([UNDECIDED, SKIPPED], 3),
        ([SKIPPED, SKIPPED], 4),
        ([], 4),
    ],
)
def test_the_exit_code_says_whose_turn_it_is(outcomes: list[Outcome], came_to: int) -> None:
    assert code(*(verdict(outcome) for outcome in outcomes)) == came_to


@pytest.mark.parametrize(
    ("scenario", "mutant", "came_to"),
    [(HOLDS, REFUTED, 0), (HOLDS, HOLDS, 1), (HOLDS, UNDECIDED, 1), (HOLDS, SKIPPED, 0), (UNDECIDED, UNDECIDED, 3), (SKIPPED, SKIPPED, 4)],
)
def test_a_mutant_that_is_not_refuted_fails_the_run(scenario: Outcome, mutant: Outcome, came_to: int) -> None:
    assert code(verdict(scenario, mutants=(REFUTED, mutant))) == came_to


@pytest.mark.parametrize(
    ("word", "came_to"),
    [("holds", 0), ("holds-with-nuance", 0), ("does-not-hold", 0), ("refuted", 1), ("undecided", 3), ("untested", 3)],
)
def test_a_lesson_is_done_only_when_every_claim_was_judged(word: str, came_to: int) -> None:
    assert code(verdict(HOLDS), claims=("holds", word)) == came_to


def test_a_lesson_of_which_everything_was_skipped_ran_nothing() -> None:
    assert code(verdict(SKIPPED), claims=("undecided",)) == 4


def test_an_interruption_comes_first() -> None:
    assert code(verdict(REFUTED), interrupted=True) == 130
