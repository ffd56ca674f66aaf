"""Whose turn it is: what must be alone is, and everybody's turn comes."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.runner.turns import Alone, Turn, Turns

TURNS = st.lists(st.tuples(st.sampled_from(["e1", "e2"]), st.sampled_from(Alone)), max_size=12)


def turn(work: str, place: str = "e1", alone: Alone = Alone.NO) -> Turn[str]:
    return Turn(work=work, place=place, alone=alone)


def may_stand_beside(one: Turn[str], other: Turn[str]) -> bool:
    if Alone.MACHINE in {one.alone, other.alone}:
        return False
    return one.place != other.place or Alone.ENGINE not in {one.alone, other.alone}


def test_turns_come_in_order_while_nothing_must_be_alone() -> None:
    turns = Turns([turn("a"), turn("b")])

    assert [taken.work for taken in (turns.take(), turns.take()) if taken is not None] == ["a", "b"]
    assert turns.take() is None


def test_what_must_wait_is_passed_by_what_need_not() -> None:
    turns = Turns([turn("a"), turn("prunes", alone=Alone.ENGINE), turn("b"), turn("elsewhere", "e2", Alone.ENGINE)])

    taken = [turns.take() for _ in range(3)]

    assert [one.work for one in taken if one is not None] == ["a", "b", "elsewhere"]


def test_whoever_waits_goes_on_when_a_turn_is_given_back() -> None:
    turns = Turns([turn("a"), turn("prunes", alone=Alone.ENGINE)])
    first = turns.take()
    assert first is not None
    got: list[str] = []

    def wait() -> None:
        taken = turns.take()
        got.append(taken.work if taken is not None else "nothing")

    thread = threading.Thread(target=wait)
    thread.start()
    turns.done(first)
    thread.join(30)

    assert got == ["prunes"]


def test_after_the_close_nothing_is_handed_out_and_whoever_waits_goes_home() -> None:
    turns = Turns([turn("a"), turn("prunes", alone=Alone.ENGINE)])
    turns.take()
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(turns.take()))
    thread.start()

    left = turns.close()
    thread.join(30)

    assert left == ("prunes",)
    assert got == [None]


@pytest.mark.parametrize("count", [1, 4], ids=["one by one", "four side by side"])
@settings(deadline=None, max_examples=60)
@given(wanted=TURNS)
def test_everybody_is_played_once_and_alone_where_that_is_needed(count: int, wanted: list[tuple[str, Alone]]) -> None:
    turns = Turns([turn(str(number), place, alone) for number, (place, alone) in enumerate(wanted)])
    running: list[Turn[str]] = []
    played: list[str] = []
    trespasses: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while (taken := turns.take()) is not None:
            with lock:
                trespasses.extend(f"{taken.work} beside {other.work}" for other in running if not may_stand_beside(taken, other))
                running.append(taken)
            with lock:
                running.remove(taken)
                played.append(taken.work)
            turns.done(taken)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert trespasses == []
    assert sorted(played, key=int) == [str(number) for number in range(len(wanted))]
