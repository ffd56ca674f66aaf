"""What became of a write: one table, first match wins.

Rule 1: everything that decides a fate from the sights lies in this file.
Rule 2: absence of evidence is unknown, never lost; a contradiction between witnesses is disputed, never swallowed.
Rule 3: "nobody told who has the store" (Users.UNKNOWN) is never read as "nobody has it".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import Fate, Home, Sight, Users

if TYPE_CHECKING:
    from collections.abc import Iterable


WORST_FIRST: tuple[Fate, ...] = (
    Fate.LOST,
    Fate.ALTERED,
    Fate.ORPHANED,
    Fate.SHADOWED,
    Fate.ELSEWHERE,
    Fate.DISPUTED,
    Fate.UNKNOWN,
    Fate.CARRIED,
    Fate.PERSISTED,
)


def fate(*, container: Sight, home: Home, host: Sight, engine: Sight, users: Users) -> Fate:
    """Return the fate of a write from what each vantage point saw.

    *home*: is the store behind the place still the one that took the write. *host* and *engine*: their sights of that store.
    *users*: does any container have it.
    """
    match container, home, host, engine, users:
        # the container sees it
        case Sight.SAME, Home.YES, Sight.ABSENT | Sight.OTHER, _, _:
            return Fate.DISPUTED
        case Sight.SAME, Home.YES, _, Sight.ABSENT, _:
            return Fate.DISPUTED
        case Sight.SAME, Home.NO | Home.COVERED, _, _, _:  # a copy: commit, cp, restore, a migration
            return Fate.CARRIED
        case Sight.SAME, Home.UNKNOWN, Sight.ABSENT | Sight.OTHER, _, _:
            return Fate.UNKNOWN
        case Sight.SAME, Home.UNKNOWN, _, Sight.ABSENT, _:
            return Fate.UNKNOWN
        case Sight.SAME, _, _, _, _:
            return Fate.PERSISTED
        # the container denies what the store holds
        case Sight.ABSENT | Sight.OTHER, Home.YES, Sight.SAME, _, _:
            return Fate.DISPUTED
        case Sight.ABSENT, Home.YES, Sight.OTHER, _, _:
            return Fate.DISPUTED
        # the bytes are there, and not at their place
        case _, Home.COVERED, Sight.SAME, _, _:
            return Fate.SHADOWED
        case _, Home.NO, Sight.SAME, _, Users.SOMEBODY:
            return Fate.ELSEWHERE
        case _, Home.NO, Sight.SAME, _, Users.NOBODY:
            return Fate.ORPHANED
        case _, Home.NO, Sight.SAME, Sight.ABSENT, _:
            return Fate.ORPHANED
        case _, _, Sight.SAME, _, _:  # whose they are cannot be told
            return Fate.UNKNOWN
        # other bytes, or none
        case Sight.OTHER, Home.YES, _, _, _:
            return Fate.ALTERED
        case _, _, Sight.OTHER, _, _:
            return Fate.ALTERED
        case Sight.ABSENT, Home.YES, _, _, _:
            return Fate.LOST
        case _, _, Sight.ABSENT, _, _:
            return Fate.LOST
        case _, _, Sight.UNSEEN | Sight.NOT_APPLICABLE, Sight.ABSENT, _:
            return Fate.LOST
        # memory: nobody can look but its own container
        case _, Home.NO, Sight.NOT_APPLICABLE, Sight.NOT_APPLICABLE, Users.NOBODY:  # it went with the main process
            return Fate.LOST
        case _, Home.NO, Sight.NOT_APPLICABLE, Sight.NOT_APPLICABLE, Users.SOMEBODY:  # the life that took the write still runs
            return Fate.ELSEWHERE
        case _:
            return Fate.UNKNOWN


def worst(fates: Iterable[Fate]) -> Fate:
    """Return the fate that counts for several data in one group."""
    return min(fates, key=WORST_FIRST.index)
