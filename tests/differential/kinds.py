"""The kinds of random programs, each with its calls and with how near results must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loop_calls import load, make_calls, make_program, rough_arguments
from rough_programs import RoughProgram

Makers = Iterable[Callable[[], tuple[Any, ...]]]


@dataclass(frozen=True)
class Kind:
    """From a seed to a function with its text, and to makers of arguments."""

    program: Callable[[int], tuple[Callable[..., Any], str]]
    calls: Callable[[int], Makers]
    rounding: float = 4096


KINDS = {
    "loops": Kind(make_program, make_calls),
    "rough": Kind(
        lambda seed: load(RoughProgram(seed).source(), f"rough {seed}"),
        lambda seed: make_calls(seed, rough_arguments),
    ),
}
