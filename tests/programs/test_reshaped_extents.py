"""Reshapes whose extents data decide, and loops whose shapes differ in each iteration."""

import numpy as np
import pytest

RNG = np.random.default_rng(11)
X = RNG.normal(size=203)

EXPRESSIONS = [
    "z.T.copy()",
    "z.T.reshape(-1, 2)",
    "z.T.reshape(-1)",
    "z.reshape(2, -1, 2)",
    "z.reshape(2, 2, -1)",
    "z.reshape(-1, 4)",
    "z[::-1].ravel()",
    "z.ravel('F')",
    "z.sum(0), z.mean(axis=1, keepdims=True)",
]
UNDECIDED = ["z.reshape(-1, 2, order='F')", "z[:, ::2].reshape(2, -1)"]
"""A copy or a view, as the extents are: left to Python."""


@pytest.mark.parametrize("expression", EXPRESSIONS + UNDECIDED)
def test_reshapes_of_what_a_mask_selects(check, expression):
    namespace = {"np": np}
    lines = (
        "def f(x, least):",
        "    y = x[np.abs(x) > least]",
        "    z = y[: len(y) // 4 * 4].reshape(4, -1)",
        f"    return {expression}",
    )
    exec("\n".join(lines), namespace)
    report = check(namespace["f"], (X, 0.1), (X, 0.5), (X[:50], 0.1), (X[:9], 0.01), (X, 9.0))
    assert bool(report.breaks) == (expression in UNDECIDED)
    assert ("JF-B020", "") not in report.journal.eager or report.journal.eager["JF-B020", ""] <= 2


def test_a_view_stays_a_view(check):
    def f(x):
        y = x[x > 0]
        z = y[: len(y) // 2 * 2].reshape(2, -1)
        z[0] = 1.0
        w = z.T.reshape(-1)
        w[:3] = 5.0
        return y, z, w

    check(f, (X,), (X[:6],), (X[:2],))


def test_a_size_that_does_not_divide(check):
    def f(x):
        return x[x > 0].reshape(3, -1)

    positive = np.flatnonzero(X > 0)
    for count in (9, 10, 12, 3, 0):
        check(f, (X[: positive[count]],))


def butterflies(y, radix, levels):
    n = y.shape[0]
    phases = np.arange(n) / n
    for i in range(levels):
        view = np.reshape(y, (radix**i, radix, radix ** (levels - i - 1)))
        turned = np.transpose(view, (1, 0, 2))
        factor = np.exp(-2.0j * np.pi * phases[: radix**i])
        spread = np.repeat(np.reshape(factor, (1, radix**i, 1)), radix ** (levels - i - 1), axis=2)
        scaled = np.reshape(turned * spread, (radix, n // radix))
        low, high = scaled[0], scaled[-1]
        y[: n // radix] = low + high
        y[n // radix :] = np.concatenate([low - high] * (radix - 1))
    return y


def doubling(x, levels):
    out = []
    for i in range(levels):
        parts = x.reshape(-1, 2**i)
        smooth = 0.5 * (parts + parts[::-1])
        deviation = np.sqrt(((parts - smooth) ** 2).mean(axis=1))
        out.append((smooth.sum(axis=1).max(), deviation.max(), np.abs(parts).min()))
    return np.array(out)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (butterflies, (RNG.normal(size=2**9) + 0j, 2, 9)),
        (butterflies, (RNG.normal(size=3**5) + 0j, 3, 5)),
        (doubling, (RNG.normal(size=2**12), 12)),
    ],
)
def test_shapes_that_differ_in_each_iteration(check, function, args):
    report = check(function, args, args)
    assert report.pieces == 1
    assert not report.journal.eager
