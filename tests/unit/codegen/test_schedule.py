"""Which loop is vectorised: the one that leaves the fewest cache lines half used."""

import numpy as np

from jitflow.codegen.program import lower
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import segment_of


def vector_loop(kernel):
    return next(line for line in str(kernel).splitlines() if "vector for" in line).split()[2]


def test_components_side_by_side_are_written_row_by_row():
    """A column repeated into one component: neighbours in a line beat a contiguous operand."""
    builder = Builder("f")
    x = builder.input("x", ArrayType(F64, (300,)))
    grid = builder.input("grid", ArrayType(F64, (300, 300, 3)))
    column = builder.emit("expand_dims", x, axes=(1,))
    wide = builder.emit("broadcast", column, shape=(300, 300))
    strided = builder.emit("slice", grid, starts=(0, 0, 0), steps=(1, 1, 1), shape=(300, 300, 1))
    first = builder.emit("squeeze", strided, axes=(2,))
    total = builder.emit("sum", builder.emit("add", wide, first), axes=(0, 1), keepdims=False)
    graph = builder.finish([total])
    (kernel,) = lower(segment_of(graph, [np.ones(300), np.ones((300, 300, 3))])).program.kernels
    assert "24*i1" in str(kernel)
    assert vector_loop(kernel) == "i1"
