"""Waiting until a stack is ready: by health check, by a ready command, else until it is quiet; slow is told from cannot start.

Rule 1: what is waited for, and how long, is said.
Rule 2: running and not ready at the limit is slow; ended, restarting or created at every look up to the limit cannot start.
Rule 3: a service that ended with 0 and was not to be started again has done its work.
Rule 4: a program that writes all the time is never quiet: work at an even, small pace counts, and once known it is not waited for again.
Rule 5: an exec is dear: a service that is known to listen is asked when it listens again, and what is to be read is read in the same exec.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.drill_facts import StateNote
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.listening import listening
from dockstore.runner.redact import redacted
from dockstore.runner.scene import section, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.runner.halt import Halt
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Seat

UP, SLOW, DOWN, DONE = "up", "slow", "cannot-start", "done"
QUIET_SECONDS = 1.2
QUIET_SHARE = 0.05
QUIET_EVERY_SECONDS = 0.1
STEADY_SECONDS = 12.0  # of work at an even, small pace: this service is never quiet
STEADY_AGAIN_SECONDS = 3.0  # the same, of a service that was so before
STEADY_SHARE = 0.25  # of a processor
LOOP_SECONDS = 25.0  # of restarting over and over
EVERY_SECONDS = 0.05
DEAF_SECONDS = 1.0  # between two questions to a service that does not listen as it did
DEAR_SECONDS = 0.05  # a look at its ports that takes longer saves nothing
READY_SECONDS = 30.0
MEET_SECONDS = 0.7
MOST_SECONDS = 6.0
LOG_LINES = 12
MOST_PROCESSES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """How a service says that it is ready. *command* None: nobody knows, so quiet is taken for it."""

    command: str | None = None
    user: str | None = None
    fallback: bool = False  # a built-in command: quiet counts, too, where it never succeeds


@dataclass(slots=True)
class _Watched:
    """One container while it is waited for."""

    usage: float | None = None
    shape: tuple[int, int, int] | None = None
    at: float = 0.0
    quiet_since: float | None = None
    first: tuple[float, float] | None = None  # when its CPU was first read, and what it was
    restarts: int = 0
    ready: bool = False
    how: str = ""
    asked: float = 0.0
    since: float = field(default_factory=time.monotonic)
    cost: float = 0.0
    dear: bool = False  # to look at its ports
    met: bool = False  # since the last look
    pause: float = MEET_SECONDS  # before it is met again: a meeting is an exec, and so no quiet
    working: int = 0  # looks in a row at which a process of it wanted the CPU or the disk


@dataclass(slots=True, kw_only=True)
class Waiting:
    """Waits for the services of one stack."""

    seat: Seat
    scenes: Callable[[], Mapping[str, list[Scene]]]
    services: tuple[str, ...]
    ready: Mapping[str, Readiness]
    halt: Halt
    limit_seconds: float
    awaited: frozenset[str] = frozenset()  # services that others wait for to complete
    shape: Callable[[Scene], tuple[int, int, int] | None] = lambda _: None  # of a container's files: count, bytes, newest
    proven: set[str] = field(default_factory=set)  # services whose ready command has succeeded before: quiet is no substitute for them
    ports: dict[str, frozenset[int]] = field(default_factory=dict)  # on which services listened when they were ready
    restless: set[str] = field(default_factory=set)  # services that have been found never to be quiet
    reads: Mapping[str, str] = field(default_factory=dict)  # what to run in the same exec once the ready command has succeeded
    heard: dict[str, str] = field(default_factory=dict)  # container -> what that printed
    meet: Callable[[str, Scene], None] | None = None  # now and then, for a service that is waited for by quiet alone: it may add to *ready*
    _seen: dict[str, _Watched] = field(default_factory=dict)

    def wait(self) -> dict[str, StateNote]:
        """Return the state of every service, once each is told."""
        began = time.monotonic()
        while True:
            scenes = self.scenes()
            now = time.monotonic()
            over = now - began >= self.limit_seconds
            states = {service: self._state(service, scenes.get(service, []), now - began, over=over) for service in self.services}
            if over or all(state is not None for state in states.values()):
                return {service: state for service, state in states.items() if state is not None}
            if self.halt.asked:  # nobody knows what would have become of it
                left = {service: StateNote(service=service, state=SLOW, detail="interrupted while it was waited for") for service in states}
                return left | {service: state for service, state in states.items() if state is not None}
            self.halt.wait(max(EVERY_SECONDS, time.monotonic() - now))  # of a busy engine no more is asked than it answers

    def _state(self, service: str, scenes: list[Scene], waited: float, *, over: bool) -> StateNote | None:
        told = [self._one(service, scene, waited, over=over) for scene in scenes]
        containers = tuple(scene.id for scene in scenes)
        if not scenes:
            if not over and waited < 2.0:
                return None
            return StateNote(service=service, state=DOWN, detail="it has no container", waited_for="a container")
        if any(state is None for state, _ in told):
            return None
        worst = next((pair for state in (DOWN, SLOW, UP, DONE) for pair in told if pair[0] == state), (UP, ""))
        state = worst[0] or UP
        log = self._log(scenes[0]) if state in {DOWN, SLOW} else ()
        return StateNote(service=service, state=state, detail=worst[1], log=log, waited_for=self._how(service, scenes[0]), containers=containers)

    def _one(self, service: str, scene: Scene, waited: float, *, over: bool) -> tuple[str | None, str]:
        """State and reason of one container; None: not told yet."""
        watched = self._seen.setdefault(scene.id, _Watched())
        state = section(scene.answer, "State")
        restarts = scene.answer.get("RestartCount")
        watched.restarts = restarts if isinstance(restarts, int) else 0
        if scene.status in {"exited", "dead"}:
            return self._ended(service, scene, state)
        if scene.status in {"created", "restarting"} or not scene.running:
            given_up = over or (scene.status == "restarting" and waited >= LOOP_SECONDS and watched.restarts >= 3)
            said = f"{scene.status} after {waited:.0f} s" + (f", started again {watched.restarts} times" if watched.restarts else "")
            error = redacted(text(state.get("Error")))
            return (DOWN, f"{said}{f': {error}' if error else ''}") if given_up or (scene.status == "created" and waited > 5.0) else (None, "")
        if self._is_ready(service, scene, watched, state):
            return UP, f"{watched.how} after {waited:.1f} s"
        if not over:
            return None, ""
        if watched.restarts >= 3:
            return DOWN, f"it started again {watched.restarts} times in {waited:.0f} s"
        if self._how(service, scene) == "quiet":
            self.restless.add(service)
            return UP, f"never quiet within {waited:.0f} s, and taken as ready"
        return SLOW, f"not ready after {waited:.0f} s ({self._how(service, scene)})"

    def _ended(self, service: str, scene: Scene, state: Mapping[str, object]) -> tuple[str | None, str]:
        code = state.get("ExitCode")
        policy = text(section(section(scene.answer, "HostConfig"), "RestartPolicy").get("Name"))
        if code == 0 and (policy in {"", "no", "on-failure"} or service in self.awaited):
            return DONE, "it ended with 0"
        error = redacted(text(state.get("Error")))
        return DOWN, f"it ended with exit code {code}" + (f": {error}" if error else "")

    def _how(self, service: str, scene: Scene) -> str:
        if section(section(scene.answer, "State"), "Health").get("Status"):
            return "its health check"
        asked = self.ready.get(service)
        return "its ready command" if asked is not None and asked.command else "quiet"

    def _is_ready(self, service: str, scene: Scene, watched: _Watched, state: Mapping[str, object]) -> bool:
        if watched.ready and watched.how != "quiet":
            return True  # a health check, a command, or an even pace: said once is enough
        now = time.monotonic()
        health = section(state, "Health").get("Status")
        asked = self.ready.get(service)
        if health:
            watched.ready, watched.how = health == "healthy", "healthy"
        elif asked is not None and asked.command:
            watched.ready, watched.how = self._says_so(service, scene, asked, watched, now), "ready"
            if watched.ready:
                self.proven.add(service)
            elif asked.fallback and service not in self.proven and self._quiet(scene, watched, now, seconds=8 * QUIET_SECONDS):
                watched.ready, watched.how = True, "quiet (its ready command never succeeded)"
        else:
            if watched.met:  # counted from the next look: twenty services are met one after the other
                watched.asked, watched.met = now, False
            if self.meet is not None and now - watched.asked >= watched.pause:
                self.meet(service, scene)
                watched.pause = min(2 * watched.pause, MOST_SECONDS) if watched.asked else MEET_SECONDS
                watched.asked = now = time.monotonic()
                watched.met = True
                watched.usage, watched.at = cpu_seconds(self.seat, scene), now if watched.at else 0.0  # what the meeting took is ours
                return False
            watched.ready, watched.how = self._quiet(scene, watched, now, seconds=QUIET_SECONDS), "quiet"
            if not watched.ready and self._steady(service, watched, now):
                watched.ready, watched.how = True, "at work at an even pace"
        return watched.ready

    def _says_so(self, service: str, scene: Scene, asked: Readiness, watched: _Watched, now: float) -> bool:
        if now - watched.asked < max(EVERY_SECONDS, watched.cost) or self._deaf(service, scene, watched, now):
            return False
        mark = f"ready-{secrets.token_hex(8)}"
        script = f"sh -c {shlex.quote(asked.command or '')} || exit 1; echo {mark}; {self.reads.get(service, ':')}"
        try:
            result = self.seat.engine.exec(scene.id, ["sh", "-c", script], user=asked.user, timeout_seconds=READY_SECONDS)
        except EngineError:
            return False
        watched.asked = time.monotonic()
        watched.cost = watched.asked - now
        _, ready, rest = result.stdout.decode(errors="replace").partition(f"{mark}\n")
        if not ready:
            return False
        self.heard[scene.id] = rest
        ports = listening(self.seat, scene)
        if ports is not None:
            self.ports[service] = ports & self.ports.get(service, ports)  # one that is open at a first start only is not waited for again
        return True

    def _deaf(self, service: str, scene: Scene, watched: _Watched, now: float) -> bool:
        """Whether a service that listened when it was ready does not yet: it is asked now and then, no more."""
        wanted = self.ports.get(service)
        if wanted is None or watched.dear or now - max(watched.asked, watched.since) >= DEAF_SECONDS:
            return False
        found = listening(self.seat, scene)
        watched.dear = time.monotonic() - now > DEAR_SECONDS
        return found is not None and not wanted <= found

    def _quiet(self, scene: Scene, watched: _Watched, now: float, *, seconds: float) -> bool:
        """Whether for *seconds* no file changed and hardly any CPU was used."""
        if now - watched.at < QUIET_EVERY_SECONDS:
            return False
        usage = cpu_seconds(self.seat, scene)
        shape = self.shape(scene)
        calm = watched.at > 0 and shape == watched.shape
        if calm and usage is not None and watched.usage is not None:
            calm = usage - watched.usage < QUIET_SHARE * max(now - watched.at, QUIET_EVERY_SECONDS) + 0.005
        watched.working = watched.working + 1 if wants_to_run(self.seat, scene) else 0
        if watched.working >= 2:
            calm = False  # on a busy machine it uses no CPU because it gets none
        if not calm:
            watched.quiet_since = None
        elif watched.quiet_since is None:
            watched.quiet_since = watched.at
        watched.usage, watched.shape, watched.at = usage, shape, now
        long_enough = seconds if usage is not None else 2 * seconds
        return watched.quiet_since is not None and now - watched.quiet_since >= long_enough

    def _steady(self, service: str, watched: _Watched, now: float) -> bool:
        """Whether it has worked for long enough at a pace that is not that of a start."""
        if watched.at < watched.since:
            return False
        if watched.usage is None:  # its CPU cannot be told here: only what was found before counts
            return service in self.restless and now - watched.since >= STEADY_AGAIN_SECONDS
        if watched.first is None:
            watched.first = (watched.at, watched.usage)
        at, usage = watched.first
        if watched.at - at < (STEADY_AGAIN_SECONDS if service in self.restless else STEADY_SECONDS):
            return False
        if watched.working >= 2 or watched.usage - usage > STEADY_SHARE * (watched.at - at):
            watched.first = (watched.at, watched.usage)  # busy until now: counted anew
            return False
        self.restless.add(service)
        return True

    def _log(self, scene: Scene) -> tuple[str, ...]:
        return last_words(self.seat, scene)


def last_words(seat: Seat, scene: Scene) -> tuple[str, ...]:
    """The last lines of a container's log, redacted."""
    try:
        lines = seat.engine.logs(scene.id, tail=LOG_LINES).splitlines()
    except EngineError as error:
        return (f"its log cannot be read: {error}",)
    return tuple(redacted(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line))[:300] for line in lines if line.strip())


