"""What is done to containers, volumes and images, and what each call is seen to have made.

Rule 1: whatever a call makes is put into the ledger right after it: containers, named and anonymous volumes, images.
Rule 2: a container is struck by its id. After a kill it is dead, or has had the signal, before the next step.
Rule 3: the engine's answer to the call decides; state fields mislead (P25).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from dockstore.core.create_body import VolumeRequest, attachable, create_body, update_body, volume_request
from dockstore.core.model import BindMount, Completion, VolumeMount
from dockstore.engines.errors import EngineError, NotFound, Refused, Unsure
from dockstore.runner.asking import close_shell, resident_shell
from dockstore.runner.scene import items, number, read_scene, scene_of, section, text
from dockstore.runner.stage import Box, Done, Undoable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.core.model import ContainerSpec, ImageSpec, VolumeSpec
    from dockstore.core.script import (
        Commit,
        Create,
        Kill,
        Remove,
        RemoveImage,
        RemoveVolume,
        Rename,
        Restart,
        Run,
        Start,
        Stop,
        Update,
        Wait,
    )
    from dockstore.engines.engine import Json
    from dockstore.runner.stage import Seat, Stage

KILL_SECONDS = 10.0
POLL_SECONDS = 0.05
ROOT_USERS = ("", "0", "root", "0:0", "root:root")


# --- things before the first step that needs them -----------------------------------------------------------------------


def prepare(stage: Stage, step: int, built: dict[str, bytes]) -> None:
    """Build the images and create the volumes that step number *step* is the first to use. Raises EngineError."""
    for image in stage.plan.images_before(step):
        build(stage, image, built)
    for volume in stage.plan.volumes_before(step):
        make_volume(stage, volume)
        _check_options(stage, volume)


def build(stage: Stage, spec: ImageSpec, built: dict[str, bytes]) -> None:
    """Write an image's archive and load it; *built* keeps archives for the images that stand on it."""
    reference = stage.plan.image_reference(spec.name)
    from dockstore.engines.images import base_image, build_image

    base = base_image(spec.base, engine=stage.seat.engine, built=built, cache=getattr(stage.opened, "cache", None))
    built[spec.name] = build_image(spec, base, reference=reference, labels=stage.plan.labelled(stage.nonce()))
    stage.seat.engine.load_image(built[spec.name])
    _see_image(stage, stage.seat, reference, spec.name)
    stage.images[spec.name] = reference


def _see_image(stage: Stage, seat: Seat, reference: str, name: str) -> str:
    found = text(seat.engine.inspect_image(reference).get("Id"))
    stage.mark_made("image", found, reference, seat)
    stage.images[name] = reference
    return found


def make_volume(stage: Stage, spec: VolumeSpec) -> Done:
    """`docker volume create`, with a label that tells this one from any other of the name (P8)."""
    seat = stage.seat_of(spec.engine)
    request: VolumeRequest = volume_request(spec, stage.plan, nonce=stage.nonce())
    try:
        seat.engine.create_volume(request.name, driver=request.driver, options=request.options, labels=request.labels)
    except Unsure:
        stage.mark_made("volume", request.name, spec.name, seat)
        raise
    stage.mark_made("volume", request.name, spec.name, seat)
    stage.volumes[spec.name] = request.name
    return Done(detail={"volume": request.name})


def _check_options(stage: Stage, spec: VolumeSpec) -> None:
    """An engine may take options and ignore them, or keep an old volume as it is (P7): then the experiment would be another one."""
    seat = stage.seat_of(spec.engine)
    wanted = volume_request(spec, stage.plan, nonce="").options
    kept = {str(key): str(value) for key, value in section(seat.engine.inspect_volume(stage.volumes[spec.name]), "Options").items()}
    if kept != dict(wanted):
        raise Undoable(f"the engine keeps other options for the volume {spec.name} than it was asked for: {kept}")


# --- containers ---------------------------------------------------------------------------------------------------------


def create(stage: Stage, step: Create | Run) -> Done:
    """`docker create`. Volumes of a create that fails stay, so they are looked for by name and label."""
    spec = step.spec
    if spec.name in stage.boxes and not _gone(stage.boxes[spec.name]):
        real = stage.plan.container_name(spec.name)
        return _create(stage, spec, real, keep=stage.boxes[spec.name])
    return _create(stage, spec, stage.plan.container_name(spec.name))


def _gone(box: Box) -> bool:
    try:
        return scene_of(box.seat, box.id) is None
    except EngineError:
        return False


