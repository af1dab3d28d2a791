"""Numbers that are ints or floats as data decide: what they are, and that loops are captured."""

import linecache
import math
import random

import numpy as np
import pytest
from helpers.loops import control_nodes

A = np.random.default_rng(3).normal(size=50)
SIGNS = [(A,), (-np.abs(A) - 1,), (np.zeros(50),), (-A,), (np.full(50, np.nan),)]


def rectified_sum(a):
    total = 0.0
    for i in range(len(a)):
        total += max(float(a[i]), 0)
    return total


def sum_of_positive(a):
    total = 0
    for i in range(len(a)):
        x = float(a[i])
        if x > 0:
            total += x
    return total


def step_size(a):
    h, n = 1.0, 0
    while h < 100 and n < 300:
        error = abs(float(a[n % 50]))
        h *= min(4, max(0.1, 0.84 * math.sqrt(1e-2 / max(error, 1e-15))))
        n += 1
    return h, n


def largest(a):
    m = 0
    out = np.zeros(len(a), np.float32)
    for i in range(len(a)):
        m = max(m, float(a[i]))
        out[i] = 1 if m > 1 else 0.5
    return m, out


def arithmetic(a):
    best = 0
    for v in a:
        w = float(v) * 2
        best = w if w > best else best
    return best * 2, best + 1, -best, best / 3, best * -1, abs(best), int(best + 0.5), 1 - best


@pytest.mark.parametrize(
    "program", [rectified_sum, sum_of_positive, step_size, largest, arithmetic]
)
def test_programs(program, check_loops):
    report = check_loops(
        program, *(args for args in SIGNS if program is not arithmetic or args[0][0] == args[0][0])
    )
    assert {"for", "while"} & set(control_nodes(report))


@pytest.mark.parametrize("x", [1.5, -1.5, -0.0, 0.0, math.nan, math.inf, 3, -3, True])
def test_choices(x, check):
    def choices(x):
        return max(0, x), min(x, 1), max(x, 0, 2.5), (x if x > 1 else 0), (7 if x else 0.5)

    check(choices, (x,), (0.25,), (x,))


OPERANDS = [
    "x",
    "y",
    "m",
    "n",
    "2",
    "3.5",
    "-1",
    "0",
    "max(0, x)",
    "min(y, 1)",
    "(1 if x > y else 0.5)",
]
OPERATORS = ["+", "-", "*"]


def random_program(seed):
    """A loop over two arrays that mixes ints and floats in two variables."""
    rng = random.Random(seed)

    def expression(depth):
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(OPERANDS)
        left, right = expression(depth - 1), expression(depth - 1)
        kind = rng.randrange(6)
        if kind < 3:
            return f"({left} {rng.choice(OPERATORS)} {right})"
        if kind == 3:
            return f"{rng.choice(['max', 'min'])}({left}, {right})"
        if kind == 4:
            return f"({left} if {right} > {rng.choice(OPERANDS)} else {expression(depth - 1)})"
        return f"{rng.choice(['-', 'abs', '0.5 * '])}({left})"

    lines = [
        "def program(a, b):",
        "    m, n = 0, 0",
        "    for x, y in zip(a.tolist(), b.tolist()):",
    ]
    for name in rng.choice(["m", "n", "mn"]):
        bound = rng.choice(["min(9, max(-9, {}))", "({}) % 7.0", "1 / (1 + abs({}))"])
        lines.append(f"        {name} = {bound.format(expression(2))}")
    lines.append("    return m, n")
    source = "\n".join(lines) + "\n"
    name = f"<int or float {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {"np": np}
    exec(compile(source, name, "exec"), namespace)
    return namespace["program"]


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed, check):
    rng = np.random.default_rng(seed)
    calls = [(rng.normal(size=n).round(1), rng.normal(size=n).round(1)) for n in (6, 1, 6, 0)]
    check(random_program(seed), *calls)
