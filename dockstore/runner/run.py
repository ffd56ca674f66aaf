"""Perform each step, note what happened, always tidy up. (Being written: the signature stands.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.runner.settings import RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.core.history import Event, Header, History
    from dockstore.core.plan import RunIdentity
    from dockstore.core.script import Scenario
    from dockstore.runner.settings import Halting, Opened

__all__ = ["RunOptions", "run"]


def run(
    scenario: Scenario,
    *,
    opened: Opened,
    identity: RunIdentity,
    ordinal: int,
    record: Callable[[Header | Event], None],
    halt: Halting,
    options: RunOptions,
) -> History:
    """Play *scenario* and return what was done and seen; every event goes to *record* as it happens."""
    raise NotImplementedError
