"""The laws of the fate table: what no combination of sights may come to. All 1,500 are tried, each law on each."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import pytest

from dockstore.core.fates import fate
from dockstore.core.model import Fate, Home, Sight, Users

LOSSES = {Fate.LOST, Fate.ALTERED}
DENIALS = {Sight.ABSENT, Sight.OTHER}


class Sights(NamedTuple):
    container: Sight
    home: Home
    host: Sight
    engine: Sight
    users: Users

    def fate(self) -> Fate:
        return fate(container=self.container, home=self.home, host=self.host, engine=self.engine, users=self.users)


EVERY = [Sights(*inputs) for inputs in product(Sight, Home, Sight, Sight, Users)]


def test_nothing_is_lost_or_altered_while_the_container_or_the_host_sees_it() -> None:
    for seen in EVERY:
        if Sight.SAME in (seen.container, seen.host):
            assert seen.fate() not in LOSSES


def test_nothing_is_persisted_unless_a_container_sees_it_and_never_against_a_witness() -> None:
    for seen in EVERY:
        if seen.fate() is Fate.PERSISTED:
            assert seen.container is Sight.SAME
            assert seen.host not in DENIALS
            assert seen.engine is not Sight.ABSENT


def test_something_is_carried_only_where_the_store_changed() -> None:
    for seen in EVERY:
        if seen.fate() is Fate.CARRIED:
            assert seen.home in {Home.NO, Home.COVERED}


def test_nothing_is_orphaned_unless_the_engine_said_that_nobody_has_it() -> None:
    for seen in EVERY:
        if seen.fate() is Fate.ORPHANED:
            assert seen.users is Users.NOBODY or (seen.engine is Sight.ABSENT and seen.users is Users.UNKNOWN)
            assert seen.host is Sight.SAME


@pytest.mark.parametrize("further", [Sight.ABSENT, Sight.OTHER])
def test_one_more_witness_who_does_not_see_it_never_turns_a_loss_into_unknown(further: Sight) -> None:
    for seen in EVERY:
        if seen.fate() in LOSSES:
            more = [seen._replace(container=further), seen._replace(host=further), seen._replace(engine=further)]
            for before, after in zip((seen.container, seen.host, seen.engine), more, strict=True):
                assert before is not Sight.UNSEEN or after.fate() is not Fate.UNKNOWN


def test_absence_of_evidence_is_never_a_loss() -> None:
    for seen in EVERY:
        blind = seen._replace(container=Sight.UNSEEN, host=Sight.UNSEEN, engine=Sight.UNSEEN)

        assert blind.fate() is Fate.UNKNOWN


def test_a_contradiction_at_the_same_store_is_disputed_and_nothing_else() -> None:
    for seen in EVERY:
        contradiction = seen.home is Home.YES and (
            (seen.container is Sight.SAME and (seen.host in DENIALS or seen.engine is Sight.ABSENT))
            or (seen.container in DENIALS and seen.host is Sight.SAME)
        )
        if contradiction:
            assert seen.fate() is Fate.DISPUTED


def test_users_who_are_not_known_are_never_read_as_nobody() -> None:
    """The bytes of a store that the engine knows are there, but whose they are was not told."""
    for seen in EVERY:
        if seen.users is Users.UNKNOWN and seen.engine is not Sight.ABSENT:
            assert seen.fate() not in {Fate.ORPHANED, Fate.ELSEWHERE}


def test_memory_whose_life_still_runs_is_elsewhere_and_not_lost() -> None:
    """A tmpfs has a user too; P32."""
    for seen in EVERY:
        if (
            seen.home is Home.NO
            and seen.host is seen.engine is Sight.NOT_APPLICABLE
            and seen.users is Users.SOMEBODY
            and seen.container is not Sight.SAME
        ):
            assert seen.fate() is Fate.ELSEWHERE
