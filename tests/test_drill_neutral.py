"""The copy is harmless: what reaches outside the project is replaced or dropped, and said."""

from __future__ import annotations

import json
from typing import Any

from dockstore.core.neutral import Json, Neutral, neutralise, renamed

P = "dockstore-0123abcd-1"
FIXED = "dockstore-0123abcd-f1"


def neutral(config: Json, **options: Any) -> Neutral:
    return neutralise(config, project=P, prefix=FIXED, labels={"io.dockstore.run": "r"}, scratch="/scratch", **options)


def service(**keys: object) -> dict[str, Any]:
    found = neutral({"name": P, "services": {"a": {"image": "x", **keys}}})
    services: Any = found.model["services"]
    return dict(services["a"])


def test_ports_names_and_devices_are_left_out_and_said() -> None:
    config: Json = {
        "services": {
            "a": {
                "image": "x",
                "ports": [{"target": 80, "published": "8080"}],
                "container_name": "mine",
                "devices": ["/dev/fuse"],
                "privileged": True,
                "network_mode": "host",
                "pid": "host",
            }
        }
    }

    found = neutral(config)

    text = json.dumps(found.model)
    assert [word for word in ("8080", "mine", "fuse", "privileged", "host") if word in text.replace("create_host_path", "")] == []
    assert len(found.limits) == 6


def test_capabilities_that_change_the_machine_are_left_out_and_said() -> None:
    config: Json = {"services": {"clock": {"image": "x", "cap_add": ["CAP_SYS_TIME", "NET_BIND_SERVICE"]}}}

    found, allowed = neutral(config), neutral(config, allow=True)

    assert found.model["services"]["clock"]["cap_add"] == ["NET_BIND_SERVICE"]  # type: ignore[index]
    assert found.limits == ("clock: CAP_SYS_TIME in cap_add is left out",)
    assert allowed.model["services"]["clock"]["cap_add"] == ["CAP_SYS_TIME", "NET_BIND_SERVICE"]  # type: ignore[index]


def test_what_decides_a_fate_stays() -> None:
    kept: dict[str, object] = {
        "restart": "always",
        "user": "1000",
        "hostname": "db",
        "stop_signal": "SIGINT",
        "stop_grace_period": "30s",
        "healthcheck": {"test": ["CMD", "x"]},
        "tmpfs": ["/x"],
        "read_only": True,
        "init": True,
    }

    found = service(**kept)

    assert {key: found[key] for key in kept} == kept


def test_the_engines_socket_is_never_given_to_the_copy() -> None:
    mount = {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}

    found = neutral({"services": {"a": {"image": "x", "volumes": [mount]}}})

    assert "docker.sock" not in json.dumps(found.model)
    assert "docker.sock" in found.limits[0]
    assert found.copies == ()


def test_bind_sources_are_copied_and_those_in_one_another_stay_so() -> None:
    mounts = [{"type": "bind", "source": f"/home/me/shop/{name}", "target": f"/{name}"} for name in ("data", "data/sub")]

    found = neutral({"services": {"a": {"image": "x", "volumes": mounts}}})

    assert [(item.source, item.target) for item in found.copies] == [
        ("/home/me/shop/data", "/scratch/binds/home/me/shop/data"),
        ("/home/me/shop/data/sub", "/scratch/binds/home/me/shop/data/sub"),
    ]


def test_the_whole_machine_is_not_copied() -> None:
    mounts = [{"type": "bind", "source": source, "target": f"/host{source}"} for source in ("/", "/etc", "/proc/sys")]

    found = neutral({"services": {"a": {"image": "x", "volumes": mounts}}})

    assert all(item.empty for item in found.copies)
    assert len(found.limits) == 3


def test_names_of_the_project_stay_and_fixed_ones_get_our_prefix() -> None:
    found = neutral({"services": {"a": {"image": "x"}}, "volumes": {"data": {"name": f"{P}_data"}, "fixed": {"name": "shared"}}})

    volumes: Any = found.model["volumes"]

    assert volumes["data"]["name"] == f"{P}_data"
    assert volumes["fixed"]["name"] == f"{FIXED}-shared"
    assert volumes["data"]["labels"] == {"io.dockstore.run": "r"}


