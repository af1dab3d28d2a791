"""The record of matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import ALL
from jitflow.core.types import ArrayType
from jitflow.ops import shapes
from jitflow.ops.arithmetic import add, multiply
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register
from jitflow.ops.samples import random_values


def _infer(types: Types, attributes: Attributes) -> Types:
    left, right = types
    if left.dtype is not right.dtype:
        raise TypeError(f"matmul does not take {left.dtype} and {right.dtype}")
    if left.rank < 2 or right.rank < 2:
        raise TypeError(f"matmul of ranks {left.rank} and {right.rank}: both are at least 2")
    (rows, inner), (inner_right, columns) = left.shape[-2:], right.shape[-2:]
    if inner != inner_right:
        raise TypeError(f"matmul of {left} and {right}: inner extents differ")
    batch = shapes.broadcast(left.shape[:-2], right.shape[:-2])
    return (ArrayType(left.dtype, (*batch, rows, columns)),)


def _matmul(x: Any, y: Any) -> Any:
    """As the operands are: NumPy multiplies those of bf16 as f32."""
    result = np.matmul(x, y)
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def _accumulate(e: Any, total: Any, x: Any, y: Any, **attributes: Any) -> Any:
    """One step of the inner loop."""
    product = multiply.cpu(e, x, y)  # type: ignore[misc]
    return add.cpu(e, total, product)  # type: ignore[misc]


def _samples(rng: np.random.Generator, dtype: Any, shape: Any) -> tuple[np.ndarray, ...]:
    """`shape` is that of the left operand; the right one has its transposed matrix shape."""
    flipped = (*shape[:-2], shape[-1], shape[-2])
    return random_values(rng, dtype, shape, -3, 3), random_values(rng, dtype, flipped, -3, 3)


matmul = register(
    Operator(
        "matmul",
        Kind.CONTRACTION,
        ("x", "y"),
        _infer,
        _matmul,
        cpu=_accumulate,
        identity=lambda dtype: 0,
        cost=2,
        samples=_samples,
        ulp=64,
        extra={"dtypes": ALL},
        doc="Matrix products over broadcast batch axes; the order of a float sum is open.",
    )
)
