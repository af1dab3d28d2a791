"""``np.r_[...]`` and ``np.c_[...]``: arrays, numbers and ranges put side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.operands import Operand, is_operand, operand, promoted
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue, SliceValue

_COMPLEX = (complex, np.complexfloating)
_ROWS, _COLUMNS = type(np.r_), type(np.c_)


def is_joiner(kind: type) -> bool:
    """Whether objects of this class join what they are subscripted with."""
    return kind in (_ROWS, _COLUMNS)


def joined(context: TraceContext, kind: type, key: PyValue) -> PyValue:
    """``np.r_[key]`` or ``np.c_[key]``; texts as directives are left to NumPy."""
    n = Composer(context)
    key = context.resolve(key)
    if isinstance(key, ConstantValue) and isinstance(key.value, tuple):
        key = arguments.sequence(key.value)
    is_tuple = isinstance(key, SequenceValue) and key.kind is tuple
    parts = [context.resolve(item) for item in key.items] if is_tuple else [key]  # type: ignore[attr-defined]
    items = [_part(n, part) for part in parts]
    dtype = promoted(*(item for item, _ in items)).numpy
    columns = kind is _COLUMNS
    parts = [_shaped(n, item, is_number, columns, dtype) for item, is_number in items]
    return n(np.concatenate, parts, axis=-1 if columns else 0)


def _part(n: Composer, part: PyValue) -> tuple[Operand, bool]:
    """One item as an operand, and whether it is a single number."""
    if isinstance(part, ConstantValue) and isinstance(part.value, slice):
        bounds = (ConstantValue(b) for b in (part.value.start, part.value.stop, part.value.step))
        part = SliceValue(*bounds)
    if isinstance(part, SliceValue):
        return operand(n.context, _range(n, part)), False
    if not is_operand(part) and not isinstance(part, SequenceValue):
        raise unsupported(f"joining of {part.python_type.__name__}")
    item = operand(n.context, part)
    return item, not item.shape


def _range(n: Composer, part: SliceValue) -> PyValue:
    start, stop, step = (n.context.resolve(v) for v in (part.start, part.stop, part.step))
    if arguments.is_none(start):
        start = ConstantValue(0)
    if isinstance(step, ConstantValue) and isinstance(step.value, _COMPLEX):
        return n(np.linspace, start, stop, num=int(abs(complex(step.value))))
    return n(np.arange, start, stop, ConstantValue(1) if arguments.is_none(step) else step)


def _shaped(
    n: Composer, item: Operand, is_number: bool, columns: bool, dtype: np.dtype
) -> ArrayValue:
    if is_number:  # has to fit
        array: Any = n(np.array, SequenceValue(list, [item.value]), dtype=dtype)
    else:
        array = n.method(n(np.atleast_1d, item.value), "astype", dtype, copy=False)
    if columns and len(n.shape(array)) == 1:
        array = n(np.reshape, array, (1, 1) if is_number else (-1, 1))
    return n.array(array)
