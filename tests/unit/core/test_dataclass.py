"""`core.dataclass` against the standard decorator: the same classes, made by both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, ClassVar

import pytest

from jitflow.core import dataclass as ours


def _classes(make: Any, field: Any) -> dict[str, Any]:
    @make
    class Plain:
        a: int
        b: str = "b"

    @make(frozen=True)
    class Frozen:
        shared: ClassVar[int] = 7
        a: int
        items: tuple[int, ...] = field(default=(1,), compare=False)
        hidden: int = field(default=0, repr=False)

    @make(frozen=True)
    class Child(Frozen):
        b: float = 0.5
        a: int = 3

    @make(eq=False)
    class Filled:
        names: list[str] = field(default_factory=list)
        table: dict[str, int] = field(default_factory=lambda: {"x": 1})
        missing: int = 4

        def __post_init__(self) -> None:
            self.missing += 1

    @make(frozen=True)
    class Empty:
        pass

    @make(frozen=True, repr=False)
    class Own:
        a: int

        def __init__(self, a: int) -> None:
            object.__setattr__(self, "a", a + 1)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own) and self.a // 2 == other.a // 2

        def __hash__(self) -> int:
            return self.a // 2

    return {c.__name__: c for c in (Plain, Frozen, Child, Filled, Empty, Own)}


OURS = _classes(ours.dataclass, ours.field)
STANDARD = _classes(dataclasses.dataclass, dataclasses.field)

CALLS = [
    ("Plain", (1,), {}),
    ("Plain", (), {"b": 2, "a": 1}),
    ("Frozen", (1, (5,)), {}),
    ("Frozen", (1, (6,)), {"hidden": 2}),
    ("Child", (), {"a": 2}),
    ("Child", (3, (1,), 0, 0.5), {}),
    ("Child", (3,), {"b": 1.5}),
    ("Filled", (), {}),
    ("Filled", (["n"],), {"missing": 9}),
    ("Empty", (), {}),
    ("Own", (2,), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_values_are_those_of_the_standard_class(name: str, args: Any, kwargs: Any) -> None:
    mine, known = OURS[name](*args, **kwargs), STANDARD[name](*args, **kwargs)
    assert vars(mine) == vars(known)
    if name != "Own":
        assert repr(mine) == repr(known)
    for other_name, other_args, other_kwargs in CALLS:
        other = OURS[other_name](*other_args, **other_kwargs)
        known_other = STANDARD[other_name](*other_args, **other_kwargs)
        assert (mine == other) is (known == known_other)


@pytest.mark.parametrize("name", ["Frozen", "Child", "Empty", "Own"])
def test_frozen_classes_hash_by_the_fields_that_they_compare(name: str) -> None:
    args = () if name == "Empty" else (2,)
    assert hash(OURS[name](*args)) == hash(OURS[name](*args))
    assert len({OURS[name](*args), OURS[name](*args)}) == 1


def test_classes_that_compare_and_are_not_frozen_do_not_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(OURS["Plain"](1))
    assert hash(OURS["Filled"]()) is not None


def test_the_difference_in_one_field_counts() -> None:
    assert OURS["Frozen"](1) != OURS["Frozen"](2)
    assert hash(OURS["Frozen"](1)) != hash(OURS["Frozen"](2))
    assert OURS["Frozen"](1, hidden=1) != OURS["Frozen"](1)


def test_a_field_alone_is_compared_as_a_tuple_is() -> None:
    cls: Any = ours.dataclass(type("One", (), {"__annotations__": {"a": "float"}}))
    nan = float("nan")
    assert cls(nan) == cls(nan)
    assert cls(nan) != cls(float("nan"))


def test_factories_make_a_new_object_for_each_instance() -> None:
    first, second = OURS["Filled"](), OURS["Filled"]()
    assert first.names is not second.names
    assert "names" not in OURS["Filled"].__dict__


def test_a_subclass_without_the_decorator_keeps_the_constructor() -> None:
    base = _classes(ours.dataclass, ours.field)["Filled"]
    child = type("Child", (base,), {})
    assert child(["n"]).names == base(["n"]).names == ["n"]


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"a": 1}), ((1,), {"c": 1})]
)
def test_wrong_arguments_are_refused_with_the_same_words(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError) as known:
        STANDARD["Plain"](*args, **kwargs)
    with pytest.raises(TypeError) as mine:
        OURS["Plain"](*args, **kwargs)
    assert str(mine.value) == str(known.value)


def test_defaults_come_last() -> None:
    body = {"__annotations__": {"a": "int", "b": "int"}, "a": 1}
    with pytest.raises(TypeError, match="'b' without a default"):
        ours.dataclass(type("Wrong", (), body))


def test_replace_makes_a_copy_with_changes() -> None:
    before = OURS["Frozen"](1, (5,), hidden=2)
    after = ours.replace(before, a=3)
    assert (after.a, after.items, after.hidden, before.a) == (3, (5,), 2, 1)
    with pytest.raises(TypeError):
        ours.replace(before, unknown=1)


@ours.dataclass(frozen=True)
class Point:
    x: int
    y: list[int] = ours.field(default_factory=list)


def test_instances_pickle_and_copy() -> None:
    point = Point(1, [2])
    assert pickle.loads(pickle.dumps(point)) == point == copy.deepcopy(point)
    assert copy.copy(point).y is point.y
