"""Invariants that no text can break: built by hand, refused with a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jitflow.core import dims
from jitflow.core.dtypes import F64, I64
from jitflow.core.errors import InvalidGraph
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import DimensionOf, Graph, ScalarValue, Value
from jitflow.ir.parser import parse
from jitflow.ir.verifier import verify


def refuse(graph: Graph, message: str) -> None:
    with pytest.raises(InvalidGraph, match=message):
        verify(graph)


def simple() -> tuple[Builder, Value]:
    builder = Builder("f")
    return builder, builder.input("x", ArrayType(F64, (3,)))


def test_names_are_words() -> None:
    builder, x = simple()
    builder.graph.inputs[0].name = "a b"
    refuse(builder.finish([x]), "'a b' is not a name")


def test_a_result_points_to_its_node() -> None:
    builder, x = simple()
    y = builder.emit("exp", x)
    y.producer = None
    refuse(builder.finish([y]), "%exp has another producer")


def test_a_parameter_has_no_producer() -> None:
    builder, x = simple()
    y = builder.emit("exp", x)
    x.producer = y.producer
    refuse(builder.finish([y]), "parameter %x has a producer")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"axes": (np.int64(0),), "keepdims": False}, "a NumPy scalar"),
        ({"axes": [0], "keepdims": False}, "attribute axes is a list"),
        ({"axes": (0,), "keepdims": False, "dtype": F64}, "sum has axes, keepdims, dtype, not"),
    ],
)
def test_attributes_are_of_plain_kinds(attributes: dict[str, Any], message: str) -> None:
    builder, x = simple()
    y = builder.emit("sum", x, axes=(0,), keepdims=False)
    y.producer.attributes = attributes
    refuse(builder.finish([y]), message)


def test_symbols_are_axes_of_inputs_or_integers() -> None:
    builder, x = simple()
    y = builder.emit("exp", x)
    graph = builder.finish([y])
    graph.symbols["s0"] = DimensionOf(y, 0)
    refuse(graph, "symbol s0 is an axis of %exp, not an input")
    graph.symbols["s0"] = DimensionOf(x, 1)
    refuse(graph, "has no axis 1")
    graph.symbols["s0"] = ScalarValue(x)
    refuse(graph, r"symbol s0 is %x: f64\[3\], not i64\[\]")


def test_inputs_use_only_symbols_of_inputs() -> None:
    builder = Builder("f")
    n = builder.input("n", ArrayType(I64))
    m = builder.emit("negative", n)
    s0 = builder.scalar_symbol(m)
    x = builder.input("x", ArrayType(F64, (s0,)))
    refuse(builder.finish([x]), "input %x uses s0 before its value is known")


def test_writes() -> None:
    builder, x = simple()
    y = builder.emit("exp", x)
    total = builder.emit("sum", x, axes=(0,), keepdims=False)
    graph = builder.finish([])
    graph.writes = [(x, y), (x, y)]
    refuse(graph, "%x is written twice")
    graph.writes = [(x, total)]
    refuse(graph, "is written to")
    graph.writes = [(x, Value("z", x.type))]
    refuse(graph, "written value %z is not defined before its use")


def test_outputs_are_defined() -> None:
    builder, x = simple()
    refuse(builder.finish([Value("z", x.type)]), "output %z is not defined")


def test_a_dimension_in_a_view_of_an_update_is_checked() -> None:
    builder, x = simple()
    s7 = dims.symbol("s7")
    view = ("slice", {"starts": (s7,), "steps": (1,), "shape": (1,)})
    value = builder.emit("update", x, x, views=())
    value.producer.attributes = {"views": (view,)}
    refuse(builder.finish([value]), "attribute views uses s7, which is not defined")


def test_a_good_graph_passes() -> None:
    verify(parse("graph @f() -> () {\n return\n}"))
