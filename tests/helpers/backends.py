"""Ways to run one element-wise record on arrays; None where a way does not cover its dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from unit.codegen import running

from helpers.numpy_emitter import NumpyEmitter
from jitflow.codegen.support import supports
from jitflow.core.dtypes import from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph
from jitflow.ops.record import Operator

Backend = Callable[..., Any]


def types_of(operands: tuple[Any, ...]) -> tuple[ArrayType, ...]:
    """Types of arrays."""
    return tuple(ArrayType(from_numpy(x.dtype), x.shape) for x in map(np.asarray, operands))


def graph_of(record: Operator, operands: tuple[Any, ...], **attributes: Any) -> Graph:
    """A graph of one node over inputs like `operands`."""
    builder = Builder(record.name)
    inputs = [builder.input("x", type) for type in types_of(operands)]
    return builder.finish(builder.emit_many(record.name, *inputs, **attributes))


def run_body(record: Operator, operands: tuple[Any, ...], **attributes: Any) -> Any:
    """The record's scalar body over NumPy arrays."""
    types = types_of(operands)
    if not record.has_body(types):
        return None
    arrays = np.broadcast_arrays(*map(np.asarray, operands))
    value = record.cpu(NumpyEmitter(), *map(np.array, arrays), **attributes)
    (result,) = record.infer(types, attributes)
    return np.broadcast_to(value, result.shape)


def run_compiled(record: Operator, operands: tuple[Any, ...], **attributes: Any) -> Any:
    """Native code from the CPU back end."""
    graph = graph_of(record, operands, **attributes)
    if not supports(graph.nodes[0]):
        return None
    (result,) = running.run(graph, *operands)
    return result


BACKENDS: dict[str, Backend] = {"body": run_body, "cpu": run_compiled}
