"""Loops over single elements: no kernels for bounds, no copies of what is read and overwritten."""

import textwrap

import numpy as np
import pytest

import jitflow
import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.commands import CallKernel, Repeat
from jitflow.codegen.program import lower
from jitflow.ir.parser import parse
from tests.unit.codegen.running import segment_of

VIEW = "slice{{starts=[{0}], steps=[1], shape=[1]}}, squeeze{{axes=[0]}}"

GRAPH = """
graph @f(%a: f64[40]) -> ()
    where s1 = %i {{
  %zero: i64[] = constant {{value=i64[](0)}}
  %one: i64[] = constant {{value=i64[](1)}}
  %stop: i64[] = constant {{value=i64[](40)}}
  %loop: f64[40] = for %zero, %stop, %one, %a (%i: i64[], %b: f64[40]) {{
    %part: f64[1] = slice %b {{starts=[s1], steps=[1], shape=[1]}}
    %x: f64[] = squeeze %part {{axes=[0]}}
    %first: f64[1] = slice %b {{starts=[0], steps=[1], shape=[1]}}
    %y: f64[] = squeeze %first {{axes=[0]}}
    %s: f64[] = add %x, %y
    %c: f64[40] = update %b, %s {{views=[{view}]}}
    %again: f64[1] = slice %c {{starts=[0], steps=[1], shape=[1]}}
    %z: f64[] = squeeze %again {{axes=[0]}}
    %q: f64[] = divide %s, %z
    %d: f64[40] = update %c, %q {{views=[{view}]}}
    yield %d
  }}
  write %a = %loop
  return
}}"""


def test_two_statements_on_one_element_are_two_kernels():
    graph = parse(textwrap.dedent(GRAPH.format(view=VIEW.format("s1"))))
    commands = lower(segment_of(graph, [np.ones(40)])).program.commands
    (loop,) = commands
    assert isinstance(loop, Repeat)
    assert sum(isinstance(command, CallKernel) for command in loop.body) == 2


def statements(a):
    for i in range(a.shape[0]):
        a[i] += a[0]
        a[i] /= a[0] + a[-1]
        a[i] = a[i] - a[i - 1] * a[i]


def neighbours(a):
    for i in range(1, a.shape[0] - 1):
        a[i] = a[i - 1] + a[i + 1]
        a[i - 1] = a[i] * 0.25 - a[i - 1]
        a[i] = a[i] + a[i - 1]


def cholesky(a):
    m = np.outer(a, a) / 99 + 99 * np.eye(a.shape[0])
    for i in range(a.shape[0]):
        for j in range(i):
            m[i, j] -= np.dot(m[i, :j], m[j, :j])
            m[i, j] /= m[j, j]
        m[i, i] -= np.dot(m[i, :i], m[i, :i])
        m[i, i] = np.sqrt(m[i, i])
    return m


@pytest.mark.parametrize("function", [statements, neighbours, cholesky])
def test_values(function):
    got, wanted = np.arange(1.0, 31.0), np.arange(1.0, 31.0)
    one, other = jitflow.compile(function)(got), function(wanted)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    if other is not None:
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_sums_of_products_may_be_in_any_order_and_others_not():
    program = str(
        lower(
            segment_of(
                parse(
                    textwrap.dedent("""
                    graph @f(%a: f64[1,20], %b: f64[20,1]) -> (f64[1,1], f64[1]) {
                      %p: f64[1,1] = matmul %a, %b
                      %s: f64[1] = sum %a {axes=[1], keepdims=false}
                      return %p, %s
                    }""")
                ),
                [np.ones((1, 20)), np.ones((20, 1))],
            )
        ).program
    )
    folds = [line for line in program.split("\n") if "fold" in line]
    assert sorted("any order" in line for line in folds) == [False, True]
