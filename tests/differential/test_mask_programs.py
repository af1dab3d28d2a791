"""Random programs with masks: compiled against eager, values, warnings and exceptions."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from mask_programs import MaskProgram, arguments

import jitflow

COUNT = int(os.environ.get("JITFLOW_MASK_PROGRAMS", "25"))
FIRST = int(os.environ.get("JITFLOW_FIRST_MASK_PROGRAM", "0"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_program(seed: int) -> None:
    program = MaskProgram(seed)
    source = program.source()
    namespace: dict[str, Any] = {"np": np}
    exec(compile(source, f"<masks {seed}>", "exec"), namespace)
    with jitflow.config().override(strict=True):
        compiled = jitflow.compile(namespace["program"], backend="cpu")
        for number in range(4):
            expected = outcome(namespace["program"], arguments(program.rank, seed, number))
            found = outcome(compiled, arguments(program.rank, seed, number))
            difference = differs(expected, found)
            assert not difference, f"call {number}: {difference}\n{source}"


def outcome(function: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = ("returned", function(*given))
        except Exception as error:
            result = ("raised", type(error), str(error))
    seen = {(item.category, str(item.message), item.lineno) for item in caught}
    return result, given, seen


def differs(expected: Any, found: Any) -> str:
    """What is not the same; floats are compared within rounding."""
    if type(expected) is not type(found):
        return f"{type(expected)} and {type(found)}"
    if isinstance(expected, tuple):
        if len(expected) != len(found):
            return f"{expected} and {found}"
        parts = map(differs, expected, found)
        return next((part for part in parts if part), "")
    if isinstance(expected, np.ndarray | np.generic):
        if expected.dtype != found.dtype or expected.shape != found.shape:
            return f"{expected.dtype}{expected.shape} and {found.dtype}{found.shape}"
        if expected.dtype.kind == "f":
            same = np.allclose(expected, found, rtol=1e-9, atol=1e-12, equal_nan=True)
        else:
            same = np.array_equal(expected, found)
        return "" if same else f"{expected}\nand {found}"
    return "" if expected == found else f"{expected} and {found}"
