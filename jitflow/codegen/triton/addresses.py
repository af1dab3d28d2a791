"""Integers of a kernel: dimensions, indices of loop variables, offsets and masks of blocks."""

from __future__ import annotations

from jitflow.codegen.access import Affine
from jitflow.codegen.triton.text import SourceText
from jitflow.codegen.triton.values import NO_AXES, Value
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import I64

SYMBOL = "n_"
"""What the names of symbols begin with in a kernel."""

INDEX = "(tl.int64 if WIDE else tl.int32)"
"""The dtype of indices."""


def dim_text(dim: Dim) -> str:
    """A dimension as a Python expression."""
    if not isinstance(dim, SymbolicDim):
        return str(dim)
    parts = []
    for monomial, coefficient in dim.terms:
        factors = [f"{SYMBOL}{name}" for name in monomial]
        if coefficient != 1 or not factors:
            factors.append(str(coefficient))
        parts.append(" * ".join(factors))
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def divided(dim: Dim, size: int) -> Dim:
    """A dimension that counts bytes as one that counts elements."""
    if not isinstance(dim, SymbolicDim):
        if dim % size:
            raise ValueError(f"{dim} bytes are not a number of elements of {size}")
        return dim // size
    if any(coefficient % size for _, coefficient in dim.terms):
        raise ValueError(f"{dim} bytes are not a number of elements of {size}")
    return SymbolicDim(tuple((monomial, c // size) for monomial, c in dim.terms))


class Indices:
    """The integers of one kernel.

    Attributes
    ----------
    atoms : dict
        Loop variable, or register that holds an index, to its value.
    extents : dict
        Bound of the absolute value of each loop variable and looked-up index.
    masks : dict
        Axis to the name of the mask of its last block, where there is one.
    shapes : dict
        Axis to the shape of a block along it alone.
    spans : dict
        What bounds the offsets that were used.
    """

    def __init__(self, text: SourceText) -> None:
        self.text = text
        self.atoms: dict[str, Value] = {}
        self.extents: dict[str, Dim] = {}
        self.masks: dict[str, str] = {}
        self.shapes: dict[str, str] = {}
        self.spans: dict[tuple[Dim, ...], None] = {}

    def affine(self, address: Affine, size: int = 1) -> Value:
        """Value of an affine expression, divided by the size of an element."""
        parts, axes, span = [], NO_AXES, [divided(address.constant, size)]
        for atom, coefficient in address.terms:
            step = divided(coefficient, size)
            value = self.atoms[atom]
            axes |= value.axes
            parts.append(value.text if step == 1 else f"{value.text} * {dim_text(step)}")
            span.append(step * self.extents[atom])
        if address.constant != 0 or not parts:
            parts.append(dim_text(divided(address.constant, size)))
        self.spans[tuple(span)] = None
        if not address.terms:
            return Value(parts[0], I64)
        text = " + ".join(parts)
        return Value(text if text.isidentifier() else self.text.value(text), I64, axes)

    def position(self, address: Affine) -> Value:
        """The i64 value of an affine expression."""
        value = self.affine(address)
        zero = self.text.constant("tl.full([], 0, tl.int64)")
        return Value(self.text.value(f"{zero} + {value.text}"), I64, value.axes)

    def block(self, axes: frozenset[str]) -> str:
        """A block of zeros along some axes, to be added to an offset."""
        shapes = [self.shapes[axis] for axis in sorted(axes)]
        zeros = [self.text.constant(f"tl.zeros({shape}, tl.int32)") for shape in shapes]
        return " + ".join(zeros)

    def widened(self, offset: Value, axes: frozenset[str]) -> Value:
        """An offset as a block along all of some axes."""
        missing = axes - offset.axes
        if not missing:
            return offset
        text = self.text.value(f"{offset.text} + {self.block(missing)}")
        return Value(text, I64, offset.axes | axes)

    def mask(self, axes: frozenset[str], *also: str) -> str:
        """The mask of a block along some axes; nothing where all of it is inside."""
        parts = [self.masks[axis] for axis in sorted(axes, reverse=True) if axis in self.masks]
        parts += also
        if not parts:
            return ""
        return parts[0] if len(parts) == 1 else self.text.value(" & ".join(parts))

    def split(self, name: str, loops: list[tuple[str, Dim]], axis: str) -> None:
        """Indices of loops from the linear position `name` along an axis, the last the fastest."""
        axes = frozenset((axis,)) if axis else NO_AXES
        for position in range(len(loops) - 1, -1, -1):
            variable, extent = loops[position]
            self.extents[variable] = extent
            if position == 0:
                self.atoms[variable] = Value(name, I64, axes)
                return
            inside = self.text.value(f"{name} % {dim_text(extent)}")
            self.atoms[variable] = Value(inside, I64, axes)
            name = self.text.value(f"{name} // {dim_text(extent)}")
