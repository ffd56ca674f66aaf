"""Make `.venv` with this project in it, if it is not there or no longer right. Run as a program, standard library only.

    python3 -I dockstore/engines/providers/bootstrap.py [EXTRA...]

Rule 1: nothing is done twice: a stamp says for which project, Python and extras the folder was made.
Rule 2: what is missing on the machine is said in a sentence with the way out; root on Debian gets it installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

UNDECIDED = 3
VENV = Path(".venv")
STAMP = VENV / "dockstore-stamp"


def main(extras: list[str]) -> int:
    """Bring `.venv` up to date; return 3 where that cannot be."""
    if sys.version_info < (3, 11):  # noqa: UP036  # said to who runs an older one
        version = ".".join(str(number) for number in sys.version_info[:3])
        return _refuse(f"Python 3.11 or newer is needed, and this is {version}", "make PYTHON=/path/to/a/newer/python3 ...")
    if not Path("pyproject.toml").is_file():
        return _refuse("there is no pyproject.toml here", "run make in the project's own folder")
    known, has = _stamp()
    wanted = sorted({*extras, *(has if known == _fingerprint() else ())})
    if known == _fingerprint() and set(extras) <= has and _works():
        return 0
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        code = _install_venv()
        if code:
            return code
    began = time.monotonic()
    _say("preparing the Python environment in .venv" + (f" ({', '.join(wanted)})" if wanted else ""))
    STAMP.unlink(missing_ok=True)
    if not _works():
        shutil.rmtree(VENV, ignore_errors=True)
        answer = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
        if answer.returncode:
            return _refuse(f"python3 -m venv failed: {_last(answer.stdout + answer.stderr)}", "on Debian: apt-get install python3-venv")
    what = f".[{','.join(wanted)}]" if wanted else "."
    command = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", what]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.stderr.write(answer.stderr)
        return _refuse("pip could not install the project", "is the package index reachable from here?")
    STAMP.write_text("\n".join([_fingerprint(), *wanted]) + "\n", encoding="utf-8")
    _say(f"the Python environment is ready ({time.monotonic() - began:.0f} s)")
    return 0


def _install_venv() -> int:
    way_out = "on Debian: apt-get install python3-venv"
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None or Path(sys.executable).parent != Path("/usr/bin"):
        return _refuse("this Python has no venv (or no ensurepip)", way_out)
    _say(f"installing {name} (apt-get)")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["-y", "--no-install-recommends", "install", name]):
        answer = subprocess.run(
            ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-qq", *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            return _refuse(f"apt-get {command[-1]} failed: {_last(answer.stderr)}", way_out)
    return 0


def _fingerprint() -> str:
    """Of all that the environment depends on: the project's file, its place, and this Python."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]} {os.path.realpath(sys.executable)}"
    parts = [Path("pyproject.toml").read_bytes(), os.fsencode(Path.cwd()), os.fsencode(python)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _stamp() -> tuple[str, set[str]]:
    if not STAMP.is_file():
        return "", set()
    first, *extras = STAMP.read_text(encoding="utf-8").split("\n")
    return first, {extra for extra in extras if extra}


def _works() -> bool:
    """Whether the environment's Python runs and has pip."""
    try:
        return subprocess.run([VENV / "bin/python", "-c", "import pip"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _say(text: str) -> None:
    sys.stderr.write(f"dockstore: {text}\n")
    sys.stderr.flush()


def _refuse(text: str, way_out: str) -> int:
    _say(f"{text}\n  hint: {way_out}")
    return UNDECIDED


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
