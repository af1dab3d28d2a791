"""Runs the call-outs of a piece: from the program's place, with their results checked.

What a call-out gives was worked out when the piece was traced. Where it gives something else, such
as complex eigenvalues, or raises, the result is `FAILED`: Python runs the piece again, and raises
where the program's handlers are. What comes after an effect, which must not happen twice, raises
from the piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.codegen.interface import PythonCall
from jitflow.core import dims
from jitflow.core.errors import JitflowError
from jitflow.core.lazy import LazyModule
from jitflow.core.location import Location
from jitflow.core.types import ArrayType
from jitflow.ir.graph import Node
from jitflow.runtime.frames import expression_at
from jitflow.runtime.marks import FAILED
from jitflow.tracer.numpy.callouts import Callee, RangeOf, Slot, as_it_is, in_order

if TYPE_CHECKING:
    from jitflow.runtime import generators
else:
    generators = LazyModule("jitflow.runtime.generators")


def call_out_function(
    node: Node,
    namespaces: dict[str, dict[str, Any]],
    may_repeat: bool = True,
    may_undo: bool = False,
) -> Callable[..., Any]:
    """What runs a call-out: its function, or the record's NumPy meaning with the attributes.

    It gives an array for one result and a tuple of arrays for any other number; `FAILED` where
    Python should run the piece again, which it may as long as `may_repeat`; where it `may_undo`,
    also after the effect of the call-out itself.
    """
    if node.operator.name == "call_out":
        run = _checked(node, namespaces.get(node.location.filename, {}), may_undo)
    else:
        run = _evaluated(node)
    return _left_to_python(run) if may_repeat else run


def _left_to_python(run: Callable[..., Any]) -> Callable[..., Any]:
    def call(*operands: Any) -> Any:
        try:
            return run(*operands)
        except JitflowError:
            raise
        except Exception:
            return FAILED

    return call


def _evaluated(node: Node) -> Callable[..., Any]:
    meaning, attributes = node.operator.numpy, node.attributes

    def evaluate(*operands: Any) -> Any:
        result = meaning(*operands, **attributes)
        return tuple(map(np.asarray, result)) if type(result) is tuple else np.asarray(result)

    return evaluate


def contiguous(array: np.ndarray) -> np.ndarray:
    """`array` in C order, with its rank, for the segments that take it."""
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def arranged(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """`array` where it lies in memory order `order`, as the call in eager code gives it.

    A call-out's operands may lie in another order than the arrays that the program sees, and many
    functions give their result the order of an operand.
    """
    steps = [abs(array.strides[axis]) for axis in order if array.shape[axis] != 1]
    if array.size == 0 or all(slow >= fast for slow, fast in pairwise(steps)):
        return array
    stored = np.ascontiguousarray(array.transpose(order))
    return np.copy(stored.transpose(np.argsort(order)), order="K")


def _checked(node: Node, namespace: dict[str, Any], may_undo: bool) -> Callable[..., Any]:
    """The call-out's function, called as if from the program: it may warn there."""
    function = node.attributes["function"]
    has_receiver = isinstance(function, Callee) and function.receiver is not None
    finish = function.finish if isinstance(function, Callee) else as_it_is
    from_there = direct_call(function, len(node.operands), node.location, namespace)
    fits = _expectation(node)
    count = len(node.results)
    skipped = int(has_receiver)
    is_done = bool(node.attributes.get("effect")) and not may_undo

    def unexpected() -> Any:
        if is_done:  # which cannot happen twice
            raise JitflowError(f"{function.__name__} gave another type of result than expected")
        return FAILED

    def call(*operands: Any) -> Any:
        result = from_there(*operands)
        if finish is not as_it_is:
            result = finish(result)
        if count == 1 and type(result) is not tuple:
            array = result if type(result) is np.ndarray else np.asarray(result)
            return array if fits((array,), operands, skipped) else unexpected()
        results = result if isinstance(result, tuple) else (result,)
        arrays = tuple(map(np.asarray, results))
        if len(arrays) != count or not fits(arrays, operands, skipped):
            return unexpected()
        return arrays if count != 1 else arrays[0]

    return call


def python_call(namespaces: dict[str, dict[str, Any]], node: Node) -> PythonCall:
    """What native code calls for a call-out in a loop or branch, and with what."""
    count = len(node.results)
    if node.operator.name != "call_out":
        boxes = ["array" if value.type.rank else "scalar" for value in node.operands]
        return PythonCall(_silent(_evaluated(node)), tuple(boxes), keeps_flags=True)
    function = node.attributes["function"]
    namespace = namespaces.get(node.location.filename, {})
    boxes = ["array"] * len(node.operands)
    finish: Callable[[Any], Any] = as_it_is
    if isinstance(function, Callee):
        finish, start = function.finish, int(function.by_address)
        boxes[:start] = ["object"] * start
        for slot in slots_in((function.arguments, tuple(v for _, v in function.keywords))):
            boxes[slot.index + start] = slot.box
    run = direct_call(function, len(node.operands), node.location, namespace, are_boxed=True)
    return PythonCall(generators.unlocked(_finished(run, finish, count)), tuple(boxes))


