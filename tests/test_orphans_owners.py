"""Whose an orphan was, and how it comes back."""

from __future__ import annotations

import pytest
from fake_files import FakeFile
from orphaned import COMPOSE, Stand, labels, only
from test_recognise import BOLT, PG, SQLITE

from dockstore.core.orphans import Confidence, Orphan, OrphansReport
from dockstore.runner.traces import read_traces


@pytest.fixture
def stand() -> Stand:
    return Stand()


# --- whose it was -------------------------------------------------------------------------------------------------------


def test_after_down_and_up_the_old_anonymous_volume_is_its_services(stand: Stand) -> None:
    old = stand.volume(None, PG)
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)
    stand.container("shop-cache-1", "redis:7", marks=labels("shop", "cache"), runs=True)
    stand.fill(next(name for name, volume in stand.engine.volumes.items() if name != old and "shop" not in name), PG)

    orphan = only(stand.look())

    assert (orphan.name, orphan.anonymous) == (old, True)
    assert orphan.owner is not None
    assert (orphan.owner.project, orphan.owner.service, orphan.owner.confidence) == ("shop", "db", Confidence.LIKELY)
    assert orphan.owner.target == "/var/lib/postgresql/data"


def test_two_services_that_suit_equally_well_are_both_named_and_neither_is_likely(stand: Stand) -> None:
    stand.volume(None, PG)
    for project in ("shop", "blog"):
        stand.container(f"{project}-db-1", "postgres:15", marks=labels(project, "db"), runs=True)

    orphan = only_full(stand.look())

    assert orphan.owner is not None
    assert orphan.owner.confidence is Confidence.POSSIBLE
    assert {orphan.owner.project, *(other.project for other in orphan.others)} == {"shop", "blog"}


def only_full(report: OrphansReport) -> Orphan:
    found = [orphan for orphan in report.orphans if not orphan.empty]
    assert len(found) == 1, [orphan.id for orphan in found]
    return found[0]


def test_of_two_that_suit_one_service_only_the_one_that_was_changed_last_is_likely(stand: Stand) -> None:
    older, newer = stand.volume(None, PG), stand.volume(None, PG)
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)
    tree = stand.engine.volumes[newer].tree
    tree.put("base/1/5678", FakeFile(data=b"x", birth_ns=1_800_000_000_000_000_000))

    found = {orphan.name: orphan.owner for orphan in stand.look().orphans}

    first, second = found[newer], found[older]
    assert first is not None
    assert second is not None
    assert (first.said, first.confidence) == ("shop / db", Confidence.LIKELY)
    assert (second.said, second.confidence) == ("shop / db", Confidence.POSSIBLE)
    assert second.why[-1] == "against it: 2 volumes suit this service as well, and another of them was changed last"


def test_data_that_bear_a_host_name_are_that_containers(stand: Stand) -> None:
    stand.engine.add_image("rabbitmq:3", {"bin/sh": b"#!"}, {"Volumes": {"/var/lib/rabbitmq": {}}, "Cmd": ["sleep"]})
    stand.volume(None, {"mnesia/rabbit@queue/schema.DAT": b"x"})
    stand.container("mq", "rabbitmq:3", marks=labels("shop", "queue"), runs=True)

    owner = only_full(stand.look()).owner

    assert owner is not None
    assert (owner.service, owner.confidence) == ("queue", Confidence.LIKELY)
    assert "the data bear its host name queue" in owner.why


def test_a_labelled_volume_is_its_projects_for_certain_and_its_likeliest_services(stand: Stand) -> None:
    stand.volume("shop_rows", PG, labels={f"{COMPOSE}.project": "shop", f"{COMPOSE}.volume": "rows"})
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)
    stand.container("shop-app-1", "app:1", marks=labels("shop", "app"), runs=True)

    owner = only_full(stand.look()).owner

    assert owner is not None
    assert (owner.project, owner.service, owner.confidence) == ("shop", "db", Confidence.CERTAIN)
    assert owner.why[0] == "its label names project shop, volume rows"


