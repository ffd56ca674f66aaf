"""What is seen of a write, from the container, the host and the engine, and whose store it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner_stand import play, stand

from dockstore.core.model import Fate, Home, Sight, StoreKind, Users, Vantage
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import NotFound, Refused
from dockstore.engines.host import Unseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakes import FakeContainer
    from runner_stand import Stand

from sighted import EXEC_ONLY, OBSERVE, RUN, VOLUME, WRITE, look, sights, steps

# --- the container ------------------------------------------------------------------------------------------------------


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


# --- identity -----------------------------------------------------------------------------------------------------------


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


# --- the host -----------------------------------------------------------------------------------------------------------


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


# --- the engine ---------------------------------------------------------------------------------------------------------


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
