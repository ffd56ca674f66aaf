"""Data sets left behind on a real engine as `docker compose down` and `up` leave them: each is named with its kind and its service."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from homes_and_engines import environment
from services import images as service_images

from dockstore import api
from dockstore.core.orphans import Confidence, Orphan, Reason
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.errors import NotFound
from dockstore.engines.helper_host import HelperHost
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.no_host import NoHost
from dockstore.engines.polling import until
from dockstore.engines.providers import homes, ownership
from dockstore.runner.orphans import look_for_orphans, proven_by_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.core.orphans import OrphansReport
    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

COMPOSE = "com.docker.compose"
POSTGRES = "mkdir -p global base/1; echo 15 >PG_VERSION; echo x >global/pg_control; echo x >base/1/1"


@dataclass
class Yard:
    """Containers and volumes of one project of ours; whatever was made is gone at the end."""

    engine: DockerEngine
    address: str
    folder: Path
    lab: str
    project: str = field(default_factory=lambda: f"orphans-{secrets.token_hex(4)}")
    containers: set[str] = field(default_factory=set)
    volumes: set[str] = field(default_factory=set)

    def up(self, service: str, image: str, *, target: str | None = None, command: list[str] | None = None, volume: str | None = None) -> str:
        """Create and start what Compose would for a service."""
        marks = {
            f"{COMPOSE}.project": self.project,
            f"{COMPOSE}.service": service,
            f"{COMPOSE}.oneoff": "False",
            f"{COMPOSE}.project.working_dir": str(self.folder),
        }
        body: dict[str, object] = {"Image": image, "Labels": marks, "HostConfig": {"NetworkMode": "none", "Init": True}}
        if command is not None:
            body |= {"Cmd": command, "Entrypoint": []}
        if target is not None:
            body |= (
                {"Volumes": {target: {}}}
                if volume is None
                else {"HostConfig": {"NetworkMode": "none", "Init": True, "Binds": [f"{volume}:{target}"]}}
            )
        made = self.engine.create_container(f"{self.project}-{service}-1", body)
        self.containers.add(made)
        self.engine.start_container(made)
        self.volumes |= set(self.mounted(made).values())
        return made

    def mounted(self, container: str) -> dict[str, str]:
        """Target -> name of its volumes."""
        mounts = self.engine.inspect_container(container)["Mounts"]
        assert isinstance(mounts, list)
        return {mount["Destination"]: mount["Name"] for mount in mounts if mount["Type"] == "volume"}

    def do(self, container: str, script: str) -> None:
        """Run a script in a container."""
        done = self.engine.exec(container, ["sh", "-c", script])
        assert done.exit_code == 0, done.stderr

    def down(self, container: str) -> None:
        """Stop and remove it, as `docker compose down` does; its volumes stay."""
        self.engine.stop_container(container, timeout_seconds=20)
        self.engine.remove_container(container)

    def ready(self, container: str, command: str) -> None:
        """Wait until a command succeeds in it."""
        assert until(lambda: self.engine.exec(container, ["sh", "-c", command]).exit_code == 0, timeout_seconds=120, every_seconds=0.5), (
            self.engine.logs(container, tail=20)
        )

    def look(self) -> OrphansReport:
        """What `dockstore orphans` finds."""
        return api.orphans(api.Options(engines=(self.address,)), helper=True, env=environment(self.address, self.folder), cwd=self.folder)

    def found(self) -> dict[str, Orphan]:
        """What of ours it finds."""
        return {orphan.name: orphan for orphan in self.look().orphans if orphan.name in self.volumes or orphan.name.startswith(self.project)}

    def clear(self) -> None:
        """Remove everything that was made here."""
        for container in self.containers:
            try:
                self.engine.remove_container(container, force=True, volumes=True)
            except NotFound:
                continue
        for volume in self.volumes:
            self.engine.remove_volume(volume, force=True)


@pytest.fixture
def yard(engine: DockerEngine, engine_address: str, tmp_path: Path) -> Iterator[Yard]:
    made = Yard(engine, engine_address, tmp_path, ensure_lab_image(engine))
    yield made
    made.clear()


def test_after_down_and_up_the_old_anonymous_volume_is_found_with_its_service(yard: Yard) -> None:
    command, target = ["sleep", "infinity"], "/var/lib/postgresql/data"
    old = yard.up("db", yard.lab, target=target, command=command)
    volume = yard.mounted(old)[target]
    yard.do(old, f"cd {target}; {POSTGRES}")
    yard.down(old)
    new = yard.up("db", yard.lab, target=target, command=command)
    yard.do(new, f"cd {target}; {POSTGRES}")

    found = yard.found()

    assert set(found) == {volume}
    orphan = found[volume]
    assert (orphan.anonymous, orphan.reasons, orphan.files) == (True, (Reason.DANGLING,), 3)
    assert orphan.contents[0].said == "PostgreSQL 15"
    assert orphan.last_change is not None
    assert orphan.owner is not None
    assert (orphan.owner.project, orphan.owner.service, orphan.owner.target) == (yard.project, "db", target)


def test_a_labelled_volume_without_containers_and_a_stopped_layer_are_found(yard: Yard) -> None:
    name = f"{yard.project}_site"
    yard.volumes.add(name)
    yard.engine.create_volume(name, labels={f"{COMPOSE}.project": yard.project, f"{COMPOSE}.volume": "site"})
    writer = yard.up("web", yard.lab, target="/site", volume=name, command=["sleep", "infinity"])
    yard.do(writer, "echo hello >/site/index.html")
    yard.down(writer)
    notes = yard.up("notes", yard.lab, command=["sleep", "infinity"])
    yard.do(notes, r"mkdir -p /app/data /var/log; printf 'SQLite format 3\000' >/app/data/notes.db; echo x >/var/log/app.log")
    yard.engine.stop_container(notes, timeout_seconds=5)

    found = yard.found()

    assert set(found) == {name, f"{yard.project}-notes-1"}
    site, layer = found[name], found[f"{yard.project}-notes-1"]
    assert site.contents[0].id == "website"
    assert site.owner is not None
    assert (site.owner.project, site.owner.confidence) == (yard.project, Confidence.CERTAIN)
    assert (layer.kind, layer.files, layer.contents[0].path) == ("layer", 1, "app/data/notes.db")
    assert layer.owner is not None
    assert layer.owner.service == "notes"


def test_the_commands_bring_the_bytes_back(yard: Yard) -> None:
    """The copy command's own words, run through the engine."""
    old = yard.up("db", yard.lab, target="/var/lib/postgresql/data", command=["sleep", "infinity"])
    (volume,) = yard.mounted(old).values()
    yard.do(old, f"cd /var/lib/postgresql/data; {POSTGRES}; chown 999:999 PG_VERSION")
    yard.down(old)
    orphan = yard.found()[volume]
    copy = next(step.command for step in orphan.steps if step.what == "copy")
    new = copy.split()[3]
    yard.volumes.add(new)
    script = copy.rpartition(" -c ")[2].strip("'")

    yard.engine.create_volume(new)
    body: dict[str, object] = {"Image": yard.lab, "Cmd": ["sh", "-c", script], "User": "0"}
    copier = yard.engine.create_container(
        f"{yard.project}-copier", {**body, "HostConfig": {"NetworkMode": "none", "Binds": [f"{volume}:/from:ro", f"{new}:/to"]}}
    )
    yard.containers.add(copier)
    yard.engine.start_container(copier)

    assert yard.engine.wait_container(copier, condition="not-running", timeout_seconds=60) == 0
    assert f"-v {volume}:/from:ro -v {new}:/to " in copy
    copied = next(one for one in yard.look().orphans if one.name == new) if _removed(yard, copier) else None
    assert copied is not None
    assert (copied.contents[0].said, copied.files, copied.size_bytes) == ("PostgreSQL 15", orphan.files, orphan.size_bytes)


