"""Cost of being there: import time, first call of a tiny function, call overhead.

Run ``python -m benchmarks.startup``. Each figure is from fresh processes, medians; peers that are
not installed are left out. Pin to a core with ``taskset -c 0``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

IMPORTS = ("numpy", "jitflow", "numba", "jax", "torch")

FIRST_CALL = {
    "jitflow": "import jitflow; compiled = jitflow.compile(f)",
    "numba": "import numba; compiled = numba.njit(f)",
    "jax": (
        "import jax, jax.numpy as jnp; compiled = jax.jit(lambda a, b, c: jnp.maximum(a*b+c, 0))"
    ),
    "torch": "import torch; compiled = torch.compile(f)",
}

PROGRAM = """
import time, numpy as np
def f(a, b, c):
    return np.maximum(a * b + c, 0)
a, b, c = (np.arange(10, dtype=np.float32) for _ in range(3))
{setup}
start = time.perf_counter()
compiled(a, b, c)
first = time.perf_counter() - start
def best(fn, n=100_000, rounds=7):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(n):
            fn(a, b, c)
        times.append((time.perf_counter() - start) / n)
    return sorted(times)[rounds // 2]
for _ in range(3):
    compiled(a, b, c)
print(first * 1e3, best(compiled, {n}) * 1e9, best(f, 20_000) * 1e9)
"""


def run(program: str) -> str:
    """Standard output of a fresh interpreter; '' where it fails (a peer is missing)."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def import_seconds(module: str, repeat: int) -> float | None:
    """Median time of importing `module` in a fresh process."""
    program = (
        "import time; start = time.perf_counter(); "
        f"import {module}; print(time.perf_counter() - start)"
    )
    times = [run(program) for _ in range(repeat)]
    return statistics.median(map(float, times)) if all(times) else None


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    base = import_seconds("numpy", repeat) or 1.0
    print("import, s (ratio to NumPy)")
    for module in IMPORTS:
        seconds = import_seconds(module, repeat)
        if seconds is not None:
            print(f"  {module:<8} {seconds:.3f} ({seconds / base:.2f})")
    print("np.maximum(a * b + c, 0) on 10 float32: first call ms, call ns, NumPy ns")
    for name, setup in FIRST_CALL.items():
        program = PROGRAM.format(setup=setup, n=100_000 if name == "jitflow" else 5_000)
        rows = [run(program).split() for _ in range(3)]
        if all(rows):
            first, call, numpy = (
                statistics.median(float(row[i]) for row in rows) for i in range(3)
            )
            print(f"  {name:<8} {first:10.1f} {call:10.0f} {numpy:10.0f}")


if __name__ == "__main__":
    main()