def slots_in(item: Any) -> Iterator[Slot]:
    """The slots of an argument."""
    if isinstance(item, Slot):
        yield item
    elif isinstance(item, RangeOf):
        yield from slots_in(item.parts)
    elif isinstance(item, (list, tuple)):
        for part in item:
            yield from slots_in(part)


def _finished(
    run: Callable[..., Any], finish: Callable[[Any], Any], count: int
) -> Callable[..., Any]:
    """`run`, whose result is one object, or a tuple of any other number."""
    if count != 1:
        return lambda *operands: tuple(finish(run(*operands)))
    if finish is as_it_is:
        return run

    def call(*operands: Any) -> Any:
        result = finish(run(*operands))
        return result[0] if type(result) is tuple else result

    return call


def _silent(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, whose warnings the piece gives by the processor's flags."""

    def call(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            return run(*operands)

    return call


def direct_call(
    function: Any,
    count: int,
    location: Location,
    namespace: dict[str, Any],
    are_boxed: bool = False,
) -> Callable[..., Any]:
    """``function(*operands)`` as one expression at `location` of the program.

    The known arguments of a `Callee` are written into it; with a receiver, that is the first
    parameter. Where operands `are_boxed`, they are the objects that the program has, not arrays.
    """
    objects: dict[str, Any] = {}

    def name(item: Any) -> str:
        key = f"k{len(objects)}"
        objects[key] = item
        return key

    has_owner = isinstance(function, Callee) and (function.receiver or function.by_address)
    count -= isinstance(function, Callee) and function.by_address
    parameters = [f"o{index}" for index in range(count)]
    if not isinstance(function, Callee):
        text = f"{name(function)}({', '.join(parameters)})"
    else:
        parts = [_argument(item, name, are_boxed) for item in function.arguments]
        parts += [f"{key}={_argument(item, name, are_boxed)}" for key, item in function.keywords]
        called = name(function.function)
        if has_owner:
            parameters.insert(0, "owner")
            called = f"owner.{function.function.__name__}"
        text = f"{called}({', '.join(parts)})"
    return expression_at(location, namespace, parameters, text, objects)


def _argument(item: Any, name: Callable[[Any], str], are_boxed: bool) -> str:
    if isinstance(item, Slot):
        if item.box == "array":
            return (
                f"{name(in_order)}(o{item.index}, {item.order})" if item.order else f"o{item.index}"
            )
        if are_boxed:
            return f"o{item.index}"
        scalar = f"{name(np.asarray)}(o{item.index})[()]"
        return scalar if item.box == "scalar" else f"{scalar}.item()"
    if isinstance(item, RangeOf):
        parts = [_argument(part, name, are_boxed) for part in item.parts]
        return f"{name(range)}({', '.join(parts)})"
    if type(item) in (list, tuple) and item:
        inner = ", ".join(_argument(part, name, are_boxed) for part in item)
        return f"[{inner}]" if type(item) is list else f"({inner},)"
    return name(item)


def _expectation(node: Node) -> Callable[[tuple[np.ndarray, ...], Any, int], bool]:
    """Whether the results of a call are of the types that its node has."""
    types = tuple(value.type for value in node.results)
    taken = tuple(value.type for value in node.operands)
    dtypes = tuple(type_.dtype.numpy for type_ in types)
    shapes = tuple(type_.shape for type_ in types)
    if all(type(dim) is int for shape in shapes for dim in shape):

        def fits(arrays: tuple[np.ndarray, ...], operands: Any, skipped: int) -> bool:
            for array, dtype, shape in zip(arrays, dtypes, shapes):  # noqa: B905  (of equal length)
                if array.shape != shape or array.dtype != dtype:
                    return False
            return True

        return fits

    def are_expected(arrays: tuple[np.ndarray, ...], operands: Any, skipped: int) -> bool:
        return _are_expected(arrays, types, _extents(operands[skipped:], taken))

    return are_expected


def _extents(operands: Iterable[Any], types: Iterable[ArrayType]) -> dict[str, int]:
    """The symbols that are extents of the operands."""
    known: dict[str, int] = {}
    for operand, type_ in zip(operands, types, strict=True):
        for extent, dim in zip(np.shape(operand), type_.shape, strict=True):
            if isinstance(dim, dims.SymbolicDim) and len(dim.symbols()) == 1:
                known[str(dim)] = extent
    return known


def _are_expected(
    arrays: tuple[np.ndarray, ...], types: tuple[ArrayType, ...], known: dict[str, int]
) -> bool:
    if len(arrays) != len(types):
        return False
    for array, type_ in zip(arrays, types, strict=True):
        if array.dtype != type_.dtype.numpy or array.ndim != type_.rank:
            return False
        for extent, dim in zip(array.shape, type_.shape, strict=True):
            if dims.symbols_of(dim) <= known.keys() and dims.evaluate(dim, known) != extent:
                return False
    return True
