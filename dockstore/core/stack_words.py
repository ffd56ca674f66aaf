"""How a drill's or an audit's results are said: fates, outcomes, stores, summaries, in the words that every report shares.

Rule 1: text out, nothing decided.
Rule 2: an audit predicts, a drill saw; the words never mix the two up.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dockstore.core.model import Sight, StoreKind, Vantage
from dockstore.core.stack_report import RowFate, StackOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dockstore.core.stack_report import Finding, Row, RowStore, StackReport

FATE_WORDS = {
    RowFate.PERSISTED: "the service has it, in the store that took it",
    RowFate.CARRIED: "the service has it, in another store",
    RowFate.LOST: "the bytes are gone",
    RowFate.ORPHANED: "the bytes are still there, and the service does not get them",
    RowFate.ELSEWHERE: "the bytes are still there, in another container or at another path",
    RowFate.SHADOWED: "the bytes lie under a mount that hides them",
    RowFate.ALTERED: "other bytes are in their place",
    RowFate.DISPUTED: "the witnesses contradict one another",
    RowFate.UNKNOWN: "it cannot be told",
    RowFate.UNWRITABLE: "the service may not write it",
    RowFate.CANNOT_START: "the service does not come up again",
}
GOOD = frozenset({RowFate.PERSISTED, RowFate.CARRIED})
OPEN = frozenset({RowFate.UNKNOWN, RowFate.DISPUTED})
_MARKS = {RowFate.PERSISTED: "kept", RowFate.CARRIED: "kept (copy)", RowFate.UNKNOWN: "?", RowFate.CANNOT_START: "cannot start"}
_SHORT_NAME = 12


def fate_word(fate: RowFate) -> str:
    """Return a fate as a cell of a matrix says it."""
    return _MARKS.get(fate, fate.value)


def cell(row: Row) -> str:
    """Return what a matrix says of a row: `kept?` where the store is kept and nobody knows whether the service finds its data in it."""
    return "kept?" if row.fate is RowFate.UNKNOWN and row.store_fate == RowFate.PERSISTED.value else fate_word(row.fate)


def store_word(store: RowStore | None) -> str:
    """Return what a store is, in a few words."""
    if store is None:
        return "memory"
    match store.kind:
        case StoreKind.WRITABLE_LAYER:
            return "writable layer"
        case StoreKind.VOLUME:
            by = " (image VOLUME)" if store.anonymous and store.declared_by == "image VOLUME" else ""
            name = store.name or ""
            name = name[:_SHORT_NAME] if store.anonymous else name
            return f"anonymous volume {name}".rstrip() + by if store.anonymous else f"volume {name}".rstrip()
        case StoreKind.BIND:
            return f"bind of {store.host_path}" if store.host_path else "bind"
        case StoreKind.TMPFS:
            return "tmpfs"
        case StoreKind.IMAGE_LAYER:
            return "image layer"
        case StoreKind.IMAGE_MOUNT:
            return "image mount"
        case StoreKind.ENGINE_FILE:
            return "a file that the engine writes"


def title(report: StackReport) -> str:
    """Return what was looked at: `drill of shop (compose.yaml)`."""
    files = ", ".join(report.files)
    change = f", {report.base} → {report.head}" if report.base is not None else ""
    return f"{report.kind} of {report.name}" + (f" ({files}{change})" if files else change)


def answer(report: StackReport) -> str:
    """Return the outcome as a sentence."""
    audit = report.kind == "audit"
    rows = [row for row in report.rows if row.must_survive]
    match report.outcome:
        case StackOutcome.LOSES_DATA:
            lost = [row for row in rows if row.fate in _LOSSES or is_missed(row)]
            new = [row for row in lost if is_new(row)]
            if report.base is not None and not new:
                return f"loses data, as {report.base} does: {_places(lost)}"
            by = " by this change" if report.base is not None else ""
            return f"{'would lose' if audit else 'loses'} data{by}: {_places(new if report.base is not None else lost)}"
        case StackOutcome.CANNOT_WRITE:
            return f"{'could not' if audit else 'cannot'} write its data: {_places(row for row in rows if row.fate is RowFate.UNWRITABLE)}"
        case StackOutcome.CANNOT_START:
            down = [state.service for state in report.services if state.state == "cannot-start"]
            names = down or list(dict.fromkeys(row.service for row in rows if row.fate is RowFate.CANNOT_START))
            return f"{'would not' if audit else 'does not'} come up: {', '.join(names)}"
        case StackOutcome.UNDECIDED:
            where = _places(row for row in rows if row.fate in OPEN)
            ended = f"only a drill can tell: {where}" if audit else f"could not be told: {where or ', '.join(_slow(report))}"
            return f"undecided, {ended}"
        case StackOutcome.KEEPS_DATA:
            if not any(row.role == "data" and row.found != "declared" for row in report.rows):
                return "nothing here is known to keep data" if audit else "nothing was seen to be written"
            if report.base is not None:
                mended = _places(row for row in rows if row.base_fate is not None and row.base_fate not in GOOD and row.fate in GOOD)
                return "keeps its data through this change" + (f", which mends {mended}" if mended else "")
            return "keeps its data through every routine event" + (", as far as files can tell" if audit else "")


_LOSSES = frozenset({RowFate.LOST, RowFate.ALTERED, RowFate.ORPHANED, RowFate.SHADOWED, RowFate.ELSEWHERE})


def is_missed(row: Row) -> bool:
    """Tell whether the service misses a datum whose bytes nobody could find or rule out."""
    return row.fate is RowFate.UNKNOWN and row.sights.get(Vantage.SERVICE) is Sight.ABSENT


def is_new(row: Row) -> bool:
    """Tell whether a row of a change is not as the base has it: another fate, a place that the base does not have, or the change itself."""
    return row.base_fate is not row.fate


def _slow(report: StackReport) -> list[str]:
    return [state.service for state in report.services if state.state == "slow"]


def _places(rows: Iterable[Row]) -> str:
    return ", ".join(dict.fromkeys(place(row) for row in rows))


def place(row: Row) -> str:
    """Return where a row is: `db:/var/lib/mysql`, or the probe of data that touch no file."""
    return f"{row.service}:{row.path}" if row.path is not None else f"{row.service} ({row.probe or 'in memory'})"


def next_step(report: StackReport) -> str | None:
    """Return what to do where the answer is that it is not known; None: it is known."""
    if report.outcome is not StackOutcome.UNDECIDED or report.interrupted:
        return None
    if report.kind == "audit":
        target = " ".join(f"-f {file}" for file in report.files) if len(report.files) > 1 else (report.files[0] if report.files else "STACK")
        nothing = "where a service keeps nothing, say so (--stateless SERVICE, or # dockstore: ignore[DS902]: REASON at its image)"
        return f"to decide it: dockstore drill {target}; {nothing}; --allow-undecided lets it pass"
    if any(state.state == "slow" for state in report.services):
        return "to decide it: give the service more time (--timeout), or say when it is ready (x-dockstore.ready)"
    return "to decide it: a probe lets the service itself tell (x-dockstore.probes, or --probes FILE); --ignore SERVICE:/PATH leaves it out"


def spot_word(finding: Finding) -> str:
    """Return FILE:LINE:COL of a finding, or nothing."""
    spot = finding.spot
    if spot is None:
        return ""
    return f"{spot.file}:{spot.line}:{spot.column}" if spot.line else spot.file


def active(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that nobody ignored."""
    return tuple(finding for finding in findings if finding.ignored is None)


