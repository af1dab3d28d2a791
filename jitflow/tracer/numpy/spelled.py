"""NumPy functions that are Python code for the tracer: NumPy's own, or spelled out here.

Those that are spelled out call the program's functions.

The tracer runs these in the place of NumPy's own: so the program's function is inlined, and
the loop over elements or rows is a loop like any other. Where one calls the NumPy function itself,
Python makes that call: it is a case that is not spelled out, or one that raises.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from jitflow.tracer.numpy.table import by_name


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """``numpy.fromfunction``."""
    if like is not None:
        return np.fromfunction(function, shape, dtype=dtype, like=like, **kwargs)
    return function(*np.indices(shape, dtype=dtype), **kwargs)


def apply_along_axis(
    func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """``numpy.apply_along_axis`` of plain arrays whose rows are views of them."""
    if type(arr) is not np.ndarray or arr.size == 0 or not -arr.ndim <= axis < arr.ndim:
        return np.apply_along_axis(func1d, axis, arr, *args, **kwargs)
    place = axis % arr.ndim
    is_last = place == arr.ndim - 1 and arr.flags.c_contiguous
    if arr.dtype.kind not in _NUMERIC or arr.ndim < 2 or not (arr.ndim == 2 or is_last):
        return np.apply_along_axis(func1d, axis, arr, *args, **kwargs)
    axes = list(range(arr.ndim))
    moved = np.transpose(arr, axes[:place] + axes[place + 1 :] + [place])
    rows = moved.reshape(-1, moved.shape[-1])
    result = func1d(rows[0], *args, **kwargs)
    if type(result) is not np.ndarray and not isinstance(result, _NUMBERS):
        return np.apply_along_axis(_resumed(func1d, result), axis, arr, *args, **kwargs)
    first = np.asarray(result)
    if first.dtype.kind not in _NUMERIC:
        return np.apply_along_axis(_resumed(func1d, result), axis, arr, *args, **kwargs)
    found = np.empty((len(rows), *first.shape), first.dtype)
    found[0] = first
    for i in range(1, len(rows)):
        found[i] = np.asarray(func1d(rows[i], *args, **kwargs))
    found = found.reshape(moved.shape[:-1] + first.shape)
    axes = list(range(found.ndim))
    inner = found.ndim - first.ndim
    return np.transpose(found, axes[:place] + axes[inner:] + axes[place:inner])


def _resumed(function: Callable[..., Any], first: Any) -> Callable[..., Any]:
    """`function`, of whose first call the result is known: it is not made again."""
    known = [first]

    def call(*args: Any, **kwargs: Any) -> Any:
        return known.pop() if known else function(*args, **kwargs)

    return call


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """``numpy.piecewise`` of plain arrays and lists of conditions."""
    if type(x) is not np.ndarray or type(condlist) is not list or len(condlist) == 0 or x.ndim == 0:
        return np.piecewise(x, condlist, funclist, *args, **kw)
    for condition in condlist:
        if type(condition) is not np.ndarray or condition.dtype != bool:
            return np.piecewise(x, condlist, funclist, *args, **kw)
        if condition.shape != x.shape:
            return np.piecewise(x, condlist, funclist, *args, **kw)
    conditions = list(condlist)
    if len(conditions) == len(funclist) - 1:
        others = conditions[0]
        for condition in conditions[1:]:
            others = others | condition
        conditions.append(~others)
    if len(conditions) != len(funclist):
        return np.piecewise(x, condlist, funclist, *args, **kw)
    y = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            y[condition] = function
        else:
            chosen = x[condition]
            if chosen.size > 0:
                y[condition] = function(chosen, *args, **kw)
    return y


def vectorized(self: Any, *args: Any, **kwargs: Any) -> Any:
    """``numpy.vectorize.__call__`` for one result and positional arguments.

    Without `otypes` NumPy calls the function once more, for the dtype of its first result.
    """
    if kwargs or not args or not _is_plain_vectorize(self):
        return np.vectorize.__call__(self, *args, **kwargs)
    for argument in args:
        if isinstance(argument, np.ndarray) and type(argument) is not np.ndarray:
            return np.vectorize.__call__(self, *args, **kwargs)
    arrays = [np.asarray(argument) for argument in args]
    for array in arrays:
        if array.dtype.kind not in _NUMERIC or array.size == 0:
            return np.vectorize.__call__(self, *args, **kwargs)
        if array.ndim > 1 and not array.flags.c_contiguous:
            return np.vectorize.__call__(self, *args, **kwargs)
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    flat = [np.broadcast_to(array, shape).reshape(-1) for array in arrays]
    function = self.pyfunc
    if self.otypes is not None:
        dtype = np.dtype(self.otypes[0])
    else:
        first = function(*[array[0] if _TRIES_SCALARS else array[0].item() for array in flat])
        if not isinstance(first, _NUMBERS):
            return np.vectorize(_resumed(function, first))(*args)
        dtype = np.asarray(first).dtype
    found = np.empty(flat[0].shape, dtype)
    for i in range(len(found)):
        found[i] = function(*[array[i].item() for array in flat])
    return found.reshape(shape)


def _is_plain_vectorize(made: Any) -> bool:
    """Whether a `numpy.vectorize` has nothing but a function and the dtype of one result."""
    if made.signature is not None or made.excluded or made.cache or not callable(made.pyfunc):
        return False
    if made.otypes is None:
        return True
    return len(made.otypes) == 1 and np.dtype(made.otypes[0]).kind in _NUMERIC


_NUMERIC = "biufc"
_NUMBERS = (bool, int, float, complex, np.bool_, np.number)
_TRIES_SCALARS = np.vectorize(lambda x: x)(np.zeros(1, np.int16)).dtype == np.int16
"""Whether NumPy makes that call with the elements themselves, not with Python's numbers."""


_WRITTEN_IN_NUMPY = [
    "array_equiv",
    "common_type",
    "diag_indices_from",
    "geomspace",
    "iscomplex",
    "isfortran",
    "isreal",
    "ix_",
    "mask_indices",
    "polyadd",
    "polydiv",
    "polymul",
    "polysub",
    "real_if_close",
    "resize",
    "sinc",
    "sort_complex",
    "tril_indices_from",
    "triu_indices_from",
    "linalg.cross",
    "linalg.diagonal",
    "linalg.matmul",
    "linalg.matrix_norm",
    "linalg.multi_dot",
    "linalg.trace",
]
"""Functions whose own Python code is traced: it is made of functions that the tracer knows."""


def _implementations() -> dict[Any, Callable[..., Any]]:
    found: dict[Any, Callable[..., Any]] = {}
    for function in filter(None, map(by_name, _WRITTEN_IN_NUMPY)):
        code = getattr(function, "_implementation", function)
        if isinstance(code, FunctionType):
            found[function] = code
    return found


_OURS: dict[Any, Any] = {
    np.fromfunction: fromfunction,
    np.apply_along_axis: apply_along_axis,
    np.piecewise: piecewise,
    np.vectorize.__call__: vectorized,
}
SPELLED = {**_implementations(), **_OURS}
CODES = frozenset(function.__code__ for function in _OURS.values())
