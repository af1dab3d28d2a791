"""Rules for powers of two, and for integers of which a program keeps the low bits.

Such Python integers need not fit 64 bits. Sums, products and left shifts modulo a power of two
depend on the low bits of their operands alone, so under a mask they wrap instead of being checked:
``(a * state + c) & 0xFFFFFFFF``.
"""

from __future__ import annotations

from jitflow.core.dtypes import I64
from jitflow.ir.graph import Node, Value
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import rule, splat

_WRAPPING = {
    "checked_add": "add",
    "checked_subtract": "subtract",
    "checked_multiply": "multiply",
    "checked_left_shift": "left_shift",
}
_BITWISE = ("bitwise_and", "bitwise_or", "bitwise_xor")


@rule(
    "bitwise_and(x, mask) -> bitwise_and(wrapping x, mask)   Python ints, mask >= 0", "bitwise_and"
)
def masked(rewriter: Rewriter, node: Node) -> Replacement:
    """Checked arithmetic under a mask."""
    for number, mask in (node.operands, node.operands[::-1]):
        known = splat(mask)
        if known is not None and mask.type.dtype is I64 and known >= 0:
            wrapped = _wrapped(rewriter, number)
            if wrapped is not number:
                return rewriter.fit(rewriter.emit("bitwise_and", wrapped, mask), node.result.type)
    return None


@rule("remainder(x, 2**k) -> bitwise_and(wrapping x, 2**k - 1)   ints", "remainder")
def modulo(rewriter: Rewriter, node: Node) -> Replacement:
    """The low bits; Python ints of which no other bits are used are not checked."""
    number, modulus = node.operands
    known = _exponent(modulus)
    if known is None:
        return None
    if modulus.type.dtype is I64:
        number = _wrapped(rewriter, number)
    mask = rewriter.constant((1 << known) - 1, modulus.type)
    return rewriter.fit(rewriter.emit("bitwise_and", number, mask), node.result.type)


@rule("floor_divide(x, 2**k) -> right_shift(x, k)   integers", "floor_divide")
def shifted(rewriter: Rewriter, node: Node) -> Replacement:
    """A quotient by a power of two, rounded down, as a shift, which keeps the sign."""
    number, divisor = node.operands
    known = _exponent(divisor)
    if known is None:
        return None
    count = rewriter.constant(known, divisor.type)
    return rewriter.fit(rewriter.emit("right_shift", number, count), node.result.type)


def _exponent(value: Value) -> int | None:
    """Of integers that are all one power of two, but 1, which."""
    known = splat(value) if value.type.dtype.is_integer else None
    if known is None or known <= 1 or int(known) & (int(known) - 1):
        return None
    return int(known).bit_length() - 1


def _wrapped(rewriter: Rewriter, value: Value) -> Value:
    """A value with the low 64 bits of `value`, by arithmetic that wraps; itself if it is exact."""
    node = value.producer
    if node is None or (node.location.line and not node.location.quiet):
        return value  # NumPy warns of overflow, at that line
    name = node.operator.name
    if name not in _WRAPPING and name not in _BITWISE:
        return value
    operands = [_wrapped(rewriter, node.operands[0]), node.operands[1]]
    if name != "checked_left_shift":
        operands[1] = _wrapped(rewriter, node.operands[1])
    elif (count := splat(node.operands[1])) is None or count < 0:
        return value  # Python raises ValueError
    if name in _BITWISE and operands == list(node.operands):
        return value
    return rewriter.emit(_WRAPPING.get(name, name), *operands)
