"""Matrix products: those fused with what follows, and those that are left to the library."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import triton_running

from jitflow.codegen.commands import CallKernel, CallProduct
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse

LAYER = """
graph @layer(%x: {d}[{m},{k}], %w: {d}[{k},{n}], %b: {d}[{n}], %r: {d}[{m},{n}]) -> {d}[{m},{n}]
    {where} {{
  %p: {d}[{m},{n}] = matmul %x, %w
  %s: {d}[{m},{n}] = add %p, %b
  %t: {d}[{m},{n}] = tanh %s
  %o: {d}[{m},{n}] = add %t, %r
  return %o
}}
"""


def commands_of(graph, inputs, **options):
    _, program = triton_running.program_of(graph, inputs, **options)
    return [type(command) for command in program.commands]


def check(text: str, shapes: list[tuple[int, ...]], dtype: str, rtol: float) -> None:
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    graph = parse(text)
    assert commands_of(graph, inputs) == [CallKernel]
    expected = interpret(graph, [np.array(x) for x in inputs])
    found = triton_running.run(graph, *inputs)
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("m", "k", "n"), [(64, 32, 64), (37, 70, 90), (1, 100, 130), (130, 5, 3)])
def test_layer(m: int, k: int, n: int) -> None:
    text = LAYER.format(d="f32", m=m, k=k, n=n, where="")
    check(text, [(m, k), (k, n), (n,), (m, n)], "f4", 1e-5)


def test_layer_of_symbolic_rows() -> None:
    text = LAYER.format(d="f32", m="s0", k=40, n=50, where="where s0 = %x.shape[0]")
    for m in (3, 64, 200):
        check(text, [(m, 40), (40, 50), (50,), (m, 50)], "f4", 1e-5)


def test_layer_in_half() -> None:
    text = LAYER.format(d="f16", m=50, k=200, n=40, where="")
    check(text, [(50, 200), (200, 40), (40,), (50, 40)], "f2", 2e-2)


def test_strided_and_transposed_operands() -> None:
    text = """
    graph @f(%x: f32[40,60], %w: f32[30,60]) -> f32[40,30] {
      %t: f32[60,30] = transpose %w {axes=[1,0]}
      %p: f32[40,30] = matmul %x, %t
      %n: f32[40,30] = negative %p
      return %n
    }
    """
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(80, 60)).astype("f4")[::2], rng.normal(size=(30, 60)).astype("f4")
    graph = parse(text)
    assert commands_of(graph, [x, w]) == [CallKernel]
    (found,) = triton_running.run(graph, x, w)
    np.testing.assert_allclose(found, -(x @ w.T), rtol=1e-4, atol=1e-4)


def test_batches_that_broadcast() -> None:
    text = """
    graph @f(%x: f32[3,1,20,30], %w: f32[4,30,25], %b: f32[4,1,1]) -> f32[3,4,20,25] {
      %p: f32[3,4,20,25] = matmul %x, %w
      %s: f32[3,4,20,25] = multiply %p, %b
      return %s
    }
    """
    check(text, [(3, 1, 20, 30), (4, 30, 25), (4, 1, 1)], "f4", 1e-5)


def test_what_is_left_to_the_library() -> None:
    rng = np.random.default_rng(6)
    long = [rng.normal(size=s).astype("f4") for s in [(9, 900), (900, 8), (8,), (9, 8)]]
    graph = parse(LAYER.format(d="f32", m=9, k=900, n=8, where=""))
    assert commands_of(graph, long) == [CallProduct, CallKernel]
    assert commands_of(graph, long, fastmath=True) == [CallKernel]
    both = parse("""
    graph @f(%x: f32[9,30], %w: f32[30,8]) -> (f32[9,8], f32[9,8]) {
      %p: f32[9,8] = matmul %x, %w
      %s: f32[9,8] = exp %p
      return %p, %s
    }
    """)
    assert CallProduct in commands_of(both, [long[0][:, :30].copy(), long[1][:30]])


def test_a_kernel_that_overwrites_an_operand_is_not_fused() -> None:
    graph = parse("""
    graph @f(%x: f32[30,30], %w: f32[30,30]) -> () {
      %p: f32[30,30] = matmul %x, %w
      %n: f32[30,30] = tanh %p
      write %x = %n
      return
    }
    """)
    rng = np.random.default_rng(7)
    x, w = (rng.normal(size=(30, 30)).astype("f4") for _ in range(2))
    expected = np.tanh(x @ w)
    assert CallProduct in commands_of(graph, [x, w])
    triton_running.run(graph, x, w)
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6)


MADE = """
graph @f(%x: f32[{m},{k}], %w: f32[{k},{n}], %g: f32[{k}], %b: f32[{n}]) -> f32[{m},{n}] {{
  %y: f32[{m},{k}] = {first} %x
  %z: f32[{m},{k}] = multiply %y, %g
  %v: f32[{k},{n}] = subtract %w, %b
  %p: f32[{m},{n}] = matmul %z, %v
  %s: f32[{m},{n}] = add %p, %b
  return %s
}}
"""


@pytest.mark.parametrize(("m", "k", "n"), [(64, 32, 64), (37, 70, 90), (1, 100, 130), (5, 3, 18)])
def test_operands_are_made_in_the_loop(m: int, k: int, n: int) -> None:
    text = MADE.format(m=m, k=k, n=n, first="negative")
    check(text, [(m, k), (k, n), (k,), (n,)], "f4", 2e-5)


def test_what_costs_more_is_made_once() -> None:
    shapes = [(70, 20), (20, 200), (20,), (200,)]
    inputs = [np.random.default_rng(1).normal(size=s).astype("f4") for s in shapes]
    graph = parse(MADE.format(m=70, k=20, n=200, first="tanh"))
    assert commands_of(graph, inputs) == [CallKernel, CallKernel]
    (found,) = triton_running.run(graph, *inputs)
    (expected,) = interpret(graph, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_widened_halves_are_multiplied_as_halves() -> None:
    text = """
    graph @f(%x: f16[3,40,900], %w: f16[900,50]) -> f16[3,40,50] {
      %y: f32[3,40,900] = cast %x {dtype=f32}
      %v: f32[900,50] = cast %w {dtype=f32}
      %p: f32[3,40,50] = matmul %y, %v
      %h: f16[3,40,50] = cast %p {dtype=f16}
      return %h
    }
    """
    check(text, [(3, 40, 900), (900, 50)], "f2", 5e-3)
    rng = np.random.default_rng(2)
    inputs = [rng.normal(size=s).astype("f2") for s in [(3, 40, 900), (900, 50)]]
    _, program = triton_running.program_of(parse(text), inputs)
    (kernel,) = program.kernels
    (dot,) = [line for line in kernel.source.splitlines() if "tl.dot" in line]
    left, right = dot.split("tl.dot(")[1].split(", ")[:2]
    for name in (left, right):
        assert f"    {name} = tl.load" in kernel.source or f"    {name} = tl.where" in kernel.source


def test_an_operand_that_is_overwritten_is_read_before() -> None:
    graph = parse("""
    graph @f(%x: f32[30,30], %w: f32[30,30]) -> f32[30,30] {
      %y: f32[30,30] = negative %x
      %n: f32[30,30] = tanh %x
      %p: f32[30,30] = matmul %y, %w
      %r: f32[30,30] = exp %p
      write %x = %n
      return %r
    }
    """)
    rng = np.random.default_rng(7)
    x, w = (rng.normal(size=(30, 30)).astype("f4") / 5 for _ in range(2))
    expected, after = np.exp(-x @ w), np.tanh(x)
    (found,) = triton_running.run(graph, x, w)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(x, after, rtol=1e-6)


def test_an_operand_that_others_read_is_stored() -> None:
    graph = parse("""
    graph @f(%x: f32[30,40], %w: f32[40,30]) -> (f32[30,30], f32[30,40]) {
      %y: f32[30,40] = negative %x
      %p: f32[30,30] = matmul %y, %w
      return %p, %y
    }
    """)
    rng = np.random.default_rng(8)
    inputs = [rng.normal(size=s).astype("f4") for s in [(30, 40), (40, 30)]]
    assert commands_of(graph, inputs) == [CallKernel, CallProduct]
    found = triton_running.run(graph, *inputs)
    for result, wanted in zip(found, interpret(graph, inputs), strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)
