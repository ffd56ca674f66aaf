"""Docker-in-Docker: an engine in a container of another engine, from Debian's packages, without a registry and without `privileged`.

Rule 1: the nested engine is reached by a socket in a bound folder: no port, no TLS, and no network on the way.
Rule 2: its data lie in a volume of the outer engine, and go with it; killing the container ends every process of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError, NotFound, Unreachable
from dockstore.engines.polling import until
from dockstore.engines.providers import debian, homes, ownership, ping, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dockstore.engines.engine import Engine, Json

SUITES = ("trixie", "bookworm")  # a suite that has vanished or moved on gives way to the next
NAME = "localhost/dockstore-dind"
LABEL = "io.dockstore.dind"
DISPOSABLE = "io.dockstore.disposable=1"
SCRATCH = "/var/tmp"  # noqa: S108  # bound at the same path, so that scratch folders are the same ones on both sides
START_SECONDS = 60.0
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "MKNOD", "SYS_CHROOT", "DAC_READ_SEARCH", "SYSLOG", "LINUX_IMMUTABLE")

_PACKAGES = ("docker.io", "iptables", "busybox-static", "ca-certificates")
_LEFT_OUT = ("perl", "debconf", "passwd_", "login", "adduser", "libdb5", "dmsetup_")  # what dockerd never calls
_EXCLUDED = (
    "./usr/share/doc*", "./usr/share/man*", "./usr/share/locale*", "*/ctr", "*/containerd-stress", "*/containerd-shim", "*/containerd-shim-runc-v1",
    "./usr/share/bash-completion*", "./usr/share/zsh*", "./usr/lib/*/gconv*", "./usr/lib/systemd*",
)  # fmt: skip
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\ndocker:x:999:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True)
class NestedEngine:
    """An engine in the container *container* of *outer*; its socket lies in *folder*."""

    outer: Engine
    container: str
    name: str
    folder: Path

    @property
    def socket(self) -> Path:
        """The nested engine's socket."""
        return self.folder / "docker.sock"

    @property
    def address(self) -> str:
        """The nested engine's address."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it; return when it answers. Raises EngineError."""
        self.outer.start_container(self.container)
        self.wait()

    def stop(self) -> None:
        """End it in order."""
        self.outer.stop_container(self.container, timeout_seconds=30)

    def kill(self) -> None:
        """SIGKILL. The container's init goes with its daemon, and so do all containers in it."""
        self.outer.kill_container(self.container, signal="KILL")
        self.outer.wait_container(self.container, condition="not-running", timeout_seconds=30)

    def reboot(self) -> None:
        """Kill it with all its containers, and start it."""
        self.kill()
        self.start()

    def remove(self) -> None:
        """Remove it with its data. Raises EngineError, OSError."""
        with contextlib.suppress(NotFound):
            self.outer.remove_container(self.container, force=True, volumes=True)
        processes.remove_cgroups(self.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self) -> None:
        """Return when it answers. Raises Unreachable with its last words."""

        def over() -> bool:
            return ping.ping(str(self.socket)) or not self._running()

        if not (until(over, timeout_seconds=START_SECONDS, every_seconds=0.05) and ping.ping(str(self.socket))):
            raise Unreachable(f"start a nested engine: {self.outer.logs(self.container, tail=3).strip()}", "name another engine with --engine")

    def _running(self) -> bool:
        state = self.outer.inspect_container(self.container).get("State")
        return isinstance(state, dict) and state.get("Running") is True


def image_of(engine: Engine) -> str | None:
    """Return the reference of the Docker-in-Docker image that *engine* has, or None."""
    for suite in SUITES:
        reference = f"{NAME}:{suite}"
        try:
            engine.inspect_image(reference)
        except NotFound:
            continue
        return reference
    return None


