"""Reductions and scans: dtypes, axes, keepdims, initial, where, memory order of the result."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.numpy_cases import X, check, check_layouts, function, lines
from helpers.traced import Run

REDUCTIONS = """
x.sum()
x.sum(0)
x.sum(axis=1, keepdims=True)
np.sum(x, axis=(0, 1))
np.sum(x, axis=())
np.sum(x, where=x > 3)
np.sum(x, initial=2.5)
x.sum(dtype=np.float32)
x.astype(np.int8).sum()
x.prod()
x.mean()
x.mean(0)
x.mean(axis=1, keepdims=True)
x.var()
x.std(0)
x.std(axis=1, ddof=1)
x.min()
x.max(0)
np.max(x, initial=3)
x.argmax()
x.argmin(1)
np.argmax(x, axis=0, keepdims=True)
np.ptp(x, 0)
x.any()
x.all(1)
np.count_nonzero(x)
np.count_nonzero(x, axis=0)
x.cumsum()
x.cumsum(0)
np.cumprod(x, 1)
np.add.reduce(x)
np.logical_or.reduce(x)
np.fmax.reduce(x)
np.maximum.accumulate(x, 1)
np.add.outer(x[0], x[1])
np.average(x)
np.average(x, weights=x + 9)
np.average(x, axis=0, weights=x[:, 0] + 9)
np.diff(x)
np.diff(x, axis=0)
np.diff(x, n=2)
np.diff(x, prepend=0)
np.ediff1d(x)
np.gradient(x)
np.gradient(x[0], 0.5)
np.trapezoid(x)
np.trapezoid(x, x[0])
np.linalg.norm(x)
np.linalg.norm(x, axis=0)
np.linalg.norm(x, axis=1, keepdims=True)
np.linalg.norm(x, 1)
np.linalg.norm(x[0], 3)
np.linalg.norm(x, np.inf, axis=1)
np.linalg.norm(x, 2)
"""

NAN_REDUCTIONS = """
np.nansum(x)
np.nanprod(x, 0)
np.nanmean(x, 0)
np.nanmax(x)
np.nanmin(x, axis=1)
np.nanvar(x)
np.nanstd(x, axis=0)
np.nanvar(x, axis=0, keepdims=True)
np.nanargmax(x)
np.nancumsum(x)
np.nanmedian(x)
"""


@pytest.mark.parametrize("source", lines(REDUCTIONS))
def test_reduction(source):
    check_layouts(source)


@pytest.mark.parametrize("source", lines(NAN_REDUCTIONS))
def test_reduction_that_skips_nan(source):
    x = X.copy()
    x[0, 1] = x[2, 3] = np.nan
    for layout in (x, np.asfortranarray(x), x[:, ::-1], x.astype(np.float32)):
        check(source, layout, exact=False)


@pytest.mark.parametrize("source", ["x.mean(0)", "x.var()", "x.sum(1)", "x.max()", "x.cumsum()"])
def test_half_precision(source):
    x = X.astype(np.float16)
    found = Run(function(source), (x,)).evaluate([x])
    expected = function(source)(x)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize(
    "source",
    [
        "x.sum(0)",
        "x.mean()",
        "x.var()",
        "x.std(1)",
        "x.prod()",
        "np.linalg.norm(x)",
        "np.linalg.norm(x, axis=1)",
    ],
)
def test_complex(source):
    check(source, X + 1j * X[::-1], exact=False)


@pytest.mark.parametrize(
    "source",
    lines("""
z = np.zeros(3); np.sum(x, axis=1, out=z); return z
z = np.zeros(4); x.mean(axis=0, out=z); return z
np.cumsum(x, axis=0, out=x); return x
z = np.zeros(3); x.std(axis=1, out=z); return z
z = np.zeros(4); x.max(axis=0, out=z); return z
"""),
)
def test_out(source):
    check_layouts(source, "C", "F", exact=False)


def test_three_axes():
    x = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    for axis in ("0", "1", "(0, 2)", "(1, 2)", "-1"):
        check(
            f"x.sum(axis={axis}); return x.sum(axis={axis}), x.max(axis={axis}, keepdims=True)", x
        )
