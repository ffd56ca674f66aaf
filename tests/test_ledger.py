"""Ledgers: written line by line, read whatever happened, and whose they are."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from dockstore.core.history import Made
from dockstore.runner.ledger import Ledger, books, read_book
from dockstore.runner.owner import Alive, Owner, alive, owner_of, start_of, this_host, this_owner

if TYPE_CHECKING:
    from pathlib import Path

OWNER = Owner(run="4f" * 16, pid=os.getpid(), pid_start=7, host="boot/1", created="2026-11-24T06:30:00Z")
VOLUME = Made(kind="volume", id="9c1f", name="rows")


def ledger(folder: Path) -> Ledger:
    (folder / "runs").mkdir(exist_ok=True)
    return Ledger(folder / "runs", OWNER)


def test_a_thing_is_on_disk_at_once_and_only_once(tmp_path: Path) -> None:
    written = ledger(tmp_path)

    written.engine("e1", "unix:///a.sock", "ABCD")
    written.made("e1", VOLUME)
    written.made("e1", VOLUME)

    book = read_book(written.path)
    written.close(nothing_left=False)
    assert book is not None
    assert book.owner == OWNER
    assert [(entry.engine, entry.made) for entry in book.entries] == [("e1", VOLUME)]
    assert (book.engines["e1"].address, book.engines["e1"].engine_id) == ("unix:///a.sock", "ABCD")


def test_a_ledger_goes_when_nothing_is_left(tmp_path: Path) -> None:
    written = ledger(tmp_path)

    written.close(nothing_left=True)

    assert books(tmp_path) == ()


def test_what_is_written_after_the_end_is_dropped(tmp_path: Path) -> None:
    written = ledger(tmp_path)
    written.close(nothing_left=False)

    written.made("e1", VOLUME)

    (book,) = books(tmp_path)
    assert book.entries == ()


def test_a_torn_last_line_costs_that_line_only(tmp_path: Path) -> None:
    written = ledger(tmp_path)
    written.made("e1", VOLUME)
    written.close(nothing_left=False)
    whole = written.path.read_text()

    for cut in range(len(whole.splitlines(keepends=True)[0]), len(whole)):
        written.path.write_text(whole[:cut])
        book = read_book(written.path)
        assert book is not None
        assert len(book.entries) <= 1


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"ledger": 2}\n', '{"ledger": 1, "run": 5}\n', "\0\n"])
def test_what_is_no_ledger_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.jsonl").write_text(text)

    assert books(tmp_path) == ()


def test_kept_things_are_said_to_be_kept(tmp_path: Path) -> None:
    written = ledger(tmp_path)

    written.kept()
    written.close(nothing_left=False)

    assert books(tmp_path)[0].kept


def test_this_process_lives() -> None:
    assert alive(this_owner(datetime.now(UTC))) is Alive.YES


def test_a_process_that_ended_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner = Owner(run="1" * 32, pid=child.pid, pid_start=start_of(child.pid) or 0, host=this_host(), created="")

        assert alive(owner) is Alive.YES

        child.communicate(b"\n")
    assert alive(owner) is Alive.NO


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert start_of(child.pid) is None
    finally:
        child.wait()


def test_a_number_used_again_is_not_the_same_process() -> None:
    mine = this_owner(datetime.now(UTC))
    other = Owner(run=mine.run, pid=mine.pid, pid_start=mine.pid_start + 1, host=mine.host, created="")

    assert alive(other) is Alive.NO


@pytest.mark.parametrize("host", ["another-boot/4026531836", ""])
def test_of_another_host_nothing_can_be_told(host: str) -> None:
    assert alive(Owner(run="1" * 32, pid=1, pid_start=1, host=host, created="")) is Alive.UNKNOWN


def test_without_a_proc_nobody_is_declared_dead(tmp_path: Path) -> None:
    assert this_host(tmp_path) == ""
    assert alive(Owner(run="1" * 32, pid=1, pid_start=1, host="", created=""), proc=tmp_path) is Alive.UNKNOWN


def test_a_command_with_brackets_and_spaces_in_its_name_is_read_right(tmp_path: Path) -> None:
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "stat").write_text("5 (a) b (c) S " + " ".join(str(number) for number in range(4, 60)))

    assert start_of(5, tmp_path) == 22


def test_an_owner_is_read_off_labels() -> None:
    labels = {
        "io.dockstore.run": "4f" * 16,
        "io.dockstore.pid": "12",
        "io.dockstore.pid-start": "34",
        "io.dockstore.host": "boot/1",
        "io.dockstore.created": "2026-11-24T06:30:00Z",
    }

    assert owner_of(labels) == Owner(run="4f" * 16, pid=12, pid_start=34, host="boot/1", created="2026-11-24T06:30:00Z")
    assert owner_of({}) is None


def test_an_owner_with_half_its_labels_is_nobody_we_can_tell_of() -> None:
    owner = owner_of({"io.dockstore.run": "4f" * 16, "io.dockstore.pid": "many", "io.dockstore.host": this_host()})

    assert owner is not None
    assert alive(owner) is Alive.UNKNOWN
