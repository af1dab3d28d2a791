"""The expressions of `benchmarks.sweep`, and the arrays that they are run on.

One-letter names stand for arrays of about `size` elements:

====  ========================================  ====  ======================================
x y   1-D                                       i     1-D indices
m n   2-D, C order                              j     1-D indices of rows of `m`
f     2-D, F order                              k     1-D mask, every third is true
r c   a row and a column that fit `m`           w     2-D mask
s     1-D, every second element                 h     1-D, float32 whatever the dtype
v     1-D, reversed                             g     1-D, int64 whatever the dtype
t     2-D, a part of a larger array             b     1-D, bool
q     3-D, C order                              z     1-D, small integers (shifts, exponents)
a o   square matrices for products              u     1-D sorted
e     a batch of small matrices                 l     a vector for `a`
====  ========================================  ====  ======================================
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

DTYPES = {
    "F": ("float32", "float64"),
    "FI": ("float32", "float64", "int64"),
    "INTEGERS": ("int32", "int64", "uint8"),
    "NUMBERS": ("float32", "float64", "int32", "int64", "complex64", "complex128", "float16"),
    "REAL": ("float32", "float64", "int32", "int64", "uint8", "float16"),
    "ALL": ("float32", "float64", "int32", "int64", "uint8", "complex128", "float16", "bool"),
}


@functools.lru_cache(maxsize=3)
def operands(dtype: str, size: int) -> dict[str, Any]:
    """The arrays of all names."""
    rng = np.random.default_rng(size)
    side = max(2, round(size**0.5))
    deep = max(2, round(size ** (1 / 3)))
    square = max(2, min(512, round((size / 4) ** 0.5)))

    def make(*shape: int) -> np.ndarray:
        values = rng.uniform(0.5, 2.0, shape)
        if dtype.startswith("complex"):
            return (values + 1j * rng.uniform(0.5, 2.0, shape)).astype(dtype)
        if dtype == "bool":
            return values > 1.25
        return (values * 50).astype(dtype) if "int" in dtype else values.astype(dtype)

    found = {
        "x": make(size), "y": make(size), "m": make(side, side), "n": make(side, side),
        "f": np.asfortranarray(make(side, side)), "r": make(side), "c": make(side, 1),
        "s": make(2 * size)[::2], "v": make(size)[::-1], "t": make(side, side + 3)[:, 1:-2],
        "q": make(deep, deep, deep), "a": make(square, square), "o": make(square, square),
        "e": make(max(1, size // 64), 8, 8), "l": make(square),
        "i": rng.integers(0, size, size), "j": rng.integers(0, side, side),
        "k": np.arange(size) % 3 == 0, "w": np.arange(side * side).reshape(side, side) % 3 == 0,
        "h": rng.uniform(0.5, 2.0, size).astype(np.float32), "g": rng.integers(1, 9, size),
        "b": rng.uniform(size=size) > 0.5,
    }  # fmt: skip
    found["z"] = rng.integers(1, 5, size).astype(dtype if "int" in dtype else "int64")
    found["u"] = np.sort(make(size))
    return found


def reductions() -> list[tuple[str, tuple[str, ...]]]:
    cases = []
    layouts = ["x", "s", "v"]
    pairs = [(array, axis) for array in ("m", "f", "t") for axis in (0, 1, None)]
    pairs += [("q", axis) for axis in (0, 1, 2, (0, 1), (1, 2), (0, 2))]
    for name in ("sum", "max", "mean", "var", "argmax", "any", "cumsum", "prod"):
        dtypes = {
            "any": ("bool", "float32"),
            "prod": ("int64",),
            "sum": (*DTYPES["FI"], "bool", "uint8", "complex128", "float16"),
        }
        cases += [(f"{array}.{name}()", dtypes.get(name, DTYPES["FI"])) for array in layouts]
        cases += [
            (f"{array}.{name}(axis={axis})", dtypes.get(name, DTYPES["FI"]))
            for array, axis in pairs
            if not (isinstance(axis, tuple) and name in ("argmax", "cumsum"))
        ]
    for name in ("nansum", "nanmax", "ptp", "std", "median", "count_nonzero", "all", "argmin"):
        cases += [(f"np.{name}({array})", DTYPES["F"]) for array in ("x", "m")]
        cases += [(f"np.{name}(m, axis={axis})", DTYPES["F"]) for axis in (0, 1)]
    return cases


ELEMENTWISE = """
ALL:   x + y   x * y   x + 1   x < y   x == y   x != 1   np.logical_and(x, y)   np.logical_not(x)
   x * y + x
