"""Folders that really lie on the network: Debian's sftp-server behind a TCP port on loopback, mounted by sshfs. No keys, no kernel NFS.

Rule 1: a folder is served by the same place again after an unmount, so that its files come back.
Rule 2: nothing of it outlives us: the server ends with our end of a pipe, and sshfs with its server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.polling import until
from dockstore.engines.providers import processes

if TYPE_CHECKING:
    from collections.abc import Callable

MOUNT_SECONDS = 10.0
OPTIONS = "allow_other,default_permissions,dir_cache=no,entry_timeout=0,attr_timeout=0,negative_timeout=0"  # containers are other users


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The programs, and where their libraries lie if they are only unpacked."""

    sshfs: Path
    sftp_server: Path
    libraries: str = ""


@dataclass(slots=True)
class NetworkFolders:
    """Network folders of one opened engine. *refusal*: why there can be none."""

    cache: Path
    refusal: str | None
    _tools: Tools | None = None
    _server: subprocess.Popen[str] | None = None
    _port: int = 0
    _mounted: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _served: dict[str, Path] = field(default_factory=dict)

    def mount(self, path: str) -> None:
        """Mount the network folder that belongs to *path* (an existing folder, absolute). Raises EngineError."""
        if self.refusal is not None or self._tools is None:
            raise EngineError(f"mount a network folder at {path}: {self.refusal}")
        self._serve(self._tools)
        served = self._served.setdefault(path, self._home() / f"{len(self._served)}")
        served.mkdir(parents=True, exist_ok=True)
        command = [str(self._tools.sshfs), "-f", "-o", f"directport={self._port},{OPTIONS}", f"127.0.0.1:{served}", path]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environ(self._tools), start_new_session=True
        )
        until(lambda: _is_mounted(path) or process.poll() is not None, timeout_seconds=MOUNT_SECONDS, every_seconds=0.02)
        if not _is_mounted(path):
            process.kill()
            words = process.communicate()[1].decode(errors="replace").strip()
            raise EngineError(f"mount a network folder at {path}: {words or 'sshfs says nothing'}")
        self._mounted[path] = process

    def unmount(self, path: str) -> None:
        """Unmount it; its files stay where they are served. Raises EngineError."""
        process = self._mounted.pop(path, None)
        if process is None:
            raise EngineError(f"unmount {path}: no network folder is mounted there")
        processes.unmount_below(Path(path))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.kill()
        process.communicate()

    def close(self) -> None:
        """Unmount all, stop the server, remove what was served."""
        for path in list(self._mounted):
            self.unmount(path)
        if self._server is not None:
            self._server.communicate()  # closes our end of the pipe, which ends the server
            self._server = None
        shutil.rmtree(self._home(), ignore_errors=True)

    def _home(self) -> Path:
        return self.cache / f"served-{os.getpid()}-{processes.started_at(os.getpid())}-{id(self):x}"

    def _serve(self, tools: Tools) -> None:
        if self._server is not None and self._server.poll() is None:
            return
        _sweep(self.cache)
        from dockstore.engines.providers import netfolder_server

        command = [sys.executable, "-I", netfolder_server.__file__, str(tools.sftp_server)]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environ(tools), start_new_session=True
        )
        line = self._server.stdout.readline() if self._server.stdout is not None else ""
        if not line.strip().isdigit():
            raise EngineError("start the file server of a network folder: it named no port")
        self._port = int(line)


def folders(cache: Path) -> NetworkFolders:
    """Return the network folders that can be had here, or why not."""
    found = tools(cache)
    if os.geteuid() != 0:
        return NetworkFolders(cache, "only root may mount")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return NetworkFolders(cache, "this kernel offers no FUSE (/dev/fuse)")
    if found is None:
        return NetworkFolders(cache, "sshfs is not there (on Debian `dockstore engine setup` unpacks it)")
    return NetworkFolders(cache, None, found)


def tools(cache: Path) -> Tools | None:
    """Return the programs: installed, or unpacked in the cache."""
    sshfs, server = shutil.which("sshfs"), Path("/usr/lib/openssh/sftp-server")
    if sshfs is not None and server.exists():
        return Tools(sshfs=Path(sshfs), sftp_server=server)
    root = cache / "netfolder"
    sshfs_there, server = root / "usr/bin/sshfs", root / "usr/lib/openssh/sftp-server"
    if not (sshfs_there.exists() and server.exists()):
        return None
    libraries = [str(path) for name in ("usr/lib", "lib") for path in sorted((root / name).glob("*-linux-gnu*")) if path.is_dir()]
    return Tools(sshfs=sshfs_there, sftp_server=server, libraries=":".join(libraries))


def prepare(cache: Path, *, say: Callable[[str], None]) -> None:
    """Unpack the programs into the cache if they are not there. Raises AptFailed."""
    if tools(cache) is not None:
        return
    from dockstore.engines.providers import debian

    old = debian.os_release().get("VERSION_CODENAME") == "bookworm"
    say("fetching sshfs from Debian")
    names = ("sshfs", "fuse3", "openssh-sftp-server", *(("libfuse3-3", "libglib2.0-0") if old else ("libfuse3-4", "libglib2.0-0t64")))
    debian.download_here(names, into=cache / "netfolder")


def _environ(tools: Tools) -> dict[str, str]:
    return {**os.environ, **({"LD_LIBRARY_PATH": tools.libraries} if tools.libraries else {})}


def _is_mounted(path: str) -> bool:
    return os.path.realpath(path) in processes.mounts_below(Path(os.path.realpath(path)))


def _sweep(cache: Path) -> None:
    """Remove what dead processes had served."""
    for folder in cache.glob("served-*-*-*"):
        pid, began = folder.name.split("-")[1:3]
        if processes.started_at(int(pid)) != began:
            shutil.rmtree(folder, ignore_errors=True)
