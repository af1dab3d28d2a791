"""Products of matrices, einsum, and the functions that NumPy runs itself."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import X, check, check_layouts, lines
from helpers.traced import Run

PRODUCTS = """
x @ x.T
x.T @ x
x[0] @ x[1]
x @ x[0]
x[:, 0] @ x
np.dot(x, x.T)
np.dot(x, 2)
x.dot(x[0])
np.inner(x, x)
np.outer(x, x)
np.vdot(x, x)
np.tensordot(x, x, ([0], [0]))
np.tensordot(x, x, 2)
np.trace(x)
np.kron(x, x[:, :2])
np.matmul(x, x.T)
np.linalg.matrix_power(x @ x.T * 0.01, 5)
np.einsum('ij,kj->ik', x, x)
np.einsum('ij,jk', x, x.T)
np.einsum('ij->i', x)
np.einsum('ij,ij->', x, x)
np.einsum('i,j->ij', x[0], x[1])
np.einsum('ij,jk,kl->il', x, x.T, x)
np.einsum('...j,j->...', x, x[0])
np.einsum('ii', x @ x.T)
np.einsum('ij,kj->ki', x, x)
"""

CALLED = """
np.linalg.inv(x.T @ x + np.eye(4))
np.linalg.solve(x @ x.T + np.eye(3), x[:, 0])
np.linalg.svd(x, full_matrices=False)
np.linalg.eigh(x @ x.T)
np.linalg.qr(x)
np.linalg.det(x @ x.T + np.eye(3))
np.linalg.cholesky(x.T @ x + 50 * np.eye(4))
np.fft.fft(x)
np.fft.rfft(x, axis=0)
np.sort(x)
np.sort(x, axis=0)
np.argsort(x)
x.argsort()
np.searchsorted(x[0], x[1])
np.median(x, axis=0)
np.percentile(x, 30)
np.quantile(x, [0.1, 0.5], axis=1)
np.convolve(x[0], x[1, :2])
np.interp(x, x[0], x[1])
np.histogram(x, bins=5)
np.cov(x)
np.digitize(x, x[0])
np.isin(x, [1, 2])
"""


@pytest.mark.parametrize("source", lines(PRODUCTS))
def test_product(source):
    check_layouts(source, "C", "F", "reversed", "int", "single")


@pytest.mark.parametrize("source", lines(CALLED))
def test_call_out(source):
    check_layouts(source, "C", "F", "single")


@pytest.mark.parametrize("dtype", ["f2", "f4", "i4", "c16"])
def test_batched(dtype):
    w = np.random.default_rng(0).random((2, 3, 4)).astype(dtype)
    for source in ("x @ x.transpose(0, 2, 1)", "x @ x[0].T", "np.einsum('bij,bkj->bik', x, x)"):
        run = Run(eval("lambda x: " + source, {"np": np}), (w,))
        found, expected = run.evaluate([w]), eval(source, {"np": np, "x": w})
        assert found.dtype == expected.dtype
        assert found.strides == expected.strides
        np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_random_draws_are_call_outs_with_effect():
    generator = np.random.default_rng(0)
    run = Run(lambda x: x + run_draw(generator, x), (X,))
    (node,) = [n for n in run.context.builder.graph.nodes if n.operator.name == "call_out"]
    assert node.attributes["effect"]
    found = run.evaluate([X])
    np.testing.assert_array_equal(found, X + np.random.default_rng(0).normal(size=4))


def run_draw(generator, x):
    return x.call(generator.normal, size=4)


def test_structure_of_nested_results_is_kept():
    result = Run(lambda x: np.linalg.slogdet(x @ x.T + np.eye(3)), (X,)).results
    assert type(result).__name__ == "SlogdetResult"
    check("np.linalg.slogdet(x @ x.T + np.eye(3)).logabsdet", X, exact=False)
