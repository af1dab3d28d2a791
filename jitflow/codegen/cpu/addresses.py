"""Addresses: affine expressions of loop variables and registers as pointers and lane offsets."""

from __future__ import annotations

from jitflow.codegen.access import Affine
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import Register, lane_numbers, memory_type, vector_type
from jitflow.codegen.loop_ir import Buffer
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, I64, DType


@dataclass(eq=False, repr=False)
class Lanes:
    """The vector loop that is being written: its variable, lane count, and mask at the end.

    `left`: how many elements there are from the first lane on, where there is a mask. `first`: the
    lane that masked lanes repeat; the first one if there is none here.
    """

    variable: str = ""
    count: int = 1
    mask: str = ""
    left: Register | None = None
    first: Register | None = None


@dataclass(eq=False, repr=False)
class Address:
    """A scalar pointer, and what the lanes add to it.

    `contiguous`: lane `n` is `n` elements further; `offsets`: lane `n` is ``offsets[n]`` bytes
    further; neither: all lanes are at one address. `step` is the distance of neighbouring lanes in
    elements, 0 where it is not known; `stride` their distance in bytes if they are evenly apart.
    """

    pointer: str
    contiguous: bool = False
    offsets: Register | None = None
    step: int = 0
    stride: Register | None = None


@dataclass(eq=False, repr=False)
class AddressWriter:
    """Writes the addresses of one function."""

    text: FunctionText
    emitter: LlvmEmitter
    buffers: dict[str, Buffer]
    symbols: dict[str, Register]
    registers: dict[str, Register] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)

    # Integers

    def dim(self, dim: Dim) -> Register:
        """The value of a dimension."""
        if isinstance(dim, int):
            return self.text.integer(dim)
        total = self.text.integer(0)
        for monomial, coefficient in dim.terms:
            product = self.text.integer(coefficient)
            for name in monomial:
                product = self.text.multiply(product, self.symbols[name])
            total = self.text.add(total, product)
        return total

    def split(self, address: Affine) -> tuple[Register, list[tuple[Register, Dim]], Dim]:
        """Scalar part, (vector register, stride) terms, and stride along the vector loop."""
        scalars: list[tuple[Register, Dim]] = []
        vectors: list[tuple[Register, Dim]] = []
        along: Dim = 0
        for atom, coefficient in address.terms:
            register = self.registers[atom]
            if atom == self.lanes.variable and self.lanes.count > 1:
                along = coefficient
            if register.lanes > 1:
                vectors.append((register, coefficient))
            else:
                scalars.append((register, coefficient))
        total = self.dim(address.constant)
        for register, coefficient in sorted(scalars, key=lambda term: term[0].depth):
            total = self.text.add(total, self.text.multiply(register, self.dim(coefficient)))
        return total, vectors, along

    def position(self, address: Affine) -> Register:
        """The i64 value of an affine expression, in each lane."""
        scalar, vectors, along = self.split(address)
        offsets = self.offsets(vectors, along)
        return scalar if offsets is None else self.emitter.add(offsets, scalar)

    def offsets(self, vectors: list[tuple[Register, Dim]], along: Dim) -> Register | None:
        """What the lanes add: the lane number times a stride, and vector registers."""
        total: Register | None = None
        if along != 0:
            step = along if isinstance(along, int) else 1
            numbers = lane_numbers(self.lanes.count, "i64", step)
            lane = Register(numbers, I64, self.lanes.count)
            total = self.clamped(lane if step == along else self.scaled(lane, along), along)
        for register, coefficient in vectors:
            term = self.scaled(register, coefficient)
            total = term if total is None else self.emitter.add(total, term)
        return total

    def scaled(self, vector: Register, factor: Dim) -> Register:
        """A vector of i64 times a dimension."""
        return vector if factor == 1 else self.emitter.multiply(vector, self.dim(factor))

    def clamped(self, offsets: Register, along: Dim) -> Register:
        """Offsets with that of the first lane in masked lanes: they point at its element."""
        if not self.lanes.mask:
            return offsets
        mask, first = Register(self.lanes.mask, BOOL, self.lanes.count, self.text.depth), None
        if self.lanes.first is not None:
            first = self.text.multiply(self.lanes.first, self.dim(along))
        return self.emitter.select(mask, offsets, first or self.emitter.constant(0, I64))

    def address(self, buffer: Buffer, address: Affine) -> Address:
        """The pointer of an access; its parts are computed as far out as they can be."""
        text = self.text
        pointer, depth = f"%{buffer.name}", 0
        along: Dim = 0
        vectors: list[tuple[Register, Dim]] = []
        scalars: list[tuple[Register, Dim]] = []
        last: Register | None = None
        for atom, coefficient in address.terms:
            register = self.registers[atom]
            if register.lanes > 1:
                vectors.append((register, coefficient))
            elif atom == self.lanes.variable and self.lanes.count > 1:
                along, last = coefficient, register
            else:
                scalars.append((register, coefficient))
        pointer, depth = self.advance(pointer, depth, self.dim(address.constant))
        for register, coefficient in sorted(scalars, key=lambda term: term[0].depth):
            step = text.multiply(register, self.dim(coefficient))
            pointer, depth = self.advance(pointer, depth, step)
        size = buffer.dtype.itemsize
        if last is not None and along == size and not vectors:
            pointer = self.element(pointer, depth, last, buffer.dtype)
            return Address(pointer, contiguous=True)
        if last is not None:
            step = text.multiply(last, self.dim(along))
            pointer, depth = self.advance(pointer, depth, step)
        apart = 0
        if isinstance(along, int) and not vectors and along % size == 0:
            apart = along // size
        stride = self.dim(along) if along != 0 and not vectors else None
        return Address(pointer, offsets=self.offsets(vectors, along), step=apart, stride=stride)

    def advance(self, pointer: str, depth: int, step: Register) -> tuple[str, int]:
        """A pointer some bytes further, and the depth at which it is known."""
        if step.text == "0":
            return pointer, depth
        depth = max(depth, step.depth)
        return self.text.value(f"getelementptr i8, ptr {pointer}, i64 {step.text}", depth), depth

    def element(self, pointer: str, depth: int, index: Register, dtype: DType) -> str:
        """Pointer to an element by its index: the form that addressing modes take."""
        if index.text == "0":
            return pointer
        element = memory_type(dtype)
        if dtype.is_complex:
            element = f"{{ {element}, {element} }}"
        return self.text.value(
            f"getelementptr {element}, ptr {pointer}, i64 {index.text}", max(depth, index.depth)
        )

    def lane_pointers(self, pointer: str, stride: Register) -> list[str]:
        """The address of each lane; masked lanes are where the first one is."""
        text, left = self.text, self.lanes.left
        found = []
        for lane in range(self.lanes.count):
            offset = text.multiply(stride, text.integer(lane))
            if left is not None and lane and left.literal:
                offset = offset if lane < int(left.text) else text.integer(0)
            elif left is not None and lane:
                inside = text.value(f"icmp sgt i64 {left.text}, {lane}")
                chosen = text.value(f"select i1 {inside}, i64 {offset.text}, i64 0")
                offset = Register(chosen, I64, 1, text.depth)
            found.append(self.advance(pointer, text.depth, offset)[0])
        return found

    def pointers(self, pointer: str, offsets: Register) -> str:
        """A vector of pointers."""
        type = vector_type("i64", offsets.lanes)
        return self.text.value(f"getelementptr i8, ptr {pointer}, {type} {offsets.text}")
