"""What the caller of a run may settle, and what the run may ask of it.

Rule 1: values only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How one scenario is played."""

    timeout_seconds: float = 60.0  # for a step that names no limit of its own
    keep: bool = False  # leave the objects standing
    allow_host_paths: tuple[str, ...] = ()  # absolute bind sources that a scenario may name
    scratch_root: str | None = None  # a folder of the engine's host under which the scratch folder is made; None: /var/tmp
    lab_image: str | None = None  # another image in its place
    variables: Mapping[str, str] | None = None  # as given by --var, for the header
    mutant: str | None = None  # the title of the mutant that is played
    text: str | None = None  # the source that the header keeps; None: the scenario's own
    second: Opened | None = None  # the engine called "second"


class Daemon(Protocol):
    """The engine's process, where dockstore started it."""

    def stop(self) -> None:
        """End it in an orderly way."""

    def kill(self) -> None:
        """Send it SIGKILL."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def reboot(self) -> None:
        """Kill it and all its containers, then start it."""


class Opened(Protocol):
    """An engine with its host, as `engines.opening` gives it."""

    @property
    def engine(self) -> Engine:
        """The engine."""

    @property
    def host(self) -> Host:
        """The files of its host."""

    @property
    def daemon(self) -> Daemon | None:
        """Its process, if it is ours."""


class Halting(Protocol):
    """Whether to stop, and a wait that ends early when it is asked for."""

    @property
    def asked(self) -> bool:
        """Whether to stop at the next step."""

    @property
    def interrupted(self) -> bool:
        """Whether a person (not a time limit) asks."""

    @property
    def at_once(self) -> bool:
        """Whether even tidying up is to be left."""

    @property
    def reason(self) -> str | None:
        """Why."""

    def wait(self, seconds: float) -> bool:
        """Wait; return whether a stop is asked for."""
