# ruff: noqa: S608  # a probe is a command with a nonce in it, run in a copy
"""Application probes: built in for well-known services, recognised by what runs and what the image has, and those that people write.

Rule 1: a probe is a write that stores $DOCKSTORE_NONCE and a read that prints it; both run by `sh -c` in the container.
Rule 2: a built-in probe is chosen by the process that runs beside its client, never by an image's name.
Rule 3: one whose real server was never seen by a test says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.stack_model import Probe
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NONCE_VARIABLE = "DOCKSTORE_NONCE"
CLIENTS = ("psql", "pg_isready", "mariadb", "mysql", "redis-cli", "valkey-cli", "rabbitmqctl", "mongosh", "mongo", "sqlite3", "python3", "sh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One built-in probe: which process and which client tell it, and its commands."""

    name: str
    processes: tuple[str, ...]
    clients: tuple[str, ...]  # any of them
    ready: str
    write: str
    read: str
    untested: bool = False
    as_process: bool = False  # run as the uid of the service's process


_PG = 'PGPASSWORD="${POSTGRES_PASSWORD:-${PGPASSWORD:-}}"; if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi; export PGPASSWORD; q() { psql -X -q -A -t -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" "$@"; }; '  # noqa: E501
_SQL = 'MYSQL_PWD="${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}"; for f in "${MARIADB_ROOT_PASSWORD_FILE:-}" "${MYSQL_ROOT_PASSWORD_FILE:-}"; do [ -z "$f" ] || MYSQL_PWD=$(cat "$f"); done; [ -z "$MYSQL_PWD" ] || export MYSQL_PWD; c=$(command -v mariadb || command -v mysql); q() { "$c" -uroot -N -B -e "$1"; }; '  # noqa: E501
_REDIS = (
    'c=$(command -v valkey-cli || command -v redis-cli); [ -z "${REDIS_PASSWORD:-}" ] || { REDISCLI_AUTH=$REDIS_PASSWORD; export REDISCLI_AUTH; }; '
)
_RABBIT = 'for r in /usr/lib/rabbitmq/bin/rabbitmqctl /opt/rabbitmq/sbin/rabbitmqctl "$(command -v rabbitmqctl)"; do [ -x "$r" ] && break; done; '
_MONGO = 'c=$(command -v mongosh || command -v mongo); u="${MONGO_INITDB_ROOT_USERNAME:-}"; q() { if [ -n "$u" ]; then "$c" --quiet -u "$u" -p "$MONGO_INITDB_ROOT_PASSWORD" --authenticationDatabase admin --eval "$1"; else "$c" --quiet --eval "$1"; fi; }; '  # noqa: E501

KINDS: tuple[Kind, ...] = (
    Kind(
        name="postgresql",
        processes=("postgres", "postmaster"),
        clients=("psql",),
        ready=_PG + "pg_isready -q -h 127.0.0.1 && q -c 'select 1' >/dev/null",
        write=_PG
        + "q -c 'set client_min_messages=error; create table if not exists dockstore_probe (nonce text)' && q -c \"insert into dockstore_probe values ('$DOCKSTORE_NONCE')\"",  # noqa: E501
        read=_PG + "q -c \"select nonce from dockstore_probe where nonce = '$DOCKSTORE_NONCE'\"",
    ),
    Kind(
        name="mariadb",
        processes=("mariadbd", "mysqld"),
        clients=("mariadb", "mysql"),
        ready=_SQL + "q 'select 1' >/dev/null",
        write=_SQL
        + "q \"create database if not exists dockstore_probe; create table if not exists dockstore_probe.rows_of (nonce varchar(64)); insert into dockstore_probe.rows_of values ('$DOCKSTORE_NONCE')\"",  # noqa: E501
        read=_SQL + "q \"select nonce from dockstore_probe.rows_of where nonce = '$DOCKSTORE_NONCE'\"",
    ),
    Kind(
        name="redis",
        processes=("redis-server", "valkey-server"),
        clients=("redis-cli", "valkey-cli"),
        ready=_REDIS + '"$c" ping | grep -q PONG',
        write=_REDIS + 'a=$("$c" set "dockstore:$DOCKSTORE_NONCE" "$DOCKSTORE_NONCE"); echo "$a"; [ "$a" = OK ]',
        read=_REDIS + '"$c" get "dockstore:$DOCKSTORE_NONCE"',
    ),
    Kind(
        name="rabbitmq",
        processes=("beam.smp",),
        clients=("rabbitmqctl",),
        # its own client makes a cookie of its own where none is yet, and the server then refuses: the port tells, and touches nothing
        ready="cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':1628 [0-9A-F]*:0000 0A'",
        write=_RABBIT + '"$r" -q set_global_parameter "$DOCKSTORE_NONCE" "\\"$DOCKSTORE_NONCE\\""',
        read=_RABBIT + '"$r" -q list_global_parameters',
        as_process=True,
    ),
    Kind(
        name="mongodb",
        processes=("mongod",),
        clients=("mongosh", "mongo"),
        ready=_MONGO + "q 'db.adminCommand(\"ping\").ok' | grep -q 1",
        write=_MONGO + "q \"db.getSiblingDB('dockstore_probe').rows.insertOne({_id: '$DOCKSTORE_NONCE'}, {writeConcern: {w: 1, j: true}})\"",
        read=_MONGO + "q \"db.getSiblingDB('dockstore_probe').rows.findOne({_id: '$DOCKSTORE_NONCE'})\"",
        untested=True,
    ),
)
SQLITE = "sqlite"
SQLITE_MAGIC = b"SQLite format 3\x00"


