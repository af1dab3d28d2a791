"""Index maps: where an element of a value lies, as affine functions of loop variables.

An `Affine` is a constant plus coefficients times *atoms*; an atom is the name of a loop variable or
of an index loaded at run time (a gather). A view operator maps the index of a result element to the
index of an operand element (`operand_index`); a `Layout` maps an index to a byte offset. Views thus
cost nothing: they compose into the address of the load at the end of the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from jitflow.core import dims
from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.ir.graph import Node

Shape: TypeAlias = tuple[Dim, ...]


@dataclass(eq=False, repr=False)
class Affine:
    """``constant + sum(coefficient * atom)``; terms are sorted by atom and have no zeros."""

    constant: Dim
    terms: tuple[tuple[str, Dim], ...] = ()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Affine):
            return False
        return self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        return hash((self.constant, self.terms))

    def __add__(self, other: Affine | Dim) -> Affine:
        if not isinstance(other, Affine):
            return Affine(self.constant + other, self.terms) if other != 0 else self
        if not other.terms:
            return self + other.constant
        if not self.terms:
            return other + self.constant
        total = dict(self.terms)
        for atom, coefficient in other.terms:
            total[atom] = total.get(atom, 0) + coefficient
        return _normal(self.constant + other.constant, total)

    def scaled(self, factor: Dim) -> Affine:
        """The product with a dimension."""
        if factor == 1:
            return self
        return _normal(self.constant * factor, {atom: c * factor for atom, c in self.terms})

    def coefficient(self, atom: str) -> Dim:
        """Coefficient of `atom`, 0 where it does not occur."""
        for name, coefficient in self.terms:
            if name == atom:
                return coefficient
        return 0

    def atoms(self) -> tuple[str, ...]:
        """The atoms that occur."""
        return tuple(atom for atom, _ in self.terms)

    def replace(self, changes: Mapping[str, Affine]) -> Affine:
        """Put affine expressions in the place of atoms."""
        total = Affine(self.constant)
        for atom, coefficient in self.terms:
            total = total + changes.get(atom, variable(atom)).scaled(coefficient)
        return total

    def __repr__(self) -> str:
        parts = [atom if c == 1 else f"{_factor(c)}*{atom}" for atom, c in self.terms]
        if self.constant != 0 or not parts:
            parts.append(str(self.constant))
        return " + ".join(parts)


Index: TypeAlias = tuple[Affine, ...]
ZERO = Affine(0)


def variable(atom: str) -> Affine:
    """The affine expression that is one atom."""
    return Affine(0, ((atom, 1),))


def zeros(rank: int) -> Index:
    """The index of the first element."""
    return (ZERO,) * rank


def constant(value: Dim) -> Affine:
    """The affine expression without atoms."""
    return Affine(value)


def single_variable(component: Affine) -> str | None:
    """The loop variable that an index component is, if it is one and nothing else."""
    if component.constant == 0 and len(component.terms) == 1 and component.terms[0][1] == 1:
        return component.terms[0][0]
    return None


def _normal(value: Dim, total: dict[str, Dim]) -> Affine:
    return Affine(value, tuple(sorted((a, c) for a, c in total.items() if c != 0)))


def _factor(coefficient: Dim) -> str:
    text = str(coefficient)
    return f"({text})" if "+" in text or "-" in text[1:] else text


@dataclass(repr=False)
class Layout:
    """Byte offset of the element at an index: ``offset + sum(strides[k] * index[k])``."""

    strides: Shape
    offset: Dim = 0

    def address(self, index: Index) -> Affine:
        """Byte offset of the element at `index`."""
        total = Affine(self.offset)
        for stride, component in zip(self.strides, index, strict=True):
            total = total + component.scaled(stride)
        return total


def contiguous(shape: Shape, itemsize: int, order: tuple[int, ...] | None = None) -> Layout:
    """Layout without gaps; `order` lists the axes from the slowest to the fastest."""
    strides: list[Dim] = [0] * len(shape)
    step: Dim = itemsize
    for axis in reversed(order if order is not None else range(len(shape))):
        strides[axis] = step
        step = step * shape[axis]
    return Layout(tuple(strides))


def broadcast_index(index: Index, result: Shape, operand: Shape) -> Index:
    """Index into an operand that broadcasts to `result`."""
    if result == operand:
        return index
    lead = len(result) - len(operand)
    return tuple(
        index[lead + axis] if extent == result[lead + axis] else ZERO
        for axis, extent in enumerate(operand)
    )


def operand_index(node: Node, index: Index) -> Index | None:
    """Index of the operand element of a view node; None where the map is not affine."""
    shape = node.operands[0].type.shape
    return view_index(node.operator.name, node.attributes, shape, node.result.type.shape, index)


def view_index(
    name: str, attributes: Mapping[str, Any], operand: Shape, result: Shape, index: Index
) -> Index | None:
    """Index of the element of a view's operand that is element `index` of the view."""
    if name == "reshape":
        return _reshape(operand, result, index)
    if name == "broadcast":
        return broadcast_index(index, result, operand)
    if name == "slice":
        starts, steps = attributes["starts"], attributes["steps"]
        return tuple(
            component.scaled(step) + start
            for component, start, step in zip(index, starts, steps, strict=True)
        )
    return _AXIS_VIEWS[name](attributes, len(operand), index)


