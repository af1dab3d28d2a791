"""Random programs with masks: straight code and loops, over arrays of one and two axes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

CONDITIONS = (
    "a > 0", "b < 0.5", "a > b", "np.abs(a) < s", "k == 1", "k != 2", "a > 9", "a < 9", "~m",
    "m & (b > 0)", "(a > 0) | m", "np.isfinite(a)",
)  # fmt: skip
READS = (
    "a[m]", "b[m]", "c[m]", "a[m]", "a[~m].sum()", "b[m].sum()", "s", "a[m][::-1]", "c[k][m]", "a[0]",
    "k[m]", "c[m].max(initial=0)", "m.sum()", "np.arange(m.sum())",
)  # fmt: skip
MATRIX_READS = (
    "a[m]", "b[m]", "c[m]", "a[m].sum()", "s", "a[m][::-1]", "a.T[m.T]", "k[m]", "a[r].sum()",
    "b[r].mean(axis=0).sum()", "m.sum()",
)  # fmt: skip
MAPS = (
    "{x} + {y}", "{x} * {y}", "{x} - {y}", "np.sqrt({x})", "np.abs({x}) + {y}", "{x} / {y}",
    "np.maximum({x}, {y})", "np.where({x} > 0, {x}, {y})", "np.exp(-np.abs({x}))", "{x} ** 2", "-{x}",
)  # fmt: skip
SHRINKING = (
    "p = p[p < 2 - 0.1 * s]", "p = p * 0.9 + s * 0.01", "j = p > -1; p, q = p[j], q[j]",
    "n += len(p)", "s = s + p.sum() * 1e-3", "p = p[q < 1]; q = q[q < 1]",
    "if p.sum() > 0: p = p[p > 0]", "if m.any(): s = s + a[m].mean() * 0.1", "if len(q) > 3: q = q[q > -1.5]",
)  # fmt: skip
STORES = (
    "a[m] = {v}", "b[m] = {v}", "c[m] = {v}", "a[m] += {v}", "b[m] *= {v}", "t = {v}", "a[m] = t * 2",
    "b[m] = t", "a[m] = 1 / a[m]", "c[k[m]] = b[m]", "a[m] = s", "b[~m] -= 1", "n += m.sum()",
    "s = s * 0.5 + np.nanmax(np.abs(b[m]), initial=0.1)", "a[k == 1] = b[k == 1] * s",
    "np.add.at(c, k[m], b[m])", "b = np.where(m, a, b)",
    *SHRINKING,
)  # fmt: skip
MATRIX_STORES = (
    "a[m] = {v}", "b[m] = {v}", "c[m] = {v}", "a[m] += {v}", "t = {v}", "a[m] = t * 2", "b[m] = t",
    "a[m] = 1 / a[m]", "a[r] = b[r] * s", "b[r] += c[r].sum(axis=0)", "a[r, 1] = b[r, 0]",
    "c[:, 1:3][r] *= 2", "n += m.sum()", "a[r] = b[r] / a[r]", "i, j = np.nonzero(m); b[i, j] = j - i",
    "b[r] = b[r] - b[r].mean(axis=1, keepdims=True)", "b = b.T.copy().T",
    *SHRINKING,
)  # fmt: skip


class MaskProgram:
    """The program of a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"masks {seed}")
        self.rank = self.rng.choice((1, 1, 2))

    def source(self) -> str:
        """``program(a, b, c, k, s, n)``: `k` has small integers."""
        lines = ["def program(a, b, c, k, s, n):", f"    m = {self.condition()}", "    t = a[m]"]
        lines.append("    p, q = b.ravel() + 0, c.ravel() * 1")
        if self.rank == 2:
            lines.append("    r = a[:, 0] > 0")
        if self.rng.random() < 0.5:
            lines.append(f"    for _ in range({self.rng.choice((5, 20))}):")
            lines += [f"        {line}" for line in self.body()]
        else:
            lines += [f"    {line}" for line in self.body()]
        lines.append("    return a, b, c, s, n, m, p, q")
        return "\n".join(lines) + "\n"

    def condition(self) -> str:
        found = self.rng.choice(CONDITIONS)
        return "a > 0.1" if found in ("~m", "m & (b > 0)", "(a > 0) | m") else found

    def body(self) -> list[str]:
        """Masks and stores; `t` has the length of the last mask that it was read under."""
        lines = [f"m = {self.rng.choice(CONDITIONS)}", "t = a[m]"]
        for _ in range(self.rng.randint(1, 5)):
            if self.rng.random() < 0.25:
                lines += [f"m = {self.rng.choice(CONDITIONS)}", "t = b[m] * 0.5"]
            if self.rank == 2 and self.rng.random() < 0.25:
                lines.append("r = b[:, 1] > 0")
            stores = MATRIX_STORES if self.rank == 2 else STORES
            lines += self.rng.choice(stores).replace("{v}", self.value()).split("; ")
        return lines

    def value(self, depth: int = 2) -> str:
        reads = MATRIX_READS if self.rank == 2 else READS
        if depth == 0 or self.rng.random() < 0.3:
            return self.rng.choice(reads)
        x, y = self.value(depth - 1), self.value(depth - 1)
        return "(" + self.rng.choice(MAPS).replace("{x}", x).replace("{y}", y) + ")"


def arguments(rank: int, seed: int, number: int) -> tuple[Any, ...]:
    """New, equal arguments whenever it is called."""
    rng = np.random.default_rng((seed, number))
    length = (17, 17, 40, 1)[number]
    shape = (length,) if rank == 1 else (length, 5)
    a, b, c = (rng.normal(size=shape) * 2 for _ in range(3))
    if number == 2:
        a = np.abs(a)
    if seed % 3 == 0 and rank == 2:
        a, b = a.T.copy().T, b.T.copy().T
    return a, b, c, rng.integers(0, min(3, length), shape), 0.75, 0
