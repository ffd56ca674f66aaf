"""A container's configuration as the API's own body, written out."""

from __future__ import annotations

from typing import Any

import pytest

from dockstore.core.create_body import LAB_MAIN, attachable, create_body, update_body, volume_request
from dockstore.core.model import (
    BindMount,
    ContainerSpec,
    EngineInfo,
    Healthcheck,
    ImageMount,
    ImageSpec,
    Mount,
    Place,
    PlaceKind,
    TmpfsMount,
    VolumeMount,
    VolumeSpec,
)
from dockstore.core.plan import Plan, RunIdentity, plan
from dockstore.core.script import Scenario

IDENTITY = RunIdentity(run="4f1c2d3e" * 4, pid=4711, pid_start=123456, host="boot/1", created="2026-11-24T06:30:00Z")
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
LABELS = {
    "io.dockstore.run": "4f1c2d3e" * 4,
    "io.dockstore.scenario": "one fact",
    "io.dockstore.pid": "4711",
    "io.dockstore.pid-start": "123456",
    "io.dockstore.host": "boot/1",
    "io.dockstore.created": "2026-11-24T06:30:00Z",
    "io.dockstore.nonce": "n1",
}
LAB_PROCESS = {
    "Entrypoint": [],
    "Cmd": ["/bin/sh", "-c", "sh; exec sleep infinity"],
    "OpenStdin": True,
    "StdinOnce": False,
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "Tty": False,
}


def planned(*specs: ContainerSpec, **parts: Any) -> Plan:
    scenario = Scenario(title="one fact", file="x", text="", containers=specs, **parts)
    return plan(scenario, INFO, IDENTITY, ordinal=1, scratch="/scratch", lab_image="localhost/dockstore-lab:1")


def body(spec: ContainerSpec, **parts: Any) -> dict[str, Any]:
    return create_body(spec, planned(spec, **parts), nonce="n1")


