"""Kernels against the copy floor: generated code, NumPy, and `np.copyto` of the same array.

Run pinned: ``taskset -c 1 python benchmarks/kernels.py``. Times are CPU times,
medians; the last columns are the ratio to copying the input once, and the time for an element.
"""

# ruff: noqa: E402  (threads are limited before NumPy is imported)

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.core.dtypes import from_numpy
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value

from unit.codegen.running import Compiled, segment_of  # isort: skip


class Maker(Builder):
    """A builder with arithmetic on constants."""

    def number(self, value: float, like: Value) -> Value:
        return self.emit("constant", value=np.asarray(value, like.type.dtype.numpy))

    def chain(self, x: Value, *steps: tuple[Any, ...]) -> Value:
        for name, *rest in steps:
            operands = [r if isinstance(r, Value) else self.number(r, x) for r in rest]
            x = self.emit(name, x, *operands)
        return x


def graph_of(function: Callable[..., Value], arrays: list[np.ndarray]) -> Graph:
    builder = Maker(function.__name__)
    inputs = [
        builder.input(f"x{k}", ArrayType(from_numpy(x.dtype), x.shape))  # type: ignore[arg-type]
        for k, x in enumerate(arrays)
    ]
    return builder.finish([function(builder, *inputs)])


def gelu(b: Maker, x: Value, w: Value, c: Value) -> Value:
    z = b.emit("add", b.emit("multiply", x, w), c)
    cube = b.emit("multiply", b.emit("multiply", z, z), z)
    inner = b.emit("add", z, b.emit("multiply", cube, b.number(0.044715, z)))
    t = b.chain(inner, ("multiply", 0.7978845608), ("tanh",), ("add", 1.0))
    return b.emit("multiply", b.chain(z, ("multiply", 0.5)), t)


def softmax(b: Maker, x: Value) -> Value:
    top = b.emit("max", x, axes=(1,), keepdims=True)
    e = b.emit("exp", b.emit("subtract", x, top))
    return b.emit("divide", e, b.emit("sum", e, axes=(1,), keepdims=True))


def layernorm(b: Maker, x: Value, w: Value, c: Value) -> Value:
    count = float(x.type.shape[1])  # type: ignore[arg-type]
    mean = b.chain(b.emit("sum", x, axes=(1,), keepdims=True), ("divide", count))
    d = b.emit("subtract", x, mean)
    squares = b.emit("sum", b.emit("square", d), axes=(1,), keepdims=True)
    deviation = b.chain(squares, ("divide", count), ("add", 1e-5), ("sqrt",))
    return b.emit("add", b.emit("multiply", b.emit("divide", d, deviation), w), c)


def sin_exp_chain(b: Maker, x: Value) -> Value:
    return b.chain(x, ("sin",), ("exp",), ("multiply", 2.0), ("add", 1.0), ("sqrt",))


def relu(b: Maker, x: Value) -> Value:
    return b.chain(x, ("multiply", 2.0), ("add", 1.0), ("maximum", 0.0))


def total(b: Maker, x: Value) -> Value:
    return b.emit("sum", x, axes=tuple(range(x.type.rank)), keepdims=False)


def mean_columns(b: Maker, x: Value) -> Value:
    return b.emit("sum", x, axes=(0,), keepdims=False)


def max_rows(b: Maker, x: Value) -> Value:
    return b.emit("max", x, axes=(1,), keepdims=False)


def softmax_columns(b: Maker, x: Value) -> Value:
    top = b.emit("max", x, axes=(0,), keepdims=True)
    e = b.emit("exp", b.emit("subtract", x, top))
    return b.emit("divide", e, b.emit("sum", e, axes=(0,), keepdims=True))


def transpose(b: Maker, x: Value) -> Value:
    return b.chain(b.emit("transpose", x, axes=(1, 0)), ("multiply", 2.0))


def stencil(b: Maker, x: Value) -> Value:
    n, m = x.type.shape

    def part(i: int, j: int) -> Value:
        return b.emit("slice", x, starts=(i, j), steps=(1, 1), shape=(n - 2, m - 2))

    around = b.emit("add", b.emit("add", part(0, 1), part(2, 1)), part(1, 0))
    return b.chain(b.emit("add", around, part(1, 2)), ("multiply", 0.25))


def exp_only(b: Maker, x: Value) -> Value:
    return b.emit("exp", x)


def tanh_only(b: Maker, x: Value) -> Value:
    return b.emit("tanh", x)


def median_time(run: Callable[[], Any], seconds: float = 0.3) -> float:
    run()
    start = time.thread_time()
    run()
    repeats = max(3, min(200, int(seconds / max(time.thread_time() - start, 1e-6))))
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def measure(function: Callable[..., Value], *arrays: np.ndarray) -> None:
    start = time.thread_time()
    compiled = Compiled(segment_of(graph_of(function, list(arrays)), arrays))
    compile_time = time.thread_time() - start
    arguments, _, keep = compiled.arguments(arrays)
    took = median_time(lambda: compiled.function(*arguments))
    target = np.empty_like(arrays[0])
    floor = median_time(lambda: np.copyto(target, arrays[0]))
    again = median_time(lambda: compiled.function(*arguments))
    took = min(took, again)
    del keep
    shape = "x".join(map(str, arrays[0].shape))
    print(
        f"{function.__name__:16} {shape:>10} {arrays[0].dtype.name:8} compile "
        f"{compile_time * 1e3:6.1f} ms   {took * 1e3:8.3f} ms   copy {floor * 1e3:8.3f} ms   "
        f"ratio {took / floor:5.2f}   {took / arrays[0].size * 1e9:6.3f} ns/element"
    )


def main() -> None:
    rng = np.random.default_rng(0)
    big = rng.standard_normal((4096, 1024)).astype(np.float32)
    row = rng.standard_normal(1024).astype(np.float32)
    small = rng.standard_normal(16384).astype(np.float32)
    million = rng.standard_normal(1_000_000).astype(np.float32)
    double = rng.standard_normal(1_000_000)
    measure(relu, big)
    measure(relu, big)
    measure(gelu, big, row, row)
    measure(softmax, big)
    measure(layernorm, big, row, row)
    for values in (small, million, double):
        measure(relu, values)
        measure(sin_exp_chain, values)
        measure(exp_only, values)
        measure(tanh_only, values)
        measure(total, values)
    for function in (total, max_rows, mean_columns, softmax_columns, transpose, stencil):
        measure(function, big)


if __name__ == "__main__":
    main()
