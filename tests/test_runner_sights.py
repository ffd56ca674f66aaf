"""What each vantage point may say, and when it must say that it did not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from runner_stand import play, stand

from dockstore.core import storage
from dockstore.core.model import Fate, Home, Place, PlaceKind, Sight, Store, StoreKind, Users, Vantage
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import NotFound, Refused
from dockstore.engines.host import Unseen
from dockstore.runner.sights import users_of
from dockstore.runner.stage import Seat, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakes import FakeContainer
    from runner_stand import Played, Stand

    from dockstore.core.history import Observation


def steps(containers: str, *rest: str, expect: str = "{row: {container: same}}", more: str = "") -> str:
    lines = "".join(f"  - {step}\n" for step in rest)
    return f"version: 1\nscenario: x\n{more}containers: {containers}\nsteps:\n{lines}expect: {expect}\n"


def look(played: Played, name: str = "row") -> Observation:
    assert name in played.looks, played.footer
    return played.looks[name]


def sights(observation: Observation) -> tuple[Sight, Sight, Sight]:
    """Engine, host, container."""
    found = [observation.sights[vantage].sight for vantage in (Vantage.ENGINE, Vantage.HOST, Vantage.CONTAINER)]
    return found[0], found[1], found[2]


RUN = "run: db"
WRITE = "{write: row, to: 'db:/data/row'}"
OBSERVE = "observe: row"
VOLUME = "{db: {mounts: [{type: volume, source: rows, target: /data}]}}"
EXEC_ONLY = "{db: {mounts: [{type: volume, source: rows, target: /data}], command: [sleep, infinity]}}"


# --- the container ----------------------------------------------------------------------------------------------------------


def test_all_three_see_a_row_in_a_volume() -> None:
    observation = look(play(steps(VOLUME, RUN, WRITE, OBSERVE)))

    assert sights(observation) == (Sight.SAME, Sight.SAME, Sight.SAME)
    assert (observation.home, observation.users) == (Home.YES, Users.SOMEBODY)


def answering(result: ExecResult, *, times: int, to: str = "see ") -> Callable[[FakeContainer, Sequence[str]], ExecResult | None]:
    """Answer the next *times* looks with *result*."""
    left = [times]

    def answer(_container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        if left[0] and "\nN=0; " + to in command[-1]:
            left[0] -= 1
            return result
        return None

    return answer


def test_a_silent_exec_is_asked_again() -> None:
    on = stand()
    on.fake.on_exec = answering(ExecResult(exit_code=0, stdout=b"", stderr=b""), times=1)

    observation = look(play(steps(EXEC_ONLY, RUN, WRITE, OBSERVE), on))

    assert observation.sights[Vantage.CONTAINER].sight is Sight.SAME


@pytest.mark.parametrize(
    ("result", "why"),
    [
        pytest.param(ExecResult(exit_code=0, stdout=b"", stderr=b""), "end mark", id="P33: silent twice"),
        pytest.param(ExecResult(exit_code=137, stdout=b"", stderr=b""), "137", id="P13: the look is killed"),
        pytest.param(ExecResult(exit_code=None, stdout=b"", stderr=b"", timed_out=True), "did not end in time", id="a look that hangs"),
        pytest.param(ExecResult(exit_code=1, stdout=b"something else", stderr=b""), "exit code 1", id="a look that fails"),
    ],
)
def test_a_look_that_is_none_has_not_seen(result: ExecResult, why: str) -> None:
    on = stand()
    on.fake.on_exec = answering(result, times=99)

    played = play(steps(EXEC_ONLY, RUN, WRITE, OBSERVE), on)

    testimony = look(played).sights[Vantage.CONTAINER]
    assert testimony.sight is Sight.UNSEEN
    assert why in testimony.detail
    assert look(played).home is Home.UNKNOWN
    assert played.verdict.rulings[0].outcome != "holds"


def test_no_container_of_that_name_has_not_seen() -> None:
    observation = look(play(steps(VOLUME, RUN, WRITE, "{remove: db, force: true}", OBSERVE)))

    assert sights(observation) == (Sight.SAME, Sight.SAME, Sight.UNSEEN)
    assert (observation.home, observation.users) == (Home.NO, Users.NOBODY)


def test_a_stopped_container_is_asked_by_archive() -> None:
    on = stand()

    observation = look(play(steps(VOLUME, RUN, WRITE, "stop: db", OBSERVE), on))

    assert observation.sights[Vantage.CONTAINER].sight is Sight.SAME
    assert "archive" in observation.sights[Vantage.CONTAINER].detail
    assert observation.home is Home.YES


def test_a_stopped_containers_memory_is_never_asked_by_archive() -> None:
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}}"
    on = stand()

    played = play(steps(containers, RUN, WRITE, "stop: db", OBSERVE, expect="{row: lost}"), on)

    observation = look(played)
    assert observation.sights[Vantage.CONTAINER].sight is Sight.UNSEEN
    assert sights(observation)[:2] == (Sight.NOT_APPLICABLE, Sight.NOT_APPLICABLE)
    assert (observation.home, observation.users) == (Home.NO, Users.NOBODY)
    assert played.fate("row") == str(Fate.LOST)
    assert not any(call.startswith("get_archive") for call in on.fake.calls)


def test_an_archive_whose_control_fails_has_not_seen() -> None:
    on = stand()
    stat = on.fake.stat_archive

    def broken(container: str, path: str) -> object:
        if path == "/":
            raise NotFound("stat /", 404, "Could not find the file / in container")
        return stat(container, path)

    on.fake.stat_archive = broken  # type: ignore[method-assign,assignment]

    observation = look(play(steps(VOLUME, RUN, WRITE, "stop: db", OBSERVE), on))

    assert observation.sights[Vantage.CONTAINER].sight is Sight.UNSEEN
    assert "control" in observation.sights[Vantage.CONTAINER].detail


def test_an_archive_that_would_make_a_folder_is_not_asked() -> None:
    on = stand()
    more = "host: {shared/: {}}\n"
    text = steps("{db: {mounts: ['rows:/data', './shared:/other']}}", RUN, WRITE, "stop: db", "remove: host:shared", OBSERVE, more=more)

    observation = look(play(text, on))

    testimony = observation.sights[Vantage.CONTAINER]
    assert testimony.sight is Sight.UNSEEN
    assert "would make the missing folder" in testimony.detail
    assert not any(call.startswith("get_archive") for call in on.fake.calls)


def test_a_paused_container_is_seen_through_its_processs_root() -> None:
    on = stand()
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}}"

    played = play(steps(containers, RUN, WRITE, "pause: db", OBSERVE, expect="{row: persisted}"), on)

    observation = look(played)
    assert observation.sights[Vantage.CONTAINER].sight is Sight.SAME
    assert "root of its main process" in observation.sights[Vantage.CONTAINER].detail
    assert observation.sights[Vantage.HOST].sight is Sight.NOT_APPLICABLE  # one observation is not two witnesses
    assert observation.home is Home.YES


def test_a_paused_containers_memory_is_not_seen_without_the_host() -> None:
    on = stand(blind="the engine is remote")
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}}"

    played = play(steps(containers, RUN, WRITE, "pause: db", OBSERVE, expect="{row: persisted}"), on)

    observation = look(played)
    assert observation.sights[Vantage.CONTAINER].sight is Sight.UNSEEN
    assert observation.home is Home.UNKNOWN
    assert played.fate("row") == str(Fate.UNKNOWN)


# --- identity ---------------------------------------------------------------------------------------------------------------


def recreated(on: Stand, *, labels: bool) -> Callable[[str], None]:
    """Make every removal of the container also replace its volume by another one of the same name."""
    remove = on.fake.remove_container

    def removed(container: str, *, force: bool = False, volumes: bool = False) -> None:
        remove(container, force=force, volumes=volumes)
        for name, volume in list(on.fake.volumes.items()):
            del on.fake.volumes[name]
            on.fake.create_volume(name, labels={"io.dockstore.nonce": "another"} if labels else dict(volume.labels or {}))

    return removed


def test_a_volume_of_the_same_name_is_not_the_same_volume() -> None:
    on = stand()
    on.fake.remove_container = recreated(on, labels=True)  # type: ignore[method-assign,assignment]

    played = play(steps(VOLUME, RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE, expect="{row: lost}"), on)

    observation = look(played)
    assert sights(observation) == (Sight.ABSENT, Sight.ABSENT, Sight.ABSENT)
    assert observation.home is Home.NO
    assert played.fate("row") == str(Fate.LOST)


def test_a_volume_without_the_label_that_the_first_was_made_with_is_another_one() -> None:
    on = stand(blind="the engine is remote")
    remove = on.fake.remove_container

    def removed(container: str, *, force: bool = False, volumes: bool = False) -> None:
        remove(container, force=force, volumes=volumes)
        for name in list(on.fake.volumes):
            del on.fake.volumes[name]
            on.fake.create_volume(name, labels={})

    on.fake.remove_container = removed  # type: ignore[method-assign]

    played = play(steps(VOLUME, RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE, expect="{row: lost}"), on)

    testimony = look(played).sights[Vantage.ENGINE]
    assert testimony.sight is Sight.ABSENT
    assert "another one" in testimony.detail


def test_without_any_identity_home_is_not_known() -> None:
    on = stand(blind="the engine is remote")
    flagged = "{db: {mounts: ['rows:/data']}}"

    played = play(steps(flagged, RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE, expect="{row: persisted}"), on)

    observation = look(played)
    assert observation.home is Home.UNKNOWN
    assert observation.sights[Vantage.ENGINE].sight is Sight.UNSEEN
    assert played.fate("row") == str(Fate.PERSISTED)  # a fresh nonce, seen in a new container, and nobody says otherwise


def test_an_unlabelled_volume_is_known_by_its_directorys_birth() -> None:
    flagged = "{db: {mounts: ['rows:/data']}}"

    observation = look(play(steps(flagged, RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE)))

    assert observation.home is Home.YES
    assert observation.sights[Vantage.ENGINE].sight is Sight.SAME


def test_another_containers_row_is_elsewhere_not_orphaned() -> None:
    containers = "{db: {}, other: {}}"

    played = play(steps(containers, "run: [db, other]", WRITE, "{observe: row, at: 'other:/data/row'}", expect="{row: elsewhere}"))

    observation = look(played)
    assert (observation.users, observation.used_by) == (Users.SOMEBODY, ("db:/",))
    assert played.fate("row") == str(Fate.ELSEWHERE)


def test_an_anonymous_volume_that_nobody_mounts_is_orphaned() -> None:
    played = play(steps("{db: {mounts: [/data]}}", RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE, expect="{row: orphaned}"))

    assert sights(look(played)) == (Sight.SAME, Sight.SAME, Sight.ABSENT)
    assert played.fate("row") == str(Fate.ORPHANED)


def test_a_stopped_containers_volume_is_no_orphan() -> None:
    containers = "{db: {mounts: ['rows:/data']}, other: {}}"

    played = play(steps(containers, "run: [db, other]", WRITE, "stop: db", "{observe: row, at: 'other:/data/row'}", expect="{row: elsewhere}"))

    assert look(played).used_by == ("db:/data",)
    assert played.fate("row") == str(Fate.ELSEWHERE)


def test_the_list_filter_also_finds_targets_and_the_name_is_compared() -> None:
    on = stand()
    containers = "{db: {mounts: ['rows:/data']}, other: {mounts: ['more:/rows']}}"
    text = steps(containers, "run: [db, other]", WRITE, "{remove: db, force: true}", "{observe: row, at: 'other:/x'}", expect="{row: orphaned}")

    observation = look(play(text, on))

    assert observation.users is Users.NOBODY


def test_memory_lives_while_its_main_process_does() -> None:
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}, other: {}}"
    look_from_other = "{observe: row, at: 'other:/x'}"

    lives = play(steps(containers, "run: [db, other]", WRITE, look_from_other, expect="{row: elsewhere}"))
    ended = play(steps(containers, "run: [db, other]", WRITE, "{restart: db}", look_from_other, expect="{row: lost}"))

    assert lives.fate("row") == str(Fate.ELSEWHERE)
    assert ended.fate("row") == str(Fate.LOST)


# --- the host ---------------------------------------------------------------------------------------------------------------


def test_a_blind_host_says_why() -> None:
    on = stand(blind="the engine is remote")

    observation = look(play(steps(VOLUME, RUN, WRITE, OBSERVE), on))

    assert observation.sights[Vantage.HOST].sight is Sight.UNSEEN
    assert observation.sights[Vantage.HOST].detail == "the engine is remote"


def test_the_host_looks_in_the_store_that_took_the_write() -> None:
    containers = "{db: {mounts: [{type: volume, source: rows, target: /data}]}}"
    moved = "{run: db, with: {mounts: [{type: volume, source: others, target: /data}]}}"

    played = play(steps(containers, RUN, WRITE, "{remove: db, force: true}", moved, OBSERVE, expect="{row: orphaned}"))

    observation = look(played)
    assert sights(observation) == (Sight.SAME, Sight.SAME, Sight.ABSENT)
    assert "-rows/_data/row" in observation.sights[Vantage.HOST].detail


def test_a_binds_source_that_was_replaced_has_not_been_seen() -> None:
    more = "host: {shared/: {}}\n"
    containers = "{db: {mounts: ['./shared:/data']}}"
    replace = ("{rename: 'host:shared', to: 'host:old'}", "create: host:shared")

    observation = look(play(steps(containers, RUN, WRITE, *replace, OBSERVE, more=more)))

    assert observation.sights[Vantage.HOST].sight is Sight.UNSEEN
    assert "another one now" in observation.sights[Vantage.HOST].detail
    assert observation.sights[Vantage.ENGINE].sight is Sight.NOT_APPLICABLE


def test_a_host_that_cannot_be_read_has_not_seen() -> None:
    on = stand()
    read = on.host.read

    def denied(path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        if root is not None and "volumes" in root:
            raise Unseen(f"{path}: Permission denied")
        return read(path, root=root, limit_bytes=limit_bytes, follow=follow)

    on.host.read = denied  # type: ignore[method-assign]

    observation = look(play(steps(VOLUME, RUN, WRITE, OBSERVE), on))

    assert observation.sights[Vantage.HOST].sight is Sight.UNSEEN
    assert observation.sights[Vantage.HOST].detail == "row: Permission denied"


def test_a_writable_layer_goes_with_its_container() -> None:
    played = play(steps("{db: {}}", RUN, WRITE, "{remove: db, force: true}", RUN, OBSERVE, expect="{row: lost}"))

    observation = look(played)
    assert sights(observation) == (Sight.ABSENT, Sight.ABSENT, Sight.ABSENT)
    assert played.placements["row"].store is not None
    assert played.placements["row"].store.kind is StoreKind.WRITABLE_LAYER


# --- the engine -------------------------------------------------------------------------------------------------------------


def test_an_engine_that_does_not_tell_has_not_seen() -> None:
    on = stand()
    inspect = on.fake.inspect_volume
    asked: list[str] = []

    def fails(volume: str) -> dict[str, object]:
        asked.append(volume)
        if len(asked) > 1:
            raise Refused("inspect volume", 500, "plugin timed out")
        return inspect(volume)

    on.fake.inspect_volume = fails  # type: ignore[method-assign]

    observation = look(play(steps(VOLUME, RUN, WRITE, OBSERVE), on))

    assert observation.sights[Vantage.ENGINE].sight is Sight.UNSEEN
    assert observation.home is Home.UNKNOWN


def test_while_the_engine_is_dead_only_the_host_sees() -> None:
    on = stand(restartable=True)
    more = "needs: [restart-engine]\n"

    played = play(steps(VOLUME, RUN, WRITE, "kill: engine", OBSERVE, "start: engine", expect="{row: {host: same}}", more=more), on)

    observation = look(played)
    assert sights(observation) == (Sight.UNSEEN, Sight.SAME, Sight.UNSEEN)
    assert (observation.home, observation.users) == (Home.UNKNOWN, Users.UNKNOWN)
    assert played.verdict.outcome == "holds"


# --- placement --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        pytest.param("[]", StoreKind.WRITABLE_LAYER, id="writable layer"),
        pytest.param("[/data]", StoreKind.VOLUME, id="-v /data"),
        pytest.param("['rows:/data']", StoreKind.VOLUME, id="-v rows:/data"),
        pytest.param("[{type: tmpfs, target: /data}]", StoreKind.TMPFS, id="tmpfs by --mount"),
        pytest.param("['./shared:/data']", StoreKind.BIND, id="bind"),
    ],
)
def test_the_kernel_tells_which_store_took_a_write(mounts: str, kind: StoreKind) -> None:
    played = play(steps(f"{{db: {{mounts: {mounts}}}}}", RUN, WRITE, OBSERVE, more="host: {shared/: {}}\n"))

    placement = played.placements["row"]
    assert placement.store is not None
    assert placement.store.kind is kind
    assert placement.store.identity is not None
    assert placement.store.inner_path == ("data/row" if kind is StoreKind.WRITABLE_LAYER else "row")
    assert placement.read_back


def test_memory_by_flag_is_memory_too() -> None:
    played = play(steps("{db: {tmpfs: [/data]}}", RUN, WRITE, OBSERVE))

    store = played.placements["row"].store
    assert store is not None
    assert store.kind is StoreKind.TMPFS


def test_a_copy_into_memory_lands_beneath_it_and_does_not_count() -> None:
    containers = "{db: {mounts: [{type: tmpfs, target: /data}]}}"

    played = play(steps(containers, RUN, "{copy: row, to: 'db:/data/row'}", OBSERVE))

    assert not played.placements["row"].read_back
    assert played.verdict.rulings[0].outcome == "undecided"


def test_a_write_that_is_refused_is_no_placement() -> None:
    containers = "{db: {mounts: [{type: volume, source: rows, target: /data, read_only: true}]}}"

    played = play(
        steps(containers, RUN, "{write: row, to: 'db:/data/row', as: writing}", expect="{writing: {refused: true, message: {contains: Read-only}}}")
    )

    assert played.placements == {}
    assert played.verdict.outcome == "holds", played.verdict.reason


def test_a_write_into_a_stopped_container_is_refused_with_409() -> None:
    text = steps("{db: {}}", RUN, "stop: db", "{write: row, to: 'db:/data/row', as: writing}", expect="{writing: {refused: 409}}")

    played = play(text)

    assert played.operations["2"].status == 409


# --- a volume that is memory ------------------------------------------------------------------------------------------------


class OneWithTheVolume:
    """An engine with one running container that mounts a volume, and its host."""

    def __init__(self, mountinfo: str) -> None:
        self.told = mountinfo
        self.answer: dict[str, object] = {
            "Id": "c1",
            "Name": "/app",
            "State": {"Running": True, "Status": "running", "Pid": 7},
            "Mounts": [{"Type": "volume", "Name": "rows", "Source": "/v/rows/_data", "Destination": "/data"}],
        }

    def list_containers(self, *, filters: object) -> list[dict[str, object]]:
        return [{**self.answer, "State": "running"}]

    def inspect_container(self, container: str) -> dict[str, object]:
        return self.answer

    def mountinfo(self, pid: int) -> str:
        return self.told


@pytest.mark.parametrize(
    ("minor", "target", "users"),
    [
        pytest.param(64, "/data", Users.SOMEBODY, id="the very memory, held all the while"),
        pytest.param(65, "/data", Users.NOBODY, id="another memory under the same name"),
        pytest.param(64, "/dev/shm", Users.NOBODY, id="its number came back as the container's own /dev/shm"),
        pytest.param(64, "/srv/linked", Users.SOMEBODY, id="the very memory, under the target of a link"),
    ],
)
def test_whoever_mounts_the_name_of_a_volume_in_memory_has_the_memory_only_if_it_is_that_one(minor: int, target: str, users: Users) -> None:
    one: Any = OneWithTheVolume(f"9 1 0:{minor} / {target} rw - tmpfs tmpfs rw\n")
    store = Store(
        kind=StoreKind.VOLUME, identity=storage.bind_identity(64, 1), name="rows", has_options=True, host_path="/v/rows/_data", target="/data"
    )
    place = Place(PlaceKind.CONTAINER, "app", "/data/row")
    written = Written(write="row", nonce=b"n", place=place, store=store, seat=Seat("", one, one), options={"type": "tmpfs", "device": "tmpfs"})

    assert users_of(written, {}, "run")[0] is users
