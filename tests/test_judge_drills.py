"""`dockstore judge` and `report` on drills' histories: the same answer again, in every format, beside scenarios' or alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import reporting
from drilling import GONE, INFO, ORPHANED, SEEN, Story, group
from test_stack_changes import ENDED, NEW, OLD, history

from dockstore import api
from dockstore.cli import stack_emit
from dockstore.cli.main import main
from dockstore.core.drill_facts import EngineNote, facts
from dockstore.core.history_codec import dump
from dockstore.core.stack_report import StackOutcome

if TYPE_CHECKING:
    from pathlib import Path

    from dockstore.core.history import History

Capture = pytest.CaptureFixture[str]


def written(folder: Path, name: str, told: History) -> Path:
    file = folder / name
    file.write_text("\n".join([dump(told.header), *(dump(event) for event in told.events)]) + "\n", encoding="utf-8")
    return file


def lost(folder: Path) -> Path:
    story = Story(group()).event("down+up").saw(GONE)
    story.events.append(ENDED)
    return written(folder, "drill.jsonl", story.history())


def scenario(folder: Path) -> Path:
    return written(folder, "scenario.jsonl", reporting.history())


@pytest.mark.parametrize("command", ["judge", "report"])
@pytest.mark.parametrize("form", stack_emit.FORMATS)
def test_a_drills_history_is_rendered_in_every_format(tmp_path: Path, capsys: Capture, command: str, form: str) -> None:
    code = main([command, str(lost(tmp_path)), "--format", form])

    assert code == 1
    assert "/data" in capsys.readouterr().out


def test_a_page_is_written_beside_it(tmp_path: Path) -> None:
    main(["report", str(lost(tmp_path)), "--html", str(tmp_path / "drill.html")])

    assert "shop loses data" in (tmp_path / "drill.html").read_text(encoding="utf-8")


def test_both_sides_of_a_change_are_one_report(tmp_path: Path, capsys: Capture) -> None:
    base = history(Story(group()).event("down+up").saw(SEEN).event("upgrade").saw(ORPHANED), "base", OLD, NEW)
    head = history(Story(group()).event("down+up").saw(SEEN), "head", NEW)
    files = [str(written(tmp_path, f"{side}.jsonl", told)) for side, told in (("a", base), ("b", head))]

    code = main(["judge", *reversed(files), "--format", "json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [(row["event"], row["fate"], row["base_fate"]) for row in document["rows"]] == [
        ("down+up", "persisted", "persisted"),
        ("upgrade", "orphaned", None),
    ]
    assert document["base"] == {"base": "main", "head": "topic", "history": files[0]}


def test_scenarios_and_drills_stand_one_after_the_other(tmp_path: Path, capsys: Capture) -> None:
    files = [str(scenario(tmp_path)), str(lost(tmp_path))]

    codes = [main(["judge", *files, "--format", form]) for form in ("json", "table", "jsonl", "markdown")]

    documents, end = json.JSONDecoder().raw_decode(capsys.readouterr().out)
    assert codes == [1] * 4
    assert [document["schema"] for document in documents] == ["dockstore.run/1", "dockstore.drill/1"]
    assert end > 0


@pytest.mark.parametrize(("form", "names", "fact"), [
    ("html", ("scenario", "drill"), "no html holds scenarios and drills at once"),
    ("sarif", ("scenario",), "sarif is a format for drills, and these are scenarios' histories"),
])  # fmt: skip
def test_a_format_that_cannot_hold_them_is_refused(tmp_path: Path, capsys: Capture, form: str, names: tuple[str, ...], fact: str) -> None:
    made = {"scenario": scenario(tmp_path), "drill": lost(tmp_path)}

    code = main(["judge", *(str(made[name]) for name in names), "--format", form])

    assert code == 2
    assert fact in capsys.readouterr().err


def test_a_drill_that_was_killed_never_keeps_its_data(tmp_path: Path) -> None:
    told = api.judge_all(written(tmp_path, "drill.jsonl", Story(group()).event("restart").saw(SEEN).history()))

    (report,) = told.drills
    assert report.outcome is StackOutcome.UNDECIDED
    assert report.limits == ("its history ends before the drill did, which was killed: what was not reached is not in it",)


def test_a_drill_that_was_killed_before_its_first_look_came_to_nothing(tmp_path: Path) -> None:
    story = Story()
    header = story.history().header
    file = tmp_path / "killed.jsonl"
    file.write_text(dump(header).replace('"text":"{}"', '"text":"{\\"services\\": {}}"') + "\n", encoding="utf-8")

    assert main(["judge", str(file)]) == 4


def test_a_spare_engine_is_known_again(tmp_path: Path) -> None:
    story = Story(group())
    story.events.append(facts(EngineNote(key="e2", info=INFO), step="0", look="stack"))

    (report,) = api.judge_all(written(tmp_path, "drill.jsonl", story.history())).drills

    assert list(report.engines) == ["e1", "e2"]
    assert report.engines["e2"] == INFO


def test_the_function_for_scenarios_alone_says_what_else_there_is(tmp_path: Path) -> None:
    with pytest.raises(api.NothingMatched, match="only drills'"):
        api.judge(lost(tmp_path))
