"""Everything that one can see of a call, and how two calls differ."""

from __future__ import annotations

import contextlib
import io
import random
import re
import warnings
from collections import deque
from collections.abc import Callable, Hashable
from types import SimpleNamespace
from typing import Any

import numpy as np


class Box:
    """An object with attributes that loops read and write."""

    def __init__(self, value: Any, count: int, array: np.ndarray) -> None:
        self.value, self.count, self.array = value, count, array


def observe(function: Callable[..., Any], args: tuple[Any, ...]) -> SimpleNamespace:
    """Run; what came out, and the arguments as they are then."""
    random.seed(1)
    np.random.seed(1)
    text = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(text):
        warnings.simplefilter("always")
        try:
            ending: Any = function(*args)
            raised = None
        except Exception as error:
            ending, raised = None, described(error)
        state = np.geterr(), len(warnings.filters), random.random(), np.random.random()
    said = {(w.category.__name__, str(w.message), w.lineno) for w in caught}
    return SimpleNamespace(
        ending=ending,
        raised=raised,
        warnings=sorted(said),
        output=text.getvalue(),
        state=state,
        args=args,
    )


def state_of(generator: Any) -> Any:
    """All that a generator of random numbers knows."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return [*map(str, generator.get_state())]
    return generator.bit_generator.state


def described(error: BaseException) -> tuple[Any, ...]:
    """Type, text and lines of an exception and of those that it came from."""
    before = error.__cause__, error.__context__, error.__suppress_context__
    chain = tuple(described(e) if isinstance(e, BaseException) else e for e in before)
    return type(error).__name__, str(error), _lines(error), chain


def _lines(error: BaseException) -> tuple[int, ...]:
    """Lines of the program in the traceback."""
    found, trace = [], error.__traceback__
    while trace is not None:
        if re.match(r"<[a-z]+ \d+>", trace.tb_frame.f_code.co_filename):
            found.append(trace.tb_lineno)
        trace = trace.tb_next
    return tuple(found)


# Comparing


def differences(
    expected: SimpleNamespace, got: SimpleNamespace, rounding: float = 4096
) -> list[str]:
    """In words, how two observations differ; floats may by `rounding` units in the last place.

    So much may the order of sums and the math library change.
    """
    found: list[str] = []
    for name in ("raised", "warnings", "output", "state"):
        if getattr(expected, name) != getattr(got, name):
            found.append(f"{name}: {getattr(expected, name)} and {getattr(got, name)}")
    comparison = _Comparison(found, rounding)
    comparison.compare(expected.ending, got.ending, "result")
    comparison.compare(expected.args, got.args, "args")
    names = [
        _arrays(side.ending, "result") + _arrays(side.args, "args") for side in (expected, got)
    ]
    if not found and _sharing(names[0]) != _sharing(names[1]):
        found.append(f"shared memory: {_sharing(names[0]) ^ _sharing(names[1])}")
    return found


class _Comparison:
    """Compares values part by part."""

    def __init__(self, found: list[str], rounding: float) -> None:
        self.found, self.rounding = found, rounding

    def compare(self, left: Any, right: Any, place: str) -> None:
        if type(left) is not type(right):
            kinds = f"{type(left).__name__} {left!r} and {type(right).__name__} {right!r}"
            self.found.append(f"{place}: {kinds}")
        elif isinstance(left, np.ndarray):
            self._arrays(left, right, place)
        elif isinstance(left, tuple | list | deque):
            if getattr(left, "maxlen", None) != getattr(right, "maxlen", None):
                self.found.append(f"{place}: another maxlen")
            if len(left) != len(right):
                self.found.append(f"{place}: length {len(left)} and {len(right)}")
            for number, (one, other) in enumerate(zip(left, right, strict=False)):
                self.compare(one, other, f"{place}[{number}]")
        elif isinstance(left, dict):
            self.compare([*left.items()], [*right.items()], f"{place}.items")
        elif isinstance(left, set | type({}.items())):
            self.compare([*left], [*right], f"{place}.items")
        elif isinstance(left, random.Random | np.random.Generator | np.random.RandomState):
            if str(state_of(left)) != str(state_of(right)):
                self.found.append(f"{place}: another state of {type(left).__name__}")
        elif isinstance(left, Box):
            self.compare([*vars(left).items()], [*vars(right).items()], f"{place}.box")
        elif isinstance(left, float | complex | np.inexact):
            if not self._close(np.asarray(left), np.asarray(right)):
                self.found.append(f"{place}: {left!r} and {right!r}")
        elif not isinstance(left, Hashable) or left != right:
            self.found.append(f"{place}: {left!r} and {right!r}")

    def _arrays(self, left: np.ndarray, right: np.ndarray, place: str) -> None:
        for name in ("dtype", "shape"):
            if getattr(left, name) != getattr(right, name):
                values = f"{getattr(left, name)} and {getattr(right, name)}"
                self.found.append(f"{place}: {name} {values}")
                return
        if left.size > 1 and left.strides != right.strides:
            self.found.append(f"{place}: strides {left.strides} and {right.strides}")
        if not self._close(left, right):
            self.found.append(f"{place}: {left} and {right}")

    def _close(self, left: np.ndarray, right: np.ndarray) -> bool:
        """Equal up to what the order of sums and the math library may change."""
        if left.dtype.kind == "c":
            parts = zip((left.real, left.imag), (right.real, right.imag), strict=True)
            return all(self._close(one, other) for one, other in parts)
        if left.dtype.kind != "f":
            return bool(np.array_equal(left, right))
        with np.errstate(all="ignore"):
            scale = np.max(np.abs(left), initial=1.0, where=np.isfinite(left))
            tolerance = self.rounding * np.finfo(left.dtype).eps
            if not np.array_equal(np.signbit(left[left == 0]), np.signbit(right[left == 0])):
                is_near = _near(left, right, tolerance, scale)
                return bool(np.all(right[left == 0] != 0)) and is_near
            return _near(left, right, tolerance, scale)


def _near(left: np.ndarray, right: np.ndarray, tolerance: float, scale: float) -> bool:
    return bool(np.allclose(right, left, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def _arrays(value: Any, place: str) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        return [(place, value)]
    if isinstance(value, Box):
        return _arrays(value.array, place + ".array") + _arrays(value.value, place + ".value")
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, tuple | list | deque):
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
