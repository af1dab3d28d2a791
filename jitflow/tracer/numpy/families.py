"""Loads the modules that fill the table, when the first NumPy call is traced."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from jitflow.tracer.numpy.table import FUNCTIONS, Entry

_FAMILIES = (
    "external",
    "creation",
    "reductions",
    "shapes",
    "joining",
    "products",
    "clipping",
    "selection",
    "statistics",
    "linalg",
    "einsum",
    "sorting",
    "dependent",
    "random",
    "slopes",
    "frequencies",
    "editing",
    "questions",
)


@cache
def load() -> dict[Any, Entry]:
    """The table of functions, complete."""
    for name in _FAMILIES:
        importlib.import_module(f"jitflow.tracer.numpy.{name}")
    return FUNCTIONS
