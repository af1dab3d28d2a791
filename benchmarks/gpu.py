"""Compiled functions on a GPU against CuPy, `cupy.fuse`, torch, torch.compile and jax.

``python benchmarks/gpu.py [--cases softmax,gelu] [--systems jitflow,cupy] [--out FILE]``: each
system (`gpu_systems`) in a process of its own, the same inputs, results checked against NumPy in
f64. Times are medians of batches between two events (jax: wall time of a batch), over inputs that
rotate so that no cache holds them; "host" is what issuing one call takes. The copy rate of the
device is measured in the same run, and every case says whether it reached its goal. Systems that
are not installed are left out.
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
from benchmarks.gpu_systems import MAKERS, MODES, SYSTEMS, CuPy, NotMade, System, versions
from jitflow.runtime.device import machine

_ROTATION = 512 << 20  # bytes of inputs: several times the second-level cache
_BATCH_MS, _BATCHES = 20.0, 9
_WORST = 2e-2
"""Difference from NumPy from which on a result is wrong, whatever the dtype."""


def measure(system: System, case: Case) -> dict[str, Any]:
    """Milliseconds of a call on the device and on the host, of the first call, and the error."""
    function = system.function(case)
    hosts = [case.inputs(False, seed) for seed in range(2)]
    size = sum(leaf.nbytes for leaf in leaves(hosts[0]))
    copies = max(2, min(16, int(_ROTATION / size)))
    rotation = [system.put(hosts[k % len(hosts)]) for k in range(copies)]
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


def leaves(tree: Any) -> list[np.ndarray]:
    """The arrays in lists and dicts."""
    if isinstance(tree, np.ndarray):
        return [tree]
    items = tree.values() if isinstance(tree, dict) else tree
    return [leaf for item in items for leaf in leaves(item)]


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


def _error(case: Case, inputs: list[Any], result: np.ndarray) -> float:
    """Greatest difference from NumPy in f64, relative to the greatest value; on a few rows.

    Of a model from NumPy in f32, on all rows.
    """
    if case.build is not None:
        expected = case.make(np)(*inputs)
        scale = max(float(np.abs(expected).max()), 1e-30)
        return float(np.abs(result - expected).max() / scale)
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
            except NotMade:
                continue
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
    lines = [f"{'case':<20} {'system':<15} {'ms':>9} {'rate':>18} {'host us':>9} {'error':>9}"]
    for row in rows:
        if "failed" in row:
            lines.append(f"{row['case']:<20} {row['system']:<15} {row['failed']}")
            continue
        lines.append(
            f"{row['case']:<20} {row['system']:<15} {row['ms']:>9.4f} {_rate(row, copy):>18} "
            f"{row['host_us']:>9.1f} {row['error']:>9.1e}"
        )
    return "\n".join(lines)


def _rate(row: dict[str, Any], copy: float) -> str:
    seconds = row["ms"] * 1e-3
    if row["operations"]:
        return f"{row['operations'] / seconds / 1e12:.0f} TFLOP/s"
    if not row["bytes"]:
        return ""
    share = f" {100 * row['bytes'] / seconds / copy:.0f} %" if copy else ""
    return f"{row['bytes'] / seconds / 1e12:.2f} TB/s{share}"


def verdicts(rows: list[dict[str, Any]], copy: float) -> list[str]:
    """What each case reached of its goal, by the best mode of jitflow."""
    measured = {(row["case"], row["system"]): row for row in rows if "failed" not in row}
    lines = []
    for case in CASES:
        own = [measured[case.name, mode] for mode in MODES if (case.name, mode) in measured]
        if own:
            best = min(own, key=lambda row: row["ms"])
            lines.append(f"{case.name}: {_verdict(case, best, measured, copy)}")
    return lines


def _verdict(case: Case, best: dict[str, Any], measured: dict[Any, Any], copy: float) -> str:
    goal = case.goal
    if goal.us:
        row = measured.get((case.name, goal.of or "jitflow"), best)
        text = f"{row['host_us']:.1f} us on the host, at most {goal.us:g}"
        return _reached(text, row["host_us"] <= goal.us)
    if goal.of == "copy":
        share = best["bytes"] / (best["ms"] * 1e-3) / copy if copy else 0.0
        text = f"{100 * share:.0f} % of the copy rate"
    else:
        peer = measured.get((case.name, goal.of))
        if peer is None:
            return f"{goal.of} was not measured"
        share = peer["ms"] / best["ms"]
        text = f"{share:.2f} times the speed of {goal.of}"
    return _reached(f"{text}, at least {goal.share:g}", share >= goal.share)


def _reached(text: str, is_reached: bool) -> str:
    return f"{text}: {'reached' if is_reached else 'NOT reached'}"


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
    print("\n".join(verdicts(rows, copy)))
    if options.out:
        about = {"device": found.devices[0].name, "driver": found.version, "copy": copy}
        about["versions"] = versions()
        options.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    slips = [row for row in rows if not row.get("error", 0.0) <= _WORST]
    return 1 if slips else 0


if __name__ == "__main__":
    sys.exit(main())
