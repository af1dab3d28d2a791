"""The operator table against NumPy: every element-wise record, every dtype, several layouts.

Back ends: the scalar bodies over NumPy arrays (no code generation), and compiled segments.
"""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from helpers.backends import BACKENDS
from helpers.compare import assert_same
from unit.codegen import running

from jitflow.core.dtypes import ALL, DType
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ops.record import Kind, Operator, operator, operators

LAYOUTS = {
    "body": ("C", "F", "strided", "rank0", "broadcast", "empty"),
    "cpu": ("C", "strided rows"),
}
CASES = [
    pytest.param(record, dtype, id=f"{record.name}-{dtype}")
    for record in operators()
    if record.kind is Kind.ELEMENTWISE and record.name != "cast"
    for dtype in record.extra["dtypes"]
    if record.has_body((ArrayType(dtype),))
]

# NumPy gives either of two equal zeros, by the length of the array.
_EITHER_ZERO = {"fmax", "fmin", "maximum", "minimum"}


def make_operands(record: Operator, dtype: DType, layout: str) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(zlib.crc32(f"{record.name}{dtype}{layout}".encode()))
    shape = {"rank0": (), "empty": (0, 3), "broadcast": (7, 19)}.get(layout, (9, 22))
    operands = record.samples(rng, dtype, shape)
    if layout == "F":
        return tuple(np.asfortranarray(x) for x in operands)
    if layout == "strided rows":
        return (operands[0][::-2, 1::3], *(x[:1, 1::3] for x in operands[1:]))
    if layout == "strided":
        return tuple(x[::-2, 1::3] for x in operands)
    if layout == "broadcast" and len(operands) > 1:
        return (operands[0], operands[1][:1], *operands[2:])
    return operands


@pytest.mark.parametrize(("record", "dtype"), CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_elementwise_record_means_what_numpy_means(
    backend: str, record: Operator, dtype: DType
) -> None:
    run = BACKENDS[backend]
    for layout in LAYOUTS[backend]:
        operands = make_operands(record, dtype, layout)
        with np.errstate(all="ignore"):
            expected = record.numpy(*operands)
            found = run(record, operands)
        ulp = record.ulp if np.asarray(expected).dtype.kind in "fc" else 0
        assert_same(found, expected, ulp, signs=record.name not in _EITHER_ZERO)


@pytest.mark.parametrize("source", ALL, ids=str)
def test_casts_agree_with_astype(source: DType) -> None:
    """Every target; floats outside an integer's range convert as NumPy does on this processor."""
    builder = Builder("casts")
    x = builder.input("x", ArrayType(source, (3, 67)))
    targets = [t for t in ALL if t.is_complex or not source.is_complex]
    graph = builder.finish([builder.emit("cast", x, dtype=target) for target in targets])
    (values,) = operator("cast").samples(np.random.default_rng(5), source, (3, 67))
    for found, target in zip(running.run(graph, values), targets, strict=True):
        with np.errstate(all="ignore"):
            assert_same(found, values.astype(target.numpy))
