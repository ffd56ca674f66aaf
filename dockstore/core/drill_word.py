"""The service's own word in a drill: what it finds again, what it misses, and what it was refused.

Rule 1: where a probe covers a datum, the service's word decides; a read that was not answered has no say.
Rule 2: what the service misses is lost only where a search would have seen its bytes, or where the very store of it is no more.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core.stack_report import RowFate
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from dockstore.core.drill_facts import Group, ProbeNote, WordNote
    from dockstore.core.stack_events import StackEvent

WORST_FIRST: tuple[RowFate, ...] = (
    RowFate.LOST,
    RowFate.ALTERED,
    RowFate.ORPHANED,
    RowFate.SHADOWED,
    RowFate.ELSEWHERE,
    RowFate.CANNOT_START,
    RowFate.UNWRITABLE,
    RowFate.DISPUTED,
    RowFate.UNKNOWN,
    RowFate.CARRIED,
    RowFate.PERSISTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A fate with its reason. *missed*: the service itself does not find its datum."""

    fate: RowFate
    why: str
    missed: bool = False
    inferred: bool = False  # of the files' names alone
    gone: bool = False  # the very store that held the marker is no more
    stays: bool = False  # it is the same store, and the marker is in it


def concerns(probe: ProbeNote, group: Group) -> bool:
    """Whether *probe* was refused to write where *group* lies."""
    if probe.says or not probe.refused or probe.refused_at is None or group.role != "data":
        return False
    if group.store.single_file:
        return posixpath.dirname(probe.refused_at) == posixpath.dirname(group.path)
    return probe.refused_at == group.path or probe.refused_at.startswith(f"{group.path.rstrip('/')}/")


def refused(probe: ProbeNote, group: Group | None) -> Ruled:
    """The service may not write, from the first."""
    why = f"the service's write is refused ({probe.name}: {probe.detail})"
    if group is not None and group.store.single_file:
        why += "; it is a mount of a single file, and nothing can be renamed onto a mount"
    return Ruled(fate=RowFate.UNWRITABLE, why=why)


def by_word(probe: ProbeNote, note: WordNote, marker: Ruled, group: Group | None, event: StackEvent) -> Ruled | None:
    """The fate by the service's own word; None: it has no say. *group*: where its datum lies; None: in memory."""
    match note.sight:
        case "same":
            if marker.fate in {RowFate.PERSISTED, RowFate.CARRIED, RowFate.UNKNOWN} or marker.inferred:
                return Ruled(
                    fate=RowFate.CARRIED if marker.fate is RowFate.CARRIED else RowFate.PERSISTED,
                    why=f"the service finds its datum again ({probe.name})",
                )
            fate = RowFate.CARRIED if marker.fate in {RowFate.ORPHANED, RowFate.ELSEWHERE, RowFate.SHADOWED} else RowFate.PERSISTED
            return Ruled(
                fate=fate, why=f"the service finds its datum again ({probe.name}), though of the marker beside it is to be said: {marker.why}"
            )
        case "absent":
            return _missed(probe, note, marker, event, touched=group is not None and probe.name in group.probes)
        case _:
            return None


def _missed(probe: ProbeNote, note: WordNote, marker: Ruled, event: StackEvent, *, touched: bool) -> Ruled:
    """What the service does not find again. *touched*: its datum lies in the store that the marker tells of."""
    says = f"the service does not find its datum again ({probe.name}: {note.detail})"
    if note.found:
        return Ruled(fate=RowFate.ORPHANED, why=f"{says}; its bytes are still in {note.found[0]}", missed=True)
    if note.searched and probe.memory_only:
        return Ruled(fate=RowFate.LOST, why=f"{says}; it had touched no file and was in memory only, which ended with the process", missed=True)
    if note.searched and _would_be_found(probe, event) and touched and marker.stays and note.other:
        return Ruled(fate=RowFate.ALTERED, why=f"{says}; its store is the same, and there are other bytes in its place", missed=True)
    if note.searched and _would_be_found(probe, event):
        unsaved = "; it was not written to any file yet" if event.abrupt and not probe.touched_files else ""
        return Ruled(fate=RowFate.LOST, why=f"{says}, and its bytes are in no store that the stack ever had{unsaved}", missed=True)
    if touched and note.searched and marker.gone:
        return Ruled(fate=RowFate.LOST, why=f"{says}, and {marker.why}", missed=True)
    if touched and marker.fate in {RowFate.ORPHANED, RowFate.SHADOWED, RowFate.ELSEWHERE} and not (note.searched and probe.saved):
        return Ruled(fate=marker.fate, why=f"{says}; {marker.why}", missed=True)
    why = "they could not be found by a search even before" if note.searched else "not every store could be searched"
    return Ruled(fate=RowFate.UNKNOWN, why=f"{says}, and whether its bytes are still somewhere cannot be told: {why}", missed=True)


def _would_be_found(probe: ProbeNote, event: StackEvent) -> bool:
    """Whether a search would see the bytes of a datum that outlived *event*: as they are after a stop, or as they were while it ran."""
    return probe.saved and (not event.abrupt or probe.searchable or not probe.touched_files)
