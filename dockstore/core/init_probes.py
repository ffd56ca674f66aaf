"""The `x-dockstore` block of a stack: how to ask each service itself, recognised by what its image is.

Rule 1: a block is a proposal; its commands are those that a drill has built in, written out so that they can be changed.
Rule 2: in a Compose file a `$` of a command is written twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dockstore.core.image_kinds import recognise
from dockstore.core.probes import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.stack_model import Service, Stack

_PROBE_OF: Final = {
    "PostgreSQL": "postgresql",
    "MariaDB": "mariadb",
    "MySQL": "mariadb",
    "Redis": "redis",
    "Valkey": "redis",
    "RabbitMQ": "rabbitmq",
    "MongoDB": "mongodb",
}


def extension_text(stack: Stack) -> str:
    """Return the block for a Compose file, or an override of it."""
    return "\n".join(_lines(stack)) + "\n"


def _lines(stack: Stack) -> Iterator[str]:
    yield f"# how dockstore asks the services of {' '.join(stack.name.split())} themselves: `ready` ends with 0 when a service can be asked,"
    yield "# a probe's `write` stores $$DOCKSTORE_NONCE, its `read` prints it again; several probes for a service are possible"
    told = {service.name: list(_service(service)) for service in stack.services}
    unknown = [name for name, lines in told.items() if not lines]
    yield "services:" if len(unknown) < len(told) else "services: {}"
    for lines in told.values():
        yield from lines
    for name in unknown:
        yield f"  # {' '.join(name.split())}: what it is was not recognised; such a block asks it:"
        yield f"  # {name}:"
        yield "  #   x-dockstore:"
        yield "  #     ready: COMMAND"
        yield "  #     probes:"
        yield "  #       rows: {write: COMMAND, read: COMMAND}"


def _service(service: Service) -> Iterator[str]:
    if service.ready is not None or service.probes:
        return
    found = recognise(service)
    probe = _PROBE_OF.get(found.image.kind) if found is not None else None
    kind = next((one for one in KINDS if one.name == probe), None)
    if found is None or kind is None:
        return
    name = service.name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", service.name) else f'"{service.name}"'
    yield f"  {name}:"
    yield f"    x-dockstore:  # {found.image.kind}, recognised by {found.by}{'; never tried on a real server' if kind.untested else ''}"
    yield "      ready: |-"
    yield f"        {_doubled(kind.ready)}"
    yield "      probes:"
    yield f"        {kind.name}:"
    yield "          write: |-"
    yield f"            {_doubled(kind.write)}"
    yield "          read: |-"
    yield f"            {_doubled(kind.read)}"


def _doubled(command: str) -> str:
    return command.replace("$", "$$")
