"""Draws from generators: made in the program, handed over, held by objects, global."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import jitflow


def one_piece(report):
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_generators_that_the_program_makes(check):
    def f(n):
        first, second = np.random.default_rng(1), np.random.default_rng(1)
        old = np.random.RandomState(n)
        return first.random(n) - second.random(n), first.normal(size=2), old.rand(2) @ old.randn(2)

    one_piece(check(f, (4,), (4,)))


def test_a_seed_that_is_refused(check):
    def f(n):
        return np.random.default_rng(-n).random(3)

    check(f, (3,))


def test_a_generator_that_is_given_back(check):
    def f(n):
        rng = np.random.default_rng(n)
        x = rng.random(3)
        return x * 2, rng.bit_generator.state["state"]["state"]

    check(f, (3,), (3,))


def test_new_generators_need_no_new_piece():
    @jitflow.compile
    def noisy(x, rng):
        return x + rng.normal(size=x.shape) * rng.random()

    x = np.arange(4.0)
    for seed in range(5):
        mine, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        for _ in range(2):
            expected = x + theirs.normal(size=4) * theirs.random()
            np.testing.assert_array_equal(noisy(x, mine), expected)
        assert mine.random() == theirs.random()
    report = noisy.report()
    assert (report.pieces, report.breaks, report.recompiles) == (1, 0, 0), str(report)


@pytest.mark.parametrize("size", [np.array((2, 3)), [2, 3], (2, 3), np.uint32(4), np.array(2)])
def test_sizes_that_are_arrays(size, check):
    def f(p, size):
        rng = np.random.default_rng(3)
        return rng.dirichlet(p, size), rng.multinomial(4, p / p.sum(), size), rng.random()

    check(f, (np.array([51.7, 39.7]), size), (np.array([5.2, 1.5, 3.9]), size))


def test_generators_in_objects():
    class Layer:
        def __init__(self, seed):
            self.rng = np.random.default_rng(seed)

        def drop(self, x):
            return np.where(self.rng.random(x.shape) < 0.5, x, 0.0)

    drop = jitflow.compile(Layer.drop)
    for seed in range(3):
        mine, theirs, x = Layer(seed), Layer(seed), np.ones((3, 4))
        for _ in range(2):
            np.testing.assert_array_equal(drop(mine, x), theirs.drop(x))
    assert (drop.report().pieces, drop.report().recompiles) == (1, 0)


def test_choices_from_a_range(check):
    def f(x, n):
        np.random.seed(1)
        first = x[np.random.choice(range(len(x)))]
        return first, np.random.choice(range(2, n, 3), size=4), np.random.permutation(range(n))

    x = np.arange(12.0).reshape(6, 2)
    check(f, (x, 9), (x, 11), (np.arange(20.0).reshape(10, 2), 30))


def new_draws(n, rng):
    out = np.empty((n, 10))
    for i in range(n):
        out[i, 0] = rng.random() + rng.standard_normal()
        out[i, 1] = rng.normal(i, 0.5) - rng.standard_exponential()
        out[i, 2] = rng.uniform(-i, 2.5)
        out[i, 3] = rng.exponential(1.0 + i)
        out[i, 4] = rng.lognormal(0.1, 0.2) * rng.laplace(1, 2)
        out[i, 5] = rng.gamma(0.5 + i, 2)
        out[i, 6] = rng.integers(i + 1) + rng.integers(-3, 5, endpoint=True)
        out[i, 7:9] = rng.normal(size=2)
        out[i, 9] = rng.random(i % 3 + 1).sum() + rng.integers(0, 2**40)
    return out


def older_draws(n, rng):
    out = np.empty((n, 6))
    for i in range(n):
        out[i, 0] = rng.rand() + rng.random_sample()
        out[i, 1] = rng.normal(i, 0.5) - rng.standard_normal()
        out[i, 2] = rng.uniform(-i, 2.5) * rng.randint(-4, 9)
        out[i, 3] = rng.exponential(1.0 + i)
        out[i, 4:6] = rng.randn(2) + rng.rand(2)
        if out[i, 0] > 1:
            out[i, 5] = rng.normal(2, 0.1)
    return out


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    "function, make", [(new_draws, np.random.default_rng), (older_draws, np.random.RandomState)]
)
def test_native_draws_are_those_of_the_methods(function, make, dynamic):
    compiled = jitflow.compile(function, dynamic=dynamic)
    for seed in range(6):
        mine, theirs = make(seed), make(seed)
        if seed % 2:
            assert mine.normal() == theirs.normal()
        np.testing.assert_array_equal(compiled(40, mine), function(40, theirs))
        assert mine.normal() == theirs.normal()
    report = compiled.report()
    assert report.breaks == 0, str(report)
    assert "call_out" not in report.journal.pieces[-1].texts["graph"]


def test_a_number_drawn_that_python_sees_twice(check):
    def f(n):
        rng = np.random.RandomState(1234)
        out = []
        for _ in range(n):
            count = rng.randint(1, 4, dtype=np.intp)
            part = tuple(rng.randint(-1000, 1000, dtype=np.intp) for _ in range(count))
            out.append((type(count), count, part, type(part[0])))
        return out

    check(f, (5,), (5,))


def choices(n, rng, x):
    place, path, out = 0, [], np.empty((n, 3))
    for i in range(n):
        place += rng.choice([-1, 1])
        path.append(place)
        out[i, 0] = rng.choice(x) + rng.choice(5) * rng.choice(len(x))
        out[i, 1] = rng.choice(x, size=len(x), replace=True).mean() - rng.choice(x, 3)[1]
        out[i, 2] = rng.choice(x, 2, replace=False)[0] + rng.choice(x[:2], p=[0.25, 0.75])
    return path, out, rng.choice(x)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_choices_in_loops(make):
    compiled = jitflow.compile(choices)
    for seed in range(4):
        mine, theirs, x = make(seed), make(seed), np.arange(9.0) ** 2
        got, expected = compiled(40, mine, x), choices(40, theirs, x)
        assert got[0] == expected[0]
        assert list(map(type, got[0])) == list(map(type, expected[0]))
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-14)
        assert got[2] == expected[2]
        assert mine.normal() == theirs.normal()
    assert compiled.report().breaks == 0
    assert all(
        text.count("draw_") >= 5
        for p in compiled.report().journal.pieces
        for text in [p.texts["graph"]]
    )


def test_numpy_random_and_fft_that_are_not_loaded_yet():
    code = """
import sys, numpy as np, jitflow
f = jitflow.compile(lambda x: np.fft.fft(x).real + np.random.default_rng(1).random(4))
loaded = "numpy.random" in sys.modules
f(np.ones(4)), f(np.ones(4))
report = f.report()
print(loaded, report.pieces, report.breaks, report.recompiles)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, *counts = done.stdout.split()
    assert counts == ["1", "0", "0"], (loaded, counts)


def test_result_types_of_many_axes_are_found_on_small_arrays():
    def f(*extents):
        return np.random.rand(*extents) + 1

    compiled = jitflow.compile(f)
    tracemalloc.start()
    try:
        for extents in ((4, 5, 4, 5, 4, 5, 4), (5, 4, 5, 4, 6, 4, 5), (6, 5, 4, 6, 5, 7, 5)):
            np.random.seed(0)
            expected = f(*extents)
            np.random.seed(0)
            np.testing.assert_array_equal(compiled(*extents), expected)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 29
