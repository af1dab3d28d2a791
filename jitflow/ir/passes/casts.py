"""Rules for casts that lose nothing on the way."""

from __future__ import annotations

from jitflow.core.dtypes import DType
from jitflow.ir.graph import Node
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, rule


def holds(outer: DType, inner: DType) -> bool:
    """Whether every value of `inner` is one of `outer`, exactly."""
    if outer is inner or inner.kind == "b":
        return True
    if outer.is_complex:
        return holds(outer.real, inner.real)
    if inner.is_complex or outer.kind == "b":
        return False
    if inner.is_float:
        return outer.is_float and outer.itemsize > inner.itemsize
    digits = inner.bits - (inner.kind == "i")
    if outer.is_float:
        return digits <= outer.digits
    if outer.kind == "u" and inner.kind == "i":
        return False
    return digits <= outer.bits - (outer.kind == "i")


def is_detour(source: DType, middle: DType, target: DType) -> bool:
    """Whether casting by way of `middle` gives what a direct cast gives.

    Floats that leave the range of an integer dtype are undefined, so a way from integers to
    integers over floats counts only where the target holds the source. NumPy warns when complex
    values lose their imaginary part: a cast that does so stays.
    """
    if not holds(middle, source) or (middle.is_complex and not target.is_complex):
        return False
    if source.is_float:
        return not target.is_integer
    return not middle.is_float or not target.is_integer or holds(target, source)


@rule("cast(x) {dtype=t} -> x   where x has dtype t", "cast")
def cast_to_own_dtype(rewriter: Rewriter, node: Node) -> Replacement:
    """A cast that changes nothing."""
    operand = node.operands[0]
    return operand if operand.type.dtype is node.attributes["dtype"] else None


@rule("cast(cast(x)) -> cast(x)   where the first one loses nothing", "cast")
def cast_of_cast(rewriter: Rewriter, node: Node) -> Replacement:
    """A cast by way of a dtype that holds every value."""
    inner = node.operands[0].producer
    if inner is None or inner.operator.name != "cast":
        return None
    source, target = inner.operands[0], node.attributes["dtype"]
    if not is_detour(source.type.dtype, inner.attributes["dtype"], target):
        return None
    return rewriter.emit("cast", source, dtype=target)


CAST_RULES: tuple[AnyRule, ...] = (cast_to_own_dtype, cast_of_cast)
