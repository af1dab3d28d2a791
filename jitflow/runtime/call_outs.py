"""Runs the call-outs of a piece: from the program's place, with their results checked.

What a call-out gives was worked out when the piece was traced. Where it gives something else, such
as complex eigenvalues, or raises, the result is `FAILED`: Python runs the piece again, and raises
where the program's handlers are. What comes after an effect, which must not happen twice, raises
from the piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from jitflow.core import dims
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Node
from jitflow.runtime.frames import caller_at
from jitflow.runtime.marks import FAILED
from jitflow.tracer.numpy.callouts import Callee


def call_out_function(
    node: Node, namespaces: dict[str, dict[str, Any]], may_repeat: bool = True
) -> Callable[..., Any]:
    """What runs a call-out: its function, or the record's NumPy meaning with the attributes.

    It gives an array for one result and a tuple of arrays for any other number; `FAILED` where
    Python should run the piece again, which it may as long as `may_repeat`.
    """
    if node.operator.name == "call_out":
        run = _checked(node, namespaces.get(node.location.filename, {}))
    else:
        run = _evaluated(node)
    return _left_to_python(run) if may_repeat else run


def _left_to_python(run: Callable[..., Any]) -> Callable[..., Any]:
    def call(*operands: Any) -> Any:
        try:
            return run(*operands)
        except Exception:
            return FAILED

    return call


def _evaluated(node: Node) -> Callable[..., Any]:
    meaning, attributes = node.operator.numpy, node.attributes

    def evaluate(*operands: Any) -> Any:
        result = meaning(*operands, **attributes)
        return tuple(map(np.asarray, result)) if type(result) is tuple else np.asarray(result)

    return evaluate


def contiguous(array: np.ndarray) -> np.ndarray:
    """`array` in C order, with its rank, for the segments that take it."""
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def arranged(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """`array` where it lies in memory order `order`, as the call in eager code gives it.

    A call-out's operands may lie in another order than the arrays that the program sees, and many
    functions give their result the order of an operand.
    """
    steps = [abs(array.strides[axis]) for axis in order if array.shape[axis] != 1]
    if array.size == 0 or all(slow >= fast for slow, fast in pairwise(steps)):
        return array
    stored = np.ascontiguousarray(array.transpose(order))
    return np.copy(stored.transpose(np.argsort(order)), order="K")


def _checked(node: Node, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The call-out's function, called as if from the program: it may warn there."""
    function = node.attributes["function"]
    types = tuple(value.type for value in node.results)
    taken = tuple(value.type for value in node.operands)
    from_there = caller_at(node.location, namespace)

    def call(*operands: Any) -> Any:
        if isinstance(function, Callee):
            callee, arguments, keywords = function.bound(operands)
            result = function.finish(from_there(callee, arguments, keywords))
        else:
            result = from_there(function, operands, {})
        results = result if isinstance(result, tuple) else (result,)
        arrays = tuple(np.asarray(item) for item in results)
        if not _are_expected(arrays, types, _extents(operands, taken)):
            return FAILED
        return arrays if len(types) != 1 else arrays[0]

    return call


def _extents(operands: Iterable[Any], types: Iterable[ArrayType]) -> dict[str, int]:
    """The symbols that are extents of the operands."""
    known: dict[str, int] = {}
    for operand, type_ in zip(operands, types, strict=True):
        for extent, dim in zip(np.shape(operand), type_.shape, strict=True):
            if isinstance(dim, dims.SymbolicDim) and len(dim.symbols()) == 1:
                known[str(dim)] = extent
    return known


def _are_expected(
    arrays: tuple[np.ndarray, ...], types: tuple[ArrayType, ...], known: dict[str, int]
) -> bool:
    if len(arrays) != len(types):
        return False
    for array, type_ in zip(arrays, types, strict=True):
        if array.dtype != type_.dtype.numpy or array.ndim != type_.rank:
            return False
        for extent, dim in zip(array.shape, type_.shape, strict=True):
            if dims.symbols_of(dim) <= known.keys() and dims.evaluate(dim, known) != extent:
                return False
    return True
