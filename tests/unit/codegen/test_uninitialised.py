"""np.empty: nothing is stored before the program writes, and arrays stay apart."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen.program import lower
from jitflow.ir.parser import parse
from tests.unit.codegen.running import run, segment_of

TEXT = """
graph @f(%x: f64[6]) -> f64[8] {
  %base: f64[8] = uninitialised {shape=[8], dtype=f64}
  %new: f64[8] = update %base, %x {views=[slice{starts=[1], steps=[1], shape=[6]}]}
  return %new
}
"""


def test_one_kernel_and_no_temporary():
    x = np.arange(6.0)
    lowered = lower(segment_of(parse(TEXT), [x]))
    assert len(lowered.program.commands) == 1
    assert not lowered.arena.offsets
    np.testing.assert_array_equal(run(parse(TEXT), x)[0][1:7], x)


def halves(x):
    out = np.empty_like(x)
    out[:3] = x[:3]
    out[3:] = x[3:] * 2
    return out


def two_arrays(x):
    a, b = np.empty(len(x)), np.empty(len(x))
    a[:] = x
    b[1:] = x[1:]
    b[0] = 5
    return a + b, b


def rows(x):
    out = np.empty((4, len(x)))
    for i in range(4):
        out[i] = x * i
    return out.T


def elements(x):
    out = np.empty((len(x), 3), order="F")
    for i in range(len(x)):
        for j in range(3):
            out[i, j] = x[i] * j
    return out


def masks(x):
    out = np.empty(len(x))
    out[x > 0] = 1
    out[x <= 0] = -1
    return out, out.sum()


def in_place(x):
    out = np.empty(len(x))
    np.multiply(x, 2, out=out)
    np.add(out, 1, out=out)
    return out


def zeros(x):
    a, b = np.zeros(len(x)), np.zeros(len(x))
    a[1:] = x[1:]
    b[:-1] = x[1:]
    return a, b, np.zeros(len(x))


@pytest.mark.parametrize("function", [halves, two_arrays, rows, elements, masks, in_place, zeros])
@pytest.mark.parametrize("length", [7, 100])
def test_what_is_written_is_there(function, length):
    x = np.random.default_rng(0).normal(size=length)
    got, wanted = jitflow.compile(function)(x), function(x)
    for one, other in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, wanted))):
        np.testing.assert_allclose(one, other, rtol=1e-14)
        assert np.asarray(one).strides == np.asarray(other).strides
