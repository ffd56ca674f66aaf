"""A tiny server on a Unix socket that answers as it is told, byte for byte: for what a real engine does only once in a hundred times."""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION: dict[str, object] = {
    "ApiVersion": "1.41",
    "MinAPIVersion": "1.12",
    "Version": "20.10.24",
    "Components": [{"Name": "Engine", "Version": "20.10.24"}],
}
INFO: dict[str, object] = {"ID": "TEST", "Driver": "overlay2", "DriverStatus": None, "DockerRootDir": "/var/lib/docker", "Labels": [], "NCPU": 2}


def frame(number: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", number, len(payload)) + payload


def answer(body: object, status: str = "200 OK", *, headers: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data


UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class Request:
    """One request, as far as the tests ask."""

    def __init__(self, method: str, path: str, body: bytes, connection: socket.socket) -> None:
        self.method = method
        self.path = path
        self.body = body
        self.connection = connection

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)


class EngineServer:
    """Answers `/version` and `/info` by itself; *handle* answers the rest (None: it has answered, and the connection ends)."""

    def __init__(self, path: str, handle: Callable[[Request], bytes | None]) -> None:
        self.path = path
        self.address = f"unix://{path}"
        self.handle = handle
        self.requests: list[str] = []
        self.version: dict[str, object] = dict(VERSION)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(16)
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                while request := self._read(reader, connection):
                    self.requests.append(f"{request.method} {request.path}")
                    if request.path.endswith("/version"):
                        reply: bytes | None = answer(self.version)
                    elif request.path.endswith("/info"):
                        reply = answer(INFO) if self._speaks(request.path) else answer({"message": "client version is too old"}, "400 Bad Request")
                    else:
                        reply = self.handle(request)
                    if reply is None:
                        return
                    connection.sendall(reply)
            except OSError:
                return

    def _speaks(self, path: str) -> bool:
        """Whether the API version of *path* is one of this engine's."""
        lowest = str(self.version.get("MinAPIVersion", "1.12")).split(".")
        asked = path.split("/")[1].removeprefix("v").split(".")
        return [int(part) for part in asked] >= [int(part) for part in lowest]

    @staticmethod
    def _read(reader: object, connection: socket.socket) -> Request | None:
        line = reader.readline().decode()  # type: ignore[attr-defined]
        if not line.strip():
            return None
        method, path, _ = line.split(" ")
        length = 0
        while header := reader.readline().decode().strip():  # type: ignore[attr-defined]
            name, _, value = header.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        return Request(method, path, reader.read(length), connection)  # type: ignore[attr-defined]

    def close(self) -> None:
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
