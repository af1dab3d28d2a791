"""Traced arrays: fresh storage, views, reads and writes, and what may overlap in memory.

An `ArrayValue` is a storage and view steps. Reading emits the view operators on the newest version
of the storage; writing emits `update` with the same steps and makes a new version. The entries of
``ArrayValue.view_call`` are the name of the NumPy method (as in `recipes.ViewOf`) and `PyValue`
arguments, from which the exit rebuilds the view on ``ArrayValue.base``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from jitflow.core import dtypes
from jitflow.core.dataclass import replace
from jitflow.core.devices import HOST
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.core.types import ArrayType
from jitflow.guards.predicates import ArrayFact, Equals, TypeIs
from jitflow.guards.sources import AttributeSource, ItemSource
from jitflow.ir.graph import Value
from jitflow.tracer import facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.layout import Order
from jitflow.tracer.user_calls import silenced
from jitflow.tracer.values import ArrayValue, PyValue, ScalarValue, Storage, ViewStep

_PARTS = ("real", "imag")


class UncertainArray(Unsupported):
    """A write to memory that may be shared with an array that is known elsewhere.

    Or a read after such a write.
    """


def fresh(context: TraceContext, value: Value, order: Order | None = None) -> ArrayValue:
    """A new array that owns its memory and holds `value`, laid out in `order` (default: C)."""
    shape = value.type.shape
    check_size(shape)
    order = layout.c_order(len(shape)) if order is None else order
    storage = Storage(value, order, kind=context.kind or HOST)
    context.storages.append(storage)
    strides = context.contiguous_strides(shape, value.type.dtype, order)
    return ArrayValue(storage, value.type, strides)


_MOST_AXES, _MOST_ITEMS = 64, 2**40
"""``NPY_MAXDIMS``, and a number of elements for which no machine has the memory."""


def check_size(shape: tuple[Dim, ...]) -> None:
    """Decline arrays that NumPy cannot make: it raises ValueError or MemoryError."""
    if len(shape) > _MOST_AXES or math.prod(e for e in shape if isinstance(e, int)) > _MOST_ITEMS:
        raise Unsupported("JF-B009", "Maximum allowed dimension or size exceeded")


def boxed(context: TraceContext, value: Value, order: Order | None = None) -> PyValue:
    """What NumPy gives for a result: a NumPy scalar at rank 0, else a fresh array."""
    if not value.type.shape:
        return ScalarValue("scalar", value.type.dtype, value)
    return fresh(context, value, order)


def constant(context: TraceContext, array: np.ndarray) -> ArrayValue:
    """A new array whose first contents are known."""
    if dtypes.from_numpy(array.dtype) is None:
        raise Unsupported("JF-B007", f"array of {array.dtype}")
    order = layout.copy_order(array.shape, array.strides, array.itemsize)
    contents = np.array(array, order="C", copy=True)
    contents.flags.writeable = False
    return fresh(context, context.builder.emit("constant", value=contents), order)


def known_contents(array: PyValue) -> np.ndarray | None:
    """The contents of an array that is a `constant`, laid out as the program sees it."""
    if not isinstance(array, ArrayValue) or array.views:
        return None
    producer = array.storage.version.producer
    if producer is None or producer.operator.name != "constant":
        return None
    contents: np.ndarray = producer.attributes["value"]
    if array.storage.order == layout.c_order(contents.ndim):
        return contents
    axes = array.storage.order
    copy = np.ascontiguousarray(contents.transpose(axes)).transpose(np.argsort(axes))
    copy.flags.writeable = False
    return copy


def order_of(context: TraceContext, array: ArrayValue) -> Order:
    """Memory order of a copy of `array` with order "K"."""
    shape, strides, itemsize = described(context, array)
    return layout.copy_order(shape, strides, itemsize)


def described(
    context: TraceContext, array: ArrayValue
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shape, strides and item size as they are in the traced call, for the rules of `layout`."""
    return (
        facts.estimates(context, array.shape),
        facts.estimates(context, array.strides),
        array.dtype.itemsize,
    )


def is_contiguous(context: TraceContext, array: ArrayValue, order: str = "C") -> bool:
    """Whether `array` fills its memory in C or F order, relying on what decides it."""
    pin_strides(context, array)
    rank = len(array.shape)
    places = layout.f_order(rank) if order == "F" else layout.c_order(rank)
    if context.contiguous_strides(array.shape, array.dtype, places) == array.strides:
        return True
    if any(facts.decide(context, dim, "==", 0) for dim in array.shape):
        return True
    step: Dim = array.dtype.itemsize
    axes = range(len(array.shape))
    for axis in reversed(axes) if order == "C" else axes:
        if facts.decide(context, array.shape[axis], "==", 1):
            continue
        if not facts.decide(context, array.strides[axis], "==", step, alike=False):
            return False
        step = step * array.shape[axis]
    return True


def pin_strides(context: TraceContext, array: ArrayValue) -> None:
    """Rely on the very strides of a strided input, where the next decision is about them."""
    source = array.storage.source
    if source is None:
        return
    fact = next(f for f in context.inputs if isinstance(f, ArrayFact) and f.source == source)
    if fact.layout != "strided":
        return
    _, real = context.memory[id(array.storage)]
    context.guard(TypeIs(source, fact.kind.type))
    for axis, stride in enumerate(real.strides):
        context.guard(Equals(ItemSource(AttributeSource(source, "strides"), axis), stride))


