"""The emitter over LLVM text: implements `ops.emitter.Emitter` for vectors of any lane count.

A value with one lane is the same in all lanes and is spread where it meets a vector. Operations on
complex values are composed by the records; here they are pairs.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.codegen.cpu.text import FunctionText
from jitflow.codegen.cpu.values import (
    Register,
    constant_text,
    is_zero_text,
    scalar_type,
    vector_type,
)  # fmt: skip
from jitflow.core.dtypes import BOOL, C64, C128, F32, F64, DType
from jitflow.core.lazy import LazyModule

if TYPE_CHECKING:
    from jitflow.codegen.cpu import convert, divide, rare
else:
    rare = LazyModule("jitflow.codegen.cpu.rare")
    divide = LazyModule("jitflow.codegen.cpu.divide")
    convert = LazyModule("jitflow.codegen.cpu.convert")

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "slt": operator.lt, "ult": operator.lt,
    "sle": operator.le, "ule": operator.le,
}  # fmt: skip
_SETTING_FLAGS = ("fadd ", "fsub ", "fmul ", "fdiv ", "fptrunc ", "fptosi ", "fptoui ", "call ")
_COSTLY = ("fdiv ", "call ")
"""Instructions that LLVM puts behind a branch where a choice may not take their result."""

_SUFFIX = {"half": "f16", "float": "f32", "double": "f64"}


class LlvmEmitter:
    """Element-wise instructions, written to a `FunctionText`."""

    def __init__(self, text: FunctionText, fastmath: bool = False, fail: str = "fail") -> None:
        self.text = text
        self.fastmath = fastmath
        self.rank_zero = False
        self.flags = "fast " if fastmath else ""
        self.fail = fail
        self.vector_register = "x"  # constraint of inline assembly
        self.failing = False
        self.in_library = False
        self.pending: dict[str, Register] = {}
        self._harmless: set[str] = set()  # results of a choice that may be a constant
        self._setting_flags: dict[str, str] = {}  # results with their instructions

    # Values

    def dtype(self, x: Register) -> DType:
        return x.dtype

    def constant(self, value: Any, dtype: DType) -> Register:
        if dtype.is_complex:
            number = complex(value)
            parts = [constant_text(part, dtype.real) for part in (number.real, number.imag)]
            return Register(parts[0], dtype, imaginary=parts[1], literal=True)
        return _constant(value, dtype)

    def cast(self, x: Register, dtype: DType) -> Register:
        return x if x.dtype is dtype else convert.cast(self, x, dtype)

    def bitcast(self, x: Register, dtype: DType) -> Register:
        source = vector_type(scalar_type(x.dtype), x.lanes)
        target = vector_type(scalar_type(dtype), x.lanes)
        if source == target:
            return Register(x.text, dtype, x.lanes, x.depth, literal=x.literal)
        return self._pure(f"bitcast {source} {x.text} to {target}", dtype, x.lanes)

    # Arithmetic

    def add(self, x: Register, y: Register) -> Register:
        return self._arithmetic("add", x, y)

    def subtract(self, x: Register, y: Register) -> Register:
        return self._arithmetic("sub", x, y)

    def multiply(self, x: Register, y: Register) -> Register:
        return self._arithmetic("mul", x, y)

    def overflowing(self, name: str, x: Register, y: Register) -> tuple[Register, Register] | None:
        if max(x.lanes, y.lanes) > 1:
            return None
        type = self.type_of(x)
        function = f"llvm.s{name}.with.overflow.{type}"
        pair = f"{{ {type}, i1 }}"
        call = self.text.intrinsic(function, pair, [(type, x.text), (type, y.text)])
        both = self.text.value(call)
        result = self._pure(f"extractvalue {pair} {both}, 0", x.dtype, 1)
        return result, self._pure(f"extractvalue {pair} {both}, 1", BOOL, 1)

    def divide(self, x: Register, y: Register) -> Register:
        return self._arithmetic("div", x, y)

    def integer_divide(self, x: Register, y: Register) -> Register:
        return divide.integer_divide(self, x, y)

    def integer_remainder(self, x: Register, y: Register) -> Register:
        return divide.integer_remainder(self, x, y)

    def float_remainder(self, x: Register, y: Register) -> Register:
        return divide.float_remainder(self, x, y)

    def fma(self, x: Register, y: Register, z: Register) -> Register:
        return self._intrinsic("fma", x, y, z)

    def negative(self, x: Register) -> Register:
        if x.dtype.is_float:
            type = self.type_of(x)
            return self._pure(f"fneg {type} {self.operand(x)}", x.dtype, x.lanes)
        return self.subtract(self.constant(0, x.dtype), x)

    def absolute(self, x: Register) -> Register:
        if x.dtype.is_float:
            return self._intrinsic("fabs", x)
        if x.dtype.kind in "ub":
            return x
        zero = self.constant(0, x.dtype)
        return self.select(self.less(x, zero), self.subtract(zero, x), x)

    def sqrt(self, x: Register) -> Register:
        return self._intrinsic("sqrt", x)

    def floor(self, x: Register) -> Register:
        return self._intrinsic("floor", x)

    def ceil(self, x: Register) -> Register:
        return self._intrinsic("ceil", x)

    def trunc(self, x: Register) -> Register:
        return self._intrinsic("trunc", x)

    def rint(self, x: Register) -> Register:
        return self._intrinsic("rint", x)

    def copysign(self, x: Register, y: Register) -> Register:
        return self._intrinsic("copysign", x, y)

    # Comparisons and bits

    def equal(self, x: Register, y: Register) -> Register:
        return self._compare("eq", "oeq", x, y)

    def not_equal(self, x: Register, y: Register) -> Register:
        return self._compare("ne", "une", x, y)

    def less(self, x: Register, y: Register) -> Register:
        return self._compare("ult" if x.dtype.kind in "ub" else "slt", "olt", x, y)

    def less_equal(self, x: Register, y: Register) -> Register:
        return self._compare("ule" if x.dtype.kind in "ub" else "sle", "ole", x, y)

    def bit_and(self, x: Register, y: Register) -> Register:
        for known, other in ((x, y), (y, x)):
            if known.literal and known.dtype is BOOL:
                return other if known.text == "true" else known
        return self.binary("and", x, y)

    def bit_or(self, x: Register, y: Register) -> Register:
        for known, other in ((x, y), (y, x)):
            if known.literal and known.dtype is BOOL:
                return known if known.text == "true" else other
        return self.binary("or", x, y)

    def bit_xor(self, x: Register, y: Register) -> Register:
        return self.binary("xor", x, y)

    def bit_not(self, x: Register) -> Register:
        if x.literal and x.dtype is BOOL:
            return self.constant(x.text == "false", BOOL)
        return self.binary("xor", x, self.constant(True if x.dtype is BOOL else -1, x.dtype))

    def shift_left(self, x: Register, count: Register) -> Register:
        return self.binary("shl", x, count)

    def shift_right(self, x: Register, count: Register) -> Register:
        return self.binary("lshr" if x.dtype.kind == "u" else "ashr", x, count)

    def count_ones(self, x: Register) -> Register:
        return self._intrinsic("ctpop", x)

    def select(self, condition: Register, x: Register, y: Register) -> Register:
        if x.dtype.is_complex:
            real = self.select(condition, self.real(x), self.real(y))
            return self.complex(real, self.select(condition, self.imaginary(x), self.imaginary(y)))
        if condition.literal:
            return x if condition.text == "true" else y
        if x.literal and y.literal and not self.in_library:
            # Else LLVM computes from either constant ahead of time, and no flag is set.
            x, y = (x, self.opaque(y)) if is_zero_text(x.text) else (self.opaque(x), y)
        lanes, (condition, x, y) = self.level(condition, x, y)
        type, mask = self.type_of(x), vector_type("i1", lanes)
        result = self._pure(
            f"select {mask} {condition.text}, {type} {x.text}, {type} {y.text}", x.dtype, lanes
        )
        if (x.literal or y.literal) and not self.in_library:
            self._harmless.add(result.text)
        return result

    def opaque(self, x: Register) -> Register:
        """The same scalar, of which LLVM knows nothing: what is computed from it is not folded."""
        if x.dtype.real not in (F32, F64) or x.lanes != 1:
            return x
        parts = [
            self.text.value(self._hidden(x, part), x.depth)
            for part in (x.text, x.imaginary)
            if part
        ]
        return Register(parts[0], x.dtype, 1, x.depth, "".join(parts[1:]))

    def settled(self, x: Register) -> Register:
        parts = [part for part in (x.text, x.imaginary) if part in self._setting_flags]
        if x.lanes == 1:
            costly = (self._setting_flags[part].startswith(_COSTLY) for part in parts)
            return self.opaque(x) if any(costly) else x
        self._use(x, parts)
        return x

    def computed(self, x: Register) -> Register:
        if x.literal or not (x.dtype.is_float or x.dtype.is_complex):
            return x
        if x.lanes == 1:
            return self.opaque(x)
        self._use(x, [part for part in (x.text, x.imaginary) if part])
        return x

    def whole(self, z: Register) -> Register:
        can_flag = any(part in self._setting_flags for part in (z.text, z.imaginary))
        return self.computed(z) if can_flag else z

    def _use(self, x: Register, parts: list[str]) -> None:
        for part in parts:
            self.text.declare("declare void @llvm.fake.use(...)")
            self.text.write(f"call void (...) @llvm.fake.use({self.type_of(x)} {part})")

    def held(self, x: Register) -> Register:
        """The same scalar, which LLVM does not use before this place."""
        if x.dtype.real not in (F32, F64) or x.lanes != 1:
            return x
        parts = [
            self.text.result(self._hidden(x, part, "sideeffect "))
            for part in (x.text, x.imaginary)
            if part
        ]
        return Register(parts[0], x.dtype, 1, self.text.depth, "".join(parts[1:]))

    def _hidden(self, x: Register, part: str, effect: str = "") -> str:
        element, where = scalar_type(x.dtype), self.vector_register
        attributes = "" if effect else " nounwind willreturn memory(none)"
        return f'call {element} asm {effect}"", "={where},0"({element} {part}){attributes}'

    # Complex values

    def complex(self, real: Register, imaginary: Register) -> Register:
        lanes, (real, imaginary) = self.level(real, imaginary)
        dtype = _COMPLEX[real.dtype.name]
        depth = max(real.depth, imaginary.depth)
        literal = real.literal and imaginary.literal
        return Register(real.text, dtype, lanes, depth, imaginary.text, literal)

    def real(self, x: Register) -> Register:
        if not x.dtype.is_complex:
            return x
        return Register(x.text, x.dtype.real, x.lanes, x.depth, literal=x.literal)

    def imaginary(self, x: Register) -> Register:
        if not x.dtype.is_complex:
            return self.constant(0, x.dtype)
        return Register(x.imaginary, x.dtype.real, x.lanes, x.depth, literal=x.literal)

    # The math library, checks, flags

    def math(self, name: str, *operands: Register) -> Register:
        from jitflow.codegen.cpu import math

        return self._from_library(math.emit, name, *operands)

    def scalar_math(self, name: str, *operands: Register) -> Register:
        is_f64 = all(x.dtype is F64 and x.lanes == 1 for x in operands)
        function = rare.of_scalars(name) if is_f64 and not self.fastmath else None
        if function is None:
            return self.math(name, *operands)
        return rare.call_known(self, function, *operands)

    def residue(self, name: str, x: Register) -> Register:
        from jitflow.codegen.cpu import math

        return self._from_library(math.emit_residue, name, x)

    def _from_library(
        self, write: Callable[..., Register], name: str, *operands: Register
    ) -> Register:
        flags, self.flags = self.flags, ""  # its rounding steps must stay as they are written
        outer, self.in_library = self.in_library, True
        result = write(name, self, *operands)
        self.flags, self.in_library = flags, outer
        return result

    def require(self, condition: Register) -> None:
        if condition.literal and condition.text == "true":
            return
        self.failing = True
        held = rare.all_lanes(self, condition)
        going_on = self.text.fresh("checked")
        self.text.write(f"br i1 {held}, label %{going_on}, label %{self.fail}")
        self.text.start_block(going_on)

    def flag(self, name: str, condition: Register) -> None:
        before = self.pending.get(name)
        self.pending[name] = condition if before is None else self.bit_or(before, condition)

    def flush_flags(self) -> None:
        """Set the processor's flags that were reported since the last call, in one branch."""
        if self.pending:
            pending, self.pending = self.pending, {}
            rare.set_flags(self, pending)

    def rare(self, condition: Register, value: Register, slow: Callable[[], Register]) -> Register:
        return rare.rarely(self, condition, value, slow)

    def scalar_call(
        self, name: str, condition: Register, otherwise: Register, *operands: Register
    ) -> Register:
        return rare.scalar_call(self, name, condition, otherwise, *operands)

    # Building blocks

    def type_of(self, x: Register) -> str:
        """LLVM type of a value (of one part, for complex)."""
        return vector_type(scalar_type(x.dtype), x.lanes)

    def operand(self, x: Register) -> str:
        """How a value is written as an operand of its own lane count."""
        return x.text

    def level(self, *values: Register) -> tuple[int, tuple[Register, ...]]:
        """The values with the lane count of the widest."""
        lanes = max(value.lanes for value in values)
        if lanes == 1:
            return 1, values
        return lanes, tuple(self.text.broadcast(value, lanes) for value in values)

    def _pure(self, instruction: str, dtype: DType, lanes: int) -> Register:
        name = self.text.value(instruction)
        if instruction.startswith(_SETTING_FLAGS):
            self._setting_flags[name] = instruction
        return Register(name, dtype, lanes, self.text.depth)

    def _arithmetic(self, name: str, x: Register, y: Register) -> Register:
        if x.dtype.is_float:
            if x.literal and y.literal and not self.in_library:
                y = self.opaque(y)
            x, y = self._as_chosen(x), self._as_chosen(y)
            return self.binary(f"f{name}", x, y, self.flags)
        return self.binary(name, x, y)

    def _as_chosen(self, x: Register) -> Register:
        """An operand; where it may be a harmless constant that keeps flags clear, LLVM keeps it.

        Else it computes ``where(c, a - where(c, b, 0), 0)`` without the inner choice.
        """
        is_known = self.in_library or x.text not in self._harmless
        return x if is_known else self.opaque(x)

    def binary(self, name: str, x: Register, y: Register, flags: str = "") -> Register:
        lanes, (x, y) = self.level(x, y)
        type = vector_type(scalar_type(x.dtype), lanes)
        return self._pure(f"{name} {flags}{type} {x.text}, {y.text}", x.dtype, lanes)

    def _compare(self, integer: str, floating: str, x: Register, y: Register) -> Register:
        if x.literal and y.literal and x.dtype.is_integer:
            return self.constant(_COMPARISONS[integer](int(x.text), int(y.text)), BOOL)
        lanes, (x, y) = self.level(x, y)
        type = vector_type(scalar_type(x.dtype), lanes)
        name = f"fcmp {floating}" if x.dtype.is_float else f"icmp {integer}"
        return self._pure(f"{name} {type} {x.text}, {y.text}", BOOL, lanes)

    def _intrinsic(self, name: str, *values: Register) -> Register:
        lanes, values = self.level(*values)
        dtype = values[0].dtype
        element = scalar_type(dtype)
        type = vector_type(element, lanes)
        suffix = _SUFFIX.get(element, element)
        full = f"llvm.{name}.{suffix if lanes == 1 else f'v{lanes}{suffix}'}"
        call = self.text.intrinsic(full, type, [(type, value.text) for value in values])
        return self._pure(call, dtype, lanes)


@functools.lru_cache(4096)
def _cached_constant(bits: bytes, dtype: DType) -> Register:
    value = np.frombuffer(bits, dtype.numpy)[0]
    return Register(constant_text(value, dtype), dtype, literal=True)


def _constant(value: Any, dtype: DType) -> Register:
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.asarray(value)
        if dtype.is_integer and array.dtype.kind in "iu":
            array = np.asarray(int(value) & ((1 << dtype.bits) - 1), f"u{dtype.itemsize}")
            return _cached_constant(array.tobytes(), dtype)
        return _cached_constant(array.astype(dtype.numpy).tobytes(), dtype)


_COMPLEX = {"f32": C64, "f64": C128}
