"""Start a daemon of its own: its own session, its own network name space, no parent. Run as a program, standard library only.

    python -I launch.py LOG PROGRAM [ARGUMENT...]      prints the daemon's process number

Rule 1: an engine never shares a network name space with another: by merely starting, it deletes the other's rules and bridge.
Rule 2: Ctrl-C of the caller never reaches it (a session of its own), and the caller never has to reap it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

_NEW_NET = 0x40000000  # CLONE_NEWNET
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


def main(arguments: list[str]) -> int:
    """Start the program and return at once."""
    log, *program = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NET):
        sys.stderr.write(f"a network name space of its own: {os.strerror(ctypes.get_errno()).lower()}\n")
        return 1
    _loopback_up()
    child = os.fork()
    if child:
        sys.stdout.write(f"{child}\n")
        return 0
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        os.execvp(program[0], program)  # noqa: S606
    except OSError as error:
        os.write(2, f"level=error {program[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))[1]
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
