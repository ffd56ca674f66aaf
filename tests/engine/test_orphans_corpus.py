"""Every data set that the corpus leaves behind on an engine is named right: its kind, its project, its service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest
from homes_and_engines import environment
from plain_compose import Play, ensure_images
from stack_corpus import StackTruth, stacks

from dockstore import api
from dockstore.core.orphans import Confidence, Orphan, Owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMED = tuple(truth for truth in stacks() if truth.name in {"postgres-right", "several-services", "redis-append-only"})
LEAVING = tuple(truth for truth in stacks() if any(datum.fates.get("down+up") == "orphaned" for datum in truth.data))
KINDS = {"postgres15": "postgresql", "postgres17": "postgresql", "mariadb": "mariadb", "redis": "redis", "rabbitmq": "rabbitmq"}


@pytest.fixture(scope="module", name="client")
def _client(engine_address: str, engine: DockerEngine) -> Iterator[docker.DockerClient]:
    ensure_images(engine, (*LEAVING, *NAMED))
    client = docker.DockerClient(base_url=engine_address, timeout=180)
    yield client
    client.close()


@pytest.fixture(name="play")
def _play(request: pytest.FixtureRequest, client: docker.DockerClient, engine_address: str, tmp_path: Path) -> Iterator[Play]:
    play = Play(request.param, tmp_path, client, engine_address)
    yield play
    play.close()


def found(play: Play, folder: Path) -> dict[str, Orphan]:
    """The orphans among the stack's own volumes."""
    report = api.orphans(api.Options(engines=(play.address,)), helper=True, env=environment(play.address, folder), cwd=folder)
    return {orphan.name: orphan for orphan in report.orphans if orphan.name in play.volumes}


def named(orphan: Orphan) -> list[Owner]:
    """Everybody whom it may have belonged to, the likeliest first."""
    return [owner for owner in (orphan.owner, *orphan.others) if owner is not None]


def expected_kind(truth: StackTruth) -> str | None:
    """What a person knows of a stack with one image of a real service."""
    kinds = {KINDS[image] for image in truth.images if image in KINDS}
    return kinds.pop() if len(kinds) == 1 and truth.images <= set(KINDS) else None


@pytest.mark.parametrize("play", LEAVING, ids=lambda truth: truth.name, indirect=True)
def test_what_down_and_up_leave_behind_is_named_right(play: Play, tmp_path: Path) -> None:
    assert play.up()
    project = play.project
    written = play.write()
    play.do("down+up")
    assert play.answers()

    orphans = found(play, tmp_path)

    for number, datum in enumerate(play.truth.data):
        if datum.fates["down+up"] != "orphaned":
            continue
        _, was_there, (kind, name) = written[number]
        if not was_there or not kind.startswith("mount") or name not in play.volumes or datum.covers:
            continue  # a folder of the host, or data under a name that changes, in a volume that is in use
        orphan = orphans[name]
        assert not orphan.empty
        assert orphan.unseen is None
        assert expected_kind(play.truth) in {None, orphan.contents[0].id}
        owners = named(orphan)
        ours = next((owner for owner in owners if (owner.project, owner.service) == (project, datum.service)), None)
        assert ours is not None, owners
        assert ours is owners[0] or owners[0].confidence is Confidence.POSSIBLE, owners
        assert [step.what for step in orphan.steps] == ["look", "copy", "mount"]


@pytest.mark.parametrize("play", NAMED, ids=lambda truth: truth.name, indirect=True)
def test_named_volumes_whose_containers_are_gone_are_their_projects_for_certain(play: Play, tmp_path: Path) -> None:
    assert play.up()
    project = play.project
    play.write()
    play.compose("down")

    orphans = found(play, tmp_path)

    labelled = [orphan for orphan in orphans.values() if not orphan.anonymous]
    assert labelled
    for orphan in labelled:
        assert orphan.owner is not None
        assert (orphan.owner.project, orphan.owner.confidence) == (project, Confidence.CERTAIN)
