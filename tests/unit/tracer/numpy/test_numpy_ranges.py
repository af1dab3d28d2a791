"""Ranges as subscripts and operands: arrays of their items."""

from __future__ import annotations

import pytest
from helpers.numpy_cases import X, check, lines

CASES = """
x[range(2)]
x[range(2, -1, -1)]
x[:, range(1, 3)]
x[range(2), range(2)]
x[0] * range(4)
x + np.array(range(4))
np.stack([x[0], range(4)])
np.add.at(x, (range(2), range(2)), 1.0); return x
x[range(2)] = 0; return x
"""


@pytest.mark.parametrize("source", lines(CASES))
def test_range(source):
    check(source, X)
