# ruff: noqa: E402  # run as a script, it finds the tests' modules by itself
"""What `drill` and `audit` say of the whole corpus, beside the truth, as figures: docs/corpus.md.

    DOCKER_HOST=unix:///... python tests/stacks/figures.py [--write docs/corpus.md] [--work FOLDER] [NAME ...]

Every stack is drilled with its routine events and those that its truth names; with what strikes a whole engine, on an engine of its own;
and, where a fix was written, once more with it. Plays for about half an hour. What was played already (in FOLDER) is not played again.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "engine")]

from corpus_drills import Drilling, Told, alarms, audited_by, hurt, side_by_side, told_of, without_a_row
from stack_corpus import ENGINE_WIDE, ROUTINE, UPGRADES, StackTruth, stacks

from dockstore.core.stack_report import RowFate
from dockstore.engines.docker_engine import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_report import StackReport

HEAD = """# The corpus: how often drill and audit are right

{stacks} stacks in `tests/stacks`, each with what a person knows to be true of it (`truth.yaml`). That truth is shown on an engine by plain
`docker compose` commands (`tests/engine/test_truth.py`), not by dockstore. The figures are of {date}, {engine}, {driver}. To make them
again:

```console
$ make test-all ARGS='-k "corpus or truth"'      # fails where anything below is wrong
$ DOCKER_HOST=unix:///... .venv/bin/python tests/stacks/figures.py --write docs/corpus.md
```

