"""Element-wise operations: promotion, broadcasting, memory order, `out`, `where`, NumPy scalars."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import LAYOUTS, X, check, check_layouts, lines

import jitflow

OPERATORS = """
x + 1
x - 1.5
x / 3
x // 2
x % 3
x ** 2
x ** 3
x * x.T[:1].T
-x
+x
abs(x)
x < 5
x == 3
x != x[0]
(x > 2) & (x < 8) | (x == 9)
~(x > 2)
1 / (x + 10)
x.T + 1
x[:, None] * x[None]
divmod(x, 3)
"""

UFUNCS = """
np.sqrt(abs(x))
np.exp(x)
np.sin(x)
np.sign(x)
np.floor(x)
np.rint(x)
np.isnan(x)
np.isfinite(x)
np.square(x)
np.modf(x)
np.arctan2(x, 2)
np.hypot(x, x)
np.logaddexp(x, 1)
np.maximum(x, 3)
np.fmin(x, 2)
np.reciprocal(x)
np.float_power(x, 2)
np.power(abs(x), 2)
np.copysign(x, -1)
np.heaviside(x, 0.5)
np.fabs(x)
np.deg2rad(x)
np.logical_not(x)
np.positive(x)
np.conj(x)
np.true_divide(x, 7)
np.clip(x, 1, 4)
np.round(x, 1)
np.round(x, -1)
x.round()
np.isclose(x, x + 1e-9)
np.allclose(x, x)
np.array_equal(x, x)
np.nan_to_num(x)
np.angle(x)
np.where(x > 2, x, 0)
np.where(x > 2, x, x[0])
np.select([x < 1, x < 5], [x, x * 2], -1)
np.add(x, 1, dtype=np.float64)
"""


@pytest.mark.parametrize("source", lines(OPERATORS))
def test_operator(source):
    check_layouts(source)


@pytest.mark.parametrize("source", lines(UFUNCS))
def test_ufunc(source):
    check_layouts(source)


@pytest.mark.parametrize("dtype", "? i1 u1 i2 u4 i8 u8 f2 f4 f8 c8 c16".split())
@pytest.mark.parametrize("other", ["1", "1.5", "True", "1j", "np.float32(2)", "x[0, 0]"])
def test_promotion_is_numpys(dtype, other):
    x = np.array([[1, 2], [3, 1]]).astype(dtype)
    if dtype == "?" and other in ("True", "x[0, 0]"):
        return
    check(f"x + {other}; return x + {other}, x * {other}, x == {other}", x, exact=False)


@pytest.mark.parametrize(
    "source",
    lines("""
x[0, 1] * 2
x[0, 1] + x[1]
np.sin(x[0, 0])
x[0, 1] > 2
x[0, 0]
x.sum() / x.size
x.sum().item()
-x[1, 1]
call(np.float32, x[0, 0])
call(np.bool_, x[0, 0])
x[0, 0].astype(np.float32)
"""),
)
def test_numpy_scalars(source):
    check_layouts(source, "C", "int", "single")


@pytest.mark.parametrize(
    "source",
    lines("""
np.add(x, 1, out=x); return x
z = np.zeros_like(x); np.multiply(x, 2, out=z, where=x > 3); return z
z = np.empty((3, 4)); return np.sqrt(abs(x), out=z) + z
z = np.zeros((2, 3, 4)); np.add(x, x, out=z); return z
z = np.ones(x.shape); np.divide(1, x, out=z, where=x != 0.5); return z
z = np.zeros(x.shape, dtype=np.float32); np.add(x, 1, out=z, casting='same_kind'); return z
"""),
)
def test_out_and_where(source):
    check_layouts(source, "C", "F", "reversed")


@pytest.mark.parametrize(
    "source",
    [
        "x * x",
        "x.real + 1",
        "x.imag",
        "abs(x)",
        "np.exp(x)",
        "x ** 2",
        "x.conj()",
        "x == x",
        "np.angle(x)",
        "np.abs(x) ** 2",
    ],
)
def test_complex(source):
    check(source, X + 1j * X[::-1], exact=False)


def test_comparison_of_signed_with_unsigned():
    x = np.array([-1, 0, 2**62], np.int64)
    y = np.array([2**64 - 1, 0, 5], np.uint64)
    check("x < y; return x < y, x <= y, x > y, x >= y, x == y, x != y, y < x", x, y)


def test_power_shortcuts_of_known_exponents():
    x = np.array([-0.0, 4.0, np.inf, -np.inf, np.nan])
    check("x ** 0.5; return x ** 0.5, np.power(x, 0.5), x ** -1, x ** 2, x ** 1", x)


def test_masked_elements_raise_no_flag():
    """Where a mask is false, operands are replaced by harmless numbers."""
    from helpers.traced import Run

    run = Run(lambda x: np.log(x, out=x, where=x > 0), (np.array([-1.0, 2.0]),))
    with np.errstate(all="raise"):
        (found,) = [run.evaluate([np.array([-1.0, 2.0])])]
    assert found[0] == -1.0


def test_layouts_are_what_they_say():
    assert LAYOUTS["F"].flags.f_contiguous
    assert not LAYOUTS["sliced"].flags.contiguous


def test_powers_of_bools_by_an_int_that_changes():
    """The operator squares for 2, and gives int8; all else makes int64 of bools."""

    def f(x, n):
        return x**n, np.power(x, n)

    compiled = jitflow.compile(f)
    x = np.array([True, False])
    for n in (2, 1, 3, 4, 2, 5, 6, 2, 7):
        for got, expected in zip(compiled(x, n), f(x, n), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
