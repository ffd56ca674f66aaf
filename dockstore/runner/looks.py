"""The other looks: inspect, diff, find, measure, and the result of an exec.

Rule 1: facts are the engine's own words under the grammar's names; the whole answer is kept, redacted.
Rule 2: what was searched and not found counts only if the same search finds what is surely there.
Rule 3: a command's output counts only with its own end mark (P33); an exec is never repeated, it might not be the same twice.
"""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING

from dockstore.core.history import Facts
from dockstore.core.model import Completion
from dockstore.core.values import dataclass
from dockstore.engines.errors import Conflict, EngineError, NotFound, Unsure
from dockstore.engines.exec_stream import marked
from dockstore.engines.host import Unseen
from dockstore.runner.asking import CONFLICT, NO_SHELL, drop_shell, resident_shell
from dockstore.runner.containers import names_of
from dockstore.runner.endings import died_meanwhile, had_ended
from dockstore.runner.redact import raw, redacted
from dockstore.runner.scene import section, text
from dockstore.runner.sights import display, mounts_of
from dockstore.runner.stage import Done

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.history import FactValue
    from dockstore.core.script import Diff, Exec, Find, Inspect, Measure
    from dockstore.engines.engine import ExecResult
    from dockstore.runner.stage import Box, Stage

FIND_SECONDS = 120.0
MEMORY_OF_CGROUP = "cat /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.current"


# --- exec -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command came to. *whole*: its output came with its end mark; else only a code other than 0 counts."""

    result: ExecResult
    whole: bool


def run_exec(stage: Stage, number: str, step: Exec) -> Done:
    """`docker exec`: by a process of its own in the container, as the user says."""
    box = stage.box(step.container)
    limit = step.timeout_seconds or stage.limit
    if step.detach:
        argv = ["sh", "-c", step.command] if isinstance(step.command, str) else list(step.command)
        result = box.seat.engine.exec(box.id, argv, user=step.user, detach=True, timeout_seconds=limit)
        failed = result.exit_code not in {0, None}
        return Done(completion=Completion.FAIL if failed else Completion.OK, message=result.detail if failed else "")
    try:
        ran = marked_exec(box, step.command, user=step.user, timeout_seconds=limit)
    except Conflict as exc:
        ended = had_ended(box)
        if ended is None:
            raise
        raise Conflict(exc.doing, exc.status, ended) from exc
    return _exec_done(stage, number, step, ran)


def marked_exec(box: Box, command: str | tuple[str, ...], *, user: str | None, timeout_seconds: float) -> Ran:
    """Run *command* with an end mark on both streams. Raises EngineError."""
    asked = marked(command if isinstance(command, str) else shlex.join(command))
    result = box.seat.engine.exec(box.id, ["sh", "-c", asked.script], user=user, timeout_seconds=timeout_seconds)
    ended = died_meanwhile(box, result) if result.exit_code in NO_SHELL else None
    if ended is not None:
        raise Conflict("exec", CONFLICT, ended)
    if result.exit_code in NO_SHELL and not isinstance(command, str):  # no sh there: the command itself was never begun
        bare = box.seat.engine.exec(box.id, list(command), user=user, timeout_seconds=timeout_seconds)
        return Ran(result=bare, whole=bare.exit_code is not None and bool(bare.stdout or bare.stderr))
    parsed = asked.parse(result)
    return Ran(result=result, whole=False) if parsed is None else Ran(result=parsed, whole=True)


