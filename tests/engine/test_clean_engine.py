"""`dockstore clean` on a real engine: what dead runs left goes, what is anybody else's stays."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from homes_and_engines import environment, lab_container, on_the_host, remove_private_engines, runs_of

from dockstore import api
from dockstore.core.history import Made
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.providers import leases, private
from dockstore.runner.histories import history_files
from dockstore.runner.leavings import exists, labelled
from dockstore.runner.ledger import Ledger, books
from dockstore.runner.owner import Owner, this_host, this_owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine
    from dockstore.runner.clean import Cleaned

pytestmark = pytest.mark.engine


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    (tmp_path / "home" / "runs").mkdir(parents=True)
    return tmp_path


@pytest.fixture(name="image")
def _image(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    return ensure_lab_image(engine, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(name="users_own")
def _users_own(engine: DockerEngine, image: str) -> Iterator[tuple[str, str]]:
    """A user's running container with an anonymous volume: (container, volume)."""
    word = secrets.token_hex(4)
    made = lab_container(engine, f"users-own-{word}", f"users-own-{word}", image)
    mounts: Any = engine.inspect_container(made)["Mounts"]
    yield made, next(mount["Name"] for mount in mounts if len(mount["Name"]) == 64)
    engine.remove_container(made, force=True, volumes=True)
    engine.remove_volume(f"users-own-{word}")


def dead() -> Owner:
    """A run whose process is no more."""
    return Owner(run=secrets.token_hex(16), pid=2**22 + 1, pid_start=5, host=this_host(), created="2026-11-24T06:30:00Z")


def labels(owner: Owner) -> dict[str, str]:
    return {
        "io.dockstore.run": owner.run,
        "io.dockstore.pid": str(owner.pid),
        "io.dockstore.pid-start": str(owner.pid_start),
        "io.dockstore.host": owner.host,
        "io.dockstore.created": owner.created,
    }


def noted(place: Path, engine: DockerEngine, owner: Owner, *things: Made) -> None:
    ledger = Ledger(place / "home" / "runs", owner)
    ledger.engine("e1", engine.info.address, engine.info.engine_id)
    for made in things:
        ledger.made("e1", made)
    ledger.close(nothing_left=False)


def clean(place: Path, engine: DockerEngine, **changes: Any) -> Cleaned:
    return api.clean(api.Options(home=str(place / "home")), env=environment(engine.info.address, place), cwd=place, **changes)


def of(cleaned: Cleaned, *owners: Owner) -> list[tuple[str, str]]:
    """What was removed of *owners*: others may leave things on this engine, too."""
    return sorted((item.kind, item.id) for item in cleaned.removed if item.run in {owner.run for owner in owners})


def test_a_dead_runs_objects_go_with_their_anonymous_volumes(place: Path, engine: DockerEngine, image: str, users_own: tuple[str, str]) -> None:
    owner, living = dead(), this_owner(_now())
    body: dict[str, Any] = {"Image": image, "Cmd": ["sleep", "600"], "Volumes": {"/data": {}}, "NetworkDisabled": True}
    container = engine.create_container(f"dockstore-{owner.run[:8]}-1-db", body | {"Labels": labels(owner)})
    engine.start_container(container)
    mounts: Any = engine.inspect_container(container)["Mounts"]
    volume = str(engine.create_volume(f"dockstore-{owner.run[:8]}-1-rows", labels=labels(owner))["Name"])
    orphan = str(engine.create_volume(None)["Name"])
    alive = str(engine.create_volume(f"dockstore-{living.run[:8]}-1-rows", labels=labels(living))["Name"])
    noted(place, engine, owner, Made(kind="volume", id=orphan, name=orphan))

    cleaned = clean(place, engine)

    kept = exists(engine, "volume", alive)
    engine.remove_volume(alive)
    assert of(cleaned, owner) == sorted([("container", container), ("volume", volume), ("volume", orphan)])
    assert not exists(engine, "volume", mounts[0]["Name"])
    assert kept
    assert living.run in cleaned.at_work
    assert engine.inspect_container(users_own[0])["State"]["Running"] is True  # type: ignore[index]
    assert exists(engine, "volume", users_own[1])
    assert books(place / "home") == ()
    assert of(clean(place, engine), owner) == []


