"""Loads and stores of vectors: contiguous, strided, gathered; masked at the end of a loop.

A masked lane holds what the first lane holds, so that no lane computes on values that the program
never had: it sets no floating-point flag of its own.
"""

from __future__ import annotations

from jitflow.codegen.access import Affine
from jitflow.codegen.cpu.addresses import Address, AddressWriter, Lanes
from jitflow.codegen.cpu.values import (
    Register,
    memory_type,
    scalar_type,
    shuffle_mask,
    vector_type,
)  # fmt: skip
from jitflow.codegen.loop_ir import Buffer
from jitflow.core.dtypes import BOOL, F16, DType

MOST_LANES = 64
"""Lanes of a vector that are loaded and stored one by one."""

__all__ = ["Lanes", "MemoryWriter", "alignment"]


class MemoryWriter(AddressWriter):
    """Writes the loads and stores of one kernel."""

    # Loads

    def load(self, buffer: Buffer, address: Affine, dtype: DType) -> Register:
        """The elements at an address, one for each lane."""
        at = self.address(buffer, address)
        if dtype.is_complex:
            return self.load_complex(buffer, at, dtype)
        align = alignment(buffer)
        if at.step in (-1, 2) and not self.lanes.mask:
            loaded, lanes = self.shuffled(at, dtype, align), self.lanes.count
        elif at.offsets is not None:
            loaded, lanes = self.collect(at, dtype, align), at.offsets.lanes
        elif at.contiguous:
            loaded = self.contiguous(at.pointer, memory_type(dtype), self.lanes.count, align)
            lanes = self.lanes.count
        else:
            loaded = self.text.result(f"load {memory_type(dtype)}, ptr {at.pointer}, align {align}")
            lanes = 1
        return self.from_memory(loaded, dtype, lanes)

    def from_memory(self, loaded: str, dtype: DType, lanes: int) -> Register:
        """What was loaded as a value: a byte becomes a bool."""
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
        at = self.first_element(pointer, element)
        first = self.text.result(f"load {element}, ptr {at}, align {align}")
        fill = self.text.spread(first, element, count, self.text.depth, False)
        return self.masked_load(pointer, element, count, align, self.lanes.mask, fill)

    def first_element(self, pointer: str, element: str) -> str:
        """Where the lane's element is that masked lanes repeat."""
        if self.lanes.first is None:
            return pointer
        number = self.lanes.first.text
        return self.text.value(f"getelementptr {element}, ptr {pointer}, i64 {number}")

    def shuffled(self, at: Address, dtype: DType, align: int) -> str:
        """Elements backwards, or every other one: from one or two vectors that lie in a row.

        No byte is read that lies beyond the outer elements.
        """
        count, text = self.lanes.count, self.text
        type = vector_type(memory_type(dtype), count)
        last = (count - 1) * dtype.itemsize
        offsets, lanes = [0, last], [2 * lane for lane in range(count)]
        if at.step < 0:
            offsets, lanes = [-last], list(range(count))[::-1]
        parts = []
        for offset in offsets:
            pointer = text.value(f"getelementptr i8, ptr {at.pointer}, i64 {offset}")
            parts.append(text.result(f"load {type}, ptr {pointer}, align {align}"))
        second = "poison" if at.step < 0 else parts[1]
        if at.step > 0:  # the second vector begins with the last element of the first
            lanes = [lane if lane < count else lane + 1 for lane in lanes]
        return text.value(
            f"shufflevector {type} {parts[0]}, {type} {second}, {shuffle_mask(lanes)}"
        )

    def masked_load(
        self, pointer: str, element: str, count: int, align: int, mask: str, fill: str
    ) -> str:
        """Elements where the mask is set, `fill` elsewhere."""
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

    def collect(self, at: Address, dtype: DType, align: int, offset: int = 0) -> str:
        """Elements that lie apart: lane by lane where the distance is even, else by a gather.

        A gather has an instruction, but most processors load one lane after the other for it, and
        do nothing else meanwhile.
        """
        assert at.offsets is not None
        pointer = at.pointer
        if offset:
            pointer = self.text.value(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        is_even = at.stride is not None and self.lanes.first is None
        if not is_even or self.lanes.count > MOST_LANES:
            return self.gather(pointer, at.offsets, dtype, align)
        element = memory_type(dtype)
        type, whole = vector_type(element, self.lanes.count), "poison"
        assert at.stride is not None
        for lane, place in enumerate(self.lane_pointers(pointer, at.stride)):
            loaded = self.text.result(f"load {element}, ptr {place}, align {align}")
            whole = self.text.result(
                f"insertelement {type} {whole}, {element} {loaded}, i32 {lane}"
            )
        return whole

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
        """Complex elements, as their two parts."""
        element, align, real = scalar_type(dtype), alignment(buffer), dtype.real
        if at.offsets is not None:
            parts = [self.collect(at, real, align, offset) for offset in (0, real.itemsize)]
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
            at = self.first_element(pointer, f"{{ {element}, {element} }}")
            first = text.result(f"load {pair}, ptr {at}, align {align}")
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
        """The mask with every lane twice, for parts that alternate."""
        count = self.lanes.count
        masks = vector_type("i1", count)
        twice = shuffle_mask([lane // 2 for lane in range(2 * count)])
        return self.text.value(f"shufflevector {masks} {self.lanes.mask}, {masks} poison, {twice}")

    # Stores

    def store(self, buffer: Buffer, address: Affine, value: Register) -> None:
        """Write each lane's element."""
        at = self.address(buffer, address)
        if value.dtype is BOOL:
            type = vector_type("i1", value.lanes)
            text = self.text.value(f"zext {type} {value.text} to {vector_type('i8', value.lanes)}")
            value = Register(text, BOOL, value.lanes, self.text.depth)
        align = alignment(buffer)
        if value.dtype.is_complex:
            self.store_complex(at, value, align)
        elif at.offsets is not None:
            element = memory_type(value.dtype)
            spread = self.spread(value, at.offsets.lanes)
            self.distribute(at, element, spread, align)
        elif at.contiguous:
            element = memory_type(value.dtype)
            spread = self.spread(value, self.lanes.count)
            self.store_row(at.pointer, element, self.lanes.count, spread, align, self.lanes.mask)
        else:
            element = memory_type(value.dtype)
            self.text.write(f"store {element} {value.text}, ptr {at.pointer}, align {align}")

    def store_if(
        self, condition: Register, buffer: Buffer, address: Affine, value: Register
    ) -> None:
        """Write one element where the condition holds, else to where nobody reads: no branch."""
        at, element = self.address(buffer, address), memory_type(value.dtype)
        nowhere = self.text.value(f"alloca {element}", 0)
        place = self.text.value(f"select i1 {condition.text}, ptr {at.pointer}, ptr {nowhere}")
        self.text.write(f"store {element} {value.text}, ptr {place}, align {alignment(buffer)}")

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
        """Write a vector to elements in a row, where the mask is set."""
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
        """Write complex elements: parts alternate in memory."""
        real = value.dtype.real
        element, size = scalar_type(value.dtype), real.itemsize
        parts = (value.text, value.imaginary)
        if at.contiguous:
            count = self.lanes.count
            re, im = (self.spread(value, count, part) for part in parts)
            type = vector_type(element, count)
            order = [lane // 2 + (lane % 2) * count for lane in range(2 * count)]
            both = self.text.value(f"shufflevector {type} {re}, {type} {im}, {shuffle_mask(order)}")
            mask = self.doubled_mask() if self.lanes.mask else ""
            self.store_row(at.pointer, element, 2 * count, both, align, mask)
            return
        for number, part in enumerate(parts):
            if at.offsets is not None:
                spread = self.spread(value, at.offsets.lanes, part)
                self.distribute(at, element, spread, align, number * size)
            else:
                offset = number * size
                pointer = self.text.result(f"getelementptr i8, ptr {at.pointer}, i64 {offset}")
                self.text.write(f"store {element} {part}, ptr {pointer}, align {align}")

    def distribute(
        self, at: Address, element: str, value: str, align: int, offset: int = 0
    ) -> None:
        """Write elements that lie apart: the counterpart of `collect`."""
        assert at.offsets is not None
        pointer = at.pointer
        if offset:
            pointer = self.text.value(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        if at.stride is None or self.lanes.mask or self.lanes.count > MOST_LANES:
            self.scatter(pointer, at.offsets, element, value, align)
            return
        type = vector_type(element, self.lanes.count)
        for lane, place in enumerate(self.lane_pointers(pointer, at.stride)):
            part = self.text.value(f"extractelement {type} {value}, i32 {lane}")
            self.text.write(f"store {element} {part}, ptr {place}, align {align}")

    def scatter(
        self, pointer: str, offsets: Register, element: str, value: str, align: int
    ) -> None:
        """Write each lane at its byte offset, in the order of the lanes."""
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
