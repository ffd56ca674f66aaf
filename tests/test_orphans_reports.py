"""Orphans as a table, JSON, JSON Lines and Markdown; and the command around them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from orphaned import COMPOSE, Stand, labels
from test_recognise import PG, SQLITE

from dockstore import api
from dockstore.cli.main import main
from dockstore.reports import orphans_json, orphans_markdown, orphans_table
from dockstore.reports.orphans_schema import orphans_schema

if TYPE_CHECKING:
    from dockstore.core.orphans import OrphansReport


@pytest.fixture
def report() -> OrphansReport:
    """A dangling database with an owner, a layer, an empty volume, a share that cannot be seen."""
    stand = Stand()
    stand.volume("shop_db", PG, labels={f"{COMPOSE}.project": "shop", f"{COMPOSE}.volume": "db"})
    stand.volume("empty", {})
    stand.volume("share", {}, options={"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"})
    stand.container("notes", "app:1", marks=labels("pad", "app"), files={"/app/data/notes.db": SQLITE})
    return replace(stand.look(), seconds=0.5)


TABLE = """\
volume shop_db: PostgreSQL 15
  13 B, 4 files, last change CHANGED UTC
  no container has it, running or stopped
  whose: project shop (certain)
    its label names project shop, volume db
    no container of project shop is left
"""


def test_a_person_reads_what_it_is_whose_it_was_and_the_way_back(report: OrphansReport) -> None:
    text = orphans_table.render(report, width=160)

    changed = str(report.orphans[0].last_change).replace("T", " ").removesuffix("Z")
    assert text.startswith(TABLE.replace("CHANGED", changed))
    assert "\n  docker volume create shop_db_rescued && docker run " in text
    assert "\n  docker start notes\n" in text
    assert "2 volumes and the layer of 1 stopped container with data that nothing reaches, 113 B or more; nothing was changed\n" in text
    assert "1 empty volume not shown; -v shows it\n" in text


def test_what_was_not_seen_is_said_with_the_reason(report: OrphansReport) -> None:
    text = orphans_table.render(report)

    assert "volume share: unknown\n  size unknown\n  not seen: its bytes lie behind :/export (nfs), which is not mounted\n" in text


def test_the_verbose_table_shows_what_is_empty(report: OrphansReport) -> None:
    assert "volume empty: empty\n" in orphans_table.render(report, verbose=True)


@pytest.mark.parametrize("width", [60, 100, 200])
def test_only_commands_are_wider_than_asked(width: int, report: OrphansReport) -> None:
    lines = [line for line in orphans_table.render(report, width=width).splitlines() if not line.startswith("  docker ")]

    assert max(len(line) for line in lines) <= min(width, 160)


def test_colour_changes_no_word(report: OrphansReport) -> None:
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", orphans_table.render(report, color=True)) == orphans_table.render(report)


def test_nothing_found_is_a_sentence() -> None:
    assert orphans_table.render(Stand().look()).startswith("no data here that nothing mounts (0 volumes, 0 containers)\n")


@pytest.mark.parametrize(
    ("number", "text"), [(None, "size unknown"), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (5 * 10**9, "5.0 GB")]
)
def test_sizes_are_said_as_docker_does(number: int | None, text: str) -> None:
    assert orphans_table.size(number) == text


def test_the_json_is_as_its_schema_promises(report: OrphansReport) -> None:
    schema = orphans_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    document = json.loads(orphans_json.render(report))

    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["schema"] == "dockstore.orphans/1"
    assert document["summary"] == {"volumes": 2, "layers": 1, "empty": 1, "unseen": 1, "size_bytes": 113, "of_volumes": 3, "of_containers": 1}


def test_every_key_of_the_json_stands_in_the_schema(report: OrphansReport) -> None:
    schema: Any = orphans_schema()
    document = json.loads(orphans_json.render(report))

    assert set(document) == set(schema["properties"])
    assert set(document["orphans"][0]) == set(schema["$defs"]["orphan"]["properties"])
    assert set(document["orphans"][0]["looks_like"][0]) == set(schema["$defs"]["content"]["properties"])
    assert set(document["orphans"][0]["owner"]) == set(schema["$defs"]["owner"]["properties"])


def test_json_lines_are_one_orphan_each_with_what_it_belongs_to(report: OrphansReport) -> None:
    lines = [json.loads(line) for line in orphans_json.render_lines(report).splitlines()]

    assert [line["id"] for line in lines] == [orphan.id for orphan in report.orphans]
    assert {(line["schema"], line["engine"]) for line in lines} == {("dockstore.orphans/1", "FAKE")}


def test_markdown_has_a_table_and_folds_the_way_back(report: OrphansReport) -> None:
    text = orphans_markdown.render(report)

    assert text.startswith("## dockstore orphans\n\n2 volumes and the layer of 1 stopped container with data")
    assert "| volume `shop_db` | PostgreSQL 15 |" in text
    assert text.count("<details>") == text.count("</details>") == 3
    assert "```sh\n" in text


def test_a_name_becomes_no_markup_and_no_control_character() -> None:
    stand = Stand()
    stand.container("c1", "app:1", marks=labels("<img src=x>|*a*", "\x1b]0;x\x07"), files={"/app/a.bin": b"x"})
    report = stand.look()

    markdown, table, document = orphans_markdown.render(report), orphans_table.render(report), orphans_json.render(report)

    assert "<img" not in markdown.replace("\\<img", "")
    assert "\x1b" not in markdown + table + document


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, report: OrphansReport) -> list[dict[str, Any]]:
    """Let the command have *report*; what it asked for is noted."""
    noted: list[dict[str, Any]] = []

    def answer(options: api.Options, **given: Any) -> OrphansReport:
        noted.append({"engines": options.engines, **given})
        return report

    monkeypatch.setattr(api, "orphans", answer)
    return noted


@pytest.mark.parametrize(
    ("form", "start"),
    [("table", "volume shop_db: "), ("json", '{\n  "schema": "dockstore.orphans/1"'), ("jsonl", '{"schema"'), ("markdown", "## dockstore")],
)
def test_the_command_prints_each_format_and_finding_is_no_failure(
    form: str, start: str, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["orphans", "--format", form]) == 0

    assert capsys.readouterr().out.startswith(start)
    assert (asked[0]["engines"], asked[0]["helper"], asked[0]["limit_files"]) == ((), False, 1_000_000)


def test_the_commands_flags_arrive(asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orphans", "--engine", "unix:///x.sock", "--helper", "--limit-files", "10"]) == 0

    capsys.readouterr()
    assert (asked[0]["engines"], asked[0]["helper"], asked[0]["limit_files"]) == (("unix:///x.sock",), True, 10)


def test_no_engine_is_exit_code_3(fence: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fence.allow("unix:///nowhere/at-all.sock")

    assert main(["orphans", "--engine", "unix:///nowhere/at-all.sock"]) == 3

    assert "hint:" in capsys.readouterr().err


def test_no_engine_anywhere_starts_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from dockstore.engines.providers import address

    monkeypatch.setattr(address, "candidates", lambda *_args, **_kwargs: ())

    assert main(["orphans"]) == 3

    assert "no engine answers in the usual places" in capsys.readouterr().err


def test_there_is_no_flag_that_removes_anything(capsys: pytest.CaptureFixture[str]) -> None:
    main(["orphans", "--help"])

    text = capsys.readouterr().out
    assert [flag for flag in ("--remove", "--delete", "--prune", "--force", "--fix") if flag in text] == []
