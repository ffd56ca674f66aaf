"""Content and stat of a path: of a container by a process, of the other places by the host.

Rule 1: what is definitely not there is `exists: false`, and nothing else is told of it.
Rule 2: a fact that could not be got stands among the missing, with the reason.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.history import Facts
from dockstore.core.model import PlaceKind
from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.host import Unseen
from dockstore.runner.asking import archive_allowed, archive_disturbs, by_archive
from dockstore.runner.placing import Ground, resolve_by_archive
from dockstore.runner.scene import scene_of, section, text
from dockstore.runner.stage import Undoable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.history import FactValue
    from dockstore.core.script import Read
    from dockstore.engines.engine import Json
    from dockstore.engines.host import FileStat
    from dockstore.runner.asking import Refusal
    from dockstore.runner.probe import Answer, Answers
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Box, Seat, Stage

NAMES = ("content", "exists", "type", "size", "mode", "owner", "inode", "device", "entries", "opaque", "filesystem")
CONTENT_LIMIT_BYTES = 1 << 20
UNTOLD_OPAQUE = "whether a folder of a layer hides what lies beneath it is not told through a helper container"


def told(number: str, step: Read, values: Mapping[str, FactValue], missing: Mapping[str, str]) -> Facts:
    """The facts of a read."""
    return Facts(step=number, look=step.look, kind="read", subject=str(step.place), values=dict(values), missing=dict(missing))


def untold(number: str, step: Read, why: str) -> Facts:
    """A read that saw nothing."""
    return told(number, step, {}, dict.fromkeys(NAMES, why))


# --- of a container -------------------------------------------------------------------------------------------------------


def read_facts(
    number: str, step: Read, *, box: Box | None, scene: Scene | None, told: tuple[Answers, Answer] | None, refusal: Refusal | None
) -> Facts:
    """What a process in the container saw; where none can be asked, the archive endpoint, where that is the same thing."""
    if box is None or scene is None:
        return untold(number, step, refusal.why if refusal is not None else f"there is no container '{step.place.name}' here")
    if told is None:
        return _by_archive(number, step, box.seat, scene, refusal.why if refusal is not None else f"the container is {scene.status}")
    answers, answer = told
    if not answers.whole:
        return untold(number, step, answers.detail)
    if answer.told and not answer.exists and not answers.mounts:
        return untold(number, step, "no such file, but the control read failed too")
    entry = storage.mount_at(answer.resolved, answers.mounts) if answer.resolved else None
    return _facts(number, step, answer, filesystem=entry.filesystem if entry is not None else None)


def _by_archive(number: str, step: Read, seat: Seat, scene: Scene, why: str) -> Facts:
    disturbs = archive_disturbs(seat, scene)
    if disturbs is not None:
        return untold(number, step, f"{why}; {disturbs}")
    try:
        path = resolve_by_archive(seat, scene.id, step.place.path)
    except EngineError as exc:
        return untold(number, step, f"{why}; {exc}")
    store, _ = Ground(seat, scene, None).store_at(path)
    forbidden = archive_allowed(scene, path, store)
    if forbidden is not None:
        return untold(number, step, f"{why}; {forbidden}")
    return _facts(number, step, by_archive(seat, scene, step.place.path), filesystem=None)


def _facts(number: str, step: Read, answer: Answer, *, filesystem: str | None) -> Facts:
    if not answer.told:
        return untold(number, step, answer.detail or "the look failed")
    if not answer.exists:
        return told(number, step, {"exists": False}, {})
    stat = answer.stat
    values: dict[str, FactValue] = {"exists": True}
    missing: dict[str, str] = {"opaque": "a process in the container does not see it"}
    if stat is not None:
        values |= {"type": stat.type, "size": stat.size_bytes, "mode": f"{stat.mode:04o}"}
        numbers: dict[str, FactValue] = {"owner": f"{stat.uid}:{stat.gid}", "inode": stat.inode, "device": stat.device}
        if stat.inode >= 0:
            values |= numbers
        else:
            values |= {"owner": numbers["owner"]} if stat.uid >= 0 else {}
            missing |= {name: "the archive endpoint does not tell it" for name in numbers if name not in values}
    if answer.content is not None:
        values["content"] = _text(answer.content)
    else:
        missing["content"] = answer.detail or f"it is a {stat.type if stat is not None else 'thing without content'}"
    if answer.entries is not None:
        values["entries"] = list(answer.entries)
    else:
        missing["entries"] = answer.detail or f"it is a {stat.type if stat is not None else 'thing without entries'}"
    if filesystem is not None:
        values["filesystem"] = filesystem
    else:
        missing["filesystem"] = "no mount table was read"
    return told(number, step, values, missing)


def _text(content: bytes) -> str:
    """A file's content as text, the last newline off."""
    return content.decode(errors="replace").removesuffix("\n")


# --- by the host ------------------------------------------------------------------------------------------------------------


def read_by_host(stage: Stage, number: str, step: Read) -> Facts:
    """What the host sees at a place of the scratch folder, a volume, a writable layer or an image."""
    place = step.place
    try:
        match place.kind:
            case PlaceKind.HOST:
                return _below(number, step, stage.seat, stage.scratch, place.path)
            case PlaceKind.VOLUME:
                return _of_volume(stage, number, step)
            case PlaceKind.LAYER:
                return _of_layer(stage, number, step)
            case PlaceKind.IMAGE:
                return _of_image(stage, number, step)
            case PlaceKind.CONTAINER:
                return untold(number, step, "a container's place is read by a process in it")
    except (Unseen, EngineError, Undoable) as exc:
        return untold(number, step, str(exc))


