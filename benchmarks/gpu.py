"""Compiled functions on a GPU against CuPy, `cupy.fuse`, torch, torch.compile and jax.

``python benchmarks/gpu.py [--cases softmax,gelu] [--systems jitflow,cupy] [--out FILE]``: each
system in a process of its own, the same inputs, results checked against NumPy in f64. Times are
medians of batches between two events (jax: wall time of a batch), over inputs that rotate so that
no cache holds them; "host" is what issuing one call takes. The copy rate of the device is measured
in the same run. Systems that are not installed are left out.
"""

# ruff: noqa: E402  (this folder's parent is put on the path first)

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.gpu_cases import CASES, Case
from jitflow.runtime.device import machine

SYSTEMS = ("jitflow", "cupy", "fuse", "torch", "compile", "jax")
_ROTATION = 512 << 20  # bytes of inputs: several times the second-level cache
_BATCH_MS, _BATCHES = 20.0, 9
_WORST = 2e-2
"""Difference from NumPy from which on a result is wrong, whatever the dtype."""


class System:
    """A library: how it takes arrays, compiles, and measures time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def function(self, case: Case) -> Callable[..., Any]:
        raise NotImplementedError

    def array(self, host: np.ndarray) -> Any:
        raise NotImplementedError

    def host(self, result: Any) -> np.ndarray:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError

    def time(self, run: Callable[[], None]) -> float:
        """Milliseconds of the work that `run` issues."""
        self.finish()
        start = time.perf_counter()
        run()
        self.finish()
        return (time.perf_counter() - start) * 1e3


class CuPy(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        import cupy

        self.cupy = cupy

    def function(self, case: Case) -> Callable[..., Any]:
        if self.name == "jitflow":
            import jitflow

            return jitflow.compile(case.make(np))
        if self.name == "fuse":
            return self.cupy.fuse()(case.make(self.cupy))
        return case.make(self.cupy)

    def array(self, host: np.ndarray) -> Any:
        return self.cupy.asarray(host)

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result.get())

    def finish(self) -> None:
        self.cupy.cuda.get_current_stream().synchronize()

    def time(self, run: Callable[[], None]) -> float:
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(begin, end))


class Torch(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        import torch

        self.torch = torch

    def function(self, case: Case) -> Callable[..., Any]:
        function = case.torch(self.torch)
        return self.torch.compile(function) if self.name == "compile" else function

    def array(self, host: np.ndarray) -> Any:
        return self.torch.from_numpy(host).cuda()

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result.cpu().numpy())

    def finish(self) -> None:
        self.torch.cuda.synchronize()

    def time(self, run: Callable[[], None]) -> float:
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end))


class Jax(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        import jax

        self.jax = jax
        self.last: Any = None

    def function(self, case: Case) -> Callable[..., Any]:
        compiled = self.jax.jit(case.make(self.jax.numpy))

        def call(*inputs: Any) -> Any:
            self.last = compiled(*inputs)
            return self.last

        return call

    def array(self, host: np.ndarray) -> Any:
        return self.jax.device_put(host, self.jax.devices("gpu")[0])

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result)

    def finish(self) -> None:
        if self.last is not None:
            self.last.block_until_ready()


MAKERS: dict[str, Callable[[str], System]] = {
    "jitflow": CuPy,
    "cupy": CuPy,
    "fuse": CuPy,
    "torch": Torch,
    "compile": Torch,
    "jax": Jax,
}


def measure(system: System, case: Case) -> dict[str, Any]:
    """Milliseconds of a call on the device and on the host, of the first call, and the error."""
    function = system.function(case)
    size = sum(float(np.prod(shape)) for shape in case.shapes) * np.dtype(case.dtype).itemsize
    copies = max(2, min(16, int(_ROTATION / size)))
    hosts = [case.inputs(case.shapes, seed) for seed in range(min(copies, 2))]
    rotation = [[system.array(x) for x in hosts[k % len(hosts)]] for k in range(copies)]
    start = time.perf_counter()
    result = function(*rotation[0])
    system.finish()
    first = (time.perf_counter() - start) * 1e3
    error = _error(case, hosts[0], system.host(result))
    del result
    for inputs in rotation:
        function(*inputs)
    once = max(system.time(lambda: function(*rotation[0])), 1e-3)
    count = max(copies, int(_BATCH_MS / once))

    def batch() -> None:
        for number in range(count):
            function(*rotation[number % copies])

    times = [system.time(batch) / count for _ in range(_BATCHES)]
    return {
        "ms": statistics.median(times),
        "host_us": _host_time(system, function, rotation[0]),
        "first_ms": first,
        "error": error,
        "bytes": case.bytes(),
        "operations": case.operations(*case.shapes) if case.operations else 0.0,
    }


def _host_time(system: System, function: Callable[..., Any], inputs: list[Any]) -> float:
    """Microseconds that issuing a call takes while the device's queue has room."""
    times = []
    for _ in range(_BATCHES):
        system.finish()
        start = time.perf_counter()
        for _ in range(20):
            function(*inputs)
        times.append((time.perf_counter() - start) / 20 * 1e6)
    return statistics.median(times)


