"""Events of the whole engine, steps side by side, waits, and the scratch folder, on the fake engine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runner_stand import IDENTITY, load, play, stand

from dockstore.core.history import Operation, Placement
from dockstore.core.model import Completion, Outcome
from dockstore.engines.engine import ExecResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes import FakeContainer

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


# --- engine-wide ------------------------------------------------------------------------------------------------------------


def test_a_prune_says_with_which_version_and_what_it_took() -> None:
    text = """\
version: 1
scenario: x
needs: [disposable-engine]
containers: {a: {mounts: ["rows:/d", /e]}}
steps: [{run: a}, {write: row, to: "a:/d/row"}, {remove: a, force: true}, {prune: volumes, api: "1.41"}, {run: a}, {observe: row}]
expect: {row: lost}
"""

    played = play(text)

    detail = played.operations["3"].detail
    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert detail["api"] == "1.41"
    assert detail["volumes before"] == "2"
    assert f"dockstore-{IDENTITY.short}-1-rows" in detail["volumes taken"]


def test_an_engine_that_is_not_ours_is_never_pruned() -> None:
    on = stand(disposable=False)
    scenario = load("version: 1\nscenario: x\nneeds: [disposable-engine]\nsteps: [{prune: volumes, as: p}]\nexpect: {p: {refused: true}}\n")
    unguarded = type(scenario)(title=scenario.title, file=scenario.file, text=scenario.text, steps=scenario.steps, expect=scenario.expect)

    played = play(unguarded, on)

    assert played.operations["0"].completion is Completion.UNSURE
    assert not any(call.startswith("prune") for call in on.fake.calls)


def test_the_engine_is_struck_through_its_daemon() -> None:
    on = stand(restartable=True)
    text = """\
version: 1
scenario: x
needs: [restart-engine]
containers: {a: {mounts: ["rows:/d", {type: tmpfs, target: /m}]}}
steps:
  - run: a
  - {write: row, to: "a:/d/row"}
  - {write: memory row, to: "a:/m/row"}
  - kill: engine
  - start: engine
  - start: a
  - observe: [row, memory row]
expect: {row: persisted, memory row: lost}
"""

    played = play(text, on)

    assert on.daemon is not None
    assert on.daemon.calls == ["kill", "start"]
    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_an_engine_that_dockstore_did_not_start_is_not_struck() -> None:
    on = stand(restartable=True)
    on.daemon = None

    played = play(
        "version: 1\nscenario: x\nneeds: [restart-engine]\ncontainers: {a: {}}\nsteps: [{run: a}, {restart: engine}, {inspect: a, as: s}]\nexpect: {s: {state: exited}}\n",
        on,
    )

    assert played.operations["1"].completion is Completion.UNSURE
    assert "not started by dockstore" in played.operations["1"].message


# --- together ---------------------------------------------------------------------------------------------------------------


def test_steps_of_a_together_are_noted_one_by_one() -> None:
    on = stand()
    meeting = threading.Barrier(2, timeout=20)

    def both(_container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        if command[-1] == "wait for the other":
            meeting.wait()  # neither goes on alone
            return ExecResult(exit_code=0, stdout=b"", stderr=b"")
        return None

    on.fake.on_exec = both
    text = """\
version: 1
scenario: x
containers: {a: {}, b: {}}
steps:
  - run: [a, b]
  - together: [{exec: wait for the other, in: a}, {exec: wait for the other, in: b}]
  - {inspect: a, as: s}
expect: {s: {state: running}}
"""

    played = play(text, on)

    assert {step for step in played.operations if step.startswith("2")} == {"2", "2.0", "2.1"}
    assert all(played.operations[step].completion is Completion.OK for step in ("2", "2.0", "2.1"))
    assert played.verdict.outcome is Outcome.HOLDS


def test_a_step_of_a_together_that_fails_ends_the_run() -> None:
    text = "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {together: [{exec: 'true', in: a}, {exec: 'false', in: a}]}, {inspect: a, as: s}]\nexpect: {s: {state: running}}\n"

    played = play(text)

    assert played.operations["1"].completion is Completion.FAIL
    assert played.footer.stopped_at == "1"


# --- waits ----------------------------------------------------------------------------------------------------------------


def test_a_wait_that_is_too_late_is_undecided() -> None:
    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {wait: a, for: exited, timeout: 100ms}, {inspect: a, as: s}]\nexpect: {s: {state: exited}}\n"
    )

    assert played.operations["1"].completion is Completion.UNSURE
    assert played.operations["1"].message == "a was not exited within 0.1 s; last seen: running"


def test_a_wait_for_a_removal_that_was_seen_is_over() -> None:
    played = play(
        "version: 1\nscenario: x\ncontainers: {a: {rm: true}}\nsteps: [{run: a}, {stop: a}, {wait: a, for: removed}, {inspect: a, as: s}]\nexpect: {s: {exists: false}}\n"
    )

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


# --- the host -------------------------------------------------------------------------------------------------------------


def test_a_write_on_the_host_is_seen_in_the_container() -> None:
    text = """\
version: 1
scenario: x
host: {shared/: {}}
containers: {a: {mounts: ["./shared:/d"]}}
steps: [{run: a}, {write: row, to: "host:shared/row"}, {observe: row, at: "a:/d/row", as: inside}, {observe: row, as: outside}]
expect: {inside: persisted, outside: {host: same}}
"""

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_a_path_outside_the_scratch_folder_needs_leave() -> None:
    on = stand()
    on.fake.host_files.put("/srv/rows/file", b"theirs")
    text = "version: 1\nscenario: x\ncontainers: {a: {mounts: ['/srv/rows:/d']}}\nsteps: [{run: a, as: run}, {inspect: a, as: s}]\nexpect: {s: {state: running}}\n"

    refused, allowed = play(text, on), play(text, on, allow_host_paths=("/srv/rows",))

    assert "--allow-host-path /srv/rows" in refused.operations["0"].message
    assert refused.verdict.outcome is not Outcome.HOLDS
    assert allowed.verdict.outcome is Outcome.HOLDS


def test_no_scratch_folder_is_made_for_nothing() -> None:
    on = stand(blind="the engine is remote")

    played = play("version: 1\nscenario: x\ncontainers: {a: {}}\nsteps: [{run: a}, {inspect: a, as: s}]\nexpect: {s: {state: running}}\n", on)

    assert played.verdict.outcome is Outcome.HOLDS
    assert not any(made.kind == "folder" for made in played.made)


def test_without_the_hosts_files_a_bind_cannot_be_set_up() -> None:
    on = stand(blind="the engine is remote")

    played = play(FOUR, on)

    assert played.footer.reason == "the set-up failed: the engine is remote"
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_steps_are_told_in_order_and_with_their_times() -> None:
    played = play(ROW)

    operations = [event for event in played.history.events if isinstance(event, Operation)]
    assert [f"{operation.step} {operation.verb} {operation.subject}" for operation in operations] == [
        "0 run db",
        "1 write row",
        "2 remove db",
        "3 run db",
        "4 observe row",
    ]
    assert all(operation.began <= operation.ended for operation in operations)


def test_a_write_is_placed_by_its_digest_not_its_bytes() -> None:
    played = play(ROW)

    placement = next(event for event in played.history.events if isinstance(event, Placement))
    assert len(placement.digest) == 64
    assert placement.size_bytes == 25
