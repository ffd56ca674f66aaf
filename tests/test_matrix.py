"""A table of stores by events, and the long form it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.core.matrix import EVENT_WORDS, STORES, MatrixWhere, chains, event_problem, expand
from dockstore.core.matrix_words import ANONYMOUS_STORES, State, states, words
from dockstore.core.model import BindMount, ContainerSpec, HostEntry, ImageSpec, LayerEntry, Place, PlaceKind, TmpfsMount, VolumeMount, VolumeSpec
from dockstore.core.script import (
    At,
    Commit,
    Create,
    Equals,
    Exec,
    Kill,
    Matrix,
    Observe,
    PowerLoss,
    Prune,
    Reboot,
    Remove,
    Rename,
    Restart,
    Run,
    Start,
    Stop,
    Update,
    Wait,
    Write,
)

if TYPE_CHECKING:
    from dockstore.core.matrix import Expanded
    from dockstore.core.script import AnyStep

ALL_STORES = tuple(STORES)


def table(*events: str, stores: tuple[str, ...] = ("volume",), fate: str = "persisted") -> Matrix:
    return Matrix(stores=stores, events=events, cells={(event, store): fate for event in events for store in stores})


def expanded(matrix: Matrix, *, isolate: bool = False, where: tuple[MatrixWhere, ...] = ()) -> Expanded:
    at_events = {event: At(line=10 + number) for number, event in enumerate(matrix.events)}
    at_cells = {
        (event, store): At(line=10 + number, column=20 + column)
        for number, event in enumerate(matrix.events)
        for column, store in enumerate(matrix.stores)
    }
    return expand(matrix, at_events=at_events, at_cells=at_cells, where=where, isolate=isolate)


def actions(form: Expanded) -> list[AnyStep]:
    return [step for step in form.steps if not isinstance(step, Write | Observe)]


def place(name: str, path: str) -> Place:
    return Place(PlaceKind.CONTAINER, name, path)


def test_the_long_form_of_a_small_table_is_this() -> None:
    matrix = table("restart", "remove+run", stores=("writable-layer", "volume"))
    first, second, cell = At(line=10), At(line=11), At
    spec = ContainerSpec(name="db", mounts=(VolumeMount(target="/s/volume", source="rows"),))

    form = expanded(matrix)

    assert form.steps == (
        Run(at=first, spec=spec),
        Write(at=cell(line=10, column=20), write="writable-layer over restart", to=place("db", "/s/writable-layer/row1")),
        Write(at=cell(line=10, column=21), write="volume over restart", to=place("db", "/s/volume/row1")),
        Restart(at=first, container="db"),
        Observe(at=cell(line=10, column=20), write="writable-layer over restart", look="writable-layer over restart"),
        Observe(at=cell(line=10, column=21), write="volume over restart", look="volume over restart"),
        Write(at=cell(line=11, column=20), write="writable-layer over remove+run", to=place("db", "/s/writable-layer/row2")),
        Write(at=cell(line=11, column=21), write="volume over remove+run", to=place("db", "/s/volume/row2")),
        Remove(at=second, container="db", force=True),
        Run(at=second, spec=spec),
        Observe(at=cell(line=11, column=20), write="writable-layer over remove+run", look="writable-layer over remove+run"),
        Observe(at=cell(line=11, column=21), write="volume over remove+run", look="volume over remove+run"),
    )
    assert form.containers == (spec,)
    assert (form.images, form.volumes, form.host) == ((), (), ())


def test_each_store_has_its_mount() -> None:
    form = expanded(table("restart", stores=ALL_STORES))

    assert form.containers == (
        ContainerSpec(
            name="db",
            image="app",
            mounts=(
                TmpfsMount(target="/s/tmpfs"),
                BindMount(target="/s/bind", source="bind"),
                VolumeMount(target="/s/volume", source="rows"),
                VolumeMount(target="/s/anonymous-volume", flag=True),
                VolumeMount(target="/s/anonymous-mount"),
                VolumeMount(target="/s/tmpfs-volume", source="memory"),
                VolumeMount(target="/s/bind-volume", source="folder"),
            ),
            tmpfs=("/s/tmpfs-flag",),
        ),
    )
    assert form.images == (ImageSpec(name="app", volume=("/s/image-volume",)),)
    assert form.volumes == (
        VolumeSpec(name="memory", driver_opts=(("type", "tmpfs"), ("device", "tmpfs"))),
        VolumeSpec(name="folder", driver_opts=(("type", "none"), ("o", "bind"), ("device", "./folder"))),
    )
    assert form.host == (HostEntry(path="bind", directory=True), HostEntry(path="folder", directory=True))


def test_a_write_to_dev_shm_lies_in_dev_shm() -> None:
    form = expanded(table("restart", stores=("dev-shm",)))

    assert [step.to.path for step in form.steps if isinstance(step, Write)] == ["/dev/shm/row1"]


def test_the_lesson_costs_the_floor() -> None:
    matrix = table("stop+start", "kill+start", "remove+run", stores=("writable-layer", "tmpfs", "bind", "volume"))

    done = actions(expanded(matrix))

    assert [type(step) for step in done] == [Run, Stop, Start, Kill, Start, Remove, Run]


def test_every_cell_is_expected_with_its_event_and_store() -> None:
    form = expanded(table("restart", "stop+start", stores=("tmpfs", "volume"), fate="lost"))

    assert [(one.look, one.fact, one.checks, one.event, one.store, one.at.column) for one in form.expect] == [
        ("tmpfs over restart", "fate", (Equals("lost"),), "restart", "tmpfs", 20),
        ("volume over restart", "fate", (Equals("lost"),), "restart", "volume", 21),
        ("tmpfs over stop+start", "fate", (Equals("lost"),), "stop+start", "tmpfs", 20),
        ("volume over stop+start", "fate", (Equals("lost"),), "stop+start", "volume", 21),
    ]


def test_where_replaces_single_cells() -> None:
    change = MatrixWhere(capability="prune-spares-named", negated=True, cells={("restart", "volume"): "lost"}, at=At(line=30))

    form = expanded(table("restart"), where=(change,))

    (where,) = form.where
    assert (where.capability, where.negated, where.at) == ("prune-spares-named", True, At(line=30))
    (one,) = where.expect
    assert (one.look, one.checks, one.event, one.store, one.at) == ("volume over restart", (Equals("lost"),), "restart", "volume", At(line=30))


def test_a_cell_that_is_left_out_is_neither_written_nor_looked_for() -> None:
    matrix = Matrix(stores=("tmpfs", "volume"), events=("restart",), cells={("restart", "volume"): "persisted"})

    form = expand(matrix, at_events={"restart": At(line=1)}, at_cells={("restart", "volume"): At(line=1)})

    assert [step.write for step in form.steps if isinstance(step, Write | Observe)] == ["volume over restart"] * 2


@pytest.mark.parametrize(
    ("events", "split"),
    [
        (("restart", "stop+start", "remove+run"), [["restart", "stop+start", "remove+run"]]),
        (("stop", "restart"), [["stop"], ["restart"]]),
        (("remove", "restart"), [["remove"], ["restart"]]),
        (("pause", "restart"), [["pause"], ["restart"]]),
        (("engine-restart", "restart"), [["engine-restart"], ["restart"]]),
        (("engine-restart+start", "restart"), [["engine-restart+start", "restart"]]),
        (("crash", "restart", "engine-restart+start"), [["crash", "restart"], ["engine-restart+start"]]),
        (("reboot+start", "crash"), [["reboot+start"], ["crash"]]),
        (("oom", "crash"), [["oom"], ["crash"]]),
        (("stop+system-prune-all+run", "restart"), [["stop+system-prune-all+run"], ["restart"]]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_chain_ends_where_its_container_would_be_another_experiment(events: tuple[str, ...], split: list[list[str]]) -> None:
    assert [list(chain) for chain in chains(events, ("volume",))] == split


@pytest.mark.parametrize(
    ("events", "stores", "count"),
    [
        (("recreate", "remove-v+run"), ("anonymous-volume",), 2),
        (("remove+run", "recreate"), ("image-volume",), 2),
        (("upgrade", "recreate"), ("anonymous-mount",), 2),
        (("restart", "recreate"), ("anonymous-volume",), 1),
        (("recreate", "remove-v+run"), ("volume",), 1),
    ],
)
def test_recreating_is_alone_with_anonymous_volumes(events: tuple[str, ...], stores: tuple[str, ...], count: int) -> None:
    assert len(chains(events, stores)) == count


def test_a_new_chain_has_a_new_container_and_new_volumes() -> None:
    form = expanded(table("stop", "restart", stores=("bind", "volume", "tmpfs-volume", "bind-volume")))

    assert [spec.name for spec in form.containers] == ["db", "db2"]
    assert form.containers[1].mounts == (
        BindMount(target="/s/bind", source="bind2"),
        VolumeMount(target="/s/volume", source="rows2"),
        VolumeMount(target="/s/tmpfs-volume", source="memory2"),
        VolumeMount(target="/s/bind-volume", source="folder2"),
    )
    assert [volume.name for volume in form.volumes] == ["memory", "folder", "memory2", "folder2"]
    assert [entry.path for entry in form.host] == ["bind", "folder", "bind2", "folder2"]


def test_isolated_every_event_has_a_chain_of_its_own() -> None:
    matrix = table("restart", "stop+start", "remove+run")

    form = expanded(matrix, isolate=True)

    assert [spec.name for spec in form.containers] == ["db", "db2", "db3"]
    assert form.expect == expanded(matrix).expect


def test_compose_recreates_with_the_old_anonymous_volumes() -> None:
    form = expanded(table("recreate", stores=("volume", "anonymous-volume", "image-volume")))

    rename, create = form.steps[5], form.steps[6]
    assert [type(step) for step in actions(form)] == [Run, Stop, Rename, Create, Remove, Start]
    assert rename == Rename(at=At(line=10), container="db", to="db-old")
    assert isinstance(create, Create)
    assert create.spec == ContainerSpec(
        name="db",
        image="app",
        mounts=(
            VolumeMount(target="/s/volume", source="rows"),
            VolumeMount(target="/s/anonymous-volume", source="anonymous-volume-of-db"),
            VolumeMount(target="/s/image-volume", source="image-volume-of-db"),
        ),
    )
    assert form.steps[7:9] == (Remove(at=At(line=10), container="db-old", volumes=True), Start(at=At(line=10), container="db"))
    assert form.volumes == (
        VolumeSpec(name="anonymous-volume-of-db", anonymous_of=place("db", "/s/anonymous-volume")),
        VolumeSpec(name="image-volume-of-db", anonymous_of=place("db", "/s/image-volume")),
    )


def test_an_upgrade_runs_the_same_image_with_one_more_layer() -> None:
    form = expanded(table("upgrade", "remove+run", "upgrade+restart"))

    assert form.images == (
        ImageSpec(name="next1-of-db", base="lab", layers=((LayerEntry(path="/version", content="2"),),)),
        ImageSpec(name="next2-of-db", base="next1-of-db", layers=((LayerEntry(path="/version", content="3"),),)),
    )
    assert [step.spec.image for step in form.steps if isinstance(step, Run)] == [None, "next1-of-db", "next1-of-db", "next2-of-db"]


def test_a_renamed_container_is_looked_at_under_its_new_name() -> None:
    form = expanded(table("rename", "remove+run", "rename+restart"))

    looks = [step.place for step in form.steps if isinstance(step, Observe)]
    assert looks == [place("db-renamed", "/s/volume/row1"), None, place("db", "/s/volume/row3")]
    assert [step.spec.name for step in form.steps if isinstance(step, Run)] == ["db", "db-renamed"]
    assert [step.to for step in form.steps if isinstance(step, Rename)] == ["db-renamed", "db"]


def test_a_crash_has_a_restart_policy_and_is_waited_for() -> None:
    form = expanded(table("crash"))

    assert form.containers[0].restart == "on-failure"
    assert actions(form)[1:] == [
        Exec(at=At(line=10), command="kill 1", container="db", detach=True),
        Wait(at=At(line=10), container="db", condition="restarted"),
    ]


def test_without_a_crash_there_is_no_restart_policy() -> None:
    assert expanded(table("restart", "kill+start")).containers[0].restart is None


def test_an_oom_kill_strikes_the_main_process() -> None:
    form = expanded(table("oom", "update"))

    spec = form.containers[0]
    assert spec.mem_limit_bytes == 64 << 20
    assert spec.command == "trap 'exec tail /dev/zero' USR1; while :; do sleep 60 & wait; done"
    assert actions(form)[1:4] == [
        Kill(at=At(line=10), container="db", signal="USR1"),
        Wait(at=At(line=10), container="db", condition="exited"),
        Start(at=At(line=10), container="db"),
    ]
    update = actions(form)[4]
    assert isinstance(update, Update)
    assert (update.keys, update.spec.mem_limit_bytes) == (("mem_limit",), 48 << 20)


def test_an_oom_kill_after_a_crash_is_left_to_the_restart_policy() -> None:
    form = expanded(table("crash+oom"))

    assert [step.condition for step in form.steps if isinstance(step, Wait)] == ["restarted", "restarted"]
    assert not [step for step in form.steps if isinstance(step, Start)]


def test_an_update_lowers_a_memory_limit_that_the_container_has_from_the_start() -> None:
    form = expanded(table("update"))

    (update,) = [step for step in form.steps if isinstance(step, Update)]
    assert form.containers[0].mem_limit_bytes == 512 << 20
    assert (update.keys, update.spec.mem_limit_bytes) == (("mem_limit",), 384 << 20)


def test_commits_have_names_of_their_own() -> None:
    form = expanded(table("commit", "commit+restart"))

    assert [step.image for step in form.steps if isinstance(step, Commit)] == ["commit-1-of-db", "commit-2-of-db"]


@pytest.mark.parametrize(
    ("word", "what", "takes_all", "volumes"),
    [
        ("container-prune", "containers", False, False),
        ("image-prune", "images", False, False),
        ("image-prune-all", "images", True, False),
        ("volume-prune", "volumes", False, False),
        ("volume-prune-all", "volumes", True, False),
        ("system-prune", "system", False, False),
        ("system-prune-all", "system", True, False),
        ("system-prune-volumes", "system", False, True),
    ],
)
def test_each_prune_is_the_command_of_its_name(word: str, what: str, takes_all: bool, volumes: bool) -> None:
    (prune,) = [step for step in expanded(table(word)).steps if isinstance(step, Prune)]

    assert (prune.what, prune.all, prune.volumes) == (what, takes_all, volumes)


def test_a_prune_that_old_engines_refuse_does_not_end_the_run() -> None:
    labels = [step.label for step in expanded(table("remove+volume-prune-all+run", "remove+volume-prune+run")).steps if isinstance(step, Prune)]

    assert labels == ["prune of remove+volume-prune-all+run", None]


def test_a_run_whose_image_was_pruned_may_be_refused() -> None:
    form = expanded(table("stop+system-prune-all+run", "restart"))

    assert [(step.spec.name, step.label) for step in form.steps if isinstance(step, Run)] == [
        ("db", None),
        ("db", "run of stop+system-prune-all+run"),
        ("db2", None),
    ]
    assert [image.name for image in form.images] == ["app", "app2"]


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        ("restrat", "no such event: 'restrat'"),
        ("stop+run", "'run' makes no sense in 'stop+run': the container is exited by then"),
        ("remove+start", "'start' makes no sense in 'remove+start': there is no container by then"),
        ("unpause", "'unpause' makes no sense in 'unpause': the container is running by then"),
    ],
)
def test_an_event_that_cannot_be_played_is_told(event: str, fact: str) -> None:
    problem = event_problem(event)

    assert problem is not None
    assert problem[0] == fact


def test_recreating_after_the_container_was_replaced_is_told_for_anonymous_volumes_only() -> None:
    assert event_problem("remove+run+recreate", ("anonymous-volume",)) is not None
    assert event_problem("remove+run+recreate", ("volume",)) is None
    assert event_problem("stop+recreate", ("anonymous-volume",)) is None


def test_words_that_need_a_capability_say_which() -> None:
    assert {name: word.needs for name, word in EVENT_WORDS.items() if word.needs} == {
        "container-prune": "disposable-engine",
        "image-prune": "disposable-engine",
        "image-prune-all": "disposable-engine",
        "volume-prune": "disposable-engine",
        "volume-prune-all": "disposable-engine",
        "system-prune": "disposable-engine",
        "system-prune-all": "disposable-engine",
        "system-prune-volumes": "disposable-engine",
        "engine-restart": "restart-engine",
        "engine-kill": "restart-engine",
        "reboot": "restart-engine",
        "power-loss": "power-loss",
    }


def playable(word_lists: list[str]) -> str:
    """The longest playable beginning of a list of words."""
    kept: list[str] = []
    for word in word_lists:
        if event_problem("+".join([*kept, word]), ANONYMOUS_STORES) is None:
            kept.append(word)
    return "+".join(kept) or "restart"


EVENTS = st.lists(st.lists(st.sampled_from(sorted(EVENT_WORDS)), min_size=1, max_size=5).map(playable), min_size=1, max_size=6, unique=True)


@settings(deadline=None, max_examples=100)
@given(EVENTS, st.lists(st.sampled_from(ALL_STORES), min_size=1, unique=True), st.booleans())
def test_every_long_form_can_be_played(events: list[str], stores: list[str], isolate: bool) -> None:
    matrix = table(*events, stores=tuple(stores))

    form = expanded(matrix, isolate=isolate)

    standing: dict[str, State] = {}
    written: dict[str, Place] = {}
    paths: set[Place] = set()
    for step in form.steps:
        match step:
            case Run(spec=spec):
                assert standing.get(spec.name, State.MISSING) is State.MISSING or step.label
                standing[spec.name] = State.RUNNING
            case Create(spec=spec):
                assert standing.get(spec.name, State.MISSING) is State.MISSING
                standing[spec.name] = State.EXITED
            case Remove(container=name):
                assert standing.pop(name) is not State.MISSING
            case Rename(container=name, to=to):
                assert standing.get(to, State.MISSING) is State.MISSING
                standing[to] = standing.pop(name)
            case Write(write=write, to=to):
                assert standing[to.name] is State.RUNNING
                assert to not in paths
                paths.add(to)
                written[write] = to
            case Prune(what="containers" | "system"):
                standing = {name: state for name, state in standing.items() if state is not State.EXITED}
            case Restart(container=None) | Kill(container=None) | Reboot() | PowerLoss():
                standing = dict.fromkeys(standing, State.EXITED)
            case Start(container=str(name)) | Restart(container=str(name)):
                standing[name] = State.RUNNING
            case Stop(container=str(name)):
                standing[name] = State.EXITED
            case Kill(container=str(name), signal="KILL"):
                standing[name] = State.EXITED
            case Observe(write=write, look=look):
                assert write == look
                assert write in written
            case _:
                pass
    assert set(written) == {one.look for one in form.expect}
    assert len(form.expect) == len(events) * len(stores)
    assert len({volume.name for volume in form.volumes}) == len(form.volumes)
    assert len({entry.path for entry in form.host}) == len(form.host)


@settings(deadline=None)
@given(EVENTS, st.booleans())
def test_chains_keep_every_event_in_its_order(events: list[str], isolate: bool) -> None:
    split = chains(tuple(events), ALL_STORES, isolate=isolate)

    assert [event for chain in split for event in chain] == events
    assert all(states(event)[-1] is State.RUNNING for chain in split for event in chain[:-1])
    assert all(set(words(event)) <= set(EVENT_WORDS) for chain in split for event in chain)
