"""Products of a stack of matrices with one right matrix are made as one product."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen.commands import CallProduct
from jitflow.codegen.program import lower
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import segment_of


def commands(left, right):
    builder = Builder("f")
    a, b = (builder.input(n, ArrayType(F64, s)) for n, s in (("a", left), ("b", right)))
    graph = builder.finish([builder.emit("matmul", a, b)])
    return lower(segment_of(graph, [np.ones(left), np.ones(right)])).program.commands


@pytest.mark.parametrize("right", [(32, 48), (1, 1, 32, 48)])
def test_rows_are_put_together(right):
    (product,) = commands((5, 6, 2, 32), right)
    assert isinstance(product, CallProduct)
    assert (product.rows, product.batch) == (60, ())


def test_so_are_many_rows():
    (product,) = commands((6, 40, 32), (32, 48))
    assert (product.rows, product.batch) == (240, ())


def test_other_right_matrices_make_a_stack():
    (product,) = commands((6, 2, 32), (6, 32, 48))
    assert product.batch == (6,)


def test_rows_with_gaps_between_matrices_stay_a_stack():
    builder = Builder("f")
    a, b = (builder.input(n, ArrayType(F64, s)) for n, s in (("a", (6, 40, 32)), ("b", (32, 48))))
    part = builder.emit("slice", a, starts=(0, 1, 0), steps=(1, 1, 1), shape=(6, 39, 32))
    segment = segment_of(
        builder.finish([builder.emit("matmul", part, b)]), [np.ones((6, 40, 32)), np.ones((32, 48))]
    )
    (product,) = lower(segment).program.commands
    assert (product.rows, product.batch) == (39, (6,))


@pytest.mark.parametrize("strided", [False, True])
def test_values(strided):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 9, 64)), rng.normal(size=(64, 40))
    if strided:
        a = a[::2, ::-1]

    def rows(a, b):
        a[:] = np.tile((a[:, :, None] @ b).reshape(*a.shape[:2], 40), 2)[..., :64]
        return a[..., None, :] @ b

    copy = a.copy()
    got, wanted = jitflow.compile(rows)(a, b), rows(copy, b)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(a, copy, rtol=1e-12, atol=1e-10)
