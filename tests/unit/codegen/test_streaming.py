"""What of a row kernel can be made block by block, and what cannot."""

from __future__ import annotations

import numpy as np
import pytest
from unit.codegen.running import segment_of

from jitflow.codegen.loop_ir import Store, walk
from jitflow.codegen.program import lower
from jitflow.codegen.renaming import renamed
from jitflow.codegen.streaming import Streamed, stream
from jitflow.codegen.target import GPU
from jitflow.codegen.triton.frame import frame_of
from jitflow.ir.parser import parse

GRAPH = """
graph @f(%x: f32[40,300], %w: f32[40,300]) -> f32[40,300] {{
  %m: f32[40,1] = {fold} %x {{axes=[1], keepdims=true}}
  %d: f32[40,300] = subtract %x, %m
  %e: f32[40,300] = {function} %d
  %u: f32[40,300] = multiply %e, %w
  %t: f32[40,1] = sum %u {{axes=[1], keepdims=true}}
  %p: f32[40,300] = {last}
  return %p
}}
"""


def streamed(
    fold: str = "max", function: str = "exp", last: str = "divide %u, %t", prefix: str = ""
) -> Streamed | None:
    graph = parse(GRAPH.format(fold=fold, function=function, last=last))
    inputs = [np.ones((40, 300), "f4")] * 2
    (kernel,) = lower(segment_of(graph, inputs), GPU).program.kernels
    kernel = renamed(kernel, prefix)
    frame = frame_of(kernel)
    (stored,) = [item.buffer for item in walk(kernel.body) if isinstance(item, Store)]
    inner = frozenset(name for name, _ in frame.inner)
    return stream(kernel, frame.statements, inner, stored)


def names(chain: object) -> list[str]:
    return [link.statement.operator.name for link in chain]  # type: ignore[attr-defined]


def test_the_parts_of_a_softmax() -> None:
    found = streamed()
    assert found is not None
    assert [fold.accumulator for fold in found.plain] == [found.peak]
    assert names(found.shift) == ["subtract", "exp"]
    ((_, chain),) = found.sums
    assert names(chain) == names(found.weight) == ["multiply"]
    assert names(found.tail) == ["divide"]


def test_factors_of_the_row_come_last_wherever_they_stand() -> None:
    found = streamed(last="multiply %w, %e")
    assert found is not None
    assert (names(found.weight), names(found.tail)) == (["multiply"], [])


def test_names_may_have_a_prefix() -> None:
    found = streamed(prefix="row_")
    assert found is not None
    assert all(begin.startswith("row_") for begin in found.begins)


@pytest.mark.parametrize(
    ("fold", "function", "last"),
    [
        ("min", "exp", "divide %u, %t"),  # exponentials may overflow
        ("max", "tanh", "divide %u, %t"),
        ("max", "exp", "divide %t, %u"),  # not linear in the exponential
        ("max", "exp", "add %u, %t"),
        ("max", "exp", "multiply %e, %d"),
    ],
)
def test_rows_that_are_needed_as_a_whole(fold: str, function: str, last: str) -> None:
    assert streamed(fold, function, last) is None