def bring_up(outer: Engine, *, say: Callable[[str], None]) -> NestedEngine:
    """Start a nested engine in *outer*. Raises Unreachable, EngineError."""
    image = image_of(outer)
    if image is None:
        raise Unreachable(f"no nested engine: the engine has no image {NAME}", "make it on Debian: `python -m dockstore.engines.providers dind`")
    say("starting an engine in a container (Docker-in-Docker)")
    token = secrets.token_hex(5)
    name = f"dockstore-dind-{token}"
    folder = homes.runtime() / name
    folder.mkdir(mode=0o700, parents=True)
    container = ""
    try:
        container = outer.create_container(name, container_body(image, name, folder))
        nested = NestedEngine(outer, container, name, folder)
        nested.start()
    except BaseException:
        if container:
            with contextlib.suppress(EngineError):
                outer.remove_container(container, force=True, volumes=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return nested


def container_body(image: str, name: str, folder: Path) -> Json:
    """Return the create body of a nested engine: what it needs of `privileged`, and no more."""
    labels = ownership.labels("dind")
    binds = (("/sys/fs/cgroup", "/sys/fs/cgroup"), (str(folder), "/run/dind"), (SCRATCH, SCRATCH))
    mounts: list[Json] = [{"Type": "bind", "Source": source, "Target": target} for source, target in binds]
    mounts.append({"Type": "volume", "Target": "/var/lib/docker", "VolumeOptions": {"Labels": labels}})
    group = str(os.getgid())  # lets a caller in who is not root
    daemon = ["-H", "unix:///run/dind/docker.sock", "--group", group, "--tls=false", f"--cgroup-parent=/{name}", "--label", DISPOSABLE]
    return {
        "Image": image,
        "Hostname": "dind",
        "Cmd": ["dockerd", *daemon],
        "Labels": labels,
        "HostConfig": {
            "Init": True,  # reaps what a killed daemon leaves: a zombie containerd would stop the next start
            "CapAdd": list(CAPABILITIES),  # all of `privileged` would need CAP_SYS_RESOURCE too, which some machines lack
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
            "MaskedPaths": [],
            "ReadonlyPaths": [],
            "DeviceCgroupRules": ["a *:* rwm"],
            "CgroupnsMode": "host",
            "Mounts": mounts,
            "Tmpfs": {"/run": "exec", "/tmp": "exec"},  # noqa: S108
        },
    }


def ensure_image(engine: Engine, cache: Path, *, say: Callable[[str], None], suites: tuple[str, ...] = SUITES) -> str:
    """Return the Docker-in-Docker image's reference, making the image from Debian's packages if need be. Raises EngineError."""
    there = image_of(engine)
    if there is not None:
        return there
    if not debian.is_debian():
        raise EngineError("make the Docker-in-Docker image: it is made of Debian's packages, and this is not Debian")
    said: list[str] = []
    for suite in suites:
        reference = f"{NAME}:{suite}"
        try:
            with homes.temporary_folder(cache) as folder:
                root = unpacked(suite, cache, folder / "root", say=say)
                say(f"importing {reference}")
                changes = ["ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VOLUME /var/lib/docker", 'CMD ["dockerd"]', f"LABEL {LABEL}={suite}"]
                engine.import_image(_tar(root), reference, changes=changes)
        except debian.AptFailed as error:
            said.append(f"{suite}: {error}")
            continue
        return reference
    raise EngineError("make the Docker-in-Docker image: " + "; ".join(said))


def unpacked(suite: str, cache: Path, root: Path, *, say: Callable[[str], None]) -> Path:
    """Unpack a root folder with a Docker Engine in it; no maintainer script runs, so their work is done here. Raises AptFailed."""
    names = [*_PACKAGES, *([] if suite == "bookworm" else ["docker-cli"])]
    debs = debian.Suite(suite, cache, say=say).packages(names, with_dependencies=True)
    say(f"unpacking {len(debs)} packages")
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "run", "tmp", "var/lib/docker", "proc", "sys", "dev", "root"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "var/run").symlink_to("/run")
    (root / "tmp").chmod(0o1777)
    for deb in debs:
        if not deb.name.startswith(_LEFT_OUT):
            _unpack(deb, root)
    _finish(root)
    return root


def _unpack(deb: Path, root: Path) -> None:
    """Unpack into merged folders: a package from before the merge ships ./bin and ./lib."""
    excluded = [f"--exclude={pattern}" for pattern in _EXCLUDED]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
        answer = subprocess.run(
            ["tar", "-x", "-C", root, "--keep-directory-symlink", *excluded], stdin=source.stdout, capture_output=True, text=True, check=False
        )
    if answer.returncode or source.returncode:
        raise debian.AptFailed(f"unpack {deb.name}: {answer.stderr.strip()}")


def _finish(root: Path) -> None:
    box = root / "usr/bin/busybox"
    applets = subprocess.run([box, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:  # where no real tool is
        if not any((root / folder / applet).is_symlink() or (root / folder / applet).exists() for folder in ("usr/bin", "usr/sbin")):
            (root / "usr/bin" / applet).symlink_to("busybox")
    for tool in ("iptables", "ip6tables"):
        for link, target in ((tool, f"{tool}-nft"), (f"{tool}-save", f"{tool}-nft-save"), (f"{tool}-restore", f"{tool}-nft-restore")):
            (root / "usr/sbin" / link).unlink(missing_ok=True)
            (root / "usr/sbin" / link).symlink_to(f"/usr/sbin/{target}")
    if (root / "usr/bin/tini-static").exists():  # --init needs a static one
        for folder in ("usr/bin", "usr/sbin", "usr/libexec/docker"):
            (root / folder / "docker-init").unlink(missing_ok=True)
        (root / "usr/bin/docker-init").symlink_to("tini-static")
    for path, content in _FILES.items():
        (root / path).write_text(content, encoding="utf-8")
    subprocess.run(["ldconfig", "-r", root], capture_output=True, check=False, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})


def _tar(root: Path) -> Iterator[bytes]:
    """Stream *root* as a tar; raise EngineError if tar fails."""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            ["tar", "-c", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "."], stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        if process.stdout is None:
            raise EngineError("tar has no output")
        while chunk := process.stdout.read(1 << 20):
            yield chunk
        if process.wait():
            errors.seek(0)
            raise EngineError(f"pack the Docker-in-Docker image: {errors.read().decode(errors='replace').strip()}")
