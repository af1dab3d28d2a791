"""Runs random loop programs: compiled against eager.

    PYTHONPATH=. python tests/differential/fuzz_loops.py --seeds 0:2000
    PYTHONPATH=. python tests/differential/fuzz_loops.py --kind rough --seeds 17:18 --show

Prints the seeds that differ, and how many loops and branches were captured. Kinds of programs: `kinds`.
"""

from __future__ import annotations

import argparse
import gc
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from kinds import KINDS, Kind
from outcomes import differences, observe

import jitflow

_SETTINGS = {
    "strict": True,
    "verify_ir": True,
    "capture_loops": True,
    "measure": False,
    "max_poor_pieces": 1000,
}
"""Nothing is left to Python because that would be faster."""


EAGER_SECONDS = 5
"""Processor time of an eager call; one that takes longer is not compared."""


class TooLong(BaseException):
    """A call did not end in time; no handler of a program may hold it up."""


def within(seconds: float, function: Callable[..., Any], *args: Any) -> Any:
    """What the call gives, unless it takes longer than so much processor time."""

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return function(*args)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def check_seed(
    seed: int, backend: str, kind: Kind = KINDS["loops"], seconds: float = 60
) -> tuple[list[str], dict[str, float]]:
    """How compiled and eager calls of one program differ, and the counters of its report."""
    program, _ = kind.program(seed)
    compiled = jitflow.compile(program, backend=backend)
    before, endless = jitflow.stats(), 0
    with jitflow.config().override(**_SETTINGS):
        for number, make in enumerate(kind.calls(seed)):
            try:
                expected = within(EAGER_SECONDS, observe, program, make())
            except TooLong:  # such as a range to 2**62; the calls before count
                endless = 1
                break
            found = differences(expected, within(seconds, observe, compiled, make()), kind.rounding)
            if found:
                return [f"call {number}: {text}" for text in found], {}
    after = jitflow.stats()
    return [], {name: after[name] - before[name] for name in after} | {"endless": endless}


def check_safely(
    seed: int, backend: str, kind: Kind, seconds: int
) -> tuple[list[str], dict[str, float]]:
    """As `check_seed`; errors and programs that take too long are differences."""
    try:
        return check_seed(seed, backend, kind, seconds)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"], {}


def run(seeds: range, backend: str, kind: Kind, seconds: int) -> Iterator[tuple[int, list[str]]]:
    """The seeds that differ; prints a summary at the end."""
    started, total = time.perf_counter(), {}
    for seed in seeds:
        found, counted = check_safely(seed, backend, kind, seconds)
        for name, value in counted.items():
            total[name] = total.get(name, 0) + value
        if (seed + 1) % 500 == 0:
            print(f"{seed + 1} done, {time.process_time():.0f} s", flush=True)
        if found:
            yield seed, found
    print(f"{len(seeds)} programs in {time.perf_counter() - started:.0f} s")
    print(", ".join(f"{name} {value:g}" for name, value in total.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:200", help="first and last seed, as in a slice")
    parser.add_argument("--kind", default="loops", choices=KINDS, help="kind of programs")
    parser.add_argument("--backend", default="auto", help="auto, or reference for NumPy's kernels")
    parser.add_argument("--seconds", type=int, default=60, help="processor time of one call")
    parser.add_argument("--show", action="store_true", help="print the programs that differ")
    options = parser.parse_args()
    first, last = (int(part) for part in options.seeds.split(":"))
    kind, failed = KINDS[options.kind], 0
    gc.freeze()  # modules live on: collections need not look at them
    for seed, found in run(range(first, last), options.backend, kind, options.seconds):
        failed += 1
        print(f"seed {seed}: {found[0]}", flush=True)
        if options.show:
            print("\n".join([*found[1:], kind.program(seed)[1]]))
    print(f"{failed} differ")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
