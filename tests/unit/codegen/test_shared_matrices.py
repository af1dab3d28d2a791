"""A large matrix that two products with vectors read is read once."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen import shared_matrices
from jitflow.codegen.cpu import shared_products


def in_turn(a, x, y):
    return (a @ x) @ a


def backwards(a, x, y):
    return a @ (y @ a)


def beside(a, x, y):
    return a @ x, y @ a


def of_the_transpose(a, x, y):
    return a.T @ y, x @ a.T


def twice_by_rows(a, x, y):
    return a @ x, a @ y[:150]


def with_a_kernel_between(a, x, y):
    p = a @ x + y
    return p, y @ a


def that_needs_the_kernel_between(a, x, y):
    p = a @ x + y
    return p @ a


CASES = {
    in_turn: True,
    backwards: False,
    beside: True,
    of_the_transpose: True,
    twice_by_rows: True,
    with_a_kernel_between: True,
    that_needs_the_kernel_between: False,
}


@pytest.fixture
def no_matrix_is_small(monkeypatch):
    monkeypatch.setattr(shared_matrices, "LEAST_BYTES", 0)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
def test_values_and_what_is_shared(function, dtype, no_matrix_is_small, monkeypatch):
    shared = []
    write = shared_products.write_shared
    monkeypatch.setattr(
        shared_products, "write_shared", lambda *given: (shared.append(1), write(*given))
    )
    rng = np.random.default_rng(0)
    a, x, y = (rng.normal(size=s).astype(dtype) for s in ((700, 150), 150, 700))
    got, wanted = jitflow.compile(function)(a, x, y), function(a, x, y)
    for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, wanted))):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-2 if dtype == "f4" else 1e-9)
    assert bool(shared) == CASES[function]


def test_what_was_not_a_number_before_does_not_stay(no_matrix_is_small):
    a, x, y = np.ones((300, 200)), np.ones(200), np.ones(300)
    compiled = jitflow.compile(beside)
    a[3, 4] = np.nan
    compiled(a, x, y)
    a[3, 4] = 1
    for one, other in zip(compiled(a, x, y), beside(a, x, y)):
        np.testing.assert_allclose(one, other)


def test_results_that_are_written_inputs(no_matrix_is_small):
    def update(p, q, a, x, y):
        p += a @ x
        q += y @ a

    rng = np.random.default_rng(0)
    a, x, y = rng.normal(size=(300, 200)), rng.normal(size=200), rng.normal(size=300)
    got, wanted = (y.copy(), x.copy()), (y.copy(), x.copy())
    jitflow.compile(update)(*got, a, x, y)
    update(*wanted, a, x, y)
    for one, other in zip(got, wanted):
        np.testing.assert_allclose(one, other)


def test_many_threads_take_all_rows_at_once(no_matrix_is_small, monkeypatch):
    monkeypatch.setattr(shared_products, "blas_threads", lambda: 64)
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(333, 444)), rng.normal(size=444)
    got = jitflow.compile(in_turn)(a, x, x)
    np.testing.assert_allclose(got, in_turn(a, x, x), rtol=1e-9)
