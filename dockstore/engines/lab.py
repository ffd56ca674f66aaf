"""The lab image on an engine: its name, its labels, and loading it where it is missing. How it is made: `providers.lab_image`.

Rule 1: an image that the engine has is not loaded again; one that it lacks is never asked of a registry.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.providers import homes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.engines.engine import Engine

VERSION: Final = "1"
LAB_IMAGE: Final = f"localhost/dockstore-lab:{VERSION}"  # a name with localhost/ is never asked of a registry, and never somebody else's
LABEL: Final = "io.dockstore.lab"
FLOCK_LABEL: Final = "io.dockstore.lab.flock"


def ensure_lab_image(engine: Engine, *, cache: Path | None = None, say: Callable[[str], None] = lambda _: None) -> str:
    """Return the lab image's reference, loading the image if the engine lacks it. Raises EngineError (NoLabImage: it cannot be made here)."""
    ensured_labels(engine, cache=cache, say=say)
    return LAB_IMAGE


def ensured_labels(engine: Engine, *, cache: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Mapping[str, str]:
    """Load the lab image if the engine lacks it; return its labels. Raises EngineError (NoLabImage: it cannot be made here)."""
    labels = lab_labels(engine)
    if labels.get(LABEL) == VERSION:
        return labels
    from dockstore.engines.providers import lab_image

    engine.load_image(lab_image.lab_archive(cache if cache is not None else homes.cache_of(homes.home_of(os.environ, Path.cwd())), say=say))
    labels = lab_labels(engine)
    if labels.get(LABEL) != VERSION:
        raise EngineError(f"load the lab image: the engine took it, and does not have {LAB_IMAGE} as we made it")
    return labels


def lab_labels(engine: Engine) -> Mapping[str, str]:
    """Return the labels of the engine's lab image; empty if it has none."""
    try:
        config = engine.inspect_image(LAB_IMAGE).get("Config")
    except NotFound:
        return {}
    labels = config.get("Labels") if isinstance(config, dict) else None
    return cast("Mapping[str, str]", labels) if isinstance(labels, dict) else {}
