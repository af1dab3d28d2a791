"""Masks: what they select, and what is stored under them, in straight code and in captured loops."""

import warnings

import numpy as np
import pytest
from helpers.loops import control_nodes
from hypothesis import given, settings
from hypothesis import strategies as st

import jitflow

RNG = np.random.default_rng(7)
X = RNG.normal(size=(9, 8))
SHAPES = [(0,), (1,), (7,), (40,), (3, 5), (4, 1), (2, 3, 4), (200,)]


def read(a, m):
    return a[m], a[m].sum(), a[~m].max(initial=-1.0)


def places(a, m):
    return np.nonzero(m), np.flatnonzero(m), np.where(m), np.argwhere(m)


def update(a, m):
    a[m] = a[m] * 2 + np.abs(a[m])
    a[~m] += 1
    return a


def inverse(a, m):
    a[m] = 1 / a[m]
    return a


def from_other(a, m):
    b = np.sqrt(np.abs(a))
    a[m] = b[m] - a[m]
    b[m] = a[m]
    return a, b


KEPT = {f.__name__: jitflow.compile(f, backend="cpu") for f in (read, places, update, from_other)}


@pytest.mark.parametrize("function", [read, places, update, from_other])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_masks_of_any_density(function, data):
    shape = data.draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    m = rng.random(shape) < data.draw(st.sampled_from([0, 0.1, 0.5, 0.9, 1]))
    a = rng.normal(size=shape)
    if data.draw(st.booleans()):
        a = a.T.copy().T
    if data.draw(st.booleans()):
        m = np.repeat(m, 2, axis=0)[::2]
    expected = function(a.copy(), m.copy())
    found = KEPT[function.__name__](a.copy(), m.copy())
    for one, other in zip(flat(expected), flat(found), strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


def flat(item):
    return [part for i in item for part in flat(i)] if isinstance(item, tuple) else [item]


def rows(x, m):
    x[m] = x[m] * 2 + x[m].sum(axis=1, keepdims=True)
    return x, x[m].mean(axis=0), x[m, 2], x[m, 1:4], x[m][:, ::2]


def columns(x, m):
    y = x.T
    y[:, m] = y[:, m] - 1
    return y, x[m].T, y[2:, m]


def mixed(x, m):
    x[m, 3] = x[m, 4] + 1
    x[np.arange(9)[m], 0] = 5
    return x, x[m, -1]


@pytest.mark.parametrize("function", [rows, columns, mixed])
def test_masks_of_rows(check, function):
    masks = [X[:, 0] > 0, X[:, 0] > 9, X[:, 0] > -9]
    report = check(function, *((X.copy(), m) for m in masks))
    assert not report.breaks


def choice(a, b, m):
    b = np.where(m, a, b)
    a[m] = b[m] * b[m].sum()
    return a, b


def test_single_elements_that_the_mask_leaves_out(check):
    a, b = np.array([3.0]), np.array([2.0])
    check(choice, (a, b, np.array([False])), (a, b, np.array([True])))


def wrong_shape(x, m):
    return x[m]


def wrong_store(x, m):
    x[m] = x[m[::-1]] + 1


def wrong_count(x, m):
    x[m] = np.ones(3)


@pytest.mark.parametrize("function", [wrong_shape, wrong_store])
def test_masks_that_do_not_fit_raise_as_eager(check, function):
    check(function, (X.copy(), np.ones(4, bool)), (X.copy(), np.ones((9, 7), bool)))


def test_values_that_do_not_fit_raise_as_eager(check):
    check(wrong_count, (X[0].copy(), X[0] > 9), (X[0].copy(), np.arange(8) < 3))


def test_masks_of_rank_zero(check):
    check(wrong_shape, (X.copy(), np.array(True)), (X.copy(), True), (X.copy(), False))


def active_set(x, tolerance, steps):
    count = 0
    for _ in range(steps):
        m = np.abs(x) > tolerance
        x[m] = x[m] * 0.5 + 0.01
        count += m.sum()
    return x, count


def means(x, labels, k):
    out = np.zeros((k, x.shape[1]))
    for i in range(k):
        out[i] = x[labels == i].mean(axis=0)
    return out


def experts(x, w, chosen):
    out = np.zeros_like(x)
    for e in range(w.shape[0]):
        rows = chosen == e
        out[rows] = x[rows] @ w[e]
    return out


def obstacles(f, solid, steps):
    for _ in range(steps):
        bounced = f[solid][:, ::-1]
        f = f * 0.9 + 0.1 * f.mean()
        f[solid] = bounced
    return f


def where_it_is(x, steps):
    total = 0
    for i in range(steps):
        r, c = np.nonzero(x > i * 0.2)
        total += (r * 3 + c).sum()
        x[r, c] -= 0.1
    return total, x


LABELS = np.arange(9) % 3
LOOPS = [
    (active_set, [(X.copy(), 0.2, 12), (X.copy(), 9.0, 12)]),
    (means, [(X, LABELS, 3), (X, np.arange(9) % 2, 2)]),
    (experts, [(X, RNG.normal(size=(40, 8, 8)), LABELS)]),
    (obstacles, [(X.copy(), X[:, 0] > 0, 9), (X.copy(), X[:, 0] > 9, 9)]),
    (where_it_is, [(X.copy(), 9), (X.copy() - 9, 9)]),
]


@pytest.mark.parametrize(
    ("function", "calls"), LOOPS, ids=lambda item: getattr(item, "__name__", "")
)
def test_loops_with_masks_are_captured(check_loops, function, calls):
    report = check_loops(function, *calls)
    assert "for" in control_nodes(report)


def test_flags_are_those_of_the_elements_that_are_taken(check):
    a = np.array([0.0, 2.0, 0.0, -4.0])
    check(inverse, (a, a != 0), (a, a < 9), (a, a > 9), (a, a != 0))


def diverging(z, steps):
    for _ in range(steps):
        m = np.abs(z) < 1e3
        z[m] = z[m] * z[m] + 0.3
    return z


def test_inactive_elements_set_no_flags_in_a_loop():
    z = np.full(5000, 1e300)
    z[::7] = 0.1
    compiled = jitflow.compile(diverging)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            np.testing.assert_array_equal(compiled(z.copy(), 40), diverging(z.copy(), 40))
