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
    """``numpy.apply_along_axis`` of plain arrays."""
    if type(arr) is not np.ndarray or arr.size == 0 or not -arr.ndim <= axis < arr.ndim:
        return np.apply_along_axis(func1d, axis, arr, *args, **kwargs)
    place = axis % arr.ndim
    axes = list(range(arr.ndim))
    moved = np.transpose(arr, axes[:place] + axes[place + 1 :] + [place])
    rows = moved.reshape(-1, moved.shape[-1])
    first = np.asarray(func1d(rows[0], *args, **kwargs))
    found = np.empty((len(rows), *first.shape), first.dtype)
    found[0] = first
    for i in range(1, len(rows)):
        found[i] = func1d(rows[i], *args, **kwargs)
    found = found.reshape(moved.shape[:-1] + first.shape)
    axes = list(range(found.ndim))
    inner = found.ndim - first.ndim
    return np.transpose(found, axes[:place] + axes[inner:] + axes[place:inner])


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """``numpy.piecewise`` of plain arrays and lists of conditions."""
    if type(x) is not np.ndarray or type(condlist) is not list or len(condlist) == 0 or x.ndim == 0:
        return np.piecewise(x, condlist, funclist, *args, **kw)
    for condition in condlist:
        if type(condition) is not np.ndarray or condition.dtype != bool:
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
    """``numpy.vectorize.__call__`` for one result and positional arguments."""
    if kwargs or self.signature is not None or self.excluded or self.cache or not args:
        return np.vectorize.__call__(self, *args, **kwargs)
    arrays = [np.asarray(argument) for argument in args]
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    for array in arrays:
        if array.size == 0 or (array.ndim > 1 and not array.flags.c_contiguous):
            return np.vectorize.__call__(self, *args, **kwargs)
    flat = [np.broadcast_to(array, shape).reshape(-1) for array in arrays]
    function, otypes = self.pyfunc, self.otypes
    first = function(*[array[0].item() for array in flat])
    if isinstance(first, (tuple, list, dict, str, np.ndarray)) or first is None:
        return np.vectorize.__call__(self, *args, **kwargs)
    dtype = np.dtype(otypes[0]) if otypes else np.asarray(first).dtype
    found = np.empty(flat[0].shape, dtype)
    for i in range(len(found)):
        found[i] = function(*[array[i].item() for array in flat])
    return found.reshape(shape)


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
