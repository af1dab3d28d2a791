"""Branches: what they do not take must leave no floating-point flag behind."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import pytest
from unit.codegen import running

from jitflow.ir.parser import parse

_DIVIDE = 4  # FE_DIVBYZERO on x86; on other processors the test finds another flag or none

GUARDED = """
graph @f(%x: f64[64], %d: f64[64], %one_f: f64[]) -> f64[] {
  %zero: i64[] = constant {value=i64[](0)}
  %one: i64[] = constant {value=i64[](1)}
  %n: i64[] = constant {value=i64[](64)}
  %f0: f64[] = constant {value=f64[](0.0)}
  %r: f64[] = for %zero, %n, %one, %f0 (%i: i64[], %acc: f64[]) {
    %a: f64[] = gather %x, %i {axes=[0]}
    %b: f64[] = gather %d, %i {axes=[0]}
    %some: bool[] = not_equal %b, %f0
    %next: f64[] = cond %some () {
      %q: f64[] = divide %a, %b
      %s: f64[] = add %acc, %q
      yield %s
    } () {
      yield %acc
    }
    yield %next
  }
  return %r
}
"""


@pytest.mark.parametrize("divisor", [0.0, 2.0])
def test_a_division_stays_behind_its_condition(divisor: float) -> None:
    mathematics = ctypes.CDLL(ctypes.util.find_library("m"))
    x, d = np.ones(64), np.full(64, divisor)
    compiled = running.Compiled(running.segment_of(parse(GUARDED), [x, d, 1.0]))
    arguments, outputs, _keep = compiled.arguments([x, d, 1.0])
    mathematics.feclearexcept(_DIVIDE)
    assert compiled.function(*arguments) == 0
    assert mathematics.fetestexcept(_DIVIDE) == 0
    assert outputs[0] == (32.0 if divisor else 0.0)
