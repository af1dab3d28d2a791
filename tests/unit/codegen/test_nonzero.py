"""Places of true elements, and gathers and scatters by them that need no check."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import pytest
from unit.codegen import running

from jitflow.codegen.lookups import may_fail
from jitflow.codegen.program import lower
from jitflow.ir.interpreter import run as interpret
from jitflow.ir.parser import parse

_INVALID = 1  # FE_INVALID on x86 and aarch64

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


def text_of(graph_text: str, *inputs: np.ndarray) -> str:
    return str(lower(running.segment_of(parse(graph_text), list(inputs))).program)


def test_an_update_goes_through_the_mask() -> None:
    x, mask = np.zeros((20, 3)), np.zeros(20, bool)
    text = text_of(UPDATE, x, mask, np.array(0))
    assert "where %" in text
    assert " if %" not in text


def test_other_places_are_found_first() -> None:
    x, mask = np.zeros((20, 3)), np.zeros(20, bool)
    reverse = "slice %k {starts=[s1-1], steps=[-1], shape=[s1]}"
    text = UPDATE.replace("gather %x, %k", "gather %x, %v")
    text = text.replace("  %g:", f"  %v: i64[s1] = {reverse}\n  %g:")
    assert " if %" in text_of(text, x, mask, np.array(0))
    compare(text, np.arange(60.0).reshape(20, 3), np.arange(20) % 3 == 0, np.array(7))


def test_no_flag_comes_from_elements_that_the_mask_leaves_out() -> None:
    mathematics = ctypes.CDLL(ctypes.util.find_library("m"))
    text = UPDATE.replace("add %g, %g", "divide %g, %g")
    mask = np.arange(20) % 7 == 3
    x = np.where(mask[:, None], 2.0, np.zeros((20, 3)))
    compiled = running.Compiled(running.segment_of(parse(text), [x, mask, 3]))
    arguments, outputs, _keep = compiled.arguments([x, mask, 3])
    mathematics.feclearexcept(_INVALID)
    assert compiled.function(*arguments) == 0
    assert mathematics.fetestexcept(_INVALID) == 0
    np.testing.assert_array_equal(outputs[0], np.where(mask[:, None], 1.0, x))
