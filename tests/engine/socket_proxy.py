"""A socket in front of an engine's, so that the kernel names this process as who listens."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Proxy:
    """A socket in front of an engine's, so that the kernel names us as who listens."""

    def __init__(self, folder: Path, to: str) -> None:
        self.path = folder / "p.sock"
        self._to = to
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(self._to)
            pair = (threading.Thread(target=_pump, args=(near, far)), threading.Thread(target=_pump, args=(far, near)))
            for thread in pair:
                thread.start()
            self._threads.append(threading.Thread(target=_finish, args=(pair, near, far)))
            self._threads[-1].start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _finish(pair: tuple[threading.Thread, threading.Thread], near: socket.socket, far: socket.socket) -> None:
    for thread in pair:
        thread.join()
    near.close()
    far.close()
