"""Images without a registry and without a builder: the lab image, and those that a scenario writes in a few lines.

Rule 1: an image that the engine has is not loaded again; one that it lacks is never asked of a registry.
Rule 2: what is built is a `docker load` archive; whoever loads it removes it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.providers import homes, image_archive, lab_image
from dockstore.engines.providers.image_archive import ARCHITECTURES, Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.core.model import ImageSpec
    from dockstore.engines.engine import Engine

LAB, SCRATCH = "lab", "scratch"
LAB_IMAGE = lab_image.REFERENCE


def ensure_lab_image(engine: Engine, *, cache: Path | None = None, say: Callable[[str], None] = lambda _: None) -> str:
    """Return the lab image's reference, loading the image if the engine lacks it. Raises EngineError (NoLabImage: it cannot be made here)."""
    if lab_labels(engine).get(lab_image.LABEL) != lab_image.VERSION:
        engine.load_image(lab_image.lab_archive(_cache(cache), say=say))
        if lab_labels(engine).get(lab_image.LABEL) != lab_image.VERSION:
            raise EngineError(f"load the lab image: the engine took it, and does not have {LAB_IMAGE} as we made it")
    return LAB_IMAGE


def has_flock(engine: Engine) -> bool:
    """Whether the lab image that the engine has holds a `flock`."""
    return lab_labels(engine).get(lab_image.FLOCK_LABEL) == "1"


def lab_labels(engine: Engine) -> Mapping[str, str]:
    """Return the labels of the engine's lab image; empty if it has none."""
    try:
        config = engine.inspect_image(LAB_IMAGE).get("Config")
    except NotFound:
        return {}
    labels = config.get("Labels") if isinstance(config, dict) else None
    return cast("Mapping[str, str]", labels) if isinstance(labels, dict) else {}


def base_image(base: str, *, engine: Engine | None = None, built: Mapping[str, bytes] | None = None, cache: Path | None = None) -> Image:
    """Return what `from: BASE` means: lab, scratch, an image *built* before (name -> archive), else a reference that *engine* has.

    Raises NotFound for a reference that the engine lacks, BadArchive for one in a form that is not read here.
    """
    if built is not None and base in built:
        return image_archive.read_archive(built[base])
    if base == LAB:
        return lab_image.lab_base(_cache(cache))
    if base == SCRATCH:
        return Image(config={"Env": [f"PATH={lab_image.PATH}"]}, architecture=ARCHITECTURES.get(os.uname().machine, os.uname().machine))
    if engine is None:
        raise EngineError(f"image {base}: only an engine can give it")
    return image_archive.read_archive(b"".join(engine.save_image([base])))


def build_image(spec: ImageSpec, base: Image, *, reference: str, labels: Mapping[str, str] | None = None) -> bytes:
    """Return the `docker load` archive of *spec* on *base*, named *reference*."""
    return image_archive.archive(image_archive.extended(base, spec, labels=labels), reference)


def _cache(cache: Path | None) -> Path:
    return cache if cache is not None else homes.cache_of(homes.home_of(os.environ, Path.cwd()))
