"""A value declared cheaply is what the standard decorator would have made of it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
import threading
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import ClassVar

import pytest

from dockstore.core.values import dataclass, names, required


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A value with a default."""

    kinds: ClassVar[int] = 3
    name: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Base):
    """A value on top of another, with a default made for each and a value that is another's."""

    parts: list[str] = field(default_factory=list)
    size: int = 7

    @property
    def both(self) -> tuple[str, int]:
        """Two fields."""
        return self.name, self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """A value without a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A value that looks itself over."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("negative")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The standard decorator's."""

    name: str
    size: int = 0


def test_fields_are_set_by_name_and_defaults_fill_the_rest() -> None:
    value = Derived(name="a")

    assert (value.name, value.size, value.parts, value.both, Derived.kinds) == ("a", 7, [], ("a", 7), 3)


def test_each_value_has_a_default_of_its_own() -> None:
    one, two = Derived(name="a"), Derived(name="a")

    one.parts.append("x")

    assert two.parts == []


@pytest.mark.parametrize("given", [{}, {"name": "a", "colour": "red"}])
def test_a_missing_or_unknown_field_is_a_type_error(given: dict[str, str]) -> None:
    with pytest.raises(TypeError):
        Base(**given)  # type: ignore[arg-type]


def test_fields_have_names_only() -> None:
    with pytest.raises(TypeError):
        Base("a")  # type: ignore[call-arg]


def test_a_value_cannot_be_changed() -> None:
    value = Base(name="a")

    with pytest.raises(FrozenInstanceError):
        value.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del value.name
    with pytest.raises(FrozenInstanceError):
        value.more = 1  # type: ignore[attr-defined]


def test_values_have_slots_and_no_dictionary() -> None:
    assert not hasattr(Derived(name="a"), "__dict__")
    assert "size" not in vars(Derived)  # it is the base's slot


def test_equality_is_of_one_class_and_all_fields() -> None:
    assert Base(name="a") == Base(name="a", size=0)
    assert Base(name="a") != Base(name="b")
    assert Base(name="a", size=7) != Derived(name="a")
    assert Empty() == Empty()
    assert len({Base(name="a"), Base(name="a"), Base(name="b")}) == 2


def test_it_is_shown_as_the_standard_one_is() -> None:
    assert repr(Base(name="a")) == repr(Standard(name="a")).replace("Standard", "Base")


def test_the_standard_library_takes_it_for_a_data_class() -> None:
    value = Derived(name="a", parts=["x"])

    assert is_dataclass(Derived)
    assert [item.name for item in fields(Derived)] == ["name", "size", "parts"]
    assert all(item.kw_only for item in fields(Derived))
    assert asdict(value) == {"name": "a", "size": 7, "parts": ["x"]}
    assert replace(value, size=9) == Derived(name="a", size=9, parts=["x"])


def test_it_can_be_copied_and_pickled() -> None:
    value = Derived(name="a", parts=["x"])

    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_a_look_over_itself_happens_and_may_refuse() -> None:
    assert Checked(size=1).size == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(size=-1)


def test_it_can_be_matched_by_name() -> None:
    match Derived(name="a"):
        case Base(name=name, size=7):
            assert name == "a"
        case _:
            pytest.fail("not matched")


def test_a_class_of_the_standard_decorator_may_stand_on_it() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Upon(Base):
        more: int = 1

    assert Upon(name="a") == Upon(name="a", size=0, more=1)


def test_to_stand_on_one_of_the_standard_decorator_is_refused() -> None:
    with pytest.raises(TypeError, match="its base Standard"):

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Upon(Standard):
            more: int = 1


def test_anything_but_frozen_slotted_values_with_names_is_the_standard_decorators() -> None:
    @dataclass(slots=True)
    class Changing:
        size: int = 0

    value = Changing(3)
    value.size += 1

    assert value == Changing(4)


def test_many_threads_may_make_the_first_value_together() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):

            @dataclass(frozen=True, slots=True, kw_only=True)
            class Below:
                name: str

            @dataclass(frozen=True, slots=True, kw_only=True)
            class First(Below):
                size: int = 1

            made: list[First] = []
            gate = threading.Barrier(4)

            def make(kind: type[First] = First, made: list[First] = made, gate: threading.Barrier = gate) -> None:
                gate.wait()
                made.append(kind(name="a"))

            threads = [threading.Thread(target=make) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert made == [First(name="a")] * 4
    finally:
        sys.setswitchinterval(before)


def test_the_names_of_all_fields_and_of_those_without_a_default_can_be_asked_for() -> None:
    assert names(Derived) == ("name", "size", "parts")
    assert required(Derived) == {"name"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A value whose fields may be given by place."""

    left: int
    right: int = 2


def test_fields_may_be_given_by_place_where_the_class_says_so() -> None:
    assert Pair(1) == Pair(left=1, right=2)
    assert [item.kw_only for item in fields(Pair)] == [False, False]
    match Pair(1, 3):
        case Pair(1, right):
            assert right == 3
        case _:
            pytest.fail("not matched")


def test_a_value_by_place_cannot_stand_on_one_by_name() -> None:
    with pytest.raises(TypeError, match="another way"):

        @dataclass(frozen=True, slots=True)
        class Upon(Base):
            more: int = 1
