"""What to write instead: the YAML for each kind of finding.

Rule 1: a fix is what a person would type, with the names that the file already uses.
Rule 2: it never holds the value of an environment variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.audit_rows import Datum
    from dockstore.core.stack_model import Service, StackMount


def named_volume(service: Service, path: str) -> str:
    """A named volume at *path*."""
    name = volume_name(service, path)
    if service.container is not None:
        return f"docker run … --mount type=volume,source={name},target={path} …"
    return f"services:\n  {service.name}:\n    volumes:\n      - {name}:{path}\nvolumes:\n  {name}:"


def volume_name(service: Service, path: str) -> str:
    """A name for a new volume: the service's, and the last folder where there are several."""
    taken = {mount.source for mount in service.mounts if mount.kind == "volume"}
    plain = "".join(char if char.isalnum() or char in "_.-" else "-" for char in service.name) or "service"
    last = path.rstrip("/").rpartition("/")[2] or "data"
    for name in (f"{plain}-data", f"{plain}-{last}", f"{plain}-{last}-data"):
        if name not in taken:
            return name
    return f"{plain}-more-data"


def moved(mount: StackMount, path: str) -> str:
    """The same mount at *path*."""
    source = mount.source or "data"
    return f"- {source}:{path}   # not {mount.target}"


def mount_or_setting(service: Service, setting: str, path: str, own: Sequence[StackMount]) -> str:
    """Mount where the data is put, or leave the setting out."""
    if not own:
        return named_volume(service, path)
    return f"{moved(own[0], path)}\nor leave {setting} out"


def host_name(service: Service) -> str:
    """A fixed host name."""
    return f"services:\n  {service.name}:\n    hostname: {service.name}"


def append_only(datum: Datum) -> str:
    """Every change written to a file."""
    programs = datum.recognised.image.programs if datum.recognised is not None else ()
    program = programs[0] if programs else "redis-server"
    return f"services:\n  {datum.service.name}:\n    command: [{program}, --appendonly, 'yes']"


def owner(service: Service, mount: StackMount) -> str:
    """A folder that the service's user may write."""
    user = service.user or "the service's user"
    if mount.kind == "bind":
        return f"mkdir -p {mount.source} && chown {user} {mount.source}"
    return f"in the image: RUN mkdir -p {mount.target} && chown {user} {mount.target} (a new volume takes over the folder's owner)"


def upgrade(after: Service, datum: Datum) -> str:
    """Let the new version look where the data is."""
    if datum.kept is not None and datum.kept.variable == "PGDATA":
        return (
            f"dump with the old version and restore into the new one (pg_dumpall, psql), with a new volume at /var/lib/postgresql;\n"
            f"or stay: services: {{{after.name}: {{image: the old version}}}}"
        )
    return f"keep the data where the new image looks for it, or mount {datum.path} as the old one did"


def dump_and_restore(datum: Datum) -> str:
    """Data files of another version."""
    return f"dump with the old version and restore into the new one (pg_dumpall, psql), on a new volume at {datum.path}"


def carry_over(datum: Datum, now: StackMount | None) -> str:
    """Take what is in the old store along, before the new one is used."""
    then = datum.mount
    new = (now.volume or now.source) if now is not None else None
    old = (then.volume or then.source) if then is not None else None
    if then is None or new is None:
        return f"keep a mount at {datum.path} in the upgraded stack"
    if old is None:
        old = "OLD"  # a name of 64 digits: docker inspect of the container tells it
    return f"copy it over first: docker run --rm -v {old}:/from:ro -v {new}:/to busybox cp -a /from/. /to/"
