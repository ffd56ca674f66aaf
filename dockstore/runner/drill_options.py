"""What a user may choose about a drill.

Rule 1: values only.
"""

from __future__ import annotations

from dockstore.core.values import dataclass

READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOptions:
    """How to drill. *files* are merged into one stack; *targets* are stacks of their own (a file, a folder, `image:NAME`)."""

    targets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    engine: str | None = None
    disposable: bool = False
    events: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    quick: bool = False
    must_survive: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exercise: tuple[tuple[str, str], ...] = ()  # (service, command)
    probes: str | None = None
    with_data: bool = False
    fresh_binds: bool = False
    allow: bool = False  # host name spaces and devices stay
    upgrade: tuple[str, ...] = ()
    upgrade_images: tuple[tuple[str, str], ...] = ()
    from_ref: str | None = None
    to_ref: str | None = None
    ready_seconds: float = READY_SECONDS
    keep: bool = False
    home: str | None = None
