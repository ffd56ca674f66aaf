"""Words by which programs say that a write was refused."""

from __future__ import annotations

import pytest

from dockstore.core.refusals import place_in, read_only_place, refused


@pytest.mark.parametrize(
    "words",
    [
        "sh: can't create /data/rows: Read-only file system",
        "mv: can't rename '/etc/app/new': Device or resource busy",
        "touch: /data/x: Permission denied",
        "ERROR 1 (HY000): Can't create/write to file './t.ibd' (Errcode: 13)",
        "MISCONF Redis is configured to save RDB snapshots",
        "attempt to write a readonly database",
        "write error: No space left on device",
    ],
)
def test_a_write_that_storage_refused_is_told_by_its_words(words: str) -> None:
    assert refused(words)


@pytest.mark.parametrize(
    "words", ["ERROR:  permission denied for schema public", "syntax error at or near", "connection refused", "NOPERM this user has no permissions"]
)
def test_what_the_application_itself_forbids_is_no_refused_write(words: str) -> None:
    assert not refused(words)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("sh: can't create /srv/rows: Read-only file system", "/srv/rows"),
        ("mv: can't rename '/etc/app/new': Device or resource busy", "/etc/app/new"),
        ("cp: '/a/new' and '/a/old': no", "/a/new"),
        ("mv: '/a/new' to '/b/new': no", None),
        ("attempt to write a readonly database", None),
        ("see http://example.com/a/b", None),
    ],
)
def test_the_place_of_a_refusal_is_the_one_that_its_words_name(words: str, place: str | None) -> None:
    assert place_in(words) == place


def test_a_log_tells_a_refused_write_below_a_read_only_mount() -> None:
    lines = ["starting", "sh: can't create /data/rows: Read-only file system"]

    assert read_only_place(lines, closed=["/data"], opened=[]) == (lines[1], "/data/rows")
    assert read_only_place(lines, closed=["/"], opened=[]) == (lines[1], "/data/rows")
    assert read_only_place(lines, closed=["/"], opened=["/data"]) is None
    assert read_only_place(lines, closed=["/dat"], opened=[]) is None


@pytest.mark.parametrize(
    "line",
    [
        "info: can not modify /data/default.conf (read-only file system?)",
        "chown: changing ownership of '/data/x': Read-only file system",
        "chmod: /data/x: Read-only file system",
        "cat: /data/key: Permission denied",
        "Read-only file system",
    ],
)
def test_what_a_start_script_may_leave_undone_is_no_refused_write(line: str) -> None:
    assert read_only_place([line], closed=["/data"], opened=[]) is None
