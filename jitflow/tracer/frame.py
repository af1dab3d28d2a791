"""Symbolic frames: variables, operand stack and position of one function that is being run."""

from __future__ import annotations

from types import CodeType
from typing import Any

from jitflow.tracer.instructions import Instruction, decode, index_at, variables
from jitflow.tracer.values import PyValue


class NullValue(PyValue):
    """The NULL that CPython keeps on the operand stack beside callables and for unbound locals."""

    @property
    def python_type(self) -> type:
        """NULL is no object."""
        raise TypeError("NULL has no class")

    def __repr__(self) -> str:
        return "NULL"


NULL = NullValue()


class SymbolicFrame:
    """One activation of a code object, over symbolic values.

    Attributes
    ----------
    code : code object
    globals : dict
        The real dictionary of the function's module.
    closure : tuple of PyValue
        Cells of the free variables, until ``COPY_FREE_VARS`` puts them in their slots.
    program : tuple of Instruction
    index : int
        The instruction that runs next.
    names : tuple of str
        Names of the slots.
    slots : list of PyValue or None
        Locals, cells and free variables; None is unbound; a cell's slot holds the cell.
    stack : list of PyValue
    resume : str
        While an inlined callee runs: what happens with its result, ``"push"`` or ``"discard"``.
    nested : bool
        Whether an operation waits for this frame (a property, a sort key): it cannot be suspended.
    generator : bool
        Whether it yields; `finished` is set when it has returned.
    jumps : dict of int to int
        Backward jumps taken to each offset, for the limit on unrolling.
    sizes : dict of int to int
        Of the graph when the first of these was taken, for the limit on large iterations.
    sink : objects.consuming.Sink or None
        What takes the items that the frame yields, where one call uses up a generator.
    nodes : int
        Nodes of the piece when the frame was entered, for the limit on recursion.
    """

    def __init__(
        self, code: CodeType, namespace: dict[str, Any], closure: tuple[PyValue, ...] = ()
    ) -> None:
        self.code, self.globals, self.closure = code, namespace, closure
        self.program: tuple[Instruction, ...] = decode(code)
        self.names = variables(code)
        self.slots: list[PyValue | None] = [None] * len(self.names)
        self.stack: list[PyValue] = []
        self.index = 0
        self.resume = ""
        self.nested = False
        self.generator = False
        self.finished = False
        self.jumps: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.nodes = 0
        self.sink: Any = None

    @property
    def instruction(self) -> Instruction:
        """The instruction that runs next."""
        return self.program[self.index]

    def move_to(self, offset: int) -> None:
        """Continue at the instruction at byte `offset`."""
        self.index = index_at(self.code)[offset]

    def push(self, value: PyValue) -> None:
        """Push on the operand stack."""
        self.stack.append(value)

    def pop(self) -> PyValue:
        """Pop the top of the operand stack."""
        return self.stack.pop()

    def pop_many(self, count: int) -> list[PyValue]:
        """Pop `count` entries; the lowest comes first."""
        if not count:
            return []
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def free_slot(self, name: str) -> int | None:
        """The slot of the free variable `name`; free variables come last."""
        start = len(self.names) - len(self.code.co_freevars)
        for slot in range(start, len(self.names)):
            if self.names[slot] == name:
                return slot
        return None

    def restore(self, bound: tuple[str, ...], values: list[PyValue]) -> None:
        """Put `values` in the slots of the names in `bound`, which follow the slots' order.

        Where a local and a free variable share a name and `bound` has it once, the free variable
        is meant: it always has a value.
        """
        slot = len(self.names)
        for name, value in zip(reversed(bound), reversed(values), strict=True):
            slot -= 1
            while self.names[slot] != name:
                slot -= 1
            self.slots[slot] = value

    def __repr__(self) -> str:
        return f"<frame {self.code.co_qualname} at {self.instruction.offset}>"
