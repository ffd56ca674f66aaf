"""Images of the user's own, brought to the engine before the first step that needs them.

Rule 1: only what was named and is not there is pulled, once on each engine; a `localhost/` name never is.
Rule 2: a pull has a deadline, and ends when a stop is asked for; one that failed is said, never waited for again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from dockstore.engines.errors import EngineError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.engines.engine import Engine
    from dockstore.runner.halt import Halt

PULL_SECONDS: Final = 180.0


class Fetcher:
    """What a run has seen of images on its engines. Usable from any thread; one pull at a time."""

    def __init__(self, *, halt: Halt, say: Callable[[str], None], seconds: float = PULL_SECONDS) -> None:
        self._halt = halt
        self._say = say
        self._seconds = seconds
        self._lock = threading.Lock()
        self._settled: dict[tuple[str, str], str | None] = {}

    def knows(self, engine: Engine, reference: str) -> bool:
        """Whether it was asked for before."""
        return (engine.info.engine_id, reference) in self._settled

    def fetch(self, engine: Engine, reference: str) -> str | None:
        """See that *reference* is on *engine*; return why it is not, or None. Never raises."""
        key = (engine.info.engine_id, reference)
        with self._lock:
            if key not in self._settled:
                self._settled[key] = self._brought(engine, reference)
            return self._settled[key]

    def _brought(self, engine: Engine, reference: str) -> str | None:
        try:
            engine.inspect_image(reference)
        except NotFound:
            if reference.startswith("localhost/"):
                return "a localhost/ name is in no registry"
        except EngineError as error:
            return str(error)
        else:
            return None
        self._say(f"pulling {reference}")
        return self._pulled(engine, reference)

    def _pulled(self, engine: Engine, reference: str) -> str | None:
        """Pull in a thread of its own: an engine that waits for a registry answers nobody."""
        answers: list[str | None] = []

        def pull() -> None:
            try:
                engine.pull_image(reference, timeout_seconds=self._seconds)
            except (EngineError, OSError) as error:
                answers.append(str(error))
            else:
                answers.append(None)

        thread = threading.Thread(target=pull, name="dockstore-pull", daemon=True)
        thread.start()
        end = time.monotonic() + self._seconds
        while thread.is_alive() and time.monotonic() < end:
            if self._halt.asked:
                return self._halt.reason
            thread.join(0.05)
        return answers[0] if answers else f"pull {reference}: not done within {self._seconds:g} s"
