"""Functions of `numpy.linalg` whose C loops pieces call themselves: those of `ops.linalg`.

The operands are matrices, not stacks of them, and become f64 or c128, as in NumPy; the result is
converted back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import C64, C128, F32, F64, DType
from jitflow.ir.graph import Value
from jitflow.ops import linalg
from jitflow.ops.record import operator
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.callouts import Slot
from jitflow.tracer.numpy.operands import cast, conform
from jitflow.tracer.numpy.probe import ResultType

_NAMES = {np.linalg.inv: "inverse", np.linalg.det: "determinant"}
_TRIANGLES = {False: "cholesky_lower", True: "cholesky_upper"}
_FLOATS = (F32, F64, C64, C128)


def result_of(
    context: TraceContext,
    function: Any,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    operands: Sequence[Value],
    types: Sequence[ResultType],
) -> Value | None:
    """The result of a call, by a loop of NumPy's; None where it is left to a call-out."""
    name = _operator(function, arguments, keywords, operands)
    if name is None or not (context.kind is None or context.kind.is_host):
        return None
    if not all(_is_taken(value) for value in operands) or len(types) != 1:
        return None
    is_complex = any(value.type.dtype.is_complex for value in operands)
    dtype: DType = C128 if is_complex else F64
    if not linalg.is_known(name, dtype):
        return None
    shapes = _agreeing(context, operator(name).extra["function"].signature, operands)
    if shapes is None:
        return None
    matrices = [
        cast(context, conform(context, value, shape), dtype)
        for value, shape in zip(operands, shapes, strict=True)
    ]
    return cast(context, context.builder.emit(name, *matrices), types[0].dtype)


def _operator(
    function: Any,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    operands: Sequence[Value],
) -> str | None:
    """The name of the operator; None where there is none, or the arguments are of other kinds."""
    if [getattr(item, "index", None) for item in arguments] != list(range(len(operands))):
        return None
    if not all(isinstance(item, Slot) and item.box == "array" for item in arguments):
        return None
    if function is np.linalg.cholesky and keywords.keys() <= {"upper"}:
        return _TRIANGLES.get(keywords.get("upper", False))
    if keywords:
        return None
    if function is np.linalg.solve and len(operands) == 2:
        return "solve_vector" if operands[1].type.rank == 1 else "solve"
    return _NAMES.get(function)


def _agreeing(
    context: TraceContext, signature: Sequence[str], operands: Sequence[Value]
) -> list[tuple[Dim, ...]] | None:
    """The operands' shapes with one expression for each axis; None where extents differ."""
    found: dict[str, Dim] = {}
    for axes, value in zip(signature, operands, strict=False):
        if len(axes) != value.type.rank:
            return None
        for letter, extent in zip(axes, value.type.shape, strict=True):
            known = found.setdefault(letter, extent)
            if not facts.decide(context, known, "==", extent):
                return None
            if isinstance(extent, int):
                found[letter] = extent
    return [tuple(found[letter] for letter in axes) for axes in signature[: len(operands)]]


def _is_taken(value: Value) -> bool:
    """Whether NumPy takes the dtype, and there are elements."""
    dtype = value.type.dtype
    return (dtype in _FLOATS or dtype.kind in "iub") and 0 not in value.type.shape
