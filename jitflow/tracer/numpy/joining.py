"""Arrays put together and taken apart: concatenate, stack, split, tile, repeat, pad, meshgrid."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.tracer import arrays, facts, layout
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, shapes, ufuncs, views
from jitflow.tracer.numpy.arguments import is_none, raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.conversion import convert
from jitflow.tracer.numpy.operands import as_array, emit, operand, promoted
from jitflow.tracer.numpy.table import function, function_named
from jitflow.tracer.numpy.ufunc_methods import deliver
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, SequenceValue

_JOIN = "arrays, axis=0, out=None, *, dtype=None, casting='same_kind'"


def sequence_of(context: TraceContext, value: PyValue) -> list[ArrayValue]:
    """The arrays of a sequence of arrays, or the rows of an array."""
    value = context.resolve(value)
    if isinstance(value, ArrayValue):
        from jitflow.tracer.numpy.indexing import rows

        return [as_array(context, row) for row in rows(context, value)]
    return [as_array(context, item) for item in arguments.items_of(context, value, "arrays")]


def _many_rows(context: TraceContext, value: PyValue, *rest: PyValue) -> ArrayValue | None:
    """The array whose rows are joined, where their number is known only at run time.

    None where one of the arguments in `rest` asks for more than that.
    """
    found = context.resolve(value)
    if not isinstance(found, ArrayValue) or not found.shape or isinstance(found.shape[0], int):
        return None
    if not all(is_none(item) for item in rest):
        return None
    facts.rely_on(context, 0, "<", found.shape[0])
    return found


@function_named("concatenate", "concat", signature=_JOIN)
def concatenate(
    context: TraceContext,
    arrays: PyValue,
    axis: PyValue,
    out: PyValue,
    dtype: PyValue,
    casting: PyValue,
) -> PyValue:
    """Arrays one after the other along an axis."""
    table = _many_rows(context, arrays, out, dtype)
    if table is not None and len(table.shape) > 1 and _is_first(context, axis):
        return Composer(context)(np.concatenate, _merged(context, table))
    given = sequence_of(context, arrays)
    if not given:
        raise raises("need at least one array to concatenate")
    if is_none(axis):
        n = Composer(context)
        given = [n.array(n(np.ravel, item)) for item in given]
        axis = ConstantValue(0)
    return joined(context, given, axis, out, dtype, casting)


def _is_first(context: TraceContext, axis: PyValue) -> bool:
    return not is_none(axis) and arguments.constant(context, axis, "axis") == 0


def _merged(context: TraceContext, table: ArrayValue) -> list[ArrayValue]:
    """One array in a list: the rows of `table` one after the other."""
    value = arrays.read(context, table)
    shape = (table.shape[0] * table.shape[1], *table.shape[2:])
    return [arrays.fresh(context, emit(context, "reshape", value, shape=shape))]


def joined(
    context: TraceContext,
    given: list[ArrayValue],
    axis: PyValue,
    out: PyValue,
    dtype: PyValue,
    casting: PyValue,
) -> PyValue:
    """`concatenate` of arrays of one rank."""
    rank = len(given[0].shape)
    if rank == 0:
        raise raises("zero-dimensional arrays cannot be concatenated")
    if any(len(item.shape) != rank for item in given):
        raise raises("all the input array dimensions except for the concatenation axis must match")
    place = arguments.axis(context, axis, rank)
    shape = list(given[0].shape)
    for item in given[1:]:
        _check_extents(context, shape, item, place)
    (target,) = ufuncs.out_arguments(context, out)
    wanted = arguments.dtype(context, dtype)
    if target is not None and wanted is not None:
        raise raises("concatenate() only takes `out` or `dtype` as an argument")
    if wanted is None:
        wanted = target.dtype if target else promoted(*(item.dtype for item in given))
    rule = arguments.constant(context, casting, "casting")
    if not all(np.can_cast(item.dtype.numpy, wanted.numpy, rule) for item in given):
        raise raises("cannot cast according to the rule")
    values = [_conformed(context, item, wanted, shape, place) for item in given]
    value = values[0] if len(values) == 1 else emit(context, "concatenate", *values, axis=place)
    described = [arrays.described(context, item)[:2] for item in given]
    return deliver(context, value, layout.concatenation_order(rank, described), target)


def _check_extents(context: TraceContext, shape: list[Dim], item: ArrayValue, place: int) -> None:
    for axis, extent in enumerate(item.shape):
        if axis != place and not facts.decide(context, shape[axis], "==", extent):
            raise raises(
                "all the input array dimensions except for the concatenation axis must match"
            )


def _conformed(
    context: TraceContext, item: ArrayValue, dtype: DType, shape: list[Dim], place: int
) -> Any:
    value = convert(context, operand(context, item), dtype)
    wanted = (*shape[:place], item.shape[place], *shape[place + 1 :])
    return value if value.type.shape == wanted else emit(context, "reshape", value, shape=wanted)


@function(np.stack, signature=_JOIN)
def stack(
    context: TraceContext,
    arrays: PyValue,
    axis: PyValue,
    out: PyValue,
    dtype: PyValue,
    casting: PyValue,
) -> PyValue:
    """Arrays of one shape along a new axis."""
    table = _many_rows(context, arrays, out, dtype)
    if table is not None:
        n = Composer(context)
        return n(np.copy, n(np.moveaxis, table, 0, axis), order="C")
    given = sequence_of(context, arrays)
    if not given:
        raise raises("need at least one array to stack")
    rank = len(given[0].shape)
    if any(len(item.shape) != rank for item in given):
        raise raises("all input arrays must have the same shape")
    place = arguments.axis(context, axis, rank + 1)
    for item in given[1:]:
        _check_extents(context, list(given[0].shape), item, -1)
    spread = [views.expanded(item, (place,)) for item in given]
    return joined(context, spread, ConstantValue(place), out, dtype, casting)


def _register_stack(names: str, rank: int, axis: int) -> None:
    atleast = getattr(np, f"atleast_{rank}d")

    def handler(context: TraceContext, tup: PyValue, dtype: PyValue, casting: PyValue) -> PyValue:
        n = Composer(context)
        table = _many_rows(context, tup, dtype)
        if table is not None and rank == 2 and len(table.shape) == 2:
            return n(np.copy, table, order="C")
        if table is not None and len(table.shape) == rank + 1:
            return n(np.concatenate, table)
        given = [n.array(n(atleast, item)) for item in sequence_of(context, tup)]
        place = 0 if names == "hstack" and len(given[0].shape) == 1 else axis
        return n(np.concatenate, given, axis=place, dtype=dtype, casting=casting)

    signature = "tup, *, dtype=None, casting='same_kind'"
    function_named(*names.split(), signature=signature)(handler)


_register_stack("vstack", 2, 0)
_register_stack("hstack", 1, 1)


@function(np.dstack, signature="tup")
def dstack(context: TraceContext, tup: PyValue) -> PyValue:
    """Arrays along the third axis."""
    n = Composer(context)
    given = [n(np.atleast_3d, item) for item in sequence_of(context, tup)]
    return n(np.concatenate, given, axis=2)


@function(np.column_stack, signature="tup")
def column_stack(context: TraceContext, tup: PyValue) -> PyValue:
    """Vectors as columns."""
    n = Composer(context)
    columns = []
    for item in sequence_of(context, tup):
        if len(item.shape) < 2:
            row = n(np.array, item, copy=None, ndmin=2)
            columns.append(n.attribute(row, "T"))
        else:
            columns.append(item)
    return n(np.concatenate, columns, axis=1)


@function(np.block, signature="arrays", fold=False)
def block(context: TraceContext, arrays: PyValue) -> PyValue:
    """Nested lists of blocks, joined from the last axis outwards."""
    n = Composer(context)

    def depth(value: PyValue) -> int:
        if isinstance(value, SequenceValue) and value.kind is list:
            return 1 + max(depth(context.resolve(item)) for item in value.items)
        return 0

    levels = depth(arrays)

    def leaves(value: PyValue) -> list[PyValue]:
        if isinstance(value, SequenceValue) and value.kind is list:
            return [leaf for item in value.items for leaf in leaves(context.resolve(item))]
        return [value]

    rank = max(levels, max(n.rank(leaf) for leaf in leaves(arrays)))

    def build(value: PyValue, level: int) -> PyValue:
        if isinstance(value, SequenceValue) and value.kind is list:
            parts = [build(context.resolve(item), level + 1) for item in value.items]
            return n(np.concatenate, parts, axis=level - levels)
        return n(np.array, value, copy=None, ndmin=rank)

    result = build(arrays, 0)
    return n(np.copy, result) if levels == 0 else result


@function(np.append, signature="arr, values, axis=None")
def append(context: TraceContext, arr: PyValue, values: PyValue, axis: PyValue) -> PyValue:
    """Values after the end of an array."""
    n = Composer(context)
    if is_none(axis):
        return n(np.concatenate, [n(np.ravel, arr), n(np.ravel, values)], axis=0)
    return n(np.concatenate, [n.array(arr), n.array(values)], axis=axis)


# Apart


def _split_points(context: TraceContext, sections: PyValue, extent: Dim, equal: bool) -> list[Dim]:
    found = context.resolve(sections)
    if isinstance(found, (SequenceValue, ArrayValue)):
        points = arguments.constant(context, sections, "indices")
        return [0, *points, extent]
    count = arguments.as_int(context, sections, "sections")
    if count <= 0:
        raise raises("number sections must be larger than 0.")
    if not isinstance(extent, int):
        size = facts.divide_exactly(context, extent, count)
        if size is None:
            raise unsupported("split of an axis of symbolic extent")
        return [size * i for i in range(count + 1)]
    if equal and extent % count:
        raise raises("array split does not result in an equal division")
    each, extras = divmod(extent, count)
    sizes = [0, *[each + 1] * extras, *[each] * (count - extras)]
    return [int(point) for point in np.cumsum(sizes)]


_LEAST_AXES = {"vsplit": 2, "dsplit": 3}


def _register_split(name: str, axis: int | None, equal: bool) -> None:
    def handler(
        context: TraceContext, ary: PyValue, indices_or_sections: PyValue, **rest: PyValue
    ) -> PyValue:
        n = Composer(context)
        array = n.array(ary)
        place = axis
        if place is None:
            place = arguments.axis(context, rest["axis"], len(array.shape))
        elif name == "hsplit" and len(array.shape) == 1:
            place = 0
        if len(array.shape) < max(place + 1, _LEAST_AXES.get(name, 1)):
            raise raises(f"{name} only works on arrays of more dimensions")
        points = _split_points(context, indices_or_sections, array.shape[place], equal)
        before = (slice(None),) * place
        parts = [n.item(array, (*before, slice(low, high))) for low, high in pairwise(points)]
        return SequenceValue(list, parts)

    extra = ", axis=0" if axis is None else ""
    function_named(name, signature=f"ary, indices_or_sections{extra}", fold=False)(handler)


for _row in (
    ("split", None, True),
    ("array_split", None, False),
    ("vsplit", 0, True),
    ("hsplit", 1, True),
    ("dsplit", 2, True),
):
    _register_split(*_row)


@function_named("unstack", signature="x, *, axis=0", fold=False)
def unstack(context: TraceContext, x: PyValue, axis: PyValue) -> PyValue:
    """The slices along an axis."""
    n = Composer(context)
    moved = n.array(n(np.moveaxis, x, axis, 0))
    from jitflow.tracer.numpy.indexing import rows

    return SequenceValue(tuple, rows(context, moved))


# Repeated


@function(np.tile, signature="A, reps")
def tile(context: TraceContext, A: PyValue, reps: PyValue) -> PyValue:  # noqa: N803
    """An array repeated along each axis."""
    n = Composer(context)
    array = n.array(A)
    counts = arguments.shape(context, reps, "reps")
    rank = max(len(counts), len(array.shape))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(array.shape)) + array.shape
    if all(count == 1 for count in counts):
        return n(np.array, array, copy=True, ndmin=rank)
    spread: list[Dim] = []
    wide: list[Dim] = []
    for count, extent in zip(counts, shape, strict=True):
        spread += [1, extent]
        wide += [count, extent]
    value = emit(context, "reshape", arrays.read(context, array), shape=tuple(spread))
    value = emit(context, "broadcast", value, shape=tuple(wide))
    final = tuple(count * extent for count, extent in zip(counts, shape, strict=True))
    return arrays.fresh(context, emit(context, "reshape", value, shape=final))


@function(np.repeat, signature="a, repeats, axis=None", method="repeat")
def repeat(context: TraceContext, a: PyValue, repeats: PyValue, axis: PyValue) -> PyValue:
    """Each element several times."""
    n = Composer(context)
    array = n.array(a)
    if is_none(axis):
        array, axis = n.array(n(np.ravel, array)), ConstantValue(0)
    place = arguments.axis(context, axis, len(array.shape))
    if not arguments.is_known(context, repeats):
        from jitflow.tracer.numpy.dependent import repeated

        return repeated(context, array, repeats, place)
    counts = arguments.constant(context, repeats, "repeats")
    if not isinstance(counts, (int, np.integer)):
        return _repeat_each(n, array, counts, place)
    if counts < 0:
        raise raises("repeats may not contain negative values.")
    shape = array.shape
    inner = (*shape[: place + 1], 1, *shape[place + 1 :])
    wide = (*shape[: place + 1], int(counts), *shape[place + 1 :])
    value = emit(context, "reshape", arrays.read(context, array), shape=inner)
    value = emit(context, "broadcast", value, shape=wide)
    final = (*shape[:place], shape[place] * int(counts), *shape[place + 1 :])
    return arrays.fresh(context, emit(context, "reshape", value, shape=final))


def _repeat_each(n: Composer, array: ArrayValue, counts: Any, place: int) -> PyValue:
    extent = array.shape[place]
    if not isinstance(extent, int):
        raise unsupported("repeat with several counts along a symbolic axis")
    try:
        indices = np.repeat(np.arange(extent), counts)
    except (ValueError, TypeError) as error:
        raise raises(str(error)) from None
    return n(np.take, array, arrays.constant(n.context, indices), axis=place)


# Padding


@function(np.pad, signature="array, pad_width, mode='constant', **rest")
def pad(
    context: TraceContext, array: PyValue, pad_width: PyValue, mode: PyValue, **rest: PyValue
) -> PyValue:
    """An array with borders: constant, edge, reflect, symmetric or wrap."""
    n = Composer(context)
    base = n.array(array)
    kind = arguments.constant(context, mode, "mode")
    widths = _pad_widths(context, pad_width, len(base.shape))
    letter = "C"
    if arrays.is_contiguous(context, base, "F") and not arrays.is_contiguous(context, base, "C"):
        letter = "F"
    if kind == "constant":
        return _pad_constant(n, base, widths, letter, rest)
    if rest or kind not in ("edge", "reflect", "symmetric", "wrap"):
        raise unsupported(f"pad with mode {kind!r}")
    result = base
    for axis, (before, after) in enumerate(widths):
        extent = base.shape[axis]
        if not isinstance(extent, int):
            raise unsupported("pad of a symbolic axis")
        if before or after:
            try:
                indices = np.pad(np.arange(extent), (before, after), mode=kind)
            except ValueError as error:  # there is nothing along this axis
                raise raises(str(error)) from None
            result = n.array(n(np.take, result, arrays.constant(context, indices), axis=axis))
    return n(np.array, result, order=letter)


def _pad_widths(context: TraceContext, value: PyValue, rank: int) -> list[tuple[int, int]]:
    found = arguments.constant(context, value, "pad_width")
    if isinstance(found, dict):
        raise unsupported("pad_width as a dictionary")
    try:
        pairs = np.broadcast_to(np.asarray(found), (rank, 2)).tolist()
    except ValueError as error:
        raise raises(str(error)) from None
    if any(not isinstance(width, int) or width < 0 for pair in pairs for width in pair):
        raise raises("index can't contain negative values")
    return [(before, after) for before, after in pairs]


def _pad_constant(
    n: Composer,
    base: ArrayValue,
    widths: list[tuple[int, int]],
    letter: str,
    rest: dict[str, PyValue],
) -> PyValue:
    value = rest.pop("constant_values", ConstantValue(0))
    if rest:
        raise unsupported(f"pad with {', '.join(rest)}")
    shape = tuple(
        extent + before + after for extent, (before, after) in zip(base.shape, widths, strict=True)
    )
    result = n(np.full, shape, 0, dtype=base.dtype.numpy, order=letter)
    if n.rank(value):
        _fill_borders(n, result, widths, value)
    else:
        n.store(result, Ellipsis, value)
    inner = tuple(
        slice(before, before + extent)
        for extent, (before, _) in zip(base.shape, widths, strict=True)
    )
    n.store(result, inner, base)
    return result


def _fill_borders(
    n: Composer, result: PyValue, widths: list[tuple[int, int]], value: PyValue
) -> None:
    """Store a constant for each side of each axis; the last axis has the corners."""
    found = np.asarray(arguments.constant(n.context, value, "constant_values"))
    try:
        pairs = np.broadcast_to(found, (len(widths), 2)).tolist()
    except ValueError as error:
        raise raises(str(error)) from None
    for axis, (before, after) in enumerate(widths):
        ends = (slice(0, before), slice(-after, None)) if after else (slice(0, before),)
        for end, constant in zip(ends, pairs[axis], strict=False):
            n.store(result, (*(slice(None) for _ in range(axis)), end), ConstantValue(constant))


# Grids


@function(np.meshgrid, signature="*xi, copy=True, sparse=False, indexing='xy'")
def meshgrid(
    context: TraceContext, xi: SequenceValue, copy: PyValue, sparse: PyValue, indexing: PyValue
) -> PyValue:
    """Coordinate arrays from coordinate vectors."""
    n = Composer(context)
    style = arguments.constant(context, indexing, "indexing")
    if style not in ("xy", "ij"):
        raise raises("Valid values for `indexing` are 'xy' and 'ij'.")
    count = len(xi.items)
    spread: list[ArrayValue] = []
    for position, item in enumerate(xi.items):
        place = {0: 1, 1: 0}.get(position, position) if style == "xy" and count > 1 else position
        shape = tuple(-1 if axis == place else 1 for axis in range(count))
        spread.append(n.array(n(np.reshape, n.array(item), shape)))
    outputs: list[PyValue] = [*spread]
    if not arguments.flag(context, sparse, "sparse"):
        outputs = [*shapes.spread(context, spread)]
    if arguments.flag(context, copy, "copy"):
        outputs = [n.method(item, "copy") for item in outputs]
    elif any(item not in spread for item in outputs):
        raise unsupported("meshgrid without copies")
    return SequenceValue(tuple, outputs)


@function(np.indices, signature="dimensions, dtype=None, sparse=False")
def indices(context: TraceContext, dimensions: PyValue, dtype: PyValue, sparse: PyValue) -> PyValue:
    """The index of every element of a grid."""
    n = Composer(context)
    if arguments.flag(context, sparse, "sparse"):
        raise unsupported("indices with sparse")
    shape = arguments.sized_shape(context, dimensions)
    wanted = arguments.numpy_dtype(context, dtype) or np.dtype(int)
    rows = []
    for axis, extent in enumerate(shape):
        line = n(np.arange, extent, dtype=wanted)
        spread = tuple(extent if place == axis else 1 for place in range(len(shape)))
        rows.append(n(np.broadcast_to, n(np.reshape, line, spread), shape))
    return n(np.array, rows) if rows else n(np.empty, (0,), dtype=wanted)
