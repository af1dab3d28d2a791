"""NPBench with the decorator on the unmodified NumPy kernels: right or wrong, and how fast.

``python -m benchmarks.npbench --npbench DIR [--preset S] [--only NAME,...] [--peers PYTHON]`` where
DIR is a checkout of github.com/spcl/npbench, and PYTHON an interpreter that has numba and jax. Each
program runs in a process of its own: eager and compiled, in turns of some calls each (memory that
one frees is not what the other finds, no more than in the processes of the peers), medians; then
numba on the same source, and the versions for numba and jax that NPBench brings. `compile` is the
processor time of the first call beyond that of later ones, with jitflow loaded. Pin to a core with
``taskset -c 0``; with ``--threads 2`` all of them may use two.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]

_THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "JITFLOW_THREADS",
)

BLOCKS = 2
"""Turns of each way."""


def load(folder: Path, name: str) -> dict[str, Any]:
    """The description of one program."""
    return json.loads((folder / "bench_info" / f"{name}.json").read_text())["benchmark"]


def arguments(info: dict[str, Any], module: str, preset: str) -> dict[str, Any]:
    """The inputs of one program, by name."""
    data: dict[str, Any] = dict(info["parameters"][preset])
    if "init" in info:
        maker = importlib.import_module(module)
        init = info["init"]
        made = getattr(maker, init["func_name"])(*(data[key] for key in init["input_args"]))
        outputs = init["output_args"]
        data.update(zip(outputs, made if len(outputs) > 1 else (made,), strict=True))
    return data


def differs(expected: Any, got: Any) -> bool:
    """Whether two results differ by more than rounding."""
    if isinstance(expected, tuple | list):
        return len(expected) != len(got) or any(map(differs, expected, got))
    if expected is None:
        return got is not None
    a, b = np.asarray(expected), np.asarray(got)
    if a.dtype != b.dtype or a.shape != b.shape:
        return True
    if a.dtype.kind not in "fc":
        return not np.array_equal(a, b)
    tolerance = 1e-4 if a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) == 4 else 1e-8
    scale = float(np.max(np.abs(a), initial=0.0, where=np.isfinite(a)))
    return not np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def run_one(folder: Path, name: str, preset: str, repeat: int) -> dict[str, Any]:
    """Run one program in this process."""
    import jitflow

    sys.path.insert(0, str(folder))
    info = load(folder, name)
    base = f"npbench.benchmarks.{info['relative_path'].replace('/', '.')}.{info['module_name']}"
    data = arguments(info, base, preset)
    eager = getattr(importlib.import_module(f"{base}_numpy"), info["func_name"])
    compiled = jitflow.compile(eager)
    outputs = info.get("output_args", [])

    def call(function: Any, clock: Any = time.perf_counter) -> tuple[float, Any]:
        inputs = {key: copy.deepcopy(data[key]) for key in info["input_args"]}
        start = clock()
        result = function(*inputs.values())
        seconds = clock() - start
        return seconds, (result, [inputs[key] for key in outputs if key in inputs])

    _, expected = call(eager)
    jitflow.compile(lambda a, b: a + b)(np.ones(3), np.ones(3))  # what every program loads
    first, got = call(compiled, time.process_time)
    wrong = differs(expected, got) or differs(expected, call(compiled)[1])
    times: dict[Any, list[float]] = {eager: [], compiled: []}
    for function in (eager, compiled) * BLOCKS:
        times[function] += [call(function)[0] for _ in range(repeat + 1)][1:]
    eager_s, compiled_s = (statistics.median(times[function]) for function in (eager, compiled))
    report = compiled.report()
    return {
        "name": name,
        "right": not wrong,
        "eager": 1e3 * eager_s,
        "compiled": 1e3 * compiled_s,
        "ratio": eager_s / compiled_s,
        "compile": 1e3 * max(0.0, first - compiled_s),
        "pieces": report.pieces,
        "breaks": report.breaks,
        "recompiles": report.recompiles,
        "codes": sorted({entry.code for entry in report.journal.breaks.values()}),
    }


def in_process(
    name: str, options: argparse.Namespace, module: list[str], python: str = sys.executable
) -> dict[str, Any]:
    """Run one program in a fresh process; its row, or the reason why there is none."""
    command = [python, "-m", *module, "--npbench", str(options.npbench), "--one", name]
    command += ["--preset", options.preset, "--repeat", str(options.repeat)]
    about = dict.fromkeys(_THREADS, str(options.threads)) | {"PYTHONPATH": str(ROOT)}
    if options.threads == 1:
        about["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.limit,
            env={**os.environ, **about}, cwd=ROOT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"name": name, "error": f"more than {options.limit:.0f} s"}
    if done.returncode:
        lines = done.stderr.strip().split("\n")
        return {"name": name, "error": lines[-1] if lines else f"status {done.returncode}"}
    return json.loads(done.stdout.strip().split("\n")[-1])


def print_row(row: dict[str, Any]) -> None:
    """One line of the table."""
    if "error" in row:
        print(f"{row['name']:<24} {row['error'][:120]}", flush=True)
        return
    print(
        f"{row['name']:<24} {'right' if row['right'] else 'WRONG':<6} {row['eager']:>10.2f} "
        f"{row['compiled']:>10.2f} {row['ratio']:>7.2f} {row['compile']:>9.0f} {row['pieces']:>4} "
        f"{row['breaks']:>4} {row['recompiles']:>4} {','.join(row['codes'])}{_beside(row)}",
        flush=True,
    )


def _beside(row: dict[str, Any]) -> str:
    """The peers' times, and how much faster compiled is than the best of them."""
    peers: dict[str, dict[str, Any]] = row.get("peers", {})
    if not peers:
        return ""
    shown = [
        f"{name} {peer['ms']:.2f}" if "ms" in peer else f"{name} -" for name, peer in peers.items()
    ]
    times = [peer["ms"] for peer in peers.values() if peer.get("right")]
    best = f" | best peer / jit {min(times) / row['compiled']:.2f}" if times else ""
    return f" | {', '.join(shown)}{best}"


