"""Ways to run one element-wise record on arrays; None where a way does not cover its dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.numpy_emitter import NumpyEmitter
from jitflow.core.dtypes import from_numpy
from jitflow.core.types import ArrayType
from jitflow.ops.record import Operator

Backend = Callable[..., Any]


def types_of(operands: tuple[Any, ...]) -> tuple[ArrayType, ...]:
    """Types of arrays."""
    return tuple(ArrayType(from_numpy(x.dtype), x.shape) for x in map(np.asarray, operands))


def run_body(record: Operator, operands: tuple[Any, ...], **attributes: Any) -> Any:
    """The record's scalar body over NumPy arrays."""
    types = types_of(operands)
    if not record.has_body(types):
        return None
    arrays = np.broadcast_arrays(*map(np.asarray, operands))
    value = record.cpu(NumpyEmitter(), *map(np.array, arrays), **attributes)
    (result,) = record.infer(types, attributes)
    return np.broadcast_to(value, result.shape)


BACKENDS: dict[str, Backend] = {"body": run_body}
