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


def straight(count):
    lines = ["graph @f(%a: f64[8, 8]) -> (f64[8, 8]) {", "  %v0: f64[8, 8] = exp %a"]
    for k in range(count):
        lines.append(f"  %v{k + 1}: f64[8, 8] = matmul %v{k}, %a")
    return "\n".join([*lines, f"  return %v{count}", "}"])


@pytest.mark.parametrize(("count", "effort"), [(4, 2), (40, 0)])
def test_a_long_body_without_loops_is_a_module_made_with_little_effort(count, effort):
    from jitflow.ir.interpreter import run

    x = np.eye(8) * 0.5
    given = running.segment_of(parse(straight(count)), [x])
    body = compile_segment(given)
    assert body.effort == effort
    assert ("x double>" in body.text) == (effort > 0)
    found, wanted = running.Compiled(given)(x), run(given.graph, [x])
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)


def test_a_body_that_repeats_is_made_with_all_effort():
    text = straight(40).replace("(%a: f64[8, 8])", "(%a: f64[8, 8], %n: i64[])")
    head, _, rest = text.partition("\n")
    constants = HEAD.split("\n", 2)[2]
    loop = """  %r: f64[8, 8] = for %zero, %n, %one, %v40 (%i: i64[], %c: f64[8, 8]) {
    %d: f64[8, 8] = matmul %c, %a
    yield %d
  }
  return %r"""
    graph = parse(f"{head}\n{constants}{rest.replace('  return %v40', loop)}")
    assert compile_segment(running.segment_of(graph, [np.eye(8), 3])).effort == 2
