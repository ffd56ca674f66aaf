"""Why a container did not answer: its main process had ended, with this exit code and these last words.

Rule 1: asked only after something failed; who runs has not ended, and who cannot be asked is not spoken of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from dockstore.engines.errors import EngineError
from dockstore.engines.polling import until
from dockstore.runner.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import ExecResult
    from dockstore.runner.stage import Box

_LOG_LINES: Final = 5
_LONGEST: Final = 200
_KILLED: Final = 137
_NOT_BEGUN: Final = (126, 127, None)
_STOPPED: Final = b"in a stopped state"
_SECONDS: Final = 1.0


def died_meanwhile(box: Box, result: ExecResult) -> str | None:
    """Return what `had_ended` does, of an exec that bears the marks of a container that dies: it is given a moment to be dead."""
    said = result.stdout + result.stderr
    if result.timed_out or not (result.exit_code == _KILLED or (result.exit_code in _NOT_BEGUN and _STOPPED in said)):
        return None
    until(lambda: had_ended(box) is not None, timeout_seconds=_SECONDS)
    return had_ended(box)


def had_ended(box: Box) -> str | None:
    """Return `container db had ended with exit code 7; its last words: ...`, or None."""
    try:
        answer = box.seat.engine.inspect_container(box.id)
    except EngineError:
        return None
    state = cast("Mapping[str, object]", answer.get("State") or {})
    if state.get("Status") not in {"exited", "dead", "restarting"}:
        return None
    how = "out of memory" if state.get("OOMKilled") is True else f"with exit code {state.get('ExitCode')}"
    again = ", as often as it was restarted" if state.get("Status") == "restarting" else ""
    return f"container {box.name} had ended {how}{again}{_last_words(box)}"


def _last_words(box: Box) -> str:
    try:
        lines = [line.strip() for line in box.seat.engine.logs(box.id, tail=_LOG_LINES).splitlines() if line.strip()]
    except EngineError:
        return ""
    return f"; its last words: {redacted(lines[-1])[:_LONGEST]}" if lines else "; it said nothing"
