"""The static rules played for stacks: fates by event and store, findings with their places, silence where nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from composing import FILE, MODERN, OLD, POSTGRES_15, audited, fates, row, rules, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core.audit_rows import Missing, routine
from dockstore.core.known_images import KNOWN
from dockstore.core.rules import RULES, SEVERITIES
from dockstore.core.stack_events import EVENTS
from dockstore.core.stack_model import ImageFacts, Spot, StackMount, StackVolume
from dockstore.core.stack_outcome import LOSSES, exit_code
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.core.storage_rules import COURSES, Ground, held, predict

DATA = "/var/lib/postgresql/data"
POSTGRES = {"postgres:15": POSTGRES_15}
KEPT, LOST, ORPHANED = "persisted", "lost", "orphaned"


def anonymous() -> StackMount:
    return StackMount(kind="volume", target="/data", declared_by="image VOLUME")


def named() -> StackMount:
    return StackMount(kind="volume", target="/data", source="rows", volume="shop_rows")


def volume(**options: str) -> dict[str, StackVolume]:
    return {"rows": StackVolume(key="rows", name="shop_rows", driver_opts=options)}


def told(mount: StackMount | None, event: str, ground: Ground = MODERN, volumes: dict[str, StackVolume] | None = None) -> str:
    return predict(held(mount, volumes if volumes is not None else volume()), event, ground).fate.value


# --- the matrix of what engines were seen to do -----------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["restart", "stop+start", "kill+start", "engine-restart", "engine-kill", "reboot"])
def test_what_only_ends_the_process_ends_only_memory(event: str) -> None:
    found = [told(None, event), told(anonymous(), event), told(named(), event), told(StackMount(kind="tmpfs", target="/data"), event)]

    assert found == [KEPT, KEPT, KEPT, LOST]


@pytest.mark.parametrize(
    ("event", "layer", "anon", "name"),
    [
        ("recreate", LOST, KEPT, KEPT),
        ("remove+run", LOST, ORPHANED, KEPT),
        ("down+up", LOST, ORPHANED, KEPT),
        ("renew", LOST, ORPHANED, KEPT),
        ("stop+system-prune", LOST, ORPHANED, KEPT),
        ("remove-v+run", LOST, LOST, KEPT),
        ("down-v+up", LOST, LOST, LOST),
        ("stop+system-prune-volumes", LOST, LOST, KEPT),
        ("down+volume-prune", LOST, LOST, KEPT),
        ("down+volume-prune-all", LOST, LOST, LOST),
        ("system-prune-volumes", KEPT, KEPT, KEPT),
        ("upgrade", LOST, KEPT, KEPT),
        ("down+upgrade", LOST, ORPHANED, KEPT),
    ],
)
def test_what_becomes_of_layer_anonymous_and_named_volume(event: str, layer: str, anon: str, name: str) -> None:
    assert (told(None, event), told(anonymous(), event), told(named(), event)) == (layer, anon, name)


@pytest.mark.parametrize("event", ["stop+system-prune-volumes", "down+volume-prune"])
def test_before_api_1_42_a_prune_takes_named_volumes_too(event: str) -> None:
    found = told(named(), event, OLD), told(named(), event, MODERN), told(named(), event, Ground())

    assert found == (LOST, KEPT, "unknown")


def test_an_old_engine_refuses_to_prune_all_so_the_volume_stays() -> None:
    assert told(named(), "down+volume-prune-all", OLD) == KEPT


def test_whether_a_prune_takes_an_unlabelled_anonymous_volume_depends_on_the_engine() -> None:
    mount = replace(anonymous(), declared_by="compose")

    found = [told(mount, "down+volume-prune", replace(MODERN, labels_bare_mounts=labelled)) for labelled in (True, False, None)]

    assert found == [LOST, "unknown", "unknown"]


@pytest.mark.parametrize("event", sorted(COURSES))
def test_a_bind_outlives_every_event_of_the_engine(event: str) -> None:
    found = told(StackMount(kind="bind", target="/data", source="/srv"), event)

    assert found == ("unknown" if event == "power-loss" else KEPT)


@pytest.mark.parametrize("event", ["down+volume-prune-all", "stop+system-prune-volumes"])
def test_a_volume_with_options_survives_every_prune(event: str) -> None:
    found = told(named(), event, OLD, volume(type="none", o="bind", device="/srv"))

    assert found == KEPT


def test_a_volume_in_memory_goes_with_its_last_user() -> None:
    assert told(named(), "restart", MODERN, volume(type="tmpfs", device="tmpfs")) == LOST


def test_down_v_spares_an_external_volume() -> None:
    volumes = {"rows": StackVolume(key="rows", name="rows", external=True)}

    assert told(named(), "down-v+up", MODERN, volumes) == KEPT


@pytest.mark.parametrize(
    ("name_fixed", "volume_fixed", "fate"), [(False, False, ORPHANED), (True, False, KEPT), (False, True, KEPT)], ids=["neither", "project", "volume"]
)
def test_a_renamed_project_finds_its_volumes_only_if_something_fixes_the_name(*, name_fixed: bool, volume_fixed: bool, fate: str) -> None:
    volumes = {"rows": StackVolume(key="rows", name="shop_rows", name_fixed=volume_fixed)}

    assert told(named(), "rename-project", replace(MODERN, name_fixed=name_fixed), volumes) == fate


def test_every_event_of_a_drill_has_a_course_here() -> None:
    assert {event.name for event in EVENTS} <= set(COURSES)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(COURSES)),
    st.sampled_from([None, anonymous(), named(), StackMount(kind="tmpfs", target="/data"), StackMount(kind="bind", target="/data", source="/s")]),
    st.builds(
        Ground, name_fixed=st.booleans(), prune_takes_named=st.sampled_from([None, True, False]), knows_all=st.sampled_from([None, True, False])
    ),
)
def test_knowing_less_of_the_engine_never_turns_into_another_answer_but_unknown(event: str, mount: StackMount | None, ground: Ground) -> None:
    known = told(mount, event, ground)
    less = told(mount, event, replace(ground, prune_takes_named=None))

    assert less in {known, "unknown"}


# --- stacks of known images -------------------------------------------------------------------------------------------------


def test_a_database_on_its_own_folder_is_fine_and_nothing_is_said() -> None:
    report = audited({"db": {"image": "postgres:15", "volumes": [f"pg:{DATA}"]}}, {"pg": None}, images=POSTGRES)

    assert (report.outcome, report.findings, exit_code([report])) == (StackOutcome.KEEPS_DATA, (), 0)
    assert {one.fate for one in report.rows if one.must_survive} == {RowFate.PERSISTED}


@pytest.mark.parametrize(
    ("volumes", "more", "rule"),
    [
        (["pg:/var/lib/postgresql"], {}, "DS301"),
        ([f"pg:{DATA}/base"], {}, "DS302"),
        (["pg:/var/lib/postgresql-data"], {}, "DS303"),
        ([], {}, "DS201"),
        ([f"pg:{DATA}"], {"environment": {"PGDATA": "/data/pg"}}, "DS304"),
        ([f"pg:{DATA}"], {"command": ["postgres", "-D", "/elsewhere"]}, "DS304"),
        ([DATA], {}, "DS202"),
        ([], {"tmpfs": [DATA]}, "DS102"),
        ([f"pg:{DATA}:ro"], {}, "DS401"),
    ],
    ids=["too high", "too deep", "beside", "no mount", "variable", "flag", "no name", "tmpfs", "read only"],
)
def test_each_wrong_mount_of_a_database_is_one_error(volumes: list[str], more: dict[str, object], rule: str) -> None:
    for images in (POSTGRES, None):
        report = audited({"db": {"image": "postgres:15", "volumes": volumes, **more}}, {"pg": None}, images=images)

        assert rules(report, "error") == [rule]
        assert exit_code([report]) == 1
        assert report.outcome in {StackOutcome.LOSES_DATA, StackOutcome.CANNOT_WRITE}
        assert report.findings[0].fix


def test_a_folder_moved_into_its_mount_by_a_variable_is_fine() -> None:
    body = {"image": "postgres:16", "environment": {"PGDATA": "/data/pg"}, "volumes": ["pg:/data"]}

    report = audited({"db": body}, {"pg": None})

    assert rules(report, "error", "warning") == []


def test_from_18_on_the_folder_above_is_the_right_one() -> None:
    right = audited({"db": {"image": "postgres:18", "volumes": ["pg:/var/lib/postgresql"]}}, {"pg": None})
    wrong = audited({"db": {"image": "postgres:18", "volumes": [f"pg:{DATA}"]}}, {"pg": None})

    assert (rules(right, "error"), rules(wrong, "error")) == ([], ["DS303"])
    assert wrong.findings[0].fix == "- pg:/var/lib/postgresql   # not /var/lib/postgresql/data"


def test_from_18_on_postgres_refuses_to_start_with_a_mount_at_the_old_place() -> None:
    body = {"image": "postgres:18", "volumes": [f"pg:{DATA}"]}

    wrong = audited({"db": body}, {"pg": None})
    moved = audited({"db": {**body, "environment": {"PGDATA": f"{DATA}/18"}}}, {"pg": None})

    assert set(fates(wrong, "db", "/var/lib/postgresql/18/docker").values()) == {"cannot-start"}
    assert "refuses to start while something is mounted at /var/lib/postgresql/data" in wrong.findings[0].message
    assert fates(moved, "db", f"{DATA}/18")["down+up"] == KEPT


def test_a_volume_with_a_name_of_one_letter_is_a_drive_to_compose() -> None:
    report = audited({"db": {"image": "mysql:8", "volumes": [{"type": "volume", "target": "x:/var/lib/mysql"}]}}, {"x": None})

    assert rules(report, "error") == ["DS303"]
    assert (report.findings[0].fix, "Windows drive" in report.findings[0].message) == ("give the volume a name of two letters or more", True)


def test_a_volume_beside_another_that_serves_something_is_not_taken_for_the_datas() -> None:
    body = {"image": "gitlab/gitlab-ce:17", "volumes": ["config:/etc/gitlab", "logs:/var/log/gitlab"]}

    report = audited({"git": body}, {"config": None, "logs": None})

    assert rules(report, "error") == ["DS201"]
    assert "git-data:/var/opt/gitlab" in (report.findings[0].fix or "")


@pytest.mark.parametrize(
    ("image", "target"), [("timescale/timescaledb-ha:pg17", "/home/postgres/pgdata/data"), ("bitnami/valkey:8.1", "/bitnami/valkey/data")]
)
def test_an_image_that_keeps_its_data_elsewhere_than_its_namesake_is_not_taken_for_it(image: str, target: str) -> None:
    report = audited({"db": {"image": image, "volumes": [f"kept:{target}"]}}, {"kept": None})

    assert rules(report, "error", "warning") == []
    assert fates(report, "db", target)["down+up"] == "unknown"


def test_a_missing_docker_socket_is_no_missing_store() -> None:
    body = {"image": "traefik:3", "volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]}

    report = audited({"proxy": body}, binds=Missing(absent=frozenset({"/var/run/docker.sock"}), looked=True))

    assert "DS306" not in rules(report, "error", "warning", "advice")


def test_a_prediction_says_that_it_rests_on_an_assumption() -> None:
    found = row(audited({"db": {"image": "mysql:8"}}), "db", "/var/lib/mysql", "down+up")

    assert found.fate is RowFate.ORPHANED
    assert found.rests_on == "the assumption that its name makes it MySQL (https://hub.docker.com/_/mysql)"


def test_a_service_that_runs_something_else_is_no_database() -> None:
    report = audited({"dump": {"image": "postgres:15", "command": ["pg_dumpall", "-h", "db"]}}, images=POSTGRES)

    assert rules(report, "error") == []


def test_a_broker_without_a_host_name_finds_nothing_after_a_new_container() -> None:
    body = {"image": "rabbitmq:4", "volumes": ["q:/var/lib/rabbitmq"]}

    loose = audited({"q": body}, {"q": None})
    fixed = audited({"q": {**body, "hostname": "q"}}, {"q": None})

    assert (rules(loose, "error"), rules(fixed, "error")) == (["DS307"], [])
    assert (fates(loose, "q", "/var/lib/rabbitmq")["recreate"], fates(loose, "q", "/var/lib/rabbitmq")["restart"]) == (ORPHANED, KEPT)


@pytest.mark.parametrize(
    ("command", "killed", "stopped"),
    [
        (None, "unknown", KEPT),
        (["redis-server", "--appendonly", "yes"], KEPT, KEPT),
        (["redis-server", "--save", ""], LOST, LOST),
        (["sh", "-c", "redis-server --save '' --appendonly no"], LOST, LOST),
    ],
    ids=["default", "append only", "never", "never, by a shell"],
)
def test_what_a_cache_has_not_saved_is_only_in_memory(command: list[str] | None, killed: str, stopped: str) -> None:
    report = audited({"r": {"image": "redis:7", "volumes": ["r:/data"], "command": command}}, {"r": None})

    found = fates(report, "r", "/data")

    assert (found["kill+start"], found["stop+start"]) == (killed, stopped)


def test_an_upgrade_that_moves_the_data_is_an_error() -> None:
    before = {"db": {"image": "postgres:17", "volumes": [f"pg:{DATA}"]}}
    after = stack_of({"db": {"image": "postgres:18", "volumes": [f"pg:{DATA}"]}}, {"pg": None})

    report = audited(before, {"pg": None}, upgraded=after)

    assert (rules(report, "error"), row(report, "db", DATA, "upgrade").fate) == (["DS205"], RowFate.CANNOT_START)


def test_files_of_another_major_version_are_a_warning() -> None:
    before = {"db": {"image": "postgres:16", "volumes": [f"pg:{DATA}"]}}
    after = stack_of({"db": {"image": "postgres:17", "volumes": [f"pg:{DATA}"]}}, {"pg": None})

    report = audited(before, {"pg": None}, upgraded=after)

    assert (rules(report, "warning"), row(report, "db", DATA, "upgrade").fate) == (["DS206"], RowFate.CANNOT_START)


def test_an_upgrade_within_a_version_changes_nothing() -> None:
    before = {"db": {"image": "postgres:16.1", "volumes": [f"pg:{DATA}"]}}
    after = stack_of({"db": {"image": "postgres:16.4", "volumes": [f"pg:{DATA}"]}}, {"pg": None})

    assert audited(before, {"pg": None}, upgraded=after).findings == ()


def test_two_servers_on_one_folder_and_two_replicas_are_errors() -> None:
    body = {"image": "mariadb:11", "volumes": ["m:/var/lib/mysql"]}

    two = audited({"a": body, "b": body}, {"m": None})
    replicas = audited({"a": {**body, "deploy": {"replicas": 2}}}, {"m": None})

    assert (rules(two, "error"), rules(replicas, "error")) == (["DS501"], ["DS501"])


def test_the_second_volume_of_an_image_that_it_does_not_use_is_advice() -> None:
    report = audited({"m": {"image": "mongo:7", "volumes": ["m:/data/db"]}}, {"m": None})

    assert (rules(report), report.outcome) == (["DS904"], StackOutcome.KEEPS_DATA)


def test_a_web_servers_content_in_a_volume_is_advice() -> None:
    report = audited({"w": {"image": "nginx:1", "volumes": ["html:/usr/share/nginx/html"]}}, {"html": None})

    assert (rules(report), report.outcome) == (["DS901"], StackOutcome.KEEPS_DATA)


def test_no_tag_is_advice_for_a_database() -> None:
    assert rules(audited({"db": {"image": "mysql", "volumes": ["m:/var/lib/mysql"]}}, {"m": None})) == ["DS903"]


# --- stacks of unknown programs -----------------------------------------------------------------------------------------------


def test_where_an_unknown_program_writes_is_unknown_and_a_word_of_its_owner_settles_it() -> None:
    body = {"image": "example/app:1", "volumes": ["d:/data"]}

    open_ = audited({"app": body}, {"d": None})
    settled = audited({"app": body}, {"d": None}, stateless=("app",))

    assert (open_.outcome, exit_code([open_]), exit_code([open_], allow_undecided=True)) == (StackOutcome.UNDECIDED, 3, 0)
    assert fates(open_, "app", "/")["down+up"] == "unknown"
    assert (row(open_, "app", "/data", "down+up").fate, row(open_, "app", "/data", "down+up").store_fate) == (RowFate.UNKNOWN, KEPT)
    assert (settled.outcome, fates(settled, "app", "/data")["down+up"]) == (StackOutcome.KEEPS_DATA, KEPT)


def test_a_volume_that_an_unknown_image_declares_and_nobody_mounts_is_a_warning_not_an_error() -> None:
    images = {"example/app:1": ImageFacts(reference="example/app:1", known=True, volumes=("/state",))}

    report = audited({"app": {"image": "example/app:1"}}, images=images)

    assert (rules(report, "error"), rules(report, "warning")) == ([], ["DS201"])


def test_a_volume_without_a_name_over_what_can_be_made_again_is_not_spoken_of() -> None:
    report = audited({"app": {"build": {}, "volumes": ["/app/node_modules"]}}, stateless=("app",))

    assert report.findings == ()


def test_a_hole_of_memory_in_a_kept_folder_is_a_warning() -> None:
    body = {"image": "example/app:1", "volumes": ["d:/data"], "tmpfs": ["/data/rows", "/data/cache"]}

    report = audited({"app": body}, {"d": None}, stateless=("app",))

    assert [(one.rule, one.path) for one in report.findings] == [("DS102", "/data/rows")]


def test_a_read_only_root_is_not_taken_for_good_news() -> None:
    report = audited({"app": {"image": "example/app:1", "read_only": True}})

    assert report.outcome is StackOutcome.UNDECIDED


def test_a_user_of_ones_own_may_not_write_a_new_volume() -> None:
    mine = audited({"db": {"image": "grafana/grafana:11", "user": "1000", "volumes": ["g:/var/lib/grafana"]}}, {"g": None})
    theirs = audited({"db": {"image": "grafana/grafana:11", "user": "472", "volumes": ["g:/var/lib/grafana"]}}, {"g": None})

    assert (rules(mine), rules(theirs)) == (["DS402"], [])
    assert fates(mine, "db", "/var/lib/grafana")["restart"] == "unknown"


# --- binds, names, externals ----------------------------------------------------------------------------------------------------


def test_missing_binds_are_told_apart() -> None:
    strict = {"type": "bind", "source": "/b", "target": "/b", "bind": {}}
    body = {"image": "nginx:1", "volumes": ["/a:/data", strict, "/c:/etc/x.conf:ro", "/there:/there"]}

    report = audited({"w": body}, binds=Missing(absent=frozenset({"/a", "/b", "/c"}), looked=True))

    assert [(one.rule, one.severity, one.path) for one in report.findings] == [
        ("DS403", "error", "/b"),
        ("DS306", "warning", "/etc/x.conf"),
        ("DS306", "advice", "/data"),
    ]
    assert report.outcome is StackOutcome.CANNOT_START


def test_a_single_file_that_the_service_may_write_is_advice() -> None:
    body = {"image": "nginx:1", "volumes": ["/etc/a.json:/app/a.json", "/etc/b.json:/app/b.json:ro"]}

    report = audited({"w": body}, binds=Missing(files=frozenset({"/etc/a.json", "/etc/b.json"}), looked=True))

    assert [(one.rule, one.path) for one in report.findings] == [("DS305", "/app/a.json")]


def test_volumes_that_follow_an_unfixed_name_are_said_once() -> None:
    services = {
        "a": {"image": "mysql:8", "volumes": ["a:/var/lib/mysql"]},
        "b": {"image": "redis:7", "volumes": ["b:/data"], "command": ["--appendonly", "yes"]},
    }

    report = audited(services, {"a": None, "b": None}, name_fixed=False)

    assert rules(report) == ["DS203"]


def test_an_external_volume_that_is_not_there_is_advice() -> None:
    body = {"image": "mysql:8", "volumes": ["e:/var/lib/mysql"]}

    report = audited({"db": body}, {"e": {"name": "e", "external": True}}, absent_volumes=frozenset({"e"}))

    assert rules(report) == ["DS204"]


# --- places, ignores, rules -----------------------------------------------------------------------------------------------------

TEXT = f"""\
services:
  db:
    image: postgres:15
    volumes:
      - pg:/var/lib/postgresql
  cache:
    image: mysql:8 {{comment}}
    tmpfs: [{DATA}]
