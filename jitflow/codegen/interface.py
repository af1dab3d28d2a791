"""The border between code generation and the runtime: what is compiled, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.ir.graph import Graph, Node


@dataclass(frozen=True)
class InputSpec:
    """How a graph input arrives.

    `layout` is ``"C"``, ``"F"`` or ``"strided"`` (strides are passed at run time, in bytes), or
    ``"scalar"`` for a number passed by value. `unit_axis` as in `guards.predicates.ArrayFact`.
    """

    dtype: DType
    shape: tuple[Dim, ...]
    layout: str
    unit_axis: int | None = None
    aligned: bool = True

    @property
    def order(self) -> tuple[int, ...]:
        """Axes from the largest stride to the smallest, as far as that is known."""
        axes = tuple(range(len(self.shape)))
        if self.layout == "F":
            return axes[::-1]
        if self.unit_axis is None:
            return axes
        return (*(axis for axis in axes if axis != self.unit_axis), self.unit_axis)


@dataclass(frozen=True)
class OutputSpec:
    """How a graph output leaves: a fresh array in memory order `order` (slowest axis first).

    A rank-0 output is one element in memory, whatever Python sees.
    """

    dtype: DType
    shape: tuple[Dim, ...]
    order: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PythonCall:
    """What native code calls for a node that Python runs.

    Attributes
    ----------
    function : callable
        Takes the operands and gives the result, or a tuple of them if there are several.
    boxes : tuple of str
        How each operand is handed over: ``"array"`` (a copy), ``"scalar"`` (of NumPy), ``"float"``,
        ``"int"``, ``"bool"``, ``"complex"``, or ``"object"``: the operand is the address of one.
    keeps_flags : bool
        Whether floating-point flags that the call leaves are those of the piece.
    """

    function: Callable[..., Any]
    boxes: tuple[str, ...]
    keeps_flags: bool = False


def no_python(node: Node) -> PythonCall:
    """For segments whose nodes all have code."""
    raise LookupError(f"no call for {node.operator}")


@dataclass(frozen=True)
class Segment:
    """The unit of native code: a graph with its calling convention.

    Call-outs stand in regions alone; `python_call` says what is called for them.

    The generated function is::

        i32 @body(inputs..., symbols..., outputs..., ptr arena)

    inputs in order: an array is ``ptr data`` and, when strided, one ``i64`` byte stride for each
    axis; a scalar is its value (``i8`` for bool, two values for complex). symbols: one ``i64`` for
    each symbol of the graph that is defined by an input (`DimensionOf` or `ScalarValue` of an
    input), in order. outputs: ``ptr data`` each, memory that overlaps nothing. `arena` is scratch
    memory, 64-byte aligned. Written inputs (``graph.writes``) are written in place.
    The result is 0, or 1 when a run-time check failed, or 2 when an exception is pending that
    Python must not see twice; then no input has been written.

    `polls`: whether loops may look for signals. A body that does (`Body.polls`) takes one more
    argument behind the arena, an ``i1`` that allows it; where a handler raised, the result is 2,
    and the inputs of `Body.polls` may have been written.
    """

    graph: Graph
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    fastmath: bool = False
    python_call: Callable[[Node], PythonCall] = no_python
    polls: bool = False


@dataclass(frozen=True)
class Body:
    """A compiled segment body, before it is linked behind a native entry.

    Attributes
    ----------
    name : str
        Symbol of the function.
    text : str
        LLVM IR that defines it (and its kernels), with no target lines.
    kernels : str
        LLVM IR of those kernels that no pass is to touch, where there are others; else empty.
    externals : dict
        Symbol name to address, for everything the text declares and the process provides.
    arena : Dim
        Bytes of scratch memory.
    work : Dim
        Estimated nanoseconds of work, which decides about releasing the GIL.
    optimise : int
        0: no LLVM passes (explicit vectors); 2: LLVM's O2 (scalar recurrences).
    effort : int
        Of code generation for `text`: 0 where it is scalar and not worth more, else 2.
    keep : tuple
        Objects that must live as long as the code (constant arrays).
    loops : str
        The loop IR as text, for the report.
    calls_python : bool
        Whether it must hold the GIL.
    polls : tuple of int or None
        Where its loops look for signals: the inputs that it may have written by then.
    """

    name: str
    text: str
    externals: dict[str, int]
    arena: Dim
    work: Dim
    optimise: int = 0
    effort: int = 2
    kernels: str = ""
    keep: tuple[Any, ...] = ()
    loops: str = ""
    calls_python: bool = False
    polls: tuple[int, ...] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
