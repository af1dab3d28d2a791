"""Floating-point warnings: where native code set flags, what eager NumPy would have said.

Flags of native code are the cheap filter. Where they are set and `numpy.errstate` does not ignore
them, the graph as it was traced is run by the interpreter, and the NumPy calls of the program in
which a flag came up are made again, from frames that look like the program's: NumPy itself warns.
Where a warning may raise, or a handler of the user's is called, the piece is run again by Python
instead, so that nothing happens after it that would not have.
"""

from __future__ import annotations

import contextvars
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.codegen.cpu.entry_spec import CopyLimit
from jitflow.core.dataclass import dataclass, field
from jitflow.core.lazy import LazyModule
from jitflow.ir.flags import can_warn
from jitflow.ir.graph import Graph, Node, Value
from jitflow.ir.passes.dce import without_dead_loops
from jitflow.ir.regions import has_effect
from jitflow.ops.record import Kind
from jitflow.runtime.frames import caller_at
from jitflow.runtime.tracebacks import without_innermost
from jitflow.tracer.trace import OperandSlot, ReturnExit, Trace, UserCall

if TYPE_CHECKING:
    from jitflow.ir import interpreter
else:
    interpreter = LazyModule("jitflow.ir.interpreter")

_KINDS = (
    (1, "divide", "divide by zero"),
    (2, "over", "overflow"),
    (4, "under", "underflow"),
    (8, "invalid", "invalid value"),
)
_UNDERFLOW = 4
_ERROR_STATE: Any = np._core.umath._extobj_contextvar  # type: ignore[attr-defined]
_DEFAULT_STATE = contextvars.Context().run(_ERROR_STATE.get)
_NOTED = {"divide": "call", "over": "call", "invalid": "call"}
_SCALAR_MATH = frozenset(
    {
        *("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power"),
        *("negative", "absolute"),
    }
)


@dataclass(eq=False)
class Flagged:
    """What a segment gives where flags were set.

    `originals` has the contents that written inputs had before, by the place of the input among
    the piece's inputs; None for one that was too large to copy.
    """

    flags: int
    result: Any
    originals: dict[int, np.ndarray | None] = field(default_factory=dict)


class SegmentFlags:
    """Called by a segment's native code with its result where flags are set.

    `kept` are the places, among the piece's inputs, of the copies that come with the result.
    """

    def __init__(self, kept: tuple[int, ...]) -> None:
        self.kept = kept
        self.limit = CopyLimit()

    def __call__(self, flags: int, result: Any, *inputs: Any, **keywords: Any) -> Flagged:
        """The result with its flags, for the piece to decide about at its end."""
        if not self.kept:
            return Flagged(flags, result)
        result, *copies = result
        if flags != _UNDERFLOW:
            self.limit.raise_for_good()
        return Flagged(flags, result, dict(zip(self.kept, copies, strict=True)))


def joined(earlier: Flagged | None, later: Flagged) -> Flagged:
    """The flags of two segments of one piece."""
    if earlier is None:
        return later
    originals = {**earlier.originals, **later.originals}
    return Flagged(earlier.flags | later.flags, None, originals)


@contextmanager
def noted_flags() -> Iterator[list[int]]:
    """Gives a list of the flags that NumPy's loops set in the block; nothing warns."""
    flags: list[int] = []
    with np.errstate(all="call", call=lambda error, flag: flags.append(flag)):
        yield flags


_PYTHON_RUNS = 3
"""How often a piece with loops is left to Python for its warnings; then the interpreter replays.

As often again where that takes too long.
"""

_LONGEST_REPLAY = 0.02
"""Seconds that the interpreter may take to replay loops, each time."""

_LEARNING = 0.5
"""Seconds that it may take for one piece beyond that: what is found to warn is remembered."""


class _Stop(Exception):
    """The replay has come to where the piece is."""


class _TooLong(Exception):
    """The replay of loops takes too long."""


