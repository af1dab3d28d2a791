"""Which nodes can set floating-point flags that NumPy reports: divide, overflow, invalid."""

from __future__ import annotations

from jitflow.core.dtypes import DType
from jitflow.ir.graph import Graph, Node
from jitflow.ops.record import Kind

_SILENT = frozenset(
    """negative positive conjugate maximum minimum fmax fmin copysign floor ceil trunc rint sign
    isnan isinf isfinite signbit equal not_equal less less_equal greater greater_equal logical_and
    logical_or logical_xor logical_not where real imag complex heaviside max min any all argmax
    argmin erf erfc""".split()
)
_DIVIDING = frozenset({"floor_divide", "remainder", "fmod", "power", "reciprocal"})  # by zero
_COMPUTING = frozenset(
    {Kind.ELEMENTWISE, Kind.REDUCTION, Kind.SCAN, Kind.CONTRACTION, Kind.SCATTER}
)


def can_warn(node: Node) -> bool:
    """Whether NumPy may warn of this node; arithmetic on Python numbers never warns.

    Integers that native code cannot divide fail a run-time check: the call that follows warns.
    """
    if node.location.quiet or node.operator.kind not in _COMPUTING:
        return False
    name = node.operator.name
    if name in _SILENT or not node.results:
        return False
    operand = node.operands[0].type.dtype
    result = node.results[0].type.dtype
    if name == "cast":
        return _cast_can_warn(operand, result)
    if result.is_integer:
        return name in _DIVIDING
    if name == "absolute":
        return operand.is_complex
    return result.is_float or result.is_complex


def _cast_can_warn(source: DType, target: DType) -> bool:
    """Whether a value of `source` may be out of the range of `target`."""
    if target.kind == "b":
        return False
    if source.is_float or source.is_complex:
        return target.is_integer or target.real.itemsize < source.real.itemsize
    return target.name == "f16"


def always_warns(graph: Graph) -> bool:
    """Whether a node that can warn computes from constants alone.

    It was not folded, so it sets flags; but whoever compiles it may fold it, and lose them.
    """
    known: set[int] = set()
    for node in graph.nodes:
        if node.operator.name == "constant" or (
            node.operands and all(id(value) in known for value in node.operands)
        ):
            known.update(id(value) for value in node.results)
            if can_warn(node):
                return True
    return False
