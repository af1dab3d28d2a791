"""Random programs over lists of states: a loop reads ``states[-1]``, appends, and writes arrays."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from loop_calls import load

NAMES = ("y", "w", "n", "box")
_FRONTS = ["[y]", "[y * 1.0]", "[y, y * 2]", "[w[0]]", "[np.zeros(3)]", "[]", "[y, w[0], y]", "box['kept']"]  # fmt: skip
_ENDS = [
    "states", "states[-1]", "np.array(states)", "(states, states[-1])", "(states[-1], states[-1])", "(states[0], s)", "(len(states), s)", "(states[-1], states[-2], z)",
    "(states[-1] is y, s)", "(states, [q is y for q in states[:3]])", "(states[0] is z, states[-1] is z, z)", "(np.stack(states), y)", "(sum(states), s)", "(s, z, last)", "np.array(states)", "np.array(states)",
]  # fmt: skip


class StateProgram:
    """Writes one ``program(y, w, n, box)``: a vector, a matrix, a number and a dict."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"states {seed}")
        self.lines = ["def program(y, w, n, box):"]
        self.loops = 0

    def source(self) -> str:
        self.write(1, f"states = {self.random.choice(_FRONTS)}")
        self.write(1, "s, z, last, k = 0.0, y, w[1] * 1.0, 1")
        for _ in range(self.random.randint(1, 2)):
            self.loop(1)
            if self.random.random() < 0.3:
                self.statement(1)
        self.write(1, f"return {self.random.choice(_ENDS)}")
        return "\n".join(self.lines) + "\n"

    def write(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def loop(self, depth: int) -> None:
        self.loops += 1
        trips = self.random.choice(["n", "n", "3", "n // 2", "len(w)"])
        self.write(depth, f"for i{self.loops} in range({trips}):")
        self.write(depth + 1, f"k = i{self.loops}")
        for _ in range(self.random.randint(1, 4)):
            self.statement(depth + 1)
        if depth == 1 and self.random.random() < 0.3:
            self.loop(depth + 1)

    def state(self) -> str:
        return self.random.choice(
            ["states[-1]", "states[-1]", "states[0]", "states[k % len(states)]", "states[k]", "states[-2]", "y", "z", "last", "w[k % 3]"]
        )  # fmt: skip

    def new(self) -> str:
        one, other = self.state(), self.state()
        return self.random.choice(
            [f"{one} * 0.5", f"{one} + 0.1 * {other}", f"np.tanh(w @ {one})", f"{one} - {other}", f"np.array([{one}[1], -{one}[0], s])", f"{one}.copy()"]
        )  # fmt: skip

    def condition(self) -> str:
        return self.random.choice(
            [f"{self.state()}[0] > 0.2", "k % 2 == 0", "s > 1", f"len(states) > {self.random.randint(1, 9)}", "k == 5", "n > 3"]
        )  # fmt: skip

    def statement(self, depth: int) -> None:
        chance = self.random.random()
        if chance < 0.4:
            self.write(depth, f"states.append({self.new()})")
        elif chance < 0.52:
            self.write(depth, f"if {self.condition()}:")
            self.statement(depth + 1)
            if self.random.random() < 0.4:
                self.write(depth, "else:")
                self.statement(depth + 1)
        else:
            self.write(depth, self.simple())

    def simple(self) -> str:
        one, new = self.state(), self.new()
        return self.random.choice(
            [
                f"s += {one}[1]", f"s += {one}.sum()", f"z = {one}", f"z = {new}", f"last = {new}", "y[0] += 0.25", "y *= 0.5", "w[0, 1] += k", "z[2] = s", "last += 0.5",
                f"{one}[0] += 1", "states.append(z)", "states.append(y)", "box['last'] = states[-1]", "states.append(last)", "states.append(states[-1])", "box['kept'] = states", f"states[-1] = {new}", "s += len(states)",
                "s += z is y", f"w[k % 3] = {one}", "t, u = states[-1], states[0]; s += t[0] - u[1]", "s += max(q[0] for q in states)", "y = states[-1]",
            ]
        )  # fmt: skip


def program(seed: int) -> tuple[Callable[..., Any], str]:
    """The function of a seed, and its text."""
    return load(StateProgram(seed).source(), f"states {seed}")


def arguments(seed: int) -> tuple[Any, ...]:
    """The vector, the matrix, the number of iterations and the dict."""
    rng = np.random.default_rng(seed)
    y, w = rng.standard_normal(3).round(2), rng.standard_normal((3, 3)).round(2)
    n = int(rng.integers(0, 14))
    return y, w, n, {"kept": [rng.standard_normal(3) for _ in range(seed % 3)], "last": None}
