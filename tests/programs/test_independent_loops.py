"""Loops over elements: those whose iterations are independent become operations on whole arrays."""

import copy

import numpy as np
import pytest

import jitflow

RNG = np.random.default_rng(5)
M = RNG.standard_normal((40, 30))
S = RNG.standard_normal((24, 24))
X = RNG.standard_normal(60)


def outer_exponential(a, b, out):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j] * np.exp(b[j]) + 1


def convolution(image, weights, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(image[i : i + 3, j : j + 3] * weights)


def product(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


def product_in_place(a, b, out):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


def triangular_product(a, b):
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])


def oscillators(x, v):
    for i in range(len(x)):
        position, speed = x[i], v[i]
        for _ in range(20):
            speed += -4.0 * position * 0.01
            position += speed * 0.01
        x[i] = position
        v[i] = speed


def distances(points, out):
    for i in range(points.shape[0]):
        for j in range(points.shape[0]):
            total = 0.0
            for k in range(3):
                difference = points[i, k] - points[j, k]
                total += difference * difference
            out[i, j] = np.sqrt(total)


def anti_diagonal(a, x):
    n = len(x)
    for i in range(n):
        a[i, i] += np.exp(x[n - 1 - i])


def positions(out):
    for i in range(2, len(out), 3):
        out[i] = np.sin(i * 0.1)


def seidel(a):
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            a[i, j] = np.exp(-a[i, j - 1]) + a[i - 1, j] + a[i, j + 1]


def shifted_down(a):
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] += np.exp(-abs(a[i - 1, j]))


def last_wins(x, out):
    for i in range(len(x)):
        out[0] = np.exp(x[i])


def shortest(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                a[i, j] = min(a[i, j], np.exp(a[i, k]) + a[k, j])


CASES = [
    (outer_exponential, (M, M[0].copy(), M.copy()), 0),
    (convolution, (M, M[:3, :3].copy(), np.zeros((38, 28))), 1),
    (product, (S, S.T.copy(), S.copy()), 1),
    (product_in_place, (S, S.T.copy(), S.copy()), 1),
    (triangular_product, (S, M[:24].copy()), 1),
    (oscillators, (X, X + 1), 1),
    (distances, (M[:, :3].copy(), np.zeros((40, 40))), 0),
    (anti_diagonal, (S, X[:24].copy()), 0),
    (positions, (X,), 0),
    (seidel, (S,), 2),
    (shifted_down, (S,), 1),
    (last_wins, (X, X.copy()), 1),
    (shortest, (np.abs(S),), 3),
]


def run(function, arguments, **options):
    expected, given = copy.deepcopy(arguments), copy.deepcopy(arguments)
    function(*expected)
    with jitflow.config().override(strict=True, verify_ir=True, measure=False):
        compiled = jitflow.compile(function, fullgraph=True, **options)
        compiled(*given)
    for a, b in zip(expected, given, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)
    return compiled.report()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_loops_that_are_left(case):
    function, arguments, left = case
    report = run(function, arguments)
    (piece,) = report.journal.pieces
    assert piece.texts["graph"].count(" = for ") == left


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_reference(case):
    run(case[0], case[1], backend="reference")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_symbolic_extents(case):
    run(case[0], case[1], dynamic=True)


def test_an_index_error_in_the_middle():
    def reads_beyond(x, out):
        for i in range(len(out)):
            out[i] = np.exp(x[i])

    expected, given = np.zeros(70), np.zeros(70)
    for function, out in ((reads_beyond, expected), (jitflow.compile(reads_beyond), given)):
        with pytest.raises(IndexError, match="index 60 is out of bounds"):
            function(X, out)
    np.testing.assert_allclose(given, expected, rtol=1e-14)
    assert given[59] != 0


def test_warnings_of_elements():
    def logarithms(x, out):
        for i in range(len(x)):
            out[i] = np.log(x[i])

    x = np.linspace(1, 2, 40)
    x[17] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        jitflow.compile(logarithms)(x, x.copy())


def test_a_check_in_every_iteration():
    def increments(x, out):
        for i in range(len(x)):
            out[i] = int(x[i]) ** 3 + 7

    x, expected, given = np.arange(40), np.zeros(40, np.int64), np.zeros(40, np.int64)
    increments(x, expected)
    jitflow.compile(increments)(x, given)
    np.testing.assert_array_equal(given, expected)


VIEWS = {
    "shifted up": lambda a: (a[:-1], a[1:]),
    "shifted down": lambda a: (a[1:], a[:-1]),
    "the same": lambda a: (a, a),
    "backwards": lambda a: (a[::-1], a),
    "apart": lambda a: (a.copy(), a),
}


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("seen", [False, True], ids=["first call", "after arrays apart"])
def test_arguments_that_overlap(views, seen):
    def decays(x, out):
        for i in range(len(x)):
            out[i] = np.exp(-x[i]) + 0.5

    expected, given = (np.linspace(0, 1, 50) for _ in range(2))
    compiled = jitflow.compile(decays)
    if seen:
        compiled(np.ones(50), np.ones(50))
    decays(*views(expected))
    compiled(*views(given))
    np.testing.assert_allclose(given, expected, rtol=1e-14)
