"""Places of true elements, and gathers and scatters by them that need no check."""

from __future__ import annotations

import numpy as np
import pytest
from unit.codegen import running

from jitflow.codegen.masks import may_fail
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse

PLACES = """
graph @places(%m: bool[s0,s1], %c: i64[]) -> (i64[s2,2], i64[s2])
    where s0 = %m.shape[0], s1 = %m.shape[1], s2 = %c {
  %t: i64[s2,2] = nonzero %m {count=s2}
  %b: i64[s2,1] = slice %t {starts=[0, 1], steps=[1, 1], shape=[s2, 1]}
  %k: i64[s2] = squeeze %b {axes=[1]}
  return %t, %k
}
"""

UPDATE = """
graph @update(%x: f64[s0,3], %m: bool[s0], %c: i64[]) -> f64[s0,3]
    where s0 = %x.shape[0], s1 = %c {
  %k: i64[s1] = nonzero %m {count=s1}
  %g: f64[s1,3] = gather %x, %k {axes=[0]}
  %a: f64[s1,3] = add %g, %g
  %y: f64[s0,3] = scatter %x, %a, %k {axes=[0], mode="set"}
  return %y
}
"""


def compare(text: str, *inputs: np.ndarray) -> None:
    graph = parse(text)
    expected = interpret(graph, [np.array(x) for x in inputs])
    for found, wanted in zip(running.run(graph, *inputs), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("transposed", [False, True])
def test_places_come_in_c_order(density: float, transposed: bool) -> None:
    mask = np.random.default_rng(1).random((6, 7)) < density
    mask = mask.T if transposed else mask
    compare(PLACES, mask, np.array(mask.sum()))


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_rows_are_updated(density: float) -> None:
    rng = np.random.default_rng(1)
    mask = rng.random(20) < density
    compare(UPDATE, rng.normal(size=(20, 3)), mask, np.array(mask.sum()))


def test_indices_of_the_mask_s_own_extent_need_no_check() -> None:
    nodes = {node.operator.name: node for node in parse(UPDATE).nodes}
    assert not may_fail(nodes["gather"])
    assert not may_fail(nodes["scatter"])
    other = {n.operator.name: n for n in parse(UPDATE.replace("%m: bool[s0]", "%m: bool[9]")).nodes}
    assert may_fail(other["gather"])
