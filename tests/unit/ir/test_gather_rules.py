"""Gathers by known indices: the arrays stay fresh, whatever they became in the graph."""

import numpy as np
import pytest

import jitflow
from jitflow.ir.passes.gathers import runs_of


@pytest.mark.parametrize(
    "indices,runs",
    [
        ([3], [(3, 1, 1)]),
        ([0, 1, 2], [(0, 1, 3)]),
        ([4, 2, 0], [(4, -2, 3)]),
        ([0, 0, 1], [(0, 1, 1), (0, 1, 2)]),
        ([0, 5, 1, 6, 2, 7, 3, 8, 4], None),
    ],
)
def test_runs(indices, runs):
    assert runs_of(np.array(indices)) == runs


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[[5, 3, 1]],
        lambda x: x[list(range(10, 60)) + list(range(70, 99))],
        lambda x: np.delete(x, 3),
        lambda x: np.pad(x, 4, mode="reflect"),
        lambda x: x[[0] * 40],
        lambda x: x[[-1, -2, -3]] * 2,
    ],
)
def test_results_are_arrays_of_their_own(function):
    x = np.arange(100.0)
    got, wanted = jitflow.compile(function)(x), function(x)
    np.testing.assert_array_equal(got, wanted)
    assert got.strides == wanted.strides
    assert not np.shares_memory(got, x)
    got[:] = -1
    np.testing.assert_array_equal(x, np.arange(100.0))


def test_indices_out_of_range_still_raise():
    compiled = jitflow.compile(lambda x: x[[0, 1, 200]])
    with pytest.raises(IndexError, match="index 200 is out of bounds for axis 0 with size 100"):
        compiled(np.arange(100.0))
