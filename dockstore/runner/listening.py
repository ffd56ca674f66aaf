"""The ports on which a container's processes listen, read from the host: whether it is worth asking a service if it is ready.

Rule 1: a hint and no more: a service that listens may not be ready, and one that never does is asked all the same, only less often.
Rule 2: ports that the kernel hands out at random are none of it: they are others after each start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.engines.host import Unseen

if TYPE_CHECKING:
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Seat

FIRST_RANDOM_PORT = 32_768
_LISTEN = b"0A"  # TCP_LISTEN of the kernel


def listening(seat: Seat, scene: Scene) -> frozenset[int] | None:
    """The fixed TCP ports on which something listens in the container's network name space; None: that cannot be told here."""
    if seat.host.reason is not None or not scene.pid:
        return None
    ports: set[int] = set()
    told = False
    for table in ("tcp", "tcp6"):
        try:
            text = seat.host.read(f"/proc/{scene.pid}/net/{table}")
        except Unseen:
            continue
        if text is None:
            continue
        told = True
        ports.update(ports_of(text))
    return frozenset(port for port in ports if port < FIRST_RANDOM_PORT) if told else None


def ports_of(table: bytes) -> frozenset[int]:
    """The listening ports of one of the kernel's tables."""
    found: set[int] = set()
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == _LISTEN:
            found.add(int(words[1].rpartition(b":")[2], 16))
    return frozenset(found)
