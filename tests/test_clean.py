"""Cleaning without an engine: whose things go, whose stay, and what is said of both."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from building import engine_info

from dockstore import api
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.errors import Conflict, NotFound, Unreachable
from dockstore.runner.clean import Cleaned, clean_all
from dockstore.runner.ledger import books
from dockstore.runner.owner import this_host, this_owner

if TYPE_CHECKING:
    from pathlib import Path

DEAD, LIVING, FOREIGN = "d" * 32, "a" * 32, "f" * 32
HEX = "9c1f4e" + "0" * 58
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOME_ADDRESS = "unix:///held.sock"


def labels(run: str, *, created: str = "2026-11-24T06:30:00Z") -> dict[str, str]:
    """Labels of a run whose process is dead, alive or on another host, by its id."""
    mine = this_owner(NOW)
    pid, start = (mine.pid, mine.pid_start) if run == LIVING else (2**22 + 1, 5)
    host = "another/1" if run == FOREIGN else this_host()
    return {
        "io.dockstore.run": run,
        "io.dockstore.pid": str(pid),
        "io.dockstore.pid-start": str(start),
        "io.dockstore.host": host,
        "io.dockstore.created": created,
    }


@dataclass
class HeldEngine:
    """Containers, volumes and images as dicts; removal in use is refused, as by a real one."""

    info: Any = field(default_factory=lambda: engine_info(address=HOME_ADDRESS, engine_id="HELD"))
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    stubborn: set[str] = field(default_factory=set)
    removals: list[str] = field(default_factory=list)

    def container(self, key: str, run: str | None, *volumes: str) -> None:
        mounts = [{"Type": "volume", "Name": name, "Source": f"/var/lib/docker/volumes/{name}/_data"} for name in volumes]
        self.containers[key] = {"Id": key, "Names": [f"/{key}"], "Labels": labels(run) if run else {}, "Mounts": mounts}

    def volume(self, name: str, run: str | None = None, **changes: Any) -> None:
        self.volumes[name] = {"Name": name, "Labels": labels(run, **changes) if run else None}

    def image(self, key: str, run: str | None) -> None:
        self.images[key] = {"Id": key, "RepoTags": [f"localhost/{key}:1"], "Labels": labels(run) if run else None}

    def _listed(self, things: dict[str, dict[str, Any]], filters: Any) -> list[dict[str, Any]]:
        wanted = (filters or {}).get("label", [])
        found = [raw for raw in things.values() if all((raw["Labels"] or {}).get(word.partition("=")[0]) for word in wanted)]
        for name in (filters or {}).get("volume", []):
            found = [raw for raw in found if any(mount["Name"] == name for mount in raw["Mounts"])]
        return [dict(raw) for raw in found]

    def list_containers(self, *, filters: Any = None) -> list[dict[str, Any]]:
        return self._listed(self.containers, filters)

    def list_networks(self, *, filters: Any = None) -> list[dict[str, Any]]:
        return []

    def list_volumes(self, *, filters: Any = None) -> list[dict[str, Any]]:
        return self._listed(self.volumes, filters)

    def list_images(self, *, filters: Any = None) -> list[dict[str, Any]]:
        return self._listed(self.images, filters)

    def _inspect(self, things: dict[str, dict[str, Any]], key: str) -> dict[str, Any]:
        if key not in things:
            raise NotFound(f"inspect {key}", 404, "no such thing")
        return things[key]

    def inspect_container(self, key: str) -> dict[str, Any]:
        return self._inspect(self.containers, key)

    def inspect_volume(self, key: str) -> dict[str, Any]:
        return self._inspect(self.volumes, key)

    def inspect_image(self, key: str) -> dict[str, Any]:
        return self._inspect(self.images, key)

    def remove_container(self, key: str, *, force: bool, volumes: bool) -> None:
        raw = self._inspect(self.containers, key)
        assert force
        assert volumes
        if key in self.stubborn:
            raise Conflict(f"remove container {key}", 409, "driver failed")
        self.removals.append(key)
        del self.containers[key]
        for mount in raw["Mounts"]:
            if len(mount["Name"]) == 64 and not any(mount in other["Mounts"] for other in self.containers.values()):
                self.volumes.pop(mount["Name"], None)

    def remove_volume(self, key: str) -> None:
        self._inspect(self.volumes, key)
        if any(mount["Name"] == key for raw in self.containers.values() for mount in raw["Mounts"]):
            raise Conflict(f"remove volume {key}", 409, "volume is in use")
        self.removals.append(key)
        del self.volumes[key]

    def remove_image(self, key: str, *, force: bool) -> None:
        self._inspect(self.images, key)
        assert force
        self.removals.append(key)
        del self.images[key]


@dataclass
class Held:
    """The engine with this machine's files."""

    engine: HeldEngine
    host: DirectHost = field(default_factory=DirectHost)

    def close(self) -> None:
        """Nothing is open."""