NUMBERS:   x - y   x / y   x ** 2   x ** 3   -x   abs(x)   np.sign(x)   np.square(x)   x * 2
   x / 3   2 - x   1 / x   np.sqrt(x * x + y * y)
REAL:   x // y   x % y   x // 3   x % 3   np.divmod(x, y)   np.fmod(x, y)   np.maximum(x, y)
   np.minimum(x, 1)   np.clip(x, 1, 2)   (x > 1) & (x < 2)   x * 2 + y * 3   np.where(x > y, x, y)
F:   x ** y   x ** 0.5   np.fmax(x, y)   np.hypot(x, y)   np.arctan2(x, y)   np.logaddexp(x, y)
   np.copysign(x, y)   np.floor(x)   np.round(x, 2)   np.rint(x)   np.isnan(x)   np.isfinite(x)
   np.signbit(x)   np.modf(x)   np.frexp(x)   np.ldexp(x, z)   np.nextafter(x, y)   np.spacing(x)
   np.heaviside(x, y)   np.reciprocal(x)   np.deg2rad(x)   np.isclose(x, y)   np.nan_to_num(x)
   np.sinc(x)   np.i0(x)   np.interp(x, u, y)   np.exp(x) * y - x   np.arcsin(x / 3)
   np.arccos(x / 3)   np.arctanh(x / 3)
INTEGERS:   x ** z   x << z   x >> z   np.gcd(x, y)   np.bitwise_count(x)
int32 int64 uint8 bool:   x & y   ~x
complex128 float64:   np.conj(x)   x.real
complex128:   x.imag.copy()   np.angle(x)   np.sqrt(x)   np.exp(x)   np.log(x)   np.sin(x)
float32 float64 float16:   np.sqrt(x)   np.exp(x)   np.exp2(x)   np.expm1(x)   np.log(x)
   np.log2(x)   np.log10(x)   np.log1p(x)   np.sin(x)   np.cos(x)   np.tan(x)   np.sinh(x)
   np.cosh(x)   np.tanh(x)   np.arctan(x)   np.arcsinh(x)   np.cbrt(x)
"""

MIXED = """
ALL:   x + h   x * g   x + b   x * 2.5   x + np.float64(1)   x.astype(np.float32)
   x.astype(np.float64)   x.astype(bool)   x.copy()
F:   x + 1j   x.astype(np.float16)   x.astype(np.complex64)   np.array(x)   x + x.astype(int)
REAL:   x.astype(np.int64)   x.astype(np.int32) + 1
int64 int32:   x.astype(np.uint8)
"""

LAYOUTS = """
ALL:   m + r   m + c   r + c   s * 2   m.T.copy()   np.ascontiguousarray(m.T)   s.copy()
   v.copy()   q.transpose(0, 2, 1).copy()