def _below(number: str, step: Read, seat: Seat, root: str, path: str) -> Facts:
    if seat.host.reason is not None:
        return untold(number, step, seat.host.reason)
    found = seat.host.stat(path, root=root, entries=True, follow=False)
    if found is None:
        return told(number, step, {"exists": False}, {})
    return _of_stat(number, step, seat, root, path, found)


def _of_stat(number: str, step: Read, seat: Seat, root: str, path: str, found: FileStat) -> Facts:
    values: dict[str, FactValue] = {
        "exists": True,
        "type": found.type,
        "size": found.size_bytes,
        "mode": f"{found.mode:04o}",
        "owner": f"{found.uid}:{found.gid}",
        "inode": found.inode,
        "device": found.device,
    }
    missing: dict[str, str] = {}
    if found.opaque_told:
        values["opaque"] = found.opaque
    else:
        missing["opaque"] = UNTOLD_OPAQUE
    if found.entries is not None:
        values["entries"] = list(found.entries)
    else:
        missing["entries"] = f"it is a {found.type}"
    try:
        content = seat.host.read(path, root=root, limit_bytes=CONTENT_LIMIT_BYTES) if found.type in {"file", "link"} else None
        if content is not None:
            values["content"] = _text(content)
        else:
            missing["content"] = f"it is a {found.type}"
    except Unseen as exc:
        missing["content"] = str(exc)
    try:
        entry = storage.mount_at(posixpath.join(root, path), storage.parse_mountinfo(seat.host.own_mountinfo()))
        if entry is not None:
            values["filesystem"] = entry.filesystem
    except Unseen as exc:
        missing["filesystem"] = str(exc)
    return told(number, step, values, missing)


def _of_volume(stage: Stage, number: str, step: Read) -> Facts:
    seat, name = stage.volume(step.place.name)
    answer = seat.engine.inspect_volume(name)
    options = {str(key): str(value) for key, value in section(answer, "Options").items()}
    root = text(answer.get("Mountpoint"))
    if storage.is_bind_volume(options):
        root = options.get("device", root)
    elif options or text(answer.get("Driver")) not in {"", "local"}:
        mounted = any(entry.target == root for entry in storage.parse_mountinfo(seat.host.own_mountinfo()))
        if not mounted:
            return untold(number, step, f"the bytes of volume {name} are not in {root} unless a container runs: it has options")
    if not root:
        return untold(number, step, "the engine does not tell where the volume lies")
    return _below(number, step, seat, root, step.place.path)


def _of_layer(stage: Stage, number: str, step: Read) -> Facts:
    box = stage.box(step.place.name)
    scene = scene_of(box.seat, box.id)
    if scene is None:
        return untold(number, step, "there is no container of that name")
    upper = scene.upperdir
    if upper is None and scene.running:
        entries = storage.parse_mountinfo(box.seat.host.mountinfo(scene.pid))
        upper = next((entry.upperdir for entry in reversed(entries) if entry.target == "/"), None)
    if upper is None:
        return untold(number, step, "where the writable layer lies is not told while the container does not run")
    return _below(number, step, box.seat, upper, step.place.path)


def _of_image(stage: Stage, number: str, step: Read) -> Facts:
    """The topmost layer that says anything of the path: a file, a directory or a whiteout."""
    try:
        answer = stage.seat.engine.inspect_image(stage.image(step.place.name))
    except NotFound:
        return untold(number, step, f"the engine has no image '{step.place.name}'")
    data = section(section(answer, "GraphDriver"), "Data")
    layers = [layer for layer in (text(data.get("UpperDir")), *text(data.get("LowerDir")).split(":")) if layer]
    layers = layers or _layers_of_a_container(stage, answer)
    if not layers:
        return untold(number, step, "the engine does not tell where the image's layers lie, and no container of it runs")
    for layer in layers:
        found = stage.seat.host.stat(step.place.path, root=layer, entries=True, follow=False)
        if found is not None:
            return _of_stat(number, step, stage.seat, layer, step.place.path, found)
        if _hides(stage.seat, layer, step.place.path):
            break
    return told(number, step, {"exists": False}, {})


def _layers_of_a_container(stage: Stage, image: Json) -> list[str]:
    """The image's layers, topmost first, as the kernel has them in a running container of it (the containerd store names no directories)."""
    known = section(image, "RootFS").get("Layers")
    count = len(known) if isinstance(known, list) else 0
    for box in stage.boxes.values():
        scene = scene_of(box.seat, box.id)
        if scene is None or not scene.running or text(scene.answer.get("Image")) != text(image.get("Id")):
            continue
        entries = storage.parse_mountinfo(box.seat.host.mountinfo(scene.pid))
        lower = next((entry.layers for entry in reversed(entries) if entry.target == "/"), ())
        return list(lower[1:] if len(lower) > count else lower)  # the first is the container's own: mountpoints of what the engine mounts
    return []


def _hides(seat: Seat, layer: str, path: str) -> bool:
    """Whether a whiteout or an opaque folder of *layer*, above *path*, hides what lower layers have there. Raises Unseen."""
    above = posixpath.dirname(path.strip("/"))
    while above:
        found = seat.host.stat(above, root=layer, follow=False)
        if found is not None and (found.type == "whiteout" or found.opaque):
            return True
        if found is not None and not found.opaque_told:
            raise Unseen(f"/{above}: {UNTOLD_OPAQUE}")
        above = posixpath.dirname(above)
    return False
