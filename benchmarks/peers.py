"""jitflow against its peers: plain NumPy, numba, jax, torch eager and compiled, side by side.

Run ``python -m benchmarks.peers --peers PYTHON``, where PYTHON is an interpreter that has the peers
(this one runs plain NumPy and jitflow). Each system has a process of its own, pinned to one core
with one thread; the systems take turns, several times for each case. Results are checked against
plain NumPy; ``*`` is a right result in another dtype, such as f32 for f64. Times are CPU times:
medians over the turns of the best of each turn. First calls include compilation (and what a system
imports for it), with the time of child processes. The table is printed and written to
``benchmarks/results/peers.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.peer_cases import CASES

ROOT = Path(__file__).parents[1]
OWN = ("eager", "jitflow")
PEERS = ("numba", "jax", "torch-eager", "torch", "torch-numpy")
COPY_CASES = ("gelu", "softmax", "layernorm")


class Process:
    """The process of one system."""

    def __init__(self, system: str, python: str, core: int) -> None:
        self.system = system
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.peer_worker", system],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, cwd=ROOT, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            return {"failed": "the process ended"}
        return answer

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def run_case(name: str, processes: list[Process], turns: int, seconds: float) -> dict[str, Any]:
    """First calls one after the other, then the systems in turns."""
    row: dict[str, Any] = {p.system: p.ask(do="first", name=name) for p in processes}
    able = [p for p in processes if "failed" not in row[p.system]]
    turns_of: dict[str, list[float]] = {p.system: [] for p in able}
    copies: list[float] = []
    for _ in range(turns):
        for process in able:
            found = process.ask(do="time", name=name, seconds=seconds)
            turns_of[process.system].append(found.get("best", float("nan")))
            if name in COPY_CASES and process.system == "eager":
                copies.append(process.ask(do="copy", seconds=seconds)["best"])
    for system, times in turns_of.items():
        row[system]["s"] = statistics.median(times)
        row[system]["best_s"] = min(times)
    if copies:
        row["copy"] = {"s": statistics.median(copies), "best_s": min(copies)}
    return row


def readable(seconds: float) -> str:
    """With a unit."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def cell(row: dict[str, Any], system: str) -> str:
    """Time and gain over plain NumPy."""
    found = row.get(system, {"failed": ""})
    if "failed" in found:
        return "-"
    mark = "*" if found.get("other_dtype") else ""
    return f"{readable(found['s'])}{mark} ({row['eager']['s'] / found['s']:.1f}x)"


def show(name: str, row: dict[str, Any], systems: list[str]) -> None:
    """One line of the table: steady state; then the first calls."""
    line = "".join(f"{cell(row, system):>20}" for system in systems)
    extra = ""
    if "copy" in row and "s" in row.get("jitflow", {}):
        extra = f"  copy {readable(row['copy']['s'])}, jitflow "
        extra += f"{row['jitflow']['s'] / row['copy']['s']:.2f} of it"
    print(f"{name:<12}{line}{extra}", flush=True)
    firsts = [row.get(system, {}).get("first_s") for system in systems]
    line = "".join(f"{'-' if s is None else readable(s):>20}" for s in firsts)
    print(f"{'  first':<12}{line}", flush=True)


def main() -> None:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--peers", help="an interpreter that has numba, jax and torch")
    parser.add_argument("--systems", nargs="*", help="only these systems")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.15, help="of one turn of one system")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--output", default=str(ROOT / "benchmarks" / "results" / "peers.json"))
    options = parser.parse_args()
    pythons = dict.fromkeys(OWN, sys.executable)
    if options.peers:
        pythons |= dict.fromkeys(PEERS, options.peers)
    systems = [name for name in pythons if not options.systems or name in options.systems]
    processes = [Process(name, pythons[name], options.core) for name in systems]
    print(f"{'':<12}" + "".join(f"{system:>20}" for system in systems))
    table = {}
    for name in options.cases:
        table[name] = run_case(name, processes, options.turns, options.seconds)
        show(name, table[name], systems)
    for process in processes:
        process.close()
    for name, row in table.items():
        for system in systems:
            if "failed" in row.get(system, {}):
                print(f"{name}: {system}: {row[system]['failed']}")
    result = {"machine": platform.processor() or platform.machine(), "cases": table}
    Path(options.output).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
