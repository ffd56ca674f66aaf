"""The labels of what is made while an engine is opened, so that `dockstore clean` finds it after a kill.

Rule 1: a process is its number, its start, the boot and the pid name space; a number alone is nobody.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path

from dockstore.engines.providers import processes


def labels(what: str) -> dict[str, str]:
    """Return the labels of an object that is made now, for *what* (in a scenario's place)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    space = str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:[").removesuffix("]")
    return {
        "io.dockstore.run": secrets.token_hex(16),
        "io.dockstore.scenario": what,
        "io.dockstore.pid": str(os.getpid()),
        "io.dockstore.pid-start": processes.started_at(os.getpid()) or "0",
        "io.dockstore.host": f"{boot}/{space}",
        "io.dockstore.created": f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "io.dockstore.nonce": secrets.token_hex(16),
    }
