"""The script of one round trip, run by this machine's own sh, and what is read from its answer."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockstore.runner.probe import Answer, Answers, Peek, Probe, Put, Seek, Wish, parse_stat

NONCE = "n0123456789abcdef01234567"
MARK = "look-0123456789abcdef"


def probe(*wishes: Wish, targets: tuple[str, ...] = ()) -> Probe:
    return Probe(mark=MARK, wishes=wishes, targets=targets)


def played(asked: Probe) -> Answers:
    """Run the script as `sh -c` does in a container."""
    done = subprocess.run(["/bin/sh", "-c", asked.script], capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    return asked.read(done.stdout)


def one(wish: Wish) -> Answer:
    answers = played(probe(wish))
    assert answers.whole
    assert answers.mounts
    return answers.answers[0]


def seek(path: Path) -> Answer:
    return one(Seek(path=str(path), nonce=NONCE))


# --- looking for a write ----------------------------------------------------------------------------------------------------


def test_the_nonce_alone_is_the_content(tmp_path: Path) -> None:
    (tmp_path / "row").write_text(NONCE)

    answer = seek(tmp_path / "row")

    assert (answer.told, answer.exists, answer.content) == (True, True, NONCE.encode())
    assert answer.resolved == str((tmp_path / "row").resolve())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(f"{NONCE}\n".encode(), id="a line end more"),
        pytest.param(f"{NONCE}\0".encode(), id="a zero byte more"),
        pytest.param(f"{NONCE}{NONCE}".encode(), id="twice"),
        pytest.param(b"another row", id="something else"),
        pytest.param(f"\n{MARK} end\n".encode(), id="our own mark in it"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"x" * 10_000, id="long"),
    ],
)
def test_anything_else_is_not_the_nonce(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "row").write_bytes(content)

    answers = played(probe(Seek(path=str(tmp_path / "row"), nonce=NONCE)))

    assert not answers.answers[0].told or (answers.answers[0].exists and answers.answers[0].content != NONCE.encode())


def test_no_such_file_is_told(tmp_path: Path) -> None:
    answer = seek(tmp_path / "row")

    assert (answer.told, answer.exists) == (True, False)
    assert "No such file" in answer.detail


def test_a_path_through_a_file_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    answer = seek(tmp_path / "file" / "row")

    assert (answer.told, answer.exists) == (True, False)


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket"])
def test_something_else_in_its_place_is_told_without_opening_it(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        match kind:
            case "directory":
                Path("row").mkdir()
            case "fifo":
                os.mkfifo("row")
            case _:
                listener.bind("row")

        answer = seek(tmp_path / "row")

    assert (answer.told, answer.exists, answer.content) == (True, True, None)
    assert kind in answer.detail


def test_links_on_the_way_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "row").write_text(NONCE)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    answer = seek(tmp_path / "link" / "row")

    assert answer.content == NONCE.encode()
    assert answer.resolved == str((tmp_path / "real" / "row").resolve())


def test_a_final_link_is_resolved_too(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(NONCE)
    (tmp_path / "row").symlink_to("real")

    answer = seek(tmp_path / "row")

    assert answer.content == NONCE.encode()
    assert answer.resolved == str((tmp_path / "real").resolve())


def test_what_is_missing_is_resolved_as_far_as_it_exists(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    answer = seek(tmp_path / "link" / "not" / "there")

    assert not answer.exists
    assert answer.resolved == str((tmp_path / "real").resolve() / "not" / "there")


def test_a_dangling_link_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "row").symlink_to("nowhere")

    answer = seek(tmp_path / "row")

    assert (answer.told, answer.exists) == (True, False)


def test_names_with_quotes_and_spaces_are_no_commands(tmp_path: Path) -> None:
    name = 'it\'s a "row" $(touch hit) ; `x` \\ *'
    (tmp_path / name).write_text(NONCE)

    answer = seek(tmp_path / name)

    assert answer.content == NONCE.encode()
    assert not (tmp_path / "hit").exists()


def test_the_root_itself_can_be_asked_for() -> None:
    answer = one(Seek(path="/", nonce=NONCE))

    assert (answer.exists, answer.resolved) == (True, "/")


# --- content and stat -------------------------------------------------------------------------------------------------------


def test_a_file_is_told_with_its_stat(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some\0bytes\n")
    path.chmod(0o640)
    real = path.stat()

    answer = one(Peek(path=str(path)))

    assert answer.content == b"some\0bytes\n"
    assert answer.stat is not None
    assert (answer.stat.type, answer.stat.size_bytes, answer.stat.mode) == ("file", 11, 0o640)
    assert (answer.stat.uid, answer.stat.gid) == (real.st_uid, real.st_gid)
    assert (answer.stat.inode, answer.stat.device) == (real.st_ino, real.st_dev)


def test_a_directory_is_told_with_its_entries(tmp_path: Path) -> None:
    for name in ("b", ".hidden", "a"):
        (tmp_path / name).write_text("")

    answer = one(Peek(path=str(tmp_path)))

    assert answer.entries == (".hidden", "a", "b")
    assert answer.content is None


def test_a_link_is_told_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")

    answer = one(Peek(path=str(tmp_path / "link")))

    assert answer.stat is not None
    assert answer.stat.type == "link"
    assert answer.content == b"x"


def test_a_fifo_does_not_hang_the_look(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    answer = one(Peek(path=str(tmp_path / "pipe")))

    assert answer.stat is not None
    assert answer.stat.type == "fifo"


def test_a_stat_that_is_none_is_refused() -> None:
    assert parse_stat(b"stat: not found\n") is None
    assert parse_stat(b"81a4 x 0 0 1 2") is None


# --- putting --------------------------------------------------------------------------------------------------------------


def test_a_put_makes_parents_and_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "row"

    answer = one(Put(path=str(path), nonce=NONCE))

    assert path.read_text() == NONCE
    assert (answer.told, answer.refused, answer.content) == (True, None, NONCE.encode())
    assert answer.resolved == str(path.resolve())


def test_a_put_writes_in_place(tmp_path: Path) -> None:
    path = tmp_path / "row"
    path.write_text("an old and longer content")
    inode = path.stat().st_ino

    one(Put(path=str(path), nonce=NONCE, sync=True))

    assert (path.read_text(), path.stat().st_ino) == (NONCE, inode)


def test_a_refused_put_tells_the_shells_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    answer = one(Put(path=str(tmp_path / "file" / "row"), nonce=NONCE))

    assert answer.refused is not None
    assert "not a directory" in answer.refused.lower() or "File exists" in answer.refused


def test_nothing_is_put_into_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "row")

    answer = one(Put(path=str(tmp_path / "row"), nonce=NONCE))

    assert answer.refused == f"there is a fifo at {tmp_path / 'row'}"


def test_looks_come_before_puts(tmp_path: Path) -> None:
    row = str(tmp_path / "row")

    answers = played(probe(Seek(path=row, nonce=NONCE), Put(path=row, nonce=NONCE)))

    assert not answers.answers[0].exists
    assert answers.answers[1].content == NONCE.encode()


def test_a_mounts_destination_is_told_where_it_really_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real = (tmp_path / "real").stat()

    answers = played(probe(targets=(str(tmp_path / "link"), str(tmp_path / "gone"))))

    found = answers.targets[str(tmp_path / "link")]
    assert found.resolved == str((tmp_path / "real").resolve())
    assert (found.device, found.inode) == (real.st_dev, real.st_ino)
    assert answers.targets[str(tmp_path / "gone")].inode is None


# --- answers that are none ------------------------------------------------------------------------------------------------


def output_of(asked: Probe) -> bytes:
    return subprocess.run(["/bin/sh", "-c", asked.script], capture_output=True, timeout=30, check=True, stdin=subprocess.DEVNULL).stdout


def test_silence_is_no_answer() -> None:
    answers = probe(Seek(path="/row", nonce=NONCE)).read(b"")

    assert not answers.whole
    assert not answers.mounts
    assert not answers.answers[0].told


@settings(deadline=None, max_examples=200)
@given(st.integers(min_value=0, max_value=4000))
def test_an_answer_that_breaks_off_never_calls_anything_absent_or_altered(at: int) -> None:
    asked = probe(Seek(path="/etc/hostname-that-is-not-there", nonce=NONCE), Seek(path="/etc/passwd", nonce=NONCE))
    whole = WHOLE.setdefault(asked.script, output_of(asked))

    answers = asked.read(whole[: min(at, len(whole) - len(f"\n{MARK} end\n"))])

    assert not answers.whole
    assert not answers.mounts  # the control: without it nobody may say "absent"


WHOLE: dict[str, bytes] = {}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"cat: can't open '/row': Permission denied", id="permission"),
        pytest.param(b"cat: /row: Transport endpoint is not connected", id="a dead share"),
        pytest.param(b"cat: /row: Input/output error", id="a dying disk"),
        pytest.param(b"sh: cat: not found", id="no cat"),
        pytest.param(b"", id="killed without a word"),
    ],
)
def test_only_a_definite_no_such_file_is_absence(words: bytes) -> None:
    asked = probe(Seek(path="/row", nonce=NONCE))
    output = b"\n%(m)s 0.where\n/row\n%(m)s 0.error\n%(w)s\n%(m)s mounts\n1 0 8:1 / / rw - ext4 /dev/x rw\n\n%(m)s end\n" % {
        b"m": MARK.encode(),
        b"w": words,
    }

    answer = asked.read(output).answers[0]

    assert not answer.told
    assert not answer.exists


def test_a_read_that_fails_in_the_middle_is_no_content() -> None:
    asked = probe(Seek(path="/row", nonce=NONCE))
    output = f"\n{MARK} 0.where\n/row\n{MARK} 0.content\nhalf of it\n{MARK} 0.status\n137\n{MARK} mounts\nx\n{MARK} end\n"

    answer = asked.read(output.encode()).answers[0]

    assert not answer.told


def test_without_the_mount_table_nothing_is_controlled() -> None:
    asked = probe(Seek(path="/row", nonce=NONCE))
    output = f"\n{MARK} 0.where\n/row\n{MARK} 0.error\ncat: can't open '/row': No such file or directory\n{MARK} mounts\n\n{MARK} end\n"

    answers = asked.read(output.encode())

    assert answers.whole
    assert answers.mounts == ()
