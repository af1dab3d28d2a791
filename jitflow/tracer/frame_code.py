"""Assembles the code object of a continuation: ``[prologue][original instructions][stub]``.

The prologue takes a frame's state (bound variables, then operand-stack entries that are not NULL,
as one tuple), restores slots and stack, and jumps to the stub. Exits give the state back in the
same form. What the stub does is for `continuation` to say.
"""

from __future__ import annotations

import dis
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS, CO_VARKEYWORDS
from types import CodeType

from jitflow.core.dataclass import replace
from jitflow.core.errors import Unsupported
from jitflow.tracer import versions
from jitflow.tracer.code_layout import (
    Position,
    Section,
    emit,
    exception_table,
    jump_back,
    location_table,
    moved,
    permutation,
    positions,
    shift_slots,
    with_row,
)
from jitflow.tracer.instructions import (
    ENTRY,
    HandlerRange,
    Instruction,
    decode,
    handler_of,
    handler_ranges,
    instruction_at,
    variables,
)
from jitflow.tracer.rejoin import Start, WaysOut
from jitflow.tracer.stack_layout import Layout, after, is_method_load, layout_of, shape_of
from jitflow.tracer.trace import FrameShape

_GENERATORS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_FUNCTION = 3  # CO_OPTIMIZED | CO_NEWLOCALS: variables live in slots
_PLAIN_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})


class Exit:
    """One way out of a continuation, and the frame's shape there; compared by identity.

    The function gives ``(exit, state)`` when it leaves by one.
    """

    __slots__ = ("shape",)

    def __init__(self, shape: FrameShape) -> None:
        self.shape = shape


