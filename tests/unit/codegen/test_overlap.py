"""Which steps read, in one iteration, what they write in another."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen.access import Affine, constant, variable
from jitflow.codegen.groups import Loops
from jitflow.codegen.overlap import never_equal
from jitflow.core import dims

S = dims.symbol("s0")


@pytest.mark.parametrize(
    "left,right,apart",
    [
        (constant(S), variable("i"), True),  # x[s], x[:s]
        (constant(S), variable("i") + 1, False),  # x[s], x[1:s+1]
        (constant(S - 1), variable("i"), False),
        (variable("i"), variable("i") + S, True),  # x[:s], x[s:2*s]
        (variable("i"), variable("i") + 1, False),
        (variable("i").scaled(-1) + S, constant(0), True),  # x[s:0:-1], x[0]
        (variable("i").scaled(S), constant(-1), False),  # a coefficient of unknown sign
        (Affine(0, (("i", 2),)), Affine(1, (("i", 2),)), True),
        (variable("j"), constant(7), True),
        (variable("j"), constant(6), False),
    ],
)
def test_components_that_never_meet(left, right, apart):
    loops = Loops(0, variables={"i": S, "j": 7})
    assert never_equal(loops, left, right) == apart
    assert never_equal(loops, right, left) == apart


def test_a_triangular_solve_and_its_neighbours():
    def solve(a, x, b):
        for i in range(x.shape[0]):
            x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
        for i in range(1, x.shape[0]):
            x[i] = np.sum(x[: i + 1])
            x[1 : i + 1] = x[:i] + x[1 : i + 1]

    rng = np.random.default_rng(0)
    a, b = np.tril(rng.normal(size=(30, 30))) + 9 * np.eye(30), rng.normal(size=30)
    got, wanted = np.zeros(30), np.zeros(30)
    jitflow.compile(solve)(a, got, b)
    solve(a, wanted, b)
    np.testing.assert_allclose(got, wanted, rtol=1e-9)
