"""Findings as SARIF 2.1.0, for code scanning: one run, one result for each finding, the page of each rule as its help.

Rule 1: paths are relative to where dockstore was called, with slashes; what has no place in a file is a result without location.
Rule 2: an ignored finding is a suppressed result, with its reason: it stays visible.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dockstore.core.rules import RULES
from dockstore.reports import github, phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.rules import Rule
    from dockstore.core.stack_report import Finding, StackReport

Json = dict[str, object]
_LEVELS: Final = {"error": "error", "warning": "warning", "advice": "note"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def render(reports: Sequence[StackReport], *, folder: str = "") -> str:
    """Render the findings of all reports as one SARIF log; *folder*: where files are named from, as the repository calls it."""
    findings = [finding for report in reports for finding in report.findings]
    used = sorted({finding.rule for finding in findings if finding.rule in RULES})
    version = reports[0].dockstore if reports else "0"
    driver: Json = {
        "name": "dockstore",
        "semanticVersion": version,
        "rules": [_rule(RULES[rule]) for rule in used],
    }
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "where dockstore was called"}}},
        "results": [_result(finding, used, folder) for finding in findings],
        "invocations": [{"executionSuccessful": not any(report.interrupted for report in reports)}],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def page(rule: str) -> str:
    """Return the page of a rule, or nothing."""
    file = resources.files("dockstore") / "rules" / f"{rule}.md"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _rule(rule: Rule) -> Json:
    text = page(rule.id) or rule.title
    return {
        "id": rule.id,
        "name": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["data-loss", "docker", "compose"], "precision": "high" if rule.severity == "error" else "medium"},
    }


def _result(finding: Finding, used: list[str], folder: str) -> Json:
    text = phrases.line(finding.message) + (f"\n\nFix:\n{phrases.clean(finding.fix)}" if finding.fix else "")
    found: Json = {
        "ruleId": finding.rule,
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": text},
        "partialFingerprints": {"dockstoreFinding/v1": _fingerprint(finding)},
    }
    if finding.rule in used:
        found["ruleIndex"] = used.index(finding.rule)
    spot = finding.spot
    if spot is not None:
        place: Json = {"artifactLocation": _artifact(github.beneath(folder, spot.file))}
        if spot.line:
            place["region"] = {"startLine": spot.line, "startColumn": max(1, spot.column)}
        found["locations"] = [{"physicalLocation": place}]
    if finding.ignored is not None:
        found["suppressions"] = [{"kind": "inSource", "justification": phrases.line(finding.ignored)}]
    return found


def _artifact(file: str) -> Json:
    uri = quote(phrases.clean(file).removeprefix("./"))
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _fingerprint(finding: Finding) -> str:
    """Equal for the same finding when lines move."""
    parts = (finding.rule, finding.spot.file if finding.spot else "", finding.service or "", finding.path or "")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