def counts(report: StackReport) -> str:
    """Return `2 errors, 1 warning`, or `no findings`."""
    found = Counter(finding.severity for finding in active(report.findings))
    parts = [
        f"{found[severity]} {word}{'s' if found[severity] != 1 and word != 'advice' else ''}" for severity, word in _SEVERITIES if found[severity]
    ]
    ignored = sum(finding.ignored is not None for finding in report.findings)
    parts += [f"{ignored} ignored"] if ignored else []
    return ", ".join(parts) or "no findings"


_SEVERITIES = (("error", "error"), ("warning", "warning"), ("advice", "advice"))


def listed_fates(rows: Iterable[Row]) -> str:
    """Return `orphaned`, `lost or altered`: what becomes of one place; what its service merely misses has no fate."""
    return " or ".join(dict.fromkeys("missed by its service" if row.fate is RowFate.UNKNOWN else row.fate.value for row in rows))


def is_plain(rows: Sequence[Row]) -> bool:
    """Whether the rows of one place say nothing that a reader must see: it holds nothing that counts, or is kept throughout."""
    return not any(row.must_survive and row.fate not in GOOD for row in rows)


def by_place(rows: Iterable[Row]) -> dict[tuple[str, str | None, str | None], list[Row]]:
    """Rows by service, path and probe, in their order."""
    found: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in rows:
        found.setdefault((row.service, row.path, row.probe if row.path is None else None), []).append(row)
    return found
