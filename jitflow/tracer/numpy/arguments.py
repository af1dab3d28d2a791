"""Arguments of NumPy calls: from traced values to axes, dtypes, shapes, flags and texts."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from jitflow.core import dtypes
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.table import MISSING
from jitflow.tracer.objects.plain import is_written_in_python
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

_PYTHON_KINDS = frozenset({bool, int, float, complex, str, bytes, object, memoryview})


def is_missing(value: PyValue) -> bool:
    """Whether the argument was not given."""
    return isinstance(value, ConstantValue) and value.value is MISSING


def is_none(value: PyValue) -> bool:
    """Whether the argument is None or was not given."""
    return isinstance(value, ConstantValue) and (value.value is None or value.value is MISSING)


def raises(detail: str) -> Unsupported:
    """The break for a call that eager NumPy refuses: Python raises the exception itself."""
    return Unsupported("JF-B009", detail)


def unsupported(detail: str) -> Unsupported:
    """The break for an argument that has no rule."""
    return Unsupported("JF-B008", detail)


def plain(context: TraceContext, value: PyValue) -> Any:
    """The Python object that a value certainly is, containers included.

    Raises
    ------
    LookupError
        Where part of it is known only at run time (or is an array).
    """
    value = context.resolve(value)
    if isinstance(value, ConstantValue):
        return value.value
    if isinstance(value, SequenceValue):
        return value.real_of(plain(context, item) for item in value.items)
    if isinstance(value, SliceValue):
        return slice(*(plain(context, v) for v in (value.start, value.stop, value.step)))
    if isinstance(value, ScalarValue) and type(value.dim) is int:
        return value.dim
    raise LookupError(repr(value))


def is_known(context: TraceContext, value: PyValue) -> bool:
    """Whether `plain` gives the object."""
    try:
        plain(context, value)
    except LookupError:
        return False
    return True


def constant(context: TraceContext, value: PyValue, what: str) -> Any:
    """The Python object that an argument is; JF-B008 where it is known only at run time.

    An integer that has changed from call to call is fixed to its value.
    """
    try:
        return plain(context, value)
    except LookupError:
        pass
    try:
        return plain(context, _fixed(context, value))
    except LookupError:
        raise unsupported(f"{what} known only at run time") from None


def _fixed(context: TraceContext, value: PyValue) -> PyValue:
    """`value` with integers fixed that are symbolic."""
    value = context.resolve(value)
    if isinstance(value, ScalarValue) and value.box == "int":
        known = facts.fixed(context, value.dim)
        return value if known is None else ConstantValue(known)
    if isinstance(value, SequenceValue):
        return SequenceValue(value.kind, [_fixed(context, item) for item in value.items])
    return value


def flag(context: TraceContext, value: PyValue, what: str) -> bool:
    """A bool argument."""
    return bool(constant(context, value, what))


def as_int(context: TraceContext, value: PyValue, what: str) -> int:
    """An integer argument whose value must be known."""
    found = constant(context, value, what)
    try:
        return operator.index(found)
    except TypeError:
        raise raises(f"{what} must be an integer") from None


def axis(context: TraceContext, value: PyValue, rank: int) -> int:
    """One axis as a position; JF-B009 where it is out of bounds."""
    return normalise_axis(as_int(context, value, "axis"), rank)


def normalise_axis(found: Any, rank: int) -> int:
    """A position in ``range(rank)`` from a possibly negative one."""
    try:
        position = operator.index(found)
    except TypeError:
        raise raises("axis must be an integer") from None
    if not -rank <= position < rank:
        raise raises(f"axis {position} is out of bounds for array of dimension {rank}")
    return position % rank


def axes(context: TraceContext, value: PyValue, rank: int) -> tuple[int, ...]:
    """Axes of a reduction: None means all, an integer one, a tuple several."""
    if is_none(value):
        return tuple(range(rank))
    found = constant(context, value, "axis")
    return normalise_axes(found, rank)


def normalise_axes(found: Any, rank: int) -> tuple[int, ...]:
    """Positions from an integer or a sequence of integers; JF-B009 where one repeats."""
    items = found if isinstance(found, (tuple, list)) else (found,)
    result = tuple(normalise_axis(item, rank) for item in items)
    if len(set(result)) != len(result):
        raise raises("duplicate value in 'axis'")
    return result


def is_of_program(found: Any) -> bool:
    """Whether a class that the program defined is in it, or an object of one.

    NumPy asks such a class for attributes (`dtype`, `__array__`), and what the piece has stored
    there is not there yet.
    """
    if type(found) in (tuple, list):
        return any(map(is_of_program, found))
    return is_written_in_python(found if isinstance(found, type) else type(found))


def _is_dtype_text(found: Any) -> bool:
    """Whether what a data type is made from is NumPy's or Python's own."""
    if type(found) in (tuple, list):
        return all(map(_is_dtype_text, found))
    if is_of_program(found):
        return False
    if issubclass(type(found), type):
        return found in _PYTHON_KINDS or issubclass(found, np.generic | np.dtype)
    return type(found) in (str, bytes, int) or isinstance(found, np.dtype)


def numpy_dtype(context: TraceContext, value: PyValue) -> np.dtype | None:
    """A dtype argument as NumPy reads it; None where it was not given."""
    if is_none(value):
        return None
    found = constant(context, value, "dtype")
    if not _is_dtype_text(found):  # NumPy asks it for an attribute, which the program may set
        raise unsupported(f"{shown(found)} for a data type")
    try:
        result: np.dtype = np.dtype(found)
    except TypeError:
        raise raises(f"{shown(found)} is not a data type") from None
    return result


def dtype(context: TraceContext, value: PyValue) -> DType | None:
    """A dtype argument as one of ours; None where it was not given."""
    found = numpy_dtype(context, value)
    if found is None:
        return None
    result = context.known_dtype(found)
    if result is None:
        raise Unsupported("JF-B007", f"dtype {found}")
    return result


def supported_dtype(found: np.dtype) -> DType:
    """Our dtype for NumPy's, which follows from others; JF-B007 where jitflow compiles none."""
    result = dtypes.from_device(found)
    if result is None:
        raise Unsupported("JF-B007", f"dtype {found}")
    return result


