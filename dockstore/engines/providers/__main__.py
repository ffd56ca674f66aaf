"""`python -m dockstore.engines.providers VERB`: what the Makefile calls.

    setup                 make sure that an engine can be had, installing what is missing (root, Debian)
    start | stop | status | clean         the private engine
    lab | dind | compose  make or fetch the lab image, the Docker-in-Docker image, Docker Compose 2
    run COMMAND...        set up, then become COMMAND
    test COMMAND...       set up with the engine suite's tools, run COMMAND with DOCKER_HOST set, stop what was started

Exit code 3: no engine can be had here; else the command's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.errors import EngineError
from dockstore.engines.providers import address, debian, homes, leases, service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

UNDECIDED = 3
USAGE = 2


def main(arguments: list[str]) -> int:
    """Do what the first word says."""
    verbs: dict[str, Callable[[list[str]], int]] = {
        "setup": _setup,
        "start": _start,
        "stop": _stop,
        "status": _status,
        "clean": _clean,
        "lab": _lab,
        "dind": _dind,
        "compose": _compose,
        "run": _run,
        "test": _test,
    }
    if not arguments or arguments[0] not in verbs:
        sys.stderr.write(f"usage: python -m dockstore.engines.providers {'|'.join(verbs)}\n")
        return USAGE
    try:
        return verbs[arguments[0]](arguments[1:])
    except (EngineError, debian.AptFailed) as error:
        hint = getattr(error, "hint", None)
        sys.stderr.write(f"dockstore: {error}\n" + (f"  hint: {hint}\n" if hint else ""))
        return UNDECIDED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def say(text: str) -> None:
    """Say what is being waited for."""
    sys.stderr.write(f"dockstore: {text}\n")
    sys.stderr.flush()


def _home() -> Path:
    return homes.home_of(os.environ, Path.cwd())


def _setup(_: list[str]) -> int:
    if service.setup(_home(), os.environ, say=say) is None:
        say("a private engine can be started here")
    return 0


def _start(_: list[str]) -> int:
    engine = service.start(_home(), os.environ, say=say)
    sys.stdout.write(f"export DOCKER_HOST={engine.address}\n")
    return 0


def _stop(_: list[str]) -> int:
    return _told(service.stop(_home(), os.environ, say=say))


def _status(_: list[str]) -> int:
    for state in service.status(_home(), os.environ):
        words = "running" if state.running else "stopped"
        kept = ", to stay" if state.kept else ""
        sys.stdout.write(f"{words}{kept}  {state.bytes_used // 1_000_000} MB  {state.engine.address}  {state.engine.folder}\n")
    return 0


def _clean(_: list[str]) -> int:
    return _told(service.clean(_home(), os.environ, say=say))


def _lab(_: list[str]) -> int:
    from dockstore.engines.lab import ensure_lab_image

    return _on_engine(lambda where: _with_engine(where, lambda engine: ensure_lab_image(engine, cache=homes.cache_of(_home()), say=say)))


def _dind(_: list[str]) -> int:
    from dockstore.engines.providers.dind import ensure_image

    return _on_engine(lambda where: _with_engine(where, lambda engine: ensure_image(engine, homes.cache_of(_home()), say=say)))


def _compose(_: list[str]) -> int:
    from dockstore.engines import compose_cli

    cache = homes.cache_of(_home())
    try:
        found = " ".join(compose_cli.find(os.environ, cache).command)
    except compose_cli.NoCompose:
        found = str(compose_cli.fetch(cache, say=say))
    sys.stdout.write(f"{found}\n")
    return 0


def _run(command: list[str]) -> int:
    service.setup(_home(), os.environ, say=say)
    os.execvp(command[0], command)  # noqa: S606  # its exit code is ours, and its signals, too


def _test(command: list[str]) -> int:
    def go(environ: Mapping[str, str]) -> int:
        tools = service.test_tools(_home(), environ, engine_address=environ["DOCKER_HOST"], say=say)
        return _child(command, {**environ, **tools})

    return _on_engine(go)


def _on_engine(go: Callable[[Mapping[str, str]], int]) -> int:
    """Call *go* with the environment of an engine that answers; a private one is shared while it lasts, and stopped by its last user."""
    found = service.setup(_home(), os.environ, say=say)
    if found is not None:
        return go({**found.environ(os.environ), "DOCKER_HOST": found.address})
    began = time.monotonic()
    taken = leases.lease(_home(), os.environ, alone=False, say=say)
    say(f"private engine at {taken.engine.address} ({time.monotonic() - began:.1f} s)")
    environ = {key: value for key, value in os.environ.items() if key not in address.VARIABLES}
    try:
        return go({**environ, "DOCKER_HOST": taken.engine.address})
    finally:
        say("stopping the private engine")
        taken.release()


def _with_engine(environ: Mapping[str, str], make: Callable[..., str]) -> int:
    from dockstore.engines.docker_engine import connect

    engine = connect(environ["DOCKER_HOST"], environ=environ)
    try:
        sys.stdout.write(f"{make(engine)}\n")
    finally:
        engine.close()
    return 0


def _child(command: list[str], environ: Mapping[str, str]) -> int:
    """Run *command*; Ctrl-C reaches it from the terminal, SIGTERM and SIGHUP through us; return its exit code."""
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []  # what came before there was anybody to pass it on to

    def forward(number: int, _: FrameType | None) -> None:
        for process in started:
            process.send_signal(number)
        if not started:
            early.append(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)  # ignored here, and as it was in the command
    try:
        with subprocess.Popen(command, env=dict(environ)) as process:
            started.append(process)
            for number in early:
                process.send_signal(number)
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _told(left: tuple[str, ...]) -> int:
    for line in left:
        say(f"left as it is: {line}")
    return UNDECIDED if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
