"""A resident shell: the main process of a lab container, fed through one attached connection. 1 ms a command where an exec costs 50.

Rule 1: a script runs in a subshell without input, so it can neither end the shell nor eat what is sent after it.
Rule 2: an answer counts only with its own end mark on both streams (P33).
Rule 3: after a doubt the connection is let go of; it never answers again with the rest of an older command.
"""

from __future__ import annotations

import threading

from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import Unsure
from dockstore.engines.exec_stream import OUTPUT_LIMIT_BYTES, STDERR, Frames, Hijacked, cut, fresh_mark, wrapped
from dockstore.engines.polling import Deadline


class AttachedShell:
    """The Shell of `engine`, over a hijacked connection. One command at a time; safe to share between threads."""

    def __init__(self, stream: Hijacked, container: str) -> None:
        self._stream: Hijacked | None = stream
        self._container = container
        self._frames = Frames()
        self._lock = threading.Lock()

    def run(self, script: str, *, timeout_seconds: float) -> ExecResult:
        """Run *script* and wait for its end mark. Raises Unsure: then this shell is closed."""
        deadline = Deadline.after(timeout_seconds)
        doing = f"run in the shell of {self._container}"
        with self._lock:
            if self._stream is None:
                raise Unsure(f"{doing}: its connection is closed")
            mark = fresh_mark()
            try:
                self._stream.send(f"{wrapped(script, mark)}\n".encode(), deadline)
                return self._answer(self._stream, mark, deadline)
            except TimeoutError as exc:
                self._let_go()
                raise Unsure(f"{doing}: no answer within {timeout_seconds:g} s; it may still run") from exc
            except (OSError, Unsure) as exc:
                self._let_go()
                raise Unsure(f"{doing}: {exc}") from exc

    def _answer(self, stream: Hijacked, mark: str, deadline: Deadline) -> ExecResult:
        stdout, stderr = bytearray(), bytearray()
        word, seen_out, seen_err = mark.encode(), 0, 0
        while True:
            data = stream.receive(deadline)
            if not data:
                raise Unsure("the shell ended")
            for number, payload in self._frames.feed(data):
                (stderr if number == STDERR else stdout).extend(payload)
            if len(stdout) + len(stderr) > OUTPUT_LIMIT_BYTES:
                raise Unsure(f"the command printed more than {OUTPUT_LIMIT_BYTES >> 20} MiB")
            at_out, at_err = stdout.find(word, seen_out), stderr.find(word, seen_err)
            seen_out, seen_err = _look_from(stdout, at_out, word), _look_from(stderr, at_err, word)
            if at_out < 0 or at_err < 0:
                continue
            found = cut(bytes(stdout), bytes(stderr), mark)
            if found is not None:
                return ExecResult(exit_code=found[2], stdout=found[0], stderr=found[1])

    def close(self) -> None:
        """Let go of the connection; the container's shell lives on."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _look_from(data: bytearray, at: int, word: bytes) -> int:
    """Where the next search for *word* begins: there if it was found, else as late as it could have begun."""
    return at if at >= 0 else max(0, len(data) - len(word))
