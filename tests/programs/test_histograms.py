"""Histograms with bins of equal width."""

import numpy as np

X = np.random.default_rng(0).random(200) * 5 - 1
W = np.random.default_rng(1).random(200)


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)
    assert sum(piece.call_outs for piece in report.journal.pieces) == 0, str(report)


def test_counts_and_edges(check):
    def f(x):
        counts, edges = np.histogram(x)
        return counts, edges, np.histogram(x.reshape(10, 20), 7)[0] / len(x)

    one_piece(check(f, (X,), (np.round(X),)))


def test_sums_of_weights(check):
    def f(x, w):
        return np.histogram(x, 12, weights=w)[0] / np.maximum(np.histogram(x, 12)[0], 1)

    one_piece(check(f, (X, W)))


def test_a_range_that_leaves_values_out(check):
    def f(x, w):
        counts, edges = np.histogram(x, bins=8, range=(0, 2.5))
        return counts, edges, np.histogram(x, bins=8, range=(0, 2.5), weights=w)[0]

    one_piece(check(f, (X, W)))
    check(f, (np.where(X > 2, np.nan, X), W), (np.where(X > 2, np.inf, X), W))


def test_values_on_the_edges(check):
    def f(x, n):
        return np.histogram(x, 10), np.histogram(x, 3, (0.1, 0.7))

    edges = np.linspace(0.1, 0.7, 31)
    check(f, (edges, 10), (np.nextafter(edges, 1), 10), (np.nextafter(edges, 0), 10))


def test_equal_values_and_values_that_are_refused(check):
    def f(x):
        return np.histogram(x, 4)

    check(f, (np.ones(5),), (np.array([1.0, np.nan]),), (np.array([1.0, np.inf]),), (np.zeros(0),))


def test_other_histograms_are_numpys(check):
    def f(x, k):
        return np.histogram(x, [0, 1, 2.5]), np.histogram(x, 5, density=True), np.histogram(k, 4)

    check(f, (X, np.arange(9)))


def test_bins_that_are_too_narrow(check):
    def f(x):
        return np.histogram(x, bins=10)

    check(f, (np.array([1.0, 1 + 2e-16] * 10),), (X,))