def _create(stage: Stage, spec: ContainerSpec, real: str, keep: Box | None = None) -> Done:
    """Create under *real*; with *keep*, a container that bears the name already, the engine is asked all the same and refuses."""
    seat = stage.seat_of(spec.engine)
    nonce = stage.nonce()
    _check_paths(stage, spec)
    body = create_body(spec, stage.plan, nonce=nonce, resolve_volume=lambda name: stage.volume(name)[1])
    names = [stage.volume(mount.source)[1] for mount in spec.mounts if isinstance(mount, VolumeMount) and mount.source]
    try:
        made = seat.engine.create_container(real, body)
    except EngineError as exc:
        if isinstance(exc, Unsure):
            _see_container(stage, seat, nonce, real)
        _see_volumes(stage, seat, names, spec)
        _see_labelled(stage, seat, nonce)
        raise
    stage.mark_made("container", made, real, seat)
    if keep is not None:
        stage.remark(spec.name, f"the engine gave the name {real} a second time")
    answer = seat.engine.inspect_container(made)
    box = Box(
        name=spec.name,
        real=real,
        id=made,
        spec=spec,
        seat=seat,
        lab=attachable(spec, stage.plan) and _log_is_off(answer),
        as_root=text(section(answer, "Config").get("User")) in ROOT_USERS,
    )
    stage.boxes[spec.name] = box
    _see_mounts(stage, box, answer)
    return Done(detail={"id": made, "name": real, "nonce": nonce})


def _log_is_off(answer: Json) -> bool:
    """What is read through the shell must not lie in a log on the engine's disk."""
    return text(section(section(answer, "HostConfig"), "LogConfig").get("Type")) == "none"


def _check_paths(stage: Stage, spec: ContainerSpec) -> None:
    """Refuse a bind source outside the scratch folder that nobody allowed."""
    allowed = [stage.scratch, *stage.options.allow_host_paths]
    for mount in spec.mounts:
        if isinstance(mount, BindMount):
            source = posixpath.normpath(stage.plan.host_path(mount.source))
            if not any(source == posixpath.normpath(path) or source.startswith(f"{posixpath.normpath(path)}/") for path in allowed):
                raise Undoable(f"{source} is outside the scratch folder; --allow-host-path {source} allows it")


def _see_mounts(stage: Stage, box: Box, answer: Json) -> None:
    """Put what a create made into the ledger: named volumes of ours, anonymous ones (seen by their names only)."""
    scene = read_scene(answer)
    wanted = {stage.volume(mount.source)[1]: mount.source for mount in box.spec.mounts if isinstance(mount, VolumeMount) and mount.source}
    borrowed = bool(box.spec.volumes_from)
    for mount in scene.mounts:
        if mount.type != "volume" or mount.name is None:
            continue
        known = any(made.kind == "volume" and made.id == mount.name for _, made in stage.made)
        if mount.name in wanted:
            stage.mark_made("volume", mount.name, wanted[mount.name], box.seat)
            stage.volumes.setdefault(wanted[mount.name], mount.name)
        elif not known and not borrowed:
            stage.mark_made("volume", mount.name, f"{box.name}:{mount.destination}", box.seat)
        _see_alias(stage, box, mount.destination, mount.name)


def _see_alias(stage: Stage, box: Box, destination: str, volume: str) -> None:
    """Give the anonymous volume that the first container of a name got the name that the file has for it."""
    for alias, place in stage.plan.aliases.items():
        if place.name == box.name and posixpath.normpath(place.path) == posixpath.normpath(destination):
            stage.volumes.setdefault(alias, volume)


def _see_volumes(stage: Stage, seat: Seat, names: list[str], spec: ContainerSpec) -> None:
    """Volumes with our names that a failed create left."""
    by_name = {stage.volume(mount.source)[1]: mount.source for mount in spec.mounts if isinstance(mount, VolumeMount) and mount.source}
    for name in names:
        if not name.startswith("dockstore-"):
            continue
        try:
            seat.engine.inspect_volume(name)
        except EngineError:
            continue
        stage.mark_made("volume", name, by_name.get(name, name), seat)


def _see_container(stage: Stage, seat: Seat, nonce: str, real: str) -> None:
    """A container of a create whose answer did not come."""
    try:
        for found in seat.engine.list_containers(filters={"label": [f"io.dockstore.nonce={nonce}"]}):
            stage.mark_made("container", text(found.get("Id")), real, seat)
    except EngineError as exc:
        stage.remark(real, f"whether it was made could not be asked: {exc}")


