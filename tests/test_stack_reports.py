"""The renderers of drills and audits: the published schema, SARIF, annotations, tables within their width, Markdown without surprises."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import xmlschema
from composing import audited

from dockstore.cli import emit
from dockstore.core.model import Sight, StoreKind, Vantage
from dockstore.core.rules import RULES
from dockstore.core.stack_model import Spot
from dockstore.core.stack_outcome import exit_code, outcome
from dockstore.core.stack_report import Finding, Row, RowFate, RowStore, ServiceState, StackOutcome, StackReport
from dockstore.reports import layout, stack_github, stack_json, stack_markdown, stack_sarif, stack_schema, stack_table, stack_tests

XSD = Path(__file__).parent / "xsd" / "junit-10.xsd"
TEXT = "services:\n  db:\n    image: mysql:8\n"
NASTY = "\x1b[31m| <b>@octocat</b> `x` \ud800 ```"


def audit() -> StackReport:
    return audited({"db": {"image": "mysql:8", "environment": {"MYSQL_ROOT_PASSWORD": "hunter2"}}, "app": {"image": "example/app:1"}}, text=TEXT)


def drill(**changes: object) -> StackReport:
    row = Row(
        service="db",
        path="/var/lib/mysql",
        role="data",
        role_rule="it was written",
        found="written",
        store=RowStore(kind=StoreKind.VOLUME, id="9c1f4e" + "0" * 58, name="9c1f4e" + "0" * 58, anonymous=True, declared_by="image VOLUME"),
        event="down+up",
        fate=RowFate.ORPHANED,
        must_survive=True,
        why="nobody mounts it",
        sights={Vantage.ENGINE: Sight.SAME, Vantage.SERVICE: Sight.ABSENT},
        recover="docker run --rm -v 9c1f:/from -v shop_db:/to busybox cp -a /from/. /to/",
        aliases=("/var/lib/db",),
        seen_in=(("web", "/x"),),
        service_after="up",
    )
    memory = replace(row, path=None, probe="session", event="restart", fate=RowFate.LOST, store=None)
    found = StackReport(
        kind="drill",
        dockstore="0.1.0",
        run="4f1c" * 8,
        started="2026-11-24T06:30:00Z",
        engines={},
        files=("compose.yaml",),
        name="shop",
        outcome=StackOutcome.LOSES_DATA,
        services=(
            ServiceState(service="db", state="up"),
            ServiceState(service="web", state="slow", log=(NASTY,), detail="120 s for its health check"),
        ),
        rows=(row, memory),
        findings=(
            Finding(
                rule="DS201",
                severity="error",
                service="db",
                path="/var/lib/mysql",
                spot=Spot(file="a b/compose.yaml", line=3, column=5),
                message=NASTY,
                fix="a:\n  - b",
            ),
            Finding(rule="DS904", severity="advice", service="web", path="/x", spot=None, message="unused", ignored="a reason"),
        ),
        limits=("ports were not published",),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


REPORTS = {"audit": audit, "drill": drill}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_document_keeps_to_the_published_schema(kind: str) -> None:
    schema = stack_schema.stack_schema(kind)

    document = json.loads(stack_json.render([REPORTS[kind]()]))

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    assert document["schema"] == f"dockstore.{kind}/1"


def test_a_drill_of_a_change_says_what_it_is_compared_with() -> None:
    rows = (replace(drill().rows[0], base_fate=RowFate.PERSISTED), drill().rows[1])

    document = json.loads(stack_json.render([drill(base="main", head="topic", base_history="base.jsonl", rows=rows)]))

    jsonschema.validate(document, stack_schema.stack_schema("drill"))
    assert document["base"] == {"base": "main", "head": "topic", "history": "base.jsonl"}
    assert [row["base_fate"] for row in document["rows"]] == ["persisted", None]


def test_an_audits_rows_have_no_sights_and_a_drills_have() -> None:
    predicted, seen = (json.loads(stack_json.render([make()])) for make in (audit, drill))

    assert all("sights" not in row for row in predicted["rows"])
    assert seen["rows"][0]["sights"] == {"engine": "same", "service": "absent"}
    assert seen["rows"][0]["seen_in"] == [{"service": "web", "path": "/x"}]


def test_several_stacks_are_a_list_of_documents() -> None:
    assert [one["schema"] for one in json.loads(stack_json.render([audit(), drill()]))] == ["dockstore.audit/1", "dockstore.drill/1"]


def test_every_line_of_json_lines_stands_alone() -> None:
    lines = [json.loads(line) for line in stack_json.lines([drill()]).splitlines()]

    assert [line["kind"] for line in lines] == ["stack", "service", "service", "finding", "finding", "row", "row"]
    assert {line["stack"] for line in lines} == {"shop"}


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("kind", REPORTS)
def test_a_table_is_no_wider_than_it_may_be(kind: str, width: int) -> None:
    text = stack_table.render([REPORTS[kind]()], width=width)

    assert all(
        layout.visible(line) <= width for line in text.splitlines() if "http" not in line and "docker run" not in line and NASTY[5:20] not in line
    )


def test_a_table_says_finding_fix_matrix_reason_and_answer_in_this_order() -> None:
    text = stack_table.render([audited({"db": {"image": "mysql:8"}}, text=TEXT)], width=100)

    assert re.sub(r"\n(?:\S.* (?:kept|lost|orphaned|\?)\n)+", "\n…\n", text) == (
        """\
