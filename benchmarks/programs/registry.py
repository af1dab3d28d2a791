"""The list of programs: what each needs to run, at two sizes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import benchmarks.programs

_NOT_KINDS = frozenset({"__main__", "registry"})
_programs: list[Program] = []


@dataclass(frozen=True)
class Program:
    """A function and its inputs.

    Attributes
    ----------
    kind, name : str
        The module that holds the function, and the function's name.
    function : callable
        Plain NumPy, undecorated.
    inputs : callable
        Arguments of the function, from a size; equal for equal sizes.
    small, large : int
        The size for tests, and the one for timing.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    inputs: Callable[[int], tuple[Any, ...]]
    small: int
    large: int


def program(
    inputs: Callable[[int], tuple[Any, ...]], small: int, large: int
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function on the list."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        kind = function.__module__.rsplit(".", 1)[-1]
        _programs.append(Program(kind, function.__name__, function, inputs, small, large))
        return function

    return register


def programs() -> list[Program]:
    """Every program, by kind."""
    for module in sorted(info.name for info in pkgutil.iter_modules(benchmarks.programs.__path__)):
        if module not in _NOT_KINDS:
            importlib.import_module(f"benchmarks.programs.{module}")
    return list(_programs)
