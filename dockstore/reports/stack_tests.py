"""A stack's report for harnesses of tests: JUnit XML and TAP. One test for each place and event that it must survive.

Rule 1: lost is a failure, not known an error (TAP: `not ok`): a harness that knows two words must not take it for good news.
Rule 2: a finding of severity error that no row shows is a failure of its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from dockstore.core import stack_words
from dockstore.core.stack_words import GOOD, OPEN
from dockstore.reports import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from junitparser import TestCase

    from dockstore.core.stack_report import StackReport

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL: Final = re.compile(r"([\\#])")
Point = tuple[str, str, str, str]  # name, outcome (ok, failed, unknown, skipped), one line, text


def junit(reports: Sequence[StackReport]) -> str:
    """Render reports as JUnit XML, a suite for each stack."""
    from xml.etree import ElementTree as ET

    from junitparser import JUnitXml, TestSuite

    xml = JUnitXml("dockstore")
    for report in reports:
        suite = TestSuite(_text(stack_words.title(report)))
        suite.timestamp = report.started.removesuffix("Z")
        points = list(_points(report))
        suite.add_testcases([_case(report, point) for point in points])
        suite.tests, suite.time = len(points), round(report.seconds, 3)
        suite.failures, suite.errors, suite.skipped = (sum(point[1] == word for point in points) for word in ("failed", "unknown", "skipped"))
        xml.add_testsuite(suite)
    suites = list(xml)
    xml.tests, xml.failures, xml.errors = (sum(getattr(suite, name) for suite in suites) for name in ("tests", "failures", "errors"))
    xml.time = round(sum(suite.time for suite in suites), 3)
    root = ET.fromstring(xml.tostring())  # type: ignore[no-untyped-call]  # noqa: S314  # our own text
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def tap(reports: Sequence[StackReport]) -> str:
    """Render reports as TAP 14."""
    points = [(report, point) for report in reports for point in _points(report)]
    lines = ["TAP version 14", f"1..{len(points)}"]
    for number, (report, (name, outcome, short, text)) in enumerate(points, 1):
        good = outcome in {"ok", "skipped"}
        title = _SPECIAL.sub(r"\\\1", phrases.line(f"{report.name}: {name}"))
        lines.append(f"{'ok' if good else 'not ok'} {number} - {title}{f' # SKIP {phrases.line(short)}' if outcome == 'skipped' else ''}")
        if not good:
            lines += [
                "  ---",
                f"  outcome: {json.dumps(short, ensure_ascii=False)}",
                f"  why: {json.dumps(phrases.line(text), ensure_ascii=False)}",
                "  ...",
            ]
    lines += [f"# {report.name} {phrases.line(stack_words.answer(report))}; {stack_words.counts(report)}" for report in reports]
    lines += ["Bail out! interrupted"] if any(report.interrupted for report in reports) else []
    return "\n".join(lines) + "\n"


def _points(report: StackReport) -> Iterator[Point]:
    shown = set()
    for row in report.rows:
        if not row.must_survive:
            continue
        name = f"{stack_words.place(row)} survives {row.event}"
        outcome = "ok" if row.fate in GOOD else "unknown" if row.fate in OPEN else "failed"
        if outcome == "failed":
            shown.add((row.service, row.path))
        yield name, outcome, row.fate.value, row.why + (f" (rests on {row.rests_on})" if row.rests_on else "")
    for finding in report.findings:
        name = f"{finding.rule} {stack_words.spot_word(finding) or finding.service or ''}".rstrip()
        if finding.ignored is not None:
            yield name, "skipped", f"ignored: {finding.ignored}", finding.message
        elif finding.severity == "error" and (finding.service, finding.path) not in shown:
            yield name, "failed", finding.rule, finding.message


def _case(report: StackReport, point: Point) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    name, outcome, short, text = point
    case = TestCase(_text(name), _text(f"{report.kind}.{report.name}"), 0.0)
    kinds = {"failed": Failure, "unknown": Error, "skipped": Skipped}
    if outcome in kinds:
        result = kinds[outcome](_text(short)) if outcome == "skipped" else kinds[outcome](_text(short), outcome)
        if outcome != "skipped":
            result.text = _text(text)
        case.result = [result]
    return case


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", phrases.clean(text))
