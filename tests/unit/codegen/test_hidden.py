"""From where on a mask hides the elements of a row."""

from __future__ import annotations

import numpy as np
import pytest
from unit.codegen.running import segment_of

from jitflow.codegen.hidden import hidden_part
from jitflow.codegen.loop_ir import Compute, Statement, walk
from jitflow.codegen.program import lower
from jitflow.codegen.target import GPU
from jitflow.ir.parser import parse

GRAPH = """
graph @f(%x: f32[40,50], %y: f32[40,50]) -> f32[40,50] {{
  %n: i64[40] = iota {{dtype=i64, length=40}}
  %m: i64[50] = iota {{dtype=i64, length=50}}
  %i: i64[40,1] = expand_dims %n {{axes=[1]}}
  %j: i64[1,50] = expand_dims %m {{axes=[0]}}
  %low: f32[] = constant {{value=f32[](-1e9)}}
  %one: f32[] = constant {{value=f32[](1.0)}}
  %no: f32[] = constant {{value=f32[](0.0)}}
  %three: i64[] = constant {{value=i64[](3)}}
  {mask}
  %r: f32[40,50] = where %c, {arms}
  return %r
}}
"""

LATER = "%c: bool[40,50] = greater %j, %i"


def bound(mask: str, arms: str) -> str | None:
    """The bound in the loop over rows, called `i`; the loop along the row is `i1`."""
    graph = parse(GRAPH.format(mask=mask, arms=arms))
    inputs = [np.ones((40, 50), "f4")] * 2
    (kernel,) = lower(segment_of(graph, inputs), GPU).program.kernels
    definitions: dict[str, Statement] = {}
    varying: set[str] = set()
    for item in walk(kernel.body):
        name = getattr(item, "result", "")
        if name:
            definitions[name] = item
        if isinstance(item, Compute):
            moves = any(operand in varying for operand in item.operands)
        else:
            address = getattr(item, "address", None)
            moves = address is not None and "i1" in address.atoms()
        if moves:
            varying.add(name)
    computed = [item for item in definitions.values() if isinstance(item, Compute)]
    chosen = [item.result for item in computed if item.operator.name == "where"]
    found = hidden_part(definitions, varying, chosen[-1], "i1")
    return None if found is None else str(found.bound)


@pytest.mark.parametrize(
    ("mask", "arms", "expected"),
    [
        (LATER, "%low, %x", "i0 + 1"),
        ("%c: bool[40,50] = less_equal %j, %i", "%x, %low", "i0 + 1"),
        ("%c: bool[40,50] = greater_equal %i, %j", "%x, %low", "i0 + 1"),
        ("%c: bool[40,50] = less %i, %j", "%low, %x", "i0 + 1"),
        ("%k: i64[40,1] = add %i, %three\n  %c: bool[40,50] = greater_equal %j, %k",
         "%low, %x", "i0 + 3"),
        ("%p: bool[40,50] = greater %j, %i\n  %c: bool[40,50] = logical_not %p",
         "%x, %low", "i0 + 1"),
        ("%p: bool[40,50] = greater %j, %i\n  %w: f32[40,50] = where %p, %no, %one\n"
         "  %c: bool[40,50] = equal %w, %no", "%low, %x", "i0 + 1"),
        ("%p: bool[40,50] = less_equal %j, %i\n  %w: f32[40,50] = where %p, %one, %no\n"
         "  %c: bool[40,50] = not_equal %w, %no", "%x, %low", "i0 + 1"),
        ("%p: bool[40,50] = less_equal %j, %i\n  %q: bool[40,50] = less %x, %y\n"
         "  %c: bool[40,50] = logical_and %p, %q", "%x, %low", "i0 + 1"),
        ("%p: bool[40,50] = greater %j, %i\n  %q: bool[40,50] = less %x, %y\n"
         "  %c: bool[40,50] = logical_or %p, %q", "%low, %x", "i0 + 1"),
    ],
)  # fmt: skip
def test_later_positions_are_hidden(mask: str, arms: str, expected: str) -> None:
    assert bound(mask, arms) == expected


@pytest.mark.parametrize(
    ("mask", "arms"),
    [
        (LATER, "%x, %low"),  # hides what comes before
        (LATER, "%y, %x"),  # the fill is another one for each element
        ("%c: bool[40,50] = less %x, %y", "%low, %x"),
        ("%c: bool[40,50] = equal %j, %i", "%low, %x"),
        ("%p: bool[40,50] = greater %j, %i\n  %q: bool[40,50] = less %x, %y\n"
         "  %c: bool[40,50] = logical_and %p, %q", "%low, %x"),
        ("%t: i64[1,50] = multiply %j, %three\n  %c: bool[40,50] = greater %t, %i", "%low, %x"),
    ],
)  # fmt: skip
def test_masks_that_hide_nothing_for_certain(mask: str, arms: str) -> None:
    assert bound(mask, arms) is None
