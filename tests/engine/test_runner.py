"""Whole runs on a real engine: odd containers, odd users, failures in the middle, and nothing left behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from playing import Theatre, open_theatre, scenario

from dockstore.core.history import Note
from dockstore.core.model import Completion, Fate, Home, Outcome, Sight, StoreKind, Vantage
from dockstore.engines.lab import LAB_IMAGE
from dockstore.runner.halt import Halt

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

FOUR = """\
version: 1
scenario: four stores over a container's life
matrix:
  stores:       [writable-layer, tmpfs, bind,      volume]
  events:
    stop+start: [persisted,      lost,  persisted, persisted]
    kill+start: [persisted,      lost,  persisted, persisted]
    remove+run: [lost,           lost,  persisted, persisted]
"""


@pytest.fixture(scope="module", name="theatre")
def _theatre(engine_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    theatre = open_theatre(engine_address, tmp_path_factory.mktemp("runner"))
    yield theatre
    theatre.opened.close()


@pytest.fixture(name="files")
def _files(theatre: Theatre) -> None:
    if theatre.opened.host.reason is not None:
        pytest.skip(f"the host's files cannot be seen: {theatre.opened.host.reason}")


def test_the_lesson_holds_with_three_witnesses(theatre: Theatre, files: None) -> None:
    played = theatre.play(FOUR)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    after_stop = played.looks["volume over stop+start"]
    assert [testimony.sight for testimony in after_stop.sights.values()] == [Sight.SAME] * 3


def test_every_flipped_cell_is_refuted(theatre: Theatre, files: None) -> None:
    played = theatre.play(FOUR.replace("persisted", "flipped").replace("lost", "persisted").replace("flipped", "lost"))

    assert {ruling.outcome for ruling in played.verdict.rulings} == {Outcome.REFUTED}


def test_two_runs_side_by_side_do_not_meet(theatre: Theatre, files: None) -> None:
    outcomes: list[Outcome] = []

    def one() -> None:
        outcomes.append(theatre.play(FOUR).verdict.outcome)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert outcomes == [Outcome.HOLDS, Outcome.HOLDS]


def test_a_main_process_of_its_own_is_looked_into_by_exec(theatre: Theatre) -> None:
    containers = "{a: {command: [sleep, infinity], mounts: ['rows:/data']}}"

    played = theatre.play(
        scenario(
            containers, "run: a", "{write: row, to: 'a:/data/row'}", "{remove: a, force: true}", "run: a", "observe: row", expect="{row: persisted}"
        )
    )

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_an_image_without_a_shell_is_seen_through_its_process(theatre: Theatre, files: None) -> None:
    """The program of the image is the lab's busybox under the only name that it has there."""
    more = "images: {app: {layers: [{/app/file: shipped}]}}\n"
    hide = "{exec: 'busybox mv /bin/busybox /bin/busybox.away; :', in: a, as: hidden}"
    containers = "{a: {image: app, command: [sleep, infinity], init: true}}"

    played = theatre.play(
        scenario(
            containers,
            "run: a",
            "{write: row, to: 'a:/row'}",
            hide,
            "observe: row",
            expect="{row: persisted, hidden: {exit_code: {at_least: 0}}}",
            more=more,
        )
    )

    observation = played.looks["row"]
    assert observation.sights[Vantage.CONTAINER].sight is Sight.SAME
    assert "root of its main process" in observation.sights[Vantage.CONTAINER].detail
    assert observation.home is Home.YES


