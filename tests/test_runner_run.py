"""A run from its first line to its last: what is done, what is noted, what is left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runner_stand import IDENTITY, play, stand

from dockstore.core.history import Facts, Footer, Header, Made, Note
from dockstore.core.model import Completion, Outcome
from dockstore.engines.errors import Conflict, Refused, Unsure
from dockstore.runner.halt import Halt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes import FakeContainer

    from dockstore.engines.engine import ExecResult

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
ROW = """\
version: 1
scenario: a row in a volume
containers:
  db: {mounts: ["rows:/data"]}
steps:
  - run: db
  - {write: row, to: db:/data/row}
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: persisted
"""


def test_the_lesson_holds_and_nothing_is_left() -> None:
    on = stand()

    played = play(FOUR, on)

    assert played.verdict.outcome is Outcome.HOLDS
    assert played.footer.leftovers == ()
    assert on.fake.containers == {}
    assert on.fake.volumes == {}
    assert not any(path.startswith("scratch/") for path in on.fake.host_files.files)


def test_the_record_is_the_history() -> None:
    played = play(ROW)

    assert isinstance(played.recorded[0], Header)
    assert played.recorded[0] is played.history.header
    assert tuple(played.recorded[1:]) == played.history.events
    assert isinstance(played.recorded[-1], Footer)


def test_an_unmet_need_plays_nothing() -> None:
    on = stand(disposable=False)

    played = play(
        "version: 1\nscenario: x\nneeds: [disposable-engine]\ncontainers: {a: {}}\nsteps: [{run: a}, {prune: volumes, as: p}]\nexpect: {p: {refused: false}}\n",
        on,
    )

    assert played.history.header.unmet == ("disposable-engine",)
    assert not any(call.startswith(("create", "start", "prune", "load")) for call in on.fake.calls)
    assert played.verdict.outcome is Outcome.SKIPPED


def test_a_refusal_without_a_name_ends_the_run_with_its_evidence() -> None:
    on = stand()
    on.fake.fail["kill_container"] = Conflict("kill a", 409, "Container is not running")

    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {kill: a}, {inspect: a, as: after}]\nexpect: {after: {state: exited}}\n", on
    )

    assert played.footer.stopped_at == "1"
    assert played.footer.reason == "'kill a' was refused with 409: Container is not running"
    assert "2" not in played.operations
    assert any(isinstance(event, Note) and event.text.startswith("inspect: {") for event in played.history.events)
    assert on.fake.containers == {}
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_evidence_is_kept_before_tidying_up() -> None:
    on = stand()
    on.fake.fail["kill_container"] = Conflict("kill a", 409, "no")

    play("version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {kill: a}, {inspect: a, as: s}]\nexpect: {s: {state: exited}}\n", on)

    calls = [call.split()[0] for call in on.fake.calls]
    assert calls.index("logs") < calls.index("remove_container")


def test_a_refusal_with_a_name_is_an_outcome() -> None:
    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {mounts: [{type: bind, source: ./missing, target: /d}]}}\nsteps: [{create: a, as: made}, {read: 'host:missing', as: folder}]\nexpect: {made: {refused: 400}, folder: {exists: false}}\n"
    )

    assert played.operations["0"].completion is Completion.FAIL
    assert played.operations["0"].status == 400
    assert played.verdict.outcome is Outcome.HOLDS


def test_an_answer_that_did_not_come_is_neither_done_nor_refused() -> None:
    on = stand()
    on.fake.fail["stop_container"] = Unsure("stop a: no answer within 60 s")

    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {stop: a}, {inspect: a, as: s}]\nexpect: {s: {state: exited}}\n", on
    )

    assert played.operations["1"].completion is Completion.UNSURE
    assert played.footer.reason == "'stop a' is not known to have happened: stop a: no answer within 60 s"


# --- the ledger -------------------------------------------------------------------------------------------------------------


def test_everything_that_is_made_is_noted() -> None:
    played = play(FOUR)

    assert [made.kind for made in played.made] == ["folder", "container", "volume", "container"]


def test_an_anonymous_volume_is_noted_before_its_container_starts() -> None:
    on = stand()
    starting: list[int] = []
    seen: list[Made] = []
    start = on.fake.start_container

    def started(container: str) -> None:
        starting.append(len(on.fake.volumes))
        start(container)

    on.fake.start_container = started  # type: ignore[method-assign]

    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {mounts: [/d]}}\nsteps: [{run: a}, {inspect: a, as: s}]\nexpect: {s: {state: running}}\n", on
    )

    seen = [event for event in played.made if event.kind == "volume"]
    names = [type(event).__name__ for event in played.history.events]
    assert [len(made.id) for made in seen] == [64]
    assert starting == [1]
    assert names.index("Operation") > names.index("Made")


def test_volumes_that_a_failed_create_leaves_are_noted_and_removed() -> None:
    on = stand()
    text = """\
