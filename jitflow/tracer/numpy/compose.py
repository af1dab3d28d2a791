"""NumPy written with NumPy: a short notation for functions that are made of other functions.

A decomposition reads like the eager code that it stands for: ``n(np.sum, x, axis=0)``,
``n.item(x, key)``, ``n.mul(a, b)``. Plain Python objects are wrapped on the way in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import DType
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import conversion, indexing, operands, operators, properties
from jitflow.tracer.numpy.arguments import dim_value, unsupported
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)


def wrap(value: Any) -> PyValue:
    """The traced value of a plain object; containers may hold traced values."""
    if isinstance(value, PyValue):
        return value
    if isinstance(value, SymbolicDim):
        return dim_value(value)
    if isinstance(value, (tuple, list)):
        return SequenceValue(type(value), [wrap(item) for item in value])
    if isinstance(value, slice):
        return SliceValue(wrap(value.start), wrap(value.stop), wrap(value.step))
    return ConstantValue(value)


class Composer:
    """NumPy on the values of one trace."""

    def __init__(self, context: TraceContext) -> None:
        self.context = context

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> PyValue:
        """``function(*args, **kwargs)``."""
        from jitflow.tracer.numpy import dispatch

        wrapped = {name: wrap(value) for name, value in kwargs.items()}
        return dispatch.nested_call(self.context, function, [wrap(a) for a in args], wrapped)

    def method(self, receiver: PyValue, name: str, *args: Any, **kwargs: Any) -> PyValue:
        """``receiver.name(*args, **kwargs)``."""
        from jitflow.tracer.numpy import dispatch

        wrapped = {key: wrap(value) for key, value in kwargs.items()}
        return dispatch.nested_method(
            self.context, receiver, name, [wrap(a) for a in args], wrapped
        )

    def array(self, value: Any) -> ArrayValue:
        """``numpy.asarray(value)``."""
        return operands.as_array(self.context, wrap(value))

    def binary(self, op: str, left: Any, right: Any) -> PyValue:
        """``left op right`` by the name of the operator."""
        return operators.binary_operator(self.context, op, wrap(left), wrap(right))

    def add(self, left: Any, right: Any) -> PyValue:
        """``left + right``."""
        return self.binary("add", left, right)

    def sub(self, left: Any, right: Any) -> PyValue:
        """``left - right``."""
        return self.binary("sub", left, right)

    def mul(self, left: Any, right: Any) -> PyValue:
        """``left * right``."""
        return self.binary("mul", left, right)

    def div(self, left: Any, right: Any) -> PyValue:
        """``left / right``."""
        return self.binary("truediv", left, right)

    def compare(self, op: str, left: Any, right: Any) -> PyValue:
        """``left op right``: ``lt``, ``eq``, ..."""
        return operators.comparison(self.context, op, wrap(left), wrap(right))

    def item(self, array: PyValue, *key: Any) -> PyValue:
        """``array[key]``; several items are a tuple."""
        wrapped = wrap(key) if len(key) != 1 else wrap(key[0])
        return indexing.getitem(self.context, self.array(array), wrapped)

    def store(self, array: PyValue, key: Any, value: Any) -> None:
        """``array[key] = value``."""
        indexing.setitem(self.context, self.array(array), wrap(key), wrap(value))

    def attribute(self, value: PyValue, name: str) -> PyValue:
        """``value.name``."""
        return properties.get(self.context, value, name)

    def real_type(self, value: PyValue, result: PyValue) -> PyValue:
        """``value.dtype.type(result)`` for a NumPy scalar."""
        item = operands.operand(self.context, value)
        return self(item.dtype.numpy.type, result)

    def require_all(self, condition: PyValue) -> None:
        """A run-time check that every element is true; the eager run warns or raises otherwise."""
        if isinstance(condition, ArrayValue):
            condition = self(np.all, condition)
        truth = conversion.to_python(self.context, bool, condition)
        if isinstance(truth, ScalarValue):
            facts.require(self.context, self.context.scalar_graph_value(truth))
        elif not (isinstance(truth, ConstantValue) and truth.value):
            raise unsupported("a case in which NumPy warns or raises")

    def decide(self, left: Dim, relation: str, right: Dim) -> bool:
        """Whether a relation of extents holds."""
        return facts.decide(self.context, left, relation, right)

    def shape(self, value: PyValue) -> tuple[Dim, ...]:
        """``numpy.shape(value)``."""
        return operands.operand(self.context, value).shape

    def rank(self, value: PyValue) -> int:
        """``numpy.ndim(value)``."""
        return len(self.shape(value))

    def dtype(self, value: PyValue) -> DType:
        """The dtype that ``numpy.asarray(value)`` has."""
        return operands.operand(self.context, value).dtype

    def kind(self, value: PyValue) -> str:
        """Kind of the dtype: one of ``biufc``."""
        return self.dtype(value).kind
