"""Every rewrite rule in text, on random operands with special values: before and after agree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.graphs import assert_graphs_agree

from jitflow.core.dtypes import ALL, BOOL, DType, parse_dtype
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value
from jitflow.ir.passes.algebra import RULES
from jitflow.ir.passes.simplify import Simplify
from jitflow.ir.rewriter import Rewriter
from jitflow.ir.rules import Rule, by_operator
from jitflow.ir.verifier import verify

TEXT_RULES = [rule for rule in RULES if isinstance(rule, Rule)]
_SHAPE = (40,)


class PatternGraph:
    """The graph of a rule's left side: variables are inputs, literals constants."""

    def __init__(self, rule: Rule, dtype: DType, literal_shape: tuple[int, ...]) -> None:
        self.builder = Builder(rule.name)
        self.dtype = dtype
        self.literal_shape = literal_shape
        self.inputs: dict[str, Value] = {}
        self.graph = self.builder.finish([self.build(rule.pattern)])

    def build(self, tree: ast.expr) -> Value:
        if isinstance(tree, ast.Name):
            if tree.id not in self.inputs:
                dtype = BOOL if tree.id == "c" else self.dtype
                self.inputs[tree.id] = self.builder.input(tree.id, ArrayType(dtype, _SHAPE))
            return self.inputs[tree.id]
        if isinstance(tree, ast.Call):
            assert isinstance(tree.func, ast.Name)
            operands = [self.build(item) for item in tree.args]
            return self.builder.emit(tree.func.id, *operands)
        number = ast.literal_eval(tree)
        dtype = BOOL if isinstance(number, bool) else self.dtype
        value = self.builder.emit("constant", value=np.array(number, dtype.numpy))
        if self.literal_shape:
            value = self.builder.emit("full", value, shape=self.literal_shape)
        return value


def graphs_of(rule: Rule) -> Iterator[Graph]:
    """The left side for every dtype of the rule that its operators take."""
    for dtype in ALL:
        for literal_shape in ((), (2, *_SHAPE)):
            try:
                graph = PatternGraph(rule, dtype, literal_shape).graph
            except (TypeError, OverflowError):
                continue
            if graph.outputs[0].producer.operands[0].type.dtype in rule.dtypes:
                yield graph


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.name)
def test_rule_keeps_the_meaning(rule: Rule) -> None:
    fired = 0
    for graph in graphs_of(rule):
        verify(graph)
        names: list[str] = []
        after = Rewriter(graph, by_operator([rule]), lambda name, node: names.append(name)).run()
        verify(after)
        fired += bool(names)
        ulp = 2 if rule.name.startswith("power_") else 0
        for seed in range(4):
            assert_graphs_agree(graph, after, seed, ulp)
    assert fired, f"{rule.text} fits no graph"


@pytest.mark.parametrize("dtype", ["f32", "f64", "f16"])
@pytest.mark.parametrize("exponent", range(-20, 21))
def test_quotients_by_powers_of_two_are_products(dtype: str, exponent: int) -> None:
    real = parse_dtype(dtype)
    scale = {"f64": 51, "f32": 6, "f16": 1}[dtype]
    builder = Builder("quotient")
    x = builder.input("x", ArrayType(real, _SHAPE))
    with np.errstate(over="ignore"):
        number = np.ldexp(real.numpy.type(-1.0), exponent * scale)
    divisor = builder.emit("constant", value=np.array(number))
    graph = builder.finish([builder.emit("divide", x, divisor)])
    after = Simplify(("algebra",)).run(graph)
    for seed in range(3):
        assert_graphs_agree(graph, after, seed)


@pytest.mark.parametrize("exponent", [2, 3, 5, 7, 13, 31, 63])
@pytest.mark.parametrize("dtype", ["i8", "u16", "i64"])
def test_integer_powers_are_products(dtype: str, exponent: int) -> None:
    integer = parse_dtype(dtype)
    builder = Builder("power")
    x = builder.input("x", ArrayType(integer, _SHAPE))
    number = builder.emit("constant", value=np.array(exponent, integer.numpy))
    graph = builder.finish([builder.emit("power", x, number)])
    after = Simplify(("algebra",)).run(graph)
    assert after.outputs[0].producer.operator.name in ("multiply", "square")
    assert_graphs_agree(graph, after, exponent)
