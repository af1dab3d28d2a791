"""Python's numbers in captured loops: each expression in a loop of its own, in one piece."""

import linecache
import math

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(5)
NUMBERS = RNG.integers(-50, 1000, 40)
MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))
WEIGHTS = [2.5, 1.25, 4.0]

LOOP = """
def loop(numbers, x):
    out = np.zeros(len(numbers), {dtype})
    for i in range(len(numbers)):
        k = int(numbers[i])
        s = i % 7
        z = complex(k, s + 1)
        v = {expression}
        out[i] = v
    return out, v
"""

INTEGERS = [
    "k >> 1",
    "k >> s",
    "k >> 70",
    "k << 2",
    "k << s",
    "2**s",
    "k // (k - 1001)",
    "k % (k - 1001)",
    "k % (s - 9)",
    "(k & 0xFF) << 8 | s",
    "k**s",
    "(k % 60) ** 10",
    "7**s",
    "(-3) ** s",
    "(-1) ** (k * k)",
    "1**s",
    "8**s",
    "True**s",
    "k.bit_length()",
    "k.bit_count()",
    "(-k).bit_length()",
    "(3, 1, 4, 1)[s % 4]",
    "[s, 1, k, 5][s % 4]",
    "MOVES[s % 4][0] + 2 * MOVES[s % 4][1]",
    "MOVES[-1 - s % 4][1]",
    "[True, False, True][s % 3]",
    "(k * 6364136223846793005 + 1442695040888963407) % 2**32",
    "(k * 2654435761 << 20) & 0xFFFFFFFF",
    "((k * 2654435761 << 20 ^ s) * 2**40 - 7) & 0x7FFFFFFF",
    "(s - k * 2**55) % 2**62",
]
TRUTHS = [
    "k in (1, 5, s)",
    "k in {1, 5, 9, 121}",
    "k not in [s, 2 * s]",
    "k in range(10, 500)",
    "k in range(500, 10, -7)",
    "k in range(s, 3 * k, 3)",
]
OTHERS = {
    "z / complex(s + 1, k)": complex,
    "z / (s - 10)": complex,
    "1 / z": complex,
    "x**s": float,
    "(-x) ** s": float,
    "(-1.0) ** k": float,
    "(0 * x) ** s": float,
    "abs(k) ** x": float,
    "10 ** -(i + 1)": float,
    "(k + 51) ** -2": float,
    "(-2.0) ** float(s)": float,
    "z**2": complex,
    "z**5": complex,
    "WEIGHTS[s % 3] * x": float,
    "(x, 2 * x, -x)[s % 3]": float,
}
CASES = [
    *((e, "int") for e in INTEGERS),
    *((e, "bool") for e in TRUTHS),
    *((e, t.__name__) for e, t in OTHERS.items()),
]


def loop_with(expression, dtype="int"):
    source = LOOP.format(expression=expression, dtype=dtype)
    name = f"<{expression}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = dict(globals())
    exec(compile(source, name, "exec"), namespace)
    return namespace["loop"]


@pytest.mark.parametrize(("expression", "dtype"), CASES)
def test_an_expression_in_a_loop_is_captured(expression, dtype, check_loops):
    report = check_loops(loop_with(expression, dtype), (NUMBERS, 0.7), (NUMBERS[::-1], 1.9))
    assert control_nodes(report) == ["for"]
    assert not report.journal.eager


@pytest.mark.parametrize(
    "expression",
    [
        "k >> (s - 4)",
        "k << (s - 4)",
        "k << (40 * s)",
        "(1, 2)[s]",
        "k % (s - 3)",
        "3 ** (10 * s)",
        "k ** (s + 40)",
        "k**20",
        "2 ** (s - 3)",
        "k ** (s - 3)",
        "0.0 ** (s - 3)",
        "k**x",
        "(-x) ** (s / 2)",
        "1e200**s",
        "z / (z * (s - 3))",
    ],
)
def test_what_raises_or_does_not_fit_is_left_to_python(expression, check_loops):
    def tolerant(numbers, x):
        try:
            return inner(numbers, x)
        except Exception as error:
            return type(error).__name__, str(error)

    inner = loop_with(expression, "object" if "40" in expression else "complex")
    check_loops(tolerant, (NUMBERS, 0.7))


def test_quotients_of_complex_numbers_are_those_of_python(check_loops):
    values = RNG.normal(size=(50, 4)) * 10.0 ** RNG.integers(-200, 200, (50, 4))

    def quotients(rows):
        out = np.zeros(len(rows), complex)
        for i in range(len(rows)):
            a = complex(rows[i, 0], rows[i, 1])
            b = complex(rows[i, 2], rows[i, 3])
            out[i] = a / b
        return out

    check_loops(quotients, (values,))


