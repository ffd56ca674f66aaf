"""Ways to be told something untrue by an engine, a host or a container, each of which must not lead to a wrong verdict."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from playing import Theatre, open_theatre, scenario

from dockstore.core.capabilities import capabilities
from dockstore.core.model import Completion, Fate, Home, Outcome, Sight, StoreKind, Users, Vantage
from dockstore.core.scenario import load_text
from dockstore.engines.lab import LAB_IMAGE
from dockstore.engines.no_host import NoHost
from dockstore.runner.scene import read_scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner_stand import Played

    from dockstore.engines.engine import Json

pytestmark = pytest.mark.engine

RUN = "run: a"
OBSERVE = "observe: row"
WRITE = "{write: row, to: 'a:/data/row'}"
REMOVE = "{remove: a, force: true}"


@pytest.fixture(scope="module", name="theatre")
def _theatre(engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    theatre = open_theatre(engine_address, tmp_path_factory.mktemp("pitfalls"))
    yield theatre
    theatre.opened.close()


@pytest.fixture(name="files")
def _files(theatre: Theatre) -> None:
    """What needs the host's files; another engine's are not to be had."""
    if theatre.opened.host.reason is not None:
        pytest.skip(f"the host's files cannot be seen: {theatre.opened.host.reason}")


def sight(played: Played, vantage: Vantage, look: str = "row") -> Sight:
    assert look in played.looks, played.footer
    return played.looks[look].sights[vantage].sight


def detail(played: Played, vantage: Vantage, look: str = "row") -> str:
    return played.looks[look].sights[vantage].detail


# --- which store took the bytes? ----------------------------------------------------------------------------------------------


def test_p1_a_volume_behind_a_link_takes_what_is_written_to_the_real_path(theatre: Theatre) -> None:
    more = "images: {app: {layers: [{/real/: {}, /link: {link: /real}}]}}\n"
    containers = "{a: {image: app, mounts: [{type: volume, source: rows, target: /link}]}}"

    played = theatre.play(scenario(containers, RUN, "{write: row, to: 'a:/real/deep/row'}", OBSERVE, more=more))

    store = played.placements["row"].store
    assert store is not None
    assert (store.kind, store.inner_path, store.target) == (StoreKind.VOLUME, "deep/row", "/real")
    assert played.looks["row"].home is Home.YES


def test_p1_a_path_that_leads_by_a_link_into_a_mount_is_the_mounts(theatre: Theatre) -> None:
    more = "images: {app: {layers: [{/var/run: {link: /data}}]}}\n"
    containers = "{a: {image: app, mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(scenario(containers, RUN, "{write: row, to: 'a:/var/run/row'}", "{restart: a}", OBSERVE, expect="{row: lost}", more=more))

    store = played.placements["row"].store
    assert store is not None
    assert (store.kind, store.inner_path) == (StoreKind.TMPFS, "row")
    assert played.fate("row") == str(Fate.LOST)


def made_by_hand(theatre: Theatre, **host_config: object) -> Json:
    """Inspect a container with *host_config*, made and removed by hand."""
    engine = theatre.opened.engine
    name = f"dockstore-{theatre.identity.short}-hand-{secrets.token_hex(3)}"
    labels = {"io.dockstore.run": theatre.identity.run}
    body: Json = {"Image": LAB_IMAGE, "Labels": labels, "HostConfig": {"NetworkMode": "none", **host_config}}
    container = engine.create_container(name, body)
    try:
        return engine.inspect_container(container)
    finally:
        engine.remove_container(container, force=True, volumes=True)


def test_p2_mounts_are_compared_not_the_raw_binds(theatre: Theatre) -> None:
    volume = f"dockstore-{theatre.identity.short}-p2"
    try:
        scene = read_scene(made_by_hand(theatre, Binds=[f"{volume}:/d//e/"]))
    finally:
        theatre.opened.engine.remove_volume(volume)

    assert [(mount.name, mount.destination) for mount in scene.mounts] == [(volume, "/d/e")]


def test_p12_an_anonymous_volume_of_binds_has_its_name(theatre: Theatre) -> None:
    scene = read_scene(made_by_hand(theatre, Binds=["/x"]))

    assert [len(mount.name or "") for mount in scene.mounts] == [64]


def test_p3_a_copy_into_memory_does_not_count_as_written_there(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(
        scenario(
            containers, RUN, "{copy: row, to: 'a:/data/row'}", OBSERVE, "{find: row, as: on disk}", expect="{row: persisted, on disk: {found: true}}"
        )
    )

    sees = "archive-sees-tmpfs" in capabilities(theatre.opened.engine.info)
    assert played.placements["row"].read_back is sees
    assert (played.verdict.outcome is Outcome.HOLDS) is False
    assert played.facts["on disk"].values["found"] is not sees


def test_p4_a_paused_containers_memory_is_not_asked_of_the_archive(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(scenario(containers, RUN, WRITE, "pause: a", OBSERVE, expect="{row: persisted}"))

    assert sight(played, Vantage.CONTAINER) is Sight.SAME
    assert sight(played, Vantage.HOST) is Sight.NOT_APPLICABLE
    assert played.fate("row") == str(Fate.PERSISTED)


def test_p5_where_every_path_is_404_nothing_is_absent(theatre: Theatre, files: None) -> None:
    more = "host: {gone/: {}}\n"
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}, {type: bind, source: ./gone, target: /b}]}}"

    played = theatre.play(scenario(containers, RUN, WRITE, "stop: a", "remove: host:gone", OBSERVE, expect="{row: persisted}", more=more))

    assert sight(played, Vantage.CONTAINER) in {Sight.UNSEEN, Sight.SAME}
    assert played.fate("row") in {str(Fate.UNKNOWN), str(Fate.PERSISTED)}


def test_p6_a_look_makes_no_folder_on_the_host(theatre: Theatre, files: None) -> None:
    more = "host: {gone/: {}}\n"
    containers = "{a: {mounts: ['rows:/data', './gone:/b']}}"
    steps = (RUN, WRITE, "stop: a", "remove: host:gone", OBSERVE, "{read: 'host:gone', as: folder}")

    played = theatre.play(scenario(containers, *steps, expect="{row: {engine: same}, folder: {exists: false}}", more=more))

    assert sight(played, Vantage.CONTAINER) is Sight.UNSEEN
    assert played.facts["folder"].values == {"exists": False}


def test_p7_the_part_of_a_volume_that_is_mounted_is_the_kernels_word(theatre: Theatre) -> None:
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}]}}"
    part = "{run: a, with: {mounts: [{type: volume, source: rows, target: /vol, subpath: in/side}]}}"
    steps = (RUN, "{write: first, to: 'a:/data/in/side/first'}", REMOVE, part, "{write: row, to: 'a:/vol/row'}", OBSERVE)

    played = theatre.play(scenario(containers, *steps))

    store = played.placements["row"].store
    assert store is not None
    ignored = "volume-subpath" not in capabilities(theatre.opened.engine.info)
    assert store.inner_path == ("row" if ignored else "in/side/row")
    assert played.looks["row"].home is Home.YES
    assert sight(played, Vantage.HOST) in {Sight.SAME, Sight.UNSEEN}


def test_p7_options_that_the_engine_ignores_end_the_run(theatre: Theatre) -> None:
    text = scenario(
        "{a: {mounts: [{type: volume, source: mem, target: /data}]}}",
        RUN,
        WRITE,
        OBSERVE,
        more="volumes: {mem: {driver_opts: {type: tmpfs, device: tmpfs}}}\n",
    )
    ordinal = next(theatre.ordinals) + 1
    name = f"dockstore-{theatre.identity.short}-{ordinal}-mem"
    theatre.opened.engine.create_volume(name, labels={"io.dockstore.run": theatre.identity.run})

    played = theatre.play(text)

    assert played.footer.reason is not None
    assert "keeps other options" in played.footer.reason
    assert played.verdict.outcome is Outcome.UNDECIDED


# --- identity ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mount", [pytest.param("'rows:/data'", id="no label"), pytest.param("{type: volume, source: rows, target: /data}", id="a nonce label")]
)
def test_p8_a_volume_made_again_in_the_same_second_is_another(theatre: Theatre, files: None, mount: str) -> None:
    containers = f"{{a: {{mounts: [{mount}]}}}}"

    played = theatre.play(scenario(containers, RUN, WRITE, REMOVE, "remove: volume:rows", RUN, OBSERVE, expect="{row: lost}"))

    assert sight(played, Vantage.ENGINE) is Sight.ABSENT
    assert played.looks["row"].home is Home.NO
    assert played.fate("row") == str(Fate.LOST)


def test_p9_the_memory_behind_a_volume_is_not_missing_from_its_mountpoint(theatre: Theatre) -> None:
    more = "volumes: {mem: {driver_opts: {type: tmpfs, device: tmpfs}}}\n"
    containers = "{a: {mounts: [{type: volume, source: mem, target: /data}]}}"

    kept = theatre.play(scenario(containers, RUN, WRITE, OBSERVE, expect="{row: persisted}", more=more))
    stopped = theatre.play(scenario(containers, RUN, WRITE, "stop: a", OBSERVE, expect="{row: lost}", more=more))
    again = theatre.play(scenario(containers, RUN, WRITE, "restart: a", OBSERVE, expect="{row: lost}", more=more))

    assert kept.fate("row") == str(Fate.PERSISTED)
    assert sight(stopped, Vantage.HOST) is not Sight.ABSENT
    assert sight(stopped, Vantage.ENGINE) is Sight.NOT_APPLICABLE
    assert {stopped.fate("row"), again.fate("row")} <= {str(Fate.LOST), str(Fate.UNKNOWN)}
    if theatre.opened.host.reason is None:
        assert {stopped.fate("row"), again.fate("row")} == {str(Fate.LOST)}


def test_p9_a_bind_behind_a_volume_outlives_the_volume(theatre: Theatre, files: None) -> None:
    more = "host: {folder/: {}}\nvolumes: {rows: {driver_opts: {type: none, o: bind, device: ./folder}}}\n"
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}]}, b: {}}"
    steps = ("run: [a, b]", WRITE, REMOVE, "remove: volume:rows", "{observe: row, at: 'b:/data/row'}", "{read: 'host:folder/row', as: bytes}")

    played = theatre.play(scenario(containers, *steps, expect="{row: orphaned, bytes: {exists: true}}", more=more))

    assert sight(played, Vantage.HOST) is Sight.SAME
    assert sight(played, Vantage.ENGINE) is Sight.NOT_APPLICABLE
    assert played.fate("row") == str(Fate.ORPHANED)


def test_p10_without_a_proof_the_host_has_not_seen(theatre: Theatre) -> None:
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}]}}"

    played = theatre.play(scenario(containers, RUN, WRITE, "restart: a", OBSERVE, expect="{row: persisted}"), host=NoHost("nothing proves it"))

    assert sight(played, Vantage.HOST) is Sight.UNSEEN
    assert detail(played, Vantage.HOST) == "nothing proves it"
    assert played.fate("row") == str(Fate.PERSISTED)


def test_p11_the_same_name_is_not_the_same_container(theatre: Theatre) -> None:
    played = theatre.play(scenario("{a: {}}", RUN, WRITE, REMOVE, RUN, OBSERVE, expect="{row: lost}"))

    assert sight(played, Vantage.ENGINE) is Sight.ABSENT
    assert played.fate("row") == str(Fate.LOST)


# --- reading ----------------------------------------------------------------------------------------------------------------


def test_p13_an_observer_that_dies_has_not_seen_that_nothing_is_there(theatre: Theatre) -> None:
    containers = "{a: {mounts: [{type: tmpfs, target: /mem}], mem_limit: 24m, command: [sleep, infinity]}}"
    fill = "{exec: 'dd if=/dev/zero of=/mem/fill bs=1M count=64', in: a, as: filling}"

    played = theatre.play(scenario(containers, RUN, WRITE, fill, OBSERVE, expect="{row: persisted, filling: {exit_code: {at_least: 1}}}"))

    assert sight(played, Vantage.CONTAINER) in {Sight.SAME, Sight.UNSEEN}
    assert played.fate("row") in {str(Fate.PERSISTED), str(Fate.UNKNOWN)}


def test_p14_what_the_containers_user_may_not_read_is_there(theatre: Theatre) -> None:
    containers = "{a: {user: '1000'}}"
    steps = (
        RUN,
        "{exec: 'mkdir -m 777 /data', in: a, user: '0'}",
        WRITE,
        "{exec: 'chmod 700 /data', in: a, user: '0'}",
        OBSERVE,
        "{read: 'a:/data/row', as: stat}",
    )

    played = theatre.play(scenario(containers, *steps, expect="{row: persisted, stat: {exists: true}}"))

    assert sight(played, Vantage.CONTAINER) is Sight.SAME
    assert played.fate("row") == str(Fate.PERSISTED)
    assert str(played.facts["stat"].values["owner"]).startswith("1000:")


def test_p15_the_host_does_not_follow_a_link_out_of_the_volume(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}]}}"
    swap = "{exec: 'rm /data/row && ln -s /etc/passwd /data/row', in: a}"

    played = theatre.play(
        scenario(containers, RUN, WRITE, swap, OBSERVE, "{read: 'volume:rows/row', as: link}", expect="{row: altered, link: {type: link}}")
    )

    assert sight(played, Vantage.HOST) is Sight.ABSENT
    assert sight(played, Vantage.CONTAINER) is Sight.OTHER
    assert played.facts["link"].values["type"] == "link"
    assert "content" not in played.facts["link"].values


def test_p16_nothing_is_written_into_a_layer_behind_its_containers_back() -> None:
    text = scenario("{a: {}}", RUN, "{write: row, to: 'layer:a/row'}", OBSERVE)

    parsed = load_text(text, "x.scenario.yaml")

    assert parsed.scenario is None


@pytest.mark.parametrize("pitfall", ["p17", "p31"])
def test_a_bind_is_not_where_its_path_is(theatre: Theatre, files: None, pitfall: str) -> None:
    more = "host: {shared/: {}}\n"
    containers = "{a: {mounts: ['./shared:/data']}}"
    replace = ("{rename: 'host:shared', to: 'host:old'}", "create: host:shared")
    again = ("restart: a",) if pitfall == "p31" else ()

    played = theatre.play(scenario(containers, RUN, WRITE, *replace, *again, OBSERVE, expect="{row: persisted}", more=more))

    assert sight(played, Vantage.HOST) is Sight.UNSEEN
    assert played.fate("row") == str(Fate.UNKNOWN if pitfall == "p31" else Fate.PERSISTED)


def test_a_replaced_file_is_hidden_from_the_container_that_holds_the_old_one(theatre: Theatre, files: None) -> None:
    more = "host: {app.conf: old}\n"
    containers = "{a: {mounts: [{type: bind, source: ./app.conf, target: /app.conf}]}}"
    steps = (RUN, "{write: row, to: 'host:app.conf', replace: true}", "{observe: row, at: 'a:/app.conf'}")

    played = theatre.play(scenario(containers, *steps, expect="{row: shadowed}", more=more))

    assert played.looks["row"].home is Home.COVERED
    assert played.fate("row") == str(Fate.SHADOWED)


def test_p18_a_container_that_removes_itself_is_gone_before_the_next_step(theatre: Theatre) -> None:
    played = theatre.play(
        scenario("{a: {rm: true}}", RUN, WRITE, "kill: a", "{inspect: a, as: state}", OBSERVE, expect="{row: lost, state: {exists: false}}")
    )

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert detail(played, Vantage.CONTAINER) == "there is no container of that name"


# --- meaning ----------------------------------------------------------------------------------------------------------------


def test_p19_a_row_that_the_container_writes_itself_has_not_persisted(theatre: Theatre) -> None:
    containers = "{a: {command: 'echo seed > /data/row; exec sleep infinity', mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(scenario(containers, RUN, WRITE, "restart: a", "{wait: a, until: 'test -f /data/row'}", OBSERVE, expect="{row: lost}"))

    assert sight(played, Vantage.CONTAINER) is Sight.OTHER
    assert played.fate("row") == str(Fate.LOST)


def test_p20_no_two_writes_have_the_same_bytes(theatre: Theatre) -> None:
    played = theatre.play(scenario("{a: {}}", RUN, WRITE, "{write: other, to: 'a:/data/other'}", OBSERVE))

    assert played.placements["row"].digest != played.placements["other"].digest


@pytest.mark.parametrize(
    ("container", "path", "kind"),
    [
        pytest.param("{mounts: [{type: tmpfs, target: /data}]}", "/data/row", StoreKind.TMPFS, id="tmpfs"),
        pytest.param("{tmpfs: [/data]}", "/data/row", StoreKind.TMPFS, id="tmpfs by flag"),
        pytest.param("{}", "/dev/shm/row", StoreKind.TMPFS, id="shared memory"),
        pytest.param("{}", "/dev/row", StoreKind.TMPFS, id="a file in /dev"),
        pytest.param("{network_mode: none}", "/etc/hosts", StoreKind.ENGINE_FILE, id="a file that the engine writes"),
    ],
)
def test_p21_what_is_no_object_of_the_engine_is_not_absent_there(theatre: Theatre, container: str, path: str, kind: StoreKind) -> None:
    played = theatre.play(scenario(f"{{a: {container}}}", RUN, f"{{write: row, to: 'a:{path}'}}", OBSERVE, expect="{row: persisted}"))

    store = played.placements["row"].store
    assert store is not None
    assert store.kind is kind
    assert sight(played, Vantage.ENGINE) is Sight.NOT_APPLICABLE
    assert played.fate("row") == str(Fate.PERSISTED)


def test_p22_a_listed_volume_does_not_prove_its_bytes(theatre: Theatre) -> None:
    containers = "{a: {mounts: [{type: volume, source: rows, target: /data}]}}"

    played = theatre.play(scenario(containers, RUN, WRITE, "{exec: 'rm /data/row', in: a}", OBSERVE, expect="{row: lost}"))

    assert sight(played, Vantage.ENGINE) is Sight.SAME
    assert played.fate("row") == str(Fate.LOST)


def test_p23_kept_is_not_found_again(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: [/data]}, b: {}}"

    stopped = theatre.play(scenario(containers, "run: [a, b]", WRITE, "stop: a", "{observe: row, at: 'b:/data/row'}", expect="{row: elsewhere}"))
    removed = theatre.play(scenario(containers, "run: [a, b]", WRITE, REMOVE, "{observe: row, at: 'b:/data/row'}", expect="{row: orphaned}"))

    assert stopped.looks["row"].users is Users.SOMEBODY
    assert stopped.fate("row") == str(Fate.ELSEWHERE)
    assert removed.looks["row"].users is Users.NOBODY
    assert removed.fate("row") == str(Fate.ORPHANED)


def test_p25_the_answer_to_the_call_decides_not_the_state(theatre: Theatre, files: None) -> None:
    more = "host: {gone/: {}}\n"
    containers = "{a: {mounts: [{type: bind, source: ./gone, target: /b}]}}"
    steps = (RUN, "stop: a", "remove: host:gone", "{start: a, as: start}", "{inspect: a, as: state}")

    played = theatre.play(scenario(containers, *steps, expect="{start: {refused: true}, state: {state: exited}}", more=more))

    assert played.operations["3"].completion is Completion.FAIL
    assert played.facts["state"].values["error"] in {"", played.operations["3"].message}


def test_p26_a_diff_is_no_evidence_of_bytes(theatre: Theatre, files: None) -> None:
    if "upperdir" not in capabilities(theatre.opened.engine.info):
        pytest.skip("this engine does not tell where a writable layer lies")
    more = "images: {app: {layers: [{/app/one: one}]}}\n"
    steps = (
        RUN,
        "{exec: ': 3<>/app/one', in: a}",
        "{exec: 'exec 3<>/app/one', in: a}",
        "{diff: a, as: changes}",
        "{read: 'layer:a/app/one', as: copy}",
    )

    played = theatre.play(scenario("{a: {image: app}}", *steps, expect="{changes: {/app/one: none}, copy: {exists: true}}", more=more))

    assert "/app/one" not in played.facts["changes"].values
    assert played.facts["copy"].values["content"] == "one"


def test_p29_our_own_containers_leak_no_anonymous_volumes(theatre: Theatre) -> None:
    more = "images: {app: {volume: [/seeded]}}\n"

    played = theatre.play(scenario("{a: {image: app, mounts: [/data]}}", RUN, WRITE, OBSERVE, more=more))

    volumes = [made for made in played.made if made.kind == "volume"]
    assert len(volumes) == 2
    assert not any(theatre.stands(made) for made in volumes)


def test_p32_another_containers_row_is_elsewhere(theatre: Theatre) -> None:
    containers = "{a: {mounts: [{type: tmpfs, target: /data}]}, b: {mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(scenario(containers, "run: [a, b]", WRITE, "{observe: row, at: 'b:/data/row'}", expect="{row: elsewhere}"))

    assert played.looks["row"].used_by == ("a:/data",)
    assert played.fate("row") == str(Fate.ELSEWHERE)


def test_p33_every_look_carries_its_own_end(theatre: Theatre) -> None:
    containers = "{a: {command: [sleep, infinity]}}"
    looks = [f"{{read: 'a:/row{number}', as: look {number}}}" for number in range(40)]
    expect = "{" + ", ".join(f"look {number}: {{exists: false}}" for number in range(40)) + "}"

    played = theatre.play(scenario(containers, RUN, *looks, expect=expect))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