FI:   m * r + c   m + m.T   m + f   f + f   f * 2   t + 1   t + t   s + s   v + v   v + x
   x[::3] * 2   m[:, ::2] + 1   m[::-1] + m   m[::-1, ::-1] * 2   m.T * 2
   q.transpose(2, 0, 1) * 2   q.transpose(1, 0, 2) + 1   np.outer(r, r)   r[:, None] - r
   q + q[0]   q * q[:, :1, :1]   m[1:-1, 1:-1] + m[:-2, 1:-1] + m[2:, 1:-1]   np.where(w, m, f)
   f.copy()   np.asfortranarray(m)   t.copy()   m.ravel()   f.ravel()   m.reshape(-1)
   q.transpose(2, 1, 0).copy()   m.T.reshape(-1)   np.broadcast_to(r, m.shape).copy()
   m.flatten()
F:   np.exp(m.T)
"""

JOINING = """
ALL:   np.concatenate([x, y])   np.zeros_like(x)   np.ones_like(x)   np.full_like(x, 3)
FI:   np.concatenate([m, n])   np.concatenate([m, n], axis=1)   np.concatenate([x[:3], y, x[3:5]])
   np.stack([x, y])   np.stack([x, y], axis=1)   np.vstack([m, n])   np.hstack([m, n])
   np.dstack([m, n])   np.column_stack([x, y])   np.pad(x, 2)   np.pad(m, 1)
   np.pad(m, 1, mode='edge')   np.roll(x, 3)   np.roll(m, 1, axis=0)   np.roll(m, 1, axis=1)
   np.tile(x, 3)   np.tile(m, (2, 2))   np.repeat(x, 3)   np.repeat(m, 2, axis=0)
   np.repeat(m, 2, axis=1)   np.flip(m)   np.flip(m).copy()   np.rot90(m).copy()   np.tril(m)
   np.triu(m, 1)   np.diag(r)   np.diag(m)   np.append(x, 1)
F:   np.pad(m, 1, mode='reflect')   np.pad(m, 1, mode='wrap')   np.roll(m, 1)
   np.split(x, [2, 5])   np.insert(x, 2, 1)   np.delete(x, 2)   np.kron(r, l[:4])
   np.empty_like(x)   np.zeros(x.shape)   np.arange(x.shape[0])   np.linspace(0, 1, x.shape[0])
   np.eye(r.shape[0])   np.meshgrid(r, r)   np.indices(m.shape)   np.tri(r.shape[0])
   np.vander(r, 4)
"""

SELECTING = """
ALL:   np.where(k, x, y)   x[k]   x[i]   m[j]
FI:   np.where(k, x, 0)   np.select([x > 1, y > 1], [x, y], 0)   np.nonzero(x)   m[w]   m[m > 1]
   m[:, j]   m[j, j]   m[j[:, None], j]   np.take(x, i)   np.take(m, j, axis=0)
   np.take(m, j, axis=1)   np.take_along_axis(m, j[:, None], axis=1)   x[3]   m[1]   m[1, 1]
   x[2:5]   m[:, 1]   np.searchsorted(u, x)   np.trace(m)   p = x.copy(); p[k] = 0; p
   p = x.copy(); p[i] = y; p   p = x.copy(); p[2:5] = 1; p   p = m.copy(); p[j] = 1; p
   p = m.copy(); p[:, 1] = r; p   p = m.copy(); p[w] = 1; p   p = x.copy(); p[k] += 1; p
   p = x.copy(); p[k] = y[k]; p   p = x.copy(); p += y; p   p = m.copy(); p[1:-1] = p[:-2]; p
   p = x.copy(); np.add.at(p, i, y); p   p = np.zeros_like(x); p[i] = x; p
   p = np.empty_like(m); p[:] = r; p   p = x.copy(); p[1:] -= x[:-1]; p
F:   np.where(k, 1, 0)   np.where(k)   np.flatnonzero(k)   np.argwhere(k)   np.compress(k, x)
   np.extract(k, x)   np.choose(g % 2, [x, y])   x[..., None]   m.T   m[1:, 1:].T
   np.digitize(x, u)   m.diagonal()   x[::-1]   x.reshape(2, -1)
   p = x.copy(); np.put(p, i, y); p   p = m.copy(); np.fill_diagonal(p, 0); p
   p = x.copy(); np.copyto(p, y, where=k); p
