"""Waiting until a service is ready: how often it is asked, what is read in the same breath, and what an interruption says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from dockstore.engines.engine import Engine, ExecResult
from dockstore.engines.host import Host, Unseen
from dockstore.runner.halt import Halt
from dockstore.runner.ready import SLOW, UP, Readiness, Waiting
from dockstore.runner.scene import read_scene
from dockstore.runner.stage import Seat

if TYPE_CHECKING:
    from dockstore.runner.scene import Scene

HEAD = b"  sl  local_address rem_address   st\n"
LISTENS = HEAD + b"   0: 00000000:1538 00000000:0000 0A 00000000:00000000\n"


class Asked:
    """An engine of which only exec is asked: *answers* are what the ready command ends with, one after the other."""

    def __init__(self, *answers: bool, read: str = "") -> None:
        self.answers = list(answers)
        self.scripts: list[str] = []
        self.read = read

    def exec(self, _container: str, command: list[str], **_: object) -> ExecResult:
        self.scripts.append(command[2])
        mark = re.search(r"ready-[0-9a-f]{16}", command[2])
        ready = self.answers.pop(0)
        said = f"{mark[0]}\n{self.read}" if ready and mark is not None else ""
        return ExecResult(exit_code=0 if ready else 1, stdout=said.encode(), stderr=b"")

    def logs(self, _container: str, *, tail: int) -> str:
        return ""


class Tables:
    """A host of which only the kernel's table of sockets is seen: each time the next one, the last one for good."""

    reason = None

    def __init__(self, *tables: bytes) -> None:
        self.tables = list(tables)

    def read(self, path: str, **_: object) -> bytes | None:
        if not path.endswith("/net/tcp"):
            raise Unseen(path)
        return self.tables.pop(0) if len(self.tables) > 1 else self.tables[0]


def running() -> Scene:
    return read_scene({"Id": "c1", "Name": "/db", "State": {"Running": True, "Status": "running", "Pid": 7, "StartedAt": "now"}})


def waiting(engine: Asked, host: Tables, **options: object) -> Waiting:
    chosen: dict[str, object] = {"halt": Halt(), "limit_seconds": 60.0, "ready": {"db": Readiness(command="ask")}} | options
    seat = Seat("", cast("Engine", engine), cast("Host", host))
    return Waiting(seat=seat, scenes=lambda: {"db": [running()]}, services=("db",), **chosen)  # type: ignore[arg-type]


def test_a_service_that_does_not_listen_as_it_did_is_not_asked() -> None:
    engine = Asked(True)

    states = waiting(engine, Tables(HEAD, HEAD, HEAD, LISTENS), ports={"db": frozenset({5432})}).wait()

    assert states["db"].state == UP
    assert len(engine.scripts) == 1


def test_a_service_of_which_nothing_is_known_is_asked_and_its_ports_are_learnt() -> None:
    engine, ports = Asked(False, True), dict[str, frozenset[int]]()

    states = waiting(engine, Tables(LISTENS), ports=ports).wait()

    assert states["db"].state == UP
    assert len(engine.scripts) == 2
    assert ports == {"db": frozenset({5432})}


def test_a_port_that_was_open_at_a_first_start_only_is_asked_past_and_forgotten() -> None:
    engine, ports = Asked(True), {"db": frozenset({5432, 8081})}

    states = waiting(engine, Tables(LISTENS), ports=ports).wait()

    assert states["db"].state == UP
    assert ports == {"db": frozenset({5432})}


def test_what_is_to_be_read_is_read_in_the_exec_that_says_ready() -> None:
    engine, heard = Asked(True, read="n123\n"), dict[str, str]()

    waiting(engine, Tables(LISTENS), reads={"db": "read it"}, heard=heard).wait()

    assert engine.scripts[0].endswith("read it")
    assert heard == {"c1": "n123\n"}


def test_what_is_waited_for_at_an_interruption_is_slow_and_never_down() -> None:
    halt = Halt()
    halt.ask("interrupted (SIGINT)")

    states = waiting(Asked(False), Tables(LISTENS), halt=halt).wait()

    assert (states["db"].state, states["db"].detail) == (SLOW, "interrupted while it was waited for")
