"""`sliding_window_view` and `as_strided`: views whose axes run along the same axes of the array."""

from __future__ import annotations

import numpy as np

from jitflow.core.dims import Dim
from jitflow.tracer import arrays, facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import ArrayValue, PyValue


@function(
    np.lib.stride_tricks.sliding_window_view,
    signature="x, window_shape, axis=None, *, subok=False, writeable=False",
    fold=False,
)
def sliding_window_view(
    context: TraceContext,
    x: PyValue,
    window_shape: PyValue,
    axis: PyValue,
    subok: PyValue,
    writeable: PyValue,
) -> PyValue:
    """Windows as new last axes."""
    array = Composer(context).array(x)
    sizes = arguments.shape(context, window_shape, "window_shape")
    rank = len(array.shape)
    if arguments.is_none(axis):
        axes = tuple(range(rank))
    else:
        found = arguments.constant(context, axis, "axis")
        given = found if isinstance(found, tuple | list) else (found,)
        axes = tuple(arguments.normalise_axis(position, rank) for position in given)
    if len(sizes) != len(axes):
        raise raises("Must provide matching length window_shape and axis")
    if arguments.flag(context, subok, "subok") or arguments.flag(context, writeable, "writeable"):
        raise unsupported("sliding_window_view with subok or writeable")
    kept = list(array.shape)
    for size, place in zip(sizes, axes, strict=True):
        if facts.decide(context, size, "<", 0):
            raise raises("`window_shape` cannot contain negative values")
        if facts.decide(context, kept[place], "<", size):
            raise raises("window shape cannot be larger than input array shape")
        kept[place] = kept[place] - size + 1
    shape = (*kept, *sizes)
    strides = (*array.strides, *(array.strides[place] for place in axes))
    step = {"axes": (*range(rank), *axes), "steps": (1,) * len(shape), "shape": shape}
    call = (arguments.shape_value(sizes), arguments.sequence(axes))
    return arrays.view(
        array, (("strided", step),), shape, strides, "sliding_window_view", call, writeable=False
    )


@function(
    np.lib.stride_tricks.as_strided,
    signature="x, shape=None, strides=None, subok=False, writeable=True",
    fold=False,
)
def as_strided(
    context: TraceContext,
    x: PyValue,
    shape: PyValue,
    strides: PyValue,
    subok: PyValue,
    writeable: PyValue,
) -> PyValue:
    """A view with given strides, where these are multiples of the array's own and stay inside."""
    array = Composer(context).array(x)
    arrays.pin_strides(context, array)
    extents = array.shape if arguments.is_none(shape) else arguments.shape(context, shape)
    given = array.strides
    if not arguments.is_none(strides):
        given = arguments.shape(context, strides, "strides")
    if arguments.flag(context, subok, "subok"):
        raise unsupported("as_strided with subok")
    if len(extents) != len(given):
        raise raises("strides is incompatible with shape of requested array")
    places = [_place(context, array, stride) for stride in given]
    _check_inside(context, array, extents, places)
    step = {
        "axes": tuple(axis for axis, _ in places),
        "steps": tuple(step for _, step in places),
        "shape": extents,
    }
    is_writeable = array.writeable and arguments.flag(context, writeable, "writeable")
    call = (arguments.shape_value(extents), arguments.shape_value(given))
    return arrays.view(
        array, (("strided", step),), extents, given, "as_strided", call, writeable=is_writeable
    )


def _place(context: TraceContext, array: ArrayValue, stride: Dim) -> tuple[int, int]:
    """The axis of `array` that a stride runs along, and by how many elements a step."""
    if stride == 0 and array.shape:
        return 0, 0
    axes = [k for k, extent in enumerate(array.shape) if extent != 1]
    for axis in sorted(axes, key=lambda k: -abs(facts.estimate(context, array.strides[k]))):
        own = array.strides[axis]
        steps = None if own == 0 else facts.divide_exactly(context, stride, own)
        if isinstance(steps, int) and steps > 0:
            return axis, steps
    raise unsupported("as_strided with strides that are no multiples of the array's own")


def _check_inside(
    context: TraceContext,
    array: ArrayValue,
    extents: tuple[Dim, ...],
    places: list[tuple[int, int]],
) -> None:
    """Decline what leaves an axis: it would read other rows, or other memory."""
    for axis, own in enumerate(array.shape):
        last: Dim = 0
        for extent, (place, steps) in zip(extents, places, strict=True):
            if place == axis and steps:
                last = last + (extent - 1) * steps
        if not facts.decide(context, last, "<", own):
            raise unsupported("as_strided beyond an axis of the array")
