"""`docker cp`, export and import: what goes through tar archives.

Rule 1: a host path that ends in `.tar` holds the archive itself, as with `docker cp db:/data - > backup.tar` and back.
Rule 2: a nonce that was put by archive counts only when it is read back where a process sees it (P3).
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from typing import TYPE_CHECKING

from dockstore.core.model import Completion, Place, PlaceKind
from dockstore.engines.errors import EngineError, NotFound
from dockstore.runner.asking import Refusal, archive_allowed, ask, by_archive, by_process_root, probe_for, single_file
from dockstore.runner.placing import Ground, resolve_by_archive
from dockstore.runner.probe import Answer, Seek
from dockstore.runner.scene import scene_of
from dockstore.runner.stage import Done, Undoable
from dockstore.runner.visits import note_write

if TYPE_CHECKING:
    from dockstore.core.script import Copy, Export, Import
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Box, Stage

ARCHIVE = ".tar"
IMPORT_LIMIT_BYTES = 1 << 32
DIRECTORY_BIT = 0o040000


def copy(stage: Stage, number: str, step: Copy) -> Done:
    """`docker cp`, both ways; a new name as source is a fresh nonce."""
    if isinstance(step.source, str):
        return _put_nonce(stage, number, step.source, step.to)
    match step.source.kind, step.to.kind:
        case PlaceKind.CONTAINER, PlaceKind.HOST:
            return _out(stage, step.source, step.to)
        case PlaceKind.HOST, PlaceKind.CONTAINER:
            return _in(stage, step.source, step.to)
        case PlaceKind.CONTAINER, PlaceKind.CONTAINER:
            return _across(stage, step.source, step.to)
        case PlaceKind.HOST, PlaceKind.HOST:
            return _beside(stage, step.source, step.to)
        case _:
            raise Undoable(f"from {step.source} to {step.to} nothing is copied")


def _put_nonce(stage: Stage, number: str, write: str, to: Place) -> Done:
    """Fresh bytes by the archive endpoint, or, into the scratch folder, by the host."""
    if to.kind is PlaceKind.HOST:
        raise Undoable("a new write is copied into a container; into the scratch folder write it")
    box = stage.box(to.name)
    nonce = stage.nonce().encode()
    folder, name = posixpath.split(to.path)
    box.seat.engine.put_archive(box.id, folder or "/", packed({name: nonce}))
    scene = scene_of(box.seat, box.id)
    if scene is None:
        return Done(completion=Completion.UNSURE, message=f"{box.name} is gone")
    ground, answer = _read_back(stage, box, scene, to, nonce.decode())
    note_write(stage, number, write, to, box, nonce, ground, answer)
    return Done()


def _read_back(stage: Stage, box: Box, scene: Scene, to: Place, nonce: str) -> tuple[Ground, Answer]:
    """Look for the nonce as a process does; in a container that does not run by archive, where that is the same thing."""
    wish = Seek(path=to.path, nonce=nonce)
    if scene.running:
        answers = by_process_root(box.seat, scene, [wish]) if scene.paused else ask(stage, box, probe_for(scene, [wish]))
        if isinstance(answers, Refusal) and answers.no_shell:
            answers = by_process_root(box.seat, scene, [wish])
        if isinstance(answers, Refusal):
            return Ground(box.seat, scene, None), Answer(told=False, detail=answers.why)
        return Ground(box.seat, scene, answers), answers.answers[0]
    ground = Ground(box.seat, scene, None)
    try:
        path = resolve_by_archive(box.seat, scene.id, to.path)
    except EngineError as exc:
        return ground, Answer(told=False, detail=str(exc))
    forbidden = archive_allowed(scene, path, ground.store_at(path)[0])
    if forbidden is not None:
        return ground, Answer(told=False, resolved=path, detail=forbidden)
    return ground, by_archive(box.seat, scene, to.path, size_bytes=len(nonce))


def packed(files: dict[str, bytes]) -> bytes:
    """A tar archive of *files*, owned by root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _out(stage: Stage, source: Place, to: Place) -> Done:
    box = stage.box(source.name)
    data = box.seat.engine.get_archive(box.id, source.path)
    if to.path.endswith(ARCHIVE):
        stage.seat.host.write_file(to.path, data, root=stage.scratch)
        return Done(detail={"bytes": str(len(data))})
    return _unpack(stage, data, to)