def test_a_noted_volume_that_a_user_has_taken_over_stays(place: Path, engine: DockerEngine, users_own: tuple[str, str]) -> None:
    owner = dead()
    noted(place, engine, owner, Made(kind="volume", id=users_own[1], name=users_own[1]))

    cleaned = clean(place, engine)

    assert [stays.reason for stays in cleaned.left if stays.item.run == owner.run] == ["a container that is not ours has it"]
    assert exists(engine, "volume", users_own[1])
    assert len(books(place / "home")) == 1


def test_a_scratch_folder_goes_with_the_memory_that_was_mounted_in_it(place: Path, engine: DockerEngine) -> None:
    host = DirectHost()
    if engine.info.address.startswith("unix:///") and host.reason is None:
        owner = dead()
        folder = f"/var/tmp/dockstore-{owner.run[:8]}-1"
        host.make_folder(f"{folder}/share")
        host.mount_tmpfs("share", root=folder)
        host.write_file("share/row", b"x", root=folder)
        noted(place, engine, owner, Made(kind="folder", id=folder, name="scratch"))

        cleaned = clean(place, engine)

        assert of(cleaned, owner) == [("folder", folder)]
        assert on_the_host([owner.run]) == []


def test_a_dry_run_removes_nothing(place: Path, engine: DockerEngine) -> None:
    owner = dead()
    volume = str(engine.create_volume(None, labels=labels(owner))["Name"])

    cleaned = clean(place, engine, dry_run=True)

    there = exists(engine, "volume", volume)
    clean(place, engine)
    assert of(cleaned, owner) == [("volume", volume)]
    assert there
    assert not exists(engine, "volume", volume)


def test_what_a_run_was_asked_to_keep_is_kept_until_clean(place: Path, engine: DockerEngine) -> None:
    environ = environment(engine.info.address, place)
    options = api.Options(home=str(place / "home"), keep=True)
    file = api.bundled_scenarios() / "volume" / "anonymous-does-not-follow.scenario.yaml"

    report = api.run(api.load(file), options, env=environ, cwd=place)

    standing = labelled(engine, report.run)
    (book,) = books(place / "home")
    # the process that kept them is this one: it lives, so the ledger is told that it is another's
    book.path.write_text(book.path.read_text().replace(f'"pid": {book.owner.pid}', f'"pid": {2**22 + 1}'))
    for found in standing:
        if found.item.kind == "container":
            engine.remove_container(found.item.id, force=True)
    cleaned = clean(place, engine)
    assert [found.item.kind for found in standing] == ["container"]
    assert any(note.startswith("kept ") for note in report.notes)
    assert [item.kind for item in cleaned.removed if item.run == report.run] == ["volume", "volume"]
    assert labelled(engine, report.run) == ()


def test_a_killed_run_beside_one_that_goes_on_is_cleaned_alone(place: Path, engine: DockerEngine) -> None:
    killed, goes_on = begin(place, engine, "volume/lock-seen-in-another"), begin(place, engine, "image/writable-layer-survives")
    _until(place, 2, killed, goes_on)

    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    cleaned = clean(place, engine)

    said = goes_on.communicate()
    assert goes_on.returncode == 0, said
    assert cleaned.left == ()
    assert books(place / "home") == ()
    assert on_the_host(runs_of(place / "home")) == []


def test_a_private_engine_whose_run_was_killed_is_stopped(place: Path, engine: DockerEngine) -> None:
    environ = environment(engine.info.address, place)
    if private.impossible() is None:
        run = begin(place, engine, "overall/engine-events")
        _until(place, 1, run, events=6)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        (ours,) = [found for found in leases.engines_of(place / "home", environ) if found.run.exists()]

        cleaned = clean(place, engine)

        daemon, there = ours.daemon(), ours.run.exists()
        remove_private_engines(place / "home", environ)
        assert cleaned.left == ()
        assert daemon is None
        assert not there
        assert books(place / "home") == ()


def begin(place: Path, engine: DockerEngine, name: str) -> subprocess.Popen[str]:
    environ = environment(engine.info.address, place) | {"DOCKSTORE_HOME": str(place / "home")}
    file = api.bundled_scenarios() / f"{name}.scenario.yaml"
    command = [sys.executable, "-m", "dockstore", "run", str(file), "--quiet"]
    return subprocess.Popen(command, env=environ, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _until(place: Path, count: int, *runs: subprocess.Popen[str], events: int = 3) -> None:
    """Wait until *count* histories have some events, or a run has ended."""
    pause = threading.Event()
    while all(run.poll() is None for run in runs):
        if sum(path.read_text().count("\n") > events for path in history_files(place / "home")) >= count:
            return
        pause.wait(0.02)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)