def host_config(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = body(ContainerSpec(name="a", mounts=(mount,)))["HostConfig"]
    return found


def test_a_lab_container_of_nothing_but_a_name_is_this() -> None:
    assert body(ContainerSpec(name="db")) == {
        "Image": "localhost/dockstore-lab:1",
        "Labels": LABELS,
        **LAB_PROCESS,
        "NetworkDisabled": True,
        "HostConfig": {"Init": True, "LogConfig": {"Type": "none"}, "NetworkMode": "none"},
    }


def test_a_container_of_the_users_image_keeps_the_images_own_ways() -> None:
    assert body(ContainerSpec(name="db", image="postgres:16")) == {"Image": "postgres:16", "Labels": LABELS, "HostConfig": {}}


def test_every_key_of_a_container_reaches_its_field() -> None:
    spec = ContainerSpec(
        name="db",
        command="echo $x",
        entrypoint=("/bin/sh", "-ec"),
        environment=(("A", "1"), ("B", "x=y")),
        user="1000:1000",
        working_dir="/data",
        read_only=True,
        restart="on-failure:3",
        mem_limit_bytes=64 << 20,
        shm_size_bytes=1 << 20,
        pid="container:other",
        ipc="container:other",
        stop_signal="SIGINT",
        init=False,
        network_mode="container:other",
        healthcheck=Healthcheck(test=("CMD-SHELL", "test -e /up"), interval_seconds=0.5, timeout_seconds=2, retries=1, start_period_seconds=3),
        volumes_from=("other:ro", "third"),
        tmpfs=("/run", "/mem:size=1m,mode=1777"),
        rm=True,
    )

    made = create_body(spec, planned(spec, ContainerSpec(name="other"), ContainerSpec(name="third")), nonce="n1")

    assert made == {
        "Image": "localhost/dockstore-lab:1",
        "Labels": LABELS,
        "Entrypoint": ["/bin/sh", "-ec"],
        "Cmd": ["sh", "-c", "echo $x"],
        "Env": ["A=1", "B=x=y"],
        "User": "1000:1000",
        "WorkingDir": "/data",
        "StopSignal": "SIGINT",
        "Healthcheck": {
            "Test": ["CMD-SHELL", "test -e /up"],
            "Interval": 500_000_000,
            "Timeout": 2_000_000_000,
            "Retries": 1,
            "StartPeriod": 3_000_000_000,
        },
        "HostConfig": {
            "Tmpfs": {"/run": "", "/mem": "size=1m,mode=1777"},
            "VolumesFrom": ["dockstore-4f1c2d3e-1-other:ro", "dockstore-4f1c2d3e-1-third"],
            "Init": False,
            "NetworkMode": "container:dockstore-4f1c2d3e-1-other",
            "ReadonlyRootfs": True,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "Memory": 67108864,
            "ShmSize": 1048576,
            "PidMode": "container:dockstore-4f1c2d3e-1-other",
            "IpcMode": "container:dockstore-4f1c2d3e-1-other",
            "AutoRemove": True,
        },
    }


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure"])
def test_a_restart_policy_without_a_count_is_its_name(policy: str) -> None:
    made = body(ContainerSpec(name="a", restart=policy))

    assert made["HostConfig"]["RestartPolicy"] == {"Name": policy}


def test_network_none_keeps_the_engines_hosts_file() -> None:
    made = body(ContainerSpec(name="a", network_mode="none"))

    assert "NetworkDisabled" not in made
    assert made["HostConfig"]["NetworkMode"] == "none"


@pytest.mark.parametrize(
    ("mount", "bind"),
    [
        (VolumeMount(target="/d", source="rows", flag=True), "dockstore-4f1c2d3e-1-rows:/d"),
        (VolumeMount(target="/d", source="rows", flag=True, read_only=True), "dockstore-4f1c2d3e-1-rows:/d:ro"),
        (VolumeMount(target="/d", source="rows", flag=True, read_only=True, nocopy=True), "dockstore-4f1c2d3e-1-rows:/d:ro,nocopy"),
        (BindMount(target="/b", source="shared", flag=True), "/scratch/shared:/b"),
        (BindMount(target="/b", source="./shared", flag=True, read_only=True, propagation="rslave"), "/scratch/shared:/b:ro,rslave"),
        (BindMount(target="/b", source="/srv", flag=True), "/srv:/b"),
        (VolumeMount(target="/d", flag=True, nocopy=True), "/d:nocopy"),
    ],
    ids=["volume", "read-only", "two options", "bind", "bind with options", "absolute", "what docker refuses goes out as written"],
)
def test_a_text_of_v_goes_out_as_docker_run_sends_it(mount: Mount, bind: str) -> None:
    made = host_config(mount)

    assert made["Binds"] == [bind]
    assert "Mounts" not in made


def test_v_of_a_target_alone_goes_into_the_images_part() -> None:
    made = body(ContainerSpec(name="a", mounts=(VolumeMount(target="/x", flag=True), VolumeMount(target="/y", flag=True))))

    assert made["Volumes"] == {"/x": {}, "/y": {}}
    assert "Binds" not in made["HostConfig"]


@pytest.mark.parametrize(
    ("mount", "sent"),
    [
        (
            VolumeMount(target="/d", source="rows", read_only=True, nocopy=True, subpath="in/side"),
            {
                "Type": "volume",
                "Source": "dockstore-4f1c2d3e-1-rows",
                "Target": "/d",
                "ReadOnly": True,
                "VolumeOptions": {"Labels": LABELS, "NoCopy": True, "Subpath": "in/side"},
            },
        ),
        (VolumeMount(target="/d"), {"Type": "volume", "Target": "/d", "VolumeOptions": {"Labels": LABELS}}),
        (BindMount(target="/b", source="shared"), {"Type": "bind", "Source": "/scratch/shared", "Target": "/b"}),
        (
            BindMount(target="/b", source="shared", read_only=True, propagation="rshared", create_host_path=True),
            {
                "Type": "bind",
                "Source": "/scratch/shared",
                "Target": "/b",
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rshared", "CreateMountpoint": True},
            },
        ),
        (TmpfsMount(target="/m"), {"Type": "tmpfs", "Target": "/m"}),
        (
            TmpfsMount(target="/m", size_bytes=1 << 20, mode=0o1777, exec=True, source="x"),
            {"Type": "tmpfs", "Source": "x", "Target": "/m", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 1023, "Options": [["exec"]]}},
        ),
        (ImageMount(target="/i", source="postgres:16"), {"Type": "image", "Source": "postgres:16", "Target": "/i"}),
        (ImageMount(target="/i", source="lab"), {"Type": "image", "Source": "localhost/dockstore-lab:1", "Target": "/i"}),
    ],
    ids=["volume", "anonymous", "bind", "bind with options", "tmpfs", "tmpfs with options", "image", "lab image"],
)
def test_a_mapping_goes_out_as_mount(mount: Mount, sent: dict[str, Any]) -> None:
    made = host_config(mount)

    assert made["Mounts"] == [sent]
    assert "Binds" not in made


