"""What fusion and buffers ask about control nodes: their checks, and whose memory results take."""

from __future__ import annotations

from jitflow.codegen.blocks import is_sunk
from jitflow.codegen.lookups import may_fail
from jitflow.codegen.support import is_call_out
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node, Value
from jitflow.ir.regions import captured, defined_in, walk_block
from jitflow.ops.record import Kind


def may_leave(node: Node) -> bool:
    """Whether a node in the regions of `node` may fail or raise."""
    inside = (inner for region in node.regions for inner in walk_block(region))
    return any(may_fail(inner) or is_call_out(inner) for inner in inside)


def known_bound(value: Value) -> Dim | None:
    """A number that a loop begins or ends with, where it is known before the program runs."""
    node = value.producer
    if node is not None and node.operator.name == "constant":
        return int(node.attributes["value"])
    if node is not None and node.operator.name == "dimension":
        dim: Dim = node.attributes["dim"]
        return dim
    return None


def operands_in_memory(node: Node) -> tuple[Value, ...]:
    """The operands that must lie in memory: all but bounds of loops that are known."""
    if node.operator.name != "for":
        return node.operands
    bounds = [value for value in node.operands[:3] if known_bound(value) is None]
    return (*bounds, *node.operands[3:])


def bases_of(node: Node) -> list[Value | None]:
    """For each result the value from outside whose memory it may take over.

    Of a loop it is the initial value. Of a branch it is the value that both regions update, or
    one does and the other leaves as it is.
    """
    known = _Known()
    return [known.base_of(node, number) for number in range(len(node.results))]


def updated_from(value: Value) -> Value:
    """The value at the start of the chain of updates and loops that leads to `value`."""
    return _Known().updated_from(value, None)


class _Known:
    """What was found for one question: branches in branches have the same ones many times."""

    def __init__(self) -> None:
        self.bases: dict[tuple[Node, int], Value | None] = {}
        self.inside: dict[int, set[Value]] = {}

    def base_of(self, node: Node, number: int) -> Value | None:
        """The value from outside whose memory a result may take over."""
        if node.operator.name == "for":
            return node.operands[3 + number]
        if node.operator.name == "while":
            return node.operands[number]
        key = (node, number)
        if key not in self.bases:
            self.bases[key] = self._common_base(node, number)
        return self.bases[key]

    def _common_base(self, node: Node, number: int) -> Value | None:
        found: list[Value] = []
        for region in node.regions:
            inside = self.inside.get(id(region))
            if inside is None:
                inside = self.inside[id(region)] = set(defined_in(region))
            base = self.updated_from(region.results[number], inside)
            if base in inside:
                return None
            found.append(base)
        base = found[0]
        same = base is found[1] and base.type == node.results[number].type
        return base if same and base.type.rank and not is_sunk(base) else None

    def updated_from(self, value: Value, inside: set[Value] | None) -> Value:
        """The first value on the chain that is not `inside`, where that is given."""
        while value.producer is not None and (inside is None or value in inside):
            node = value.producer
            if node.operator.kind in (Kind.UPDATE, Kind.SCATTER):
                value = node.operands[0]
                continue
            is_control = node.operator.kind is Kind.CONTROL
            base = self.base_of(node, value.index) if is_control else None
            if base is None:
                break
            value = base
        return value


def rotation(node: Node) -> dict[int, int | None]:
    """Carried arrays whose memory changes hands in each iteration, instead of being copied.

    For each of them the carried array in whose memory its next version is made, or None where that
    is computed afresh while other elements of the present one are read: it takes spare memory.
    """
    if node.operator.name == "cond":
        return {}
    body = node.regions[-1]
    carried = body.parameters[len(body.parameters) - len(node.results) :]
    places = {value: number for number, value in enumerate(carried)}
    found: dict[int, int | None] = {}
    for number, (value, before) in enumerate(zip(body.results, carried, strict=True)):
        start = updated_from(value)
        if not value.type.rank or start is before:
            continue
        source = places.get(start)
        if source is not None and carried[source].type == value.type:
            found[number] = source
        elif source is None and _reads_other_elements(value, before):
            found[number] = None
    return _consistent(found)


def _consistent(found: dict[int, int | None]) -> dict[int, int | None]:
    """Without those that want memory which another one wants, or which stays where it is."""
    while True:
        taken = [source for source in found.values() if source is not None]
        wrong = [
            number
            for number, source in found.items()
            if source is not None and (taken.count(source) > 1 or source not in found)
        ]
        if not wrong:
            return found
        found = {number: source for number, source in found.items() if number not in wrong}


def _reads_other_elements(value: Value, before: Value) -> bool:
    """Whether an element of `value` depends on elements of `before` at other indices."""
    seen: set[tuple[Value, bool]] = set()
    pending = [(value, True)]
    while pending:
        item = pending.pop()
        if item in seen:
            continue
        seen.add(item)
        value, is_aligned = item
        if value is before and not is_aligned:
            return True
        node = value.producer
        if node is None:
            continue
        same = is_aligned and node.operator.kind is Kind.ELEMENTWISE
        for operand in (*node.operands, *captured(node)):
            pending.append((operand, same and operand.type.shape == value.type.shape))
    return False
