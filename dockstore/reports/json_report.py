"""`dockstore.run/1`: a report as JSON, to the letter of what is promised to other programs.

Rule 1: keys are only ever added within a version; `report_schema` describes each.
Rule 2: a value that JSON has no word for (an infinite ratio) is its text.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from dockstore.reports import phrases, tally

if TYPE_CHECKING:
    from dockstore.core.model import EngineInfo, Store
    from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Ruling, Shown, Verdict

Json = dict[str, object]
SCHEMA: Final = "dockstore.run/1"


def render(report: Report) -> str:
    """Render a report as one JSON document, indented, with a line end."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(report: Report) -> Json:
    """Return the report as JSON values."""
    count = tally.tally(report)
    return {
        "schema": SCHEMA,
        "dockstore": report.dockstore,
        "command": report.command,
        "run": report.run,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "interrupted": report.interrupted,
        "engines": [engine(key, info) for key, info in report.engines.items()],
        "scenarios": [scenario(verdict) for verdict in report.verdicts],
        "lesson_title": _text(report.lesson_title),
        "lesson": [claim(one) for one in report.claims],
        "summary": {
            "holds": count.holds,
            "refuted": count.refuted,
            "undecided": count.undecided,
            "skipped": count.skipped,
            "mutants": {"refuted": count.mutants_refuted, "not_refuted": count.mutants_not_refuted},
        },
        "notes": [_plain(note) for note in report.notes],
    }


def engine(key: str, info: EngineInfo) -> Json:
    """Return an engine's facts."""
    return {
        "id": key,
        "address": phrases.address(info.address),
        "engine_id": info.engine_id,
        "product": info.product,
        "version": info.version,
        "api": info.api_version,
        "storage_driver": info.storage_driver,
        "image_store": info.image_store,
        "kernel": info.kernel,
        "operating_system": info.operating_system,
        "rootless": info.rootless,
        "disposable": info.disposable,
        "host_files": info.host_files,
    }


def scenario(verdict: Verdict) -> Json:
    """Return one scenario on one engine, with its mutants and rulings."""
    what = verdict.scenario
    return {
        "scenario": _plain(what.title),
        "file": what.file,
        "engine": verdict.engine,
        "lesson": list(what.lesson),
        "nuance": _text(what.nuance),
        "instead": _text(what.instead),
        "tags": list(what.tags),
        "outcome": verdict.outcome.value,
        "reason": _text(verdict.reason),
        "unmet": list(verdict.unmet),
        "seconds": round(verdict.seconds, 3),
        "history": None if verdict.history is None else verdict.history.path,
        "mutants": [mutant(one) for one in verdict.mutants],
        "rulings": [ruling(one) for one in verdict.rulings],
    }


def mutant(verdict: MutantVerdict) -> Json:
    """Return how a mutant came out."""
    return {
        "title": _plain(verdict.title),
        "outcome": verdict.outcome.value,
        "look": verdict.look,
        "seconds": round(verdict.seconds, 3),
        "automatic": verdict.automatic,
        "reason": _text(verdict.reason),
    }


def ruling(one: Ruling) -> Json:
    """Return a ruling with its evidence."""
    return {
        "look": one.look,
        "kind": one.kind,
        "fact": one.fact,
        "write": one.write,
        "place": one.place,
        "line": one.line,
        "store": None if one.store is None else store(one.store),
        "event": one.event,
        "column": one.column,
        "expected": _shown(one.expected),
        "actual": None if one.actual is None else _shown(one.actual),
        "outcome": one.outcome.value,
        "sights": {vantage.value: sight.value for vantage, sight in one.sights.items()},
        "why": _plain(one.why),
        "hint": _text(one.hint),
    }


def store(one: Store) -> Json:
    """Return which store took a write."""
    return {
        "kind": one.kind.value,
        "anonymous": one.anonymous,
        "id": one.identity,
        "name": one.name,
        "driver": one.driver,
        "host_path": one.host_path,
        "target": one.target,
        "container": one.container,
    }


def claim(one: ClaimVerdict) -> Json:
    """Return a claim of the lesson."""
    return {
        "id": one.id,
        "claim": _plain(one.claim),
        "section": one.section,
        "verdict": one.verdict,
        "nuance": _text(one.nuance),
        "scenarios": [_plain(title) for title in one.scenarios],
        "set_aside": [_plain(title) for title in one.set_aside],
    }


def _plain(text: str) -> str:
    """Return *text* without lone surrogates, which no UTF-8 reader accepts; JSON escapes the rest itself."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _text(text: str | None) -> str | None:
    return None if text is None else _plain(text)


def _shown(value: Shown) -> object:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case str():
            return _plain(value)
        case dict():
            return {key: _shown(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case _:
            return value
