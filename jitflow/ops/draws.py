"""Records of draws of random numbers that NumPy's C functions make from a bit generator.

The first operand is the address of the bit generator (``bitgen_t *``), whose state each draw moves
on: the numbers are those that a method of NumPy's generators gives, in the same order.
"""

from __future__ import annotations

import ctypes
import functools
import math
import struct
from typing import Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import F64, I64, DType
from jitflow.core.types import ArrayType
from jitflow.ops.kinds import Types
from jitflow.ops.record import Attributes, Kind, Operator, register


@dataclass(frozen=True)
class CFunction:
    """How a draw is called in C.

    Attributes
    ----------
    symbol : str
        In the library of `numpy.random`.
    dtype : DType
        Of the numbers, and of the operands behind the first one.
    fills : bool
        Whether it takes ``(bits, operands, count, [is_masked,] memory)`` and fills memory, else it
        takes ``(bits, operands)`` and gives a number.
    masked : int or None
        The fourth argument, where there is one.
    method : str
        For functions of our own, which keep the GIL: the method of the object whose address is the
        first operand that draws the same.
    is_older : bool
        Whether that operand is `older_state` of a `RandomState`.
    """

    symbol: str
    dtype: DType
    fills: bool = False
    masked: int | None = None
    method: str = ""
    is_older: bool = False


@functools.cache
def _library() -> Any:
    """The library that has the functions; None where it does not show them."""
    try:
        from numpy.random import _generator

        return ctypes.CDLL(_generator.__file__)
    except (ImportError, OSError, AttributeError):
        return None


@functools.cache
def address(symbol: str) -> int | None:
    """Address of a C function of `numpy.random`; None where there is no such function."""
    try:
        found: Any = getattr(_library(), symbol)
    except AttributeError:
        return None
    return ctypes.cast(found, ctypes.c_void_p).value


def bit_generator(generator: Any) -> Any:
    """The bit generator of a NumPy generator, new or old."""
    is_new = isinstance(generator, np.random.Generator)
    return generator.bit_generator if is_new else generator._bit_generator


def bits_of(generator: Any) -> int:
    """The address of its bit generator."""
    return int(bit_generator(generator).ctypes.bit_generator.value)


def state_in_memory(generator: Any) -> bytes:
    """The state of a generator of the standard library: its position, and 624 words."""
    return ctypes.string_at(id(generator) + STATE, STATE_BYTES)


STATE, STATE_BYTES = object.__basicsize__, 625 * 4


@functools.cache
def keeps_state_there(kind: Any) -> bool:
    """Whether a class of the standard library keeps its state where `state_in_memory` reads it."""
    for skipped in (0, 5, 1300):
        generator = kind(skipped)
        for _ in range(skipped):
            generator.random()
        *words, position = generator.getstate()[1]
        if state_in_memory(generator) != struct.pack("625I", position, *words):
            return False
    return True


@functools.cache
def older_offset() -> int | None:
    """Where in a `RandomState` its bit generator's address is, and then the normal number it keeps.

    An int says whether there is one. None where that is not found.
    """
    probe = np.random.RandomState(5)
    kind: Any = type(probe)
    words = kind.__basicsize__ // 8
    before = struct.unpack(f"{words}Q", ctypes.string_at(id(probe), 8 * words))
    probe.normal()
    state: Any = probe.get_state(legacy=False)
    kept = struct.pack("Qd", state["has_gauss"], state["gauss"])
    for index, word in enumerate(before[:-2]):
        place = id(probe) + 8 * index + 8
        if word - id(probe) in range(16, 8 * words) and ctypes.string_at(place, 16) == kept:
            return 8 * index
    return None


def older_state(generator: Any) -> int:
    """The address of the state of a `RandomState` behind its bit generator's."""
    return id(generator) + (older_offset() or 0)


@functools.cache
def is_older_known() -> bool:
    """Whether normal and exponential numbers of the older kind are computed as we compute them."""
    if older_offset() is None:
        return False
    mine, theirs = np.random.RandomState(5), np.random.RandomState(5)
    kept: list[float] = []
    for _ in range(90):
        if kept:
            number = kept.pop()
        else:
            square = 0.0
            while square >= 1 or square == 0:
                x, y = (2.0 * mine.random_sample() - 1.0 for _ in range(2))
                square = x * x + y * y
            factor = math.sqrt(-2.0 * math.log(square) / square)
            number, kept = factor * y, [factor * x]
        if number != theirs.standard_normal():
            return False
        if -math.log(1.0 - mine.random_sample()) != theirs.standard_exponential():
            return False
    return True


