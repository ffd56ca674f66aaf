"""Which engine is meant: the order that users know from Docker's own client, then what lies in the usual places.

Rule 1: a named address is the only one asked; if it does not answer, that is an error, never a reason to try the next.
Rule 2: nothing here connects or looks at a disk itself: *read* and *exists* come in as arguments.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from dockstore.core.values import dataclass
from dockstore.engines.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PRIVATE, DIND = "private", "dind"
DEFAULT_SOCKET = "/var/run/docker.sock"
VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")
_SCHEMES = ("unix://", "http+unix://", "tcp://", "http://", "https://", "ssh://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address to ask. *named_by*: who named it (`--engine`, `DOCKER_HOST`, ...); None: found in a usual place.

    *certificates*: the folder of ca.pem, cert.pem, key.pem that a context keeps for it.
    """

    address: str
    named_by: str | None = None
    certificates: str | None = None

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return *environ* with the variables that reach this address, for Docker's own programs too."""
        if self.certificates is None:
            return dict(environ)
        return {**environ, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": self.certificates}


def candidates(
    wanted: str | None, environ: Mapping[str, str], *, read: Callable[[str], str | None], exists: Callable[[str], bool]
) -> tuple[Candidate, ...]:
    """Return the addresses to ask, in order: a single one if somebody named it. Raises Unreachable for a name that means nothing."""
    if wanted:
        return (_named(wanted, "--engine", environ, read),)
    if environ.get("DOCKER_HOST"):  # an empty one counts as unset
        return (_named(environ["DOCKER_HOST"], "DOCKER_HOST", environ, read),)
    if environ.get("DOCKER_CONTEXT"):
        return _of_context(environ["DOCKER_CONTEXT"], "DOCKER_CONTEXT", environ, read, exists)
    current = _current_context(environ, read)
    if current is not None:
        return _of_context(current, f"the current context '{current}'", environ, read, exists)
    return usual(environ, exists)


def usual(environ: Mapping[str, str], exists: Callable[[str], bool]) -> tuple[Candidate, ...]:
    """Return the sockets that are there: the default one, rootless Docker's, Podman's."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [DEFAULT_SOCKET]
    if runtime:
        places += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    places.append("/run/podman/podman.sock")
    return tuple(Candidate(address=f"unix://{place}") for place in places if exists(place))


def _named(text: str, by: str, environ: Mapping[str, str], read: Callable[[str], str | None]) -> Candidate:
    if text in (PRIVATE, DIND):
        return Candidate(address=text, named_by=by)
    if text.startswith("context:"):
        return _context(text.removeprefix("context:"), f"{by} {text}", environ, read)
    if text.startswith("/"):
        return Candidate(address=f"unix://{text}", named_by=by)
    if text.startswith(_SCHEMES):
        return Candidate(address=text, named_by=by)
    raise Unreachable(f"{by}: '{text}' is no engine's address", "write private, dind, context:NAME, unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")


def _of_context(
    name: str, by: str, environ: Mapping[str, str], read: Callable[[str], str | None], exists: Callable[[str], bool]
) -> tuple[Candidate, ...]:
    """A context's endpoint; the one called `default` is what is there without contexts."""
    return usual(environ, exists) if name == "default" else (_context(name, by, environ, read),)


def _current_context(environ: Mapping[str, str], read: Callable[[str], str | None]) -> str | None:
    text = read(f"{_configuration(environ)}/config.json")
    if text is None:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return None  # Docker's client warns and goes on; so do we
    name = document.get("currentContext") if isinstance(document, dict) else None
    return name if isinstance(name, str) and name and name != "default" else None


def _context(name: str, by: str, environ: Mapping[str, str], read: Callable[[str], str | None]) -> Candidate:
    if name == "default":
        return Candidate(address=f"unix://{DEFAULT_SOCKET}", named_by=by)
    folder = f"{_configuration(environ)}/contexts"
    mark = hashlib.sha256(name.encode()).hexdigest()
    text = read(f"{folder}/meta/{mark}/meta.json")
    if text is None:
        raise Unreachable(f"{by}: there is no context '{name}' in {folder}", "`docker context ls` shows those that there are")
    try:
        endpoint = cast("Mapping[str, object]", json.loads(text)["Endpoints"]["docker"])
        host = endpoint["Host"]
    except (ValueError, KeyError, TypeError):
        host = None
    if not isinstance(host, str) or not host:
        raise Unreachable(f"{by}: the context '{name}' names no engine", f"`docker context inspect {name}` shows what it holds")
    tls = f"{folder}/tls/{mark}/docker"
    return Candidate(address=host, named_by=by, certificates=tls if read(f"{tls}/ca.pem") is not None else None)


def _configuration(environ: Mapping[str, str]) -> str:
    return environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or '/root'}/.docker"
