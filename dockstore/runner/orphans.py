"""Look for data that nothing mounts: two lists of the engine's, a walk through each candidate, and what can be told of its owner.

Rule 1: read only. Nothing is made, started, changed or removed on the engine; only `helper=True` brings up a container of ours, gone at the end.
Rule 2: each object costs one walk of its files and at most one question to the engine; what is too large is cut, and said so.
Rule 3: what cannot be looked at is listed all the same, with the reason.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore import __version__
from dockstore.core.kinds import KINDS
from dockstore.core.listing import Listing
from dockstore.core.orphans import (
    ContainerFact,
    ImageFact,
    Orphan,
    OrphansReport,
    Reason,
    VolumeFact,
    candidates,
    container_facts,
    image_fact,
    table,
    volume_facts,
)
from dockstore.core.owners import Evidence, Present, Surroundings, in_turn, owners
from dockstore.core.recognise import FILES, UNKNOWN, Content, recognise
from dockstore.core.rescue import steps
from dockstore.core.storage import is_anonymous_name
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.errors import EngineError, Unreachable
from dockstore.engines.helper_host import HelperHost
from dockstore.engines.host import Unseen
from dockstore.engines.opening import WAYS_OUT, Wanted, open_engine
from dockstore.engines.providers import address
from dockstore.runner.options import find_home
from dockstore.runner.traces import traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dockstore.core.orphans import Candidate
    from dockstore.core.owners import Trace
    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host
    from dockstore.engines.opening import Opened
    from dockstore.runner.options import Options

    Say = Callable[[str], None]

MOST_FILES = 1_000_000
_PRESENT_LOOKS = 250  # into a volume in use: enough to tell what it is
_PRESENT_LOOKS_AFAR = 60  # where each costs a question to a helper container
_PRESENT_DEPTH = 3
_COMPARED_FILES = 300  # of a layer, with the image's
_MOST_IMAGES = 200
_VARIABLES = tuple(dict.fromkeys(name for kind in KINDS for name in kind.env))
SWARM = "the engine is a node of a swarm: a service without a task here may still want a volume that looks like nobody's"


def open_to_read(wanted: str | None, environ: Mapping[str, str], home: Path, *, helper: bool = False, say: Say) -> Opened:
    """Open the engine that is meant, to look and never to change; no engine is started for that. Raises Unreachable."""
    found = address.candidates(wanted, environ, read=_read_text, exists=os.path.exists)
    if not found:
        raise Unreachable("no engine answers in the usual places", WAYS_OUT)
    failures: list[Unreachable] = []
    for candidate in found:
        named = wanted if wanted is not None or candidate.named_by is not None else candidate.address
        try:
            return open_engine(Wanted(address=named, environ=environ, home=home, read_only=not helper), say=say)
        except Unreachable as error:
            failures.append(error)
    raise Unreachable("; ".join(str(error) for error in failures), failures[-1].hint or WAYS_OUT)


def home_of(options: Options, environ: Mapping[str, str], cwd: Path) -> Path:
    """The folder with dockstore's state, as a reader needs it: it need not be there."""
    return find_home(options.home, environ, cwd) or cwd / ".dockstore"


def _read_text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def find_orphans(
    options: Options, environ: Mapping[str, str], cwd: Path, *, helper: bool = False, limit_files: int = MOST_FILES, say: Say
) -> OrphansReport:
    """Open the engine that is meant, look, and let go of it. Raises EngineError."""
    wanted, home = options.engines[0] if options.engines else None, home_of(options, environ, cwd)
    opened = open_to_read(wanted, environ, home, say=say)
    try:
        host = proven_by_ids(opened.engine, opened.host)
        if host.reason is not None and helper:
            opened.close()
            opened = open_to_read(wanted, environ, home, helper=True, say=say)
            host = opened.host
        return look_for_orphans(opened.engine, host, say=say, limit_files=limit_files)
    finally:
        opened.close()


