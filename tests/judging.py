"""What the tests of the judge share."""

from __future__ import annotations

from building import (
    ABSENT,
    HEX_2,
    Play,
    anonymous,
    volume,
)

from dockstore.core.model import Home, Outcome, Users
from dockstore.core.script import (
    At,
    Observe,
)

HOLDS, REFUTED, UNDECIDED, SKIPPED = Outcome.HOLDS, Outcome.REFUTED, Outcome.UNDECIDED, Outcome.SKIPPED


def an_orphan() -> Play:
    """A row in an anonymous volume, its container removed and run again."""
    play = Play().run("db").write("row", "db:/data/row", anonymous()).remove("db").run("db")
    return play.observe("row", "db:/data/row", container=ABSENT, home=Home.NO, users=Users.NOBODY, now=anonymous(HEX_2)).end()


def cut_short() -> Play:
    play = Play().run("db").write("row", "db:/data/row", volume()).observe("row", "db:/data/row", look="early")
    return play.unplayed(Observe(at=At(line=13), write="row", look="late"))