def updated_index(node: Node, index: Index) -> Index:
    """Index of the element of an updated array, from that of the new part."""
    base = node.operands[0].type.shape
    shapes = [base]
    for name, attributes in node.attributes["views"]:
        shapes.append(view_shape(name, attributes, shapes[-1]))
    steps = zip(node.attributes["views"], shapes, shapes[1:], strict=False)
    for (name, attributes), operand, result in reversed(list(steps)):
        inside = view_index(name, attributes, operand, result, index)
        assert inside is not None, "the view of an update has an affine map"
        index = inside
    return index


def covers_base(node: Node) -> bool:
    """Whether the views of an update node keep the whole array as it is."""
    shape = node.operands[0].type.shape
    for name, attributes in node.attributes["views"]:
        whole = name == "slice" and (
            tuple(attributes["shape"]) == shape
            and all(start == 0 for start in attributes["starts"])
            and all(step == 1 for step in attributes["steps"])
        )
        if not whole and (name not in ("reshape", "broadcast") or attributes["shape"] != shape):
            return False
    return True


def _transpose(attributes: Mapping[str, Any], rank: int, index: Index) -> Index:
    out = [ZERO] * rank
    for component, axis in zip(index, attributes["axes"], strict=True):
        out[axis] = component
    return tuple(out)


def _squeeze(attributes: Mapping[str, Any], rank: int, index: Index) -> Index:
    kept = iter(index)
    return tuple(ZERO if axis in attributes["axes"] else next(kept) for axis in range(rank))


def _expand_dims(attributes: Mapping[str, Any], rank: int, index: Index) -> Index:
    return tuple(c for axis, c in enumerate(index) if axis not in attributes["axes"])


def _diagonal(attributes: Mapping[str, Any], rank: int, index: Index) -> Index:
    offset, first, second = attributes["offset"], attributes["axis1"], attributes["axis2"]
    kept = iter(index[:-1])
    out = [ZERO if axis in (first, second) else next(kept) for axis in range(rank)]
    out[first] = index[-1] + (-offset if _negative(offset) else 0)
    out[second] = index[-1] + (0 if _negative(offset) else offset)
    return tuple(out)


def _strided(attributes: Mapping[str, Any], rank: int, index: Index) -> Index:
    out = [ZERO] * rank
    for component, axis, step in zip(index, attributes["axes"], attributes["steps"], strict=True):
        out[axis] = out[axis] + component.scaled(step)
    return tuple(out)


def _negative(offset: Dim) -> bool:
    return isinstance(offset, int) and offset < 0


_AXIS_VIEWS = {
    "transpose": _transpose,
    "squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "diagonal": _diagonal,
    "strided": _strided,
}


def view_shape(name: str, attributes: Mapping[str, Any], operand: Shape) -> Shape:
    """Shape of a view, from its name and attributes (for the views of an ``update``)."""
    if name in ("reshape", "broadcast", "slice", "strided"):
        return tuple(attributes["shape"])
    if name == "transpose":
        return tuple(operand[axis] for axis in attributes["axes"])
    if name == "squeeze":
        return tuple(e for axis, e in enumerate(operand) if axis not in attributes["axes"])
    if name == "expand_dims":
        rest = iter(operand)
        rank = len(operand) + len(attributes["axes"])
        return tuple(1 if axis in attributes["axes"] else next(rest) for axis in range(rank))
    offset, first, second = attributes["offset"], attributes["axis1"], attributes["axis2"]
    kept = [extent for axis, extent in enumerate(operand) if axis not in (first, second)]
    rows = operand[first] + (offset if _negative(offset) else 0)
    columns = operand[second] - (0 if _negative(offset) else offset)
    if isinstance(rows, int) and isinstance(columns, int):
        return (*kept, max(0, min(rows, columns)))
    return (*kept, rows if rows == columns else _unknown(rows, columns))


