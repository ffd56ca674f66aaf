"""The drill of a one-service PostgreSQL stack against the same events played by hand: `docker compose` and one look after each.

Rule 1: ratios are taken inside a round; both contenders play on the same engine, in the same minute.
Rule 2: both must come to the same facts: every routine event keeps the row.
Rule 3: what an event costs in execs is told by the engine's own event stream, not by dockstore.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DOCKSTORE = [sys.executable, "-m", "dockstore"]
EVENTS = ("restart", "stop+start", "kill+start", "recreate", "remove+run", "down+up")
FURTHER = 4  # services beside the database, for the overhead of each
POSTGRES = """
services:
  db:
    image: localhost/dockstore-test-postgres15:1
    environment: {POSTGRES_PASSWORD: bench}
    volumes: ["rows:/var/lib/postgresql/data"]
"""
WRITER = """
  writer%d:
    image: %s
    init: true
    command: ["sh", "-c", "echo row > /data/row; sleep 86400"]
    volumes: ["writer%d:/data"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Seconds of one contender: the events alone, from the first start on (drill: with discovery), and the whole command."""

    played: float
    from_start: float
    whole: float
    execs: float = 0.0  # for each event


def _naive(file: Path, compose: str) -> Taken:
    began = time.time()
    answer = subprocess.run([HERE / "naive_drill.sh", file], capture_output=True, text=True, check=False, env={**os.environ, "COMPOSE": compose})
    ended = time.time()
    lines = answer.stdout.splitlines()
    if answer.returncode or lines[:-1] != [f"{event} kept" for event in EVENTS]:
        sys.exit(f"naive_drill.sh: exit code {answer.returncode}\n{answer.stdout}{answer.stderr}")
    _, first, last = lines[-1].split()
    return Taken(played=float(last) - float(first), from_start=float(last) - began, whole=ended - began)


def _drill(file: Path, home: str) -> Taken:
    command = [*DOCKSTORE, "drill", "--events", ",".join(EVENTS), "--format", "json", str(file)]
    watch = ["docker", "events", "--filter", "event=exec_create", "--format", '{{.TimeNano}} {{index .Actor.Attributes "io.dockstore.run"}}']
    marks: dict[str, float] = {}
    said = ""
    with tempfile.TemporaryFile("w+") as out, subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as watching:
        began = time.time()
        with subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env={**os.environ, "DOCKSTORE_HOME": home}) as process:
            for line in process.stderr or ():
                marks.setdefault(line.strip(), time.time())
                said += line
        ended = time.time()
        watching.terminate()
        seen = watching.communicate()[0].split("\n")
        out.seek(0)
        text = out.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}\n{text[-2000:]}{said[-2000:]}")
    report = json.loads(text)
    found = {row["event"]: row["fate"] for row in report["rows"] if row["service"] == "db" and row["role"] == "data"}
    if found != dict.fromkeys(EVENTS, "persisted"):
        sys.exit(f"the drill came to other facts: {found}")
    first, last = marks[f"{EVENTS[0]} (1 of {len(EVENTS)})"], marks["tidying up"]
    times = [int(line.split()[0]) / 1e9 for line in seen if line.endswith(f" {report['run']}")]
    execs = sum(first <= at <= last for at in times)
    return Taken(played=last - first, from_start=last - began, whole=ended - began, execs=execs / len(EVENTS))


def spread(values: list[float]) -> str:
    """Return 'median [least..most]'."""
    return f"{statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def measure(rounds: int) -> None:
    """Play both in turn, with the database alone and with further services."""
    sys.path.insert(0, str(ROOT))
    from dockstore.engines import compose_cli
    from dockstore.engines.docker_engine import connect
    from dockstore.engines.lab import LAB_IMAGE
    from dockstore.engines.providers import homes
    from tests.services import images

    door = connect(os.environ["DOCKER_HOST"])
    cache = Path(os.environ.get("DOCKSTORE_TEST_CACHE", "/var/tmp/dockstore-test-cache"))
    images.ensure(door, cache, ("postgres15",))
    door.close()
    programs = homes.cache_of(Path(os.environ.get("DOCKSTORE_HOME") or ROOT / ".dockstore"))
    compose = compose_cli.find(os.environ, programs)
    with tempfile.TemporaryDirectory(prefix="dockstore-bench-") as folder:
        home = Path(folder) / "home"
        (home / "cache").mkdir(parents=True)
        if (programs / "docker-compose").exists():
            (home / "cache" / "docker-compose").symlink_to((programs / "docker-compose").absolute())
        taken: dict[int, list[tuple[Taken, Taken]]] = {0: [], FURTHER: []}
        for number in range(rounds + 1):
            for further, pairs in taken.items():
                file = _stack(Path(folder) / f"shop{further}", further, LAB_IMAGE)
                order = (0, 1) if number % 2 else (1, 0)  # nobody always comes first
                both: dict[int, Taken] = {}
                for which in order:
                    both[which] = _drill(file, str(home)) if which else _naive(file, " ".join(compose.command))
                if number:  # the first round warms up
                    pairs.append((both[0], both[1]))
    _print(taken, compose.version)


def _stack(folder: Path, further: int, lab: str) -> Path:
    folder.mkdir(exist_ok=True)
    volumes = ", ".join(f"{name}: {{}}" for name in ("rows", *(f"writer{number}" for number in range(further))))
    text = POSTGRES + "".join(WRITER % (number, lab, number) for number in range(further)) + f"volumes: {{{volumes}}}\n"
    (folder / "compose.yaml").write_text(text, encoding="utf-8")
    return folder / "compose.yaml"


def _print(taken: dict[int, list[tuple[Taken, Taken]]], version: str) -> None:
    print(f"{len(EVENTS)} routine events, Docker Compose {version}; seconds and ratios as median [least..most] of {len(taken[0])} rounds")
    for further, pairs in taken.items():
        print(f"-- PostgreSQL{f' and {further} further services' if further else ' alone'}")
        print(f"by hand: events {spread([naive.played for naive, _ in pairs])} s, whole {spread([naive.whole for naive, _ in pairs])} s")
        print(f"drill:   events {spread([drill.played for _, drill in pairs])} s, whole {spread([drill.whole for _, drill in pairs])} s")
        print(f"played / by hand:                     {spread([drill.played / naive.played for naive, drill in pairs])}")
        print(f"with discovery / by hand, from start: {spread([drill.from_start / naive.from_start for naive, drill in pairs])}")
        print(f"whole command / whole script:         {spread([drill.whole / naive.whole for naive, drill in pairs])}")
        print(f"execs an event: {spread([drill.execs for _, drill in pairs])}")
        print(f"overhead of an event: {spread([(drill.played - naive.played) / len(EVENTS) for naive, drill in pairs])} s")
    alone, more = taken[0], taken[FURTHER]
    each = [((d2.played - n2.played) - (d1.played - n1.played)) / len(EVENTS) / FURTHER for (n1, d1), (n2, d2) in zip(alone, more, strict=True)]
    print(f"-- overhead of a further service in each event: {spread(each)} s")
