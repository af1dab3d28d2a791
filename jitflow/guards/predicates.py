"""The guards: what a variant relies on, as plain data.

A guard names a source and a fact about it. `guards.checks` turns guards into Python code,
`runtime` turns `ArrayFact`s and scalar facts on inputs into native checks, `guards.explain` into
sentences. The tracer lists guards in the order in which evaluating them is safe: a guard's source
may rely on all guards before it (``x.w`` is read only after the type of ``x`` was checked).
"""

from __future__ import annotations

from typing import Any

from jitflow.core.dataclass import dataclass
from jitflow.core.devices import HOST, ArrayKind
from jitflow.core.dims import Dim
from jitflow.core.dtypes import DType
from jitflow.guards.sources import Source


@dataclass(frozen=True)
class Guard:
    """Base of all guards."""

    source: Source


@dataclass(frozen=True)
class IsThere(Guard):
    """``source`` can be read: a name or attribute that is not missing, of any value."""


@dataclass(frozen=True)
class TypeIs(Guard):
    """``type(source) is expected``."""

    expected: type


@dataclass(frozen=True, eq=False)
class IsObject(Guard):
    """``source is expected``: functions, modules, classes, None, enum members, singletons."""

    expected: Any


@dataclass(frozen=True)
class Equals(Guard):
    """``type(source) is type(expected) and source == expected``; int, bool, str, bytes, float.

    Floats compare by bits (-0.0 and NaN are themselves).
    """

    expected: Any


@dataclass(frozen=True)
class LengthIs(Guard):
    """``len(source) == expected`` of an exact list, tuple, dict or set."""

    expected: int


@dataclass(frozen=True)
class KeysAre(Guard):
    """``tuple(source) == expected``: a dict's keys in order."""

    expected: tuple[Any, ...]


@dataclass(frozen=True)
class HasNoItem(Guard):
    """``key not in source``: a name that is missing in a dict.

    Globals that fall to builtins, instance dictionaries that do not shadow the class.
    """

    key: Any


@dataclass(frozen=True)
class NotSame(Guard):
    """``source is not other``: two mutable objects that the piece treats as distinct."""

    other: Source


@dataclass(frozen=True)
class Distinct(Guard):
    """``source`` and `others` are all different objects: keys that are found by identity."""

    others: tuple[Source, ...]


@dataclass(frozen=True)
class SameObject(Guard):
    """``source is other``: two names of one object."""

    other: Source


@dataclass(frozen=True, eq=False)
class SearchesClass(Guard):
    """``name`` found on ``source`` (a class) through its MRO is `expected`, by identity.

    Found without descriptors running: the raw entry of the class dictionary that has it; `expected`
    is `MISSING` where no class of the MRO has it.
    """

    name: str
    expected: Any

    def __eq__(self, other: object) -> bool:
        # What a class holds may have code of its own for comparing and hashing.
        if not isinstance(other, SearchesClass) or self.expected is not other.expected:
            return False
        return self.source == other.source and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.source, self.name))


MISSING = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


@dataclass(frozen=True)
class Holds(Guard):
    """An expression of numbers is true: `text`, with ``{k}`` for the value of ``sources[k]``."""

    text: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class ScalarFact(Guard):
    """A graph input that is a number: its exact Python or NumPy scalar type, any value."""

    type: type


@dataclass(frozen=True)
class ArrayFact(Guard):
    """A graph input that is an array: an exact ``numpy.ndarray``, or one of a device.

    Attributes
    ----------
    dtype : DType
        Element type, native byte order.
    shape : tuple of Dim
        Extents: integers must match; symbols bind on first sight and must agree afterwards.
    layout : str
        ``"C"`` contiguous, ``"F"`` contiguous, or ``"strided"`` (strides read at run time).
    order : tuple of int
        Axes from the largest stride to the smallest; for ``strided`` it is a fact that is checked.
    unit_axis : int or None
        For ``strided``: the axis whose stride is one item, if there is one.
    aligned, writeable : bool
        Flags that must hold (False: do not matter).
    kind : ArrayKind
        Its class and memory.
    """

    dtype: DType
    shape: tuple[Dim, ...]
    layout: str = "C"
    order: tuple[int, ...] = ()
    unit_axis: int | None = None
    aligned: bool = True
    writeable: bool = False
    kind: ArrayKind = HOST


@dataclass(frozen=True)
class NoOverlap(Guard):
    """The memory of array ``source`` (written) and of array `other` do not overlap."""

    other: Source


@dataclass(frozen=True)
class Relation(Guard):
    """A fact about symbols: ``left relation right`` with relation ``==``, ``!=``, ``<=``, ``<``.

    `source` is the source of one symbol in it, for the explanation.
    """

    left: Dim
    relation: str
    right: Dim
