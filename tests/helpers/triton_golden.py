"""The golden files of the GPU back end, and inputs for their graphs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jitflow.core import dims
from jitflow.core.dtypes import BF16, I64
from jitflow.ir.graph import Graph

FOLDER = Path(__file__).parent.parent / "golden" / "triton"
FILES = sorted(FOLDER.glob("*.jir"))
SIZES = {"s0": 37, "s1": 90}


def note(source: str, word: str) -> str:
    """What a comment ``# word: text`` says."""
    match = re.search(rf"^# {word}: (.*)$", source, re.MULTILINE)
    return match.group(1) if match else ""


def numbers(source: str) -> dict[str, int]:
    """``# sm: loads=2 vectors=3`` as a dict."""
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", note(source, "sm"))}


def inputs_of(graph: Graph, source: str) -> list[Any]:
    """Random inputs; ``# index: 1`` and ``# divisor: 1`` say which have to be in bounds."""
    rng = np.random.default_rng(7)
    found: list[Any] = []
    for number, value in enumerate(graph.inputs):
        shape = [dims.evaluate(extent, SIZES) for extent in value.type.shape]
        if value.type.dtype is BF16:
            pytest.importorskip("ml_dtypes")
        made = rng.normal(size=shape) * 4
        if value.type.dtype.is_complex:
            made = made + 1j * rng.normal(size=shape)
        array = np.asarray(made).astype(value.type.dtype.numpy)
        if note(source, "index") == str(number):
            assert value.type.dtype is I64
            array = rng.integers(-8, 8, shape)
        if note(source, "divisor") == str(number):
            array[array == 0] = -3
        found.append(array if shape else abs(array.item()))
    return found
