"""A connection that the engine has taken over for a stream (exec, attach): frames in, two texts out.

Rule 1: nothing is lost. What the HTTP library had read ahead with the headers belongs to the stream; a client that goes on at the bare socket
        drops it (seen: an exec that "ended with code 0 and printed nothing", P33).
Rule 2: nothing hangs. Every read has a deadline.
Rule 3: an output counts only with its own end mark (`marked`).
"""

from __future__ import annotations

import secrets
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dockstore.core.values import dataclass
from dockstore.engines.errors import Unsure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.engine import ExecResult
    from dockstore.engines.polling import Deadline

STDOUT = 1
STDERR = 2
HEADER = 8  # one byte for the stream's number, three zeros, the length as a big-endian uint32
CHUNK = 1 << 16
OUTPUT_LIMIT_BYTES = 64 << 20


class Hijacked:
    """The connection behind a streamed answer of the HTTP library (`response`, of a request with `stream=True`)."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._file = response.raw._fp.fp  # noqa: SLF001  # the buffered reader of the connection: the SDK itself reaches here
        if self._file is None:
            raise Unsure("the engine ended the stream before it began")
        self._socket = self._file.raw._sock  # noqa: SLF001  # ssh too: its connection is one of a pair of sockets (`sdk_client`)
        self._ahead = self._read_ahead()
        self._closed = False

    def _read_ahead(self) -> bytes:
        """What came together with the headers and lies in the reader's buffer already."""
        self._socket.setblocking(False)
        try:
            return bytes(self._file.read(len(self._file.peek(1))))
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        finally:
            self._socket.setblocking(True)

    def receive(self, deadline: Deadline) -> bytes:
        """The next bytes; none: the other side has ended. Raises TimeoutError."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        self._socket.settimeout(max(deadline.left, 0.001))
        return bytes(self._socket.recv(CHUNK))

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send all of *data*. Raises TimeoutError."""
        self._socket.settimeout(max(deadline.left, 0.001))
        self._socket.sendall(data)

    def close(self) -> None:
        """Close the connection; it never goes back to the pool alive."""
        if not self._closed:
            self._closed = True
            self._response.close()


class Frames:
    """Takes the multiplexed stream apart, however its bytes are cut."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (stream number, payload) of each frame that is complete. Raises Unsure if this is no such stream."""
        self._rest += data
        while len(self._rest) >= HEADER:
            if self._rest[0] > STDERR or any(self._rest[1:4]):
                raise Unsure(f"the engine's answer is no stream of frames: {bytes(self._rest[:80])!r}")
            size = int.from_bytes(self._rest[4:HEADER], "big")
            if len(self._rest) < HEADER + size:
                return
            number = self._rest[0]
            payload = bytes(self._rest[HEADER : HEADER + size])
            del self._rest[: HEADER + size]
            yield number, payload

    @property
    def torn(self) -> bool:
        """Whether the stream ended within a frame."""
        return bool(self._rest)


@dataclass(slots=True)
class Output:
    """Both streams of a command, as far as they were read."""

    stdout: bytes = b""
    stderr: bytes = b""
    ended: bool = False  # the engine closed the stream in order
    torn: bool = False


def read_all(stream: Hijacked, deadline: Deadline) -> Output:
    """Read until the engine ends the stream or the deadline is over (then *ended* is False)."""
    frames = Frames()
    out: dict[int, list[bytes]] = {0: [], STDOUT: [], STDERR: []}
    total = 0
    ended = False
    while not deadline.over:
        try:
            data = stream.receive(deadline)
        except TimeoutError:
            break
        if not data:
            ended = True
            break
        for number, payload in frames.feed(data):
            out[number].append(payload)
            total += len(payload)
        if total > OUTPUT_LIMIT_BYTES:
            raise Unsure(f"the command printed more than {OUTPUT_LIMIT_BYTES >> 20} MiB")
    return Output(b"".join(out[0] + out[STDOUT]), b"".join(out[STDERR]), ended, frames.torn)


def fresh_mark() -> str:
    """A word that no output contains by chance."""
    return f"dockstore-end-{secrets.token_hex(12)}"


def quoted(script: str) -> str:
    """*script* as one word of the shell."""
    return "'" + script.replace("'", "'\\''") + "'"


def wrapped(script: str, mark: str) -> str:
    """*script* in a subshell that cannot hurt the shell around it, then the end mark on both streams with the exit code.

    By `eval`, so that a syntax error or an open quote ends the subshell and not the stream; its input is empty.
    """
    return f"(eval {quoted(script)}) </dev/null; c=$?; echo {mark} $c; echo {mark} >&2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A script for `sh -c` whose output counts only with its end mark on both streams (P33)."""

    script: str
    mark: str

    def parse(self, result: ExecResult) -> ExecResult | None:
        """The script's own result; None: there is no end mark, so this is no answer and the look is to be repeated."""
        parsed = cut(result.stdout, result.stderr, self.mark)
        if parsed is None:
            return None
        stdout, stderr, code = parsed
        return replace(result, stdout=stdout, stderr=stderr, exit_code=code)


def marked(script: str) -> Marked:
    """Give *script* an end mark of its own. The shell's own exit code is then always 0; the script's is in the mark."""
    mark = fresh_mark()
    return Marked(script=wrapped(script, mark), mark=mark)


def cut(stdout: bytes, stderr: bytes, mark: str) -> tuple[bytes, bytes, int] | None:
    """Both outputs without the end mark, and the exit code; None while a mark is missing."""
    word = mark.encode()
    out, found, tail = stdout.partition(word + b" ")
    err, found_err, _ = stderr.partition(word + b"\n")
    code, line_end, _ = tail.partition(b"\n")  # what a process left in the background prints later is nobody's
    if not found or not found_err or not line_end or not code.isdigit():
        return None
    return out, err, int(code)
