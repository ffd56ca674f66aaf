"""The commands that bring data back: look into it, copy it into a named volume, mount it again.

Rule 1: nothing here writes to what was found: it is mounted read-only, and copied before it is used.
Rule 2: a command runs as it stands, in a plain shell; what a person must choose is a name, and has a good one already.
Rule 3: no command removes anything.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from dockstore.core.orphans import Step

if TYPE_CHECKING:
    from collections.abc import Collection

    from dockstore.core.orphans import Candidate, Owner
    from dockstore.core.recognise import Content

HELPER: Final = "alpine"
"""An image with a shell, where none that is here is known to have one."""


def steps(
    candidate: Candidate, contents: tuple[Content, ...], owner: Owner | None, *, taken: Collection[str], helper: str | None, folder: str = ""
) -> tuple[Step, ...]:
    """Return the commands for one orphan.

    *taken*: names of volumes; *helper*: an image here that has a shell; *folder*: of a layer, the one that holds all its data.
    """
    image = helper or HELPER
    copy = new_name(candidate, owner, taken)
    content = contents[0] if contents else None
    if candidate.container is not None:
        return _of_layer(candidate.container.name, content, image, copy, owner, folder)
    if candidate.volume is None:
        return ()
    return _of_volume(candidate.volume.name, content, image, copy, owner, anonymous=candidate.volume.anonymous)


def new_name(candidate: Candidate, owner: Owner | None, taken: Collection[str]) -> str:
    """A name for the copy that says whose it was and that no volume has."""
    volume, container = candidate.volume, candidate.container
    if volume is not None and not volume.anonymous:
        parts: list[str | None] = [volume.name]
    else:
        parts = [owner.project, owner.service or owner.container] if owner is not None else []
    if not any(parts):
        parts = [container.name if container is not None else volume.name[:12] if volume is not None else "data"]
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(part for part in parts if part)).strip("-_.") or "data"
    name = f"{base}_rescued"
    number = 2
    while name in taken:
        name, number = f"{base}_rescued_{number}", number + 1
    return name


def _of_volume(name: str, content: Content | None, image: str, copy: str, owner: Owner | None, *, anonymous: bool) -> tuple[Step, ...]:
    source, target = shlex.quote(name), shlex.quote(copy)
    shell = f"--entrypoint sh {shlex.quote(image)} -c"
    look = f"docker run --rm -u 0 --network none -v {source}:/from:ro {shell} 'ls -la /from && du -sh /from'"
    copied = f"docker volume create {target} && docker run --rm -u 0 --network none -v {source}:/from:ro -v {target}:/to {shell} 'cp -a /from/. /to/'"
    whole = copy if anonymous else name
    return (
        Step(what="look", says="look into it; nothing is changed", command=look),
        Step(what="copy", says=f"copy it into the named volume {copy}; the original stays as it is", command=copied),
        Step(what="mount", says=f"mount {'the copy' if anonymous else 'it'} again", command=_run(whole, content, owner)),
    )


def _of_layer(name: str, content: Content | None, image: str, copy: str, owner: Owner | None, common: str) -> tuple[Step, ...]:
    source, target = shlex.quote(name), shlex.quote(copy)
    folder = data_folder(content, common)
    path = shlex.quote(f"{name}:{folder.rstrip('/')}/.")
    unpack = f"docker run --rm -i -u 0 --network none -v {target}:/to --entrypoint tar {shlex.quote(image)} -x -f - -C /to"
    return (
        Step(what="look", says="list what it changed against its image", command=f"docker diff {source}"),
        Step(
            what="copy",
            says=f"copy {folder} into the named volume {copy}; the container stays as it is",
            command=f"docker volume create {target} && docker cp -a {path} - | {unpack}",
        ),
        Step(what="mount", says="mount the copy where the container had it", command=_run(copy, content, owner, target=folder)),
        Step(what="start", says="or start the container again, as it is", command=f"docker start {source}"),
    )


def data_folder(content: Content | None, common: str = "") -> str:
    """The folder of a container in which *content* lies, else the one that holds everything."""
    if content is None or content.kind is None:
        return f"/{common}"
    path = content.path if content.kind.inner else content.path.rpartition("/")[0]
    return f"/{path}"


def _run(volume: str, content: Content | None, owner: Owner | None, *, target: str | None = None) -> str:
    where = target or (owner.target if owner is not None else None) or "/data"
    image = owner.image if owner is not None and owner.image else "IMAGE"
    host = re.search(r"node \S*@([A-Za-z0-9][\w.-]*)", content.detail or "") if content is not None else None
    words = ["docker", "run", "-d", *(["--hostname", host[1]] if host else []), "-v", f"{volume}:{where}", image]
    return " ".join(shlex.quote(word) for word in words)
