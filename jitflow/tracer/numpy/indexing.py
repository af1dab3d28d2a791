"""Subscripts of arrays with integers, slices, None and Ellipsis: views and element access."""

from __future__ import annotations

from typing import Any

from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import F64, I64, DType
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import advanced, keys
from jitflow.tracer.numpy.arguments import is_known, plain, raises, unsupported
from jitflow.tracer.numpy.operands import (
    Operand,
    broadcast_shapes,
    conform,
    emit,
    graph_value,
    operand,
    same_shape,
    undecided,
)
from jitflow.tracer.numpy.scalar_checks import check_fits, stored
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    PyValue,
    ScalarValue,
    ViewStep,
)


@dataclass
class Plan:
    """A basic subscript as a `slice`, then a `squeeze`, then an `expand_dims`."""

    starts: list[Dim] = field(default_factory=list)
    steps: list[Dim] = field(default_factory=list)
    lengths: list[Dim] = field(default_factory=list)
    squeezed: list[int] = field(default_factory=list)
    inserted: list[int] = field(default_factory=list)
    shape: list[Dim] = field(default_factory=list)
    strides: list[Dim] = field(default_factory=list)


def getitem(context: TraceContext, array: ArrayValue, key: PyValue) -> PyValue:
    """``array[key]``: a view, a NumPy scalar, or a fresh array."""
    key = keys.settled(context, key)
    known = _known_item(context, array, key)
    if known is not None:
        return known
    items = keys.parse(context, key, len(array.shape))
    if advanced.is_advanced(items):
        return advanced.read(context, array, items)
    target = basic_view(context, array, items, key)
    scalar = all(isinstance(item, keys.Index) for item in items)
    is_array = keys.has_ellipsis(context, key) or not array.storage.kind.has_scalars
    if scalar and not is_array:
        return ScalarValue("scalar", array.dtype, arrays.read(context, target))
    return target


def _known_item(context: TraceContext, array: ArrayValue, key: PyValue) -> PyValue | None:
    """An integer of a table that is known: it may become an axis, a length or a choice."""
    if len(array.shape) != 1 or array.dtype.kind not in "iu":
        return None
    contents = arrays.known_contents(array)
    if contents is None or not is_known(context, key):
        return None
    index = plain(context, key)
    if type(index) is not int or not -contents.size <= index < contents.size:
        return None
    return ConstantValue(contents[index])


def setitem(context: TraceContext, array: ArrayValue, key: PyValue, value: PyValue) -> None:
    """``array[key] = value``."""
    arrays.check_writable(array)
    key = keys.settled(context, key)
    items = keys.parse(context, key, len(array.shape))
    if advanced.is_advanced(items):
        advanced.write(context, array, items, value)
        return
    if isinstance(value, EitherValue) and array.dtype.kind in "fc":
        exact = value.exact  # either is written as the same number
        value = value.as_numpy if exact is None else ScalarValue("float", F64, exact)
    elif isinstance(value, IntOrFloatValue) and array.dtype.kind in "fc":
        value = ScalarValue("float", F64, value.value)
    source = operand(context, value)
    target = basic_view(context, array, items, key)
    if all(isinstance(item, keys.Index) for item in items) and source.shape and items:
        raise unsupported("an array assigned to one element")
    assign(context, target, source)


def basic_view(
    context: TraceContext, array: ArrayValue, items: list[keys.Item], key: PyValue
) -> ArrayValue:
    """The view that a key without arrays selects."""
    plan = plan_view(context, array, items)
    return arrays.view(
        array,
        view_steps(array.shape, plan),
        tuple(plan.shape),
        tuple(plan.strides),
        "getitem",
        (key,),
    )


def plan_view(context: TraceContext, array: ArrayValue, items: list[keys.Item]) -> Plan:
    """What each axis contributes; arrays among the items count as whole axes."""
    plan = Plan()
    axis = 0
    for item in items:
        if isinstance(item, keys.NewAxis):
            plan.inserted.append(len(plan.shape))
            plan.shape.append(1)
            plan.strides.append(0)
            continue
        count = len(item.array.shape) if isinstance(item, keys.Mask) else 1
        for _ in range(count):
            _plan_axis(context, plan, array, axis, item)
            axis += 1
    return plan


