"""Can the engine's files be seen from here? Asked of the kernel, proven by a fresh nonce, else said why not (P10).

Rule 1: the same path on another host is another file. Two proofs, one for each way round: a volume that the engine has just made is
found through our view, and a folder that we have just made is accepted by the engine as a bind source.
Rule 2: whatever a proof makes is named by a fresh nonce, labelled, and gone at once.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass
from dockstore.engines.direct_host import DirectHost
from dockstore.engines.errors import EngineError, Refused
from dockstore.engines.host import Unseen
from dockstore.engines.nested import NestedHost, View, view_of, view_through
from dockstore.engines.no_host import NoHost
from dockstore.engines.providers import homes, ownership, processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.engines.engine import Engine
    from dockstore.engines.host import Host

SCRATCH = "/var/tmp"  # noqa: S108  # only folders with random names are made in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The host's files as far as they can be seen.

    *mounts*: we may mount where the engine's containers see it; *own_mounts*: and that is where our own programs mount, too;
    *opaque_folders*: whether a folder of a layer hides the image's can be told.
    """

    host: Host
    mounts: bool = False
    own_mounts: bool = False
    swap: bool = False
    opaque_folders: bool = True
    close: Callable[[], None] = lambda: None


def look(engine: Engine, address: str, *, lab: str | None, read_only: bool) -> Looked:
    """Find the best proven way to the files of *engine*'s host."""
    root = engine.info.data_root
    view: View | str = "the engine is not reached by a Unix socket"
    if address.startswith("unix://"):
        view = view_of(address.removeprefix("unix://"))
    if isinstance(view, View) and view.same:
        trial = _trial_mount()  # while the engine is asked
        reason = _refusal(engine, "", root, read_only=read_only)
        may = trial()
        if reason is None:
            return Looked(host=DirectHost(), mounts=may, own_mounts=may, swap=_swaps())
        return _otherwise(engine, root, lab, reason, read_only=read_only)
    if isinstance(view, View):
        reason = _refusal(engine, view.prefix, root, read_only=read_only)
        if reason is None:
            may = not read_only and _starts_its_containers_there(view.pid) and _may_mount_through(view.prefix)
            return Looked(host=NestedHost(address.removeprefix("unix://")), mounts=may, swap=_swaps())
        return _otherwise(engine, root, lab, reason, read_only=read_only)
    if read_only or lab is None:
        return _otherwise(engine, root, lab, view, read_only=read_only)
    reason = _refusal(engine, "", root, read_only=False) or _bind_refusal(engine, lab)
    if reason is None:
        may = _only_daemon_is_here() and _trial_mount()()
        return Looked(host=DirectHost(), mounts=may, own_mounts=may, swap=_swaps())
    return _otherwise(engine, root, lab, f"{view}; {reason}", read_only=read_only)


def _otherwise(engine: Engine, root: str, lab: str | None, reason: str, *, read_only: bool) -> Looked:
    if lab is None or read_only:
        return Looked(host=NoHost(reason))
    from dockstore.engines.helper_host import HelperHost

    helper = HelperHost(engine, lab, root, labels=ownership.labels("helper"))
    refusal = helper.reason  # asked once: it starts the helper
    if refusal is not None:
        helper.close()
        return Looked(host=NoHost(f"{reason}; and through a helper container: {refusal}"))
    return Looked(host=helper, opaque_folders=False, close=helper.close)


def _refusal(engine: Engine, prefix: str, root: str, *, read_only: bool) -> str | None:
    """Return why the engine's data root is not what we see at *prefix*; None: it is."""
    seen = Path(prefix + root)
    try:
        if not root or not seen.is_dir() or not os.access(seen, os.R_OK | os.X_OK):
            return f"the engine's data root {root or '(not told)'} cannot be read from here"
    except OSError as error:
        return f"the engine's data root {root} cannot be read from here ({error.strerror})"
    if read_only:  # the kernel has named the process already; nothing may be made here
        return None
    name = f"dockstore-proof-{secrets.token_hex(16)}"
    try:
        mountpoint = str(engine.create_volume(name, labels=ownership.labels("proof")).get("Mountpoint", ""))
    except EngineError as error:
        return f"the proof of whose files are seen failed: {error}"
    try:
        found = bool(mountpoint) and Path(prefix + mountpoint).is_dir()
    except OSError:
        found = False
    try:
        engine.remove_volume(name)
    except EngineError as error:
        return f"the proof of whose files are seen could not be taken away: {error}"
    if found:
        return None
    return f"a volume that the engine has just made is not found at {prefix}{mountpoint}: its files are not those of this machine"


def _bind_refusal(engine: Engine, lab: str) -> str | None:
    """Return why a folder of ours is none of the engine's; None: it is. Nothing is started, and `--mount` never makes a folder.

    With a control: an engine that takes a folder that nobody has does not look, and its word proves nothing.
    """
    with tempfile.TemporaryDirectory(dir=SCRATCH, prefix="dockstore-proof-") as folder:
        if _takes(engine, lab, f"{SCRATCH}/dockstore-proof-{secrets.token_hex(16)}"):
            return "whether a folder of this machine is the engine's cannot be told: it takes any"
        return None if _takes(engine, lab, folder) else "a folder of this machine is none of the engine's host"


def _takes(engine: Engine, lab: str, source: str) -> bool:
    body: dict[str, object] = {
        "Image": lab,
        "Cmd": ["true"],
        "Labels": ownership.labels("proof"),
        "NetworkDisabled": True,
        "HostConfig": {"Mounts": [{"Type": "bind", "Source": source, "Target": "/proof"}]},
    }
    try:
        made = engine.create_container(f"dockstore-proof-{secrets.token_hex(8)}", body)
    except Refused:
        return False
    engine.remove_container(made, force=True, volumes=True)
    return True


def _only_daemon_is_here() -> bool:
    """Whether the machine's one dockerd sees the mounts that we see: behind systemd's socket the kernel does not name it."""
    daemons = [pid for pid in processes.pids() if processes.command(pid) == "dockerd"]
    view = view_through(daemons[0]) if len(daemons) == 1 else ""
    return isinstance(view, View) and view.same


def _trial_mount() -> Callable[[], bool]:
    """Try whether we may mount here at all, where scratch folders lie (an overlay on an overlay is refused, a tmpfs is not)."""
    return homes.trial_mount(Path(SCRATCH)) if os.geteuid() == 0 else lambda: False


def _may_mount_through(prefix: str) -> bool:
    """Whether we may mount in the mount name space of the process whose root is *prefix*, tried likewise."""
    if os.geteuid() != 0:
        return False
    host, name = DirectHost(prefix=prefix), f"dockstore-proof-{secrets.token_hex(16)}"
    try:
        host.make_folder(f"{SCRATCH}/{name}/mount")
        try:
            host.mount_tmpfs("mount", root=f"{SCRATCH}/{name}")
        finally:
            host.remove(name, root=SCRATCH)
    except (OSError, Unseen):
        return False
    return True


def _starts_its_containers_there(pid: int) -> bool:
    """Whether a containerd sees the mounts that the daemon *pid* sees: it is containerd's children that mount for a container."""
    space = _mount_space(pid)
    return space is not None and any(_mount_space(other) == space for other in processes.pids() if processes.command(other) == "containerd")


def _mount_space(pid: int) -> str | None:
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return None


def _swaps() -> bool:
    try:
        lines = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 1