A row is one service, path and event. *Unknown* is an answer, with its reason; a wrong one is a bug."""
BATCH = 12
OTHERS = ("renew", "remove-v+run", "down-v+up", "rename-project")
EVENTS = (*ROUTINE, *UPGRADES, *ENGINE_WIDE, *OTHERS)
DRILL, ENGINE, FIXED, AUDIT = "drill", "engine", "fixed", "audit"


@dataclass(slots=True, kw_only=True)
class Played:
    """The reports of one stack."""

    truth: StackTruth
    reports: dict[str, StackReport] = field(default_factory=dict)

    def told(self, *kinds: str) -> list[Told]:
        """The rows of those reports beside the truth."""
        return [told for kind in kinds if kind in self.reports for told in told_of(self.truth, self.reports[kind])]


# --- playing ------------------------------------------------------------------------------------------------------------------


def events_of(truth: StackTruth) -> list[str]:
    """What is drilled on the given engine."""
    named = {event for datum in truth.data for event in datum.fates}
    return [*ROUTINE, *(UPGRADES if truth.upgrade else ()), *(event for event in OTHERS if event in named)]


def play(truths: Sequence[StackTruth], address: str, work: Path) -> list[Played]:
    """Play what is not yet in *work*."""
    engine = connect(address)
    drilling = Drilling(engine, Path(tempfile.mkdtemp(prefix="drills-", dir=work)))
    every = [Played(truth=truth) for truth in truths]
    for played in every:
        alone(played, drilling, work)
        played.reports[AUDIT] = audited_by(played.truth, engine.info, drilling.environ, work)
    together = [played for played in every if played.truth.data and not played.truth.probe]
    for first in range(0, len(together), BATCH):
        wide(together[first : first + BATCH], drilling, work)
    engine.close()
    return every


def alone(played: Played, drilling: Drilling, work: Path) -> None:
    """What is played for one stack."""
    truth = played.truth
    sys.stderr.write(f"{truth.name}\n")
    [first] = keep(work, [truth.name], DRILL, lambda: drilling.drill([truth], events_of(truth)))
    played.reports[DRILL] = first
    if truth.probe:
        [played.reports[ENGINE]] = keep(work, [truth.name], ENGINE, lambda: drilling.drill([truth], ENGINE_WIDE))
    if first.override is not None:
        events = hurt(truth, ROUTINE if truth.by_hand else (*ROUTINE, *UPGRADES)) or list(ROUTINE)
        [played.reports[FIXED]] = keep(work, [truth.name], FIXED, lambda: drilling.drill([truth], events, override=first.override))


def wide(several: Sequence[Played], drilling: Drilling, work: Path) -> None:
    """What strikes a whole engine, for several stacks on one."""
    truths = [played.truth for played in several]
    reports = keep(work, [truth.name for truth in truths], ENGINE, lambda: drilling.drill(truths, ENGINE_WIDE))
    for played, report in zip(several, reports, strict=True):
        played.reports[ENGINE] = report


def keep(work: Path, names: Sequence[str], kind: str, make: Callable[[], Sequence[StackReport]]) -> list[StackReport]:
    """The reports that were made already, or are made now."""
    files = [work / f"{name}.{kind}.pickle" for name in names]
    if not all(file.exists() for file in files):
        for file, report in zip(files, make(), strict=True):
            file.write_bytes(pickle.dumps(report))
    return [pickle.loads(file.read_bytes()) for file in files]  # what this very script wrote


# --- figures ------------------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def by_event(told: Sequence[Told]) -> str:
    """Right, unknown and wrong for each event."""
    counted = Counter((one.row.event, one.verdict) for one in told)
    verdicts = ("right", "unknown", "wrong")
    rows: list[list[object]] = [
        [f"`{event}`", *(counted[event, verdict] for verdict in verdicts)] for event in EVENTS if any(counted[event, one] for one in verdicts)
    ]
    rows.append(["all", *(sum(one.verdict == verdict for one in told) for verdict in verdicts)])
    return table(("event", *verdicts), rows)


def reasons(told: Sequence[Told]) -> str:
    """Why rows are unknown, the commonest first, with the stacks."""
    grouped: dict[str, list[Told]] = {}
    for one in told:
        if one.verdict == "unknown":
            grouped.setdefault(shortened(one.row.why), []).append(one)
    common = sorted(grouped.items(), key=lambda item: -len(item[1]))
    return table(("rows", "why", "stacks"), [(len(several), why, named(several)) for why, several in common])


def named(several: Sequence[Told]) -> str:
    """The stacks of some rows."""
    names = sorted({one.stack for one in several})
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def disagreements(every: Sequence[Played]) -> tuple[Counter[str], list[str]]:
    """What audit and drill say of the same service, path and event: how often which, and where they contradict one another."""
    told = [
        (word, f"{played.truth.name}: {line}")
        for played in every
        for word, line in side_by_side(played.reports[AUDIT], [played.reports[kind] for kind in (DRILL, ENGINE) if kind in played.reports])
    ]
    return Counter(word for word, _ in told), [line for word, line in told if word == "contradict"]


def flagged(played: Played, kind: str) -> bool:
    """Whether the stack's loss is reported at its place by one of its rules."""
    flag = played.truth.flag
    return flag is not None and any(flag.is_met_by(one.rule, one.path) for one in alarms(played.reports[kind]))


def proven(played: Played) -> bool:
    """Whether a second drill, with the fix, keeps all that the first one lost."""
    told = played.told(FIXED)
    kept = all(one.row.fate in {RowFate.PERSISTED, RowFate.CARRIED} for one in told)
    return kept and played.reports[FIXED].outcome == "keeps-data" and bool(played.reports[FIXED].rows)


def fixes(every: Sequence[Played]) -> str:
    """The stacks that lose, what drill says and whether its fix keeps the data."""
    rows = []
    for played in every:
        if played.truth.outcome != "loses-data":
            continue
        rules = ", ".join(sorted({one.rule for one in alarms(played.reports[DRILL])}))
        mended = "" if FIXED not in played.reports else "proven" if proven(played) else "NOT PROVEN"
        fix = "; ".join(part for part in (mended, f"by hand: {played.truth.by_hand}" if played.truth.by_hand else "") if part)
        rows.append((played.truth.name, "yes" if flagged(played, DRILL) else "NO", rules, "yes" if flagged(played, AUDIT) else "no", fix or "NONE"))
    return table(("stack", "drill flags it", "by", "audit flags it", "fix"), rows)


