"""Outputs that are updated are made in their own memory from the start, without a copy."""

import numpy as np
import pytest

from jitflow.codegen.program import lower
from jitflow.ir.parser import parse
from tests.unit.codegen.running import Compiled, run, segment_of

FILLED = """
graph @f(%x: f64[6]) -> f64[8] {
  %zero: f64[] = constant {value=f64[](0.0)}
  %base: f64[8] = full %zero {shape=[8]}
  %new: f64[8] = update %base, %x {views=[slice{starts=[1], steps=[1], shape=[6]}]}
  return %new
}
"""
CHAIN = """
graph @f(%x: f64[8]) -> f64[8] {
  %one: f64[] = constant {value=f64[](1.0)}
  %base: f64[8] = add %x, %one
  %part: f64[3] = slice %x {starts=[0], steps=[2], shape=[3]}
  %first: f64[8] = update %base, %part {views=[slice{starts=[1], steps=[1], shape=[3]}]}
  %again: f64[8] = update %first, %part {views=[slice{starts=[5], steps=[1], shape=[3]}]}
  return %again
}
"""
READ_LATER = """
graph @f(%x: f64[8]) -> (f64[8], f64[8]) {
  %one: f64[] = constant {value=f64[](1.0)}
  %base: f64[8] = exp %x
  %part: f64[3] = slice %x {starts=[0], steps=[2], shape=[3]}
  %new: f64[8] = update %base, %part {views=[slice{starts=[1], steps=[1], shape=[3]}]}
  %other: f64[8] = add %new, %base
  return %new, %other
}
"""
INPUT = """
graph @f(%x: f64[8]) -> f64[8] {
  %part: f64[3] = slice %x {starts=[0], steps=[2], shape=[3]}
  %new: f64[8] = update %x, %part {views=[slice{starts=[1], steps=[1], shape=[3]}]}
  return %new
}
"""


def temporaries(text, x):
    graph = parse(text)
    return lower(segment_of(graph, [x])).arena.offsets


@pytest.mark.parametrize("text,length", [(FILLED, 6), (CHAIN, 8), (INPUT, 8)])
def test_no_temporary(text, length):
    assert not temporaries(text, np.arange(float(length)))


def test_values():
    x = np.arange(8.0)
    np.testing.assert_array_equal(run(parse(FILLED), x[:6])[0], [0, *range(6), 0])
    np.testing.assert_array_equal(run(parse(CHAIN), x)[0], [1, 0, 2, 4, 5, 0, 2, 4])
    np.testing.assert_array_equal(run(parse(INPUT), x)[0], [0, 0, 2, 4, 4, 5, 6, 7])
    new, other = Compiled(segment_of(parse(READ_LATER), [x]))(x)
    base = np.exp(x)
    expected = base.copy()
    expected[1:4] = x[:6:2]
    np.testing.assert_allclose(new, expected, rtol=1e-15)
    np.testing.assert_allclose(other, expected + base, rtol=1e-15)


MERGED = """
graph @f(%x: f64[4,2,3], %w: f64[6,2]) -> (f64[4,6], f64[4,2]) {
  %t: f64[4,3,2] = transpose %x {axes=[0, 2, 1]}
  %flat: f64[4,6] = reshape %t {shape=[4, 6]}
  %y: f64[4,2] = matmul %flat, %w
  return %flat, %y
}
"""
MERGED_AND_FOLDED = """
graph @f(%x: f64[4,2,3]) -> (f64[12,2], f64[12]) {
  %t: f64[4,3,2] = transpose %x {axes=[0, 2, 1]}
  %flat: f64[12,2] = reshape %t {shape=[12, 2]}
  %total: f64[12] = sum %flat {axes=[1], keepdims=false}
  return %flat, %total
}
"""


@pytest.mark.parametrize("text", [MERGED, MERGED_AND_FOLDED])
def test_an_output_of_merged_axes_is_read_where_it_lies(text):
    x, w = np.arange(24.0).reshape(4, 2, 3), np.arange(12.0).reshape(6, 2)
    graph = parse(text)
    given = [x, w][: len(graph.inputs)]
    assert not lower(segment_of(graph, given)).arena.offsets
    flat, other = Compiled(segment_of(graph, given))(*given)
    expected = x.transpose(0, 2, 1).reshape(flat.shape)
    np.testing.assert_array_equal(flat, expected)
    np.testing.assert_allclose(other, expected @ w if len(given) > 1 else expected.sum(axis=1))


def test_an_output_of_merged_axes_in_another_order_is_made_again():
    x, w = np.arange(24.0).reshape(4, 2, 3), np.arange(12.0).reshape(6, 2)
    flat, y = Compiled(segment_of(parse(MERGED), [x, w], {0: (1, 0)}))(x, w)
    np.testing.assert_array_equal(flat, x.transpose(0, 2, 1).reshape(4, 6))
    np.testing.assert_allclose(y, x.transpose(0, 2, 1).reshape(4, 6) @ w)
