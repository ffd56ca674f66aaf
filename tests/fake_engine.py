"""An engine whose stores are dicts. What it claims about Docker is believed because `engine/test_contract.py` holds it to a real one.

It answers as an overlay2 engine of API 1.41 or newer. Not modelled: networks, health checks, links, options of volumes.
"""

from __future__ import annotations

import copy
import itertools
import re
import secrets
from typing import TYPE_CHECKING, Any

import fake_shell
from fake_container import FakeContainer, FakeImage, FakeMount, FakeVolume
from fake_files import FakeFile, FakeTree, folder, st_mode
from fake_images import DATA_ROOT, FakeImages
from fake_shell import FakeShell
from fake_words import has_labels, items, matches, mount_facts, table, tar, untar, volume_facts

from dockstore.core.model import EngineInfo
from dockstore.engines.engine import ArchiveStat, ExecResult, Json
from dockstore.engines.errors import Conflict, NotFound, Refused, Unreachable, Unsure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LAB = "localhost/dockstore-lab:1"
ANONYMOUS = "com.docker.volume.anonymous"
MANAGED = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
SIGNALS = {"KILL": 137, "SIGKILL": 137, "TERM": 143, "SIGTERM": 143, "INT": 130, "SIGINT": 130}


def fake_info(**changes: Any) -> EngineInfo:
    """Facts of a fake engine."""
    facts: dict[str, Any] = {
        "address": "unix:///fake.sock",
        "engine_id": "FAKE",
        "product": "Docker Engine",
        "version": "20.10.24",
        "api_version": "1.41",
        "storage_driver": "overlay2",
        "image_store": "graphdriver",
        "data_root": DATA_ROOT,
        "disposable": True,
        "host_files": True,
    }
    return EngineInfo(**(facts | changes))


