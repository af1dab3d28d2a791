"""Objects that hang on an array: ``x.flags``, and ``x.flat``, its elements in C order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitflow.core.dataclass import replace
from jitflow.guards.predicates import ArrayFact
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import indexing, operands, shapes
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.values import (
    ArrayValue,
    CompanionValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SliceValue,
)


def attribute(context: TraceContext, value: CompanionValue, name: str) -> PyValue:
    """``array.flags.c_contiguous`` and the like; ``array.flat.base``."""
    if value.name == "flat":
        if name == "base":
            return value.array
        raise unsupported(f"flatiter.{name}")
    rule = _FLAGS.get(name)
    if rule is None or _warns_when_written(value.array):
        raise unsupported(f"ndarray.flags.{name}")
    return ConstantValue(rule(context, value.array))


def _warns_when_written(array: ArrayValue | None) -> bool:
    """Whether this is a view of what `numpy.broadcast_arrays` gives."""
    while array is not None:
        if array.view_call is not None and array.view_call[0] == "broadcast_arrays":
            return True
        array = array.base
    return False


def item(context: TraceContext, value: CompanionValue, key: PyValue) -> PyValue:
    """``array.flags["C_CONTIGUOUS"]``; ``array.flat[3]``, ``array.flat[2:5]``, a copy."""
    if value.name == "flags":
        name = key.value if isinstance(key, ConstantValue) else None
        return attribute(context, value, _SHORT.get(str(name), str(name).lower()))
    result = indexing.getitem(context, elements(context, value), _checked(key))
    if isinstance(result, ArrayValue) and result.views:
        return arrays.fresh(context, arrays.read(context, result))
    return result


def set_item(context: TraceContext, value: CompanionValue, key: PyValue, new: PyValue) -> None:
    """``array.flat[key] = new``, for values that broadcast to what the key shows."""
    array = value.array
    if value.name == "flags" or not arrays.is_contiguous(context, array):
        raise unsupported(f"item assignment to {value.python_type.__name__}")
    target = indexing.getitem(context, elements(context, value), _checked(key))
    rank = len(operands.operand(context, new).shape)
    shown = target.shape if isinstance(target, ArrayValue) else ()
    if rank and operands.operand(context, new).shape != shown:
        raise unsupported("values that .flat repeats")
    indexing.setitem(context, elements(context, value), key, new)


def fill(context: TraceContext, array: ArrayValue, new: PyValue) -> None:
    """``array.flat = new``: as many elements in C order, or one for all."""
    operand = operands.operand(context, new)
    if operand.shape and operand.shape != array.shape:
        flat = CompanionValue(array, "flat")
        set_item(context, flat, SliceValue(*(ConstantValue(None),) * 3), new)
        return
    indexing.assign(context, array, operand)


def elements(context: TraceContext, value: CompanionValue) -> ArrayValue:
    """The elements of ``array.flat`` as an array of rank 1: a view where memory allows it."""
    found = shapes.ravel(context, value.array, ConstantValue("C"))
    assert isinstance(found, ArrayValue)
    return found


def _checked(key: PyValue) -> PyValue:
    is_known = isinstance(key, ConstantValue) and type(key.value) in _INTEGERS
    if isinstance(key, SliceValue | ArrayValue) or is_known or _is_integer(key):
        return key
    raise unsupported("this index into .flat")


def _is_integer(key: PyValue) -> bool:
    return isinstance(key, ScalarValue) and key.dtype.kind in "iu"


_INTEGERS = (int, np.int64, np.intp)


def _is_writeable(context: TraceContext, array: ArrayValue) -> bool:
    if not array.writeable:
        return False
    source = array.storage.source
    for index, fact in enumerate(context.inputs):
        if isinstance(fact, ArrayFact) and fact.source == source:
            _, real = context.memory[id(array.storage)]
            if not real.flags.writeable:
                raise unsupported("flags of a read-only array")
            context.inputs[index] = replace(fact, writeable=True)
    return True


def _owns(context: TraceContext, array: ArrayValue) -> bool:
    if array.storage.source is not None and array.base is None:
        raise unsupported("flags.owndata of an array from outside")
    return array.base is None


def _contiguous(order: str) -> Callable[[TraceContext, ArrayValue], bool]:
    return lambda context, array: arrays.is_contiguous(context, array, order)


_FLAGS: dict[str, Callable[[TraceContext, ArrayValue], bool]] = {
    "c_contiguous": _contiguous("C"),
    "contiguous": _contiguous("C"),
    "f_contiguous": _contiguous("F"),
    "fortran": _contiguous("F"),
    "forc": lambda context, array: any(_contiguous(o)(context, array) for o in "CF"),
    "fnc": lambda context, array: (
        _contiguous("F")(context, array) and not _contiguous("C")(context, array)
    ),
    "writeable": _is_writeable,
    "owndata": _owns,
}
_SHORT = {
    "C": "c_contiguous",
    "F": "f_contiguous",
    "W": "writeable",
    "O": "owndata",
    "CONTIGUOUS": "c_contiguous",
    "FORTRAN": "f_contiguous",
}
