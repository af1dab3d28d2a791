"""Random programs in which variables are the caller's arrays, each other's, or new ones."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
from outcomes import Box

_NAMES = ("x", "y", "z", "best", "box.array")
_LOOPS = ("for i in range(n):", "while i < n:", "for v in a:", "while s < 3.0 and i < 9:")
_ENDS = (
    "x", "best", "x, s", "best, s, i", "x, y", "best, x, best is x", "x, y, z, best", "box.array",
    "(x, best), y", "best, box.array, x", "s, i", "[x, best]", "x + 1, y", "(s, z)",
)  # fmt: skip


class _Program:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"choices {seed}")

    def name(self) -> str:
        return self.random.choice(_NAMES)

    def value(self) -> str:
        new = f"{self.name()} * 0.5 + s", f"{self.name()} + v", f"{self.name()}.copy()", "a[i % 3]"
        old = self.name(), self.name(), "c", "d"
        views = f"{self.name()}[:]", f"{self.name()}[::-1]"
        return self.random.choice((*new, *old, *new, *old, *views))

    def condition(self) -> str:
        return self.random.choice(
            (
                f"{self.name()}.sum() > s", "s < 1.0", "i % 2", f"{self.name()}[0] < v",
                "i == 3", f"np.abs({self.name()}).max() < 2.0", f"{self.name()} is {self.name()}",
            )
        )  # fmt: skip

    def way_out(self) -> str:
        return self.random.choice(("break", "continue", "return x", "return best, i", "break"))

    def statement(self, depth: int) -> list[str]:
        kind = self.random.random()
        if kind < 0.4:
            return [f"{self.name()} = {self.value()}"]
        if kind < 0.5:
            return [f"{self.name()}, {self.name()} = {self.value()}, {self.value()}"]
        if kind < 0.6:
            return [f"s += {self.name()}.sum() * 0.1"]
        if kind < 0.64:
            return [f"{self.name()}[0] += 0.5"]
        if kind < 0.72:
            return [f"if {self.condition()}: {self.way_out()}"]
        if kind < 0.78 and depth < 2:
            return ["for j in range(i):", *self.block(depth + 1)]
        lines = [f"if {self.condition()}:", *self.block(depth + 1)]
        if self.random.random() < 0.4:
            lines += ["else:", *self.block(depth + 1)]
        return lines

    def block(self, depth: int) -> list[str]:
        count = self.random.randint(1, 3 if depth else 5)
        return ["    " + line for _ in range(count) for line in self.statement(depth)]

    def source(self) -> str:
        pick = self.random.choice
        lines = [
            "s, i, v = 0.5, 0, 0.25",
            f"x, y = {pick(('c, d', 'c, c', 'c * 1, d', 'c, d + 1'))}",
        ]
        lines += [f"z = {pick(('x', 'd', 'x + y'))}", f"best = {pick(('x', 'y', 'z', 'c'))}"]
        lines.append(f"box.array = {pick(('x', 'd', 'y * 2'))}")
        for _ in range(self.random.randint(1, 2)):
            if self.random.random() < 0.2:
                lines += [f"if {self.condition()}:", f"    {self.name()} = {self.value()}"]
            loop = pick(_LOOPS)
            lines.append(loop)
            if "while" in loop:
                lines.append("    i += 1")
            if loop.startswith("while s"):
                lines.append("    s += 0.3")
            if loop == "for v in a:":
                lines += ["    v = v[0]", "    i += 1"]
            lines += self.block(0)
        lines.append(f"return {pick(_ENDS)}")
        return "def program(a, c, d, n, box):\n" + "".join(f"    {line}\n" for line in lines)


def source(seed: int) -> str:
    """The text of a program."""
    return _Program(seed).source()


def arguments(seed: int) -> tuple[Any, ...]:
    """Arguments of a program."""
    rng = np.random.default_rng(seed)
    c, d = rng.normal(size=(2, 4))
    return rng.normal(size=(5, 4)), c.copy(), d.copy(), int(rng.integers(0, 8)), Box(0.5, 3, c + d)


def calls(seed: int) -> list[Any]:
    """Makers of the arguments of some calls."""
    return [partial(arguments, seed + number) for number in range(4)]
