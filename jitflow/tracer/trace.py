"""What the tracer hands to the runtime: compile points, traces and exits, as plain records."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, CodeType
from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.devices import HOST, ArrayKind
from jitflow.core.location import Location
from jitflow.guards.predicates import ArrayFact, Guard, ScalarFact
from jitflow.guards.sources import Source
from jitflow.ir.graph import Graph, Node, Value
from jitflow.tracer.recipes import Effect, Recipe

ANY_VALUE = "any value"
"""Among the integers that are symbolic: those that are so far are fixed to no value again."""


@dataclass(frozen=True)
class FrameShape:
    """The static part of a frame that is suspended or about to run.

    Attributes
    ----------
    code : code object
        The original code (never a continuation's).
    offset : int
        Byte offset of the next instruction; 0 with ``is_entry`` for a function's start.
    bound : tuple of str
        Names of the locals, cells and free variables that have a value, in `co_varnames`,
        `co_cellvars`, `co_freevars` order; a cell or free variable's state value is the cell.
    stack : tuple of bool
        One flag for each operand-stack entry, bottom first: False where it is NULL.
    resume : str
        What happens with the inner frame's result: ``"push"`` it on this frame's operand stack,
        ``"discard"`` it (an inlined ``__init__``, whose instance is already on the stack).
        Innermost frames have ``""``.
    """

    code: CodeType
    offset: int
    bound: tuple[str, ...] = ()
    stack: tuple[bool, ...] = ()
    resume: str = ""


@dataclass(frozen=True)
class CompilePoint:
    """A place where compiled execution starts: frames, outermost first, and their functions.

    The state of a point is one flat tuple: for each frame its bound variables in order, then its
    operand-stack entries that are not NULL. For a function's entry the state is the parameters in
    `co_varnames` order (``*args`` as a tuple, ``**kwargs`` as a dict), and cells do not exist yet;
    `closure` has the function's own cells, in `co_freevars` order.
    """

    frames: tuple[FrameShape, ...]
    globals: tuple[dict[str, Any], ...] = field(compare=False)
    is_entry: bool = False
    closure: tuple[CellType, ...] = field(default=(), compare=False)


@dataclass(eq=False)
class FrameState:
    """A frame at a break: its shape and recipes for its state.

    `variables` follow ``shape.bound``; `stack` follows ``shape.stack`` with `NULL` where False.
    """

    shape: FrameShape
    globals: dict[str, Any]
    variables: tuple[Recipe, ...]
    stack: tuple[Recipe, ...]


@dataclass(eq=False)
class ReturnExit:
    """The piece ends the (outermost) function with `value`."""

    value: Recipe


@dataclass(eq=False)
class BreakExit:
    """The piece ends before an instruction that Python runs: the innermost frame's offset.

    After that one instruction execution continues at the compile point of the next instruction, or
    of the jump's target. ``count`` False marks an exit that is no graph break in the report (a loop
    header that Python iterates).
    """

    code: str
    detail: str
    location: Location
    frames: tuple[FrameState, ...]
    stack: tuple[Location, ...] = ()
    count: bool = True


@dataclass(eq=False)
class EagerExit:
    """Nothing was captured and the rest of the call is better run by Python: no piece at all."""

    code: str
    detail: str
    location: Location


@dataclass(eq=False)
class JumpExit:
    """Execution goes on at the compile point of `frames`: Python runs nothing between."""

    frames: tuple[FrameState, ...]


@dataclass(eq=False)
class SplitExit:
    """The piece ends where data decide at which of several places execution goes on.

    Attributes
    ----------
    arms : tuple of (Recipe or None, ReturnExit or JumpExit)
        The first one is taken whose condition holds; the last one has none.
    code, detail, location
        Why the piece does not go on itself.
    """

    code: str
    detail: str
    location: Location
    arms: tuple[tuple[Recipe | None, ReturnExit | JumpExit], ...]


Exit = ReturnExit | BreakExit | EagerExit | SplitExit


def recipes_of(exit: Exit | JumpExit) -> list[Recipe]:
    """Everything that is made at an exit, in order."""
    if isinstance(exit, ReturnExit):
        return [exit.value]
    if isinstance(exit, EagerExit):
        return []
    if isinstance(exit, SplitExit):
        conditions = [condition for condition, _ in exit.arms if condition is not None]
        return [*conditions, *(recipe for _, arm in exit.arms for recipe in recipes_of(arm))]
    return [item for frame in exit.frames for item in (*frame.variables, *frame.stack)]


@dataclass(frozen=True)
class OperandSlot:
    """The place of operand number `index` in a `UserCall`; `box` as in `recipes.FromGraph`."""

    index: int
    box: str = "array"


@dataclass(eq=False)
class UserCall:
    """A NumPy call, method or operator as the user's program made it: where warnings come from.

    Attributes
    ----------
    function : callable or str
        What was called; the name of a method of the first argument.
    arguments, keywords : tuple, dict
        Known arguments as they are, an `OperandSlot` for each of the others.
    operands : tuple of Value
        Values of the slots, as they were before the call.
    written : frozenset of int
        Operands that the call writes.
    nodes : tuple of Node
        What it became, as far as that can set flags.
    last : Node
        When this node has run, every operand is there.
    location, namespace
        Where the call is, and the globals there.
    """

    function: Callable[..., Any] | str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    operands: tuple[Value, ...]
    written: frozenset[int]
    nodes: tuple[Node, ...]
    last: Node
    location: Location
    namespace: dict[str, Any]


@dataclass(eq=False)
class Trace:
    """The result of tracing one compile point once.

    Attributes
    ----------
    point : CompilePoint
    graph : Graph
        May be without nodes.
    inputs : tuple of ArrayFact or ScalarFact
        One for each graph input, in order, with its source. They are guards too, checked natively
        when the piece starts.
    guards : tuple of Guard
        All other guards, in an order in which they are safe to evaluate.
    effects : tuple of Effect
        Replayed in order after the kernels and before the exit.
    exit : Exit
    call_outs : int
        Call-outs in the graph.
    locations : tuple of Location
        Source lines that were traced, for the report.
    calls : tuple of UserCall
        The NumPy calls that can warn, in order.
    namespaces : dict
        Globals of the code in each file that was traced.
    kind : ArrayKind
        Where its arrays are.
    generators : tuple of (Source, bool)
        The generators of random numbers that were there before and whose state it changes; and
        whether one of the older kind may change the number that it keeps.
    has_handlers : bool
        Whether there are handlers of exceptions in the code that was traced.
    left_loops : dict
        Headers of loops that were left to Python since their iterations are large, and why.
    dynamic : frozenset of str
        Texts of the sources whose integers are symbolic.
    """

    point: CompilePoint
    graph: Graph
    inputs: tuple[ArrayFact | ScalarFact, ...]
    guards: tuple[Guard, ...]
    effects: tuple[Effect, ...]
    exit: Exit
    call_outs: int = 0
    locations: tuple[Location, ...] = ()
    calls: tuple[UserCall, ...] = ()
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    kind: ArrayKind = HOST
    generators: tuple[tuple[Source, bool], ...] = ()
    has_handlers: bool = False
    left_loops: dict[tuple[CodeType, int], str] = field(default_factory=dict)
    dynamic: frozenset[str] = frozenset()