def proven_by_ids(engine: Engine, host: Host, ours: Host | None = None) -> Host:
    """Return *host*, or this machine's own files where every container of the engine has its folder.

    Behind systemd's socket the kernel does not name the engine's process, and a reader may make nothing that would prove more. An id of 64
    random digits is on no other engine; a volume's name may be.
    """
    if host.reason is None or not engine.info.address.startswith(("unix://", "http+unix://")) or not engine.info.data_root:
        return host
    seen = ours or DirectHost()

    def missing() -> set[str] | None:
        places = {f"containers/{container.get('Id')}" for container in engine.list_containers(all=True)}
        names = (str(volume.get("Name", "")) for volume in engine.list_volumes())
        places |= {f"volumes/{name}/_data" for name in names if is_anonymous_name(name)}
        return {place for place in places if seen.stat(place, root=engine.info.data_root) is None} if places else None

    try:
        first = missing()
        proven = first is not None and (not first or not first & (missing() or set()))  # what was removed meanwhile proves nothing
    except Unseen:
        return host
    return seen if proven else host


def look_for_orphans(
    engine: Engine, host: Host, *, say: Say, here: bool | None = None, limit_files: int = MOST_FILES, now: dt.datetime | None = None
) -> OrphansReport:
    """Return everything on *engine* that holds data which nothing that runs can reach.

    *here*: paths of Compose projects are paths of the machine that *host* shows (None: it shows this very machine).
    """
    started = now or dt.datetime.now(tz=dt.UTC)
    began = time.monotonic()
    containers = container_facts(engine.list_containers(all=True))
    volumes = volume_facts(engine.list_volumes())
    local = isinstance(host, DirectHost) if here is None else here
    gone, notes = _gone(containers, host, local=local)
    found = candidates(volumes, containers, gone)
    search = _Search(engine, host, containers, volumes, limit_files=limit_files, say=say)
    orphans = search.all(found)
    ours = sum(one.ours for one in containers) + sum(one.ours for one in volumes)
    if ours:
        notes.append(f"{ours} containers and volumes of dockstore's own runs are left out; `dockstore clean` removes those of dead ones")
    return OrphansReport(
        dockstore=__version__,
        started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        engine=engine.info,
        orphans=orphans,
        containers=sum(not one.ours for one in containers),
        volumes=sum(not one.ours for one in volumes),
        notes=tuple(notes),
        limits=(*search.limits, *([SWARM] if engine.info.swarm else ())),
        seconds=round(time.monotonic() - began, 3),
    )


def _gone(containers: Iterable[ContainerFact], host: Host, *, local: bool) -> tuple[list[str], list[str]]:
    """The folders of Compose projects that are definitely not there any more, and what to say of projects that run without theirs."""
    folders: dict[str, list[ContainerFact]] = {}
    for container in containers:
        if container.working_dir and container.working_dir.startswith("/") and not container.ours:
            folders.setdefault(container.working_dir, []).append(container)
    if not local or not folders:
        return [], []
    gone, notes = [], []
    for folder, having in sorted(folders.items()):
        try:
            if host.stat(folder) is not None:
                continue
        except Unseen:
            continue
        gone.append(folder)
        if any(container.alive for container in having):
            notes.append(f"project {having[0].project} runs, but its folder {folder} is not there any more")
    return gone, notes