def text(every: Sequence[Played], info: EngineInfo) -> str:
    """The whole document."""
    drilled, audited = [one for played in every for one in played.told(DRILL, ENGINE)], [one for played in every for one in played.told(AUDIT)]
    losing = [played for played in every if played.truth.outcome == "loses-data"]
    quiet = [played for played in every if played.truth.quiet]
    counted, against = disagreements(every)
    silent = [
        f"{played.truth.name} ({event})"
        for played in every
        for _, event in without_a_row(played.truth, played.reports[DRILL], events_of(played.truth))
    ]
    other = [played for played in every if played.truth.outcome in {"cannot-write", "cannot-start"}]
    wrong = [str(one) for one in (*drilled, *audited) if one.verdict == "wrong"]
    parts = [
        HEAD.format(stacks=len(every), date=f"{datetime.now(UTC):%Y-%m-%d}", engine=f"{info.product} {info.version}", driver=info.storage_driver),
        table(
            ("", "drill", "audit"),
            [
                ("rows that say what is true", *(sum(one.verdict == "right" for one in told) for told in (drilled, audited))),
                ("rows that say *unknown*", *(sum(one.verdict == "unknown" for one in told) for told in (drilled, audited))),
                (
                    "… of which say at least what becomes of the store",
                    "",
                    sum(one.verdict == "unknown" and one.row.store_fate is not None for one in audited),
                ),
                ("**rows that are wrong**", *(sum(one.verdict == "wrong" for one in told) for told in (drilled, audited))),
                (
                    f"stacks that lose data, flagged at the right path (of {len(losing)})",
                    *(sum(flagged(played, kind) for played in losing) for kind in (DRILL, AUDIT)),
                ),
                (
                    f"stacks that cannot write or start, told as such (of {len(other)})",
                    sum(played.reports[DRILL].outcome == played.truth.outcome for played in other),
                    sum(bool(alarms(played.reports[AUDIT])) for played in other),
                ),
                (
                    f"stacks that keep their data, with an alarm (of {len(quiet)})",
                    *(sum(bool(alarms(played.reports[kind])) for played in quiet) for kind in (DRILL, AUDIT)),
                ),
            ],
        ),
        "## Drill, by event",
        by_event(drilled),
        "## Audit, by event",
        by_event(audited),
        "## Audit and drill of the same stack",
        "The same service, path and event in both reports: "
        + ", ".join(f"{word} {number}" for word, number in counted.most_common())
        + ". Where both say something they must say the same.",
        "## What is lost, and its fix",
        "`drill --fix` writes an override; *proven*: a second drill with it lost nothing. Where no file can mend it, the reason stands there.",
        fixes(every),
        "## Why a drill says unknown",
        reasons(drilled),
        "## Why an audit says unknown",
        reasons(audited),
    ]
    if wrong or against or silent:
        parts += ["## To be mended", "\n".join(f"- {line}" for line in (*wrong, *against, *(f"no row: {one}" for one in silent)))]
    return "\n\n".join(parts) + "\n"


def shortened(why: str) -> str:
    """A reason without what differs from run to run."""
    words = [
        word
        for word in why.replace("|", "/").split()
        if not any(len(part) >= 12 and set(part) <= set("0123456789abcdef") for part in word.strip(".,;:()").split("/"))
    ]
    return " ".join(words)[:160]


def main() -> None:
    """Play, and print or write the figures."""
    parser = argparse.ArgumentParser(description="figures of drill and audit over the corpus")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write")
    parser.add_argument("--work")
    given = parser.parse_args()
    work = Path(given.work or tempfile.mkdtemp(prefix="figures-")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    truths = [truth for truth in stacks() if not given.names or truth.name in given.names]
    engine = connect(os.environ["DOCKER_HOST"])
    said = text(play(truths, os.environ["DOCKER_HOST"], work), engine.info)
    engine.close()
    if given.write:
        Path(given.write).write_text(said, encoding="utf-8")
    else:
        sys.stdout.write(said)


if __name__ == "__main__":
    main()
