"""Random loops over lists of lists, compared with eager Python: values, types and identities.

``python tests/differential/test_random_tables.py A B`` runs the programs of these seeds.
"""

from __future__ import annotations

import copy
import random
import sys
import warnings

import pytest

import jitflow


class Maker:
    """Writes one program from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = []
        self.rows = []
        self.lines = []

    def pick(self, *choices):
        return self.random.choice(choices)

    def index(self):
        known = [name for name in self.names if name in "ijk"]
        base = self.random.choice(known) if known and self.random.random() < 0.8 else "0"
        return self.pick(
            base,
            base,
            f"{base} - 1",
            f"({base} + 1) % n",
            f"({base} * 3 + 1) % m",
            f"-1 - {base} % m",
        )

    def number(self):
        if self.random.random() < 0.6:
            return self.cell()
        return self.pick("1", "i" if "i" in self.names else "2", "len(g)", "len(h[0])", "t", "x[0]")

    def cell(self):
        if self.rows and self.random.random() < 0.25:
            return f"{self.random.choice(self.rows)}[{self.index()}]"
        if self.random.random() < 0.1:
            return f"x[{self.index()}]"
        return f"{self.pick('g', 'g', 'h')}[{self.index()}][{self.index()}]"

    def expression(self):
        operator = self.pick("+", "-", "+", "*")
        text = f"{self.number()} {operator} {self.number()}"
        return text if operator != "*" else f"({text}) % 17"

    def emit(self, depth, text):
        self.lines.append("    " * depth + text)

    def statement(self, depth, loops):
        kind = self.random.random()
        if kind < 0.4:
            self.emit(depth, f"{self.cell()} {self.pick('=', '+=', '=')} {self.expression()}")
        elif kind < 0.52:
            self.emit(depth, f"t = {self.expression()}")
        elif kind < 0.6:
            name = self.pick("r", "s")
            self.emit(depth, f"{name} = {self.pick('g', 'h')}[{self.index()}]")
            if name not in self.rows:
                self.rows.append(name)
        elif kind < 0.66:
            table, a, b = self.pick("g", "h"), self.index(), self.index()
            self.emit(depth, f"{table}[{a}], {table}[{b}] = {table}[{b}], {table}[{a}]")
        elif kind < 0.7:
            row = self.pick("[t] * m", "[0] * m", "list(x)", "g[0]", "[*range(m)]")
            self.emit(depth, f"{self.pick('g', 'h', 'w')}.append({row})")
        elif kind < 0.74:
            self.emit(depth, f"t = {self.pick('sum', 'max', 'min')}(g[{self.index()}])")
        elif kind < 0.86:
            self.emit(depth, f"if {self.number()} {self.pick('<', '>', '==')} {self.number()}:")
            known = list(self.rows)
            self.block(depth + 1, loops)
            self.rows = known
            if self.random.random() < 0.2 and loops:
                self.emit(depth + 1, self.pick("break", "continue"))
        elif loops < 3:
            self.loop(depth, loops)
        else:
            self.emit(depth, "t = t + 1")

    def block(self, depth, loops):
        for _ in range(self.random.randint(1, 3)):
            self.statement(depth, loops)

    def loop(self, depth, loops):
        name = "ijk"[loops]
        domain = self.pick(
            "range(n)", "range(m)", "range(1, n)", "range(m - 1, -1, -1)", "range(3)"
        )
        if self.random.random() < 0.15:
            self.emit(depth, f"for {name}, r in enumerate({self.pick('g', 'h')}):")
            self.rows = [*{*self.rows, "r"}]
        else:
            self.emit(depth, f"for {name} in {domain}:")
        names, rows = list(self.names), list(self.rows)
        self.names.append(name)
        self.block(depth + 1, loops + 1)
        self.names, self.rows = names, rows

    def program(self):
        self.emit(0, "def f(g, h, x, n, m):")
        self.emit(1, "t, w = 0, []")
        if self.random.random() < 0.6:
            made = self.pick(
                "[[0] * m for _ in range(n)]",
                "[[0.5] * m for _ in range(n)]",
                "[[i + j for j in range(m)] for i in range(n)]",
                "[row[:] for row in g]",
                "[[0] * m] * n",
            )
            self.emit(1, f"h = {made}")
        for _ in range(self.random.randint(1, 2)):
            self.loop(1, 0)
            if self.random.random() < 0.3:
                self.emit(1, f"t = {self.number()}" if not self.names else "t = 1")
        self.emit(1, "return t, h, g[0], w")
        return "\n".join(self.lines) + "\n"

    def arguments(self):
        n, m = self.random.randint(2, 12), self.random.randint(2, 12)
        number = self.pick(lambda: self.random.randint(0, 9), self.random.random)
        g, h = ([[number() for _ in range(m)] for _ in range(n)] for _ in range(2))
        kind = self.random.random()
        if kind < 0.1:
            h[0] = g[-1]
        elif kind < 0.2:
            g[0] = g[-1]
        elif kind < 0.25:
            g[1] = g[1] + [1]
        elif kind < 0.3:
            h = g
        x = g[0] if self.random.random() < 0.1 else [number() for _ in range(m)]
        return g, h, x, n, m


def outcome(function, args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args)
        except Exception as error:
            return type(error).__name__, str(error)


def described(value):
    """Types and values of all items, and which lists are one."""
    seen = {}

    def walk(item):
        if isinstance(item, list):
            if id(item) in seen:
                return "seen", seen[id(item)]
            seen[id(item)] = len(seen)
        if isinstance(item, list | tuple):
            return type(item).__name__, [walk(part) for part in item]
        return type(item).__name__, repr(item)

    return walk(value)


def difference(seed):
    """The program and what differs; None where nothing does."""
    maker = Maker(seed)
    source = maker.program()
    namespace = {}
    exec(source, namespace)
    compiled = jitflow.compile(namespace["f"])
    with jitflow.config().override(measure=False, trace_everything=True):
        for call in range(3):
            args = copy.deepcopy(maker.arguments())
            other = copy.deepcopy(args)
            expected = outcome(namespace["f"], args)
            got = outcome(compiled, other)
            if described((got, other)) != described((expected, args)):
                return f"seed {seed}, call {call}\n{source}\n{got}\n{expected}\n{other}\n{args}"
    return None


@pytest.mark.parametrize("seed", range(15))
def test_random_tables(seed):
    assert difference(seed) is None


if __name__ == "__main__":
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        found = difference(number)
        if found is not None:
            print(found, flush=True)
