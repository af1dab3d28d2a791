"""Derive the polynomial coefficients of `jitflow.codegen.cpu.math` and write them as a module.

Run ``python tools/fit_polynomials.py`` from the repository root (needs mpmath; some minutes). Each
entry of `FITS` states the function that is approximated, the weight that turns its error into the
relative error of the final result, the interval of the reduced argument, and the degrees for
single and double precision. The error printed beside each fit is the weighted maximum: 2**-24 and
2**-53 are half a unit in the last place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp
import numpy as np
from minimax import fit

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "jitflow" / "codegen" / "cpu" / "math" / "coefficients.py"
HEADER = '''"""Polynomial coefficients, lowest degree first: written by `tools/fit_polynomials.py`.

Each table has the coefficients by format; the comment above it says what they approximate.
"""

'''
mp.mp.dps = 60
Real = Callable[[mp.mpf], mp.mpf]


@dataclass(frozen=True)
class Fit:
    """One polynomial.

    Attributes
    ----------
    name, meaning : str
        Name of the table and what the polynomial approximates.
    target, weight : callable
        Function fitted and weight of its error.
    interval : tuple of float
        Range of the argument.
    degrees : tuple of int
        For f32 and f64; negative leaves the format out.
    """

    name: str
    meaning: str
    target: Real
    weight: Real
    interval: tuple[float, float]
    degrees: tuple[int, int]


def in_square(function: Real) -> Real:
    """`function` of the square root of its argument: for even polynomials in x, fitted in x²."""
    return lambda z: function(mp.sqrt(z)) if z > 0 else function(mp.mpf(10) ** -20)


def _scaled_erfc(x: mp.mpf) -> mp.mpf:
    return mp.exp(x * x) * mp.erfc(x) * (1 + 2 * x)


@dataclass(frozen=True)
class Split:
    """A constant as a sum of `parts` machine numbers, each the nearest to what remains."""

    name: str
    meaning: str
    value: Callable[[], mp.mpf]
    parts: int


SPLITS = (
    Split("LN2", "log(2)", lambda: mp.ln2, 2),
    Split("LOG2_E", "1 / log(2)", lambda: 1 / mp.ln2, 2),
    Split("LOG10_2", "log10(2)", lambda: mp.log10(2), 2),
    Split("LOG10_E", "log10(e)", lambda: 1 / mp.log(10), 2),
    Split("HALF_PI", "pi / 2", lambda: mp.pi / 2, 3),
    Split("PI", "pi", lambda: +mp.pi, 2),
    Split("POWER_C0", "2 / log(2)", lambda: 2 / mp.ln2, 2),
    Split("POWER_C1", "2 / (3 log(2))", lambda: 2 / mp.ln2 / 3, 2),
    Split("CBRT_2", "cbrt(2)", lambda: mp.cbrt(2), 1),
    Split("CBRT_HALF", "cbrt(1 / 2)", lambda: mp.cbrt(mp.mpf(1) / 2), 1),
    Split("TWO_OVER_PI", "2 / pi", lambda: 2 / mp.pi, 1),
)

LN2_HALF = 0.34674
ERF_SPLIT = 0.92
EIGHTH = 0.7950  # a little more than pi / 4

FITS = (
    Fit(
        "EXP",
        "(exp(r) - 1 - r) / r²",
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: abs(r) * mp.exp(-abs(r) / 2),
        (-LN2_HALF, LN2_HALF),
        (4, 9),
    ),
    Fit(
        "EXP2",
        "(2**r - 1) / r",
        lambda r: mp.expm1(r * mp.ln2) / r,
        lambda r: abs(r) * mp.mpf(2) ** -r,
        (-0.5001, 0.5001),
        (5, 10),
    ),
    Fit(
        "HALF_EXPM1_TWICE",
        "((exp(2 r) - 1) / 2 - r) / r²",
        lambda r: (mp.expm1(2 * r) / 2 - r) / r**2,
        lambda r: abs(2 * r**2 / mp.expm1(2 * r)),
        (-LN2_HALF / 2, LN2_HALF / 2),
        (4, 9),
    ),
    Fit(
        "LOG",
        "(2 artanh(s) / s - 2) / s², in s²: log((1 + s) / (1 - s))",
        in_square(lambda s: (2 * mp.atanh(s) / s - 2) / s**2),
        in_square(lambda s: s**3 / (2 * mp.atanh(s))),
        (0, 0.1717**2),
        (2, 6),
    ),
    Fit(
        "POWER_LOG2",
        "(log2((1 + s) / (1 - s)) / s - C0 - C1 s²) / s⁴, in s²; C0 and C1 are the first terms",
        in_square(lambda s: (2 * mp.atanh(s) / s - 2 - 2 * s**2 / 3) / s**4 / mp.ln2),
        in_square(lambda s: s**5 * mp.ln2 / (2 * mp.atanh(s))),
        (0, 0.1717**2),
        (2, 6),
    ),
    Fit(
        "ARTANH",
        "(2 artanh(s) / s - 2) / s², in s²",
        in_square(lambda s: (2 * mp.atanh(s) / s - 2) / s**2),
        in_square(lambda s: s**3 / (2 * mp.atanh(s))),
        (0, 0.365**2),
        (4, 10),
    ),
    Fit(
        "ACOSH",
        "(arccosh(1 + t) / sqrt(t² + 2 t) - 1) / t",
        lambda t: (mp.acosh(1 + t) / mp.sqrt(t * t + 2 * t) - 1) / t,
        lambda t: t * mp.sqrt(t * t + 2 * t) / mp.acosh(1 + t),
        (1e-9, 0.2501),
        (4, 10),
    ),
    Fit(
        "ASIN",
        "(arcsin(x) - x) / x³, in x²",
        in_square(lambda x: (mp.asin(x) - x) / x**3),
        in_square(lambda x: x**3 / mp.asin(x)),
        (0, 0.2501),
        (4, 12),
    ),
    Fit(
        "ATAN",
        "(arctan(x) - x) / x³, in x²",
        in_square(lambda x: (mp.atan(x) - x) / x**3),
        in_square(lambda x: x**3 / mp.atan(x)),
        (0, 1.0001),
        (8, 19),
    ),
    Fit(
        "SINH",
        "(sinh(x) - x) / x³, in x²",
        in_square(lambda x: (mp.sinh(x) - x) / x**3),
        in_square(lambda x: x**3 / mp.sinh(x)),
        (0, 1.0001),
        (2, 6),
    ),
    Fit(
        "CBRT",
        "cbrt(x), a first approximation",
        mp.cbrt,
        lambda x: 1 / mp.cbrt(x),
        (0.7071, 1.4143),
        (4, 6),
    ),
    Fit(
        "ERF_SMALL",
        "erf(x) / x - 1, in x²",
        in_square(lambda x: mp.erf(x) / x - 1),
        in_square(lambda x: x / mp.erf(x)),
        (0, ERF_SPLIT**2 * 1.001),
        (5, 11),
    ),
    Fit(
        "ERF_LARGE",
        "log(1 - erf(x)) / x",
        lambda x: mp.log(mp.erfc(x)) / x,
        lambda x: x * mp.erfc(x) / mp.erf(x),
        (ERF_SPLIT * 0.999, 6.0),
        (6, 19),
    ),
    Fit(
        "ERFC",
        "exp(x²) erfc(x) (1 + 2 x), in (x - 4) / (x + 4)",
        lambda t: _scaled_erfc(4 * (1 + t) / (1 - t)),
        lambda t: 1 / _scaled_erfc(4 * (1 + t) / (1 - t)),
        ((0.5 - 4) / (0.5 + 4) - 0.001, (27.3 - 4) / (27.3 + 4)),
        (10, 21),
    ),
    Fit(
        "SIN",
        "(sin(r) - r) / r³, in r²",
        in_square(lambda r: (mp.sin(r) - r) / r**3),
        in_square(lambda r: r**3 / mp.sin(r)),
        (0, EIGHTH**2),
        (2, 5),
    ),
    Fit(
        "TAN",
        "(tan(r) - r) / r³, in r²",
        in_square(lambda r: (mp.tan(r) - r) / r**3),
        in_square(lambda r: r**3 / mp.tan(r)),
        (0, EIGHTH**2),
        (6, 13),
    ),
    Fit(
        "COS",
        "(cos(r) - 1 + r²/2) / r⁴, in r²",
        in_square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4),
        in_square(lambda r: r**4 / mp.cos(r)),
        (0, EIGHTH**2),
        (2, 5),
    ),
)


def _literal(value: float, dtype: str) -> str:
    return str(np.float32(value)) if dtype == "f32" else repr(value)


def _split(item: Split) -> str:
    lines = [f"# {item.meaning}, a sum of machine numbers", f"{item.name} = {{"]
    for dtype, round_to in (("f32", np.float32), ("f64", np.float64)):
        rest, parts = item.value(), []
        for _ in range(item.parts):
            parts.append(float(round_to(float(rest))))
            rest -= mp.mpf(parts[-1])
        inside = ", ".join(_literal(part, dtype) for part in parts)
        lines.append(f'    "{dtype}": ({inside}{"," if len(parts) == 1 else ""}),')
    return "\n".join([*lines, "}"])


def _table(item: Fit) -> str:
    lines = [f"# {item.meaning}", f"{item.name} = {{"]
    for dtype, degree in zip(("f32", "f64"), item.degrees, strict=True):
        if degree < 0:
            continue
        coefficients, error = fit(item.target, item.weight, item.interval, degree, dtype)
        bits = float(mp.log(error, 2))
        print(f"{item.name:16} {dtype} degree {degree:2}  2**{bits:.1f}", flush=True)
        lines.append(f'    "{dtype}": (')
        lines += [f"        {_literal(c, dtype)}," for c in coefficients]
        lines.append("    ),")
    return "\n".join([*lines, "}"])


def _known(text: str) -> dict[str, str]:
    """Tables of an earlier run, by name."""
    tables: dict[str, str] = {}
    for block in text.split("\n\n"):
        lines = block.strip().split("\n")
        if len(lines) > 1 and lines[0].startswith("# "):
            tables[lines[1].split(" ")[0]] = block.strip()
    return tables


def main(names: list[str]) -> None:
    """Fit the tables called `names` (all if none is named), keep the others, write the module."""
    tables = _known(TARGET.read_text()) if TARGET.exists() else {}
    for item in FITS:
        if not names or item.name in names:
            tables[item.name] = _table(item)
    blocks = [_split(item) for item in SPLITS]
    blocks += [tables[item.name] for item in FITS if item.name in tables]
    TARGET.write_text(HEADER + "\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
