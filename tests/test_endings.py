"""Who does not answer because it had ended is said to have ended, with exit code and last words; nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from runner_stand import play, stand

from dockstore.core.model import ContainerSpec
from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import NotFound
from dockstore.runner.endings import died_meanwhile, had_ended
from dockstore.runner.stage import Box, Seat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fake_container import FakeContainer

    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host


class Told:
    """An engine that tells one container's state and log; None: it has no such container."""

    def __init__(self, state: Mapping[str, object] | None, log: str = "") -> None:
        self.state, self.log = state, log

    def inspect_container(self, container: str) -> dict[str, object]:
        if self.state is None:
            raise NotFound("inspect container", 404, f"no such container: {container}")
        return {"State": self.state}

    def logs(self, container: str, *, tail: int) -> str:
        assert container
        return "\n".join(self.log.splitlines()[-tail:])


def box(state: Mapping[str, object] | None, log: str = "") -> Box:
    seat = Seat("", cast("Engine", Told(state, log)), cast("Host", None))
    return Box(name="db", real="dockstore-x-db", id="1", spec=ContainerSpec(name="db"), seat=seat, lab=False, as_root=True)


def test_exit_code_and_last_words_are_told_without_secrets() -> None:
    told = had_ended(box({"Status": "exited", "ExitCode": 7}, "starting\npassword=hunter2 was refused\n\n"))

    assert told == "container db had ended with exit code 7; its last words: password=[redacted] was refused"


@pytest.mark.parametrize(("state", "words"), [
    ({"Status": "exited", "ExitCode": 0}, "container db had ended with exit code 0; it said nothing"),
    ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "container db had ended out of memory; it said nothing"),
    ({"Status": "restarting", "ExitCode": 1}, "container db had ended with exit code 1, as often as it was restarted; it said nothing"),
    ({"Status": "running"}, None),
    ({"Status": "paused"}, None),
    ({"Status": "created"}, None),
    (None, None),
], ids=["silent", "out of memory", "restarting", "running", "paused", "never begun", "gone"])  # fmt: skip
def test_only_who_has_ended_is_said_to_have(state: Mapping[str, object] | None, words: str | None) -> None:
    assert had_ended(box(state)) == words


@pytest.mark.parametrize(("code", "said", "ended"), [
    (137, b"", True),
    (126, b"OCI runtime exec failed: exec failed: cannot exec in a stopped state: unknown", True),
    (126, b"permission denied", False),
    (1, b"in a stopped state", False),
    (0, b"", False),
], ids=["killed", "not begun", "not allowed", "its own words", "well"])  # fmt: skip
def test_an_exec_that_failed_by_itself_is_not_laid_to_the_containers_end(code: int, said: bytes, *, ended: bool) -> None:
    told = died_meanwhile(box({"Status": "exited", "ExitCode": 7}), ExecResult(exit_code=code, stdout=b"", stderr=said))

    assert (told is not None) == ended


@pytest.mark.parametrize("step", ["{write: row, to: 'a:/data/row'}", "{exec: ls /, in: a}"])
def test_a_step_in_a_container_that_had_ended_says_so(step: str) -> None:
    on = stand()

    def ends(container: FakeContainer, command: Sequence[str]) -> ExecResult | None:
        return ExecResult(exit_code=7, stdout=b"no config\n", stderr=b"") if container.name and list(command) == ["app"] else None

    on.fake.on_exec = ends

    played = play(
        f"version: 1\nscenario: x\ncontainers: {{a: {{command: [app]}}}}\nsteps: [{{run: a}}, {step}, {{inspect: a, as: s}}]\nexpect: {{s: {{state: exited}}}}\n",
        on,
    )

    assert played.footer.stopped_at == "1"
    assert "was refused with 409: container a had ended with exit code 7; its last words: no config" in (played.footer.reason or "")
