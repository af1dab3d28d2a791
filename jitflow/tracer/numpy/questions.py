"""Questions about a value that its type answers: scalar or iterable, and the promoted dtype."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.operands import is_operand, operand, promoted
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    OpenNumber,
    PyValue,
    ScalarValue,
    SequenceValue,
)


@function(np.isscalar, signature="element")
def isscalar(context: TraceContext, element: PyValue) -> PyValue:
    """Whether a value is a number or a text; 0-d arrays are not."""
    if isinstance(element, ScalarValue | OpenNumber):
        return ConstantValue(True)
    if isinstance(element, ConstantValue):
        return ConstantValue(np.isscalar(element.value))
    kind = element.python_type
    return ConstantValue(issubclass(kind, numbers.Number) or kind in np.ScalarType)


@function(np.iterable, signature="y")
def iterable(context: TraceContext, y: PyValue) -> PyValue:
    """Whether a value can be iterated over."""
    if isinstance(y, ArrayValue):
        return ConstantValue(bool(y.shape))
    if isinstance(y, ScalarValue):
        return ConstantValue(False)
    if isinstance(y, SequenceValue):
        return ConstantValue(True)
    return ConstantValue(np.iterable(arguments.constant(context, y, "y")))


@function(np.result_type, signature="*arrays_and_dtypes")
def result_type(context: TraceContext, arrays_and_dtypes: SequenceValue) -> PyValue:
    """The dtype that arrays, numbers and dtypes have together."""
    parts: list[Any] = []
    for item in arrays_and_dtypes.items:
        value = context.resolve(item)
        is_value = is_operand(value) and not isinstance(value, SequenceValue)
        parts.append(operand(context, value) if is_value else arguments.dtype(context, value))
    return ConstantValue(promoted(*parts).numpy)
