"""Windows of stencils: which loads overlap, and the values at every length."""

import textwrap

import numpy as np
import pytest

import jitflow
from jitflow.codegen.cpu.target import describe
from jitflow.codegen.cpu.windows import windows_of
from jitflow.codegen.loop_ir import Loop, walk
from jitflow.codegen.program import lower
from jitflow.ir.parser import parse
from tests.unit.codegen.running import segment_of

WIDE = describe(
    "x86_64-unknown-linux-gnu", "", frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
)
NARROW = describe("x86_64-unknown-linux-gnu", "", frozenset({"avx2"}))


def gaps(text, target=WIDE):
    """By how many elements the loads of each window are behind its front."""
    graph = parse(textwrap.dedent(text))
    inputs = [np.ones(value.type.shape, value.type.dtype.numpy) for value in graph.inputs]
    (kernel,) = lower(segment_of(graph, inputs)).program.kernels
    loops = [loop for loop in walk(kernel.body) if isinstance(loop, Loop)]
    found = windows_of(loops[-1], target)
    return [sorted(window.behind.values()) for window in found]


THREE = """
    graph @f(%a: f64[40]) -> f64[38] {
      %x: f64[38] = slice %a {starts=[0], steps=[1], shape=[38]}
      %y: f64[38] = slice %a {starts=[1], steps=[1], shape=[38]}
      %z: f64[38] = slice %a {starts=[2], steps=[1], shape=[38]}
      %s: f64[38] = add %x, %y
      %t: f64[38] = multiply %s, %z
      return %t
    }"""


def test_neighbours_in_a_row_are_one_window():
    assert gaps(THREE) == [[0, 1, 2]]


def test_vectors_that_are_not_shifted_in_one_instruction_have_none():
    assert gaps(THREE, NARROW) == []
    assert gaps(THREE.replace("f64", "i16")) == []
    assert gaps(THREE.replace("f64", "c128")) == []


def test_rows_have_windows_of_their_own():
    found = gaps("""
        graph @f(%a: f64[9,33]) -> f64[8,32] {
          %x: f64[8,32] = slice %a {starts=[0,0], steps=[1,1], shape=[8,32]}
          %y: f64[8,32] = slice %a {starts=[0,1], steps=[1,1], shape=[8,32]}
          %z: f64[8,32] = slice %a {starts=[1,1], steps=[1,1], shape=[8,32]}
          %s: f64[8,32] = add %x, %y
          %t: f64[8,32] = multiply %s, %z
          return %t
        }""")
    assert found == [[0, 1]]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u8"])
@pytest.mark.parametrize("symbolic", [False, True])
def test_values_at_every_length(dtype, symbolic):
    def stencil(a, b):
        b[2:-2] = a[:-4] - 3 * a[1:-3] + a[2:-2] * a[4:] + a[3:-1]

    compiled = jitflow.compile(stencil, dynamic=symbolic)
    rng = np.random.default_rng(0)
    for length in (5, 6, 20, 35, 36, 37, 52, 68, 69, 100, 132, 133, 200):
        a = (rng.normal(size=length) * 9).astype(dtype)
        got, wanted = np.zeros(length, dtype), np.zeros(length, dtype)
        compiled(a, got)
        stencil(a, wanted)
        np.testing.assert_array_equal(got, wanted)


def test_an_array_that_is_written_is_loaded_again():
    def shift(a):
        a[1:] = a[:-1] + a[1:]
        a[:-2] = a[1:-1] * a[2:]

    got, wanted = np.arange(1.0, 100.0), np.arange(1.0, 100.0)
    jitflow.compile(shift)(got)
    shift(wanted)
    np.testing.assert_array_equal(got, wanted)
