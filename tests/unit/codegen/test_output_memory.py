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
