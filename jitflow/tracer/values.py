"""What stands for a Python value in a symbolic frame: the base class and the numeric values.

Containers, functions, classes and instances live in modules of their own beside this one. A value
built from something that was there before the piece has a `source`; a virtual one, made in the
piece, has none and is allocated only if it escapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from jitflow.core.devices import HOST, ArrayKind
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.core.errors import Unsupported
from jitflow.core.shown import shown
from jitflow.core.types import ArrayType
from jitflow.guards.sources import Source
from jitflow.ir.graph import Value

_PYTHON_NUMBERS = {"float": float, "int": int, "bool": bool, "complex": complex}


class PyValue:
    """Base of everything that a symbolic frame holds in a local or on its operand stack."""

    source: Source | None = None

    @property
    def python_type(self) -> type:
        """The exact class of the run-time object."""
        raise NotImplementedError


class ConstantValue(PyValue):
    """An object whose identity and value are known at trace time.

    Numbers, strings, None, enum members, dtypes, modules, ufuncs, classes and functions that the
    tracer has already guarded. Never a mutable container and never an array.
    """

    def __init__(self, value: Any, source: Source | None = None) -> None:
        self.value = value
        self.source = source

    @property
    def python_type(self) -> type:
        return type(self.value)

    def __repr__(self) -> str:
        return f"ConstantValue({shown(self.value)})"


class ScalarValue(PyValue):
    """A number known only at run time.

    Attributes
    ----------
    box : str
        ``"float"``, ``"int"``, ``"bool"``, ``"complex"`` for Python numbers (weak in promotion),
        ``"scalar"`` for a NumPy scalar of `dtype`.
    dtype : DType
        f64, i64, bool, c128 for Python numbers.
    value : ir.graph.Value or None
        The rank-0 graph value; made on demand from `dim` where that is set.
    dim : Dim or None
        For integers that are dimensions or linear in them: the exact expression.
    is_another : bool
        Whether Python has an object of its own for it, though `value` is known as another number.
    """

    is_another = False

    def __init__(
        self,
        box: str,
        dtype: DType,
        value: Value | None,
        dim: Dim | None = None,
        source: Source | None = None,
    ) -> None:
        self.box, self.dtype, self.value, self.dim, self.source = box, dtype, value, dim, source

    @property
    def python_type(self) -> type:
        return _PYTHON_NUMBERS.get(self.box) or self.dtype.numpy.type

    @property
    def is_weak(self) -> bool:
        """Whether NEP 50 promotion treats it as a Python number."""
        return self.box != "scalar"

    def __repr__(self) -> str:
        return f"ScalarValue({self.box}, {self.dtype}, {self.value or self.dim})"


class NumbersValue(PyValue):
    """A list of Python numbers that is data; see `tracer.objects.integer_lists`.

    Attributes
    ----------
    contents : ir.graph.Value
        Its items: i64[s], f64[s] or bool[s].
    origin : int or None
        ``id`` of the list from outside that it began as.
    appended : tuple
        What was appended to it in the piece.
    is_set : bool
        Whether items of it were replaced in the piece.
    """

    order = (0,)

    def __init__(self, contents: Value, source: Source | None, origin: int | None) -> None:
        self.contents, self.source, self.origin = contents, source, origin
        self.appended: tuple[PyValue, ...] = ()
        self.is_set = False
        self.changed = False

    @property
    def python_type(self) -> type:
        return list


class OpenNumber(PyValue):
    """A number known only at run time of which data decide the type, too."""

    @classmethod
    def is_among(cls, *values: PyValue) -> bool:
        """Whether one of `values` is such a number."""
        return any(isinstance(value, cls) for value in values)


class EitherValue(OpenNumber):
    """A number known only at run time that is a Python number or a NumPy scalar, as data decide.

    Attributes
    ----------
    box : str
        What it is in Python, as in `ScalarValue`.
    dtype : DType
        The NumPy scalar's; for an int that is told apart from a float64, f64.
    value, is_numpy : ir.graph.Value
        The number, and whether it is a NumPy scalar (bool[]).
    exact : ir.graph.Value or None
        The number as f64, where `value` is in single precision, which may have rounded Python's.
    """

    def __init__(
        self, box: str, dtype: DType, value: Value, is_numpy: Value, exact: Value | None = None
    ) -> None:
        self.box, self.dtype, self.value, self.is_numpy = box, dtype, value, is_numpy
        self.exact = exact

    @property
    def python_type(self) -> type:
        raise Unsupported("JF-B005", f"a number is {self.box} or numpy {self.dtype}")

    @property
    def as_numpy(self) -> ScalarValue:
        """The NumPy scalar that it may be."""
        return ScalarValue("scalar", self.dtype, self.value)


class IntOrFloatValue(OpenNumber):
    """A number known only at run time that is an int or a float, as data decide.

    Attributes
    ----------
    value, is_float : ir.graph.Value
        The number as f64[], which is exact, and whether it is a float (bool[]).
    largest : int
        A bound of its magnitude where it is an int.
    """

    def __init__(self, value: Value, is_float: Value, largest: int) -> None:
        self.value, self.is_float, self.largest = value, is_float, largest

    @property
    def python_type(self) -> type:
        raise Unsupported("JF-B005", "a number is int or float")


class PerhapsUnbound(PyValue):
    """What a variable holds that data decide to be bound; it is in frames' slots alone.

    Attributes
    ----------
    value : PyValue
        What it holds if it is bound.
    is_bound : ir.graph.Value
        bool[].
    """

    def __init__(self, value: PyValue, is_bound: Value) -> None:
        self.value, self.is_bound = value, is_bound

    @property
    def python_type(self) -> type:
        return self.value.python_type


class PerhapsNone(PyValue):
    """A number, array or tuple of them, or None, as data decide: ``best = None`` before a search.

    Every operation but a test for None relies on it being there (`wrap.resolve`).

    Attributes
    ----------
    value : PyValue
        What it is where it is not None.
    is_there : ir.graph.Value
        bool[].
    """

    def __init__(self, value: PyValue, is_there: Value) -> None:
        self.value, self.is_there = value, is_there

    @property
    def python_type(self) -> type:
        raise Unsupported("JF-B005", "a value or None")


class Storage:
    """The memory of one array object that owns it, as SSA versions.

    Attributes
    ----------
    version : ir.graph.Value
        The newest contents, with the shape of the owning array.
    source : Source or None
        Where the owning array comes from, for inputs; its memory then outlives the piece.
    input : ir.graph.Value or None
        The graph input that was the first version.
    written : bool
        Whether `version` is no longer the first one.
    order : tuple of int
        Memory order of the owning array, slowest axis first.
    kind : ArrayKind
        The class and memory of the array.
    uncertain : str
        Why eager Python might have another array object here, one that is known elsewhere: the
        memory may be read, but neither written nor handed out.
    may_be : tuple of (Storage, Value)
        Memory that eager Python may have here, each with its contents when this was found: where
        they change, this may not be read either.
    older : tuple of (Storage, Value), optional
        Where the memory is uncertain and all is known that it may be: for each older one whether
        (bool[]) eager Python has the array that owns it; else it has a new one (`tracer.older`).
    ties : frozenset
        Arrays with a common tie may be one object in eager Python: one of them at most leaves the
        piece, and none is written.
    sharer : SequenceValue or None
        The list that has the other one: where it stays in the piece, this one may be handed out.
    """

    def __init__(
        self,
        version: Value,
        order: tuple[int, ...],
        source: Source | None = None,
        kind: ArrayKind = HOST,
    ) -> None:
        self.version = version
        self.kind = kind
        self.order = order
        self.source = source
        self.input = version if source is not None else None
        self.written = False
        self.uncertain = ""
        self.may_be: tuple[tuple[Storage, Value], ...] = ()
        self.ties: frozenset[object] = frozenset()
        self.older: tuple[tuple[Storage, Value], ...] | None = None
        self.sharer: SequenceValue | None = None


ViewStep = tuple[str, dict[str, Any]]
"""The name of a view operator and its attributes: one step from a base to a view."""


class ArrayValue(PyValue):
    """An array of exact class: a storage and the view operators that lead from it to this array.

    Attributes
    ----------
    storage : Storage
    views : tuple of ViewStep
        Empty for the owning array itself.
    type : ArrayType
        Type of this array (after the views).
    strides : tuple of Dim
        In bytes, as NumPy would give them; decides memory order of results and contiguity.
    writeable : bool
    base : ArrayValue or None
        The array whose view this object is (`x.base` chain), for rebuilding it at the exit; and
        `view_call`, the NumPy call that made it: ``(method, arguments)`` as in `recipes.ViewOf`.
    """

    def __init__(
        self,
        storage: Storage,
        type: ArrayType,
        strides: tuple[Dim, ...],
        views: tuple[ViewStep, ...] = (),
        *,
        writeable: bool = True,
        source: Source | None = None,
        base: ArrayValue | None = None,
        view_call: tuple[str, tuple[Any, ...]] | None = None,
    ) -> None:
        self.storage, self.type, self.strides, self.views = storage, type, strides, views
        self.writeable, self.source = writeable, source
        self.base, self.view_call = base, view_call

    @property
    def python_type(self) -> type:
        return self.storage.kind.type

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Extents."""
        return self.type.shape

    def __repr__(self) -> str:
        return f"ArrayValue({self.type})"


