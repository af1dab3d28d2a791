"""The state of one trace: the graph under construction, the guards, and the values of inputs.

The interpreter and the NumPy front end share it; neither sees the other's modules through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from jitflow.core import devices, dtypes
from jitflow.core.devices import ArrayKind
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.core.location import Location
from jitflow.core.types import ArrayType
from jitflow.guards.predicates import ArrayFact, Guard, IsThere, NoOverlap, Relation, ScalarFact
from jitflow.guards.sources import (
    ConstantSource,
    DimensionSource,
    ItemSource,
    MadeSource,
    Source,
    items_of,
)
from jitflow.ir.builder import Builder
from jitflow.ir.graph import Value
from jitflow.tracer import marks
from jitflow.tracer.objects.model import LazyValue
from jitflow.tracer.objects.table import ObjectTable
from jitflow.tracer.trace import UserCall
from jitflow.tracer.values import ArrayValue, ConstantValue, PyValue, ScalarValue, Storage


class TraceContext:
    """Everything that a trace accumulates.

    Parameters
    ----------
    name : str
        Qualified name of the function, for the graph.
    dynamic : frozenset of str
        Texts of sources (``x.shape[0]``, ``n``) whose integers are symbolic from the start;
        ``"*"`` makes all of them so; with `ANY_VALUE` none of them is fixed to its value again.

    Attributes
    ----------
    trace_values : dict
        What each symbol is in the call that is traced.
    late_symbols : set of str
        Symbols that a node defines: facts about them are checked by `require`, not by a guard.
    late_extents : frozenset of str
        Those of them that are extents whose value is not known at trace time; 0 and 1 included.
    ceilings : dict
        What some of those do not exceed.
    groups : dict
        Extents of arrays that came over a border together, see `tracer.shrinking`.
    ranges : dict
        Bounds of symbols that run over a range, both included: (lower ones, upper ones); inner
        loops after outer ones.
    is_entry : bool
        Whether the piece begins where the function does.
    made : int
        How many objects the piece makes that come from a `MadeSource`.
    addresses : dict
        Inputs that stand for objects in regions, by their sources.
    depth : int
        How many regions are around the block that is being built.
    generators : dict
        Where the generators of random numbers come from whose state the piece changes, and whether
        one of the older kind may change the number that it keeps.
    memory : dict
        ``id(storage)`` to the storage and the real array, for each input.
    reads : dict
        Views read before, for `tracer.arrays`.
    places : dict
        Where masks are true, for `tracer.numpy.dependent`.
    known_numbers : dict
        Results of arithmetic on Python numbers, for `tracer.objects.equal_numbers`.
    loads : list of LazyValue
        What names and attributes gave that were not looked at before.
    calls : list of UserCall
        The NumPy calls that can warn, in order; `in_call` while one is traced.
    kind : ArrayKind or None
        Where the arrays of the piece are: all are in one memory. None before the first one.
    namespace : dict
        Globals of the code that is traced now; `namespaces` has those of each file.
    resolve : callable
        What a lazy value stands for; the interpreter sets it.
    """

    def __init__(self, name: str, dynamic: frozenset[str] = frozenset()) -> None:
        self.builder = Builder(name)
        self.dynamic = dynamic
        self.guards: list[Guard] = []
        self.inputs: list[ArrayFact | ScalarFact] = []
        self.loads: list[LazyValue] = []
        self.storages: list[Storage] = []
        self.call_outs = 0
        self.objects = ObjectTable()
        self.known_numbers: dict[Any, Any] = {}
        self.trace_values: dict[str, int] = {}
        self.numbers: dict[Source, Any] = {}
        self.spans: dict[int, tuple[Value, tuple[Dim, Dim]]] = {}
        self.late_symbols: set[str] = set()
        self.late_extents: frozenset[str] = frozenset()
        self.ceilings: dict[str, Dim] = {}
        self.groups: dict[str, Dim] = {}
        self.ranges: dict[str, tuple[tuple[Dim, ...], tuple[Dim, ...]]] = {}
        self.addresses: dict[Source, Value] = {}
        self.depth = 0
        self.made = 0
        self.is_entry = True
        self.generators: dict[Source, bool] = {}
        self.memory: dict[int, tuple[Storage, np.ndarray]] = {}
        self.reads: dict[Any, tuple[Value, int, Value]] = {}
        self.places: dict[Any, tuple[Value, Value]] = {}
        self.calls: list[UserCall] = []
        self.in_call = False
        self.kind: ArrayKind | None = None
        self.namespace: dict[str, Any] = {}
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.resolve: Callable[[PyValue], PyValue] = lambda value: value
        self._arrays: dict[int, ArrayValue] = {}
        self._seen_guards: set[Any] = set()
        self._keep: list[Any] = []

    @property
    def location(self) -> Location:
        """Where in the user's source the tracer is."""
        return self.builder.location

    @location.setter
    def location(self, value: Location) -> None:
        self.builder.location = value

    def guard(self, fact: Guard) -> None:
        """Rely on `fact`; the same fact twice is kept once."""
        try:
            if fact in self._seen_guards:
                return
            self._seen_guards.add(fact)
        except TypeError:
            pass
        self.guards.append(fact)

    def presence_guards(self) -> Iterator[IsThere]:
        """The facts that names and attributes are there which were loaded and never looked at."""
        sources = {load.source: None for load in self.loads if load.resolved is None}
        if sources:
            known = {fact.source for fact in (*self.guards, *self.inputs)}
            yield from (IsThere(source) for source in sources if source not in known)

    def drop_guards(self, count: int) -> None:
        """Forget the guards after the first `count`: what relied on them was undone."""
        for fact in self.guards[count:]:
            with suppress(TypeError):
                self._seen_guards.discard(fact)
        del self.guards[count:]

    def overlap_guards(self) -> Iterator[NoOverlap]:
        """The facts that inputs which the piece writes share no memory with any other input."""
        arrays = [fact.source for fact in self.inputs if isinstance(fact, ArrayFact)]
        done: set[Source] = set()
        for storage in self.storages:
            if storage.written and storage.source is not None:
                done.add(storage.source)
                for other in arrays:
                    if other not in done:
                        yield NoOverlap(storage.source, other)

    def is_dynamic(self, source: Source) -> bool:
        """Whether an integer at `source` is symbolic."""
        return (
            "*" in self.dynamic
            or str(source) in self.dynamic
            or (isinstance(source, ItemSource) and items_of(source.base) in self.dynamic)
        )

    def is_dynamic_length(self, source: Source) -> bool:
        """Whether the length of the list at `source` was seen to change."""
        return "*" in self.dynamic or f"len({source})" in self.dynamic

    def input_array(
        self, array: np.ndarray, source: Source, is_symbolic: bool = False
    ) -> ArrayValue:
        """The value of an array that was there before; one object has one value.

        Raises
        ------
        Unsupported
            JF-B007 for subclasses, and for dtypes that jitflow does not compile.
        """
        known = self._arrays.get(id(array))
        if known is not None:
            return known
        kind = devices.kind_of(array)
        dtype = self.known_dtype(array.dtype, kind) if kind is not None else None
        if kind is None or dtype is None or kind.flags(array) & _WARNS_WHEN_WRITTEN:
            raise Unsupported("JF-B007", f"{source} is {type(array).__name__} of {array.dtype}")
        self.live_on(kind, str(source))
        for storage, memory in self.memory.values():
            if storage.written and np.may_share_memory(array, memory):
                raise Unsupported("JF-B017", f"{storage.source} and {source}")
        value = self._new_input(array, dtype, source, kind, is_symbolic)
        self._arrays[id(array)] = value
        self._keep.append(array)
        return value

    def known_dtype(self, dtype: np.dtype, kind: ArrayKind | None = None) -> DType | None:
        """Our dtype for that of an array of `kind`: bf16 is one of devices alone."""
        kind = kind or self.kind
        on_host = kind is None or kind.is_host
        return dtypes.from_numpy(dtype) if on_host else dtypes.from_device(dtype)

    def live_on(self, kind: ArrayKind, what: str) -> None:
        """Note that an array of the piece is of `kind`.

        Raises
        ------
        Unsupported
            JF-B024 where others are in another memory.
        """
        if self.kind is None:
            self.kind = kind
        elif self.kind is not kind:
            raise Unsupported("JF-B024", f"{what} is on {kind}, other arrays are on {self.kind}")

    def _new_input(
        self,
        array: np.ndarray,
        dtype: DType,
        source: Source,
        kind: ArrayKind,
        is_symbolic: bool,
    ) -> ArrayValue:
        graph_value = self.builder.input(_hint(source), ArrayType(dtype, ()))
        shape: list[Dim] = []
        for axis, extent in enumerate(array.shape):
            place = DimensionSource(source, axis)
            is_wanted = is_symbolic or self.is_dynamic(place) or marks.is_marked(array, axis)
            symbolic = extent > 1 and is_wanted
            dim: Dim = int(extent)
            if symbolic:
                dim = self.builder.dimension_symbol(graph_value, axis)
                self.trace_values[str(dim)] = int(extent)
                self.guard(Relation(place, 2, "<=", dim))
            shape.append(dim)
        graph_value.type = ArrayType(dtype, tuple(shape))
        layout, order, unit_axis = describe_layout(array)
        flags, extents = kind.flags(array), tuple(shape)
        aligned = bool(flags & _ALIGNED)
        self.inputs.append(
            ArrayFact(source, dtype, extents, layout, order, unit_axis, aligned, False, kind)
        )
        storage = Storage(graph_value, order, source, kind)
        self.storages.append(storage)
        self.memory[id(storage)] = (storage, array)
        strides = (
            self.contiguous_strides(tuple(shape), dtype, order) if layout in "CF" else array.strides
        )
        return ArrayValue(
            storage,
            graph_value.type,
            tuple(strides),
            writeable=bool(flags & _WRITEABLE),
            source=source,
        )

    def input_scalar(self, number: Any, source: Source) -> ScalarValue:
        """A number that was there before, as a graph input of any value."""
        box = type(number).__name__ if type(number) in (float, int, bool, complex) else "scalar"
        dtype = dtypes.from_numpy(np.asarray(number).dtype)
        if dtype is None or (box == "int" and dtype is not dtypes.I64):
            raise Unsupported("JF-B007", f"{source} is {type(number).__name__}")
        graph_value = self.builder.input(_hint(source), ArrayType(dtype, ()))
        self.inputs.append(ScalarFact(source, type(number)))
        self.numbers[source] = number
        scalar = ScalarValue(box, dtype, graph_value, source=source)
        if box == "int":
            scalar.dim = self.builder.scalar_symbol(graph_value)
            self.trace_values[str(scalar.dim)] = int(number)
        return scalar

    def scalar_graph_value(self, value: PyValue, dtype: DType | None = None) -> Value:
        """The rank-0 graph value of a scalar or constant number, cast to `dtype` if given."""
        if isinstance(value, ConstantValue):
            array = np.asarray(value.value, dtype=dtype.numpy if dtype else None)
            return self.builder.emit("constant", value=array)
        if not isinstance(value, ScalarValue):
            raise TypeError(f"{value!r} is not a scalar")
        if value.value is None:
            number = self.builder.emit("dimension", dim=value.dim)
            if not self.depth:  # else it is known in this region alone
                value.value = number
        else:
            number = value.value
        if dtype is None or value.dtype is dtype:
            return number
        return self.builder.emit("cast", number, dtype=dtype)

    def made_number(self, function: Callable[[Any], int], source: Source) -> Value:
        """An input (i64[]) that is what `function` makes of the object at `source` in each call.

        Regions take numbers alone: an address stands for an object.
        """
        name = getattr(function, "__name__", "number")
        place = MadeSource(ConstantSource(function, name), (source,), 0)
        value = self.addresses.get(place)
        if value is None:
            value = self.addresses[place] = self.builder.input(name, ArrayType(dtypes.I64))
            self.inputs.append(ScalarFact(place, int))
        return value

    def truth(self, holds: bool) -> Value:
        """A constant bool[] of the graph."""
        value = np.array(holds)
        value.flags.writeable = False
        return self.builder.emit("constant", value=value)

    @staticmethod
    def contiguous_strides(
        shape: tuple[Dim, ...], dtype: DType, order: tuple[int, ...]
    ) -> tuple[Dim, ...]:
        """Byte strides of a fresh array in memory order `order` (slowest axis first)."""
        strides: dict[int, Dim] = {}
        step: Dim = dtype.itemsize
        for axis in reversed(order):
            strides[axis] = step
            step = step * (shape[axis] if shape[axis] != 0 else 1)
        return tuple(strides[axis] for axis in range(len(shape)))


