"""What each kind of look can tell: closed lists of facts, so that a misspelt one is found before anything runs.

Rule 1: a name here is the name in a history's Facts.values, written as *kind* says; the runner writes them, the judge reads them.
Rule 2: the first fact of a kind that has a default is what a bare value means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.model import Fate, Sight
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

FATES = tuple(str(fate) for fate in Fate)
SIGHTS = tuple(str(sight) for sight in Sight)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. *kind*: text, flag, number, size (bytes), seconds, mode ("0750"), owner ("0:0"), texts (a list), pairs (a mapping), word, refusal."""

    name: str
    kind: str
    doc: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookKind:
    """The facts of one kind of look. *verb*: how it is called in a message; *default*: what a bare value means."""

    name: str
    verb: str
    facts: Mapping[str, Fact]
    default: str | None
    example: str


def _kind(name: str, verb: str, default: str | None, example: str, *facts: Fact) -> tuple[str, LookKind]:
    return name, LookKind(name=name, verb=verb, facts={fact.name: fact for fact in facts}, default=default, example=example)


_ACTION = (
    Fact("refused", "refusal", "whether the engine refused it: a status (409), several ([400, 500]: one of them), true or false"),
    Fact("message", "text", "the engine's words"),
    Fact("seconds", "seconds", "how long it took"),
)
_SIGHTS = tuple(Fact(name, "word", f"what the {name} vantage saw of it", SIGHTS) for name in ("engine", "host", "container"))

KINDS: Mapping[str, LookKind] = dict(
    (
        _kind("observe", "observe", "fate", "persisted", Fact("fate", "word", "what became of the write", FATES), *_SIGHTS),
        _kind(
            "read",
            "read",
            "content",
            "{exists: true}",
            Fact("content", "text", "what is in the file, the last newline off"),
            Fact("exists", "flag", "whether there is anything at the path"),
            Fact(
                "type",
                "word",
                "file, directory, link, whiteout, fifo, socket or device",
                ("file", "directory", "link", "whiteout", "fifo", "socket", "device"),
            ),
            Fact("size", "size", "its size in bytes"),
            Fact("mode", "mode", "its permission bits, octal"),
            Fact("owner", "owner", 'its user and group, as "0:0"'),
            Fact("inode", "number", "its inode"),
            Fact("device", "number", "the device (st_dev) that it lies on"),
            Fact("entries", "texts", "the names in a directory"),
            Fact("opaque", "flag", "whether a directory of a layer hides those below it"),
            Fact("filesystem", "text", "the type of file system that it lies on"),
        ),
        _kind(
            "exec",
            "exec",
            "stdout",
            "{exit_code: 0}",
            Fact("stdout", "text", "what it printed, the last newline off"),
            Fact("stderr", "text", "what it complained, the last newline off"),
            Fact("exit_code", "number", "how it ended"),
            *_ACTION,
        ),
        _kind(
            "inspect-container",
            "inspect",
            None,
            "{state: running}",
            Fact("exists", "flag", "whether the engine knows it"),
            Fact("id", "text", "the engine's id"),
            Fact(
                "state",
                "word",
                "created, running, paused, restarting, removing, exited or dead",
                ("created", "running", "paused", "restarting", "removing", "exited", "dead"),
            ),
            Fact("exit_code", "number", "how its main process ended"),
            Fact("oom_killed", "flag", "whether it was killed for want of memory"),
            Fact("restarts", "number", "how often its restart policy started it"),
            Fact("error", "text", "what the engine could not do at its start"),
            Fact("image", "text", "the image's id"),
            Fact("mounts", "pairs", "the whole list, by target: {/data: volume}"),
            Fact("size_rw", "size", "the size of its writable layer, as the engine tells it"),
            Fact("memory", "size", "how much memory it takes"),
        ),
        _kind(
            "inspect-volume",
            "inspect",
            None,
            "{exists: true}",
            Fact("exists", "flag", "whether the engine knows it"),
            Fact("users", "texts", "the containers that reference it, stopped ones too"),
            Fact("anonymous", "flag", "whether the engine calls it anonymous"),
            Fact("driver", "text", "its driver"),
            Fact("driver_opts", "pairs", "its driver's options"),
            Fact("labels", "pairs", "its labels, without those of dockstore"),
        ),
        _kind(
            "inspect-image",
            "inspect",
            None,
            "{layers: 3}",
            Fact("exists", "flag", "whether the engine knows it"),
            Fact("id", "text", "the engine's id"),
            Fact("layers", "number", "how many layers it has"),
            Fact("size", "size", "its size in bytes"),
            Fact("volumes", "texts", "the paths that it declares with VOLUME"),
            Fact("cmd", "texts", "its CMD"),
        ),
        _kind(
            "inspect-engine",
            "inspect",
            None,
            "{driver: overlay2}",
            Fact("driver", "text", "the storage driver"),
            Fact("version", "text", "the engine's version"),
            Fact("shared_memory", "size", "how much memory of its host is in tmpfs"),
        ),
        _kind("diff", "diff", None, "{/etc/motd: C}"),
        _kind("find", "find", "found", "{found: false}", Fact("found", "flag", "whether the bytes are anywhere under the data root")),
        _kind("measure", "measure", "ratio", "{at_least: 2}", Fact("ratio", "number", "how much longer the first takes than the second")),
        _kind("action", "an action", None, "{refused: 409}", *_ACTION),
    )
)
DIFF_FACT = Fact("a path", "word", "added, changed, deleted or none", ("A", "C", "D", "none"))
