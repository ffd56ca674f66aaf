"""Audits of what is on a real engine: containers and images, read only, and what the engine then does agrees with what was said."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from plain_compose import cache

from dockstore.core.stack_report import RowFate
from dockstore.engines.errors import NotFound
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.polling import until
from dockstore.runner.audit import AuditOptions, audit_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dockstore.core.stack_report import StackReport
    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.engine import Json

pytestmark = pytest.mark.engine


class Stand:
    """A container with an anonymous volume, a named one, memory, and a row in its writable layer; gone afterwards."""

    def __init__(self, engine: DockerEngine, address: str, folder: Path) -> None:
        self.engine, self.address, self.folder = engine, address, folder
        self.name = f"dockstore-audit-{secrets.token_hex(6)}"
        self.rows = f"{self.name}-rows"
        self.image = ensure_lab_image(engine, cache=cache())
        self.anonymous = ""

    def open(self, **host: object) -> None:
        mounts = [{"Type": "volume", "Source": self.rows, "Target": "/rows"}, {"Type": "tmpfs", "Target": "/memory"}]
        body: Json = {
            "Image": self.image,
            "Volumes": {"/anonymous": {}},
            "Env": ["PASSWORD=hunter2"],
            "HostConfig": {"Mounts": mounts, "Tmpfs": {"/more": ""}, **host},
        }
        self.engine.create_container(self.name, body)
        self.engine.start_container(self.name)
        self.engine.exec(self.name, ["sh", "-c", "mkdir -p /state/deep && echo row > /state/deep/row && echo x > /tmp/x"])
        found = self.engine.inspect_container(self.name)["Mounts"]
        assert isinstance(found, list)
        self.anonymous = next(one["Name"] for one in found if one["Destination"] == "/anonymous")

    def state(self) -> tuple[object, object, list[str]]:
        """What an audit must leave as it is; an engine lists mounts in no fixed order."""
        seen = self.engine.inspect_container(self.name)
        mounts = seen["Mounts"]
        assert isinstance(mounts, list)
        return seen["State"], self.engine.diff_container(self.name), sorted(str(sorted(one.items())) for one in mounts)

    def audit(self, *targets: str) -> tuple[StackReport, ...]:
        return audit_all(AuditOptions(targets=targets, engine=self.address), env={}, cwd=self.folder, say=lambda _text: None)

    def close(self) -> None:
        with suppress(NotFound):
            self.engine.remove_container(self.name, force=True, volumes=True)
        for volume in filter(None, (self.rows, self.anonymous)):
            with suppress(NotFound):
                self.engine.remove_volume(volume)


@pytest.fixture(name="stand")
def _stand(engine: DockerEngine, engine_address: str, tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(engine, engine_address, tmp_path)
    try:
        yield stand
    finally:
        stand.close()


def fate(report: StackReport, path: str, event: str) -> RowFate:
    return next(row.fate for row in report.rows if (row.path, row.event) == (path, event))


def test_a_containers_stores_are_named_and_nothing_is_changed(stand: Stand) -> None:
    stand.open()
    before = stand.state()

    (report,) = stand.audit(f"container:{stand.name}")

    assert {(row.path, row.found, row.role) for row in report.rows} == {
        ("/state", "written", "data"),
        ("/anonymous", "declared", "data"),
        ("/rows", "declared", "data"),
        ("/memory", "declared", "scratch"),
        ("/more", "declared", "scratch"),
    }
    assert stand.state() == before


def test_what_is_said_of_a_removal_is_what_it_does(stand: Stand) -> None:
    stand.open()
    (report,) = stand.audit(f"container:{stand.name}")

    stand.engine.remove_container(stand.name, force=True)

    assert [fate(report, path, "remove+run") for path in ("/state", "/anonymous", "/rows")] == [RowFate.LOST, RowFate.ORPHANED, RowFate.UNKNOWN]
    assert stand.engine.inspect_volume(stand.anonymous)["Name"] == stand.anonymous
    assert stand.engine.inspect_volume(stand.rows)["Name"] == stand.rows


def test_what_is_said_of_rm_is_what_it_does(stand: Stand) -> None:
    stand.open(AutoRemove=True)
    (report,) = stand.audit(f"container:{stand.name}")

    stand.engine.stop_container(stand.name, timeout_seconds=0)

    def gone() -> bool:
        return all(one["Name"] != stand.anonymous for one in stand.engine.list_volumes())

    assert until(gone, timeout_seconds=60)  # the engine removes it a moment after the container
    assert "DS104" in [finding.rule for finding in report.findings]
    assert [fate(report, path, "stop+start") for path in ("/state", "/anonymous")] == [RowFate.LOST, RowFate.LOST]


def test_an_image_is_read_off_the_engine(stand: Stand) -> None:
    (report,) = stand.audit(f"image:{stand.image}")

    assert report.engines["e1"].address == stand.address
    assert not any("not known" in limit for limit in report.limits)
