"""The `docker compose` of this machine: version 2 or later, as a plugin or alone. Found here; fetched only by set-up.

Rule 1: the user's ~/.docker stays as it is: what is fetched lies in our cache, and runs alone.
Rule 2: version 1 (Python, `docker-compose` of Debian 12) has other semantics, and counts as absent.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.providers import debian, homes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SUITES = ("trixie", "sid")  # the first whose package can be had: a suite vanishes or moves on
HINT = "install Docker Compose 2 (docker-compose-plugin); on Debian `dockstore engine setup --compose` fetches it into the cache"
_PLUGINS = ("/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker")


class NoCompose(EngineError):  # noqa: N818
    """There is no Docker Compose of version 2 here. *hint* is the way out."""

    def __init__(self, text: str, hint: str = HINT) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Compose:
    """A Compose that answered: the words that call it, and its version."""

    command: tuple[str, ...]
    version: str


def find(environ: Mapping[str, str], cache: Path) -> Compose:
    """Return the first Compose 2 that answers: `docker compose`, its plugin folders, our cache, `docker-compose`. Raises NoCompose."""
    seen: list[str] = []
    for command in _commands(environ, cache):
        version = version_of(command, environ)
        if version is not None and major(version) >= 2:
            return Compose(command, version)
        if version is not None:
            seen.append(f"{' '.join(command)} is {version}")
    raise NoCompose("no Docker Compose of version 2 here" + (f" ({'; '.join(seen)})" if seen else ""))


def fetch(cache: Path, *, say: Callable[[str], None]) -> Path:
    """Take the program out of Debian's package of a newer suite, into the cache. Raises NoCompose."""
    target = cache / "docker-compose"
    if target.exists() and version_of((str(target),), os.environ) is not None:
        return target
    if not debian.is_debian():
        raise NoCompose("fetch Docker Compose: it is taken out of Debian's package, and this is not Debian")
    said: list[str] = []
    for suite in SUITES:
        try:
            program = _out_of_package(suite, cache, say=say)
        except debian.AptFailed as error:
            said.append(f"{suite}: {error}")
            continue
        homes.write_whole(target, program, mode=0o755)
        if version_of((str(target),), os.environ) is not None:
            return target
        said.append(f"{suite}: its program does not run here")
    raise NoCompose(f"fetch Docker Compose: {'; '.join(said)}")


def version_of(command: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    """Return what *command* says of its version, or None if it does not run."""
    try:
        answer = subprocess.run(
            [*command, "version", "--short"], env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v?(\d+\.\d+\S*)", answer.stdout.strip())
    return found[1] if answer.returncode == 0 and found else None


def major(version: str) -> int:
    """Return the first number of *version*."""
    return int(version.partition(".")[0])


def _commands(environ: Mapping[str, str], cache: Path) -> Iterator[tuple[str, ...]]:
    path = environ.get("PATH")
    if shutil.which("docker", path=path) is not None:
        yield ("docker", "compose")
    own = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or '/root'}/.docker"
    for folder in (own, *_PLUGINS):
        plugin = Path(folder) / "cli-plugins/docker-compose"
        if plugin.exists():
            yield (str(plugin),)
    if (cache / "docker-compose").exists():
        yield (str(cache / "docker-compose"),)
    if shutil.which("docker-compose", path=path) is not None:
        yield ("docker-compose",)


def _out_of_package(suite: str, cache: Path, *, say: Callable[[str], None]) -> bytes:
    deb, *_ = debian.Suite(suite, cache, say=say).packages(["docker-compose"], with_dependencies=False)
    with homes.temporary_folder(cache) as folder:
        debian.unpack(deb, folder)
        programs = sorted(folder.glob("usr/**/cli-plugins/docker-compose"))
        if not programs:
            raise debian.AptFailed(f"the package docker-compose of {suite} holds no plugin")
        return programs[0].read_bytes()
