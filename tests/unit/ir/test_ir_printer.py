"""Text of single things: literals, names, places, functions, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from jitflow.core.dtypes import ALL, F64, I64, DType, from_numpy
from jitflow.core.errors import InvalidGraph
from jitflow.core.location import Location
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph
from jitflow.ir.parser import parse
from jitflow.ir.printer import print_graph, print_node
from jitflow.ops.samples import mixed


def constant_graph(array: np.ndarray, name: str = "f") -> Graph:
    builder = Builder(name)
    return builder.finish([builder.emit("constant", value=array)])


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("size", [0, 40, 200])
def test_constants_keep_their_bits(dtype: DType, size: int) -> None:
    array = mixed(np.random.default_rng(size), dtype, (size,), -6e4, 6e4)
    if dtype.kind in "fc":
        array[np.isnan(array)] = np.nan
    text = print_graph(constant_graph(array))
    again = parse(text).nodes[0].attributes["value"]
    assert from_numpy(again.dtype) is dtype
    assert not again.flags.writeable
    assert print_graph(parse(text)) == text
    both = np.isnan(array) & np.isnan(again) if dtype.kind in "fc" else np.zeros(size, bool)
    assert array[~both].tobytes() == again[~both].tobytes()


def test_large_constants_can_be_left_out() -> None:
    graph = constant_graph(np.zeros(1000))
    assert "f64[1000](...)" in print_graph(graph, elide=True)
    with pytest.raises(InvalidGraph):
        parse(print_graph(graph, elide=True))


@pytest.mark.parametrize("name", ["step", "Model.forward", "<lambda>", "f.<locals>.g", 'a"b', "ß"])
def test_names_of_graphs(name: str) -> None:
    assert parse(print_graph(constant_graph(np.array(1), name))).name == name


@pytest.mark.parametrize("filename", ["/tmp/a.py", "<stdin>", "/x/my file (2).py", "C:\\a.py"])
def test_places(filename: str) -> None:
    builder = Builder("f")
    x = builder.input("x", ArrayType(F64))
    builder.location = Location(filename, 12, "f")
    graph = builder.finish([builder.emit("exp", x)])
    text = print_graph(graph)
    assert print_graph(parse(text)) == text
    assert str(parse(text).nodes[0].location) == str(builder.location)
    assert "12" not in print_graph(graph, locations=False)


def test_functions_are_named_and_resolved() -> None:
    builder = Builder("f")
    x = builder.input("x", ArrayType(F64, (2,)))
    node = builder.emit(
        "call_out", x, function=np.linalg.norm, types=(ArrayType(F64),), effect=False
    ).producer
    graph = builder.finish(node.results)
    assert "function=@numpy.linalg:norm" in print_node(node)
    assert parse(print_graph(graph)).nodes[0].attributes["function"] is np.linalg.norm
    text = print_graph(graph).replace("norm", "nothing")
    with pytest.raises(InvalidGraph, match="line 2: no function numpy.linalg:nothing"):
        parse(text)
    assert parse(text, resolve=lambda name: name).nodes[0].attributes["function"]


def test_a_value_called_shape_is_not_an_axis() -> None:
    builder = Builder("f")
    n = builder.input("n.shape", ArrayType(I64))
    builder.scalar_symbol(n)
    text = print_graph(builder.finish([n]))
    assert "where s0 = %n.shape {" in text
    assert print_graph(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph @f() -> () {\n return", "line 2: expected }, found 'end of text'"),
        ("graph @f(%x: f64[]) -> f64[] {\n return %x\n} more", "line 3: expected end"),
        ("graph @f(%x: f65[]) -> () {\n return\n}", "line 1: 'f65' is not a dtype"),
        ("graph @f(%x: f64[1.5]) -> () {\n return\n}", "line 1: '1.5' is not a dimension"),
        (
            "graph @f() -> f64[1] {\n %c: f64[1] = constant {value=f64[1](x)}\n return %c\n}",
            r"line 2: not the elements of f64\[1\]",
        ),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidGraph, match=message):
        parse(text)
