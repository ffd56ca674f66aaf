"""What the user's external volumes hold, copied into the scratch ones that stand in their place.

Rule 1: the user's volume is read only: by us, or by a container that has it mounted so.
Rule 2: the same limits as for bind sources that somebody asked for;
        a volume whose place cannot be seen is copied by a container.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.history import Made
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.engines.lab import LAB_IMAGE
from dockstore.engines.polling import until
from dockstore.runner import copying
from dockstore.runner.scene import read_scene, section, volume_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.core.neutral import Json
    from dockstore.runner.stage import Seat

FILL_SECONDS = 900.0
WITHOUT = "without --with-data the copy begins empty"


class Unplayable(EngineError):  # noqa: N818
    """The copy cannot be had: an image is missing, a build fails, the engine has no room. *hint* is the way out."""

    def __init__(self, fact: str, hint: str | None = None) -> None:
        super().__init__(fact)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """Fills scratch volumes on one engine."""

    seat: Seat
    name: str  # of the container that copies where we cannot
    labels: Mapping[str, str]
    made: Callable[[Made], None]
    local: bool  # the engine's host is this machine
    stop: Callable[[], bool]
    limits: list[str]

    def fill(self, source: str, target: str) -> None:
        """Copy what volume *source* holds into volume *target*. Raises EngineError."""
        there = volume_facts(self.seat, source)
        if there is None:
            self.limits.append(f"the external volume {source} is not there: its scratch one begins empty")
            return
        here = volume_facts(self.seat, target)
        if self.local and here is not None and not there.elsewhere and Path(there.mountpoint).is_dir() and Path(here.mountpoint).is_dir():
            self._by_us(source, Path(there.mountpoint), Path(here.mountpoint))
        elif self._may_be_copied(source, there.mountpoint):
            self._by_a_container(source, target)

    def _by_us(self, source: str, there: Path, here: Path) -> None:
        left = copying.budget(asked=True, stop=self.stop)
        try:
            copying.copy_folder(f"the external volume {source}", there, here, left)
        except OSError as error:
            raise Unplayable(f"copy volume {source}: {(error.strerror or str(error)).lower()}", WITHOUT) from error
        self.limits.extend(limit for limit in left.limits if limit not in self.limits)

    def _may_be_copied(self, source: str, mountpoint: str) -> bool:
        """Whether it is not too much, as far as the host can be seen."""
        files = size = 0
        try:
            for item in self.seat.host.walk(mountpoint, limit_files=copying.MOST_ASKED_FILES):
                files += 1
                size += item.stat.size_bytes if item.stat.type == "file" else 0
        except Unseen:
            if files < copying.MOST_ASKED_FILES:
                return True  # nobody can tell
        if files < copying.MOST_ASKED_FILES and size <= copying.MOST_ASKED_BYTES:
            return True
        most = f"{copying.MOST_ASKED_FILES:,} files or {copying.MOST_ASKED_BYTES >> 30} GiB"
        self.limits.append(f"the external volume {source} holds more than {most}: the copy begins empty")
        return False

    def _by_a_container(self, source: str, target: str) -> None:
        mounts = [{"Type": "volume", "Source": source, "Target": "/from", "ReadOnly": True}, {"Type": "volume", "Source": target, "Target": "/to"}]
        config: Json = {
            "Image": LAB_IMAGE,
            "Cmd": ["sh", "-c", "cp -a /from/. /to/"],
            "Labels": dict(self.labels),
            "HostConfig": {"Mounts": mounts, "NetworkMode": "none"},
        }
        container = self.seat.engine.create_container(self.name, config)
        self.made(Made(kind="container", id=container, name=self.name))
        try:
            self.seat.engine.start_container(container)
            self._copied(source, container)
        finally:
            self.seat.engine.remove_container(container, force=True, volumes=True)

    def _copied(self, source: str, container: str) -> None:
        def ended() -> bool:
            return self.stop() or read_scene(self.seat.engine.inspect_container(container)).status == "exited"

        if not until(ended, timeout_seconds=FILL_SECONDS, every_seconds=0.2):
            raise Unplayable(f"copy volume {source}: not done within {FILL_SECONDS:g} s", WITHOUT)
        if self.stop():
            return
        code = section(self.seat.engine.inspect_container(container), "State").get("ExitCode")
        if code != 0:
            raise Unplayable(f"copy volume {source}: cp ended with exit code {code}", WITHOUT)
