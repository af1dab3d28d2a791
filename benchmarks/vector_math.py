"""The vector math library against NumPy: largest error and time per value of every function.

Run pinned: ``taskset -c 1 python -m benchmarks.vector_math [--long] [names...]``. Errors are in
units in the last place against 80-bit (mpmath for erf, erfc, lgamma) on random arguments over the
whole range; times are the best of some runs on 32768 values, result memory reused. ``--long``
measures errors on ten times as many arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.cpu.math import BOUNDS, NAMES
from jitflow.core.dtypes import F32, F64, DType
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from tests.unit.codegen.running import Compiled, segment_of

BINARY = ("power", "arctan2", "hypot")
BY_MPMATH = {"erf": mpmath.erf, "erfc": mpmath.erfc, "lgamma": lambda x: mpmath.loggamma(x).real}
LENGTH = 32768
# Where a function is usually called, for the timing.
USUAL = {
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), (-1, 1)),
    **dict.fromkeys(("log", "log2", "log10", "lgamma"), (0.01, 100)),
    **dict.fromkeys(("erf", "erfc"), (-4, 4)),
    "arccosh": (1, 20),
    "log1p": (-0.9, 100),
    "power": (0.1, 5),
}


def compiled(name: str, dtype: DType, length: int) -> Compiled:
    builder = Builder(name)
    type = ArrayType(dtype, (length,))
    inputs = [builder.input(f"x{k}", type) for k in range(2 if name in BINARY else 1)]
    graph = builder.finish([builder.emit(name, *inputs)])
    return Compiled(segment_of(graph, [np.ones(length, dtype.numpy)] * len(inputs)))


def arguments(name: str, dtype: DType, count: int) -> list[np.ndarray]:
    """Random arguments: all magnitudes, and bands where most functions change."""
    rng = np.random.default_rng(7)
    low, high = (-149, 128) if dtype is F32 else (-1074, 1024)
    wide = np.exp2(rng.uniform(low, high, count)) * rng.choice([-1, 1], count)
    bands = [rng.uniform(-r, r, count) for r in (0.3, 1.0, 3.0, 12.0, 110.0, 760.0, 1e5)]
    x = np.concatenate([wide, *bands, 1 + rng.normal(size=count) * 1e-3])
    with np.errstate(over="ignore"):
        x = x.astype(dtype.numpy)
    return [np.abs(x), rng.permutation(x)] if name == "power" else [x, rng.permutation(x)]


def largest_error(result: np.ndarray, reference: np.ndarray) -> float:
    number = result.dtype.type
    with np.errstate(all="ignore"):
        rounded = reference.astype(number)
        finite = np.isfinite(rounded) & np.isfinite(result)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(result.astype(np.longdouble) - reference) / unit
    return float(np.max(error[finite], initial=0.0))


def errors(name: str, dtype: DType, count: int) -> tuple[float, float | None]:
    """Largest error of the library and of NumPy."""
    operands = arguments(name, dtype, count)[: 2 if name in BINARY else 1]
    if name in BY_MPMATH:
        operands = [operands[0][:: max(1, operands[0].size // 9000)].copy()]
        operands[0] = operands[0][np.abs(operands[0]) < 40]
        with mpmath.workprec(90):
            exact = [BY_MPMATH[name](mpmath.mpf(float(v))) for v in operands[0]]
            reference = np.array([np.longdouble(mpmath.nstr(v, 24)) for v in exact])
    else:
        with np.errstate(all="ignore"):
            reference = getattr(np, name)(*[x.astype(np.longdouble) for x in operands])
    ours = largest_error(compiled(name, dtype, operands[0].size)(*operands)[0], reference)
    function = getattr(np, name, None)
    if function is None:
        return ours, None
    with np.errstate(all="ignore"):
        return ours, largest_error(function(*operands), reference)


def best_time(run: Callable[[], Any], repeats: int = 15) -> float:
    """Nanoseconds per value."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(8):
            run()
        best = min(best, (time.perf_counter() - start) / 8)
    return best / LENGTH * 1e9


def times(name: str, dtype: DType) -> tuple[float, float | None]:
    """Time per value of the library and of NumPy."""
    rng = np.random.default_rng(3)
    low, high = USUAL.get(name, (-10, 10))
    x = rng.uniform(low, high, LENGTH).astype(dtype.numpy)
    operands = [x, rng.permutation(x)][: 2 if name in BINARY else 1]
    code = compiled(name, dtype, LENGTH)
    prepared, outputs, keep = code.arguments(operands)
    ours = best_time(lambda: code.function(*prepared))
    function = getattr(np, name, None)
    del keep
    if function is None:
        return ours, None
    with np.errstate(all="ignore"):
        return ours, best_time(lambda: function(*operands, out=outputs[0]))


def main(given: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args([] if given is None else given)
    count = 300_000 if options.long else 30_000
    heads = ("ULP", "bound", "NumPy", "ns", "NumPy", "ratio")
    print(f"{'function':15}" + "".join(f"{head:>8}" for head in heads))
    for name in options.names or NAMES:
        for dtype in (F32, F64):
            ulp, numpy_ulp = errors(name, dtype, count)
            ours, numpy = times(name, dtype)
            ratio = ours / numpy if numpy else None
            cells = (ulp, BOUNDS[name][dtype.name], numpy_ulp, ours, numpy, ratio)
            row = "".join(f"{'-':>8}" if cell is None else f"{cell:8.2f}" for cell in cells)
            print(f"{name:10}{dtype!s:5}{row}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
