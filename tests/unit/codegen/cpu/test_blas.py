"""NumPy's BLAS by address: found, of the right integer width, callable from machine code."""

import ctypes

import numpy as np
import pytest

from jitflow.codegen.cpu import blas as module
from jitflow.codegen.cpu.blas import NO_TRANSPOSE, ROW_MAJOR, Blas, blas
from jitflow.codegen.cpu.engine import engine

found = blas()
needs_blas = pytest.mark.skipif(found is None, reason="NumPy has no BLAS with the C interface")


@needs_blas
@pytest.mark.parametrize("letter,dtype", [("s", "f4"), ("d", "f8")])
def test_machine_code_multiplies(letter, dtype):
    name, scalar = f"{letter}gemm", {"s": "float", "d": "double"}[letter]
    width = f"i{found.integer_bits}"
    text = f"""
{found.declaration(name)}
define void @product(ptr %a, ptr %b, ptr %c) {{
  call void @{found.symbol(name)}(i32 {ROW_MAJOR}, i32 {NO_TRANSPOSE}, i32 {NO_TRANSPOSE},
    {width} 5, {width} 7, {width} 6, {scalar} 1.0, ptr %a, {width} 6, ptr %b, {width} 7,
    {scalar} 0.0, ptr %c, {width} 7)
  ret void
}}
"""
    library = engine().add(text, {found.symbol(name): found.addresses[name]})
    a, b = np.random.rand(5, 6).astype(dtype), np.random.rand(6, 7).astype(dtype)
    c = np.empty((5, 7), dtype)
    address = library.address("product")
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(address)(
        a.ctypes.data, b.ctypes.data, c.ctypes.data
    )
    np.testing.assert_allclose(c, a @ b, rtol=1e-5)


@needs_blas
@pytest.mark.parametrize("letter,dtype", [("c", "c8"), ("z", "c16")])
def test_complex_scalars_go_by_pointer(letter, dtype):
    a = (np.random.rand(3, 4) + 1j).astype(dtype)
    x, y = (np.random.rand(4) - 2j).astype(dtype), np.zeros(3, dtype)
    one, zero = np.array(1, dtype), np.array(0, dtype)
    gemv = found.function(f"{letter}gemv")
    data = [item.ctypes.data for item in (one, a, x, zero, y)]
    gemv(ROW_MAJOR, NO_TRANSPOSE, 3, 4, data[0], data[1], 4, data[2], 1, data[3], data[4], 1)
    np.testing.assert_allclose(y, a @ x, rtol=1e-5)
    assert f"@cblas_{letter}gemv(i32, i32, " in found.declaration(f"{letter}gemv")


@needs_blas
def test_dot_returns_its_value():
    x, y = np.arange(5.0), np.ones(5)
    assert found.function("ddot")(5, x.ctypes.data, 1, y.ctypes.data, 1) == 10.0
    assert found.declaration("ddot").startswith("declare double @cblas_ddot(")
    assert not found.has("zdot")
    assert found.has("zdotu_sub")


@needs_blas
def test_the_width_of_integers_is_that_of_the_build():
    blas_build = np.__config__.CONFIG["Build Dependencies"]["blas"]
    settings = blas_build.get("openblas configuration", "")
    if "OpenBLAS" not in settings:
        pytest.skip("not an OpenBLAS")
    assert (found.integer_bits == 64) == ("USE64BITINT" in settings)


@needs_blas
def test_a_wrong_product_is_noticed():
    broken = Blas(found.integer_bits, {"dgemm": found.addresses["dgemm"]}, ("", ""))
    assert module._multiplies(broken, "d", np.float64)
    nothing = ctypes.CFUNCTYPE(None)(lambda: None)
    address = ctypes.cast(nothing, ctypes.c_void_p).value
    broken.addresses["dgemm"] = address
    assert not module._multiplies(broken, "d", np.float64)


def test_none_where_no_name_fits(monkeypatch):
    monkeypatch.setattr(module, "_DECORATIONS", (("no_such_", "_name"),))
    assert blas.__wrapped__() is None