def _see_labelled(stage: Stage, seat: Seat, nonce: str) -> None:
    """Anonymous volumes with this call's own label that a failed create left."""
    try:
        left = seat.engine.list_volumes(filters={"label": [f"io.dockstore.nonce={nonce}"]})
    except EngineError:
        return
    for volume in left:
        name = text(volume.get("Name"))
        if name:
            stage.mark_made("volume", name, "left by a create that failed", seat)


def run(stage: Stage, step: Run) -> Done:
    """`docker run -d`: create and start."""
    made = create(stage, step)
    _begin(stage, stage.box(step.spec.name))
    return made


def start(stage: Stage, step: Start) -> Done:
    """`docker start`."""
    _start(stage, stage.box(step.container or ""))
    return Done()


def _start(stage: Stage, box: Box) -> None:
    """Start, and attach to the main process where it is our shell."""
    running = scene_of(box.seat, box.id)
    if running is not None and running.running:
        box.seat.engine.start_container(box.id)  # 304: it goes on as it is
        return
    _begin(stage, box)


def _begin(stage: Stage, box: Box) -> None:
    close_shell(box)
    box.seat.engine.start_container(box.id)
    _new_life(stage, box)
    if box.spec.restart is not None:
        box.restarts = number(box.seat.engine.inspect_container(box.id).get("RestartCount"))


def _new_life(stage: Stage, box: Box) -> None:
    """A main process began: where it is our shell, talk to it."""
    box.attachable = box.lab
    resident_shell(stage, box)


def stop(stage: Stage, step: Stop) -> Done:
    """`docker stop -t`."""
    box = stage.box(step.container or "")
    close_shell(box)
    box.seat.engine.stop_container(box.id, timeout_seconds=step.timeout_seconds)
    return _after_end(stage, box)


def restart(stage: Stage, step: Restart) -> Done:
    """`docker restart -t`."""
    box = stage.box(step.container or "")
    close_shell(box)
    box.seat.engine.restart_container(box.id, timeout_seconds=step.timeout_seconds)
    _new_life(stage, box)
    return Done()


def kill(stage: Stage, step: Kill) -> Done:
    """`docker kill -s`: KILL waits until the main process that had it is dead."""
    box = stage.box(step.container or "")
    before = scene_of(box.seat, box.id)
    box.seat.engine.kill_container(box.id, signal=step.signal)
    if step.signal.upper().removeprefix("SIG") not in {"KILL", "9"}:
        return Done()
    close_shell(box)
    life = before.started if before is not None else ""

    def dead() -> bool:
        scene = scene_of(box.seat, box.id)
        return scene is None or not scene.running or scene.started != life

    if not wait_until(stage, dead, KILL_SECONDS):
        return Done(completion=Completion.UNSURE, message=f"{box.name} had SIGKILL and still runs after {KILL_SECONDS:g} s")
    return _after_end(stage, box)


def _after_end(stage: Stage, box: Box) -> Done:
    """After a main process ended: a container with --rm is gone a moment later (P18)."""
    if not box.spec.rm:
        return Done()
    if wait_until(stage, lambda: scene_of(box.seat, box.id) is None, KILL_SECONDS):
        forget(stage, box)
        return Done()
    return Done(completion=Completion.UNSURE, message=f"{box.name} ended, and is still there after {KILL_SECONDS:g} s though it runs with --rm")


def remove(stage: Stage, step: Remove) -> Done:
    """`docker rm`, `-f`, `-v`."""
    box = stage.box(step.container)
    box.seat.engine.remove_container(box.id, force=step.force, volumes=step.volumes)
    close_shell(box)
    if box.spec.rm and not wait_until(stage, lambda: scene_of(box.seat, box.id) is None, KILL_SECONDS):
        return Done(completion=Completion.UNSURE, message=f"{box.name} is still there after {KILL_SECONDS:g} s")
    forget(stage, box)
    return Done()


def forget(stage: Stage, box: Box) -> None:
    """Note that a container is gone."""
    close_shell(box)
    if stage.boxes.get(box.name) is box:
        del stage.boxes[box.name]
        stage.gone.add(box.name)
    stage.unmark("container", box.id)


def pause(box: Box) -> Done:
    """`docker pause`."""
    box.seat.engine.pause_container(box.id)
    return Done()


def unpause(box: Box) -> Done:
    """`docker unpause`."""
    box.seat.engine.unpause_container(box.id)
    return Done()


def rename(stage: Stage, step: Rename) -> Done:
    """`docker rename`; the new name is a container from here on."""
    box = stage.box(step.container)
    real = stage.plan.container_name(step.to)
    box.seat.engine.rename_container(box.id, real)
    del stage.boxes[step.container]
    box.name, box.real = step.to, real
    stage.boxes[step.to] = box
    return Done(detail={"name": real})


