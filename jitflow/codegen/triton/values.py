"""Values of generated Triton code: a Python expression, its dtype, and the axes of its block."""

from __future__ import annotations

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import DType

TYPES = {
    "bool": "tl.int1", "f16": "tl.float16", "bf16": "tl.bfloat16", "f32": "tl.float32",
    "f64": "tl.float64",
    **{f"i{bits}": f"tl.int{bits}" for bits in (8, 16, 32, 64)},
    **{f"u{bits}": f"tl.uint{bits}" for bits in (8, 16, 32, 64)},
}  # fmt: skip
"""Triton's name of each dtype in registers; a complex value is two of its parts."""


@dataclass(frozen=True)
class Value:
    """A value in registers.

    Attributes
    ----------
    text : str
        A name, or an expression that costs nothing to repeat; of a complex value the real part.
    axes : frozenset of str
        The block axes along which it varies: ``x``, ``r``; none for one number.
    imaginary : str
        Of a complex value the other part.
    """

    text: str
    dtype: DType
    axes: frozenset[str] = frozenset()
    imaginary: str = ""


NO_AXES: frozenset[str] = frozenset()


def axes_of(*values: Value) -> frozenset[str]:
    """The axes of a result of these operands."""
    return frozenset().union(*(value.axes for value in values))
