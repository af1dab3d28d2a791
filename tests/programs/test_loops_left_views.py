"""Views of arrays that loops make, and arrays with several names, behind the loop."""

import numpy as np
import pytest

import jitflow

A = np.arange(12.0).reshape(3, 4)


def real_part(u, n):
    u = u.astype(complex)
    for _ in range(n):
        v = np.fft.ifft(np.exp(-0.1j) * np.fft.fft(u))
        w = v.real
        u = v * np.exp(0.1j * np.abs(v))
        if w[0] > 1e6:
            break
    return u, w


def several_views(a, n):
    for i in range(n):
        b = a * i + 1
        c = b.T
        d = b[1:, ::2]
        e = c
    return c, d, e, c is e


def two_names(a, n):
    for i in range(n):
        b = a * i
        c = b
    b[0, 0] = 99.0
    return b, c, b is c


def written_behind(a, n):
    for i in range(n):
        b = np.exp(a) * i
        row = b[1]
    row[:] = -1.0
    return row, b


def of_an_argument(a, n):
    for i in range(n):
        row = a[i % 3]
    row += 1.0
    return row, a


def of_run_time_extent(a, n):
    for i in range(n):
        b = a.ravel() + i
        c = b[: i + 1]
    return c


def returned_from_the_middle(a, n, limit):
    for i in range(n):
        b = a * i
        c = b.T
        if c[1, 1] > limit:
            return c
    return b, c


PROGRAMS = [
    (real_part, (A.ravel(), 5), (A.ravel(), 1)),
    (several_views, (A, 20), (A, 30), (A, 1)),
    (two_names, (A, 20), (A, 33)),
    (written_behind, (A, 20), (A, 21)),
    (of_an_argument, (A, 20), (A, 31)),
    (of_run_time_extent, (A, 11), (A, 8)),
    (returned_from_the_middle, (A, 30, 1e9), (A, 30, 50.0)),
]


@pytest.mark.parametrize(("program", "calls"), [(p, c) for p, *c in PROGRAMS])
def test_as_python(check_loops, program, calls):
    check_loops(program, *calls)


@pytest.mark.parametrize("program", [real_part, several_views, two_names, written_behind])
def test_memory_is_shared_as_in_python(program):
    calls = next(calls for known, *calls in PROGRAMS if known is program)
    compiled = jitflow.compile(program)
    with jitflow.config().override(strict=True):
        for _ in range(2):
            got = [part for part in compiled(*calls[0]) if isinstance(part, np.ndarray)]
            expected = [part for part in program(*calls[0]) if isinstance(part, np.ndarray)]
            for x, y in zip(expected, got, strict=True):
                assert (x.base is None) == (y.base is None)
                assert x.flags.writeable == y.flags.writeable
                for x2, y2 in zip(expected, got, strict=True):
                    assert np.shares_memory(x, x2) == np.shares_memory(y, y2)
    assert not compiled.report().breaks
