"""Makes continuation functions: ordinary Python functions that enter a frame in its middle.

Owns the layout ``[prologue][original instructions][stub]`` of their code objects. The prologue
takes a frame's state (bound variables, then operand-stack entries that are not NULL, as one
tuple), restores slots and stack, and jumps to the stub. The original instructions, the user's line
numbers and exception handlers are kept, so whatever the stub does not do, Python does as it would
have done. Knows nothing of compile points with several frames, nor of who calls the functions.
"""

from __future__ import annotations

import dis
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS, CO_VARKEYWORDS
from types import CellType, CodeType, FunctionType
from typing import Any

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
    shift_slots,
)
from jitflow.tracer.instructions import (
    HandlerRange,
    Instruction,
    decode,
    handler_of,
    handler_ranges,
    index_at,
    instruction_at,
    variables,
)
from jitflow.tracer.stack_layout import Layout, after, layout_of, shape_of
from jitflow.tracer.trace import FrameShape

_GENERATORS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_FUNCTION = 3  # CO_OPTIMIZED | CO_NEWLOCALS: variables live in slots
_METHOD_LOADS = frozenset({"LOAD_METHOD", "LOAD_ATTR", "LOAD_SUPER_ATTR"})
_PLAIN_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_ENTRY = frozenset({"MAKE_CELL", "COPY_FREE_VARS"})


class Exit:
    """One way out of a stepped instruction, and the frame's shape there; compared by identity.

    A function made by `step` gives ``(exit, state)`` when it leaves by one.
    """

    __slots__ = ("shape",)

    def __init__(self, shape: FrameShape) -> None:
        self.shape = shape


@dataclass(eq=False)
class Continuation:
    """The code object of a continuation, and its exits (fall-through first)."""

    shape: FrameShape
    code: CodeType
    exits: tuple[Exit, ...] = ()

    def function(self, namespace: dict[str, Any]) -> Callable[[tuple[Any, ...]], Any]:
        """The function of one parameter, the state, whose globals are `namespace`."""
        # The state brings the real cells; CPython only asks for a closure of the right length.
        closure = tuple(CellType() for _ in self.code.co_freevars)
        return FunctionType(self.code, namespace, None, None, closure)


def step(shape: FrameShape) -> Continuation:
    """Run the one instruction at ``shape.offset``, then give ``(exit, state)``.

    Where it returns, or raises and the frame's own handler catches, the function runs on to its end
    and gives its result.
    """
    return _cached("step", shape, _make_step)


def resume(shape: FrameShape) -> Continuation:
    """Run from ``shape.offset`` to the end."""
    return _cached("resume", shape, _make_resume)


def throw(shape: FrameShape, in_call: bool) -> Continuation:
    """Raise the exception that is the state's additional last item, then run to the end.

    It is raised where the instruction before ``shape.offset`` is (a call, under way), or else
    where the next one is.
    """
    return _cached("throw in call" if in_call else "throw", shape, _make_throw)


_cache: weakref.WeakValueDictionary[Any, Continuation] = weakref.WeakValueDictionary()


def _cached(
    kind: str, shape: FrameShape, make: Callable[[str, FrameShape], Continuation]
) -> Continuation:
    # By identity of the code object: equal ones may differ in their file.
    key = (kind, id(shape.code), shape.offset, shape.bound, shape.stack)
    continuation = _cache.get(key)
    if continuation is None:
        continuation = _cache[key] = make(kind, shape)
    return continuation


def _make_step(kind: str, shape: FrameShape) -> Continuation:
    frame = _Frame(shape)
    instruction, layout, code = frame.instruction, frame.layout, shape.code
    stub = frame.section(instruction)
    row = frame.handler(instruction)
    stub.add(emit("RESUME"), row)
    exits: list[Exit] = []

    def leave(offset: int | None, layout: Layout) -> bytes:
        if offset is None or offset not in index_at(code):
            return b""
        exits.append(Exit(shape_of(code, offset, layout)))
        return frame.leave(layout, len(code.co_consts) + len(exits) - 1)

    is_plain_jump = instruction.name in _PLAIN_JUMPS
    falls = instruction.falls_through and not is_plain_jump
    fall = leave(instruction.end, after(layout, instruction)) if falls else b""
    if not is_plain_jump:
        stub.add(frame.instruction_bytes(len(fall)), row)
    stub.add(fall)
    if instruction.target is not None:
        jumped = leave(instruction.target, after(layout, instruction, jump=True))
        stub.add(frame.loop_end() + jumped)
    return frame.finish(stub, tuple(exits))


def _make_resume(kind: str, shape: FrameShape) -> Continuation:
    frame = _Frame(shape)
    stub = frame.section(frame.instruction)
    row = frame.handler(frame.instruction)
    stub.add(emit("RESUME"), row)
    start = frame.stub_start + len(stub.data)
    stub.add(jump_back(start, frame.body_start + frame.instruction.offset), row)
    return frame.finish(stub)


def _make_throw(kind: str, shape: FrameShape) -> Continuation:
    frame = _Frame(shape, additional=1)
    at = frame.instruction
    if kind == "throw in call":
        at = decode(shape.code)[index_at(shape.code)[shape.offset] - 1]
    stub = frame.section(at)
    row = frame.handler(at)
    # RAISE_VARARGS gives the exception its traceback entry; it also sets its context to what is
    # being handled, unless that is the exception itself. So it is, until the inner handler.
    cleanup = frame.stub_start + len(emit("PUSH_EXC_INFO") + emit("RAISE_VARARGS", 1))
    depth = len(shape.stack) + 1
    inner = HandlerRange(0, 0, cleanup, depth, False)
    stub.add(emit("PUSH_EXC_INFO"))
    stub.add(emit("RAISE_VARARGS", 1), inner)
    stub.add(emit("SWAP", 2) + emit("POP_EXCEPT"))
    stub.add(emit("RERAISE", 0), row)
    return frame.finish(stub)


