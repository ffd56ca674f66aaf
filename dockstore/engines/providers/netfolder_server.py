"""A file server on loopback: each connection gets a process of its own. Run as a program, standard library only.

python -I netfolder_server.py SFTP-SERVER      prints its port; ends when its standard input does
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading


def main(arguments: list[str]) -> int:
    """Serve until standard input ends, then end with all children."""
    children: list[subprocess.Popen[bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=_accept, args=(server, arguments[0], children), daemon=True).start()
        while os.read(0, 4096):
            pass
    for child in children:
        child.send_signal(signal.SIGKILL)
    os._exit(0)


def _accept(server: socket.socket, program: str, children: list[subprocess.Popen[bytes]]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            children.append(subprocess.Popen([program], stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
