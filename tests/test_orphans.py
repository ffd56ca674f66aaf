"""What is nobody's, and what cannot be looked at; on a fake engine, which is never changed."""

from __future__ import annotations

import pytest
from fake_files import FakeFile
from orphaned import COMPOSE, READING, Stand, labels, only
from test_recognise import PG, RDB, SQLITE

from dockstore.core.orphans import Confidence, Reason
from dockstore.engines.errors import EngineError, Unsure
from dockstore.engines.no_host import NoHost
from dockstore.runner.orphans import proven_by_ids


@pytest.fixture
def stand() -> Stand:
    return Stand()


# --- what is nobody's ---------------------------------------------------------------------------------------------------


def test_a_volume_that_no_container_has_is_found_with_size_and_content(stand: Stand) -> None:
    stand.volume("shop_db", PG, labels={f"{COMPOSE}.project": "shop", f"{COMPOSE}.volume": "db"})

    orphan = only(stand.look())

    assert (orphan.id, orphan.reasons, orphan.files) == ("volume:shop_db", (Reason.DANGLING,), 4)
    assert orphan.size_bytes == sum(len(data) for data in PG.values())
    assert orphan.last_change is not None
    assert orphan.contents[0].said == "PostgreSQL 15"


def test_a_volume_of_a_container_is_nobodys_only_if_the_container_is_gone(stand: Stand) -> None:
    stand.volume("rows", PG)
    stand.container("db", "app:1", binds=("rows:/data",))

    assert stand.look().orphans == ()


def test_a_volume_whose_folder_is_bound_is_in_use(stand: Stand) -> None:
    name = stand.volume("rows", PG)
    path = stand.engine.volumes[name].tree.host_path
    stand.engine.host_files.put(f"{path}/PG_VERSION", b"15")
    stand.container("db", "app:1", binds=(f"{path}:/data",), runs=True)

    assert stand.look().orphans == ()


def test_nothing_on_the_engine_is_changed(stand: Stand) -> None:
    stand.volume(None, PG)
    stand.volume("cache", {"dump.rdb": RDB})
    stand.container("app", "app:1", files={"/app/notes.db": SQLITE})
    stand.container("db", "postgres:15", marks=labels("shop", "db"), runs=True)

    stand.look()

    assert {call.split(" ", maxsplit=1)[0] for call in stand.engine.calls} <= READING


def test_what_dockstores_own_runs_left_is_not_the_users(stand: Stand) -> None:
    stand.volume("dockstore-1-rows", PG, labels={"io.dockstore.run": "1"})
    stand.container("dockstore-1-db", "app:1", marks={"io.dockstore.run": "1"}, files={"/app/a": b"x"})

    report = stand.look()

    assert report.orphans == ()
    assert report.notes == ("2 containers and volumes of dockstore's own runs are left out; `dockstore clean` removes those of dead ones",)


def test_an_earlier_containers_volume_is_found_beside_the_present_one(stand: Stand) -> None:
    stand.container("shop-db-old", "postgres:15", marks=labels("shop", "db"))
    old = next(iter(stand.engine.volumes))
    stand.fill(old, PG)
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)

    orphan = only(stand.look())

    assert (orphan.name, orphan.reasons) == (old, (Reason.EARLIER_CONTAINER,))
    assert orphan.owner is not None
    assert (orphan.owner.confidence, orphan.owner.project, orphan.owner.service) == (Confidence.CERTAIN, "shop", "db")
    assert orphan.owner.target == "/var/lib/postgresql/data"
    assert "container shop-db-1 of the same service has taken its place" in orphan.owner.why


def test_a_project_whose_folder_is_gone_has_orphans_though_its_containers_are_there(stand: Stand) -> None:
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db", "/srv/shop"))
    stand.fill(next(iter(stand.engine.volumes)), PG)

    orphan = only(stand.look(here=True))

    assert orphan.reasons == (Reason.FOLDER_GONE,)


def test_a_project_whose_folder_is_there_is_merely_stopped(stand: Stand) -> None:
    stand.engine.host_files.put("/srv/shop/compose.yaml", b"services: {}")
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db", "/srv/shop"))
    stand.fill(next(iter(stand.engine.volumes)), PG)

    assert stand.look(here=True).orphans == ()


def test_whether_a_folder_is_gone_is_not_asked_on_another_machine(stand: Stand) -> None:
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db", "/srv/shop"))
    stand.fill(next(iter(stand.engine.volumes)), PG)

    assert stand.look(here=False).orphans == ()


def test_a_running_project_without_its_folder_is_a_note(stand: Stand) -> None:
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db", "/srv/shop"), runs=True)

    report = stand.look(here=True)

    assert report.orphans == ()
    assert report.notes == ("project shop runs, but its folder /srv/shop is not there any more",)


# --- layers -------------------------------------------------------------------------------------------------------------


def test_a_stopped_containers_layer_with_data_is_found(stand: Stand) -> None:
    stand.container("notes", "app:1", marks=labels("pad", "app"), files={"/app/data/notes.db": SQLITE, "/var/log/app.log": b"x"})

    orphan = only(stand.look())

    assert (orphan.id, orphan.kind, orphan.files, orphan.size_bytes) == ("layer:notes", "layer", 1, len(SQLITE))
    assert orphan.contents[0].path == "app/data/notes.db"
    assert orphan.owner is not None
    assert (orphan.owner.said, orphan.owner.confidence) == ("pad / app", Confidence.CERTAIN)


