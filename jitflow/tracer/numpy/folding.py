"""Evaluation at trace time: pure NumPy calls whose arguments are all known.

A call that warns is not folded, because it warns each time it runs.
"""

from __future__ import annotations

import types
import warnings
from typing import Any

import numpy as np

from jitflow.core import dtypes
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.families import function_entry
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

MAX_ELEMENTS = 1 << 14
_PURE_ONLY = frozenset(
    {
        np.finfo,
        np.iinfo,
        np.can_cast,
        np.promote_types,
        np.result_type,
        np.min_scalar_type,
        np.issubdtype,
        np.isdtype,
        np.dtype,
        np.hanning,
        np.hamming,
        np.blackman,
        np.bartlett,
        np.kaiser,
        np.vander,
        np.broadcast_shapes,
        np.tri,
        np.triu_indices,
        np.tril_indices,
        np.diag_indices,
        np.ravel_multi_index,
        np.binary_repr,
        np.base_repr,
        np.ix_,
        np.isscalar,
    }
)
_POLYNOMIALS = ("numpy.polynomial.legendre", "numpy.polynomial.hermite")
_QUADRATURES = ("leggauss", "hermgauss")
_FRESH: tuple[Any, ...] = (np.zeros, np.ones, np.empty, np.full)
_NEVER = frozenset(_FRESH)
_SMALL_DATA = (int, float, complex, bool, str, bytes, type(None), np.generic, np.dtype, type)


def is_foldable(function: Any) -> bool:
    """Whether a function has no rule but may be evaluated where its arguments are known."""
    return function in _PURE_ONLY or (
        getattr(function, "__module__", None) in _POLYNOMIALS
        and getattr(function, "__name__", None) in _QUADRATURES
    )


def fold(
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue | None:
    """The result of a pure call on known arguments; None where it must run each time."""
    if not _is_pure(function) or "out" in kwargs:
        return None
    if not all(_small(context, value) for value in (*args, *kwargs.values())):
        return None
    try:
        plain_args = [_plain(context, value) for value in args]
        plain_kwargs = {name: _plain(context, value) for name, value in kwargs.items()}
    except LookupError:
        return None
    try:
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
            result = function(*plain_args, **plain_kwargs)
    except (Warning, FloatingPointError):
        return None
    except Exception as error:
        raise arguments.raises(f"{type(error).__name__}: {error}") from None
    if _shares(result, [*plain_args, *plain_kwargs.values()]):
        return None
    return _wrap(context, result)


def _is_pure(function: Any) -> bool:
    if function in _NEVER:
        return False
    entry = function_entry(function)
    if entry is not None:
        return entry.fold
    if isinstance(function, np.ufunc) or is_foldable(function):
        return True
    if isinstance(function, type):
        return issubclass(function, (np.generic, np.dtype))
    return isinstance(getattr(function, "__self__", None), np.ufunc) and (
        function.__name__ in ("reduce", "accumulate", "outer", "reduceat")
    )


def _shares(result: Any, given: list[Any]) -> bool:
    """Whether the result is, or is a view of, an argument: the program may write through it."""
    if isinstance(result, (tuple, list)):
        return any(_shares(item, given) for item in result)
    if not isinstance(result, np.ndarray):
        return False
    known = [item for item in given if isinstance(item, np.ndarray)]
    for value in given:
        if isinstance(value, (tuple, list)):
            known += [item for item in value if isinstance(item, np.ndarray)]
    return any(np.may_share_memory(result, item) for item in known)


def _small(context: TraceContext, value: PyValue) -> bool:
    """Whether arrays in an argument are known and small; anything else may be."""
    value = context.resolve(value)
    if isinstance(value, SequenceValue):
        return all(_small(context, item) for item in value.items)
    if isinstance(value, ArrayValue):
        contents = arrays.known_contents(value)
        return contents is not None and contents.size <= MAX_ELEMENTS
    return True


def _plain(context: TraceContext, value: PyValue) -> Any:
    value = context.resolve(value)
    if isinstance(value, ArrayValue):
        contents = arrays.known_contents(value)
        if contents is None:
            raise LookupError
        return contents
    if isinstance(value, SequenceValue):
        return value.kind(_plain(context, item) for item in value.items)
    found = arguments.plain(context, value)
    if not isinstance(found, (*_SMALL_DATA, tuple, list, slice, types.EllipsisType)):
        raise LookupError
    if arguments.is_of_program(found):
        raise LookupError
    return found


def _wrap(context: TraceContext, result: Any) -> PyValue | None:
    if type(result) is np.ndarray:
        if result.size > MAX_ELEMENTS or dtypes.from_numpy(result.dtype) is None:
            return None
        return arrays.constant(context, result)
    if type(result) in (tuple, list):
        items = [_wrap(context, item) for item in result]
        if any(item is None for item in items):
            return None
        return SequenceValue(type(result), [item for item in items if item is not None])
    if isinstance(result, np.generic) and dtypes.from_numpy(result.dtype) is None:
        return None
    if isinstance(result, (*_SMALL_DATA, np.finfo, np.iinfo)):
        return ConstantValue(result)
    return None