def main() -> None:
    """Run the programs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npbench", type=Path)
    parser.add_argument("--peers", help="an interpreter that has numba and jax")
    parser.add_argument("--preset", default="S")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--limit", type=float, default=90.0)
    parser.add_argument("--threads", type=int, default=1, help="of each system")
    parser.add_argument("--one", help="run this program in this process and print JSON")
    options = parser.parse_args()
    if options.npbench is None:
        print("give a checkout of github.com/spcl/npbench with --npbench DIR")
        return
    if options.one:
        print(json.dumps(run_one(options.npbench, options.one, options.preset, options.repeat)))
        return
    names = sorted(path.stem for path in (options.npbench / "bench_info").glob("*.json"))
    names = [n for n in names if not options.only or n in options.only.split(",")]
    print(
        f"{'program':<24} {'':<6} {'eager ms':>10} {'jit ms':>10} {'ratio':>7} {'compile':>9} "
        "piec brea reco"
    )
    rows = []
    for name in names:
        row = in_process(name, options, ["benchmarks.npbench"])
        if options.peers and "error" not in row:
            row["peers"] = {
                system: in_process(
                    name, options, ["benchmarks.npbench_peers", "--system", system], options.peers
                )
                for system in ("njit", "numba", "jax")
            }
        print_row(row)
        rows.append(row)
        if options.out:  # each time: a run of all programs takes long
            options.out.write_text(json.dumps(rows, indent=1) + "\n")
    good = [row for row in rows if row.get("right")]
    ratios = [row["ratio"] if row.get("right") else 1.0 for row in rows]
    mean = float(np.exp(np.mean(np.log(ratios)))) if ratios else 1.0
    print(f"{len(good)} of {len(rows)} right; geometric mean over NumPy {mean:.2f}")


if __name__ == "__main__":
    main()