def dim(context: TraceContext, value: PyValue, what: str = "integer") -> Dim:
    """An integer argument that may be symbolic.

    An integer that a node computes becomes a symbol of its own.
    """
    value = context.resolve(value)
    if isinstance(value, ScalarValue):
        if value.dim is not None:
            return value.dim
        if value.dtype.is_integer and value.value is not None:
            value.dim = facts.late_symbol(context, value.value, None)
            return value.dim
    if isinstance(value, ArrayValue) and not value.shape and value.dtype.is_integer:
        raise unsupported(f"{what} in a 0-d array")
    return as_int(context, value, what)


def shape(context: TraceContext, value: PyValue, what: str = "shape") -> tuple[Dim, ...]:
    """A shape argument: an integer or a sequence of them, possibly symbolic."""
    value = context.resolve(value)
    if isinstance(value, ConstantValue) and isinstance(value.value, (tuple, list)):
        value = sequence(value.value)
    if isinstance(value, SequenceValue):
        return tuple(dim(context, item, what) for item in value.items)
    return (dim(context, value, what),)


def sized_shape(context: TraceContext, value: PyValue) -> tuple[Dim, ...]:
    """The shape of a new array; JF-B009 where an extent is negative."""
    result = shape(context, value)
    for extent in result:
        facts.expect_extent(context, extent)
        if not facts.decide(context, 0, "<=", extent):
            raise raises("negative dimensions are not allowed")
    arrays.check_size(result)
    return tuple(settle(context, extent) for extent in result)


def settle(context: TraceContext, extent: Dim) -> Dim:
    """The extent of an axis: 0 and 1 are integers, so that the symbol of an input is at least 2."""
    if facts.is_late_extent(context, extent):
        return extent
    for small in (0, 1):
        if not isinstance(extent, int) and facts.decide(context, extent, "==", small):
            return small
    return extent


def sequence(items: tuple[Any, ...] | list[Any]) -> SequenceValue:
    """The value of a tuple or list of known objects."""
    wrapped: list[PyValue] = [
        sequence(item) if isinstance(item, (tuple, list)) else ConstantValue(item) for item in items
    ]
    return SequenceValue(type(items), wrapped)


def dim_value(extent: Dim) -> PyValue:
    """The Python int that an extent is."""
    if isinstance(extent, int):
        return ConstantValue(extent)
    return ScalarValue("int", dtypes.I64, None, extent)


def shape_value(extents: tuple[Dim, ...]) -> SequenceValue:
    """The Python tuple of ints that a shape is."""
    return SequenceValue(tuple, [dim_value(extent) for extent in extents])


def items_of(context: TraceContext, value: PyValue, what: str) -> list[PyValue]:
    """The items of a tuple, list, or array iterated along its first axis."""
    value = context.resolve(value)
    if isinstance(value, ConstantValue) and isinstance(value.value, (tuple, list)):
        value = sequence(value.value)
    if isinstance(value, SequenceValue):
        return [context.resolve(item) for item in value.items]
    raise unsupported(f"{what} is not a tuple or list")