def wants_to_run(seat: Seat, scene: Scene) -> bool:
    """Whether a process of the container is running, runnable, or waiting for the disk; False where that cannot be told."""
    for folder in _cgroup_folders(seat, scene):
        try:
            listed = seat.host.read(f"{folder}/cgroup.procs")
        except Unseen:
            continue
        for pid in (listed or b"").split()[:MOST_PROCESSES]:
            try:
                told = seat.host.read(f"/proc/{int(pid)}/stat") or b""
            except (Unseen, ValueError):
                continue  # ended meanwhile
            if told.rpartition(b")")[2].split()[:1] in ([b"R"], [b"D"]):
                return True
        if listed is not None:
            return False
    return False


def cpu_seconds(seat: Seat, scene: Scene) -> float | None:
    """CPU that a container's processes have used; None: it cannot be told here."""
    for folder in _cgroup_folders(seat, scene):
        try:
            old = seat.host.read(f"{folder}/cpuacct.usage")
            if old is not None:
                return int(old) / 1e9
            new = seat.host.read(f"{folder}/cpu.stat")
            if new is not None and new.startswith(b"usage_usec"):
                return int(new.split()[1]) / 1e6
        except (Unseen, ValueError, IndexError):
            continue
    return None


def _cgroup_folders(seat: Seat, scene: Scene) -> list[str]:
    """Where the kernel may account for the container: version 1's controllers, then version 2's one tree."""
    if seat.host.reason is not None or not scene.pid:
        return []
    try:
        told = seat.host.read(f"/proc/{scene.pid}/cgroup") or b""
    except Unseen:
        return []
    found: list[str] = []
    for line in told.decode(errors="replace").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "cpuacct" in controllers.split(","):
            found = [f"/sys/fs/cgroup/{name}{path}" for name in dict.fromkeys(("cpuacct", "cpu,cpuacct", controllers))] + found
        elif controllers == "":
            found.append(f"/sys/fs/cgroup{path}")
    return found