def _removed(yard: Yard, container: str) -> bool:
    yard.engine.remove_container(container, force=True)
    return True


def test_through_a_helper_container_the_same_is_found_and_the_helper_is_gone(yard: Yard) -> None:
    name = f"{yard.project}_site"
    yard.volumes.add(name)
    writer = yard.up("web", yard.lab, target="/site", volume=name, command=["sleep", "infinity"])
    yard.do(writer, "mkdir -p /site/css; echo hello >/site/index.html; echo x >/site/css/a.css")
    yard.down(writer)
    direct = yard.found()[name]
    host = HelperHost(yard.engine, yard.lab, yard.engine.info.data_root, labels=ownership.labels("helper"))
    try:
        report = look_for_orphans(yard.engine, host, say=lambda _: None)
    finally:
        host.close()

    orphan = next(one for one in report.orphans if one.name == name)

    assert (orphan.files, orphan.size_bytes, orphan.contents) == (direct.files, direct.size_bytes, direct.contents)
    assert (orphan.last_change, orphan.unseen) == (direct.last_change, None)
    mine = {"label": [f"io.dockstore.pid={os.getpid()}", "io.dockstore.scenario=helper"]}
    assert yard.engine.list_containers(filters=mine) == []


def test_an_engine_whose_process_cannot_be_seen_is_known_by_its_containers(yard: Yard) -> None:
    yard.up("web", yard.lab, command=["sleep", "infinity"])

    host = proven_by_ids(yard.engine, NoHost("who listens is systemd"))

    seen = DirectHost().stat(yard.engine.info.data_root) is not None
    assert (host.reason is None) is seen