_ALIGNED, _WRITEABLE, _WARNS_WHEN_WRITTEN = 0x100, 0x400, 1 << 31
"""Bits of ``ndarray.flags.num``: ``flags.writeable`` itself warns where the second one is set."""


def describe_layout(array: np.ndarray) -> tuple[str, tuple[int, ...], int | None]:
    """Layout class, axes from largest to smallest stride, and the axis of unit stride."""
    rank = array.ndim
    if array.flags.c_contiguous:
        return "C", tuple(range(rank)), None
    if array.flags.f_contiguous:
        return "F", tuple(reversed(range(rank))), None
    order = tuple(sorted(range(rank), key=lambda axis: (-abs(array.strides[axis]), axis)))
    unit = [
        axis
        for axis in range(rank)
        if array.strides[axis] == array.itemsize and array.shape[axis] > 1
    ]
    return "strided", order, unit[-1] if unit else None


def _hint(source: Source) -> str:
    text = "".join(c if c.isalnum() else "_" for c in str(source)).strip("_")
    while "__" in text:
        text = text.replace("__", "_")
    return text or "x"


def constants(values: Mapping[str, PyValue]) -> dict[str, Any] | None:
    """The Python objects of `values` where all are constants, else None."""
    if all(isinstance(value, ConstantValue) for value in values.values()):
        return {name: value.value for name, value in values.items()}  # type: ignore[attr-defined]
    return None
