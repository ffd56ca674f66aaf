"""python -m bench [engine] [start] [judge] [many] [drill]     (all parts unless named; DOCKER_HOST names the engine)

engine  the lesson experiment against the floor, the naive SDK script and the naive docker command
start   --help, --version and validate against `python -c pass`; peak memory
judge   100,000 events judged against a bare json.loads pass over the same file
many    100 small scenarios with --jobs 1, 2 and the default
drill   the drill of a PostgreSQL stack against the same events by hand, with `docker compose` and one look after each
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOUR = ROOT / "scenarios" / "overall" / "four-stores.scenario.yaml"
DOCKSTORE = [sys.executable, "-m", "dockstore"]
LESSON_FACTS = 12


def spread(values: list[float]) -> str:
    """Return 'median [least..most]'."""
    return f"{statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def seconds(command: list[str], **options: object) -> tuple[float, str, float]:
    """Return wall seconds, standard output and peak memory in MiB of *command*; exit if it fails."""
    with tempfile.NamedTemporaryFile("w+") as usage:
        launcher = (
            "import json,os,sys,time\nb=time.perf_counter()\np=os.posix_spawnp(sys.argv[2],sys.argv[2:],os.environ)\n_,s,u=os.wait4(p,0)\n"
            "json.dump([os.waitstatus_to_exitcode(s),time.perf_counter()-b,u.ru_maxrss/1024],open(sys.argv[1],'w'))"
        )
        answer = subprocess.run([sys.executable, "-I", "-S", "-c", launcher, usage.name, *command], capture_output=True, text=True, check=True, **options)
        status, wall, memory = json.load(usage)
    if status:
        sys.exit(f"{' '.join(command)}: exit code {status}\n{answer.stderr[-2000:]}")
    return wall, answer.stdout, memory


def engine(rounds: int) -> None:
    """The whole command by compare.py, then the played part from the histories, round by round against the floor."""
    command = f"{sys.executable} -m dockstore run --format json {FOUR}"
    subprocess.run(
        [sys.executable, HERE / "compare.py", "--rounds", str(rounds), "--also", f"dockstore={command}", "--require", 'dockstore="outcome": "holds"'],
        check=True,
        cwd=HERE,
        env={**os.environ, "DOCKSTORE_HOME": tempfile.mkdtemp(prefix="dockstore-bench-")},
    )
    floors, played = [], []
    with tempfile.TemporaryDirectory(prefix="dockstore-bench-") as home:
        for number in range(rounds + 1):
            floor = seconds([sys.executable, str(HERE / "floor.py"), "attach"], cwd=HERE)[0]
            _, out, _ = seconds([*DOCKSTORE, "run", "--format", "json", str(FOUR)], env={**os.environ, "DOCKSTORE_HOME": home})
            if number:
                floors.append(floor)
                played.append(json.loads(out)["scenarios"][0]["seconds"])
    ratios = [a / b for a, b in zip(played, floors, strict=True)]
    print(f"\nplayed part / floor (whole command of the floor): {spread(ratios)}")


def start(rounds: int) -> None:
    """Start-up, interleaved with a bare Python."""
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    many = [str(path) for path in files[:100]]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "dockstore --help": [*DOCKSTORE, "--help"],
        "dockstore --version": [*DOCKSTORE, "--version"],
        "dockstore validate, one file": [*DOCKSTORE, "validate", str(FOUR)],
        f"dockstore validate, {len(many)} files": [*DOCKSTORE, "validate", *many],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, command in commands.items():
            wall, _, peak = seconds(command)
            memory[name] = max(peak, memory.get(name, 0.0))
            if number:
                taken[name].append(wall)
    bare = taken["python -c pass"]
    for name, walls in taken.items():
        print(f"{name:34} {spread([a / b for a, b in zip(walls, bare, strict=True)])} x python, {memory[name]:.0f} MiB")

    print(f"{'declaring a value':34} {declaring():.2f} x the standard decorator")


def declaring(count: int = 100) -> float:
    """Return what declaring *count* values costs, as a ratio to `dataclasses.dataclass`."""
    from dataclasses import dataclass as standard

    from dockstore.core.values import dataclass as ours

    def cost(decorate: Any) -> float:
        kinds = [type("Value", (), {"__annotations__": dict.fromkeys("abcde", "str"), "d": None, "e": False}) for _ in range(count)]
        began = time.perf_counter()
        for kind in kinds:
            decorate(frozen=True, slots=True, kw_only=True)(kind)
        return time.perf_counter() - began

    return statistics.median(cost(ours) / cost(standard) for _ in range(9))


def judge(rounds: int, events: int = 100_000) -> None:
    """A long history judged, against a bare json.loads pass over the same lines."""
    from bench.long_history import write

    with tempfile.TemporaryDirectory(prefix="dockstore-bench-") as folder:
        path = Path(folder) / "long.jsonl"
        write(path, events)
        ratios, peaks = [], []
        for number in range(rounds + 1):
            began = time.perf_counter()
            for line in path.read_bytes().splitlines():
                json.loads(line)
            bare = time.perf_counter() - began
            empty = seconds([*DOCKSTORE, "--version"])[0]
            wall, _, peak = seconds([*DOCKSTORE, "judge", "--format", "json", str(path)])
            if number:
                ratios.append((wall - empty) / bare)
                peaks.append(peak)
        print(f"judge of {events} events, start-up taken off: {spread(ratios)} x json.loads, {max(peaks):.0f} MiB")


def many(rounds: int, count: int = 100) -> None:
    """A hundred small scenarios, by number of jobs."""
    text = (
        "version: 1\nscenario: four stores over a kill, number {n}\nmatrix:\n  stores: [writable-layer, tmpfs, bind, volume]\n"
        "  events:\n    kill+start: [persisted, lost, persisted, persisted]\n"
    )
    with tempfile.TemporaryDirectory(prefix="dockstore-bench-") as folder:
        for n in range(count):
            (Path(folder) / f"{n:03}.scenario.yaml").write_text(text.format(n=n))
        env = {**os.environ, "DOCKSTORE_HOME": str(Path(folder) / "home")}
        one = Path(folder) / "000.scenario.yaml"
        alone = statistics.median(json.loads(seconds([*DOCKSTORE, "run", "--format", "json", str(one)], env=env)[1])["scenarios"][0]["seconds"] for _ in range(rounds))
        for jobs in ("1", "2", ""):
            flags = ["--jobs", jobs] if jobs else []
            wall, _, peak = seconds([*DOCKSTORE, "run", *flags, "--format", "json", folder], env=env)
            print(f"{count} scenarios, --jobs {jobs or 'default'}: {wall:.1f} s = {wall / count / alone:.2f} x played time of one ({alone:.2f} s) each, {peak:.0f} MiB")


def drill(rounds: int) -> None:
    """Routine events of a stack, drilled and by hand."""
    from bench import drill as part

    part.measure(rounds)


PARTS = {"engine": engine, "start": start, "judge": judge, "many": many, "drill": drill}


def main() -> None:
    """Run the parts that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for folder in (ROOT / "dockstore", HERE):  # as pip does for what it installs; nobody pays for compiling at each start
        compileall.compile_dir(folder, quiet=1)
    for name in options.parts or PARTS:
        print(f"== {name}", flush=True)
        PARTS[name](options.rounds)


if __name__ == "__main__":
    main()
