"""Passes as functions: purity, names, sharing of nodes, the verifier between passes, cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pytest

from jitflow.core.config import config
from jitflow.core.dtypes import ALL, C128, F16, F32, F64, I8, I32, I64, U8, U64
from jitflow.core.errors import InvalidGraph
from jitflow.core.location import Location
from jitflow.core.types import ArrayType
from jitflow.ir import pipeline
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph
from jitflow.ir.parser import parse
from jitflow.ir.passes.casts import holds, is_detour
from jitflow.ir.passes.views import merge, simplify_steps
from jitflow.ir.printer import print_graph

TEXT = """
graph @f(%x: f64[3], %unused: f64[]) -> (f64[3], f64[3]) {
  %a: f64[3] = negative %x  @m.py:1
  %b: f64[3] = negative %a  @m.py:2
  %c: f64[3] = exp %b  @m.py:3
  %d: f64[3] = add %c, %a  @m.py:4
  return %d, %b
}
"""


def test_inputs_outputs_names_and_places_stay() -> None:
    before = parse(TEXT)
    after = pipeline.run(before)
    assert after.inputs == before.inputs
    assert after.outputs[1] is before.inputs[0]
    assert [value.name for value in after.outputs] == ["d", "x"]
    assert [str(node.location) for node in after.nodes] == ["m.py:3", "m.py:4"][: len(after.nodes)]
    assert [node.operator.name for node in after.nodes] == ["exp", "subtract"]


def test_nodes_that_stay_are_shared() -> None:
    before = parse(TEXT)
    after = pipeline.NAMED["cse"].run(before)
    assert all(old is new for old, new in zip(before.nodes, after.nodes, strict=True))


def test_the_verifier_runs_between_passes_on_demand() -> None:
    @dataclass(frozen=True)
    class Break:
        def run(self, graph: Graph) -> Graph:
            copy = Graph(graph.name, graph.body, graph.symbols, graph.writes)
            copy.writes = [(graph.outputs[0], graph.outputs[0])]
            return copy

    graph = parse(TEXT)
    pipeline.run(graph, (Break(),))
    with config().override(verify_ir=True), pytest.raises(InvalidGraph, match="not an input"):
        pipeline.run(graph, (Break(),))


def test_warnings_name_the_operator_that_was_written() -> None:
    graph = parse(
        """
        graph @f(%x: f64[3]) -> f64[3] {
          %four: f64[] = constant {value=f64[](4.0)}
          %a: f64[3] = divide %x, %four  @m.py:1
          %b: f64[3] = negative %a  @m.py:2
          %c: f64[3] = add %x, %b  @m.py:3
          return %c
        }
        """
    )
    nodes = [node for node in pipeline.run(graph).nodes if node.operands]
    assert [node.operator.name for node in nodes] == ["multiply", "subtract"]
    assert [node.location.operation for node in nodes] == ["divide", "add"]
    assert [node.location.line for node in nodes] == [1, 3]


def test_arithmetic_on_python_numbers_does_not_hide_warnings() -> None:
    builder = Builder("f")
    x = builder.input("x", ArrayType(F64))
    builder.location = Location("m.py", 1, quiet=True)
    first = builder.emit("square", x)
    builder.location = Location("m.py", 2)
    graph = builder.finish([first, builder.emit("square", x)])
    assert len(pipeline.run(graph).nodes) == 2


def test_equal_expressions_meet_after_simplification() -> None:
    graph = parse(
        """
        graph @f(%x: i64[3]) -> i64[3] {
          %one: i64[] = constant {value=i64[](1)}
          %a: i64[3] = multiply %x, %one
          %b: i64[3] = negative %a
          %c: i64[3] = negative %x
          %d: i64[3] = subtract %b, %c
          return %d
        }
        """
    )
    names = [node.operator.name for node in pipeline.run(graph).nodes]
    assert names == ["constant", "full"]


# Casts


@pytest.mark.parametrize("inner", ALL, ids=str)
@pytest.mark.parametrize("outer", ALL, ids=str)
def test_holds_is_not_wider_than_numpy(outer, inner) -> None:
    if holds(outer, inner):
        assert np.can_cast(inner.numpy, outer.numpy, "safe") or outer.bits >= inner.bits
    for number in (np.iinfo(inner.numpy).max,) if inner.is_integer else ():
        if holds(outer, inner) and not outer.is_complex:
            assert int(np.array(number).astype(outer.numpy)) == number


def test_detours() -> None:
    assert is_detour(I8, I32, F32)
    assert is_detour(F32, F64, F16)
    assert not is_detour(F64, F32, F64)
    assert not is_detour(I64, F64, I32), "i64 is not exact in f64"
    assert not is_detour(I32, F64, I8), "out of range of i8"
    assert not is_detour(F32, F64, I64), "undefined cases differ"
    assert not is_detour(F64, C128, F64), "NumPy warns"
    assert not holds(U64, I8)
    assert not holds(F16, U64)
    assert holds(F16, U8)


# Views


def test_slices_compose_as_numpy_composes_them() -> None:
    x = np.arange(40)
    first = ("slice", {"starts": (35,), "steps": (-3,), "shape": (12,)})
    second = ("slice", {"starts": (1,), "steps": (4,), "shape": (3,)})
    ((name, merged),) = merge(first, second)
    assert name == "slice"
    assert merged == {"starts": (32,), "steps": (-12,), "shape": (3,)}
    assert list(x[32::-12]) == list(x[35::-3][1::4])


@pytest.mark.parametrize("first", [(0,), (1,), (0, 2), (1, 2), (0, 1, 3)])
@pytest.mark.parametrize("second", [(0,), (2,), (0, 1), (1, 3)])
def test_expansions_and_squeezes_compose(first: tuple, second: tuple) -> None:
    x = np.zeros((5, 6))
    y = np.expand_dims(np.expand_dims(x, first), second)
    ((_, merged),) = merge(("expand_dims", {"axes": first}), ("expand_dims", {"axes": second}))
    assert np.expand_dims(x, merged["axes"]).shape == y.shape
    ((_, back),) = merge(("squeeze", {"axes": second}), ("squeeze", {"axes": first}))
    assert np.squeeze(y, back["axes"]).shape == x.shape


def test_chains_of_steps_shrink() -> None:
    there = ("transpose", {"axes": (1, 2, 0)})
    back = ("transpose", {"axes": (2, 0, 1)})
    everything = ("slice", {"starts": (0, 0), "steps": (1, 1), "shape": (2, 3)})
    row = ("slice", {"starts": (1, 0), "steps": (1, 1), "shape": (1, 3)})
    squeeze = ("squeeze", {"axes": (0,)})
    type = ArrayType(F64, (2, 3, 1))
    assert simplify_steps([there, back], type) == []
    assert simplify_steps([everything, row, squeeze], ArrayType(F64, (2, 3))) == [row, squeeze]


# Cost


@pytest.mark.slow
def test_cost_is_linear() -> None:
    def seconds(size: int) -> float:
        builder = Builder("long")
        x = builder.input("x", ArrayType(F64, (100,)))
        y = x
        for number in range(size // 4):
            c = builder.emit("constant", value=np.array(float(number)))
            y = builder.emit("add", y, c)
            y = builder.emit("tanh", y)
            y = builder.emit("multiply", y, x)
        graph = builder.finish([y])
        times = []
        for _ in range(3):
            begin = time.process_time()
            assert len(pipeline.run(graph).nodes) == size
            times.append(time.process_time() - begin)
        return min(times) / size

    assert seconds(8000) < 4 * seconds(1000)


def test_text_of_the_pipeline_is_deterministic() -> None:
    assert print_graph(pipeline.run(parse(TEXT))) == print_graph(pipeline.run(parse(TEXT)))


def test_what_is_written_again_is_written_once() -> None:
    """``a[i] += v`` stores the sum in the view, and then the view in the array."""
    graph = parse(
        """
graph @f(%x: f64[4,3], %v: f64[4]) -> f64[4,3] {
  %a: f64[4,3] = update %x, %v {views=[slice{starts=[0, 1], steps=[1, 1], shape=[4, 1]}, squeeze{axes=[1]}]}  @m.py:1
  %s: f64[4,1] = slice %a {starts=[0, 1], steps=[1, 1], shape=[4, 1]}  @m.py:1
  %r: f64[4] = squeeze %s {axes=[1]}  @m.py:1
  %b: f64[4,3] = update %a, %r {views=[slice{starts=[0, 1], steps=[1, 1], shape=[4, 1]}, squeeze{axes=[1]}]}  @m.py:1
  return %b
}
"""  # noqa: E501
    )
    after = pipeline.run(graph)
    assert [node.operator.name for node in after.nodes] == ["update"]