"""

CALLED = """
FI:   np.sort(x)   np.argsort(x)   np.array_equal(x, y)
F:   np.sort(m, axis=0)   np.unique(g)   np.partition(x, 3)   np.argpartition(x, 3)   np.median(x)
   np.percentile(x, 30)   np.quantile(m, 0.3, axis=0)   np.fft.fft(x)   np.fft.rfft(x)
   np.convolve(x, l[:5])   np.linalg.inv(a)   np.linalg.solve(a, l)   np.linalg.det(a)
   np.isin(g, z)   np.lexsort((x, y))   np.gradient(x)   np.gradient(m)
   np.cross(q[0, :, :3], q[1, :, :3])   np.allclose(x, y)   np.unwrap(x)   np.packbits(k)
   np.correlate(x, l[:5])   np.polyval(l[:4], x)   np.ediff1d(x)
   np.apply_along_axis(np.sum, 0, m[:8, :8])   x.tolist()   float(x.sum())   x.sum().item()
   len(x)   x.shape   np.lib.stride_tricks.sliding_window_view(x, 3).sum(axis=-1)
"""

PRODUCTS = """
float32 float64 int32 int64 complex64 complex128 float16 bool:   a @ o
FI:   a @ l   l @ a   l @ l   a.T @ o   a @ o.T   e @ e   np.dot(x, y)
   np.einsum('ij,jk->ik', a, o)   np.einsum('ij,ij->', m, n)
float32 float64 complex128:   x @ y   np.vdot(x, y)
F:   a.T @ o.T   a @ a.T   e @ a[:8, :8]   e @ e.transpose(0, 2, 1)   e @ e[0, 0]   a @ o + l
   np.dot(a, o)   np.inner(a, o)   np.tensordot(q, q, axes=([1], [1]))   np.tensordot(q, q[0], 1)
   np.einsum('ij,j->i', a, l)   np.einsum('ij,ij->i', m, n)   np.einsum('bij,bjk->bik', e, e)
   np.einsum('ii->i', m)   np.einsum('ii', m)   np.einsum('ij->ji', m)
   np.einsum('i,j->ij', r, r)   np.einsum('ijk,k->ij', q, q[0, 0])
   np.einsum('bij,kj->bik', e, a[:8, :8])   np.matmul(a[None], o)   np.linalg.multi_dot([a, o, a])
   np.linalg.matrix_power(a, 3)   np.matvec(a, l)   np.vecdot(m, n)   a[:, :4] @ o[:4]   a[:4] @ o
   a @ o[:, :4]   a[::2] @ o   f @ f   t @ t   (a * 2) @ o   np.maximum(a @ o + l, 0)
   x[:, None] * y[:4]
"""

FOLDING = """
F:   np.linalg.norm(x)   np.linalg.norm(m, axis=1)   np.average(x, weights=y)   np.cumprod(x)
   np.trapezoid(x)   np.bincount(i)   np.histogram(x)[0]   np.minimum.reduce(m)
   np.add.accumulate(m, axis=1)   np.logaddexp.reduce(x)   np.cov(m[:4])
   np.maximum.accumulate(x)
FI:   np.diff(x)
"""


def parsed(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Groups of expressions with their dtypes; three spaces or a new line part the expressions."""
    cases: list[tuple[str, tuple[str, ...]]] = []
    dtypes: tuple[str, ...] = ()
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            label, line = line.split(":   ", 1)
            dtypes = DTYPES.get(label) or tuple(label.split())
        cases += [(expression, dtypes) for expression in line.strip().split("   ")]
    return cases


CASES = [
    case
    for text in (ELEMENTWISE, MIXED, LAYOUTS, JOINING, SELECTING, CALLED, PRODUCTS, FOLDING)
    for case in parsed(text)
]
CASES += reductions()
