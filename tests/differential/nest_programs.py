"""Random loop nests over array elements, independent or not.

The arithmetic is exact to the last bit whatever the order of iterations may be, unless they need
each other: then an order that is not the program's gives other numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS, COLUMNS = 21, 17
ARRAYS = {"A": 2, "B": 2, "C": 2, "x": 1, "y": 1}


class Nest:
    """Makes the source of one function; with `branches` some statements are under conditions."""

    def __init__(self, seed: int, branches: bool = False) -> None:
        self.random = random.Random(seed)
        self.branches = branches
        self.lines: list[str] = []
        self.loops: list[tuple[str, int, int]] = []
        self.number = 0
        self.array = ""

    def source(self) -> str:
        """A function of the arrays, which it writes."""
        for _ in range(self.random.randint(1, 3)):
            self.loop(1)
        return "\n".join([f"def program({', '.join(ARRAYS)}):", *self.lines])

    def write(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def loop(self, depth: int) -> None:
        """A loop over part of an axis, with statements and perhaps another loop."""
        self.number += 1
        name, size = f"i{self.number}", self.random.choice([ROWS, COLUMNS])
        start = self.random.choice([0, 0, 0, 1, 2])
        stop = self.random.choice([size, size, size - 1, size - 2])
        step = self.random.choice([1, 1, 1, 2, 3])
        outer = [loop for loop in self.loops if loop[2] <= size]
        if outer and self.random.random() < 0.25:
            other = self.random.choice(outer)
            first, last = self.random.choice([(other[0], str(stop)), (str(start), other[0])])
            self.write(depth, f"for {name} in range({first}, {last}):")
            self.loops.append((name, min(start, other[1]), max(stop, other[2])))
        else:
            self.write(depth, f"for {name} in range({start}, {stop}, {step}):")
            self.loops.append((name, start, stop))
        for _ in range(self.random.randint(1, 2)):
            self.statement(depth + 1)
        if len(self.loops) < 3 and self.random.random() < 0.6:
            self.loop(depth + 1)
            if self.random.random() < 0.3:
                self.statement(depth + 1)
        self.loops.pop()

    def branch(self, depth: int) -> None:
        """Statements under conditions, one of which may make sure of an index."""
        self.write(depth, f"if {self.condition()}:")
        for _ in range(self.random.randint(1, 2)):
            self.statement(depth + 1)
        if self.random.random() < 0.2:
            self.write(depth, f"elif {self.condition()}:")
            self.statement(depth + 1)
        if self.random.random() < 0.5:
            self.write(depth, "else:")
            self.statement(depth + 1)
        name, _, stop = self.random.choice(self.loops)
        if self.random.random() < 0.25 and stop <= COLUMNS:
            near = self.random.choice([f"{name} > 0", f"{name} + 1 < {COLUMNS}"])
            self.array = "y"
            self.write(depth, f"if {near}:")
            self.write(depth + 1, f"y[{name}] = x[{name} {'-' if '>' in near else '+'} 1] * 0.5")

    def condition(self) -> str:
        name, start, stop = self.random.choice(self.loops)
        self.array = ""
        choices = [
            f"{self.element(self.random.choice(list(ARRAYS)))} > {self.random.choice([0, 0.5, 9])}",
            f"{name} % 2 == 0",
            f"{name} < {self.random.randint(start, stop)}",
            f"{self.element('A')} < {self.element('B')} and {name} != 3",
            f"{self.element('x')} > 0 or {self.element('C')} < 0",
        ]
        return self.random.choice(choices)

    def statement(self, depth: int) -> None:
        """A store into an element or a row, or a sum that is stored."""
        if self.branches and self.random.random() < 0.5:
            self.branches = False
            self.branch(depth)
            self.branches = True
            return
        kind = self.random.random()
        self.array = self.random.choice(list(ARRAYS))
        target = self.target(self.array)
        if kind < 0.15:
            self.number += 1
            total, k = f"s{self.number}", f"k{self.number}"
            self.write(depth, f"{total} = {self.random.choice(['0.0', '1.5'])}")
            self.write(depth, f"for {k} in range({self.random.choice([3, 5, COLUMNS])}):")
            self.loops.append((k, 0, COLUMNS))
            self.write(depth + 1, f"{total} += {self.expression(1)}")
            self.loops.pop()
            self.write(depth, f"{target} = {total}")
        elif kind < 0.25:
            row = self.random.randint(0, 2)
            self.write(depth, f"{target} = np.max(A[{row}:{row + 3}, {self.index(COLUMNS)}])")
        else:
            operator = self.random.choice(["=", "=", "+=", "-=", "*="])
            self.write(depth, f"{target} {operator} {self.expression(2)}")

    def branches_seen(self) -> bool:
        """Whether there is a branch in the program: then it also does what may warn."""
        return any(line.lstrip().startswith("if ") for line in self.lines)

    def index(self, size: int) -> str:
        """An index that is inside of an axis for all iterations."""
        name, start, stop = self.random.choice(self.loops)
        choices = [
            str(self.random.randrange(size)),
            f"{size - 1} - {name}" if stop <= size else "0",
        ]
        choices += [
            f"{name}{offset:+d}" if offset else name
            for offset in (0, 0, 0, 0, -1, 1)
            if start + offset >= 0 and stop - 1 + offset < size
        ] * 2
        return self.random.choice(choices)

    def element(self, array: str) -> str:
        if ARRAYS[array] == 1:
            return f"{array}[{self.index(COLUMNS)}]"
        first, second = self.index(ROWS), self.index(COLUMNS)
        if first == second and len(self.loops) > 1:
            second = self.index(COLUMNS)
        return f"{array}[{first}, {second}]"

    def target(self, array: str) -> str:
        """An element that is often another one in each iteration."""
        names = [name for name, _, stop in self.loops if stop <= COLUMNS]
        if len(names) < ARRAYS[array] or self.random.random() < 0.3:
            return self.element(array)
        return f"{array}[{', '.join(self.random.sample(names, ARRAYS[array]))}]"

    def expression(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.2:
            kind = self.random.random()
            if kind < 0.1:
                return f"{self.random.choice([0.5, 2.0, -1.25])}"
            if kind < 0.2:
                return self.random.choice(self.loops)[0]
            others = [name for name in ARRAYS if name != self.array]
            if self.random.random() < 0.3:
                return self.target(self.array)
            return self.element(self.random.choice(others))
        operator = self.random.choice(["+", "-", "*"])
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        if self.branches_seen() and self.random.random() < 0.3:
            return self.random.choice([f"np.sqrt({left})", f"{left} / {self.element('A')}"])
        if self.random.random() < 0.15:
            return f"max({left} {operator} {right}, 0.25)"
        return f"({left} {operator} {right})"


def arguments(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {2: (ROWS, COLUMNS), 1: (COLUMNS,)}
    return {name: rng.standard_normal(shapes[rank]) for name, rank in ARRAYS.items()}


def program(seed: int, branches: bool = False) -> tuple[Callable[..., None], str]:
    scope: dict[str, Any] = {"np": np}
    source = Nest(seed, branches).source()
    exec(compile(source, f"<nest {seed}>", "exec"), scope)
    return scope["program"], source
