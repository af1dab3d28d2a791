"""Linear algebra by NumPy's own loops, called from native code: the very numbers of NumPy."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import jitflow

RNG = np.random.default_rng(3)
DTYPES = "fdFDi?"


def without_calls(report):
    """One piece, in which Python is not called."""
    assert report.breaks == 0, str(report)
    assert sum(piece.call_outs for piece in report.journal.pieces) == 0, str(report)


def outcome(function, args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args)
        except np.linalg.LinAlgError as error:
            result = (str(error),)
    return result, [(str(w.message), w.category, w.filename, w.lineno) for w in caught]


def assert_equal(function, compiled, *args):
    """Every bit of a number, the layout, and the warnings."""
    expected, told = outcome(function, args)
    got, told_too = outcome(compiled, args)
    assert told == told_too
    assert len(expected) == len(got)
    for one, other in zip(expected, got, strict=True):
        assert type(one) is type(other)
        if isinstance(one, str):
            assert one == other
            continue
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape, one.strides) == (other.dtype, other.shape, other.strides)
        np.testing.assert_array_equal(one, other)
        real = one.view(one.real.dtype) if one.size and one.ndim else one.real
        same = other.view(real.dtype) if one.size and one.ndim else other.real
        assert np.array_equal(np.signbit(real)[real == 0], np.signbit(same)[same == 0])


# Matrices of all kinds


def solving(a, b, c, n):
    x = b
    for k in range(n):
        x = np.linalg.solve(a, b) + k
    return x, np.linalg.solve(a, c), np.linalg.solve(a.T, c[::-1])


def inverting(a, b, c, n):
    x = a
    for _ in range(n):
        x = np.linalg.inv(a)
    return x, np.linalg.inv(a.T)[::-1]


def factoring(a, b, c, n):
    x = a
    for k in range(n):
        x = np.linalg.cholesky(a + k * np.eye(len(a)))
    return x, np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True)


def measuring(a, b, c, n):
    total = 0.0
    for k in range(n):
        total = total + np.linalg.det(a + k)
    return total, np.linalg.det(a)


FUNCTIONS = [solving, inverting, factoring, measuring]


@st.composite
def systems(draw):
    """A square matrix, a vector and a matrix of right-hand sides, of many dtypes and layouts."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    size = draw(st.integers(1, 40))
    code, other = draw(st.sampled_from(DTYPES)), draw(st.sampled_from("fdFD"))
    a = rng.uniform(-3, 3, (size, size)) + 1j * rng.uniform(-3, 3, (size, size)) * (code in "FD")
    content = draw(st.sampled_from(["plain", "definite", "singular", "nan", "inf", "vast"]))
    if content in ("definite", "nan"):
        a = a @ a.conj().T + np.eye(size)
    if content == "singular":
        a[:] = 2
    a = (a if code in "FD" else a.real).astype(code)
    if code in "fdFD" and content in ("nan", "inf"):
        a[rng.integers(size), rng.integers(size)] = float(content)
    if code in "fdFD" and content == "vast":
        a *= a.dtype.type(1e30)
    layout = draw(st.sampled_from(["C", "F", "steps", "turned"]))
    if layout == "F":
        a = np.asfortranarray(a)
    elif layout == "steps":
        a = np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3]
    elif layout == "turned":
        a = np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1]
    b = rng.uniform(-3, 3, size).astype(other)
    c = rng.uniform(-3, 3, (size, draw(st.integers(1, 5)))).astype(other)
    return a, b, c


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_bit_is_that_of_numpy(function):
    compiled = jitflow.compile(function)

    @given(systems())
    @example((np.eye(3), np.ones(3), np.ones((3, 2))))
    @example((np.zeros((2, 2)), np.ones(2), np.ones((2, 2))))
    def run(system):
        assert_equal(function, compiled, *system, 3)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
    pieces = compiled.report().journal.pieces
    assert sum(piece.call_outs for piece in pieces) == 0, str(compiled.report())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_infinities_warn_where_numpy_warns(function):
    compiled = jitflow.compile(function)
    plain = RNG.normal(size=(4, 4))
    plain = plain @ plain.T + np.eye(4)
    for entry in (1.0, np.inf, np.nan, 1e308, 1e-320, 1.0):
        a = plain.copy()
        a[1, 1] = entry
        with np.errstate(all="ignore"):
            single = a.astype("F")
        for args in ((a, plain[0], plain[:, :2], 4), (single, plain[0], plain[:, :2], 4)):
            for mode in ("warn", "ignore"):
                with np.errstate(all=mode):
                    assert_equal(function, compiled, *args)


