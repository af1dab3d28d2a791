"""Error bounds of the vector math library, in units in the last place of the exact result.

``python -m benchmarks.vector_math --long`` measures the largest errors that were found; the bounds
leave them some room. They hold for arguments of every magnitude, denormal results included; sin,
cos and tan of huge arguments and all of lgamma come from the C library.
"""

from __future__ import annotations

_PAIRS: dict[str, tuple[float, float]] = {
    "exp": (1.0, 1.0),
    "exp2": (0.9, 0.9),
    "expm1": (1.8, 1.9),
    "log": (1.1, 1.5),
    "log2": (1.2, 1.2),
    "log10": (1.2, 1.2),
    "log1p": (1.7, 2.0),
    "sin": (1.6, 1.6),
    "cos": (1.6, 1.6),
    "tan": (1.9, 2.0),
    "arcsin": (1.3, 1.3),
    "arccos": (1.3, 1.3),
    "arctan": (1.5, 1.7),
    "arctan2": (1.7, 1.7),
    "sinh": (1.8, 1.8),
    "cosh": (1.5, 1.5),
    "tanh": (1.9, 1.9),
    "arcsinh": (1.8, 2.0),
    "arccosh": (2.0, 2.0),
    "arctanh": (1.7, 1.8),
    "cbrt": (0.8, 0.8),
    "power": (1.0, 1.0),
    "hypot": (1.1, 1.1),
    "erf": (1.0, 1.1),
    "erfc": (1.4, 1.4),
    "lgamma": (4.0, 4.0),
}
BOUNDS = {name: {"f32": f32, "f64": f64} for name, (f32, f64) in _PAIRS.items()}
