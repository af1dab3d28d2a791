"""Where inputs, outputs and constants lie: the memory that a segment is given.

Names storages ``in0``, ``out0``, ``const0`` (`buffers` adds temporaries, ``tmp0``); answers
what fusion asks about memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jitflow.codegen import access
from jitflow.codegen.access import Index, Layout
from jitflow.codegen.draft import Place
from jitflow.codegen.groups import Product
from jitflow.codegen.interface import InputSpec, Segment
from jitflow.codegen.target import CPU, LoopTarget
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field, replace
from jitflow.core.dims import Dim
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Graph, Value

if TYPE_CHECKING:
    from jitflow.codegen import row_blocks
else:
    row_blocks = LazyModule("jitflow.codegen.row_blocks")

ESTIMATED_EXTENT = 64
"""Extent taken for symbolic axes where only an order of strides is wanted."""


@dataclass(eq=False, repr=False)
class Given:
    """The places that exist before any step runs.

    Attributes
    ----------
    inputs : dict
        Graph input to its place; a scalar is one element in memory.
    outputs : list of Place
        In order of the graph's outputs.
    estimates : dict
        Guesses for symbols that are byte strides, for the schedule.
    constants : dict
        Storage name to array, filled as constants are met.
    checks_come_first : bool
        Whether written inputs must stay as they are until every check was made. Not in a region:
        there they are copies, or what is around has made sure.
    """

    segment: Segment
    target: LoopTarget = CPU
    inputs: dict[Value, Place] = field(default_factory=dict)
    outputs: list[Place] = field(default_factory=list)
    estimates: dict[str, int] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    constant_places: dict[Value, Place] = field(default_factory=dict)
    checks_come_first: bool = True

    def inside(self, graph: Graph, inputs: dict[Value, Place], outputs: list[Place]) -> Given:
        """What is given to the graph of a region."""
        nothing = replace(self.segment, graph=Graph("none"), inputs=(), outputs=())
        given = Given(nothing, self.target)
        given.segment = replace(given.segment, graph=graph)
        given.inputs, given.outputs = inputs, outputs
        given.estimates, given.constants = self.estimates, self.constants
        given.checks_come_first = False
        return given

    def __post_init__(self) -> None:
        for number, (value, spec) in enumerate(
            zip(self.segment.graph.inputs, self.segment.inputs, strict=True)
        ):
            self.inputs[value] = self._input(number, spec)
        for number, output in enumerate(self.segment.outputs):
            layout = access.contiguous(output.shape, output.dtype.itemsize, output.order)
            self.outputs.append(Place(f"out{number}", layout))

    def _input(self, number: int, spec: InputSpec) -> Place:
        name = f"in{number}"
        if spec.layout == "strided":
            return Place(name, self._strided(name, spec), spec.aligned)
        order = tuple(range(len(spec.shape)))
        if spec.layout == "F":
            order = order[::-1]
        return Place(name, access.contiguous(spec.shape, spec.dtype.itemsize, order), spec.aligned)

    def _strided(self, name: str, spec: InputSpec) -> Layout:
        strides: list[Dim] = []
        guess = spec.dtype.itemsize
        for axis in range(len(spec.shape) - 1, -1, -1):
            symbol = stride_symbol(name, axis)
            guess *= 2
            self.estimates[symbol] = guess
            guess *= extent if isinstance(extent := spec.shape[axis], int) else ESTIMATED_EXTENT
            step: Dim = dims.symbol(symbol)
            if self.target.counts_elements:
                self.estimates[symbol] //= spec.dtype.itemsize
                step = step * spec.dtype.itemsize
            strides.append(spec.dtype.itemsize if axis == spec.unit_axis else step)
        return Layout(tuple(strides[::-1]))

    def place(self, value: Value) -> Place | None:
        """Place of an input or of a constant array; None for what is computed."""
        found = self.inputs.get(value)
        return self._constant(value) if found is None and is_constant(value) else found

    def _constant(self, value: Value) -> Place:
        if value not in self.constant_places:
            assert value.producer is not None
            array = np.ascontiguousarray(value.producer.attributes["value"])
            name = f"const{len(self.constants)}"
            self.constants[name] = array
            layout = access.contiguous(value.type.shape, value.type.dtype.itemsize)
            self.constant_places[value] = Place(name, layout)
        return self.constant_places[value]

    # What fusion asks

    def is_contiguous(self, value: Value) -> bool:
        """Whether an input or constant lies in C order without gaps."""
        place = self.place(value)
        return place is not None and is_packed(place, value)

    def is_product_operand(self, product: Product, slot: int, value: Value, index: Index) -> bool:
        """Whether a product can read `value` in place: for BLAS one matrix axis is contiguous."""
        if self.target.products:
            return True
        place = self.place(value)
        layout = (
            place.layout
            if place is not None
            else access.contiguous(value.type.shape, value.type.dtype.itemsize)
        )
        address = layout.address(index)
        rows, columns = ("i", "k") if slot == 0 else ("k", "j")
        row, column = address.coefficient(rows), address.coefficient(columns)
        itemsize = value.type.dtype.itemsize
        if not is_matrix(
            row, column, product.variables[rows], product.variables[columns], itemsize
        ):
            return False
        is_turned = slot == 1 and column != itemsize and self.target.has_caches
        return not (is_turned and row_blocks.is_better_packed(product))


def is_constant(value: Value) -> bool:
    """Whether `value` is an array known now."""
    node = value.producer
    return node is not None and node.operator.name == "constant" and value.type.rank > 0


def is_matrix(row: Dim, column: Dim, rows: Dim, columns: Dim, itemsize: int) -> bool:
    """Whether byte strides suit BLAS: one axis contiguous, the other at least as long."""
    if column == itemsize or columns == 1:
        return _reaches(row, columns * itemsize) or rows == 1
    if row == itemsize or rows == 1:
        return _reaches(column, rows * itemsize)
    return False


def is_matrix_place(place: Place, value: Value) -> bool:
    """Whether a product can write its result to a place."""
    (*_, row, column), (*_, rows, columns) = place.layout.strides, value.type.shape
    return is_matrix(row, column, rows, columns, value.type.dtype.itemsize)


def _reaches(stride: Dim, least: Dim) -> bool:
    if isinstance(stride, int) and isinstance(least, int):
        return stride >= least
    rest = stride - least
    if isinstance(rest, int):
        return rest >= 0
    return all(coefficient > 0 for _, coefficient in rest.terms)


def is_packed(place: Place, value: Value) -> bool:
    """Whether a place is C order without gaps for the shape of `value`."""
    packed = access.contiguous(value.type.shape, value.type.dtype.itemsize)
    return place.layout.offset == 0 and all(
        extent == 1 or stride == other
        for extent, stride, other in zip(
            value.type.shape, place.layout.strides, packed.strides, strict=True
        )
    )


def stride_symbol(storage: str, axis: int) -> str:
    """Name of the symbol that is the stride of an axis of a strided input."""
    return f"{storage}_stride{axis}"
