"""Small Compose files with the JSON that `docker compose config` gave for them, and their audits, without Compose or an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockstore.core.audit import audit
from dockstore.core.audit_rows import Missing, Setting
from dockstore.core.compose_model import Told, stack
from dockstore.core.compose_places import ComposePlaces
from dockstore.core.stack_model import ImageFacts
from dockstore.core.storage_rules import Ground

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.stack_model import Stack
    from dockstore.core.stack_report import Row, StackReport

FILE = "compose.yaml"
STARTED = "2026-11-24T06:30:00Z"
MODERN = Ground(prune_takes_named=False, knows_all=True, live_restore=False, labels_bare_mounts=True)
OLD = Ground(prune_takes_named=True, knows_all=False, live_restore=False)
POSTGRES_15 = ImageFacts(
    reference="postgres:15",
    known=True,
    volumes=("/var/lib/postgresql/data",),
    environment={"PGDATA": "/var/lib/postgresql/data", "PG_MAJOR": "15"},
    command=("postgres",),
    entrypoint=("docker-entrypoint.sh",),
)


def mount(text: str) -> dict[str, Any]:
    """What Compose makes of a mount in short syntax."""
    parts = text.split(":")
    read_only = parts[-1] == "ro"
    parts = parts[:-1] if read_only else parts
    found: dict[str, Any] = {"type": "volume", "target": parts[-1], "volume": {}}
    if len(parts) == 2:
        found["source"] = parts[0]
        if parts[0].startswith("/"):
            found = {"type": "bind", "source": parts[0], "target": parts[1], "bind": {"create_host_path": True}}
    return found | ({"read_only": True} if read_only else {})


def config(services: Mapping[str, Mapping[str, Any]], volumes: Mapping[str, Any] | None = None, *, name: str = "shop") -> dict[str, Any]:
    """What `docker compose config --format json` gives; mounts may be written short."""
    resolved = {}
    for service, body in services.items():
        resolved[service] = {**body, "volumes": [mount(one) if isinstance(one, str) else one for one in body.get("volumes", ())]}
    declared = {key: {"name": f"{name}_{key}", **(body or {})} for key, body in (volumes or {}).items()}
    return {"name": name, "services": resolved, "volumes": declared}


def stack_of(
    services: Mapping[str, Mapping[str, Any]],
    volumes: Mapping[str, Any] | None = None,
    *,
    text: str = "services: {}\n",
    images: Mapping[str, ImageFacts] | None = None,
    name_fixed: bool = True,
) -> Stack:
    """The stack of *services*, its places from *text*."""
    facts = images or {}

    def image(reference: str) -> ImageFacts:
        return facts.get(reference, ImageFacts(reference=reference, known=False, reason="no engine was asked"))

    told = Told(images=image, name_fixed=name_fixed)
    other = config(services, volumes, name="another")
    return stack(config(services, volumes), other=other, places=ComposePlaces({FILE: text}), files=(FILE,), told=told)


def audited(
    services: Mapping[str, Mapping[str, Any]],
    volumes: Mapping[str, Any] | None = None,
    *,
    text: str = "services: {}\n",
    images: Mapping[str, ImageFacts] | None = None,
    name_fixed: bool = True,
    ground: Ground = MODERN,
    binds: Missing | None = None,
    upgraded: Stack | None = None,
    stateless: tuple[str, ...] = (),
    absent_volumes: frozenset[str] = frozenset(),
) -> StackReport:
    """The audit of *services*."""
    found = stack_of(services, volumes, text=text, images=images, name_fixed=name_fixed)
    setting = Setting(ground=with_name(ground, name_fixed=name_fixed), binds=binds or Missing(), upgraded=upgraded, absent_volumes=absent_volumes)
    return audit(found, setting, dockstore="0.1.0", run="4f1c" * 8, started=STARTED, stateless=stateless)


def with_name(ground: Ground, *, name_fixed: bool) -> Ground:
    """*ground*, with or without a fixed project name."""
    from dataclasses import replace

    return replace(ground, name_fixed=name_fixed)


def rules(report: StackReport, *severities: str) -> list[str]:
    """The rules of the findings, of all severities unless named."""
    return [one.rule for one in report.findings if not severities or one.severity in severities]


def row(report: StackReport, service: str, path: str, event: str) -> Row:
    """One row of a report."""
    return next(one for one in report.rows if (one.service, one.path, one.event) == (service, path, event))


def fates(report: StackReport, service: str, path: str) -> dict[str, str]:
    """The fates of one place, by event."""
    return {one.event: one.fate.value for one in report.rows if (one.service, one.path) == (service, path)}