volumes:
  pg:
"""
SERVICES: dict[str, dict[str, Any]] = {"db": {"image": "postgres:15", "volumes": ["pg:/var/lib/postgresql"]}, "cache": {"image": "mysql:8"}}


def test_a_finding_stands_where_one_would_change_the_file() -> None:
    report = audited(SERVICES, {"pg": None}, text=TEXT)

    assert {one.rule: one.spot for one in report.findings} == {"DS301": Spot(file=FILE, line=5, column=9), "DS201": Spot(file=FILE, line=7, column=5)}


def test_an_ignore_with_a_reason_silences_its_line_and_its_rows() -> None:
    text = TEXT.replace("{comment}", "# dockstore: ignore[DS201]: made anew by each test run")

    report = audited({"cache": SERVICES["cache"]}, text=text)

    assert [(one.rule, one.ignored) for one in report.findings] == [("DS201", "made anew by each test run")]
    assert (report.outcome, exit_code([report])) == (StackOutcome.KEEPS_DATA, 0)


def test_an_ignore_without_a_reason_is_reported_and_silences_nothing() -> None:
    text = TEXT.replace("{comment}", "# dockstore: ignore[DS201]")

    report = audited({"cache": SERVICES["cache"]}, text=text)

    assert (rules(report), exit_code([report])) == (["DS201", "DS905"], 1)


def test_an_ignore_of_an_unknown_rule_is_advice() -> None:
    text = TEXT.replace("{comment}", "# dockstore: ignore[DS299]: because")

    assert rules(audited({"cache": SERVICES["cache"]}, text=text), "advice") == ["DS906"]


def test_an_ignore_alone_on_its_line_speaks_of_the_next() -> None:
    text = "services:\n  cache:\n    # dockstore: ignore[DS201]: scratch\n    image: mysql:8\n"

    assert [one.ignored for one in audited({"cache": SERVICES["cache"]}, text=text).findings] == ["scratch"]


def test_every_severity_is_one_that_is_promised() -> None:
    assert {rule.severity for rule in RULES.values()} <= set(SEVERITIES)


def test_every_known_image_has_a_link_and_absolute_paths() -> None:
    for known in KNOWN:
        assert known.link.startswith("https://")
        assert all(kept.path.startswith("/") for kept in known.kept)


def test_an_error_is_always_a_loss_that_a_row_shows() -> None:
    for services in ({"db": {"image": image}} for known in KNOWN for image in (f"{known.names[0]}:{known.newest or 7}",)):
        report = audited(services)

        errors = {(one.service, one.path) for one in report.findings if one.severity == "error"}
        losses = {(one.service, one.path) for one in report.rows if routine(one.event) and one.fate in LOSSES | {RowFate.UNKNOWN}}
        assert errors <= losses
