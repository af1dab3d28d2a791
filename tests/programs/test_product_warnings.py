"""Matrix products with infinities warn where NumPy's own library does.

It computes on lanes that no element belongs to, where an infinity may meet a zero; whether it does
depends on the shape, the data type and the machine.
"""

import warnings

import numpy as np
import pytest

import jitflow


def heard(function, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args)
    return result, [(w.category, str(w.message), w.lineno) for w in caught]


PROGRAMS = {
    "inner": lambda x, y: np.inner(x, y),
    "own inner": lambda x, y: np.inner(x, x),
    "matmul": lambda x, y: x @ y.T,
    "own matmul": lambda x, y: x.T @ x,
    "vector": lambda x, y: x @ y[0],
    "rows": lambda x, y: np.dot(x[0], y[0]),
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y),
    "fused": lambda x, y: np.maximum(x @ y.T, 0) + 1,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_infinities_in_products(program, dtype, backend):
    compiled = jitflow.compile(program, backend=backend)
    for rows, inner in [(2, 2), (3, 4), (4, 4), (3, 6), (8, 8), (20, 20)]:
        x = np.ones((rows, inner), dtype)
        y = x + np.arange(inner, dtype="i4").astype(dtype)
        for value in (1, np.inf, -np.inf):
            x[0, 0] = value
            (expected, told), (got, seen) = heard(program, x, y), heard(compiled, x, y)
            np.testing.assert_array_equal(got, expected)
            assert seen == told, (rows, inner, value)
