"""Algebraic rules, each with the dtypes where it holds bit for bit (see `ir.rules`)."""

from __future__ import annotations

import math

import numpy as np

from jitflow.core.dtypes import BOOL, COMPLEX, FLOATS, INTEGERS, REAL, SIGNED
from jitflow.ir.graph import Node
from jitflow.ir.passes import modular
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, Rule, rule, splat

EXACT = (BOOL, *INTEGERS)
BOOLS = (BOOL,)
REAL_NUMBERS = (*INTEGERS, *FLOATS)


@rule("divide(x, 2**k) -> multiply(x, 2**-k)   floats; exact as long as 2**-k is normal", "divide")
def divide_by_power_of_two(rewriter: Rewriter, node: Node) -> Replacement:
    """A quotient by a power of two as a product."""
    dividend, divisor = node.operands
    dtype = node.result.type.dtype
    number = splat(divisor)
    if number is None or not dtype.is_float or not np.isfinite(number) or number == 0:
        return None
    mantissa, _ = math.frexp(float(number))
    if abs(mantissa) != 0.5:
        return None
    inverse = 1.0 / float(number)
    limits = np.finfo(dtype.numpy)
    if not float(limits.tiny) <= abs(inverse) <= float(limits.max):
        return None
    factor = rewriter.constant(inverse, divisor.type)
    return rewriter.emit("multiply", dividend, factor)


@rule("power(x, k) -> products   integers, 2 <= k < 64, by repeated squaring; no check", "power")
def integer_power(rewriter: Rewriter, node: Node) -> Replacement:
    """A constant power of integers as products, which wrap as the power does."""
    base, exponent = node.operands
    number = splat(exponent)
    if number is None or not base.type.dtype.is_integer or not 2 <= int(number) < 64:
        return None
    result, square, rest = None, base, int(number)
    while rest:
        if rest & 1:
            result = square if result is None else rewriter.emit("multiply", result, square)
        rest >>= 1
        if rest:
            square = rewriter.emit("square", square)
    assert result is not None
    return rewriter.fit(result, node.result.type)


