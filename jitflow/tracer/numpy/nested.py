"""Arrays from nested lists and tuples of numbers and arrays, as `numpy.array` makes them."""

from __future__ import annotations

import numpy as np

from jitflow.core.dtypes import DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.operands import (
    Operand,
    emit,
    operand,
    same_shape,
)
from jitflow.tracer.numpy.scalar_checks import stored
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue


def array_of(context: TraceContext, value: PyValue, dtype: DType | None = None) -> ArrayValue:
    """A fresh C-contiguous array from a list or tuple.

    Raises
    ------
    Unsupported
        JF-B009 where the nesting is ragged, JF-B007 where the dtype is not compiled.
    """
    try:
        found = arguments.plain(context, value)
    except LookupError:
        return arrays.fresh(context, _stacked(context, _tree(context, value), dtype))
    try:
        contents = np.array(found, dtype=dtype.numpy if dtype else None)
    except (ValueError, OverflowError, TypeError) as error:
        raise arguments.raises(str(error)) from None
    return arrays.constant(context, contents)


Tree = Operand | list["Tree"]


def _tree(context: TraceContext, value: PyValue) -> Tree:
    value = context.resolve(value)
    if isinstance(value, SequenceValue) or (
        isinstance(value, ConstantValue) and isinstance(value.value, (tuple, list))
    ):
        return [_tree(context, item) for item in arguments.items_of(context, value, "value")]
    return operand(context, value)


def _leaves(tree: Tree) -> list[Operand]:
    if isinstance(tree, Operand):
        return [tree]
    return [leaf for item in tree for leaf in _leaves(item)]


def _stacked(context: TraceContext, tree: Tree, dtype: DType | None) -> Value:
    if dtype is None:
        leaves = [leaf.dtype.numpy for leaf in _leaves(tree)]
        dtype = arguments.supported_dtype(np.result_type(*leaves) if leaves else np.dtype(float))
    if isinstance(tree, Operand):
        if tree.dtype.kind in "fc" and dtype.kind in "iu" and not tree.shape:
            raise arguments.unsupported("an integer array of floats, which may not fit")
        return stored(context, tree, dtype)
    if not tree:
        empty = np.zeros((0,), dtype.numpy)
        empty.flags.writeable = False
        return emit(context, "constant", value=empty)
    parts = [_stacked(context, item, dtype) for item in tree]
    first = parts[0].type.shape
    if not all(same_shape(context, part.type.shape, first) for part in parts):
        raise arguments.raises("inhomogeneous shape after conversion to an array")
    rows = [emit(context, "reshape", part, shape=(1, *first)) for part in parts]
    return rows[0] if len(rows) == 1 else emit(context, "concatenate", *rows, axis=0)
