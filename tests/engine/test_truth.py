"""What truth.yaml says of each stack is what an engine shows: `docker compose` by hand, a row before, a look after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import docker
import pytest
from plain_compose import EVENTS, Play, differences, ensure_images
from stack_corpus import ENGINE_WIDE, ROUTINE, UPGRADES, StackTruth, stacks

from dockstore.engines.docker_engine import connect
from dockstore.engines.providers import leases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.engines.providers.private import PrivateEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CORPUS = stacks()
BATCH = 12  # stacks that stand on one engine at a time
Fates = dict[str, dict[tuple[str, str | None], str]]


@pytest.fixture(scope="module", name="client")
def _client(engine_address: str, engine: DockerEngine) -> Iterator[docker.DockerClient]:
    ensure_images(engine, CORPUS)
    client = docker.DockerClient(base_url=engine_address, timeout=180)
    yield client
    client.close()


@pytest.fixture(name="stage")
def _stage(client: docker.DockerClient, engine_address: str, tmp_path: Path) -> Iterator[Callable[..., Play]]:
    plays: list[Play] = []

    def begin(truth: StackTruth, *, fixed: bool = False) -> Play:
        plays.append(Play(truth, tmp_path, client, engine_address, fixed=fixed))
        return plays[-1]

    yield begin
    for play in plays:
        play.close()


def on_one_stack(truth: StackTruth) -> list[str]:
    """The events that leave a stack what it is, those that take its volumes last."""
    named = {event for datum in truth.data for event in datum.fates}
    return [event for event in EVENTS if event in ROUTINE or event in named]


def on_a_fresh_one(truth: StackTruth) -> list[str]:
    """The events after which a stack is another one."""
    named = {event for datum in truth.data for event in datum.fates}
    return [event for event in (*UPGRADES, "rename-project") if event in named]


def starting_over(play: Play) -> None:
    """Bring the stack up anew, with nothing of what was."""
    play.compose("down", "--volumes", "--timeout", "0")
    assert play.up()


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if truth.data], ids=lambda truth: truth.name)
def test_every_fate_of_a_stack_is_as_its_truth_says(truth: StackTruth, stage: Callable[..., Play]) -> None:
    play = stage(truth)
    assert play.up(), play.compose("logs").stdout

    seen: Fates = {}
    for event in on_one_stack(truth):
        seen[event] = play.fates(event)
        if "cannot-start" in seen[event].values():
            starting_over(play)
    for event in on_a_fresh_one(truth):
        other = stage(truth)
        assert other.up(), other.compose("logs").stdout
        seen[event] = other.fates(event)

    assert differences(truth, seen) == []


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if not truth.data], ids=lambda truth: truth.name)
def test_a_stack_without_data_starts_or_does_not_as_its_truth_says(truth: StackTruth, stage: Callable[..., Play]) -> None:
    play = stage(truth)

    started = [play.up()]
    for event in ("restart", "recreate", "down+up"):
        play.do(event)
        started.append(play.answers())

    assert set(started) == {truth.outcome != "cannot-start"}


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if truth.fix], ids=lambda truth: truth.name)
def test_the_fix_of_a_stack_keeps_its_data(truth: StackTruth, stage: Callable[..., Play]) -> None:
    hurt = {event for datum in truth.data for event, fate in datum.fates.items() if fate != "persisted"}
    play = stage(truth, fixed=True)
    assert play.up(), play.compose("logs").stdout

    seen: Fates = {}
    for event in (event for event in ROUTINE if event in hurt):
        seen[event] = play.fates(event)
    for event in (event for event in UPGRADES if event in hurt):
        other = stage(truth, fixed=True)
        assert other.up(), other.compose("logs").stdout
        seen[event] = other.fates(event)

    assert {fate for fates in seen.values() for fate in fates.values()} <= {"persisted"}, seen


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if truth.one_off], ids=lambda truth: truth.name)
def test_a_row_of_a_one_off_container_is_found_or_not_as_the_truth_says(truth: StackTruth, stage: Callable[..., Play]) -> None:
    assert truth.one_off is not None
    play = stage(truth)
    assert play.up()

    ran = play.compose("run", "--rm", "-T", "-e", "DOCKSTORE_NONCE=noneofftheother", truth.one_off["service"], "sh", "-c", truth.one_off["command"])

    assert ran.returncode == 0, ran.stderr
    assert play.has(truth.data[0].read, "noneofftheother") == truth.one_off["found"]


# --- what strikes a whole engine: many stacks on an engine of their own, one blow for all --------------------------------


@pytest.fixture(scope="module", name="spare")
def _spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    """An engine that nobody else uses."""
    home = tmp_path_factory.mktemp("truth") / "engines"
    environ = dict(os.environ)
    lease = leases.lease(home, environ, alone=True, say=lambda _: None)
    try:
        door = connect(lease.engine.address)
        ensure_images(door, CORPUS)
        door.close()
        yield lease.engine
    finally:
        lease.release()
        for engine in leases.engines_of(home, environ):
            engine.clean()


def strike(event: str, spare: PrivateEngine, client: docker.DockerClient, plays: list[Play]) -> None:
    """One engine-wide event for all *plays*."""
    match event:
        case "system-prune-volumes":
            prune(client, volumes=True)
        case "stop+system-prune":
            for play in plays:
                play.compose("stop")
            prune(client, volumes=False)
        case "engine-restart":
            spare.stop()
            spare.start()
        case "engine-kill":
            spare.kill()
            spare.start()
        case "reboot":
            spare.reboot()
    for play in plays:
        play.compose("up", "-d")


def prune(client: docker.DockerClient, *, volumes: bool) -> None:
    """`docker system prune --force`, with `--volumes` or without."""
    client.containers.prune()
    client.networks.prune()
    if volumes:
        client.volumes.prune()
    client.images.prune()


@pytest.mark.parametrize("batch", range((len(CORPUS) + BATCH - 1) // BATCH))
def test_every_fate_of_an_engine_wide_event_is_as_the_truth_says(batch: int, spare: PrivateEngine, tmp_path: Path) -> None:
    client = docker.DockerClient(base_url=spare.address, timeout=180)
    plays = [Play(truth, tmp_path, client, spare.address) for truth in CORPUS[batch * BATCH : (batch + 1) * BATCH] if truth.data]
    try:
        for play in plays:
            play.compose("up", "-d")
        assert [play.truth.name for play in plays if not play.answers()] == []

        found: list[str] = []
        for event in ENGINE_WIDE:
            written = [play.write() for play in plays]
            strike(event, spare, client, plays)
            for play, rows in zip(plays, written, strict=True):
                found += [f"{play.truth.name}: {line}" for line in differences(play.truth, {event: play.ruled(rows)})]
    finally:
        for play in plays:
            play.close()
        client.close()

    assert found == []
