"""`dockstore.run/1` and its JSON Lines: the promise to other programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest
import reporting

from dockstore.core.model import Outcome
from dockstore.reports import json_report, jsonl
from dockstore.reports.report_schema import report_schema

if TYPE_CHECKING:
    from dockstore.core.verdict import Report

VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def document(report: Report) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(json_report.render(report)))


REPORTS = {
    "mixed": reporting.mixed(),
    "lesson": reporting.whole_lesson(),
    "facts": reporting.report(reporting.verdict(rulings=(reporting.fact_ruling(), reporting.fact_ruling(Outcome.REFUTED)))),
    "nothing": reporting.report(engines={}),
    "interrupted": reporting.report(reporting.undecided(), interrupted=True, notes=("a note",)),
    "a survivor": reporting.report(reporting.verdict(mutants=(reporting.survivor(),))),
    "unknown": reporting.report(
        reporting.verdict(Outcome.UNDECIDED, rulings=(replace(reporting.fate_ruling(outcome=Outcome.UNDECIDED), actual=None, store=None),))
    ),
}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_valid(name: str) -> None:
    VALIDATOR.validate(document(REPORTS[name]))


def test_the_scenario_of_the_contract_is_written_to_the_letter() -> None:
    report = reporting.report(reporting.verdict(mutants=reporting.mutants()[:1]))

    scenario = document(report)["scenarios"][0]

    assert scenario == {
        "scenario": "an anonymous volume does not follow its container",
        "file": "scenarios/volume/anonymous.scenario.yaml",
        "engine": "e1",
        "lesson": ["L27"],
        "nuance": "It remains, but a new container gets a new one; the old bytes are orphaned.",
        "instead": None,
        "tags": ["volume"],
        "outcome": "holds",
        "reason": None,
        "unmet": [],
        "seconds": 1.31,
        "history": ".dockstore/runs/4f1c/anonymous.jsonl",
        "mutants": [{"title": "give it a name", "outcome": "refuted", "look": "row", "seconds": 1.2, "automatic": False, "reason": None}],
        "rulings": [
            {
                "look": "row",
                "kind": "fate",
                "fact": "fate",
                "write": "row",
                "place": "db:/data/row",
                "line": 15,
                "store": {
                    "kind": "volume",
                    "anonymous": True,
                    "id": f"volume:{reporting.ANONYMOUS}",
                    "name": reporting.ANONYMOUS,
                    "driver": "local",
                    "host_path": f"/var/lib/docker/volumes/{reporting.ANONYMOUS}/_data",
                    "target": "/data",
                    "container": None,
                },
                "event": "remove+run",
                "column": None,
                "expected": "orphaned",
                "actual": "orphaned",
                "outcome": "holds",
                "sights": {"engine": "same", "host": "same", "container": "absent"},
                "why": f"row went to the anonymous volume {reporting.ANONYMOUS} (line 9), which the engine still has and no container mounts.",
                "hint": None,
            }
        ],
    }


def test_the_head_and_the_summary_of_the_contract() -> None:
    report = reporting.mixed()

    whole = document(report)

    assert {key: whole[key] for key in ("schema", "dockstore", "run", "started")} == {
        "schema": "dockstore.run/1",
        "dockstore": "0.1.0",
        "run": "4f1c" * 8,
        "started": "2026-11-24T06:30:00Z",
    }
    assert whole["summary"] == {"holds": 2, "refuted": 1, "undecided": 1, "skipped": 1, "mutants": {"refuted": 2, "not_refuted": 0}}
    assert whole["engines"] == [
        {
            "id": "e1",
            "address": "unix:///run/docker.sock",
            "engine_id": "ABCD:1234",
            "product": "Docker Engine",
            "version": "20.10.24",
            "api": "1.41",
            "storage_driver": "overlay2",
            "image_store": "graphdriver",
            "kernel": "6.1.0",
            "operating_system": "Debian GNU/Linux 12 (bookworm)",
            "rootless": False,
            "disposable": True,
            "host_files": True,
        }
    ]


def test_a_claim_names_the_scenarios_that_decided_it_and_those_set_aside() -> None:
    report = reporting.whole_lesson()

    first, second = document(report)["lesson"][:2]

    assert first["verdict"] == "undecided"
    assert first["set_aside"] == ["a directory deleted and made again is empty"]
    assert second == {
        "id": "L27",
        "claim": "Volumes exist outside the container's life cycle, and remain after it is removed.",
        "section": "Volumes",
        "verdict": "holds-with-nuance",
        "nuance": "It remains, but a new container gets a new one; the old bytes are orphaned.",
        "scenarios": ["an anonymous volume does not follow its container"],
        "set_aside": [],
    }


@pytest.mark.parametrize("key", ["schema", "run", "started", "engines", "scenarios", "lesson", "summary"])
def test_a_promised_key_that_is_missing_is_not_valid(key: str) -> None:
    whole = document(reporting.mixed())

    del whole[key]

    assert not VALIDATOR.is_valid(whole)


def test_a_key_may_be_added_within_the_version() -> None:
    whole = document(reporting.mixed())

    whole["scenarios"][0]["rulings"][0]["something new"] = 1

    assert VALIDATOR.is_valid(whole)


def test_a_fate_that_nobody_knows_is_not_valid() -> None:
    whole = document(reporting.mixed())

    whole["scenarios"][0]["rulings"][0]["actual"] = "gone"

    assert not VALIDATOR.is_valid(whole)


def test_an_infinite_ratio_is_written_as_text() -> None:
    ruling = replace(reporting.fact_ruling(), kind="measure", fact="ratio", expected={"at_least": 1.3}, actual=float("inf"))
    report = reporting.report(reporting.verdict(rulings=(ruling,)))

    assert document(report)["scenarios"][0]["rulings"][0]["actual"] == "inf"


def test_a_lone_surrogate_in_a_title_is_still_utf8() -> None:
    report = reporting.report(reporting.verdict(what=reporting.scenario("odd \udcff name")))

    assert json_report.render(report).encode("utf-8")


def test_a_password_in_an_address_is_not_told() -> None:
    report = reporting.report(engines={"e1": reporting.engine("tcp://someone:secret@host:2376")})

    assert document(report)["engines"][0]["address"] == "tcp://someone:…@host:2376"


def test_every_line_stands_alone_and_says_what_it_is() -> None:
    report = replace(reporting.whole_lesson(), verdicts=(*reporting.whole_lesson().verdicts, reporting.undecided()))

    lines = [json.loads(line) for line in jsonl.render(report).splitlines()]

    assert [line["kind"] for line in lines if line["kind"] != "fate"] == [
        "mutant",
        "mutant",
        "scenario",
        "scenario",
        "claim",
        "claim",
        "claim",
        "claim",
    ]
    assert all(line["schema"] == "dockstore.run/1" and line["run"] == "4f1c" * 8 for line in lines)
    assert all(line["file"] for line in lines if line["kind"] != "claim")


def test_a_skipped_scenario_has_a_line_with_its_need() -> None:
    report = reporting.report(reporting.skipped())

    (line,) = [json.loads(line) for line in jsonl.render(report).splitlines()]

    assert (line["kind"], line["outcome"], line["unmet"]) == ("scenario", "skipped", ["upperdir"])