def _unknown(rows: Dim, columns: Dim) -> Dim:
    raise ValueError(f"length of a diagonal of {rows} by {columns}")


def _reshape(operand: Shape, result: Shape, index: Index) -> Index | None:
    """Per block of axes with equal products; a block that merges several axes is not affine."""
    if operand == result:
        return index
    out: list[Affine] = [ZERO] * len(operand)
    blocks = _reshape_blocks(operand, result)
    for of_operand, of_result in blocks or []:
        linear = linear_index([index[k] for k in of_result], [result[k] for k in of_result])
        if len(of_operand) == 1:
            out[of_operand[0]] = linear
        elif linear.terms:
            return None
        else:
            split = _split(linear.constant, [operand[k] for k in of_operand])
            if split is None:
                return None
            for axis, value in zip(of_operand, split, strict=True):
                out[axis] = constant(value)
    return tuple(out) if blocks is not None else None


def linear_index(index: list[Affine], shape: list[Dim]) -> Affine:
    """Position in C order of the element at `index` of an array of `shape`."""
    linear = ZERO
    for component, extent in zip(index, shape, strict=True):
        linear = linear.scaled(extent) + component if extent != 1 else linear
    return linear


def _split(value: Dim, shape: list[Dim]) -> list[Dim] | None:
    """C-order coordinates of a linear position; None where they are not known now."""
    out: list[Dim] = []
    for extent in reversed(shape):
        if value == 0:
            out.append(0)
        elif isinstance(value, int) and isinstance(extent, int):
            out.append(value % extent)
            value //= extent
        else:
            return None
    return out[::-1]


Blocks: TypeAlias = list[tuple[list[int], list[int]]]


def _reshape_blocks(operand: Shape, result: Shape) -> Blocks | None:
    """Smallest runs of axes of equal product on both sides; unit axes are left out."""
    left = [k for k, extent in enumerate(operand) if extent != 1]
    right = [k for k, extent in enumerate(result) if extent != 1]
    blocks: Blocks = []
    i = j = 0
    while i < len(left) and j < len(right):
        run = _matching_run(operand, result, left[i:], right[j:])
        if run is None:
            return None
        blocks.append((left[i : i + run[0]], right[j : j + run[1]]))
        i, j = i + run[0], j + run[1]
    return blocks if i == len(left) and j == len(right) else None


def _matching_run(
    operand: Shape, result: Shape, left: list[int], right: list[int]
) -> tuple[int, int] | None:
    a = b = 1
    p, q = operand[left[0]], result[right[0]]
    while p != q:
        if _grows_first(p, q):
            if a == len(left):
                return None
            p = p * operand[left[a]]
            a += 1
        else:
            if b == len(right):
                return None
            q = q * result[right[b]]
            b += 1
    return a, b


def _grows_first(p: Dim, q: Dim) -> bool:
    """Whether the left product is the one to extend: the one of lower degree, then value."""
    left, right = _degree(p), _degree(q)
    if left != right:
        return left < right
    if isinstance(p, int) and isinstance(q, int):
        return p < q
    return str(p) < str(q)


def _degree(dim: Dim) -> int:
    return 0 if isinstance(dim, int) else max(len(monomial) for monomial, _ in dim.terms)


def is_static(shape: Shape) -> bool:
    """Whether every extent is an integer."""
    return all(isinstance(extent, int) for extent in shape)


def static_size(shape: Shape, default: int = 4096) -> int:
    """Number of elements, with `default` for a symbolic extent: an estimate for decisions."""
    total = 1
    for extent in shape:
        total *= extent if isinstance(extent, int) else default
    return total


def byte_size(shape: Shape, itemsize: int) -> Dim:
    """Bytes of a contiguous array."""
    return dims.product(shape) * itemsize
