"""Symbolic extents and integers: one graph for several sizes, and the guards that it needs."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import X, check, lines
from helpers.traced import Run

from jitflow.guards.predicates import Relation

OTHER = np.arange(20.0).reshape(4, 5) - 3

EXPRESSIONS = """
x + 1
x.sum(0)
x.mean()
x.var(axis=0)
x[1:]
x[:-1]
x[::2]
x[::-1]
x[1:3]
x[-1]
x[1:] - x[:-1]
x @ x.T
x.reshape(-1)
x.T.ravel()
x.reshape(x.shape[0], 1, x.shape[1])
x[None] * x[:, None]
np.concatenate([x, x])
np.stack([x, x], 1)
np.where(x > 1, x, 0)
np.zeros(x.shape) + x
np.arange(x.shape[0])
np.eye(x.shape[1])
np.linspace(0, 1, x.shape[0])
np.diff(x, axis=0)
np.gradient(x, axis=1)
np.linalg.norm(x, axis=1)
np.argmax(x, axis=1)
np.tril(x)
np.trace(x)
np.diagonal(x)
np.outer(x[0], x[1])
np.linalg.inv(x @ x.T + np.eye(x.shape[0]))
np.linalg.svd(x, full_matrices=False)
np.fft.rfft(x)
np.sort(x)
np.median(x, axis=0)
np.roll(x, 1, axis=0)
np.pad(x, 1)
np.tile(x, (2, 1))
np.repeat(x, 2, axis=0)
np.convolve(x[0], x[1])
np.kron(x, x)
np.meshgrid(x[0], x[:, 0])
np.einsum('ij,kj->ik', x, x)
x.size
x.shape
x.shape[0] * x
x[1:, 1:] = 0; return x
x += x[0]; return x
"""


@pytest.mark.parametrize("source", lines(EXPRESSIONS))
def test_one_graph_for_two_shapes(source):
    check(source, X, again=[(OTHER,)], dynamic={"*"}, exact=False)
    check(source, X, dynamic={"x0.shape[0]"}, exact=False)


def test_symbolic_integers_index_and_slice():
    def f(x, i):
        return x[i], x[:i], x[i:, 0], x[-i]

    from helpers import traced

    traced.check(f, X, 2, again=[(X, 1), (OTHER, 3)], dynamic={"*"})


def _relations(function, *inputs):
    guards = Run(function, inputs, {"*"}).context.guards
    return {f"{g.left} {g.relation} {g.right}" for g in guards if isinstance(g, Relation)}


def test_equal_extents_are_guarded():
    assert "s0 == s1" in _relations(lambda x, y: x + y, X[0], X[1])


def test_extents_are_at_least_two():
    assert _relations(lambda x: x[1:] + 1, X[0]) == {"2 <= s0"}


def test_a_data_dependent_index_is_checked_at_run_time():
    def f(x, y):
        return x[:, y.argmax() - 1]

    def g(x, y):
        return x[:, y.argmax()]

    def names(function):
        context = Run(function, (X, X[0])).context
        return [node.operator.name for node in context.builder.graph.nodes]

    assert "require" in names(f)
    assert "require" not in names(g)
