"""The lesson inside the Docker-in-Docker engine of docker-compose.yml: each claim has the verdict that it has on the engine around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bundled import LESSON, SCENARIOS, lesson, play, words
from homes_and_engines import standing

from dockstore.core.model import Outcome
from dockstore.engines.docker_engine import connect

if TYPE_CHECKING:
    from bundled import Played

pytestmark = pytest.mark.engine

STRUCK = {"restart-engine", "power-loss"}  # what Compose started is not ours to strike: such a file is played on a spare engine


@pytest.fixture(scope="module")
def inside(composed_address: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Every scenario that tries a claim, played in the nested engine."""
    return play([SCENARIOS[name] for name in LESSON], composed_address, tmp_path_factory.mktemp("dind"), mutants=False)


@pytest.mark.parametrize("claim", [claim.id for claim in lesson().claims])
def test_a_claim_has_the_same_verdict_in_a_nested_engine(inside: Played, played: Played, claim: str) -> None:
    nested, around = inside.claims()[claim], played.claims()[claim]

    assert nested.verdict == around.verdict, f"{nested.set_aside} {around.set_aside}"
    assert nested.verdict not in {"refuted", "untested"}


def test_every_file_of_the_lesson_holds_in_a_nested_engine_or_names_its_need(inside: Played) -> None:
    other = {
        verdict.scenario.file: words(verdict) for verdict in inside.verdicts.values() if verdict.outcome is not Outcome.HOLDS and not verdict.unmet
    }

    assert other == {}


def test_the_lesson_was_played_inside_but_for_what_strikes_an_engine(inside: Played, composed_address: str) -> None:
    nested = connect(composed_address)
    key = next(key for key, info in inside.engines.items() if info.engine_id == nested.info.engine_id)
    nested.close()

    outside = [verdict.scenario for verdict in inside.verdicts.values() if verdict.engine != key]

    assert key == "e1"
    assert [scenario.title for scenario in outside if not STRUCK & set(scenario.needs)] == []
    assert len(outside) < len(LESSON) / 4


def test_the_lesson_leaves_nothing_in_the_nested_engine(inside: Played, composed_address: str) -> None:
    del inside  # it is over
    nested = connect(composed_address)
    found = standing(nested)
    nested.close()

    assert (found.containers, found.volumes) == (frozenset(), frozenset())
