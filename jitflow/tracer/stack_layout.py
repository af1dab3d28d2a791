"""Where values and NULLs are on the operand stack, and which slots are bound, after an instruction.

Static: computed from the layout before the instruction and its normalised operations.
"""

from __future__ import annotations

from types import CodeType

from jitflow.core.dataclass import dataclass, field
from jitflow.tracer.instructions import Instruction, variables
from jitflow.tracer.opcodes import OPERATIONS, Foreign, Operation, stack_effect
from jitflow.tracer.trace import FrameShape

NULL, VALUE, SUSPENDED, UNKNOWN = 0, 1, 2, 3
"""Kinds of stack entries.

SUSPENDED is what was being handled when a handler was entered; UNKNOWN, which CPython finds out
when it runs, are the two that a method load leaves: NULL and a value, or two values.
"""

_METHOD_LOADS = frozenset({"LOAD_METHOD", "LOAD_ATTR", "LOAD_SUPER_ATTR"})


@dataclass
class Layout:
    """Bound slots, and the kind of each stack entry, bottom first."""

    bound: set[int] = field(default_factory=set)
    stack: list[int] = field(default_factory=list)

    @property
    def can_be_left(self) -> bool:
        """Whether all is known, and no exception being handled since the layout at the start."""
        return SUSPENDED not in self.stack and UNKNOWN not in self.stack

    def copy(self) -> Layout:
        """An independent layout."""
        return Layout(set(self.bound), list(self.stack))


def layout_of(shape: FrameShape) -> Layout:
    """The layout that a frame's shape names.

    Where a local and a free variable share a name and ``shape.bound`` has it once, the free
    variable is meant: it always has a value.
    """
    names = variables(shape.code)
    slot, bound = len(names), set()
    for name in reversed(shape.bound):
        slot -= 1
        while names[slot] != name:
            slot -= 1
        bound.add(slot)
    return Layout(bound, [VALUE if flag else NULL for flag in shape.stack])


def shape_of(code: CodeType, offset: int, layout: Layout, resume: str = "") -> FrameShape:
    """The frame's shape at byte `offset` with `layout`."""
    names = variables(code)
    bound = tuple(names[slot] for slot in sorted(layout.bound))
    return FrameShape(code, offset, bound, tuple(kind != NULL for kind in layout.stack), resume)


def after(layout: Layout, instruction: Instruction, jump: bool = False) -> Layout:
    """The layout after `instruction`, which falls through or jumps."""
    result = layout.copy()
    operations = instruction.operations
    for operation in operations[:-1]:
        _apply(result, operation)
    if operations and not jump:
        _apply(result, operations[-1])
    elif operations:
        _change_depth(result.stack, stack_effect(operations[-1], jump=True))
    return result


def is_method_load(instruction: Instruction) -> bool:
    """Whether `instruction` loads an attribute to call it."""
    return instruction.name in _METHOD_LOADS and len(instruction.operations) > 1


def after_original(layout: Layout, instruction: Instruction, jump: bool = False) -> Layout:
    """Like `after`, as CPython runs it: a continuation's stub takes method loads apart."""
    result = after(layout, instruction, jump)
    if is_method_load(instruction):
        result.stack[-2:] = [UNKNOWN, UNKNOWN]
    return result


def _apply(layout: Layout, operation: Operation) -> None:
    op, arg, stack = operation.op, operation.arg, layout.stack
    if op == "PUSH_NULL":
        stack.append(NULL)
    elif op == "SWAP":
        stack[-1], stack[-arg] = stack[-arg], stack[-1]
    elif op == "COPY":
        stack.append(stack[-arg])
    elif op in ("STORE_FAST", "LOAD_FAST_AND_CLEAR", "DELETE_FAST", "MAKE_CELL"):
        _apply_to_slot(layout, op, arg)
    elif isinstance(arg, Foreign) and arg.name == "PUSH_EXC_INFO":
        stack.insert(len(stack) - 1, SUSPENDED)
    elif isinstance(arg, Foreign):
        _change_depth(stack, arg.effect)
    else:
        effect = OPERATIONS[op]
        pops = effect.pops if isinstance(effect.pops, int) else effect.pops(arg)
        del stack[len(stack) - pops :]
        stack += [VALUE] * (stack_effect(operation) + pops)


def _apply_to_slot(layout: Layout, op: str, slot: int) -> None:
    is_bound = slot in layout.bound
    if op == "LOAD_FAST_AND_CLEAR":
        layout.stack.append(VALUE if is_bound else NULL)
        is_bound = False
    elif op == "STORE_FAST":
        is_bound = layout.stack.pop() != NULL
    else:
        is_bound = op == "MAKE_CELL"
    if is_bound:
        layout.bound.add(slot)
    else:
        layout.bound.discard(slot)


def _change_depth(stack: list[int], change: int) -> None:
    """Push values, or drop entries."""
    if change < 0:
        del stack[change:]
    stack += [VALUE] * change