def _error(case: Case, inputs: list[np.ndarray], result: np.ndarray) -> float:
    """Greatest difference from NumPy in f64, relative to the greatest value; on a few rows."""
    given = [x.astype(np.float64) for x in inputs]
    if case.operations:
        return float("nan") if np.isnan(result).any() else _product_error(case, given, result)
    if result.ndim:
        given = [x[:64] if x.shape == inputs[0].shape else x for x in given]
        result = result[:64]
    expected = case.make(np)(*given)
    scale = max(float(np.abs(expected).max()), 1e-30)
    return float(np.abs(result.astype(np.float64) - expected).max() / scale)


def _product_error(case: Case, given: list[np.ndarray], result: np.ndarray) -> float:
    """As `_error`, for the first rows of the first operand alone."""
    index = (0,) * (given[0].ndim - 2)
    first = [given[0][index][:16], *(x[index] if x.ndim > 2 else x for x in given[1:])]
    expected = case.make(np)(*first)
    scale = max(float(np.abs(expected).max()), 1e-30)
    return float(np.abs(result[index][:16].astype(np.float64) - expected).max() / scale)


def copy_rate() -> float:
    """Bytes a second of a copy on the device, read and written."""
    system = CuPy("cupy")
    source = system.cupy.ones(1 << 28, np.float32)
    target = system.cupy.empty_like(source)
    times = [system.time(lambda: system.cupy.copyto(target, source)) for _ in range(_BATCHES)]
    return 2 * source.nbytes / (statistics.median(times) * 1e-3)


def work(system_name: str, names: list[str]) -> None:
    """Measure one system; a line of JSON for each case."""
    if system_name == "copy":
        print(json.dumps({"copy": copy_rate()}))
        return
    system = MAKERS[system_name](system_name)
    for case in CASES:
        if case.name in names:
            try:
                row = measure(system, case)
            except Exception as error:
                row = {"failed": f"{type(error).__name__}: {error}"[:300]}
            print(json.dumps({"case": case.name, "system": system_name, **row}), flush=True)


def run_system(name: str, cases: list[str]) -> list[dict[str, Any]]:
    """The rows of one system, from a process of its own."""
    command = [sys.executable, __file__, "--work", name, "--cases", ",".join(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{name}: left out ({reason})", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def table(rows: list[dict[str, Any]], copy: float) -> str:
    """Rows as text."""
    lines = [f"{'case':<16} {'system':<9} {'ms':>9} {'rate':>18} {'host us':>9} {'error':>9}"]
    for row in rows:
        if "failed" in row:
            lines.append(f"{row['case']:<16} {row['system']:<9} {row['failed']}")
            continue
        seconds = row["ms"] * 1e-3
        rate = f"{row['operations'] / seconds / 1e12:.0f} TFLOP/s"
        if not row["operations"]:
            rate = f"{row['bytes'] / seconds / 1e12:.2f} TB/s"
            rate += f" {100 * row['bytes'] / seconds / copy:.0f} %" if copy else ""
        lines.append(
            f"{row['case']:<16} {row['system']:<9} {row['ms']:>9.4f} {rate:>18} "
            f"{row['host_us']:>9.1f} {row['error']:>9.1e}"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure; 2 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = options.cases.split(",")
    if options.work:
        work(options.work, cases)
        return 0
    found = machine.probe()
    if found.problem:
        print(f"no GPU: {found.problem}; python -m jitflow doctor says more", file=sys.stderr)
        return 2
    copy = next((row["copy"] for row in run_system("copy", cases)), 0.0)
    rows = [row for name in options.systems.split(",") for row in run_system(name, cases)]
    rows.sort(key=lambda row: cases.index(row["case"]))
    print(f"{found.devices[0].name}, copy {copy / 1e12:.2f} TB/s")
    print(table(rows, copy))
    if options.out:
        about = {"device": found.devices[0].name, "driver": found.version, "copy": copy}
        options.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    slips = [r for r in rows if not r.get("error", 0.0) <= _WORST]
    return 1 if slips else 0


if __name__ == "__main__":
    sys.exit(main())
