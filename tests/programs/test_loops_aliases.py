"""Variables that data decide to be one array or another: later writes are seen through both."""

import numpy as np
import pytest

import jitflow


def either_of_two(a, b, c):
    v = a if c[0] > 0 else b
    a[0] = 100
    b[1] = 50
    return v * 2


def bound_in_a_loop(a, b, c):
    v = b
    for i in range(4):
        if c[i] > 0:
            v = a
        a[i] += 1
        b[0] += v[i]
    return v + 0


def swapped_before_a_write(a, b, c):
    v = a
    for _ in range(c[1], 5):
        v, a = a, v
    for _ in range(3):
        b += v
    return b + 0


def a_copy_or_itself(a, b, c):
    u = a.copy()
    v = u
    for i in range(4):
        u[i] += 3
        if c[i] > 0:
            v = u * 1
    return v + 1, u


def one_of_two_that_is_written(a, b, c):
    u, v, s = a.copy(), b.copy(), 0.0
    for i in range(5):
        if c[i] > 0:
            u = v
        v[i] = s
        s += u[0] + u[i]
    return s


def kept_by_an_expression(a, b, c):
    v = a * 1
    w = v
    for i in range(5):
        v = v + 1 if c[i] > 0 else v
        w = v if c[i] < 2 else w
        v[i] = 0
        b[i] = w[0] + w[i]
    return w + 0


def views_of_one_array(a, b, c):
    v = a[1:]
    for i in range(4):
        if c[i] > 0:
            v = a[:-1]
        a[i] += v[0]
    return v * 1


def pairs(a, b, c):
    p = (a, b)
    for i in range(4):
        if c[i] > 0:
            p = (p[1], p[0])
        a[i] = i * 10
        b[0] += p[0][i]
    return p[0] * 1


PROGRAMS = (
    either_of_two, bound_in_a_loop, swapped_before_a_write, a_copy_or_itself, views_of_one_array,
    one_of_two_that_is_written, kept_by_an_expression, pairs,
)  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_writes_are_seen(check, function):
    calls = []
    for c in ([1, 0, 2, 0, 3, 1], [0, 1, 0, 2, 1, 0], [0] * 6, [3] * 6):
        a = np.arange(6.0)
        calls += [(a, np.ones(6), np.array(c)), (a, a, np.array(c))]
    with jitflow.config().override(measure=False):
        check(function, *calls)


def test_buffers_that_change_hands_are_captured(backend):
    def run(a, b):
        u, v = a.copy(), b.copy()
        for i in range(1, 40):
            v[1:-1] = (u[:-2] + u[2:]) * 0.5
            u, v = v, u
            if u[i % 5] > 2:
                u = u * 0.5
        return u

    compiled = jitflow.compile(run, backend=backend)
    a, b = np.arange(6.0), np.ones(6)
    np.testing.assert_allclose(compiled(a, b), run(a, b))
    assert "runs in Python" not in str(compiled.report())