class FrameCode:
    """A continuation's code object in the making.

    Parameters
    ----------
    shape : FrameShape
    additional : int
        Values on top of the stack that the state has beside the shape's.

    Attributes
    ----------
    instruction : Instruction
        The one at the shape's offset; at a function's entry, the one after its cells are made.
    layout : Layout
        Bound slots and stack (without the additional values) when the stub starts.
    exits : list of Exit
    """

    def __init__(self, shape: FrameShape, additional: int = 0) -> None:
        code = shape.code
        if code.co_flags & _GENERATORS:
            raise Unsupported("JF-B012", f"{code.co_qualname} cannot be entered in its middle")
        if code.co_flags & _FUNCTION != _FUNCTION:
            raise Unsupported("JF-B002", f"{code.co_qualname} is no function")
        self.shape, self.code, self.additional = shape, code, additional
        self.exits: list[Exit] = []
        # The state arrives in slot 0, a parameter; without locals there is none yet.
        self.shift = 0 if code.co_nlocals else 1
        self.body = code.co_code if code.co_nlocals else shift_slots(code.co_code)
        self.layout = layout_of(shape)
        self.instruction = instruction_at(code, shape.offset)
        self.prologue = self._prologue()
        self.body_start = len(self.prologue)
        self.stub_start = self.body_start + len(self.body)
        self._patched = bytearray(self.body)
        self._rows = [moved(row, self.body_start) for row in handler_ranges(code)]

    def _prologue(self) -> bytes:
        """Restore slots and stack from the state in slot 0, then jump over the original."""
        bound, flags = sorted(self.layout.bound), list(self.shape.stack) + [True] * self.additional
        entries = [number for number, flag in enumerate(flags) if flag]
        nulls = [number for number, flag in enumerate(flags) if not flag]
        data = emit("LOAD_FAST", 0) + emit("UNPACK_SEQUENCE", len(bound) + len(entries))
        data += b"".join(emit("STORE_FAST", slot + self.shift) for slot in bound)
        if self.shift or 0 not in bound:
            data += emit("DELETE_FAST", 0)
        data += emit("PUSH_NULL") * len(nulls)
        # UNPACK_SEQUENCE leaves the first item on top.
        data += b"".join(permutation([*reversed(entries), *nulls], range(len(flags))))
        data += self._enter()
        return data + emit("JUMP_FORWARD", len(self.body) // 2)

    def _enter(self) -> bytes:
        """At a function's entry: make its cells, as its first instructions would."""
        data = b""
        while self.instruction.name in ENTRY:
            if self.instruction.name == "MAKE_CELL":
                data += emit("MAKE_CELL", self.instruction.operations[0].arg + self.shift)
                self.layout = after(self.layout, self.instruction)
            self.instruction = decode(self.code)[self.instruction.index + 1]
        if not self._free_slots() <= self.layout.bound:
            raise ValueError(f"the state of {self.code.co_qualname} lacks free variables")
        return data

    def _free_slots(self) -> set[int]:
        count = len(variables(self.code))
        return set(range(count - len(self.code.co_freevars), count))

    def handler(self, instruction: Instruction) -> HandlerRange | None:
        """The handler of `instruction`, with its target as it is in the continuation."""
        row = handler_of(self.code, instruction)
        return row and replace(row, target=row.target + self.body_start)

    def section(self, instruction: Instruction) -> Section:
        """A stub at the source location of `instruction`."""
        return Section(self.stub_start, self.position(instruction))

    def position(self, instruction: Instruction) -> Position:
        """Where in the source `instruction` is."""
        return positions(self.code)[instruction.end // 2 - 1]

    def instruction_bytes(self, instruction: Instruction, skip: int) -> bytes:
        """`instruction` itself; its jump, if it has one, goes `skip` bytes forward."""
        data = self.body[instruction.offset : instruction.end]
        name, arg = instruction.name, _argument(data)
        if instruction.target is not None:
            caches = data[len(emit(name, arg, b"")) :]
            return emit(name.replace("BACKWARD", "FORWARD"), skip // 2, caches)
        if is_method_load(instruction):
            return _method_load(instruction, data, arg)
        return data

    def run_and_leave(self, stub: Section, instruction: Instruction, layout: Layout) -> None:
        """Run `instruction` in the stub, and leave at what follows it."""
        row, fall = self.handler(instruction), b""
        if instruction.name not in _PLAIN_JUMPS:
            if instruction.falls_through:
                fall = self.leave(instruction.end, after(layout, instruction))
            stub.add(self.instruction_bytes(instruction, len(fall)), row)
            stub.add(fall)
        if instruction.target is not None:
            stub.add(self._loop_end(instruction))
            stub.add(self.leave(instruction.target, after(layout, instruction, jump=True)))

    def _loop_end(self, instruction: Instruction) -> bytes:
        """What a ``FOR_ITER`` that is done jumps behind."""
        if instruction.name != "FOR_ITER" or versions.current is None:
            return b""
        assert instruction.target is not None
        start = instruction.target - versions.current.for_iter_skip
        return self.body[start : instruction.target]

    def leave(self, offset: int, layout: Layout) -> bytes:
        """Return a new exit to byte `offset`, and the frame's state there."""
        self.exits.append(Exit(shape_of(self.code, offset, layout)))
        slots, depth = sorted(layout.bound), len(layout.stack)
        entries = [~at for at, flag in enumerate(layout.stack) if flag]
        nulls = [~at for at, flag in enumerate(layout.stack) if not flag]
        # Load variables where they belong in the tuple, as far as the stack leaves the room.
        below = iter(slots[:depth])
        loads = [
            slots[at] if at < len(slots) else next(below) for at in range(depth, depth + len(slots))
        ]
        data = b"".join(emit("LOAD_FAST", slot + self.shift) for slot in loads)
        stack = [*(~at for at in range(depth)), *loads]
        data += b"".join(permutation(stack, [*slots, *entries, *nulls]))
        data += emit("STORE_FAST", 0) * len(nulls)
        data += emit("BUILD_TUPLE", len(slots) + len(entries))
        data += emit("LOAD_CONST", len(self.code.co_consts) + len(self.exits) - 1)
        return data + emit("SWAP", 2) + emit("BUILD_TUPLE", 2) + emit("RETURN_VALUE")

    def rejoin(self, stub: Section, start: Start | None, ways: WaysOut | None = None) -> None:
        """Leave by the `ways` that the original instructions reach from `start`.

        There is no room there for a jump to the stub. So the instruction becomes one of two bytes
        that raises, and the exception table does the rest; what it raises nobody sees.
        """
        ways = ways or WaysOut()
        found = ways.reached(self.code, start) if start is not None else []
        stop = ways.stop
        if stop is not None and all(instruction.offset != stop for instruction, _ in found):
            raise Unsupported("JF-B002", f"{self.code.co_qualname} has no layout at {stop}")
        for instruction, layout in found:
            at = instruction.offset
            while self.body[at] == dis.EXTENDED_ARG:
                self._patched[at : at + 2] = emit("NOP")
                at += 2
            self._patched[at : at + 2] = emit("RAISE_VARARGS", 0)
            begin = self.body_start + at
            row = HandlerRange(begin, begin + 2, stub.end, len(layout.stack), False)
            self._rows = with_row(self._rows, row)
            stub.position = self.position(instruction)
            # CPython 3.13 looks up the handler of a call of a Python function that raised one unit
            # in front of the call (ceval.c: exit_unwind goes on at `instr_ptr`, minus one).
            stub.add(emit("POP_TOP"), self.handler(instruction))
            if instruction.offset == stop:
                self.run_and_leave(stub, instruction, layout)
            else:
                self._leave_loop_end(stub, instruction, layout)

    def _leave_loop_end(self, stub: Section, jump: Instruction, layout: Layout) -> None:
        """Take a backward jump out of the function, if it is taken."""
        assert jump.target is not None
        row = self.handler(jump)
        if jump.falls_through:
            size = len(self.instruction_bytes(jump, 0))
            back = jump_back(stub.end + size, self.body_start + jump.end)
            stub.add(self.instruction_bytes(jump, len(back)) + back, row)
        stub.add(self.leave(jump.target, after(layout, jump, jump=True)))

    def finish(self, stub: Section) -> CodeType:
        """The code object that ends with `stub`."""
        code = self.code
        depth = max(code.co_stacksize, len(self.shape.stack) + 1)
        names = (".state",) if self.shift else code.co_varnames
        return code.replace(
            co_code=self.prologue + bytes(self._patched) + stub.data,
            co_consts=(*code.co_consts, *self.exits),
            co_exceptiontable=exception_table([*self._rows, *stub.rows]),
            co_linetable=location_table(code, self.body_start, stub.lines),
            co_stacksize=depth + len(variables(code)) + 4,
            co_flags=code.co_flags & ~(CO_VARARGS | CO_VARKEYWORDS),
            co_argcount=1,
            co_posonlyargcount=0,
            co_kwonlyargcount=0,
            co_varnames=names,
            co_nlocals=len(names),
        )


def _method_load(instruction: Instruction, data: bytes, arg: int) -> bytes:
    """An attribute load and a NULL: a method load's layout is known only when it has run."""
    if instruction.name == "LOAD_METHOD":
        load = emit("LOAD_ATTR", arg)
    else:
        prefix = len(emit(instruction.name, arg, b""))
        load = emit(instruction.name, arg & ~1, data[prefix:])
    _, *nulls = instruction.operations
    return load + b"".join(emit(operation.op, operation.arg or 0) for operation in nulls)


def _argument(data: bytes) -> int:
    """The argument of the instruction at the start of `data`, with its prefixes."""
    arg, at = data[1], 0
    while data[at] == dis.EXTENDED_ARG:
        at += 2
        arg = arg << 8 | data[at + 1]
    return arg
