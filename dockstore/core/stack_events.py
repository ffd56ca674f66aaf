"""What a drill does to a stack: each event as the commands that a person would type.

Rule 1: a routine event is one that people do without a second thought; its data must survive it.
Rule 2: what strikes the whole engine says so, and is only ever played on an engine that may be struck.
Rule 3: an event that changes what the stack is (another project name, another image) comes last: after it the stack begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """One command. *tool*: compose, prune, daemon (stop, kill, start, reboot), or switch (to the renamed or upgraded stack)."""

    tool: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        match self.tool:
            case "compose":
                return " ".join(("docker compose", *self.words))
            case "prune":
                return " ".join(("docker", *self.words))
            case "daemon":
                return {
                    "stop": "systemctl stop docker",
                    "kill": "kill -KILL $(pidof dockerd)",
                    "start": "systemctl start docker",
                    "reboot": "reboot",
                }[self.words[0]]
            case _:
                return {
                    "renamed": "mv the project's folder to another name and go there",
                    "upgraded": "put the upgrade's files in place",
                }[self.words[0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """One event. *abrupt*: the service gets no chance to write its last; *renews*: its containers are new ones afterwards."""

    name: str
    routine: bool
    steps: tuple[Do, ...]
    renews: bool = False
    abrupt: bool = False
    engine_wide: bool = False
    restarts_engine: bool = False
    switches: str | None = None  # renamed, upgraded
    api: str | None = None  # the oldest API version that knows it


def _compose(*words: str) -> Do:
    return Do(tool="compose", words=words)


_UP = _compose("up", "-d")
_DOWN = _compose("down")
_SYSTEM_PRUNE = Do(tool="prune", words=("system", "prune", "--force"))
_SYSTEM_PRUNE_VOLUMES = Do(tool="prune", words=("system", "prune", "--force", "--volumes"))
_UPGRADED = Do(tool="switch", words=("upgraded",))


def _daemon(word: str) -> Do:
    return Do(tool="daemon", words=(word,))


EVENTS: tuple[StackEvent, ...] = (
    StackEvent(name="restart", routine=True, steps=(_compose("restart"),)),
    StackEvent(name="stop+start", routine=True, steps=(_compose("stop"), _UP)),
    StackEvent(name="kill+start", routine=True, steps=(_compose("kill"), _UP), abrupt=True),
    StackEvent(name="recreate", routine=True, steps=(_compose("up", "-d", "--force-recreate"),), renews=True),
    StackEvent(name="remove+run", routine=True, steps=(_compose("rm", "-sf"), _UP), renews=True),
    StackEvent(name="down+up", routine=True, steps=(_DOWN, _UP), renews=True),
    StackEvent(name="renew", routine=False, steps=(_compose("up", "-d", "--force-recreate", "--renew-anon-volumes"),), renews=True),
    StackEvent(name="remove-v+run", routine=False, steps=(_compose("rm", "-sfv"), _UP), renews=True),
    StackEvent(name="down-v+up", routine=False, steps=(_compose("down", "--volumes"), _UP), renews=True),
    StackEvent(name="system-prune-volumes", routine=True, steps=(_SYSTEM_PRUNE_VOLUMES, _UP), engine_wide=True),
    StackEvent(name="engine-restart", routine=True, steps=(_daemon("stop"), _daemon("start"), _UP), engine_wide=True, restarts_engine=True),
    StackEvent(name="engine-kill", routine=True, steps=(_daemon("kill"), _daemon("start"), _UP), engine_wide=True, restarts_engine=True, abrupt=True),
    StackEvent(name="reboot", routine=True, steps=(_daemon("reboot"), _UP), engine_wide=True, restarts_engine=True, abrupt=True),
    StackEvent(name="stop+system-prune", routine=True, steps=(_compose("stop"), _SYSTEM_PRUNE, _UP), engine_wide=True, renews=True),
    StackEvent(name="stop+system-prune-volumes", routine=False, steps=(_compose("stop"), _SYSTEM_PRUNE_VOLUMES, _UP), engine_wide=True, renews=True),
    StackEvent(
        name="down+volume-prune",
        routine=False,
        steps=(_DOWN, Do(tool="prune", words=("volume", "prune", "--force")), _UP),
        engine_wide=True,
        renews=True,
    ),
    StackEvent(
        name="down+volume-prune-all",
        routine=False,
        steps=(_DOWN, Do(tool="prune", words=("volume", "prune", "--force", "--all")), _UP),
        engine_wide=True,
        renews=True,
        api="1.42",
    ),
    StackEvent(name="rename-project", routine=False, steps=(_DOWN, Do(tool="switch", words=("renamed",)), _UP), renews=True, switches="renamed"),
    StackEvent(name="upgrade", routine=True, steps=(_UPGRADED, _UP), renews=True, switches="upgraded"),
    StackEvent(name="down+upgrade", routine=True, steps=(_DOWN, _UPGRADED, _UP), renews=True, switches="upgraded"),
)
BY_NAME = {event.name: event for event in EVENTS}


class NoSuchEvent(ValueError):  # noqa: N818
    """A word that is no event of a stack."""

    def __init__(self, word: str) -> None:
        super().__init__(f"no such event: '{word}'")
        self.hint = f"one of: {', '.join(BY_NAME)}"


def parse(words: Iterable[str]) -> tuple[str, ...]:
    """Return the events in *words*, which may hold several with commas. Raises NoSuchEvent."""
    found = tuple(dict.fromkeys(name.strip() for word in words for name in word.split(",") if name.strip()))
    for name in found:
        if name not in BY_NAME:
            raise NoSuchEvent(name)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The events to play, in order, and those that were left out, each with its reason."""

    events: tuple[StackEvent, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def choose(
    *,
    wanted: Sequence[str] = (),
    skip: Sequence[str] = (),
    quick: bool = False,
    upgrade: bool = False,
    may_strike: bool = False,
    may_restart: bool = False,
    api: str = "",
) -> Chosen:
    """Choose what is played: *wanted* alone, else all that this engine and stack allow; *quick*: routine ones only."""
    events: list[StackEvent] = []
    left_out: list[tuple[str, str]] = []
    for event in EVENTS:
        if event.name in skip or (wanted and event.name not in wanted) or (quick and not wanted and not event.routine):
            continue
        why = _hindrance(event, upgrade=upgrade, may_strike=may_strike, may_restart=may_restart, api=api)
        if why is None:
            events.append(event)
        elif event.name in wanted or event.switches is None:
            left_out.append((event.name, why))
    return Chosen(events=tuple(events), left_out=tuple(left_out))


def _hindrance(event: StackEvent, *, upgrade: bool, may_strike: bool, may_restart: bool, api: str) -> str | None:
    if event.switches == "upgraded" and not upgrade:
        return "there is nothing to upgrade to: --upgrade FILE or --upgrade-image SERVICE=IMAGE"
    if event.engine_wide and not may_strike:
        return "it strikes the whole engine, and this one is not ours to strike; named with --events, it is played on a disposable one"
    if event.restarts_engine and not may_restart:
        return "the engine's own process is not ours to restart"
    if event.api is not None and api and _version(api) < _version(event.api):
        return f"the engine's API {api} does not know it (from {event.api} on)"
    return None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