SERVICES = {
    "db": ("postgres15", "pg_isready -q -h 127.0.0.1", "psql -U postgres -h 127.0.0.1 -qc 'create table t (v text)'", "postgresql", "15", "/var/lib/postgresql/data"),
    "new": ("postgres17", "pg_isready -q -h 127.0.0.1", "psql -U postgres -h 127.0.0.1 -qc 'create table t (v text)'", "postgresql", "17", "/var/lib/postgresql"),
    "maria": ("mariadb", "test -e /var/lib/mysql/mysql && mariadb -e 'select 1'", "true", "mariadb", None, "/var/lib/mysql"),
    "cache": ("redis", "redis-cli ping | grep -q PONG", "redis-cli set a b && redis-cli save", "redis", "7.0.15", "/data"),
    "queue": ("rabbitmq", "test -e /var/lib/rabbitmq/mnesia/rabbit@$(hostname)/schema.DAT", "true", "rabbitmq", None, "/var/lib/rabbitmq"),
}  # fmt: skip


@pytest.mark.slow
def test_what_real_services_leave_behind_is_named_right(yard: Yard) -> None:
    cache = homes.cache_of(homes.home_of(os.environ, Path.cwd()))
    references = service_images.ensure(yard.engine, cache, tuple(image for image, *_ in SERVICES.values()), say=lambda _: None)
    old: dict[str, str] = {}
    for life in ("first", "second"):
        made = {service: yard.up(service, references[image]) for service, (image, *_) in SERVICES.items()}
        for service, (_, ready, write, _, _, target) in SERVICES.items():
            yard.ready(made[service], ready)
            if life == "first":
                yard.do(made[service], write)
                old[service] = yard.mounted(made[service])[target]
        if life == "first":
            for container in made.values():
                yard.down(container)

    found = yard.found()

    full = {name: orphan for name, orphan in found.items() if not orphan.empty}
    assert set(full) == set(old.values())
    for service, (image, _, _, kind, version, target) in SERVICES.items():
        orphan = full[old[service]]
        content = orphan.contents[0]
        assert content.id == kind
        assert version is None or content.version == version
        named = [owner for owner in (orphan.owner, *orphan.others) if owner is not None]
        ours = next((owner for owner in named if (owner.project, owner.service) == (yard.project, service)), None)
        assert ours is not None, named
        assert (ours.target, ours.image) == (target, references[image])
        # another's service of the same engine may suit as well; then neither is called likely
        assert ours is named[0] or named[0].confidence is Confidence.POSSIBLE, named
    node = full[old["queue"]].contents[0].detail
    assert node is not None
    assert node.startswith("node rabbit@")
