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


SHORT = {
    "step": lambda x: x[::2].sum(),
    "part": lambda x: x[1:, 1:].sum(),
    "backwards": lambda x: x[::-1].sum(),
    "broadcast": lambda x: (x + x[0]).sum(),
    "gathered": lambda x: x[[0, -1, 0]].sum(),
    "mean": lambda x: x[:, ::-1].mean(),
    "transposed": lambda x: (x[1:].T * 2).sum(),
    "two sums": lambda x: (x[1:, 1:].sum(), (x[1:, 1:] * x[:-1, :-1]).sum()),
}


@pytest.mark.parametrize("function", SHORT.values(), ids=SHORT)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(4, 3), (3, 10), (4, 5, 3)], ids=str)
def test_short_sums_of_axes_that_do_not_lie_in_a_row(shape, dtype, function):
    compiled = jitflow.compile(function)
    generator = np.random.default_rng(0)
    for _ in range(10):
        x = generator.normal(size=shape) + 1j * generator.normal(size=shape)
        x = (x if np.dtype(dtype).kind == "c" else x.real).astype(dtype)
        assert compiled(x) == function(x)


@pytest.mark.parametrize("dtype", ["f8", "c8", "c16"])
def test_running_products_are_exact(dtype):
    generator = np.random.default_rng(0)
    x = (generator.normal(size=(6, 5)) + 1j * generator.normal(size=(6, 5))).astype("c16")
    x = x.astype(dtype) if dtype != "f8" else x.real.copy()
    compiled = jitflow.compile(lambda x: (np.cumprod(x), np.multiply.accumulate(x, axis=1)))
    for got, expected in zip(compiled(x), (np.cumprod(x), np.cumprod(x, axis=1)), strict=True):
        np.testing.assert_array_equal(got, expected)


def bits(value):
    """The bits of a number or array, with one NaN for all."""
    value = np.array(value)
    parts = (value.real.copy(), value.imag.copy()) if value.dtype.kind == "c" else (value,)
    for part in parts:
        part[np.isnan(part)] = np.nan
    return [part.tobytes() for part in parts]


EDGES = [
    [np.nan], [np.inf, 2], [2, np.inf], [-0.0], [complex(-0.0, -0.0)], [complex(0, -0.0)] * 3,
    [complex(0, np.inf), 1], [complex(-1, -0.0), complex(-0.0, 2)],
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("values", EDGES, ids=str)
def test_the_first_element_of_a_running_fold_stays_as_it_is(values, dtype):
    x = np.array(values)
    x = x.astype(dtype) if dtype[0] == "c" else x.real.astype(dtype)
    compiled = jitflow.compile(lambda x: (np.cumsum(x), np.cumprod(x), np.cumsum(x[None], axis=0)))
    with np.errstate(all="ignore"):
        expected = np.cumsum(x), np.cumprod(x), np.cumsum(x[None], axis=0)
        got = compiled(x)
    assert list(map(bits, got)) == list(map(bits, expected))


@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize("size", [1, 2, 5, 30])
def test_complex_products_are_rounded_as_numpy_does(size, dtype):
    generator = np.random.default_rng(size)
    x, y = generator.normal(size=(2, size, 3)) + 1j * generator.normal(size=(2, size, 3))
    x, y = x.astype(dtype), y.astype(dtype)

    def f(x, y):
        return np.cross(x, x), x[:, 0] * y[:, 1], x[::-1] * y, x[0] * y[0], np.square(x[:, 1])

    for got, expected in zip(jitflow.compile(f)(x, y), f(x, y), strict=True):
        assert bits(got) == bits(expected)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_the_square_of_a_complex_norm_is_real(dtype):
    generator = np.random.default_rng(0)
    compiled = jitflow.compile(lambda x: (np.vdot(x, x), np.dot(x.conj(), x), x.conj() @ x))
    for size in (1, 3, 5, 17, 100):
        x = (generator.normal(size=size) + 1j * generator.normal(size=size)).astype(dtype)
        assert [value.imag for value in compiled(x)] == [0, 0, 0]


@pytest.mark.parametrize("shape", [(3, 4), (12, 5), (4, 4, 3), (30, 40)], ids=str)
def test_sums_of_halves_are_rounded_once(shape):
    compiled = jitflow.compile(lambda x: (x.sum(), np.sum(x, tuple(range(x.ndim)), keepdims=True)))
    generator = np.random.default_rng(0)
    for _ in range(5):
        x = generator.normal(size=shape).astype("f2")
        for part in (x, x.T, x[::-1], x[1:, 1:]):
            with np.errstate(all="ignore"):
                wide = part.astype("f8").sum()
            total, kept = compiled(part)
            assert total == kept.ravel()[0]
            assert abs(float(total) - wide) <= 0.51 * np.spacing(np.float16(abs(wide)))
