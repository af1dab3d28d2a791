"""What a second thread brings: kernels and stencils on one thread and on all, same results.

Run on a quiet machine, not pinned: ``python -m benchmarks.threads``. Wall times, medians, the two
settings in turn.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import jitflow

ROUNDS = 15


def gelu(x: Any, b: Any) -> Any:
    z = x * np.float32(0.7) + b
    cubic = np.float32(0.79788456) * (z + np.float32(0.044715) * z * z * z)
    return np.float32(0.5) * z * (np.float32(1) + np.tanh(cubic))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layernorm(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-5))


def chain(x: Any) -> Any:
    return np.sin(np.exp(-x * x)) * np.cos(x)


def add(x: Any, y: Any) -> Any:
    return x + y


def heat(u: Any) -> Any:
    u, v = u.copy(), u.copy()
    for _ in range(20):
        v[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:])
        u[1:-1, 1:-1] = 0.25 * (v[:-2, 1:-1] + v[2:, 1:-1] + v[1:-1, :-2] + v[1:-1, 2:])
    return u


def mandelbrot(out: Any) -> Any:
    """Whole rows of pixels are divided: each has a loop of its own."""
    height, width = out.shape
    for i in range(height):
        for j in range(width):
            c = complex(-2 + 3 * j / width, -1.5 + 3 * i / height)
            z, k = 0j, 0
            while k < 100 and z.real * z.real + z.imag * z.imag <= 4:
                z = z * z + c
                k += 1
            out[i, j] = k
    return out


def collatz(out: Any) -> Any:
    for i in range(1, len(out)):
        n, steps = i, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        out[i] = steps
    return out


def filters(signals: Any) -> Any:
    """Sweeps along columns, for some rows at a time."""
    state, out = np.zeros(signals.shape[0]), np.empty_like(signals)
    for t in range(signals.shape[1]):
        state = 0.9 * state + signals[:, t]
        out[:, t] = state
    return out


def cases() -> list[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Functions and their arguments."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4096, 1024)).astype(np.float32)
    line = rng.standard_normal(1_000_000).astype(np.float32)
    square = rng.standard_normal((1000, 1000))
    return [
        (gelu, (x, x[0])), (softmax, (x,)), (layernorm, (x,)), (chain, (line,)), (add, (x, x)),
        (heat, (square,)), (mandelbrot, (np.zeros((300, 400), int),)),
        (collatz, (np.zeros(100_000, int),)), (filters, (square,)),
    ]  # fmt: skip


def compiled(function: Callable[..., Any], threads: int, arguments: tuple[Any, ...]) -> Any:
    """A version for a number of threads, compiled for these arguments."""
    with jitflow.config().override(threads=threads, measure=False):
        version = jitflow.compile(function)
        version(*arguments)
    return version


def main() -> None:
    """Print a table."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{'':12}{'1 thread, ms':>14}{f'{count} threads, ms':>16}{'ratio':>8}")
    for function, arguments in cases():
        versions = [compiled(function, threads, arguments) for threads in (1, count or 1)]
        times: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for version, row in zip(versions, times, strict=True):
                start = time.perf_counter()
                version(*arguments)
                row.append(time.perf_counter() - start)
        one, many = (statistics.median(row) * 1e3 for row in times)
        print(f"{function.__name__:12}{one:14.2f}{many:16.2f}{one / many:8.2f}")


if __name__ == "__main__":
    main()
