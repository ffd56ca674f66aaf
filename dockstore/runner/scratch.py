"""The scenario's scratch folder on the engine's host, and what is done in it.

Rule 1: nothing is written outside it, neither by `..` nor through a link; the host's door refuses.
Rule 2: a write's place is the device and inode of the folder or file that took it, never its path (P31).
Rule 3: what is mounted in it is noted before anything else happens, and unmounted before it is removed.
"""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.history import Placement
from dockstore.core.model import BindMount, Completion, Store, StoreKind
from dockstore.core.script import Create, Run, Together
from dockstore.engines.host import Unseen
from dockstore.runner.placing import numbers_of
from dockstore.runner.stage import Done, Undoable, Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dockstore.core.model import ContainerSpec
    from dockstore.core.script import AnyStep, CreateFolder, MountHost, RemoveHost, RenameHost, UnmountHost, Write
    from dockstore.runner.stage import Stage

NETWORK_FOLDER = "network-folder"


def make(stage: Stage) -> None:
    """Make the scratch folder and what the file says lies in it. Raises OSError, Unseen."""
    host = stage.seat.host
    if host.reason is not None:
        raise Unseen(host.reason)
    stage.mark_made("folder", stage.scratch, "scratch")
    host.make_folder(stage.scratch, mode=0o755)
    for entry in stage.scenario.host:
        path = entry.path.rstrip("/")
        if entry.directory:
            host.make_folder(posixpath.join(stage.scratch, path), mode=0o755 if entry.mode is None else entry.mode, owner=entry.owner)
        else:
            host.write_file(path, entry.content.encode(), root=stage.scratch, mode=entry.mode, owner=entry.owner)


def is_needed(stage: Stage) -> bool:
    """Whether the scenario touches its scratch folder at all."""
    if stage.scenario.host or any(dict(volume.driver_opts).get("device", "").startswith("./") for volume in stage.scenario.volumes):
        return True
    specs = list(_specs(stage))
    if any(isinstance(mount, BindMount) and not mount.source.startswith("/") for spec in specs for mount in spec.mounts):
        return True
    return any("host" in str(getattr(value, "kind", "")) for step in _flat(stage.scenario.steps) for value in _places(step))


def _places(step: AnyStep) -> Iterator[object]:
    for name in ("place", "to", "source"):
        yield getattr(step, name, None)


def _flat(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    for step in steps:
        if isinstance(step, Together):
            yield from _flat(step.steps)
        else:
            yield step


def _specs(stage: Stage) -> Iterator[ContainerSpec]:
    yield from stage.scenario.containers
    for step in _flat(stage.scenario.steps):
        if isinstance(step, Run | Create):
            yield step.spec


# --- steps ------------------------------------------------------------------------------------------------------------------


def create_folder(stage: Stage, step: CreateFolder) -> Done:
    """A folder in the scratch folder."""
    stage.seat.host.make_folder(posixpath.join(stage.scratch, step.place.path))
    return Done()


def remove(stage: Stage, step: RemoveHost) -> Done:
    """Remove a file or folder of the scratch folder."""
    stage.seat.host.remove(step.place.path, root=stage.scratch)
    return Done()


def rename(stage: Stage, step: RenameHost) -> Done:
    """Rename inside the scratch folder."""
    stage.seat.host.rename(step.place.path, step.to.path, root=stage.scratch)
    return Done()


def mount(stage: Stage, step: MountHost) -> Done:
    """Mount a tmpfs or a network folder on a folder of the scratch folder."""
    where = posixpath.join(stage.scratch, step.place.path)
    if step.what == NETWORK_FOLDER:
        folders = getattr(stage.opened, "network_folders", None)
        if folders is None or folders.refusal is not None:
            raise Undoable(folders.refusal if folders is not None else "there is no network folder to be had on the engine's host")
        stage.mark_made("mount", where, step.what)
        folders.mount(where)
    else:
        stage.mark_made("mount", where, step.what)
        stage.seat.host.mount_tmpfs(step.place.path, root=stage.scratch)
    return Done()


def unmount(stage: Stage, step: UnmountHost) -> Done:
    """Unmount what `mount` mounted."""
    where = posixpath.join(stage.scratch, step.place.path)
    what = next((made.name for _, made in stage.made if made.kind == "mount" and made.id == where), None)
    if what is None:
        raise Undoable(f"nothing of ours is mounted at {step.place}")
    if what == NETWORK_FOLDER:
        getattr(stage.opened, "network_folders").unmount(where)  # noqa: B009  # not every opened engine has them
    else:
        stage.seat.host.unmount(step.place.path, root=stage.scratch)
    stage.unmark("mount", where)
    return Done()


def write(stage: Stage, number: str, step: Write) -> Done:
    """A fresh nonce by the host's own hand, in place or (as editors save) by a new file renamed over the old one."""
    host, path, nonce = stage.seat.host, step.to.path, stage.nonce().encode()
    if step.replace:
        host.replace_file(path, nonce, root=stage.scratch, sync=step.sync)
    else:
        host.write_file(path, nonce, root=stage.scratch, sync=step.sync)
    content = host.read(path, root=stage.scratch)
    store, roots, detail = _placed(stage, path)
    stage.writes[step.write] = Written(
        write=step.write, nonce=nonce, place=step.to, store=store, seat=stage.seat, resolved=None, read_back=content == nonce, roots=roots
    )
    stage.note(
        Placement(
            step=number,
            write=step.write,
            place=step.to,
            digest=hashlib.sha256(nonce).hexdigest(),
            size_bytes=len(nonce),
            store=store,
            read_back=content == nonce,
            detail=detail,
        )
    )
    return Done(completion=Completion.OK)


def _placed(stage: Stage, path: str) -> tuple[Store | None, dict[str, str], str]:
    """The store of a write on the host: the bind source that holds it (the deepest), or the scratch folder; and every folder above it."""
    whole = posixpath.normpath(posixpath.join(stage.scratch, path))
    roots: dict[str, str] = {}
    by_path: dict[str, tuple[int, int]] = {}
    here = whole
    while storage.beneath(here, stage.scratch):
        numbers = numbers_of(stage.seat, here)
        if numbers is not None:
            by_path[here] = numbers
            roots[storage.bind_identity(*numbers)] = storage.inside(whole, here)
        here = posixpath.dirname(here)
    sources = [
        posixpath.normpath(stage.plan.host_path(mount.source)) for spec in _specs(stage) for mount in spec.mounts if isinstance(mount, BindMount)
    ]
    holding = [source for source in sources if source in by_path]
    root = max(holding, key=len, default=posixpath.normpath(stage.scratch))
    if root not in by_path:
        return None, roots, "device and inode of the folder could not be told"
    store = Store(
        kind=StoreKind.BIND, identity=storage.bind_identity(*by_path[root]), host_path=root, inner_path=storage.inside(whole, root), target=None
    )
    return store, roots, ""
