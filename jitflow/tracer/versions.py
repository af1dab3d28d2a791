"""Every difference between CPython 3.11, 3.12 and 3.13 bytecode, as data.

A table maps CPython's instruction names to rules; a rule takes the instruction's argument and the
code object's names and gives normalised operations (`opcodes`). Nothing else in the tracer
mentions a version. Sources: CPython's ``Python/bytecodes.c``, ``Python/ceval.c``, ``Lib/dis.py``.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Sequence
from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.tracer.opcodes import Foreign, Operation


@dataclass(frozen=True)
class Operands:
    """What the arguments of a code object's instructions refer to; `target` of a jump."""

    constants: Sequence[Any]
    names: Sequence[str]
    target: int | None = None


Rule = Callable[[int, Operands], tuple[Operation, ...]]
Argument = Callable[[int, Operands], Any]


def _words(*lines: str) -> tuple[str, ...]:
    """The words of `lines`: tables of names are easier to read without quotes."""
    return tuple(" ".join(lines).split())


_BINARY = _words("+ & // << @ * % | ** >> - / ^")
BINARY_OPERATORS = (*_BINARY, *(f"{text}=" for text in _BINARY))
COMPARISONS = dis.cmp_op


def _number(arg: int, operands: Operands) -> int:
    return arg


def _name(arg: int, operands: Operands) -> str:
    return operands.names[arg]


def _constant(arg: int, operands: Operands) -> Any:
    return operands.constants[arg]


def _target(arg: int, operands: Operands) -> int | None:
    return operands.target


def _flag(arg: int, operands: Operands) -> bool:
    return bool(arg & 1)


def _op(op: str, argument: Argument | None = None) -> Rule:
    """One operation; its argument decoded by `argument`."""
    if argument is None:
        fixed = (Operation(op),)
        return lambda arg, operands: fixed
    return lambda arg, operands: (Operation(op, argument(arg, operands)),)


def _sequence(*operations: Operation) -> Rule:
    """Fixed operations."""
    return lambda arg, operands: operations


def _pair(first: str, second: str) -> Rule:
    """Two local variables in one instruction: the high and the low four bits."""
    return lambda arg, operands: (Operation(first, arg >> 4), Operation(second, arg & 15))


def _foreign(name: str, code: str = "JF-B002", op: str = "UNSUPPORTED") -> Rule:
    """An instruction that Python runs itself; CPython tells its stack effects."""
    opcode = dis.opmap.get(name, -1)

    def rule(arg: int, operands: Operands) -> tuple[Operation, ...]:
        value = arg if opcode >= dis.HAVE_ARGUMENT else None
        falls = dis.stack_effect(opcode, value, jump=False)
        jumps = dis.stack_effect(opcode, value, jump=True)
        return (Operation(op, Foreign(name, code, falls, jumps)),)

    return rule


_PUSH_NULL = Operation("PUSH_NULL")
_NULL_BELOW = (_PUSH_NULL, Operation("SWAP", 2))


def _load_global(null_first: bool) -> Rule:
    def rule(arg: int, operands: Operands) -> tuple[Operation, ...]:
        load = Operation("LOAD_GLOBAL", operands.names[arg >> 1])
        if not arg & 1:
            return (load,)
        return (_PUSH_NULL, load) if null_first else (load, _PUSH_NULL)

    return rule


def _load_attribute(op: str, shift: int, null_first: bool) -> Rule:
    """A method load (bit 0) is an attribute load with a NULL on the side that `CALL` expects."""
    null = _NULL_BELOW if null_first else (_PUSH_NULL,)

    def rule(arg: int, operands: Operands) -> tuple[Operation, ...]:
        load = Operation(op, operands.names[arg >> shift])
        return (load, *null) if arg & 1 else (load,)

    return rule


def _load_method(arg: int, operands: Operands) -> tuple[Operation, ...]:
    return (Operation("LOAD_ATTR", operands.names[arg]), *_NULL_BELOW)


def _compare(shift: int, bool_bit: int) -> Rule:
    def rule(arg: int, operands: Operands) -> tuple[Operation, ...]:
        compare = Operation("COMPARE", COMPARISONS[arg >> shift])
        return (compare, Operation("TO_BOOL")) if arg & bool_bit else (compare,)

    return rule


