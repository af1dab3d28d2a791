"""Every element-wise record through the interpreter against NumPy, in every dtype."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from helpers import triton_running
from helpers.backends import graph_of
from helpers.compare import assert_same

from jitflow.core.dtypes import ALL, F16, F64, DType
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ops.record import Kind, Operator, operator, operators

RECORDS = [
    record
    for record in operators()
    if record.kind is Kind.ELEMENTWISE and record.name != "cast"
    if any(record.has_body((ArrayType(dtype),)) for dtype in record.extra["dtypes"])
]

_EITHER_ZERO = {"fmax", "fmin", "maximum", "minimum"}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_elementwise_record_means_what_numpy_means(record: Operator) -> None:
    for dtype in record.extra["dtypes"]:
        if record.has_body((ArrayType(dtype),)):
            check(record, dtype)


def check(record: Operator, dtype: DType) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{record.name}{dtype}".encode()))
    operands = record.samples(rng, dtype, (9, 22))
    with np.errstate(all="ignore"):
        expected = record.numpy(*operands)
    (found,) = triton_running.run(graph_of(record, operands), *operands)
    ulp = record.ulp if np.asarray(expected).dtype.kind in "fc" else 0
    if dtype.is_complex:
        finite = np.isfinite(expected)  # the interpreter's fused multiply-add rounds twice
        found, expected = found[finite], expected[finite]
        np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype.itemsize == 8 else 1e-13)
        return
    assert_same(found, expected, ulp, signs=record.name not in _EITHER_ZERO)


@pytest.mark.parametrize("source", ALL, ids=str)
def test_casts_agree_with_astype(source: DType) -> None:
    """Where the value fits: what else becomes of a float is the device's affair."""
    builder = Builder("casts")
    x = builder.input("x", ArrayType(source, (3, 67)))
    targets = [t for t in ALL if t.is_complex or not source.is_complex]
    graph = builder.finish([builder.emit("cast", x, dtype=target) for target in targets])
    (values,) = operator("cast").samples(np.random.default_rng(5), source, (3, 67))
    if source.is_float or source.is_complex:
        values = np.where(np.abs(values) < 100, values, np.ones((), source.numpy))
    for found, target in zip(triton_running.run(graph, values), targets, strict=True):
        with np.errstate(all="ignore"):
            given = np.abs(values) if source.is_float and target.kind == "u" else values
            mask = np.asarray(given == values)
            assert_same(found[mask], values.astype(target.numpy)[mask])


def test_narrowing_to_half_rounds_once() -> None:
    builder = Builder("narrow")
    x = builder.input("x", ArrayType(F64, (1000,)))
    graph = builder.finish([builder.emit("cast", x, dtype=F16)])
    values = np.random.default_rng(3).normal(size=1000)
    values[:500] = (1 + np.arange(500) / 1024 + 1 / 2048) * (1 + 2.0**-40)
    (found,) = triton_running.run(graph, values)
    assert_same(found, values.astype(np.float16))
