"""A scenario as text, played on the engine under test, and what came of it; nothing is left."""

from __future__ import annotations

import itertools
import os
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from homes_and_engines import environment
from runner_stand import Played, load

from dockstore.core.plan import RunIdentity
from dockstore.engines.errors import NotFound
from dockstore.engines.opening import Opened, Wanted, open_engine
from dockstore.runner.halt import Halt
from dockstore.runner.run import RunOptions, run

if TYPE_CHECKING:
    from pathlib import Path

    from dockstore.core.history import Event, Header, Made
    from dockstore.core.script import Scenario
    from dockstore.engines.host import Host


@dataclass(slots=True)
class Theatre:
    """The engine under test, opened as a run opens it."""

    opened: Opened
    identity: RunIdentity
    ordinals: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def play(self, text: str | Scenario, *, halt: Halt | None = None, host: Host | None = None, **options: object) -> Played:
        """Play a scenario; then nothing that its ledger names may stand."""
        scenario = load(text) if isinstance(text, str) else text
        recorded: list[Header | Event] = []
        history = run(
            scenario,
            opened=self.opened if host is None else replace(self.opened, host=host),
            identity=self.identity,
            ordinal=next(self.ordinals),
            record=recorded.append,
            halt=halt or Halt(),
            options=replace(RunOptions(), **options),  # type: ignore[arg-type]
        )
        played = Played(scenario, history, recorded)
        assert [made for made in played.made if self.stands(made)] == []
        assert played.footer.leftovers == ()
        return played

    def stands(self, made: Made) -> bool:
        """Whether a thing of the ledger is still there."""
        engine = self.opened.engine
        try:
            match made.kind:
                case "container":
                    engine.inspect_container(made.id)
                case "volume":
                    engine.inspect_volume(made.id)
                case "image":
                    engine.inspect_image(made.id)
                case _:
                    return self.opened.host.stat(made.id) is not None
        except NotFound:
            return False
        return True


def open_theatre(address: str, folder: Path) -> Theatre:
    """Open the engine at *address*, with no state outside *folder*."""
    identity = RunIdentity(run=secrets.token_hex(16), pid=os.getpid(), pid_start=1, host="tests", created="2026-01-01T00:00:00Z")
    opened = open_engine(Wanted(address=address, environ=environment(address, folder), home=folder / "home"), say=lambda _: None)
    return Theatre(opened, identity)


def scenario(containers: str, *steps: str, expect: str = "{row: {container: same}}", more: str = "") -> str:
    """The text of a scenario with these steps."""
    lines = "".join(f"  - {step}\n" for step in steps)
    return f"version: 1\nscenario: x\n{more}containers: {containers}\nsteps:\n{lines}expect: {expect}\n"
