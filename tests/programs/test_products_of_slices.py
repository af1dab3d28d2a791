"""Products of matrices that are slices whose extents are computed from those of an argument."""

import numpy as np
import pytest
from programs.conftest import assert_same

import jitflow


def columns(a, b):
    return np.dot(a[:, ::2], b[::2])


def both(a, b):
    return a[:, ::2] @ b[::2, :], np.dot(a[:, ::3], b[::3, ::2])


def turned(a, b):
    return a[::2, ::2].T @ b[: (len(a) + 1) // 2]


def reshaped(a, b):
    return a.reshape(2, -1)[:, ::2] @ b.reshape(-1)[: (a.size // 2 + 1) // 2]


@pytest.mark.parametrize("function", [columns, both, turned, reshaped], ids=lambda f: f.__name__)
@pytest.mark.parametrize("step", [1, 2])
def test_the_copies_for_a_product_know_their_sizes(function, step, backend):
    compiled = jitflow.compile(function, dynamic=True, backend=backend)
    random = np.random.default_rng(0)
    for size in (20, 31, 60):
        a, b = random.random((step * size * 2, size))[::step], random.random((size, size))
        assert_same(function(a, b), compiled(a, b))
