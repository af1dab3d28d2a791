"""Folds of long columns: values in NumPy's order, and when rows of sums are used."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen.program import lower
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import segment_of


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "u1"])
@pytest.mark.parametrize("shape", [(900, 300), (2000, 65), (20, 50, 333)])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(axis=0),
        lambda x: x.max(axis=0),
        lambda x: x.min(axis=0) + x[0],
        lambda x: (x * 2 + 1).sum(axis=tuple(range(x.ndim - 1))),
        lambda x: (x.sum(axis=-2), x.max(axis=-2)),
        lambda x: (x * x[..., :1, :]).sum(axis=-2) * 2,
    ],
)
def test_bits_are_those_of_numpy(function, shape, dtype):
    x = (np.random.default_rng(0).normal(size=shape) * 9).astype(dtype)
    got, wanted = jitflow.compile(function)(x), function(x)
    for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, wanted))):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_not_a_number_and_no_number():
    x = np.zeros((1000, 200))
    x[500, 3], x[999, 4] = np.nan, -np.inf
    compiled = jitflow.compile(lambda x: (x.max(axis=0), x.sum(axis=0), x.prod(axis=0)))
    with np.errstate(invalid="ignore"):
        for got, wanted in zip(compiled(x), (x.max(axis=0), x.sum(axis=0), x.prod(axis=0))):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("shape,in_rows", [((4000, 500), True), ((40, 50), False)])
def test_where_the_folded_loop_stands(shape, in_rows):
    builder = Builder("f")
    x = builder.input("x", ArrayType(F64, shape))
    graph = builder.finish([builder.emit("sum", x, axes=(0,), keepdims=False)])
    (kernel,) = lower(segment_of(graph, [np.ones(shape)])).program.kernels
    heads = [line.split()[0] for line in str(kernel).splitlines() if "for i" in line]
    assert heads == (["vector", "for", "vector", "vector"] if in_rows else ["vector", "for"])
