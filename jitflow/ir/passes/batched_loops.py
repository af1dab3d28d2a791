"""Loops in bodies that are batched: they stay and carry rows, or are written out where short."""

from __future__ import annotations

from jitflow.core.dataclass import replace
from jitflow.ir.graph import Block, Node, Value
from jitflow.ir.passes.batching import Batched, Batcher
from jitflow.ir.passes.positions import NotIndependent
from jitflow.ir.regions import BOUNDS, carried, known_range, walk_block

MOST_UNROLLED, MOST_NODES = 8, 96
"""Iterations, and nodes in all, of an inner loop that is written out."""


class LoopBatcher(Batcher):
    """A batcher that knows of loops."""

    def loop(self, node: Node, given: list[Batched]) -> None:
        """A loop whose bounds are the same in all iterations: it carries batched values."""
        count = BOUNDS["for"]
        if any(item.is_batched or item.root is not None for item in given[:count]):
            raise NotIndependent
        bounds, initial = given[:count], given[count:]
        indices = _few(node)
        if indices is not None:
            self.unrolled(node, initial, indices)
            return
        batched = [item.is_batched for item in initial]
        while True:
            block, found = self.body(node, initial, batched)
            later = [a or b.is_batched for a, b in zip(batched, found, strict=True)]
            if later == batched:
                break
            batched = later  # what an iteration makes differ differs in the next one
        operands = [item.value for item in bounds]
        for item, is_batched in zip(initial, batched, strict=True):
            operands.append(self.spread(item) if is_batched else item.value)
        made = [
            Value(old.name, parameter.type, index=old.index)
            for old, parameter in zip(node.results, block.parameters[1:], strict=True)
        ]
        copy = replace(node, operands=tuple(operands), results=tuple(made), regions=(block,))
        for old, value, item in zip(node.results, made, found, strict=True):
            value.producer = copy
            self.known[id(old)] = Batched(value, item.is_batched, item.root)
        self.rewriter.append(copy)

    def unrolled(self, node: Node, initial: list[Batched], indices: range) -> None:
        """A short loop as the iterations that it has."""
        body = node.regions[0]
        (index, *parameters), names = body.parameters, self.names_of(body.parameters[0])
        inside = {id(value) for item in body.nodes for value in item.results}
        if any(id(value) in inside for value in self.own.values()):
            raise NotIndependent  # a symbol would stand for several numbers
        before = dict(self.fixed)
        for number in indices:
            self.known[id(index)] = Batched(self.number(number))
            self.fixed.update(dict.fromkeys(names, number))
            self.known |= {id(p): item for p, item in zip(parameters, initial, strict=True)}
            self.block(body)
            found = [self.of(value) for value in body.results]
            if any(a.root != b.root for a, b in zip(found, initial, strict=True)):
                raise NotIndependent
            initial = found
        self.fixed = before
        self.gone.update(names)
        self.known |= {id(v): item for v, item in zip(node.results, initial, strict=True)}

    def names_of(self, value: Value) -> list[str]:
        """The symbols that a value is."""
        return [name for name, own in self.own.items() if own is value]

    def body(
        self, node: Node, initial: list[Batched], batched: list[bool]
    ) -> tuple[Block, list[Batched]]:
        """The body of an inner loop, given which carried values are batched, and its results."""
        old = node.regions[0]
        index, count = old.parameters[0], self.counter.count
        self.known[id(index)] = Batched(index)
        block = Block([index])
        for item, parameter, is_batched in zip(initial, carried(node, old), batched, strict=True):
            self.check_dims(parameter.type)
            type = parameter.type
            if is_batched:
                type = type.with_shape((count, *type.shape))
            inside = Value(parameter.name, type)
            block.parameters.append(inside)
            self.known[id(parameter)] = Batched(inside, is_batched, item.root)
        with self.rewriter.inside(block):
            self.block(old)
            found = [self.of(value) for value in old.results]
            if any(a.root != b.root for a, b in zip(found, initial, strict=True)):
                raise NotIndependent
            wide = [
                Batched(self.spread(item), True) if is_batched else item
                for item, is_batched in zip(found, batched, strict=True)
            ]
            block.results = tuple(item.value for item in wide)
        return block, wide

    def spread(self, item: Batched) -> Value:
        """A value as a batched one."""
        if item.is_batched:
            return item.value
        shape = self.counter.count, *item.value.type.shape
        return self.emit("broadcast", item.value, shape=shape)


def _few(node: Node) -> range | None:
    """The indices of a loop that is short enough to be written out."""
    indices = known_range(node)
    if indices is None or indices[MOST_UNROLLED:]:
        return None
    if any(item.regions and _few(item) is None for item in node.regions[0].nodes):
        return None
    size = sum(1 for _ in walk_block(node.regions[0])) * len(indices)
    return indices if size <= MOST_NODES else None