version: 1
scenario: x
containers:
  a: {mounts: [{type: volume, source: rows, target: /one}, {type: volume, target: /two}, {type: bind, source: ./gone, target: /three}]}
steps: [{create: a, as: made}]
expect: {made: {refused: 400}}
"""

    played = play(text, on)

    assert sorted(made.name for made in played.made if made.kind == "volume") == ["left by a create that failed", "rows"]
    assert on.fake.volumes == {}


def test_what_cannot_be_removed_is_said() -> None:
    on = stand()
    on.fake.fail["remove_volume"] = Refused("remove volume", 500, "device or resource busy")

    played = play(ROW, on)

    assert played.footer.leftovers == ("volume rows: remove volume: device or resource busy",)


def test_a_container_that_goes_by_itself_is_no_leftover() -> None:
    on = stand()
    text = "version: 1\nscenario: x\ncontainers: {a: {rm: true}}\nsteps: [{run: a}, {kill: a}, {inspect: a, as: s}]\nexpect: {s: {exists: false}}\n"

    played = play(text, on)

    assert played.footer.leftovers == ()
    assert played.verdict.outcome is Outcome.HOLDS


def test_what_is_kept_stands() -> None:
    on = stand()

    played = play(ROW, on, keep=True)

    assert len(on.fake.containers) == 1
    assert len(on.fake.volumes) == 1
    assert played.footer.leftovers == ()


def test_nothing_of_others_is_touched() -> None:
    on = stand()
    on.fake.create_volume("rows")
    on.fake.create_volume("precious", labels={"io.dockstore.run": "another run"})
    theirs = on.fake.create_container("db", {"Image": "localhost/dockstore-lab:1"})

    play(FOUR, on)

    assert set(on.fake.volumes) == {"rows", "precious"}
    assert set(on.fake.containers) == {theirs}


def test_every_object_bears_our_labels() -> None:
    on = stand()

    play(ROW.replace('"rows:/data"', "{type: volume, source: rows, target: /data}"), on, keep=True)

    container = next(iter(on.fake.containers.values()))
    labels = container.config["Labels"]
    assert isinstance(labels, dict)
    assert labels["io.dockstore.run"] == IDENTITY.run
    volume = next(iter(on.fake.volumes.values()))
    assert volume.labels is not None
    assert volume.labels["io.dockstore.run"] == IDENTITY.run
    assert volume.labels["io.dockstore.nonce"] != labels["io.dockstore.nonce"]  # the second container's create call has its own


# --- round trips ------------------------------------------------------------------------------------------------------------


def test_an_events_looks_and_the_next_writes_are_one_round_trip() -> None:
    on = stand()

    play(FOUR, on)

    calls = [call.split()[0] for call in on.fake.calls]
    assert calls.count("shell") == 4  # the first writes; after each event its looks, and the next writes
    assert calls.count("exec") == 0
    assert calls.count("create_container") == 2
    assert calls.count("start_container") == 4


def test_a_container_with_a_command_of_its_own_is_asked_by_exec() -> None:
    on = stand()

    played = play(ROW.replace('{mounts: ["rows:/data"]}', '{mounts: ["rows:/data"], command: [sleep, infinity]}'), on)

    calls = [call.split()[0] for call in on.fake.calls]
    assert (calls.count("shell"), calls.count("exec")) == (0, 2)
    assert played.verdict.outcome is Outcome.HOLDS


def test_a_shell_that_dies_is_replaced_by_execs() -> None:
    on = stand()
    attach = on.fake.attach_shell

    def attached(container: str, *, open_input: bool = False) -> object:
        shell = attach(container, open_input=open_input)
        if shell is not None:
            shell.close()
        return shell

    on.fake.attach_shell = attached  # type: ignore[method-assign,assignment]

    played = play(ROW, on)

    assert played.verdict.outcome is Outcome.HOLDS
    assert any(isinstance(event, Note) and "resident shell" in event.text for event in played.history.events)


def test_looks_are_made_as_root_and_writes_as_the_containers_user() -> None:
    on = stand()
    users: list[str | None] = []
    execute = on.fake.exec

    def executed(container: str, command: Sequence[str], *, user: str | None = None, **more: object) -> ExecResult:
        users.append(user)
        return execute(container, command, user=user)

    on.fake.exec = executed  # type: ignore[method-assign]

    played = play(ROW.replace('{mounts: ["rows:/data"]}', '{mounts: ["rows:/data"], user: "1000", command: [sleep, infinity]}'), on)

    assert played.verdict.outcome is Outcome.HOLDS
    assert users == [None, "0", "0"]  # the write, which store took it, the look


def test_a_look_after_a_write_is_a_round_trip_of_its_own() -> None:
    text = """\
