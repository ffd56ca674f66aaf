"""Orphans as a person reads them: one block each, what it is and whose it was first, the commands last.

Rule 1: what is known is in the first line; what is not known is said, never left out.
Rule 2: commands stand on lines of their own, unwrapped, so that they can be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dockstore.core.orphans import REASON_WORDS, Confidence
from dockstore.reports import layout, phrases

if TYPE_CHECKING:
    from dockstore.core.orphans import Orphan, OrphansReport

_STYLES: Final = {Confidence.CERTAIN: "good", Confidence.LIKELY: "strong", Confidence.POSSIBLE: "unsure"}
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def render(report: OrphansReport, *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """Render the report; without *verbose* what is empty is counted, not shown."""
    width = min(max(width, 60), 160)
    shown = [orphan for orphan in report.orphans if verbose or not orphan.empty]
    blocks = [_block(orphan, width, color=color, verbose=verbose) for orphan in shown]
    empty = len(report.orphans) - len(shown)
    tail = [summary(report)]
    if empty:
        tail.append(f"{count(empty, 'empty volume')} not shown; -v shows {'it' if empty == 1 else 'them'}")
    tail += [f"note: {note}" for note in report.notes]
    tail += [f"not seen: {limit}" for limit in report.limits]
    engine = f"engine: {phrases.engine_words(report.engine)} at {phrases.address(report.engine.address)}"
    return "\n\n".join([*blocks, "\n".join(layout.wrap(phrases.line(line), width, "  ") for line in [*tail, engine])]) + "\n"


def summary(report: OrphansReport) -> str:
    """Return the sentence that sums it up."""
    full = [orphan for orphan in report.orphans if not orphan.empty]
    if not full:
        return f"no data here that nothing mounts ({count(report.volumes, 'volume')}, {count(report.containers, 'container')})"
    volumes = [orphan for orphan in full if orphan.kind == "volume"]
    layers = len(full) - len(volumes)
    known = sum(orphan.size_bytes or 0 for orphan in full)
    what = [count(len(volumes), "volume")] if volumes else []
    what += [f"the {'layers' if layers > 1 else 'layer'} of {count(layers, 'stopped container')}"] if layers else []
    more = " or more" if any(orphan.size_bytes is None or orphan.at_least for orphan in full) else ""
    return f"{' and '.join(what)} with data that nothing reaches, {size(known)}{more}; nothing was changed"


def count(number: int, noun: str) -> str:
    """`3 volumes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int | None) -> str:
    """`12.3 MB`, as docker has it: powers of 1000."""
    if number is None:
        return "size unknown"
    value = float(number)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return str(number)


def amount(orphan: Orphan) -> str:
    """How much it is: size, files, last change."""
    more = "at least " if orphan.at_least else ""
    parts = [f"{more}{size(orphan.size_bytes)}"]
    if orphan.files is not None:
        parts.append(f"{more}{count(orphan.files, 'file')}")
    if orphan.last_change is not None:
        parts.append(f"last change {orphan.last_change.replace('T', ' ').removesuffix('Z')} UTC")
    return ", ".join(parts)


def title(orphan: Orphan) -> str:
    """What and where: `anonymous volume 9c1f4e0ab3d2: PostgreSQL 15`."""
    noun = f"{'anonymous ' if orphan.anonymous else ''}volume" if orphan.kind == "volume" else "stopped container"
    return f"{noun} {phrases.short(phrases.line(orphan.name))}: {contents(orphan)}"


def contents(orphan: Orphan) -> str:
    """What it looks like, in words."""
    words = [phrases.line(content.said) for content in orphan.contents[:3]]
    more = f" and {len(orphan.contents) - 3} more" if len(orphan.contents) > 3 else ""
    text = "; ".join(words) + more if words else "nothing that could be told"
    return f"{text} (can be made again)" if orphan.contents and all(content.derived for content in orphan.contents) else text


def _block(orphan: Orphan, width: int, *, color: bool, verbose: bool) -> str:
    lines = [layout.paint(layout.wrap(title(orphan), width, "  "), "strong", color=color)]
    facts = [amount(orphan)]
    facts += [f"not seen: {orphan.unseen}"] if orphan.unseen else []
    facts += [REASON_WORDS[reason] for reason in orphan.reasons]
    owner = orphan.owner
    if owner is not None:
        sure = layout.paint(owner.confidence.value, _STYLES[owner.confidence], color=color)
        lines += [f"  {layout.wrap(phrases.line(fact), width - 4, '    ')}" for fact in facts]
        lines.append(f"  whose: {phrases.line(owner.said)} ({sure})")
        lines += [f"    {layout.wrap(phrases.shortened(reason), width - 6, '      ')}" for reason in owner.why]
        lines += [
            f"    or: {layout.wrap(phrases.line(f'{other.said}: {other.why[0]}'), width - 8, '      ')}" for other in orphan.others if other.why
        ]
    else:
        lines += [f"  {layout.wrap(phrases.line(fact), width - 4, '    ')}" for fact in facts]
        lines.append("  whose: no trace tells")
    if verbose and orphan.host_path:
        lines.append(f"  on the engine's host: {phrases.line(orphan.host_path)}")
    for step in orphan.steps:
        lines.append(layout.paint(layout.wrap(f"  # {phrases.shortened(step.says)}", width, "  # "), "soft", color=color))
        lines.append(f"  {phrases.line(step.command)}")
    return "\n".join(lines)
