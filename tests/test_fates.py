"""The fate table, row by row and over every combination of inputs."""

from __future__ import annotations

from itertools import product

import pytest

from dockstore.core.fates import WORST_FIRST, fate, worst
from dockstore.core.model import Fate, Home, Sight, Users

# container | home | host | engine | users -> fate; "-" is anything, "/" is or, the first line that matches counts
TABLE = """
same          | yes        | absent/other          | -                         | -        | disputed
same          | yes        | -                     | absent                    | -        | disputed
same          | no/covered | -                     | -                         | -        | carried
same          | unknown    | absent/other          | -                         | -        | unknown
same          | unknown    | -                     | absent                    | -        | unknown
same          | -          | -                     | -                         | -        | persisted
absent/other  | yes        | same                  | -                         | -        | disputed
absent        | yes        | other                 | -                         | -        | disputed
-             | covered    | same                  | -                         | -        | shadowed
-             | no         | same                  | -                         | somebody | elsewhere
-             | no         | same                  | -                         | nobody   | orphaned
-             | no         | same                  | absent                    | -        | orphaned
-             | -          | same                  | -                         | -        | unknown
other         | yes        | -                     | -                         | -        | altered
-             | -          | other                 | -                         | -        | altered
absent        | yes        | -                     | -                         | -        | lost
-             | -          | absent                | -                         | -        | lost
-             | -          | unseen/not-applicable | absent                    | -        | lost
-             | no         | not-applicable        | not-applicable            | somebody | elsewhere
-             | no         | not-applicable        | not-applicable            | nobody   | lost
-             | -          | -                     | -                         | -        | unknown
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
EVERY_INPUT = list(product(Sight, Home, Sight, Sight, Users))


def by_the_table(*inputs: str) -> str:
    for *wanted, came_to in ROWS:
        if all(cell == "-" or str(given) in cell.split("/") for cell, given in zip(wanted, inputs, strict=True)):
            return came_to
    raise AssertionError(inputs)


def test_every_combination_of_inputs_comes_out_as_the_table_says() -> None:
    wrong = [
        (container, home, host, engine, users)
        for container, home, host, engine, users in EVERY_INPUT
        if fate(container=container, home=home, host=host, engine=engine, users=users) != by_the_table(container, home, host, engine, users)
    ]

    assert len(EVERY_INPUT) == 5 * 4 * 5 * 5 * 3
    assert wrong == []


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{number + 1}: {' '.join(row)}" for number, row in enumerate(ROWS)])
def test_no_line_of_the_table_is_in_vain(number: int) -> None:
    reached = [
        inputs
        for inputs in EVERY_INPUT
        if next(
            at for at, row in enumerate(ROWS) if all(cell == "-" or value in cell.split("/") for cell, value in zip(row[:-1], inputs, strict=True))
        )
        == number
    ]

    assert reached


@pytest.mark.parametrize("came_to", Fate)
def test_every_fate_can_be_come_to(came_to: Fate) -> None:
    fates = {fate(container=container, home=home, host=host, engine=engine, users=users) for container, home, host, engine, users in EVERY_INPUT}

    assert came_to in fates


def test_of_several_data_in_one_group_the_worst_counts() -> None:
    assert worst([Fate.PERSISTED, Fate.CARRIED, Fate.UNKNOWN]) is Fate.UNKNOWN
    assert worst([Fate.ORPHANED, Fate.LOST, Fate.ALTERED]) is Fate.LOST
    assert worst([Fate.PERSISTED]) is Fate.PERSISTED


def test_worst_first_names_every_fate_once() -> None:
    assert sorted(WORST_FIRST) == sorted(Fate)