class Replayer:
    """Decides about the flags of one piece.

    Parameters
    ----------
    trace : Trace
    graph : Graph
        The graph as it was traced, before any pass.

    Attributes
    ----------
    constant_flags : int
        The flags that the piece sets at each run though its native code may not.
    prefers_python : bool
        Whether nothing follows the piece: running it again by Python is the cheapest replay,
        unless a call-out would warn again.
    """

    def __init__(self, trace: Trace, graph: Graph) -> None:
        self.namespaces = trace.namespaces
        calls = (*trace.calls, *_calls_without_record(trace, graph)) if trace.kind.is_host else ()
        self.calls: tuple[UserCall, ...] = calls
        watched = {id(node) for call in calls for node in (*call.nodes, call.last)}
        operands = {id(value) for call in calls for value in call.operands}
        self.graph = graph = without_dead_loops(graph, watched, operands)
        self.written = {_position(graph, target) for target, _ in graph.writes}
        self.constant_flags = 0
        self._writes_in_place = not trace.effects and _writes_in_place(graph, self.calls)
        self.prefers_python = isinstance(trace.exit, ReturnExit) and not trace.call_outs
        self.python_runs = 0
        self.learning = _LEARNING
        self.seen: list[UserCall] = []
        self._after: dict[int, list[UserCall]] = {}
        for call in self.calls:
            self._after.setdefault(id(call.last), []).append(call)
        self._kept = {id(value) for call in self.calls for value in call.operands}
        self._has_loops = any(node.operator.kind is Kind.CONTROL for node in graph.nodes)
        self._draws_in_loops = any(node.regions and has_effect(node) for node in graph.nodes)

    @property
    def can_warn(self) -> bool:
        """Whether any operation of the piece can set flags."""
        return bool(self.calls)

    @property
    def kept_inputs(self) -> frozenset[int]:
        """The inputs whose contents must be known as they were, though the piece writes them."""
        if not self.calls or (self._is_plain() and self._writes_in_place):
            return frozenset()
        return frozenset(self.written)

    def settle(
        self,
        flagged: Flagged,
        inputs: Sequence[Any],
        known: Mapping[int, tuple[Any, ...]] | None = None,
        span: tuple[int, int] = (-1, -1),
        can_rerun: bool = True,
        warns: bool = True,
    ) -> bool:
        """Warn as NumPy does; or give True where Python must run the piece again.

        Parameters
        ----------
        flagged : Flagged
            Its originals are by the place of the graph's inputs.
        inputs : sequence
            Values of the graph's inputs.
        known : mapping
            Results of call-outs, by the identity of their attributes.
        span : tuple
            Identities of the attributes of two call-outs: warnings before the first one have been
            given, and the piece has come to the second one.
        can_rerun : bool
            False where a call-out had an effect already.
        warns : bool
            Whether to warn now; otherwise nothing is done but to ask for a second run.
        """
        if flagged.flags == _UNDERFLOW and _ERROR_STATE.get() is _DEFAULT_STATE:
            return False  # the most frequent flag, which NumPy ignores unless told otherwise
        modes: dict[str, str] = {**np.geterr()}  # type: ignore[dict-item]
        wanted = [row for row in _KINDS if flagged.flags & row[0] and modes[row[1]] != "ignore"]
        if not wanted:
            return False
        originals = flagged.originals
        lost = [k for k in self.written if originals.get(k) is None and span[1] == -1]
        if self._is_plain() and lost and warns:
            self._warn_directly(self.calls[:1], wanted, modes)
            return False
        can_rerun = can_rerun and not lost
        if can_rerun and (self._leaves_to_python() or _may_raise(wanted, modes)):
            self._undo(originals, inputs)
            return True
        if not warns:
            return False
        if lost:
            self._warn_directly(self.calls, wanted, modes)
            return False
        values = [originals.get(index, value) for index, value in enumerate(inputs)]
        if self._draws_in_loops or not self._run_again(values, known or {}, span, modes):
            if can_rerun and self.python_runs < 2 * _PYTHON_RUNS:
                self._undo(originals, inputs)
                return True
            self._warn_directly((*self.seen, *self.calls), wanted, modes)
        return False

    def _undo(self, originals: Mapping[int, np.ndarray | None], inputs: Sequence[Any]) -> None:
        """What is written has its contents again, for a run by Python."""
        self.python_runs += 1
        for index, contents in originals.items():
            if contents is not None:
                np.copyto(inputs[index], contents)

    def keep(self, flagged: Flagged, inputs: Sequence[Any]) -> Flagged:
        """`flagged` with copies of the inputs that the rest of the piece writes."""
        originals = {index: np.array(inputs[index], order="K") for index in self.written}
        return Flagged(flagged.flags, None, {**originals, **flagged.originals})

    def _leaves_to_python(self) -> bool:
        """Whether Python runs the piece again, which is slow where it has loops."""
        if self._has_loops:
            return self.python_runs < _PYTHON_RUNS
        return self.prefers_python

    def _is_plain(self) -> bool:
        """Whether flags say all: one element-wise operation can set them.

        Native comparisons of NaN set flags too, though NumPy's do not.
        """
        if len(self.calls) != 1 or len(self.calls[0].nodes) != 1:
            return False
        (node,) = self.calls[0].nodes
        if node.operator.name not in ("add", "subtract", "multiply", "divide"):
            return False
        return all(other is node or _moves_alone(other) for other in self.graph.nodes)

    # The replay

    def _run_again(
        self,
        inputs: Sequence[Any],
        known: Mapping[int, tuple[Any, ...]],
        span: tuple[int, int],
        modes: dict[str, str],
    ) -> bool:
        """Make the calls again that warn; False where loops took too long to come to the end."""
        start, stop = span
        begun = time.thread_time()
        deadline = begun + _LONGEST_REPLAY + self.learning if self._has_loops else math.inf
        flagged: set[int] = set()
        current: list[Node] = []
        delivers = start == -1

        def note(error: str, flag: int) -> None:
            flagged.add(id(current[-1]))

        def before(node: Node) -> tuple[Any, ...] | None:
            nonlocal delivers
            key = id(node.attributes)
            delivers = delivers or key == start
            if key == stop:
                raise _Stop
            if time.thread_time() > deadline:
                raise _TooLong
            current[:] = [node]
            if key in known:
                flagged.add(id(node))  # it ran already: its call decides
            return known.get(key)

        def after(node: Node, values: Mapping[int, Any]) -> None:
            for call in self._after.get(id(node), ()):
                if delivers and _is_due(call, flagged):
                    self._note_seen(call, flagged)
                    with np.errstate(**state):
                        _call_again(call, values)

        state: Any = {**np.geterr(), "call": np.geterrcall()}
        noted: Any = {**_NOTED, "under": "ignore" if modes["under"] == "ignore" else "call"}
        hooks = interpreter.Hooks(before, after, self._kept)
        try:
            with np.errstate(call=note, **noted), suppress(_Stop, interpreter.CheckFailed):
                interpreter.run(self.graph, inputs, hooks=hooks)
        except _TooLong:
            return False
        finally:
            self.learning = max(0.0, self.learning - (time.thread_time() - begun))
        return True

    def _note_seen(self, call: UserCall, flagged: set[int]) -> None:
        """Remember a call that warned: where there is no time for a replay, it is named first."""
        warned = any(id(node) in flagged for node in (*call.nodes, call.last))
        if warned and self._has_loops and not any(call is other for other in self.seen):
            self.seen.append(call)

    def _warn_directly(
        self,
        calls: Sequence[UserCall],
        wanted: list[tuple[int, str, str]],
        modes: dict[str, str],
    ) -> None:
        """Name the first operation that can set each flag: what it computed from is gone."""
        for flag, kind, text in wanted:
            nodes = ((call, node) for call in calls for node in call.nodes)
            found = next((pair for pair in nodes if _can_set(pair[1], flag)), None)
            if found is not None:
                message = f"{text} encountered in {_numpy_name(*found)}"
                _report(found[0], message, modes[kind], flag)


_MOVING = frozenset({Kind.VIEW, Kind.UPDATE, Kind.CREATION})


def _moves_alone(node: Node) -> bool:
    """Whether a node computes nothing from floats that could set a flag."""
    if node.operator.kind in _MOVING:
        return True
    return not any(v.type.dtype.is_float or v.type.dtype.is_complex for v in node.operands)


def _writes_in_place(graph: Graph, calls: Sequence[UserCall]) -> bool:
    """Whether all that is written is what one call writes itself, as in ``x[1:] /= y``.

    Then an exception for its warning leaves the array as it is in eager NumPy.
    """
    if len(calls) != 1 or len(graph.writes) != 1 or len(calls[0].nodes) != 1:
        return False
    ((target, version),), (call,) = graph.writes, calls
    updates = [node for node in graph.nodes if node.operator.kind is Kind.UPDATE]
    if len(updates) == 1 and updates[0].operands[0] is target and updates[0].result is version:
        version = updates[0].operands[1]
    elif updates:
        return False
    owners = [_viewed(call.operands[index]) for index in call.written]
    return version is call.nodes[0].results[0] and any(owner is target for owner in owners)


def _viewed(value: Value) -> Value:
    """The array that a chain of views shows."""
    while value.producer is not None and value.producer.operator.kind is Kind.VIEW:
        value = value.producer.operands[0]
    return value


def _position(graph: Graph, value: Value) -> int:
    return next(index for index, item in enumerate(graph.inputs) if item is value)


def _calls_without_record(trace: Trace, graph: Graph) -> tuple[UserCall, ...]:
    """The nodes that can warn but belong to no noted call: their own meaning is called."""
    noted = {id(node) for call in trace.calls for node in call.nodes}
    found = []
    for node in graph.walk():
        if id(node) in noted or not can_warn(node):
            continue
        slots = tuple(map(OperandSlot, range(len(node.operands))))
        namespace = trace.namespaces.get(node.location.filename, {})
        attributes = dict(node.attributes)
        place = node.location, namespace
        written: frozenset[int] = frozenset()
        call = UserCall(
            node.operator.numpy, slots, attributes, node.operands, written, (node,), node, *place
        )
        found.append(call)
    return tuple(found)


def _may_raise(wanted: list[tuple[int, str, str]], modes: dict[str, str]) -> bool:
    """Whether a warning may become an exception, or code of the user's sees it."""
    if any(modes[kind] != "warn" for _, kind, _ in wanted):
        return True
    for action, message, category, module, line in warnings.filters:
        if issubclass(RuntimeWarning, category):
            if action == "error":
                return True
            if message is None and module is None and line == 0:
                return False  # rules behind one that is for all warnings are not asked
    return False


def _is_due(call: UserCall, flagged: set[int]) -> bool:
    """Whether the call may warn: one operation that set no flag in its own loop does not."""
    if len(call.nodes) == 1 and call.nodes[0].operator.kind is Kind.ELEMENTWISE:
        return id(call.nodes[0]) in flagged
    return True


def _call_again(call: UserCall, values: Mapping[int, Any]) -> None:
    operands = [values[id(value)] for value in call.operands]
    for index in call.written:
        operands[index] = np.array(operands[index])
    arguments = [_filled(item, operands) for item in call.arguments]
    keywords = {name: _filled(item, operands) for name, item in call.keywords.items()}
    function = call.function
    if isinstance(function, FunctionType) and function is call.last.operator.numpy:
        _report_what_it_sets(call, function, arguments, keywords)
        return
    if isinstance(function, str):
        function = getattr(arguments.pop(0), function)
    caller_at(call.location, call.namespace)(function, tuple(arguments), keywords)


def _report_what_it_sets(
    call: UserCall,
    meaning: Callable[..., Any],
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
) -> None:
    """Report the flags of an operator's meaning in Python: NumPy would name a line of ours."""
    found: list[int] = []
    modes: dict[str, str] = {**np.geterr()}  # type: ignore[dict-item]
    noted: Any = {kind: "ignore" if mode == "ignore" else "call" for kind, mode in modes.items()}
    with np.errstate(call=lambda _, flag: found.append(flag), **noted):
        meaning(*arguments, **keywords)
    for flag, kind, text in _KINDS:
        if flag in found:
            message = f"{text} encountered in {_numpy_name(call, call.last)}"
            _report(call, message, modes[kind], flag)


def _filled(item: Any, operands: Sequence[Any]) -> Any:
    if isinstance(item, OperandSlot):
        array = np.asarray(operands[item.index])
        if item.box == "array":
            return array
        return array[()] if item.box == "scalar" else array.item()
    if isinstance(item, (list, tuple)):
        return type(item)(_filled(part, operands) for part in item)
    if isinstance(item, slice):
        return slice(*(_filled(part, operands) for part in (item.start, item.stop, item.step)))
    return item


_DIVISIONS = frozenset(["divide", "floor_divide", "remainder", "fmod", "reciprocal", "power"])
_LOGARITHMS = frozenset(["log", "log2", "log10", "log1p", "arctanh"])
_SUMS = frozenset(
    ["add", "subtract", "multiply", "sum", "cumsum", "prod", "cumprod", "matmul", "determinant"]
)
_ROOTS = frozenset(["sqrt", "arcsin", "arccos", "arccosh", "sin", "cos", "tan", "cast"])
_GROWING = frozenset(["exp", "exp2", "expm1", "sinh", "cosh", "square", "cast"])
_CAN_SET = {
    1: _DIVISIONS | _LOGARITHMS,
    2: _DIVISIONS | _SUMS | _GROWING,
    8: _DIVISIONS | _LOGARITHMS | _SUMS | _ROOTS,
}


def _can_set(node: Node, flag: int) -> bool:
    return node.operator.name in _CAN_SET.get(flag, ())


def _numpy_name(call: UserCall, node: Node) -> str:
    """The name that NumPy's message has for an operation of a call."""
    if node.operator.kind in (Kind.REDUCTION, Kind.SCAN):
        return "reduce" if node.operator.kind is Kind.REDUCTION else "accumulate"
    if node.operator.kind is Kind.LIBRARY:
        return str(node.operator.extra["function"].name)
    slots = [item for item in call.arguments if isinstance(item, OperandSlot)]
    is_scalar = all(item.box != "array" for item in slots) and not isinstance(
        call.function, np.ufunc
    )
    name = node.operator.name
    return f"scalar {name}" if is_scalar and name in _SCALAR_MATH else name


def _report(call: UserCall, text: str, mode: str, flag: int) -> None:
    handler: Any = np.geterrcall()
    caller = caller_at(call.location, call.namespace)
    if mode == "warn":
        caller(warnings.warn, (text, RuntimeWarning), {})
    elif mode == "raise":
        try:
            caller(_raise, (text,), {})
        except FloatingPointError as error:
            without_innermost(error)
            raise
    elif mode == "call":
        caller(handler, (text.partition(" encountered")[0], flag), {})
    elif mode == "print":
        print(f"Warning: {text}")
    elif mode == "log":
        handler.write(f"Warning: {text}\n")


def _raise(text: str) -> None:
    raise FloatingPointError(text)
