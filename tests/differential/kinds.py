"""The kinds of random programs, each with its calls and with how near results must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import choice_programs
import integer_programs
import nest_programs
import record_programs
import rolling_programs
import row_programs
import state_programs
from container_programs import ContainerProgram
from draw_programs import DrawProgram
from list_programs import ListProgram
from loop_calls import (
    container_arguments,
    draw_arguments,
    list_arguments,
    load,
    make_calls,
    make_program,
    rough_arguments,
)
from mask_programs import MaskProgram
from mask_programs import arguments as mask_arguments
from rough_programs import RoughProgram

Makers = Iterable[Callable[[], tuple[Any, ...]]]


@dataclass(frozen=True)
class Kind:
    """From a seed to a function with its text, and to makers of arguments."""

    program: Callable[[int], tuple[Callable[..., Any], str]]
    calls: Callable[[int], Makers]
    rounding: float = 4096


def _mask_calls(seed: int) -> Makers:
    rank = MaskProgram(seed).rank
    return [partial(mask_arguments, rank, seed, number) for number in range(4)]


def _nest_calls(seed: int) -> Makers:
    return [partial(_nest_arguments, seed + number) for number in range(2)]


def _nest_arguments(seed: int) -> tuple[Any, ...]:
    return tuple(nest_programs.arguments(seed).values())


def _state_calls(seed: int) -> Makers:
    return [partial(state_programs.arguments, seed + number) for number in range(4)]


def _integer_calls(seed: int) -> Makers:
    return [partial(integer_programs.arguments, seed + number) for number in (0, 0, 1, 2, 3)]


KINDS = {
    "loops": Kind(make_program, make_calls),
    "rough": Kind(
        lambda seed: load(RoughProgram(seed).source(), f"rough {seed}"),
        lambda seed: make_calls(seed, rough_arguments),
    ),
    "lists": Kind(
        lambda seed: load(ListProgram(seed).source(), f"lists {seed}"),
        lambda seed: make_calls(seed, list_arguments),
    ),
    "containers": Kind(
        lambda seed: load(ContainerProgram(seed).source(), f"containers {seed}"),
        lambda seed: make_calls(seed, container_arguments),
    ),
    "draws": Kind(
        lambda seed: load(DrawProgram(seed).source(), f"draws {seed}"),
        lambda seed: make_calls(seed, draw_arguments),
    ),
    "masks": Kind(lambda seed: load(MaskProgram(seed).source(), f"masks {seed}"), _mask_calls),
    "rolling": Kind(
        lambda seed: load(rolling_programs.source(seed), f"rolling {seed}"), rolling_programs.calls
    ),
    "records": Kind(
        lambda seed: load(record_programs.source(seed), f"records {seed}"), record_programs.calls
    ),
    "rows": Kind(lambda seed: load(row_programs.source(seed), f"rows {seed}"), row_programs.calls),
    "choices": Kind(
        lambda seed: load(choice_programs.source(seed), f"choices {seed}"), choice_programs.calls
    ),
    "states": Kind(state_programs.program, _state_calls),
    "integers": Kind(integer_programs.program, _integer_calls),
    "nests": Kind(nest_programs.program, _nest_calls, 0),
}
