"""Plain Python: loops of numbers are compiled when they are worth it, all else stays with Python."""

import math
import random
import time
import types

import pytest

import jitflow
from jitflow.runtime import plain


def module_of(source, **names):
    """A module without NumPy."""
    module = types.ModuleType("plain_numbers")
    vars(module).update({"math": math, "random": random, **names})
    exec(source, vars(module))
    return module


SUM = """
def f(n):
    total = 0.0
    for i in range(n):
        total += math.sqrt(i)
    return total
"""
HELPER = """
def g(x):
    return x * x
def f(n):
    total = 0
    while n > 0:
        total += g(n)
        n -= 1
    return total
"""
TABLE = """
def f(n):
    table = [0] * n
    for i in range(n):
        table[i] = i * i
    return table
"""
RECURSIVE = """
def f(n):
    return sum(f(k) * 2 for k in range(n)) + 1
"""
TEXT = """
def f(s):
    out = ""
    for word in s.split():
        out = out + word
    return out
"""
STREAM = """
def f(n):
    for i in range(n):
        yield i * i
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (SUM, "all"),
        (HELPER, "all"),
        (TABLE, "some"),
        (RECURSIVE, "none"),
        (TEXT, "none"),
        (STREAM, "none"),
        ("def f(x): return x * 2", "none"),
        ("def f(xs):\n    for x in xs: print(x)", "none"),
        ("def f(p):\n    for line in open(p): yield line + 'x'", "none"),
        ("def f(o):\n    for i in range(3): o.x += i", "some"),
        ("def f(n): return [i * name for i in range(n)]", "none"),
        ("def f(n): return [i * 2 for i in range(n)]", "all"),
    ],
)
def test_look(source, expected):
    assert plain.look(module_of(source, name="text").f) == expected


def test_look_sees_through_decorated_helpers():
    module = module_of(HELPER)
    module.g = jitflow.compile(module.g)
    assert plain.look(module.f) == "all"
    recursive = module_of(RECURSIVE)
    original, recursive.f = recursive.f, jitflow.compile(recursive.f)
    assert plain.look(original) == "none"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((5,), False),
        ((5000,), True),
        ((0.5, 5000), True),
        (([0.5] * 100,), True),
        (([0.5] * 10,), False),
        (([[0.5]] * 5000,), False),
        ((object(), 5000), False),
        (("text", 5000), False),
    ],
)
def test_large(values, expected):
    assert plain.is_large(module_of(SUM).f, values) == expected


def test_large_constants_count():
    assert plain.is_large(module_of("def f(): return sum(range(100000))").f, ())
    assert plain.is_large(module_of("def f(): return N", N=10**6).f, ())


@pytest.mark.parametrize("source", [SUM, HELPER])
def test_a_large_loop_is_compiled_at_once(source):
    eager = module_of(source).f
    f = jitflow.compile(module_of(source).f)
    assert f(5000) == eager(5000)
    assert f.report().pieces


def test_small_calls_stay_with_python_until_they_took_long():
    eager = module_of(SUM).f
    f = jitflow.compile(module_of(SUM).f)
    assert f(10) == eager(10)
    assert not f.report().pieces
    deadline = time.monotonic() + 20
    while not f.report().pieces and time.monotonic() < deadline:
        assert f(1500) == eager(1500)
    assert f.report().pieces


def test_other_code_is_never_compiled():
    f = jitflow.compile(module_of(TEXT).f)
    for _ in range(3):
        assert f("some words " * 30_000) == "somewords" * 30_000
    assert not f.report().pieces


def test_compiling_ends_when_it_took_too_long():
    module = module_of(TABLE)
    f = jitflow.compile(module.f)
    f._pending.dispatcher().compile_plain(1e-9)
    assert f(6) == [0, 1, 4, 9, 16, 25]
    first = f.report().pieces
    assert f(7) == [0, 1, 4, 9, 16, 25, 36]
    assert f(0) == []
    assert f.report().pieces == first
