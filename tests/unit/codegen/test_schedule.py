"""Which loop is vectorised: the one that leaves the fewest cache lines half used."""

import numpy as np
import pytest

from jitflow.codegen.program import lower
from jitflow.core.dtypes import F32, F64
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


@pytest.mark.parametrize("channels,vector", [(32 * 32, "i3"), (32 * 30, "i1")])
def test_lines_of_one_set_are_not_written_in_turn(channels, vector):
    """Channels last to channels first beside a mask: 4096 bytes apart, they drive each other out."""
    width = channels // 32
    builder = Builder("f")
    x = builder.input("x", ArrayType(F32, (4, 32, width, 16)))
    moved = builder.emit("transpose", x, axes=(0, 3, 1, 2))
    positive = builder.emit("negative", moved)
    below = builder.emit("less_equal", moved, positive)
    given = np.ones((4, 32, width, 16), np.float32)
    segment = segment_of(builder.finish([positive, below]), [given], {1: (0, 2, 3, 1)})
    (kernel,) = lower(segment).program.kernels
    assert vector_loop(kernel) == vector
