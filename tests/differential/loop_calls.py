"""Calls of random loop programs, everything that one can see of a call, and how two calls differ."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import random
import re
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from loop_programs import LoopProgram

CALLS = 4


class Box:
    """An object with attributes that loops read and write."""

    def __init__(self, value: Any, count: int, array: np.ndarray) -> None:
        self.value, self.count, self.array = value, count, array


def make_program(seed: int) -> tuple[Callable[..., Any], str]:
    """The program of a seed and its text."""
    source = LoopProgram(seed).source()
    namespace: dict[str, Any] = {"np": np, "math": math, "product": itertools.product}
    exec(compile(source, f"<loops {seed}>", "exec"), namespace)
    return namespace["program"], source


def make_calls(seed: int) -> Iterator[Callable[[], tuple[Any, ...]]]:
    """Makers of arguments: each gives new, equal arguments whenever it is called."""
    rng = random.Random(f"calls {seed}")
    first = _choices(rng)
    for number in range(CALLS):
        chosen = dict(first, seed=rng.randrange(10**6))
        if number:
            other = _choices(rng)
            for name in rng.sample(sorted(first), rng.randint(0, 2)):
                chosen[name] = other[name]
        yield lambda chosen=chosen: _arguments(**chosen)


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


# Observing


def observe(function: Callable[..., Any], args: tuple[Any, ...]) -> SimpleNamespace:
    """Run; what came out, and the arguments as they are then."""
    text = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(text):
        warnings.simplefilter("always")
        try:
            ending: Any = function(*args)
            raised = None
        except Exception as error:
            ending, raised = None, (type(error).__name__, str(error), _lines(error))
    said = {(w.category.__name__, str(w.message), w.lineno) for w in caught}
    return SimpleNamespace(
        ending=ending, raised=raised, warnings=sorted(said), output=text.getvalue(), args=args
    )


def _lines(error: BaseException) -> tuple[int, ...]:
    """Lines of the program in the traceback."""
    found, trace = [], error.__traceback__
    while trace is not None:
        if re.match(r"<loops", trace.tb_frame.f_code.co_filename):
            found.append(trace.tb_lineno)
        trace = trace.tb_next
    return tuple(found)


# Comparing


def differences(expected: SimpleNamespace, got: SimpleNamespace) -> list[str]:
    """In words, how two observations differ."""
    found: list[str] = []
    for name in ("raised", "warnings", "output"):
        if getattr(expected, name) != getattr(got, name):
            found.append(f"{name}: {getattr(expected, name)} and {getattr(got, name)}")
    _compare(expected.ending, got.ending, "result", found)
    _compare(expected.args, got.args, "args", found)
    names = [
        _arrays(side.ending, "result") + _arrays(side.args, "args") for side in (expected, got)
    ]
    if not found and _sharing(names[0]) != _sharing(names[1]):
        found.append(f"shared memory: {_sharing(names[0]) ^ _sharing(names[1])}")
    return found


def _compare(left: Any, right: Any, place: str, found: list[str]) -> None:
    if type(left) is not type(right):
        found.append(
            f"{place}: {type(left).__name__} {left!r} and {type(right).__name__} {right!r}"
        )
    elif isinstance(left, np.ndarray):
        _compare_arrays(left, right, place, found)
    elif isinstance(left, tuple | list):
        if len(left) != len(right):
            found.append(f"{place}: length {len(left)} and {len(right)}")
        for number, (one, other) in enumerate(zip(left, right, strict=False)):
            _compare(one, other, f"{place}[{number}]", found)
    elif isinstance(left, Box):
        _compare(list(vars(left).items()), list(vars(right).items()), f"{place}.box", found)
    elif isinstance(left, float | np.floating):
        if not _close(np.asarray(left), np.asarray(right)):
            found.append(f"{place}: {left!r} and {right!r}")
    elif left != right:
        found.append(f"{place}: {left!r} and {right!r}")


def _compare_arrays(left: np.ndarray, right: np.ndarray, place: str, found: list[str]) -> None:
    for name in ("dtype", "shape"):
        if getattr(left, name) != getattr(right, name):
            found.append(f"{place}: {name} {getattr(left, name)} and {getattr(right, name)}")
            return
    if left.size > 1 and left.strides != right.strides:
        found.append(f"{place}: strides {left.strides} and {right.strides}")
    if not _close(left, right):
        found.append(f"{place}: {left} and {right}")


def _close(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal up to what the order of sums and the math library may change."""
    if left.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    with np.errstate(all="ignore"):
        scale = np.max(np.abs(left), initial=1.0, where=np.isfinite(left))
        tolerance = 4096 * np.finfo(left.dtype).eps
        if not np.array_equal(np.signbit(left[left == 0]), np.signbit(right[left == 0])):
            return bool(np.all(right[left == 0] != 0)) and _near(left, right, tolerance, scale)
        return _near(left, right, tolerance, scale)


def _near(left: np.ndarray, right: np.ndarray, tolerance: float, scale: float) -> bool:
    return bool(np.allclose(right, left, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def _arrays(value: Any, place: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        return [(place, value)]
    if isinstance(value, Box):
        return _arrays(value.array, place + ".array")
    if isinstance(value, tuple | list):
        return [pair for k, item in enumerate(value) for pair in _arrays(item, f"{place}[{k}]")]
    return []


def _sharing(arrays: list[tuple[str, np.ndarray]]) -> set[tuple[str, str, str]]:
    """Which pairs are one object, or share memory."""
    found = set()
    for k, (name, one) in enumerate(arrays):
        for other_name, other in arrays[k + 1 :]:
            if one is other:
                found.add((name, other_name, "same"))
            elif np.shares_memory(one, other):
                found.add((name, other_name, "shares"))
    return found
