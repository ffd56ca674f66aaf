"""JUnit XML, as Jenkins' schema (junit-10.xsd) has it: one suite for each engine, one more for the lesson's claims.

Rule 1: refuted is a failure, undecided an error, an unmet need skipped; a mutant that was played is a test case of its own.
Rule 2: no character that XML 1.0 forbids gets in.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Outcome
from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from junitparser import TestCase, TestSuite

    from dockstore.core.model import EngineInfo
    from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Verdict

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SUFFIX: Final = ".scenario.yaml"


def render(report: Report) -> str:
    """Render a report as JUnit XML."""
    from junitparser import JUnitXml

    xml = JUnitXml("dockstore")
    for key, info in report.engines.items():
        cases = [case for verdict in report.verdicts if verdict.engine == key for case in _cases(verdict)]
        xml.add_testsuite(_suite(f"dockstore {key}: {phrases.engine_words(info)}", cases, report, _properties(report, info)))
    strays = [case for verdict in report.verdicts if verdict.engine not in report.engines for case in _cases(verdict)]
    if strays:
        xml.add_testsuite(_suite("dockstore", strays, report, ()))
    if report.claims:
        cases = [_claim(claim) for claim in report.claims]
        xml.add_testsuite(_suite(_text(report.lesson_title or "lesson"), cases, report, ()))
    suites = list(xml)
    xml.tests, xml.failures, xml.errors = (sum(getattr(suite, name) for suite in suites) for name in ("tests", "failures", "errors"))
    xml.time = round(sum(suite.time for suite in suites), 3)
    text: bytes = xml.tostring()  # type: ignore[no-untyped-call]  # the library's annotations have a gap
    return f"<?xml version='1.0' encoding='utf-8'?>\n{_indented(text)}\n"


def _indented(text: bytes) -> str:
    from xml.etree import ElementTree as ET  # whatever library junitparser builds on

    root = ET.fromstring(text)  # noqa: S314  # our own text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _suite(name: str, cases: Sequence[TestCase], report: Report, properties: Sequence[tuple[str, str]]) -> TestSuite:
    from junitparser import TestSuite

    suite = TestSuite(_text(name))
    suite.timestamp = report.started.removesuffix("Z")
    for key, value in properties:
        suite.add_property(key, _text(value))
    suite.add_testcases(list(cases))
    results = Counter(type(result).__name__ for case in cases for result in case.result)
    suite.tests, suite.failures, suite.errors, suite.skipped = len(cases), results["Failure"], results["Error"], results["Skipped"]
    suite.time = round(sum(float(case.time or 0) for case in cases), 3)
    return suite


def _properties(report: Report, info: EngineInfo) -> tuple[tuple[str, str], ...]:
    return (
        ("dockstore", report.dockstore),
        ("run", report.run),
        ("engine", f"{info.product} {info.version}"),
        ("api", info.api_version),
        ("storage_driver", info.storage_driver),
        ("kernel", info.kernel),
    )


def _cases(verdict: Verdict) -> list[TestCase]:
    from junitparser import Error, Failure, Skipped

    case = _case(verdict.scenario.title, verdict.scenario.file, verdict.seconds)
    match verdict.outcome:
        case Outcome.REFUTED:
            failure = Failure(_text(_message(verdict)), "refuted")
            failure.text = _text(_evidence(verdict))
            case.result = [failure]
        case Outcome.UNDECIDED:
            error = Error(_text(_message(verdict)), "undecided")
            error.text = _text(_evidence(verdict))
            case.result = [error]
        case Outcome.SKIPPED:
            case.result = [Skipped(_text(phrases.needs(verdict)), "skipped")]
        case Outcome.HOLDS:
            pass
    if verdict.history is not None and verdict.history.path:
        case.system_out = _text(f"history: {verdict.history.path}")
    return [case, *(_mutant(verdict, mutant) for mutant in tally.told_mutants(verdict))]


def _mutant(verdict: Verdict, mutant: MutantVerdict) -> TestCase:
    from junitparser import Failure, Skipped

    case = _case(f"{verdict.scenario.title}: mutant '{mutant.title}' is refuted", verdict.scenario.file, mutant.seconds)
    if mutant in tally.survivors(verdict):
        failure = Failure(_text(f"the mutant came out {mutant.outcome}"), "mutant")
        failure.text = _text(mutant.reason or "what this scenario expects is met even though the mutant changes it")
        case.result = [failure]
    elif mutant.outcome is Outcome.SKIPPED:
        case.result = [Skipped(_text(mutant.reason or "not played"), "skipped")]
    return case


def _claim(claim: ClaimVerdict) -> TestCase:
    from junitparser import Error, Failure

    case = _case(f"{claim.id}: {claim.claim}", claim.section or "lesson", 0.0)
    if claim.verdict == "refuted":
        case.result = [Failure(_text(f"refuted by {phrases.listed(claim.scenarios)}"), "refuted")]
    elif claim.verdict in {"undecided", "untested"}:
        case.result = [Error(_text(f"{claim.verdict}: {phrases.listed(claim.set_aside) or 'no scenario names this claim'}"), claim.verdict)]
    else:
        case.system_out = _text(f"{phrases.VERDICT_WORDS[claim.verdict]}{f': {claim.nuance}' if claim.nuance else ''}")
    return case


def _case(name: str, file: str, seconds: float) -> TestCase:
    from junitparser import TestCase

    return TestCase(_text(phrases.line(name)), file.removesuffix(_SUFFIX).strip("./").replace("/", "."), round(seconds, 3))


def _message(verdict: Verdict) -> str:
    bad = [ruling for ruling in verdict.rulings if ruling.outcome is verdict.outcome]
    return "; ".join(phrases.sentence(ruling) for ruling in bad) or phrases.line(verdict.reason or verdict.outcome)


def _evidence(verdict: Verdict) -> str:
    lines = [phrases.place(verdict)]
    for ruling in verdict.rulings:
        if ruling.outcome is Outcome.HOLDS:
            continue
        sights = ", ".join(f"{vantage} {sight}" for vantage, sight in ruling.sights.items())
        lines.append(f"line {ruling.line}: {phrases.sentence(ruling)}" + (f" ({sights})" if sights else ""))
        lines.append(f"  {phrases.line(ruling.why)}")
        lines += [f"  hint: {phrases.line(ruling.hint)}"] if ruling.hint else []
    lines += [phrases.line(verdict.reason)] if verdict.reason else []
    return "\n".join(lines)


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", phrases.clean(text))
