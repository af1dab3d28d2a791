"""Functions of `numpy.linalg` whose C loops pieces call themselves: those of `ops.linalg`.

The operands are matrices, not stacks of them, and become f64 or c128, as in NumPy; the result, in
C order, is converted back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import C64, C128, F32, F64
from jitflow.ir.graph import Value
from jitflow.ops import linalg
from jitflow.ops.record import operator
from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy.callouts import Slot
from jitflow.tracer.numpy.operands import cast, conform

_NAMES = {np.linalg.inv: "inverse", np.linalg.det: "determinant"}
_TRIANGLES = {False: "cholesky_lower", True: "cholesky_upper"}
_SINGLE = {F64: F32, C128: C64}
_FLOATS = (F32, F64, C64, C128)


def result_of(
    context: TraceContext,
    function: Any,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    operands: Sequence[Value],
) -> Value | None:
    """The result of a call, by a loop of NumPy's; None where it is left to a call-out."""
    name = _operator(function, arguments, keywords, operands)
    if name is None or not (context.kind is None or context.kind.is_host):
        return None
    if not all(_is_taken(value) for value in operands):
        return None
    dtype = C128 if any(value.type.dtype.is_complex for value in operands) else F64
    if not linalg.is_known(name, dtype):
        return None
    shapes = _agreeing(context, operator(name).extra["function"].signature, operands)
    if shapes is None:
        return None
    matrices = [
        cast(context, conform(context, value, shape), dtype)
        for value, shape in zip(operands, shapes, strict=True)
    ]
    is_single = all(value.type.dtype in (F32, C64) for value in operands)
    result = context.builder.emit(name, *matrices)
    return cast(context, result, _SINGLE[dtype] if is_single else dtype)


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
        upper = keywords.get("upper", False)
        return _TRIANGLES[upper] if type(upper) is bool else None
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
