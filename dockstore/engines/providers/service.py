"""What `make` and `dockstore engine` do: set up what is missing, start and stop the private engine, clear it away.

Rule 1: packages are installed here and nowhere else, and only where no engine answers, on Debian, by root.
Rule 2: every wait is announced; a refusal says what to do instead.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines import compose_cli
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.providers import address, debian, dind, homes, lab_image, leases, netfolder, private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.engines.providers.address import Candidate
    from dockstore.engines.providers.private import PrivateEngine

    Say = Callable[[str], None]

WAYS = "start Docker, or name an engine: DOCKER_HOST=unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One private engine as it stands."""

    engine: PrivateEngine
    running: bool
    kept: bool  # somebody asked for it to stay
    bytes_used: int


def reachable(wanted: str | None, environ: Mapping[str, str], *, say: Say) -> Candidate | None:
    """Return the engine that answers, or None where none does and none is named. Raises Unreachable for a named one that does not answer."""
    from dockstore.engines.docker_engine import connect

    for candidate in address.candidates(wanted, environ, read=_read, exists=os.path.exists):
        if candidate.address in (address.PRIVATE, address.DIND):
            return None
        try:
            engine = connect(candidate.address, environ=candidate.environ(environ))
        except Unreachable as error:
            if candidate.named_by is not None:
                raise Unreachable(f"{error} (named by {candidate.named_by})", error.hint) from error
            say(f"passed over: {error}")
            continue
        try:
            say(f"using {engine.info.product} {engine.info.version} at {candidate.address}")
        finally:
            engine.close()
        return candidate
    return None


def setup(home: Path, environ: Mapping[str, str], *, say: Say, wanted: str | None = None) -> Candidate | None:
    """Make sure that an engine can be had: return the one that answers, or None: a private one can be started. Raises Unreachable, AptFailed."""
    found = reachable(wanted, environ, say=say)
    if found is None:
        found = _install(environ, say=say)
    _extras(homes.cache_of(home), say=say)
    return found


def start(home: Path, environ: Mapping[str, str], *, say: Say) -> PrivateEngine:
    """Start the private engine, to stay until `stop`. Raises EngineError."""
    refusal = private.impossible()
    if refusal is not None:
        raise refusal
    engine = private.PrivateEngine(homes.engine_folder(home, environ))
    with leases.transition(engine):
        engine.start(say=say)
        (engine.folder / leases.KEEP).touch()
    return engine


def stop(home: Path, environ: Mapping[str, str], *, say: Say) -> tuple[str, ...]:
    """Stop every private engine that nobody uses; return what had to be left running, and why. Raises EngineError."""
    left: list[str] = []
    for engine in leases.engines_of(home, environ):
        (engine.folder / leases.KEEP).unlink(missing_ok=True)
        taken = leases.take(engine, alone=True, say=say, start=False)
        if taken is None:
            left.append(f"{engine.folder}: a run is using it")
        else:
            taken.release()  # the last user stops it
            say(f"stopped {engine.folder}")
    return tuple(left)


def status(home: Path, environ: Mapping[str, str]) -> tuple[Status, ...]:
    """Return the private engines that there are."""
    return tuple(
        Status(engine=engine, running=engine.answers(), kept=(engine.folder / leases.KEEP).exists(), bytes_used=_size(engine.folder))
        for engine in leases.engines_of(home, environ)
    )


def clean(home: Path, environ: Mapping[str, str], *, say: Say) -> tuple[str, ...]:
    """Remove every private engine that nobody uses, with its data, and the cache; return what had to be left, and why."""
    left: list[str] = []
    for engine in leases.engines_of(home, environ):
        taken = leases.take(engine, alone=True, say=say, start=False)
        if taken is None:
            left.append(f"{engine.folder}: a run is using it")
            continue
        say(f"removing {engine.folder}")
        try:
            engine.clean()
        except (EngineError, OSError) as error:
            left.append(f"{engine.folder}: {error}")
        finally:
            taken.forget()
    if not left:
        shutil.rmtree(homes.cache_of(home), ignore_errors=True)
    return tuple(left)


def test_tools(home: Path, environ: Mapping[str, str], *, engine_address: str, say: Say) -> dict[str, str]:
    """Return the environment of the engine suite: Compose, the Docker-in-Docker image, what could not be had (said, and why)."""
    from dockstore.engines.docker_engine import connect
    from dockstore.engines.lab import ensure_lab_image

    cache = homes.cache_of(home)
    found = {"DOCKSTORE_TEST_HOME": str(home), "DOCKSTORE_TEST_CACHE": str(cache)}
    try:
        found["DOCKSTORE_TEST_COMPOSE"] = " ".join(_quoted(compose_cli.find(environ, cache).command))
    except compose_cli.NoCompose:
        try:
            found["DOCKSTORE_TEST_COMPOSE"] = " ".join(_quoted((str(compose_cli.fetch(cache, say=say)),)))
        except EngineError as error:
            say(f"without Docker Compose: {error}")
    engine = connect(engine_address, environ=environ)
    try:
        found["DOCKSTORE_TEST_LAB_IMAGE"] = ensure_lab_image(engine, cache=cache, say=say)
        try:
            found["DOCKSTORE_TEST_DIND_IMAGE"] = dind.ensure_image(engine, cache, say=say)
        except EngineError as error:
            say(f"without an image of our own for Docker-in-Docker: {error}")
            found["DOCKSTORE_TEST_COMPOSE_FILE"] = str(Path.cwd() / "docker-compose.registry.yml")
    finally:
        engine.close()
    return found


def _install(environ: Mapping[str, str], *, say: Say) -> Candidate | None:
    """Install what a private engine needs; return an engine that the installation has started (with systemd it does)."""
    refusal = private.impossible()
    if refusal is None:
        return None
    if os.geteuid() != 0:
        raise Unreachable(f"no engine answers, and {refusal}", f"{WAYS}; or run as root on Debian, and what is missing is set up")
    if not private.missing():
        raise Unreachable(f"no engine answers, and {refusal}", WAYS)
    if not debian.is_debian():
        raise Unreachable(f"no engine answers, and {refusal}", f"{WAYS}; or install Docker: only on Debian it is done for you")
    debian.install(debian.ENGINE_PACKAGES, say=say)
    refusal = private.impossible()
    if refusal is not None:
        raise refusal
    return reachable(None, environ, say=say)


def _extras(cache: Path, *, say: Say) -> None:
    """What the lesson needs beside an engine: the lab image, and the programs of a network folder. Without them it is played, less the part."""
    try:
        lab_image.lab_archive(cache, say=say)
    except lab_image.NoLabImage as error:
        say(f"{error} ({error.hint})")
    if os.geteuid() != 0 or not debian.is_debian() or not Path("/dev/fuse").exists():
        return
    try:
        netfolder.prepare(cache, say=say)
    except debian.AptFailed as error:
        say(f"without network folders: {error}")


def _quoted(words: tuple[str, ...]) -> list[str]:
    import shlex

    return [shlex.quote(word) for word in words]


def _size(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(base) / name).st_blocks * 512
            except OSError:
                continue  # gone meanwhile
    return total


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
