"""Element-wise operations: promotion, broadcasting, memory order, `out`, `where`."""

from __future__ import annotations

import numpy as np
from helpers.traced import check

X = np.arange(12.0).reshape(3, 4) + 0.5


def test_results_have_the_layout_of_their_operands():
    for x in (X, X.T, X[::2], X[:, ::-1], X[:, 1:3].T):
        check(lambda a: np.sqrt(a) + 1, x)


def test_scalars():
    check(lambda a: a[0, 1] * 2, X)
    check(lambda a: (a + 1)[0, 1], X)


def test_in_place():
    check(lambda a, b: np.add(a, b, out=a), X, X.T.copy().T + 1)

    def f(a):
        a += 1
        return a

    check(f, X)
