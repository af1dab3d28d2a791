"""Sums and products whose last bits are NumPy's, since they are made in its order."""

import numpy as np
import pytest

import jitflow

SHAPES = [(4, 1, 2), (8,), (2, 4), (2, 3), (2, 2, 2), (3, 5, 2), (30,)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_axes_that_lie_in_a_row_are_one_run(shape, dtype):
    compiled = jitflow.compile(lambda x: x.sum())
    generator = np.random.default_rng(0)
    for _ in range(20):
        x = (generator.normal(size=shape) + 1j * generator.normal(size=shape)).astype(
            dtype if np.dtype(dtype).kind == "c" else "c16"
        )
        x = x if np.dtype(dtype).kind == "c" else x.real.astype(dtype)
        assert compiled(x) == x.sum()


@pytest.mark.parametrize("dtype", ["f8", "c8", "c16"])
def test_running_products_are_exact(dtype):
    generator = np.random.default_rng(0)
    x = (generator.normal(size=(6, 5)) + 1j * generator.normal(size=(6, 5))).astype("c16")
    x = x.astype(dtype) if dtype != "f8" else x.real.copy()
    compiled = jitflow.compile(lambda x: (np.cumprod(x), np.multiply.accumulate(x, axis=1)))
    for got, expected in zip(compiled(x), (np.cumprod(x), np.cumprod(x, axis=1)), strict=True):
        np.testing.assert_array_equal(got, expected)
