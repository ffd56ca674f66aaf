"""Images of a few files on the lab image, made in a moment: a small store that behaves as a database image does, and a site.

Run it by hand: `python -m tests.services.small`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core.model import ImageSpec, LayerEntry
from dockstore.engines.errors import NotFound
from dockstore.engines.images import base_image
from dockstore.engines.providers import image_archive

if TYPE_CHECKING:
    from dockstore.engines.engine import Engine

FILES = Path(__file__).parent / "files"
VERSION = 2  # in a label: raise it when a file or a setting changes
LABEL = "io.dockstore.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallImage:
    """One image: its tag, its files, what it declares."""

    reference: str
    entries: tuple[LayerEntry, ...]
    volumes: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str | None = None
    command: tuple[str, ...] = ()


def _keeper(tag: int, data: str, volume: str, *, user: str | None = None, owner: int = 999) -> SmallImage:
    return SmallImage(
        reference=f"localhost/dockstore-test-keeper:{tag}",
        entries=(
            LayerEntry(path="/bin/keeper", content=(FILES / "keeper.sh").read_text(encoding="utf-8"), mode=0o755),
            LayerEntry(path="/etc/passwd", content="root:x:0:0::/root:/bin/sh\nkeeper:x:999:999::/:/bin/sh\nlater:x:1001:1001::/:/bin/sh\n"),
            LayerEntry(path=data, directory=True, owner=(owner, owner), mode=0o700),
        ),
        volumes=(volume,),
        environment=(f"KEEPER_DATA={data}",),
        user=user,
        command=("keeper", "serve"),
    )


def _site(tag: int) -> SmallImage:
    return SmallImage(
        reference=f"localhost/dockstore-test-site:{tag}",
        entries=(
            LayerEntry(path="/site/index.html", content=f"release {tag}\n"),
            LayerEntry(path="/releases/1/index.html", content="release 1\n"),
            LayerEntry(path="/current", link="/releases/1"),
        ),
        command=("sleep", "86400"),
    )


IMAGES = (
    _keeper(1, "/var/lib/keeper/data", "/var/lib/keeper/data"),
    _keeper(2, "/var/lib/keeper/2/data", "/var/lib/keeper"),  # as PostgreSQL's image from 18 on: another folder, a VOLUME above
    _keeper(3, "/var/lib/keeper/data", "/var/lib/keeper/data", user="1001", owner=1001),  # a later release that no longer starts as root
    _keeper(4, "/var/lib/keeper/data", "/var/lib/keeper/data"),  # a later release that changes nothing of this
    _site(1),
    _site(2),
)


def ensure(engine: Engine, cache: Path) -> tuple[str, ...]:
    """Load those images that *engine* lacks; return all their references."""
    for image in IMAGES:
        if not _has(engine, image.reference):
            engine.load_image(_archive(image, cache))
    return tuple(image.reference for image in IMAGES)


def _has(engine: Engine, reference: str) -> bool:
    try:
        config = engine.inspect_image(reference).get("Config")
    except NotFound:
        return False
    labels = config.get("Labels") if isinstance(config, dict) else None
    return isinstance(labels, dict) and labels.get(LABEL) == str(VERSION)


def _archive(image: SmallImage, cache: Path) -> bytes:
    spec = ImageSpec(name=image.reference, layers=(image.entries,), volume=image.volumes, user=image.user, cmd=image.command)
    base = base_image("lab", cache=cache)
    made = image_archive.extended(base, spec, labels={LABEL: str(VERSION), "io.dockstore.test.tag": image.reference.partition(":")[2]})
    environment = base.config.get("Env")
    kept = [str(item) for item in environment] if isinstance(environment, list) else []
    made = replace(made, config={**made.config, "Env": [*kept, *image.environment]})
    return image_archive.archive(made, image.reference)


if __name__ == "__main__":
    import os
    import sys

    from dockstore.engines.docker_engine import connect

    door = connect(os.environ["DOCKER_HOST"])
    for found in ensure(door, Path(os.environ.get("DOCKSTORE_TEST_CACHE", "/var/tmp/dockstore-test-cache"))):
        sys.stdout.write(f"{found}\n")
    door.close()
