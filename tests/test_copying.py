"""Copies of large folders, on full disks, of torn files; secrets in logs, builds that fail, ports."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dockstore.core.neutral import Copy
from dockstore.runner import copying, redact
from dockstore.runner.drill_compose import Ran
from dockstore.runner.listening import ports_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def never() -> bool:
    return False


def copied(source: Path, target: Path, *, asked: bool = False) -> tuple[str, ...]:
    return copying.copy_all([Copy(source=str(source), target=str(target))], stop=never, asked=asked)


# --- copying --------------------------------------------------------------------------------------------------------------


def test_holes_stay_holes_and_what_lies_between_is_copied(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "sparse").open("wb") as file:
        file.write(b"first")
        file.seek(3 << 30)
        file.write(b"last")

    limits = copied(tmp_path / "data", tmp_path / "to")

    there = tmp_path / "to" / "sparse"
    assert limits == ()
    assert there.stat().st_size == (3 << 30) + 4
    assert there.stat().st_blocks * 512 < 64 << 20
    with there.open("rb") as file:
        assert file.read(5) == b"first"
        file.seek(3 << 30)
        assert file.read() == b"last"


def test_a_file_with_two_names_is_one_file_in_the_copy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one").write_text("row", encoding="utf-8")
    os.link(tmp_path / "data" / "one", tmp_path / "data" / "two")

    copied(tmp_path / "data", tmp_path / "to")

    assert (tmp_path / "to" / "one").stat().st_ino == (tmp_path / "to" / "two").stat().st_ino
    assert (tmp_path / "to" / "two").read_text(encoding="utf-8") == "row"


def test_a_folder_keeps_its_times_although_it_was_filled_later(tmp_path: Path) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "inner" / "row").write_text("row", encoding="utf-8")
    os.utime(tmp_path / "data" / "inner", ns=(1_000_000_000, 2_000_000_000))
    os.utime(tmp_path / "data", ns=(1_000_000_000, 3_000_000_000))

    copied(tmp_path / "data", tmp_path / "to")

    assert (tmp_path / "to" / "inner").stat().st_mtime_ns == 2_000_000_000
    assert (tmp_path / "to").stat().st_mtime_ns == 3_000_000_000


def test_one_folder_that_is_too_large_does_not_take_the_place_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_FILES", 5)
    for folder, count in (("large", 9), ("small", 3), ("third", 3)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / str(number)).write_text("row", encoding="utf-8")

    limits = copying.copy_all(
        [Copy(source=str(tmp_path / name), target=str(tmp_path / "to" / name)) for name in ("large", "small", "third")], stop=never
    )

    assert limits == (
        f"{tmp_path}/large holds more than 5 files (--with-data copies up to 300,000 files and 8 GiB): the copy begins empty",
        f"{tmp_path}/third holds, with what was copied before, more than 5 files (--with-data copies up to 300,000 files and 8 GiB): the copy begins empty",
    )
    assert [len(list((tmp_path / "to" / name).iterdir())) for name in ("large", "small", "third")] == [0, 3, 0]


def test_what_was_asked_for_has_wider_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_BYTES", 10)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "big").write_bytes(b"x" * 10_000)

    limits = copied(tmp_path / "data", tmp_path / "to", asked=True)

    assert limits == ()
    assert (tmp_path / "to" / "big").stat().st_size == 10_000


def test_a_copy_for_which_there_is_no_room_begins_empty_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 1 << 40, 300 << 20))
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "big").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 64 << 20)

    (limit,) = copied(tmp_path / "data", tmp_path / "to")

    assert limit == f"{tmp_path}/data needs 64 MiB, and {tmp_path} has room for 44 MiB: the copy begins empty"
    assert list((tmp_path / "to").iterdir()) == []


def test_a_link_to_nowhere_and_one_to_itself_are_said(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "itself").symlink_to("itself")

    limits = copying.copy_all([Copy(source=str(tmp_path / name), target=str(tmp_path / "to" / name)) for name in ("itself", "nowhere")], stop=never)

    assert limits == (
        f"{tmp_path}/itself is a link to nowhere (itself): it is not in the copy",
        f"{tmp_path}/nowhere is a link to nowhere (missing): it is not in the copy",
    )


def test_a_name_that_is_no_text_is_copied_and_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_FILES", 1)
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(odd).mkdir()
    (Path(odd) / "one").touch()
    (Path(odd) / "two").touch()

    (limit,) = copied(Path(odd), tmp_path / "to")

    assert limit.encode().startswith(f"{tmp_path}/\\udcff holds more than 1 files".encode())


def test_a_file_that_changes_while_it_is_copied_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    source = tmp_path / "data" / "rows.db"
    source.write_bytes(b"x" * 100_000)
    piece: Callable[[int, int, int, int], int] = copying._piece

    def and_somebody_writes(read: int, write: int, at: int, count: int) -> int:
        os.utime(source, ns=(1, 1))
        return piece(read, write, at, count)

    monkeypatch.setattr(copying, "_piece", and_somebody_writes)

    (limit,) = copied(tmp_path / "data", tmp_path / "to")

    assert limit == f"{source} changed while it was copied: its copy may be torn"


def test_a_file_system_that_copies_no_ranges_is_read_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refused)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "big").write_bytes(bytes(range(256)) * 20_000)

    copied(tmp_path / "data", tmp_path / "to")

    assert (tmp_path / "to" / "big").read_bytes() == bytes(range(256)) * 20_000


def test_a_pipe_is_not_copied_and_said(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "pipe")

    limits = copied(tmp_path / "data", tmp_path / "to")

    assert limits == (f"{tmp_path}/data/pipe is a socket, a pipe or a device: it is not in the copy",)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_thousand_files_that_cannot_be_copied_are_told_in_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(1000):
        os.mkfifo(tmp_path / "data" / str(number))

    limits = copied(tmp_path / "data", tmp_path / "to")

    assert len(limits) == 21
    assert limits[-1] == "more files than these could not be copied as they are"


def test_a_stop_ends_a_copy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(50):
        (tmp_path / "data" / str(number)).write_text("row", encoding="utf-8")
    asked = iter([False] * 20 + [True] * 1000)

    copying.copy_all([Copy(source=str(tmp_path / "data"), target=str(tmp_path / "to"))], stop=lambda: next(asked))

    assert 0 < len(list((tmp_path / "to").iterdir())) < 50


# --- secrets --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_learnt", set())


@pytest.mark.usefixtures("nothing_learnt")
def test_a_secret_once_learnt_is_hidden_in_whatever_words_it_turns_up() -> None:
    redact.learn({"API_TOKEN": "hunter2", "DSN": "postgres://app:s3cr3t@db/app", "LICENCE": "abcd-1234-efgh"})

    told = redact.redacted("cannot log in with hunter2 or s3cr3t; licence abcd-1234-efgh is over")

    assert told == "cannot log in with [redacted] or [redacted]; licence [redacted] is over"


@pytest.mark.usefixtures("nothing_learnt")
def test_words_that_everybody_uses_are_not_hidden() -> None:
    redact.learn({"POSTGRES_PASSWORD": "postgres", "POSTGRES_USER": "keeper", "PGDATA": "/var/lib/postgresql/15", "PIN": "12"})

    told = redact.redacted("postgres: keeper of /var/lib/postgresql/15 has 12 rows")

    assert told == "postgres: keeper of /var/lib/postgresql/15 has 12 rows"


@pytest.mark.usefixtures("nothing_learnt")
def test_what_a_config_holds_and_what_a_build_is_given_stays_out_of_a_history() -> None:
    model = {"configs": {"conf": {"content": "setting=hunter2"}}, "services": {"app": {"build": {"args": {"KEY": "hunter2"}}}}}

    assert "hunter2" not in redact.raw(model)


# --- what Compose says ----------------------------------------------------------------------------------------------------

BUILD = """#5 [app 2/2] RUN make
#5 0.276 the compiler is not amused
#5 ERROR: executor failed running [/bin/sh -c make]: exit code: 3
------
 > [app 2/2] RUN make:
0.270 cc main.c
0.276 the compiler is not amused
------
time="2026-11-24T15:27:08Z" level=warning msg="Docker Compose is configured to build using Bake, but buildx isn't installed"
failed to solve: executor failed running [/bin/sh -c make]: exit code: 3
"""


def test_a_build_that_fails_says_what_its_step_said() -> None:
    ran = Ran(code=17, output=BUILD)

    assert ran.build_words == (
        "[app 2/2] RUN make; cc main.c; the compiler is not amused; failed to solve: executor failed running [/bin/sh -c make]: exit code: 3"
    )


def test_a_build_of_another_builder_says_its_last_lines() -> None:
    ran = Ran(code=1, output="Step 2/2 : RUN make\nthe compiler is not amused\nreturned a non-zero code: 3\n")

    assert ran.build_words == "Step 2/2 : RUN make; the compiler is not amused; returned a non-zero code: 3"


# --- ports ----------------------------------------------------------------------------------------------------------------

TABLE = b"""  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 0100007F:D431 01 00000000:00000000 00:00000000 00000000   999        0 12346 1 0000000000000000 100 0 0 10 0
"""


def test_only_what_listens_is_a_listening_port() -> None:
    assert ports_of(TABLE) == {5432}
