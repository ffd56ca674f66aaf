"""Containers, images, volumes, folders and copies: each verb of the grammar once, on the fake engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner_stand import play, stand

from dockstore.core.history import Note
from dockstore.core.model import Completion, Outcome
from dockstore.engines.errors import NotFound, Refused, Unsure

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner_stand import Played


def text(*steps: str, expect: str = "{s: {exists: true}}", containers: str = "{a: {}}", more: str = "") -> str:
    lines = "".join(f"  - {step}\n" for step in steps)
    return f"version: 1\nscenario: x\n{more}containers: {containers}\nsteps:\n{lines}expect: {expect}\n"


def holds(played: Played) -> None:
    assert played.verdict.outcome is Outcome.HOLDS, (played.verdict.reason, [ruling.why for ruling in played.verdict.rulings], played.footer)


# --- containers -------------------------------------------------------------------------------------------------------------


def test_a_renamed_container_is_known_by_its_new_name() -> None:
    holds(
        play(
            text(
                "run: a",
                "{write: row, to: 'a:/row'}",
                "{rename: a, to: b}",
                "{observe: row, at: 'b:/row'}",
                "{inspect: a, as: s}",
                expect="{row: persisted, s: {exists: false}}",
            )
        )
    )


def test_a_name_that_is_taken_is_refused_by_the_engine() -> None:
    played = play(text("run: a", "{run: a, as: again}", "{inspect: a, as: s}", expect="{again: {refused: 409}, s: {state: running}}"))

    holds(played)


def test_pause_and_unpause_are_the_engines_verbs() -> None:
    on = stand()

    holds(
        play(
            text(
                "run: a", "pause: a", "{inspect: a, as: s}", "unpause: a", "{inspect: a, as: t}", expect="{s: {state: paused}, t: {state: running}}"
            ),
            on,
        )
    )

    assert [call.split()[0] for call in on.fake.calls if "pause" in call] == ["pause_container", "unpause_container"]


def test_an_update_sends_memory_and_swap_together() -> None:
    on = stand()
    sent: list[dict[str, object]] = []
    on.fake.update_container = lambda container, changes: sent.append(changes)  # type: ignore[method-assign]

    holds(play(text("run: a", "{update: a, with: {mem_limit: 64m}}", "{inspect: a, as: s}"), on))

    assert sent == [{"Memory": 64 << 20, "MemorySwap": 128 << 20}]


@pytest.mark.parametrize("swap", [-1, 1 << 30])
def test_an_update_leaves_a_larger_swap_as_it_is(swap: int) -> None:
    on = stand()
    sent: list[dict[str, object]] = []
    inspect = on.fake.inspect_container

    def inspected(container: str, *, size: bool = False) -> dict[str, object]:
        answer = inspect(container, size=size)
        host = answer["HostConfig"]
        assert isinstance(host, dict)
        host["MemorySwap"] = swap
        return answer

    on.fake.inspect_container = inspected  # type: ignore[method-assign]
    on.fake.update_container = lambda container, changes: sent.append(changes)  # type: ignore[method-assign]

    play(text("run: a", "{update: a, with: {mem_limit: 64m}}", "{inspect: a, as: s}"), on)

    assert sent[0]["MemorySwap"] == swap


def test_a_start_of_what_runs_keeps_its_shell() -> None:
    on = stand()

    holds(play(text("run: a", "{start: a, as: again}", "{write: row, to: 'a:/row'}", "observe: row", expect="{row: persisted}"), on))

    assert [call.split()[0] for call in on.fake.calls].count("attach_shell") == 1


def test_a_kill_that_kills_nothing_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockstore.runner.containers.KILL_SECONDS", 0.1)
    on = stand()
    on.fake.kill_container = lambda container, *, signal: None  # type: ignore[method-assign]

    played = play(text("run: a", "kill: a", "{inspect: a, as: s}", expect="{s: {state: exited}}"), on)

    assert played.operations["1"].completion is Completion.UNSURE
    assert "still runs" in played.operations["1"].message


def test_a_create_whose_answer_did_not_come_is_looked_for_and_removed() -> None:
    on = stand()
    create = on.fake.create_container

    def lost(name: str, config: dict[str, object]) -> str:
        create(name, config)
        raise Unsure(f"create container {name}: no answer")

    on.fake.create_container = lost  # type: ignore[method-assign]

    played = play(text("create: a", "{inspect: a, as: s}"), on)

    assert [made.kind for made in played.made] == ["container"]
    assert on.fake.containers == {}
    assert played.operations["0"].completion is Completion.UNSURE


@pytest.mark.parametrize(
    ("condition", "steps", "expected"),
    [
        pytest.param("running", (), "running", id="running"),
        pytest.param("exited", ("{kill: a, signal: TERM}",), "exited", id="exited"),
    ],
)
def test_a_wait_ends_with_the_state(condition: str, steps: tuple[str, ...], expected: str) -> None:
    holds(play(text("run: a", *steps, f"{{wait: a, for: {condition}}}", "{inspect: a, as: s}", expect=f"{{s: {{state: {expected}}}}}")))


def test_a_wait_until_a_command_succeeds() -> None:
    holds(play(text("run: a", "{exec: 'echo > /ready', in: a}", "{wait: a, until: 'test -f /ready'}", "{inspect: a, as: s}")))


def test_a_wait_until_a_command_that_never_succeeds_is_undecided() -> None:
    played = play(text("run: a", "{wait: a, until: 'false', timeout: 100ms}", "{inspect: a, as: s}"))

    assert played.operations["1"].message == "a was not 'false' within 0.1 s; last seen: exit code 1"


# --- volumes and images -----------------------------------------------------------------------------------------------------


def test_a_volume_with_options_is_created_before_the_first_step() -> None:
    on = stand()

    played = play(
        text(
            "run: a",
            "{inspect: 'volume:mem', as: s}",
            expect="{s: {driver_opts: {type: tmpfs}}}",
            containers="{a: {mounts: ['mem:/m']}}",
            more="volumes: {mem: {driver_opts: {type: tmpfs}}}\n",
        ),
        on,
    )

    holds(played)
    assert played.made[0].kind == "volume"


def test_options_that_an_engine_ignores_end_the_run() -> None:
    on = stand()
    create = on.fake.create_volume

    def ignoring(name: str | None, *, driver: str | None = None, options: object = None, labels: dict[str, str] | None = None) -> dict[str, object]:
        return create(name, driver=driver, labels=labels)

    on.fake.create_volume = ignoring  # type: ignore[method-assign,assignment]

    played = play(
        text(
            "run: a", "{inspect: 'volume:mem', as: s}", containers="{a: {mounts: ['mem:/m']}}", more="volumes: {mem: {driver_opts: {type: tmpfs}}}\n"
        ),
        on,
    )

    assert played.footer.reason is not None
    assert played.footer.reason.startswith("the set-up failed: the engine keeps other options")


def test_a_volume_in_use_is_not_removed() -> None:
    holds(
        play(
            text(
                "create: volume:rows",
                "run: a",
                "{remove: 'volume:rows', as: r}",
                "{inspect: 'volume:rows', as: s}",
                expect="{r: {refused: 409}, s: {exists: true}}",
                containers="{a: {mounts: ['rows:/d']}}",
            )
        )
    )


def test_an_image_of_the_file_is_built_loaded_and_removed() -> None:
    on = stand()

    played = play(
        text(
            "run: a",
            "{read: 'a:/app/one', as: s}",
            expect="{s: one}",
            containers="{a: {image: app, command: [sleep, infinity]}}",
            more="images: {app: {from: scratch, layers: [{/app/one: one}]}}\n",
        ),
        on,
    )

    holds(played)
    assert [made.kind for made in played.made] == ["image", "container"]
    assert len(on.fake.images) == 1  # the lab's


def test_an_export_is_imported_as_an_image() -> None:
    on = stand()

    played = play(
        text(
            "run: a",
            "{write: row, to: 'a:/row'}",
            "{export: a, to: 'host:a.tar'}",
            "{import: 'host:a.tar', to: 'image:flat'}",
            "{inspect: 'image:flat', as: s}",
            expect="{s: {exists: true, layers: 1}}",
        ),
        on,
    )

    holds(played)


# --- folders and copies ---------------------------------------------------------------------------------------------------


def test_what_is_done_in_the_scratch_folder_is_done_there() -> None:
    on = stand()

    played = play(
        text(
            "create: host:new",
            "{write: row, to: 'host:new/row'}",
            "{rename: 'host:new', to: 'host:old'}",
            "{read: 'host:old/row', as: there}",
            "{remove: 'host:old'}",
            "{read: 'host:old', as: gone}",
            expect="{there: {exists: true}, gone: {exists: false}}",
        ),
        on,
    )

    holds(played)
    assert not any(path.startswith("scratch/") for path in on.fake.host_files.files)


def test_a_mount_is_noted_and_undone() -> None:
    on = stand()

    played = play(
        text(
            "{mount: tmpfs, at: 'host:share'}",
            "{write: row, to: 'host:share/row'}",
            "{unmount: 'host:share'}",
            "{read: 'host:share/row', as: hidden}",
            "{mount: tmpfs, at: 'host:share'}",
            "{read: 'host:share/row', as: again}",
            expect="{hidden: {exists: false}, again: {exists: true}}",
            more="needs: [host-mount]\nhost: {share/: {}}\n",
        ),
        on,
    )

    holds(played)
    assert [made.kind for made in played.made] == ["folder", "mount", "mount"]
    assert played.footer.leftovers == ()


def test_only_what_is_mounted_is_unmounted() -> None:
    played = play(text("{unmount: 'host:share', as: u}", expect="{u: {refused: true}}", more="needs: [host-mount]\nhost: {share/: {}}\n"))

    assert played.operations["0"].completion is Completion.UNSURE


def test_an_archive_is_kept_whole_and_unpacked() -> None:
    holds(
        play(
            text(
                "run: [a, b]",
                "{exec: 'mkdir -p /d; echo hello > /d/file', in: a}",
                "{exec: 'mkdir -p /e', in: b}",
                "{copy: 'a:/d', to: 'host:d.tar'}",
                "{copy: 'host:d.tar', to: 'b:/e'}",
                "{read: 'b:/e/d/file', as: f}",
                expect="{f: hello}",
                containers="{a: {}, b: {}}",
            )
        )
    )


def test_a_folder_is_copied_out_and_in() -> None:
    holds(
        play(
            text(
                "run: [a, b]",
                "{exec: 'mkdir -p /d; echo hello > /d/file', in: a}",
                "{copy: 'a:/d', to: 'host:copy'}",
                "{read: 'host:copy/file', as: outside}",
                "{copy: 'host:copy', to: 'b:/e'}",
                "{read: 'b:/e/file', as: inside}",
                expect="{outside: hello, inside: hello}",
                containers="{a: {}, b: {}}",
            )
        )
    )


def test_a_file_is_copied_from_container_to_container() -> None:
    holds(
        play(
            text(
                "run: [a, b]",
                "{write: row, to: 'a:/row'}",
                "{copy: 'a:/row', to: 'b:/other'}",
                "{observe: row, at: 'b:/other'}",
                expect="{row: carried}",
                containers="{a: {}, b: {}}",
            )
        )
    )


# --- faults -----------------------------------------------------------------------------------------------------------------


def test_a_fault_of_ours_is_a_history_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    on = stand()

    def broken(*_: object, **__: object) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr("dockstore.runner.looks.inspect", broken)

    played = play(text("run: a", "{inspect: a, as: s}"), on)

    assert (played.footer.stopped_at, played.footer.reason) == ("1", "the runner failed: TypeError: a fault of ours")
    assert any(isinstance(event, Note) and "Traceback" in event.text for event in played.history.events)
    assert on.fake.containers == {}
    assert played.verdict.outcome is Outcome.UNDECIDED


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "left"),
    [
        pytest.param(Refused("remove", 500, "driver failed"), 1, id="refused"),
        pytest.param(NotFound("remove", 404, "no such container"), 0, id="gone already"),
    ],
)
def test_a_container_that_cannot_be_removed_is_said(error: Exception, left: int) -> None:
    on = stand()
    on.fake.remove_container = failing(error)  # type: ignore[method-assign]

    played = play(text("run: a", "{inspect: a, as: s}"), on)

    assert len(played.footer.leftovers) == left


def test_a_steps_own_thread_raises_what_it_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockstore.runner.looks.run_exec", failing(ValueError("a fault of ours")))

    played = play(text("run: a", "{exec: 'true', in: a}", "{inspect: a, as: s}"))

    assert played.footer.reason == "the runner failed: ValueError: a fault of ours"


def test_a_reboot_and_an_orderly_restart_go_through_the_daemon() -> None:
    on = stand(restartable=True)
    steps = (
        "run: a",
        "{write: row, to: 'a:/row'}",
        "restart: engine",
        "start: a",
        "reboot: engine",
        "start: a",
        "stop: engine",
        "start: engine",
        "start: a",
        "observe: row",
    )

    played = play(text(*steps, expect="{row: persisted}", more="needs: [restart-engine]\n"), on)

    holds(played)
    assert on.daemon is not None
    assert on.daemon.calls == ["stop", "start", "reboot", "stop", "start"]


@pytest.mark.parametrize("what", ["containers", "images", "system"])
def test_every_prune_lists_before_and_after(what: str) -> None:
    options = ", all: true, volumes: true" if what == "system" else ""

    played = play(
        text(
            "run: a",
            "stop: a",
            f"{{prune: {what}{options}}}",
            "{inspect: a, as: s}",
            expect="{s: {exists: false}}" if what != "images" else "{s: {exists: true}}",
            more="needs: [disposable-engine]\n",
        )
    )

    holds(played)
    detail = next(operation.detail for operation in played.operations.values() if operation.verb == "prune")
    wanted = ("containers", "volumes", "images") if what == "system" else (what,)
    assert all(f"{each} before" in detail and f"{each} taken" in detail for each in wanted)