def test_a_name_that_begins_with_a_known_project_tells(stand: Stand) -> None:
    stand.volume("shop_uploads", {"a.jpg": b"x"})
    stand.container("shop-app-1", "app:1", marks=labels("shop", "app"), runs=True)

    owner = only(stand.look()).owner

    assert owner is not None
    assert (owner.project, owner.confidence) == ("shop", Confidence.LIKELY)


def test_a_name_with_an_unknown_head_is_only_possible(stand: Stand) -> None:
    stand.volume("blog_uploads", {"a.jpg": b"x"})

    owner = only(stand.look()).owner

    assert owner is not None
    assert (owner.project, owner.confidence) == ("blog", Confidence.POSSIBLE)


def test_with_no_container_left_the_image_that_keeps_such_data_is_named(stand: Stand) -> None:
    stand.volume(None, PG)

    owner = only(stand.look()).owner

    assert owner is not None
    assert (owner.image, owner.target, owner.confidence) == ("postgres:15", "/var/lib/postgresql/data", Confidence.POSSIBLE)


def test_files_that_nothing_tells_of_have_no_owner(stand: Stand) -> None:
    stand.volume(None, {"a.bin": b"x"})

    assert only(stand.look()).owner is None


def event(kind: str, action: str, number: str, **attributes: str) -> dict[str, object]:
    return {"Type": kind, "Action": action, "Actor": {"ID": number, "Attributes": attributes}}


def test_what_the_engine_remembers_of_a_removed_container_is_certain(stand: Stand) -> None:
    old = stand.volume(None, {"a.bin": b"x"})
    marks = {f"{COMPOSE}.project": "shop", f"{COMPOSE}.service": "db", "name": "shop-db-1", "image": "postgres:15"}
    stand.engine.remembered = [
        event("container", "create", "c1", **marks),
        event("volume", "mount", old, container="c1", destination="/var/lib/postgresql/data"),
        event("container", "destroy", "c1", **marks),
    ]

    owner = only(stand.look()).owner

    assert owner is not None
    assert (owner.project, owner.service, owner.image, owner.target) == ("shop", "db", "postgres:15", "/var/lib/postgresql/data")
    assert owner.confidence is Confidence.CERTAIN
    assert owner.why[0] == "the engine remembers that container shop-db-1 mounted it at /var/lib/postgresql/data"


def test_who_merely_copied_or_looked_is_no_owner() -> None:
    marks = {f"{COMPOSE}.project": "shop", f"{COMPOSE}.service": "db", "name": "shop-db-1"}
    events = [
        event("container", "create", "c1", **marks),
        event("volume", "mount", "v1", container="c1", destination="/data"),
        event("container", "create", "c2", name="curious_cat"),
        event("volume", "mount", "v1", container="c2", destination="/data"),
        event("volume", "mount", "v2", container="c2", destination="/data"),
        event("volume", "mount", "v2", container="c3", destination="/from"),
    ]

    found = read_traces(events, ["v1", "v2"])

    assert (found["v1"].name, found["v2"].name) == ("shop-db-1", "curious_cat")


def test_what_dockstore_itself_mounted_tells_no_owner() -> None:
    ours = {"io.dockstore.run": "4f" * 16, "name": "dockstore-4f-fill"}
    events = [event("container", "create", "c1", **ours), event("volume", "mount", "v1", container="c1", destination="/data")]

    assert read_traces(events, ["v1"]) == {}


def test_a_label_beats_what_another_container_did_with_the_volume(stand: Stand) -> None:
    stand.volume("shop_db", PG, labels={f"{COMPOSE}.project": "shop"})
    stand.engine.remembered = [event("container", "create", "c1", name="curious_cat"), event("volume", "mount", "shop_db", container="c1")]

    owner = only(stand.look()).owner

    assert owner is not None
    assert owner.project == "shop"


def test_events_that_are_no_mounts_tell_nothing() -> None:
    events: list[dict[str, object]] = [
        {},
        {"Type": "volume", "Action": "mount", "Actor": "x"},
        event("volume", "create", "v1"),
        event("volume", "mount", "v2", container="c"),
    ]

    assert read_traces(events, ["v1"]) == {}