def test_a_users_own_image_keeps_its_main_process(theatre: Theatre) -> None:
    containers = f"{{a: {{image: '{LAB_IMAGE}', command: [sleep, infinity], init: true, network_mode: none, mounts: [/data]}}}}"
    steps = ("run: a", "{write: row, to: 'a:/data/row'}", "restart: a", "observe: row", "{inspect: a, as: state}")

    played = theatre.play(scenario(containers, *steps, expect="{row: persisted, state: {state: running, mounts: {/data: volume}}}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_a_bind_of_a_folder_above_leads_to_the_same_row(theatre: Theatre, files: None) -> None:
    more = "host: {shared/: {}, shared/inner/: {}}\n"
    containers = "{a: {mounts: ['./shared/inner:/data']}, b: {mounts: ['./shared:/all']}}"
    steps = ("run: [a, b]", "{write: row, to: 'a:/data/row'}", "{observe: row, at: 'b:/all/inner/row'}")

    played = theatre.play(scenario(containers, *steps, expect="{row: persisted}", more=more))

    assert played.looks["row"].home is Home.YES
    assert played.fate("row") == str(Fate.PERSISTED)


def test_a_bind_and_a_volume_of_one_folder_are_one_store(theatre: Theatre, files: None) -> None:
    more = "host: {folder/: {}}\nvolumes: {rows: {driver_opts: {type: none, o: bind, device: ./folder}}}\n"
    containers = "{a: {mounts: ['rows:/data']}, b: {mounts: ['./folder:/data']}}"

    played = theatre.play(
        scenario(
            containers, "run: [a, b]", "{write: row, to: 'a:/data/row'}", "{observe: row, at: 'b:/data/row'}", expect="{row: persisted}", more=more
        )
    )

    assert played.fate("row") == str(Fate.PERSISTED)


def test_a_row_that_is_moved_inside_its_store_is_still_that_row(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: ['rows:/data']}}"
    steps = ("run: a", "{write: row, to: 'a:/data/row'}", "{exec: 'mv /data/row /data/moved', in: a}", "{observe: row, at: 'a:/data/moved'}")

    played = theatre.play(scenario(containers, *steps, expect="{row: persisted}"))

    assert played.looks["row"].sights[Vantage.HOST].sight is Sight.SAME
    assert played.fate("row") == str(Fate.PERSISTED)


def test_a_copy_in_another_store_is_carried(theatre: Theatre) -> None:
    containers = "{a: {mounts: ['rows:/data', 'others:/copy']}}"
    steps = ("run: a", "{write: row, to: 'a:/data/row'}", "{exec: 'cp /data/row /copy/row', in: a}", "{observe: row, at: 'a:/copy/row'}")

    played = theatre.play(scenario(containers, *steps, expect="{row: carried}"))

    assert played.fate("row") == str(Fate.CARRIED)


def test_a_row_that_was_changed_is_altered(theatre: Theatre) -> None:
    steps = ("run: a", "{write: row, to: 'a:/row'}", "{exec: 'echo more >> /row', in: a}", "observe: row")

    played = theatre.play(scenario("{a: {}}", *steps, expect="{row: altered}"))

    assert played.fate("row") == str(Fate.ALTERED)


def test_a_layers_file_under_a_later_mount_is_shadowed(theatre: Theatre, files: None) -> None:
    containers = "{a: {mounts: [{type: tmpfs, target: /data}]}}"

    played = theatre.play(scenario(containers, "create: a", "{copy: row, to: 'a:/row'}", "start: a", "observe: row", expect="{row: persisted}"))

    store = played.placements["row"].store
    assert store is not None
    assert store.kind is StoreKind.WRITABLE_LAYER
    assert played.placements["row"].read_back
    assert played.fate("row") == str(Fate.PERSISTED)


def test_an_exec_that_never_ends_is_undecided(theatre: Theatre) -> None:
    played = theatre.play(scenario("{a: {}}", "run: a", "{exec: sleep 600, in: a, timeout: 500ms, as: e}", expect="{e: {exit_code: 0}}"))

    assert played.operations["1"].completion is Completion.UNSURE
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_an_interruption_in_the_middle_of_a_command_leaves_nothing(theatre: Theatre) -> None:
    halt = Halt()
    timer = threading.Timer(1.0, lambda: halt.ask("interrupted (SIGTERM)", signal_number=15))
    timer.start()

    played = theatre.play(
        scenario("{a: {mounts: [/data]}}", "run: a", "{exec: sleep 600, in: a, timeout: 600s, as: e}", expect="{e: {exit_code: 0}}"), halt=halt
    )

    timer.join()
    assert played.footer.interrupted
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_logs_and_inspect_of_a_failure_are_kept_without_secrets(theatre: Theatre) -> None:
    containers = "{a: {command: 'echo DB_PASSWORD=hunter2; exit 3', environment: {DB_PASSWORD: hunter3}}}"

    played = theatre.play(
        scenario(containers, "run: a", "{wait: a, for: healthy, timeout: 1s}", "{inspect: a, as: s}", expect="{s: {state: exited}}")
    )

    notes = [event.text for event in played.history.events if isinstance(event, Note)]
    assert any(note.startswith("logs: DB_PASSWORD=") for note in notes)
    assert not any("hunter" in note for note in notes)


def test_the_ledger_names_what_an_engine_makes_by_itself(theatre: Theatre) -> None:
    more = "images: {app: {volume: [/seeded]}}\n"

    played = theatre.play(
        scenario("{a: {image: app, mounts: [/data, 'rows:/rows']}}", "create: a", "{inspect: a, as: s}", expect="{s: {state: created}}", more=more)
    )

    kinds = sorted((made.kind, len(made.id) == 64) for made in played.made)
    assert kinds == [("container", True), ("image", False), ("volume", False), ("volume", True), ("volume", True)]


def test_a_restart_policy_that_strikes_gives_a_new_life(theatre: Theatre) -> None:
    text = """\
version: 1
scenario: a crash ends what lies in memory
matrix:
  stores:  [writable-layer, tmpfs, volume]
  events:
    crash: [persisted,      lost,  persisted]
    pause+unpause: [persisted, persisted, persisted]
"""

    played = theatre.play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
