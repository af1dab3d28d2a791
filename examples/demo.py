"""The demo: compiles and runs four programs, checks them against eager NumPy, prints one table.

Run ``make demo``, or ``python -m examples.demo [--mnist FOLDER] [--quick] [--device cuda]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import jitflow
from examples import breaks, digits, gpt, shallow_water
from examples.place import Place


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds."""

    name: str
    eager: float
    compiled: float
    first: float
    report: Any
    error: float

    def text(self) -> str:
        """The line as it is printed."""
        return (
            f"{self.name:<34} {self.eager:>10.3f} {self.compiled:>12.3f} "
            f"{self.eager / self.compiled:>7.2f} {self.first:>11.1f} {self.report.pieces:>7} "
            f"{self.report.breaks:>7} {self.report.recompiles:>11} {self.error:>10.1e}"
        )


HEAD = (
    f"{'program':<34} {'eager ms':>10} {'compiled ms':>12} {'ratio':>7} {'first ms':>11} "
    f"{'pieces':>7} {'breaks':>7} {'recompiles':>11} {'max error':>10}"
)


def milliseconds(run: Callable[[], Any], place: Place) -> float:
    """Wall time of one run."""
    place.finish()
    start = time.perf_counter()
    run()
    place.finish()
    return 1e3 * (time.perf_counter() - start)


def side_by_side(
    eager: Callable[[], Any], compiled: Callable[[], Any], repeat: int, place: Place
) -> tuple[float, float]:
    """Medians of interleaved runs."""
    pairs = [(milliseconds(eager, place), milliseconds(compiled, place)) for _ in range(repeat)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def max_error(expected: Any, got: Any) -> float:
    """Largest absolute difference, over tuples too."""
    if isinstance(expected, tuple):
        return max(max_error(a, b) for a, b in zip(expected, got, strict=True))
    return float(np.max(np.abs(np.asarray(expected) - np.asarray(got)), initial=0.0))


def measure(name: str, function: Callable[..., Any], *hosts: Any, repeat: int, place: Place) -> Row:
    """Compile `function`, call it on the arguments, compare and time it."""
    args, compiled = place.put(hosts), jitflow.compile(function)
    first = milliseconds(lambda: compiled(*args), place)
    error = max_error(place.fetch(function(*args)), place.fetch(compiled(*args)))
    eager_ms, compiled_ms = side_by_side(
        lambda: function(*args), lambda: compiled(*args), repeat, place
    )
    return Row(name, eager_ms, compiled_ms, first, compiled.report(), error)


def gpt_rows(repeat: int, place: Place) -> list[Row]:
    """The decoder's forward pass, and 64 greedy tokens with a growing sequence."""
    rng = np.random.default_rng(0)
    parameters = place.put(gpt.make_parameters(rng))
    tokens = rng.integers(0, 1000, 64)
    forward = measure(
        "gpt forward, 64 tokens", gpt.gpt, tokens, parameters, repeat=repeat, place=place
    )
    model = jitflow.compile(gpt.gpt)
    prompt = [1, 2, 3, 4, 5, 6, 7, 8]
    start = time.perf_counter()
    got = gpt.generate(model, prompt, parameters, 64)
    first = 1e3 * (time.perf_counter() - start)
    eager_ms, compiled_ms = side_by_side(
        lambda: gpt.generate(gpt.gpt, prompt, parameters, 64),
        lambda: gpt.generate(model, prompt, parameters, 64),
        max(1, repeat // 10),
        place,
    )
    expected = gpt.generate(gpt.gpt, prompt, parameters, 64)
    wrong = float(sum(a != b for a, b in zip(expected, got, strict=True)))
    generation = Row(
        "gpt generation, 64 tokens", eager_ms, compiled_ms, first, model.report(), wrong
    )
    return [forward, generation]


def digits_row(folder: Path | None, place: Place) -> Row:
    """Softmax regression: the whole training, with the step compiled."""
    images, names = digits.load(folder)
    x, labels, y = place.put((images, names, digits.one_hot(names, 10)))
    step = jitflow.compile(digits.step)
    w, b = np.zeros_like(x, shape=(x.shape[1], 10)), np.zeros_like(x, shape=10)
    first = milliseconds(lambda: step(w, b, x[:100], y[:100], 0.5), place)
    eager = digits.train(digits.step, x, y, epochs=20)
    got = digits.train(step, x, y, epochs=20)
    eager_ms, compiled_ms = side_by_side(
        lambda: digits.train(digits.step, x, y, epochs=20),
        lambda: digits.train(step, x, y, epochs=20),
        5,
        place,
    )
    share = digits.accuracy(got[0], got[1], x, labels)
    error = max_error(place.fetch(eager[0]), place.fetch(got[0]))
    name = f"digits training, {100 * share:.1f} % right"
    return Row(name, eager_ms, compiled_ms, first, step.report(), error)


def array_rows(repeat: int, place: Place) -> list[Row]:
    """Shallow water, and option prices."""
    height = shallow_water.initial_height(512)
    still = np.zeros_like(height)
    rng = np.random.default_rng(1)
    spot, strike = rng.uniform(10, 200, 200_000), rng.uniform(10, 200, 200_000)
    years = rng.uniform(0.1, 2.0, 200_000)
    return [
        measure(
            "shallow water, 512x512 step",
            shallow_water.water_step,
            height,
            still,
            still,
            1e-3,
            2 / 512,
            repeat=repeat,
            place=place,
        ),
        measure(
            "black-scholes, 200k options",
            shallow_water.black_scholes,
            spot,
            strike,
            years,
            0.03,
            0.2,
            repeat=repeat,
            place=place,
        ),
    ]


def breaks_row(place: Place) -> Row:
    """A function that breaks three times."""
    x = np.random.default_rng(2).standard_normal(100_000)
    return measure("describe (print, if, np.unique)", breaks.describe, x, repeat=3, place=place)


def main() -> int:
    """Run everything and print the table and the break report; 2 where there is no such device."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="folder with MNIST in IDX files")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    place = Place(options.device)
    try:
        place.put(np.zeros(1))
    except jitflow.JitflowError as error:
        print(error, file=sys.stderr)
        return 2
    repeat = 5 if options.quick else 30
    broken = breaks_row(place)
    rows = [*gpt_rows(repeat, place), digits_row(options.mnist, place)]
    rows += [*array_rows(repeat, place), broken]
    print(f"\n{HEAD}")
    for row in rows:
        print(row.text())
    print(f"\nWhat happened in examples/breaks.py:\n{broken.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
