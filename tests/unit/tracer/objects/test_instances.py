"""Instances, classes, attributes, methods, functions and modules in traced functions."""

import abc
import copy
import dataclasses
import enum
import functools
import math
import types
import typing

import numpy as np
import pytest
from running import Runner, check, trace_call

from jitflow.guards.predicates import HasNoItem, IsObject, SearchesClass

counter = 0
limits = {"top": 3}
stop = __import__("os").getpid


def x3():
    return np.array([1.0, 2.0, 3.0])


def one_piece(function, *args, **kwargs):
    return check(function, *args, codes=[], pieces=1, **kwargs)


class Layer:
    scale = 2.0
    kind = "dense"

    def __init__(self, w, bias=None):
        self.w = w
        self.bias = bias
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        y = x * self.w * self.scale
        return y if self.bias is None else y + self.bias

    @property
    def size(self):
        return self.w.shape[0]

    @property
    def gain(self):
        return self.scale

    @gain.setter
    def gain(self, value):
        self.scale = value

    @staticmethod
    def twice(x):
        return x * 2

    @classmethod
    def zeros(cls, n):
        return cls(np.zeros(n))

    @functools.cached_property
    def norm(self):
        return self.w * 3


class Special(Layer):
    scale = 3.0

    def __init__(self, w):
        super().__init__(w, bias=w)
        self.extra = [w]

    def __call__(self, x):
        return super().__call__(x) - 1


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Vector:
    def __init__(self, v):
        self.v = v

    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(self.v + other.v)

    def __rmul__(self, number):
        return Vector(number * self.v)

    def __neg__(self):
        return Vector(-self.v)

    def __getitem__(self, key):
        return self.v[key]

    def __setitem__(self, key, value):
        self.items = (key, value)

    def __len__(self):
        return 3

    def __eq__(self, other):
        return isinstance(other, Vector)

    def __contains__(self, item):
        return item == 1

    def __iter__(self):
        return iter([self.v, self.v + 1])

    def __getattr__(self, name):
        if name.startswith("get_"):
            return name
        raise AttributeError(name)


@dataclasses.dataclass
class State:
    x: np.ndarray
    step: int = 0
    history: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: object
    y: int = 2


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"

    @property
    def factor(self):
        return 2 if self is Mode.FAST else 3


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Base(abc.ABC):
    @abc.abstractmethod
    def run(self, x): ...


class Concrete(Base):
    def run(self, x):
        return x + 1


def test_methods_and_attributes_of_an_argument():
    def function(layer, x):
        return layer(x) + layer.size, layer.twice(x), layer.kind, layer.calls

    one_piece(function, Layer(x3(), bias=1.0), x3())


def test_class_level_guards():
    def function(layer, x):
        return layer.twice(x)

    record = trace_call(function, Layer(x3()), x3())
    assert any(isinstance(g, SearchesClass) and g.name == "twice" for g in record.guards)
    assert any(isinstance(g, HasNoItem) and g.key == "twice" for g in record.guards)


def test_attribute_set_twice_and_read():
    def function(layer, x):
        layer.w = x + 1
        layer.w = layer.w * 2
        layer.other = layer.w
        del layer.bias
        return layer.w, hasattr(layer, "bias"), getattr(layer, "none", 5)

    one_piece(function, Layer(x3(), 1.0), x3())


def test_instance_attribute_over_class_attribute():
    def function(layer, x):
        before = layer.scale
        layer.gain = 5.0
        return x * before, x * layer.scale, layer.gain

    one_piece(function, Layer(x3()), x3())


def test_new_instances():
    def function(x):
        layer = Special(x)
        y = layer(x)
        made = Layer.zeros(3)
        return layer, y, made.calls, isinstance(layer, Layer), type(made) is Layer

    one_piece(function, x3())


def test_instances_that_do_not_escape_are_not_made():
    def function(x):
        return Layer(x)(x)

    record = trace_call(function, x3())
    assert record.effects == ()


def test_cached_property():
    def function(layer, x):
        return layer.norm + layer.norm

    layer = Layer(x3())
    one_piece(function, layer, x3())
    assert "norm" in vars(layer)


def test_slots():
    def function(slotted, x):
        slotted.b = slotted.a + x
        other = Slotted(x)
        return slotted.b, other.a, hasattr(other, "b")

    one_piece(function, Slotted(x3()), x3())


def test_special_methods():
    def function(x, given):
        v = Vector(x) + given
        w = 2.0 * -v
        first, second = v
        w[0] = x
        return w.v, w[1], len(w), v == w, v != w, 1 in v, first + second, v.get_it, bool(v)

    one_piece(function, x3(), Vector(x3()))


def test_dataclasses():
    def function(state, x):
        state.step += 1
        state.history.append(x + 1)
        new = dataclasses.replace(state, x=x * 2)
        frozen = Frozen(x)
        return new.x, new.step, frozen.y, dataclasses.replace(frozen, y=3).y, State(x)

    one_piece(function, State(x3()), x3())


def test_assignment_to_a_frozen_dataclass_raises():
    def function(x):
        frozen = Frozen(x)
        frozen.x = 1

    check(function, x3(), codes=["JF-B009"])


def test_enums():
    def function(x, mode):
        if mode is Mode.FAST:
            x = x * mode.factor
        return x + Level.HIGH, mode.value, Mode("slow").name, Mode["FAST"] is mode, Level.LOW < 2

    one_piece(function, x3(), Mode.FAST)


def test_abstract_classes():
    def function(x):
        return Concrete().run(x)

    one_piece(function, x3())