def test_a_table_of_directions(check_loops):
    def walk(steps, size):
        row, column, turns = size // 2, size // 2, 0
        seen = np.zeros((size, size), int)
        for turn in steps:
            turns = (turns + int(turn)) % 4
            down, right = MOVES[turns]
            row, column = (row + down) % size, (column + right) % size
            seen[row, column] += 1
        return seen, row, column

    report = check_loops(walk, (RNG.integers(0, 4, 200), 9))
    assert control_nodes(report) == ["for"]


def test_numpys_numbers_warn_of_overflow_under_a_mask(check_loops):
    def mixed(numbers):
        total = np.int64(1)
        for number in numbers:
            total = (total * np.int64(6364136223846793005) + number) & np.int64(0xFFFFFFFF)
        return total

    check_loops(mixed, (NUMBERS,))


def test_tuples_are_compared_by_data(check_loops):
    def compared(rows):
        out = np.zeros((len(rows), 6), bool)
        best, found = (9, 9), 0
        for i in range(len(rows)):
            a, b, c, d = (int(rows[i, k]) for k in range(4))
            out[i, 0] = (a, b) == (c, d)
            out[i, 1] = (a, b) != (c, d)
            out[i, 2] = (a, b) < (c, d)
            out[i, 3] = (a, b) >= (c, d)
            out[i, 4] = (a, (b, c)) <= (c, (d, 1))
            out[i, 5] = (a, b, c) > (c, d)
            if (a, b) == (2, 2):
                found += 1
            best = (a, b) if (a, b) < best else best
        return out, found, best

    report = check_loops(compared, (RNG.integers(0, 3, (60, 4)),))
    assert "for" in control_nodes(report)


def test_arrays_are_rolled_by_data(check_loops):
    def rolled(x, shifts):
        out = np.zeros_like(x)
        for i in range(len(shifts)):
            out += np.roll(np.roll(x, shifts[i, 0], axis=0), shifts[i, 1], axis=1)
        total = 0.0
        for k in range(30):
            total += (x[0] * np.roll(x[1], k)).sum() + np.roll(x[2], -k)[0]
        return out, total

    report = check_loops(rolled, (RNG.normal(size=(7, 9)), RNG.integers(-12, 12, (30, 2))))
    assert control_nodes(report) == ["for", "for"]


FUNCTIONS = [
    *(
        "exp(x % 300)",
        "exp2(x % 300)",
        "expm1(x % 300)",
        "log(x)",
        "log2(x)",
        "log10(x)",
        "log1p(x)",
    ),
    *("sin(x)", "cos(x)", "tan(x)", "asin(x % 1)", "acos(x % 1)", "atan(x)", "atan2(x, 3.5)"),
    *("sinh(x % 300)", "cosh(x % 300)", "tanh(x % 9)", "asinh(x)", "acosh(x + 1)", "atanh(x % 1)"),
    *(
        "cbrt(x)",
        "erf(x % 5)",
        "erfc(x % 9)",
        "pow(x, 0.3)",
        "log(x, 7)",
        "pow(x, -1)",
        "pow(x, 3)",
    ),
]
POWERS = [
    "x**0.5",
    "x ** (1 / 3)",
    "x**3",
    "x**4",
    "x**-1.0",
    "x**-2",
    "(-x) ** 5",
    "1.1 ** (x % 99)",
]


@pytest.mark.parametrize("expression", [*(f"math.{call}" for call in FUNCTIONS), *POWERS])
def test_scalars_have_the_last_bits_that_python_gives_them(expression):
    namespace = {"math": math, "np": np}
    lines = (
        "def f(xs):",
        "    s = 0.0",
        "    out = np.zeros(len(xs))",
        "    for i in range(len(xs)):",
    )
    lines += (
        "        x = float(xs[i]) + s * 0.0",
        f"        s = {expression}",
        "        out[i] = s",
    )
    exec("\n".join((*lines, "    return out")), namespace)
    numbers = np.concatenate([RNG.uniform(0, 40, 500), np.arange(1.0, 200.0), 10.0 ** np.arange(9)])
    compiled = jitflow.compile(namespace["f"])
    got, report = compiled(numbers), compiled.report()
    assert report.pieces == 1
    assert not report.journal.eager
    np.testing.assert_array_equal(got, namespace["f"](numbers))
