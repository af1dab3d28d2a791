"""Inputs for the tests of the NumPy front end: one small array in many layouts and dtypes."""

from __future__ import annotations

import numpy as np

from helpers import traced

X = np.arange(12.0).reshape(3, 4) + 0.5
LAYOUTS = {
    "C": X,
    "F": np.asfortranarray(X),
    "reversed": X[:, ::-1],
    "sliced": (np.arange(96.0) + 0.5).reshape(6, 16)[::2, ::4],
    "transposed": np.asfortranarray(X.T).T,
    "int": np.arange(12).reshape(3, 4) - 5,
    "single": X.astype(np.float32),
}


def lines(text: str) -> list[str]:
    """The cases of a table: one expression or function body on each line."""
    return [line.strip() for line in text.strip().splitlines()]


def function(source: str):
    """The function of ``x`` (and ``y``) with `source` as its body; statements are split by ";"."""
    *before, last = source.split("; ")
    if not last.startswith("return "):
        last = f"return {last}"
    body = "\n    ".join([*before, last])
    namespace: dict = {"np": traced.numpy, "call": traced.call}
    exec(f"def traced(x, y=None):\n    {body}\n", namespace)
    return namespace["traced"]


def check(source: str, *inputs, **options) -> None:
    """`helpers.traced.check` of a function given as text."""
    traced.check(function(source), *inputs, **options)


def check_layouts(source: str, *names: str, exact: bool = False) -> None:
    """`check` on X in several layouts, all by default."""
    for name in names or LAYOUTS:
        check(source, LAYOUTS[name], exact=exact)
