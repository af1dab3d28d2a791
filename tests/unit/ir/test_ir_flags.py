"""Which constant computations set flags: found out without doing all the work."""

import numpy as np
import pytest

from jitflow.ir.builder import Builder
from jitflow.ir.flags import constant_flags


@pytest.mark.parametrize("size", [3, 100_000, 2**40])
@pytest.mark.parametrize("number", [1.0, np.inf])
def test_division_of_constants(size, number):
    builder = Builder("f")
    values = [builder.emit("constant", value=np.array(item)) for item in (number, 0.0)]
    left, right = (builder.emit("full", value, shape=(size,)) for value in values)
    graph = builder.finish([builder.emit("divide", left, right)])
    assert constant_flags(graph) == (number == 1.0)


def test_each_kind_of_flag():
    """Underflow alone, which NumPy ignores, is not taken for what it warns of."""
    builder = Builder("f")
    small, large = (builder.emit("constant", value=np.array(item)) for item in (1e-200, 1e200))
    tiny = builder.emit("multiply", small, small)
    assert constant_flags(builder.finish([tiny])) == 4
    huge = builder.emit("multiply", large, large)
    assert constant_flags(builder.finish([tiny, huge])) == 6