class _Frame:
    """The parts of a continuation's code object that all kinds share.

    Attributes
    ----------
    instruction : Instruction
        The one at the shape's offset; at a function's entry, the one after its cells are made.
    layout : Layout
        Bound slots and stack when the stub starts.
    """

    def __init__(self, shape: FrameShape, additional: int = 0) -> None:
        code = shape.code
        if code.co_flags & _GENERATORS:
            raise Unsupported("JF-B012", f"{code.co_qualname} cannot be entered in its middle")
        if code.co_flags & _FUNCTION != _FUNCTION:
            raise Unsupported("JF-B002", f"{code.co_qualname} is no function")
        self.shape, self.code, self.additional = shape, code, additional
        # The state arrives in slot 0, a parameter; without locals there is none yet.
        self.shift = 0 if code.co_nlocals else 1
        self.body = code.co_code if code.co_nlocals else shift_slots(code.co_code)
        self.layout = layout_of(shape)
        self.instruction = instruction_at(code, shape.offset)
        self.prologue = self._prologue()
        self.body_start = len(self.prologue)
        self.stub_start = self.body_start + len(self.body)

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
        while self.instruction.name in _ENTRY:
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
        positions: list[Position] = list(self.code.co_positions())
        return Section(positions[instruction.end // 2 - 1])

    def instruction_bytes(self, skip: int) -> bytes:
        """The instruction itself; its jump, if it has one, goes `skip` bytes forward."""
        instruction = self.instruction
        data = self.body[instruction.offset : instruction.end]
        name, arg = instruction.name, _argument(data)
        if instruction.target is not None:
            caches = data[len(emit(name, arg, b"")) :]
            return emit(name.replace("BACKWARD", "FORWARD"), skip // 2, caches)
        if name in _METHOD_LOADS and len(instruction.operations) > 1:
            return self._method_load(data, arg)
        return data

    def _method_load(self, data: bytes, arg: int) -> bytes:
        """An attribute load and a NULL: a method load's layout is known only when it has run."""
        if self.instruction.name == "LOAD_METHOD":
            load = emit("LOAD_ATTR", arg)
        else:
            prefix = len(emit(self.instruction.name, arg, b""))
            load = emit(self.instruction.name, arg & ~1, data[prefix:])
        _, *nulls = self.instruction.operations
        return load + b"".join(emit(op.op, op.arg or 0) for op in nulls)

    def loop_end(self) -> bytes:
        """What a ``FOR_ITER`` that is done jumps behind."""
        if self.instruction.name != "FOR_ITER" or versions.current is None:
            return b""
        assert self.instruction.target is not None
        start = self.instruction.target - versions.current.for_iter_skip
        return self.body[start : self.instruction.target]

    def leave(self, layout: Layout, constant: int) -> bytes:
        """Return constant number `constant` with the state of the frame."""
        slots, depth = sorted(layout.bound), len(layout.stack)
        entries = [~at for at, flag in enumerate(layout.stack) if flag]
        nulls = [~at for at, flag in enumerate(layout.stack) if not flag]
        wanted = [*slots, *entries, *nulls]
        # Load variables where they belong in the tuple, as far as the stack leaves the room.
        below = iter(slots[:depth])
        loads = [
            slots[at] if at < len(slots) else next(below)
            for at in range(depth, depth + len(slots))
        ]
        data = b"".join(emit("LOAD_FAST", slot + self.shift) for slot in loads)
        data += b"".join(permutation([~at for at in range(depth)] + loads, wanted))
        data += emit("STORE_FAST", 0) * len(nulls)
        data += emit("BUILD_TUPLE", len(slots) + len(entries))
        data += emit("LOAD_CONST", constant) + emit("SWAP", 2) + emit("BUILD_TUPLE", 2)
        return data + emit("RETURN_VALUE")

    def finish(self, stub: Section, exits: tuple[Exit, ...] = ()) -> Continuation:
        """The continuation that ends with `stub`."""
        code = self.code
        rows = [moved(row, self.body_start) for row in handler_ranges(code)]
        rows += [
            replace(row, start=row.start + self.stub_start, end=row.end + self.stub_start)
            for row in stub.rows
        ]
        depth = max(code.co_stacksize, len(self.shape.stack) + 1)
        names = (".state",) if self.shift else code.co_varnames
        made = code.replace(
            co_code=self.prologue + self.body + stub.data,
            co_consts=code.co_consts + exits,
            co_exceptiontable=exception_table(rows),
            co_linetable=location_table(code, self.body_start, stub.position, len(stub.data)),
            co_stacksize=depth + len(variables(code)) + 4,
            co_flags=code.co_flags & ~(CO_VARARGS | CO_VARKEYWORDS),
            co_argcount=1,
            co_posonlyargcount=0,
            co_kwonlyargcount=0,
            co_varnames=names,
            co_nlocals=len(names),
        )
        return Continuation(self.shape, made, exits)


def _argument(data: bytes) -> int:
    """The argument of the instruction at the start of `data`, with its prefixes."""
    arg, at = data[1], 0
    while data[at] == dis.EXTENDED_ARG:
        at += 2
        arg = arg << 8 | data[at + 1]
    return arg
