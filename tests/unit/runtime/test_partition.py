"""Call-outs split a piece into segments that keep order and hand values on."""

import numpy as np

from jitflow.core import dtypes
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ops.record import Kind
from jitflow.runtime.partition import CallOutPlan, SegmentPlan, partition

F64 = ArrayType(dtypes.F64, (4,))


def is_native(node):
    return node.operator.kind is not Kind.CALL_OUT


def call_out(b, x, effect=False):
    return b.emit("call_out", x, function=np.sort, types=(F64,), effect=effect)


def shapes(plan):
    return [
        ("segment", [n.operator.name for n in step.graph.nodes])
        if isinstance(step, SegmentPlan)
        else ("call", step.node.operator.name)
        for step in plan.steps
    ]


def test_without_call_outs_there_is_one_segment():
    b = Builder()
    x = b.input("x", F64)
    y = b.emit("exp", x)
    graph = b.finish([b.emit("add", y, x)])
    plan = partition(graph, is_native)
    assert shapes(plan) == [("segment", ["exp", "add"])]
    (segment,) = plan.segments
    assert segment.takes == [x]
    assert [give.output for give in segment.gives] == [0]


def test_work_before_and_after_a_call_out():
    b = Builder()
    x = b.input("x", F64)
    y = b.emit("exp", x)
    z = b.emit("add", call_out(b, y), y)
    plan = partition(b.finish([z]), is_native)
    assert shapes(plan) == [("segment", ["exp"]), ("call", "call_out"), ("segment", ["add"])]
    first, second = plan.segments
    assert [give.value for give in first.gives] == [y]
    assert {id(v) for v in second.takes} == {id(v) for v in (y, z.producer.operands[0])}


def test_independent_call_outs_share_a_level():
    b = Builder()
    x = b.input("x", F64)
    one, two = call_out(b, b.emit("exp", x)), call_out(b, b.emit("log", x))
    plan = partition(b.finish([b.emit("add", one, two)]), is_native)
    kinds = [kind for kind, _ in shapes(plan)]
    assert kinds == ["segment", "call", "call", "segment"]


def test_effects_keep_their_order():
    b = Builder()
    x = b.input("x", F64)
    one = call_out(b, b.emit("exp", call_out(b, x)), effect=True)
    two = call_out(b, x, effect=True)
    plan = partition(b.finish([one, two]), is_native)
    nodes = [step.node for step in plan.steps if isinstance(step, CallOutPlan)]
    assert nodes.index(one.producer) < nodes.index(two.producer)


def test_every_output_is_an_object_of_its_own():
    b = Builder()
    x = b.input("x", F64)
    y = b.emit("exp", x)
    plan = partition(b.finish([y, x, y]), is_native)
    (segment,) = plan.segments
    assert sorted(give.output for give in segment.gives) == [0, 1, 2]


def test_writes_come_last():
    b = Builder()
    x = b.input("x", F64)
    y = call_out(b, b.emit("exp", x))
    graph = b.finish([y])
    graph.writes.append((x, b.emit("add", x, y)))
    plan = partition(graph, is_native)
    assert [bool(s.graph.writes) for s in plan.segments] == [False, True]
    assert plan.steps[-1] is plan.segments[-1]


def test_symbols_are_defined_in_the_segments_that_need_them():
    b = Builder()
    x = b.input("x", ArrayType(dtypes.F64, ()))
    s0 = b.dimension_symbol(x, 0)
    x.type = ArrayType(dtypes.F64, (s0,))
    sort = b.emit("call_out", b.emit("exp", x), function=np.sort, types=(x.type,), effect=False)
    plan = partition(b.finish([b.emit("add", sort, sort)]), is_native)
    assert all(list(segment.graph.symbols) == ["s0"] for segment in plan.segments)
    last = plan.segments[-1].graph
    assert last.symbols["s0"].value in last.inputs


def test_effects_in_loops_keep_their_place_among_call_outs():
    b = Builder()
    x = b.input("x", F64)
    first = call_out(b, x, effect=True)
    bounds = [b.emit("constant", value=np.array(n)) for n in (0, 3, 1)]
    with b.region([ArrayType(dtypes.I64), F64]) as body:
        b.yield_(call_out(b, body.parameters[1], effect=True))
    (looped,) = b.emit_many("for", *bounds, x, regions=(body,))
    last = call_out(b, x, effect=True)
    plan = partition(b.finish([first, looped, last]), is_native)
    assert [row for row in shapes(plan) if row[1] not in ([], ["constant"] * 3)] == [
        ("call", "call_out"),
        ("segment", ["for"]),
        ("call", "call_out"),
    ]


def test_of_memory_with_room_only_the_rows_go_over():
    b = Builder()
    count = b.input("count", ArrayType(dtypes.I64, ()))
    room = b.emit("full", b.emit("constant", value=np.array(0.5)), shape=(1 << 18, 2))
    extent = b.scalar_symbol(b.emit("add", count, count))

    def rows(of):
        return b.emit("slice", of, starts=(0, 0), steps=(1, 1), shape=(extent, 2))

    graph = b.finish([b.emit("exp", rows(room)), b.emit("log", rows(room))])
    first, second = partition(graph, is_native).segments
    update = first.graph.nodes[-1]
    assert update.operator.name == "update"
    assert update.operands[1].type.shape == (extent, 2)
    assert [give.value for give in first.gives] == [room, graph.symbols[str(extent)].value]
    assert first.graph.body.results[0] is update.results[0]
    assert room in second.takes


def test_memory_that_is_read_otherwise_goes_over_whole():
    b = Builder()
    count = b.input("count", ArrayType(dtypes.I64, ()))
    room = b.emit("full", b.emit("constant", value=np.array(0.5)), shape=(1 << 18,))
    extent = b.scalar_symbol(b.emit("add", count, count))
    rows = b.emit("slice", room, starts=(0,), steps=(1,), shape=(extent,))
    graph = b.finish([b.emit("exp", rows), room])
    names = [
        node.operator.name for s in partition(graph, is_native).segments for node in s.graph.nodes
    ]
    assert "update" not in names