def _plan_axis(
    context: TraceContext, plan: Plan, array: ArrayValue, axis: int, item: keys.Item
) -> None:
    extent, stride = array.shape[axis], array.strides[axis]
    start: Dim = 0
    step: Dim = 1
    length = extent
    if isinstance(item, keys.Index):
        start, length = keys.in_range(context, item, extent), 1
        plan.squeezed.append(axis)
    elif isinstance(item, keys.Range):
        start, step, length = keys.slice_bounds(context, item.key, extent)
    plan.starts.append(start)
    plan.steps.append(step)
    plan.lengths.append(length)
    if not isinstance(item, keys.Index):
        plan.shape.append(length)
        plan.strides.append(stride * step)


def view_steps(shape: tuple[Dim, ...], plan: Plan) -> tuple[ViewStep, ...]:
    """The view operators of a plan."""
    steps: list[tuple[str, dict[str, Any]]] = []
    moved = any(start != 0 for start in plan.starts) or any(step != 1 for step in plan.steps)
    if moved or tuple(plan.lengths) != shape:
        attributes = {
            "starts": tuple(plan.starts),
            "steps": tuple(plan.steps),
            "shape": tuple(plan.lengths),
        }
        steps.append(("slice", attributes))
    if plan.squeezed:
        steps.append(("squeeze", {"axes": tuple(plan.squeezed)}))
    if plan.inserted:
        steps.append(("expand_dims", {"axes": tuple(plan.inserted)}))
    return tuple(steps)


def assign(context: TraceContext, target: ArrayValue, source: Operand) -> None:
    """``target[...] = source``: NumPy's assignment, with its casts and its broadcasting."""
    if source.otherwise is int and target.dtype not in (I64, F64):
        raise undecided()
    if not isinstance(source.value, ArrayValue) and source.weak is None:
        check_fits(context, graph_value(context, source), target.dtype)
    value = fitted(context, source, target.dtype, target.shape)
    arrays.write(context, target, value)


def fitted(context: TraceContext, source: Operand, dtype: DType, shape: tuple[Dim, ...]) -> Value:
    """The value of `source` as `dtype`, broadcasting to exactly `shape`."""
    value = assigned_value(context, source, dtype)
    extra = value.type.rank - len(shape)
    if extra > 0:
        if any(not facts.decide(context, dim, "==", 1) for dim in value.type.shape[:extra]):
            raise raises(f"could not broadcast input array into shape {shape}")
        value = emit(context, "reshape", value, shape=value.type.shape[extra:])
    _rely_on_single(context, value.type.shape, shape)
    if not same_shape(context, broadcast_shapes(context, [value.type.shape, shape]), shape):
        raise raises(f"could not broadcast input array into shape {shape}")
    return conform(context, value, shape)


def _rely_on_single(context: TraceContext, own: tuple[Dim, ...], shape: tuple[Dim, ...]) -> None:
    """Rely on what is assigned to an axis of one element having one, where data decide."""
    for extent, goal in zip(reversed(own), reversed(shape), strict=False):
        is_late = goal == 1 and extent != 1 and facts.is_late_extent(context, extent)
        if is_late and facts.evaluate(context, extent) in (None, 1):
            facts.rely_on(context, extent, "==", 1)


def assigned_value(context: TraceContext, source: Operand, dtype: DType) -> Value:
    """`source` cast to `dtype` as an assignment casts it (casting "unsafe")."""
    if source.dtype.is_complex and not dtype.is_complex and dtype.kind != "b":
        raise unsupported("assignment that discards the imaginary part")
    number = source.value
    if source.weak is float and isinstance(number, ScalarValue):
        check_fits(context, graph_value(context, source), dtype)
    return stored(context, source, dtype)


def length(context: TraceContext, array: ArrayValue) -> Dim:
    """``len(array)``."""
    if not array.shape:
        raise raises("len() of unsized object")
    return array.shape[0]


def rows(context: TraceContext, array: ArrayValue) -> list[PyValue]:
    """The items that iterating over an array gives."""
    extent = length(context, array)
    if not isinstance(extent, int):
        raise unsupported("iteration over an axis of symbolic extent")
    return [getitem(context, array, ConstantValue(index)) for index in range(extent)]
