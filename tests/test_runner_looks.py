"""Facts: what a read, an exec, an inspect, a diff, a search and a measure note, and what they say could not be got."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from runner_stand import play, stand

from dockstore.core.model import Completion, Outcome
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import Refused
from dockstore.engines.host import Unseen
from dockstore.runner.copies import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fakes import FakeContainer


ENDS = "{kill: a, signal: TERM}"  # whether it goes on running is not for the file to say


def steps(*rest: str, expect: str, containers: str = "{a: {}}", more: str = "") -> str:
    lines = "".join(f"  - {step}\n" for step in rest)
    return f"version: 1\nscenario: x\n{more}containers: {containers}\nsteps:\n{lines}expect: {expect}\n"


# --- read -----------------------------------------------------------------------------------------------------------------


def test_a_file_of_a_container_is_read_by_a_process() -> None:
    played = play(steps("run: a", "{exec: 'echo hello > /file', in: a}", "{read: 'a:/file', as: f}", expect="{f: hello}"))

    facts = played.facts["f"]
    assert facts.values["content"] == "hello"
    assert facts.values["type"] == "file"
    assert facts.values["owner"] == "0:0"
    assert facts.values["filesystem"] == "overlay"
    assert "opaque" in facts.missing


def test_what_is_not_there_does_not_exist_and_has_nothing() -> None:
    played = play(steps("run: a", "{read: 'a:/none', as: f}", expect="{f: {exists: false}}"))

    assert played.facts["f"].values == {"exists": False}
    assert played.facts["f"].missing == {}


def test_a_directory_has_entries_and_no_content() -> None:
    played = play(steps("run: a", "{exec: 'mkdir -p /d; echo > /d/b; echo > /d/a', in: a}", "{read: 'a:/d', as: d}", expect="{d: {entries: [a, b]}}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert "content" in played.facts["d"].missing


def test_a_stopped_container_is_read_by_archive() -> None:
    played = play(steps("run: a", "{exec: 'echo hello > /file', in: a}", ENDS, "{read: 'a:/file', as: f}", expect="{f: hello}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert "inode" in played.facts["f"].missing


def test_a_stopped_containers_memory_is_not_read() -> None:
    played = play(
        steps("run: a", ENDS, "{read: 'a:/m/x', as: f}", expect="{f: {exists: false}}", containers="{a: {mounts: [{type: tmpfs, target: /m}]}}")
    )

    assert "memory" in played.facts["f"].missing["exists"]
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_a_container_that_is_gone_is_not_read() -> None:
    played = play(steps("run: a", ENDS, "{read: 'a:/x', as: f}", expect="{f: {exists: false}}", containers="{a: {rm: true}}"))

    assert "there is no container" in played.facts["f"].missing["content"]


def test_the_host_reads_volume_layer_image_and_scratch() -> None:
    more = "host: {file: from the host}\nimages: {}\n"
    text = steps(
        "run: a",
        "{exec: 'echo in the volume > /v/file; echo in the layer > /file', in: a}",
        "{read: 'volume:rows/file', as: volume}",
        "{read: 'layer:a/file', as: layer}",
        "{read: 'host:file', as: host}",
        "{read: 'volume:rows/none', as: none}",
        expect="{volume: in the volume, layer: in the layer, host: from the host, none: {exists: false}}",
        containers="{a: {mounts: ['rows:/v']}}",
        more=more,
    )

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_what_the_host_cannot_see_is_missing_with_its_reason() -> None:
    on = stand()

    def denied(path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> None:
        raise Unseen(f"{path}: Permission denied")

    on.host.stat = denied  # type: ignore[method-assign]

    played = play(steps("run: a", "{read: 'volume:rows/x', as: f}", expect="{f: {exists: false}}", containers="{a: {mounts: ['rows:/v']}}"), on)

    assert played.facts["f"].missing["exists"] == "x: Permission denied"


# --- exec -----------------------------------------------------------------------------------------------------------------


def test_a_command_is_told_with_both_streams_and_its_code() -> None:
    played = play(steps("run: a", "{exec: 'echo out; cat /none', in: a, as: e}", expect="{e: {stdout: out, exit_code: 1}}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert "No such file" in str(played.facts["e"].values["stderr"])


def test_a_command_that_fails_without_a_name_ends_the_run() -> None:
    played = play(steps("run: a", "{exec: 'cat /none', in: a}", "{inspect: a, as: s}", expect="{s: {state: running}}"))

    assert played.operations["1"].completion is Completion.FAIL
    assert played.operations["1"].message.startswith("exit code 1")


def test_a_silent_command_is_not_repeated_and_not_believed() -> None:
    on = stand()
    execute = on.fake.exec
    calls: list[str] = []

    def swallowed(container: str, command: Sequence[str], **more: object) -> ExecResult:
        if "echo out" in command[-1]:
            calls.append(command[-1])
            return ExecResult(exit_code=0, stdout=b"", stderr=b"")
        return execute(container, command)

    on.fake.exec = swallowed  # type: ignore[method-assign]

    played = play(steps("run: a", "{exec: 'echo out', in: a, as: e}", expect="{e: {stdout: ''}}"), on)

    assert len(calls) == 1
    assert played.operations["1"].completion is Completion.UNSURE
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_a_killed_command_tells_its_code_but_not_its_output() -> None:
    on = stand()
    execute = on.fake.exec

    def killed(container: str, command: Sequence[str], **more: object) -> ExecResult:
        return ExecResult(exit_code=137, stdout=b"half", stderr=b"") if "dd if" in command[-1] else execute(container, command)

    on.fake.exec = killed  # type: ignore[method-assign]

    played = play(steps("run: a", "{exec: 'dd if=/dev/zero of=/m', in: a, as: e}", expect="{e: {exit_code: 137}}"), on)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert "stdout" in played.facts["e"].missing


def test_a_detached_command_is_not_waited_for() -> None:
    played = play(steps("run: a", "{exec: sleep 600, in: a, detach: true}", "{inspect: a, as: s}", expect="{s: {state: running}}"))

    assert played.operations["1"].completion is Completion.OK


# --- inspect, diff ----------------------------------------------------------------------------------------------------------


def test_a_container_is_inspected() -> None:
    text = steps(
        "run: a",
        "{inspect: a, as: s}",
        expect="{s: {exists: true, state: running, exit_code: 0, restarts: 0, oom_killed: false, mounts: {/v: volume}}}",
        containers="{a: {mounts: ['rows:/v']}}",
    )

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert '"Mounts"' in played.facts["s"].raw
    assert "memory" not in played.facts["s"].values  # nobody expects it, so nobody pays for it


def test_a_volume_is_inspected_with_its_users() -> None:
    text = steps(
        "run: a",
        "stop: a",
        "{inspect: 'volume:rows', as: v}",
        "{remove: a}",
        "{remove: 'volume:rows'}",
        "{inspect: 'volume:rows', as: n}",
        expect="{v: {exists: true, users: [a], anonymous: false, driver: local, labels: {}}, n: {exists: false}}",
        containers="{a: {mounts: [{type: volume, source: rows, target: /v}]}}",
    )

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_an_anonymous_volume_has_a_name_of_the_files() -> None:
    text = steps(
        "run: a",
        "{inspect: 'volume:old', as: v}",
        expect="{v: {exists: true, anonymous: true, users: [a]}}",
        containers="{a: {mounts: [/v]}}",
        more="volumes: {old: {anonymous: 'a:/v'}}\n",
    )

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_the_engine_is_inspected() -> None:
    played = play(steps("run: a", "{inspect: engine, as: e}", expect="{e: {driver: overlay2, version: 20.10.24}}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason
    assert "shared_memory" in played.facts["e"].missing


def test_an_inspect_that_fails_tells_nothing() -> None:
    on = stand()
    inspect = on.fake.inspect_container
    broken: list[bool] = []

    def fails(container: str, *, size: bool = False) -> dict[str, object]:
        if size:
            broken.append(True)
            raise Refused("inspect a", 500, "devicemapper: broken")
        return inspect(container)

    on.fake.inspect_container = fails  # type: ignore[method-assign]

    played = play(steps("run: a", "{inspect: a, as: s}", expect="{s: {state: running}}"), on)

    assert broken
    assert played.facts["s"].missing["state"] == "inspect a: devicemapper: broken"
    assert played.verdict.outcome is Outcome.UNDECIDED


def test_a_diff_is_told_by_path() -> None:
    played = play(steps("run: a", "{exec: 'echo > /new', in: a}", "{diff: a, as: d}", expect="{d: {/new: A, /etc/passwd: none}}"))

    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


# --- find -------------------------------------------------------------------------------------------------------------------


def test_bytes_on_disk_are_found() -> None:
    played = play(steps("run: a", "{write: row, to: 'a:/row'}", "{find: row, as: f}", expect="{f: true}"))

    assert played.facts["f"].values == {"found": True}


def test_nothing_found_counts_only_beside_a_control() -> None:
    on = stand()
    text = steps(
        "run: a", "{write: row, to: 'a:/m/row'}", "{find: row, as: f}", expect="{f: false}", containers="{a: {mounts: [{type: tmpfs, target: /m}]}}"
    )

    without = play(text, on)
    on.fake.host_files.put("/var/lib/docker/containers/x/config.v2.json", b"")
    put = on.fake.create_container

    def noted(name: str, config: dict[str, object]) -> str:
        made = put(name, config)
        on.fake.host_files.put(f"/var/lib/docker/containers/{made}/config.v2.json", f'{{"ID":"{made}"}}'.encode())
        return made

    on.fake.create_container = noted  # type: ignore[method-assign]
    beside = play(text, on)

    assert "the same search does not find" in without.facts["f"].missing["found"]
    assert beside.facts["f"].values == {"found": False}


# --- measure --------------------------------------------------------------------------------------------------------------


def measured(*lines: str) -> ExecResult:
    return ExecResult(exit_code=0, stdout="\n".join(lines).encode() + b"\n", stderr=b"")


def timing(rounds: int, *, cut: bool = False, failed: bool = False, clock: bool = True) -> object:
    def answer(_container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        script = command[-1]
        if "EPOCHREALTIME" not in script:
            return None
        mark = script.strip().splitlines()[-1].split()[1]
        times = [(100.0 + n, 100.2 + n, 100.3 + n) if clock else (0, 0, 0) for n in range(rounds)]
        lines = [f"{a} {b} {c} {1 if failed else 0} 0" for a, b, c in times]
        return measured(*lines, *([] if cut else [mark]))

    return answer


MEASURE = steps("run: a", "{measure: slow, against: fast, in: a, rounds: 3, as: m}", expect="{m: {at_least: 1.5}}")


def test_a_measure_is_a_ratio_of_each_round() -> None:
    on = stand()
    on.fake.on_exec = timing(4)  # type: ignore[assignment]

    played = play(MEASURE, on)

    assert played.facts["m"].values["ratio"] == [2.0, 2.0, 2.0]
    assert played.verdict.outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(timing(4, cut=True), "end mark", id="no end mark"),
        pytest.param(timing(4, failed=True), "failed (exit codes 1 and 0)", id="a command fails"),
        pytest.param(timing(2), "1 of 3 rounds", id="too few rounds"),
        pytest.param(timing(4, clock=False), "no clock", id="no clock"),
    ],
)
def test_a_measure_that_is_none_has_no_ratio(answer: object, why: str) -> None:
    on = stand()
    on.fake.on_exec = answer  # type: ignore[assignment]

    played = play(MEASURE, on)

    assert why in played.facts["m"].missing["ratio"]
    assert played.verdict.outcome is Outcome.UNDECIDED


# --- copies, exports, images ------------------------------------------------------------------------------------------------


def test_a_folder_goes_through_an_archive_and_comes_back() -> None:
    text = steps(
        "run: [a, b]",
        "{exec: 'mkdir -p /d/inner; echo hello > /d/inner/file', in: a}",
        "{copy: 'a:/d/inner/file', to: 'host:file'}",
        "{copy: 'host:file', to: 'b:/file'}",
        "{read: 'b:/file', as: f}",
        expect="{f: hello}",
        containers="{a: {}, b: {}}",
    )

    played = play(text)

    assert played.verdict.outcome is Outcome.HOLDS, (played.verdict.reason, played.footer)


def test_a_write_that_is_copied_in_is_read_back() -> None:
    played = play(steps("create: a", "{copy: row, to: 'a:/row'}", "start: a", "observe: row", expect="{row: persisted}"))

    assert played.placements["row"].read_back
    assert played.verdict.outcome is Outcome.HOLDS, played.verdict.reason


def test_a_copy_of_what_is_not_there_is_refused() -> None:
    played = play(steps("run: a", "{copy: 'host:none', to: 'a:/x', as: c}", expect="{c: {refused: true}}", more="host: {other: x}\n"))

    assert played.operations["1"].completion is Completion.FAIL


def test_a_commit_and_an_import_are_images_of_the_run() -> None:
    on = stand()
    text = steps(
        "run: a",
        "{write: row, to: 'a:/row'}",
        "{commit: a, to: 'image:app'}",
        "{inspect: 'image:app', as: i}",
        "{run: b}",
        "{observe: row, at: 'b:/row'}",
        expect="{i: {exists: true}, row: carried}",
        containers="{a: {}, b: {image: app}}",
    )

    played = play(text, on)

    assert [made.kind for made in played.made].count("image") == 1
    assert played.verdict.outcome is Outcome.HOLDS, (played.verdict.reason, played.footer)
    assert len(on.fake.images) == 1


def test_an_archive_holds_what_was_packed() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed({"row": b"bytes"}))) as tar:
        member = tar.getmembers()[0]

        assert (member.name, member.mode, member.uid) == ("row", 0o644, 0)


def test_an_image_of_the_users_is_never_removed() -> None:
    on = stand()
    on.fake.add_image("localhost/theirs:1", {}, {"Cmd": ["sleep", "infinity"]})
    text = steps(
        "{remove: 'image:localhost/theirs:1', as: r}", "run: a", expect="{r: {refused: false}}", containers="{a: {image: 'localhost/theirs:1'}}"
    )

    played = play(text, on)

    assert played.operations["0"].completion is Completion.UNSURE
    assert "localhost/theirs:1" in {tag for image in on.fake.images.values() for tag in image.tags}
