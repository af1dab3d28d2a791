"""Random graphs with loops and branches: element access, slices, updates, swaps, nesting."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, I64
from jitflow.core.types import ArrayType
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Graph, Value

_ELEMENTWISE = ("add", "subtract", "maximum", "minimum")
_NUMBER, _INDEX = ArrayType(F64), ArrayType(I64)


class LoopMaker:
    """Makes one graph: values in scope are arrays of one length, and numbers."""

    def __init__(self, seed: int, symbolic: bool = False) -> None:
        self.random = random.Random(seed)
        self.builder = Builder("loops")
        self.symbolic = symbolic
        self.size = self.random.choice([5, 8, 19])

    def make(self) -> tuple[Graph, list[Any]]:
        builder, numbers = self.builder, np.random.default_rng(self.random.randrange(10**6))
        arrays = [builder.input(f"x{k}", ArrayType(F64, (0,))) for k in range(3)]
        self.length: Dim = self.size
        if self.symbolic:
            self.length = builder.dimension_symbol(arrays[0], 0)
        for value in arrays:
            value.type = ArrayType(F64, (self.length,))
        number = builder.input("y", _NUMBER)
        outer = self.length if self.random.random() < 0.5 else 4
        results = self.loop(arrays, [number], self.integer(0), self.dimension(outer), 0)
        graph = builder.finish(results[2:])
        graph.writes = list(zip(arrays[:2], results[:2], strict=True))
        return graph, [*(numbers.normal(size=self.size) for _ in arrays), 0.75]

    # Pieces

    def integer(self, value: int) -> Value:
        return self.builder.emit("constant", value=np.array(value, np.int64))

    def number(self, value: float) -> Value:
        return self.builder.emit("constant", value=np.array(value))

    def dimension(self, dim: Dim) -> Value:
        return self.builder.emit("dimension", dim=dim)

    def halved(self, value: Value) -> Value:
        return self.builder.emit("multiply", value, self.number(0.5))

    def loop(
        self, arrays: list[Value], numbers: list[Value], start: Value, stop: Value, depth: int
    ) -> tuple[Value, ...]:
        """A loop over positions that carries everything; sometimes a ``while``."""
        builder, carried = self.builder, [*arrays, *numbers]
        types = [value.type for value in carried]
        if self.random.random() < 0.2:
            return self.while_loop(arrays, numbers, start, stop, depth)
        with builder.region([_INDEX, *types], ["i", *(value.name for value in carried)]) as body:
            index, *inside = body.parameters
            self.statements(inside, len(arrays), index, depth)
        step = self.integer(self.random.choice([1, 1, 2]))
        return builder.emit_many("for", start, stop, step, *carried, regions=(body,))

    def while_loop(
        self, arrays: list[Value], numbers: list[Value], start: Value, stop: Value, depth: int
    ) -> tuple[Value, ...]:
        builder, carried = self.builder, [*arrays, *numbers]
        types = [_INDEX, *(value.type for value in carried)]
        with builder.region(types) as condition:
            builder.yield_(builder.emit("less", condition.parameters[0], stop))
        with builder.region(types) as body:
            index, *inside = body.parameters
            self.statements(inside, len(arrays), index, depth)
            following = builder.emit("add", index, self.integer(1))
            builder.yield_(following, *body.results)
        return builder.emit_many("while", start, *carried, regions=(condition, body))[1:]

    def statements(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """Random statements over the carried `values`, of which `count` are arrays; yields them."""
        self.position = self.builder.scalar_symbol(index)
        position = self.position
        for _ in range(self.random.randint(2, 5)):
            self.position = position
            self.statement(values, count, index, depth)
        arrays = values[:count]
        if self.random.random() < 0.4:
            self.random.shuffle(arrays)
        self.builder.yield_(*arrays, *values[count:])

    def statement(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        choices = [self.element, self.whole, self.shifted, self.prefix, self.fresh, self.branch]
        weights = [4, 2, 2, 1, 1, 1.5]
        if depth < 2:
            choices.append(self.nested)
            weights.append(1)
        (chosen,) = self.random.choices(choices, weights)
        chosen(values, count, index, depth)

    def pick(self, values: list[Value], count: int) -> int:
        return self.random.randrange(count)

    def at(self, array: Value) -> Value:
        one = self.builder.emit("slice", array, starts=(self.position,), steps=(1,), shape=(1,))
        return self.builder.emit("squeeze", one, axes=(0,))

    def element(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """``a[i] = f(b[i], y)``, or ``y = f(a[i], y)``; sometimes by a gather and a scatter."""
        builder, target = self.builder, self.pick(values, count)
        source = values[self.pick(values, count)]
        by_index = self.random.random() < 0.3
        read = builder.emit("gather", source, index, axes=(0,)) if by_index else self.at(source)
        mixed = self.halved(builder.emit(self.random.choice(_ELEMENTWISE), read, values[-1]))
        if self.random.random() < 0.4:
            values[-1] = mixed
        elif by_index:
            base = values[target]
            values[target] = builder.emit("scatter", base, mixed, index, axes=(0,), mode="set")
        else:
            self.store(values, target, mixed, (self.position,), (1,), squeeze=True)

    def store(
        self,
        values: list[Value],
        target: int,
        new: Value,
        starts: Any,
        shape: Any,
        squeeze: bool = False,
    ) -> None:
        views: list[Any] = [("slice", {"starts": starts, "steps": (1,), "shape": shape})]
        if squeeze:
            views.append(("squeeze", {"axes": (0,)}))
        values[target] = self.builder.emit("update", values[target], new, views=tuple(views))

    def whole(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """``a[:] = f(b, c)``."""
        left, right = (values[self.pick(values, count)] for _ in range(2))
        name = self.random.choice(_ELEMENTWISE)
        values[self.pick(values, count)] = self.halved(self.builder.emit(name, left, right))

    def shifted(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """``a[1:-1] = f(b[:-2], c[2:])``."""
        shape, parts = (self.length - 2,), []
        for start in (0, 2):
            array = values[self.pick(values, count)]
            parts.append(
                self.builder.emit("slice", array, starts=(start,), steps=(1,), shape=shape)
            )
        new = self.halved(self.builder.emit("add", *parts))
        self.store(values, self.pick(values, count), new, (1,), shape)

    def prefix(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """``y = sum(a[:i] * b[:i])``, halved."""
        shape = (self.position,)
        parts = [
            self.builder.emit("slice", values[k], starts=(0,), steps=(1,), shape=shape)
            for k in (self.pick(values, count), self.pick(values, count))
        ]
        product = self.builder.emit("minimum", *parts)
        total = self.builder.emit("sum", product, axes=(0,), keepdims=False)
        values[-1] = self.builder.emit("sin", self.halved(total))

    def fresh(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """``a = b[::-1] * y``."""
        source = values[self.pick(values, count)]
        turned = self.builder.emit(
            "slice", source, starts=(self.length - 1,), steps=(-1,), shape=(self.length,)
        )
        values[self.pick(values, count)] = self.builder.emit("multiply", turned, values[-1])

    def branch(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """Statements in one branch, or in both."""
        chosen = self.builder.emit("less", values[-1], self.at(values[0]))
        regions, position = [], self.position
        for arm in range(2):
            with self.builder.region([]) as block:
                inside = list(values)
                for _ in range(self.random.randint(0, 2) if arm else 1):
                    self.position = position
                    self.statement(inside, count, index, depth + 1)
                self.builder.yield_(*inside)
            regions.append(block)
        values[:] = self.builder.emit_many("cond", chosen, regions=regions)

    def nested(self, values: list[Value], count: int, index: Value, depth: int) -> None:
        """A loop inside, to the index of the one around or to the end."""
        position = self.position
        stop = index if self.random.random() < 0.5 else self.dimension(self.length)
        values[:] = self.loop(values[:count], values[count:], self.integer(0), stop, depth + 1)
        self.position = position