def test_globals_are_read_and_written():
    def function(x):
        global counter
        counter += 1
        limits["top"] = counter
        return x + counter

    global counter
    counter, limits["top"] = 4, 3
    assert len(trace_call(function, x3()).effects) == 2
    runner = Runner()
    np.testing.assert_array_equal(runner.call(function, x3()), x3() + 5)
    assert (counter, limits["top"], runner.codes) == (5, 5, [])


def test_closures_and_nonlocal():
    total = 0.0
    calls = []

    def outer(x):
        nonlocal total
        total = total + 1.0
        calls.append(1)

        def inner(y):
            return x * y + total

        return inner(x), inner

    def function(x):
        return outer(x)[0]

    runner = Runner()
    np.testing.assert_array_equal(runner.call(function, x3()), x3() * x3() + 1)
    assert total == 1.0 and calls == [1] and runner.codes == []


def test_recursive_local_function_escapes():
    def function(x):
        def fact(n):
            return 1 if n < 2 else n * fact(n - 1)

        return x * fact(4), fact

    runner = Runner()
    value, fact = runner.call(function, x3())
    assert fact(5) == 120 and runner.codes == []
    np.testing.assert_array_equal(value, x3() * 24)


def test_partials_lambdas_and_bound_methods():
    def function(x, layer, f):
        scaled = functools.partial(np.multiply, 3.0)
        method = layer.twice
        call = layer.__call__
        return scaled(x), method(x), call(x), f(x), functools.partial(f)(x)

    one_piece(function, x3(), Layer(x3()), lambda v: v - 1)


def test_lambda_arguments_are_guarded_by_code():
    def function(x, f):
        return f(x)

    record = trace_call(function, x3(), lambda v: v + 1)
    assert any(
        isinstance(g, IsObject) and isinstance(g.expected, types.CodeType) for g in record.guards
    )


def test_defaults_keywords_and_stars():
    def helper(a, /, b=2.0, *rest, c, **more):
        return a * b + c + len(rest) + sum(more.values())

    def function(x, *args, **kwargs):
        return helper(x, c=1), helper(x, 3.0, 4, 5, c=2, d=6), helper(*args, **kwargs)

    one_piece(function, x3(), x3(), 2.0, c=1.0)


def test_copies():
    def function(x, layer, table):
        deep = copy.deepcopy({"x": x, "rows": [x, x]})
        deep["rows"].append(1)
        shallow = copy.copy(table)
        shallow["new"] = x
        other = copy.deepcopy(layer)
        other.calls += 1
        return deep, shallow, other.calls, layer.calls, other

    one_piece(function, x3(), Layer(x3()), {"k": 1})


def test_introspection():
    def function(x, layer, n):
        checks = isinstance(x, np.ndarray), isinstance(n, (int, float)), isinstance(n, bool)
        return x + 1, checks, callable(layer), type(n), issubclass(Special, Layer), n is None

    one_piece(function, x3(), Layer(x3()), 3)


def test_none_checks_guard_the_type_alone():
    def function(x, bias):
        return x if bias is None else x + bias

    one_piece(function, x3(), None)
    one_piece(function, x3(), 2.0)


def test_imports_inside_functions():
    def function(x):
        import math as m
        from functools import partial

        return partial(np.add, m.pi)(x)

    one_piece(function, x3())


def test_custom_setattr_runs():
    class Checked:
        def __setattr__(self, name, value):
            object.__setattr__(self, "_" + name, value)

    def function(thing, x):
        thing.w = x + 1
        return thing._w

    one_piece(function, Checked(), x3())


class Loud:
    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


def test_own_attribute_protocol_breaks():
    def function(loud, x):
        y = x + 1
        loud.w = 1
        return y * 2

    assert set(check(function, Loud(), x3()).codes) <= {"JF-B013", "JF-B014"}


def test_print_breaks_once(capsys):
    def function(x):
        y = x + 1
        print("value")
        return y * 2

    check(function, x3(), codes=["JF-B004"], pieces=2)


def test_virtual_state_survives_a_break():
    def function(x, items):
        layer = Layer(x)
        table = {"a": [layer]}
        items.append(layer)
        stop()
        table["a"].append(x + 1)
        items[-1].calls += 1
        return table, items[-1] is layer, layer

    runner = check(function, x3(), [])
    assert len(runner.breaks) == 1


def test_break_in_a_nested_call_leaves_no_effect():
    class Counting:
        def __init__(self):
            self.n = 0

        @property
        def value(self):
            self.n += 1
            stop()
            return self.n

    def function(thing, x):
        return x + thing.value

    runner = check(function, Counting(), x3())
    assert runner.breaks


def test_super_without_cells_and_class_attributes():
    class Local(Layer):
        def twice(self, x):
            return super().twice(x) + 1

    def function(x):
        return Local(x).twice(x), Local.scale

    one_piece(function, x3())


def test_exceptions_made_and_returned():
    def function(x):
        error = ValueError("bad", 3)
        return x + 1, error.args

    one_piece(function, x3())


def test_math_on_constants():
    def function(x, n):
        return x * math.sqrt(n) + math.pi, math.gcd(12, n), math.floor(2.5), round(2.567, 2)

    one_piece(function, x3(), 4)


@pytest.mark.parametrize("value", [1, 2**70, -(2**40), True, "text", b"bytes", None, ...])
def test_constants_as_arguments(value):
    def function(x, v):
        return x + 1, v, v == v, [v]

    one_piece(function, x3(), value)


OldUnion = typing.Union[np.ndarray, int, None]  # noqa: UP007


@pytest.mark.parametrize("value", [2, 2.5, None, "text"])
def test_a_union_of_typing_among_classes(value):
    def function(x, v):
        return isinstance(x, OldUnion), isinstance(v, OldUnion), isinstance(v, int | str), x + 1

    one_piece(function, x3(), value)
