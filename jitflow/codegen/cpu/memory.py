"""Loads and stores of vectors: contiguous, strided, gathered; masked at the end of a loop.

A masked lane holds what the first lane holds, so that no lane computes on values that the program
never had: it sets no floating-point flag of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jitflow.codegen.access import Affine
from jitflow.codegen.cpu.emit import LlvmEmitter
from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import (
    Register, lane_numbers, memory_type, scalar_type, shuffle_mask, vector_type,
)  # fmt: skip
from jitflow.codegen.loop_ir import Buffer
from jitflow.core.dims import Dim
from jitflow.core.dtypes import BOOL, F16, I64, DType


@dataclass
class Lanes:
    """The vector loop that is being written: its variable, lane count, and mask at the end."""

    variable: str = ""
    count: int = 1
    mask: str = ""


@dataclass
class Address:
    """A scalar pointer, and what the lanes add to it.

    `contiguous`: lane `n` is `n` elements further; `offsets`: lane `n` is ``offsets[n]`` bytes
    further; neither: all lanes are at one address.
    """

    pointer: str
    contiguous: bool = False
    offsets: Register | None = None


@dataclass
class MemoryWriter:
    """Writes the loads and stores of one kernel."""

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
            total = self.clamped(lane if step == along else self.scaled(lane, along))
        for register, coefficient in vectors:
            term = self.scaled(register, coefficient)
            total = term if total is None else self.emitter.add(total, term)
        return total

    def scaled(self, vector: Register, factor: Dim) -> Register:
        return vector if factor == 1 else self.emitter.multiply(vector, self.dim(factor))

    def clamped(self, offsets: Register) -> Register:
        """Offsets with 0 in masked lanes: they point at the first lane's element."""
        if not self.lanes.mask:
            return offsets
        mask = Register(self.lanes.mask, BOOL, self.lanes.count, self.text.depth)
        return self.emitter.select(mask, offsets, self.emitter.constant(0, I64))

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
        return Address(pointer, offsets=self.offsets(vectors, along))

    def advance(self, pointer: str, depth: int, step: Register) -> tuple[str, int]:
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

    # Loads

    def load(self, buffer: Buffer, address: Affine, dtype: DType) -> Register:
        """The elements at an address, one for each lane."""
        at = self.address(buffer, address)
        if dtype.is_complex:
            return self.load_complex(buffer, at, dtype)
        align = alignment(buffer)
        if at.offsets is not None:
            loaded, lanes = self.gather(at.pointer, at.offsets, dtype, align), at.offsets.lanes
        elif at.contiguous:
            loaded = self.contiguous(at.pointer, memory_type(dtype), self.lanes.count, align)
            lanes = self.lanes.count
        else:
            loaded = self.text.result(f"load {memory_type(dtype)}, ptr {at.pointer}, align {align}")
            lanes = 1
        return self.from_memory(loaded, dtype, lanes)

    def from_memory(self, loaded: str, dtype: DType, lanes: int) -> Register:
        if dtype is BOOL:
            type = vector_type("i8", lanes)
            zero = "0" if lanes == 1 else "zeroinitializer"
            loaded = self.text.value(f"icmp ne {type} {loaded}, {zero}")
        return Register(loaded, dtype, lanes, self.text.depth)

    def contiguous(self, pointer: str, element: str, count: int, align: int) -> str:
        """`count` elements in a row; under a mask, the first one in masked lanes."""
        if not self.lanes.mask:
            type = vector_type(element, count)
            return self.text.result(f"load {type}, ptr {pointer}, align {align}")
        first = self.text.result(f"load {element}, ptr {pointer}, align {align}")
        fill = self.text.spread(first, element, count, self.text.depth, False)
        return self.masked_load(pointer, element, count, align, self.lanes.mask, fill)

    def masked_load(
        self, pointer: str, element: str, count: int, align: int, mask: str, fill: str
    ) -> str:
        narrow = "i16" if element == "half" else element
        type, masks = vector_type(narrow, count), vector_type("i1", count)
        if narrow != element:
            fill = self.text.value(f"bitcast {vector_type(element, count)} {fill} to {type}")
        call = self.text.intrinsic(
            f"llvm.masked.load.{_mangled(type)}.p0",
            type,
            [("ptr", pointer), ("i32", str(align)), (masks, mask), (type, fill)],
        )
        loaded = self.text.result(call)
        if narrow != element:
            return self.text.value(f"bitcast {type} {loaded} to {vector_type(element, count)}")
        return loaded

    def pointers(self, pointer: str, offsets: Register) -> str:
        type = vector_type("i64", offsets.lanes)
        return self.text.value(f"getelementptr i8, ptr {pointer}, {type} {offsets.text}")

    def gather(self, pointer: str, offsets: Register, dtype: DType, align: int) -> str:
        """Elements at byte offsets; every lane loads, masked ones from the first lane's place."""
        count, element = offsets.lanes, memory_type(dtype)
        at = self.pointers(pointer, offsets)
        narrow = "i16" if dtype is F16 else element
        type, masks = vector_type(narrow, count), vector_type("i1", count)
        loaded = self.text.result(
            self.text.intrinsic(
                f"llvm.masked.gather.{_mangled(type)}.v{count}p0",
                type,
                [
                    (vector_type("ptr", count), at),
                    ("i32", str(align)),
                    (masks, "splat (i1 true)"),
                    (type, "poison"),
                ],
            )
        )
        if narrow != element:
            return self.text.value(f"bitcast {type} {loaded} to {vector_type(element, count)}")
        return loaded

    def load_complex(self, buffer: Buffer, at: Address, dtype: DType) -> Register:
        element, align, real = scalar_type(dtype), alignment(buffer), dtype.real
        if at.offsets is not None:
            second = self.text.result(
                f"getelementptr i8, ptr {at.pointer}, i64 {real.itemsize}"
            )
            parts = [self.gather(p, at.offsets, real, align) for p in (at.pointer, second)]
            return Register(parts[0], dtype, at.offsets.lanes, self.text.depth, parts[1])
        if at.contiguous:
            return self.load_pairs(at.pointer, element, align, dtype)
        parts = []
        for offset in (0, real.itemsize):
            pointer = self.text.result(f"getelementptr i8, ptr {at.pointer}, i64 {offset}")
            parts.append(self.text.result(f"load {element}, ptr {pointer}, align {align}"))
        return Register(parts[0], dtype, 1, self.text.depth, parts[1])

    def load_pairs(self, pointer: str, element: str, align: int, dtype: DType) -> Register:
        """Real and imaginary parts that alternate in memory, taken apart."""
        count, text = self.lanes.count, self.text
        both = vector_type(element, 2 * count)
        if self.lanes.mask:
            pair = vector_type(element, 2)
            first = text.result(f"load {pair}, ptr {pointer}, align {align}")
            fill = text.value(
                f"shufflevector {pair} {first}, {pair} poison, {shuffle_mask([0, 1] * count)}"
            )
            mask = self.doubled_mask()
            loaded = self.masked_load(pointer, element, 2 * count, align, mask, fill)
        else:
            loaded = text.result(f"load {both}, ptr {pointer}, align {align}")
        parts = [
            text.value(
                f"shufflevector {both} {loaded}, {both} poison, "
                f"{shuffle_mask(list(range(part, 2 * count, 2)))}"
            )
            for part in (0, 1)
        ]
        return Register(parts[0], dtype, count, text.depth, parts[1])

    def doubled_mask(self) -> str:
        count = self.lanes.count
        masks = vector_type("i1", count)
        twice = shuffle_mask([lane // 2 for lane in range(2 * count)])
        return self.text.value(
            f"shufflevector {masks} {self.lanes.mask}, {masks} poison, {twice}"
        )

    # Stores

    def store(self, buffer: Buffer, address: Affine, value: Register) -> None:
        """Write each lane's element."""
        at = self.address(buffer, address)
        if value.dtype is BOOL:
            type = vector_type("i1", value.lanes)
            text = self.text.value(
                f"zext {type} {value.text} to {vector_type('i8', value.lanes)}"
            )
            value = Register(text, BOOL, value.lanes, self.text.depth)
        align = alignment(buffer)
        if value.dtype.is_complex:
            self.store_complex(at, value, align)
        elif at.offsets is not None:
            element = memory_type(value.dtype)
            spread = self.spread(value, at.offsets.lanes)
            self.scatter(at.pointer, at.offsets, element, spread, align)
        elif at.contiguous:
            element = memory_type(value.dtype)
            spread = self.spread(value, self.lanes.count)
            self.store_row(at.pointer, element, self.lanes.count, spread, align, self.lanes.mask)
        else:
            element = memory_type(value.dtype)
            self.text.write(f"store {element} {value.text}, ptr {at.pointer}, align {align}")

    def spread(self, value: Register, count: int, text: str = "") -> str:
        """The value in `count` lanes, as it lies in memory."""
        text = text or value.text
        if value.lanes == count:
            return text
        element = memory_type(value.dtype)
        return self.text.spread(text, element, count, value.depth, value.literal)

    def store_row(
        self, pointer: str, element: str, count: int, value: str, align: int, mask: str
    ) -> None:
        type, masks = vector_type(element, count), vector_type("i1", count)
        if not mask:
            self.text.write(f"store {type} {value}, ptr {pointer}, align {align}")
            return
        if element == "half":
            whole = vector_type("i16", count)
            value = self.text.value(f"bitcast {type} {value} to {whole}")
            type = whole
        call = self.text.intrinsic(
            f"llvm.masked.store.{_mangled(type)}.p0",
            "void",
            [(type, value), ("ptr", pointer), ("i32", str(align)), (masks, mask)],
        )
        self.text.write(call)

    def store_complex(self, at: Address, value: Register, align: int) -> None:
        real = value.dtype.real
        element, size = scalar_type(value.dtype), real.itemsize
        parts = (value.text, value.imaginary)
        if at.contiguous:
            count = self.lanes.count
            re, im = (self.spread(value, count, part) for part in parts)
            type = vector_type(element, count)
            order = [lane // 2 + (lane % 2) * count for lane in range(2 * count)]
            both = self.text.value(
                f"shufflevector {type} {re}, {type} {im}, {shuffle_mask(order)}"
            )
            mask = self.doubled_mask() if self.lanes.mask else ""
            self.store_row(at.pointer, element, 2 * count, both, align, mask)
            return
        for number, part in enumerate(parts):
            pointer = self.text.result(
                f"getelementptr i8, ptr {at.pointer}, i64 {number * size}"
            )
            if at.offsets is not None:
                spread = self.spread(value, at.offsets.lanes, part)
                self.scatter(pointer, at.offsets, element, spread, align)
            else:
                self.text.write(f"store {element} {part}, ptr {pointer}, align {align}")

    def scatter(
        self, pointer: str, offsets: Register, element: str, value: str, align: int
    ) -> None:
        count = offsets.lanes
        if element == "half":
            whole = vector_type("i16", count)
            value = self.text.value(f"bitcast {vector_type('half', count)} {value} to {whole}")
            element = "i16"
        type, masks = vector_type(element, count), vector_type("i1", count)
        at = self.pointers(pointer, offsets)
        self.text.write(
            self.text.intrinsic(
                f"llvm.masked.scatter.{_mangled(type)}.v{count}p0",
                "void",
                [
                    (type, value),
                    (vector_type("ptr", count), at),
                    ("i32", str(align)),
                    (masks, self.lanes.mask or "splat (i1 true)"),
                ],
            )
        )


def alignment(buffer: Buffer) -> int:
    """Bytes to which every element of a buffer is aligned."""
    return buffer.dtype.real.itemsize if buffer.aligned else 1


def _mangled(type: str) -> str:
    """The suffix of an intrinsic for a vector type: ``<4 x float>`` is ``v4f32``."""
    count, element = type.strip("<>").split(" x ")
    return f"v{count}" + {"float": "f32", "double": "f64", "half": "f16"}.get(element, element)
