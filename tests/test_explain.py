"""Sentences for people: what became of a write, what happened in between, and the way out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from building import ABSENT, HEX_2, NOT_APPLICABLE, OTHER, SAME, UNSEEN, Play, anonymous, bind, layer, place, tmpfs, volume

from dockstore.core.evidence import Seen, gather, key, look_at
from dockstore.core.explain import hint, why
from dockstore.core.history import Operation
from dockstore.core.model import BindMount, Completion, ContainerSpec, Fate, Home, Sight, Store, StoreKind, Users, VolumeMount, VolumeSpec
from dockstore.core.script import (
    At,
    Commit,
    Copy,
    Create,
    CreateVolume,
    Exec,
    Export,
    Import,
    Kill,
    MountHost,
    Pause,
    PowerLoss,
    Prune,
    Reboot,
    Remove,
    RemoveHost,
    RemoveImage,
    RemoveVolume,
    Rename,
    RenameHost,
    Restart,
    Run,
    Start,
    Stop,
    UnmountHost,
    Unpause,
    Update,
    Wait,
)
from dockstore.core.words import event, word

if TYPE_CHECKING:
    from typing import Any

    from dockstore.core.script import AnyStep

AT = At(line=1)


def played(store: Store | None, *, to: str = "db:/data/row", at: str | None = None, mounts: Any = (), **seen: Any) -> Play:
    """One row, written and looked for."""
    return Play().run("db", *mounts).write("row", to, store).observe("row", at or to, **seen).end()


def told(play: Play) -> tuple[Fate | None, str, str | None]:
    """The fate, why, and the way out."""
    evidence = gather(play.history(), play.scenario())
    seen = look_at(evidence, "row")
    assert seen.placement is not None
    assert seen.observation is not None
    return seen.fate, why(evidence, seen, event=event(evidence, seen.placement, seen.observation)), hint(seen)


NOT_MOUNTED = {"container": ABSENT, "home": Home.NO, "users": Users.NOBODY}
GONE = {"engine": ABSENT, "host": ABSENT} | NOT_MOUNTED
UNASKED = {"engine": NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("play", "fate", "sentence"),
    [
        (played(volume()), Fate.PERSISTED, "row went to the volume rows (line 11), and db:/data/row has it."),
        (
            played(None, home=Home.UNKNOWN),
            Fate.PERSISTED,
            (
                "row went to a store that could not be told (line 11), and db:/data/row has it. "
                "Whether the store behind the place is still the same could not be told."
            ),
        ),
        (
            played(volume(), home=Home.UNKNOWN, home_detail="no label, no birth time"),
            Fate.PERSISTED,
            (
                "row went to the volume rows (line 11), and db:/data/row has it. "
                "Whether the store behind the place is still the same could not be told: no label, no birth time."
            ),
        ),
        (
            played(layer(), home=Home.NO, now=layer("c2" * 32)),
            Fate.CARRIED,
            "row went to the writable layer of db (line 11); db:/data/row has the same bytes from the writable layer of db: a copy was carried over.",
        ),
        (
            played(volume(), home=Home.NO),
            Fate.CARRIED,
            "row went to the volume rows (line 11); db:/data/row has the same bytes from another store: a copy was carried over.",
        ),
        (
            played(tmpfs(), engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT, home=Home.NO, users=Users.NOBODY),
            Fate.LOST,
            "row went to memory (tmpfs at /data) (line 11), whose memory went when the main process of db ended.",
        ),
        (
            played(tmpfs(), engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT),
            Fate.LOST,
            "row went to memory (tmpfs at /data) (line 11); the same store is still behind db:/data/row, and the bytes are not there.",
        ),
        (
            played(replace(bind(), kind=StoreKind.ENGINE_FILE, target=None), host=ABSENT, container=ABSENT),
            Fate.LOST,
            "row went to a file that the engine manages (line 11), which the engine writes anew at every start.",
        ),
        (played(layer(), **GONE), Fate.LOST, "row went to the writable layer of db (line 11), which went with that container."),
        (
            played(volume(has_options=True), engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT, home=Home.NO),
            Fate.LOST,
            "row went to the volume rows (line 11), whose memory went when the last container that had it ended.",
        ),
        (
            played(volume(has_options=True), host=UNSEEN, container=ABSENT),
            Fate.LOST,
            "row went to the volume rows (line 11); the same store is still behind db:/data/row, and the bytes are not there.",
        ),
        (
            played(anonymous(), **GONE),
            Fate.LOST,
            "row went to the anonymous volume 9c1f4e (line 11), which the engine no longer has, nor has the host its bytes.",
        ),
        (
            played(anonymous(), **GONE | {"host": UNSEEN}),
            Fate.LOST,
            "row went to the anonymous volume 9c1f4e (line 11), which the engine no longer has.",
        ),
        (
            played(volume(), host=ABSENT, container=ABSENT),
            Fate.LOST,
            "row went to the volume rows (line 11); the host finds the bytes in it no more, though the engine still has it.",
        ),
        (
            played(bind(), **UNASKED, host=ABSENT, container=ABSENT),
            Fate.LOST,
            "row went to the host's /scratch/shared (line 11); the host finds the bytes in it no more.",
        ),
        (
            played(volume(), host=UNSEEN, container=ABSENT),
            Fate.LOST,
            "row went to the volume rows (line 11); the same store is still behind db:/data/row, and the bytes are not there.",
        ),
        (
            played(anonymous(), **NOT_MOUNTED),
            Fate.ORPHANED,
            "row went to the anonymous volume 9c1f4e (line 11), which the engine still has and no container mounts.",
        ),
        (
            played(volume(), **NOT_MOUNTED | {"engine": ABSENT}),
            Fate.ORPHANED,
            "row went to the volume rows (line 11), which the engine no longer knows; its bytes are still on the host.",
        ),
        (
            played(bind(), **UNASKED, **NOT_MOUNTED),
            Fate.ORPHANED,
            "row went to the host's /scratch/shared (line 11), whose bytes are still on the host; no container has it.",
        ),
        (
            played(anonymous(), container=ABSENT, home=Home.NO, used_by=("db-old:/data", "b:/vol", "c"), now=anonymous(HEX_2)),
            Fate.ELSEWHERE,
            (
                "row went to the anonymous volume 9c1f4e (line 11), which db-old (at /data) and b (at /vol) and c still has; "
                "db:/data/row is backed by the anonymous volume b07d21."
            ),
        ),
        (
            played(volume(), container=UNSEEN, home=Home.NO),
            Fate.ELSEWHERE,
            "row went to the volume rows (line 11), which a container still has; it is not behind db:/data/row.",
        ),
        (
            played(tmpfs(), engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT, home=Home.NO, used_by=("a",)),
            Fate.ELSEWHERE,
            "row went to memory (tmpfs at /data) (line 11), which lives on with a; it is not behind db:/data/row.",
        ),
        (
            played(volume(), container=ABSENT, home=Home.COVERED, now=tmpfs()),
            Fate.SHADOWED,
            "row went to the volume rows (line 11); its bytes are still there, under memory (tmpfs at /data) that hides them.",
        ),
        (
            played(volume(), container=ABSENT, home=Home.COVERED),
            Fate.SHADOWED,
            "row went to the volume rows (line 11); its bytes are still there, under another mount that hides them.",
        ),
        (
            played(bind(), **UNASKED, container=ABSENT, home=Home.COVERED),
            Fate.SHADOWED,
            (
                "row went to the host's /scratch/shared (line 11); the host still has it, and db:/data/row does not show it: "
                "another mount hides it, or the container holds what was there before it was replaced."
            ),
        ),
        (
            played(bind(), **UNASKED, container=ABSENT, home=Home.COVERED, home_detail="the container holds inode 77, the host has 78"),
            Fate.SHADOWED,
            (
                "row went to the host's /scratch/shared (line 11); the host still has it, and db:/data/row does not show it: "
                "the container holds inode 77, the host has 78."
            ),
        ),
        (
            played(volume(), host=OTHER, container=UNSEEN),
            Fate.ALTERED,
            "row went to the volume rows (line 11); there are other bytes now, says the host.",
        ),
        (
            played(volume(), host=SAME, container=(ABSENT, "no such file; the control read was fine")),
            Fate.DISPUTED,
            (
                "row went to the volume rows (line 11), and the witnesses contradict one another: "
                "engine same, host same, container absent (no such file; the control read was fine)."
            ),
        ),
        (
            played(volume(), container=UNSEEN, users=Users.UNKNOWN, home=Home.NO, home_detail="no container db"),
            Fate.UNKNOWN,
            (
                "row went to the volume rows (line 11); what became of it cannot be told: engine same, host same, container unseen, "
                "who has the store is not known; the store behind db:/data/row now: no container db."
            ),
        ),
        (
            played(volume(), engine=UNSEEN, host=UNSEEN, container=UNSEEN, home=Home.UNKNOWN, users=Users.UNKNOWN),
            Fate.UNKNOWN,
            "row went to the volume rows (line 11); what became of it cannot be told: engine unseen, host unseen, container unseen.",
        ),
    ],
)
def test_every_fate_has_its_sentence(play: Play, fate: Fate, sentence: str) -> None:
    assert told(play)[:2] == (fate, sentence)


def test_a_row_that_persisted_tells_what_it_outlived() -> None:
    play = Play().run("db").write("row", "db:/row", layer()).stop("db").start("db").observe("row", "db:/row")

    assert told(play)[1] == "row went to the writable layer of db (line 11), and db:/row still has it after stop+start."


def test_p30_what_outlived_a_kill_of_everything_was_not_put_to_a_power_cut() -> None:
    play = Play().run("db").write("row", "db:/row", layer()).do(Reboot(at=AT), "reboot", "engine").start("db").observe("row", "db:/row")

    assert told(play)[1] == (
        "row went to the writable layer of db (line 11), and db:/row still has it after reboot+start. "
        "The kernel lived on, so this says nothing of a power cut."
    )


@pytest.mark.parametrize(
    ("store", "mounts", "sentence"),
    [
        (volume("dockstore-4f-rows"), (VolumeMount(target="/data", source="rows"),), "the volume rows"),
        (volume("dockstore-4f-rows"), (VolumeMount(target="/other", source="rows"),), "the volume dockstore-4f-rows"),
        (replace(volume(), name=None), (), "the volume without a name"),
        (replace(anonymous(), name=None), (), "the anonymous volume withou"),
        (bind(), (BindMount(target="/data", source="shared"),), "the host's folder shared"),
        (replace(bind(), host_path=None), (), "the host's folder a path that is not known"),
        (tmpfs(), (), "memory (tmpfs at /data)"),
        (replace(tmpfs(), target=None), (), "memory (tmpfs)"),
        (layer(), (), "the writable layer of db"),
        (replace(layer(), kind=StoreKind.IMAGE_LAYER), (), "an image layer"),
        (replace(layer(), kind=StoreKind.IMAGE_MOUNT), (), "an image mount"),
        (replace(layer(), kind=StoreKind.ENGINE_FILE), (), "a file that the engine manages"),
    ],
)
def test_a_store_is_called_as_the_file_calls_it(store: Store, mounts: tuple[Any, ...], sentence: str) -> None:
    assert told(played(store, mounts=mounts))[1].startswith(f"row went to {sentence} (line 11), and ")


def test_a_layer_written_from_the_host_has_no_container_to_name() -> None:
    play = Play().write("row", "host:row", layer()).observe("row", "db:/row")

    assert told(play)[1].startswith("row went to a writable layer (line 10), ")


def test_the_configuration_of_the_last_container_of_that_name_counts() -> None:
    play = Play().run("db", VolumeMount(target="/data", source="first")).remove("db")
    play.do(Create(at=play.at(), spec=ContainerSpec(name="db", mounts=(VolumeMount(target="/data", source="second"),))), "create", "db")
    play.run("other", VolumeMount(target="/data", source="third")).write("row", "db:/data/row", volume("dockstore-x")).observe("row", "db:/data/row")

    assert told(play)[1].startswith("row went to the volume second (line 14)")


def test_a_renamed_containers_mounts_are_called_as_before() -> None:
    play = Play().run("db", VolumeMount(target="/data", source="rows")).do(Rename(at=AT, container="web", to="old"), "rename", "web")
    play.do(Rename(at=AT, container="db", to="db-old"), "rename", "db").write("row", "db-old:/data/row", volume("dockstore-x")).observe(
        "row", "db-old:/data/row"
    )

    assert told(play)[1].startswith("row went to the volume rows (line 13)")


def test_a_write_whose_step_is_not_in_the_file_has_no_line() -> None:
    play = played(volume())
    evidence = gather(play.history(), replace(play.scenario(), steps=()))

    assert why(evidence, look_at(evidence, "row"), event=None) == "row went to the volume rows, and db:/data/row has it."


def test_what_cannot_be_told_is_said_in_a_sentence() -> None:
    evidence = gather(Play().history(), Play().scenario())

    assert why(evidence, Seen(fate=None, reason="the run was killed"), event=None) == "the run was killed."
    assert why(evidence, Seen(fate=None, reason="killed!"), event=None) == "killed!"
    assert why(evidence, Seen(fate=None), event=None) == "nothing was seen."
    assert hint(Seen(fate=None)) is None


@pytest.mark.parametrize(
    ("play", "way_out"),
    [
        (
            played(anonymous("9c1f4e"), **NOT_MOUNTED),
            (
                "name it: {type: volume, source: rows, target: /data}; "
                "the way back: docker run --rm -v 9c1f4e:/from -v rows:/to IMAGE cp -a /from/. /to/"
            ),
        ),
        (played(volume("shop_rows"), **NOT_MOUNTED), "mount it again: docker run -v shop_rows:/data IMAGE"),
        (played(bind(), **UNASKED, **NOT_MOUNTED), "mount it again: docker run -v /scratch/shared:/data IMAGE"),
        (played(replace(bind(), host_path=None), **UNASKED, **NOT_MOUNTED), "mount it again: docker run -v FOLDER:/data IMAGE"),
        (
            played(layer(), to="db:/row", **GONE),
            "nothing can be mounted at /: keep it in a folder, and mount a volume there: {type: volume, source: rows, target: /data}",
        ),
        (played(layer(), to="db:/var/lib/app/row", **GONE), "mount a volume there: {type: volume, source: rows, target: /var/lib/app}"),
        (
            played(tmpfs(), engine=NOT_APPLICABLE, host=NOT_APPLICABLE, container=ABSENT),
            "memory lasts as long as the main process; mount a volume there: {type: volume, source: rows, target: /data}",
        ),
        (
            played(anonymous(), **GONE),
            "name it: {type: volume, source: rows, target: /data}; remove without -v keeps an anonymous volume, as an orphan",
        ),
        (played(volume(), **GONE), None),
        (
            played(replace(bind(), kind=StoreKind.ENGINE_FILE), host=ABSENT, container=ABSENT),
            "say it at create: --add-host, --hostname, --dns",
        ),
        (
            played(bind(), **UNASKED, container=ABSENT, home=Home.COVERED),
            "restart the container, so that it takes what lies at the source now: docker restart db",
        ),
        (played(volume(), container=ABSENT, home=Home.COVERED), "mount it at another target, or take the mount away that covers it"),
        (
            played(volume(), container=ABSENT, home=Home.NO, used_by=("a:/vol/", "b:/data")),
            "look there: docker exec a cat /vol/row",
        ),
        (played(volume(inner_path=""), container=ABSENT, home=Home.NO, used_by=("a:/vol",)), "look there: docker exec a cat /vol"),
        (played(volume(inner_path=""), container=ABSENT, home=Home.NO, used_by=("a",)), "look there: docker exec a ls"),
        (played(volume(), container=ABSENT, home=Home.NO), None),
        (played(volume(), host=ABSENT), "look again with dockstore doctor; if it stays, this is a storage bug, or ours: keep the history"),
        (played(volume(), container=UNSEEN, host=UNSEEN), "dockstore doctor says what can be seen from here, and why not more"),
        (played(volume(), host=OTHER, container=OTHER), None),
        (played(None), None),
    ],
)
def test_a_loss_has_its_way_out(play: Play, way_out: str | None) -> None:
    assert told(play)[2] == way_out


# --- words ------------------------------------------------------------------------------------------------------------------


SPEC, OTHER_SPEC = ContainerSpec(name="db"), ContainerSpec(name="web")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Run(at=AT, spec=SPEC), "run"),
        (Run(at=AT, spec=OTHER_SPEC), None),
        (Create(at=AT, spec=SPEC), "create"),
        (Create(at=AT, spec=OTHER_SPEC), None),
        (Start(at=AT, container="db"), "start"),
        (Stop(at=AT, container="db"), "stop"),
        (Stop(at=AT, container="web"), None),
        (Restart(at=AT, container="db"), "restart"),
        (Kill(at=AT, container="db"), "kill"),
        (Pause(at=AT, container="db"), "pause"),
        (Unpause(at=AT, container="db"), "unpause"),
        (Rename(at=AT, container="db", to="old"), "rename"),
        (Update(at=AT, container="db", spec=SPEC, keys=()), "update"),
        (Commit(at=AT, container="db", image="app"), "commit"),
        (Export(at=AT, container="db", to=place("host:a.tar")), "export"),
        (Import(at=AT, source=place("host:a.tar"), image="flat"), "import"),
        (Remove(at=AT, container="db"), "remove"),
        (Remove(at=AT, container="db", force=True, volumes=True), "remove-v"),
        (Remove(at=AT, container="web"), None),
        (Start(at=AT, container=None), "engine-start"),
        (Stop(at=AT, container=None), "engine-stop"),
        (Restart(at=AT, container=None), "engine-restart"),
        (Kill(at=AT, container=None), "engine-kill"),
        (Reboot(at=AT), "reboot"),
        (PowerLoss(at=AT), "power-loss"),
        (Prune(at=AT, what="volumes"), "volume-prune"),
        (Prune(at=AT, what="volumes", all=True), "volume-prune-all"),
        (Prune(at=AT, what="containers"), "container-prune"),
        (Prune(at=AT, what="images", all=True), "image-prune-all"),
        (Prune(at=AT, what="system", volumes=True), "system-prune-volumes"),
        (Copy(at=AT, source=place("db:/row"), to=place("host:row")), "copy"),
        (Copy(at=AT, source=place("host:row"), to=place("db:/row")), "copy"),
        (Copy(at=AT, source="secret", to=place("web:/row")), None),
        (RemoveVolume(at=AT, volume="rows"), "volume-remove"),
        (RemoveImage(at=AT, image="app"), "image-remove"),
        (RemoveHost(at=AT, place=place("host:a")), "host-remove"),
        (RenameHost(at=AT, place=place("host:a"), to=place("host:b")), "host-rename"),
        (MountHost(at=AT, what="tmpfs", place=place("host:a")), "mount"),
        (UnmountHost(at=AT, place=place("host:a")), "unmount"),
        (CreateVolume(at=AT, spec=VolumeSpec(name="rows")), None),
        (Exec(at=AT, command="true", container="db"), None),
        (Wait(at=AT, container="db", condition="exited"), None),
    ],
)
def test_every_step_has_its_word_or_none(step: AnyStep, said: str | None) -> None:
    assert word(step, {"db"}) == said


def words_of(play: Play, at: str = "db:/data/row") -> str | None:
    play.observe("row", at)
    evidence = gather(play.history(), play.scenario())
    seen = look_at(evidence, "row")
    assert seen.placement is not None
    assert seen.observation is not None
    return event(evidence, seen.placement, seen.observation)


def a_row() -> Play:
    return Play().run("db").stop("db").start("db").write("row", "db:/data/row", volume())


def test_only_what_happened_between_the_write_and_the_look_counts() -> None:
    assert words_of(a_row()) is None
    assert words_of(a_row().stop("db").remove("db", volumes=True).run("db")) == "stop+remove-v+run"


def test_what_was_refused_did_not_happen() -> None:
    assert words_of(a_row().stop("db").remove("db", completion=Completion.FAIL).start("db")) == "stop+start"


def test_a_killed_engine_that_was_started_is_one_word() -> None:
    play = a_row().do(Kill(at=AT, container=None), "kill", "engine").start(None).start("db")

    assert words_of(play) == "engine-kill+start"


def test_an_engine_stopped_and_started_was_restarted() -> None:
    assert words_of(a_row().stop(None).start(None).start("db")) == "engine-restart+start"
    assert words_of(a_row().start(None)) == "engine-start"


def test_a_renamed_container_is_followed() -> None:
    """As Compose recreates."""
    play = a_row().stop("db").do(Rename(at=AT, container="db", to="db-old"), "rename", "db")
    play.do(Create(at=AT, spec=SPEC), "create", "db").remove("db-old", volumes=True).start("db")

    assert words_of(play) == "stop+rename+create+remove-v+start"


def test_another_containers_renaming_is_none_of_ours() -> None:
    play = a_row().run("web").do(Rename(at=AT, container="web", to="web-old"), "rename", "web").remove("web-old")

    assert words_of(play) is None


def test_the_container_of_the_look_counts_beside_that_of_the_write() -> None:
    assert words_of(a_row().remove("db").run("web").run("third"), at="web:/data/row") == "remove+run"


def test_steps_inside_a_together_count_and_steps_that_are_not_in_the_file_do_not() -> None:
    play = a_row().together(Stop(at=AT, container="db"), Kill(at=AT, container="web"))
    run = play.events[0]
    assert isinstance(run, Operation)
    play.events.append(replace(run, step="77.x"))

    assert words_of(play) == "stop"


def test_a_steps_number_is_read_in_two_parts() -> None:
    assert key("3.1") == (3, 1)
    assert key("12") == (12,)
    assert key("") == ()
    assert (3,) < (3, 0) < (3, 1) < (4,)


def test_sights_are_words() -> None:
    assert str(Sight.NOT_APPLICABLE) == "not-applicable"
