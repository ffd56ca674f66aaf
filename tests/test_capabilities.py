"""Every row of what was seen of six engines, against what is concluded from their facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dockstore.core.capabilities import CAPABILITIES, capabilities, implied, meets, negated, numbers, strikes, unmet
from dockstore.core.model import ContainerSpec, EngineInfo, Place, PlaceKind, VolumeSpec
from dockstore.core.script import (
    At,
    Create,
    CreateVolume,
    Find,
    Kill,
    MountHost,
    Observe,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Rename,
    Restart,
    Run,
    Scenario,
    Start,
    Stop,
    Together,
)

E20 = EngineInfo(
    address="unix:///run/docker.sock",
    engine_id="ABCD",
    product="Docker Engine",
    version="20.10.24",
    api_version="1.41",
    storage_driver="overlay2",
    image_store="graphdriver",
    data_root="/var/lib/docker",
    kernel="6.18.44",
    runc_version="1.1.5+ds1",
    host_files=True,
    swarm=True,
)
E26 = replace(E20, version="26.1.5", api_version="1.45", runc_version="1.1.12")
E28 = replace(E20, version="28.5.2", api_version="1.51", runc_version="1.3.0")
C28 = replace(E28, storage_driver="overlayfs", image_store="containerd")
P4 = replace(E20, product="Podman", version="4.3.1", api_version="1.41", storage_driver="overlay", runc_version="")
P5 = replace(P4, version="5.8.6", api_version="1.44")
ENGINES = {"e20": E20, "e26": E26, "e28": E28, "c28": C28, "p4": P4, "p5": P5}
AT = At(line=1)
A = ContainerSpec(name="a")

# capability -> the engines that have it, in the order of the columns. What was not tried there counts as no.
SEEN = {
    "host-files": "e20 e26 e28 c28 p4 p5",
    "upperdir": "e20 e26 e28 c28 p4 p5",  # of a running container: by the kernel's mount, where inspect says null
    "upperdir-when-stopped": "e20 e26 e28 p4 p5",
    "opaque-folders": "e20 e26 e28 c28 p4 p5",  # through a helper container none
    "prune-spares-named": "e26 e28 c28",
    "prune-takes-anonymous-mounts": "e20 e28 c28 p4 p5",
    "prune-all-filter": "e26 e28 c28",
    "anonymous-label": "e26 e28 c28",
    "anonymous-mount-label": "e28 c28",
    "volume-subpath": "e26 e28 c28",
    "image-mount": "e28 c28",
    "create-mountpoint": "e26 e28 c28",
    "bind-source-checked": "e20 e26 e28 c28",
    "recursive-read-only": "e26 e28 c28",
    "tmpfs-keeps-mode": "e26 e28 c28",
    "tmpfs-exec": "e28 c28",
    "tmpfs-in-mounts": "e20 e26 e28 c28",
    "volumes-from-fails-on-tmpfs": "e20 e26 e28 c28",
    "tmpfs-copies-up": "p4 p5",
    "archive-sees-tmpfs": "p4 p5",
    "apparent-size": "e20 e26 e28",
    "tmpfs-volume-outlives-kill": "e26 e28 c28",
    "prune-events": "e26 e28 c28",
    "volume-events": "e20 e26 e28 c28",
    "swarm": "e20 e26 e28 c28",
    "live-restore": "",
    "disposable-engine": "",
    "restart-engine": "",
    "power-loss": "",
    "host-mount": "",
    "network-folder": "",
    "two-engines": "",
    "swap": "",
}


@pytest.mark.parametrize(("name", "engines"), SEEN.items(), ids=SEEN)
def test_an_engine_has_what_was_seen_of_it(name: str, engines: str) -> None:
    having = [key for key, info in ENGINES.items() if name in capabilities(info)]

    assert having == engines.split()


def test_every_capability_has_a_row_and_a_sentence() -> None:
    named = {name for info in ENGINES.values() for name in capabilities(info)}

    assert set(SEEN) == set(CAPABILITIES)
    assert named <= set(CAPABILITIES)
    assert all(sentence and not sentence.endswith(".") for sentence in CAPABILITIES.values())


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"live_restore": True}, "live-restore"),
        ({"disposable": True}, "disposable-engine"),
        ({"restartable": True}, "restart-engine"),
        ({"restartable": True}, "disposable-engine"),
        ({"host_mount": True}, "host-mount"),
        ({"network_folder": True}, "network-folder"),
        ({"swap": True}, "swap"),
        ({"extra": {"power-loss": "yes"}}, "power-loss"),
        ({"extra": {"two-engines": "yes"}}, "two-engines"),
    ],
)
def test_a_probed_fact_is_a_capability(facts: dict[str, object], name: str) -> None:
    assert name in capabilities(replace(E20, **facts))  # type: ignore[arg-type]


def test_without_the_hosts_files_no_layer_is_seen() -> None:
    has = capabilities(replace(E20, host_files=False))

    assert not {"host-files", "upperdir", "upperdir-when-stopped", "opaque-folders"} & has


def test_through_a_helper_container_no_opaque_folder_is_told() -> None:
    has = capabilities(replace(E20, extra={"opaque-folders": "no"}))

    assert "upperdir" in has
    assert "opaque-folders" not in has


@pytest.mark.parametrize("driver", ["vfs", "btrfs", "zfs", "devicemapper"])
def test_a_driver_without_an_upperdir_has_none(driver: str) -> None:
    assert "upperdir" not in capabilities(replace(E20, storage_driver=driver))


@pytest.mark.parametrize(
    ("runc", "keeps"), [("1.1.7", False), ("1.1.8", True), ("1.2.0-rc.1", True), ("v1.1.12", True), ("", False), ("unknown", False)]
)
def test_a_tmpfs_keeps_its_mode_from_runc_1_1_8(runc: str, keeps: bool) -> None:
    assert ("tmpfs-keeps-mode" in capabilities(replace(E20, runc_version=runc))) is keeps


def test_an_old_kernel_has_no_recursive_read_only_mounts() -> None:
    assert "recursive-read-only" not in capabilities(replace(E28, kernel="5.10.0-28-amd64"))


def test_what_an_engine_does_follows_the_api_version_that_is_spoken() -> None:
    old_client = replace(E28, api_version="1.41")

    assert "prune-spares-named" not in capabilities(old_client)
    assert "prune-takes-anonymous-mounts" in capabilities(old_client)


def test_versions_are_numbers() -> None:
    assert [numbers(text) for text in ("1.41", "1.9", "1.1.5+ds1", "v2.0", "", "dev")] == [(1, 41), (1, 9), (1, 1, 5), (2, 0), (), ()]


def test_not_turns_a_need_around() -> None:
    assert negated("not live-restore") == ("live-restore", True)
    assert negated("upperdir") == ("upperdir", False)
    assert meets("not live-restore", frozenset())
    assert not meets("not live-restore", frozenset({"live-restore"}))


def test_unmet_needs_are_named_as_written() -> None:
    scenario = Scenario(
        title="x", file="x", text="", needs=("restart-engine", "not live-restore", "upperdir"), implied_needs=("host-files", "upperdir")
    )

    missing = unmet(scenario, replace(E20, live_restore=True, host_files=False))

    assert missing == ("restart-engine", "not live-restore", "upperdir", "host-files")


def test_nothing_is_unmet_where_all_is_there() -> None:
    scenario = Scenario(title="x", file="x", text="", needs=("upperdir", "not live-restore"))

    assert unmet(scenario, E20) == ()


def _read(kind: PlaceKind, name: str = "a") -> Read:
    return Read(at=AT, look="x", place=Place(kind, name, "row"))


def test_looks_imply_what_they_need() -> None:
    steps = (
        Run(at=AT, spec=A),
        _read(PlaceKind.LAYER),
        _read(PlaceKind.VOLUME, "rows"),
        _read(PlaceKind.CONTAINER),
        _read(PlaceKind.HOST, ""),
    )

    assert implied(steps) == ("host-files", "upperdir")


def test_a_search_implies_the_hosts_files() -> None:
    assert implied((Find(at=AT, look="x", write="row"),)) == ("host-files",)


def test_an_image_place_implies_the_hosts_files() -> None:
    assert implied((_read(PlaceKind.IMAGE, "app"),)) == ("host-files",)


@pytest.mark.parametrize(
    "steps",
    [
        (Create(at=AT, spec=A),),
        (Run(at=AT, spec=A), Stop(at=AT, container="a")),
        (Run(at=AT, spec=A), Kill(at=AT, container="a")),
        (Run(at=AT, spec=A), Restart(at=AT, container=None)),
        (Run(at=AT, spec=A), Reboot(at=AT)),
    ],
    ids=["created", "stopped", "killed", "engine restarted", "rebooted"],
)
def test_a_layer_read_of_a_container_that_does_not_run_needs_more(steps: tuple[Run, ...]) -> None:
    assert implied((*steps, _read(PlaceKind.LAYER))) == ("upperdir-when-stopped",)


def test_a_signal_and_a_new_name_leave_it_running() -> None:
    steps = (Run(at=AT, spec=A), Kill(at=AT, container="a", signal="HUP"), Rename(at=AT, container="a", to="b"), _read(PlaceKind.LAYER, "b"))

    assert implied(steps) == ("upperdir",)


def test_a_start_makes_it_run_again() -> None:
    steps = (Create(at=AT, spec=A), Start(at=AT, container="a"), _read(PlaceKind.LAYER))

    assert implied(steps) == ("upperdir",)


def test_a_thing_on_the_second_engine_implies_two() -> None:
    second = replace(A, engine="second")

    assert implied((Together(at=AT, steps=(Run(at=AT, spec=second),)),)) == ("two-engines",)
    assert implied((CreateVolume(at=AT, spec=VolumeSpec(name="v", engine="second")),)) == ("two-engines",)


def test_observing_implies_nothing() -> None:
    assert implied((Run(at=AT, spec=A), Observe(at=AT, write="row", look="row"))) == ()


def test_what_strikes_the_engine_or_its_host_is_told() -> None:
    steps = (
        Prune(at=AT, what="volumes"),
        Reboot(at=AT),
        PowerLoss(at=AT),
        MountHost(at=AT, what="tmpfs", place=Place(PlaceKind.HOST, "", "x")),
        MountHost(at=AT, what="network-folder", place=Place(PlaceKind.HOST, "", "y")),
    )

    assert strikes(steps) == ("disposable-engine", "host-mount", "network-folder", "power-loss", "restart-engine")
