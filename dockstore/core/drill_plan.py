"""What a drill will do, as the commands that a person would type, and about how long that takes.

Rule 1: pure; the same table that is played is what is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dockstore.core.neutral import Neutral
    from dockstore.core.stack_events import Chosen

START_SECONDS = 4.0
EVENT_SECONDS = 3.0
SERVICE_SECONDS = 0.7
ENGINE_SECONDS = 6.0


def estimate(chosen: Chosen, services: int) -> float:
    """About how many seconds the drill takes, services that stop at once and start in a second or two."""
    events = sum(EVENT_SECONDS + SERVICE_SECONDS * services + (ENGINE_SECONDS if event.engine_wide else 0.0) for event in chosen.events)
    return 2 * START_SECONDS + SERVICE_SECONDS * services + events


def commands(name: str, neutral: Neutral, chosen: Chosen, *, files: Sequence[str], probes: Mapping[str, Iterable[str]]) -> str:
    """The plan of a drill in words and commands."""
    services = [str(service) for service in _names(neutral)]
    lines = [
        f"# drill {name}: {', '.join(files)}",
        f"# a copy under the project name {neutral.project}; services: {', '.join(services)}",
        *(f"# limit: {limit}" for limit in neutral.limits),
        *(f"# copied: {item.source}" + (" (empty)" if item.empty else "") for item in neutral.copies),
        *(f"# a scratch volume in place of the external {item.name}" for item in neutral.externals),
        f"# about {estimate(chosen, len(services)):.0f} s where services start and stop at once",
        "",
        "# where does it write?",
        "docker compose create",
        "docker compose up -d      # wait until ready",
        *(f"# probe {service}: {', '.join(named)}" for service, named in probes.items()),
        "docker compose stop",
        "docker compose up -d",
    ]
    for event in chosen.events:
        said = ("" if event.routine else " (not routine)") + (" (on a disposable engine only)" if event.engine_wide else "")
        lines += ["", f"# {event.name}{said}", *(str(step) for step in event.steps)]
    for event_name, why in chosen.left_out:
        lines += ["", f"# left out: {event_name}: {why}"]
    lines += ["", "docker compose down --volumes"]
    return "\n".join(lines) + "\n"


def _names(neutral: Neutral) -> Iterable[str]:
    services = neutral.model.get("services")
    return services if isinstance(services, dict) else ()
