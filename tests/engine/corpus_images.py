"""What the corpus' images declare, as an engine would answer, without an engine: from the tables that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services import images as real_images
from services import small as small_images

from dockstore.engines.errors import NotFound
from dockstore.engines.lab import LAB_IMAGE
from dockstore.engines.providers.lab_image import PATH

if TYPE_CHECKING:
    from stack_corpus import StackTruth

    from dockstore.core.model import EngineInfo

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def declared() -> dict[str, dict[str, Any]]:
    """Return the `Config` of every image by its reference."""
    found: dict[str, dict[str, Any]] = {LAB_IMAGE: {"Volumes": None, "Env": [f"PATH={PATH}"], "User": "", "Cmd": ["sh"], "Entrypoint": None}}
    for small in small_images.IMAGES:
        found[small.reference] = {
            "Volumes": {path: {} for path in small.volumes} or None,
            "Env": [f"PATH={PATH}", *small.environment],
            "User": small.user or "",
            "Cmd": list(small.command),
            "Entrypoint": None,
        }
    for real in real_images.IMAGES:
        variables = {"PATH": USUAL_PATH, **dict(real.environment)}
        found[real.reference] = {
            "Volumes": {path: {} for path in real.volumes} or None,
            "Env": [f"{key}={value}" for key, value in variables.items()],
            "User": real.user or "",
            "Cmd": list(real.command),
            "Entrypoint": ["/start"],
        }
    return found


@dataclass(slots=True)
class Declaring:
    """As much of an engine as an audit asks: images and the names of volumes."""

    truth: StackTruth
    info: EngineInfo

    def inspect_image(self, reference: str) -> dict[str, Any]:
        """What an image declares."""
        config = declared().get(reference)
        if config is None:
            raise NotFound(f"inspect image {reference}", 404, "no such image")
        return {"Id": f"sha256:{reference}", "Config": config}

    def list_volumes(self) -> list[dict[str, Any]]:
        """The volumes that somebody else made before."""
        return [{"Name": name} for name in self.truth.external]

    def close(self) -> None:
        """Nothing is open."""
