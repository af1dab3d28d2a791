"""Records of exponentials, logarithms, error and gamma functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.dtypes import FLOATS, INEXACT
from jitflow.ops import bodies, complex_bodies
from jitflow.ops.bodies import like
from jitflow.ops.kinds import elementwise
from jitflow.ops.samples import interesting


def _transcendental(name: str, low: float, high: float, doc: str, *, complex: bool = True) -> Any:
    return elementwise(
        name,
        "x",
        dtypes=INEXACT if complex else FLOATS,
        numpy=getattr(np, name),
        cpu=bodies.math(name),
        body_dtypes=FLOATS,
        cost=12,
        ulp=4,
        samples=interesting(1, low, high),
        doc=doc,
    )


exp = elementwise(
    "exp", "x", dtypes=INEXACT, numpy=np.exp,
    cpu=bodies.by_kind(real=bodies.math("exp"), complex=complex_bodies.exp),
    cost=12, ulp=4, samples=interesting(1, -90.0, 90.0), doc="e to the power x.",
)  # fmt: skip
exp2 = _transcendental("exp2", -120.0, 120.0, "2 to the power x.")
expm1 = _transcendental("expm1", -5.0, 5.0, "exp(x) - 1, exact near zero.")
log = _transcendental("log", 0.0, 1e4, "Natural logarithm; NaN where x < 0, -inf at 0.")
log2 = _transcendental("log2", 0.0, 1e4, "Logarithm to base 2.")
log10 = _transcendental("log10", 0.0, 1e4, "Logarithm to base 10.")
log1p = _transcendental("log1p", -1.0, 10.0, "log(1 + x), exact near zero.")


def _log_add(exponential: str, unit: float, scale: float) -> Callable[..., Any]:
    """`npy_logaddexp`: the larger operand and a correction; equal operands, infinite ones too,
    take a path of their own.
    """

    def body(e: Any, x: Any, y: Any) -> Any:
        same = e.equal(x, y)
        difference = e.subtract(x, e.select(same, like(e, y, 0), y))
        difference = e.select(same, like(e, x, 0), difference)
        correction = e.math("log1p", e.math(exponential, e.negative(e.absolute(difference))))
        if scale != 1.0:
            correction = e.multiply(correction, like(e, x, scale))
        larger = e.select(e.less(like(e, x, 0), difference), x, y)
        ordered = e.equal(difference, difference)
        value = e.select(ordered, e.add(larger, correction), difference)
        return e.select(same, e.add(x, like(e, x, unit)), value)

    return body


logaddexp = elementwise(
    "logaddexp", "x y", dtypes=FLOATS, numpy=np.logaddexp, cost=25, ulp=6,
    cpu=_log_add("exp", math.log(2.0), 1.0), samples=interesting(2, -50.0, 50.0),
    doc="log(exp(x) + exp(y)).",
)  # fmt: skip

logaddexp2 = elementwise(
    "logaddexp2", "x y", dtypes=FLOATS, numpy=np.logaddexp2, cost=25, ulp=6,
    cpu=_log_add("exp2", 1.0, 1.0 / math.log(2.0)), samples=interesting(2, -50.0, 50.0),
    doc="log2(2**x + 2**y).",
)  # fmt: skip


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _mapped(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of Python floats over an array, in double precision, rounded to its dtype."""

    def numpy(x: Any) -> np.ndarray:
        x = np.asarray(x)
        values = np.fromiter((function(float(v)) for v in x.flat), np.float64, x.size)
        with np.errstate(all="ignore"):
            return values.astype(x.dtype).reshape(x.shape)

    return numpy


def _special(
    name: str, function: Callable[[float], float], low: float, high: float, doc: str
) -> Any:
    return elementwise(
        name, "x", dtypes=FLOATS, numpy=_mapped(function), cpu=bodies.math(name), cost=20,
        ulp=4, samples=interesting(1, low, high), doc=doc,
    )  # fmt: skip


erf = _special("erf", math.erf, -4.0, 4.0, "Error function.")
erfc = _special("erfc", math.erfc, -4.0, 10.0, "Complementary error function.")
# Near its zeros at 1 and 2 Python's own lgamma is exact only in absolute terms.
lgamma = _special("lgamma", _lgamma, 3.0, 50.0, "Logarithm of |gamma(x)|; inf at the poles.")