def book(home: Path, run: str, *entries: tuple[str, str, str], address: str = HOME_ADDRESS, engine_id: str = "HELD") -> Path:
    """A ledger of a run with its things: (kind, id, name)."""
    (home / "runs").mkdir(parents=True, exist_ok=True)
    said = labels(run)
    first = {
        "ledger": 1,
        "run": run,
        "pid": int(said["io.dockstore.pid"]),
        "pid_start": int(said["io.dockstore.pid-start"]),
        "host": said["io.dockstore.host"],
        "created": said["io.dockstore.created"],
    }
    lines: list[dict[str, Any]] = [first, {"engine": "e1", "address": address, "id": engine_id}]
    lines += [{"made": kind, "id": key, "name": name, "engine": "e1"} for kind, key, name in entries]
    path = home / "runs" / f"{run}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def clean(engine: HeldEngine, home: Path, **changes: Any) -> Cleaned:
    def opener(wanted: Any, **_: Any) -> Any:
        if wanted.address != HOME_ADDRESS:
            raise Unreachable(f"nobody answers at {wanted.address}")
        return Held(engine)

    changes.setdefault("addresses", (HOME_ADDRESS,))
    return clean_all(home=home, environ={}, say=lambda _: None, opener=opener, private=lambda *_: [], now=NOW, **changes)


def removed(cleaned: Cleaned) -> list[str]:
    return sorted(f"{item.kind} {item.id}" for item in cleaned.removed)


def test_what_a_dead_run_labelled_goes_and_all_else_stays(tmp_path: Path) -> None:
    engine = HeldEngine()
    for run in (DEAD, LIVING, FOREIGN, None):
        word = {DEAD: "dead", LIVING: "living", FOREIGN: "foreign", None: "user"}[run]
        engine.container(f"c-{word}", run)
        engine.volume(f"v-{word}", run)
        engine.image(f"i-{word}", run)

    cleaned = clean(engine, tmp_path)

    assert removed(cleaned) == ["container c-dead", "image i-dead", "volume v-dead"]
    assert set(engine.containers) == {"c-living", "c-foreign", "c-user"}
    assert cleaned.at_work == (LIVING,)
    assert cleaned.others == (FOREIGN,)
    assert cleaned.left == ()


