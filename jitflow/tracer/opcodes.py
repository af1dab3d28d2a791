"""The normalised instruction set: what the tracer executes, whatever CPython's version.

Owns the operations, their stack effects and how control leaves them. Knows no CPython opcode
number and no version; `versions` maps CPython's instructions to these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitflow.core.dataclass import dataclass

Count = int | Callable[[Any], int]


@dataclass(frozen=True)
class Operation:
    """One normalised operation; the meaning of `arg` depends on `op` (see the table below)."""

    op: str
    arg: Any = None


@dataclass(frozen=True)
class Foreign:
    """Argument of ``UNSUPPORTED``: CPython's instruction that the tracer leaves to Python.

    Attributes
    ----------
    name : str
        CPython's name.
    code : str
        Break code that says why.
    effect, jump_effect : int
        Change of the stack's depth, by falling through and by jumping.
    """

    name: str
    code: str
    effect: int
    jump_effect: int


@dataclass(frozen=True)
class Effect:
    """How many stack entries an operation pops and pushes; `jump` is the change when it jumps."""

    pops: Count
    pushes: Count
    jump: int | None = None
    falls_through: bool = True


def _arg(arg: Any) -> int:
    return int(arg)


# fmt: off
OPERATIONS: dict[str, Effect] = {
    # stack
    "POP": Effect(1, 0),
    "PUSH_NULL": Effect(0, 1),
    "COPY": Effect(0, 1),                               # arg: depth, 1 is the top
    "SWAP": Effect(0, 0),                               # arg: depth, 2 is below the top
    # variables; arg: slot in the code object's variables
    "LOAD_CONST": Effect(0, 1),                         # arg: the object
    "LOAD_FAST": Effect(0, 1),                          # the slot as it is, also a cell
    "LOAD_FAST_AND_CLEAR": Effect(0, 1),                # NULL where unbound
    "STORE_FAST": Effect(1, 0),                         # NULL unbinds
    "DELETE_FAST": Effect(0, 0),
    "MAKE_CELL": Effect(0, 0),
    "COPY_FREE_VARS": Effect(0, 0),                     # arg: how many
    "LOAD_DEREF": Effect(0, 1),
    "STORE_DEREF": Effect(1, 0),
    "DELETE_DEREF": Effect(0, 0),
    "LOAD_GLOBAL": Effect(0, 1),                        # arg: name, here and in the next two
    "STORE_GLOBAL": Effect(1, 0),
    "DELETE_GLOBAL": Effect(0, 0),
    # attributes; arg: name
    "LOAD_ATTR": Effect(1, 1),
    "STORE_ATTR": Effect(2, 0),
    "DELETE_ATTR": Effect(1, 0),
    "LOAD_SUPER_ATTR": Effect(3, 1),
    # items
    "GET_ITEM": Effect(2, 1),
    "SET_ITEM": Effect(3, 0),
    "DELETE_ITEM": Effect(2, 0),
    # operators; arg: text, in place with "=": "+", "+=", "not"
    "BINARY": Effect(2, 1),
    "UNARY": Effect(1, 1),
    "COMPARE": Effect(2, 1),
    "IS": Effect(2, 1),                                 # arg: inverted
    "CONTAINS": Effect(2, 1),                           # arg: inverted
    "TO_BOOL": Effect(1, 1),
    # control; arg: offset of the target
    "JUMP": Effect(0, 0, jump=0, falls_through=False),
    "JUMP_IF_FALSE": Effect(1, 0, jump=-1),
    "JUMP_IF_TRUE": Effect(1, 0, jump=-1),
    "JUMP_IF_NONE": Effect(1, 0, jump=-1),
    "JUMP_IF_NOT_NONE": Effect(1, 0, jump=-1),
    "JUMP_IF_FALSE_OR_POP": Effect(1, 0, jump=0),
    "JUMP_IF_TRUE_OR_POP": Effect(1, 0, jump=0),
    "FOR_ITER": Effect(1, 2, jump=-1),
    "RETURN": Effect(1, 0, falls_through=False),
    # iteration and unpacking
    "GET_ITER": Effect(1, 1),
    "UNPACK": Effect(1, _arg),                          # arg: count
    "UNPACK_EX": Effect(1, lambda arg: arg[0] + 1 + arg[1]),   # arg: (before, after)
    "GET_LEN": Effect(1, 2),
    "MATCH_SEQUENCE": Effect(1, 2),
    "MATCH_MAPPING": Effect(1, 2),
    # building; arg: count, or depth of the container below the items
    "BUILD_TUPLE": Effect(_arg, 1),
    "BUILD_LIST": Effect(_arg, 1),
    "BUILD_SET": Effect(_arg, 1),
    "BUILD_MAP": Effect(lambda arg: 2 * arg, 1),
    "BUILD_CONST_KEY_MAP": Effect(lambda arg: arg + 1, 1),
    "BUILD_SLICE": Effect(_arg, 1),
    "BUILD_STRING": Effect(_arg, 1),
    "LIST_APPEND": Effect(1, 0),
    "SET_ADD": Effect(1, 0),
    "MAP_ADD": Effect(2, 0),
    "LIST_EXTEND": Effect(1, 0),
    "SET_UPDATE": Effect(1, 0),
    "DICT_UPDATE": Effect(1, 0),
    "DICT_MERGE": Effect(1, 0),
    "LIST_TO_TUPLE": Effect(1, 1),
    "CONVERT": Effect(1, 1),                            # arg: "s", "r" or "a"
    "FORMAT": Effect(1, 1),
    "FORMAT_WITH_SPEC": Effect(2, 1),
    # functions
    "CALL": Effect(lambda arg: arg + 2, 1),             # arg: number of arguments
    "CALL_KW": Effect(lambda arg: arg + 3, 1),          # names of the last arguments on top
    "CALL_FUNCTION_EX": Effect(lambda arg: 3 + arg, 1),  # arg: whether there is a keyword dict
    "MAKE_FUNCTION": Effect(1, 1),
    "SET_FUNCTION_ATTRIBUTE": Effect(2, 1),             # arg: flag 1, 2, 4 or 8
    "IMPORT_NAME": Effect(2, 1),                        # arg: name
    "IMPORT_FROM": Effect(1, 2),                        # arg: name
    # with statements
    "ENTER_WITH": Effect(1, 2),                         # bound __exit__, result of __enter__
    # generators
    "START_GENERATOR": Effect(0, 1),
    "YIELD": Effect(1, 1),
    "SEND": Effect(2, 2, jump=-1),                      # 3.11: pops the iterator at its end
    "SEND_ON": Effect(2, 2, jump=0),
    # everything that Python does itself; arg: Foreign
    "UNSUPPORTED": Effect(0, lambda arg: arg.effect),
    "RAISE": Effect(0, lambda arg: arg.effect, falls_through=False),
}
# fmt: on

SIMPLE = frozenset({"POP", "PUSH_NULL", "COPY", "SWAP", "LOAD_CONST", "LOAD_FAST", "STORE_FAST"})
"""Operations that touch nothing but the frame: no object, no guard, no node."""

JUMPS = frozenset(op for op, effect in OPERATIONS.items() if effect.jump is not None)


def stack_effect(operation: Operation, jump: bool = False) -> int:
    """Change of the operand stack's depth, when the operation falls through or when it jumps."""
    effect = OPERATIONS[operation.op]
    if jump:
        if isinstance(operation.arg, Foreign):
            return operation.arg.jump_effect
        assert effect.jump is not None, operation
        return effect.jump
    return _count(effect.pushes, operation.arg) - _count(effect.pops, operation.arg)


def _count(count: Count, arg: Any) -> int:
    return count if isinstance(count, int) else count(arg)


def falls_through(operation: Operation) -> bool:
    """Whether the next operation may run after this one."""
    return OPERATIONS[operation.op].falls_through
