"""Programs: which kernels a graph becomes, as text that can be read."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from unit.codegen import running

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.program import lower
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse


def program(text: str) -> str:
    """The program of a graph, after its results were compared with the interpreter's."""
    graph = parse(textwrap.dedent(text))
    rng = np.random.default_rng(0)
    inputs = []
    for value in graph.inputs:
        array = rng.integers(-9, 9, value.type.shape)
        inputs.append(np.abs(array).astype(value.type.dtype.numpy))
    segment = running.segment_of(graph, inputs)
    shown = str(lower(segment).program)
    copies = [x.copy() for x in inputs]
    expected = interpret(graph, copies, write=True)
    for found, wanted in zip(running.Compiled(segment)(*inputs), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    for found, wanted in zip(inputs, copies, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    return shown


def kernels(text: str) -> int:
    return program(text).count("kernel (")


def test_a_chain_is_one_flat_loop() -> None:
    shown = program("""
        graph @f(%a: f32[8,4], %b: f32[8,4]) -> f32[8,4] {
          %c: f32[8,4] = multiply %a, %b
          %d: f32[8,4] = exp %c
          return %d
        }""")
    assert shown == textwrap.dedent("""\
        #0 kernel (b0: f32, b1: f32, b2: f32) {
          vector for i1 in 0..32 {
            %0 = load f32 b0[4*i1]
            %1 = load f32 b1[4*i1]
            %2 = multiply %1, %0
            %3 = exp %2
            store f32 b2[4*i1], %3
          }
        }
        kernel0(in1, in0, out0)
        """)


def test_a_softmax_is_one_kernel_that_keeps_its_row() -> None:
    shown = program("""
        graph @f(%x: f32[8,40]) -> f32[8,40] {
          %m: f32[8,1] = max %x {axes=[1], keepdims=true}
          %d: f32[8,40] = subtract %x, %m
          %e: f32[8,40] = exp %d
          %s: f32[8,1] = sum %e {axes=[1], keepdims=true}
          %y: f32[8,40] = divide %e, %s
          return %y
        }""")
    assert shown.count("kernel (") == 1
    assert shown.count("vector for") == 3
    assert shown.count("exp") == 1


def test_several_reductions_of_one_array_share_a_pass() -> None:
    shown = program("""
        graph @f(%x: f32[8,40]) -> (f32[8], f32[8], f32[8,40]) {
          %m: f32[8] = max %x {axes=[1], keepdims=false}
          %s: f32[8] = sum %x {axes=[1], keepdims=false}
          %y: f32[8,40] = negative %x
          return %m, %s, %y
        }""")
    assert shown.count("kernel (") == 1
    assert shown.count("load") == 1


def test_an_expensive_value_that_two_kernels_need_is_stored() -> None:
    shown = program("""
        graph @f(%x: f32[40,40]) -> (f32[40,40], f32[40]) {
          %e: f32[40,40] = exp %x
          %t: f32[40,40] = transpose %e {axes=[1, 0]}
          %y: f32[40,40] = add %e, %t
          %s: f32[40] = sum %e {axes=[0], keepdims=false}
          return %y, %s
        }""")
    assert shown.count("exp") == 1


def test_a_cheap_value_is_computed_again() -> None:
    shown = program("""
        graph @f(%x: f32[40,40]) -> f32[40,40] {
          %e: f32[40,40] = negative %x
          %t: f32[40,40] = transpose %e {axes=[1, 0]}
          %y: f32[40,40] = add %e, %t
          return %y
        }""")
    assert shown.count("kernel (") == 1
    assert "tmp" not in shown


def test_equal_kernels_are_made_once() -> None:
    shown = program("""
        graph @f(%x: f32[8,8], %w: f32[8,8], %v: f32[8,8]) -> f32[8,8] {
          %a: f32[8,8] = matmul %x, %w
          %b: f32[8,8] = tanh %a
          %c: f32[8,8] = matmul %b, %v
          %d: f32[8,8] = tanh %c
          return %d
        }""")
    assert shown.count("kernel (") == 1
    assert shown.count("kernel0(") == 2


def test_a_transposed_operand_is_not_copied() -> None:
    shown = program("""
        graph @f(%x: f32[8,8], %w: f32[8,8]) -> f32[8,8] {
          %t: f32[8,8] = transpose %w {axes=[1, 0]}
          %a: f32[8,8] = matmul %x, %t
          return %a
        }""")
    assert "kernel" not in shown


def test_integers_are_multiplied_by_loops() -> None:
    shown = program("""
        graph @f(%x: i32[6,5], %w: i32[5,7]) -> i32[6,7] {
          %a: i32[6,7] = matmul %x, %w
          return %a
        }""")
    assert "product" not in shown
    assert shown.count("kernel (") == 1


def test_a_concatenation_is_written_in_place() -> None:
    shown = program("""
        graph @f(%x: f32[4], %y: f32[4]) -> f32[8] {
          %n: f32[4] = negative %y
          %c: f32[8] = concatenate %x, %n {axis=0}
          return %c
        }""")
    assert "tmp" not in shown
    assert "out0 + 16" in shown


class TestUpdates:
    """Functional updates become writes in place where that is right."""

    def test_a_written_input_is_updated_in_its_own_memory(self) -> None:
        shown = program("""
            graph @f(%x: f32[9], %y: f32[3]) -> () {
              %u: f32[9] = update %x, %y {views=[slice{starts=[2], steps=[1], shape=[3]}]}
              write %x = %u
              return
            }""")
        assert shown.endswith("kernel0(in1, in0 + 8)\n")

    def test_an_input_that_is_not_written_is_copied_first(self) -> None:
        shown = program("""
            graph @f(%x: f32[9], %y: f32[3]) -> f32[9] {
              %u: f32[9] = update %x, %y {views=[slice{starts=[2], steps=[1], shape=[3]}]}
              return %u
            }""")
        assert "kernel0(in0, out0)" in shown

    def test_a_shifted_region_goes_through_a_temporary(self) -> None:
        shown = program("""
            graph @f(%x: f32[9]) -> () {
              %s: f32[8] = slice %x {starts=[0], steps=[1], shape=[8]}
              %n: f32[8] = negative %s
              %u: f32[9] = update %x, %n {views=[slice{starts=[1], steps=[1], shape=[8]}]}
              write %x = %u
              return
            }""")
        assert "tmp0" in shown

    def test_odd_and_even_elements_do_not_meet(self) -> None:
        shown = program("""
            graph @f(%x: f32[8]) -> () {
              %s: f32[4] = slice %x {starts=[0], steps=[2], shape=[4]}
              %n: f32[4] = negative %s
              %u: f32[8] = update %x, %n {views=[slice{starts=[1], steps=[2], shape=[4]}]}
              write %x = %u
              return
            }""")
        assert "tmp" not in shown

    def test_the_old_version_is_kept_where_it_is_read_later(self) -> None:
        shown = program("""
            graph @f(%x: f32[8]) -> (f32[8], f32[]) {
              %c: f32[] = constant {value=f32[](3.0)}
              %u: f32[8] = update %x, %c {views=[slice{starts=[1], steps=[2], shape=[4]}]}
              %p: f32[8] = multiply %u, %x
              %s: f32[] = sum %x {axes=[0], keepdims=false}
              write %x = %u
              return %p, %s
            }""")
        assert shown.count("in0") > 1

    def test_an_optimiser_step_is_one_kernel_in_place(self) -> None:
        shown = program("""
            graph @f(%p: f32[40], %m: f32[40], %g: f32[40]) -> () {
              %c: f32[] = constant {value=f32[](0.9)}
              %a: f32[40] = multiply %m, %c
              %n: f32[40] = add %a, %g
              %m1: f32[40] = update %m, %n {views=[]}
              %q: f32[40] = subtract %p, %m1
              %p1: f32[40] = update %p, %q {views=[]}
              write %m = %m1
              write %p = %p1
              return
            }""")
        assert shown.count("kernel (") == 1
        assert "tmp" not in shown

    def test_a_row_kernel_may_overwrite_its_input(self) -> None:
        shown = program("""
            graph @f(%x: f32[8,40]) -> () {
              %m: f32[8,1] = max %x {axes=[1], keepdims=true}
              %d: f32[8,40] = subtract %x, %m
              write %x = %d
              return
            }""")
        assert "tmp" not in shown


def test_nothing_is_written_when_a_check_fails() -> None:
    graph = parse(
        textwrap.dedent("""
        graph @f(%x: f32[4], %i: i64[2]) -> f32[2] {
          %n: f32[4] = negative %x
          %g: f32[2] = gather %n, %i {axes=[0]}
          write %x = %n
          return %g
        }""")
    )
    x, bad = np.arange(4, dtype=np.float32), np.array([0, 4])
    compiled = running.Compiled(running.segment_of(graph, [x, bad]))
    with pytest.raises(running.CheckFailed):
        compiled(x, bad)
    assert x.tolist() == [0, 1, 2, 3]
    assert compiled(x, np.array([-1, 0]))[0].tolist() == [-3, 0]
    assert x.tolist() == [0, -1, -2, -3]


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    lines = [f"  %v{k + 1}: f32[8] = negative %v{k}" for k in range(2000)]
    text = "graph @f(%v0: f32[8]) -> f32[8] {\n" + "\n".join(lines) + "\n  return %v2000\n}"
    assert kernels(text) == 1
