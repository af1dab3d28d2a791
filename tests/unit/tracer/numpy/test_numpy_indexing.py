"""Subscripts: reads by every kind of key, against NumPy, on many layouts."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import traced
from helpers.numpy_cases import X, check, check_layouts, lines
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

KEYS = """
1
-1
1, 2
slice(None, None, -1)
slice(1, None)
slice(5, 1)
(slice(None), -1)
(slice(1, 2), slice(None, None, 2))
None
(None, 1)
Ellipsis
(Ellipsis, None)
(1, 2, Ellipsis)
(Ellipsis, 0)
()
[0, 2]
(slice(None), [0, 2, 1])
([0, 1], [1, 2])
([[0], [1]], [1, 2])
(0, [1, 2])
(None, [0, 1])
([0, 1], None, [1, 2])
([0, 1], slice(None, None, -1))
[True, False, True]
"""


@pytest.mark.parametrize("key", lines(KEYS))
def test_key(key):
    check_layouts(f"x[{key}]", exact=True)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_basic_keys(data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    key = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    traced.check(lambda a: a[key], x)
    traced.check(lambda a: a[key] * 2, x)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_integer_array_keys(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    places = data.draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True))
    count = data.draw(st.integers(1, 3))
    key = tuple(
        data.draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        if axis in places
        else data.draw(st.sampled_from([slice(None), slice(None, None, -1), 0]))
        for axis, n in enumerate(x.shape)
    )
    traced.check(lambda a: a[key], x)


@pytest.mark.parametrize(
    "source",
    lines("""
np.take(x, [0, 2], axis=1)
np.take(x, [5, 1])
np.take(x, 1, axis=0)
np.take(x, [7, -9], mode='wrap')
x.take([0, 1], axis=0)
np.take_along_axis(x, np.array([[0], [1], [2]]), 1)
np.choose([0, 1, 0, 1], [x, x * 2])
[row for row in x]
x[np.argmax(x, axis=0), np.arange(4)]
x[np.array([0, 1]), 1:3]
x[(x[0, :2] * 0).astype(int)]
x[:, x[0].argmax()]
"""),
)
def test_other_reads(source):
    check_layouts(source)


def test_empty_and_zero_dimensional():
    check("x[()]; return x[()], x[...], x + 1, x.sum()", np.array(3.0))
    check("x[:0]; return x[:0], x[:0].sum(0), x[:0] + 1, x[:0].T", X)
    check("x + 1; return x + 1, x.sum(), x.reshape(0, 7)", np.zeros((0, 3)))
