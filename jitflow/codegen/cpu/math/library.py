"""The table of functions and `emit`, through which the rest of code generation reaches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitflow.codegen.cpu.math import (
    exponential,
    hyperbolic,
    inverse,
    inverse_hyperbolic,
    logarithm,
    powers,
    special,
    trigonometric,
)
from jitflow.codegen.cpu.math.lanes import Lanes
from jitflow.core.dtypes import F16, F32
from jitflow.ops.emitter import Emitter

Function = Callable[..., Lanes]


FUNCTIONS: dict[str, Function] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "tan": trigonometric.tan,
    "arcsin": inverse.arcsin,
    "arccos": inverse.arccos,
    "arctan": inverse.arctan,
    "arctan2": inverse.arctan2,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "tanh": hyperbolic.tanh,
    "arcsinh": inverse_hyperbolic.arcsinh,
    "arccosh": inverse_hyperbolic.arccosh,
    "arctanh": inverse_hyperbolic.arctanh,
    "cbrt": powers.cbrt,
    "power": powers.power,
    "hypot": powers.hypot,
    "erf": special.erf,
    "erfc": special.erfc,
    "lgamma": special.lgamma,
}
NAMES = tuple(FUNCTIONS)
RESIDUES = {"exp": exponential.exp_residue}
"""What rounding took from the results of a function, relative to them."""


def emit(name: str, emitter: Emitter[Any], *operands: Any) -> Any:
    """Emit the function called `name` of floating operands of one dtype; its result.

    f16 is computed in f32 and rounded.

    Raises
    ------
    KeyError
        If the library has no such function.
    """
    lanes = [Lanes(emitter, operand) for operand in operands]
    function = FUNCTIONS[name]
    if lanes[0].dtype is F16:
        return function(*(x.cast(F32) for x in lanes)).cast(F16).value
    return function(*lanes).value


def emit_residue(name: str, emitter: Emitter[Any], operand: Any) -> Any:
    """Emit what rounding took from the result of the function called `name`; not for f16."""
    return RESIDUES[name](Lanes(emitter, operand)).value
