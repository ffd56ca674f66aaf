"""The words of a matrix: its stores (columns) and its events (lines), each word one `docker` command on the one container.

Rule 1: tables the eye can check; `matrix` turns them into steps.
Rule 2: an event begins with a running container, so which words may follow each other is known without an engine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreWord:
    """A column: where its rows are written, and what on the `docker run` line makes it."""

    folder: str  # the folder in the container that the store backs
    option: str  # what a person would type
    meaning: str


STORES: Mapping[str, StoreWord] = {
    "writable-layer": StoreWord(folder="/s/writable-layer", option="", meaning="a path that no mount covers"),
    "tmpfs": StoreWord(folder="/s/tmpfs", option="--mount type=tmpfs,target=/s/tmpfs", meaning="memory, by --mount"),
    "tmpfs-flag": StoreWord(folder="/s/tmpfs-flag", option="--tmpfs /s/tmpfs-flag", meaning="memory, by --tmpfs"),
    "dev-shm": StoreWord(folder="/dev/shm", option="", meaning="the container's shared memory"),  # noqa: S108  # a path of the container
    "bind": StoreWord(folder="/s/bind", option="--mount type=bind,source=./bind,target=/s/bind", meaning="a folder of the host"),
    "volume": StoreWord(folder="/s/volume", option="--mount type=volume,source=rows,target=/s/volume", meaning="a named volume"),
    "anonymous-volume": StoreWord(folder="/s/anonymous-volume", option="-v /s/anonymous-volume", meaning="an anonymous volume, by -v"),
    "anonymous-mount": StoreWord(
        folder="/s/anonymous-mount", option="--mount type=volume,target=/s/anonymous-mount", meaning="an anonymous volume, by --mount"
    ),
    "image-volume": StoreWord(folder="/s/image-volume", option="", meaning="an anonymous volume, by VOLUME in the image"),
    "tmpfs-volume": StoreWord(
        folder="/s/tmpfs-volume", option="--mount type=volume,source=memory,target=/s/tmpfs-volume", meaning="a local volume with type=tmpfs"
    ),
    "bind-volume": StoreWord(
        folder="/s/bind-volume", option="--mount type=volume,source=folder,target=/s/bind-volume", meaning="a local volume with o=bind"
    ),
}
ANONYMOUS_STORES = ("anonymous-volume", "anonymous-mount", "image-volume")


class State(StrEnum):
    """Where the container stands between two words."""

    RUNNING = "running"
    PAUSED = "paused"
    EXITED = "exited"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWord:
    """A word of an event. *needs* is the capability without which it is not done; *after* tells the state it leaves, by the state it finds."""

    command: str  # what a person would type
    meaning: str
    after: Mapping[State, State]  # a state that is not here: the word makes no sense there
    needs: str | None = None


_RUNNING, _PAUSED, _EXITED, _MISSING = State.RUNNING, State.PAUSED, State.EXITED, State.MISSING
_UNCHANGED = {state: state for state in State}
_THERE = {state: state for state in (_RUNNING, _PAUSED, _EXITED)}
_GONE = dict.fromkeys((_RUNNING, _PAUSED, _EXITED), _MISSING)
_PRUNED = {_RUNNING: _RUNNING, _PAUSED: _PAUSED, _EXITED: _MISSING, _MISSING: _MISSING}
_STRUCK = {_RUNNING: _EXITED, _PAUSED: _EXITED, _EXITED: _EXITED, _MISSING: _MISSING}

_DISPOSABLE, _RESTARTABLE = "disposable-engine", "restart-engine"

EVENT_WORDS: Mapping[str, EventWord] = {
    "run": EventWord(command="docker run -d", meaning="created and started under the name that is free again", after={_MISSING: _RUNNING}),
    "start": EventWord(command="docker start", meaning="started", after={_EXITED: _RUNNING, _RUNNING: _RUNNING}),
    "stop": EventWord(command="docker stop", meaning="asked to end", after=dict.fromkeys((_RUNNING, _PAUSED, _EXITED), _EXITED)),
    "kill": EventWord(command="docker kill", meaning="killed", after={_RUNNING: _EXITED, _PAUSED: _EXITED}),
    "restart": EventWord(command="docker restart", meaning="stopped and started", after=dict.fromkeys((_RUNNING, _PAUSED, _EXITED), _RUNNING)),
    "pause": EventWord(command="docker pause", meaning="frozen", after={_RUNNING: _PAUSED}),
    "unpause": EventWord(command="docker unpause", meaning="thawed", after={_PAUSED: _RUNNING}),
    "remove": EventWord(command="docker rm -f", meaning="removed, its anonymous volumes left", after=_GONE),
    "remove-v": EventWord(command="docker rm -fv", meaning="removed with its anonymous volumes", after=_GONE),
    "recreate": EventWord(
        command="docker compose up --force-recreate",
        meaning="stopped, renamed, made anew with the old anonymous volumes by id, the old one removed, started",
        after={_RUNNING: _RUNNING, _EXITED: _RUNNING},
    ),
    "upgrade": EventWord(
        command="docker rm -f, docker run -d with the next image",
        meaning="removed, and run with its image plus one layer",
        after=dict.fromkeys(State, _RUNNING),
    ),
    "rename": EventWord(command="docker rename", meaning="renamed", after=_THERE),
    "update": EventWord(command="docker update --memory", meaning="given another memory limit", after=_THERE),
    "commit": EventWord(command="docker commit", meaning="made an image of, and goes on", after=_THERE),
    "crash": EventWord(command="kill 1, inside", meaning="its main process ends, its restart policy brings it back", after={_RUNNING: _RUNNING}),
    "oom": EventWord(command="docker kill -s USR1", meaning="its main process OOM-killed, and started", after={_RUNNING: _RUNNING}),
    "container-prune": EventWord(command="docker container prune -f", meaning="stopped containers go", after=_PRUNED, needs=_DISPOSABLE),
    "image-prune": EventWord(command="docker image prune -f", meaning="images without a name go", after=_UNCHANGED, needs=_DISPOSABLE),
    "image-prune-all": EventWord(command="docker image prune -af", meaning="images that no container uses go", after=_UNCHANGED, needs=_DISPOSABLE),
    "volume-prune": EventWord(
        command="docker volume prune -f", meaning="unused volumes go; which, depends on the engine", after=_UNCHANGED, needs=_DISPOSABLE
    ),
    "volume-prune-all": EventWord(
        command="docker volume prune -af", meaning="unused volumes go, named ones too", after=_UNCHANGED, needs=_DISPOSABLE
    ),
    "system-prune": EventWord(
        command="docker system prune -f", meaning="stopped containers and images without a name go", after=_PRUNED, needs=_DISPOSABLE
    ),
    "system-prune-all": EventWord(
        command="docker system prune -af", meaning="stopped containers and unused images go", after=_PRUNED, needs=_DISPOSABLE
    ),
    "system-prune-volumes": EventWord(
        command="docker system prune -f --volumes", meaning="stopped containers and unused volumes go", after=_PRUNED, needs=_DISPOSABLE
    ),
    "engine-restart": EventWord(
        command="systemctl restart docker", meaning="the daemon stopped in order and started", after=_STRUCK, needs=_RESTARTABLE
    ),
    "engine-kill": EventWord(
        command="kill -9 of the daemon, started again", meaning="the daemon killed and started", after=_STRUCK, needs=_RESTARTABLE
    ),
    "reboot": EventWord(command="reboot -f", meaning="the daemon and all containers killed, started", after=_STRUCK, needs=_RESTARTABLE),
    "power-loss": EventWord(command="the plug pulled", meaning="as reboot, and what was not synced is gone", after=_STRUCK, needs="power-loss"),
}

ENGINE_WORDS = frozenset({"engine-restart", "engine-kill", "reboot", "power-loss"})
IMAGE_PRUNES = frozenset({"image-prune-all", "system-prune-all"})  # after these an image that no container uses is gone


def words(event: str) -> tuple[str, ...]:
    """The words of *event*, in order."""
    return tuple(event.split("+"))


def states(event: str, first: State = State.RUNNING) -> tuple[State, ...]:
    """The state before each word of *event* and after the last; a word that makes no sense there ends the list early."""
    passed = [first]
    for word in words(event):
        after = EVENT_WORDS[word].after.get(passed[-1])
        if after is None:
            break
        passed.append(after)
    return tuple(passed)


def event_problem(event: str, stores: tuple[str, ...] = ()) -> tuple[str, str] | None:
    """What is wrong with *event*, as a fact and a way out; None if it can be played."""
    for word in words(event):
        if word not in EVENT_WORDS:
            return f"no such event: {word!r}", "words joined by +: " + " ".join(EVENT_WORDS)
    passed = states(event)
    if len(passed) <= len(words(event)):
        word = words(event)[len(passed) - 1]
        stands = "there is no container" if passed[-1] is State.MISSING else f"the container is {passed[-1]}"
        return f"{word!r} makes no sense in {event!r}: {stands} by then", "an event begins with the container running"
    if "recreate" in words(event) and set(stores) & set(ANONYMOUS_STORES):
        before = words(event)[: words(event).index("recreate")]
        if any(state is State.MISSING for state in passed[: len(before) + 1]) or "upgrade" in before:
            return (
                f"'recreate' in {event!r} comes after the container was replaced",
                "recreate first: its anonymous volumes are the first container's",
            )
    return None