# What is refused


def test_a_singular_matrix_in_an_iteration(check_loops):
    def f(a, n):
        log = np.zeros(n)
        for i in range(n):
            log[i] = np.linalg.inv(a - i * np.eye(len(a)))[0, 0]
        return log

    report = check_loops(f, (np.eye(3) / 2, 6), (np.eye(3) * 4, 3), (np.eye(3) * 4, 9))
    without_calls(report)


def test_what_was_written_before_a_singular_matrix(check_loops):
    def f(a, log):
        for i in range(len(a)):
            log[i] += i
            a[i] = np.linalg.inv(a[i])
        return log

    stack = np.stack([np.eye(3) * (i + 1) for i in range(8)])
    singular = stack.copy()
    singular[5] = 1
    without_calls(check_loops(f, (stack, np.ones(8)), (singular, np.ones(8))))


def test_the_way_out_is_numpys(check):
    def f(a, b):
        try:
            return np.linalg.solve(a, b)
        except np.linalg.LinAlgError as error:
            return str(error)

    check(f, (np.eye(2), np.ones(2)), (np.ones((2, 2)), np.ones(2)), (np.eye(3), np.ones((3, 1))))
    check(f, (np.ones((2, 3)), np.ones(2)))
    check(lambda a: np.linalg.cholesky(a), (-np.eye(2),), (np.eye(2),))
    check(lambda a: np.linalg.inv(a), (np.ones((0, 0)),))
    check(lambda a, b: np.linalg.solve(a, b), (np.eye(3), np.ones(4)))


def test_a_result_that_nobody_uses(check_loops):
    def f(a, n):
        for i in range(n):
            np.linalg.cholesky(a - i * np.eye(2))
        return i

    check_loops(f, (np.eye(2) * 9.5, 9), (np.eye(2) * 4.5, 9))


# In programs


def test_an_operand_is_left_alone_and_may_take_the_result(check):
    def f(a, b):
        b[:] = np.linalg.solve(a, b)
        a[:] = np.linalg.inv(a)
        return np.linalg.det(a), b

    a = RNG.normal(size=(5, 5))
    without_calls(check(f, (a, a[0].copy()), (a + 1, a[1].copy())))
    without_calls(check(f, (a.T, a[:, :2].copy())))


def test_in_a_branch(check_loops):
    def f(a, n):
        for i in range(n):
            a = np.linalg.inv(a) + 0.1 if np.linalg.det(a) > i / 9 else np.linalg.cholesky(a @ a.T)
        return a

    a = RNG.normal(size=(4, 4))
    without_calls(check_loops(f, (a, 9), (a + np.eye(4), 20)))


def test_kalman_filter(check_loops):
    def f(seen, f, h, q, r):
        x, p, out = np.zeros(len(f)), np.eye(len(f)), np.empty((len(seen), len(f)))
        for k in range(len(seen)):
            x, p = f @ x, f @ p @ f.T + q
            s = h @ p @ h.T + r
            gain = p @ h.T @ np.linalg.inv(s)
            x = x + gain @ (seen[k] - h @ x)
            p = (np.eye(len(x)) - gain @ h) @ p
            out[k] = x
        return out

    f_4 = np.eye(4) + 0.1 * np.eye(4, k=1)
    args = RNG.normal(size=(30, 2)), f_4, np.eye(2, 4), np.eye(4) * 0.01, np.eye(2)
    without_calls(check_loops(f, args))


@pytest.mark.parametrize("threads", [1, 2])
def test_in_iterations_that_do_not_depend_on_each_other(threads):
    def f(a, b):
        out = np.empty((len(a), 12))
        for i in range(len(a)):
            out[i] = np.linalg.solve(a[i], b[i])
        return (out,)

    compiled = jitflow.compile(f)
    a = RNG.normal(size=(4000, 12, 12))
    with jitflow.config().override(threads=threads):
        for scale in (1.0, 2.0, 1.0):
            assert_equal(f, compiled, a * scale, a[:, 0])
        a[3900] = 1
        assert_equal(f, compiled, a, a[:, 1])
    without_calls(compiled.report())


def test_stacks_and_lists_are_calls_of_numpy(check):
    def f(a):
        return np.linalg.inv(a), np.linalg.det([[1.0, 2.0], [3.0, a[0, 0, 0]]])

    check(f, (np.stack([np.eye(3)] * 4),))
