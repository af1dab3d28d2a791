"""Functions that NumPy runs itself between compiled segments: sorting, linear algebra, Fourier
transforms, interpolation, histograms. Their result types are probed (`probe`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dataclass import replace
from jitflow.core.dims import Dim
from jitflow.guards.sources import Source
from jitflow.ir.graph import Value
from jitflow.tracer import arrays
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, library, probe
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.numpy.callouts import Callee, RangeOf, Slot, as_it_is, call_out
from jitflow.tracer.numpy.operands import graph_value, operand
from jitflow.tracer.numpy.table import FUNCTIONS, METHODS, Entry, by_name, parse_signature
from jitflow.tracer.objects.model import RangeValue
from jitflow.tracer.values import (
    ArrayValue,
    ConstantValue,
    PyValue,
    ScalarValue,
    SequenceValue,
    SliceValue,
)

_PYTHON_BOXES = {float: "float", int: "int", bool: "bool", complex: "complex"}

_FUNCTIONS = [
    "sort",
    "argsort",
    "partition",
    "argpartition",
    "lexsort",
    "searchsorted",
    "digitize",
    "interp",
    "median",
    "percentile",
    "quantile",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "convolve",
    "correlate",
    "histogram2d",
    "isin",
    "in1d",
    "polyfit",
    "polyder",
    "polyint",
    "unwrap",
    "cov",
    "corrcoef",
    "i0",
    "linalg.inv",
    "linalg.pinv",
    "linalg.solve",
    "linalg.lstsq",
    "linalg.det",
    "linalg.slogdet",
    "linalg.eig",
    "linalg.eigh",
    "linalg.eigvals",
    "linalg.eigvalsh",
    "linalg.svd",
    "linalg.svdvals",
    "linalg.qr",
    "linalg.cholesky",
    "linalg.matrix_rank",
    "linalg.cond",
    "linalg.tensorsolve",
    "linalg.tensorinv",
    "fft.fft",
    "fft.ifft",
    "fft.fft2",
    "fft.ifft2",
    "fft.fftn",
    "fft.ifftn",
    "fft.rfft",
    "fft.irfft",
    "fft.rfft2",
    "fft.irfft2",
    "fft.rfftn",
    "fft.irfftn",
    "fft.hfft",
    "fft.ihfft",
    "apply_over_axes",
    "packbits",
    "unpackbits",
]
_REAL_OR_COMPLEX = (np.linalg.eig, np.linalg.eigvals)
"""Real matrices have real or complex results, as their values are."""
_METHODS = ("argsort", "argpartition", "searchsorted")


def _register() -> None:
    for name in _FUNCTIONS:
        found = by_name(name)
        if found is not None:
            FUNCTIONS[found] = Entry(_handler(found), _ANY, name=f"np.{name}")
    for name in _METHODS:
        METHODS[name] = Entry(_handler(getattr(np, name)), _ANY, name=f"ndarray.{name}")


def _handler(function: Any) -> Any:
    def handler(context: TraceContext, args: SequenceValue, **kwargs: PyValue) -> PyValue:
        return run(context, function, args.items, kwargs)

    return handler


_ANY = parse_signature("*args, **kwargs")


class Template:
    """The arguments of a call, with a slot for each value that the graph has."""

    def __init__(self, context: TraceContext) -> None:
        self.context = context
        self.operands: list[Any] = []
        self.arrays: list[ArrayValue] = []
        self.dims: list[Dim] = []
        self.slots: list[ArrayValue | ScalarValue] = []

    def build(self, value: PyValue) -> Any:
        """The argument as a tree of plain objects and slots."""
        value = self.context.resolve(value)
        if isinstance(value, ArrayValue):
            self.arrays.append(value)
            return self._slot(value, "array", self._order(value))
        if isinstance(value, ScalarValue):
            if value.dtype.is_integer:
                arguments.dim(self.context, value)  # the shape of a result may depend on it
            if value.dim is not None:
                self.dims.append(value.dim)
            return self._slot(value, value.box)
        if isinstance(value, SequenceValue):
            return value.kind(self.build(item) for item in value.items)
        if isinstance(value, SliceValue):
            return arguments.constant(self.context, value, "slice")
        if isinstance(value, ConstantValue):
            return value.value
        if isinstance(value, RangeValue):
            return RangeOf(tuple(map(self.build, (value.start, value.stop, value.step))))
        raise unsupported(f"argument of {value.python_type.__name__}")

    def _slot(self, value: ArrayValue | ScalarValue, box: str, order: tuple[int, ...] = ()) -> Slot:
        self.operands.append(graph_value(self.context, operand(self.context, value)))
        self.slots.append(value)
        return Slot(len(self.operands) - 1, box, order)

    def _order(self, value: ArrayValue) -> tuple[int, ...]:
        """The memory order of a computed array, empty for C; inputs come as they are."""
        if value.source is not None:
            return ()
        order = tuple(arrays.order_of(self.context, value))
        return () if order == tuple(range(len(order))) else order

    def stand_in(self, tree: Any, make: Any) -> Any:
        """The argument with stand-ins in its slots."""
        if isinstance(tree, Slot):
            value = self.slots[tree.index]
            if isinstance(value, ArrayValue) or value.dim is not None:
                return make(value)
            number = value.dtype.numpy.type(0.5 if value.dtype.kind in "fc" else 1)
            return number if value.box == "scalar" else number.item()
        if isinstance(tree, RangeOf):
            return range(*(self.stand_in(part, make) for part in tree.parts))
        if isinstance(tree, (tuple, list)):
            return type(tree)(self.stand_in(item, make) for item in tree)
        return tree


def run(
    context: TraceContext,
    function: Any,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
    probed: Any = None,
    effect: bool = False,
    receiver: Source | None = None,
) -> PyValue:
    """Call `function` between segments; `probed` stands for it in probes (default: itself).

    With a `receiver`, it is the method of its name of the object that is there in each call.
    """
    if "out" in kwargs and not arguments.is_none(kwargs["out"]):
        raise unsupported(f"{getattr(function, '__name__', function)} with out")
    template = Template(context)
    _check_result_type(context, function, args)
    tree = tuple(template.build(value) for value in args)
    keywords = tuple((name, template.build(value)) for name, value in kwargs.items())
    native = library.result_of(context, function, tree, dict(keywords), template.operands)
    if native is not None:
        return arrays.boxed(context, native)
    stand_for = function if probed is None else probed

    def call(make: Any) -> Any:
        plain = [template.stand_in(item, make) for item in tree]
        named = {name: template.stand_in(item, make) for name, item in keywords}
        return stand_for(*plain, **named)

    structure, types = probe.result_types(
        context, call, template.arrays, template.dims, varies=effect
    )
    finish = _flat if isinstance(structure, (tuple, list)) else as_it_is
    callee = Callee(function, tree, keywords, finish, receiver)
    values = call_out(
        context,
        *in_region(context, callee, template.operands),
        [item.dtype for item in types],
        shapes=[item.shape for item in types],
        effect=effect,
    )
    results = iter([_boxed(context, v, t) for v, t in zip(values, types, strict=True)])
    return _structured(structure, results)


def in_region(
    context: TraceContext, callee: Callee, operands: list[Value]
) -> tuple[Callee, list[Value]]:
    """A call with its operands: in a region the receiver is one of them, by its address."""
    if callee.receiver is None or not context.depth:
        return callee, operands
    address = context.made_number(id, callee.receiver)
    return replace(callee, receiver=None, by_address=True), [address, *operands]


def _check_result_type(context: TraceContext, function: Any, args: list[PyValue]) -> None:
    if function in _REAL_OR_COMPLEX and args:
        matrix = context.resolve(args[0])
        if not (isinstance(matrix, ArrayValue) and matrix.dtype.kind == "c"):
            raise unsupported(f"{function.__name__} of a real matrix")


def _flat(result: Any) -> tuple[Any, ...]:
    """Every array of a nested result."""
    return tuple(probe.flatten(result))


def _boxed(context: TraceContext, value: Any, type_: probe.ResultType) -> PyValue:
    if type_.python is np.ndarray:
        return arrays.fresh(context, value, type_.order)
    box = _PYTHON_BOXES.get(type_.python, "scalar")
    return ScalarValue(box, type_.dtype, value)


def _structured(structure: Any, results: Any) -> PyValue:
    if isinstance(structure, (tuple, list)):
        return SequenceValue(type(structure), [_structured(item, results) for item in structure])
    result: PyValue = next(results)
    return result


_register()
