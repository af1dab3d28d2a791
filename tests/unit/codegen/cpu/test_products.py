"""Products with oneself, and of a row with a column."""

import numpy as np
import pytest

import jitflow

DTYPES = ["f4", "f8", "c16"]


def is_close(got, wanted, size):
    bound = 4 * max(1, size) * np.finfo(wanted.dtype).eps * (1 + abs(wanted).max(initial=0))
    return (
        abs(got - wanted) <= bound
    ).all() and got.flags.c_contiguous == wanted.flags.c_contiguous


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(60, 30), (100, 200), (48, 1), (49, 7), (5, 5)])
@pytest.mark.parametrize(
    "function",
    [
        lambda a: a @ a.T,
        lambda a: a.T @ a,
        lambda a: (a @ a.T).T,
        lambda a: np.dot(a[:, ::2], a[:, ::2].T),
        lambda a: a @ (a + 0).T,
    ],
)
def test_a_matrix_times_its_transpose(function, shape, dtype):
    a = np.random.default_rng(0).normal(size=shape).astype(dtype)
    got, wanted = jitflow.compile(function)(a), function(a)
    assert is_close(got, wanted, max(shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x @ x,
        lambda x: x[::-1] @ x,
        lambda x: x[:250] @ x[1:500:2],
        lambda x: x[:1] @ x[:1],
        lambda x: x[:0] @ x[:0],
        lambda x: np.vdot(x, x * 1j) if x.dtype.kind == "c" else np.vdot(x, x + 1),
    ],
)
def test_a_row_times_a_column(function, dtype):
    x = np.random.default_rng(0).normal(size=501).astype(dtype)
    got, wanted = jitflow.compile(function)(x), function(x)
    assert type(got) is type(wanted)
    assert is_close(np.asarray(got), np.asarray(wanted), 501)
