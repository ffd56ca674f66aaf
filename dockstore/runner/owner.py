"""Who made a thing, and whether they still live.

Rule 1: a process is its number, its start time, the boot and the pid name space; a number alone is nobody.
Rule 2: of a process on another boot or in another pid name space we know nothing, and say so.
"""

from __future__ import annotations

import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LABEL_RUN = "io.dockstore.run"
LABEL_PID = "io.dockstore.pid"
LABEL_PID_START = "io.dockstore.pid-start"
LABEL_HOST = "io.dockstore.host"
LABEL_CREATED = "io.dockstore.created"
_PROC = Path("/proc")


class Alive(StrEnum):
    """Whether a maker is still at work."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # another host, boot or pid name space


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that made something, and when: *host* is boot id and pid name space, *created* UTC in ISO 8601."""

    run: str
    pid: int
    pid_start: int  # clock ticks since boot
    host: str
    created: str


def this_host(proc: Path = _PROC) -> str:
    """Boot id and pid name space of this process, as the label `io.dockstore.host` has them."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str((proc / "self/ns/pid").readlink()).removeprefix("pid:[").removesuffix("]")
    except OSError:
        return ""  # no Linux: nothing can be told of anybody
    return f"{boot}/{space}"


def start_of(pid: int, proc: Path = _PROC) -> int | None:
    """Return when process *pid* started, in clock ticks since boot; None: there is none, or it is a zombie."""
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in brackets, may hold anything
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def alive(owner: Owner, *, here: str | None = None, proc: Path = _PROC) -> Alive:
    """Tell whether *owner* still runs."""
    here = this_host(proc) if here is None else here
    if not here or owner.host != here:
        return Alive.UNKNOWN
    return Alive.YES if start_of(owner.pid, proc) == owner.pid_start else Alive.NO


def owner_of(labels: Mapping[str, str]) -> Owner | None:
    """Read the owner off an object's labels; None: not ours, or not whole."""
    run = labels.get(LABEL_RUN)
    if not run:
        return None
    try:
        pid, pid_start = int(labels[LABEL_PID]), int(labels[LABEL_PID_START])
    except (KeyError, ValueError):
        pid, pid_start = 0, 0
    whole = pid > 0 and LABEL_HOST in labels
    return Owner(run=run, pid=pid, pid_start=pid_start, host=labels[LABEL_HOST] if whole else "", created=labels.get(LABEL_CREATED, ""))


def this_owner(now: datetime) -> Owner:
    """Return this process as the owner of a new run."""
    pid = os.getpid()
    return Owner(run=secrets.token_hex(16), pid=pid, pid_start=start_of(pid) or 0, host=this_host(), created=f"{now:%Y-%m-%dT%H:%M:%SZ}")