audit of shop (compose.yaml)

error DS201  compose.yaml:3:5
  MySQL keeps the databases in /var/lib/mysql, in an anonymous volume (the image declares
  /var/lib/mysql): after down+up and remove+run it is orphaned
  fix:
    services:
      db:
        volumes:
          - db-data:/var/lib/mysql
    volumes:
      db-data:

event                        db:/var/lib/mysql
---------------------------  -------------------------------
in                           anonymous volume (image VOLUME)
…

predicted; ° no routine event, or nothing that counts: reported, not judged

db:/var/lib/mysql orphaned by remove+run, down+up, down+upgrade and stop+system-prune
  the new container gets a new anonymous volume; the old one stays, and nothing mounts it
  rests on the assumption that its name makes it MySQL (https://hub.docker.com/_/mysql)

shop would lose data: db:/var/lib/mysql
1 error in 0.00 s
"""
    )


def test_colour_only_repeats_what_is_said() -> None:
    plain, colored = (stack_table.render([drill()], color=color) for color in (False, True))

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


@pytest.mark.parametrize(
    "render", [stack_table.render, stack_markdown.render, stack_json.render, stack_json.lines, stack_sarif.render, stack_tests.junit, stack_tests.tap]
)
def test_no_control_character_and_no_secret_gets_into_a_report(render: object) -> None:
    assert callable(render)
    for make in REPORTS.values():
        text = render([make()])

        assert "\x1b" not in text
        assert "hunter2" not in text
        text.encode("utf-8")


def test_markdown_begins_with_the_answer_and_escapes_what_is_not_ours() -> None:
    text = stack_markdown.render([drill()])

    assert text.startswith("## ❌ shop loses data: db")
    outside = re.sub(r"(`{3,})\w+\n.*?\n\1", "", text, flags=re.DOTALL)
    assert "<b>" not in outside
    assert "@octocat" not in outside
    assert "```yaml\na:\n  - b\n```" in text
    assert "To get it back:\n\n```sh\ndocker run --rm" in text


def test_markdown_keeps_to_a_limit_by_leaving_whole_parts_out_the_answers_last() -> None:
    text = stack_markdown.render([drill()] * 50, most_bytes=20_000)

    assert len(text.encode()) <= 20_000
    assert text.count("## ❌ shop loses data") == 50
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
    assert re.search(r"\n\n\d+ parts of this report are left out here for their length; as `json` or `html` it has them all\.\n$", text)


def test_sarif_names_rules_places_and_suppressions() -> None:
    log = json.loads(stack_sarif.render([drill()]))

    run = log["runs"][0]
    error, advice = run["results"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["DS201", "DS904"]
    assert "## Wrong" in run["tool"]["driver"]["rules"][0]["help"]["markdown"]
    assert (error["level"], error["ruleIndex"]) == ("error", 0)
    assert error["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/compose.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 5},
    }
    assert advice["suppressions"] == [{"kind": "inSource", "justification": "a reason"}]


def test_the_same_finding_has_the_same_fingerprint_wherever_its_line_moves() -> None:
    moved = replace(drill().findings[0], spot=Spot(file="a b/compose.yaml", line=30, column=5))

    prints = [
        json.loads(stack_sarif.render([drill(findings=(one,))]))["runs"][0]["results"][0]["partialFingerprints"]
        for one in (drill().findings[0], moved)
    ]

    assert prints[0] == prints[1]


def test_annotations_stand_at_file_and_line_and_a_loss_without_finding_has_one() -> None:
    lines = list(stack_github.annotated([drill()]))

    assert lines[0].startswith("::error file=a b/compose.yaml,line=3,title=DS201 db::")
    assert lines[1] == "::error file=compose.yaml,line=1,title=shop::db (session) lost by restart%0Anobody mounts it"
    assert len(lines) == 2


def test_files_are_named_from_the_repositorys_root_wherever_dockstore_is_called() -> None:
    (line, *_) = stack_github.annotated([drill()], folder="deploy/prod")
    log = json.loads(stack_sarif.render([drill()], folder="deploy/prod"))

    assert line.startswith("::error file=deploy/prod/a b/compose.yaml,")
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "deploy/prod/a%20b/compose.yaml"


@pytest.mark.parametrize(("here", "folder"), [("repo/deploy", "deploy"), ("repo", ""), (".", "")], ids=["beneath", "at the root", "elsewhere"])
def test_githubs_workspace_tells_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, folder: str) -> None:
    (tmp_path / "repo" / "deploy").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / here)

    assert emit.in_workspace({"GITHUB_WORKSPACE": str(tmp_path / "repo")}) == folder
    assert emit.in_workspace({}) == ""


@pytest.mark.parametrize("kind", REPORTS)
def test_junit_is_valid_against_the_xsd(kind: str) -> None:
    text = stack_tests.junit([REPORTS[kind]()])

    xmlschema.XMLSchema(str(XSD)).validate(text)


def test_tap_takes_the_unknown_for_not_ok() -> None:
    text = stack_tests.tap([audit()])

    assert "not ok" in text
    assert 'outcome: "unknown"' in text
    assert text.splitlines()[1] == f"1..{len(re.findall('^(?:not )?ok ', text, re.MULTILINE))}"


@pytest.mark.parametrize(
    ("fate", "must", "wanted"),
    [
        (RowFate.LOST, True, StackOutcome.LOSES_DATA),
        (RowFate.SHADOWED, True, StackOutcome.LOSES_DATA),
        (RowFate.UNWRITABLE, True, StackOutcome.CANNOT_WRITE),
        (RowFate.CANNOT_START, True, StackOutcome.CANNOT_START),
        (RowFate.DISPUTED, True, StackOutcome.UNDECIDED),
        (RowFate.CARRIED, True, StackOutcome.KEEPS_DATA),
        (RowFate.LOST, False, StackOutcome.KEEPS_DATA),
    ],
)
def test_the_outcome_is_the_first_that_applies(fate: RowFate, *, must: bool, wanted: StackOutcome) -> None:
    rows = (replace(drill().rows[0], fate=fate, must_survive=must), replace(drill().rows[0], fate=RowFate.PERSISTED))

    assert outcome(rows, ()) is wanted


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 1),
        ({"interrupted": True}, 130),
        ({"findings": (), "outcome": StackOutcome.KEEPS_DATA}, 0),
        ({"findings": (), "outcome": StackOutcome.UNDECIDED}, 3),
        ({"findings": (), "rows": (), "outcome": StackOutcome.CANNOT_START, "services": (ServiceState(service="db", state="cannot-start"),)}, 3),
        ({"findings": (), "outcome": StackOutcome.CANNOT_START}, 1),
        ({"services": ()}, 4),
    ],
    ids=["loses", "interrupted", "keeps", "undecided", "never came up", "does not come up again", "nothing"],
)
def test_a_drills_exit_code(changes: dict[str, object], code: int) -> None:
    assert exit_code([drill(**changes)]) == code


def test_of_several_stacks_the_worst_decides() -> None:
    good = drill(findings=(), outcome=StackOutcome.KEEPS_DATA)

    assert exit_code([good, drill(findings=(), outcome=StackOutcome.UNDECIDED)]) == 3
    assert exit_code([good, drill()]) == 1
    assert exit_code([]) == 4


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_page_with_wrong_and_right(rule: str) -> None:
    page = stack_sarif.page(rule)

    assert page.startswith(f"# {rule}: {RULES[rule].title}\n")
    assert f"Severity: {RULES[rule].severity}." in page
    assert "## Wrong" in page
    assert "## Right" in page
