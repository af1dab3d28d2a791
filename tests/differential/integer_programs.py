"""Random programs over integers: searches, counters and indices whose bounds conditions decide."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from loop_calls import load

_NAMES = ("i", "j", "k", "n")
_LARGE = ("2**31", "2**62", "-2**63", "2**63 - 1", "3037000499")


class IntegerProgram:
    """Writes one ``program(a, b, n, m)``: numbers, integers, and two integers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"integers {seed}")
        self.lines = ["def program(a, b, n, m):"]
        self.loops = 0
        self.extreme = self.random.random() < 0.25

    def source(self) -> str:
        self.write(1, "i, j, k, s, fuel = 0, len(a) - 1, m, 0.0, 60")
        for _ in range(self.random.randint(1, 2)):
            self.block(1, 2)
        self.write(1, "return i, j, k, n, s, fuel")
        return "\n".join(self.lines) + "\n"

    def pick(self, *items: str) -> str:
        return self.random.choice(items)

    def write(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def number(self) -> str:
        if self.extreme and self.random.random() < 0.1:
            return self.pick(*_LARGE)
        return self.pick("0", "1", "1", "2", "3", "-1", "5", "len(a)", "len(b)", "b.shape[0] - 1")

    def integer(self, depth: int = 2) -> str:
        if depth == 0 or self.random.random() < 0.35:
            return self.pick(*_NAMES, *_NAMES, self.number())
        one, other = self.integer(depth - 1), self.integer(depth - 1)
        return self.pick(
            f"({one} + {other})", f"({one} - {other})", f"({one} + 1)", f"({one} - 1)",
            f"({one} + {other}) // 2", f"{one} // 2", f"({one} % {self.pick('3', '4', 'len(a)')})",
            f"({one} & 7)", f"({one} >> 1)", f"min({one}, {other})", f"max({one}, 0)",
            f"abs({one})", f"({one} * 2)", f"({one} * {other})", f"(-{one})",
            f"({one} if {self.condition(0)} else {other})", f"int(b[{self.index()}])",
        )  # fmt: skip

    def index(self) -> str:
        name = self.pick(*_NAMES)
        return self.pick(
            name, name, f"{name} - 1", f"{name} + 1", f"{name} % len(b)", f"{name} // 2"
        )

    def condition(self, depth: int = 1) -> str:
        one = self.pick(*_NAMES)
        simple = self.pick(
            f"{one} > 0", f"{one} >= 0", f"{one} < len(a)", f"{one} < len(b)", f"{one} != 0",
            f"0 <= {one} < len(a)", f"{one} < {self.pick(*_NAMES)}", f"{one} <= {self.number()}",
            f"{one} == {self.number()}", f"{one} - {self.pick(*_NAMES)} > 1", "s < 3.0",
        )  # fmt: skip
        if depth and self.random.random() < 0.4:
            other = self.condition(0)
            access = f"a[{one}] > 0.3" if self.random.random() < 0.4 else other
            return f"{simple} {self.pick('and', 'and', 'or')} {access}"
        return f"not {simple}" if self.random.random() < 0.1 else simple

    def block(self, depth: int, loops: int) -> None:
        """A loop, a branch, or a few statements."""
        chance = self.random.random()
        if chance < 0.5 and loops:
            self.loop(depth, loops)
        elif chance < 0.7 and depth < 5:
            self.write(depth, f"if {self.condition()}:")
            self.body(depth + 1, loops)
            if self.random.random() < 0.5:
                self.write(depth, "else:")
                self.body(depth + 1, loops)
        else:
            self.statement(depth)

    def body(self, depth: int, loops: int) -> None:
        for _ in range(self.random.randint(1, 2)):
            self.block(depth, loops)

    def loop(self, depth: int, loops: int) -> None:
        self.loops += 1
        if self.random.random() < 0.6:
            self.write(depth, f"while {self.condition()} and fuel > 0:")
            self.write(depth + 1, "fuel -= 1")
            step = self.pick(*_NAMES[:3])
            self.write(depth + 1, f"{step} {self.pick('+=', '-=')} {self.pick('1', '1', '2')}")
        else:
            name = self.pick("i", "j", "k")
            bounds = self.pick(
                "len(a)", "1, len(a)", "n", "len(b) - 1, -1, -1", f"{self.pick(*_NAMES)} % 9"
            )
            self.write(depth, f"for {name} in range({bounds}):")
        self.body(depth + 1, loops - 1)
        if self.random.random() < 0.2:
            self.write(depth + 1, f"if {self.condition()}: break")

    def statement(self, depth: int) -> None:
        name = self.pick("i", "j", "k")
        text = self.pick(
            f"{name} = {self.integer()}", f"{name} = {self.integer()}", f"{name} += 1", f"{name} -= 1",
            f"s += a[{self.index()}]", f"s += a[{self.index()}]", f"a[{self.index()}] = s * 0.5",
            f"b[{self.index()}] = {self.integer(1)} & 15", f"s += b[{self.index()}] % 3",
            f"a[{self.index()}] += b[{self.index()}]", f"{name} = {name} // 2", f"n = {self.integer(1)} % 11",
            f"i, j = {self.integer(1)}, {self.integer(1)}",
        )  # fmt: skip
        self.write(depth, text)


def program(seed: int) -> tuple[Callable[..., Any], str]:
    """The function of a seed, and its text."""
    return load(IntegerProgram(seed).source(), f"integers {seed}")


def arguments(seed: int) -> tuple[Any, ...]:
    """Numbers, integers, and two integers; lengths change with the seed."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(1, 9))
    a, b = rng.random(length).round(2), rng.integers(0, 9, length + int(rng.integers(0, 3)))
    return a, b, int(rng.integers(0, 12)), int(rng.integers(-3, 7))
