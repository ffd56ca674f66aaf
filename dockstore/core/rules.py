"""The rules: an id, a severity and a sentence each; every rule has a page of the same name in `dockstore/rules`.

Rule 1: an id is never used again for something else; families are fixed: DS1 nothing that outlives the container, DS2 an ordinary command
orphans or shadows, DS3 the wrong place, DS4 cannot write or start, DS5 shared writing, DS9 advice.
Rule 2: an error loses data by a routine event, and the file alone shows it; what only may be so is a warning; what is no loss is advice.
"""

from __future__ import annotations

from dockstore.core.values import dataclass

ERROR, WARNING, ADVICE = "error", "warning", "advice"
SEVERITIES = (ERROR, WARNING, ADVICE)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    id: str
    severity: str
    title: str


_ALL = (
    Rule("DS101", ERROR, "data lies only in the container's writable layer"),
    Rule("DS102", ERROR, "a tmpfs mount lies over data"),
    Rule("DS103", WARNING, "data is only in memory until the service saves it"),
    Rule("DS104", ERROR, "a container that removes itself keeps data"),
    Rule("DS201", ERROR, "data lies in an anonymous volume that the image declares"),
    Rule("DS202", WARNING, "a volume without a name"),
    Rule("DS203", ADVICE, "volume names follow the project's name, and nothing fixes that"),
    Rule("DS204", ADVICE, "an external volume is not there"),
    Rule("DS205", ERROR, "after the upgrade the service looks for its data elsewhere"),
    Rule("DS206", WARNING, "the upgraded version does not read the old version's files"),
    Rule("DS301", ERROR, "the mount lies one folder too high: the image's own volume covers the data"),
    Rule("DS302", ERROR, "the mount lies too deep: only a part of the data is in it"),
    Rule("DS303", ERROR, "the mount lies beside the data"),
    Rule("DS304", ERROR, "a setting puts the data elsewhere than the mount"),
    Rule("DS305", ADVICE, "a single file is bound, and saving by rename does not reach the host"),
    Rule("DS306", ADVICE, "a bound folder is missing on this host"),
    Rule("DS307", ERROR, "data is found under a host name that changes with the container"),
    Rule("DS401", ERROR, "data lies under a read-only mount"),
    Rule("DS402", WARNING, "the service's user may not write a new volume"),
    Rule("DS403", ERROR, "a bound path is missing, and nothing makes it"),
    Rule("DS404", ERROR, "the service does not come up again"),
    Rule("DS501", ERROR, "two servers write one data folder"),
    Rule("DS502", WARNING, "a start script writes over what is kept, or removes it"),
    Rule("DS901", ADVICE, "a volume freezes the image's own files"),
    Rule("DS902", ADVICE, "where this service writes, only a drill can tell"),
    Rule("DS903", ADVICE, "a tag that moves chooses the version of a database"),
    Rule("DS904", ADVICE, "an anonymous volume that nothing is known to use"),
    Rule("DS905", WARNING, "an ignore comment without a reason"),
    Rule("DS906", ADVICE, "an ignore comment names no rule"),
)
RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}
