"""Images without a registry and without a builder, out of the few lines that a scenario has for one.

Rule 1: what is built is a `docker load` archive; whoever loads it removes it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.errors import EngineError
from dockstore.engines.providers import homes, image_archive, lab_image
from dockstore.engines.providers.image_archive import ARCHITECTURES, Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.model import ImageSpec
    from dockstore.engines.engine import Engine

LAB, SCRATCH = "lab", "scratch"


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
