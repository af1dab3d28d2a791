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


def interleaved(x):
    out = np.zeros((2, len(x) * 2))
    out[:, ::2] = x
    out[0, 1::2] = x + 1
    out[1, 1::2] = x + 2
    return out


def windows(x):
    columns = np.zeros((2, 2, len(x) - 1))
    for i in range(2):
        for j in range(2):
            columns[i, j] = x[i : i + len(x) - 1] + j
    return columns.transpose(2, 0, 1).reshape(len(x) - 1, 4) @ np.ones((4, 3))


def backwards(x):
    out = np.zeros(len(x))
    out[::-2] = x[: (len(x) + 1) // 2]
    out[-2::-2] = 7.0
    return out


def overlapping(x):
    out = np.zeros(len(x))
    out[:-1] = x[:-1]
    out[1:] = x[1:]
    return out


def one_short(x):
    out = np.zeros(len(x))
    out[:2] = x[:2]
    out[3:] = x[3:]
    return out


def read_between(x):
    out = np.zeros(len(x))
    out[::2] = x[::2]
    before = out.sum()
    out[1::2] = x[1::2]
    return out, before


def read_before(x):
    out = np.zeros(len(x))
    whole = out + x
    out[::2] = x[::2]
    out[1::2] = whole[1::2]
    return out, whole


@pytest.mark.parametrize(
    "program",
    [interleaved, windows, backwards, overlapping, one_short, read_between, read_before],
)
def test_zeros_that_are_overwritten(program):
    x = np.arange(1.0, 7.0)
    compiled = jitflow.compile(program)
    expected = program(x)
    for _ in range(2):
        found = compiled(x)
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        )
        for got, wanted in pairs:
            np.testing.assert_array_equal(got, wanted)


ZEROS = """
graph @f(%x: f64[3]) -> f64[6] {{
  %zero: f64[] = constant {{value=f64[](0.0)}}
  %base: f64[6] = full %zero {{shape=[6]}}
  %first: f64[6] = update %base, %x {{views=[slice{{starts=[0], steps=[2], shape=[3]}}]}}
  %last: f64[6] = update %first, %x {{views=[slice{{starts=[{start}], steps=[{step}], shape=[3]}}]}}
  return %last
}}
"""


@pytest.mark.parametrize("start,step,is_filled", [(1, 2, True), (3, 1, False), (5, -2, True)])
def test_nothing_is_stored_where_everything_is_overwritten(start, step, is_filled):
    x = np.arange(1.0, 4.0)
    graph = parse(ZEROS.format(start=start, step=step))
    commands = lower(segment_of(graph, [x])).program.commands
    assert len(commands) == (2 if is_filled else 3)
    expected = np.zeros(6)
    expected[::2] = x
    expected[start::step][:3] = x
    np.testing.assert_array_equal(run(graph, x)[0], expected)
