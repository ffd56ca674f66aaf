"""What a service is: recognised by its image's name or by the program that it runs, and where it then keeps its data.

Rule 1: a service that runs something else than the server (`psql`, a dump) is no such server.
Rule 2: what the service's own environment and command say of the folder beats the table.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from dockstore.core.known_images import KNOWN
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.known_images import Kept, KnownImage
    from dockstore.core.stack_model import Service

_REFERENCE = re.compile(r"^(?:(?P<host>[^/]+\.[^/]+|[^/]+:\d+|localhost)/)?(?P<name>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>.+))?$")
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "public.ecr.aws"})
_BY_PROGRAM = {
    "postgres": "PostgreSQL",
    "mariadbd": "MariaDB",
    "mysqld": "MySQL",
    "redis-server": "Redis",
    "valkey-server": "Valkey",
    "mongod": "MongoDB",
    "rabbitmq-server": "RabbitMQ",
    "nginx": "nginx",
    "httpd-foreground": "Apache httpd",
    "memcached": "Memcached",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A known image, and by what it was recognised."""

    image: KnownImage
    by: str  # its name, its command, its environment
    major: int | None = None
    exact: bool = True  # False: the version was not told, so the newest is assumed

    @property
    def said(self) -> str:
        """What this rests on, in words."""
        version = "" if self.image.since is None and self.image.before is None else " of this version" if self.exact else " of the newest version"
        return f"the assumption that {self.by} makes it {self.image.kind}{version} ({self.image.link})"


def recognise(service: Service) -> Recognised | None:
    """Tell what a service is: by its image's name, else by the program that it runs; None where it runs something else."""
    image = service.image
    words = _program_words(service)
    name, tag = parse(image.reference)
    for known in KNOWN:
        if name not in known.names:
            continue
        major = _major(known, tag, image.environment.get("PG_MAJOR"))
        if not _fits(known, major):
            continue
        if _runs_something_else(service, known):
            return None
        return Recognised(image=known, by="its name", major=major, exact=major is not None)
    kind = next((_BY_PROGRAM[word] for word in words if word in _BY_PROGRAM), None)
    if kind is None:
        return None
    pg_major = image.environment.get("PG_MAJOR", "")
    major = int(pg_major) if pg_major.isdecimal() else None
    for known in KNOWN:
        if known.kind == kind and _fits_declared(known, image.volumes, major):
            return Recognised(image=known, by="its command", major=major, exact=True)
    return None


def parse(reference: str) -> tuple[str, str | None]:
    """An image's name without Docker Hub's prefixes, and its tag."""
    found = _REFERENCE.match(reference.strip())
    if found is None:
        return reference, None
    host, name = found["host"], found["name"]
    if (
        host is not None
        and host not in _DOCKER_HUB
        and host not in {"quay.io", "ghcr.io", "docker.elastic.co", "mcr.microsoft.com", "registry.gitlab.com"}
    ):
        return f"{host}/{name}", found["tag"]
    name = name.removeprefix("docker/library/") if host == "public.ecr.aws" else name
    return name.removeprefix("library/"), found["tag"]


def folder_of(kept: Kept, service: Service, recognised: Recognised) -> tuple[str, str | None]:
    """The folder that *kept* is for this service, and what moved it there (a variable's or flag's name)."""
    if kept.flags:
        moved = _flag(kept.flags, (*(service.entrypoint or ()), *(service.command or ())))
        if moved is not None:
            return moved
    if kept.variable is not None:
        own = service.environment.get(kept.variable)
        if own and own.startswith("/"):
            return posixpath.normpath(own), kept.variable
        declared = service.image.environment.get(kept.variable)
        if declared and declared.startswith("/"):
            return posixpath.normpath(declared), None
    return kept.path.format(major=recognised.major or recognised.image.newest or ""), None


def _flag(flags: Iterable[str], command: tuple[str, ...]) -> tuple[str, str] | None:
    words = [part for word in command for part in word.split()] if any(" " in word for word in command) else list(command)
    for flag in flags:
        for number, word in enumerate(words):
            value = word.partition("=")[2] if word.startswith(f"{flag}=") else words[number + 1] if word == flag and number + 1 < len(words) else ""
            if value.startswith("/"):
                return posixpath.normpath(value), flag
    return None


def _program_words(service: Service) -> tuple[str, ...]:
    entrypoint = service.entrypoint if service.entrypoint is not None else service.image.entrypoint
    # an entrypoint of one's own takes the image's command away
    command = service.command if service.command is not None else () if service.entrypoint is not None else service.image.command
    return tuple(posixpath.basename(part) for word in (*entrypoint, *command)[:4] for part in word.split()[:4])


def _runs_something_else(service: Service, known: KnownImage) -> bool:
    """Whether the service has a command of its own that is not the server's."""
    if not known.programs or (service.entrypoint is None and service.command is None):
        return False
    words = _program_words(service)
    if any(word in known.programs for word in words):
        return False
    if service.entrypoint:
        return True
    return bool(service.command) and not (service.command or ("-",))[0].startswith("-")


def _major(known: KnownImage, tag: str | None, declared: str | None) -> int | None:
    if declared and declared.isdecimal():
        return int(declared)
    found = re.match(known.version, tag) if tag else None
    number = next((group for group in found.groups() if group), None) if found else None
    return int(number) if number else None


def _fits(known: KnownImage, major: int | None) -> bool:
    if major is None:
        return known.before is None
    return (known.since is None or major >= known.since) and (known.before is None or major < known.before)


def _fits_declared(known: KnownImage, volumes: tuple[str, ...], major: int | None) -> bool:
    """Of several versions of one kind, the one whose volumes the image declares; else by its number."""
    if known.since is None and known.before is None:
        return True
    return set(known.volumes or ()) <= set(volumes) if volumes else _fits(known, major)
