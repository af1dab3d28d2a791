"""A variant: one trace, linked; and the state of a compile point, which has several."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.location import Location
from jitflow.guards.checks import ConstantPool
from jitflow.runtime.glue import GlueText
from jitflow.runtime.skipping import Skip
from jitflow.runtime.tree import Select
from jitflow.tracer.rejoin import Round, loop_headers, round_from
from jitflow.tracer.trace import CompilePoint, Trace

_MOST_RARE, _RARELY = 5, 3
"""Variants of a point, and calls of each, from which on another one may pay."""


@dataclass(eq=False)
class Variant:
    """One trace from a compile point, ready to run.

    Attributes
    ----------
    trace : Trace
    function : callable
        ``function(*state)``: the user's value, `driver.Broke`, or a mark of `glue`.
    glue : GlueText
        The text of `function`.
    native : object or None
        The native entry for a whole function, where the piece is simple enough.
    is_poor : bool
        Whether the piece does too little to pay for the way in and out of it.
    """

    trace: Trace
    function: Callable[..., Any]
    glue: GlueText
    native: Any = None
    is_poor: bool = False


@dataclass(eq=False)
class PointState:
    """What the runtime knows of one compile point of one compiled function.

    Attributes
    ----------
    point : CompilePoint
    variants : list of Variant
        Newest first.
    dynamic : set of str
        Sources whose integers are symbolic in the next trace.
    pool : ConstantPool
        Names of the objects that the variants' code refers to.
    select : callable or None
        The decision tree over the variants that have no native entry, where there are several.
    runs_eagerly : bool
        Python runs from here to the end of the call: there is nothing to win.
    skip : Skip or None
        Traces from here that captured nothing before they broke.
    calls : int
        How often Python came here, for a variant or in vain.
    seconds : float
        What its variants took to make.
    """

    point: CompilePoint
    variants: list[Variant] = field(default_factory=list)
    dynamic: set[str] = field(default_factory=set)
    pool: ConstantPool = field(default_factory=ConstantPool)
    select: Select | None = None
    runs_eagerly: bool = False
    skip: Skip | None = None
    is_generic: bool = False
    calls: int = 0
    seconds: float = 0.0

    @cached_property
    def is_header(self) -> bool:
        """Whether a loop of the innermost frame begins here."""
        shape = self.point.frames[-1]
        return shape.offset in loop_headers(shape.code)

    @cached_property
    def round(self) -> Round | None:
        """The way around the loop of the innermost frame that this point is in."""
        shape = self.point.frames[-1]
        return round_from(shape.code, shape.offset)

    @cached_property
    def start(self) -> Location:
        """Where this point is in the user's program."""
        shape = self.point.frames[-1]
        code = shape.code
        line = code.co_firstlineno
        for start, end, number in code.co_lines():
            if start <= shape.offset < end and number is not None:
                line = number
        return Location(code.co_filename, line, code.co_qualname)

    @property
    def is_worthy(self) -> bool:
        """Whether there is a piece from here that is worth its way in and out."""
        return any(not variant.is_poor for variant in self.variants)

    @property
    def changes_always(self) -> bool:
        """Whether most of the variants were made for one call or two."""
        count = len(self.variants)
        return count >= _MOST_RARE and self.calls < _RARELY * count

    @property
    def label(self) -> str:
        """``function:line`` for people."""
        return f"{self.start.function}:{self.start.line}"