def _format_value(arg: int, operands: Operands) -> tuple[Operation, ...]:
    """3.11, 3.12: bits 0-1 the conversion, bit 2 a format specification on top of the stack."""
    conversion = (None, "s", "r", "a")[arg & 3]
    spec = bool(arg & 4)
    result = [Operation("FORMAT_WITH_SPEC" if spec else "FORMAT")]
    if conversion:
        convert = Operation("CONVERT", conversion)
        swap = Operation("SWAP", 2)
        result = [swap, convert, swap, *result] if spec else [convert, *result]
    return tuple(result)


def _make_function(arg: int, operands: Operands) -> tuple[Operation, ...]:
    """3.11, 3.12: defaults (1), keyword defaults (2), annotations (4), closure (8), then code."""
    flags = [flag for flag in (8, 4, 2, 1) if arg & flag]
    return (
        Operation("MAKE_FUNCTION"),
        *(Operation("SET_FUNCTION_ATTRIBUTE", flag) for flag in flags),
    )


def _intrinsic(arg: int, operands: Operands) -> tuple[Operation, ...]:
    """``CALL_INTRINSIC_1`` (3.12): its argument is a number in ``_PyIntrinsics_UnaryFunctions``."""
    if arg == 5:
        return (Operation("UNARY", "+"),)
    if arg == 6:
        return (Operation("LIST_TO_TUPLE"),)
    code = "JF-B009" if arg == 3 else "JF-B002"
    return (Operation("UNSUPPORTED", Foreign(f"CALL_INTRINSIC_1 {arg}", code, 0, 0)),)


def _return_const(arg: int, operands: Operands) -> tuple[Operation, ...]:
    return (Operation("LOAD_CONST", operands.constants[arg]), Operation("RETURN"))


_EXCEPTIONS = _words("PUSH_EXC_INFO CHECK_EXC_MATCH CHECK_EG_MATCH POP_EXCEPT WITH_EXCEPT_START")
_GENERATORS = _words("GET_AITER GET_ANEXT END_ASYNC_FOR BEFORE_ASYNC_WITH GET_AWAITABLE")
_OTHERS = _words(
    "LOAD_NAME STORE_NAME DELETE_NAME LOAD_BUILD_CLASS SETUP_ANNOTATIONS",
    "MATCH_KEYS MATCH_CLASS",
)
_NUMBERED = _words(
    "BUILD_TUPLE BUILD_LIST BUILD_SET BUILD_MAP BUILD_CONST_KEY_MAP BUILD_SLICE BUILD_STRING",
    "LIST_APPEND SET_ADD MAP_ADD LIST_EXTEND SET_UPDATE DICT_UPDATE DICT_MERGE",
    "LOAD_FAST STORE_FAST DELETE_FAST MAKE_CELL COPY_FREE_VARS LOAD_DEREF STORE_DEREF",
    "DELETE_DEREF COPY SWAP",
)
_PLAIN = _words("PUSH_NULL GET_ITER GET_LEN MATCH_SEQUENCE MATCH_MAPPING")
_NAMED = _words("STORE_GLOBAL DELETE_GLOBAL STORE_ATTR DELETE_ATTR IMPORT_NAME IMPORT_FROM")

