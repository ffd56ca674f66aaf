"""What the tests of sights share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import Sight, Vantage

if TYPE_CHECKING:
    from runner_stand import Played

    from dockstore.core.history import Observation


RUN = "run: db"
WRITE = "{write: row, to: 'db:/data/row'}"
OBSERVE = "observe: row"
VOLUME = "{db: {mounts: [{type: volume, source: rows, target: /data}]}}"
EXEC_ONLY = "{db: {mounts: [{type: volume, source: rows, target: /data}], command: [sleep, infinity]}}"


def steps(containers: str, *rest: str, expect: str = "{row: {container: same}}", more: str = "") -> str:
    lines = "".join(f"  - {step}\n" for step in rest)
    return f"version: 1\nscenario: x\n{more}containers: {containers}\nsteps:\n{lines}expect: {expect}\n"


def look(played: Played, name: str = "row") -> Observation:
    assert name in played.looks, played.footer
    return played.looks[name]


def sights(observation: Observation) -> tuple[Sight, Sight, Sight]:
    """Engine, host, container."""
    found = [observation.sights[vantage].sight for vantage in (Vantage.ENGINE, Vantage.HOST, Vantage.CONTAINER)]
    return found[0], found[1], found[2]
