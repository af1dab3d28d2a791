"""Products in loops that become one product in front of them."""

import numpy as np
import pytest

import jitflow
from jitflow.ir.graph import Graph
from jitflow.ir.parser import parse
from jitflow.ir.passes.regions import TidyRegions
from jitflow.ir.regions import walk_block
from jitflow.ir.verifier import verify

LOOP = """
graph @f(%x: f64[{rows},30], %y: f64[30,40], %v: f64[30]) -> f64[{rows},40]
    where s1 = %i {{
  %zero: i64[] = constant {{value=i64[]({start})}}
  %one: i64[] = constant {{value=i64[](1)}}
  %stop: i64[] = constant {{value=i64[]({stop})}}
  %c: f64[] = constant {{value=f64[](0.0)}}
  %out: f64[{rows},40] = full %c {{shape=[{rows}, 40]}}
  %loop: f64[{rows},40] = for %zero, %stop, %one, %out (%i: i64[], %o: f64[{rows},40]) {{
    %row: f64[1,30] = slice %{source} {{starts=[s1, 0], steps=[1, 1], shape=[1, 30]}}
    %p: f64[1,40] = matmul %row, %y
    %new: f64[{rows},40] = update %o, %p {{views=[slice{{starts=[s1, 0], steps=[1, 1], shape=[1, 40]}}]}}
    yield %new
  }}
  return %loop
}}"""


def products(graph: Graph) -> tuple[int, int]:
    """How many products there are in front of the loops, and in them."""
    found = [node for node in graph.walk() if node.operator.name == "matmul"]
    inside = [
        inner
        for node in graph.nodes
        for region in node.regions
        for inner in walk_block(region)
        if inner.operator.name == "matmul"
    ]
    return len(found) - len(inside), len(inside)


@pytest.mark.parametrize(
    "start,stop,rows,expected",
    [
        (0, 50, 50, (1, 0)),
        (3, 40, 50, (1, 0)),
        (0, 51, 50, (0, 1)),  # the last iteration raises
        (0, 3, 50, (0, 1)),  # too few
        (7, 7, 50, (0, 1)),  # none
    ],
)
def test_rows_that_a_loop_takes_in_turn(start, stop, rows, expected):
    graph = parse(LOOP.format(start=start, stop=stop, rows=rows, source="x"))
    after = TidyRegions().run(graph)
    verify(after)
    assert products(after) == expected


def test_an_array_that_the_loop_changes():
    text = LOOP.format(start=0, stop=30, rows=30, source="o").replace("30,40]", "30,30]")
    text = (
        text.replace(",40]", ",30]").replace("[1, 40]", "[1, 30]").replace("[30, 40]", "[30, 30]")
    )
    assert products(TidyRegions().run(parse(text))) == (0, 1)


def rows_by_matrix(a, b, c):
    for i in range(c.shape[0]):
        c[i] = a[i] @ b


def dots(a, b, c):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] += np.dot(a[i, :], b[:, j])


def matrix_by_columns(a, b, c):
    for j in range(1, c.shape[1] - 1):
        c[:, j] = a @ b[:, j + 1] - a @ b[:, j - 1]


def rows_by_vector(a, b, c):
    for i in range(c.shape[0]):
        c[i, 0] = a[i] @ b[:, 3]


def changing(a, b, c):
    for i in range(c.shape[0] - 1):
        c[i] = a[i] @ b
        a[i + 1] += a[i]


@pytest.mark.parametrize(
    "function", [rows_by_matrix, dots, matrix_by_columns, rows_by_vector, changing]
)
def test_values(function):
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(40, 30)), rng.normal(size=(30, 50)), rng.normal(size=(40, 50))
    got, wanted = (a.copy(), b, c.copy()), (a.copy(), b, c.copy())
    jitflow.compile(function)(*got)
    function(*wanted)
    for one, other in zip(got, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def pairs_of_columns(x):
    m = x.shape[1]
    out = np.zeros((m, m))
    for i in range(m - 1):
        out[i + 1 : m, i] = out[i, i + 1 : m] = x[:, i] @ x[:, i + 1 : m]
    return out


def pairs_of_rows(x):
    m = x.shape[0]
    out = np.zeros((m, m))
    for i in range(m):
        out[i:, i] = x[i:] @ x[i]
    return out


def pairs_with_a_neighbour(x):
    m = x.shape[0]
    out = np.zeros((m, m))
    for i in range(1, m):
        out[i, :i] = x[i - 1] @ x[:i].T
    return out


@pytest.mark.parametrize("function", [pairs_of_columns, pairs_of_rows, pairs_with_a_neighbour])
@pytest.mark.parametrize("shape", [(60, 70), (70, 60)])
def test_rows_by_other_rows_of_the_same_matrix(function, shape):
    x = np.random.default_rng(0).normal(size=shape)
    got = jitflow.compile(function)(x)
    np.testing.assert_allclose(got, function(x), rtol=1e-10, atol=1e-10)


def test_an_index_error_comes_as_it_does_in_numpy():
    a, b, c = np.ones((20, 30)), np.ones((30, 10)), np.zeros((25, 10))
    with pytest.raises(IndexError):
        jitflow.compile(rows_by_matrix)(a, b, c)
    assert c[:20].all() and not c[20:].any()
