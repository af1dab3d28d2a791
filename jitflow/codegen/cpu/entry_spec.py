"""What a native entry is asked to do, as plain data: parameters, facts, results, ways out.

The facts are guards of `guards.predicates`; `StateSource(k)` is parameter number k.
"""

from __future__ import annotations

import ctypes
from types import FunctionType
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.guards.predicates import ArrayFact, Guard, ScalarFact
from jitflow.guards.sources import Source

DIVIDE, OVERFLOW, UNDERFLOW, INVALID = 1, 2, 4, 8
"""Floating-point flags, numbered as NumPy numbers them."""


@dataclass(frozen=True)
class Parameters:
    """How the arguments of a call bind to the parameters of an entry.

    Without names, a call passes exactly `count` positional arguments. `of` gives the parameters of
    a Python function: keyword arguments and defaults are then bound natively too.

    Attributes
    ----------
    count : int
    names : tuple of str
        Names that keywords may use; empty where only positions count.
    positional_only, keyword_only : int
        How many of the first (last) parameters take no keyword (no position).
    function : function or None
        Its defaults stand in for missing arguments.
    """

    count: int
    names: tuple[str, ...] = ()
    positional_only: int = 0
    keyword_only: int = 0
    function: FunctionType | None = None

    @classmethod
    def of(cls, function: FunctionType) -> Parameters | None:
        """Parameters of `function`; None where it has ``*args`` or ``**kwargs``."""
        code = function.__code__
        if code.co_flags & 0x0C:  # CO_VARARGS | CO_VARKEYWORDS
            return None
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[:count]
        only = code.co_posonlyargcount, code.co_kwonlyargcount
        return cls(count, names, *only, function=function)


@dataclass(frozen=True)
class Result:
    """Base of what a native entry returns."""


@dataclass(frozen=True)
class Output(Result):
    """Output number `index` of the segment.

    `box` is as in `tracer.recipes.FromGraph`: ``"array"``, ``"scalar"`` (NumPy's), ``"float"``,
    ``"int"``, ``"bool"`` or ``"complex"``.
    """

    index: int
    box: str = "array"


@dataclass(frozen=True)
class TupleOf(Result):
    """A new tuple."""

    items: tuple[Result, ...]


@dataclass(frozen=True, eq=False)
class Known(Result):
    """An object known when the entry is made, such as None."""

    value: Any


@dataclass(frozen=True)
class Existing(Result):
    """The object at `source`: an argument is returned as itself."""

    source: Source


@dataclass(frozen=True)
class NativeEntry:
    """A linked entry: its address, and what must live as long as anything may call it."""

    address: int
    keep: tuple[Any, ...] = field(repr=False, default=())


class CopyLimit:
    """Bytes of an input up to which an entry copies it, where machine code and Python find them.

    Everything is copied in the first run, and in every run after `raise_for_good`; else what is
    cheap to copy.
    """

    FIRST = 2**62
    ALWAYS = 2**63 - 1

    def __init__(self) -> None:
        self._cell = ctypes.c_int64(self.FIRST)
        self.address = ctypes.addressof(self._cell)

    def raise_for_good(self) -> None:
        """Copy always: what a run has overwritten was missed."""
        self._cell.value = self.ALWAYS


@dataclass(frozen=True, eq=False)
class EntrySpec:
    """Everything about a native entry that the segment does not say.

    Attributes
    ----------
    name : str
        Name for people.
    parameters : Parameters
    inputs : tuple of ArrayFact or ScalarFact
        One for each input of the segment, in order, with its source.
    result : Result
    guards : tuple of Guard
        Other facts, in an order in which they are safe to check; they are checked first, but for
        `NoOverlap` and `Relation`, which come after the inputs. See `entry.supports`.
    fallback : callable, NativeEntry or None
        Called with the same arguments where a fact does not hold.
    on_failed_check : callable or None
        Called with the same arguments where the body's run-time check failed; None: `fallback`.
    on_flags : callable or None
        ``on_flags(flags, result, *arguments)`` gives the result where the body set any of `flags`.
    kept : tuple of int
        Inputs, arrays that the body writes, of which `on_flags` wants the contents from before:
        its `result` is then a tuple of the result and a copy of each (None for a large one).
    limit : CopyLimit or None
        The size up to which an input is copied for that.
    flags : int
        Floating-point flags that matter: a sum of `DIVIDE`, `OVERFLOW`, `UNDERFLOW`, `INVALID`.
    checked : bool
        False where the caller promises every fact and the number of arguments.
    """

    name: str
    parameters: Parameters
    inputs: tuple[ArrayFact | ScalarFact, ...]
    result: Result
    guards: tuple[Guard, ...] = ()
    fallback: Any = None
    on_failed_check: Any = None
    on_flags: Any = None
    kept: tuple[int, ...] = ()
    limit: CopyLimit | None = None
    flags: int = DIVIDE | OVERFLOW | UNDERFLOW | INVALID
    checked: bool = True
