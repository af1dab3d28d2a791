"""Many arrays that are written: their memory is compared in one go."""

import numpy as np
import pytest

import jitflow


def shift_all(arrays):
    for array in arrays:
        array += 1.0
    return sum(array[0] for array in arrays)


@pytest.mark.parametrize("count", [3, 12, 20])
def test_arrays_that_turn_out_to_overlap(count):
    compiled = jitflow.compile(shift_all)
    for _ in range(3):
        expected, got = ([np.arange(4.0) + k for k in range(count)] for _ in range(2))
        assert compiled(got) == shift_all(expected)
        np.testing.assert_array_equal(got, expected)
    assert compiled.report().recompiles == 0
    for first, second in ((0, 1), (1, count - 1), (count - 2, count - 1)):
        results = []
        for function in (shift_all, compiled):
            base = np.arange(8.0)
            arrays = [np.arange(4.0) + k for k in range(count)]
            arrays[first], arrays[second] = base[:4], base[3:7]
            results.append((function(arrays), base, *arrays))
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)
