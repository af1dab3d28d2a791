"""NumPy integer scalars: Python's operators on them warn on overflow, loops over arrays do not."""

import numpy as np
import pytest

TYPES = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
LARGE = np.int64(2**62)


@pytest.mark.parametrize("kind", TYPES)
def test_arithmetic_that_overflows_warns(check, kind):
    def f(a, b):
        return a + b, a - b, a * b, a**2

    info = np.iinfo(kind)
    few, many = (kind(3), kind(2)), (kind(info.max), kind(info.max))
    check(f, few, many, (kind(info.min), kind(2)), (kind(info.min), kind(info.max)), few)


@pytest.mark.parametrize("kind", TYPES)
def test_negation_that_overflows_warns(check, kind):
    def f(a):
        return -a, abs(a)

    check(f, (kind(3),), (kind(0),), (np.iinfo(kind).min,), (kind(np.iinfo(kind).min),))


@pytest.mark.parametrize("kind", TYPES)
def test_division_by_zero_warns(check, kind):
    def f(a, b):
        return a // b, a % b

    least = kind(np.iinfo(kind).min)
    check(f, (kind(7), kind(2)), (kind(7), kind(0)), (least, kind(2) - kind(1)), (least, kind(0)))


def test_least_integer_over_minus_one_warns(check):
    def f(a, b):
        return a // b, divmod(a, b)

    check(f, (np.int32(-(2**31)), np.int32(-1)), (np.int32(5), np.int32(-1)))


def test_ufuncs_and_shifts_do_not_warn(check):
    def f(a, b):
        return np.add(a, b), np.multiply(a, b), a << 3, a & b

    check(f, (np.int8(100), np.int8(100)))


def test_known_scalars_warn_each_time(check):
    def f(x):
        return x + np.float64(LARGE * LARGE)

    check(f, (np.ones(3),), (np.ones(3),))


def test_elements_of_arrays_are_scalars(check):
    def f(x):
        total = np.int16(0)
        for i in range(len(x)):
            total += x[i]
        return total, x[0] * 3

    check(f, (np.array([2] * 4, np.int16),), (np.array([20000] * 4, np.int16),))


@pytest.mark.parametrize("kind", (np.complex64, np.complex128))
def test_complex_scalars_are_ordered_by_parts(check, kind):
    """A NaN that does not decide is nothing to scalars; arrays of rank 0 are loops."""

    def f(a, b):
        return a < b, a <= b, a > b, a >= b, a < 2.5, 1j <= b, np.less(a, b)

    nan = float("nan")
    pairs = [(complex(0, nan), 1), (1, complex(1, nan)), (complex(nan, 1), 1), (2, 1 + 1j)]
    numbers = [(kind(a), kind(b)) for a, b in pairs]
    check(f, *numbers, *((np.array(a), b) for a, b in numbers))


def test_complex_scalars_of_two_widths_are_ordered_as_arrays(check):
    def f(a, b):
        return a < b, b > a, a <= b, a >= b

    nan = float("nan")
    check(
        f,
        (np.complex64(complex(0, nan)), np.float64(1)),
        (np.complex64(complex(0, nan)), np.complex128(1)),
        (np.complex64(complex(0, nan)), np.float32(1)),
    )


NUMBERS = (np.int64(300), np.int64(-1), np.uint64(2**63), np.float64(300.5), np.float32(-1.5))
FLOATS = (300.5, -1.5, float("nan"), 1e30, np.float64("nan"), np.float64(1e30), np.int16(7))


@pytest.mark.parametrize("kind", ("i1", "u1", "i4", "u8", "i8", "f4"))
@pytest.mark.parametrize("number", (*NUMBERS, *FLOATS), ids=repr)
def test_numbers_become_elements(check, kind, number):
    def f(x, number):
        x[0] = number
        x[1:] = number
        return x

    def constant(x):
        x[...] = number
        return x

    def mixed(x):
        x[[0]] = np.prod(x) + x.dtype.type(0)
        x[0] = np.prod(x)
        return x

    x = np.full(4, 100).astype(kind)
    check(f, (x, type(number)(1)), (x, number), (x, type(number)(2)))
    check(constant, (x,))
    check(mixed, (x,), (x // 50,))


def test_a_constant_product_that_wraps(check):
    def run(x):
        start = LARGE * 4
        return x[start:], x[LARGE + LARGE + LARGE + LARGE]

    check(run, (np.arange(6.0),))


def test_products_that_nobody_uses_warn_of_overflow(check):
    def run(x, k):
        k * 4
        LARGE * 4
        for i in range(3):
            j = k * 4 if x[i] > 0 else k + i
            j = (k * 3) & 7
        return x[0], j

    x = np.array([1.0, -1.0, 1.0])
    few, many = (x, np.int64(3)), (x, LARGE)
    check(run, few, many, (-x, many[1]))
