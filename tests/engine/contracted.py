"""An engine under test, fake or real, and what a test has made on it."""

from __future__ import annotations

import io
import secrets
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from dockstore.engines.errors import NotFound
from dockstore.engines.exec_stream import marked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.engines.engine import Engine, Json


MARK = "io.dockstore.test"


@dataclass(kw_only=True)
class Subject:
    """An engine under test, and what a test has made on it."""

    engine: Engine
    lab: str
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    containers: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{MARK}={self.run}"

    def name(self, word: str) -> str:
        return f"dockstore-test-{self.run}-{word}"

    def create(self, word: str, *, mounts: list[Json] | None = None, host: Json | None = None, **config: object) -> str:
        """A container whose main process sleeps, without a network, with our label."""
        body: Json = {
            "Image": self.lab,
            "Cmd": ["sleep", "600"],
            "Labels": {MARK: self.run},
            "NetworkDisabled": True,
            "HostConfig": {"Init": True, "NetworkMode": "none", "Mounts": mounts or [], **(host or {})},
            **config,
        }
        self.containers.append(self.name(word))
        return self.engine.create_container(self.name(word), body)

    def run_one(self, word: str, *, mounts: list[Json] | None = None, host: Json | None = None, **config: object) -> str:
        made = self.create(word, mounts=mounts, host=host, **config)
        self.engine.start_container(made)
        return made

    def volume(self, word: str) -> Json:
        """A mount of a named volume at /data."""
        return {"Type": "volume", "Source": self.name(word), "Target": "/data", "VolumeOptions": {"Labels": {MARK: self.run}}}

    @property
    def anonymous(self) -> Json:
        return {"Type": "volume", "Target": "/data", "VolumeOptions": {"Labels": {MARK: self.run}}}

    def sh(self, container: str, script: str) -> str:
        """Run a script with its end mark (P33); return what it printed."""
        command = marked(script)
        result = command.parse(self.engine.exec(container, ["sh", "-c", command.script]))
        assert result is not None
        assert result.exit_code == 0, result
        return result.stdout.decode()

    def volumes(self) -> list[str]:
        return sorted(str(volume["Name"]) for volume in self.engine.list_volumes(filters={"label": [self.label]}))

    def clean(self) -> None:
        for container in self.containers:
            with suppress(NotFound):
                self.engine.remove_container(container, force=True, volumes=True)
        for volume in self.volumes():
            self.engine.remove_volume(volume, force=True)
        for image in self.images:
            with suppress(NotFound):
                self.engine.remove_image(image, force=True)


def state(subject: Subject, container: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", subject.engine.inspect_container(container)["State"])


def mounts_of(subject: Subject, container: str) -> dict[str, Json]:
    mounts = cast("list[Json]", subject.engine.inspect_container(container)["Mounts"])
    return {str(mount["Destination"]): mount for mount in mounts}


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def files_in(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = [(member.name.strip("/"), tar.extractfile(member)) for member in tar if member.isreg()]
        return {name: reader.read() for name, reader in members if reader is not None}
