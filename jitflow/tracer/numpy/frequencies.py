"""Helpers of `numpy.fft`: frequencies of a transform, and spectra shifted to the middle."""

from __future__ import annotations

import numpy as np

from jitflow.tracer import facts
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments
from jitflow.tracer.numpy.arguments import dim_value, unsupported
from jitflow.tracer.numpy.compose import Composer
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import PyValue


def _scale(n: Composer, count: PyValue, d: PyValue) -> PyValue:
    return n.div(1.0, n.mul(count, d))


@function(np.fft.fftfreq, signature="n, d=1.0, device=None")
def fftfreq(context: TraceContext, n: PyValue, d: PyValue, device: PyValue) -> PyValue:
    """Frequencies of a complex transform."""
    compose = Composer(context)
    count = arguments.dim(context, n, "n")
    if not facts.decide(context, 0, "<", count):
        raise unsupported("fftfreq of nothing")
    half = facts.quotient(context, count - 1, 2) + 1
    positive = compose(np.arange, 0, half, dtype=np.int64)
    negative = compose(np.arange, half - count, 0, dtype=np.int64)
    numbers = compose(np.concatenate, [positive, negative])
    return compose.mul(numbers, _scale(compose, dim_value(count), d))


@function(np.fft.rfftfreq, signature="n, d=1.0, device=None")
def rfftfreq(context: TraceContext, n: PyValue, d: PyValue, device: PyValue) -> PyValue:
    """Frequencies of a real transform."""
    compose = Composer(context)
    count = arguments.dim(context, n, "n")
    half = facts.quotient(context, count, 2) + 1
    numbers = compose(np.arange, 0, half, dtype=np.int64)
    return compose.mul(numbers, _scale(compose, dim_value(count), d))


def _register_shift(name: str, inverse: bool) -> None:
    def handler(context: TraceContext, x: PyValue, axes: PyValue) -> PyValue:
        n = Composer(context)
        array = n.array(x)
        places = arguments.axes(context, axes, len(array.shape))
        result: PyValue = array
        for place in places:
            extent = array.shape[place]
            if not isinstance(extent, int):
                raise unsupported(f"{name} along a symbolic axis")
            shift = -(extent // 2) if inverse else extent // 2
            result = n(np.roll, result, shift, axis=place)
        return result if places else n(np.copy, array)

    function(getattr(np.fft, name), signature="x, axes=None")(handler)


_register_shift("fftshift", False)
_register_shift("ifftshift", True)