_COMMON: dict[str, Rule] = {
    **{name: _op(name, _number) for name in _NUMBERED},
    **{name: _op(name) for name in _PLAIN},
    **{name: _op(name, _name) for name in _NAMED},
    **{name: _foreign(name, "JF-B009") for name in _EXCEPTIONS},
    **{name: _foreign(name, "JF-B012") for name in _GENERATORS},
    **{name: _foreign(name) for name in _OTHERS},
    "BEFORE_WITH": _op("ENTER_WITH"),
    "RAISE_VARARGS": _foreign("RAISE_VARARGS", "JF-B009", "RAISE"),
    "RERAISE": _foreign("RERAISE", "JF-B009", "RAISE"),
    "NOP": _sequence(),
    "RESUME": _sequence(),
    "POP_TOP": _op("POP"),
    "LOAD_CONST": _op("LOAD_CONST", _constant),
    "LOAD_ASSERTION_ERROR": _sequence(Operation("LOAD_CONST", AssertionError)),
    "UNARY_NEGATIVE": _sequence(Operation("UNARY", "-")),
    "UNARY_INVERT": _sequence(Operation("UNARY", "~")),
    "UNARY_NOT": _sequence(Operation("UNARY", "not")),
    "BINARY_OP": _op("BINARY", lambda arg, operands: BINARY_OPERATORS[arg]),
    "BINARY_SUBSCR": _op("GET_ITEM"),
    "STORE_SUBSCR": _op("SET_ITEM"),
    "DELETE_SUBSCR": _op("DELETE_ITEM"),
    "IS_OP": _op("IS", _flag),
    "CONTAINS_OP": _op("CONTAINS", _flag),
    "JUMP_FORWARD": _op("JUMP", _target),
    "JUMP_BACKWARD": _op("JUMP", _target),
    "JUMP_BACKWARD_NO_INTERRUPT": _op("JUMP", _target),
    "FOR_ITER": _op("FOR_ITER", _target),
    "RETURN_VALUE": _op("RETURN"),
    "RETURN_GENERATOR": _op("START_GENERATOR"),
    "YIELD_VALUE": _op("YIELD"),
    "GET_YIELD_FROM_ITER": _op("GET_ITER"),
    "UNPACK_SEQUENCE": _op("UNPACK", _number),
    "UNPACK_EX": _op("UNPACK_EX", lambda arg, operands: (arg & 255, arg >> 8)),
    "CALL": _op("CALL", _number),
    "CALL_FUNCTION_EX": _op("CALL_FUNCTION_EX", _flag),
}

_UNTIL_3_12: dict[str, Rule] = {
    "LOAD_GLOBAL": _load_global(null_first=True),
    "LOAD_CLOSURE": _op("LOAD_FAST", _number),
    "FORMAT_VALUE": _format_value,
    "MAKE_FUNCTION": _make_function,
}

_SINCE_3_12: dict[str, Rule] = {
    "LOAD_FAST_CHECK": _op("LOAD_FAST", _number),
    "LOAD_FAST_AND_CLEAR": _op("LOAD_FAST_AND_CLEAR", _number),
    "RETURN_CONST": _return_const,
    "BINARY_SLICE": _sequence(Operation("BUILD_SLICE", 2), Operation("GET_ITEM")),
    "STORE_SLICE": _sequence(Operation("BUILD_SLICE", 2), Operation("SET_ITEM")),
    "CALL_INTRINSIC_1": _intrinsic,
    "CALL_INTRINSIC_2": _foreign("CALL_INTRINSIC_2"),
    "POP_JUMP_IF_FALSE": _op("JUMP_IF_FALSE", _target),
    "POP_JUMP_IF_TRUE": _op("JUMP_IF_TRUE", _target),
    "POP_JUMP_IF_NONE": _op("JUMP_IF_NONE", _target),
    "POP_JUMP_IF_NOT_NONE": _op("JUMP_IF_NOT_NONE", _target),
    "LOAD_LOCALS": _foreign("LOAD_LOCALS"),
    "LOAD_FROM_DICT_OR_GLOBALS": _foreign("LOAD_FROM_DICT_OR_GLOBALS"),
    "LOAD_FROM_DICT_OR_DEREF": _foreign("LOAD_FROM_DICT_OR_DEREF"),
    "SEND": _op("SEND_ON", _target),
    "END_SEND": _sequence(Operation("SWAP", 2), Operation("POP")),
    "CLEANUP_THROW": _foreign("CLEANUP_THROW", "JF-B012"),
}

_3_11: dict[str, Rule] = {
    **_COMMON,
    **_UNTIL_3_12,
    **{
        f"POP_JUMP_{direction}_IF_{test}": _op(f"JUMP_IF_{test}", _target)
        for direction in ("FORWARD", "BACKWARD")
        for test in ("FALSE", "TRUE", "NONE", "NOT_NONE")
    },
    **{name: _foreign(name) for name in _words("PRINT_EXPR IMPORT_STAR LOAD_CLASSDEREF")},
    "JUMP_IF_FALSE_OR_POP": _op("JUMP_IF_FALSE_OR_POP", _target),
    "JUMP_IF_TRUE_OR_POP": _op("JUMP_IF_TRUE_OR_POP", _target),
    "SEND": _op("SEND", _target),
    "UNARY_POSITIVE": _sequence(Operation("UNARY", "+")),
    "LIST_TO_TUPLE": _op("LIST_TO_TUPLE"),
    "LOAD_ATTR": _op("LOAD_ATTR", _name),
    "LOAD_METHOD": lambda arg, operands: (
        Operation("LOAD_ATTR", operands.names[arg]),
        *_NULL_BELOW,
    ),
    "COMPARE_OP": _compare(shift=0, bool_bit=0),
    "PRECALL": _sequence(),
    "PREP_RERAISE_STAR": _foreign("PREP_RERAISE_STAR", "JF-B009"),
    "ASYNC_GEN_WRAP": _foreign("ASYNC_GEN_WRAP", "JF-B012"),
}