def update(stage: Stage, step: Update) -> Done:
    """`docker update`; what the engine takes and ignores is sent too."""
    box = stage.box(step.container)
    changes = update_body(step.spec, stage.plan, keys=step.keys, nonce=stage.nonce(), resolve_volume=lambda name: stage.volume(name)[1])
    memory = changes.get("Memory")
    if isinstance(memory, int):  # the engine refuses a memory limit above the old limit of memory and swap together, which may be none
        swap = number(section(box.seat.engine.inspect_container(box.id), "HostConfig").get("MemorySwap"))
        changes["MemorySwap"] = swap if swap < 0 else max(swap, memory * 2)
    box.seat.engine.update_container(box.id, changes)
    return Done()


def commit(stage: Stage, step: Commit) -> Done:
    """`docker commit`."""
    box = stage.box(step.container)
    reference = stage.plan.image_reference(step.image)
    made = box.seat.engine.commit_container(box.id, reference, labels=stage.plan.labelled(stage.nonce()))
    stage.mark_made("image", made, reference, box.seat)
    stage.images[step.image] = reference
    return Done(detail={"image": made})


# --- waiting --------------------------------------------------------------------------------------------------------------


def wait(stage: Stage, step: Wait) -> Done:
    """Poll for a state, or until a command succeeds."""
    if step.condition == "removed" and step.container in stage.gone and step.container not in stage.boxes:
        return Done()
    box = stage.box(step.container)
    seen: list[str] = []

    def there() -> bool:
        return _meets(stage, box, step, seen)

    if wait_until(stage, there, step.timeout_seconds):
        if step.condition == "removed" or _gone_with_rm(box):
            forget(stage, box)
        elif step.condition == "restarted":
            close_shell(box)
            box.attachable = box.lab
        return Done()
    what = f"{step.condition}" if step.condition is not None else f"'{step.until}'"
    said = f"; last seen: {seen[-1]}" if seen else ""
    return Done(completion=Completion.UNSURE, message=f"{box.name} was not {what} within {step.timeout_seconds:g} s{said}")


def _gone_with_rm(box: Box) -> bool:
    return box.spec.rm and _gone(box)


def _meets(stage: Stage, box: Box, step: Wait, seen: list[str]) -> bool:
    if step.until is not None:
        try:
            result = box.seat.engine.exec(box.id, ["sh", "-c", step.until], timeout_seconds=min(step.timeout_seconds, stage.limit))
        except Refused as exc:
            seen.append(exc.words)
            return False
        seen.append(f"exit code {result.exit_code}")
        return result.exit_code == 0
    try:
        answer = box.seat.engine.inspect_container(box.id)
    except NotFound:
        seen.append("removed")
        return step.condition == "removed" or (step.condition == "exited" and box.spec.rm)
    state = section(answer, "State")
    status, health = text(state.get("Status")), text(section(state, "Health").get("Status"))
    seen.append(f"{status} {health}".rstrip())
    match step.condition:
        case "running":
            return status == "running"
        case "exited":
            return status in {"exited", "dead"}
        case "healthy":
            return health == "healthy"
        case "restarted":
            count = number(answer.get("RestartCount"))
            if status == "running" and count > box.restarts:
                box.restarts = count
                return True
            return False
        case _:
            return False


def wait_until(stage: Stage, check: Callable[[], bool], seconds: float) -> bool:
    """Poll until *check* says yes; a stop that is asked for ends the wait."""
    deadline = stage.clock() + seconds
    while True:
        if check():
            return True
        if stage.clock() >= deadline or stage.halt.wait(POLL_SECONDS):
            return False


# --- volumes and images by name -----------------------------------------------------------------------------------------


def create_volume(stage: Stage, spec: VolumeSpec) -> Done:
    """`docker volume create`."""
    return make_volume(stage, spec)


def remove_volume(stage: Stage, step: RemoveVolume) -> Done:
    """`docker volume rm`."""
    seat, name = stage.volume(step.volume)
    seat.engine.remove_volume(name, force=step.force)
    return Done(detail={"volume": name})


def remove_image(stage: Stage, step: RemoveImage) -> Done:
    """`docker rmi`; only an image that this run made."""
    reference = stage.image(step.image)
    if step.image not in stage.images:
        raise Undoable(f"the image '{step.image}' is not this run's to remove")
    stage.seat.engine.remove_image(reference, force=step.force)
    return Done(detail={"image": reference})


def names_of(answer: Json) -> Mapping[str, str]:
    """Target -> type of a container's mounts."""
    return {text(mount.get("Destination")): text(mount.get("Type")) for mount in items(answer, "Mounts")}
