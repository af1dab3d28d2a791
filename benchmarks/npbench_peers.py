"""One program of NPBench by a peer, in this process: numba on the NumPy source, or the versions for
numba and jax that NPBench brings. Run by `benchmarks.npbench`.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import inspect
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.npbench import arguments, differs, load

SYSTEMS = ("njit", "numba", "jax")


def jitted(module: ModuleType, name: str) -> Callable[..., Any]:
    """The function `name` of a module with every function of the module under `numba.njit`."""
    import numba

    for key, value in list(vars(module).items()):
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            setattr(module, key, numba.njit(value))
    found: Callable[..., Any] = getattr(module, name)
    return found


def candidates(system: str, base: str, name: str) -> list[Callable[..., Any]]:
    """The functions of a system for one program: compiled whole, or in part."""
    if system == "njit":
        return [jitted(importlib.import_module(f"{base}_numpy"), name)]
    suffixes = ("numba_n", "numba_o") if system == "numba" else ("jax",)
    found = []
    for suffix in suffixes:
        try:
            found.append(getattr(importlib.import_module(f"{base}_{suffix}"), name))
        except (ImportError, AttributeError):
            continue
    return found


def run(folder: Path, name: str, preset: str, repeat: int, system: str) -> dict[str, Any]:
    """Milliseconds of the first and of later calls of the best candidate; whether it is right."""
    sys.path.insert(0, str(folder))
    info = load(folder, name)
    base = f"npbench.benchmarks.{info['relative_path'].replace('/', '.')}.{info['module_name']}"
    data = arguments(info, base, preset)
    to_system, wait = _conversion(system)
    outputs = info.get("output_args", [])

    def call(function: Callable[..., Any], convert: Callable[[Any], Any]) -> tuple[float, Any]:
        inputs = {key: convert(copy.deepcopy(data[key])) for key in info["input_args"]}
        start = time.perf_counter()
        result = wait(function(*inputs.values()))
        seconds = time.perf_counter() - start
        return seconds, (result, [inputs[key] for key in outputs if key in inputs])

    eager = getattr(importlib.import_module(f"{base}_numpy"), info["func_name"])
    _, expected = call(eager, lambda value: value)
    best: dict[str, Any] = {"error": "no version that runs"}
    for function in candidates(system, base, info["func_name"]):
        try:
            first, found = call(function, to_system)
            times = [call(function, to_system)[0] for _ in range(repeat)]
        except Exception as error:
            best.setdefault("reason", f"{type(error).__name__}: {str(error)[:80]}")
            continue
        milliseconds = 1e3 * statistics.median(times)
        if milliseconds < best.get("ms", float("inf")):
            right = system == "jax" or not differs(expected, found)
            best = {"ms": milliseconds, "first": 1e3 * first, "right": right}
    return best


def _conversion(system: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What makes arguments of arrays, and what waits for a result."""
    if system != "jax":
        return lambda value: value, lambda value: value
    import jax

    jax.config.update("jax_enable_x64", True)

    def convert(value: Any) -> Any:
        return jax.numpy.asarray(value) if isinstance(value, np.ndarray) else value

    return convert, jax.block_until_ready


def main() -> None:
    """Print one result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npbench", type=Path)
    parser.add_argument("--one")
    parser.add_argument("--preset", default="S")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--system", choices=SYSTEMS)
    options = parser.parse_args()
    if options.one is None:
        print("run by benchmarks.npbench")
        return
    row = run(options.npbench, options.one, options.preset, options.repeat, options.system)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
