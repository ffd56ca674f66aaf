"""The images of a file as orders: what each stands on, what it is called, what it says of itself.

Rule 1: values only; `engines/providers/image_archive.py` writes the tars.
Rule 2: an image comes after the one that it stands on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from dockstore.core.plan import LAB, SCRATCH
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dockstore.core.model import ImageSpec, LayerEntry
    from dockstore.core.plan import Plan


class Base(StrEnum):
    """What an image can stand on."""

    LAB = "lab"
    SCRATCH = "scratch"
    FILE = "file"  # another image of the file
    FOREIGN = "foreign"  # the user's own reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """One image to build: *layers* on top of *base_reference* (empty for scratch), loaded as *reference*."""

    name: str
    reference: str
    base: Base
    base_reference: str
    layers: tuple[tuple[LayerEntry, ...], ...]
    config: dict[str, object]  # what the file writes of it: Volumes, User, Cmd; and our labels
    spec: ImageSpec


def image_plan(spec: ImageSpec, plan: Plan, *, nonce: str) -> ImagePlan:
    """The order for *spec*."""
    match spec.base:
        case base if base == LAB:
            kind, reference = Base.LAB, plan.lab_image
        case base if base == SCRATCH:
            kind, reference = Base.SCRATCH, ""
        case base if base in plan.images:
            kind, reference = Base.FILE, plan.image_reference(base)
        case base:
            kind, reference = Base.FOREIGN, base
    config: dict[str, object] = {"Labels": plan.labelled(nonce)}
    if spec.volume:
        config["Volumes"] = {path: {} for path in spec.volume}
    if spec.user is not None:
        config["User"] = spec.user
    if spec.cmd is not None:
        config["Cmd"] = list(spec.cmd)
    return ImagePlan(
        name=spec.name, reference=plan.image_reference(spec.name), base=kind, base_reference=reference, layers=spec.layers, config=config, spec=spec
    )


def image_plans(specs: Iterable[ImageSpec], plan: Plan, *, nonce: Callable[[], str]) -> tuple[ImagePlan, ...]:
    """The orders for *specs* (`plan.built`, or `plan.images_before(step)`), a fresh nonce for each."""
    return tuple(image_plan(spec, plan, nonce=nonce()) for spec in specs)