def _unpack(stage: Stage, data: bytes, to: Place) -> Done:
    """Put an archive's files into the scratch folder: one file under the new name, a folder with all in it."""
    host = stage.seat.host
    there = host.stat(to.path, root=stage.scratch)
    into = there is not None and there.type == "directory"
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
        top = members[0].name.strip("/").split("/")[0] if members else ""
        for member in members:
            inner = posixpath.normpath(member.name.strip("/"))
            below = inner if into or top in {"", "."} else posixpath.normpath(posixpath.join(".", *inner.split("/")[1:]))
            path = posixpath.normpath(posixpath.join(to.path, below))
            owner = (member.uid, member.gid)
            if member.isdir():
                host.make_folder(posixpath.join(stage.scratch, path), mode=member.mode & 0o7777, owner=owner)
            elif member.isfile():
                content = tar.extractfile(member)
                host.write_file(path, content.read() if content is not None else b"", root=stage.scratch, mode=member.mode & 0o7777, owner=owner)
            else:
                return Done(completion=Completion.UNSURE, message=f"{member.name} is neither file nor folder; copy it into a {ARCHIVE} instead")
    return Done(detail={"bytes": str(len(data))})


def _in(stage: Stage, source: Place, to: Place) -> Done:
    box = stage.box(to.name)
    host = stage.seat.host
    if source.path.endswith(ARCHIVE):
        data = host.read(source.path, root=stage.scratch, limit_bytes=IMPORT_LIMIT_BYTES)
        if data is None:
            raise FileNotFoundError(f"{source} is not there")
        box.seat.engine.put_archive(box.id, to.path, data)
        return Done(detail={"bytes": str(len(data))})
    folder, name = _destination(box, to, posixpath.basename(source.path))
    data = _pack(stage, source, name)
    box.seat.engine.put_archive(box.id, folder, data)
    return Done(detail={"bytes": str(len(data))})


def _destination(box: Box, to: Place, name: str) -> tuple[str, str]:
    """Folder and name of a copy: into a folder that is there under the old name, else under the new one."""
    try:
        found = box.seat.engine.stat_archive(box.id, to.path)
    except NotFound:
        return posixpath.dirname(to.path) or "/", posixpath.basename(to.path)
    if found.mode & 0o170000 == DIRECTORY_BIT:
        return to.path, name
    return posixpath.dirname(to.path) or "/", posixpath.basename(to.path)


def _pack(stage: Stage, source: Place, name: str) -> bytes:
    """A file or folder of the scratch folder as an archive under *name*."""
    host = stage.seat.host
    root = posixpath.join(stage.scratch, source.path)
    found = host.stat(source.path, root=stage.scratch)
    if found is None:
        raise FileNotFoundError(f"{source} is not there")
    if found.type == "file":
        return packed({name: host.read(source.path, root=stage.scratch, limit_bytes=IMPORT_LIMIT_BYTES) or b""})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, tarfile.DIRTYPE, name, found.mode)
        for listed in host.walk(root):
            inner = posixpath.join(name, listed.path)
            if listed.stat.type == "directory":
                _add(tar, tarfile.DIRTYPE, inner, listed.stat.mode)
            elif listed.stat.type == "file":
                _add(tar, tarfile.REGTYPE, inner, listed.stat.mode, host.read(listed.path, root=root, limit_bytes=IMPORT_LIMIT_BYTES) or b"")
    return out.getvalue()


def _add(tar: tarfile.TarFile, kind: bytes, name: str, mode: int, data: bytes = b"") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, mode, len(data)
    tar.addfile(member, io.BytesIO(data))


def _across(stage: Stage, source: Place, to: Place) -> Done:
    """From container to container, as two `docker cp` in a row."""
    origin, box = stage.box(source.name), stage.box(to.name)
    data = origin.seat.engine.get_archive(origin.id, source.path)
    folder, name = _destination(box, to, posixpath.basename(source.path))
    if name != posixpath.basename(source.path):
        data = packed({name: single_file(data)[1]})
    box.seat.engine.put_archive(box.id, folder, data)
    return Done(detail={"bytes": str(len(data))})


def _beside(stage: Stage, source: Place, to: Place) -> Done:
    data = stage.seat.host.read(source.path, root=stage.scratch, limit_bytes=IMPORT_LIMIT_BYTES)
    if data is None:
        raise FileNotFoundError(f"{source} is not there")
    stage.seat.host.write_file(to.path, data, root=stage.scratch)
    return Done(detail={"bytes": str(len(data))})


def export(stage: Stage, step: Export) -> Done:
    """`docker export` into a file of the scratch folder."""
    box = stage.box(step.container)
    data = b"".join(box.seat.engine.export_container(box.id))
    stage.seat.host.write_file(step.to.path, data, root=stage.scratch)
    return Done(detail={"bytes": str(len(data))})


def import_image(stage: Stage, step: Import) -> Done:
    """`docker import` of a file of the scratch folder."""
    data = stage.seat.host.read(step.source.path, root=stage.scratch, limit_bytes=IMPORT_LIMIT_BYTES)
    if data is None:
        raise FileNotFoundError(f"{step.source} is not there")
    reference = stage.plan.image_reference(step.image)
    labels = stage.plan.labelled(stage.nonce())
    changes = [f"LABEL {name}={_quoted(value)}" for name, value in labels.items()]
    made = stage.seat.engine.import_image(data, reference, changes=changes)
    stage.mark_made("image", made, reference)
    stage.images[step.image] = reference
    return Done(detail={"image": made})


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
