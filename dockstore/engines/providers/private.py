"""A private Docker Engine: our own `dockerd`, beside or without anybody else's.

Rule 1: it has its own data root, exec root, sockets, pid file, configuration, cgroup and network name space; nothing is written elsewhere.
Rule 2: a strike (kill, reboot) hits what is ours by command line or cgroup, and nothing else.
Rule 3: it is ready when it answers a ping, not when its socket is there; one that dies meanwhile is reported with its last words.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.polling import until
from dockstore.engines.providers import homes, ping, processes
from dockstore.engines.providers.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

LABEL = "io.dockstore.disposable=1"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOG_BYTES = 8 << 20
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DAEMONS = ("dockerd", "containerd")
_FAMILY = (*_DAEMONS, "containerd-shim", "containerd-shim-runc-v2"[:15], "docker-proxy", "runc", "docker-init")


@dataclass(frozen=True, slots=True)
class PrivateEngine:
    """An engine whose data lie in *folder*; whether it runs is a question of the moment.

    Everything short-lived lies in a short folder below /run, named after the data folder's identity on this machine.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The engine's name: of its folder below /run, and of its cgroup."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stat = self.folder.stat()
        space = Path("/proc/self/ns/pid").readlink()  # another pid name space cannot see our processes, and must not share our names
        return "dockstore-" + hashlib.sha256(f"{self.folder.resolve()}:{stat.st_dev}:{stat.st_ino}:{space}".encode()).hexdigest()[:10]

    @property
    def run(self) -> Path:
        """The folder of sockets, pid files and the exec root."""
        return homes.RUNTIME / self.name

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.run / "docker.sock"

    @property
    def address(self) -> str:
        """The engine's address."""
        return f"unix://{self.socket}"

    @property
    def disk(self) -> Disk | None:
        """The disk of its own that it was made with (`make_disk`), which can lose power."""
        image = self.folder / "disk"
        return Disk(image, self.folder / "data") if image.exists() else None

    @property
    def data_root(self) -> Path:
        """Where the engine keeps its data."""
        return self.folder / "data" / "docker" if self.disk is not None else self.folder / "data"

    @property
    def scratch_root(self) -> Path | None:
        """A folder on the disk that can lose power, for what scenarios bind; None: any folder will do."""
        return self.folder / "data" / "scratch" if self.disk is not None else None

    @property
    def log(self) -> Path:
        """What the daemon has said."""
        return self.folder / "log"

    def answers(self) -> bool:
        """Whether it runs and answers."""
        return self.socket.exists() and ping.ping(str(self.socket))

    def daemon(self) -> int | None:
        """Return the daemon's process number, if it lives."""
        pid = processes.read_pid(self.run / "docker.pid")
        return pid if pid is not None and self._ours(pid) and processes.command(pid) == "dockerd" else None

    def start(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Start it if it does not answer; return when it does. Raises Unreachable."""
        if self.answers():
            return
        refusal = impossible()
        if refusal is not None:
            raise refusal
        say("starting a private engine")
        self._clear_the_way()
        pid = self._launch()
        alive = until(lambda: self.answers() or processes.started_at(pid) is None, timeout_seconds=START_SECONDS, every_seconds=0.02)
        if not (alive and self.answers()):
            words = self.last_words()
            self.kill_all()
            raise Unreachable(f"start a private engine: {words}", f"its log: {self.log}")
        self._check_driver()

    def stop(self) -> None:
        """Stop it in order: containers get their grace period. Raises EngineError if it will not go."""
        pid = self.daemon()
        if pid is None:
            return
        processes.kill([pid], signal.SIGTERM)
        if not processes.gone([pid], timeout_seconds=STOP_SECONDS):
            raise EngineError(f"stop the private engine (process {pid}): it is still there after {STOP_SECONDS:.0f} s")
        processes.gone(processes.with_words(str(self.run), _DAEMONS), timeout_seconds=5)

    def kill(self) -> None:
        """SIGKILL to the daemon, and only to it: its containers go on, with nobody in charge."""
        pid = self.daemon()
        if pid is None:
            return
        daemons = processes.with_words(str(self.run), _DAEMONS)
        processes.kill([pid])
        if not processes.gone([*daemons, pid], timeout_seconds=10):  # containerd goes with its parent
            raise EngineError(f"kill the private engine (process {pid}): it is still there after 10 s")

    def kill_all(self) -> None:
        """SIGKILL to every process of the engine: daemon, containerd, shims and containers, as when a machine goes down."""
        pid = self.daemon()
        if pid is not None:
            processes.kill([pid])  # first, so that it takes no note of the others' deaths
        everybody: list[int] = []

        def empty() -> bool:
            everybody[:] = [*processes.with_words(str(self.run) + "/", _FAMILY), *processes.in_cgroup(self.name)]
            processes.kill(everybody)
            return not any(processes.started_at(each) for each in everybody)

        if not until(empty, timeout_seconds=10, every_seconds=0.02):
            raise EngineError(f"kill the private engine's processes: {everybody} are still there after 10 s")

    def tidy(self) -> None:
        """Take away what a stopped engine leaves outside its data folder: mounts, cgroups, its folder below /run."""
        processes.unmount_below(self.folder)
        processes.remove_cgroups(self.name)
        if self.run.exists():
            processes.remove_tree(self.run)

    def reboot(self, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Kill everything at once, forget what memory held, start again."""
        self.kill_all()
        self._forget_memory()
        self.start(say=say)

    def make_disk(self) -> None:
        """Give it a disk of its own before its first start. Raises EngineError."""
        if self.disk is None and not (self.folder / "data").exists():
            Disk(self.folder / "disk", self.folder / "data").mount()

    def power_loss(self) -> None:
        """Cut the power of its disk and end every process at once; then power comes back. Raises EngineError.

        What was not synced is gone. (A disk's own volatile cache, which may lose more, is not modelled.)
        """
        disk = self.disk
        if disk is None:
            raise EngineError("cut the private engine's power: it has no disk of its own")
        disk.cut()
        self.kill_all()
        self._forget_memory()
        disk.unmount()
        self.start()

    def clean(self) -> None:
        """Remove the engine with its data: processes, mounts, cgroups, files. Raises OSError, EngineError."""
        with contextlib.suppress(EngineError):
            self.stop()
        self.kill_all()
        self.tidy()
        processes.remove_tree(self.folder)

    def last_words(self) -> str:
        """Return the daemon's last complaints."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "it left no log"
        complaints = [line for line in lines[-60:] if "level=info" not in line and "level=warning" not in line and line.strip()]
        return "; ".join(complaints[-2:]) or "it said nothing"

    def _launch(self) -> int:
        if self.disk is not None:
            self.disk.mount()
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.chmod(0o700)
        for folder in (self.data_root, self.scratch_root, self.run / "exec"):
            if folder is not None:
                folder.mkdir(exist_ok=True)
        (self.run / "folder").write_text(str(self.folder.absolute()), encoding="utf-8")
        configuration = self.run / "daemon.json"
        configuration.write_text(json.dumps(self._configuration(), indent=1), encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                self.log.replace(self.log.with_name("log.1"))
        from dockstore.engines.providers import launch

        command = [sys.executable, "-I", launch.__file__, str(self.log), dockerd() or "dockerd", "--config-file", str(configuration)]
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")} | {"PATH": _path()}
        answer = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise Unreachable(f"start a private engine: {answer.stderr.strip()}", "root with the right to make name spaces is needed")
        return int(answer.stdout)

    def _configuration(self) -> dict[str, object]:
        settings: dict[str, object] = {
            "data-root": str(self.data_root.absolute()),
            "exec-root": str(self.run / "exec"),
            "pidfile": str(self.run / "docker.pid"),
            "hosts": [self.address],
            "group": "root",
            "cgroup-parent": f"/{self.name}",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "labels": [LABEL],
        }
        if _old_key_file():  # up to version 24 the engine's id lies in /etc/docker, and all engines of a host would share it
            settings["deprecated-key-path"] = str((self.folder / "key.json").absolute())
        return settings

    def _clear_the_way(self) -> None:
        """Take away what a killed daemon left and would stumble over: it asks only whether a number is alive."""
        daemon = self.daemon()
        if daemon is not None:  # it lives and does not answer: give it a moment, then it is no use to anybody
            if until(self.answers, timeout_seconds=10):
                return
            self.kill()
        processes.gone(processes.with_words(str(self.run), _DAEMONS), timeout_seconds=5)
        for path in (self.run / "docker.pid", self.run / "exec/containerd/containerd.pid"):
            pid = processes.read_pid(path)
            if pid is None or not self._ours(pid):
                path.unlink(missing_ok=True)

    def _forget_memory(self) -> None:
        """What lay in memory is gone. The folder itself stays: others may hold a lock on it."""
        processes.unmount_below(self.run)
        processes.unmount_below(self.folder)
        processes.remove_cgroups(self.name)
        for path in self.run.iterdir() if self.run.is_dir() else ():
            processes.remove_tree(path)

    def _ours(self, pid: int) -> bool:
        return str(self.run) + "/" in processes.command_line(pid)

    def _check_driver(self) -> None:
        info = ping.get_json(str(self.socket), "/info")
        if info is not None and info.get("Driver") == "vfs":
            self.stop()
            kind = homes.file_system(self.folder)
            raise Unreachable(
                f"start a private engine: its data would lie on {kind} ({self.folder}), where only the vfs driver works",
                "set DOCKSTORE_HOME to a folder on ext4, xfs or btrfs (in a container: a volume)",
            )


def recognise(address: str) -> PrivateEngine | None:
    """Return the private engine behind *address*, if it is one of ours."""
    path = Path(address.removeprefix("unix://"))
    note = path.with_name("folder")
    if not address.startswith("unix://") or not note.is_file():
        return None
    engine = PrivateEngine(Path(note.read_text(encoding="utf-8")))
    return engine if engine.folder.is_dir() and engine.socket == path else None


def impossible() -> Unreachable | None:
    """Return why no private engine can be had here, or None."""
    if sys.platform != "linux":
        return Unreachable("no private engine: it needs Linux", "name an engine with --engine or DOCKER_HOST")
    absent = missing()
    if absent:
        way_out = "as root on Debian: `dockstore engine setup`; or name an engine with --engine or DOCKER_HOST"
        return Unreachable(f"no private engine: {', '.join(absent)} not installed", way_out)
    if os.geteuid() != 0:
        return Unreachable("no private engine: it needs root", "run as root, or name an engine with --engine or DOCKER_HOST")
    return None


def missing() -> list[str]:
    """Return the programs of an engine that are not installed."""
    return [name for name in ("dockerd", "containerd", "runc", "iptables") if shutil.which(name, path=_path()) is None]


def dockerd() -> str | None:
    """Return the path of the daemon's program."""
    return shutil.which("dockerd", path=_path())


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:{_SEARCH}".lstrip(":")


def _old_key_file() -> bool:
    program = dockerd()
    if program is None:
        return False
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    number = answer.stdout.partition("version ")[2].partition(".")[0]
    return number.isdigit() and int(number) < 23
