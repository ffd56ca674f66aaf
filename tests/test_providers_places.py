"""Where things are kept, who uses an engine, and which processes and mounts are ours."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dockstore.engines.errors import Unreachable
from dockstore.engines.providers import debian, homes, leases, ping, processes
from dockstore.engines.providers.private import PrivateEngine, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator


def nothing(_: str) -> None:
    """Say nothing."""


def test_the_home_is_a_folder_beside_the_scenarios(tmp_path: Path) -> None:
    assert homes.home_of({}, tmp_path) == tmp_path / ".dockstore"
    assert homes.home_of({"DOCKSTORE_HOME": ""}, tmp_path) == tmp_path / ".dockstore"


def test_the_home_can_be_named(tmp_path: Path) -> None:
    assert homes.home_of({"DOCKSTORE_HOME": "/x/y"}, tmp_path) == Path("/x/y")


def test_an_engine_that_has_data_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "engine/data").mkdir(parents=True)

    assert homes.engine_folder(tmp_path, {}) == tmp_path / "engine"


def test_where_overlay_works_nowhere_every_place_is_named_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "overlay_refusal", lambda base: f"on {base.name}fs")

    with pytest.raises(Unreachable, match=rf"{tmp_path}: on {tmp_path.name}fs; .*; /var/lib/dockstore/") as caught:
        homes.engine_folder(tmp_path, {"XDG_STATE_HOME": str(tmp_path / "state")})

    assert caught.value.hint is not None
    assert "DOCKSTORE_HOME" in caught.value.hint


def test_the_first_place_where_overlay_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    monkeypatch.setattr(homes, "overlay_refusal", lambda base: None if state in base.parents else "on overlay")

    folder = homes.engine_folder(tmp_path / "home", {"XDG_STATE_HOME": str(state)})

    assert state in folder.parents
    assert folder.is_dir()


@pytest.mark.parametrize("name", ["with,comma", "with:colon", "with\\backslash"])
def test_a_path_that_an_overlay_cannot_name_is_no_place_for_an_engine(tmp_path: Path, name: str) -> None:
    assert "cannot be an overlay's" in (homes.overlay_refusal(tmp_path / name) or "")


def test_asking_whether_overlay_works_leaves_nothing(tmp_path: Path) -> None:
    homes.overlay_refusal(tmp_path / "a/b")

    assert list(tmp_path.iterdir()) == []


def test_the_file_system_of_a_path_is_the_kernels_word() -> None:
    assert homes.file_system(Path("/proc/self")) == "proc"


def test_a_mount_point_with_a_space_is_read_as_it_is() -> None:
    assert homes.unescaped("/a\\040b\\134c") == "/a b\\c"


def test_a_whole_file_is_written_or_none(tmp_path: Path) -> None:
    homes.write_whole(tmp_path / "sub/file", b"abc", mode=0o700)

    assert (tmp_path / "sub/file").read_bytes() == b"abc"
    assert (tmp_path / "sub/file").stat().st_mode & 0o777 == 0o700
    assert len(list((tmp_path / "sub").iterdir())) == 1


def test_an_engine_has_a_short_socket_whatever_its_folder(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 200:
        folder = folder / "a rather long name of a folder"

    engine = PrivateEngine(folder)

    assert len(str(engine.run / "exec/containerd/containerd.sock.ttrpc")) < 107


def test_two_engines_have_two_names(tmp_path: Path) -> None:
    one, two = PrivateEngine(tmp_path / "one"), PrivateEngine(tmp_path / "two")

    assert one.name != two.name
    assert one.name == PrivateEngine(tmp_path / "one").name


def test_an_address_of_somebody_else_is_none_of_ours(tmp_path: Path) -> None:
    assert recognise("tcp://somewhere:2375") is None
    assert recognise(f"unix://{tmp_path}/docker.sock") is None
    (tmp_path / "folder").write_text(str(tmp_path / "engine"), encoding="utf-8")
    (tmp_path / "engine").mkdir()
    assert recognise(f"unix://{tmp_path}/docker.sock") is None


def test_who_has_an_engine_alone_keeps_others_out(tmp_path: Path) -> None:
    engine = PrivateEngine(tmp_path / "engine")
    first = leases.take(engine, alone=True, say=nothing, start=False)
    assert first is not None

    assert leases.take(engine, alone=False, say=nothing, start=False) is None
    assert leases.take(engine, alone=True, say=nothing, start=False) is None

    first.forget()
    again = leases.take(engine, alone=True, say=nothing, start=False)
    assert again is not None
    again.forget()


def test_who_shares_an_engine_lets_others_share_it_but_not_have_it_alone(tmp_path: Path) -> None:
    engine = PrivateEngine(tmp_path / "engine")
    first = leases.take(engine, alone=False, say=nothing, start=False)
    second = leases.take(engine, alone=False, say=nothing, start=False)
    assert first is not None
    assert second is not None

    assert leases.take(engine, alone=True, say=nothing, start=False) is None

    first.forget()
    second.forget()


def test_a_lease_ends_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from dockstore.engines.providers import leases; from dockstore.engines.providers.private import PrivateEngine\n"
        "kept = leases.take(PrivateEngine(Path(sys.argv[1])), alone=True, say=print, start=False); print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "engine")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        assert leases.take(PrivateEngine(tmp_path / "engine"), alone=True, say=nothing, start=False) is None

        process.kill()
        process.communicate()

    again = leases.take(PrivateEngine(tmp_path / "engine"), alone=True, say=nothing, start=False)
    assert again is not None
    again.forget()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    program = "import sys; print('there', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, "a mark of /ours/"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # until its own program runs, its words are somebody else's
        yield process
        process.kill()


def test_a_process_is_ours_by_its_words_and_its_name(sleeper: subprocess.Popen[bytes]) -> None:
    name = processes.command(sleeper.pid)

    assert sleeper.pid in processes.with_words("a mark of /ours/", {name})
    assert sleeper.pid not in processes.with_words("a mark of /others/", {name})
    assert sleeper.pid not in processes.with_words("a mark of /ours/", {"dockerd"})


def test_a_zombie_is_no_living_process(sleeper: subprocess.Popen[bytes]) -> None:
    began = processes.started_at(sleeper.pid)

    sleeper.kill()  # nobody has waited for it: a zombie

    assert began is not None
    assert processes.gone([sleeper.pid], timeout_seconds=10)
    assert Path(f"/proc/{sleeper.pid}").exists()
    assert processes.started_at(sleeper.pid) is None
    assert processes.command_line(sleeper.pid) == ""


def test_killing_what_is_gone_is_no_failure(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()

    processes.kill([sleeper.pid], signal.SIGKILL)

    assert processes.gone([sleeper.pid], timeout_seconds=1)


@pytest.mark.parametrize("text", ["", "x", "12 13"])
def test_a_pid_file_that_holds_no_number_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text, encoding="utf-8")

    assert processes.read_pid(tmp_path / "pid") is None
    assert processes.read_pid(tmp_path / "absent") is None


def test_a_cgroup_is_found_by_a_whole_name(sleeper: subprocess.Popen[bytes]) -> None:
    del sleeper

    assert processes.in_cgroup("dockstore-no-such-cgroup") == []


def test_a_tree_is_removed_whole(tmp_path: Path) -> None:
    (tmp_path / "a b/c").mkdir(parents=True)
    (tmp_path / "a b/c/file").write_bytes(b"x")

    processes.remove_tree(tmp_path / "a b")

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """A socket that gives each caller the next of the answers."""
    answers: list[bytes] = []
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    if connection.recv(4096) and answers:
                        connection.sendall(answers.pop(0))

        thread = threading.Thread(target=serve)
        thread.start()
        yield path, answers
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_engine_that_answers_200_is_there(server: tuple[Path, list[bytes]]) -> None:
    path, answers = server
    answers += [b"HTTP/1.0 200 OK\r\n\r\nOK", b"HTTP/1.0 500 no\r\n\r\n", b"", b"nonsense"]

    assert [ping.ping(str(path)) for _ in range(4)] == [True, False, False, False]


def test_a_socket_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    assert not ping.ping(str(tmp_path / "absent"))
    assert ping.get_json(str(tmp_path / "absent"), "/info") is None
    assert ping.peer(str(tmp_path / "absent")) is None


def test_an_answer_is_read_as_an_object_or_not_at_all(server: tuple[Path, list[bytes]]) -> None:
    path, answers = server
    answers += [b'HTTP/1.0 200 OK\r\n\r\n{"a": 1}', b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 200 OK\r\n\r\n{"]

    assert [ping.get_json(str(path), "/info") for _ in range(3)] == [{"a": 1}, None, None]


def test_the_kernel_names_who_listens(server: tuple[Path, list[bytes]]) -> None:
    path, _ = server

    assert ping.peer(str(path)) == os.getpid()


def test_two_at_once_fetch_packages_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = debian.Suite("trixie", tmp_path, say=lambda _: None)
    monkeypatch.setattr(suite, "_packages", lambda *_, **__: [])
    suite.folder.mkdir()
    done: list[object] = []
    with (suite.folder / "in-use").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: done.append(suite.packages(["x"], with_dependencies=False)))
        second.start()
        second.join(0.2)
        waited = not done
    second.join(10)

    assert (waited, done) == (True, [[]])
