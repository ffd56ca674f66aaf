"""Debian's packages: installed, or only unpacked, always by the machine's own apt.

Rule 1: mirror, proxy, certificates, signatures and hashes are apt's business and the machine's configuration; no address is written here.
Rule 2: only `make` and `dockstore engine setup` install. Everything else unpacks into the cache, and the machine stays as it was.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.providers import homes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENGINE_PACKAGES = ("docker.io", "iptables")  # busybox-static would push the machine's busybox out: it is only unpacked
INDEX_AGE_SECONDS = 24 * 3600
_LOCK = ("-o", "DPkg::Lock::Timeout=120")
_KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")


class AptFailed(Exception):  # noqa: N818
    """apt or dpkg said no; the text is its own."""


def has_apt() -> bool:
    """Whether this is a machine of Debian's kind."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def is_debian() -> bool:
    """Whether this is Debian itself, whose suites can be mixed in."""
    return has_apt() and os_release().get("ID") == "debian"


def os_release() -> dict[str, str]:
    """Return /etc/os-release as a mapping; empty if there is none."""
    path = Path("/etc/os-release")
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {key: value.strip().strip('"') for key, _, value in pairs}


def install(packages: Sequence[str], *, say: Callable[[str], None]) -> None:
    """Install *packages* without what they merely recommend; raise AptFailed."""
    say("asking Debian for its package index (apt-get update)")
    _run(["apt-get", *_LOCK, "-qq", "update"])
    say(f"installing {', '.join(packages)} (apt-get install)")
    _run(["apt-get", *_LOCK, "-qq", "-y", "--no-install-recommends", "install", *packages])


def installed(package: str) -> bool:
    """Whether dpkg has *package*, configured."""
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.endswith(" installed")


def download_here(packages: Sequence[str], *, into: Path) -> None:
    """Unpack this machine's own versions of *packages* into the folder *into*; raise AptFailed. Needs no root."""
    with homes.temporary_folder(into.parent) as folder:
        _download(packages, folder)
        for deb in sorted(folder.glob("*.deb")):
            unpack(deb, folder / "root")
        _put(folder / "root", into)


def unpack(deb: Path, into: Path) -> None:
    """Unpack *deb* into a folder, running none of its scripts."""
    into.mkdir(parents=True, exist_ok=True)
    _run(["dpkg-deb", "-x", str(deb), str(into)])


class Suite:
    """Another Debian suite beside the machine's own, in a state folder of its own: /etc/apt and /var/lib/apt stay untouched."""

    def __init__(self, suite: str, cache: Path, *, say: Callable[[str], None]) -> None:
        self.suite = suite
        self.folder = cache / f"apt-{suite}"
        self._say = say

    def packages(self, names: Sequence[str], *, with_dependencies: bool) -> list[Path]:
        """Return the files of *names*, downloaded; with all that they need on an empty machine if asked. Raises AptFailed.

        One process at a time: apt's own locks are off, since the folder is ours, and two at once would write into one another's files.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "in-use").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)  # the kernel gives it back, however we end
            return self._packages(names, with_dependencies=with_dependencies)

    def _packages(self, names: Sequence[str], *, with_dependencies: bool) -> list[Path]:
        self._prepare()
        self._say(f"fetching {', '.join(names)} of Debian {self.suite}")
        if not with_dependencies:
            target = self.folder / "single"
            target.mkdir(exist_ok=True)
            listed = self._files(["--print-uris", "download", *names])
            if not all((target / name).exists() for name in listed):
                _run(["apt-get", *self._options(), "-qq", "download", *names], cwd=target)
            return [target / name for name in listed]
        _run(["apt-get", *self._options(), "-qq", "-y", "--download-only", "install", *names])
        nowhere = ["-o", f"Dir::Cache::archives={self.folder / 'none'}"]
        return [self.folder / "archives" / name for name in self._files([*nowhere, "--print-uris", "-y", "install", *names])]

    def _prepare(self) -> None:
        for name in ("lists/partial", "archives/partial", "none/partial", "etc/sources.list.d", "etc/preferences.d", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        status = self.folder / "status"
        if not status.exists():
            status.touch()  # an empty dpkg database: apt resolves as for an empty machine
        keyring = next((path for path in _KEYRINGS if Path(path).exists()), None)
        signed = f" [signed-by={keyring}]" if keyring else ""
        sources = self.folder / "etc/sources.list"
        sources.write_text(f"deb{signed} {_mirror(self._say)} {self.suite} main\n", encoding="utf-8")
        ages = [time.time() - path.stat().st_mtime for path in (self.folder / "lists").glob("*_Packages*")]
        if not ages or max(ages) > INDEX_AGE_SECONDS:
            self._say(f"asking Debian for the index of {self.suite}")
            _run(["apt-get", *self._options(), "-qq", "update"])
            for path in (self.folder / "lists").glob("*_Packages*"):
                os.utime(path)  # apt keeps the archive's own time, which says nothing of ours

    def _files(self, arguments: Sequence[str]) -> list[str]:
        lines = _run(["apt-get", *self._options(), "-qq", *arguments]).splitlines()
        return [words[1] for line in lines if line.startswith("'") and len(words := line.split()) > 1]

    def _options(self) -> list[str]:
        settings = {
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "archives",
            "Dir::Etc::sourcelist": self.folder / "etc/sources.list",
            "Dir::Etc::sourceparts": self.folder / "etc/sources.list.d",
            "Dir::Etc::preferencesparts": self.folder / "etc/preferences.d",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Log": self.folder / "log",
            "Acquire::Languages": "none",
            "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "1",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _mirror(say: Callable[[str], None]) -> str:
    """Return the address that this machine itself uses for Debian's main archive."""
    for attempt in (1, 2):
        answer = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"])
        found = [line for line in answer.splitlines() if line.rstrip("/").endswith("/debian")]
        if found:
            return found[0]
        if attempt == 1 and os.geteuid() == 0:  # a fresh machine has no index yet, and so names none
            say("asking Debian for its package index (apt-get update)")
            _run(["apt-get", *_LOCK, "-qq", "update"])
    raise AptFailed("apt's configuration names no Debian archive (run apt-get update first)")


def _download(packages: Sequence[str], folder: Path) -> None:
    command = ["apt-get", "-qq", *(["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []), "download", *packages]
    try:
        _run(command, cwd=folder)
    except AptFailed:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", *_LOCK, "-qq", "update"])
        _run(command, cwd=folder)


def _put(made: Path, into: Path) -> None:
    """Move *made* to *into* unless another process was quicker."""
    if into.exists():
        shutil.rmtree(into, ignore_errors=True)
    try:
        made.rename(into)
    except OSError:
        if not into.exists():
            raise


def _run(command: Sequence[str], *, cwd: Path | None = None) -> str:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        answer = subprocess.run(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise AptFailed(f"{command[0]}: {error.strerror}") from error
    if answer.returncode:
        lines = answer.stderr.splitlines()
        words = [line for line in lines if line.startswith(("E:", "dpkg", "Err"))] or lines or [f"exit code {answer.returncode}"]
        raise AptFailed(f"{command[0]} failed: {'; '.join(words[-3:])}")
    return answer.stdout