RULES: tuple[AnyRule, ...] = (
    # Neutral elements. x + 0.0 is not x for -0.0; complex products mix parts.
    Rule("add_zero", "add(x, 0) -> x", INTEGERS),
    Rule("add_negative_zero", "add(x, -0.0) -> x", FLOATS),
    Rule("or_false", "add(x, False) -> x", BOOLS),
    Rule("subtract_zero", "subtract(x, 0) -> x", REAL_NUMBERS),
    Rule("multiply_one", "multiply(x, 1) -> x", REAL_NUMBERS),
    Rule("and_true", "multiply(x, True) -> x", BOOLS),
    Rule("divide_one", "divide(x, 1) -> x", FLOATS),
    Rule("floor_divide_one", "floor_divide(x, 1) -> x", INTEGERS),
    # Absorbing elements, where no NaN or infinity can come in.
    Rule("multiply_zero", "multiply(x, 0) -> 0", INTEGERS),
    Rule("subtract_self", "subtract(x, x) -> 0", INTEGERS),
    # Signs.
    Rule("negative_negative", "negative(negative(x)) -> x"),
    Rule("add_negative", "add(x, negative(y)) -> subtract(x, y)", REAL_NUMBERS),
    Rule("subtract_negative", "subtract(x, negative(y)) -> add(x, y)", REAL_NUMBERS),
    Rule("multiply_negatives", "multiply(negative(x), negative(y)) -> multiply(x, y)", REAL),
    Rule("absolute_absolute", "absolute(absolute(x)) -> absolute(x)", REAL),
    Rule("absolute_negative", "absolute(negative(x)) -> absolute(x)", (*SIGNED, *FLOATS)),
    Rule("square_negative", "square(negative(x)) -> square(x)", REAL),
    Rule("square_absolute", "square(absolute(x)) -> square(x)", REAL),
    Rule("positive", "positive(x) -> x"),
    Rule("conjugate_real", "conjugate(x) -> x", REAL),
    Rule("conjugate_conjugate", "conjugate(conjugate(x)) -> x"),
    # Powers: at most two roundings, in range whenever the power is. sqrt is not power(x, 0.5),
    # which gives 0.0 for -0.0 and inf for -inf. Those of scalars have the last bits of C's pow.
    Rule("power_one", "power(x, 1) -> x", REAL_NUMBERS),
    Rule("power_two", "power(x, 2) -> square(x)", FLOATS),
    Rule("power_three", "power(x, 3) -> multiply(square(x), x)", FLOATS, least_rank=1),
    Rule("power_four", "power(x, 4) -> square(square(x))", FLOATS, least_rank=1),
    Rule("power_minus_one", "power(x, -1) -> reciprocal(x)", FLOATS, least_rank=1),
    integer_power,
    divide_by_power_of_two,
    # Extremes, rounding.
    Rule("maximum_self", "maximum(x, x) -> x"),
    Rule("minimum_self", "minimum(x, x) -> x"),
    Rule("fmax_self", "fmax(x, x) -> x"),
    Rule("fmin_self", "fmin(x, x) -> x"),
    Rule("floor_integer", "floor(x) -> x", EXACT),
    Rule("ceil_integer", "ceil(x) -> x", EXACT),
    Rule("trunc_integer", "trunc(x) -> x", EXACT),
    # Comparisons; NaN is not equal to itself, and neither less nor greater.
    Rule("equal_self", "equal(x, x) -> True", EXACT),
    Rule("not_equal_self", "not_equal(x, x) -> False", EXACT),
    Rule("less_self", "less(x, x) -> False", REAL),
    Rule("greater_self", "greater(x, x) -> False", REAL),
    Rule("isnan_integer", "isnan(x) -> False", EXACT),
    Rule("isinf_integer", "isinf(x) -> False", EXACT),
    Rule("isfinite_integer", "isfinite(x) -> True", EXACT),
    # Logic. An ordered comparison may be turned round only where there is no NaN.
    Rule("not_not", "logical_not(logical_not(x)) -> x", BOOLS),
    Rule("not_equal", "logical_not(equal(x, y)) -> not_equal(x, y)"),
    Rule("not_not_equal", "logical_not(not_equal(x, y)) -> equal(x, y)"),
    Rule("logical_and_true", "logical_and(x, True) -> x", BOOLS),
    Rule("logical_and_false", "logical_and(x, False) -> False", BOOLS),
    Rule("logical_and_self", "logical_and(x, x) -> x", BOOLS),
    Rule("logical_or_false", "logical_or(x, False) -> x", BOOLS),
    Rule("logical_or_true", "logical_or(x, True) -> True", BOOLS),
    Rule("logical_or_self", "logical_or(x, x) -> x", BOOLS),
    Rule("logical_xor_false", "logical_xor(x, False) -> x", BOOLS),
    Rule("equal_true", "equal(x, True) -> x", BOOLS),
    Rule("equal_false", "equal(x, False) -> logical_not(x)", BOOLS),
    # Bits.
    Rule("invert_invert", "invert(invert(x)) -> x"),
    Rule("bitwise_and_self", "bitwise_and(x, x) -> x"),
    Rule("bitwise_or_self", "bitwise_or(x, x) -> x"),
    Rule("bitwise_xor_self", "bitwise_xor(x, x) -> 0", INTEGERS),
    Rule("bitwise_and_zero", "bitwise_and(x, 0) -> 0", INTEGERS),
    Rule("bitwise_or_zero", "bitwise_or(x, 0) -> x", INTEGERS),
    Rule("bitwise_xor_zero", "bitwise_xor(x, 0) -> x", INTEGERS),
    Rule("left_shift_zero", "left_shift(x, 0) -> x", INTEGERS),
    Rule("right_shift_zero", "right_shift(x, 0) -> x", INTEGERS),
    # Choice and parts.
    Rule("where_same", "where(c, x, x) -> x"),
    Rule("where_true", "where(True, x, y) -> x"),
    Rule("where_false", "where(False, x, y) -> y"),
    Rule("where_not", "where(logical_not(c), x, y) -> where(c, y, x)", BOOLS),
    Rule("real_of_complex", "real(complex(x, y)) -> x", COMPLEX),
    Rule("imag_of_complex", "imag(complex(x, y)) -> y", COMPLEX),
    Rule("complex_of_parts", "complex(real(z), imag(z)) -> z"),
    # Python integers.
    Rule("checked_add_zero", "checked_add(x, 0) -> x"),
    Rule("checked_subtract_zero", "checked_subtract(x, 0) -> x"),
    Rule("checked_multiply_one", "checked_multiply(x, 1) -> x"),
    modular.masked,
    modular.modulo,
    modular.shifted,
)
