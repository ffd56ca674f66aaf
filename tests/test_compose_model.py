"""Compose's JSON to a Stack, and the places of a user's file: anchors, merges, extends, short and long syntax, comments."""

from __future__ import annotations

from typing import Any

import pytest
from composing import FILE, POSTGRES_15, config, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core.compose_model import extension, image_facts, images_of
from dockstore.core.compose_places import ComposePlaces, cleaned, short_target
from dockstore.core.source import Table, loose, plain
from dockstore.core.stack_model import Spot

TEXT = """\
x-base: &base
  restart: always
  image: postgres:16
services:
  db:
    <<: *base
    environment:
      - PGDATA=/data/pg
    volumes:
      - pg:/var/lib/postgresql/data   # dockstore: ignore[DS203, DS102]: moved next week
      - type: tmpfs
        target: /scratch/
      - "${SHARE:-/srv/share}:/share:ro"
    tmpfs: /run:size=1m
  web:
    extends: {service: db}
    # dockstore: ignore[DS902]
    image: !override example/web:1
    command: ["echo", "# dockstore: ignore[DS101]: not a comment"]
volumes:
  pg:
"""


@pytest.fixture
def places() -> ComposePlaces:
    return ComposePlaces({FILE: TEXT})


def at(line: int, column: int) -> Spot:
    return Spot(file=FILE, line=line, column=column)


def test_a_service_a_volume_and_a_variable_have_their_places(places: ComposePlaces) -> None:
    found = places.service("db"), places.volume("pg"), places.variable("db", "PGDATA")

    assert found == (at(5, 3), at(21, 3), at(8, 9))


def test_a_key_behind_a_merge_key_is_found_where_it_is_written(places: ComposePlaces) -> None:
    assert places.key("db", "image") == at(3, 3)


def test_an_extended_service_has_its_mounts_where_the_other_writes_them(places: ComposePlaces) -> None:
    assert places.mount("web", "/var/lib/postgresql/data") == at(10, 9)


@pytest.mark.parametrize(
    ("target", "line"),
    [("/var/lib/postgresql/data", 10), ("/scratch", 11), ("/share", 13), ("/run", 14)],
    ids=["short", "long", "with a variable", "tmpfs"],
)
def test_a_mount_is_found_by_its_target(places: ComposePlaces, target: str, line: int) -> None:
    found = places.mount("db", target)

    assert found is not None
    assert found.line == line


def test_a_tag_does_not_hide_a_value(places: ComposePlaces) -> None:
    assert places.key("web", "image") == at(18, 5)


def test_ignore_comments_are_read_with_rules_reason_and_place(places: ComposePlaces) -> None:
    found = [(ignore.rules, ignore.reason, ignore.spot.line, ignore.alone) for ignore in places.ignores]

    assert found == [(("DS203", "DS102"), "moved next week", 10, False), (("DS902",), None, 17, True)]


def test_a_path_of_keys_leads_to_the_deepest_place_that_is_written(places: ComposePlaces) -> None:
    assert places.path("services", "db", "volumes", "1", "tmpfs") == at(11, 9)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/data", "/data"),
        ("db:/data", "/data"),
        ("./a:/data:ro", "/data"),
        ("${A:-/x:y}:/data:ro,z", "/data"),
        ("db:${TARGET}", "${TARGET}"),
        ("/run:size=1m,mode=1777", "/run"),
    ],
)
def test_the_target_of_a_short_mount(text: str, target: str) -> None:
    assert short_target(text) == target


def test_a_path_is_cleaned_as_the_engine_cleans_it() -> None:
    assert [cleaned(path) for path in ("/d//e/", "/", "//", "/a/../b")] == ["/d/e", "/", "/", "/b"]


def test_an_alias_is_the_very_node_of_its_anchor() -> None:
    root = loose("a: &x {b: [1, 2]}\nc: *x\n").documents[0]

    assert isinstance(root, Table)
    assert root.get("a") is root.get("c")
    assert plain(root) == {"a": {"b": ["1", "2"]}, "c": {"b": ["1", "2"]}}


def test_a_laugh_of_a_billion_is_read_in_a_moment() -> None:
    lines = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 9)}]" for n in range(1, 30)]

    assert len(loose("\n".join(lines)).documents) == 1


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!<>|#'\"\n \t%@`,?$", max_size=200))
def test_no_text_makes_the_lenient_reader_raise(text: str) -> None:
    loose(text)
    ComposePlaces({FILE: text}).mount("a", "/b")