def test_containers_go_before_the_volumes_that_they_hold(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume("v", DEAD)
    engine.container("c", DEAD, "v")

    cleaned = clean(engine, tmp_path)

    assert engine.removals == ["c", "v"]
    assert cleaned.left == ()


def test_an_anonymous_volume_goes_by_the_ledgers_word(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume(HEX)
    engine.volume("e" * 64)
    path = book(tmp_path, DEAD, ("volume", HEX, HEX))

    cleaned = clean(engine, tmp_path)

    assert removed(cleaned) == [f"volume {HEX}"]
    assert set(engine.volumes) == {"e" * 64}
    assert not path.exists()


def test_a_noted_volume_that_somebody_else_has_stays_and_its_ledger_too(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume(HEX)
    engine.container("user", None, HEX)
    path = book(tmp_path, DEAD, ("volume", HEX, HEX))

    cleaned = clean(engine, tmp_path)

    assert [(stays.item.id, stays.reason) for stays in cleaned.left] == [(HEX, "a container that is not ours has it")]
    assert set(engine.volumes) == {HEX}
    assert path.exists()


def test_a_volume_that_v_made_without_label_goes_with_its_dead_container(tmp_path: Path) -> None:
    engine = HeldEngine()
    ours = f"dockstore-{DEAD[:8]}-1-rows"
    engine.volume(ours)
    engine.volume("rows")
    engine.container("c", DEAD, ours, "rows")

    cleaned = clean(engine, tmp_path)

    assert removed(cleaned) == ["container c", f"volume {ours}"]
    assert set(engine.volumes) == {"rows"}


def test_a_living_runs_ledger_is_left_alone(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume(HEX)
    path = book(tmp_path, LIVING, ("volume", HEX, HEX))

    cleaned = clean(engine, tmp_path)

    assert cleaned.removed == ()
    assert path.exists()


def test_a_ledger_names_things_of_its_own_engine_only(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume("rows")
    book(tmp_path, DEAD, ("volume", "rows", "rows"), address="unix:///gone.sock", engine_id="OTHER")

    cleaned = clean(engine, tmp_path)

    assert cleaned.removed == ()
    assert cleaned.notes == ("nobody answers at unix:///gone.sock",)
    assert len(books(tmp_path)) == 1


def test_twice_is_harmless(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.container("c", DEAD)
    book(tmp_path, DEAD, ("container", "c", "c"))

    clean(engine, tmp_path)
    again = clean(engine, tmp_path)

    assert again.removed == ()
    assert again.left == ()


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    engine = HeldEngine(stubborn={"c"})
    engine.container("c", DEAD)
    engine.container("d", DEAD)

    cleaned = clean(engine, tmp_path)

    assert removed(cleaned) == ["container d"]
    assert [stays.reason for stays in cleaned.left] == ["remove container c: driver failed"]


def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.container("c", DEAD)
    engine.volume(HEX)
    path = book(tmp_path, DEAD, ("volume", HEX, HEX))

    cleaned = clean(engine, tmp_path, dry_run=True)

    assert removed(cleaned) == ["container c", f"volume {HEX}"]
    assert engine.removals == []
    assert path.exists()


def test_a_named_run_goes_though_it_is_another_hosts_and_only_it(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.container("c-dead", DEAD)
    engine.container("c-foreign", FOREIGN)

    cleaned = clean(engine, tmp_path, run=FOREIGN[:8])

    assert removed(cleaned) == ["container c-foreign"]


def test_a_named_run_that_is_at_work_stays(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.container("c", LIVING)

    cleaned = clean(engine, tmp_path, run=LIVING)

    assert cleaned.removed == ()
    assert cleaned.at_work == (LIVING,)


def test_old_things_of_other_hosts_go_when_that_is_asked_for(tmp_path: Path) -> None:
    engine = HeldEngine()
    engine.volume("old", FOREIGN, created="2026-11-24T09:59:59Z")
    engine.volume("young", FOREIGN, created="2026-11-24T10:00:01Z")
    engine.volume("undated", FOREIGN, created="yesterday")

    cleaned = clean(engine, tmp_path, older_than_seconds=7200.0)

    assert removed(cleaned) == ["volume old"]


def test_less_than_ninety_minutes_is_refused() -> None:
    with pytest.raises(api.WrongOption, match="too young"):
        api.clean(older_than_seconds=60.0, env={})


def test_a_named_engine_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        clean(HeldEngine(), tmp_path, addresses=("unix:///gone.sock",))


def test_scratch_folders_go_noted_or_not_and_a_strangers_stays(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    noted, unnoted = root / f"dockstore-{DEAD[:8]}-1", root / f"dockstore-{DEAD[:8]}-2"
    stranger, other = root / "dockstore-00000000-1", root / "data"
    for folder in (noted, unnoted, stranger, other):
        (folder / "shared").mkdir(parents=True)
        (folder / "shared" / "row").write_text("x")
    path = book(tmp_path, DEAD, ("folder", str(noted), str(noted)), ("folder", str(other), str(other)))

    cleaned = clean(HeldEngine(), tmp_path)

    assert removed(cleaned) == [f"folder {noted}", f"folder {unnoted}"]
    assert sorted(path.name for path in root.iterdir()) == ["data", "dockstore-00000000-1"]
    assert not path.exists()


def test_a_link_in_a_scratch_folder_is_removed_and_not_followed(tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_text("x")
    noted = tmp_path / f"dockstore-{DEAD[:8]}-1"
    noted.mkdir()
    (noted / "out").symlink_to(treasure)
    book(tmp_path, DEAD, ("folder", str(noted), ""))

    clean(HeldEngine(), tmp_path)

    assert not noted.exists()
    assert (treasure / "gold").exists()


def test_without_anything_to_clean_nothing_is_made(tmp_path: Path) -> None:
    cleaned = clean(HeldEngine(), tmp_path / "home")

    assert cleaned == Cleaned()
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_of_an_engine_of_ours_that_is_no_more_goes(tmp_path: Path) -> None:
    gone = book(tmp_path, DEAD, ("volume", HEX, HEX), address=f"unix://{tmp_path}/dockstore-0123456789/docker.sock", engine_id="OTHER")

    cleaned = clean(HeldEngine(), tmp_path)

    assert cleaned.notes == ()
    assert not gone.exists()
