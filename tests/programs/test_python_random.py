"""Draws of the standard library's `random`, in loops and outside, and arrays shuffled in place."""

import random

import numpy as np
import pytest
from helpers.loops import control_nodes_in

import jitflow


def numbers(n, rng):
    total = 0.0
    for _ in range(n):
        total += rng.random() * rng.uniform(-1, 2) + rng.expovariate(2.0)
    return total


def integers(n, rng):
    counts = np.zeros(40, int)
    for i in range(n):
        counts[rng.randint(1, 6)] += 1
        counts[rng.randrange(7, 30)] += rng.choice([-1, 1, 3])
        if rng.random() < 0.1:
            counts[rng.randrange(i + 1) % 7] += 1
    return counts


def wide_integers(n, rng):
    total = 0
    for _ in range(n):
        total += rng.randrange(10**12) - rng.randrange(2**32) + rng.randrange(2**33 + 1)
        total ^= rng.getrandbits(40)
    return total


def normals(n, rng):
    x = 0.0
    for _ in range(n):
        x += rng.gauss(0, 1) * rng.normalvariate(1, 0.5)
    return x


def annealing(n, rng):
    x = rng.uniform(-3, 3)
    energy, temperature = x**4 - 3 * x**2 + x, 5.0
    for _ in range(n):
        y = x + rng.uniform(-0.5, 0.5)
        new = y**4 - 3 * y**2 + y
        if new < energy or rng.random() < np.exp((energy - new) / temperature):
            x, energy = y, new
        temperature *= 0.99
    return x, energy


def made_in_the_call(n, rng):
    own, total = random.Random(n), 0.0
    for _ in range(n):
        total += own.random() - rng.random() + own.randint(0, 9)
    return total


def failing(n, rng):
    x = np.zeros(12)
    for i in range(n):
        x[rng.randint(0, 12)] += rng.random()
        x[i % 12] += rng.gauss(0, 1)
    return x


def seeded(n, rng):
    rng.seed(n)
    total = 0.0
    for i in range(n):
        if i % 40 == 0:
            rng.seed(i)
        total += rng.random()
    return total


PROGRAMS = [numbers, integers, wide_integers, normals, annealing, made_in_the_call, failing, seeded]


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("function", PROGRAMS, ids=[f.__name__ for f in PROGRAMS])
def test_generators(function, backend):
    compiled = jitflow.compile(function, backend=backend)
    for seed in range(8):
        mine, theirs = random.Random(seed), random.Random(seed)
        outcomes = []
        for call, rng in ((function, theirs), (compiled, mine)):
            try:
                outcomes.append(call(60, rng))
            except IndexError as error:
                outcomes.append(str(error))
        assert type(outcomes[0]) is type(outcomes[1])
        if isinstance(outcomes[0], str):
            assert outcomes[0] == outcomes[1]
        else:
            np.testing.assert_allclose(outcomes[1], outcomes[0], rtol=1e-13)
        assert mine.getstate() == theirs.getstate()
    report = compiled.report()
    assert report.breaks == 0, str(report)
    assert all("for" in control_nodes_in(piece.texts["graph"]) for piece in report.journal.pieces)


def test_the_functions_of_the_module():
    def f(n):
        total = 0.0
        for _ in range(n):
            total += random.random() * random.randint(1, 6) + random.gauss(0, 1)
        return total + random.random()

    compiled = jitflow.compile(f)
    for seed in range(3):
        random.seed(seed)
        expected, after = f(50), random.getstate()
        random.seed(seed)
        assert compiled(50) == pytest.approx(expected, rel=1e-13)
        assert random.getstate() == after
    assert compiled.report().breaks == 0


def test_a_generator_of_the_programs_own_is_left_to_python():
    class Fixed(random.Random):
        def random(self):
            return 0.25

    def f(n, rng):
        total = 0.0
        for _ in range(n):
            total += rng.random() + rng.uniform(1, 2)
        return total

    assert jitflow.compile(f)(30, Fixed(1)) == f(30, Fixed(1))


# Arrays shuffled in place


def epochs(x, n, rng):
    total = 0.0
    for i in range(n):
        rng.shuffle(x)
        total += x[0] * i
    return total


def rows_and_columns(x, n, rng):
    for _ in range(n):
        rng.shuffle(x)
        rng.shuffle(x[:, 1])
    return x


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize(
    "function, shape", [(epochs, (30,)), (rows_and_columns, (12, 2))], ids=["vector", "matrix"]
)
def test_shuffled_arrays(function, shape, kind):
    compiled = jitflow.compile(function)
    for seed in range(3):
        mine, theirs = (np.arange(float(np.prod(shape))).reshape(shape) for _ in range(2))
        got, expected = compiled(mine, 20, kind(seed)), function(theirs, 20, kind(seed))
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(mine, theirs)
    assert compiled.report().breaks == 0


@pytest.mark.parametrize("limit", [2**40, 2**63 - 1, 2**63, 2**63 + 1, 2**64, 10**40])
def test_integers_of_any_width(limit):
    def f(x, n):
        y = x * 2
        first = random.randrange(n)
        for _ in range(3):
            x = x + float(random.randint(-n, n))
        return x + y, first, random.getrandbits(n.bit_length())

    compiled = jitflow.compile(f)
    for seed in range(4):
        outcomes = []
        for call in (f, compiled):
            random.seed(seed)
            x, *numbers = call(np.arange(3.0), limit)
            outcomes.append((x.tolist(), numbers, random.getstate()))
        assert outcomes[0] == outcomes[1]