def test_an_anonymous_volume_is_mounted_by_the_id_that_the_runner_knows() -> None:
    old = VolumeSpec(name="old", anonymous_of=Place(PlaceKind.CONTAINER, "a", "/d"))
    spec = ContainerSpec(name="a", mounts=(VolumeMount(target="/d", source="old"), VolumeMount(target="/e", source="old", flag=True)))

    made = create_body(spec, planned(spec, volumes=(old,)), nonce="n1", resolve_volume={"old": "9c1f" * 16}.__getitem__)

    host: Any = made["HostConfig"]
    assert host["Mounts"][0]["Source"] == "9c1f" * 16
    assert host["Binds"] == [f"{'9c1f' * 16}:/e"]


@pytest.mark.parametrize(
    ("spec", "ours"),
    [
        (ContainerSpec(name="a"), True),
        (ContainerSpec(name="a", image="app"), True),
        (ContainerSpec(name="a", init=False), True),
        (ContainerSpec(name="a", command="sleep 1"), False),
        (ContainerSpec(name="a", entrypoint=("sleep", "1")), False),
        (ContainerSpec(name="a", image="bare"), False),
        (ContainerSpec(name="a", image="postgres:16"), False),
    ],
    ids=["lab", "on top of lab", "without init", "own command", "own entrypoint", "of scratch", "a user's image"],
)
def test_only_our_own_main_process_takes_commands(spec: ContainerSpec, ours: bool) -> None:
    made = planned(spec, images=(ImageSpec(name="app", cmd=("sleep", "1")), ImageSpec(name="bare", base="scratch")))

    assert attachable(spec, made) is ours
    assert create_body(spec, made, nonce="n1").get("OpenStdin", False) is ours


def test_the_lab_main_is_a_shell_that_outlives_its_input() -> None:
    assert LAB_MAIN == ("/bin/sh", "-c", "sh; exec sleep infinity")


def test_a_labs_own_command_keeps_its_log() -> None:
    made = body(ContainerSpec(name="a", command=("sleep", "1")))

    assert made["Cmd"] == ["sleep", "1"]
    assert "LogConfig" not in made["HostConfig"]


@pytest.mark.parametrize(
    ("test", "sent"),
    [
        (("CMD", "true"), ["CMD", "true"]),
        (("CMD-SHELL", "true"), ["CMD-SHELL", "true"]),
        (("NONE",), ["NONE"]),
        (("test -e /x",), ["CMD-SHELL", "test -e /x"]),
        (("test", "-e", "/x"), ["CMD", "test", "-e", "/x"]),
    ],
)
def test_a_health_check_says_how_it_is_run(test: tuple[str, ...], sent: list[str]) -> None:
    assert body(ContainerSpec(name="a", healthcheck=Healthcheck(test=test)))["Healthcheck"]["Test"] == sent


@pytest.mark.parametrize(
    ("spec", "keys", "sent"),
    [
        (ContainerSpec(name="a", mem_limit_bytes=64 << 20, restart="always"), ("mem_limit",), {"Memory": 67108864}),
        (ContainerSpec(name="a", mem_limit_bytes=64 << 20), ("mem_limit_bytes",), {"Memory": 67108864}),
        (ContainerSpec(name="a", restart="no"), ("restart",), {"RestartPolicy": {"Name": "no"}}),
        (ContainerSpec(name="a"), ("restart",), {}),
        (
            ContainerSpec(name="a", mounts=(VolumeMount(target="/d", source="rows", flag=True), BindMount(target="/b", source="b"))),
            ("mounts",),
            {"Binds": ["dockstore-4f1c2d3e-1-rows:/d"], "Mounts": [{"Type": "bind", "Source": "/scratch/b", "Target": "/b"}]},
        ),
    ],
    ids=["memory", "memory by its field", "policy", "nothing written", "mounts, which the engine ignores"],
)
def test_an_update_sends_what_was_written_and_no_more(spec: ContainerSpec, keys: tuple[str, ...], sent: dict[str, Any]) -> None:
    assert update_body(spec, planned(spec), keys=keys) == sent


def test_a_volume_with_a_device_in_the_scratch_folder_asks_for_its_whole_path() -> None:
    spec = VolumeSpec(name="folder", driver="local", driver_opts=(("type", "none"), ("o", "bind"), ("device", "./shared")), labels=(("mine", "yes"),))

    request = volume_request(spec, planned(volumes=(spec,)), nonce="n1")

    assert (request.name, request.driver) == ("dockstore-4f1c2d3e-1-folder", "local")
    assert request.options == {"type": "none", "o": "bind", "device": "/scratch/shared"}
    assert request.labels == {"mine": "yes", **LABELS}


def test_a_device_elsewhere_is_left_alone() -> None:
    spec = VolumeSpec(name="mem", driver_opts=(("type", "tmpfs"), ("device", "tmpfs")))

    assert volume_request(spec, planned(volumes=(spec,)), nonce="n1").options == {"type": "tmpfs", "device": "tmpfs"}
