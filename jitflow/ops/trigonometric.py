"""Records of trigonometric and hyperbolic functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import FLOATS, INEXACT
from jitflow.ops import bodies
from jitflow.ops.kinds import elementwise
from jitflow.ops.samples import interesting


def _function(name: str, low: float, high: float, doc: str) -> Any:
    return elementwise(
        name,
        "x",
        dtypes=INEXACT,
        numpy=getattr(np, name),
        cpu=bodies.math(name),
        body_dtypes=FLOATS,
        cost=15,
        ulp=4,
        samples=interesting(1, low, high),
        doc=doc,
    )


sin = _function("sin", -100.0, 100.0, "Sine; NaN of infinities.")
cos = _function("cos", -100.0, 100.0, "Cosine; NaN of infinities.")
tan = _function("tan", -100.0, 100.0, "Tangent; NaN of infinities.")
arcsin = _function("arcsin", -1.0, 1.0, "Inverse sine; NaN outside [-1, 1].")
arccos = _function("arccos", -1.0, 1.0, "Inverse cosine; NaN outside [-1, 1].")
arctan = _function("arctan", -10.0, 10.0, "Inverse tangent.")
sinh = _function("sinh", -20.0, 20.0, "Hyperbolic sine.")
cosh = _function("cosh", -20.0, 20.0, "Hyperbolic cosine.")
tanh = _function("tanh", -5.0, 5.0, "Hyperbolic tangent.")
arcsinh = _function("arcsinh", -100.0, 100.0, "Inverse hyperbolic sine.")
arccosh = _function("arccosh", 1.0, 100.0, "Inverse hyperbolic cosine; NaN where x < 1.")
arctanh = _function("arctanh", -1.0, 1.0, "Inverse hyperbolic tangent; NaN where |x| > 1.")

arctan2 = elementwise(
    "arctan2", "y x", dtypes=FLOATS, numpy=np.arctan2, cpu=bodies.math("arctan2"), cost=25, ulp=4,
    doc="Angle of the point (x, y), in [-pi, pi]; zeros keep their sign.",
)  # fmt: skip

hypot = elementwise(
    "hypot", "x y", dtypes=FLOATS, numpy=np.hypot, cpu=bodies.math("hypot"), cost=10, ulp=2,
    doc="sqrt(x*x + y*y) without overflow; inf where one is infinite.",
)  # fmt: skip
