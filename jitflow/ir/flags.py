"""Which nodes can set floating-point flags that NumPy reports: divide, overflow, invalid."""

from __future__ import annotations

import functools
import operator
from contextlib import suppress
from typing import Any

import numpy as np

from jitflow.core.dtypes import DType
from jitflow.core.errors import CheckFailed
from jitflow.ir.graph import Graph, Node
from jitflow.ir.regions import symbols_in
from jitflow.ops.record import Kind

_SILENT = frozenset(
    [
        "negative",
        "positive",
        "conjugate",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "copysign",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "sign",
        "isnan",
        "isinf",
        "isfinite",
        "signbit",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "where",
        "real",
        "imag",
        "complex",
        "heaviside",
        "max",
        "min",
        "any",
        "all",
        "argmax",
        "argmin",
        "erf",
        "erfc",
    ]
)
_ORDERING = frozenset({"less", "less_equal", "greater", "greater_equal"})  # NumPy clears the
# flags of comparisons of real numbers, and forgets those of complex ones
_DIVIDING = frozenset({"floor_divide", "remainder", "fmod", "power", "reciprocal"})  # by zero
_COMPUTING = frozenset(
    {Kind.ELEMENTWISE, Kind.REDUCTION, Kind.SCAN, Kind.CONTRACTION, Kind.SCATTER, Kind.LIBRARY}
)


def can_warn(node: Node) -> bool:
    """Whether NumPy may warn of this node; arithmetic on Python numbers never warns.

    Integers that native code cannot divide fail a run-time check: the call that follows warns.
    """
    if node.location.quiet or node.operator.kind not in _COMPUTING:
        return False
    name = node.operator.name
    if node.operator.kind is Kind.LIBRARY:
        return not node.operator.checks  # which clears the flags, or fails
    if name in _SILENT or not node.results:
        return False
    operand = node.operands[0].type.dtype
    result = node.results[0].type.dtype
    if name == "cast":
        return _cast_can_warn(operand, result)
    if result.is_integer:
        return name in _DIVIDING
    if name == "absolute" or name in _ORDERING:
        return operand.is_complex
    return result.is_float or result.is_complex


def is_silent(node: Node) -> bool:
    """Whether an element-wise node sets no flag and fails no check, whatever its operands."""
    name, operand = node.operator.name, node.operands[0].type.dtype
    if name in _SILENT:
        return True
    if name == "cast":
        return not _cast_can_warn(operand, node.result.type.dtype)
    if name in _ORDERING:
        return not operand.is_complex
    types = [value.type.dtype for value in (*node.operands, *node.results)]
    return not node.operator.checks and all(dtype.kind in "biu" for dtype in types)


def is_loud(node: Node) -> bool:
    """Whether eager NumPy may warn of an element, or raise for it, that nobody uses.

    A gather by one index looks it up for any element. What has no place in the source is ours.
    Where a check of integers fails, NumPy warns of its scalars; Python's are quiet.
    """
    if not node.location.line:
        return False
    if node.operator.checks and node.operator.kind is Kind.ELEMENTWISE:
        return not node.location.quiet
    if node.operator.kind is Kind.GATHER:
        return any(index.type.rank for index in node.operands[1:])
    return can_warn(node)


def _cast_can_warn(source: DType, target: DType) -> bool:
    """Whether a value of `source` may be out of the range of `target`."""
    if target.kind == "b":
        return False
    if source.is_float or source.is_complex:
        return target.is_integer or target.real.itemsize < source.real.itemsize
    return target.name == "f16"


_SMALL = 4096  # elements that are computed as they are


def constant_flags(graph: Graph) -> int:
    """The flags that nodes set which compute from constants alone.

    They were not folded; but whoever compiles them may fold them, and lose the flags.
    """
    known: dict[int, Any] = {}
    shrunk: set[int] = set()
    raised: list[int] = []
    found = 0
    with np.errstate(divide="call", over="call", invalid="call", under="call"):
        before = np.seterrcall(lambda kind, flags: raised.append(flags))
        try:
            for node in graph.nodes:
                _evaluate(node, known, shrunk)
                if raised and can_warn(node):
                    found = functools.reduce(operator.or_, raised, found)
                raised.clear()
        finally:
            np.seterrcall(before)
    return found


def _evaluate(node: Node, known: dict[int, Any], shrunk: set[int]) -> None:
    """Add the results of a node whose operands are known, where that is little work.

    One element stands for a large array that has one value everywhere.
    """
    record = node.operator
    is_source = record.name == "constant"
    if record.kind in (Kind.CALL_OUT, Kind.DRAW) or node.regions or len(node.results) != 1:
        return
    if not is_source and not (node.operands and all(id(value) in known for value in node.operands)):
        return
    if not node.results[0].type.is_static or any(symbols_in(node.attributes)):
        return
    operands, result = [known[id(value)] for value in node.operands], node.results[0]
    size, is_known = result.type.size, shrunk.isdisjoint(map(id, node.operands))
    with suppress(IndexError, CheckFailed):  # raised where the graph runs
        if is_source or (is_known and isinstance(size, int) and size <= _SMALL):
            known[id(result)] = record.numpy(*operands, **node.attributes)
        elif record.name == "full":
            known[id(result)] = np.reshape(operands[0], (1,) * result.type.rank)
            shrunk.add(id(result))
        elif record.kind is Kind.ELEMENTWISE:
            known[id(result)] = record.numpy(*operands, **node.attributes)
            shrunk.add(id(result))
