"""Values that pass a region's border: from values to kinds and graph values, and back.

A number or an array is carried by graph values; a tuple by those of its items; any other object
must be the same one on both sides. An array that comes out of a region is a new object: where eager
Python might have kept an older one, its memory is *uncertain*, good for reading alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from jitflow.core import dtypes
from jitflow.core.dataclass import replace
from jitflow.core.dtypes import BOOL, C128, F32, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Value
from jitflow.tracer import arrays, operations
from jitflow.tracer.kinds import (
    Array,
    Either,
    Fixed,
    Group,
    IntOrFloat,
    Kind,
    Listed,
    Made,
    NotSettled,
    Number,
    OrNone,
    Part,
    Perhaps,
    Rest,
    Row,
    Stack,
    Unbound,
    apart,
    text_of,
    types_of,
)
from jitflow.tracer.objects.either import PAIRS, exact_float, exact_single, in_single
from jitflow.tracer.objects.int_or_float import bound_of
from jitflow.tracer.objects.model import IteratorValue
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    EitherValue,
    IntOrFloatValue,
    PerhapsNone,
    PerhapsUnbound,
    PyValue,
    RowsValue,
    ScalarValue,
    SequenceValue,
    Storage,
)

if TYPE_CHECKING:
    from jitflow.tracer import missing, remaining, rolling, shrinking
    from jitflow.tracer.interpreter import Interpreter
    from jitflow.tracer.shrinking import Capacity
else:
    missing = LazyModule("jitflow.tracer.missing")
    remaining = LazyModule("jitflow.tracer.remaining")
    rolling = LazyModule("jitflow.tracer.rolling")
    shrinking = LazyModule("jitflow.tracer.shrinking")

_NUMBERS: dict[type, tuple[str, DType]] = {
    bool: ("bool", BOOL),
    int: ("int", I64),
    float: ("float", F64),
    complex: ("complex", C128),
}


def describe(tracer: Interpreter, value: PyValue) -> Kind:
    """The kind of a value."""
    if isinstance(value, PerhapsUnbound):
        return Perhaps(describe(tracer, value.value))
    if isinstance(value, PerhapsNone):
        return OrNone(describe(tracer, value.value))
    if isinstance(value, RowsValue):
        stack: Stack = value.stack
        return stack
    value = operations.resolve(tracer, value)
    if isinstance(value, ScalarValue):
        return Number(value.box, value.dtype)
    if isinstance(value, EitherValue):
        return Either(value.box, value.dtype)
    if isinstance(value, IntOrFloatValue):
        return IntOrFloat(value.largest)
    if isinstance(value, ConstantValue):
        return _describe_constant(value)
    if isinstance(value, ArrayValue):
        return Array(value.type, arrays.order_of(tracer.context, value))
    if isinstance(value, SequenceValue) and value.kind is not list:
        return Group(value.kind, tuple(describe(tracer, item) for item in value.items))
    if isinstance(value, IteratorValue) and value.is_rest:
        return Rest(remaining.describe(tracer, value))
    return Fixed(value)


def _describe_constant(value: ConstantValue) -> Kind:
    number = value.value
    known = _NUMBERS.get(type(number))
    if known is not None and not (type(number) is int and not -(2**63) <= number < 2**63):
        return Number(*known)
    if isinstance(number, np.generic):
        dtype = dtypes.from_numpy(number.dtype)
        if dtype is not None:
            return Number("scalar", dtype)
    return Fixed(value)


def parts_of(tracer: Interpreter, value: PyValue) -> list[Value]:
    """The graph values that hold a value now, in the block that is being built."""
    if isinstance(value, PerhapsUnbound):
        return [*parts_of(tracer, value.value), value.is_bound]
    if isinstance(value, PerhapsNone):
        return [*parts_of(tracer, value.value), value.is_there]
    if isinstance(value, RowsValue):
        return [*value.buffers, *(() if value.count is None else (value.count,))]
    value = operations.resolve(tracer, value)
    kind = describe(tracer, value)
    if isinstance(kind, Number):
        return [tracer.context.scalar_graph_value(value, kind.dtype)]
    if isinstance(value, EitherValue):
        return [in_single(tracer.context, value), value.is_numpy]
    if isinstance(value, IntOrFloatValue):
        return [value.value, value.is_float]
    if isinstance(value, ArrayValue):
        return [arrays.read(tracer.context, value)]
    if isinstance(kind, Group):
        assert isinstance(value, SequenceValue)
        return [part for item in value.items for part in parts_of(tracer, item)]
    if isinstance(kind, Rest):
        assert isinstance(value, IteratorValue)
        return remaining.parts_of(tracer, value)
    return []


def placeholders(tracer: Interpreter, kind: Kind) -> list[Value]:
    """Graph values of a kind that nobody will look at."""
    emit = tracer.context.builder.emit
    if isinstance(kind, Part):
        room = emit("uninitialised", shape=kind.type.shape, dtype=kind.type.dtype)
        return [room, emit("dimension", dim=0)]
    if isinstance(kind, Group):
        return [part for item in kind.items for part in placeholders(tracer, item)]
    found = []
    for type in types_of(kind):
        zero = np.zeros((), type.dtype.numpy)
        zero.flags.writeable = False
        value = emit("constant", value=zero)
        found.append(emit("full", value, shape=type.shape) if type.shape else value)
    return found


def build(tracer: Interpreter, kind: Kind, parts: Iterator[Value], uncertain: str = "") -> PyValue:
    """A value of a kind from its graph values; why the identity of its arrays is uncertain."""
    if isinstance(kind, Number):
        return ScalarValue(kind.box, kind.dtype, next(parts))
    if isinstance(kind, Either):
        return EitherValue(kind.box, kind.dtype, next(parts), next(parts))
    if isinstance(kind, IntOrFloat):
        return IntOrFloatValue(next(parts), next(parts), kind.largest)
    if isinstance(kind, Array | Part):
        value = next(parts)
        if isinstance(kind, Part):
            value = shrinking.gathered(tracer.context, value, next(parts), kind)
        array = arrays.fresh(tracer.context, value, kind.order)
        array.storage.uncertain = uncertain
        return array
    if isinstance(kind, Group):
        items = [build(tracer, item, parts, uncertain) for item in kind.items]
        return SequenceValue(kind.kind, items)
    if isinstance(kind, Perhaps):
        return PerhapsUnbound(build(tracer, kind.kind, parts, uncertain), next(parts))
    if isinstance(kind, OrNone):
        return PerhapsNone(build(tracer, kind.kind, parts, uncertain), next(parts))
    if isinstance(kind, Stack):
        found = [next(parts) for _ in types_of(kind)]
        count = None if kind.is_full else found.pop()
        return RowsValue(kind, tuple(found), count)
    if isinstance(kind, Rest):
        return remaining.build(kind.tree, parts)
    if isinstance(kind, Listed | Made):
        return rolling.build(tracer, kind, parts, uncertain)
    assert isinstance(kind, Fixed)
    return kind.value


def unified(
    left: Kind,
    right: Kind,
    what: str,
    values: Iterable[PyValue | None] = (),
    capacity: Capacity | None = None,
) -> Kind:
    """The kind of a value that is one of two, which may be `values`; JF-B006 where none is.

    With `capacity` arrays may differ in their number of rows.
    """
    if left == right:
        return left
    if capacity is not None and isinstance(left, Array | Part) and isinstance(right, Array):
        part = shrinking.part_of(left, right, capacity)
        if part is not None:
            return part
    if isinstance(left, Perhaps | Unbound) or isinstance(right, Perhaps | Unbound):
        return missing.perhaps(left, right, what, values, capacity)
    if missing.may_be_none(left) or missing.may_be_none(right):
        return missing.or_none(left, right, what, values, capacity)
    if isinstance(left, Listed) and isinstance(right, Listed):
        return rolling.unified(left, right, what, values, capacity)
    items = _unified_items(left, right, what, values, capacity)
    if items is not None:
        return items
    if _is_int_or_float(left) and _is_int_or_float(right):
        return _int_or_float(left, right, what, values)
    if isinstance(left, Number | Either) and isinstance(right, Number | Either):
        boxes = {kind.box for kind in (left, right)} - {"scalar"}
        dtypes = {kind.dtype for kind in (left, right) if _may_be_numpy(kind)}
        if len(boxes) == len(dtypes) == 1:
            box, dtype = boxes.pop(), dtypes.pop()
            if (box, dtype) in PAIRS or (box in ("float", "int") and dtype is F32):
                return Either(box, dtype)
    raise Unsupported("JF-B006", f"{what} is {text_of(left)} or {text_of(right)}")


def _unified_items(
    left: Kind,
    right: Kind,
    what: str,
    values: Iterable[PyValue | None],
    capacity: Capacity | None,
) -> Kind | None:
    """That of tuples or lists whose items are unified; None of others."""
    if isinstance(left, Row) and isinstance(right, Row) and left.extent == right.extent:
        return Row(unified(left.item, right.item, what, values), left.extent)
    if not (isinstance(left, Group | Made) and type(left) is type(right)):
        return None
    if left.kind is not right.kind or len(left.items) != len(right.items):
        return None
    pairs = zip(left.items, right.items, strict=True)
    items = tuple(
        apart(unified(a, b, what, capacity=capacity), f"{what}[{place}]")
        for place, (a, b) in enumerate(pairs)
    )
    is_unlike = isinstance(left, Made) and isinstance(right, Made) and left.keys != right.keys
    return None if is_unlike else replace(left, items=items)


def known_outside(kind: Kind, what: str, capacity: Capacity) -> Kind:
    """The kind by which a value leaves a region: with no extents but such as are known outside.

    `capacity` gives an extent that is known outside for one that is not, or None.
    """
    if isinstance(kind, Group | Made):
        items = tuple(
            apart(known_outside(item, what, capacity), f"{what}[{place}]")
            for place, item in enumerate(kind.items)
        )
        return replace(kind, items=items)
    if isinstance(kind, Listed):
        return rolling.known_outside(kind, what, capacity)
    if isinstance(kind, OrNone | Perhaps):
        inner = apart(known_outside(kind.kind, what, capacity), f"{what} or not")
        return replace(kind, kind=inner)
    bounds = [[capacity.bound(dim, dim) for dim in type.shape] for type in types_of(kind)]
    if all(bound == list(type.shape) for bound, type in zip(bounds, types_of(kind), strict=True)):
        return kind
    if isinstance(kind, Array):
        part = shrinking.bounded(kind, bounds[0], capacity)
        if part is not None:
            return part
    raise Unsupported("JF-B006", f"the shape of {what} is not known before")


def _is_int_or_float(kind: Kind) -> bool:
    return isinstance(kind, IntOrFloat) or (
        isinstance(kind, Number) and kind.box in ("int", "float")
    )


def _int_or_float(
    left: Kind, right: Kind, what: str, values: Iterable[PyValue | None]
) -> IntOrFloat:
    """The kind of a number that is an int or a float; the ints have to be constants."""
    largest = max((k.largest for k in (left, right) if isinstance(k, IntOrFloat)), default=0)
    if Number("int", I64) in (left, right):
        known = [settled(value) for value in values]
        integers = [v.value for v in known if isinstance(v, ConstantValue) and type(v.value) is int]
        if not integers or any(isinstance(v, ScalarValue) and v.box == "int" for v in known):
            raise NotSettled(f"{what} is {text_of(left)} or {text_of(right)}")
        largest = max(largest, *(bound_of(abs(number)) for number in integers))
    return IntOrFloat(largest)


def made_in(kind: Kind, known: Callable[[PyValue], bool]) -> bool:
    """Whether there is an object in it that is not `known` outside: a region makes no objects."""
    if isinstance(kind, Group | Made):
        return any(made_in(item, known) for item in kind.items)
    return isinstance(kind, Fixed) and not known(settled(kind.value) or kind.value)


def _may_be_numpy(kind: Number | Either) -> bool:
    return isinstance(kind, Either) or kind.box == "scalar"


def converted(tracer: Interpreter, parts: list[Value], kind: Kind, wanted: Kind) -> list[Value]:
    """`parts` of a value of `kind` as those of a kind that `unified` gave, in the block at hand."""
    if kind == wanted:
        return parts
    if isinstance(wanted, Perhaps):
        return missing.perhaps_converted(tracer, parts, kind, wanted)
    if isinstance(wanted, OrNone):
        return missing.or_none_converted(tracer, parts, kind, wanted)
    if isinstance(kind, Group | Made):
        assert isinstance(wanted, Group | Made)
        left = list(parts)
        found = []
        for item, goal in zip(kind.items, wanted.items, strict=True):
            own = [left.pop(0) for _ in types_of(item)]
            found += converted(tracer, own, item, goal)
        return found
    if isinstance(kind, Listed):
        assert isinstance(wanted, Listed)
        return rolling.converted(tracer, parts, kind, wanted)
    if isinstance(kind, Row):
        assert isinstance(wanted, Row)
        return _row_parts(tracer, parts, kind, wanted)
    if isinstance(kind, IntOrFloat):
        return parts  # with a larger bound
    if isinstance(wanted, Part):
        return shrinking.spread(tracer.context, parts[0], wanted)
    assert isinstance(kind, Number)
    assert isinstance(wanted, Either | IntOrFloat)
    emit = tracer.context.builder.emit
    number = parts[0]
    dtype = F64 if isinstance(wanted, IntOrFloat) else wanted.dtype
    if isinstance(wanted, IntOrFloat):
        number = number if kind.dtype is dtype else emit("cast", number, dtype=dtype)
        return [number, tracer.context.truth(kind.box == "float")]
    if kind.dtype is not dtype:
        known = kind.dtype
        number = number if known is F64 else exact_float(tracer.context, number)
        number = exact_single(tracer.context, number) if dtype is F32 else number
    return [number, tracer.context.truth(kind.box == "scalar")]


def _row_parts(tracer: Interpreter, parts: list[Value], kind: Row, wanted: Row) -> list[Value]:
    """Those of a list of numbers as one of ints and floats, or of Python's numbers and NumPy's."""
    item, goal, emit = kind.item, wanted.item, tracer.context.builder.emit
    if item == goal or isinstance(item, IntOrFloat):
        return parts
    is_mixed = isinstance(goal, Either) and isinstance(item, Number) and goal.dtype is item.dtype
    if not (is_mixed or (isinstance(goal, IntOrFloat) and _is_int_or_float(item))):
        raise Unsupported("JF-B006", f"a list of {text_of(item)} and {text_of(goal)}")
    assert isinstance(item, Number)
    numbers = parts[0]
    if isinstance(goal, IntOrFloat) and item.dtype is not F64:
        numbers = emit("cast", numbers, dtype=F64)  # known integers, which are exact
    truth = tracer.context.truth(item.box == ("scalar" if is_mixed else "float"))
    return [numbers, emit("full", truth, shape=numbers.type.shape)]


def origins(found_in: Iterable[ArrayValue]) -> frozenset[Storage]:
    """The memory of some arrays, and what it may be."""
    found: set[Storage] = set()
    for array in found_in:
        found |= {array.storage, *(other for other, _ in array.storage.may_be)}
    return frozenset(found)


def doubt(found_in: Iterable[ArrayValue], others: Iterable[Storage]) -> None:
    """Note what memory the uncertain ones of some arrays may have in eager Python."""
    for array in found_in:
        storage = array.storage
        if storage.uncertain:
            storage.may_be = tuple((o, o.version) for o in others if o is not storage)


def storages_of(value: PyValue | None) -> Iterator[ArrayValue]:
    """The arrays in a value that may be carried."""
    if value is None:
        return
    if isinstance(value, PerhapsUnbound | PerhapsNone):
        value = value.value
    value = settled(value)
    if isinstance(value, ArrayValue):
        yield value
    elif isinstance(value, SequenceValue) and value.kind is not list:
        for item in value.items:
            yield from storages_of(item)
