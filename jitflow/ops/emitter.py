"""What a scalar body is written over: element-wise instructions on values of one lane count.

A back end implements `Emitter` for its own value type `V` (an LLVM vector, a Triton expression).
A value has one dtype; booleans are one bit wide until they are stored. No method reassociates or
contracts; `fma` is for the math library alone. Complex values are pairs inside the emitter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from jitflow.core.dtypes import DType

V = TypeVar("V")


class Emitter(Protocol[V]):
    """Element-wise instructions; operands of one call have one dtype unless said otherwise."""

    fastmath: bool
    rank_zero: bool  # the operands are scalars: complex products do not fuse then, and functions
    # are those of C (optional)

    def dtype(self, x: V) -> DType:
        """Element type of `x`."""

    def constant(self, value: Any, dtype: DType) -> V:
        """`value` in every lane; floats are exact (hexadecimal bits), NaN and inf allowed."""

    def cast(self, x: V, dtype: DType) -> V:
        """`astype`: NumPy's meaning, undefined float-to-int cases as NumPy on this CPU."""

    def bitcast(self, x: V, dtype: DType) -> V:
        """The same bits as another dtype of the same width."""

    def add(self, x: V, y: V) -> V:
        """Sum; integers wrap."""

    def subtract(self, x: V, y: V) -> V:
        """Difference; integers wrap."""

    def multiply(self, x: V, y: V) -> V:
        """Product; integers wrap."""

    def overflowing(self, name: str, x: V, y: V) -> tuple[V, V] | None:
        """Of signed integers the sum (``add``), difference (``sub``) or product (``mul``), which
        wraps, and whether it does; None where no instruction tells.
        """

    def divide(self, x: V, y: V) -> V:
        """IEEE quotient; floats (and complex by NumPy's algorithm) only."""

    def integer_divide(self, x: V, y: V) -> V:
        """Quotient towards zero; the caller has excluded zero divisors and overflow."""

    def integer_remainder(self, x: V, y: V) -> V:
        """Remainder with the dividend's sign; the caller has excluded zero and overflow."""

    def float_remainder(self, x: V, y: V) -> V:
        """C's `fmod`, exact."""

    def fma(self, x: V, y: V, z: V) -> V:
        """``x * y + z`` rounded once."""

    def negative(self, x: V) -> V:
        """Negation; flips the sign bit of floats, wraps integers."""

    def absolute(self, x: V) -> V:
        """Magnitude: clears the sign bit of floats, wraps integers; real types only."""

    def sqrt(self, x: V) -> V:
        """IEEE square root."""

    def floor(self, x: V) -> V:
        """Round towards minus infinity (floats)."""

    def ceil(self, x: V) -> V:
        """Round towards plus infinity (floats)."""

    def trunc(self, x: V) -> V:
        """Round towards zero (floats)."""

    def rint(self, x: V) -> V:
        """Round to nearest even (floats)."""

    def copysign(self, x: V, y: V) -> V:
        """Magnitude of `x` with the sign bit of `y`."""

    def equal(self, x: V, y: V) -> V:
        """bool: ordered equality (False with NaN)."""

    def not_equal(self, x: V, y: V) -> V:
        """bool: unordered inequality (True with NaN)."""

    def less(self, x: V, y: V) -> V:
        """bool: ordered ``x < y``."""

    def less_equal(self, x: V, y: V) -> V:
        """bool: ordered ``x <= y``."""

    def bit_and(self, x: V, y: V) -> V:
        """Bitwise and; integers and bool."""

    def bit_or(self, x: V, y: V) -> V:
        """Bitwise or; integers and bool."""

    def bit_xor(self, x: V, y: V) -> V:
        """Bitwise exclusive or; integers and bool."""

    def bit_not(self, x: V) -> V:
        """Bitwise complement; integers and bool."""

    def shift_left(self, x: V, count: V) -> V:
        """Left shift; the caller has excluded counts outside ``[0, bits)``."""

    def shift_right(self, x: V, count: V) -> V:
        """Right shift, arithmetic for signed and logical for unsigned types; same domain."""

    def count_ones(self, x: V) -> V:
        """Number of set bits, in the dtype of `x`."""

    def select(self, condition: V, x: V, y: V) -> V:
        """`x` in lanes where the bool `condition` holds, else `y`."""

    def settled(self, x: V) -> V:
        """The same value, computed in every lane though a `select` may not take it.

        Else a processor with masks computes it where it is taken, and sets no flag elsewhere.
        """

    def computed(self, x: V) -> V:
        """The same value, computed though what is made of it may be known without."""

    def whole(self, z: V) -> V:
        """The same complex value, of which both parts are computed though one may be unused."""

    def complex(self, real: V, imaginary: V) -> V:
        """Complex value from two real ones."""

    def real(self, x: V) -> V:
        """Real part of a complex value."""

    def imaginary(self, x: V) -> V:
        """Imaginary part of a complex value."""

    def math(self, name: str, *operands: V) -> V:
        """A function of the vector math library: ``exp``, ``tanh``, ``arctan2``, ``power``, ..."""

    def scalar_math(self, name: str, *operands: V) -> V:
        """`math` of scalars, as CPython has it: with the last bits of the C library in f64."""

    def residue(self, name: str, x: V) -> V:
        """What rounding took from ``math(name, x)``, relative to it; 0 where that is not known."""

    def require(self, condition: V) -> None:
        """Leave the piece with a failed run-time check unless `condition` holds in all lanes."""

    def flag(self, name: str, condition: V) -> None:
        """Report the floating-point exception `name` where `condition` holds in a stored lane.

        `name` is ``"divide"``, ``"overflow"`` or ``"invalid"``. For results made by selecting a
        constant (``log(0)`` is -inf) where no instruction sets the processor's flag. A back end
        either accumulates the mask in one word per name and sets the processor's flag once after
        the loop, or branches to an operation that sets it. It is straight-line for the caller.
        """

    def rare(self, condition: V, value: V, slow: Callable[[], V]) -> V:
        """`value`, except that lanes where `condition` holds have those of ``slow()``.

        The instructions that `slow` emits may run for all lanes and set no stray flags. The least
        that a back end does is ``select(condition, slow(), value)``; it gains by putting them into
        a cold block that a predicted branch skips when `condition` holds in no lane.
        """

    def scalar_call(self, name: str, condition: V, otherwise: V, *operands: V) -> V:
        """`otherwise`, except that lanes where `condition` holds have C's ``name(operands...)``.

        For rare lanes (``sin(1e300)``): nothing is called, and a branch that is predicted is the
        whole cost, when no lane needs it. `name` is the `double` function of the C library
        (``sin``); for ``f32`` operands a back end calls its `float` form (``sinf``), by address.
        """
