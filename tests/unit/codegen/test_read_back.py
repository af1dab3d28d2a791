"""Values that an update has stored are loaded from there by the kernels that follow."""

import numpy as np
import pytest

import jitflow
from jitflow.codegen.commands import CallKernel
from jitflow.codegen.loop_ir import Load, walk
from jitflow.codegen.program import lower
from jitflow.core.dtypes import F64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Value
from tests.unit.codegen.running import segment_of


def middle(builder: Builder, value: Value, start: int) -> Value:
    return builder.emit("slice", value, starts=(start,), steps=(1,), shape=(98,))


def smoothed(builder: Builder, base: Value, source: Value, at: Value) -> Value:
    """``base[1:-1] = source[:-2] + at + source[2:]``."""
    left = builder.emit("add", middle(builder, source, 0), at)
    new = builder.emit("add", left, middle(builder, source, 2))
    view = ("slice", {"starts": (1,), "steps": (1,), "shape": (98,)})
    return builder.emit("update", base, new, views=(view,)), new


def loads_of_second_kernel(again: bool) -> list[int]:
    builder = Builder("f")
    a, b = (builder.input(name, ArrayType(F64, (100,))) for name in "ab")
    first, new = smoothed(builder, b, a, middle(builder, a, 1))
    second, _ = smoothed(builder, a, first, new)
    writes = [(b, first), (a, second)]
    if again:  # what the first update stored is gone when the second kernel runs
        third, _ = smoothed(builder, first, second, middle(builder, second, 1))
        writes[0] = (b, third)
    graph = builder.finish([])
    graph.writes[:] = writes
    program = lower(segment_of(graph, [np.ones(100), np.ones(100)])).program
    calls = [command for command in program.commands if isinstance(command, CallKernel)]
    return [
        sum(isinstance(item, Load) for item in walk(program.kernels[call.kernel].body))
        for call in calls
    ]


def test_the_second_statement_loads_what_the_first_stored():
    assert loads_of_second_kernel(again=False) == [3, 3]


def test_it_is_loaded_where_the_array_is_updated_later_on():
    assert loads_of_second_kernel(again=True) == [3, 3, 3]


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_two_arrays_in_turn(steps):
    def kernel(a, b):
        for _ in range(steps):
            b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
            a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    c, d = a.copy(), b.copy()
    jitflow.compile(kernel)(a, b)
    kernel(c, d)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)


def test_what_is_overwritten_at_once_is_computed_again():
    def kernel(a, b):
        new = a[1:] * 2 + a[:-1]
        b[1:] = new
        b[:-1] = new - 1
        return new + b[1:]

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    d = b.copy()
    got, wanted = jitflow.compile(kernel)(a, b), kernel(a, d)
    np.testing.assert_array_equal(b, d)
    np.testing.assert_array_equal(got, wanted)
