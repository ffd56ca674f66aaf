"""A stack of the corpus, played by hand: `docker compose` commands, one row written before each event, one look after it.

Nothing of dockstore's own decides here: whether the row is there is the service's word, and what is not there is looked for, byte by
byte, in every volume that the stack ever had.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
from services import images as real_images
from services import small as small_images

from dockstore.engines import compose_cli
from dockstore.engines.lab import ensure_lab_image
from dockstore.engines.providers import homes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stack_corpus import Command, Datum, StackTruth

    from dockstore.engines.engine import Engine

HELPER = "localhost/dockstore-lab:1"
ANSWER_SECONDS = 120.0
EVENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "restart": (("restart",),),
    "stop+start": (("stop",), ("up", "-d")),
    "kill+start": (("kill",), ("up", "-d")),
    "recreate": (("up", "-d", "--force-recreate"),),
    "remove+run": (("rm", "-sf"), ("up", "-d")),
    "down+up": (("down",), ("up", "-d")),
    "renew": (("up", "-d", "--force-recreate", "--renew-anon-volumes"),),
    "remove-v+run": (("rm", "-sfv"), ("up", "-d")),
    "down-v+up": (("down", "--volumes"), ("up", "-d")),
}


def cache() -> Path:
    """Where what can be made again is kept."""
    named = os.environ.get("DOCKSTORE_TEST_CACHE")
    return Path(named) if named else homes.cache_of(homes.home_of(os.environ, Path.cwd()))


def compose_command() -> tuple[str, ...]:
    """The words that call Compose 2."""
    named = os.environ.get("DOCKSTORE_TEST_COMPOSE")
    return tuple(shlex.split(named)) if named else compose_cli.find(os.environ, cache()).command


def ensure_images(engine: Engine, truths: Iterable[StackTruth]) -> None:
    """Make those images that *truths* need and *engine* lacks."""
    wanted = {name for truth in truths for name in truth.images}
    ensure_lab_image(engine, cache=cache())
    if wanted & {"keeper", "site"}:
        small_images.ensure(engine, cache())
    real = tuple(image.name for image in real_images.IMAGES if image.name in wanted)
    if real:
        real_images.ensure(engine, cache(), real)


@dataclass(slots=True)
class Play:
    """One copy of one stack on one engine."""

    truth: StackTruth
    parent: Path
    client: docker.DockerClient
    address: str
    fixed: bool = False  # with fix.yaml
    upgraded: bool = False
    folder: Path = field(init=False)
    volumes: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)  # a volume's name, each time that it was seen to be gone

    def __post_init__(self) -> None:
        project = f"corpus-{secrets.token_hex(4)}"
        self.folder = self.truth.copy_to(self.parent, project)
        for name in self.truth.external_of(project):
            self.client.volumes.create(name)
            self.volumes.add(name)

    # --- commands -------------------------------------------------------------------------------------------------

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a `docker compose` command in the stack's folder."""
        files = ["compose.yaml", *(["upgrade.yaml"] if self.upgraded else []), *(["fix.yaml"] if self.fixed else [])]
        chosen = [word for file in files for word in ("-f", file)]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "COMPOSE_"))}
        environ |= {"DOCKER_HOST": self.address, "PWD": str(self.folder)}
        done = subprocess.run(
            [*compose_command(), *chosen, *words], cwd=self.folder, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        self.note_volumes()
        return done

    @property
    def project(self) -> str:
        """The project's name, as Compose says it."""
        return str(json.loads(self.compose_config())["name"])

    def compose_config(self) -> str:
        """What Compose makes of the files."""
        return self._raw("config", "--format", "json").stdout

    def _raw(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/root"), "DOCKER_HOST": self.address, "PWD": str(self.folder)}
        return subprocess.run([*compose_command(), *words], cwd=self.folder, env=environ, capture_output=True, text=True, check=True, timeout=60)

    def up(self) -> bool:
        """Bring the stack up; whether every service that is looked at answers."""
        self.compose("up", "-d")
        return self.answers()

    def do(self, event: str) -> None:
        """Play one event that stays on this stack."""
        match event:
            case "rename-project":
                self.compose("down")
                self.folder = self.folder.rename(self.folder.with_name(f"{self.folder.name}-renamed"))
                self.compose("up", "-d")
            case "upgrade" | "down+upgrade":
                if event == "down+upgrade":
                    self.compose("down")
                self.upgraded = True
                self.compose("up", "-d")
            case _:
                for words in EVENTS[event]:
                    self.compose(*words)

    def close(self) -> None:
        """Take everything away."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.compose("down", "--volumes", "--remove-orphans", "--timeout", "0")
        for container in self.containers():
            container.remove(v=True, force=True)
        for name in self.volumes:
            with contextlib.suppress(docker.errors.NotFound):
                self.client.volumes.get(name).remove(force=True)

    # --- looks ----------------------------------------------------------------------------------------------------

    def containers(self, service: str | None = None) -> list[Any]:
        """The stack's own containers (none of `compose run`), newest first."""
        labels = [f"com.docker.compose.project.working_dir={self.folder}", "com.docker.compose.oneoff=False"]
        labels += [f"com.docker.compose.service={service}"] if service else []
        return list(self.client.containers.list(all=True, filters={"label": labels}, ignore_removed=True))

    def note_volumes(self) -> None:
        """Remember every volume that a container of the stack mounts, and those that are gone (a name may come again)."""
        there = {volume.name for volume in self.client.volumes.list()}
        self.removed += sorted(name for name in self.volumes if name not in there)
        for container in self.containers():
            self.volumes |= {mount["Name"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"}

    def services(self) -> set[str]:
        """The services that somebody looks at."""
        named = {command.service for datum in self.truth.data for command in (datum.write, datum.read)}
        return named or set(json.loads(self.compose_config())["services"])

    def answers(self) -> bool:
        """Whether the services run and are ready; waits for that as long as they run."""
        return all(self._answers(service) for service in sorted(self.services()))

    def _answers(self, service: str) -> bool:
        ready = self.truth.ready if self.truth.ready and self.truth.ready.service == service else None
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            found = self.containers(service)
            if not found or found[0].status != "running":
                return False
            if ready is None:
                time.sleep(0.4)  # one that ends at once has ended by then
                found[0].reload()
                return bool(found[0].status == "running")
            if self.say(ready)[0] == 0:
                return True
            time.sleep(0.2)
        return False

    def say(self, command: Command, nonce: str = "") -> tuple[int, str]:
        """Type a command into a service: its exit code and what it printed."""
        found = self.containers(command.service)
        if not found:
            return 127, ""
        try:
            done = found[0].exec_run(["sh", "-c", command.command], environment={"DOCKSTORE_NONCE": nonce})
        except docker.errors.APIError as error:
            return 126, str(error)
        return done.exit_code, done.output.decode(errors="replace")

    def has(self, command: Command, nonce: str) -> bool:
        """Whether the service finds the row; a look that shows nothing at all is repeated (P33)."""
        return any(nonce in self.say(command)[1] for _ in range(2))

    def store(self, datum: Datum) -> tuple[str, str]:
        """What lies under the datum's path, as the engine tells: a volume, a folder, or the container."""
        container = self.containers(datum.service)[0]
        path = datum.path or "/"
        mounts = [mount for mount in container.attrs["Mounts"] if f"{path}/".startswith(mount["Destination"] + "/")]
        deepest = max(mounts, key=lambda mount: len(mount["Destination"]), default=None)
        if deepest is None:
            return "container", container.id
        name = deepest.get("Name") or deepest["Source"]
        if self._in_memory(deepest):
            return f"memory {container.attrs['State']['StartedAt']}", name
        return f"mount {self.removed.count(name)}", name

    def _in_memory(self, mount: Mapping[str, Any]) -> bool:
        """Whether a mount is empty again each time that its last container stops."""
        options = self.client.volumes.get(mount["Name"]).attrs["Options"] if mount["Type"] == "volume" else {}
        return mount["Type"] == "tmpfs" or (options or {}).get("type") == "tmpfs"

    def bytes_of(self, nonce: str) -> bool:
        """Whether *nonce* is anywhere in the stack's volumes and folder; NULs are made line ends, for busybox's grep stops at them."""
        there = []
        for name in sorted(self.volumes):
            with contextlib.suppress(docker.errors.NotFound):
                there.append(self.client.volumes.get(name).name)
        if any(path.is_file() and nonce.encode() in path.read_bytes() for path in self.folder.rglob("*")):
            return True
        if not there:
            return False
        mounts = {name: {"bind": f"/v/{name}", "mode": "rw"} for name in there}
        search = ["sh", "-c", f"find /v -type f -print0 | xargs -0 cat | tr '\\000' '\\n' | grep -cF {nonce} || true"]
        said = self.client.containers.run(HELPER, search, volumes=mounts, network_mode="none", remove=True)
        return int(said.decode().strip()) > 0

    # --- one event --------------------------------------------------------------------------------------------------

    def fates(self, event: str, *, strike: Callable[[], None] | None = None) -> dict[tuple[str, str | None], str]:
        """Write a row for each datum, let *event* happen, and say what became of them."""
        written = self.write()
        if strike is None:
            self.do(event)
        else:
            strike()
        return self.ruled(written)

    def write(self) -> dict[int, tuple[str, bool, tuple[str, str]]]:
        """Write a fresh row for each datum."""
        written = {}
        for number, datum in enumerate(self.truth.data):
            nonce = "n" + secrets.token_hex(8)[:15]
            code, _ = self.say(datum.write, nonce)
            written[number] = (nonce, code == 0 and self.has(datum.read, nonce), self.store(datum))
        return written

    def ruled(self, written: Mapping[int, tuple[str, bool, tuple[str, str]]]) -> dict[tuple[str, str | None], str]:
        """Say what became of the rows."""
        up = self.answers()
        return {(datum.service, datum.path): self._fate(datum, *written[number], up=up) for number, datum in enumerate(self.truth.data)}

    def _fate(self, datum: Datum, nonce: str, wrote: bool, store: tuple[str, str], *, up: bool) -> str:
        if not up:
            return "cannot-start"
        if not wrote:
            return "unwritable"
        if self.has(datum.read, nonce):
            return "persisted"
        if self.bytes_of(nonce):
            return "orphaned"
        if store == self.store(datum) and self.say(datum.read)[1].strip() and self._reaches_the_store(datum):
            return "altered"
        return "lost"

    def _reaches_the_store(self, datum: Datum) -> bool:
        """Whether what is written is in a volume at once: then a row that is gone from the same store was taken out of it."""
        nonce = "n" + secrets.token_hex(8)[:15]
        self.say(datum.write, nonce)
        return self.bytes_of(nonce)


def differences(truth: StackTruth, seen: Mapping[str, Mapping[tuple[str, str | None], str]]) -> Sequence[str]:
    """Where what was seen is not what truth.yaml says."""
    return [
        f"{datum.service}:{datum.path} after {event}: {seen[event][datum.service, datum.path]}, not {datum.fates[event]}"
        for datum in truth.data
        for event in seen
        if seen[event][datum.service, datum.path] != datum.fates[event]
    ]
