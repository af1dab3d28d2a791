"""Products in registers: values for all leftovers and layouts, no stray flags, when BLAS is better."""

import ctypes

import numpy as np
import pytest

import jitflow
from jitflow.codegen.cpu import own_products
from jitflow.codegen.cpu.own_products import addresses_of, choose, functions_of
from jitflow.codegen.cpu.product_code import DRIVER
from jitflow.codegen.cpu.target import describe, host
from jitflow.core.dims import symbol
from jitflow.core.dtypes import F32, F64, I64

TARGET = host()
FEATURES = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"})
WIDE = describe("x86_64-unknown-linux-gnu", "skylake-avx512", FEATURES)
needs_code = pytest.mark.skipif(
    choose(F32, 8, 16, 8, 64, TARGET) is None, reason="no own products for this processor"
)


def product(a, b, c, rows=None):
    """``c = a @ b`` by our own code; `rows` is what the code is told of the number of rows."""
    dtype = F32 if a.dtype == np.float32 else F64
    (m, k), n = a.shape, b.shape[1]
    chosen = choose(dtype, m if rows is None else rows, n, k, b.strides[0], TARGET)
    assert chosen is not None
    code, block = chosen
    types = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 5 + [ctypes.c_void_p, *[ctypes.c_int64] * 2]
    types += [ctypes.c_void_p, ctypes.c_int64] * 2
    addresses = addresses_of(code)
    strip, rest = (addresses.get(name) for name in functions_of(code))
    function = ctypes.CFUNCTYPE(None, *types)(addresses[DRIVER])
    left = a.ctypes.data, a.strides[0], a.strides[1]
    right, result = (b.ctypes.data, b.strides[0]), (c.ctypes.data, c.strides[0])
    function(strip, rest, code.width, code.strips, m, k, block, *left, *right, *result)


def is_close(c, a, b):
    bound = 2 * a.shape[1] * np.finfo(a.dtype).eps * (abs(a) @ abs(b))
    return (abs(c - a.astype(np.longdouble) @ b.astype(np.longdouble)) <= bound).all()


@needs_code
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("rows,inner", [(2, 3), (7, 1), (13, 40), (150, 70)])
@pytest.mark.parametrize("columns", [4, 5, 8, 16, 17, 31, 32, 64, 100, 129])
def test_leftover_rows_and_columns(dtype, rows, inner, columns, monkeypatch):
    monkeypatch.setattr(own_products, "MOST_PADDING", 100)
    monkeypatch.setattr(own_products, "FEW_COLUMNS", 0)
    monkeypatch.setattr(own_products, "blas_threads", lambda: 1)
    rng = np.random.default_rng(columns)
    a, b = rng.normal(size=(rows, inner)).astype(dtype), rng.normal(size=(inner, columns))
    b = b.astype(dtype)
    room = np.full((rows + 2, columns + 9), 7, dtype)
    product(a, b, room[1:-1, :columns])
    assert is_close(room[1:-1, :columns], a, b)
    assert (room[0] == 7).all()
    assert (room[-1] == 7).all()
    assert (room[:, columns:] == 7).all()


@needs_code
def test_strided_and_transposed_operands():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(20, 50)), rng.normal(size=(40, 30))
    c = np.zeros((25, 30))
    product(a.T[::2, :20], b[:20], c)
    assert is_close(c, a.T[::2, :20], b[:20])


@needs_code
@pytest.mark.parametrize("rows", [0, 1, 5, 200])
def test_rows_that_are_known_at_run_time(rows):
    rng = np.random.default_rng(rows)
    a, b = rng.normal(size=(rows, 9)), rng.normal(size=(9, 24))
    c = np.full((rows, 24), np.nan)
    product(a, b, c, rows=symbol("s0"))
    assert is_close(c, a, b)


@needs_code
def test_masked_lanes_raise_no_flag():
    a, b = np.full((3, 4), 1e37, "f4"), np.ones((4, 17), "f4")
    c = np.zeros((3, 17), "f4")
    compiled = jitflow.compile(lambda x, y: x @ y)
    with np.errstate(all="raise"):
        compiled(a, b)
    product(a, b, c)
    assert (c == np.float32(4e37)).all()


@needs_code
@pytest.mark.parametrize("columns", [16, 17])
def test_what_infinities_say_is_left_to_numpy(columns):
    def told(function):
        with np.errstate(all="raise"):
            try:
                return function(a, b).sum()
            except FloatingPointError as error:
                return str(error)

    a, b = np.full((3, 4), np.inf, "f4"), np.ones((4, columns), "f4")
    assert told(jitflow.compile(lambda x, y: x @ y)) == told(lambda x, y: x @ y)


@pytest.mark.parametrize(
    "dtype,rows,columns,inner,stride",
    [
        (I64, 8, 8, 8, 64),
        (F32, 1, 64, 64, 256),  # a matrix times a vector
        (F32, 64, 4096, 4096, 16384),  # a right matrix that is far from the core
        (F64, 512, 1024, 1024, 8192),  # rows that fall into the same sets
        (F64, 100, 10, 784, 80),  # most lanes of the last vector would be idle
        (F32, 64, 64, 0, 256),
    ],
)
def test_what_is_left_to_blas(dtype, rows, columns, inner, stride):
    assert choose(dtype, rows, columns, inner, stride, WIDE) is None


def test_blas_keeps_the_products_that_it_shares_among_threads(monkeypatch):
    given = F32, 512, 256, 256, 1024, WIDE
    monkeypatch.setattr(own_products, "blas_threads", lambda: 1)
    assert choose(*given) is not None
    monkeypatch.setattr(own_products, "blas_threads", lambda: 4)
    assert choose(*given) is None


@needs_code
def test_a_square_is_compiled_once_for_matrices_of_all_widths():
    first = choose(F32, 64, 64, 32, 256, WIDE)
    second = choose(F32, 64, 128, 32, 512, WIDE)
    assert first is not None
    assert second is not None
    assert first[0].strips != second[0].strips
    assert functions_of(first[0])[0] == functions_of(second[0])[0]