def test_an_external_volume_is_a_scratch_one_that_is_still_external() -> None:
    found = neutral({"services": {"a": {"image": "x"}}, "volumes": {"data": {"name": "theirs", "external": True}}})

    volumes: Any = found.model["volumes"]

    assert volumes["data"] == {"name": f"{FIXED}-theirs", "external": True}
    assert [(item.name, item.scratch) for item in found.externals] == [("theirs", f"{FIXED}-theirs")]


def test_a_network_folder_is_a_plain_volume_and_a_bound_one_is_copied() -> None:
    nfs = {"name": f"{P}_nfs", "driver": "local", "driver_opts": {"type": "nfs", "o": "addr=1.2.3.4", "device": ":/x"}}
    bound = {"name": f"{P}_bound", "driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": "/home/me/data"}}

    found = neutral({"services": {"a": {"image": "x"}}, "volumes": {"nfs": nfs, "bound": bound}})

    volumes: Any = found.model["volumes"]
    assert "driver_opts" not in volumes["nfs"]
    assert volumes["bound"]["driver_opts"]["device"] == "/scratch/binds/home/me/data"
    assert any("nfs" in limit for limit in found.limits)


def test_what_is_built_never_takes_a_name_of_the_users() -> None:
    found = neutral({"services": {"web": {"image": "shop/web:latest", "build": {"context": "/home/me/shop", "tags": ["shop/web:1"]}}}})

    services: Any = found.model["services"]
    assert services["web"]["image"] == f"localhost/{FIXED}-web:1"
    assert "build" not in services["web"]
    assert "shop/web" not in json.dumps(found.build_model)
    assert found.images == ()


def test_secrets_files_are_copied_even_where_binds_begin_empty() -> None:
    found = neutral({"services": {"a": {"image": "x"}}, "secrets": {"pw": {"name": "x_pw", "file": "/home/me/pw"}}}, fresh=True)

    (item,) = found.copies

    assert (item.source, item.empty) == ("/home/me/pw", False)


def test_an_external_network_and_fixed_addresses_are_replaced() -> None:
    config: Json = {
        "services": {"a": {"image": "x", "networks": {"proxy": {"ipv4_address": "10.0.0.2", "aliases": ["db"]}}}},
        "networks": {"proxy": {"name": "proxy", "external": True, "ipam": {"config": [{"subnet": "10.0.0.0/24"}]}}},
    }

    found = neutral(config)

    networks: Any = found.model["networks"]
    services: Any = found.model["services"]
    assert networks["proxy"] == {"name": f"{FIXED}-proxy", "labels": {"io.dockstore.run": "r"}}
    assert services["a"]["networks"]["proxy"] == {"aliases": ["db"]}


def test_what_people_wrote_for_a_drill_is_taken_out_of_the_model() -> None:
    found = neutral({"services": {"a": {"image": "x", "x-dockstore": {"ready": "true"}}}, "x-common": {}})

    assert found.extensions == {"a": {"ready": "true"}}
    assert "x-" not in json.dumps(found.model)


def test_another_project_name_changes_what_bears_it_and_nothing_else() -> None:
    found = neutral({"services": {"a": {"image": "x"}}, "volumes": {"data": {"name": f"{P}_data"}, "fixed": {"name": "shared"}}})

    again: Any = renamed(found.model, P, f"{P}r")

    assert again["name"] == f"{P}r"
    assert again["volumes"]["data"]["name"] == f"{P}r_data"
    assert again["volumes"]["fixed"]["name"] == f"{FIXED}-shared"


def test_the_users_model_is_not_changed() -> None:
    config: Json = {"services": {"a": {"image": "x", "ports": [1]}}}

    neutral(config)

    assert config == {"services": {"a": {"image": "x", "ports": [1]}}}
