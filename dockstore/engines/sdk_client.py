"""The SDK's client with connections of our own under it. Imports the SDK: only `docker_engine` imports this, when somebody connects.

Rule 1: nothing is sent before `trust_env` is off: REQUESTS_CA_BUNDLE would replace the CA that was given, and HTTPS_PROXY would carry the
        engine's calls through a proxy. So the constructor is given a version and asks nothing.
Rule 2: a connection that does not come about leaves nothing open (the SDK's own leaves its socket).
Rule 3: ssh is the user's own `ssh` with the user's own configuration, as Docker's command does it; the SDK's would need paramiko.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import docker
import requests
import urllib3
from docker.transport.basehttpadapter import BaseHTTPAdapter

from dockstore.engines import address_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POOL = 64  # connections kept: jobs, their shells, and what runs beside them
INNER = "http+docker://"  # the scheme by which the SDK calls whatever is no TCP


class _Connection(urllib3.connection.HTTPConnection):
    """An HTTP connection over whatever *dial* opens."""

    def __init__(self, dial: Callable[[float], socket.socket], timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._dial = dial
        self._seconds = timeout

    def connect(self) -> None:
        """Open the connection."""
        self.sock = self._dial(self._seconds)


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, dial: Callable[[float], socket.socket], timeout: float) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=POOL)
        self._dial = dial
        self._seconds = timeout

    def _new_conn(self) -> _Connection:
        return _Connection(self._dial, self._seconds)


class DialAdapter(BaseHTTPAdapter):
    """Carries the SDK's requests over one pool of connections that *dial* opens."""

    def __init__(self, dial: Callable[[float], socket.socket], timeout: float, close: Callable[[], None] | None = None) -> None:
        self._pool = _Pool(dial, timeout)
        self._after = close
        super().__init__()

    def get_connection(self, url: str | bytes, proxies: Any = None) -> _Pool:
        """The one pool, whatever the path."""
        del url, proxies
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """The path; there is no host and no proxy."""
        del proxies
        return str(request.path_url)

    def close(self) -> None:
        """Close every connection that is not in use."""
        super().close()
        self._pool.close()
        if self._after is not None:
            self._after()


def unix_dial(path: str) -> Callable[[float], socket.socket]:
    """Connect to the socket at *path*."""

    def dial(timeout: float) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout)
            made.connect(path)
        except BaseException:
            made.close()
            raise
        return made

    return dial


class Ssh:
    """Connections through `ssh HOST docker system dial-stdio`, one process each."""

    def __init__(self, host: str) -> None:
        parts = urlsplit(f"ssh://{host}")
        self._arguments = [
            "ssh",
            "-o",
            "BatchMode=yes",
            *(["-p", str(parts.port)] if parts.port else []),
            *(["-l", parts.username] if parts.username else []),
        ]
        self._host = parts.hostname or host
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def dial(self, timeout: float) -> socket.socket:
        """Start ssh with one end of a pair of sockets as its input and output; the other end is the connection."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                command = [*self._arguments, "--", self._host, "docker", "system", "dial-stdio"]
                process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True, env=_ssh_environment())
        except BaseException:
            ours.close()
            raise
        with self._lock:
            self._processes = [known for known in self._processes if known.poll() is None]
            self._processes.append(process)
        ours.settimeout(timeout)
        return ours

    def close(self) -> None:
        """End what still runs; its connection is closed already."""
        with self._lock:
            for process in self._processes:
                process.terminate()
                process.wait()
            self._processes.clear()


def _ssh_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"LD_LIBRARY_PATH", "SSL_CERT_FILE"}}


def open_client(address: address_facts.Address, api_version: str, timeout_seconds: float, environ: Mapping[str, str]) -> docker.APIClient:
    """The SDK's client for *address*; nothing is sent yet. Raises Unreachable."""
    certificates = address_facts.certificates(address, environ)
    timeout = math.ceil(timeout_seconds)
    try:
        tls: Any = False
        if certificates is not None:
            tls = docker.tls.TLSConfig(client_cert=(certificates.certificate, certificates.key), ca_cert=certificates.ca, verify=True)
        base = address.text if address.scheme == "tcp" else "unix:///dialled"
        client = docker.APIClient(base_url=base, version=api_version, timeout=timeout, tls=tls)
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as exc:
        raise address_facts.unreachable(address.text, exc) from exc
    client.trust_env = False
    match address.scheme:
        case "tcp":
            for scheme in ("http://", "https://"):
                client.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=POOL))
        case "ssh":
            ssh = Ssh(address.path)
            client.mount(INNER, DialAdapter(ssh.dial, timeout, ssh.close))
        case _:
            client.mount(INNER, DialAdapter(unix_dial(address.path), timeout))
    return client
