"""A Stack as JSON values and back, so that a drill's history holds what its report needs of the user's files.

Rule 1: no environment goes in; who writes a history redacts the rest as well.
Rule 2: what a newer dockstore added is passed over.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar, cast

from dockstore.core.stack_model import Ignore, ImageFacts, Service, Spot, Stack, StackMount, StackVolume

T = TypeVar("T")
Json = dict[str, Any]
_LEFT_OUT = ("environment", "labels", "probes", "ready")
_SPOTS = ("spot", "image_spot", "user_spot")


def plain(stack: Stack) -> Json:
    """Return *stack* as JSON values, without environments, labels and what people wrote for a drill."""
    return {**asdict(stack), "services": [_service_out(asdict(service)) for service in stack.services]}


def _service_out(service: Json) -> Json:
    kept = {name: value for name, value in service.items() if name not in _LEFT_OUT}
    return {**kept, "image": {name: value for name, value in service["image"].items() if name not in _LEFT_OUT}}


def stack_of(read: Json) -> Stack:
    """Return the Stack that `plain` made *read* of. Raises KeyError, TypeError for what is none."""
    return _made(
        Stack,
        read,
        services=tuple(_service(one) for one in read["services"]),
        volumes=tuple(_spotted(StackVolume, one) for one in read["volumes"]),
        ignores=tuple(_spotted(Ignore, one) for one in read["ignores"]),
    )


def _service(read: Json) -> Service:
    return _made(
        Service,
        {name: value for name, value in read.items() if name not in _LEFT_OUT},
        image=_made(ImageFacts, read["image"]),
        mounts=tuple(_spotted(StackMount, one) for one in read["mounts"]),
        setting_spots={name: _made(Spot, spot) for name, spot in read["setting_spots"].items()},
        **{name: _spot(read[name]) for name in _SPOTS},
    )


def _spotted(kind: type[T], read: Json) -> T:
    return _made(kind, read, spot=_spot(read["spot"]))


def _spot(read: Json | None) -> Spot | None:
    return None if read is None else _made(Spot, read)


def _made(kind: type[T], read: Json, **given: object) -> T:
    """Make a value of *kind*: lists are tuples in it, *given* members go before those that were read."""
    known = {field.name for field in fields(cast("Any", kind))}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in read.items() if name in known}
    return kind(**(values | given))
