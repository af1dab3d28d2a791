"""Which module has the record of which operator, in the order of the documentation.

A module is loaded when one of its operators is first asked for: most programs need a few of them. A
test keeps the table complete.
"""

from __future__ import annotations

import functools
import importlib

FAMILIES: dict[str, str] = {
    "arithmetic": (
        "add subtract multiply divide floor_divide remainder fmod power negative positive "
        "absolute sign conjugate reciprocal square sqrt cbrt maximum minimum fmax fmin "
        "degrees radians"
    ),
    "checks": "checked_add checked_subtract checked_multiply checked_left_shift require",
    "contraction": "matmul",
    "control": "for while cond",
    "conversion": "where cast real imag complex",
    "creation": "full uninitialised iota constant concatenate dimension call_out",
    "draws": (
        "draw_random draw_standard_normal draw_standard_exponential draw_uniform draw_normal "
        "draw_lognormal draw_exponential draw_laplace draw_gamma draw_integers "
        "draw_masked_integers draw_python_random draw_python_below "
        "draw_older_standard_normal draw_older_normal draw_older_exponential"
    ),
    "exponential": "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 erf erfc lgamma",
    "floating": "floor ceil trunc rint copysign signbit nextafter spacing ldexp heaviside",
    "indexed": "gather scatter nonzero",
    "linalg": "solve solve_vector inverse cholesky_lower cholesky_upper determinant",
    "logic": (
        "equal not_equal less less_equal greater greater_equal logical_and logical_or "
        "logical_xor logical_not bitwise_and bitwise_or bitwise_xor invert left_shift "
        "right_shift bitwise_count isnan isinf isfinite"
    ),
    "reductions": "sum prod max min any all argmax argmin cumsum cumprod",
    "trigonometric": (
        "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2 hypot"
    ),
    "views": "transpose reshape broadcast slice squeeze expand_dims diagonal strided update",
}

NAMES = tuple(name for names in FAMILIES.values() for name in names.split())


def load(name: str) -> None:
    """Register the operator `name`, with others of its family."""
    for family, names in FAMILIES.items():
        if name in names.split():
            _load(family)
            return
    load_all()


def load_all() -> None:
    """Register every operator."""
    for family in FAMILIES:
        _load(family)


@functools.cache
def _load(family: str) -> None:
    importlib.import_module(f"jitflow.ops.{family}")
