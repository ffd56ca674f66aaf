"""JUnit XML against the schema that Jenkins' plugin reads, and read back by junitparser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import junitparser
import pytest
import reporting
import xmlschema

from dockstore.core.model import Outcome
from dockstore.reports import junit

XSD = Path(__file__).parent / "xsd" / "junit-10.xsd"

REPORTS = {
    "mixed": reporting.mixed(),
    "lesson": reporting.whole_lesson(),
    "nothing": reporting.report(engines={}),
    "no engine": reporting.report(reporting.verdict(), engines={}),
    "a survivor": reporting.report(reporting.verdict(mutants=(reporting.survivor(),))),
    "hours": reporting.report(replace(reporting.verdict(), seconds=12345.678901)),
    "moments": reporting.report(replace(reporting.verdict(), seconds=0.0000001)),
    "odd characters": reporting.report(reporting.verdict(Outcome.REFUTED, what=reporting.scenario('<&>"\x00\x1b[1m\ud800 ]]> é'))),
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_valid_against_the_xsd(name: str) -> None:
    schema = xmlschema.XMLSchema(XSD)

    schema.validate(junit.render(REPORTS[name]))


def test_each_outcome_has_its_own_element() -> None:
    xml = junitparser.JUnitXml.fromstring(junit.render(reporting.mixed()).encode())

    results = {case.name: [type(result).__name__ for result in case.result] for suite in xml for case in suite}

    assert results == {
        "an anonymous volume does not follow its container": ["Failure"],
        "what survives what": [],
        "two containers lose updates without a lock": ["Error"],
        "a directory deleted and made again is empty": ["Skipped"],
        "it holds": [],
        "it holds: mutant 'give it a name' is refuted": [],
    }


def test_the_counts_add_up() -> None:
    xml = junitparser.JUnitXml.fromstring(junit.render(reporting.mixed()).encode())

    assert (xml.tests, xml.failures, xml.errors) == (6, 1, 1)
    assert [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in xml] == [(6, 1, 1, 1)]


def test_a_failure_carries_expected_actual_the_witnesses_and_the_way_out() -> None:
    report = reporting.report(reporting.verdict(Outcome.REFUTED))

    (suite,) = junitparser.JUnitXml.fromstring(junit.render(report).encode())
    (case,) = suite

    assert case.classname == "scenarios.volume.anonymous"
    assert case.result[0].message == "row: persisted was expected, orphaned was seen"
    assert case.result[0].type == "refuted"
    assert "(engine same, host same, container absent)" in case.result[0].text
    assert "hint: name it: {type: volume, source: rows, target: /data}" in case.result[0].text
    assert case.system_out == "history: .dockstore/runs/4f1c/anonymous.jsonl"


def test_the_claims_are_a_suite_of_their_own() -> None:
    suites = list(junitparser.JUnitXml.fromstring(junit.render(reporting.whole_lesson()).encode()))

    claims = {case.name.partition(":")[0]: [type(result).__name__ for result in case.result] for case in suites[1]}

    assert suites[1].name == "Where does a container keep its data?"
    assert claims == {"L5": ["Error"], "L27": [], "L30": [], "L31": []}


def test_a_mutant_that_nothing_refutes_is_a_failure() -> None:
    report = reporting.report(reporting.verdict(mutants=(reporting.survivor(),)))

    (suite,) = junitparser.JUnitXml.fromstring(junit.render(report).encode())

    assert [case.name for case in suite if case.is_failure] == [
        "an anonymous volume does not follow its container: mutant 'stop and start is not remove and run' is refuted"
    ]


def test_two_engines_are_two_suites() -> None:
    engines = {"e1": reporting.engine(), "e2": reporting.engine(version="29.0.1")}
    report = reporting.report(reporting.verdict(), reporting.verdict(engine_key="e2"), engines=engines)

    suites = list(junitparser.JUnitXml.fromstring(junit.render(report).encode()))

    assert [suite.name.split(",")[0] for suite in suites] == ["dockstore e1: Docker Engine 20.10.24", "dockstore e2: Docker Engine 29.0.1"]