version: 1
scenario: x
containers: {a: {}}
steps:
  - run: a
  - {write: row, to: a:/row}
  - observe: row
  - {write: other, to: a:/row}
  - {observe: row, as: overwritten}
expect: {row: persisted, overwritten: {container: other}}
"""
    on = stand()

    played = play(text, on)

    assert played.verdict.outcome is Outcome.HOLDS
    assert [call.split()[0] for call in on.fake.calls].count("shell") == 3


# --- stopping ---------------------------------------------------------------------------------------------------------------


def test_a_stop_that_is_asked_for_ends_at_the_next_step_and_tidies_up() -> None:
    on = stand()
    halt = Halt()
    remove = on.fake.remove_container

    def removed(container: str, *, force: bool = False, volumes: bool = False) -> None:
        halt.ask("interrupted (SIGINT)")
        remove(container, force=force, volumes=volumes)

    on.fake.remove_container = removed  # type: ignore[method-assign]

    played = play(ROW, on, halt=halt)

    assert played.footer.interrupted
    assert (played.footer.stopped_at, played.footer.reason) == ("3", "interrupted (SIGINT)")
    assert on.fake.containers == {}
    assert on.fake.volumes == {}


def test_a_stop_that_is_asked_for_ends_a_wait() -> None:
    on = stand()
    halt = Halt()
    looks: list[str] = []
    inspect = on.fake.inspect_container

    def inspected(container: str, *, size: bool = False) -> dict[str, object]:
        looks.append(container)
        if len(looks) > 3:
            halt.ask("interrupted (SIGINT)")
        return inspect(container, size=size)

    on.fake.inspect_container = inspected  # type: ignore[method-assign]

    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {wait: a, for: exited, timeout: 600s}, {inspect: a, as: s}]\nexpect: {s: {state: exited}}\n",
        on,
        halt=halt,
    )

    assert played.footer.interrupted
    assert on.fake.containers == {}


def test_a_stop_that_is_asked_for_does_not_wait_for_a_command() -> None:
    on = stand()
    halt = Halt()
    release = threading.Event()

    def hangs(_container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        if "sleep 600" in command[-1]:
            halt.ask("interrupted (SIGTERM)")
            release.wait(30)
        return None

    on.fake.on_exec = hangs

    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {exec: sleep 600, in: a, as: e}]\nexpect: {e: {exit_code: 0}}\n",
        on,
        halt=halt,
    )
    release.set()
    for thread in threading.enumerate():
        if thread.name == "dockstore-step":
            thread.join(30)

    assert played.operations["1"].completion is Completion.UNSURE
    assert played.footer.reason == "interrupted (SIGTERM)"
    assert on.fake.containers == {}
    assert not any(isinstance(event, Facts) for event in played.recorded)  # what it saw then was a torn-down stage


def test_left_at_once_nothing_more_is_done() -> None:
    on = stand()
    halt = Halt()
    halt.ask_at_once("interrupted twice (SIGINT)")

    played = play(ROW, on, halt=halt)

    assert played.history.events == ()  # no last line: the run did not come to its end
    assert on.fake.containers == {}
