"""Sizes that are known at run time only: one variant serves all of them."""

import numpy as np
import pytest

import jitflow
from examples import gpt

RNG = np.random.default_rng(0)
SIZES = tuple((RNG.standard_normal((n, 4)),) for n in (5, 6, 9))


def ranges(x):
    n = len(x)
    return x[range(n)], x[range(n - 1, -1, -1)], x[:, 0] * range(n), np.array(range(1, n))


def new_arrays(x):
    n = x.shape[0]
    return np.zeros(n), np.ones((n, 2)), np.full(n, 3.0), np.empty(n).shape, np.zeros_like(x)


def progressions(x):
    n = len(x)
    return np.arange(n), np.arange(1, n), np.linspace(0.0, 1.0, n), np.indices((n, 2))


def matrices(x):
    n = len(x)
    return np.eye(n), np.identity(n), np.tri(n, dtype=x.dtype), np.tril(x), np.triu(x, 1)


def joined(x):
    left, right = np.split(x, 2, axis=1)
    return np.hstack([left, right]), np.vstack([x, x]), np.column_stack([x, left]), np.stack([x, x])


def limits(x):
    info = np.finfo(x.dtype)
    return x + info.eps, np.clip(x, info.min, info.max), np.iinfo(np.int32).max


@pytest.mark.parametrize("program", [ranges, new_arrays, progressions, matrices, joined, limits])
def test_two_variants_serve_all_sizes(check, program):
    report = check(program, *SIZES)
    assert (report.pieces <= 2, report.breaks) == (True, 0), str(report)


def test_a_transformer_is_one_piece_for_a_growing_sequence(backend):
    rng = np.random.default_rng(0)
    parameters = gpt.make_parameters(rng, vocabulary=20, context=16, width=8, blocks=1)
    compiled = jitflow.compile(gpt.gpt, backend=backend)
    expected = gpt.generate(gpt.gpt, [1, 2, 3], parameters, 6)
    assert gpt.generate(compiled, [1, 2, 3], parameters, 6) == expected
    report = compiled.report()
    assert report.breaks == 0
    assert report.pieces <= 3