def _exec_done(stage: Stage, number: str, step: Exec, ran: Ran) -> Done:
    result = ran.result
    values: dict[str, FactValue] = {}
    missing: dict[str, str] = {}
    why = "it did not end in time" if result.timed_out else result.detail or "the answer came without its end mark"
    if ran.whole or result.exit_code not in {0, None}:
        values["exit_code"] = result.exit_code if result.exit_code is not None else -1
    else:
        missing["exit_code"] = why
    if ran.whole:
        values |= {"stdout": _text(result.stdout), "stderr": _text(result.stderr)}
    else:
        missing |= dict.fromkeys(("stdout", "stderr"), why)
    if result.exit_code is None:
        values.pop("exit_code", None)
        missing["exit_code"] = why
    if step.label is not None:
        stage.note(Facts(step=number, look=step.label, kind="exec", subject=step.container, values=values, missing=missing))
    if "exit_code" in missing:
        return Done(completion=Completion.UNSURE, message=why)
    if step.label is None and result.exit_code != 0:
        said = _text(result.stderr) or _text(result.stdout)
        return Done(completion=Completion.FAIL, message=f"exit code {result.exit_code}" + (f": {said}" if said else ""))
    return Done(detail={"exit_code": str(result.exit_code)})


def _text(output: bytes) -> str:
    return output.decode(errors="replace").removesuffix("\n")


# --- inspect ----------------------------------------------------------------------------------------------------------------


def inspect(stage: Stage, number: str, step: Inspect) -> None:
    """Note the engine's facts."""
    names = {
        "container": ("exists", "id", "state", "exit_code", "oom_killed", "restarts", "error", "image", "mounts", "size_rw", "memory"),
        "volume": ("exists", "users", "anonymous", "driver", "driver_opts", "labels"),
        "image": ("exists", "id", "layers", "size", "volumes", "cmd"),
    }.get(step.kind, ("driver", "version", "shared_memory"))
    values: dict[str, FactValue] = {}
    missing: dict[str, str] = {}
    answer: object = None
    try:
        match step.kind:
            case "container":
                answer = _container(stage, step, values, missing)
            case "volume":
                answer = _volume(stage, step, values, missing)
            case "image":
                answer = _image(stage, step, values)
            case _:
                _engine(stage, values, missing)
    except NotFound:
        values["exists"] = False
    except EngineError as exc:
        values, missing = {}, dict.fromkeys(names, str(exc))
    subject = step.name or "engine"
    stage.note(
        Facts(
            step=number,
            look=step.look,
            kind=f"inspect-{step.kind}",
            subject=subject,
            values=values,
            missing=missing,
            raw=raw(answer) if answer is not None else "",
        )
    )


def _container(stage: Stage, step: Inspect, values: dict[str, FactValue], missing: dict[str, str]) -> object:
    box = stage.boxes.get(step.name)
    if box is None:
        values["exists"] = False
        return None
    answer = box.seat.engine.inspect_container(box.id, size=True)
    state = section(answer, "State")
    values |= {
        "exists": True,
        "id": text(answer.get("Id")),
        "state": text(state.get("Status")),
        "oom_killed": state.get("OOMKilled") is True,
        "error": text(state.get("Error")),
        "image": text(answer.get("Image")),
        "mounts": dict(names_of(answer)),
    }
    for name, found in (("exit_code", state.get("ExitCode")), ("restarts", answer.get("RestartCount"))):
        _number(name, found, values, missing)
    size = answer.get("SizeRw")
    values["size_rw"] = size if isinstance(size, int) else 0  # the engine leaves out a zero
    _memory(stage, box, values, missing, running=state.get("Running") is True and state.get("Paused") is not True)
    return answer


def _number(name: str, found: object, values: dict[str, FactValue], missing: dict[str, str]) -> None:
    if isinstance(found, int) and not isinstance(found, bool):
        values[name] = found
    else:
        missing[name] = "the engine does not tell it"


def _memory(stage: Stage, box: Box, values: dict[str, FactValue], missing: dict[str, str], *, running: bool) -> None:
    """What the container's control group has in use; a container that does not run uses none."""
    if not running:
        values["memory"] = 0
        return
    if not _asked(stage, "memory", "inspect"):
        return
    try:
        ran = marked_exec(box, MEMORY_OF_CGROUP, user="0", timeout_seconds=stage.limit)
    except EngineError as exc:
        missing["memory"] = str(exc)
        return
    told = ran.result.stdout.strip()
    if ran.whole and told.isdigit():
        values["memory"] = int(told)
    else:
        missing["memory"] = "the container's control group does not tell it"