class CompanionValue(PyValue):
    """``x.flags`` or ``x.flat``: an object that shows what the array is now."""

    def __init__(self, array: ArrayValue, name: str) -> None:
        self.array, self.name = array, name

    @property
    def python_type(self) -> type:
        return type(getattr(np.empty(0), self.name))


class SequenceValue(PyValue):
    """A list or tuple of values, by `kind`; a list that has a source is written back if changed.

    `changed` is set by every mutation. `rows` has what a loop appended to a list: `items` are not
    known then, but for the first ones, `fixed`. A list that is an item of one with rows has no
    state of its own: it is what the `host` has at `position`. One that is there in a list of lists
    of different lengths, the `lender`, is good for reading.
    """

    def __init__(self, kind: type, items: list[PyValue], source: Source | None = None) -> None:
        self.kind, self.fixed, self.source = kind, items, source
        self.own_rows: RowsValue | None = None
        self.host: SequenceValue | None = None
        self.lender: SequenceValue | None = None
        self.position: Dim = 0
        self.origin: int | None = None
        self.changed = False

    @property
    def rows(self) -> RowsValue | None:
        """What the list has in rows; of an item of another list its kind alone."""
        if self.host is None:
            return self.own_rows
        held = self.host.own_rows
        return None if held is None else RowsValue(held.stack.item.stack, (), None)

    @property
    def items(self) -> list[PyValue]:
        """All items; JF-B006 where data decide how many there are."""
        if self.rows is not None:
            raise Unsupported("JF-B006", "the length of a list is known only at run time")
        return self.fixed

    @items.setter
    def items(self, items: list[PyValue]) -> None:
        self.fixed = items

    @property
    def python_type(self) -> type:
        return self.kind

    def real_of(self, items: Iterable[Any]) -> Any:
        """A real list or tuple of this kind."""
        make: Any = getattr(self.kind, "_make", self.kind)
        return make(items)

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({self.items})"


class RowsValue(PyValue):
    """The items of a list that grows in a loop; see `tracer.growing`.

    Attributes
    ----------
    stack : tracer.kinds.Stack
        Of what kind the items are, and how many there is room for.
    buffers : tuple of ir.graph.Value
        For each graph value that an item consists of, an array of them; then their order, or
        where a queue begins.
    count : ir.graph.Value or None
        How many items there are (i64[]); None where the list is full.
    extent : Dim or None
        `count`, where it is known.
    """

    def __init__(
        self,
        stack: Any,
        buffers: tuple[Value, ...],
        count: Value | None,
        extent: Dim | None = None,
    ) -> None:
        self.stack, self.buffers, self.count, self.extent = stack, buffers, count, extent

    @property
    def data(self) -> tuple[Value, ...]:
        """The arrays of items, without what tells their order."""
        has_more = self.stack.is_ordered or self.stack.is_queue
        return self.buffers[:-1] if has_more else self.buffers

    @property
    def python_type(self) -> type:
        return list


class SliceValue(PyValue):
    """A slice object."""

    def __init__(self, start: PyValue, stop: PyValue, step: PyValue) -> None:
        self.start, self.stop, self.step = start, stop, step

    @property
    def python_type(self) -> type:
        return slice