def test_volumes_that_were_made_in_the_same_moment_tell_the_project(stand: Stand) -> None:
    old = stand.volume(None, {"a.bin": b"x"})
    stand.volume("shop_web", {"index.html": b"x"}, labels={f"{COMPOSE}.project": "shop"})
    other = stand.volume("blog_web", {"index.html": b"x"}, labels={f"{COMPOSE}.project": "blog"})
    tree = stand.engine.volumes[other].tree
    tree.files[""] = FakeFile(kind="directory", birth_ns=tree.files[""].birth_ns + 3_600_000_000_000)

    orphan = next(one for one in stand.look().orphans if one.name == old)

    assert orphan.owner is not None
    assert (orphan.owner.project, orphan.owner.confidence) == ("shop", Confidence.POSSIBLE)


def test_no_value_of_a_variable_gets_anywhere(stand: Stand) -> None:
    stand.volume(None, PG)
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)

    assert "sesame" not in repr(stand.look())


# --- the way back -------------------------------------------------------------------------------------------------------


def test_an_anonymous_volume_is_looked_at_read_only_copied_and_the_copy_mounted(stand: Stand) -> None:
    old = stand.volume(None, PG)
    stand.container("shop-db-1", "postgres:15", marks=labels("shop", "db"), runs=True)

    look, copy, mount = (step.command for step in only_full(stand.look()).steps)

    assert look == f"docker run --rm -u 0 --network none -v {old}:/from:ro --entrypoint sh postgres:15 -c 'ls -la /from && du -sh /from'"
    assert copy.startswith(f"docker volume create shop_db_rescued && docker run --rm -u 0 --network none -v {old}:/from:ro -v shop_db_rescued:/to ")
    assert copy.endswith("'cp -a /from/. /to/'")
    assert mount == "docker run -d -v shop_db_rescued:/var/lib/postgresql/data postgres:15"


def test_the_copys_name_is_one_that_no_volume_has(stand: Stand) -> None:
    stand.volume("rows", PG)
    stand.volume("rows_rescued", {})

    orphan = next(one for one in stand.look().orphans if one.name == "rows")

    assert "docker volume create rows_rescued_2 && " in orphan.steps[1].command


def test_a_layers_data_folder_is_copied_out_of_the_container(stand: Stand) -> None:
    stand.container("my notes".replace(" ", "-"), "app:1", files={"/app/data/notes.db": SQLITE})

    steps = {step.what: step.command for step in only(stand.look()).steps}

    assert steps["copy"] == (
        "docker volume create my-notes_rescued && docker cp -a my-notes:/app/data/. - | "
        "docker run --rm -i -u 0 --network none -v my-notes_rescued:/to --entrypoint tar app:1 -x -f - -C /to"
    )
    assert steps["mount"] == "docker run -d -v my-notes_rescued:/app/data app:1"
    assert steps["start"] == "docker start my-notes"


def test_a_host_name_that_the_data_need_is_in_the_command(stand: Stand) -> None:
    stand.volume(None, {"mnesia/rabbit@queue/schema.DAT": b"x"})

    mount = only(stand.look()).steps[-1].command

    assert "--hostname queue" in mount


def test_no_command_ever_removes_anything(stand: Stand) -> None:
    stand.volume(None, PG)
    stand.volume("portainer", {"portainer.db": BOLT})
    stand.container("notes", "app:1", files={"/app/data/notes.db": SQLITE})

    commands = [step.command for orphan in stand.look().orphans for step in orphan.steps]

    assert len(commands) == 10
    assert [command for command in commands if any(word in command.split() for word in ("rm", "rmi", "prune", "kill", "stop", "mv"))] == []


def test_an_empty_volume_needs_no_way_back(stand: Stand) -> None:
    stand.volume("rows", {})

    orphan = only(stand.look())

    assert (orphan.empty, orphan.steps) == (True, ())


def test_what_matters_most_comes_first(stand: Stand) -> None:
    stand.volume("empty", {})
    stand.volume("things", {"a.bin": b"x" * 10_000})
    stand.volume("modules", {".package-lock.json": b"{}"})
    stand.volume("rows", PG)

    assert [orphan.name for orphan in stand.look().orphans] == ["rows", "things", "modules", "empty"]
