"""Rules that merge and remove views, so that each value is read through as few steps as possible.

A step is a pair (view operator name, attributes); chains of steps occur as nodes and in the `views`
attribute of `update`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jitflow.core.types import ArrayType
from jitflow.ir.graph import Node, Value
from jitflow.ir.rewriter import Replacement, Rewriter
from jitflow.ir.rules import AnyRule, rule
from jitflow.ops.record import Kind, operator

Step = tuple[str, Mapping[str, Any]]

VIEWS = (
    "transpose",
    "reshape",
    "broadcast",
    "slice",
    "squeeze",
    "expand_dims",
    "diagonal",
    "strided",
)


def is_identity(step: Step, type: ArrayType) -> bool:
    """Whether a step on a value of `type` shows all of it unchanged."""
    name, attributes = step
    if name in ("reshape", "broadcast"):
        return bool(attributes["shape"] == type.shape)
    if name in ("squeeze", "expand_dims"):
        return not attributes["axes"]
    if name == "transpose":
        return bool(attributes["axes"] == tuple(range(type.rank)))
    if name == "slice":
        return bool(
            attributes["shape"] == type.shape
            and all(start == 0 for start in attributes["starts"])
            and all(step == 1 for step in attributes["steps"])
        )
    return False


def _merge_transposes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Step]:
    inner = first["axes"]
    return [("transpose", {"axes": tuple(inner[axis] for axis in second["axes"])})]


def _merge_slices(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Step]:
    inner = zip(first["starts"], first["steps"], strict=True)
    outer = zip(second["starts"], second["steps"], strict=True)
    starts, steps = [], []
    for (start, step), (outer_start, outer_step) in zip(inner, outer, strict=True):
        starts.append(start + outer_start * step)
        steps.append(step * outer_step)
    return [("slice", {"starts": tuple(starts), "steps": tuple(steps), "shape": second["shape"]})]


def _merge_expansions(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Step]:
    """Positions of the first step's new axes among those of the second."""
    outer = second["axes"]
    moved = []
    for axis in sorted(first["axes"]):
        position, left = -1, axis + 1
        while left:
            position += 1
            left -= position not in outer
        moved.append(position)
    return [("expand_dims", {"axes": tuple(sorted((*moved, *outer)))})]


def _merge_squeezes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Step]:
    reversed_roles = _merge_expansions(second, first)
    return [("squeeze", reversed_roles[0][1])]


def _undo(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Step] | None:
    return [] if sorted(first["axes"]) == sorted(second["axes"]) else None


_MERGES: dict[tuple[str, str], Callable[..., list[Step] | None]] = {
    ("transpose", "transpose"): _merge_transposes,
    ("slice", "slice"): _merge_slices,
    ("reshape", "reshape"): lambda first, second: [("reshape", second)],
    ("broadcast", "broadcast"): lambda first, second: [("broadcast", second)],
    ("expand_dims", "expand_dims"): _merge_expansions,
    ("squeeze", "squeeze"): _merge_squeezes,
    ("expand_dims", "squeeze"): _undo,
    ("squeeze", "expand_dims"): _undo,
    ("expand_dims", "reshape"): lambda first, second: [("reshape", second)],
    ("squeeze", "reshape"): lambda first, second: [("reshape", second)],
}


def merge(first: Step, second: Step) -> list[Step] | None:
    """One step or none that does what two in a row do; None where they stay two."""
    combine = _MERGES.get((first[0], second[0]))
    return combine(first[1], second[1]) if combine is not None else None


def simplify_steps(steps: Sequence[Step], type: ArrayType) -> list[Step]:
    """The same chain on a value of `type` with identities dropped and neighbours merged."""
    result: list[tuple[Step, ArrayType]] = []
    pending = list(reversed(steps))
    while pending:
        step = pending.pop()
        source = _after(result, type)
        if is_identity(step, source):
            continue
        merged = merge(result[-1][0], step) if result else None
        if merged is None:
            result.append((step, source))
        else:
            result.pop()
            pending.extend(reversed(merged))
    return [step for step, _ in result]


