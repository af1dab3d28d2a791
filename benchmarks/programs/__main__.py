"""Times programs compiled against plain NumPy, and against numba where it is installed.

``python -m benchmarks.programs [--only NAME,...] [--peers PYTHON] [--size SIZE]``. Each program runs in
a process of its own, pinned to one core, eager and compiled in turns; medians.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.programs.registry import Program, programs

ROOT = Path(__file__).parents[2]


def timer(program: Program, size: int) -> Callable[[Callable[..., Any]], float]:
    """A function that gives the seconds of one call with fresh arguments."""
    inputs = program.inputs(size)

    def seconds(function: Callable[..., Any]) -> float:
        args = copy.deepcopy(inputs)
        start = time.perf_counter()
        function(*args)
        return time.perf_counter() - start

    return seconds


def medians(functions: list[Callable[..., Any]], seconds: Any, budget: float) -> list[float]:
    """Seconds of a call of each, taken in turns until the budget is spent."""
    end = time.perf_counter() + budget
    turns = []
    while len(turns) < 3 or (time.perf_counter() < end and len(turns) < 500):
        turns.append([seconds(function) for function in functions])
    return [statistics.median(times) for times in zip(*turns, strict=True)]


def measure_jitflow(program: Program, size: int, budget: float) -> dict[str, Any]:
    """Eager and compiled, with the first call and the report's counts."""
    import jitflow

    seconds = timer(program, size)
    compiled = jitflow.compile(program.function)
    first = seconds(compiled)
    seconds(compiled)
    eager, steady = medians([program.function, compiled], seconds, budget)
    report = compiled.report()
    return {
        "eager": eager,
        "jitflow": steady,
        "first": first,
        "pieces": report.pieces,
        "breaks": report.breaks,
        "recompiles": report.recompiles,
        "codes": sorted({entry.code for entry in report.journal.breaks.values()}),
    }


def measure_numba(program: Program, size: int, budget: float) -> dict[str, Any]:
    """The same source through `numba.njit`, if it takes it."""
    import numba

    seconds = timer(program, size)
    compiled = numba.njit(program.function)
    first = seconds(compiled)
    return {"numba": medians([compiled], seconds, budget)[0], "numba_first": first}


def in_process(python: str, what: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement in a fresh process; its row, or the reason why there is none."""
    command = [python, "-m", "benchmarks.programs", "--one", what, "--only", name]
    command += ["--budget", str(options.budget), "--size", str(options.size)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    core = {max(os.sched_getaffinity(0))}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.limit, env=environment,
            cwd=ROOT, preexec_fn=lambda: os.sched_setaffinity(0, core),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"more than {options.limit:.0f} s"}
    lines = done.stderr.strip().split("\n") if done.returncode else done.stdout.strip().split("\n")
    return {"error": lines[-1]} if done.returncode else json.loads(lines[-1])


def show(program: Program, row: dict[str, Any]) -> None:
    """One line of the table."""
    place = f"{program.kind}.{program.name}"
    if "error" in row:
        print(f"{place:<38} {row['error'][:100]}", flush=True)
        return
    numba = f"{1e3 * row['numba']:>10.3f}" if "numba" in row else f"{'-':>10}"
    print(
        f"{place:<38} {1e3 * row['eager']:>10.3f} {1e3 * row['jitflow']:>10.3f} {numba} "
        f"{row['eager'] / row['jitflow']:>8.2f} {1e3 * row['first']:>8.0f} {row['pieces']:>4} "
        f"{row['breaks']:>4} {row['recompiles']:>4} {','.join(row['codes'])}",
        flush=True,
    )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names or kinds, separated by commas")
    parser.add_argument("--peers", help="an interpreter that has numba")
    parser.add_argument("--size", type=int, default=0, help="instead of each program's own")
    parser.add_argument("--budget", type=float, default=0.5, help="seconds of timing a program")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a process")
    parser.add_argument("--one", choices=("jitflow", "numba"), help="measure here, print JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Time the programs and print the table."""
    options = parse(arguments)
    wanted = set(filter(None, options.only.split(",")))
    chosen = [p for p in programs() if not wanted or wanted & {p.name, p.kind}]
    if options.one:
        measure = measure_jitflow if options.one == "jitflow" else measure_numba
        row = measure(chosen[0], options.size or chosen[0].large, options.budget)
        print(json.dumps(row))
        return
    columns = f"{'eager ms':>10} {'jit ms':>10} {'numba ms':>10} {'ratio':>8} {'first':>8}"
    print(f"{'program':<38} {columns} piec brea reco")
    for program in chosen:
        row = in_process(sys.executable, "jitflow", program.name, options)
        if options.peers and "error" not in row:
            peer = in_process(options.peers, "numba", program.name, options)
            row |= {key: value for key, value in peer.items() if key != "error"}
        show(program, row)


if __name__ == "__main__":
    main()
