"""A harmless copy of somebody's stack on one engine: resolved, made neutral, images there, binds copied, brought up, tidied away.

Rule 1: every name of it holds the run's id; what it made is noted before anything else is done with it.
Rule 2: it is played by Compose from one file of ours; the user's files are only read.
Rule 3: it goes by project label and by every volume name ever seen: anonymous volumes of earlier rounds carry no label.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from dockstore.core.history import Made
from dockstore.core.neutral import renamed
from dockstore.engines.errors import Conflict, EngineError, NotFound, Unsure
from dockstore.engines.host import Unseen
from dockstore.engines.polling import until
from dockstore.runner import copying
from dockstore.runner.drill_compose import ComposeFailed
from dockstore.runner.fetching import Fetcher
from dockstore.runner.filling import Filling, Unplayable
from dockstore.runner.scene import NONCE_LABEL, Scene, read_scene, section, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dockstore.core.neutral import Json, Neutral
    from dockstore.runner.drill_compose import Player, Ran
    from dockstore.runner.stage import Seat

PROJECT, SERVICE, NUMBER, ONEOFF = (f"com.docker.compose.{name}" for name in ("project", "service", "container-number", "oneoff"))
UP_SECONDS = 240.0
DOWN_SECONDS = 180.0
BUILD_SECONDS = 1800.0
PULL_SECONDS = 900.0
LARGE_SECONDS = 300.0  # what is large is removed for minutes
_TIDY_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class StackCopy:
    """The copy. *project* and *file* are what is played now: the base, the renamed or the upgraded stack."""

    seat: Seat
    player: Player
    neutral: Neutral
    upgraded: Neutral | None
    scratch: Path
    labels: Mapping[str, str]
    nonce: Callable[[], str]
    made: Callable[[Made], None]
    local: bool = True  # the engine's host is this machine
    keep: bool = False
    with_data: bool = False
    name_fixed: bool = False
    project: str = ""
    variant: str = "base"
    projects: list[str] = field(default_factory=list)
    volumes: dict[str, None] = field(default_factory=dict)  # every name ever seen
    carried: list[str] = field(default_factory=list)  # images that we built or loaded
    limits: list[str] = field(default_factory=list)
    declared: dict[str, frozenset[str]] = field(default_factory=dict)  # service -> targets that its file names

    # --- making it ------------------------------------------------------------------------------------------------------

    def prepare(self, *, stop: Callable[[], bool]) -> None:
        """Make the folder, copy the binds, create the external volumes. Raises Unplayable, EngineError."""
        self.project = self.neutral.project
        self.projects.append(self.project)
        self.made(Made(kind="folder", id=str(self.scratch), name="scratch"))
        try:
            (self.scratch / "model").mkdir(parents=True)
            (self.scratch / "model").chmod(0o700)
            self.local = self._is_local()
            self._copy(stop)
        except OSError as error:
            raise Unplayable(f"{error.filename or self.scratch}: {(error.strerror or str(error)).lower()}", "is there room?") from error
        self._externals()
        self._write("base", self.neutral.model)
        if self.upgraded is not None:
            self._write("upgraded", self.upgraded.model)

    def _is_local(self) -> bool:
        """Whether the folder that we made is one of the engine's host (P10)."""
        try:
            there = self.seat.host.stat(str(self.scratch))
        except Unseen:
            return False
        here = self.scratch.stat()
        return there is not None and (there.device, there.inode) == (here.st_dev, here.st_ino)

    def _copy(self, stop: Callable[[], bool]) -> None:
        several = {item.source: item for item in (*self.neutral.copies, *(self.upgraded.copies if self.upgraded is not None else ()))}
        copies = tuple(several[source] for source in sorted(several))
        if not copies:
            return
        if self.local:
            self.limits += [limit for limit in copying.copy_all(copies, stop=stop, asked=self.with_data) if limit not in self.limits]
            return
        self.limits.append("the engine's host is not this machine: bind sources begin empty")
        for item in copies:
            with suppress(OSError, Unseen):
                _folders(self.seat, item.target)

    def _externals(self) -> None:
        for item in self._all_externals():
            try:
                self.seat.engine.inspect_volume(item)
            except NotFound:
                self.made(Made(kind="volume", id=item, name=item))
                self.volumes[item] = None
                self.seat.engine.create_volume(item, labels={**self.labels, NONCE_LABEL: self.nonce()})

    def externals_again(self) -> None:
        """Make the external volumes that are gone."""
        self._externals()

    def fill_externals(self, *, stop: Callable[[], bool]) -> None:
        """Copy what the user's external volumes hold into the scratch ones, read only. Raises EngineError."""
        filling = Filling(
            seat=self.seat, name=f"{self.neutral.project}-fill", labels=self.labels, made=self.made, local=self.local, stop=stop, limits=self.limits
        )
        for item in self.neutral.externals:
            if not stop():
                filling.fill(item.name, item.scratch)

    def _all_externals(self) -> list[str]:
        both = (*self.neutral.externals, *(self.upgraded.externals if self.upgraded is not None else ()))
        return list(dict.fromkeys(item.scratch for item in both))

    def _write(self, variant: str, model: Json) -> None:
        file = self.scratch / "model" / f"{variant}.json"
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(model, out)

    # --- images -----------------------------------------------------------------------------------------------------------

    def images(self, *, source: Seat | None = None, say: Callable[[str], None]) -> None:
        """See that every image is there: built, carried over from *source*, or pulled. Raises Unplayable."""
        for neutral in (self.neutral, *((self.upgraded,) if self.upgraded is not None else ())):
            if neutral.builds and source is None:
                self._build(neutral, say)
            for image in (*neutral.images, *neutral.builds.values()):
                self._image(image, source, say)
        if self.upgraded is not None:
            self.same_builds(self.upgraded)

    def same_builds(self, upgraded: Neutral) -> None:
        """Name an upgrade's image as the base does where the build came to the same: then `up` leaves the service alone."""
        for service, image in upgraded.builds.items():
            before = self.neutral.builds.get(service)
            if before is not None and before != image and self._id(before) == self._id(image):
                cast("Json", cast("Json", upgraded.model["services"])[service])["image"] = before
        self._write("upgraded", upgraded.model)

    def _id(self, image: str) -> object:
        return self.seat.engine.inspect_image(image).get("Id")

    def _build(self, neutral: Neutral, say: Callable[[str], None]) -> None:
        missing = [image for image in neutral.builds.values() if not self._has(image)]
        if not missing or neutral.build_model is None:
            return
        say(f"building {', '.join(neutral.builds)}")
        for image in missing:
            self.made(Made(kind="image", id=image, name=image))
            self.carried.append(image)
        self._write("build", neutral.build_model)
        ran = self.player.run(neutral.project, self._file("build"), ("build",), timeout_seconds=BUILD_SECONDS)
        if not ran.good:
            raise Unplayable(f"build {', '.join(neutral.builds)}: {ran.build_words}", "docker compose build shows the whole output")

    def _image(self, image: str, source: Seat | None, say: Callable[[str], None]) -> None:
        if self._has(image):
            return
        if source is not None:
            say(f"carrying {image} over")
            self.made(Made(kind="image", id=image, name=image))
            self.carried.append(image)
            self.seat.engine.load_image(source.engine.save_image([image]))
            return
        why = Fetcher(halt=self.player.halt, say=say, seconds=PULL_SECONDS).fetch(self.seat.engine, image)
        if why is not None:
            raise Unplayable(f"the image {image} is not here and cannot be pulled: {why}", "docker pull it, or build it first")

    def _has(self, image: str) -> bool:
        try:
            self.seat.engine.inspect_image(image)
        except NotFound:
            return False
        return True

    # --- playing ----------------------------------------------------------------------------------------------------------

    def _file(self, variant: str) -> Path:
        return self.scratch / "model" / f"{variant}.json"

    def switch(self, variant: str) -> None:
        """Go on as the renamed or the upgraded stack."""
        self.variant = variant
        if variant == "renamed" and self.name_fixed:
            self._write("renamed", self.neutral.model)  # something fixes the name: renaming the folder changes nothing
        elif variant == "renamed":
            self.project = f"{self.neutral.project}r"
            if self.project not in self.projects:
                self.projects.append(self.project)
            self._write("renamed", renamed(self.neutral.model, self.neutral.project, self.project))

    def compose(self, words: Sequence[str], *, tidying: bool = False) -> Ran:
        """One command of Compose on what is played now."""
        seconds = DOWN_SECONDS if words[0] in {"down", "rm", "stop", "kill"} else UP_SECONDS
        return self.player.run(self.project, self._file(self.variant), words, timeout_seconds=seconds, tidying=tidying)

    def anew(self, *, stop: Callable[[], bool]) -> None:
        """Back to the base stack as it was before anything was played: new volumes, the binds as the user has them."""
        for project in self.projects:
            self._down(project)
        self._volumes_gone()
        self.variant, self.project = "base", self.neutral.project
        if self.neutral.copies and self.local:
            for name in ("binds", "binds-root"):
                shutil.rmtree(self.scratch / name, ignore_errors=True)
            self._copy(stop)
        self._externals()

    def scenes(self) -> dict[str, list[Scene]]:
        """Every container of the stack by service, replicas in order; one-off ones are none of it. Raises EngineError."""
        found: dict[str, list[tuple[int, Scene]]] = {}
        for item in self.seat.engine.list_containers(filters={"label": [f"{PROJECT}={self.project}"]}):
            labels = section(item, "Labels")
            if str(labels.get(ONEOFF)) == "True" or str(labels.get(SERVICE, "")) == "":
                continue
            try:
                scene = read_scene(self.seat.engine.inspect_container(text(item.get("Id"))))
            except NotFound:
                continue
            number = str(labels.get(NUMBER, "1"))
            found.setdefault(str(labels[SERVICE]), []).append((int(number) if number.isdigit() else 1, scene))
            self.note(scene)
        return {service: [scene for _, scene in sorted(scenes, key=lambda pair: pair[0])] for service, scenes in found.items()}

    def note(self, scene: Scene) -> None:
        """Take down a container and its volumes."""
        self.made(Made(kind="container", id=scene.id, name=scene.real))
        for mount in scene.mounts:
            if mount.type == "volume" and mount.name and mount.name not in self.volumes:
                self.volumes[mount.name] = None
                self.made(Made(kind="volume", id=mount.name, name=mount.name))

    # --- tidying ----------------------------------------------------------------------------------------------------------

    def _down(self, project: str) -> str | None:
        try:
            ran = self.player.run(
                project, None, ("down", "--volumes", "--remove-orphans", "--timeout", "3"), timeout_seconds=DOWN_SECONDS, tidying=True
            )
        except ComposeFailed as error:
            return str(error)
        return None if ran.good else ran.words

    def tidy(self) -> tuple[str, ...]:
        """Remove all that was made; return what is left, in words."""
        if self.keep:
            return ()
        left = self._projects_gone()
        left += self._volumes_gone()
        if self.player.halt.asked:  # a command that was ended may have left the engine making something
            left = [*dict.fromkeys((*left, *self._projects_gone()))]
        for image in self.carried:
            left += self._gone(f"image {image}", lambda image=image: self.seat.engine.remove_image(image, force=True))  # type: ignore[misc]
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self.scratch.exists():
            left.append(f"folder {self.scratch}")
        if not self.local:
            with suppress(OSError, Unseen):
                self.seat.host.remove(self.scratch.name, root=str(self.scratch.parent))
        return tuple(left)

    def _projects_gone(self) -> list[str]:
        left: list[str] = []
        for project in self.projects:
            with suppress(EngineError):
                self._kill(project)
            words = self._down(project)
            if words is not None:
                left.append(f"project {project}: {words}")
        return left

    def _kill(self, project: str) -> None:
        """Nothing of the copy needs its grace any more."""
        for item in self.seat.engine.list_containers(filters={"label": [f"{PROJECT}={project}"]}):
            for mount in read_scene(item).mounts:
                if mount.type == "volume" and mount.name:
                    self.volumes[mount.name] = None
            with suppress(EngineError):
                self.seat.engine.remove_container(text(item.get("Id")), force=True, volumes=True)

    def _volumes_gone(self) -> list[str]:
        left: list[str] = []
        for name in list(self.volumes):
            left += self._gone(f"volume {name}", lambda name=name: self._remove_volume(name))  # type: ignore[misc]
        return left

    def _remove_volume(self, name: str) -> None:
        try:
            self.seat.engine.remove_volume(name)
        except Conflict:  # a container that came after its command was ended
            for project in self.projects:
                with suppress(EngineError):
                    self._kill(project)
            raise

    @staticmethod
    def _gone(what: str, act: Callable[[], None]) -> list[str]:
        said = ""
        unsure = False

        def gone() -> bool:
            nonlocal said, unsure
            try:
                act()
            except NotFound:
                return True
            except Conflict as error:
                said, unsure = error.words, False
                return False
            except Unsure as error:  # a hundred thousand files are not removed within one answer
                said, unsure = str(error), True
                return False
            return True

        try:
            if until(gone, timeout_seconds=_TIDY_SECONDS, every_seconds=0.2) or (
                unsure and until(gone, timeout_seconds=LARGE_SECONDS, every_seconds=2.0)
            ):
                return []
        except EngineError as error:
            said = str(error)
        return [f"{what}: {said}"]


def _folders(seat: Seat, path: str) -> None:
    """Make a folder of the engine's host and those above it."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:count])
        if seat.host.stat(folder) is None:
            seat.host.make_folder(folder)