class FakeEngine(FakeImages):
    """The Engine protocol over dicts. *on_exec* may answer a command itself; *dead* True: nobody answers."""

    def __init__(self, info: EngineInfo | None = None) -> None:
        self._info = info or fake_info()
        self.host_files = FakeTree("/")
        self.images: dict[str, FakeImage] = {}
        self.containers: dict[str, FakeContainer] = {}
        self.volumes: dict[str, FakeVolume] = {}
        self.calls: list[str] = []
        self.on_exec: Callable[[FakeContainer, Sequence[str]], ExecResult | None] | None = None
        self.fail: dict[str, Exception] = {}  # method name -> what it raises, once
        self.dead = False
        self.remembered: list[Json] = []  # past events
        self.lowers: dict[str, str] = {}  # container -> its image's folders, as the engine tells them
        self._clock = itertools.count()
        self.add_image(
            LAB, {"bin/sh": b"#!", "etc/passwd": b"root:x:0:0\n", "tmp": folder(0o1777)}, {"Cmd": ["sleep", "infinity"], "Env": ["PATH=/bin"]}
        )

    # --- the engine

    @property
    def info(self) -> EngineInfo:
        return self._info

    def refresh(self) -> EngineInfo:
        self._called("refresh")
        return self._info

    def ping(self, *, timeout_seconds: float = 2.0) -> bool:
        return not self.dead

    def close(self) -> None:
        self.calls.append("close")

    def _called(self, name: str, *words: object) -> None:
        self.calls.append(" ".join([name, *map(str, words)]))
        if self.dead:
            raise Unreachable("no engine at unix:///fake.sock: nothing listens there", "start the engine")
        failure = self.fail.pop(name, None)
        if failure is not None:
            raise failure

    def crash(self, *, live_restore: bool = False) -> None:
        """The daemon dies and is started again: without live-restore its containers have ended."""
        for container in list(self.containers.values()):
            if container.running and not live_restore:
                self._end(container, 137)

    # --- containers

    def create_container(self, name: str, config: Json) -> str:
        self._called("create_container", name)
        doing = f"create container {name}"
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", name):
            raise Refused(doing, 400, f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        image = self._image(str(config.get("Image")))
        if any(container.name == name for container in self.containers.values()):
            raise Conflict(doing, 409, f'Conflict. The container name "/{name}" is already in use')
        number = secrets.token_hex(32)
        upper = FakeTree(f"{DATA_ROOT}/overlay2/{secrets.token_hex(32)}/diff")
        made = FakeContainer(id=number, name=name, config=copy.deepcopy(config), image=image, mounts=[], upper=upper, host=self.host_files)
        made.mounts = self._mounts(doing, made)
        for mount in made.mounts:
            if mount.volume is not None and mount.volume.tree.names("") == () and not mount.volume.options and not mount.flag_nocopy:
                self._copy_up(made, mount)
        self.containers[number] = made
        return number

    def _mounts(self, doing: str, made: FakeContainer) -> list[FakeMount]:
        found: dict[str, FakeMount] = {}
        for entry in items(made.host_config("Mounts")):
            mount = self._mount(doing, entry)
            if mount.target in found:
                raise Refused(doing, 400, f"Duplicate mount point: {mount.target}")
            found[mount.target] = mount
        for text in items(made.host_config("Binds")):
            source, target, *options = str(text).split(":")
            mount = FakeMount(type="bind", target=target, source=source, flag=True)
            if not source.startswith("/"):
                mount = FakeMount(type="volume", target=target, volume=self._volume(source), by_name=True)
            mount.read_only = "ro" in ",".join(options).split(",")
            mount.flag_nocopy = "nocopy" in ",".join(options).split(",")
            found[target] = mount
        for text in items(made.host_config("VolumesFrom")):
            source, _, mode = str(text).partition(":")
            for mount in self._container(source).mounts:
                if mount.type != "tmpfs":
                    found.setdefault(mount.target, FakeMount(**{**vars(mount), "read_only": mount.read_only or mode == "ro"}))
        for target in table(made.host_config("Tmpfs")):
            found[target.split(":")[0]] = FakeMount(type="tmpfs", target=target, listed=False)
        for target in {**table(made.image.config.get("Volumes")), **table(made.config.get("Volumes"))}:
            if target not in found:
                found[target] = FakeMount(type="volume", target=target, volume=self._volume(None, labels=None))
        return list(found.values())

    def _mount(self, doing: str, entry: Json) -> FakeMount:
        kind, target, source = str(entry.get("Type")), str(entry.get("Target")), str(entry.get("Source") or "")
        read_only = entry.get("ReadOnly") is True
        match kind:
            case "volume":
                options = table(entry.get("VolumeOptions"))
                volume = self._volume(source or None, labels=table(options.get("Labels")) or None)
                mount = FakeMount(type=kind, target=target, volume=volume, read_only=read_only, by_name=bool(source))
                mount.flag_nocopy = options.get("NoCopy") is True
                return mount
            case "bind":
                if self.host_files.get(source) is None:
                    raise Refused(doing, 400, f'invalid mount config for type "bind": bind source path does not exist: {source}')
                return FakeMount(type=kind, target=target, source=source, read_only=read_only)
            case "tmpfs":
                if source:
                    raise Refused(doing, 400, 'invalid mount config for type "tmpfs": field Source must not be specified')
                return FakeMount(type=kind, target=target, read_only=read_only)
            case _:
                raise Refused(doing, 400, f'invalid mount config for type "{kind}": mount type unknown')

    def _volume(self, name: str | None, *, labels: Mapping[str, str] | None = None) -> FakeVolume:
        if name is not None and name in self.volumes:
            return self.volumes[name]
        number = name or secrets.token_hex(32)
        tree = FakeTree(f"{DATA_ROOT}/volumes/{number}/_data")
        created = f"2026-01-01T00:00:{next(self._clock) % 60:02}Z"
        kept = dict(labels) if labels is not None else None
        self.volumes[number] = FakeVolume(name=number, tree=tree, labels=kept, options={}, created=created, anonymous=name is None)
        return self.volumes[number]

    def _copy_up(self, made: FakeContainer, mount: FakeMount) -> None:
        """An empty volume starts with what the image has there."""
        tree = mount.volume.tree if mount.volume is not None else FakeTree(None)
        flat = made.merged()
        if flat.get(mount.target) is not None:
            for path, entry in flat.below(mount.target).items():
                tree.files[path] = entry if path else FakeFile(kind="directory", mode=entry.mode, owner=entry.owner, inode=tree.files[""].inode)

    def start_container(self, container: str) -> None:
        self._called("start_container", container)
        found = self._container(container)
        if found.running:
            return
        for mount in found.mounts:
            if mount.type == "bind" and self.host_files.get(mount.source) is None:
                if not mount.flag:
                    raise Refused(f"start {container}", 400, f"bind source path does not exist: {mount.source}")
                self.host_files.put(mount.source, folder())
        found.begin()
        command = found.config.get("Cmd") or found.image.config.get("Cmd") or []
        words = command if isinstance(command, list) else []
        if words and words[0] != "sleep" and words not in (["sh"], ["/bin/sh"]):
            result = fake_shell.run(found, [str(word) for word in words], self.on_exec)
            found.output += (result.stdout + result.stderr).decode(errors="replace").splitlines()
            if "sleep" not in " ".join(str(word) for word in words):
                self._end(found, result.exit_code or 0)

    def _end(self, found: FakeContainer, code: int) -> None:
        found.end(code)
        if found.host_config("AutoRemove") is True:
            self._remove(found, volumes=True)

    def stop_container(self, container: str, *, timeout_seconds: float) -> None:
        self._called("stop_container", container)
        found = self._container(container)
        if found.running:
            self._end(found, 143 if found.host_config("Init") is True else 137)

    def restart_container(self, container: str, *, timeout_seconds: float) -> None:
        self._called("restart_container", container)
        self._container(container).end(143)
        self.start_container(container)

    def kill_container(self, container: str, *, signal: str) -> None:
        self._called("kill_container", container)
        found = self._container(container)
        if not found.running:
            raise Conflict(f"kill {container}", 409, f"Cannot kill container: {container}: Container {found.id} is not running")
        if signal in SIGNALS:
            self._end(found, SIGNALS[signal])

    def pause_container(self, container: str) -> None:
        self._called("pause_container", container)
        found = self._container(container)
        if found.status != "running":
            raise Conflict(f"pause {container}", 409, f"Container {found.id} is {'already paused' if found.running else 'not running'}")
        found.status = "paused"

    def unpause_container(self, container: str) -> None:
        self._called("unpause_container", container)
        found = self._container(container)
        if found.status != "paused":
            raise Refused(f"unpause {container}", 500, f"Container {found.id} is not paused")
        found.status = "running"

    def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        self._called("remove_container", container)
        found = self._container(container)
        if found.running and not force:
            raise Conflict(
                f"remove {container}", 409, f"You cannot remove a running container {found.id}. Stop the container before attempting removal"
            )
        self._remove(found, volumes=volumes)

    def _remove(self, found: FakeContainer, *, volumes: bool) -> None:
        self.containers.pop(found.id, None)
        for mount in found.mounts:
            if volumes and mount.volume is not None and not mount.by_name and not self._users(mount.volume):
                self.volumes.pop(mount.volume.name, None)

    def _users(self, volume: FakeVolume) -> list[FakeContainer]:
        return [container for container in self.containers.values() if any(mount.volume is volume for mount in container.mounts)]

    def rename_container(self, container: str, name: str) -> None:
        self._called("rename_container", container, name)
        found = self._container(container)
        if any(other.name == name for other in self.containers.values()):
            raise Conflict(f"rename {container}", 409, f'Conflict. The container name "/{name}" is already in use')
        found.name = name

    def update_container(self, container: str, changes: Json) -> None:
        self._called("update_container", container)
        found = self._container(container)
        host = table(found.config.setdefault("HostConfig", {}))
        host.update({key: value for key, value in changes.items() if key not in {"Binds", "Mounts"}})
        found.config["HostConfig"] = host

    def wait_container(self, container: str, *, condition: str, timeout_seconds: float) -> int:
        self._called("wait_container", container)
        try:
            found = self._container(container)
        except NotFound:
            if condition == "removed":
                return 0
            raise
        if condition == "removed" or found.running:
            raise Unsure(f"wait until {container} is {condition}: no answer in time; it may or may not have happened")
        return found.exit_code

    def inspect_container(self, container: str, *, size: bool = False) -> Json:
        self._called("inspect_container", container)
        found = self._container(container)
        config: Json = {**found.image.config, **{key: value for key, value in found.config.items() if key != "HostConfig"}}
        config["Labels"] = {**table(found.image.config.get("Labels")), **table(found.config.get("Labels"))}
        upper = found.upper.host_path
        answer: Json = {
            "Id": found.id,
            "Name": f"/{found.name}",
            "Image": found.image.id,
            "Config": config,
            "HostConfig": table(found.config.get("HostConfig")),
            "State": {
                "Status": found.status,
                "Running": found.running,
                "Paused": found.status == "paused",
                "Pid": found.pid,
                "ExitCode": found.exit_code,
                "OOMKilled": False,
                "Error": "",
            },
            "RestartCount": found.restarts,
            "Mounts": [mount_facts(mount) for mount in found.mounts if mount.listed],
            "GraphDriver": {
                "Name": "overlay2",
                "Data": {"UpperDir": upper, "MergedDir": str(upper).replace("/diff", "/merged"), "LowerDir": self.lowers.get(found.id, "")},
            },
            "HostsPath": f"{DATA_ROOT}/containers/{found.id}/hosts",
        }
        if size:
            answer["SizeRw"] = sum(len(entry.data) for entry in found.upper.files.values())
        return copy.deepcopy(answer)

    def list_containers(self, *, filters: Mapping[str, Sequence[str]] | None = None, all: bool = True) -> list[Json]:  # noqa: A002
        self._called("list_containers")
        shown = [container for container in self.containers.values() if (all or container.running) and matches(container, filters or {})]
        return [
            {
                "Id": container.id,
                "Names": [f"/{container.name}"],
                "Image": str(container.config.get("Image")),
                "ImageID": container.image.id,
                "State": container.status,
                "Labels": {**table(container.image.config.get("Labels")), **table(container.config.get("Labels"))},
                "Mounts": [mount_facts(mount) for mount in container.mounts if mount.listed],
            }
            for container in reversed(shown)
        ]

    def diff_container(self, container: str) -> dict[str, str]:
        self._called("diff_container", container)
        return self._container(container).diff()

    def logs(self, container: str, *, tail: int = 50) -> str:
        self._called("logs", container)
        return "".join(f"{line}\n" for line in self._container(container).output[-tail:])

    def exec(
        self,
        container: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        detach: bool = False,
        timeout_seconds: float = 60.0,
    ) -> ExecResult:
        self._called("exec", container, *command)
        found = self._container(container)
        if found.status != "running":
            words = "is paused, unpause the container before exec" if found.running else "is not running"
            raise Conflict(f"exec in {container}", 409, f"Container {found.id} {words}")
        result = fake_shell.run(found, list(command), self.on_exec)
        return ExecResult(exit_code=None, stdout=b"", stderr=b"", detail="detached") if detach else result

    def attach_shell(self, container: str, *, open_input: bool = False) -> FakeShell | None:
        del open_input
        self._called("attach_shell", container)
        found = self._container(container)
        return FakeShell(self, found) if found.config.get("OpenStdin") is True and found.config.get("Tty") is not True else None

    # --- archive endpoints

    def get_archive(self, container: str, path: str) -> bytes:
        self._called("get_archive", container, path)
        found = self._container(container)
        entry = self._at(found, path, f"copy {path} from {container}")
        name = path.rstrip("/").rpartition("/")[2] or "/"
        if entry.kind != "directory":
            return tar({name: entry})
        tree, inner = found.store(path, memory=False)
        below = (tree if tree is not None else found.merged()).below(inner)
        return tar({f"{name}/{inside}".strip("/"): item for inside, item in below.items()})

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        self._called("put_archive", container, path)
        found = self._container(container)
        self._at(found, path, f"copy to {path} in {container}")
        for name, entry in untar(data).items():
            try:
                found.put(f"{path.rstrip('/')}/{name}", entry, memory=False)
            except OSError as exc:
                raise Refused(f"copy to {path} in {container}", 500, str(exc.strerror)) from exc

    def stat_archive(self, container: str, path: str) -> ArchiveStat:
        self._called("stat_archive", container, path)
        entry = self._at(self._container(container), path, f"stat {path} in {container}")
        name = path.rstrip("/").rpartition("/")[2] or "/"
        return ArchiveStat(
            name=name, size_bytes=4096 if entry.kind == "directory" else len(entry.data), mode=st_mode(entry), link_target=entry.target
        )

    def _at(self, found: FakeContainer, path: str, doing: str) -> FakeFile:
        entry = found.get(path, memory=False)
        if entry is None:
            raise NotFound(doing, 404, f"Could not find the file {path} in container {found.id}")
        return entry

    def export_container(self, container: str) -> Iterator[bytes]:
        self._called("export_container", container)
        yield tar({path: entry for path, entry in self._container(container).merged().files.items() if path})

    # --- volumes

    def create_volume(
        self, name: str | None, *, driver: str | None = None, options: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None
    ) -> Json:
        self._called("create_volume", name)
        if driver not in {None, "local"}:
            raise NotFound(f"create volume {name}", 404, f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        known = name is not None and name in self.volumes
        volume = self._volume(name, labels=labels or {})
        if not known:
            volume.options = dict(options or {})
        return volume_facts(volume)

    def inspect_volume(self, volume: str) -> Json:
        self._called("inspect_volume", volume)
        if volume not in self.volumes:
            raise NotFound(f"inspect volume {volume}", 404, f"get {volume}: no such volume")
        return volume_facts(self.volumes[volume])

    def list_volumes(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        self._called("list_volumes")
        wanted = filters or {}
        dangling = [word.lower() in {"true", "1"} for word in wanted.get("dangling", ())]
        return [
            volume_facts(volume)
            for volume in self.volumes.values()
            if has_labels(volume.labels or {}, wanted.get("label", ()))
            and all(word in volume.name for word in wanted.get("name", ()))
            and all(want is not bool(self._users(volume)) for want in dangling)
        ]

    def remove_volume(self, volume: str, *, force: bool = False) -> None:
        self._called("remove_volume", volume)
        if volume not in self.volumes:
            if force:
                return
            raise NotFound(f"remove volume {volume}", 404, f"get {volume}: no such volume")
        users = self._users(self.volumes[volume])
        if users:
            raise Conflict(f"remove volume {volume}", 409, f"remove {volume}: volume is in use - [{', '.join(user.id for user in users)}]")
        del self.volumes[volume]

    def list_networks(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        self._called("list_networks", str(filters))
        return []

    def remove_network(self, network: str) -> None:
        self._called("remove_network", network)
        raise NotFound(f"remove network {network}", 404, f"network {network} not found")

    def past_events(self) -> list[Json]:
        self._called("past_events")
        return list(self.remembered)

    # --- the whole engine

    def prune(self, what: str, *, filters: Mapping[str, Sequence[str]] | None = None, api: str | None = None) -> Json:
        self._called("prune", what, api or self._info.api_version)
        wanted = filters or {}
        version = tuple(int(part) for part in (api or self._info.api_version).split("."))
        if what == "containers":
            gone = [c for c in self.containers.values() if not c.running and matches(c, wanted)]
            for container in gone:
                self._remove(container, volumes=False)
            return {"ContainersDeleted": [container.id for container in gone], "SpaceReclaimed": 0}
        if what == "volumes":
            every = version < (1, 42) or any(word.lower() in {"1", "true"} for word in wanted.get("all", ()))
            unused = [
                v for v in self.volumes.values() if not self._users(v) and not v.options and has_labels(v.labels or {}, wanted.get("label", ()))
            ]
            doomed = [volume.name for volume in unused if every or volume.anonymous]
            for name in doomed:
                del self.volumes[name]
            return {"VolumesDeleted": doomed, "SpaceReclaimed": 0}
        if what == "images":
            every = any(word.lower() in {"0", "false"} for word in wanted.get("dangling", ()))
            used = {container.image.id for container in self.containers.values()}
            labelled = [image for image in self.images.values() if has_labels(table(image.config.get("Labels")), wanted.get("label", ()))]
            images = [image.id for image in labelled if image.id not in used and (every or not image.tags)]
            for number in images:
                del self.images[number]
            return {"ImagesDeleted": [{"Deleted": number} for number in images], "SpaceReclaimed": 0}
        return {}

    def _container(self, name: str) -> FakeContainer:
        for container in self.containers.values():
            if name in {container.id, container.name} or (len(name) >= 6 and container.id.startswith(name)):
                return container
        raise NotFound(f"inspect {name}", 404, f"No such container: {name}")
