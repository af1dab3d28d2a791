"""Elements of arrays that loops read and write again and again, next to others of the same array."""

import numpy as np
import pytest

import jitflow


def lu(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]


def lu_with_its_column(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            for j in range(k, n):
                a[i, j] -= a[i, k] * a[k, j]


def cholesky(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(a[i, i])


def prefix(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1):
            a[i, i] += a[i, j] * a[j, i]


def triangular(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[0, i] -= a[i, j] * a[0, j]
        a[0, i] = a[0, i] / (1 + abs(a[i, i]))


def backwards(a):
    n = a.shape[0]
    for i in range(n - 1, -1, -1):
        for j in range(n - 1, i, -1):
            a[i, i] -= a[i, j] * a[j, j]


def odd_and_even(a):
    n = a.shape[0]
    for i in range(n // 2):
        for j in range(n // 2):
            a[2 * i, 2 * j] += a[2 * i, 2 * i + 1] * a[2 * j + 1, 2 * j]


def sometimes(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            if a[i, j] > 0.5:
                a[i, i] += a[i, j]
                a[j, i] = a[i, i]


def two_rows(a):
    n = a.shape[0]
    for i in range(1, n):
        for j in range(n):
            a[i, j] = a[i, j] + a[0, i] + a[i - 1, j]
            a[i - 1, j] = a[i, j] - a[0, 0]


PROGRAMS = [
    lu, lu_with_its_column, cholesky, prefix, triangular, backwards, odd_and_even, sometimes,
    two_rows,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("layout", ["C", "F", "steps", "float32", "complex", "three"])
def test_results_are_equal(program, layout):
    compiled = jitflow.compile(program)
    for size in (12, 7, 1, 0, 30):
        a = matrix(size, layout)
        wanted = a.copy()
        if layout == "complex" and program is sometimes:
            continue
        with np.errstate(all="ignore"):
            program(wanted)
            compiled(a)
        rounding = 1e-14 if layout == "complex" else 0
        np.testing.assert_allclose(a, wanted, rtol=rounding)


def matrix(size, layout):
    rng = np.random.default_rng(size)
    a = rng.random((size, size)) + size * np.eye(size)
    a = (a + a.T) / 2
    if layout == "float32":
        return a.astype(np.float32)
    if layout == "complex":
        return a + 1j * rng.random((size, size))
    if layout == "steps":
        big = np.zeros((2 * size, 3 * size))
        big[::2, ::3] = a
        return big[::2, ::3]
    if layout == "three":
        return np.repeat(a[:, :, None], 3, axis=2)[:, :, 1]
    return np.array(a, order=layout)


def test_one_argument_is_part_of_another():
    def add(a, b):
        for i in range(a.shape[0]):
            for j in range(b.shape[0]):
                a[i] += b[j] * a[0]

    compiled = jitflow.compile(add)
    for start in (0, 3, 6):
        a, wanted = np.arange(12.0), np.arange(12.0)
        compiled(a[:6], a[start : start + 6])
        add(wanted[:6], wanted[start : start + 6])
        np.testing.assert_array_equal(a, wanted)
        compiled(a, a)
        add(wanted, wanted)
        np.testing.assert_array_equal(a, wanted)


def test_an_element_beyond_the_end_of_a_loop_without_iterations():
    def take(a, n, k):
        for i in range(n):
            for j in range(a.shape[0] - 5):
                a[j] -= a[k + i] * 2

    compiled = jitflow.compile(take)
    compiled(np.arange(8.0), 2, 4)
    compiled(np.arange(8.0), 2, 5)
    short = np.arange(5.0)
    compiled(short, 3, 10**12)
    np.testing.assert_array_equal(short, np.arange(5.0))
    got, wanted = np.arange(8.0), np.arange(8.0)
    for function, a in ((compiled, got), (take, wanted)):
        with pytest.raises(IndexError):
            function(a, 3, 6)
    np.testing.assert_array_equal(got, wanted)


def test_a_check_in_the_loop_leaves_what_was_done_before():
    def total(a, values):
        for i in range(a.shape[0]):
            for j in range(i):
                a[i] += values[a[j]]

    compiled = jitflow.compile(total)
    values = np.array([1, 0, 2, 1])
    for start in ([0, 1, 0, 0], [1, 1, 1, 3], [3, 3, 3, 3], [0, 0, 7, 0]):
        got, wanted = np.array(start), np.array(start)
        outcomes = []
        for function, a in ((compiled, got), (total, wanted)):
            try:
                function(a, values)
                outcomes.append(None)
            except IndexError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("step", [1, 3])
def test_numbers_that_are_used_up(step):
    def digits(n, step):
        total = ones = halves = 0
        for i in range(0, n, step):
            x = i
            while x > 0:
                total += x % 10
                x //= 10
            x = i
            while x:
                x &= x - 1
                ones += 1
            x = i
            while x > 0:
                halves += x & 1
                x >>= 1
        return total, ones, halves

    compiled = jitflow.compile(digits)
    for n in (3000, 5000, 0, 1):
        assert compiled(n, step) == digits(n, step)