def _asked(stage: Stage, fact: str, verb: str) -> bool:
    """Whether anything is expected of *fact* of any look: a dear fact is not fetched for nobody."""
    wheres = [expectation for where in stage.scenario.where for expectation in where.expect]
    return bool(verb) and any(expectation.fact == fact for expectation in (*stage.scenario.expect, *wheres))


def _volume(stage: Stage, step: Inspect, values: dict[str, FactValue], missing: dict[str, str]) -> object:
    seat, name = stage.volume(step.name)
    answer = seat.engine.inspect_volume(name)
    labels = {str(key): str(value) for key, value in section(answer, "Labels").items()}
    values |= {
        "exists": True,
        "anonymous": _anonymous(name, labels),
        "driver": text(answer.get("Driver")),
        "driver_opts": {str(key): str(value) for key, value in section(answer, "Options").items()},
        "labels": {key: value for key, value in labels.items() if not key.startswith("io.dockstore.")},
    }
    by_id = {box.id: box.name for box in stage.boxes.values()}
    try:
        values["users"] = sorted(
            by_id.get(text(container.get("Id")), display(container))
            for container in seat.engine.list_containers(filters={"volume": [name]})
            if any(mount.type == "volume" and mount.name == name for mount in mounts_of(container))
        )
    except EngineError as exc:
        missing["users"] = str(exc)
    return answer


def _anonymous(name: str, labels: Mapping[str, str]) -> bool:
    return "com.docker.volume.anonymous" in labels or (len(name) == 64 and all(digit in "0123456789abcdef" for digit in name))


def _image(stage: Stage, step: Inspect, values: dict[str, FactValue]) -> object:
    answer = stage.seat.engine.inspect_image(stage.image(step.name))
    config = section(answer, "Config")
    layers, size, command = section(answer, "RootFS").get("Layers"), answer.get("Size"), config.get("Cmd")
    values |= {
        "exists": True,
        "id": text(answer.get("Id")),
        "layers": len(layers) if isinstance(layers, list) else 0,
        "size": size if isinstance(size, int) else 0,
        "volumes": sorted(section(config, "Volumes")),
        "cmd": [str(word) for word in command] if isinstance(command, list) else [],
    }
    return answer


def _engine(stage: Stage, values: dict[str, FactValue], missing: dict[str, str]) -> None:
    info = stage.seat.engine.info
    values |= {"driver": info.storage_driver, "version": info.version}
    try:
        meminfo = (stage.seat.host.read("/proc/meminfo") or b"").decode(errors="replace")
    except Unseen as exc:
        missing["shared_memory"] = str(exc)
        return
    found = next((line.split() for line in meminfo.splitlines() if line.startswith("Shmem:")), [])
    if len(found) > 1 and found[1].isdigit():
        values["shared_memory"] = int(found[1]) * 1024
    else:
        missing["shared_memory"] = "the host's kernel does not tell it"


# --- diff, find -------------------------------------------------------------------------------------------------------------


def diff(stage: Stage, number: str, step: Diff) -> None:
    """Note `docker diff`."""
    values: dict[str, FactValue] = {}
    missing: dict[str, str] = {}
    box = stage.boxes.get(step.container)
    try:
        if box is None:
            missing["diff"] = f"there is no container '{step.container}' here"
        else:
            values |= box.seat.engine.diff_container(box.id)
    except EngineError as exc:
        missing["diff"] = str(exc)
    stage.note(Facts(step=number, look=step.look, kind="diff", subject=step.container, values=values, missing=missing))