def test_what_compose_resolved_is_a_stack_with_places() -> None:
    services: dict[str, dict[str, Any]] = {
        "db": {
            "image": "postgres:16",
            "environment": {"PGDATA": "/data/pg", "PASSWORD": "$$ecret", "EMPTY": None},
            "volumes": ["pg:/var/lib/postgresql/data", "/anonymous", "/srv/share:/share:ro"],
            "tmpfs": ["/run:size=1m,mode=1777"],
            "deploy": {"replicas": 3},
            "stop_grace_period": "1m30s",
            "depends_on": {"web": {"condition": "service_started"}},
        },
        "web": {"build": {"context": "/x"}, "volumes_from": ["db:ro"], "secrets": [{"source": "key", "target": "/run/secrets/key"}]},
    }

    found = stack_of(services, {"pg": None, "fixed": {"name": "fixed"}, "ext": {"name": "ext", "external": True}}, text=TEXT)

    db, web = found.services
    assert [(mount.kind, mount.target, mount.source, mount.volume, mount.read_only) for mount in db.mounts] == [
        ("volume", "/var/lib/postgresql/data", "pg", "shop_pg", False),
        ("volume", "/anonymous", None, None, False),
        ("bind", "/share", "/srv/share", None, True),
        ("tmpfs", "/run", None, None, False),
    ]
    assert (db.replicas, db.stop_grace_seconds, db.depends_on, db.environment["PASSWORD"]) == (3, 90.0, ("web",), "$ecret")
    assert (web.built, web.image.reference) == (True, "shop-web")
    assert [(mount.kind, mount.target, mount.read_only, mount.declared_by) for mount in web.mounts] == [
        ("secret", "/run/secrets/key", True, "compose"),
        ("volume", "/var/lib/postgresql/data", True, "volumes_from"),
        ("volume", "/anonymous", True, "volumes_from"),
        ("bind", "/share", True, "volumes_from"),
    ]
    assert {volume.key: (volume.name_fixed, volume.external) for volume in found.volumes} == {
        "pg": (False, False),
        "fixed": (True, False),
        "ext": (True, True),
    }


def test_an_images_volume_is_a_mount_where_nothing_else_is_mounted() -> None:
    images = {"postgres:15": POSTGRES_15}

    over, beside = (
        stack_of({"db": {"image": "postgres:15", "volumes": [text]}}, {"pg": None}, images=images)
        for text in ("pg:/var/lib/postgresql/data", "pg:/x")
    )

    assert [mount.declared_by for mount in over.services[0].mounts] == ["compose"]
    assert [(mount.declared_by, mount.target) for mount in beside.services[0].mounts] == [
        ("compose", "/x"),
        ("image VOLUME", "/var/lib/postgresql/data"),
    ]


def test_images_are_named_once() -> None:
    services: dict[str, dict[str, Any]] = {"a": {"image": "x:1"}, "b": {"image": "x:1"}, "c": {"build": {}}}

    assert images_of(config(services)) == ("x:1", "shop-c")


def test_an_engines_answer_is_read_as_facts() -> None:
    inspected: dict[str, object] = {
        "Id": "sha256:1",
        "Config": {
            "Volumes": {"/data/": {}},
            "Env": ["A=b=c"],
            "User": "999",
            "WorkingDir": "/w",
            "Cmd": ["x"],
            "Entrypoint": None,
            "Healthcheck": {"Test": ["CMD", "y"]},
        },
    }

    facts = image_facts("x:1", inspected)

    assert (facts.volumes, dict(facts.environment), facts.user, facts.command, facts.entrypoint, facts.has_healthcheck) == (
        ("/data",),
        {"A": "b=c"},
        "999",
        ("x",),
        (),
        True,
    )


def test_x_dockstore_is_read_with_its_probes() -> None:
    root = loose(
        "ready: pg_isready\nprobes:\n  rows: {write: 'echo $$DOCKSTORE_NONCE', read: cat, user: postgres, read_in: web}\n  half: {write: x}\n"
    ).documents[0]

    assert isinstance(root, Table)
    found = extension(root)

    assert found.ready == "pg_isready"
    assert [(probe.name, probe.write, probe.read, probe.user, probe.read_in) for probe in found.probes] == [
        ("rows", "echo $DOCKSTORE_NONCE", "cat", "postgres", "web")
    ]
