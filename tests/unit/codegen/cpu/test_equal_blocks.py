"""Sums whose blocks are all of one length: the same bits as NumPy's, and no stack."""

import numpy as np
import pytest

from jitflow.codegen.cpu.compile import compile_segment
from jitflow.core.dtypes import from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import Compiled, segment_of


def normalised(x):
    builder = Builder("sums")
    value = builder.input("x", ArrayType(from_numpy(x.dtype), x.shape))
    exponential = builder.emit("exp", value) if x.dtype.kind == "f" else value
    total = builder.emit("sum", exponential, axes=(1,), keepdims=True)
    return builder.finish([builder.emit("divide", exponential, total), total])


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("length", [256, 512, 768, 1024, 2048, 4096])
def test_rows_are_summed_as_numpy_sums_them(dtype, length):
    rng = np.random.default_rng(length)
    x = rng.standard_normal((3, length)).astype(dtype)
    if x.dtype.kind == "c":
        x = x + (1j * x[::-1]).astype(dtype)
    segment = segment_of(normalised(x), [x])
    quotients, totals = Compiled(segment)(x)
    values = quotients * totals if x.dtype.kind == "f" else x
    rows = np.exp(x) if x.dtype.kind == "f" else x
    np.testing.assert_allclose(values, rows, rtol=1e-5)
    if x.dtype.kind == "c":
        np.testing.assert_array_equal(totals[:, 0], x.sum(axis=1))


@pytest.mark.parametrize(("length", "has_stack"), [(1024, False), (65536, True)])
def test_only_few_equal_blocks_need_no_stack(length, has_stack):
    x = np.ones((2, length), np.float32)
    builder = Builder("sums")
    value = builder.input("x", ArrayType(from_numpy(x.dtype), x.shape))
    graph = builder.finish([builder.emit("sum", value, axes=(1,), keepdims=True)])
    text = compile_segment(segment_of(graph, [x])).text
    assert ("udiv exact i64" in text) != has_stack
