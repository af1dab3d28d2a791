"""What NumPy calls mean for arrays of a device: which take them, and what a result of rank 0 is.

Used in pieces of a device alone. Such a piece has all its arrays there: a reduction gives an array
of rank 0, where the host gives a NumPy scalar; a function without an array among its arguments
makes one on the host; and the package of the arrays implements a part of NumPy. What it does not
take is left to eager code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from jitflow.core.errors import Unsupported
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.values import ArrayValue, PyValue, ScalarValue, SequenceValue

_DISPATCHED = (np.ufunc, type(np.sum))
"""Callables of NumPy that hand a call over to the package of their arguments."""
_DEEPEST = 4


def check_function(context: TraceContext, function: Any, operands: Iterable[PyValue]) -> None:
    """Decline a call with arrays of a device that the package of the arrays does not take over.

    Raises
    ------
    Unsupported
        JF-B024, JF-B008.
    """
    kind = context.kind
    assert kind is not None
    if not has_array(operands):
        return
    name = getattr(function, "__name__", str(function))
    if not isinstance(function, _DISPATCHED):
        raise Unsupported("JF-B024", f"{name} takes arrays of the host")
    if not kind.implements(function):
        raise Unsupported("JF-B008", f"{name} for arrays on {kind}")
    if isinstance(function, np.ufunc):
        check_operands(context, operands)


def check_operands(context: TraceContext, operands: Iterable[PyValue]) -> None:
    """Decline an element-wise operation of an array of a device and a list or tuple."""
    operands = list(operands)
    if has_array(operands) and any(isinstance(value, SequenceValue) for value in operands):
        raise Unsupported("JF-B024", "a list or tuple as an operand of an array on a device")


def settled(
    context: TraceContext, operands: Iterable[PyValue], result: PyValue, boxes: str = "scalar"
) -> PyValue:
    """The result of a call as the memory of its operands has it.

    `boxes` are the kinds of scalars that are arrays of rank 0 on a device.
    """
    if has_array(operands):
        return _on_device(context, result, boxes.split())
    if has_array((result,)):
        raise Unsupported(
            "JF-B024", f"a new array is on the host, other arrays are on {context.kind}"
        )
    return result


def has_array(values: Iterable[PyValue], depth: int = _DEEPEST) -> bool:
    """Whether an array is among values and the items of their sequences."""
    for value in values:
        if isinstance(value, ArrayValue):
            return True
        if isinstance(value, SequenceValue) and depth and has_array(value.items, depth - 1):
            return True
    return False


def _on_device(context: TraceContext, result: PyValue, boxes: list[str]) -> PyValue:
    if isinstance(result, ScalarValue) and result.box in boxes:
        return arrays.fresh(context, context.scalar_graph_value(result))
    if isinstance(result, SequenceValue) and result.source is None:
        items = [_on_device(context, item, boxes) for item in result.items]
        return SequenceValue(result.kind, items)
    return result