def _after(result: list[tuple[Step, ArrayType]], type: ArrayType) -> ArrayType:
    if not result:
        return type
    (name, attributes), source = result[-1]
    return operator(name).infer((source,), attributes)[0]


@rule("view(x) -> x   where it shows all of x unchanged", *VIEWS)
def identity_view(rewriter: Rewriter, node: Node) -> Replacement:
    """A view that changes nothing."""
    operand = node.operands[0]
    same = node.operator.name not in ("diagonal", "strided") and is_identity(
        (node.operator.name, node.attributes), operand.type
    )
    return operand if same else None


@rule("view(view(x)) -> view(x)   for views of one kind and for inverse ones", *VIEWS)
def view_of_view(rewriter: Rewriter, node: Node) -> Replacement:
    """Two views in a row as one."""
    inner = node.operands[0].producer
    if inner is None or inner.operator.kind is not Kind.VIEW:
        return None
    merged = merge((inner.operator.name, inner.attributes), (node.operator.name, node.attributes))
    if merged is None:
        return None
    value = inner.operands[0]
    for name, attributes in merged:
        value = rewriter.emit(name, value, **attributes)
    return value


@rule("reshape(x) -> expand_dims(squeeze(x))   where only axes of extent 1 come and go", "reshape")
def reshape_of_units(rewriter: Rewriter, node: Node) -> Replacement:
    """A reshape that moves no element between axes, as the plainer views."""
    operand = node.operands[0]
    before, after = operand.type.shape, node.attributes["shape"]
    if [dim for dim in before if dim != 1] != [dim for dim in after if dim != 1]:
        return None
    gone = tuple(axis for axis, dim in enumerate(before) if dim == 1)
    come = tuple(axis for axis, dim in enumerate(after) if dim == 1)
    squeezed = rewriter.emit("squeeze", operand, axes=gone)
    return rewriter.emit("expand_dims", squeezed, axes=come)


@rule("view(full(c)) -> full(c)", *VIEWS)
def view_of_full(rewriter: Rewriter, node: Node) -> Replacement:
    """Every view of one repeated number is that number repeated."""
    inner = node.operands[0].producer
    if inner is None or inner.operator.name != "full":
        return None
    number = inner.operands[0]
    shape = node.result.type.shape
    return rewriter.emit("full", number, shape=shape) if shape else number


@rule("full(c) {shape=[]} -> c", "full")
def full_of_rank_zero(rewriter: Rewriter, node: Node) -> Replacement:
    """A scalar repeated once."""
    return None if node.attributes["shape"] else node.operands[0]


@rule("concatenate(x) -> x", "concatenate")
def concatenate_one(rewriter: Rewriter, node: Node) -> Replacement:
    """One array side by side with nothing."""
    return node.operands[0] if len(node.operands) == 1 else None


def _without_repetition(value: Value) -> Value:
    """What `value` repeats, where it is a `broadcast` or a `full`."""
    node = value.producer
    if node is not None and node.operator.name in ("broadcast", "full"):
        return node.operands[0]
    return value


def drop_repetition(rewriter: Rewriter, node: Node) -> Replacement:
    """Element-wise operators broadcast by themselves: operands need no repetition of their own.

    What then falls short of the result's shape is repeated after the operator instead of before.
    """
    operands = tuple(map(_without_repetition, node.operands))
    if operands == node.operands:
        return None
    value = rewriter.emit(node.operator.name, *operands, **node.attributes)
    return rewriter.fit(value, node.result.type)


VIEW_RULES: tuple[AnyRule, ...] = (
    identity_view,
    view_of_full,
    view_of_view,
    reshape_of_units,
    full_of_rank_zero,
    concatenate_one,
)
