"""What of a segment LLVM's passes are run on."""

import textwrap

import numpy as np
import pytest
from unit.codegen import running

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.cpu.compile import compile_segment, declaration_of
from jitflow.ir.parser import parse

HEAD = """
graph @f(%a: f64[8], %n: i64[]) -> (f64[8], f64[]) {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %two: f64[] = constant {value=f64[](2.0)}
"""

SCALAR = """
  %b: f64[8] = exp %a
  %s: f64[] = for %zero, %n, %one, %two (%i: i64[], %c: f64[]) {
    %d: f64[] = multiply %c, %two
    yield %d
  }
  return %b, %s
}
"""

VECTOR = """
  %limit: f64[] = constant {value=f64[](100.0)}
  %b: f64[8], %s: f64[] = for %zero, %n, %one, %a, %two (%i: i64[], %x: f64[8], %c: f64[]) {
    %y: f64[8] = multiply %x, %c
    %large: bool[] = greater %c, %limit
    %d: f64[] = cond %large () {
      yield %two
    } () {
      %e: f64[] = multiply %c, %two
      yield %e
    }
    yield %y, %d
  }
  return %b, %s
}
"""


def segment(text):
    return running.segment_of(parse(textwrap.dedent(HEAD + text)), [np.ones(8), 3])


def test_vector_kernels_beside_a_scalar_loop_are_a_module_without_passes():
    body = compile_segment(segment(SCALAR))
    assert body.optimise == 2
    assert "x double>" in body.kernels
    assert "x double>" not in body.text


def test_a_scalar_branch_among_vectors_calls_for_no_passes():
    body = compile_segment(segment(VECTOR))
    assert (body.optimise, body.kernels) == (0, "")


@pytest.mark.parametrize("text", [SCALAR, VECTOR])
def test_both_modules_are_linked(text):
    from jitflow.ir.interpreter import run

    given = segment(text)
    inputs = [np.linspace(0, 1, 8), 4]
    for found, wanted in zip(running.Compiled(given)(*inputs), run(given.graph, inputs)):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_function_is_declared_by_its_types():
    assert (
        declaration_of("define internal i32 @k(ptr %b0, i64 %s1) {") == "declare i32 @k(ptr, i64)"
    )
    assert declaration_of("define internal i32 @k() {") == "declare i32 @k()"
