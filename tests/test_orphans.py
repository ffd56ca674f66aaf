"""What is nobody's, whose it was, and how it comes back; on a fake engine, which is never changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fake_files import FakeFile
from fakes import FakeEngine, FakeHost
from test_recognise import BOLT, PG, RDB, SQLITE

from dockstore.core.orphans import Confidence, Orphan, OrphansReport, Reason
from dockstore.engines.errors import EngineError, Unsure
from dockstore.engines.no_host import NoHost
from dockstore.runner.orphans import look_for_orphans, proven_by_ids
from dockstore.runner.traces import read_traces

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


@pytest.fixture
def stand() -> Stand:
    return Stand()


def only(report: OrphansReport) -> Orphan:
    assert len(report.orphans) == 1, [orphan.id for orphan in report.orphans]
    return report.orphans[0]


# --- what is nobody's -----------------------------------------------------------------------------------------------------


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


# --- layers ---------------------------------------------------------------------------------------------------------------


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


# --- what cannot be looked at ---------------------------------------------------------------------------------------------


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


# --- whose it was ---------------------------------------------------------------------------------------------------------


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


# --- the way back ---------------------------------------------------------------------------------------------------------


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
