"""The least value of polynomials over loops in loops."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitflow.core import dims
from jitflow.ir.ranges import Ranges

N, K, I, J, U = (dims.symbol(name) for name in ("n", "k", "i", "j", "u"))  # noqa: E741


def inside():
    """``for k in range(n): for i in range(k + 1, n): for j in range(k + 1, n)``, and some `u`."""
    ranges = Ranges(["n"])
    for name, first in (("k", 0), ("i", K + 1), ("j", K + 1)):
        ranges = ranges.inside(name, first, N - 1)
    return ranges


@pytest.mark.parametrize(
    "dim,least",
    [
        (N - 1, 0),  # the loop over k has an iteration
        (J - K, 1),
        (I * N - K * N, 1),
        (N * N + N, 2),
        (I * N + J - K * N - J, 1),
        (K - J, None),
        (I - J, None),
        (J * J, None),
        (U, None),
        (J - K + U, None),
        (7, 7),
    ],
)
def test_least(dim, least):
    assert inside().least(dim) == least


@pytest.mark.parametrize(
    "distance,here,there,never",
    [
        (8 * J - 8 * K, 8, 8, True),  # a[i, j] and a[i, k]
        (8 * K - 8 * J, 8, 8, True),
        (8 * N * I + 8 * J - 8 * N * K - 8 * K, 8, 8, True),
        (8 * J - 8 * K - 8, 8, 8, False),
        (8 * J - 8 * K, 8, 16, True),
        (8 * J - 8 * K, 16, 8, False),
        (16 * I - 16 * J + 8, 8, 8, True),  # even and odd elements
        (16 * I - 16 * J + 8, 16, 8, False),
        (16 * I - 16 * J + 8, 8, 16, False),
        (16 * U + 8, 8, 8, True),
        (U, 8, 8, False),
        (0, 8, 8, False),
        (8, 8, 8, True),
        (-8, 8, 8, True),
    ],
)
def test_places_that_never_meet(distance, here, there, never):
    assert inside().never_meet(distance, here, there) is never


def test_a_loop_without_known_ends():
    ranges = Ranges(["n"]).inside("k", None, N - 1)
    assert ranges.least(N - K) == 1
    assert ranges.least(K) is None


FACTORS = st.integers(-3, 3)


@given(st.tuples(*[FACTORS] * 6), st.integers(-2, 2))
def test_no_value_is_below_the_least(factors, shift):
    a, b, c, d, e, f = factors
    dim = a * N + b * K + c * I + d * J + e * N * I + f * N * J + shift
    ranges = inside()
    least = ranges.least(dim)
    apart = ranges.never_meet(dim, 2, 3)
    for n, k in itertools.product(range(5), repeat=2):
        for i, j in itertools.product(range(k + 1, n), repeat=2):
            value = dims.evaluate(dim, {"n": n, "k": k, "i": i, "j": j})
            assert least is None or value >= least
            assert not apart or value >= 2 or value <= -3
