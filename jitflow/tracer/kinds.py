"""Kinds of values that pass a region's border: what one has to be on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dataclass import dataclass, replace
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, F64, I64, DType
from jitflow.core.errors import Unsupported
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.core.types import ArrayType
from jitflow.tracer.layout import Order
from jitflow.tracer.objects.wrap import settled
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer import remaining
else:
    remaining = LazyModule("jitflow.tracer.remaining")


class NotSettled(Unsupported):
    """What comes out of an iteration is of another kind than what went in."""

    def __init__(self, detail: str) -> None:
        super().__init__("JF-B006", detail)


@dataclass(frozen=True)
class Number:
    """A Python number or NumPy scalar, as `ScalarValue` has them."""

    box: str
    dtype: DType


@dataclass(frozen=True)
class Array:
    """An array of `type` in memory order `order`."""

    type: ArrayType
    order: Order


@dataclass(frozen=True)
class Part:
    """The first rows of memory of `type`: data decide how many; as many of all in a `group`.

    Rows are along `axis`. An iteration of a loop adds up to `growth` of them; where the number of
    iterations is not known, each begins with a check that there is room.
    """

    type: ArrayType
    order: Order
    group: str
    axis: int = 0
    growth: int = 0
    is_checked: bool = False

    @property
    def room(self) -> Dim:
        """The most rows."""
        return self.type.shape[self.axis]


@dataclass(frozen=True)
class Either:
    """A Python number or a NumPy scalar, as `EitherValue` has them."""

    box: str
    dtype: DType


@dataclass(frozen=True)
class IntOrFloat:
    """A Python number as `IntOrFloatValue` has them."""

    largest: int


@dataclass(frozen=True)
class Group:
    """A tuple, or a subclass that `collections.namedtuple` made."""

    kind: type
    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Stack:
    """Items of one kind in rows, with room for `capacity`; the first `copied` are fixed, too.

    With `is_set` these may have changed since. A list that is full has as many items as room: they
    are not counted. In a list of lists that is ordered the rows stay where they are, and one more
    array says which of them is at each position. In a queue the rows are a ring, and one more
    number says in which of them the first item is.
    """

    item: Kind
    capacity: Dim
    copied: int
    is_set: bool = False
    is_full: bool = False
    is_ordered: bool = False
    is_queue: bool = False


@dataclass(frozen=True)
class Row:
    """A list of `extent` numbers, as an item of a list (`tracer.list_rows`)."""

    item: Kind
    extent: Dim

    @property
    def stack(self) -> Stack:
        """The kind of its own rows."""
        return Stack(self.item, self.extent, 0, is_full=True)


@dataclass(frozen=True)
class Ragged:
    """A list of items of a kind, which are so many of those in `flat` from one on.

    It is an item of a list of such lists (`objects.record_lists`), good for reading.
    """

    item: Kind
    flat: tuple[Any, ...]


@dataclass(frozen=True)
class Listed:
    """A list by its items, all in rows; another object behind the border (`tracer.rolling`)."""

    item: Kind
    capacity: Dim
    is_full: bool = True

    @property
    def stack(self) -> Stack:
        """The kind of its rows."""
        return Stack(self.item, self.capacity, 0, is_full=self.is_full)


@dataclass(frozen=True)
class Made:
    """A list or a dict by its items; another object behind the border (`tracer.rolling`).

    A dict has `keys`, each with its type.
    """

    kind: type
    keys: tuple[tuple[type, Any], ...]
    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Unbound:
    """No value: a variable that is not bound."""


@dataclass(frozen=True)
class Perhaps:
    """A value of `kind`, or a variable that is not bound."""

    kind: Kind


@dataclass(frozen=True)
class OrNone:
    """A value of `kind` or None, as `PerhapsNone` has them."""

    kind: Kind


@dataclass(frozen=True)
class Rest:
    """What is left of an iterator; `tree` is its structure, as in `tracer.remaining`."""

    tree: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Fixed:
    """An object that must be the same everywhere."""

    value: PyValue

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and is_same(self.value, other.value)

    def __hash__(self) -> int:
        return 0


Kind = (
    Number
    | Either
    | IntOrFloat
    | Array
    | Part
    | Group
    | Fixed
    | Unbound
    | Perhaps
    | OrNone
    | Stack
    | Row
    | Listed
    | Made
    | Ragged
    | Rest
)


def is_same(left: PyValue | None, right: PyValue | None) -> bool:
    """Whether two values are certainly one object, or equal constants of one type."""
    left, right = settled(left), settled(right)
    if left is right:
        return True
    if isinstance(left, ConstantValue) and isinstance(right, ConstantValue):
        a, b = left.value, right.value
        if a is b:
            return True
        if type(a) is not type(b):
            return False
        if type(a) in (int, bool, str):
            return bool(a == b)
        return isinstance(a, float | complex | np.generic) and repr(a) == repr(b)
    if isinstance(left, ScalarValue) and isinstance(right, ScalarValue) and left.box == right.box:
        if left.value is not None and left.value is right.value:
            return True
        return left.dim is not None and left.dim == right.dim
    return False


def is_rolled(kind: Kind | None) -> bool:
    """Whether it is that of a list or a dict by its items."""
    return isinstance(kind, Listed | Made)


def types_of(kind: Kind) -> list[ArrayType]:
    """Types of the graph values that a value of this kind consists of."""
    if isinstance(kind, Number):
        return [ArrayType(kind.dtype)]
    if isinstance(kind, Either):
        return [ArrayType(kind.dtype), ArrayType(BOOL)]
    if isinstance(kind, IntOrFloat):
        return [ArrayType(F64), ArrayType(BOOL)]
    if isinstance(kind, Array):
        return [kind.type]
    if isinstance(kind, Part):
        return [kind.type, ArrayType(I64)]
    if isinstance(kind, Group | Made):
        return [type for item in kind.items for type in types_of(item)]
    if isinstance(kind, Perhaps | OrNone):
        return [*types_of(kind.kind), ArrayType(BOOL)]
    if isinstance(kind, Rest | Ragged):
        numbers = 2 if isinstance(kind, Ragged) else remaining.number_count(kind.tree)
        return [ArrayType(I64)] * numbers
    if isinstance(kind, Row):
        return [ArrayType(type.dtype, (kind.extent,)) for type in types_of(kind.item)]
    if isinstance(kind, Listed):
        kind = kind.stack
    if isinstance(kind, Stack):
        rows = [(type.dtype, (kind.capacity, *type.shape)) for type in types_of(kind.item)]
        order = [ArrayType(I64, (kind.capacity,))] if kind.is_ordered else []
        numbers = kind.is_queue + (not kind.is_full)
        return [*(ArrayType(*row) for row in rows), *order, *([ArrayType(I64)] * numbers)]
    return []


def outlives_region(kind: Kind) -> bool:
    """Whether no part is an object that may have been made in the region: that one is undone."""
    if isinstance(kind, Group | Made):
        return all(map(outlives_region, kind.items))
    return not isinstance(kind, Fixed) or isinstance(kind.value, ConstantValue)


def is_open(kind: Kind) -> bool:
    """Whether there is a number in it whose type data decide, or whether they decide if it is."""
    if isinstance(kind, Perhaps | Unbound | OrNone):
        return True
    if isinstance(kind, Group | Made):
        return any(map(is_open, kind.items))
    return isinstance(kind, Either | IntOrFloat | Part | Listed)


def has_rows(kind: Kind) -> bool:
    """Whether there is an array in it of which data decide how many rows it has."""
    if isinstance(kind, Group | Made):
        return any(map(has_rows, kind.items))
    return isinstance(kind, Part)


def apart(kind: Kind, what: str) -> Kind:
    """A kind of a part of `what`: the number of rows of arrays in it is nobody else's."""
    if isinstance(kind, Part) and not kind.group.startswith(f"{what}: "):
        return replace(kind, group=f"{what}: {kind.group}")
    return kind


def text_of(kind: Kind) -> str:
    """A kind in words."""
    if isinstance(kind, Unbound):
        return "unbound"
    if isinstance(kind, Perhaps | OrNone):
        return f"{text_of(kind.kind)} or {'unbound' if isinstance(kind, Perhaps) else 'None'}"
    if isinstance(kind, Stack | Row | Listed | Ragged):
        return f"list of {text_of(kind.item)}"
    if isinstance(kind, Number):
        return f"numpy {kind.dtype}" if kind.box == "scalar" else kind.box
    if isinstance(kind, Either):
        return f"{kind.box} or numpy {kind.dtype}"
    if isinstance(kind, IntOrFloat):
        return "int or float"
    if isinstance(kind, Array):
        return str(kind.type)
    if isinstance(kind, Part):
        return f"rows of {kind.type}"
    if isinstance(kind, Group | Made):
        return f"{kind.kind.__name__} of {', '.join(map(text_of, kind.items))}"
    if isinstance(kind, Rest):
        return "what is left of an iterator"
    value = kind.value
    return shown(value.value) if isinstance(value, ConstantValue) else value.python_type.__name__
