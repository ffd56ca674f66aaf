"""Frozen values that cost little to declare: `dataclasses.dataclass`, with its methods made when first needed.

Rule 1: same meaning, same typing (a type checker sees the standard decorator): `fields`, `replace`, `asdict`, copying, pickling, equality and
        inheritance are as ever.
Rule 2: only for `frozen=True, slots=True`, with or without `kw_only=True`; anything else is left to the standard decorator.

The standard decorator compiles six functions for each class as it is declared, about 0.6 ms a class on Python 3.11; a command that declares 150
values to use 40 of them spent a fifth of its start-up on that (`python -m bench start` compares).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass
else:

    def dataclass(**how: bool) -> Callable[[type], type]:
        """Make a class a data class, as `dataclasses.dataclass` does."""
        kw_only = how.pop("kw_only", False)
        if how != _OURS:
            return dataclasses.dataclass(kw_only=kw_only, **how)
        return partial(_declared, kw_only=kw_only)


__all__ = ["dataclass", "names", "required"]

_OURS: Final = {"frozen": True, "slots": True}
_PARAMETERS: Final = "__dataclass_params__"
_FIELDS: Final = "__dataclass_fields__"
_KW_ONLY: Final = "_declared_kw_only"
_DECLARED: Final = "_declared_fields"  # name -> (annotation, default or `field(...)` or MISSING), those of the bases first

Declared = dict[str, tuple[Any, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Sample:
    """What the standard decorator leaves on a class, for ours to leave, too."""


def names(kind: type) -> tuple[str, ...]:
    """Return the fields' names, in their order, for less than `dataclasses.fields` takes."""
    return tuple(vars(kind).get(_DECLARED) or [item.name for item in dataclasses.fields(kind)])


def required(kind: type) -> frozenset[str]:
    """Return the names of the fields that have no default; only of a class declared here."""
    declared: Declared = vars(kind)[_DECLARED]
    return frozenset(name for name, (_, default) in declared.items() if default is dataclasses.MISSING)


class _FieldsLater:
    """`__dataclass_fields__`, made by the standard library when somebody asks."""

    def __get__(self, instance: object, owner: type) -> Mapping[str, dataclasses.Field[Any]]:
        home = next(kind for kind in owner.__mro__ if _DECLARED in vars(kind))
        made = dataclasses.make_dataclass(
            home.__name__,
            [(name, told, *(() if default is dataclasses.MISSING else (default,))) for name, (told, default) in vars(home)[_DECLARED].items()],
            kw_only=vars(home)[_KW_ONLY],
        )
        found: Mapping[str, dataclasses.Field[Any]] = vars(made)[_FIELDS]
        setattr(home, _FIELDS, found)
        return found


def _declared(kind: type, *, kw_only: bool) -> type:
    """Return *kind* as a data class with slots; what is compiled is compiled when its first value is made."""
    annotations = vars(kind).get("__annotations__", {})
    own = {name: told for name, told in annotations.items() if not str(told).startswith(("ClassVar", "typing.ClassVar"))}
    body = {name: value for name, value in vars(kind).items() if name not in {"__dict__", "__weakref__"}}
    inherited: Declared = {}
    for base in reversed(kind.__mro__[1:]):
        if _FIELDS in vars(base) and _DECLARED not in vars(base):
            raise TypeError(f"{kind.__name__}: its base {base.__name__} is declared with the standard decorator")
        if vars(base).get(_KW_ONLY, kw_only) is not kw_only:
            raise TypeError(f"{kind.__name__}: its base {base.__name__} takes its fields another way")
        inherited |= vars(base).get(_DECLARED, {})
    declared = inherited | {name: (told, body.pop(name, dataclasses.MISSING)) for name, told in own.items()}
    body |= {
        "__qualname__": kind.__qualname__,
        "__slots__": tuple(name for name in own if name not in inherited),
        "__init__": _init_later,
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__match_args__": () if kw_only else tuple(declared),
        _KW_ONLY: kw_only,
        _DECLARED: declared,
        _FIELDS: _FieldsLater(),
        _PARAMETERS: vars(_Sample)[_PARAMETERS],
        "_declared_values": staticmethod(_getter(tuple(declared))),
    }
    for name, function in _SHARED.items():
        body.setdefault(name, function)
    return type(kind)(kind.__name__, kind.__bases__, body)


def _getter(names: tuple[str, ...]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda _: ()


def _init_later(self: Any, *args: Any, **given: Any) -> None:
    """Compile the class's `__init__`, then run it; another thread may have been quicker."""
    home: Any = next(kind for kind in type(self).__mro__ if "__init__" in vars(kind))
    if vars(home)["__init__"] is _init_later:
        home.__init__ = _init_of(home)
    home.__init__(self, *args, **given)


def _init_of(kind: Any) -> Callable[..., None]:
    """Compile an `__init__` with a parameter for each field."""
    names: dict[str, object] = {"absent": object()}
    parameters, lines = [], []
    for name, (_, default) in vars(kind)[_DECLARED].items():
        names[f"set_{name}"] = getattr(kind, name).__set__
        match default:
            case dataclasses.MISSING:
                parameters.append(name)
            case dataclasses.Field() if default.default_factory is not dataclasses.MISSING:
                names[f"new_{name}"] = default.default_factory
                parameters.append(f"{name}=absent")
                lines.append(f"{name} = new_{name}() if {name} is absent else {name}")
            case _:
                names[f"default_{name}"] = default.default if isinstance(default, dataclasses.Field) else default
                parameters.append(f"{name}=default_{name}")
        lines.append(f"set_{name}(self, {name})")
    if hasattr(kind, "__post_init__"):
        lines.append("self.__post_init__()")
    head = f"def __init__({', '.join(['self', *(['*'] if parameters and vars(kind)[_KW_ONLY] else []), *parameters])}):"
    exec("\n    ".join((head, *(lines or ["pass"]))), names)  # noqa: S102  # as the standard library's does; names are identifiers of ours
    made: Any = names["__init__"]
    made.__qualname__ = f"{kind.__qualname__}.__init__"
    return made  # type: ignore[no-any-return]


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._declared_values(self) == self._declared_values(other)


def _hash(self: Any) -> int:
    return hash(self._declared_values(self))


def _shown(self: Any) -> str:
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._declared_fields)})"


def _state(self: Any) -> list[object]:
    return [getattr(self, name) for name in self._declared_fields]


def _set_state(self: Any, state: list[object]) -> None:
    for name, value in zip(self._declared_fields, state, strict=True):
        object.__setattr__(self, name, value)


def _refuse_to_set(self: object, name: str, value: object) -> None:
    del self, value
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    del self
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_SHARED: Final = {"__eq__": _equal, "__hash__": _hash, "__repr__": _shown, "__getstate__": _state, "__setstate__": _set_state}
