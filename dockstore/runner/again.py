"""Stored histories, ruled on again: what `judge` and `report` read.

Rule 1: the script stands in the history itself, so that a verdict never depends on a file that has changed since.
Rule 2: a mutant's history is ruled on as the mutant that was played.
Rule 3: a drill's history is a drill's report again, and both sides of a change are one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore import __version__
from dockstore.core.history_codec import HistoryError
from dockstore.core.judge import judge, judge_mutant
from dockstore.core.scenario import load_text
from dockstore.core.script import Problem
from dockstore.core.verdict import Report
from dockstore.runner import drill_report
from dockstore.runner.histories import read_history

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from dockstore.core.history import History
    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.stack_report import StackReport
    from dockstore.core.verdict import MutantVerdict, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What stored histories come to. *report* has no verdicts where there are drills' histories only."""

    report: Report
    drills: tuple[StackReport, ...]
    problems: tuple[Problem, ...]


def judge_again(paths: Sequence[str | os.PathLike[str]]) -> Again:
    """Return the reports over the histories at *paths*, and what is wrong with those that cannot be read.

    A mutant's history counts to its scenario's verdict where that scenario (of the same run and engine) is among them.
    """
    problems: list[Problem] = []
    engines: dict[str, EngineInfo] = {}
    keys: dict[tuple[str, str], str] = {}
    verdicts: dict[tuple[str, str, str], Verdict] = {}
    mutants: list[tuple[tuple[str, str, str], Scenario, str, History]] = []
    runs: dict[str, str] = {}
    drilled: list[History] = []
    for file in _files(paths, problems):
        history = _read(file, problems)
        if history is None:
            continue
        if drill_report.is_drill(history):
            drilled.append(history)
            continue
        header = history.header
        scenario = _script(history, file, problems)
        if scenario is None:
            continue
        engine = keys.setdefault((header.engine.engine_id, header.engine.address), f"e{len(keys) + 1}")
        engines.setdefault(engine, header.engine)
        runs.setdefault(header.run, header.started)
        place = (header.run, engine, header.file)
        if header.mutant is None:
            verdicts[place] = judge(history, scenario, engine=engine)
        else:
            mutants.append((place, scenario, header.mutant, history))
    told: dict[tuple[str, str, str], list[MutantVerdict]] = {}
    for place, scenario, title, history in mutants:
        mutant = next((item for item in scenario.mutants if item.title == title), None)
        if mutant is None:
            problems.append(Problem(file=history.path or "history", line=0, column=0, fact=f"its script has no mutant '{title}'"))
        elif place in verdicts:
            told.setdefault(place, []).append(judge_mutant(mutant, history))
        else:
            changed = replace(mutant.scenario, title=f"{scenario.title} (mutant: {title})")
            verdicts[*place[:2], f"{place[2]}\0{title}"] = judge(history, changed, engine=place[1])
    run, started = min(runs.items(), key=lambda item: item[1], default=("", ""))
    report = Report(
        dockstore=__version__,
        run=run,
        started=started,
        command="judge",
        engines=engines,
        verdicts=tuple(replace(verdict, mutants=tuple(told.get(place, ()))) for place, verdict in verdicts.items()),
        seconds=round(sum(verdict.seconds for verdict in verdicts.values()), 3),
    )
    return Again(report=report, drills=tuple(_drills(drilled)), problems=tuple(problems))


def _drills(histories: Sequence[History]) -> Iterator[StackReport]:
    """The reports of drills, the head of a change with its base."""
    sides = {drill_report.side(history): history for history in histories}
    for history in histories:
        run, name, side = drill_report.side(history)
        if side is None:
            yield drill_report.report(history)
        elif side == "base":
            yield drill_report.of_change(history, sides.get((run, name, "head")))
        elif (run, name, "base") not in sides:
            yield drill_report.report(history)


def _files(paths: Sequence[str | os.PathLike[str]], problems: list[Problem]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            inner = path / "histories" if (path / "histories").is_dir() else path
            yield from sorted(inner.glob("*.jsonl"))
        elif path.exists():
            yield path
        else:
            problems.append(Problem(file=str(path), line=0, column=0, fact="no such file or folder"))


def _read(file: Path, problems: list[Problem]) -> History | None:
    try:
        return read_history(file)
    except HistoryError as error:
        problems.append(Problem(file=error.path or str(file), line=error.line, column=1, fact=error.fact, hint=error.hint))
    except OSError as error:
        problems.append(Problem(file=str(file), line=0, column=0, fact=f"cannot be read: {(error.strerror or str(error)).lower()}"))
    return None


def _script(history: History, file: Path, problems: list[Problem]) -> Scenario | None:
    """Read the script that the history holds; what is wrong with it is told with the history's name."""
    header = history.header
    parsed = load_text(header.text, header.file, variables=header.vars, isolate=header.isolate)
    if parsed.scenario is None:
        problems += [replace(problem, file=f"{file} ({problem.file})") for problem in parsed.problems if not problem.warning]
    return parsed.scenario
