"""Memory order of results on random layouts, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitflow.tracer import layout


def strides(shape, itemsize, order):
    step, found = itemsize, {}
    for axis in reversed(order):
        found[axis] = step
        step *= max(shape[axis], 1)
    return tuple(found[axis] for axis in range(len(shape)))


@st.composite
def arrays(draw, shape=None):
    """Transposed, sliced, reversed and broadcast arrays."""
    if shape is None:
        shape = draw(st.lists(st.integers(1, 4), max_size=4).map(tuple))
    rank = len(shape)
    order = draw(st.permutations(range(rank)))
    gaps = draw(st.lists(st.sampled_from([1, 1, 2, -1]), min_size=rank, max_size=rank))
    memory = np.zeros([shape[axis] * abs(gaps[axis]) for axis in order])
    array = memory.transpose(np.argsort(order)) if rank else memory
    array = array[tuple(slice(None, None, gap) for gap in gaps)]
    if rank and draw(st.booleans()):
        axis = draw(st.integers(0, rank - 1))
        array = np.broadcast_to(array.take([0], axis), array.shape)
    return array


def described(array):
    return array.shape, array.strides, array.itemsize


@settings(max_examples=300, deadline=None)
@given(arrays())
def test_unary_and_copies(x):
    found = layout.elementwise_order(x.shape, [described(x)])
    if x.ndim:
        assert strides(x.shape, 8, found) == np.negative(x).strides
    assert strides(x.shape, 8, layout.copy_order(*described(x))) == x.copy("K").strides


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_binary(data):
    x = data.draw(arrays())
    y = data.draw(arrays(x.shape[data.draw(st.integers(0, x.ndim)) :]))
    result = np.add(x, y)
    found = layout.elementwise_order(result.shape, [described(x), described(y)])
    assert strides(result.shape, 8, found) == result.strides


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_concatenation(data):
    x = data.draw(arrays())
    y = data.draw(arrays(x.shape))
    for axis in range(x.ndim):
        result = np.concatenate([x, y], axis=axis)
        order = layout.concatenation_order(x.ndim, [described(x)[:2], described(y)[:2]])
        assert strides(result.shape, 8, order) == result.strides


@pytest.mark.parametrize("order", ["C", "F"])
def test_contiguity(order):
    x = np.zeros((2, 1, 3), order=order)
    axes = layout.c_order(3) if order == "C" else layout.f_order(3)
    assert layout.is_contiguous(*described(x), axes)
    assert not layout.is_contiguous(*described(x[::2, :, ::2]), axes)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_memory_order_places_axes_of_extent_one(data):
    shape = data.draw(st.lists(st.integers(1, 3), max_size=4).map(tuple))
    order = data.draw(st.permutations(range(len(shape))))
    memory = np.zeros([shape[axis] for axis in order])
    x = memory.transpose(np.argsort(order)) if shape else memory
    assert strides(shape, 8, layout.memory_order(*described(x))) == x.strides


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_operands_that_are_cast(data):
    x = data.draw(arrays())
    result = np.add(x.astype("f4"), 1, dtype="f8") if x.ndim > 1 else np.add(x, 1)
    single = x.astype("f4") if x.ndim > 1 else x
    found = layout.elementwise_order(result.shape, [described(single)], x.ndim < 2)
    assert strides(result.shape, 8, found) == result.strides
