"""Sums of floats have the bits of NumPy's sums, for lengths known before and at run time."""

import numpy as np
import pytest

import jitflow

LENGTHS = [1, 3, 4, 7, 8, 9, 15, 17, 40, 127, 128, 129, 136, 257, 300, 1024]


def along_rows(x):
    return x.sum(axis=-1)


def over_everything(x):
    return x.sum()


def down_columns(x):
    return x.sum(axis=0)


def beside_a_maximum(x):
    return x.max(axis=-1), (x + x).sum(axis=-1)


def values(shape, dtype):
    rng = np.random.default_rng(shape[-1])
    x = rng.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.normal(size=shape)
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("function", [along_rows, over_everything, down_columns, beside_a_maximum])
def test_lengths_at_run_time(function, dtype):
    compiled = jitflow.compile(function)
    with jitflow.config().override(strict=True):
        for length in LENGTHS:
            x = values((3, length), dtype)
            np.testing.assert_array_equal(compiled(x), function(x))


@pytest.mark.parametrize("dtype", ["f2", "f4", "c16"])
@pytest.mark.parametrize("length", [3, 8, 17, 40, 512])
def test_known_lengths(dtype, length):
    x = values((3, length), dtype)
    with jitflow.config().override(strict=True):
        for function in (along_rows, over_everything, down_columns):
            np.testing.assert_array_equal(jitflow.compile(function)(x), function(x))


@pytest.mark.parametrize("axis", [None, (0, 2), (1, 2), 1])
def test_several_axes(axis):
    def f(x):
        return x.sum(axis=axis)

    x = values((5, 6, 16), "f4")
    np.testing.assert_array_equal(jitflow.compile(f)(x), f(x))


def test_stored_elements_keep_their_values():
    def f(x):
        e = np.sqrt(np.abs(x))
        return e, e.sum(axis=-1)

    x = values((4, 77), "f8")
    for found, wanted in zip(jitflow.compile(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(found, wanted)
