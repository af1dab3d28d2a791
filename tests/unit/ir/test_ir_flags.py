"""Which constant computations set flags: found out without doing all the work."""

import numpy as np
import pytest

from jitflow.ir.builder import Builder
from jitflow.ir.flags import always_warns


@pytest.mark.parametrize("size", [3, 100_000, 2**40])
@pytest.mark.parametrize("number", [1.0, np.inf])
def test_division_of_constants(size, number):
    builder = Builder("f")
    values = [builder.emit("constant", value=np.array(item)) for item in (number, 0.0)]
    left, right = (builder.emit("full", value, shape=(size,)) for value in values)
    graph = builder.finish([builder.emit("divide", left, right)])
    assert always_warns(graph) == (number == 1.0)