@pytest.mark.parametrize("path", ["/var/log/app.log", "/run/app.pid", "/tmp/x", "/root/.bash_history", "/var/cache/a"])
def test_a_layer_with_nothing_but_logs_and_the_like_is_no_orphan(path: str, stand: Stand) -> None:
    stand.container("app", "app:1", files={path: b"x"})

    assert stand.look().orphans == ()


def test_what_the_engine_makes_for_mounts_is_no_data(stand: Stand) -> None:
    stand.engine.host_files.put("/srv/a.conf", b"x")
    stand.container("app", "app:1", binds=("/srv/a.conf:/etc/a.conf",))
    upper = next(iter(stand.engine.containers.values())).upper
    upper.put("etc/a.conf", FakeFile(data=b""))
    upper.put("sbin/docker-init", b"")

    assert stand.look().orphans == ()


def test_what_is_in_the_layer_for_its_owner_only_is_the_images_own(stand: Stand) -> None:
    made = stand.container("app", "app:1")
    container = stand.engine.containers[made]
    container.upper.put("app/code.py", container.image.layers[-1].files["app/code.py"])
    stand.engine.lowers[made] = str(container.image.layers[-1].host_path)

    assert stand.look().orphans == ()


def test_a_running_containers_layer_is_no_orphan(stand: Stand) -> None:
    stand.container("app", "app:1", files={"/app/a": b"x"}, runs=True)

    assert stand.look().orphans == ()


def test_a_container_that_never_ran_has_nothing(stand: Stand) -> None:
    stand.engine.create_container("app", {"Image": "app:1"})

    assert stand.look().orphans == ()


def test_a_layer_that_the_host_cannot_see_is_told_by_the_engines_diff(stand: Stand) -> None:
    stand.container("notes", "app:1", files={"/app/dump.rdb": RDB, "/var/log/a.log": b"x"})
    stand.host.blind = "the engine is on another machine"

    report = stand.look()

    orphan = only(report)
    assert (orphan.size_bytes, orphan.files, orphan.unseen) == (None, 1, "the engine is on another machine")
    assert orphan.contents[0].id == "redis"
    assert report.limits == (
        "sizes and contents are not known: the engine is on another machine; --helper looks through a container of dockstore's own",
    )


# --- what cannot be looked at -------------------------------------------------------------------------------------------


def test_a_volume_that_cannot_be_looked_into_is_listed_with_its_owner_and_the_reason(stand: Stand) -> None:
    stand.volume("shop_db", PG, labels={f"{COMPOSE}.project": "shop"})
    stand.host.blind = "permission denied"

    orphan = only(stand.look())

    assert (orphan.size_bytes, orphan.files, orphan.unseen, orphan.contents[0].id) == (None, None, "permission denied", "unknown")
    assert orphan.owner is not None
    assert orphan.owner.project == "shop"
    assert [step.what for step in orphan.steps] == ["look", "copy", "mount"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"type": "tmpfs", "device": "tmpfs"}, "it is memory, and empty while no container that runs mounts it"),
        ({"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"}, "its bytes lie behind :/export (nfs), which is not mounted"),
    ],
    ids=["memory", "a share"],
)
def test_a_mountpoint_without_the_bytes_is_never_taken_for_empty(options: dict[str, str], reason: str, stand: Stand) -> None:
    stand.volume("rows", {}, options=options)

    orphan = only(stand.look())

    assert (orphan.size_bytes, orphan.unseen, orphan.empty) == (None, reason, False)


def test_a_volume_that_is_really_a_folder_is_looked_for_in_that_folder(stand: Stand) -> None:
    stand.volume("rows", {}, options={"type": "none", "o": "bind", "device": "/srv/rows"})
    for path, data in PG.items():
        stand.engine.host_files.put(f"/srv/rows/{path}", data)

    orphan = only(stand.look())

    assert (orphan.contents[0].id, orphan.host_path) == ("postgresql", "/srv/rows")


def test_a_volume_with_more_files_than_the_limit_is_said_to_hold_at_least_that(stand: Stand) -> None:
    stand.volume("rows", {f"{number}.jpg": b"xx" for number in range(20)})

    orphan = only(stand.look(limit_files=5))

    assert (orphan.files, orphan.size_bytes, orphan.at_least) == (5, 10, True)


def test_behind_a_socket_that_hides_the_engine_its_containers_ids_prove_whose_files_are_seen(stand: Stand) -> None:
    blind = NoHost("who listens is systemd")
    made = stand.container("app", "app:1")

    before = proven_by_ids(stand.engine, blind, stand.host)
    stand.engine.host_files.put(f"/var/lib/docker/containers/{made}/config.v2.json", b"{}")
    after = proven_by_ids(stand.engine, blind, stand.host)

    assert (before, after) == (blind, stand.host)


def test_a_volumes_name_alone_proves_nothing(stand: Stand) -> None:
    blind = NoHost("who listens is systemd")
    stand.volume("shop_db", PG)

    assert proven_by_ids(stand.engine, blind, stand.host) is blind


def test_an_engine_that_remembers_nothing_is_no_failure(stand: Stand) -> None:
    stand.volume("rows", PG)
    stand.engine.fail["past_events"] = Unsure("list past events: no answer")

    assert only(stand.look()).name == "rows"


def test_an_engine_that_does_not_list_is_a_failure(stand: Stand) -> None:
    stand.engine.fail["list_volumes"] = Unsure("list volumes: no answer")

    with pytest.raises(EngineError):
        stand.look()
