"""Does an engine answer on this socket? Asked without any library, since one asks often while an engine starts.

Rule 1: no answer is an answer (False, None), never an exception.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import cast

_UCRED = struct.Struct("3i")


def ping(path: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether `GET /_ping` on the Unix socket at *path* answers 200."""
    answer = _get(path, "/_ping", timeout_seconds)
    return answer is not None and answer[0] == 200


def get_json(path: str, what: str, *, timeout_seconds: float = 10.0) -> dict[str, object] | None:
    """Return the JSON object that the engine at the Unix socket *path* gives for *what*, or None."""
    answer = _get(path, what, timeout_seconds)
    if answer is None or answer[0] != 200:
        return None
    try:
        value = json.loads(answer[1])
    except ValueError:
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def peer(path: str, *, timeout_seconds: float = 2.0) -> int | None:
    """Return the process that listens on the Unix socket at *path*, as the kernel noted it; None if it cannot be told or seen from here.

    It is the process that called listen(): with socket activation that is systemd, not the engine.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(path)
            pid, _, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    except OSError:
        return None
    return int(pid) or None  # 0: in another pid name space


def _get(path: str, what: str, timeout_seconds: float) -> tuple[int, bytes] | None:
    request = f"GET {what} HTTP/1.0\r\nHost: dockstore\r\n\r\n".encode()
    chunks: list[bytes] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_seconds)
            connection.connect(path)
            connection.sendall(request)
            while chunk := connection.recv(65536):
                chunks.append(chunk)
    except OSError:
        return None
    head, _, body = b"".join(chunks).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return None
    return int(words[1]), body