_3_12: dict[str, Rule] = {
    **_COMMON,
    **_UNTIL_3_12,
    **_SINCE_3_12,
    "LOAD_ATTR": _load_attribute("LOAD_ATTR", 1, null_first=True),
    "LOAD_SUPER_ATTR": _load_attribute("LOAD_SUPER_ATTR", 2, null_first=True),
    "COMPARE_OP": _compare(shift=4, bool_bit=0),
    "END_FOR": _sequence(Operation("POP"), Operation("POP")),
}

_3_13: dict[str, Rule] = {
    **_COMMON,
    **_SINCE_3_12,
    "LOAD_GLOBAL": _load_global(null_first=False),
    "LOAD_ATTR": _load_attribute("LOAD_ATTR", 1, null_first=False),
    "LOAD_SUPER_ATTR": _load_attribute("LOAD_SUPER_ATTR", 2, null_first=False),
    "LOAD_FAST_LOAD_FAST": _pair("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": _pair("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": _pair("STORE_FAST", "STORE_FAST"),
    "COMPARE_OP": _compare(shift=5, bool_bit=16),
    "TO_BOOL": _op("TO_BOOL"),
    "END_FOR": _op("POP"),
    "CONVERT_VALUE": _op("CONVERT", lambda arg, operands: (None, "s", "r", "a")[arg]),
    "FORMAT_SIMPLE": _op("FORMAT"),
    "FORMAT_WITH_SPEC": _op("FORMAT_WITH_SPEC"),
    "CALL_KW": _op("CALL_KW", _number),
    "MAKE_FUNCTION": _op("MAKE_FUNCTION"),
    "SET_FUNCTION_ATTRIBUTE": _op("SET_FUNCTION_ATTRIBUTE", _number),
    "EXIT_INIT_CHECK": _foreign("EXIT_INIT_CHECK"),
}


@dataclass(frozen=True)
class Version:
    """The bytecode of one CPython version.

    Attributes
    ----------
    rules : dict
        CPython's instruction names to rules.
    for_iter_skip : int
        Bytes behind ``FOR_ITER``'s target at which execution continues when the loop is done:
        CPython pops the iterator itself and skips ``END_FOR`` (and ``POP_TOP``).
    compensates_sums : bool
        Whether ``sum`` adds floats by Neumaier's method (`builtin_sum_impl`).
    """

    rules: dict[str, Rule]
    for_iter_skip: int
    compensates_sums: bool


VERSIONS: dict[tuple[int, int], Version] = {
    (3, 11): Version(_3_11, 0, False),
    (3, 12): Version(_3_12, 2, True),
    (3, 13): Version(_3_13, 4, True),
}

PREFIXES = frozenset({"KW_NAMES", "PRECALL"})
"""Instructions that belong to the ``CALL`` behind them: no break may fall between."""

BACKWARD = frozenset(name for name in dis.opmap if "BACKWARD" in name)
"""Jumps whose argument counts backwards."""

current = VERSIONS.get(sys.version_info[:2])
"""The running version; None where jitflow does not support it."""


def expand(name: str, arg: int, operands: Operands, keywords: Any = None) -> tuple[Operation, ...]:
    """The normalised operations of one CPython instruction of the running version.

    `keywords` are the names given by a ``KW_NAMES`` before a ``CALL`` (3.11, 3.12).
    """
    assert current is not None
    if keywords is not None and name == "CALL":
        return (Operation("LOAD_CONST", keywords), Operation("CALL_KW", arg))
    rule = current.rules.get(name)
    if rule is None:
        return _foreign(name)(arg, operands)
    return rule(arg, operands)
