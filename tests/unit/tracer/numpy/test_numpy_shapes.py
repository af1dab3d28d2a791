"""Functions that move axes, join and split arrays: views where NumPy makes views."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import X, check, check_layouts, lines

import jitflow

VIEWS = """
x.T
x.mT
x.transpose()
x.transpose(1, 0)
np.transpose(x, (1, 0))
x.reshape(2, -1)
x.reshape(-1)
x.reshape((4, 3), order='F')
x.reshape(3, 1, 4)
x.reshape(3, 2, 2)
x.T.reshape(2, 6)
x.ravel()
x.ravel('F')
x.ravel('A')
x.flatten()
x.flatten('F')
np.swapaxes(x, 0, 1)
np.moveaxis(x, 0, 1)
np.rollaxis(x, 1)
x[None].squeeze()
np.squeeze(x[:1], 0)
np.expand_dims(x, 1)
np.expand_dims(x, (0, 3))
np.atleast_2d(x[0])
np.atleast_3d(x)
np.broadcast_to(x, (2, 3, 4))
np.flip(x)
np.flip(x, 0)
np.fliplr(x)
np.flipud(x)
np.rot90(x)
np.rot90(x, 2)
np.rot90(x, 3)
np.diagonal(x)
x.diagonal(1)
np.diag(x)
np.split(x, 2, axis=1)
np.array_split(x, 2)
np.hsplit(x, 2)
np.vsplit(x, 3)
x.real
np.asarray(x)
np.ascontiguousarray(x)
np.asfortranarray(x)
x[...]
"""

FRESH = """
np.roll(x, 1)
np.roll(x, 1, axis=0)
np.roll(x, (1, -1), (0, 1))
np.roll(x, (1, -1), 1)
np.roll(x, 1, (0, 1))
np.roll(x, (), 1)
np.roll(x, (1, 2))
np.stack([x, x])
np.stack([x, x], axis=-1)
np.vstack([x, x[0]])
np.hstack([x, x])
np.dstack([x, x])
np.column_stack([x[:, 0], x])
np.block([[x, x], [x, x]])
np.concatenate([x, x], axis=1)
np.concatenate([x, x[:1] > 1])
np.concatenate((x, x), axis=None)
np.append(x, x, axis=0)
np.tile(x, 2)
np.tile(x, (2, 1, 3))
np.repeat(x, 2)
np.repeat(x, 3, axis=1)
np.repeat(x, [1, 2, 0], axis=0)
np.pad(x, 1)
np.pad(x, ((1, 2), (0, 1)), constant_values=(0,))
np.pad(x, ((1, 2), (2, 1)), constant_values=((3, 4), (5, 6)))
np.pad(x, 1, constant_values=((3,), (4,)))
np.pad(x, ((1, 2), (0, 1)), constant_values=3)
np.pad(x, 1, mode='edge')
np.pad(x, 2, 'reflect')
np.pad(x, 1, 'wrap')
np.pad(x[:0], ((0, 0), (1, 0)), 'edge')
np.meshgrid(x[0], x[1])
np.meshgrid(x[0], x[:, 1], indexing='ij')
x.copy()
x.copy('F')
np.copy(x)
x.astype(np.float32)
x.astype(int, order='C')
np.array(x)
np.array([x, x])
np.array([x[0, 0], 1, 2])
np.array([[x[0, 0], x[0, 1]], [1, 2]])
np.zeros_like(x)
np.full_like(x, 7)
np.ones_like(x, dtype=int)
np.tril(x)
np.triu(x, 1)
np.diag(x[0])
np.diag(x[0], -1)
np.vander(x[0], 3)
np.full((2, 3), x[0, 0])
np.linspace(x[0, 0], x[1, 1], 5)
np.linspace(0, x[1, 1], 5, endpoint=False)
np.eye(4) @ x.T
np.arange(4) + x
np.kron(x, x)
np.cross(x[:, :3], x[:, 1:])
"""


@pytest.mark.parametrize("source", lines(VIEWS))
def test_views(source):
    check_layouts(source, exact=True)


@pytest.mark.parametrize("dtype", ["i1", "i4", "i8", "u1", "u8", "f4"])
def test_a_range_of_numbers_of_any_dtype(dtype):
    """The result is int64 or float64; bounds of short integers wrap where NumPy subtracts them."""

    def function(x, y):
        return np.arange(y[2]), np.arange(0, y[2], 2), np.arange(3, 5), np.arange(x[1], y[1])

    x, y = np.array([0, 1, 3]).astype(dtype), np.array([2, 4, 5]).astype(dtype)
    compiled = jitflow.compile(function)
    for expected, found in zip(function(x, y), compiled(x, y), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("source", lines(FRESH))
def test_fresh_results(source):
    check_layouts(source)


@pytest.mark.parametrize(
    "source",
    [
        "x.shape",
        "x.size",
        "x.ndim",
        "x.dtype",
        "x.nbytes",
        "np.shape(x)",
        "np.size(x, 0)",
        "np.ndim(x)",
        "x.itemsize",
    ],
)
def test_facts_are_constants(source):
    check_layouts(source)


def test_reshape_copies_and_views_as_numpy_does():
    """Every factorisation of 24 elements, from a transposed and sliced cube."""
    base = np.arange(96.0).reshape(2, 3, 4, 4)[..., ::2].transpose(0, 2, 1, 3)[:, :, :2, 0]
    shapes = [(16,), (4, 4), (2, 8), (8, 2), (2, 2, 4), (1, 16, 1), (2, 4, 2)]
    for shape in shapes:
        for order in "CF":
            check(f"x.reshape({shape}, order='{order}')", base)


def test_concatenation_order_of_mixed_layouts():
    check(
        "np.concatenate([x, y]); return np.concatenate([x, y]), np.stack([y, x], 2)",
        X.T.copy().T,
        np.asfortranarray(X),
    )
    check("np.concatenate([x, y], axis=1)", X[:, ::-1], X)
