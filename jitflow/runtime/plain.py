"""Plain Python without arrays: which functions have loops of numbers, and when tracing pays.

A function that NumPy is not within reach of (`reach`) mostly has nothing to compile. But loops over
Python numbers win the most. The code is looked at once (`look`): is there a loop with arithmetic,
and does it use anything that numbers do not need? Where all is numbers and one of them is large,
the first call is traced. Else calls run as Python and are timed: compiling begins when they have
taken about as long as compiling does, and ends when it has taken a few times that.
"""

from __future__ import annotations

import builtins
import cmath
import dis
import math
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Literal

from jitflow.core.config import config
from jitflow.runtime.compiled import Compiled

Numbers = Literal["none", "some", "all"]
"""What of a function is numbers: no loop of them, a loop at least, everything."""

_LEAST_SECONDS = 0.05
"""Of eager calls, before a function is compiled."""
_FACTOR = 4.0
"""Compiling may take that many times as long as the eager calls before it."""
_AT_ONCE = 1.0
"""Seconds that it may take where the first call is traced."""
_LARGE = 2000
"""A number that may count iterations which are worth it."""
_MOST_FUNCTIONS = 12
_ITEMS = 8

_NUMBERS = (bool, int, float, complex, type(None))
_MODULES = frozenset({"math", "cmath", "random"})
_OTHER_MODULES = frozenset(
    {
        *("bisect", "collections", "copy", "dataclasses", "functools", "heapq", "itertools"),
        *("operator", "statistics", "sys", "time", "timeit", "typing"),
    }
)
_BUILTINS = frozenset(
    {
        *(abs, bool, complex, divmod, enumerate, float, int, isinstance, len, list, max, min),
        *(pow, print, range, reversed, round, sum, tuple, zip),
    }
)
_OTHER_BUILTINS = frozenset(
    {all, any, callable, dict, filter, hasattr, iter, map, next, set, slice, sorted, str, type}
)
_ATTRIBUTES = frozenset(
    {
        *(*dir(math), *dir(cmath), "append", "real", "imag", "conjugate", "random", "uniform"),
        *("randint", "randrange", "gauss", "normalvariate", "expovariate", "seed"),
    }
)
_OF_TEXT = frozenset(
    {
        *("capitalize", "casefold", "decode", "encode", "endswith", "find", "format", "isalnum"),
        *("isalpha", "isdigit", "islower", "isspace", "isupper", "join", "lower", "lstrip", "read"),
        *("readline", "readlines", "replace", "rfind", "rstrip", "split", "splitlines", "strip"),
        *("startswith", "swapcase", "title", "translate", "upper", "write", "writelines", "zfill"),
    }
)
_OTHER_INSTRUCTIONS = frozenset(
    {
        *("BUILD_MAP", "BUILD_SET", "BUILD_CONST_KEY_MAP", "MAP_ADD", "SET_ADD", "DICT_UPDATE"),
        *("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "STORE_ATTR", "DELETE_ATTR"),
        *("STORE_GLOBAL", "STORE_DEREF", "IMPORT_NAME", "BEFORE_WITH", "CONTAINS_OP"),
        *("BUILD_STRING", "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC"),
    }
)
_SUSPENDS = 0x20 | 0x80 | 0x100 | 0x200  # generators, coroutines: Include/cpython/code.h
_UNBOUND = object()


def look(function: FunctionType) -> Numbers:
    """What of a function, with those of its module that it calls, is numbers."""
    found = _Look()
    try:
        is_known = found.function(function)
    except Exception:  # of a class with a way of its own to be asked
        if config().strict:
            raise
        return "none"
    if not is_known or not (found.loops and found.arithmetic):
        return "none"
    return "all" if found.all_numbers else "some"


def is_large(function: FunctionType, values: tuple[Any, ...]) -> bool:
    """Whether a call of a function that is all numbers tells of many iterations."""
    if not all(map(_is_numeric, values)):
        return False
    named = (function.__globals__.get(name) for name in function.__code__.co_names)
    known = (*values, *function.__code__.co_consts, *named)
    counts = [value for value in known if type(value) is int]
    counts += [len(value) ** 2 for value in values if isinstance(value, list | tuple)]
    return max(counts, default=0) >= _LARGE


def _is_numeric(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(type(item) in _NUMBERS for item in value[:_ITEMS])
    kinds = FunctionType | BuiltinFunctionType | Compiled | range
    return type(value) in _NUMBERS or isinstance(value, kinds)


class Allowance:
    """How long the eager calls of a function took, and what compiling it may take."""

    __slots__ = ("is_at_once", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_at_once = False

    @property
    def is_due(self) -> bool:
        """Whether compiling is worth a try."""
        return self.is_at_once or self.seconds >= _LEAST_SECONDS

    @property
    def limit(self) -> float:
        """Seconds that compiling may take."""
        return max(_FACTOR * self.seconds, _AT_ONCE if self.is_at_once else 0.0)


class _Look:
    def __init__(self) -> None:
        self.seen: set[CodeType] = set()
        self.loops = self.arithmetic = False
        self.all_numbers = True

    def function(self, function: FunctionType) -> bool:
        """Look at a function; False where it has something that has nothing to do with numbers."""
        if function.__code__ in self.seen:
            return True
        if len(self.seen) >= _MOST_FUNCTIONS:
            self.all_numbers = False
            return True
        codes = tuple(_with_nested(function.__code__))
        if not all(map(self._code, codes)):
            return False
        return all(self._named(value, function) for value in _named_values(function, codes))

    def _code(self, code: CodeType) -> bool:
        self.seen.add(code)
        suspends = code.co_flags & _SUSPENDS and code.co_name != "<genexpr>"
        if suspends or not _OF_TEXT.isdisjoint(code.co_names):
            return False
        for instruction in dis.get_instructions(code):
            name = instruction.opname
            self.loops |= "BACKWARD" in name
            self.arithmetic |= name == "BINARY_OP"
            is_attribute = name in ("LOAD_ATTR", "LOAD_METHOD")
            is_other = is_attribute and instruction.argval not in _ATTRIBUTES
            self.all_numbers &= not (is_other or name in _OTHER_INSTRUCTIONS)
        return True

    def _named(self, value: Any, function: FunctionType) -> bool:
        if isinstance(value, ModuleType):
            self.all_numbers &= value.__name__ in _MODULES
            return value.__name__ in _MODULES | _OTHER_MODULES
        if isinstance(value, Compiled):
            value = value._function
        if isinstance(value, FunctionType):
            return self._callee(value, function)
        if isinstance(value, type | BuiltinFunctionType):
            return self._builtin(value)
        self.all_numbers &= value is _UNBOUND or _is_numeric(value)
        return not isinstance(value, str | bytes)

    def _callee(self, callee: FunctionType, function: FunctionType) -> bool:
        if callee.__code__ is function.__code__:
            return False  # recursion is Python's: a frame for each call
        if callee.__globals__ is function.__globals__:
            return self.function(callee)
        self.all_numbers &= callee.__module__ in _MODULES
        return True

    def _builtin(self, value: Any) -> bool:
        is_error = isinstance(value, type) and issubclass(value, BaseException)
        self.all_numbers &= is_error or value in _BUILTINS or value.__module__ in _MODULES
        is_builtin = value.__module__ in ("builtins", "io", "_io")
        return is_error or not is_builtin or value in _BUILTINS | _OTHER_BUILTINS


def _with_nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_nested(constant)


def _named_values(function: FunctionType, codes: tuple[CodeType, ...]) -> Iterator[Any]:
    """What the names of globals and builtins, and the cells, stand for."""
    names = {name for code in codes for name in code.co_names}
    namespace, known = function.__globals__, vars(builtins)
    for name in sorted(names):
        yield namespace.get(name, known.get(name, _UNBOUND))
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue
