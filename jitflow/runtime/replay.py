"""Floating-point warnings: after a segment set sticky flags, decides what NumPy would have said.

The segment's graph is run again by the reference interpreter, node by node; a node that sets a flag
is reported as `numpy.errstate` asks, at the user's line. Where the piece has written its inputs it
cannot be run again: the first node that can set such a flag is named instead.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core.location import Location
from jitflow.ir import interpreter
from jitflow.ir.graph import Graph, Node
from jitflow.ops.record import Kind

_KINDS = (
    (1, "divide", "divide by zero"),
    (2, "over", "overflow"),
    (4, "under", "underflow"),
    (8, "invalid", "invalid value"),
)
_DIVISIONS = frozenset({"divide", "floor_divide", "remainder"})
_SUMS = frozenset({"add", "subtract", "multiply"})
_SCALAR_MATH = _DIVISIONS | _SUMS | {"power", "negative", "absolute"}
_CAN_SET = {
    1: _DIVISIONS | {"log", "log2", "log10", "log1p", "reciprocal", "power"},
    2: _SUMS | {"exp", "exp2", "expm1", "power", "sinh", "cosh", "square", "cast", "sum"},
    8: _DIVISIONS | _SUMS | {"sqrt", "log", "arcsin", "arccos", "power"},
}


class Replayer:
    """Decides about the flags of one segment; called by native code with its result.

    Parameters
    ----------
    graph : Graph
        The segment's graph.
    arguments : callable
        Gives the graph's input values from the arguments of the native function.
    """

    def __init__(
        self, graph: Graph, arguments: Callable[..., tuple[Any, ...]] | None = None
    ) -> None:
        self.graph = graph
        self.arguments = arguments

    def __call__(self, flags: int, result: Any, *arguments: Any) -> Any:
        """Warn or raise as NumPy does for the operations that set `flags`; returns `result`."""
        modes: dict[str, Any] = {**np.geterr()}
        wanted = [row for row in _KINDS if flags & row[0] and modes[row[1]] != "ignore"]
        if not wanted:
            return result
        inputs = self.arguments(*arguments) if self.arguments else arguments
        if self.graph.writes:
            self._name_candidates(wanted)
        else:
            self._run_again(inputs)
        return result

    def _run_again(self, inputs: tuple[Any, ...]) -> None:
        modes, handler = dict[str, Any](np.geterr()), np.geterrcall()
        current: list[Node] = []

        def before_node(node: Node) -> None:
            current[:] = [node]

        def on_error(error: str, flag: int) -> None:
            _deliver(error, flag, current[0], modes, handler)

        calls = {kind: "ignore" if modes[kind] == "ignore" else "call" for _, kind, _ in _KINDS}
        with np.errstate(call=on_error, **calls):  # type: ignore[arg-type]
            interpreter.run(self.graph, inputs, before_node=before_node)

    def _name_candidates(self, wanted: list[tuple[int, str, str]]) -> None:
        modes, handler = np.geterr(), np.geterrcall()
        for flag, _, text in wanted:
            names = _CAN_SET.get(flag, frozenset())
            loud = (node for node in self.graph.nodes if not node.location.quiet)
            node = next((node for node in loud if node.operator.name in names), None)
            if node is not None:
                _deliver(text, flag, node, modes, handler)


def _deliver(error: str, flag: int, node: Node, modes: Any, handler: Any) -> None:
    kind = next(kind for _, kind, text in _KINDS if text == error)
    mode = "ignore" if node.location.quiet else modes[kind]
    text = f"{error} encountered in {_numpy_name(node)}"
    if mode == "warn":
        _warn(text, node.location)
    elif mode == "raise":
        raise FloatingPointError(text)
    elif mode == "call":
        handler(error, flag)
    elif mode == "print":
        print(f"Warning: {text}")
    elif mode == "log":
        handler.write(f"Warning: {text}\n")


def _numpy_name(node: Node) -> str:
    """The name that NumPy's message has for this operation."""
    name, kind = node.location.operation or node.operator.name, node.operator.kind
    if kind is Kind.REDUCTION or kind is Kind.SCAN:
        return "reduce" if kind is Kind.REDUCTION else "accumulate"
    is_scalar = all(value.type.rank == 0 for value in node.operands)
    return f"scalar {name}" if is_scalar and name in _SCALAR_MATH else name


def _warn(text: str, location: Location) -> None:
    namespace = _namespace_of(location.filename)
    warnings.warn_explicit(
        text,
        RuntimeWarning,
        location.filename,
        location.line,
        module=namespace.get("__name__") or "<unknown>",
        registry=namespace.setdefault("__warningregistry__", {}),
    )


_namespaces: dict[str, dict[str, Any]] = {}


def know_namespace(filename: str, namespace: dict[str, Any]) -> None:
    """Remember the globals of code in `filename`: warnings are filtered in their registry."""
    _namespaces.setdefault(filename, namespace)


def _namespace_of(filename: str) -> dict[str, Any]:
    known = _namespaces.get(filename)
    if known is not None:
        return known
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == filename:
            return vars(module)
    return _namespaces.setdefault(filename, {"__name__": filename})
