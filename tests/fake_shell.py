"""What a command in a fake container does: a word or two of sh, and the runner's own look (`runner.probe`), as a kernel would answer.

A command that is not understood ends with code 127, so a test that needs more says so itself (`FakeEngine.on_exec`).
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from fake_files import folder, st_mode

from dockstore.engines.engine import ExecResult
from dockstore.engines.errors import Unsure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fake_container import FakeContainer
    from fake_engine import FakeEngine

MARKED = re.compile(r"\(eval '(.*)'\) </dev/null; c=\$\?; echo (\S+) \$c; echo \S+ >&2", re.DOTALL)
PROBE = re.compile(r"\A\(\nM=(\S+)\n")


def run(container: FakeContainer, command: Sequence[str], hook: Callable[[FakeContainer, Sequence[str]], ExecResult | None] | None) -> ExecResult:
    """Run *command*: the test's own *hook* first, then what is known here."""
    script = command[2] if len(command) == 3 and command[0] in {"sh", "/bin/sh"} and command[1] == "-c" else None
    found = MARKED.fullmatch(script) if script is not None else None
    if found:
        inner = run(container, ["sh", "-c", found[1].replace("'\\''", "'")], hook)
        mark = found[2].encode()
        return ExecResult(exit_code=0, stdout=inner.stdout + mark + f" {inner.exit_code}\n".encode(), stderr=inner.stderr + mark + b"\n")
    answer = hook(container, command) if hook is not None else None
    if answer is not None:
        return answer
    if script is not None and PROBE.match(script):
        return ExecResult(exit_code=0, stdout=_probe(container, script), stderr=b"")
    return _Session(container).run(script if script is not None else shlex.join(command))


class _Session:
    """`;`, `&&`, line ends, and the handful of commands that tests of storage use."""

    def __init__(self, container: FakeContainer) -> None:
        self.container = container
        self.stdout = b""
        self.stderr = b""

    def run(self, script: str) -> ExecResult:
        code = 0
        for line in script.splitlines():
            words = list(shlex.shlex(line, posix=True, punctuation_chars=";&>|"))
            code = self._line(_split(line)) if words else code
            if code < 0:
                return ExecResult(exit_code=-code - 1, stdout=self.stdout, stderr=self.stderr)
        return ExecResult(exit_code=code, stdout=self.stdout, stderr=self.stderr)

    def _line(self, parts: list[tuple[str, list[str]]]) -> int:
        code = 0
        for joint, words in parts:
            if (joint == "&&" and code != 0) or (joint == "||" and code == 0) or not words:
                continue
            code = self._command(words)
            if code < 0:
                return code
        return code

    def _command(self, words: list[str]) -> int:
        into: tuple[str, str] | None = None
        if len(words) > 2 and words[-2] in {">", ">>"}:
            into, words = (words[-2], words[-1]), words[:-2]
        name, *rest = words
        try:
            if name == "exit":
                return -int(rest[0] if rest else "0") - 1
            out, code = self._output(name, rest)
            if into is not None:
                old = self.container.get(into[1]) if into[0] == ">>" else None
                self.container.put(into[1], (old.data if old else b"") + out)
            else:
                self.stdout += out
        except (OSError, KeyError) as exc:
            words_of = exc.strerror if isinstance(exc, OSError) else f"{name}: not found"
            self.stderr += f"sh: {exc.filename if isinstance(exc, OSError) else name}: {words_of}\n".encode()
            return 1 if isinstance(exc, OSError) else 127
        return code

    def _output(self, name: str, rest: list[str]) -> tuple[bytes, int]:
        box = self.container
        match name, rest:
            case "true" | ":" | "sync" | "sleep" | "chown" | "chmod", _:
                return b"", 0
            case "false", _:
                return b"", 1
            case "echo", _:
                return f"{' '.join(rest)}\n".encode(), 0
            case "printf", ["%s", *values]:
                return "".join(values).encode(), 0
            case "printf", [text]:
                return text.replace("\\n", "\n").encode(), 0
            case "cat", ["/proc/self/mountinfo"]:
                return box.mountinfo().encode(), 0
            case "cat", paths:
                return b"".join(self._content(path) for path in paths), 0
            case "mkdir", ["-p", *paths]:
                for path in paths:
                    if box.get(path) is None:
                        box.put(path, folder())
                return b"", 0
            case "rm", [*options, path]:
                return b"", 0 if box.remove(path) or any("f" in option for option in options) else 1
            case "ls", paths:
                return "".join(f"{entry}\n" for entry in box.names(paths[-1] if paths else "/")).encode(), 0
            case (("test" | "["), ["-e" | "-f" | "-s", path, *_]):
                return b"", 0 if box.get(path) else 1
            case _:
                raise KeyError(name)

    def _content(self, path: str) -> bytes:
        entry = self.container.get(path)
        if entry is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return entry.data