# Views


def view(
    base: ArrayValue,
    steps: tuple[ViewStep, ...],
    shape: tuple[Dim, ...],
    strides: tuple[Dim, ...],
    method: str,
    arguments: tuple[PyValue, ...] = (),
    *,
    dtype: DType | None = None,
    writeable: bool | None = None,
) -> ArrayValue:
    """A new array object that shares the memory of `base`."""
    return ArrayValue(
        base.storage,
        ArrayType(dtype or base.dtype, shape),
        strides,
        base.views + steps,
        writeable=base.writeable if writeable is None else writeable,
        base=base,
        view_call=(method, arguments),
    )


def read(context: TraceContext, array: ArrayValue) -> Value:
    """The graph value that holds the contents of `array` now."""
    storage = array.storage
    if any(other.version is not before for other, before in storage.may_be):
        raise UncertainArray("JF-B006", f"{storage.uncertain} and has changed since")
    value = storage.version
    for end in range(1, len(array.views) + 1):
        value = _read_step(context, value, array.views[end - 1])
    return value


def _read_step(context: TraceContext, value: Value, step: ViewStep) -> Value:
    name, attributes = step
    block = context.builder.block
    key = (id(value), id(block), name, tuple(attributes.items()))
    known = context.reads.get(key)
    if known is not None:
        result, position, operand = known
        nodes = block.nodes
        if operand is value and position < len(nodes) and nodes[position] is result.producer:
            return result
    position = len(block.nodes)
    result = context.builder.emit(name, value, **attributes)
    context.reads[key] = (result, position, value)
    return result


# Writes


def check_writable(array: ArrayValue) -> None:
    """Decline a write that eager NumPy refuses."""
    if not array.writeable:
        raise Unsupported("JF-B009", "assignment destination is read-only")


def write(context: TraceContext, array: ArrayValue, value: Value) -> None:
    """Make `array` hold `value`, which has its dtype and broadcasts to its shape."""
    check_writable(array)
    parts = [name for name, _ in array.views if name in _PARTS]
    steps = tuple(step for step in array.views if step[0] not in _PARTS)
    if any(name == "strided" for name, _ in steps):
        raise Unsupported("JF-B008", "a write through as_strided")
    if parts:
        value = _with_part(context, array, steps, parts, value)
    version = array.storage.version
    if steps:
        version = context.builder.emit("update", version, value, views=steps)
    elif value.type.shape != version.type.shape:
        version = context.builder.emit("broadcast", value, shape=version.type.shape)
    else:
        version = value
    commit(context, array.storage, version)


def _with_part(
    context: TraceContext,
    array: ArrayValue,
    steps: tuple[ViewStep, ...],
    parts: list[str],
    value: Value,
) -> Value:
    """The complex contents whose real or imaginary part is `value`.

    Taking a part commutes with every view operator, so the part can be the last step.
    """
    if array.storage.version.type.dtype.kind != "c":
        raise Unsupported("JF-B008", "write through .real of a real view")
    whole = array.storage.version
    for step in steps:
        whole = _read_step(context, whole, step)
    emit = context.builder.emit
    if parts[0] == "real":
        return emit("complex", value, emit("imag", whole))
    return emit("complex", emit("real", whole), value)


def commit(context: TraceContext, storage: Storage, version: Value) -> None:
    """Make `version` the newest contents of `storage`."""
    if storage.uncertain:
        raise UncertainArray("JF-B006", f"a write to {storage.uncertain}")
    if storage.ties:
        raise UncertainArray("JF-B006", "a write to an array that may be another one, too,")
    if storage.input is not None:
        _before_input_write(context, storage)
    before = {"version": storage.version, "written": storage.written}
    context.objects.journal.append((storage, before))
    storage.version, storage.written = version, True


def _before_input_write(context: TraceContext, storage: Storage) -> None:
    _, array = context.memory[id(storage)]
    if any(n > 1 and step == 0 for n, step in zip(array.shape, array.strides, strict=True)):
        raise Unsupported("JF-B017", f"{storage.source} overlaps itself")
    for other, memory in context.memory.values():
        if other is not storage and np.may_share_memory(array, memory):
            raise Unsupported("JF-B017", f"{storage.source} and {other.source}")
    for index, value in enumerate(context.builder.graph.inputs):
        fact = context.inputs[index]
        if value is storage.input and isinstance(fact, ArrayFact) and not fact.writeable:
            context.inputs[index] = replace(fact, writeable=True)


@contextmanager
def transaction(context: TraceContext) -> Iterator[None]:
    """Undo writes, checks and calls with an effect when the block raises.

    Other nodes stay: they are dead code, and values made on demand may refer to them.
    """
    journal, block = context.objects.journal, context.builder.block
    mark, nodes, guards = len(journal), len(block.nodes), len(context.guards)
    call_outs, inputs = context.call_outs, list(context.inputs)
    try:
        yield
    except BaseException:
        for target, fields in reversed(journal[mark:]):
            vars(target).update(fields)
        del journal[mark:]
        added = block.nodes[nodes:]
        block.nodes[nodes:] = silenced(added, context.builder.graph.symbols)
        context.drop_guards(guards)
        context.call_outs = call_outs
        context.inputs[: len(inputs)] = inputs
        raise