def call(function: CFunction, bits: int, numbers: tuple[Any, ...], count: int) -> np.ndarray:
    """`count` draws."""
    out = np.empty(count, function.dtype.numpy)
    if function.method:
        owner = bits - (older_offset() or 0) if function.is_older else bits
        draw_one = getattr(ctypes.cast(owner, ctypes.py_object).value, function.method)
        out[:] = [draw_one(*numbers) for _ in range(count)]
        return out
    place = address(function.symbol)
    assert place is not None
    number = ctypes.c_double if function.dtype.is_float else ctypes.c_int64
    kinds = [ctypes.c_void_p, *(number for _ in numbers)]
    if function.fills:
        rest: list[Any] = [count, *(() if function.masked is None else (function.masked,))]
        kinds += [*(ctypes.c_int64 for _ in rest), ctypes.c_void_p]
        ctypes.CFUNCTYPE(None, *kinds)(place)(bits, *numbers, *rest, out.ctypes.data)
    else:
        draw = ctypes.CFUNCTYPE(number, *kinds)(place)
        for index in range(count):
            out[index] = draw(bits, *numbers)
    return out


def _make(name: str, parameters: str, function: CFunction, doc: str) -> Operator:
    names = ("bits", *parameters.split())

    def infer(types: Types, attributes: Attributes) -> Types:
        wanted = (ArrayType(I64), *(ArrayType(function.dtype) for _ in names[1:]))
        if types != wanted:
            raise TypeError(f"{name} takes {', '.join(map(str, wanted))}")
        return (ArrayType(function.dtype, tuple(attributes["shape"])),)

    def numpy(bits: Any, *numbers: Any, shape: Any, effect: bool) -> Any:
        plain = tuple(np.asarray(number).item() for number in numbers)
        drawn = call(function, int(bits), plain, math.prod(shape))
        return drawn.reshape(shape)

    return register(
        Operator(
            name,
            Kind.DRAW,
            names,
            infer,
            numpy,
            attributes=("shape", "effect"),
            cost=20,
            extra={"dtypes": (function.dtype,), "function": function},
            doc=doc,
        )
    )


draw_random = _make(
    "draw_random", "", CFunction("random_standard_uniform_fill", F64, fills=True),
    "Numbers in [0, 1).",
)  # fmt: skip
draw_standard_normal = _make(
    "draw_standard_normal", "", CFunction("random_standard_normal_fill", F64, fills=True),
    "Normal numbers.",
)  # fmt: skip
draw_standard_exponential = _make(
    "draw_standard_exponential", "",
    CFunction("random_standard_exponential_fill", F64, fills=True),
    "Exponential numbers.",
)  # fmt: skip
draw_uniform = _make(
    "draw_uniform", "low width", CFunction("random_uniform", F64),
    "Numbers in [low, low + width).",
)  # fmt: skip
draw_normal = _make(
    "draw_normal", "mean scale", CFunction("random_normal", F64),
    "Normal numbers; the scale is not negative.",
)  # fmt: skip
draw_lognormal = _make(
    "draw_lognormal", "mean sigma", CFunction("random_lognormal", F64),
    "Exponentials of normal numbers; sigma is not negative.",
)  # fmt: skip
draw_exponential = _make(
    "draw_exponential", "scale", CFunction("random_exponential", F64),
    "Exponential numbers; the scale is not negative.",
)  # fmt: skip
draw_laplace = _make(
    "draw_laplace", "mean scale", CFunction("random_laplace", F64),
    "Laplace numbers; the scale is not negative.",
)  # fmt: skip
draw_gamma = _make(
    "draw_gamma", "form scale", CFunction("random_gamma", F64),
    "Gamma numbers; form and scale are not negative.",
)  # fmt: skip
draw_integers = _make(
    "draw_integers", "low width",
    CFunction("random_bounded_uint64_fill", I64, fills=True, masked=0),
    "Integers in [low, low + width], the width without sign.",
)  # fmt: skip
draw_masked_integers = _make(
    "draw_masked_integers", "low width",
    CFunction("random_bounded_uint64_fill", I64, fills=True, masked=1),
    "Integers in [low, low + width] as generators of the older kind draw them.",
)  # fmt: skip
draw_python_random = _make(
    "draw_python_random", "", CFunction("jf.python_random", F64, method="random"),
    "Numbers in [0, 1) from a generator of the standard library, whose address comes first.",
)  # fmt: skip
draw_python_below = _make(
    "draw_python_below", "limit", CFunction("jf.python_below", I64, method="_randbelow"),
    "Integers in [0, limit) from a generator of the standard library; the limit is above 0.",
)  # fmt: skip
draw_older_standard_normal = _make(
    "draw_older_standard_normal", "",
    CFunction("jf.older_normal", F64, method="standard_normal", is_older=True),
    "Normal numbers as generators of the older kind draw them, from their state.",
)  # fmt: skip
draw_older_normal = _make(
    "draw_older_normal", "mean scale",
    CFunction("jf.older_scaled_normal", F64, method="normal", is_older=True),
    "Normal numbers of the older kind; the scale is not negative.",
)  # fmt: skip
draw_older_exponential = _make(
    "draw_older_exponential", "scale",
    CFunction("jf.older_exponential", F64, method="exponential", is_older=True),
    "Exponential numbers of the older kind; the scale is not negative.",
)  # fmt: skip
