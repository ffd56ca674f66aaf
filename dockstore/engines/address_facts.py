"""What an engine's address says, and what it means when nobody answers there.

Rule 1: nothing here connects; it only reads addresses and failures.
Rule 2: every state has a fact and a way out.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOCKET_PATH_LIMIT = 107  # bytes; the kernel's sockaddr_un
ANOTHER = "start the engine, or name another one with --engine (--engine private needs root and dockerd)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address taken apart. *scheme*: unix, tcp or ssh; *path* is the socket's path, or HOST[:PORT]."""

    scheme: str
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """The files of a verified TLS connection."""

    ca: str
    certificate: str
    key: str


def parse(text: str) -> Address:
    """Take an address apart. Raises Unreachable where the scheme is none that we can speak."""
    address = text.strip()
    scheme, separator, path = address.partition("://")
    if not separator:
        if address.startswith("/"):
            return Address(scheme="unix", path=address, text=f"unix://{address}")
        raise Unreachable(f"'{text}' is no address of an engine", "write unix:///path/to/docker.sock, tcp://HOST:PORT or ssh://USER@HOST")
    match scheme:
        case "unix" | "http+unix":
            return _socket(f"/{path.lstrip('/')}" if path else "/var/run/docker.sock")
        case "tcp" | "http" | "https" | "ssh":
            if not path.strip("/"):
                raise Unreachable(f"'{text}' names no host", f"write {scheme}://HOST" + ("" if scheme == "ssh" else ":PORT"))
            return Address(scheme="ssh" if scheme == "ssh" else "tcp", path=path.rstrip("/"), text=address)
        case _:
            raise Unreachable(f"'{text}' has a scheme that is not spoken here", "unix://, tcp:// and ssh:// are")


def _socket(path: str) -> Address:
    if len(path.encode()) > SOCKET_PATH_LIMIT:
        raise Unreachable(
            f"the socket's path {path} is longer than {SOCKET_PATH_LIMIT} bytes", "the kernel takes no longer one: link it into a short folder"
        )
    return Address(scheme="unix", path=path, text=f"unix://{path}")


def certificates(address: Address, environ: Mapping[str, str]) -> Certificates | None:
    """The certificates that DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for; None: a plain connection.

    A certificate folder without DOCKER_TLS_VERIFY would connect without verifying who answers; that is refused, never done silently.
    """
    if address.scheme != "tcp":
        return None
    verify = environ.get("DOCKER_TLS_VERIFY", "")
    folder = environ.get("DOCKER_CERT_PATH", "")
    if not verify:
        if folder or address.text.startswith("https://"):
            raise Unreachable(
                f"{address.text}: TLS is asked for without verifying who answers (DOCKER_TLS_VERIFY is not set)",
                "set DOCKER_TLS_VERIFY=1 (with the folder of ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH), or unset DOCKER_CERT_PATH",
            )
        return None
    base = Path(folder or environ.get("DOCKER_CONFIG", "") or Path(environ.get("HOME", "/")) / ".docker")
    names = {name: base / name for name in ("ca.pem", "cert.pem", "key.pem")}
    missing = [name for name, path in names.items() if not path.is_file()]
    if missing:
        raise Unreachable(
            f"{address.text}: {', '.join(missing)} missing in {base}", "set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem"
        )
    return Certificates(ca=str(names["ca.pem"]), certificate=str(names["cert.pem"]), key=str(names["key.pem"]))


def chain(failure: BaseException) -> Iterator[BaseException]:
    """Yield *failure* and what lies behind it: causes, contexts, and errors that libraries pass as arguments."""
    seen: set[int] = set()
    waiting: list[object] = [failure]
    while waiting:
        item = waiting.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        waiting += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]


def nobody_there(failure: BaseException) -> bool:
    """Whether *failure* says that no connection came about, so that nothing can have happened."""
    for item in chain(failure):
        if isinstance(item, ConnectionRefusedError | FileNotFoundError | PermissionError):
            return True
        if type(item).__name__ in {"NewConnectionError", "ConnectTimeout", "ConnectTimeoutError", "NameResolutionError", "ProxyError", "SSLError"}:
            return True
    return False


def unreachable(address: str, failure: BaseException) -> Unreachable:
    """Say why nobody answered at *address*, and the way out."""
    where = f"no engine at {address}"
    text = " ".join(str(item) for item in chain(failure))
    kinds = [type(item).__name__ for item in chain(failure)]
    numbers = {item.errno for item in chain(failure) if isinstance(item, OSError)}
    if "HTTP request to an HTTPS server" in text:
        return Unreachable(
            f"{where}: it speaks TLS only", "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem"
        )
    if "SSLError" in kinds or "SSLCertVerificationError" in kinds:
        if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
            return Unreachable(f"{where}: it does not speak TLS", "unset DOCKER_TLS_VERIFY, if it is meant to be asked without")
        return Unreachable(
            f"{where}: its certificate was not accepted: {_last_words(failure)}", "is DOCKER_CERT_PATH the folder of that engine's ca.pem?"
        )
    if address.startswith("ssh://"):
        return Unreachable(
            f"{where}: ssh brought no answer (its own words stand above)", f"does `ssh {address.removeprefix('ssh://')} docker version` work?"
        )
    if errno.ENOENT in numbers:
        return Unreachable(f"{where}: there is no such socket", ANOTHER)
    if errno.EACCES in numbers or errno.EPERM in numbers:
        return Unreachable(f"{where}: permission denied", "run as root, or join the socket's group: sudo usermod -aG docker $USER, then log in again")
    if errno.ECONNREFUSED in numbers:
        return Unreachable(f"{where}: nothing listens there", ANOTHER)
    if "NameResolutionError" in kinds or "gaierror" in kinds:
        return Unreachable(f"{where}: no such host", "is the name right?")
    if any("Timeout" in kind for kind in kinds):
        return Unreachable(f"{where}: it does not answer in time", ANOTHER)
    return Unreachable(f"{where}: {_last_words(failure)}", ANOTHER)


def _last_words(failure: BaseException) -> str:
    texts = [str(item) for item in chain(failure) if str(item)]
    return min(texts, key=len) if texts else type(failure).__name__
