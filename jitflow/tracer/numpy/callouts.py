"""Call-outs: NumPy functions that a piece calls with whole arrays, with known result types."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.core.types import ArrayType
from jitflow.guards.sources import Source
from jitflow.ir.graph import Value
from jitflow.tracer.context import TraceContext


@dataclass(frozen=True, eq=False)
class Slot:
    """The place of operand number `index` in a call; `box` as in `recipes.FromGraph`.

    An array comes in memory order `order` where that is not empty: what NumPy makes of it may be in
    the same order.
    """

    index: int
    box: str = "array"
    order: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class RangeOf:
    """A `range` in a call; its parts may be slots."""

    parts: tuple[Any, ...]


def as_it_is(result: Any) -> Any:
    """`result`: most functions give the arrays themselves."""
    return result


@dataclass(frozen=True, eq=False)
class Callee:
    """A function with the arguments that are known, called with those that are not."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...] = ()
    finish: Callable[[Any], Any] = as_it_is
    """What makes the results of the call-out of the function's result."""
    receiver: Source | None = None
    """Where the object comes from whose method of the function's name is called instead."""
    by_address: bool = False
    """Whether the first operand is the address of that object: in a region, which takes numbers."""

    @property
    def __name__(self) -> str:
        owner = getattr(self.function, "__self__", None)
        name = getattr(self.function, "__name__", None) or shown(self.function)
        if owner is None:
            return str(name)
        return f"{getattr(owner, '__name__', type(owner).__name__)}.{name}"

    def __call__(self, *arrays: np.ndarray) -> Any:
        """Call the function; operands of rank 0 come as the numbers that they are."""
        function, arguments, keywords = self.bound(arrays)
        return self.finish(function(*arguments, **keywords))

    def bound(
        self, arrays: Sequence[np.ndarray]
    ) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """The function with all its arguments, for a caller of its own.

        With a receiver, it is the first of the `arrays`.
        """
        called = self.function
        if self.receiver is not None or self.by_address:
            owner, *arrays = arrays
            owner = object_at(int(owner)) if self.by_address else owner
            called = getattr(owner, called.__name__)
        arguments = tuple(_fill(item, arrays) for item in self.arguments)
        return called, arguments, {k: _fill(v, arrays) for k, v in self.keywords}


def object_at(address: int) -> Any:
    """The object at an address; somebody holds it."""
    return ctypes.cast(address, ctypes.py_object).value


def _fill(item: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(item, Slot):
        array = arrays[item.index]
        if item.box == "array":
            return in_order(array, item.order) if item.order else array
        scalar = np.asarray(array)[()]
        return scalar if item.box == "scalar" else scalar.item()
    if isinstance(item, RangeOf):
        return range(*(_fill(part, arrays) for part in item.parts))
    if isinstance(item, (list, tuple)):
        return type(item)(_fill(part, arrays) for part in item)
    return item


def in_order(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """`array`, copied where it is not contiguous in that order already."""
    turned = array.transpose(order)
    if turned.flags.c_contiguous:
        return array
    return np.ascontiguousarray(turned).transpose(np.argsort(order))


def call_out(
    context: TraceContext,
    function: Callable[..., Any],
    operands: Sequence[Value],
    results: Sequence[DType],
    shape: tuple[Dim, ...] | None = None,
    *,
    shapes: Sequence[tuple[Dim, ...]] | None = None,
    effect: bool = False,
) -> list[Value]:
    """Call `function` with the operands; `shape` (or one of `shapes` each) is that of the results.

    Without a shape the results have that to which the operands broadcast.
    """
    if context.kind is not None and not context.kind.is_host:
        raise Unsupported("JF-B024", f"{getattr(function, '__name__', function)} runs on the host")
    if shapes is None:
        if shape is None:
            shape = broadcast_types(operands)
        shapes = [shape] * len(results)
    types = tuple(ArrayType(d, s) for d, s in zip(results, shapes, strict=True))
    try:
        values = context.builder.emit_many(
            "call_out", *operands, function=function, types=types, effect=effect
        )
    except (KeyError, TypeError) as error:
        raise Unsupported("JF-B008", str(error)) from None
    context.call_outs += 1
    return list(values)


def broadcast_types(operands: Sequence[Value]) -> tuple[Dim, ...]:
    """The shape of an element-wise result of operands that conform."""
    rank = max((value.type.rank for value in operands), default=0)
    result: list[Dim] = [1] * rank
    for value in operands:
        for position, extent in enumerate(value.type.shape, rank - value.type.rank):
            if extent != 1:
                result[position] = extent
    return tuple(result)
