"""Writes: through views, masks and index arrays, in place, into inputs and fresh arrays."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import traced
from helpers.numpy_cases import X, check, check_layouts, lines
from helpers.traced import Run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jitflow.core.errors import Unsupported
from jitflow.guards.predicates import ArrayFact, NoOverlap

WRITES = """
x[1] = 5; return x
x[1, 2] = 7.5; return x
x[:, 1] = x[:, 0]; return x
x[::-1] = x; return x
x[1:] = x[:-1]; return x
x[...] = x[::-1]; return x
x[1:, 2:] *= 3; return x
x[[0, 2]] = 1; return x
x[[0, 0]] += 1; return x
x[:, [1, 2]] = [[1, 2], [3, 4], [5, 6]]; return x
x[[0, 1], [1, 2]] = [10, 20]; return x
x[x > 3] = 0; return x
x[x[:, 0] > 3] = 1; return x
x[0] = np.arange(4); return x
x[0:2] = np.ones((1, 2, 4)); return x
x += 1; return x
x -= x.mean(); return x
y = x[1]; y += 2; return x, y
y = x.T; y *= 2; return y
y = x.copy(); y[0] = 0; return y
y = x.reshape(-1); y[3] = 99; return x, y
y = x.ravel(); y[0] = -1; return y, x
y = x[None]; y[0, 1] = 4; return x
y = x[:, None, :]; y[...] = 2; return x
a = x * 2; b = a[1:]; b[:] = 0; return a, b
a = x * 2; b = a.T; a[0, 0] = 100; return b
a = x * 1; a[0], a[1] = a[1], a[0]; return a
a = np.zeros((3, 3)); a[1] = x[0, :3]; a[:, 2] = 7; return a
x.fill(3); return x
np.fill_diagonal(x, 9); return x
np.add.at(x, [0, 0, 1], 1.0); return x
np.subtract.at(x, [0, 0, 1], x[:3] + 1); return x
z = x.astype(np.uint8); np.subtract.at(z, [0, 0, 1], np.uint8(3)); return z
z = x.astype(complex); np.subtract.at(z, [1, 1], 1j); return z
np.maximum.at(x, ([0, 1], [1, 1]), 100.0); return x
np.copyto(x, 1, where=x > 2); return x
np.putmask(x, x > 2, -1); return x
np.put_along_axis(x, np.array([[0], [1], [2]]), 5, 1); return x
np.clip(x, 1, 3, out=x); return x
z = np.empty((3, 3)); np.matmul(x, x.T, out=z); return z
"""


@pytest.mark.parametrize("source", lines(WRITES))
def test_write(source):
    check_layouts(source, "C", "F", "reversed", "sliced", exact="matmul" not in source)


@pytest.mark.parametrize(
    "source",
    lines("""
x[1] = 5.7; return x
x += 1; return x
x //= 2; return x
x <<= 1; return x
x[x < 0] = 0; return x
"""),
)
def test_integer_writes(source):
    for x in (np.arange(-5, 7), np.arange(-5, 7, dtype=np.int8)):
        check(source, x)


@pytest.mark.parametrize(
    "source",
    lines("""
x.real = 1; return x
x.imag[1] = 2; return x
x.real += 3; return x
y = x.imag; y[:] = 0; return x, y
x[0] = 1; return x
y = x[1:].T.real; y[0] = 9; return x
"""),
)
def test_complex_writes(source):
    check(source, X + 1j * X)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_writes_through_basic_keys(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    first = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True, allow_ellipsis=True))
    part = x[first]
    if not isinstance(part, np.ndarray):
        return
    second = data.draw(hnp.basic_indices(part.shape))

    def write(a):
        view = a[first].T
        a[first][second] = -1
        return a, view

    traced.check(write, x)


def test_a_value_read_before_a_write_stays():
    check("y = x[0] + 0; x[0] = 9; return x, y", X)
    check("y = x[0, 0]; x[0] = 9; return x, y", X)


def _facts(function, *inputs):
    return Run(function, inputs).context


def test_written_inputs_are_guarded():
    def f(a, b):
        a += b
        return a

    context = _facts(f, X.copy(), X.copy())
    written = [fact.writeable for fact in context.inputs if isinstance(fact, ArrayFact)]
    assert written == [True, False]
    (guard,) = context.overlap_guards()
    assert isinstance(guard, NoOverlap)
    assert str(guard.source) == "x0"


@pytest.mark.parametrize(
    ("code", "inputs"),
    [
        ("JF-B017", lambda: (memory := np.zeros(8), memory[:4])),
        ("JF-B009", lambda: (np.broadcast_to(np.zeros(3), (2, 3)), np.zeros(3))),
    ],
)
def test_declined_writes(code, inputs):
    def f(a, b):
        a[0] = b[0]

    with pytest.raises(Unsupported) as caught:
        _facts(f, *inputs())
    assert caught.value.code == code


def test_checks_follow_writes():
    def f(a, index):
        a[0] = 1
        return a[index]

    traced.check(f, X.copy(), np.array([0, 1]))


def test_a_declined_call_changes_nothing():
    context = _facts(lambda a: a * 2, X.copy())
    from jitflow.tracer import numpy as front
    from jitflow.tracer.values import ConstantValue

    (storage,) = [s for s in context.storages if s.input is not None]
    array = context.input_array(*[(m[1], storage.source) for m in context.memory.values()][0])
    before = storage.version, storage.written, len(context.guards)
    with pytest.raises(Unsupported):
        front.setitem(context, array, ConstantValue(7), ConstantValue(1.0))
    assert (storage.version, storage.written, len(context.guards)) == before


@pytest.mark.parametrize(
    "source",
    lines("""
x.sort(); return x
x.sort(axis=0); return x
a = x * -1; a.sort(); return a
return np.delete(x, 1, axis=0)
return np.delete(x, [0, 2], axis=1)
return np.polyval(x[0], x)
return np.logspace(x[0, 0], x[0, 1], 5)
x = np.ascontiguousarray(x); np.put(x, [1, 3], [9, 8]); return x
"""),
)
def test_sorting_and_editing(source):
    check_layouts(source, "C", "F", "reversed", exact=False)


def test_strides_of_a_strided_input_are_guarded():
    context = _facts(lambda a: a.reshape(-1), X[:, ::2])
    assert "x0.strides[0]" in [str(guard.source) for guard in context.guards]


@pytest.mark.parametrize("name", ["nonzero", "unique", "flatnonzero", "argwhere"])
def test_data_dependent_extents_are_symbols(name):
    assert len(_facts(getattr(np, name), X).late_extents) == 1
