"""Functions that have nothing to do with arrays: Python runs them, and the compiler stays away."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest
from helpers import host_device
from helpers.host_device import HostDevice, to_device

import jitflow
from jitflow.runtime import pending, reach


def function_in(source, **names):
    """``f`` of a module without NumPy, in which `names` are known."""
    module = types.ModuleType("plain")
    vars(module).update(names)
    exec(source, vars(module))
    return module.f


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (function_in("def f(x): return x + 1"), False),
        (function_in("def f(x): return g(x)", g=len), False),
        (function_in("def f(x): return g(x)", g=np.sum), True),
        (function_in("def f(x): return g.name(x)", g=[np.ones(3)]), True),
        (function_in("def f(x): return g(x)", g=function_in("def f(x): return h", h=np)), True),
    ],
)
def test_function(function, expected):
    assert reach.function_reaches(function) == expected


@pytest.mark.parametrize("module", [None, np])
def test_wrapper_reaches_what_it_wraps(module):
    inner = function_in("def f(x): return m", m=module)
    outer = function_in("def f(x): return x")
    outer.__wrapped__ = inner
    assert reach.function_reaches(outer) == (module is np)


@pytest.mark.parametrize("value", [np.ones(2), np.float32(1), [1, {"a": np.ones(2)}]])
def test_arguments(value):
    f = function_in("def f(x, y=None): return x")
    assert reach.call_reaches(f, (value,), {})
    assert reach.call_reaches(f, (1,), {"y": value})
    assert not reach.call_reaches(f, (1,), {})
    f.__defaults__ = (value,)
    assert reach.call_reaches(f, (1,), {})


def test_long_lists_of_numbers_are_not_read_to_the_end():
    assert not reach.values_reach(([0.5] * 1000 + [np.ones(2)],))
    assert not reach.values_reach(([1.0] * 50,))
    assert reach.values_reach(([1.0, 2, None, np.ones(2)] + [1.0] * 50,))


class Strange(type):
    """Its classes have no name of a module, no equality and no hash."""

    __module__ = property(lambda cls: 1 / 0)
    __eq__ = None
    __hash__ = None


class Proxy:
    """Answers to no question."""

    def __getattribute__(self, name):
        raise RuntimeError("outside of a request")

    def __iter__(self):
        raise RuntimeError("outside of a request")


class Lazy(list):
    __iter__ = Proxy.__iter__


STRANGE = {
    "class": lambda: Strange("Odd", (), {}),
    "proxy": Proxy,
    "lazy": lambda: Lazy([1]),
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("trace_everything", [False, True])
def test_objects_with_ways_of_their_own(kind, trace_everything):
    value = STRANGE[kind]()
    source = """
def f(n, x):
    total = 0.5
    for k in range(n):
        total += k
    return total if x is value else x
"""
    with jitflow.config().override(trace_everything=trace_everything, strict=False):
        f = jitflow.compile(function_in(source, value=value))
        for n in (3, 5, 10**4):
            assert f(n, value) == 0.5 + n * (n - 1) // 2


def test_arrays_are_found_after_many_calls_without():
    f = jitflow.compile(function_in("def f(x): return x + x"))
    for _ in range(2000):
        assert f(1.5) == 3.0
    for _ in range(5000):
        assert f(np.ones(2)).tolist() == [2.0, 2.0]
    assert f.report().pieces


def test_compiler_is_not_loaded_for_nothing():
    program = """
import sys, jitflow
f = jitflow.compile(eval("lambda x: x + 1", {}))
assert [f(1), f(2)] == [2, 3]
assert "jitflow.runtime.dispatch" not in sys.modules
import numpy
assert f(numpy.ones(2)).sum() == 4.0
assert "jitflow.runtime.dispatch" in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def totals_by_name(a, b):
    out = {}
    for i in range(len(a)):
        total = 0.0
        for k in range(len(b)):
            total += a[i][k] * b[k][0]
        out[str(total)] = i
        out[str(total + i)] = total * 2.0 + abs(total - i)
    return out


def roots_inside(values):
    def root(value):
        return np.sqrt(value)

    return [root(value) for value in values]


def calls_roots(values):
    return roots_inside(values)


def test_what_the_code_names():
    assert not reach.names_numpy(totals_by_name)
    assert reach.names_numpy(roots_inside)
    assert reach.names_numpy(calls_roots)


def test_little_time_goes_into_what_names_no_arrays(monkeypatch):
    monkeypatch.setattr(pending, "_WITHOUT_ARRAYS", 0.0)
    rows = [[float(i * j % 7) for j in range(9)] for i in range(9)]
    with jitflow.config().override(trace_everything=False):
        plain, naming = jitflow.compile(totals_by_name), jitflow.compile(calls_roots)
        for _ in range(3):
            assert plain(rows, rows) == totals_by_name(rows, rows)
            assert naming([4.0, 9.0]) == [2.0, 3.0]
    assert plain.report().pieces <= 1
    assert "pieces took" in str(plain.report())
    assert naming.report().pieces == 1
    assert "pieces took" not in str(naming.report())


class Point:
    """Of a module that knows NumPy, which no method names."""

    def __init__(self, x):
        self.x = x

    @property
    def double(self):
        return self.x * 2

    def plus(self, other):
        return Point(self.x + other.double)


class Rooted(Point):
    @property
    def root(self):
        return np.sqrt(self.x)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Point(1.0), False),
        ([Point(1.0)], False),
        (Point, False),
        (Point(np.ones(2)), True),
        (Rooted(1.0), True),
        (Rooted, True),
    ],
)
def test_classes_count_by_what_their_methods_name(value, expected):
    assert reach.call_reaches(Point.plus, (value,), {}, by_name=True) == expected
    assert reach.call_reaches(Point.plus, (value,), {})


def test_small_methods_that_name_no_arrays_wait():
    plus = jitflow.compile(Point.plus)
    with jitflow.config().override(trace_everything=False):
        for k in range(20):
            assert plus(Point(k), Point(2.0)).x == k + 4.0
        assert not plus.report().pieces
        for _ in range(5000):
            assert plus(Point(np.ones(2)), Point(2.0)).x.tolist() == [5.0, 5.0]
        assert plus.report().pieces


def test_arrays_of_a_device_are_arrays():
    double = function_in("def f(x): return x + x")
    with host_device.installed(HostDevice(None)):
        for by_name in (False, True):
            assert reach.call_reaches(double, (to_device(np.ones(2)),), {}, by_name)