def find(stage: Stage, number: str, step: Find) -> None:
    """Search the whole data root for a write's bytes; a control must be found by the same search."""
    values: dict[str, FactValue] = {}
    missing: dict[str, str] = {}
    written = stage.writes.get(step.write)
    found: tuple[str, ...] = ()
    if written is None:
        missing["found"] = f"nothing was written under the name '{step.write}'"
    else:
        seat = written.seat or stage.seat
        control = next((box.id for box in stage.boxes.values() if box.seat is seat), None)
        try:
            found = seat.host.find_bytes(seat.engine.info.data_root, written.nonce, timeout_seconds=FIND_SECONDS)
            if not found and control is None:
                missing["found"] = "no container is left whose own id file could be the control"
            elif not found and not seat.host.find_bytes(seat.engine.info.data_root, str(control).encode(), timeout_seconds=FIND_SECONDS):
                missing["found"] = "the same search does not find a container's own id file either"
            else:
                values["found"] = bool(found)
        except (Unseen, OSError) as exc:
            missing["found"] = str(exc)
    stage.note(
        Facts(step=number, look=step.look, kind="find", subject=step.write, values=values, missing=missing, raw=redacted("\n".join(found[:20])))
    )


# --- measure ----------------------------------------------------------------------------------------------------------------


def measure(stage: Stage, number: str, step: Measure) -> None:
    """Time two commands in turn inside one resident shell; each round gives a ratio."""
    values: dict[str, FactValue] = {}
    missing: dict[str, str] = {}
    box = stage.boxes.get(step.container)
    if box is None:
        missing["ratio"] = f"there is no container '{step.container}' here"
    else:
        try:
            lines = _measured(stage, box, step)
            ratios = [first / second for first, second in lines if second > 0]
            if len(ratios) == step.rounds:
                values["ratio"] = [round(ratio, 4) for ratio in ratios]
            else:
                missing["ratio"] = f"{len(ratios)} of {step.rounds} rounds could be timed"
        except (EngineError, ValueError) as exc:
            missing["ratio"] = str(exc)
    stage.note(Facts(step=number, look=step.look, kind="measure", subject=step.container, values=values, missing=missing))


def _measured(stage: Stage, box: Box, step: Measure) -> list[tuple[float, float]]:
    """Seconds of both commands, round by round, by the shell's own clock."""
    mark = f"end-{secrets.token_hex(8)}"
    first, second = (f"( {command}\n) >/dev/null 2>&1" for command in (step.command, step.against))
    script = f"""
t() {{ echo "${{EPOCHREALTIME:-0}}"; }}
r=0
while [ $r -le {step.rounds} ]; do
a=$(t); {first}
x=$?; b=$(t); {second}
y=$?; c=$(t)
echo "$a $b $c $x $y"; r=$((r + 1))
done
echo {mark}
"""
    limit = stage.limit * 2
    result = _in_shell(stage, box, script, limit)
    text_lines = result.stdout.decode(errors="replace").splitlines()
    if not text_lines or text_lines[-1] != mark:
        raise ValueError("it did not end in time" if result.timed_out else "the answer came without its end mark")
    found: list[tuple[float, float]] = []
    for line in text_lines[1:-1]:  # the first round warms up
        *times, x, y = line.split()
        if (x, y) != ("0", "0"):
            raise ValueError(f"a command that was measured failed (exit codes {x} and {y})")
        start, middle, end = (float(time) for time in times)
        if start == 0:
            raise ValueError("the container's shell has no clock that is fine enough")
        found.append((middle - start, end - middle))
    return found


def _in_shell(stage: Stage, box: Box, script: str, limit: float) -> ExecResult:
    shell = resident_shell(stage, box)
    if shell is not None:
        try:
            return shell.run(script, timeout_seconds=limit)
        except Unsure:
            drop_shell(box)
            raise
    return box.seat.engine.exec(box.id, ["sh", "-c", script], timeout_seconds=limit)
