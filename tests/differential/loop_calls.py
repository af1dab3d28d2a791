"""Random loop programs as functions, and arguments for their calls."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from loop_programs import LoopProgram
from outcomes import Box

CALLS = 4


def load(source: str, name: str) -> tuple[Callable[..., Any], str]:
    """The function `program` of a text, and the text."""
    namespace: dict[str, Any] = dict(
        np=np,
        math=math,
        product=itertools.product,
        warnings=warnings,
        random=random,
        heapq=heapq,
        deque=deque,
        defaultdict=defaultdict,
        Counter=Counter,
        __name__="programs",
    )
    exec(compile(source, f"<{name}>", "exec"), namespace)
    return namespace["program"], source


def make_program(seed: int) -> tuple[Callable[..., Any], str]:
    """The program of a seed and its text."""
    return load(LoopProgram(seed).source(), f"loops {seed}")


def make_calls(
    seed: int, more: Callable[..., tuple[Any, ...]] = lambda *_: ()
) -> Iterator[Callable[[], tuple[Any, ...]]]:
    """Makers of arguments: each gives new, equal arguments whenever it is called.

    `more` makes further arguments from a length, a dtype and a seed.
    """
    rng = random.Random(f"calls {seed}")
    first = _choices(rng)
    for number in range(CALLS):
        chosen = dict(first, seed=rng.randrange(10**6))
        if number:
            other = _choices(rng)
            for name in rng.sample(sorted(first), rng.randint(0, 2)):
                chosen[name] = other[name]
        rest = [chosen[name] for name in ("length", "dtype", "seed")]
        yield lambda chosen=chosen, rest=rest: _arguments(**chosen) + more(*rest)


def rough_arguments(length: int, dtype: Any, seed: int) -> tuple[Any, ...]:
    """A dict, single-precision numbers, and small unsigned integers."""
    rng = np.random.default_rng((seed, 1))
    singles = (rng.integers(-8, 9, length) / 4).astype(np.float32)
    bytes_ = rng.integers(0, 256, max(length, 2)).astype([np.uint8, np.int8, np.uint16][seed % 3])
    table = {"x": float(rng.integers(-4, 5)), "y": rng.integers(-8, 9, length) / 4, 3: 2, "n": 1}
    return table, singles, bytes_


def _choices(rng: random.Random) -> dict[str, Any]:
    return {
        "length": rng.choice([6, 6, 6, 7, 9, 3, 1, 0]),
        "n": rng.choice([4, 5, 6, 6, 7, 3, 1, 0, -2]),
        "p": rng.choice([0.5, 1.25, -2.0, 3, 0, 0.0, np.float64(0.75), True]),
        "alias": rng.choice(
            ["none", "none", "none", "same", "reversed", "shifted", "row", "strided"]
        ),
        "dtype": rng.choice([np.float64] * 6 + [np.float32, np.int64]),
        "special": rng.random() < 0.08,
        "seed": 0,
    }


def _arguments(
    length: int, n: int, p: Any, alias: str, dtype: Any, special: bool, seed: int
) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        found = rng.integers(-8, 9, shape) / (1 if dtype is np.int64 else 4)
        return found.astype(dtype)

    a, m = numbers(length), numbers(6, length)
    b = {
        "same": lambda: a,
        "reversed": lambda: a[::-1],
        "shifted": lambda: a[1:],
        "row": lambda: m[0],
        "strided": lambda: numbers(2 * length)[::2],
    }.get(alias, lambda: numbers(length))()
    if special and length and dtype is not np.int64:
        a[rng.integers(length)] = rng.choice(
            [np.nan, np.inf, -0.0, 1e300 if dtype is np.float64 else 1e30]
        )
    c = rng.integers(0, 4, max(length, 3))
    if special:
        c[rng.integers(len(c))] = rng.choice([-1, 7, 2**62])
    box = Box(float(rng.integers(-4, 5)) / 2, int(rng.integers(0, 4)), numbers(length))
    return a, b, c, m, n, p, box, [1, 2, numbers(length), "x"]


def list_arguments(length: int, dtype: Any, seed: int) -> tuple[Any, ...]:
    """Lists of ints, of floats, of rows, and of words."""
    rng = random.Random(seed)
    ints = [rng.randrange(-2, 6) for _ in range(max(length, 2))]
    floats = [rng.randrange(-8, 9) / 4 for _ in ints]
    rows = [[rng.randrange(5) for _ in range(4)] for _ in range(4)]
    return ints, floats, rows, ["ab", "c", "de", ""]


def container_arguments(length: int, dtype: Any, seed: int) -> tuple[Any, ...]:
    """Lists of ints and of pairs, a deque, a dict, a set, and rows."""
    ints, _, rows, _ = list_arguments(length, dtype, seed)
    pairs = [(number / 2, k) for k, number in enumerate(sorted(ints))]
    table = {number: k for k, number in enumerate(ints)}
    return ints, pairs, deque(ints, 6 if seed % 3 else None), table, set(ints), rows


def draw_arguments(length: int, dtype: Any, seed: int) -> tuple[Any, ...]:
    """Generators of all kinds."""
    bits = [np.random.PCG64, np.random.PCG64, np.random.MT19937, np.random.Philox][seed % 4]
    return np.random.Generator(bits(seed)), np.random.RandomState(seed), random.Random(seed)
