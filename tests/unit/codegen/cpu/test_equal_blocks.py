"""Sums whose blocks are all of one length: the same bits as NumPy's, and no stack."""

import numpy as np
import pytest

from jitflow.codegen.cpu.compile import compile_segment
from jitflow.core.dtypes import from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import Compiled, segment_of


def squares(x):
    builder = Builder("sums")
    value = builder.input("x", ArrayType(from_numpy(x.dtype), x.shape))
    square = builder.emit("multiply", value, value)
    return builder.finish([square, builder.emit("sum", square, axes=(1,), keepdims=False)])


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("length", [256, 512, 768, 1024, 2048, 4096])
def test_rows_are_summed_as_numpy_sums_them(dtype, length):
    rng = np.random.default_rng(length)
    x = rng.standard_normal((3, length)).astype(dtype)
    if x.dtype.kind == "c":
        x = x + (1j * x[::-1]).astype(dtype)
    found, totals = Compiled(segment_of(squares(x), [x]))(x)
    np.testing.assert_array_equal(totals, found.sum(axis=1))
    np.testing.assert_allclose(found, x * x, rtol=1e-5)


@pytest.mark.parametrize(("length", "has_stack"), [(1024, False), (65536, True)])
def test_only_few_equal_blocks_need_no_stack(length, has_stack):
    x = np.ones((2, length), np.float32)
    builder = Builder("sums")
    value = builder.input("x", ArrayType(from_numpy(x.dtype), x.shape))
    graph = builder.finish([builder.emit("sum", value, axes=(1,), keepdims=True)])
    text = compile_segment(segment_of(graph, [x])).text
    assert ("udiv exact i64" in text) != has_stack
