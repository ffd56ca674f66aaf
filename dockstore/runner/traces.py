"""What the engine still remembers of containers that are gone: its last events, read once.

Rule 1: an event is the engine's own word; what is not among the few that it keeps is not known, and nothing is made of that.
Rule 2: of several that mounted a volume the last one of a Compose project counts, then the last one that did not merely copy or look.
Rule 3: a memory that cannot be read (an old engine, a proxy that refuses, no answer in time) is an empty one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.orphans import OURS, table
from dockstore.core.owners import Trace
from dockstore.engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dockstore.engines.engine import Engine

_COMPOSE = "com.docker.compose"
_COPYING = ("/from", "/to")  # where our own commands mount what they look into


def traces(engine: Engine, names: Collection[str]) -> dict[str, Trace]:
    """Return for each volume of *names* who mounted it last, as far as the engine remembers."""
    try:
        events = engine.past_events()
    except EngineError:
        return {}
    return read_traces(events, names)


def read_traces(events: Iterable[Mapping[str, object]], names: Collection[str]) -> dict[str, Trace]:
    """Read an engine's event messages, oldest first."""
    people: dict[str, dict[str, str]] = {}
    mounted: dict[str, list[tuple[str, str | None]]] = {}
    for event in events:
        actor = event.get("Actor")
        if not isinstance(actor, dict):
            continue
        number, attributes = str(actor.get("ID", "")), table(actor.get("Attributes"))
        match event.get("Type"), event.get("Action"):
            case "container", _:
                people.setdefault(number, {}).update(attributes)
            case "volume", "mount" if number in names and attributes.get("container"):
                mounted.setdefault(number, []).append((attributes["container"], attributes.get("destination")))
            case _:
                pass
    found = {}
    for volume, every in mounted.items():
        several = [(one, where) for one, where in every if OURS not in people.get(one, {})]  # what we copied is not ours for that
        if not several:
            continue
        ranked = [(f"{_COMPOSE}.project" in people.get(one, {}), where not in _COPYING, order) for order, (one, where) in enumerate(several)]
        container, target = several[max(ranked)[2]]
        about = people.get(container, {})
        found[volume] = Trace(
            volume=volume,
            target=target,
            container=container,
            name=about.get("name"),
            image=about.get("image"),
            project=about.get(f"{_COMPOSE}.project"),
            service=about.get(f"{_COMPOSE}.service"),
        )
    return found