class _Search:
    """One look at everything: what is asked of the engine more than once is kept."""

    def __init__(
        self, engine: Engine, host: Host, containers: Sequence[ContainerFact], volumes: Sequence[VolumeFact], *, limit_files: int, say: Say
    ) -> None:
        self._engine = engine
        self._host = host
        self._containers = containers
        self._volumes = volumes
        self._limit_files = limit_files
        self._say = say
        self._blind = host.reason
        self.limits: list[str] = []

    def all(self, found: Sequence[Candidate]) -> tuple[Orphan, ...]:
        """Look at every candidate; layers without data fall away."""
        if self._blind is not None and found:
            self.limits.append(f"sizes and contents are not known: {self._blind}; --helper looks through a container of dockstore's own")
        looked: list[tuple[Candidate, Listing, tuple[Content, ...]]] = []
        if found:
            self._say(f"looking into {len(found)} volumes and stopped containers")
        for candidate in found:
            listing, contents = self._volume(candidate.volume) if candidate.volume is not None else self._layer(candidate)
            if candidate.volume is None and listing.unseen is None and not listing.files:
                continue
            looked.append((candidate, listing, contents))
        if not looked:
            return ()
        around = self._surroundings(looked)
        helper = self._helper(around.images)
        taken = {volume.name for volume in self._volumes}
        orphans = in_turn([self._orphan(*one, around, taken, helper) for one in looked])
        return tuple(sorted(orphans, key=_order))

    # --- one candidate

    def _volume(self, volume: VolumeFact) -> tuple[Listing, tuple[Content, ...]]:
        listing = Listing()
        root = volume.device or volume.host_path
        listing.unseen = self._blind or volume.elsewhere or (None if root else "the engine does not tell where it lies")
        if listing.unseen is None:
            self._walk(root, listing, self._limit_files)
        return listing, recognise(listing, self._reader(root))

    def _walk(self, root: str, listing: Listing, limit_files: int) -> None:
        try:
            for count, entry in enumerate(self._host.walk(root, limit_files=limit_files + 1)):
                if count >= limit_files:
                    listing.cut = True
                    return
                listing.add(entry.path, entry.stat.type, entry.stat.size_bytes, entry.stat.mtime_ns)
        except Unseen as reason:
            listing.unseen = str(reason)

    def _reader(self, root: str) -> Callable[[str, int], bytes | None]:
        def read(path: str, limit_bytes: int) -> bytes | None:
            try:
                return self._host.read(path, root=root, limit_bytes=limit_bytes, follow=False)
            except Unseen:
                return None

        return read

    def _layer(self, candidate: Candidate) -> tuple[Listing, tuple[Content, ...]]:
        container = candidate.container
        listing = Listing(layer=True)
        if container is None:
            return listing, ()
        try:
            answer = self._engine.inspect_container(container.id)
        except EngineError as error:
            listing.unseen = str(error)
            return listing, recognise(listing, _nothing)
        driver = answer.get("GraphDriver")
        data = table(driver.get("Data")) if isinstance(driver, dict) else {}
        upper = data.get("UpperDir")
        if self._blind is None and upper:
            self._walk(upper, listing, self._limit_files)
            if listing.unseen is None:
                for mount in container.mounts:
                    self._leave_out_a_mountpoint(upper, mount.target, listing)
                self._leave_out_the_images(upper, data.get("LowerDir", ""), listing)
                return listing, recognise(listing, self._reader(upper))
        return self._by_diff(container, listing)

    def _leave_out_a_mountpoint(self, upper: str, target: str, listing: Listing) -> None:
        """Drop the empty file that the engine makes for a mount of a single file."""
        path = target.strip("/")
        if listing.tree.kind(path) == "file":
            try:
                found = self._host.stat(path, root=upper, follow=False)
            except Unseen:
                return
            if found is not None and found.size_bytes == 0:
                listing.drop(path, 0)

    def _leave_out_the_images(self, upper: str, lower: str, listing: Listing) -> None:
        """Drop files that are in the layer for a change of owner or mode only: same size and time as in the image."""
        layers = [layer for layer in lower.split(":") if layer and not layer.endswith("-init/diff")]
        files = [f"{folder}/{name}".lstrip("/") for folder, names in listing.tree.folders.items() for name, kind in names.items() if kind == "file"]
        if not layers or len(files) > _COMPARED_FILES:
            return
        for path in files:
            try:
                mine = self._host.stat(path, root=upper, follow=False)
                for layer in layers:
                    theirs = self._host.stat(path, root=layer, follow=False)
                    if theirs is not None:
                        if mine is not None and (theirs.size_bytes, theirs.mtime_ns) == (mine.size_bytes, mine.mtime_ns):
                            listing.drop(path, mine.size_bytes)
                        break
            except Unseen:
                return

    def _by_diff(self, container: ContainerFact, listing: Listing) -> tuple[Listing, tuple[Content, ...]]:
        """What the engine itself tells of a layer: which paths differ, not how large they are."""
        why = listing.unseen or self._blind or "the engine does not tell where this layer lies"
        try:
            changes = self._engine.diff_container(container.id)
        except EngineError as error:
            listing.unseen = f"{why}; {error}"
            return listing, recognise(listing, _nothing)
        folders = {path.rpartition("/")[0] for path in changes}
        targets = {mount.target for mount in container.mounts}
        for path, change in changes.items():
            if change != "D" and path not in folders and path not in targets:
                listing.add(path.lstrip("/"), "file", 0, 0)
        listing.last_change_ns = None
        if not listing.files:
            listing.unseen = None  # the engine's own word: nothing in it is data
            return listing, ()
        listing.unseen = why
        return listing, recognise(listing, _nothing)

    # --- what is around

    def _surroundings(self, looked: Sequence[tuple[Candidate, Listing, tuple[Content, ...]]]) -> Surroundings:
        lost = [(candidate.volume, contents) for candidate, _, contents in looked if candidate.volume is not None and candidate.user is None]
        remembered = self._traces([volume.name for volume, _ in lost])
        containers = self._with_host_names([content for _, contents in lost for content in contents])
        unknown = [volume for volume, _ in lost if volume.name not in remembered]
        return Surroundings(
            containers=containers,
            volumes=self._volumes,
            images=self._images(),
            present=self._present() if unknown else {},
            births=self._births() if any(volume.anonymous for volume in unknown) else {},
            traces=remembered,
        )

    def _traces(self, names: Sequence[str]) -> dict[str, Trace]:
        return traces(self._engine, names) if names else {}

    def _with_host_names(self, contents: Iterable[Content]) -> Sequence[ContainerFact]:
        """The containers, with their host names where data bear one."""
        if not any("@" in (content.detail or "") for content in contents):
            return self._containers
        named = []
        for container in self._containers:
            try:
                config = self._engine.inspect_container(container.id).get("Config")
            except EngineError:
                config = None
            named.append(replace(container, host_name=table(config).get("Hostname")) if isinstance(config, dict) else container)
        return named

    def _images(self) -> tuple[ImageFact, ...]:
        found = []
        references = {container.image_id: container.image for container in self._containers if container.image_id}
        try:
            for image in self._engine.list_images():
                tags = image.get("RepoTags")
                names = [str(tag) for tag in tags if tag != "<none>:<none>"] if isinstance(tags, list) else []
                references.setdefault(str(image.get("Id", "")), names[0] if names else str(image.get("Id", ""))[:19])
        except EngineError as error:
            self.limits.append(f"the images could not be listed: {error}")
        for number, reference in list(references.items())[:_MOST_IMAGES]:
            try:
                found.append(image_fact(self._engine.inspect_image(number), reference, _VARIABLES))
            except EngineError:
                continue  # gone meanwhile, or removed while its container stayed
        return tuple(found)

    def _present(self) -> dict[str, Present]:
        """What the volumes hold that containers have now, told by a short look."""
        if self._blind is not None:
            return {}
        used = {mount.volume for container in self._containers if not container.ours for mount in container.mounts if mount.volume}
        found = {}
        for volume in self._volumes:
            if volume.name in used and volume.elsewhere is None and volume.host_path:
                listing = self._short_look(volume.host_path)
                contents = recognise(listing, self._reader(volume.host_path))
                ids = frozenset(content.id for content in contents if content.kind is not None)
                found[volume.name] = Present(ids=ids, names=_root_names(listing))
        return found

    def _short_look(self, root: str) -> Listing:
        """The names nearest to the root, and no more of them than are needed."""
        listing, waiting, looks = Listing(), [""], 0
        most = _PRESENT_LOOKS_AFAR if isinstance(self._host, HelperHost) else _PRESENT_LOOKS
        try:
            while waiting and looks < most:
                folder = waiting.pop(0)
                found = self._host.stat(folder, root=root, entries=True, follow=False)
                for name in (found.entries or () if found is not None else ())[:most]:
                    path = f"{folder}/{name}" if folder else name
                    stat = self._host.stat(path, root=root, follow=False)
                    looks += 1
                    if stat is None:
                        continue
                    listing.add(path, stat.type, stat.size_bytes, stat.mtime_ns)
                    if stat.type == "directory" and path.count("/") < _PRESENT_DEPTH:
                        waiting.append(path)
        except Unseen as reason:
            listing.unseen = str(reason)
        return listing

    def _births(self) -> dict[str, float]:
        if self._blind is not None:
            return {}
        found = {}
        for volume in self._volumes:
            try:
                stat = self._host.stat(volume.host_path) if volume.host_path else None
            except Unseen:
                continue
            if stat is not None and stat.birth_ns is not None:
                found[volume.name] = stat.birth_ns / 1e9
        return found

    def _helper(self, images: Sequence[ImageFact]) -> str | None:
        """An image that is here and surely has a shell: one that a person would take, else one with a shell that ran here."""
        usual = ("busybox", "alpine", "debian", "ubuntu")
        for word in usual:
            for image in images:
                if image.reference.rpartition("/")[2].partition(":")[0] == word:
                    return image.reference
        return None

    # --- what comes of it

    def _orphan(
        self, candidate: Candidate, listing: Listing, contents: tuple[Content, ...], around: Surroundings, taken: set[str], helper: str | None
    ) -> Orphan:
        last = listing.last_change_ns
        evidence = Evidence(contents=contents, names=_root_names(listing), last_change=last / 1e9 if last else None)
        found = owners(candidate, evidence, around)
        owner = found[0] if found else None
        volume, container = candidate.volume, candidate.container
        sized = listing.unseen is None or (listing.size_bytes > 0 and listing.last_change_ns is not None)
        here = {image.reference for image in around.images}
        shell = helper or (owner.image if owner is not None and owner.image in here else None)
        return Orphan(
            id=candidate.id,
            kind="volume" if volume is not None else "layer",
            name=volume.name if volume is not None else container.name if container is not None else "",
            anonymous=volume is not None and volume.anonymous,
            reasons=candidate.reasons,
            contents=contents,
            driver=volume.driver if volume is not None else None,
            created=volume.created if volume is not None else _instant(container.created) if container is not None else None,
            host_path=(volume.device or volume.host_path or None) if volume is not None else None,
            size_bytes=listing.size_bytes if sized else None,
            files=listing.files if sized or (listing.layer and listing.files) else None,
            at_least=listing.cut or (sized and listing.unseen is not None),
            last_change=_instant(last / 1e9) if last else None,
            unseen=listing.unseen,
            owner=owner,
            others=found[1:],
            steps=()
            if listing.unseen is None and not listing.files
            else steps(candidate, contents, owner, taken=taken, helper=shell, folder=listing.tree.common_folder() if listing.layer else ""),
        )


def _root_names(listing: Listing) -> frozenset[str]:
    return frozenset(listing.tree.folders[""])


def _nothing(_path: str, _limit_bytes: int) -> bytes | None:
    return None


def _instant(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _order(orphan: Orphan) -> tuple[object, ...]:
    """What a person wants to see first: recognised data, the largest first; then files, then what is derived, unseen or empty."""
    content = orphan.contents[0] if orphan.contents else None
    if content is None or orphan.empty:
        rank = 4
    elif content.id == UNKNOWN:
        rank = 2
    elif content.derived:
        rank = 3
    else:
        rank = 1 if content.id == FILES else 0
    return rank, Reason.STOPPED_CONTAINER in orphan.reasons, -(orphan.size_bytes or 0), orphan.id
