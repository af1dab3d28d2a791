"""Draws by NumPy's C functions: the numbers of the methods, and the state after them."""

import random

import numpy as np
import pytest

from jitflow.ops import draws
from jitflow.ops.record import Kind, operator, operators
from jitflow.tracer.numpy.draws import _NEW, _OLD, _is_exact

METHODS = [(True, name) for name in _NEW] + [(False, name) for name in _OLD]
BOUNDS = [(0, 10), (-5, 2**40), (0, 2**32), (0, 2**32 + 1), (3, 4), (-(2**63), 2**63 - 1)]


def generator(is_new):
    return np.random.default_rng(5) if is_new else np.random.RandomState(5)


def state(made):
    is_new = isinstance(made, np.random.Generator)
    return str(made.bit_generator.state if is_new else made.get_state(legacy=False))


@pytest.mark.parametrize("is_new, name", METHODS)
def test_records_draw_what_methods_give(is_new, name):
    method = (_NEW if is_new else _OLD)[name]
    given, numbers = method.sample
    record = operator(method.record)
    mine, theirs = generator(is_new), generator(is_new)
    is_older = record.extra["function"].is_older
    operands = draws.older_state(mine) if is_older else draws.bits_of(mine), *numbers
    for _ in range(50):
        got = record.numpy(*operands, shape=(), effect=True)
        assert got[()] == getattr(theirs, name)(*given)
    rows = record.numpy(*operands, shape=(6, 50), effect=True)
    size = (6, 50) if name in ("rand", "randn") else ((6, 50),)
    assert np.array_equal(rows, getattr(theirs, name)(*given, *size))
    assert state(mine) == state(theirs)
    assert _is_exact(is_new, name)


@pytest.mark.parametrize("low, high", BOUNDS)
@pytest.mark.parametrize("is_new", [True, False])
def test_integers_of_every_width(is_new, low, high):
    record = operator("draw_integers" if is_new else "draw_masked_integers")
    width = np.uint64(high - 1 - low).astype(np.int64)
    mine, theirs = generator(is_new), generator(is_new)
    got = record.numpy(draws.bits_of(mine), low, width, shape=(90,), effect=True)
    method = theirs.integers if is_new else theirs.randint
    assert np.array_equal(got, method(low, high, 90))
    assert state(mine) == state(theirs)


def test_every_record_belongs_to_a_method():
    used = {method.record for table in (_NEW, _OLD) for method in table.values()}
    functions = {r.name: r.extra["function"] for r in operators() if r.kind is Kind.DRAW}
    assert used == {n for n, f in functions.items() if f.is_older or not f.method}


def test_generators_of_the_standard_library():
    mine, theirs = random.Random(5), random.Random(5)
    for limit in (1, 6, 2**32 + 1):
        got = operator("draw_python_below").numpy(id(mine), limit, shape=(9,), effect=True)
        assert got.tolist() == [theirs.randrange(limit) for _ in range(9)]
        got = operator("draw_python_random").numpy(id(mine), shape=(9,), effect=True)
        assert got.tolist() == [theirs.random() for _ in range(9)]
    assert draws.keeps_state_there(random.Random)
