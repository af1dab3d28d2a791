"""The places of the true elements of a mask, whose number is found first."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import I64
from jitflow.core.errors import Unsupported
from jitflow.ir.graph import Value
from jitflow.ops.record import Kind
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.operands import cast, emit
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    SequenceValue,
    SliceValue,
    ViewStep,
)


def true_places(context: TraceContext, mask: Value) -> list[ArrayValue]:
    """``numpy.nonzero(mask)`` of a bool value: an int64 array for each axis.

    For several axes they are the columns of one array, as NumPy makes them.
    """
    rank = mask.type.rank
    maker = mask.producer
    if maker is not None and maker.operator.name == "constant":
        known = np.nonzero(maker.attributes["value"])
        return [arrays.constant(context, place) for place in known]
    table = arrays.fresh(context, _table(context, mask))
    if rank == 1:
        return [table]
    return [_column(context, table, axis) for axis in range(rank)]


def _table(context: TraceContext, mask: Value) -> Value:
    """i64[n, rank] (i64[n] for a mask of one axis), with n counted before."""
    key = (id(context.builder.block), _expression(mask))
    known = context.places.get(key)
    if known is not None:
        facts.expect_extent(context, known[1].type.shape[0])
        return known[1]
    rank = mask.type.rank
    axes = tuple(range(rank))
    count = emit(context, "sum", cast(context, mask, I64), axes=axes, keepdims=False)
    extent = facts.late_extent(context, count, mask.type.size)
    if context.kind is not None and not context.kind.is_host:
        raise Unsupported("JF-B024", "numpy.nonzero runs on the host")
    table = emit(context, "nonzero", mask, count=extent)
    context.places[key] = (mask, table)
    return table


def _column(context: TraceContext, table: ArrayValue, axis: int) -> ArrayValue:
    extent, rank = table.shape
    part = {"starts": (0, axis), "steps": (1, 1), "shape": (extent, 1)}
    steps: tuple[ViewStep, ...] = (("slice", part), ("squeeze", {"axes": (1,)}))
    rows = SliceValue(*(ConstantValue(None),) * 3)
    key = SequenceValue(tuple, [rows, ConstantValue(axis)])
    return arrays.view(table, steps, (extent,), (8 * rank,), "getitem", (key,))


def _expression(value: Value, depth: int = 8) -> Any:
    """What computes a value, for comparing: masks are often written again where they are used."""
    node = value.producer
    if node is None or not depth:
        return id(value)
    if node.operator.name == "constant" and node.attributes["value"].size == 1:
        contents = node.attributes["value"]
        return (str(contents.dtype), contents.shape, contents.tobytes())
    if node.operator.kind not in (Kind.ELEMENTWISE, Kind.SYMBOL):
        return id(value)
    operands = tuple(_expression(operand, depth - 1) for operand in node.operands)
    return (node.operator.name, tuple(node.attributes.items()), operands)