def _split(line: str) -> list[tuple[str, list[str]]]:
    parts: list[tuple[str, list[str]]] = [("", [])]
    for word in shlex.shlex(line, posix=True, punctuation_chars=";&>|"):
        if word in {";", "&&", "||"}:
            parts.append((word, []))
        else:
            parts[-1][1].append(word)
    return parts


# --- the runner's look ------------------------------------------------------------------------------------------------


def _probe(box: FakeContainer, script: str) -> bytes:
    found = PROBE.match(script)
    mark = found[1] if found else ""
    out: list[bytes] = []

    def say(section: str, payload: bytes | str) -> None:
        out.append(f"\n{mark} {section}\n".encode() + (payload.encode() if isinstance(payload, str) else payload))

    for line in script.splitlines():
        act = re.match(r"N=(\d+); (see|peek|put) (.*)", line)
        target = re.match(r"where (.*); m (target\.\d+);", line)
        numbers = re.match(r"m (sizes|numbers); stat -L -c '(\S+ )+%n' (.*) 2>/dev/null", line)
        if act:
            _wish(box, act[1], act[2], shlex.split(act[3]), say)
        elif target:
            say(target[2], shlex.split(target[1])[0])
        elif numbers:
            lines = [_numbers(box, numbers[1], path) for path in shlex.split(numbers[3])]
            say(numbers[1], "".join(lines))
    say("mounts", box.mountinfo())
    say("end", b"")
    return b"".join(out)


def _numbers(box: FakeContainer, kind: str, path: str) -> str:
    entry = box.get(path)
    if entry is None:
        return ""
    return f"{len(entry.data)} {path}\n" if kind == "sizes" else f"{box.device(path)} {entry.inode} {path}\n"


def _wish(box: FakeContainer, number: str, verb: str, words: list[str], say: Callable[[str, bytes | str], None]) -> None:
    path = words[0]
    if verb == "put":
        try:
            box.put(path, words[1].encode())
        except OSError as exc:
            say(f"{number}.refused", f"sh: can't create {path}: {exc.strerror}")
            return
    say(f"{number}.where", path)
    entry = box.get(path)
    if entry is None:
        say(f"{number}.error", f"cat: can't open '{path}': No such file or directory")
        return
    if verb == "peek":
        owner = f"{entry.owner[0]} {entry.owner[1]}"
        say(f"{number}.stat", f"{st_mode(entry):x} {len(entry.data)} {owner} {entry.inode} {box.device(path)}\n")
    if entry.kind == "file":
        say(f"{number}.content", entry.data)
        say(f"{number}.status", "0")
    elif verb == "peek" and entry.kind == "directory":
        say(f"{number}.entries", "".join(f"{name}\n" for name in box.names(path)))
        say(f"{number}.status", "0")
    elif verb != "peek":
        say(f"{number}.kind", entry.kind)


class FakeShell:
    """The main process's shell; it ends with the container's life."""

    def __init__(self, engine: FakeEngine, container: FakeContainer) -> None:
        self._engine = engine
        self._container = container
        self._pid: int | None = None
        self.closed = False

    def run(self, script: str, *, timeout_seconds: float) -> ExecResult:
        self._engine.calls.append("shell")
        container = self._container
        self._pid = self._pid or container.pid
        if self.closed or container.status != "running" or container.pid != self._pid or self._engine.dead:
            self.closed = True
            raise Unsure(f"run in the shell of {container.name}: the shell ended")
        return run(container, ["sh", "-c", script], self._engine.on_exec)

    def close(self) -> None:
        self.closed = True
