"""A fake engine with what nobody mounts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from fakes import FakeEngine, FakeHost

from dockstore.runner.orphans import look_for_orphans

if TYPE_CHECKING:
    from dockstore.core.orphans import Orphan, OrphansReport

COMPOSE = "com.docker.compose"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
READING = {
    "list_containers",
    "list_volumes",
    "list_images",
    "inspect_container",
    "inspect_image",
    "diff_container",
    "past_events",
}


def labels(project: str, service: str, folder: str | None = None) -> dict[str, str]:
    found = {f"{COMPOSE}.project": project, f"{COMPOSE}.service": service}
    return found | ({f"{COMPOSE}.project.working_dir": folder} if folder else {})


class Stand:
    """An engine with images of PostgreSQL, Redis and a small application."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.host = FakeHost(self.engine)
        self.engine.add_image(
            "postgres:15", {"bin/sh": b"#!"}, {"Volumes": {"/var/lib/postgresql/data": {}}, "Env": ["PG_MAJOR=15", "SECRET=sesame"], "Cmd": ["sleep"]}
        )
        self.engine.add_image("redis:7", {"bin/sh": b"#!"}, {"Volumes": {"/data": {}}, "Cmd": ["sleep"]})
        self.engine.add_image("app:1", {"bin/sh": b"#!", "app/code.py": b"print()"}, {"WorkingDir": "/app", "Cmd": ["sleep"]})

    def volume(self, name: str | None, files: dict[str, bytes], **settings: Any) -> str:
        made = str(self.engine.create_volume(name, **settings)["Name"])
        self.fill(made, files)
        return made

    def fill(self, volume: str, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            self.engine.volumes[volume].tree.put(path, data)

    def container(
        self,
        name: str,
        image: str,
        *,
        marks: dict[str, str] | None = None,
        binds: tuple[str, ...] = (),
        files: dict[str, bytes] | None = None,
        runs: bool = False,
    ) -> str:
        """A container that ran, or runs."""
        body: dict[str, object] = {"Image": image, "Labels": marks or {}, "HostConfig": {"Binds": list(binds)}}
        made = self.engine.create_container(name, body)
        self.engine.start_container(made)
        for path, data in (files or {}).items():
            self.engine.containers[made].put(path, data)
        if not runs:
            self.engine.kill_container(made, signal="KILL")
        return made

    def look(self, **settings: Any) -> OrphansReport:
        self.engine.calls.clear()
        return look_for_orphans(self.engine, self.host, say=lambda _text: None, now=NOW, **settings)


def only(report: OrphansReport) -> Orphan:
    assert len(report.orphans) == 1, [orphan.id for orphan in report.orphans]
    return report.orphans[0]
