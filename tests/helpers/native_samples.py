"""Segments with bodies written by hand, for tests of native entries."""

from __future__ import annotations

import gc
import sys

import numpy as np

from jitflow.codegen.cpu.entry_spec import EntrySpec, Output, Parameters
from jitflow.codegen.interface import Body, InputSpec, OutputSpec, Segment
from jitflow.core import dtypes
from jitflow.core.dims import Dim, symbol
from jitflow.core.dtypes import F32, F64
from jitflow.core.types import ArrayType
from jitflow.guards.predicates import ArrayFact, ScalarFact
from jitflow.guards.sources import StateSource
from jitflow.ir.graph import Block, DimensionOf, Graph, ScalarValue, Value
from jitflow.runtime.native import NativeFunction, link

S0, S1 = symbol("s0"), symbol("s1")

MULTIPLY_ADD = """
define i32 @body(ptr %a, ptr %b, ptr %c, i64 %n, ptr %out, ptr %arena) {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %loop, label %done
loop:
  %pa = getelementptr float, ptr %a, i64 %i
  %pb = getelementptr float, ptr %b, i64 %i
  %pc = getelementptr float, ptr %c, i64 %i
  %va = load float, ptr %pa
  %vb = load float, ptr %pb
  %vc = load float, ptr %pc
  %product = fmul float %va, %vb
  %sum = fadd float %product, %vc
  %po = getelementptr float, ptr %out, i64 %i
  store float %sum, ptr %po
  %next = add i64 %i, 1
  br label %head
done:
  ret i32 0
}
"""

# out[i, j] = 2 * x[i, j]; x strided in bytes, out with its own byte strides
TWICE = """
define i32 @body(ptr %x, i64 %x0, i64 %x1, i64 %n, i64 %m, ptr %out, ptr %arena) {
entry:
  br label %rows
rows:
  %i = phi i64 [ 0, %entry ], [ %i.next, %row.done ]
  %row.more = icmp ult i64 %i, %n
  br i1 %row.more, label %columns, label %done
columns:
  %j = phi i64 [ 0, %rows ], [ %j.next, %column ]
  %column.more = icmp ult i64 %j, %m
  br i1 %column.more, label %column, label %row.done
column:
  %a = mul i64 %i, %x0
  %b = mul i64 %j, %x1
  %from = add i64 %a, %b
  %p = getelementptr i8, ptr %x, i64 %from
  %v = load double, ptr %p, align 1
  %twice = fadd double %v, %v
  $TO
  %q = getelementptr double, ptr %out, i64 %to
  store double %twice, ptr %q
  %j.next = add i64 %j, 1
  br label %columns
row.done:
  %i.next = add i64 %i, 1
  br label %rows
done:
  ret i32 0
}
"""
TO_C = "%t = mul i64 %i, %m\n  %to = add i64 %t, %j"
TO_F = "%t = mul i64 %j, %n\n  %to = add i64 %t, %i"


def fact(index: int, dtype=F32, shape=(S0,), **how) -> ArrayFact:
    """The fact of an array argument; a contiguous vector of f32 if nothing else is said."""
    how.setdefault("layout", "C")
    how.setdefault("order", tuple(range(len(shape))))
    return ArrayFact(StateSource(index, f"x{index}"), dtype, shape, **how)


def number(index: int, kind: type) -> ScalarFact:
    """The fact of a number argument."""
    return ScalarFact(StateSource(index, f"x{index}"), kind)


def segment(facts, outputs: tuple[OutputSpec, ...]) -> Segment:
    """A segment without nodes whose inputs are those of `facts`."""
    values, inputs = [], []
    for index, item in enumerate(facts):
        if isinstance(item, ArrayFact):
            kind, shape = item.dtype, item.shape
            inputs.append(InputSpec(kind, shape, item.layout, item.unit_axis, item.aligned))
        else:
            kind, shape = dtypes.from_numpy(np.dtype(item.type)), ()
            inputs.append(InputSpec(kind, (), "scalar"))
        values.append(Value(f"x{index}", ArrayType(kind, shape)))
    graph = Graph("sample", Block(values))
    for value, item in zip(values, facts, strict=True):
        if isinstance(item, ScalarFact) and item.type is int:
            graph.symbols[f"n{values.index(value)}"] = ScalarValue(value)
        for axis, dim in enumerate(value.type.shape):
            if dim in (S0, S1):
                graph.symbols.setdefault(str(dim), DimensionOf(value, axis))
    return Segment(graph, tuple(inputs), outputs)


def body(text: str, arena: Dim = 0, work: Dim = 0, **externals: int) -> Body:
    """A body whose function is called ``body``."""
    return Body("body", text, externals, arena, work)


def array(shape=(S0,), dtype=F32, order=None) -> OutputSpec:
    """An output; a C-ordered vector of f32 if nothing else is said."""
    return OutputSpec(dtype, shape, tuple(range(len(shape))) if order is None else order)


def slow(*args, **kwargs):
    """A fallback that says what it was given."""
    return "slow", args, kwargs


def multiply_add(**changes) -> NativeFunction:
    """``x0 * x1 + x2`` on vectors of f32."""
    facts = (fact(0), fact(1), fact(2))
    how = {"fallback": slow, "parameters": Parameters(3), "result": Output(0), "inputs": facts}
    code = changes.pop("body", None) or body(MULTIPLY_ADD)
    return link(EntrySpec("sample", **(how | changes)), segment(facts, (array(),)), code)


def vectors(n: int = 10, dtype="f4"):
    """Three vectors."""
    return tuple(np.arange(n, dtype=dtype) + k for k in range(3))


def twice(layout: str, order=(0, 1), unit_axis=None, out=(0, 1), shape=(S0, S1), **how):
    """``2 * x`` on matrices of f64 that lie in memory as the arguments say."""
    facts = (fact(0, F64, shape, layout=layout, order=order, unit_axis=unit_axis, **how),)
    text = TWICE.replace("$TO", TO_C if out == (0, 1) else TO_F)
    if layout != "strided":
        steps = (
            ["mul i64 %m, 8", "add i64 8, 0"]
            if layout == "C"
            else ["add i64 8, 0", "mul i64 %n, 8"]
        )
        text = text.replace("i64 %x0, i64 %x1, ", "").replace(
            "entry:", f"entry:\n  %x0 = {steps[0]}\n  %x1 = {steps[1]}"
        )
    spec = EntrySpec("twice", Parameters(1), facts, Output(0), fallback=slow)
    return link(spec, segment(facts, (array(shape, F64, out),)), body(text)).callable


def leaks(objects, run, times: int = 100) -> bool:
    """Whether running `run` many times changes reference counts of `objects` that often."""
    gc.collect()
    before = [sys.getrefcount(item) for item in objects]
    for _ in range(times):
        run()
    gc.collect()
    after = [sys.getrefcount(item) for item in objects]
    return any(abs(x - y) >= times // 2 for x, y in zip(before, after, strict=True))