def recognised(processes: Collection[str], clients: Collection[str]) -> Kind | None:
    """Return the built-in probe of a service whose processes and clients these are."""
    running = {process[:15] for process in processes}
    for kind in KINDS:
        if any(name[:15] in running for name in kind.processes) and any(client in clients for client in kind.clients):
            return kind
    return None


def built_in(kind: Kind, *, uid: int | None = None) -> Probe:
    """The probe of *kind*."""
    user = str(uid) if kind.as_process and uid is not None else None
    return Probe(name=kind.name, write=kind.write, read=kind.read, user=user, built_in=True)


def sqlite_probe(path: str, clients: Collection[str], *, uid: int) -> Probe | None:
    """A probe of the SQLite file at *path*, run as its owner; None: the image has nothing that reads one."""
    quoted = "'" + path.replace("'", "'\\''") + "'"
    name = f"{SQLITE}:{path}"
    if "sqlite3" in clients:
        command = f"sqlite3 -cmd '.timeout 3000' {quoted}"
        write = f"{command} \"create table if not exists dockstore_probe (nonce text); insert into dockstore_probe values ('$DOCKSTORE_NONCE')\""
        read = f"{command} \"select nonce from dockstore_probe where nonce = '$DOCKSTORE_NONCE'\""
        return Probe(name=name, write=write, read=read, user=str(uid), built_in=True)
    if "python3" in clients:
        body = "import os,sqlite3,sys;c=sqlite3.connect(sys.argv[1],timeout=3);n=os.environ['DOCKSTORE_NONCE'];"
        write = f"python3 -c \"{body}c.execute('create table if not exists dockstore_probe (nonce text)');c.execute('insert into dockstore_probe values (?)',(n,));c.commit()\" {quoted}"  # noqa: E501
        read = f"python3 -c \"{body}print(*[r[0] for r in c.execute('select nonce from dockstore_probe where nonce = ?',(n,))])\" {quoted}"
        return Probe(name=name, write=write, read=read, user=str(uid), built_in=True)
    return None


# --- those that people write ----------------------------------------------------------------------------------------------


class WrongProbe(ValueError):  # noqa: N818
    """An `x-dockstore` or a probes file that cannot be read as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What people wrote for one service."""

    ready: str | None = None
    probes: tuple[Probe, ...] = ()


def of_extension(service: str, value: object, *, doubled: bool) -> Asked:
    """Read `x-dockstore`. *doubled*: Compose's own JSON, in which a `$` is written twice. Raises WrongProbe."""
    if not isinstance(value, dict):
        raise WrongProbe(f"services.{service}.x-dockstore: a mapping with ready and probes was expected")
    unknown = sorted(set(map(str, value)) - {"ready", "probes"})
    if unknown:
        raise WrongProbe(f"services.{service}.x-dockstore: unknown key '{unknown[0]}' (known here: ready, probes)")
    ready = value.get("ready")
    probes = value.get("probes", {})
    if not isinstance(probes, dict):
        raise WrongProbe(f"services.{service}.x-dockstore.probes: a mapping of names was expected")
    return Asked(
        ready=_text(ready, doubled=doubled) if ready is not None else None,
        probes=tuple(_probe(service, str(name), probe, doubled=doubled) for name, probe in probes.items()),
    )


def _probe(service: str, name: str, value: object, *, doubled: bool) -> Probe:
    where = f"services.{service}.x-dockstore.probes.{name}"
    if not isinstance(value, dict):
        raise WrongProbe(f"{where}: a mapping with write and read was expected")
    for key in ("write", "read"):
        if not isinstance(value.get(key), str):
            raise WrongProbe(f"{where}: '{key}' is missing or no text")
    unknown = sorted(set(map(str, value)) - {"write", "read", "user", "read_in"})
    if unknown:
        raise WrongProbe(f"{where}: unknown key '{unknown[0]}' (known here: write, read, user, read_in)")
    user, read_in = value.get("user"), value.get("read_in")
    return Probe(
        name=name,
        write=_text(value["write"], doubled=doubled),
        read=_text(value["read"], doubled=doubled),
        user=str(user) if user is not None else None,
        read_in=str(read_in) if read_in is not None else None,
    )


def of_file(data: object) -> Mapping[str, Asked]:
    """Read a probes file: `services: {NAME: {x-dockstore: ...}}`, or the same without the extension's key. Raises WrongProbe."""
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        raise WrongProbe("a mapping 'services' was expected")
    found: dict[str, Asked] = {}
    for name, value in services.items():
        inner = value.get("x-dockstore", value) if isinstance(value, dict) else value
        found[str(name)] = of_extension(str(name), inner, doubled=False)
    return found


def _text(value: object, *, doubled: bool) -> str:
    text = str(value)
    return text.replace("$$", "$") if doubled else text
