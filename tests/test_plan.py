"""Names and labels: legal, unique to the run, and told for everything that a scenario names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core.image_plan import Base, ImagePlan, image_plans
from dockstore.core.model import (
    BindMount,
    ContainerSpec,
    EngineInfo,
    ImageMount,
    ImageSpec,
    LayerEntry,
    Place,
    PlaceKind,
    VolumeMount,
    VolumeSpec,
)
from dockstore.core.plan import Plan, RunIdentity, object_name, plan, reference, scratch_folder
from dockstore.core.script import (
    At,
    Commit,
    Create,
    CreateVolume,
    Export,
    Import,
    Inspect,
    Matrix,
    Read,
    RemoveImage,
    RemoveVolume,
    Rename,
    Run,
    Scenario,
    Together,
    Update,
)

AT = At(line=1)
RUN = "4f1c2d3e" * 4
IDENTITY = RunIdentity(run=RUN, pid=4711, pid_start=123456, host="boot/4026531836", created="2026-11-24T06:30:00Z")
INFO = EngineInfo(
    address="unix:///run/docker.sock",
    engine_id="ABCD",
    product="Docker Engine",
    version="20.10.24",
    api_version="1.41",
    storage_driver="overlay2",
    image_store="graphdriver",
    data_root="/var/lib/docker",
)
OBJECT_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
REFERENCE = re.compile(r"localhost/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*:1")


def planned(*, ordinal: int = 3, scratch: str = "/var/tmp/dockstore-4f1c2d3e-3", **parts: Any) -> Plan:
    scenario = Scenario(title="one fact", file="one.scenario.yaml", text="", **parts)
    return plan(scenario, INFO, IDENTITY, ordinal=ordinal, scratch=scratch, lab_image="localhost/dockstore-lab:1")


def host(path: str) -> Place:
    return Place(PlaceKind.HOST, "", path)


def test_every_object_says_who_made_it() -> None:
    made = planned()

    assert made.labelled("n1") == {
        "io.dockstore.run": RUN,
        "io.dockstore.scenario": "one fact",
        "io.dockstore.pid": "4711",
        "io.dockstore.pid-start": "123456",
        "io.dockstore.host": "boot/4026531836",
        "io.dockstore.created": "2026-11-24T06:30:00Z",
        "io.dockstore.nonce": "n1",
    }


def test_a_container_is_named_by_run_number_and_name() -> None:
    made = planned(containers=(ContainerSpec(name="db"),))

    assert made.container_name("db") == "dockstore-4f1c2d3e-3-db"


def test_the_names_of_a_rename_and_of_steps_are_planned_too() -> None:
    web, app = ContainerSpec(name="web"), ContainerSpec(name="app")
    steps = (
        Run(at=AT, spec=web),
        Rename(at=AT, container="web", to="web-old"),
        Together(at=AT, steps=(Create(at=AT, spec=app), Rename(at=AT, container="app", to="other_project-app-1"))),
    )

    made = planned(steps=steps)

    assert made.containers == {
        "web": "dockstore-4f1c2d3e-3-web",
        "app": "dockstore-4f1c2d3e-3-app",
        "web-old": "dockstore-4f1c2d3e-3-web-old",
        "other_project-app-1": "dockstore-4f1c2d3e-3-other_project-app-1",
    }


def test_volumes_are_named_wherever_they_are_written() -> None:
    mounted = ContainerSpec(name="a", mounts=(VolumeMount(target="/d", source="rows"), VolumeMount(target="/e", flag=True)))
    later = ContainerSpec(name="a", mounts=(VolumeMount(target="/d", source="updated"),))
    steps = (
        CreateVolume(at=AT, spec=VolumeSpec(name="made")),
        RemoveVolume(at=AT, volume="removed"),
        Inspect(at=AT, look="x", kind="volume", name="inspected"),
        Read(at=AT, look="y", place=Place(PlaceKind.VOLUME, "read", "row")),
        Update(at=AT, container="a", spec=later, keys=("mounts",)),
    )

    made = planned(containers=(mounted,), volumes=(VolumeSpec(name="mem"),), steps=steps)

    assert set(made.volumes) == {"rows", "made", "removed", "inspected", "read", "updated", "mem"}
    assert made.volume_name("rows") == "dockstore-4f1c2d3e-3-rows"


def test_an_anonymous_volume_has_no_name_of_ours() -> None:
    old = VolumeSpec(name="old", anonymous_of=Place(PlaceKind.CONTAINER, "db", "/data"))

    made = planned(volumes=(old,), containers=(ContainerSpec(name="db", mounts=(VolumeMount(target="/data", source="old"),)),))

    assert made.aliases == {"old": Place(PlaceKind.CONTAINER, "db", "/data")}
    assert made.volumes == {}


def test_images_of_the_file_and_of_steps_are_ours_and_others_the_users() -> None:
    steps = (
        Commit(at=AT, container="a", image="Kept_1"),
        Import(at=AT, source=host("a.tar"), image="flat"),
        RemoveImage(at=AT, image="app"),
        Inspect(at=AT, look="x", kind="image", name="busybox:1.36"),
    )
    pictured = ContainerSpec(name="a", image="postgres:16", mounts=(ImageMount(target="/i", source="app"), ImageMount(target="/j", source="nginx")))

    made = planned(images=(ImageSpec(name="app", base="debian:12"),), containers=(pictured,), steps=steps)

    assert made.images == {
        "app": "localhost/dockstore-4f1c2d3e-3-app:1",
        "Kept_1": "localhost/dockstore-4f1c2d3e-3-kept-1-c495d9917b:1",
        "flat": "localhost/dockstore-4f1c2d3e-3-flat:1",
    }
    assert made.foreign == ("debian:12", "postgres:16", "nginx", "busybox:1.36")
    assert made.image_reference("postgres:16") == "postgres:16"


@pytest.mark.parametrize("name", [None, "lab"])
def test_the_lab_image_goes_by_its_reference(name: str | None) -> None:
    made = planned()

    assert made.image_reference(name) == "localhost/dockstore-lab:1"
    assert made.is_lab(name)
    assert made.is_ours(name)


def test_an_image_has_our_shell_if_the_lab_image_is_at_its_bottom() -> None:
    images = (
        ImageSpec(name="top", base="app"),
        ImageSpec(name="app"),
        ImageSpec(name="bare", base="scratch"),
        ImageSpec(name="theirs", base="postgres:16"),
    )
    steps = (
        Run(at=AT, spec=ContainerSpec(name="a", image="top")),
        Rename(at=AT, container="a", to="b"),
        Commit(at=AT, container="b", image="kept"),
        Export(at=AT, container="b", to=host("b.tar")),
        Import(at=AT, source=host("b.tar"), image="flat"),
        Run(at=AT, spec=ContainerSpec(name="c", image="theirs")),
        Commit(at=AT, container="c", image="kept-of-theirs"),
        Import(at=AT, source=host("other.tar"), image="unknown"),
    )

    made = planned(images=images, steps=steps)

    assert made.lab_images == {"top", "app", "kept", "flat"}
    assert not made.is_lab("bare")
    assert made.is_ours("bare")
    assert not made.is_ours("postgres:16")


def test_images_are_built_after_what_they_stand_on() -> None:
    images = (ImageSpec(name="c", base="b"), ImageSpec(name="b", base="a"), ImageSpec(name="a"), ImageSpec(name="d", base="scratch"))

    made = planned(images=images)

    assert [image.name for image in made.built] == ["a", "b", "c", "d"]
    assert made.images_before(0) == made.built


def test_an_image_that_stands_on_itself_ends_the_planning_too() -> None:
    made = planned(images=(ImageSpec(name="a", base="b"), ImageSpec(name="b", base="a")))

    assert {image.name for image in made.built} == {"a", "b"}


def test_only_volumes_with_options_that_no_step_creates_are_made_by_the_runner() -> None:
    options = (("type", "tmpfs"), ("device", "tmpfs"))
    memory, labelled = VolumeSpec(name="mem", driver_opts=options), VolumeSpec(name="labelled", labels=(("a", "b"),))
    volumes = (
        memory,
        labelled,
        VolumeSpec(name="by-a-step", driver_opts=options),
        VolumeSpec(name="second", engine="second"),
        VolumeSpec(name="old", anonymous_of=Place(PlaceKind.CONTAINER, "db", "/data")),
    )

    made = planned(volumes=volumes, steps=(CreateVolume(at=AT, spec=volumes[2]),))

    assert made.volumes_to_create == (memory, labelled)
    assert made.volumes_before(0) == (memory, labelled)


def test_in_a_table_a_chains_own_things_are_made_when_it_begins() -> None:
    images = (ImageSpec(name="app"), ImageSpec(name="app2"))
    volumes = (VolumeSpec(name="memory2", driver_opts=(("type", "tmpfs"),)),)
    second = ContainerSpec(name="db2", image="app2", mounts=(VolumeMount(target="/s/tmpfs-volume", source="memory2"),))
    steps = (Run(at=AT, spec=ContainerSpec(name="db", image="app")), Run(at=AT, spec=second))
    matrix = Matrix(stores=(), events=(), cells={})

    made = planned(images=images, volumes=volumes, steps=steps, matrix=matrix)

    assert [[image.name for image in made.images_before(step)] for step in (0, 1)] == [["app"], ["app2"]]
    assert [[volume.name for volume in made.volumes_before(step)] for step in (0, 1)] == [[], ["memory2"]]


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("shared", "/scratch/shared"),
        ("./shared/x", "/scratch/shared/x"),
        (".", "/scratch"),
        ("./", "/scratch"),
        ("", "/scratch"),
        ("/srv/data", "/srv/data"),
    ],
)
def test_a_host_path_lies_in_the_scratch_folder(path: str, whole: str) -> None:
    assert planned(scratch="/scratch/").host_path(path) == whole


def test_the_scratch_folder_is_the_scenarios_own() -> None:
    assert scratch_folder("/var/tmp/", IDENTITY, 3) == "/var/tmp/dockstore-4f1c2d3e-3"


def test_needs_that_the_engine_does_not_meet_stand_in_the_plan() -> None:
    assert planned(needs=("restart-engine", "not live-restore")).unmet == ("restart-engine",)


def test_a_long_name_is_cut_and_stays_unique() -> None:
    one, other = "x" * 200 + "1", "x" * 200 + "2"

    made = planned(containers=(ContainerSpec(name=one), ContainerSpec(name=other)))

    assert {len(name) for name in made.containers.values()} == {128}
    assert len(set(made.containers.values())) == 2


def test_names_that_would_come_out_alike_are_told_apart() -> None:
    made = planned(containers=(ContainerSpec(name="a b"), ContainerSpec(name="a-b")))

    assert len(set(made.containers.values())) == 2


@settings(deadline=None)
@given(st.text(min_size=1, max_size=300))
def test_every_name_is_legal(name: str) -> None:
    assert OBJECT_NAME.fullmatch(object_name("dockstore-4f1c2d3e-1-", name))
    assert REFERENCE.fullmatch(reference("localhost/dockstore-4f1c2d3e-1-", name))


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab_.-A/:", min_size=1, max_size=6), unique=True))
def test_two_things_never_share_a_name(names: list[str]) -> None:
    made = planned(
        containers=tuple(ContainerSpec(name=name, mounts=(VolumeMount(target="/d", source=name),)) for name in names),
        images=tuple(ImageSpec(name=name) for name in names if name not in {"lab", "scratch"}),
    )

    for given_names in (made.containers, made.volumes, made.images):
        assert len(set(given_names.values())) == len(names)


def test_two_scenarios_of_a_run_share_no_name() -> None:
    spec = ContainerSpec(name="db", mounts=(VolumeMount(target="/d", source="rows"), BindMount(target="/b", source="b")))

    one, other = planned(containers=(spec,), ordinal=1), planned(containers=(spec,), ordinal=11)

    assert not {*one.containers.values(), *one.volumes.values()} & {*other.containers.values(), *other.volumes.values()}


def test_an_order_for_an_image_says_what_it_stands_on() -> None:
    layers = ((LayerEntry(path="/one", content="one"),),)
    images = (
        ImageSpec(name="app", layers=layers, volume=("/data",), user="1000", cmd=("sleep", "1")),
        ImageSpec(name="top", base="app"),
        ImageSpec(name="bare", base="scratch"),
        ImageSpec(name="theirs", base="postgres:16"),
    )
    made = planned(images=images)
    nonces = iter(["n1", "n2", "n3", "n4"])

    orders = image_plans(made.built, made, nonce=lambda: next(nonces))

    assert orders[0] == ImagePlan(
        name="app",
        reference="localhost/dockstore-4f1c2d3e-3-app:1",
        base=Base.LAB,
        base_reference="localhost/dockstore-lab:1",
        layers=layers,
        config={"Labels": made.labelled("n1"), "Volumes": {"/data": {}}, "User": "1000", "Cmd": ["sleep", "1"]},
        spec=images[0],
    )
    assert [(order.base, order.base_reference) for order in orders[1:]] == [
        (Base.FILE, "localhost/dockstore-4f1c2d3e-3-app:1"),
        (Base.SCRATCH, ""),
        (Base.FOREIGN, "postgres:16"),
    ]
    assert orders[1].config == {"Labels": made.labelled("n2")}


def test_the_run_id_is_short_in_names() -> None:
    assert replace(IDENTITY, run="0123456789abcdef").short == "01234567"
